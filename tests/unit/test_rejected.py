"""What was wanted and left out: its lines, its images where they are kept, and whose files they are."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from frame_extractor.attempt.clean import clean, plan
from frame_extractor.contract.layout import OutputLayout
from frame_extractor.contract.results import FailedRange, FilmResult, RejectedEntry, RejectReason
from frame_extractor.contract.settings import ExtractionSettings, Names
from frame_extractor.output.manifest import read_output, results_config
from frame_extractor.output.names import frame_index_of, image_name
from frame_extractor.output.picture import Picture
from frame_extractor.output.rejected import RejectedFrames
from frame_extractor.picking.measures import Measures
from frame_extractor.picking.plan import Pick

SETTINGS = ExtractionSettings()
MEASURES = Measures(sharpness=0.8, motion=1.5, luma=90, distance=3.25)


def pick(frame_index: int, reason: RejectReason = RejectReason.NEAR_DUPLICATE) -> Pick:
    time_s = frame_index / 24
    return Pick(frame_index=frame_index, time_s=time_s, scene=2, rejected=reason, measures=MEASURES)


@pytest.fixture
def layout(tmp_path: Path) -> OutputLayout:
    layout = OutputLayout(tmp_path / "onward" / "frames")
    layout.frames_dir.mkdir(parents=True)
    return layout


def rejected_frames(layout: OutputLayout) -> RejectedFrames:
    listed = read_output(layout).rejected.get("aa-1", ())
    return RejectedFrames(layout, film="a.mkv", fingerprint="aa-1", folder="", names=Names.GUIDE, listed=listed)


def picture(layout: OutputLayout, frame_index: int, content: bytes = b"12345") -> Picture:
    path = layout.folder / f"frame{frame_index:06d}.jpg"
    path.write_bytes(content)
    return Picture(pick(frame_index), path, len(content), 320, 180)


def record(layout: OutputLayout, rejected: RejectedFrames) -> None:
    """A film of which nothing else came."""
    output = read_output(layout)
    film = FilmResult(
        name="a.mkv", path="/a.mkv", fingerprint="aa-1", status="complete", shots=1, rejected=rejected.counts
    )
    output.record(film, [], rejected.entries())
    output.save(results_config(SETTINGS, workers=2))


def kept(layout: OutputLayout, *frame_indices: int) -> RejectedFrames:
    """These frames are left out and kept."""
    rejected = rejected_frames(layout)
    for index in frame_indices:
        rejected.add(pick(index), picture(layout, index))
    rejected.publish(lambda: None)
    record(layout, rejected)
    return rejected


def images(layout: OutputLayout) -> set[int | None]:
    return {frame_index_of(path.name) for path in layout.rejected_dir.glob("*.jpg")}


def test_line_says_frame_reason_and_measures(layout: OutputLayout) -> None:
    rejected = rejected_frames(layout)
    rejected.add(pick(48, RejectReason.BLACK), None)
    rejected.add(pick(24), None)
    assert rejected.counts == {"black": 1, "near_duplicate": 1}
    record(layout, rejected)
    assert not layout.rejected_dir.exists()
    lines = [msgspec.json.decode(line) for line in layout.rejected.read_bytes().splitlines()]
    assert lines[0] == {
        "film": "a.mkv",
        "fingerprint": "aa-1",
        "frame_index": 24,
        "time_s": 1.0,
        "scene": 2,
        "reason": "near_duplicate",
        "sharpness": 0.8,
        "motion": 1.5,
        "luma": 90,
        "distance": 3.25,
    }
    assert [line["frame_index"] for line in lines] == [24, 48]
    assert [each.frame_index for each in read_output(layout).rejected["aa-1"]] == [24, 48]


def test_film_of_which_all_is_left_out_is_complete(layout: OutputLayout) -> None:
    """A black film, say: nothing is lost of it, and it is not extracted again and again."""
    rejected = rejected_frames(layout)
    rejected.add(pick(0, RejectReason.BLACK), None)
    record(layout, rejected)
    assert read_output(layout).is_complete("aa-1", SETTINGS)


def test_range_in_which_no_interval_begins_is_complete(layout: OutputLayout) -> None:
    """And is not extracted again and again; but it is where frames could not be read."""
    film = FilmResult(name="a.mkv", path="/a.mkv", fingerprint="aa-1", status="complete", shots=1, wanted=0)
    failed = (FailedRange(start_s=1, end_s=2, reason="frame 24 could not be read again"),)
    for failed_ranges in ((), failed):
        output = read_output(layout)
        output.record(msgspec.structs.replace(film, failed_ranges=failed_ranges), [])
        assert output.is_complete("aa-1", SETTINGS) is not bool(failed_ranges)


def test_images_that_are_kept_replace_those_of_the_earlier_set(layout: OutputLayout) -> None:
    """And no file of anybody else."""
    kept(layout, 24, 48)
    (layout.rejected_dir / "mine.jpg").write_bytes(b"mine")
    (layout.rejected_dir / image_name(pick(72))).write_bytes(b"somebody else's")
    kept(layout, 48, 72)
    assert images(layout) == {None, 48, 72}
    assert (layout.rejected_dir / image_name(pick(72))).read_bytes() == b"somebody else's"
    kept(layout)
    assert images(layout) == {None, 72}
    assert layout.rejected.read_bytes() == b""


def test_list_that_somebody_has_edited_leads_nowhere_else(layout: OutputLayout) -> None:
    """Lines that cannot be read, or lead out of the folder, are dropped."""
    kept(layout, 24)
    outside = layout.folder / "mine.jpg"
    outside.write_bytes(b"12345")
    line = RejectedEntry(
        film="a.mkv", fingerprint="aa-1", frame_index=9, time_s=0, reason="black", file="../mine.jpg", size_bytes=5
    )
    with layout.rejected.open("ab") as file:
        file.write(msgspec.json.encode(line) + b"\nnonsense\n")
    assert [each.frame_index for each in read_output(layout).rejected["aa-1"]] == [24]
    kept(layout)
    assert outside.exists()


def test_clean_takes_them_away(layout: OutputLayout) -> None:
    kept(layout, 24, 48)
    assert plan(layout).cleaned.images == 2
    clean(layout)
    assert not layout.folder.exists()


def test_names_by_time_sort_by_it() -> None:
    by_time = [image_name(pick(index), Names.TIME) for index in (0, 24, 2400, 24_000, 240_000)]
    assert by_time == sorted(by_time)
    assert by_time[2] == "t00100.00s_frame002400.jpg"
    assert [frame_index_of(name) for name in by_time] == [0, 24, 2400, 24_000, 240_000]


def test_image_that_is_too_blurred_is_not_taken_for_another_set(layout: OutputLayout) -> None:
    """Where it would be chosen, nobody would know any more that it is blurred."""
    rejected = rejected_frames(layout)
    rejected.add(pick(24), picture(layout, 24))
    rejected.add(pick(48, RejectReason.BLURRED), picture(layout, 48))
    rejected.publish(lambda: None)
    record(layout, rejected)
    assert images(layout) == {24, 48}
    assert {frame_index_of(path.name) for path in rejected_frames(layout).listed_images()} == {24}
