"""One film through the pipeline, without records or a results file, and what came of it."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
from PIL import Image
from PIL.JpegImagePlugin import get_sampling

from frame_extractor.contract.layout import OutputLayout
from frame_extractor.contract.results import FilmResult
from frame_extractor.contract.settings import ExtractionSettings
from frame_extractor.output.names import image_name
from frame_extractor.output.picture import Picture
from frame_extractor.picking.plan import Pick
from frame_extractor.pipeline.film_pipeline import extract_film
from frame_extractor.pipeline.film_progress import FilmProgress
from frame_extractor.pipeline.score_cache import ScoreCache
from frame_extractor.workers.grant import WorkerGrant
from frame_extractor.workers.pool import WorkerPool
from tests.harness.films import FilmPlan, read_barcode

CUTS = (40, 96, 150, 231, 300, 333, 420)
LONG = FilmPlan(
    options={"x264-params": "keyint=60:bframes=3", "crf": "18"}, fps=15, n_frames=480, cuts=CUTS, size=(256, 144)
)
"""32 s: several chunks, several spans."""


@dataclass(frozen=True)
class Outcome:
    """What one extraction gave."""

    result: FilmResult
    images: dict[str, str]
    """Name -> hash of the bytes."""
    frames: dict[str, int]
    """Name -> the frame that the picture shows."""
    sizes: set[tuple[int, int]]
    subsampling: set[str]
    rejected: list[Pick]
    rejected_images: set[int]
    """Frames of the images that are left out and kept all the same."""
    removed: frozenset[int]
    """Picks that a user has removed."""
    progress: list[FilmProgress]


class ImageRecorder:
    """Looks at every image as it is published, and lets it go."""

    def __init__(self, removed: frozenset[int]) -> None:
        self.images: dict[str, str] = {}
        self.frames: dict[str, int] = {}
        self.sizes: set[tuple[int, int]] = set()
        self.subsampling: set[str] = set()
        self.rejected: list[Pick] = []
        self.rejected_images: set[int] = set()
        self.removed = removed
        self.removed_picks: set[int] = set()

    def publish(self, picture: Picture) -> None:
        name = image_name(picture.pick)
        assert name not in self.images, "published twice"
        content = picture.path.read_bytes()
        assert len(content) == picture.size_bytes
        self.images[name] = hashlib.sha256(content).hexdigest()
        with Image.open(picture.path) as image:
            self.frames[name] = read_barcode(np.asarray(image))
            self.sizes.add(image.size)
            self.subsampling.add({2: "4:2:0", 1: "4:2:2", 0: "4:4:4"}[get_sampling(image)])
        picture.path.unlink()

    def reusable(self, frame_index: int) -> Sequence[Path]:
        assert frame_index >= 0
        return ()

    def is_removed(self, frame_index: int) -> bool:
        assert frame_index >= 0
        return frame_index in self.removed

    def leave_out(self, pick: Pick, width: int, height: int) -> None:  # noqa: ARG002 -- as the protocol has it
        self.removed_picks.add(pick.frame_index)

    def reject(self, pick: Pick, picture: Picture | None = None) -> None:
        self.rejected.append(pick)
        if picture is not None:
            self.rejected_images.add(pick.frame_index)
            picture.path.unlink()

    def restart(self) -> None:
        self.images.clear()
        self.rejected.clear()


def extract(
    film: Path,
    temp: Path,
    *,
    workers: int | WorkerGrant = 2,
    settings: ExtractionSettings | None = None,
    removed: frozenset[int] = frozenset(),
    on_progress: Callable[[FilmProgress], None] = lambda _: None,
) -> Outcome:
    """Extracts into `temp`, from nothing."""
    temp.mkdir()
    settings = settings or ExtractionSettings()
    recorder = ImageRecorder(removed)
    cache = ScoreCache(OutputLayout(temp.with_suffix(".cache") / "frames"), "f", settings, job_id="job", force=False)
    reports: list[FilmProgress] = []

    def report(progress: FilmProgress) -> None:
        reports.append(progress)
        on_progress(progress)

    with WorkerPool(WorkerGrant(workers) if isinstance(workers, int) else workers) as pool:
        result = extract_film(
            film,
            settings=settings,
            pool=pool,
            temp=temp,
            images=recorder,
            cache=cache,
            report=report,
        )
    return Outcome(
        result=result,
        images=recorder.images,
        frames=recorder.frames,
        sizes=recorder.sizes,
        subsampling=recorder.subsampling,
        rejected=recorder.rejected,
        rejected_images=recorder.rejected_images,
        removed=frozenset(recorder.removed_picks),
        progress=reports,
    )


def workers_of(runner: psutil.Process) -> list[psutil.Process]:
    """Its living worker processes."""
    found = []
    for child in runner.children():
        with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
            if "spawn_main" in " ".join(child.cmdline()):
                found.append(child)
    return found


def frame_of(name: str) -> int:
    """The frame index in an image's name."""
    return int(name.split("_frame")[1][:6])
