"""Attempts at the films of one folder, in this process, with a pipeline that fails where a test wants it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from frame_extractor.attempt.runner import Ending, run_attempt
from frame_extractor.contract.attempt import AttemptSpec
from frame_extractor.contract.layout import OutputLayout
from frame_extractor.contract.settings import ExtractionSettings
from tests.fakes.pipeline import FakePipeline, RecordingScreen


class Project:
    """A folder of films, and attempts at them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.layout = OutputLayout(folder / "datasets" / "onward" / "frames")
        self.pipeline = FakePipeline()
        self.screen = RecordingScreen()
        self.films: list[Path] = []
        self.n_attempts = 0

    def add(self, name: str, content: str = "a film") -> Path:
        film = self.folder / name
        film.write_text(f"{content} called {name}")
        self.films.append(film)
        return film

    def attempt(
        self,
        *,
        force: bool = False,
        restore: bool = False,
        settings: ExtractionSettings | None = None,
        job_id: str | None = None,
    ) -> Ending:
        """Each is of a job of its own, unless given otherwise."""
        self.n_attempts += 1
        spec = AttemptSpec(
            project="onward",
            job_id=job_id or f"job-{self.n_attempts}",
            attempt=self.n_attempts,
            films=tuple(str(film) for film in self.films),
            frames_dir=str(self.layout.frames_dir),
            settings=settings or ExtractionSettings(),
            force=force,
            restore=restore,
            log_path=str(self.folder / "onward.log"),
        )
        self.screen = RecordingScreen()
        self.pipeline.extracted.clear()
        return run_attempt(spec, screen=self.screen, pipeline=self.pipeline)

    def exit_record(self) -> dict[str, object]:
        record: dict[str, object] = json.loads(self.layout.exit(self.n_attempts).read_text())
        return record

    def results(self) -> dict[str, list[dict[str, object]]]:
        results: dict[str, list[dict[str, object]]] = json.loads(self.layout.results.read_text())
        return results

    def images(self) -> set[str]:
        return {str(path.relative_to(self.layout.frames_dir)) for path in self.layout.frames_dir.rglob("*.jpg")}

    def log(self) -> str:
        return (self.folder / "onward.log").read_text()


def at_picture(number: int, act: Callable[[], None]) -> Callable[[int], None]:
    def before_picture(coming: int) -> None:
        if coming == number:
            act()

    return before_picture


def raising(error: BaseException) -> Callable[[], None]:
    def act() -> None:
        raise error

    return act
