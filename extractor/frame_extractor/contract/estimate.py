"""What extracting a film will probably give and cost. Pure; rough by nature, and labelled so where it is shown."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from frame_extractor.contract.answers import FilmEstimate, Probe
from frame_extractor.contract.settings import Dedupe, ExtractionSettings, Mode, Quality, Sampling, Selection

MEAN_SHOT_S: Final = 4.6
"""Mean length of a shot at threshold 30 in computer-animated films: 129 shots in the 596 s of Big Buck Bunny."""
DISTINCT_SHARE: Final = 0.7
"""Of `frames_per_scene` frames, how many are distinct in such a shot."""
AUTO_PER_S: Final = 3.0
"""Distinct frames of a second of film."""
INTERVALS_KEPT: Final = 0.15
"""In hybrid mode, frames of intervals that are no near-duplicates of one of their shot."""
BYTES_PER_PIXEL: Final = {Quality.LOW: 0.09, Quality.MEDIUM: 0.12, Quality.HIGH: 0.19}
"""Mean size of a JPEG of a film's frame for each of its pixels."""
PIXELS_PER_WORKER_S: Final = 200e6
"""Pixels of source film that one worker gets through in a second, decoding everything: H.264 on a 2020s core."""
START_UP_S: Final = 1.0
"""Until the workers run and the film is inspected."""
CODEC_COST: Final = {"hevc": 1.6, "av1": 1.8, "vp9": 1.2, "mpeg2video": 0.6}
"""Against H.264."""
REFERENCE_COST: Final = 0.7
"""Reference sampling leaves out about half the pictures and a third of the work."""
DEFAULT_FPS: Final = 24.0


def estimate_film(probe: Probe, settings: ExtractionSettings, workers: int) -> FilmEstimate:
    """Images, bytes and seconds for one film with `workers` workers and the machine to itself."""
    fps = probe.fps or DEFAULT_FPS
    n_shots = max(1.0, probe.duration_s / MEAN_SHOT_S)
    of_shots = n_shots * min(_of_a_shot(settings), MEAN_SHOT_S * fps)
    of_intervals = probe.duration_s / min(max(settings.interval_seconds, 1 / fps), max(probe.duration_s, 1 / fps))
    images = {
        Mode.SCENE: of_shots,
        Mode.INTERVAL: of_intervals,
        Mode.HYBRID: of_shots + of_intervals * (INTERVALS_KEPT if settings.dedupe is Dedupe.SHOT else 1),
    }[settings.mode]
    images = max(1, round(min(images, probe.duration_s * fps)))
    pixels = probe.width * probe.height
    cost = CODEC_COST.get(probe.codec, 1.0) * (REFERENCE_COST if settings.sampling is Sampling.REFERENCE else 1.0)
    return FilmEstimate(
        film=Path(probe.path).name,
        images=images,
        size_bytes=round(images * pixels * BYTES_PER_PIXEL[settings.quality]),
        wall_s=START_UP_S + probe.duration_s * fps * pixels * cost / (PIXELS_PER_WORKER_S * workers),
    )


def _of_a_shot(settings: ExtractionSettings) -> float:
    if settings.selection is Selection.EVEN:
        return settings.most_per_shot
    if settings.frames_per_scene == "auto":
        return min(settings.max_per_shot, AUTO_PER_S * MEAN_SHOT_S)
    return settings.most_per_shot * DISTINCT_SHARE
