"""`framectl submit --dry-run`, as it is shown: what would be done, and with which settings."""

from __future__ import annotations

import os
from collections.abc import Sequence

import click
from rich.cells import cell_len

from frame_extractor.contract.quantities import count, size
from framed.ctl.output import document, notice
from framed.ctl.render import duration
from framed.ctl.setting_text import written
from framed.dry_run import Forecast, plan
from framed.errors import Exit
from framed.model.project import Overrides
from framed.printable import printable
from framed.protocol.documents import DryRun, PlannedFilm
from framed.settings.places import Places


def preview(
    places: Places,
    names: tuple[str, ...],
    overrides: Overrides,
    *,
    force: bool,
    restore: bool,
    every: bool,
    as_json: bool,
) -> Exit:
    """Prints the plan, project after project. Exit.REFUSED when one was refused. Raises what `plan` raises."""
    planned = plan(places, names, overrides, force=force, restore=restore, every=every)
    if as_json:
        projects = tuple(forecast.planned for forecast in planned.forecasts)
        document(DryRun(projects=projects, refused=planned.refused))
    else:
        n_shown = 0
        for forecast in planned.forecasts:
            n_shown += 1
            for line in _lines(forecast):
                click.echo(printable(line))
            click.echo()
        for outcome in planned.refused:
            notice(f"{outcome.project}: {outcome.message}")
        click.echo("dry run: nothing was started" if n_shown else "dry run: every film is extracted already")
    return Exit.REFUSED if planned.refused else Exit.OK


def _lines(forecast: Forecast) -> list[str]:
    planned = forecast.planned
    lines = [planned.name]
    for each in planned.settings:
        key, value = written(each.name, each.value)
        lines.append(f"  {key:<20} {value:<10} {each.origin}")
    lines += [
        f"  workers granted: {planned.workers} ({forecast.workers_text})",
        f"  images go to {planned.output_dir} ({forecast.job.origins['frames_dir']})",
        f"  films in {forecast.films_dir}:",
    ]
    width = max(cell_len(film.name) for film in planned.films)
    for film in planned.films:
        name = film.name + " " * (width - cell_len(film.name))
        lines.append(f"    {name}  {size(film.size_bytes):>8}  {_film_text(film, restore=forecast.restore)}")
    possible = [film for film in planned.films if film.images is not None]
    if len(possible) > 1:
        lines.append(f"    together: {_about(possible)}")
    return lines


def _film_text(film: PlannedFilm, *, restore: bool) -> str:
    if film.is_extracted:
        return _extracted_text(film.removed, restore=restore)
    if film.error:
        return f"would fail: {film.error.removeprefix(f'{os.path.basename(film.path)}: ')}"
    return _about([film])


def _extracted_text(n_removed: int, *, restore: bool) -> str:
    if not n_removed:
        return "would be skipped: already extracted"
    removed = f"{count(n_removed, 'image')} that you have removed"
    return f"would have {removed} made again" if restore else f"would be skipped: already extracted, without {removed}"


def _about(films: Sequence[PlannedFilm]) -> str:
    """Of films that are neither extracted nor would fail."""
    images, n_bytes = sum(film.images or 0 for film in films), sum(film.image_bytes or 0 for film in films)
    wall_s = max(1, round(sum(film.wall_s or 0.0 for film in films)))
    return f"about {images:,} images, {size(n_bytes)}, {f'{wall_s} s' if wall_s < 60 else duration(wall_s)}"
