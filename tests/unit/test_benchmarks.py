"""The benchmarks' own arithmetic, and that they see what a command leaves and uses."""

from __future__ import annotations

import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks import contenders, picture, report
from benchmarks.film import repeated
from benchmarks.measure import Cost, Memory, RunFailed, measured
from frame_extractor.contract.results import FilmResult
from frame_extractor.reading.film import open_film
from tests.harness.films import FilmPlan, write_film

MANY_IMAGES = """
import pathlib, sys, time
held = bytearray(64 << 20)
for nth in range(3):
    pathlib.Path(sys.argv[1], f"{nth}.jpg").touch()
    time.sleep(0.3)
"""


FILM = FilmResult(name="f", path="/f", fingerprint="0", status="complete", source_frames=200, repaired_frames=10)


def costs(*wall_s: float) -> list[Cost]:
    return [Cost(wall, 2 * wall, Memory(3_000_000, 2_000_000, 1_000_000), 10, 0.5, FILM) for wall in wall_s]


def test_ratios_are_taken_within_each_round() -> None:
    """A round in which the machine was slow for both counts like any other; the ratio of medians would be 2.5."""
    assert report.ratio(costs(1, 10, 5), costs(2, 2, 10), lambda cost: cost.wall_s) == 0.5


def test_a_contender_that_ran_once_is_compared_with_that_round() -> None:
    """PySceneDetect takes minutes."""
    lines = report.rows({"one-liner": costs(2, 4, 6), "slow": costs(20)})
    assert [line[2] for line in lines] == ["1.00", "10.00"]


def test_every_promise_is_measured() -> None:
    """One line for each, when all that it needs was run."""
    everything = {each.name: costs(2.0, 2.0) for each in contenders.all_of_them(2, with_slow=True)}
    everything[contenders.ours_on_one_core().name] = costs(4.0, 3.8)
    promised = {what: measured for what, _, measured in report.targets(everything, 2, 0.125)}
    assert len(promised) == 10
    assert promised["2 workers on 2 cores, times as fast as 1 on 1"] == "1.95"
    assert promised["frames decoded a second time"] == "5.0%"
    assert promised["largest worker, MB"] == "1"


@pytest.mark.parametrize(("cores", "counts"), [(1, [1]), (2, [2, 1]), (6, [6, 4, 2, 1]), (8, [8, 4, 2, 1])])
def test_workers_are_doubled_up_to_the_cores(cores: int, counts: list[int]) -> None:
    """All of them come first."""
    assert contenders.worker_counts(cores) == counts


def test_a_table_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    """What is around the markers stays; a document without them is left alone."""
    document = tmp_path / "doc.md"
    document.write_text("before\n<!-- it: begin -->\nold\n\\1\n<!-- it: end -->\nafter\n")
    report.write_between_markers(document, "it", report.markdown(("", "s"), [("a", "1\\2")]))
    report.write_between_markers(document, "it", report.markdown(("", "s"), [("b", "2\\1")]))
    table = "|  | s |\n| --- | ---: |\n| b | 2\\1 |"
    assert document.read_text() == f"before\n<!-- it: begin -->\n{table}\n<!-- it: end -->\nafter\n"
    with pytest.raises(report.NoMarkers, match="needs one pair"):
        report.write_between_markers(document, "another", "text")


def test_the_picture_is_one_bar_for_each() -> None:
    """Well-formed, whatever the names."""
    drawn = ElementTree.fromstring(picture.bars("a < b", [("x & y", 2.0), ("ours", 1.0)], "ours"))  # noqa: S314
    lengths = [float(bar.attrib["width"]) for bar in drawn.iter("{http://www.w3.org/2000/svg}rect")]
    assert lengths == [picture.BARS, picture.BARS / 2]


def test_a_run_is_measured_with_all_that_it_leaves(tmp_path: Path) -> None:
    """Wall time, processor time, memory, images and when the first of them came."""
    out = tmp_path / "out"
    out.mkdir()
    cost = measured([sys.executable, "-c", MANY_IMAGES, str(out)], out)
    assert cost.images == 3
    assert cost.first_image_s is not None
    assert 0 < cost.first_image_s < cost.wall_s
    assert cost.peak.tree >= cost.peak.root > 64 << 20
    assert cost.cpu_s > 0


def test_a_run_that_fails_says_what_it_said(tmp_path: Path) -> None:
    """Nothing is compared with a run that did not do its work."""
    with pytest.raises(RunFailed, match=r"exit 3.*\n.*no such film"):
        measured([sys.executable, "-c", "print('no such film'); raise SystemExit(3)"], tmp_path)


def test_a_lengthened_film_is_as_many_times_as_long(tmp_path: Path) -> None:
    """End to end, with times that go on."""
    clip = write_film(tmp_path / "clip.ts", FilmPlan(n_frames=48, size=(96, 64)))
    assert open_film(repeated(clip, tmp_path / "long.ts", times=5)).duration_s == pytest.approx(10, abs=0.2)
