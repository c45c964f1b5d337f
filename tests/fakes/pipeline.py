"""A pipeline that makes pictures out of nothing, to be cut off, or fail, exactly where a test wants it.

Real films go through the real pipeline in tests/system/test_extractor_cli.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from frame_extractor.contract.answers import Probe
from frame_extractor.contract.attempt import Stage
from frame_extractor.contract.fingerprint import film_fingerprint
from frame_extractor.contract.results import FilmResult
from frame_extractor.contract.settings import ExtractionSettings
from frame_extractor.errors import NotAFilm
from frame_extractor.output.picture import Images, Picture
from frame_extractor.picking.plan import Pick
from frame_extractor.pipeline.film_progress import FilmProgress
from frame_extractor.pipeline.score_cache import ScoreCache
from frame_extractor.workers.grant import WorkerGrant
from frame_extractor.workers.pool import WorkerPool


class _IdlePool(WorkerPool):
    """Has none."""

    def warm_up(self) -> None:
        pass


@dataclass
class FakePipeline:
    """Gives each film one picture a second, named for the settings, so that other settings give other names."""

    duration_s: float = 4.0
    before_picture: Callable[[int], None] = lambda _number: None
    """Called with the picture's number before it is published; may raise."""
    extracted: list[str] = field(default_factory=list)
    reused: list[int] = field(default_factory=list)
    """Frame indices of pictures that earlier attempts had made."""

    def probe_film(self, film: Path) -> Probe:
        if film.read_bytes().startswith(b"not a film"):
            raise NotAFilm(film, "holds text, not a film")
        return Probe(
            path=str(film),
            fingerprint=film_fingerprint(film),
            container="matroska",
            codec="h264",
            width=320,
            height=180,
            fps=24.0,
            duration_s=self.duration_s,
            source_frames=int(self.duration_s * 24),
        )

    def worker_pool(self, grant: WorkerGrant, check: Callable[[], None]) -> WorkerPool:
        """Real workers would take a second to start, for nothing."""
        return _IdlePool(grant, check)

    def extract_film(
        self,
        film: Path,
        *,
        settings: ExtractionSettings,
        pool: WorkerPool,  # noqa: ARG002 - as the pipeline is called
        temp: Path,
        images: Images,
        cache: ScoreCache,
        report: Callable[[FilmProgress], None],
    ) -> FilmResult:
        self.extracted.append(film.name)
        n_pictures = int(self.duration_s / (settings.interval_seconds / 2))
        for number in range(n_pictures):
            time_s = number * settings.interval_seconds / 2
            report(
                FilmProgress(
                    stage=Stage.WRITING,
                    fraction=number / n_pictures,
                    images=number,
                )
            )
            frame_index = int(time_s * 24)
            pick = Pick(frame_index=frame_index, time_s=time_s, scene=0, position=number)
            if images.is_removed(frame_index):
                images.leave_out(pick, 320, 180)
                continue
            path = temp / f"{number}.jpg"
            path.write_bytes(f"{film.name} {settings.quality.value} {number}".encode())
            self.before_picture(number)
            self.reused += [frame_index] if images.reusable(frame_index) else []
            images.publish(Picture(pick=pick, path=path, size_bytes=path.stat().st_size, width=320, height=180))
        return FilmResult(
            name=film.name,
            path=str(film),
            fingerprint=cache.fingerprint,
            status="complete",
            shots=1,
            duration_s=self.duration_s,
            settings=settings,
            image_key=settings.image_key,
        )


class RecordingScreen:
    """Keeps what was shown."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.failures: list[str] = []
        self.results: list[str] = []
        self.fractions: list[float] = []

    def note(self, line: str) -> None:
        self.notes.append(line)

    def failure(self, line: str) -> None:
        self.failures.append(line)

    def result(self, line: str) -> None:
        self.results.append(line)

    def progress(self, progress: object) -> None:
        self.fractions.append(progress.fraction)  # type: ignore[attr-defined]
