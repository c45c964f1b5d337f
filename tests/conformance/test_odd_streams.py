"""Streams that are not what their container promises: what can be shown comes once, at times that grow."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import av
import pytest

from frame_extractor.contract.settings import Sampling
from frame_extractor.errors import ReadFailed
from frame_extractor.reading.demux import MAX_CHUNK_S, read_chunks
from frame_extractor.reading.film import open_film
from frame_extractor.reading.readers import Frame
from frame_extractor.reading.readers.decord import DecordReader
from frame_extractor.reading.trial_decode import reason_to_read_whole
from tests.conformance.pairs import CODECS, frames_of, with_times
from tests.harness.films import FilmPlan, read_barcode, write_film
from tests.harness.paff import write_field_coded

# One thread: with more, x264 gives other bytes on a busy machine, and damage would strike elsewhere.
OPEN_GOPS = FilmPlan(
    options={"x264-params": "keyint=48:min-keyint=48:scenecut=0:bframes=3:open-gop=1:threads=1:lookahead-threads=1"},
    n_frames=240,
)
TS_PACKET = 188


def shown(frames: list[Frame]) -> list[int]:
    """The frames the pictures show; their own numbers and times must go up by themselves."""
    assert [frame.index for frame in frames] == list(range(len(frames)))
    assert all(before.time_s < after.time_s for before, after in itertools.pairwise(frames))
    return [read_barcode(frame.pixels) for frame in frames]


def in_order(film: Path) -> list[int]:
    """The frames that FFmpeg shows when it reads the film from its beginning."""
    with av.open(str(film)) as container:
        return [read_barcode(frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]  # type: ignore[arg-type]


def test_a_recording_that_starts_between_key_frames_begins_with_the_first_it_can_show(tmp_path: Path) -> None:
    """Frame 0 is the first key frame; what leads it refers to film that is not there."""
    content = write_film(tmp_path / "whole.ts", OPEN_GOPS).read_bytes()
    film = tmp_path / "cut.ts"
    film.write_bytes(content[TS_PACKET * (len(content) // TS_PACKET // 7) :])
    found = shown(list(frames_of(open_film(film))))
    assert found == in_order(film)
    assert found == list(range(found[0], OPEN_GOPS.n_frames))


def test_a_clock_that_jumps_back_is_film_that_goes_on(tmp_path: Path) -> None:
    """Two recordings end to end."""
    content = write_film(tmp_path / "once.ts", OPEN_GOPS).read_bytes()
    film = tmp_path / "twice.ts"
    film.write_bytes(content * 2)
    frames = list(frames_of(open_film(film)))
    assert shown(frames) == [*range(OPEN_GOPS.n_frames)] * 2
    assert frames[-1].time_s == pytest.approx((2 * OPEN_GOPS.n_frames - 1) / OPEN_GOPS.fps, abs=0.1)


def test_a_second_recording_that_starts_between_key_frames_leaves_out_what_it_cannot_show(tmp_path: Path) -> None:
    """Pictures before its first key frame are not laid to the charge of the recording before."""
    content = write_film(tmp_path / "once.ts", OPEN_GOPS).read_bytes()
    film = tmp_path / "both.ts"
    film.write_bytes(content + content[TS_PACKET * (len(content) // TS_PACKET // 7) :])
    found = shown(list(frames_of(open_film(film))))
    second = found[OPEN_GOPS.n_frames :]
    assert found[: OPEN_GOPS.n_frames] == list(range(OPEN_GOPS.n_frames))
    assert second == list(range(second[0], OPEN_GOPS.n_frames))


def test_rounded_durations_do_not_add_up(tmp_path: Path) -> None:
    """Matroska says 67 ms for a fifteenth of a second; after many chunks the times are still right."""
    plan = FilmPlan(options={"x264-params": "keyint=15:min-keyint=15"}, fps=15, n_frames=480, size=(96, 64))
    film = open_film(write_film(tmp_path / "film.mkv", plan))
    chunks = list(read_chunks(film, Sampling.EXACT))
    assert len(chunks) >= 5
    assert all(abs(time_s - plan.times_s[index]) < 0.0011 for chunk in chunks for index, time_s in chunk.samples)


def test_a_clock_that_wraps_is_film_that_goes_on(tmp_path: Path) -> None:
    """33 bits of a 90 kHz clock are 26.5 hours; this film begins 3.7 s before."""
    plan = FilmPlan(options=OPEN_GOPS.options, n_frames=240, start_s=95_440.0)
    frames = list(frames_of(open_film(write_film(tmp_path / "film.ts", plan))))
    assert shown(frames) == list(range(plan.n_frames))
    assert frames[-1].time_s == pytest.approx(plan.times_s[-1], abs=0.002)


def counted_on(first: bytes, second: bytes) -> bytes:
    """The second transport stream, its packets counted on from the first's: a gap in their numbers means a loss."""
    last: dict[int, int] = {}
    for at in range(0, len(first), 188):
        last[int.from_bytes(first[at + 1 : at + 3]) & 0x1FFF] = first[at + 3] & 15
    counted = bytearray(second)
    for at in range(0, len(counted), 188):
        pid = int.from_bytes(counted[at + 1 : at + 3]) & 0x1FFF
        has_payload = bool(counted[at + 3] & 0x10)
        last[pid] = (last.get(pid, -1) + has_payload) & 15
        counted[at + 3] = counted[at + 3] & 0xF0 | last[pid]
    return bytes(counted)


