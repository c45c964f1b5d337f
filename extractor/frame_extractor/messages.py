"""What a person reads of an attempt, as text: what it does and has done. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from frame_extractor.contract.attempt import AttemptSpec, Progress
from frame_extractor.contract.layout import OutputLayout
from frame_extractor.contract.quantities import count, duration, left_out, times
from frame_extractor.contract.results import FilmResult


def introduction(spec: AttemptSpec) -> str:
    return f"{spec.project}: {count(len(spec.films), 'film')}, {count(spec.workers, 'worker')}"


def film_done(film: FilmResult, layout: OutputLayout) -> str:
    """The line about a completed film: images, shots, place, time."""
    line = f"{film.name}: {count(film.images, 'image')}"
    if film.shots:
        line += f" of {count(film.shots, 'shot')}"
    film_s = film.range_duration_s
    line += f" in {layout.frames_dir / film.folder}, {duration(film_s)} of film in {duration(film.wall_s)}"
    if film.wall_s > 0:
        line += f" ({times(film_s / film.wall_s)} realtime)"
    if film.removed:
        line += f"; {film.removed:,} left out that you removed (--restore brings them back)"
    if film.rejected:
        line += f"; {left_out(film.rejected)}, see {layout.rejected.name}"
    if film.failed_ranges:
        lost_s = sum(failed.end_s - failed.start_s for failed in film.failed_ranges)
        line += f"; {duration(lost_s)} of it could not be decoded (see failed_ranges in {layout.results.name})"
    return line


def film_skipped(film: FilmResult, *, forced: bool) -> str:
    """The line about a film that is complete already."""
    images = f"{film.name}: already extracted, {count(film.images, 'image')}"
    if forced:
        return f"{images}; by an earlier attempt"
    if film.removed:
        return f"{images}, {film.removed:,} removed by you; --restore brings them back, --force extracts it again"
    return f"{images}; --force extracts it again"


def clean_plan(images: Sequence[Path], rest: Sequence[Path], layout: OutputLayout) -> list[str]:
    """A line for each folder with images that would be deleted, and for each other thing."""
    of_folder = Counter(path.parent for path in images)
    lines = [f"  {folder.relative_to(layout.folder)}/: {count(n, 'image')}" for folder, n in sorted(of_folder.items())]
    return lines + [f"  {path.relative_to(layout.folder)}{'/' * path.is_dir()}" for path in rest]


def set_aside(paths: Sequence[Path], layout: OutputLayout) -> str:
    """About files that were where images had to be."""
    folders = sorted({path.relative_to(layout.folder).parts[0] for path in paths})
    names = " and ".join(str(layout.folder / folder) for folder in folders)
    was, it = ("was", "it is") if len(paths) == 1 else ("were", "they are")
    why = f"{was} where images had to be, and not made by this program or changed since"
    return f"{count(len(paths), 'file')} in {layout.frames_dir.name}/ {why}; {it} kept in {names}"


def film_decoded(film: FilmResult) -> str:
    """For the log: how much of a film was decoded."""
    line = f"{film.name}: {count(film.decoded_frames, 'frame')} decoded"
    if film.repaired_frames:
        line += f", {film.repaired_frames:,} of them again, for images that the scan had not written"
    if film.kept_frames:
        line += f"; {count(film.kept_frames, 'frame')} had been decoded by earlier attempts"
    return line


def progress_line(progress: Progress) -> str:
    """What the progress bar shows, as one plain line."""
    parts = [f"{progress.film or 'starting'}: {progress.fraction:.1%}"]
    if progress.n_films > 1:
        parts[0] = f"film {progress.film_number} of {progress.n_films}, {parts[0]}"
    parts += ["paused" if progress.paused else progress.stage.value, count(progress.images, "image")]
    if progress.realtime_factor:
        parts.append(f"{times(progress.realtime_factor)} realtime")
    if progress.eta_s is not None:
        parts.append(f"{duration(progress.eta_s)} left")
    return ", ".join(parts)
