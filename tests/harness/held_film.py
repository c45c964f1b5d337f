"""Real films under the real extractor, held at a moment that a test can rely on: the worker exists, no image does.

Held is the worker. The extractor itself cannot be: tmux sends SIGCONT to a pane's process that stops.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path

from frame_extractor.contract.process import ProcessIdentity, identify
from tests.harness.root import Root
from tests.harness.until import until


@dataclass(frozen=True)
class HeldFilm:
    """The extractor of a film, whose worker is stopped until `go_on`."""

    process: ProcessIdentity
    worker: ProcessIdentity

    def go_on(self) -> None:
        """The worker works; nothing when it has gone."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.worker.pid, signal.SIGCONT)


def drop(root: Root, project: str, film: Path) -> None:
    """A copy of the film lies in the project's folder."""
    folder = root.places.films_dir(project)
    folder.mkdir()
    shutil.copy(film, folder)


def hold(root: Root, *projects: str, attempt: int = 1) -> list[HeldFilm]:
    """That attempt of each project, held. A worker needs longer for its imports than it takes to be seen here."""
    held: dict[str, HeldFilm] = {}

    def all_held() -> bool:
        for project in projects:
            if project not in held and (film := _held(root, project, attempt)):
                held[project] = film
        return len(held) == len(projects)

    until(all_held, f"the workers of {projects} are there")
    return [held[project] for project in projects]


def _held(root: Root, project: str, attempt: int) -> HeldFilm | None:
    for record in root.attempts(project):
        if record.attempt == attempt and (worker := _worker_of(record.process.pid)):
            os.kill(worker.pid, signal.SIGSTOP)
            return HeldFilm(record.process, worker)
    return None


def _worker_of(pid: int) -> ProcessIdentity | None:
    with contextlib.suppress(OSError):
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split():
            if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes():
                return identify(int(child))
    return None