def test_a_clock_that_jumps_forward_is_a_pause(tmp_path: Path) -> None:
    """Two recordings end to end, the second a thousand seconds later by its clock: nothing is lost, film time jumps."""
    later = FilmPlan(options=OPEN_GOPS.options, n_frames=OPEN_GOPS.n_frames, start_s=1000.0)
    film = tmp_path / "both.ts"
    first = write_film(tmp_path / "first.ts", OPEN_GOPS).read_bytes()
    film.write_bytes(first + counted_on(first, write_film(tmp_path / "second.ts", later).read_bytes()))
    frames = list(frames_of(open_film(film)))
    assert shown(frames) == [*range(OPEN_GOPS.n_frames)] * 2
    assert frames[OPEN_GOPS.n_frames].time_s == pytest.approx(1000, abs=1)
    chunks = list(read_chunks(open_film(film), Sampling.EXACT))
    assert all(chunk.lost_before is None and chunk.lost_after is None for chunk in chunks)


@pytest.mark.parametrize("codec", ["h264-open-pyramid", "hevc-default", "mpeg2"])
@pytest.mark.parametrize("container", ["mp4", "mov"])
@pytest.mark.parametrize("cut_s", [1.0, 1.5])
def test_what_an_edit_list_cuts_away_is_not_of_the_film(
    tmp_path: Path, container: str, codec: str, cut_s: float
) -> None:
    """Its packets are there, marked to be thrown away once decoded; frame 0 is the first that is shown."""
    plan = replace(CODECS[codec], start_s=-cut_s)
    film = with_times(write_film(tmp_path / "whole.mp4", CODECS[codec]), tmp_path / f"film.{container}", plan)
    with av.open(str(film)) as opened:
        assert any(packet.is_discard for packet in opened.demux(video=0))
    frames = list(frames_of(open_film(film)))
    assert shown(frames) == list(range(round(cut_s * plan.fps), plan.n_frames))
    assert frames[0].time_s == 0


@pytest.mark.parametrize("codec", ["h264-open-pyramid", "hevc-default", "mpeg2"])
@pytest.mark.parametrize("container", ["ts", "m2ts"])
def test_a_negative_first_timestamp_costs_no_frame(tmp_path: Path, container: str, codec: str) -> None:
    """Times count from the first frame."""
    plan = replace(CODECS[codec], start_s=-1.0)
    film = with_times(write_film(tmp_path / "whole.mp4", CODECS[codec]), tmp_path / f"film.{container}", plan)
    with av.open(str(film)) as opened:
        assert next(opened.demux(video=0)).pts == -90_000
    frames = list(frames_of(open_film(film)))
    assert shown(frames) == list(range(plan.n_frames))
    assert frames[0].time_s == 0
    assert frames[-1].time_s == pytest.approx(plan.times_s[-1], abs=0.002)


def test_a_picture_of_another_size_is_scaled_to_the_films(tmp_path: Path) -> None:
    """Two recordings end to end, the second one smaller."""
    large = write_film(tmp_path / "large.ts", FilmPlan(size=(640, 384), options=OPEN_GOPS.options)).read_bytes()
    small = write_film(tmp_path / "small.ts", FilmPlan(options=OPEN_GOPS.options)).read_bytes()
    film = tmp_path / "both.ts"
    film.write_bytes(large + small)
    frames = list(frames_of(open_film(film)))
    assert shown(frames) == [*range(96)] * 2
    assert {frame.pixels.shape for frame in frames} == {(384, 640, 3)}


@pytest.mark.parametrize(
    "plan",
    [
        pytest.param(FilmPlan(options={"x264-params": "keyint=24:intra-refresh=1:bframes=0"}), id="intra-refresh"),
        pytest.param(FilmPlan(options={"x264-params": "keyint=24:tff=1:bframes=3"}), id="interlaced"),
        pytest.param(
            FilmPlan(
                codec="libvpx",
                options={"g": "24", "auto-alt-ref": "1", "lag-in-frames": "16", "cpu-used": "5", "b": "2M"},
            ),
            id="hidden-frames",
        ),
    ],
)
def test_unusual_coding_changes_no_frame(tmp_path: Path, plan: FilmPlan) -> None:
    """Without key frames, with two fields a picture, with packets that are never shown."""
    film = write_film(tmp_path / "film.mkv", plan)
    assert shown(list(frames_of(open_film(film)))) == list(range(plan.n_frames))


