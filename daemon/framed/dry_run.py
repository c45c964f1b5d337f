"""`framectl submit --dry-run`: what would be done, and with which settings. Starts nothing and needs no daemon."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from frame_extractor.contract.answers import FilmEstimate
from frame_extractor.contract.attempt import AttemptSpec
from frame_extractor.contract.cores import usable_cores
from framed.errors import FramedError, NoFilm, Refused
from framed.host.memory import read_memory
from framed.model.project import FrameExtraction, Overrides
from framed.policy.admission import ignored_by_name
from framed.policy.shares import Budget, budget, share
from framed.protocol.documents import PlannedFilm, PlannedProject
from framed.protocol.messages import SubmitOutcome, Submitted
from framed.protocol.queries import SettingFacts
from framed.settings.config import JobSettings, Settings, load_settings, resolve
from framed.settings.outputs import Outputs
from framed.settings.places import Places
from framed.watching.listing import SeenFilm
from framed.watching.scan import films_of, fingerprint_of, folder_of, project_names, read_results

ESTIMATE_TIMEOUT_S: Final = 600.0
"""For opening every film of a project, which may be on a slow network disk."""


@dataclass(frozen=True)
class _Project:
    name: str
    films: tuple[SeenFilm, ...]
    job: JobSettings
    done: Mapping[str, int]
    """Path of each film that is extracted -> how many images of it its user has removed."""
    restore: bool

    @property
    def is_untouched(self) -> bool:
        """Whether nothing would be done."""
        return len(self.done) == len(self.films) and not (self.restore and any(self.done.values()))


@dataclass(frozen=True)
class Forecast:
    """What would be done for one project."""

    planned: PlannedProject
    job: JobSettings
    workers_text: str
    """Why it would be granted that many."""
    films_dir: Path
    restore: bool


@dataclass(frozen=True)
class DryRunPlan:
    """What a submit would do."""

    forecasts: Iterator[Forecast]
    """One after the other: opening the films of a project takes a while."""
    refused: tuple[SubmitOutcome, ...]
    """Only with `every`."""


def plan(
    places: Places, names: tuple[str, ...], overrides: Overrides, *, force: bool, restore: bool, every: bool
) -> DryRunPlan:
    """Of the projects that are named, or of `every` one of which a submit would queue something.

    Raises the same errors as submitting would: NoSuchProject, NoFilm, SettingsError. With `every` they are `refused`,
    and cost the other projects nothing.
    """
    settings = load_settings(places)
    projects, refused = _projects(places, settings, names, overrides, force=force, restore=restore, every=every)
    machine = budget(usable_cores(), read_memory().total_bytes, settings.budget)

    def forecasts() -> Iterator[Forecast]:
        for project in projects:
            workers = share(project.job.workers, machine.slots, min(len(projects), machine.max_active))
            yield Forecast(
                planned=_planned(project, workers, _estimates(project, workers)),
                job=project.job,
                workers_text=_workers_text(project.job, machine, len(projects)),
                films_dir=places.films_dir(project.name),
                restore=restore,
            )

    return DryRunPlan(forecasts(), tuple(refused))


def _projects(
    places: Places,
    settings: Settings,
    names: tuple[str, ...],
    overrides: Overrides,
    *,
    force: bool,
    restore: bool,
    every: bool,
) -> tuple[list[_Project], list[SubmitOutcome]]:
    """Those that would be queued, and with `every` those that would be refused."""
    try:
        known = project_names(places.raw_videos)
    except OSError as failed:
        raise Refused(f"{places.raw_videos} cannot be read: {failed.strerror}; is its disk mounted?") from None
    outputs = Outputs(settings, places, {*known, *names})
    projects, refused = [], []
    for name in known if every else names:
        try:
            project = _project(places, settings, name, overrides, force=force, restore=restore, but_ignored=every)
            outputs.check(name)
        except FramedError as wrong:
            if not every:
                raise
            if not isinstance(wrong, NoFilm):
                refused.append(SubmitOutcome(project=name, outcome=Submitted.REFUSED, message=str(wrong)))
        else:
            if not every or not project.is_untouched:
                projects.append(project)
    return projects, refused


def _project(
    places: Places,
    settings: Settings,
    name: str,
    overrides: Overrides,
    *,
    force: bool,
    restore: bool,
    but_ignored: bool,
) -> _Project:
    folder = folder_of(name, places.raw_videos, lambda: project_names(places.raw_videos))
    job = resolve(settings, places, name, overrides)
    films = films_of(folder, subfolders=job.subfolders)
    found = read_results(job.frames_dir)
    if but_ignored:
        # By name only: whether a film is too short is known only after opening it.
        extracted = [each.film for each in found.images.values()] if found is not None else []
        ignored = ignored_by_name([film.name for film in films], settings.watch.ignore, extracted)
        films = tuple(film for film in films if film.name not in ignored)
    done: dict[str, int] = {}
    for film in films if found is not None and not force else ():
        fingerprint = fingerprint_of(film)
        if found is not None and found.has(fingerprint, job.extraction):
            done[film.path] = found.removed.get(fingerprint, 0)
    return _Project(name, films, job, done, restore)


def _planned(project: _Project, workers: int, estimates: dict[str, FilmEstimate]) -> PlannedProject:
    job = project.job
    return PlannedProject(
        name=project.name,
        settings=tuple(
            SettingFacts(name=name, value=value, origin=job.origins[name]) for name, value in _values(job).items()
        ),
        workers=workers,
        output_dir=str(job.frames_dir),
        films=tuple(
            _planned_film(film, estimates.get(film.path), project.done.get(film.path, 0)) for film in project.films
        ),
    )


def _planned_film(film: SeenFilm, estimate: FilmEstimate | None, n_removed: int) -> PlannedFilm:
    """`estimate`: None of one that is extracted; of its images a user has removed `n_removed`."""
    known = estimate if estimate is not None and estimate.error is None else None
    return PlannedFilm(
        name=film.name,
        path=film.path,
        size_bytes=film.signature.size_bytes,
        is_extracted=estimate is None,
        removed=n_removed,
        images=known.images if known else None,
        image_bytes=known.size_bytes if known else None,
        wall_s=known.wall_s if known else None,
        error=(estimate.error or "") if estimate else "",
    )


def _values(job: JobSettings) -> dict[str, str | int | float]:
    values = {"workers_per_project": job.workers, "retry": job.retry} | msgspec.to_builtins(job.extraction)
    return {name: values[name] for name in FrameExtraction.__struct_fields__}


def _estimates(project: _Project, workers: int) -> dict[str, FilmEstimate]:
    """What the extractor expects of each film that would not be skipped, by path. Raises FramedError."""
    films = tuple(film.path for film in project.films if film.path not in project.done)
    if not films:
        return {}
    spec = AttemptSpec(
        project=project.name,
        job_id="dry-run",
        films=films,
        frames_dir=str(project.job.frames_dir),
        settings=project.job.extraction,
        workers=workers,
    )
    try:
        ended = subprocess.run(
            [sys.executable, "-m", "frame_extractor", "estimate", "-", "--json"],
            input=msgspec.json.encode(spec),
            capture_output=True,
            timeout=ESTIMATE_TIMEOUT_S,
            check=True,
        )
        found = msgspec.json.decode(ended.stdout, type=list[FilmEstimate])
    except subprocess.CalledProcessError as failed:
        said = failed.stderr.decode(errors="replace").strip().splitlines()
        raise FramedError(f"the extractor cannot estimate {project.name}: {said[-1] if said else failed}") from None
    except subprocess.TimeoutExpired:
        raise FramedError(f"the films of {project.name} could not be opened in {ESTIMATE_TIMEOUT_S:.0f} s") from None
    except msgspec.MsgspecError as broken:
        raise FramedError(f"the extractor's estimate of {project.name} is not understood: {broken}") from None
    return dict(zip(films, found, strict=True))


def _workers_text(job: JobSettings, machine: Budget, n_projects: int) -> str:
    asked = "all" if job.workers == "auto" else job.workers
    slots = "1 slot" if machine.slots == 1 else f"{machine.slots} slots"
    at_once = min(n_projects, machine.max_active)
    shared = "" if at_once == 1 else f" for {at_once} projects at once"
    return f"asked for {asked}; {slots}{shared}, when nothing else runs"
