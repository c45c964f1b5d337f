"""SIGKILL before every change that an attempt makes to an output folder: nothing of the user's is lost or undone."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from frame_extractor.contract.exit_codes import ExitCode
from frame_extractor.contract.settings import ExtractionSettings
from frame_extractor.output.journal import Journal
from tests.harness.attempts import Project

OTHER = ExtractionSettings(interval_seconds=1.0)


def killed(act: Callable[[], object], survived: int) -> bool:
    """Whether a process that did `act` was killed, which it is before the change that follows `survived` others."""
    child = os.fork()
    if child == 0:
        try:
            _kill_before_change(survived)
            act()
        except BaseException:  # noqa: BLE001 -- the child ends here, and its test fails
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.waitstatus_to_exitcode(status) == 0
    return os.WIFSIGNALED(status)


def _kill_before_change(survived: int) -> None:
    changes = itertools.count()

    def counted(real: Callable[..., object]) -> Callable[..., object]:
        def change(*args: object, **kwargs: object) -> object:
            if next(changes) == survived:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **kwargs)

        return change

    os.replace = counted(os.replace)  # type: ignore[assignment]
    for name in ("unlink", "rename", "rmdir"):
        setattr(Path, name, counted(getattr(Path, name)))
    for real in (Journal.note, Journal.begin_section, Journal.delete):
        setattr(Journal, real.__name__, counted(real))


def contents(folder: Path) -> set[str]:
    return {path.read_text() for path in folder.rglob("*.jpg")}


def images(project: Project) -> set[str]:
    return {path.name for path in project.layout.frames_dir.iterdir()}


@pytest.mark.parametrize("case", ["earlier tool", "first run", "other settings"])
def test_nothing_of_somebody_elses_is_lost_at_whichever_step(tmp_path: Path, case: str) -> None:
    """Images of the scripts, files under the names of images, images that were edited; and the next attempt ends."""
    base = Project(tmp_path / "base")
    base.folder.mkdir()
    base.add("Ep1.mkv")
    base.attempt()
    ours = sorted(images(base))
    if case == "other settings":
        mine = {"cropped": ours[0], "cropped, too": ours[1]}
    else:
        shutil.rmtree(base.layout.folder)
        base.layout.frames_dir.mkdir(parents=True)
        mine = {"mine": ours[0], "mine, too": ours[2], "and this": ours[3].replace("frame0", "frame9")}
        base.n_attempts = 0
    for content, name in mine.items():
        (base.layout.frames_dir / name).write_text(content)
    if case == "earlier tool":
        base.layout.results.write_text('{"total_frames": 3}')
    for survived in itertools.count():
        project = Project(tmp_path / str(survived))
        shutil.copytree(base.folder, project.folder)
        project.films, project.n_attempts = [project.folder / "Ep1.mkv"], base.n_attempts
        force, settings = case == "earlier tool", OTHER if case == "other settings" else None
        was_killed = killed(lambda: project.attempt(force=force, settings=settings, job_id="job"), survived)  # noqa: B023
        project.n_attempts += 1
        assert contents(project.layout.folder) >= mine.keys(), survived
        assert project.attempt(force=force, settings=settings, job_id="job").code is ExitCode.DONE, survived
        assert contents(project.layout.folder) >= mine.keys(), survived
        there = images(project) - ({mine["and this"]} if case == "first run" else set())
        assert len(there) == (8 if case == "other settings" else 4), survived
        if not was_killed:
            assert survived > 10
            return


def test_removed_images_stay_removed_at_whichever_step(tmp_path: Path) -> None:
    """With other settings, and when they are asked for again: then they come with the next attempt of that job."""
    base = Project(tmp_path / "base")
    base.folder.mkdir()
    base.add("Ep1.mkv")
    base.attempt()
    for frame in ("frame000024", "frame000048"):
        next(base.layout.frames_dir.glob(f"*{frame}*")).unlink()
    for survived in itertools.count():
        project = Project(tmp_path / str(survived))
        shutil.copytree(base.folder, project.folder)
        project.films, project.n_attempts = [project.folder / "Ep1.mkv"], base.n_attempts
        was_killed = killed(lambda: project.attempt(settings=OTHER), survived)  # noqa: B023
        project.n_attempts += 1
        assert project.attempt(settings=OTHER).code is ExitCode.DONE
        assert len(images(project)) == 6, survived
        was_killed |= killed(lambda: project.attempt(restore=True, settings=OTHER, job_id="again"), survived)  # noqa: B023
        project.n_attempts += 1
        project.attempt(restore=True, settings=OTHER, job_id="again")
        assert len(images(project)) == 8, survived
        project.attempt()
        assert len(images(project)) == 4, survived
        if not was_killed:
            assert survived > 10
            return
