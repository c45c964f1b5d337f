"""The samples of a film and their features, as workers and the stitch make them, without an extraction."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from frame_extractor.contract.settings import Sampling
from frame_extractor.features.sample import measure
from frame_extractor.features.samples import FeatureList, Samples
from frame_extractor.features.small_picture import SmallPicture, small_picture
from frame_extractor.reading.demux import read_chunks
from frame_extractor.reading.film import open_film
from frame_extractor.reading.readers.decord import DecordReader


def measured_film(path: Path, sampling: Sampling) -> Samples:
    """Of a film without damage: every frame that `sampling` wants is decoded and measured."""
    film = open_film(path)
    reader = DecordReader()
    frame_indices: list[int] = []
    times_s: list[float] = []
    features = FeatureList()
    last: SmallPicture | None = None
    for chunk in read_chunks(film, sampling):
        for frame in reader.read(film, chunk):
            small = small_picture(frame.pixels)
            features.append(measure(last, small))
            frame_indices.append(frame.index)
            times_s.append(frame.time_s)
            last = small
    numbers = np.arange(len(frame_indices))
    return Samples(numbers, np.array(frame_indices), np.array(times_s), features.array(), frozenset())
