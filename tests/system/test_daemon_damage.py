"""Damaged films under the daemon: what is lost is reported where people look."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import pytest

from frame_extractor.contract.exit_codes import ExitCode
from frame_extractor.contract.results import Results
from framed.protocol.messages import ProjectState
from tests.conformance.damaged_film import H264, with_damage
from tests.harness.films import FilmPlan, write_film
from tests.harness.root import Root

PLAN = FilmPlan(options=H264.options, n_frames=720, size=(192, 112))
"""30 s, and a key frame each second."""
COMPLETE, FAILED = ProjectState.COMPLETE, ProjectState.FAILED


def test_lost_film_is_in_results_and_status_and_above_the_bound_in_the_ending(root: Root, tmp_path: Path) -> None:
    """A third of a second of 30 is under 2 %; nearly a second more is above it."""
    _, little = with_damage(write_film(tmp_path / "film.mp4", PLAN), 10 * 24 + 14)
    kept = little.rename(tmp_path / "little.mp4")
    _, much = with_damage(kept, 13 * 24 + 2)
    root.start(real=True)
    for project, film in (("little", kept), ("much", much)):
        folder = root.places.films_dir(project)
        folder.mkdir()
        shutil.copy(film, folder / "film.mp4")
    done = root.wait_for("little", COMPLETE, FAILED)
    results = msgspec.json.decode(root.layout("little").results.read_bytes(), type=Results)
    (failed,) = results.films[0].failed_ranges
    assert done.state is COMPLETE
    assert 10 <= failed.start_s < failed.end_s == pytest.approx(11, abs=0.01)
    assert done.reason == (
        f"{failed.end_s - failed.start_s:.1f} s of film are damaged or missing, see failed_ranges in its results"
    )
    ended = root.wait_for("much", COMPLETE, FAILED)
    assert (ended.state, ended.attempt) == (FAILED, 1)
    assert "cannot be decoded (allowed: 2.0%)" in ended.reason
    record = root.layout("much").exit(1).read_text(encoding="utf-8")
    assert f'"code":{ExitCode.TOO_MUCH_FAILED.value}' in record