@pytest.mark.parametrize("container", ["mkv", "mp4", "ts"])
def test_field_coded_h264_comes_out_frame_by_frame(tmp_path: Path, container: str) -> None:
    """In a transport stream each field is a packet of its own: two of them are one frame, and it is read whole."""
    plan = FilmPlan(n_frames=24, size=(192, 96), cuts=(15,))
    film = open_film(write_field_coded(tmp_path / f"film.{container}", plan))
    frames = list(frames_of(film))
    assert shown(frames) == list(range(plan.n_frames))
    assert frames[-1].time_s == pytest.approx(plan.times_s[-1], abs=0.002)
    if container == "ts":
        assert "packets hold" in (reason_to_read_whole(film) or "")


def test_a_film_without_independent_chunks_is_read_whole(tmp_path: Path) -> None:
    """It says so before anything is decoded for good."""
    plan = FilmPlan(options={"x264-params": "keyint=24:intra-refresh=1:bframes=0"})
    reason = reason_to_read_whole(open_film(write_film(tmp_path / "film.mkv", plan)))
    assert reason is not None
    assert "packets hold" in reason


def test_a_gop_too_long_to_decode_ahead_is_not_given_to_decord(tmp_path: Path) -> None:
    """PyAV reads it, picture by picture."""
    plan = FilmPlan(options={"x264-params": "keyint=1000:scenecut=0"}, fps=5, n_frames=120)
    film = open_film(write_film(tmp_path / "film.mkv", plan))
    chunk = next(read_chunks(film, Sampling.EXACT))
    assert chunk.end_s - chunk.start_s > MAX_CHUNK_S
    with pytest.raises(ReadFailed, match="too long"):
        list(DecordReader().read(film, chunk))
    assert shown(list(frames_of(film))) == list(range(plan.n_frames))


def cut_off(content: bytes) -> bytes:
    return content[: len(content) * 2 // 3]


def zeroed(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes(5000) + content[middle + 5000 :]


@pytest.mark.parametrize("container", ["mkv", "ts"])
def test_film_lost_in_the_middle_of_a_file_is_reported(tmp_path: Path, container: str) -> None:
    """A download with a gap: two stretches of true frames, and between them the time that is missing. Every time."""
    path = tmp_path / f"film.{container}"
    content = write_film(path, OPEN_GOPS).read_bytes()
    third = len(content) // 3 // TS_PACKET * TS_PACKET
    path.write_bytes(content[:third] + bytes(third) + content[2 * third :])
    film = open_film(path)
    lost, again = (
        [chunk.lost_before for chunk in read_chunks(film, Sampling.EXACT) if chunk.lost_before is not None]
        for _ in range(2)
    )
    assert lost == again
    assert len(lost) == 1
    assert lost[0].end_s - lost[0].start_s > 1
    frames = list(frames_of(film))
    behind = [read_barcode(frame.pixels) for frame in frames if frame.time_s > lost[0].end_s - 0.01]
    assert behind == list(range(behind[0], OPEN_GOPS.n_frames))


def test_film_lost_at_the_end_of_a_file_is_reported(tmp_path: Path) -> None:
    """A download that broke off; its header still says how long the film is."""
    path = write_film(tmp_path / "film.mkv", OPEN_GOPS)
    path.write_bytes(cut_off(path.read_bytes()))
    chunks = list(read_chunks(open_film(path), Sampling.EXACT))
    assert [chunk.lost_after is not None for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert chunks[-1].lost_after is not None
    assert chunks[-1].lost_after.end_s == pytest.approx(OPEN_GOPS.n_frames / OPEN_GOPS.fps, abs=0.1)


def test_a_pause_is_not_a_loss(tmp_path: Path) -> None:
    """Frames of varying length in a sound file."""
    plan = FilmPlan(options=OPEN_GOPS.options, fps=1, n_frames=60, is_vfr=True)
    chunks = list(read_chunks(open_film(write_film(tmp_path / "film.mkv", plan)), Sampling.EXACT))
    assert all(chunk.lost_before is None and chunk.lost_after is None for chunk in chunks)


@pytest.mark.parametrize("container", ["mkv", "ts", "avi", "flv"])
@pytest.mark.parametrize("damage", [cut_off, zeroed])
def test_a_damaged_file_is_no_crash(tmp_path: Path, container: str, damage: Callable[[bytes], bytes]) -> None:
    """What decodes comes in order, and what comes says how late it is."""
    film = tmp_path / f"film.{container}"
    film.write_bytes(damage(write_film(film, OPEN_GOPS).read_bytes()))
    frames = list(frames_of(open_film(film)))
    assert len(frames) > OPEN_GOPS.n_frames // 3
    assert all(before.time_s < after.time_s for before, after in itertools.pairwise(frames))
