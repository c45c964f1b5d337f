"""The films that accuracy is measured on: the standard one, one encoded from it, and generated ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import av

from benchmarks.accuracy.truth import SeenFilm, of_edited, read_truth
from benchmarks.film import SHARED, cache_folder, whole_720p
from frame_extractor.contract.settings import Sampling
from tests.harness.edited_film import reel, write_edited_film

TRUTH: Final = SHARED / "bbb_720p24.truth.json"
STILLS: Final = SHARED / "bbb_720p24.stills_labels.json"
"""What is wrong with which image of an earlier extraction."""
REELS: Final = (0, 100, 200, 300)
"""Numbers of their first shots."""
HALVED_SIZE: Final = (640, 360)
ENCODING: Final = {"preset": "veryfast", "crf": "24", "threads": "1"}


@dataclass(frozen=True)
class KnownFilm:
    """A film, how it is to be decoded, and what is in it."""

    group: str
    """Films of one group are counted together."""
    path: Path
    sampling: Sampling
    seen: SeenFilm


def standard_films() -> Iterator[KnownFilm]:
    """The standard film with both samplings. Raises NoSharedFilm.

    Every one of its pictures is referred to by others, so that both samplings decode the same; with `reference` it is
    therefore an encoding of it with B-pyramids, of which every second picture is decoded.
    """
    film = whole_720p()
    seen = read_truth(TRUTH)
    yield KnownFilm("standard film, exact", film, Sampling.EXACT, seen)
    yield KnownFilm("standard film, reference", _with_b_pyramids(film), Sampling.REFERENCE, seen)


def generated_films(folder: Path) -> Iterator[KnownFilm]:
    """Edited films with traps, made in `folder`, each with both samplings."""
    for first_shot in REELS:
        path = folder / f"reel{first_shot}.mp4"
        seen = of_edited(write_edited_film(path, reel(first_shot)))
        for sampling in (Sampling.EXACT, Sampling.REFERENCE):
            yield KnownFilm(f"generated films, {sampling.value}", path, sampling, seen)


def _with_b_pyramids(source: Path) -> Path:
    """All pictures of a film, smaller, as most encoders write them by default; kept for the next time."""
    target = cache_folder() / f"{source.stem}-b-pyramid.mp4"
    if target.exists():
        return target
    partial = target.with_suffix(".part.mp4")
    with av.open(str(source)) as film, av.open(str(partial), "w") as out:
        pictures = film.streams.video[0]
        pictures.thread_type = "AUTO"
        rate = Fraction(pictures.guessed_rate or 24)
        stream = out.add_stream("libx264", rate=rate, options=dict(ENCODING))
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = HALVED_SIZE
        stream.pix_fmt = "yuv420p"
        for index, frame in enumerate(film.decode(pictures)):
            small = frame.reformat(*HALVED_SIZE, format="yuv420p")
            small.pts, small.time_base = index, 1 / rate
            small.pict_type = av.video.frame.PictureType.NONE
            out.mux(stream.encode(small))
        out.mux(stream.encode(None))
    partial.rename(target)
    return target
