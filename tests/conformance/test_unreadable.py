"""Films of which something cannot be read: what can be is read, the rest is reported, and the search for it ends."""

from __future__ import annotations

import os
from pathlib import Path

import av
import pytest

from frame_extractor.contract.settings import Sampling
from frame_extractor.errors import NotAFilm
from frame_extractor.reading import film_file
from frame_extractor.reading.demux import read_chunks
from frame_extractor.reading.film import open_film
from frame_extractor.reading.readers.whole import read_whole
from tests.conformance.pairs import frames_of
from tests.harness.films import FilmPlan, read_barcode, write_film

LCEVC_SEI = bytes([0, 0, 0, 1, 0x06, 0x04, 9, 0xB4, 0x00, 0x50, 0x00, 1, 2, 3, 4, 5, 0x80])
"""An H.264 NAL unit: user data as ITU-T T.35 registers it, here the enhancement layer of LCEVC."""


def patched(film: Path, to: Path, at: int, value: int) -> Path:
    """The film with one byte changed."""
    content = bytearray(film.read_bytes())
    content[at] = value
    to.write_bytes(content)
    return to


def with_lcevc(film: Path, to: Path) -> Path:
    """The film, an enhancement layer in each of its pictures, behind the access unit delimiter."""
    with av.open(str(film)) as source, av.open(str(to), "w") as target:
        stream = source.streams.video[0]
        out = target.add_stream_from_template(stream, opaque=True)
        for packet in source.demux(stream):
            if packet.size:
                coded = bytes(packet)
                at = coded.index(b"\0\0\1", 4) - 1
                other = av.Packet(coded[:at] + LCEVC_SEI + coded[at:])
                other.stream, other.time_base, other.is_keyframe = out, packet.time_base, packet.is_keyframe
                other.pts, other.dts, other.duration = packet.pts, packet.dts, packet.duration
                target.mux(other)
    return to


def test_side_data_that_pyav_has_no_name_for_costs_no_frame(tmp_path: Path) -> None:
    """Spatial video and LCEVC have such; how the picture is turned is still read."""
    plan = FilmPlan()
    film = with_lcevc(write_film(tmp_path / "plain.ts", plan), tmp_path / "lcevc.ts")
    with av.open(str(film)) as container:
        picture = next(container.decode(video=0))
        assert any("UNNAMED" in side_data.type.name for side_data in picture.side_data)  # type: ignore[attr-defined]
    assert [read_barcode(frame.pixels) for frame in frames_of(open_film(film))] == list(range(plan.n_frames))


def test_a_stream_that_turns_up_while_reading_ends_no_film(films_dir: Path, tmp_path: Path) -> None:
    """A damaged transport stream announces another programme shortly before its end."""
    film = patched(films_dir / "formats" / "reel30.ts", tmp_path / "film.ts", 1615861, 69)
    chunks = list(read_chunks(open_film(film), Sampling.EXACT))
    assert chunks[-1].end_s == pytest.approx(30, abs=0.1)


def test_a_codec_that_ffmpeg_does_not_know_is_no_film(films_dir: Path, tmp_path: Path) -> None:
    """In one clear line."""
    film = patched(films_dir / "formats" / "reel30.avi", tmp_path / "film.avi", 190, 72)
    with pytest.raises(NotAFilm, match="FFmpeg has no decoder for its picture stream"):
        open_film(film)


def half_then_nothing(path: Path, n_bytes: int = 30 << 30) -> int:
    """A film of ten seconds, of which the second half is `n_bytes` of zeros. How many frames of it can be read."""
    plan = FilmPlan(n_frames=240, cuts=(40, 150), options={"x264-params": "keyint=24:min-keyint=24"})
    write_film(path, plan)
    os.truncate(path, path.stat().st_size // 2)
    n_frames = sum(1 for _ in frames_of(open_film(path)))
    os.truncate(path, n_bytes)
    return n_frames


@pytest.mark.parametrize("container", ["mkv", "avi", "flv"])
def test_the_search_for_the_next_packet_has_an_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, container: str
) -> None:
    """What comes before 30 GB of nothing is read."""
    monkeypatch.setattr(film_file, "SEARCH_BYTES", 8 << 20)
    path = tmp_path / f"film.{container}"
    n_frames = half_then_nothing(path)
    assert n_frames > 48
    assert sum(1 for _ in frames_of(open_film(path))) == n_frames


def test_what_a_search_did_not_find_is_said_to_be_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And why."""
    monkeypatch.setattr(film_file, "SEARCH_BYTES", 8 << 20)
    half_then_nothing(tmp_path / "film.mkv")
    *_, last = read_chunks(open_film(tmp_path / "film.mkv"), Sampling.EXACT)
    assert last.lost_after is not None
    assert last.lost_after.end_s == pytest.approx(10.0, abs=0.2)
    assert "nothing readable in the next 8 MB of the file" in last.lost_after.reason


def test_what_a_search_did_not_find_of_a_film_read_whole_is_missing_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reader says up to where."""
    monkeypatch.setattr(film_file, "SEARCH_BYTES", 8 << 20)
    half_then_nothing(tmp_path / "film.avi")
    ends_s: list[float] = []
    list(read_whole(open_film(tmp_path / "film.avi"), on_damaged_end=ends_s.append))
    assert ends_s == [pytest.approx(10.0, abs=0.2)]
