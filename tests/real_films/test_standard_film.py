"""Big Buck Bunny, dropped under a running daemon: cuts against those checked by eye, pixels against PyAV's.

It is extracted once, with the defaults but for the sampling. What other detectors find follows from the features that
are kept of it.
"""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import msgspec
import numpy as np
import pytest
from PIL import Image

from benchmarks.accuracy.images import rates_of, read_images
from benchmarks.accuracy.truth import compare_cuts, read_truth
from frame_extractor.contract.layout import OutputLayout
from frame_extractor.contract.results import FilmResult, ManifestEntry, Results
from frame_extractor.contract.settings import ExtractionSettings, Sampling
from frame_extractor.picking.shots import ShotFinder
from frame_extractor.pipeline.score_cache import ScoreCache
from frame_extractor.reading.film import Rgb
from framed.protocol.messages import ProjectState
from tests.harness.root import Root, roots

SETTINGS = """\
watch: {scan_interval_s: 0.5, settle_s: 1, settle_scans: 2}
frame_extraction: {sampling: exact, workers_per_project: auto}
"""
PYSCENEDETECT_FINDS = 37
"""Of the 40 cuts checked by eye; and 3 false ones, which are ours too."""


@dataclass(frozen=True)
class Extracted:
    """The standard film's output."""

    root: Root
    film: FilmResult
    entries: list[ManifestEntry]
    by_content: list[int]
    """Cuts that the detector `content` finds in the kept features."""
    cuts: dict[str, list[int]]
    looked_at: list[tuple[int, int]]
    """Ranges of frames that were checked by eye; a range's own first frame does not count."""


@pytest.fixture(scope="module")
def extracted(films_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Extracted]:
    for new_root in roots(tmp_path_factory.mktemp("standard")):
        root: Root = new_root(SETTINGS)
        root.start(real=True)
        (root.places.raw_videos / "bbb").mkdir()
        shutil.copy(films_dir / "whole/bbb_720p24.mp4", root.places.raw_videos / "bbb")
        root.wait_for("bbb", ProjectState.COMPLETE, ProjectState.FAILED, deadline_s=500)
        layout = root.layout("bbb")
        results = msgspec.json.decode(layout.results.read_bytes(), type=Results)
        lines = layout.manifest.read_bytes().splitlines()
        truth = json.loads((films_dir / "whole/bbb_720p24.cuts.json").read_text())
        yield Extracted(
            root=root,
            film=results.films[0],
            entries=[msgspec.json.decode(line, type=ManifestEntry) for line in lines],
            by_content=cuts_by_content(layout, results.films[0].fingerprint),
            cuts={kind: truth[kind] for kind in ("verified_cuts", "pyscenedetect_30")},
            looked_at=[(start, end) for start, end in truth["verified_ranges"]],
        )


def cuts_by_content(layout: OutputLayout, fingerprint: str) -> list[int]:
    """With PySceneDetect's threshold and shortest shot."""
    settings = ExtractionSettings(sampling=Sampling.EXACT)
    cache = ScoreCache(layout, fingerprint, settings, job_id="", force=False)
    assert cache.film is not None
    finder = ShotFinder(settings)
    frame_indices = cache.film.part.frame_indices.tolist()
    assert not cache.film.part.breaks
    shots = [
        shot
        for frame_index, row in zip(frame_indices, cache.film.part.features, strict=True)
        for shot in finder.add(frame_index, row, is_break=False)
    ]
    return [frame_indices[shot.end] for shot in shots]


def matched(ours: list[int], theirs: list[int]) -> int:
    """How many of ours lie within a frame of one of theirs."""
    return sum(any(abs(cut - other) <= 1 for other in theirs) for cut in ours)


def test_content_finds_what_pyscenedetect_finds(extracted: Extracted) -> None:
    """F1 of 0.98 or more over the whole film."""
    ours, theirs = extracted.by_content, extracted.cuts["pyscenedetect_30"]
    precision, recall = matched(ours, theirs) / len(ours), matched(theirs, ours) / len(theirs)
    assert 2 * precision * recall / (precision + recall) >= 0.98


@pytest.mark.parametrize("detector", ["default", "content"])
def test_cuts_checked_by_eye_are_found(extracted: Extracted, detector: str) -> None:
    """At least those that PySceneDetect finds, and no more false ones than it has in the ranges that were checked."""
    verified = extracted.cuts["verified_cuts"]
    found = extracted.film.cuts if detector == "default" else extracted.by_content
    ours = [cut for cut in found if any(start < cut < end for start, end in extracted.looked_at)]
    assert matched(verified, ours) >= PYSCENEDETECT_FINDS
    assert len(ours) - matched(ours, verified) <= 3


def test_defaults_find_all_but_two_of_a_hundred_cuts(extracted: Extracted, films_dir: Path) -> None:
    """F1 of 98 or more on the odd shots, by which nothing was tuned, and on the even ones."""
    seen = read_truth(films_dir / "whole/bbb_720p24.truth.json")
    even, odd = compare_cuts(extracted.film.cuts, seen)
    assert even.right + odd.right + even.missed + odd.missed > 120
    assert even.f1 >= 98
    assert odd.f1 >= 98


def test_defaults_keep_out_of_transitions_and_of_black(extracted: Extracted, films_dir: Path) -> None:
    """At most two images between the first and last frame of a fade or dissolve that somebody saw; none is black."""
    rates = rates_of(read_images(extracted.root.layout("bbb")), read_truth(films_dir / "whole/bbb_720p24.truth.json"))
    assert rates.in_transitions <= 2
    assert rates.black == 0


def test_every_image_opens_and_is_listed(extracted: Extracted) -> None:
    """What is in the folder is what the manifest says, and nothing is left over beside it."""
    layout = extracted.root.layout("bbb")
    assert {path.name for path in layout.frames_dir.iterdir()} == {entry.file for entry in extracted.entries}
    for entry in extracted.entries:
        with Image.open(layout.frames_dir / entry.file) as image:
            image.load()
            assert image.size == (1280, 720)
    assert not layout.temp.exists()
    assert extracted.film.source_frames == 14_315
    assert extracted.film.failed_ranges == ()


def test_images_are_the_frames_that_pyav_reads_in_order(extracted: Extracted, films_dir: Path) -> None:
    """Thirty at random, under the same colour rule: mean absolute difference under 4."""
    wanted = {entry.frame_index: entry for entry in random.Random(720).sample(extracted.entries, 30)}
    worst = 0.0
    for index, picture in frames_in_order(films_dir / "whole/bbb_720p24.mp4", set(wanted)):
        with Image.open(extracted.root.layout("bbb").frames_dir / wanted[index].file) as image:
            worst = max(worst, float(np.abs(np.asarray(image).astype(int) - picture).mean()))
    assert worst < 4


def frames_in_order(film: Path, wanted: set[int]) -> Iterator[tuple[int, Rgb]]:
    """These frames of an untagged HD film, read from its beginning."""
    with av.open(str(film)) as container:
        container.streams.video[0].thread_type = "AUTO"
        for index, frame in enumerate(container.decode(video=0)):
            if index in wanted:
                yield index, np.asarray(frame.to_ndarray(format="rgb24", src_colorspace="ITU709"), dtype=np.uint8)
