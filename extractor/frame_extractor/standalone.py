"""The extractor without a daemon: films and options from the command line, one or more attempts, a summary."""

from __future__ import annotations

import difflib
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from frame_extractor.attempt import records, runner
from frame_extractor.attempt.failures import OutputUnusable, Refused, failure_of
from frame_extractor.attempt.film_snapshot import require_regular_file
from frame_extractor.contract.answers import FilmEstimate, Probe
from frame_extractor.contract.attempt import AttemptSpec
from frame_extractor.contract.attempt_numbers import claim_number
from frame_extractor.contract.cores import usable_cores, worker_budget
from frame_extractor.contract.declaration import Declared, declared
from frame_extractor.contract.durable import write_atomically
from frame_extractor.contract.estimate import estimate_film
from frame_extractor.contract.exit_codes import ExitCode
from frame_extractor.contract.fingerprint import film_fingerprint
from frame_extractor.contract.layout import OutputLayout
from frame_extractor.contract.quantities import count, duration, size, times
from frame_extractor.contract.settings import Detector, ExtractionSettings, RequestedSettings
from frame_extractor.errors import NewerSchema, NotAFilm
from frame_extractor.output.curation import is_curated
from frame_extractor.output.manifest import read_output
from frame_extractor.reading.film_range import probe_in_range
from frame_extractor.screen import open_screen, print_line

DEFAULT_WORKERS: Final = 12
_RETRIED: Final = frozenset({ExitCode.INTERNAL, ExitCode.OUTPUT_NOT_WRITTEN, ExitCode.FILM_CHANGED})
"""Of the retryable endings those that may pass within seconds; a full disk or a missing permission needs a person."""
_BACKOFF_BASE_S: Final = 2.0
_BACKOFF_MAX_S: Final = 30.0


@dataclass(frozen=True)
class Request:
    """What was typed."""

    films: tuple[str, ...]
    output: Path
    settings: ExtractionSettings
    given: frozenset[str]
    """Names of the options that were typed; the others are at their defaults."""
    workers: int | None
    """None: `auto`, or not typed; `given` says which."""
    force: bool
    restore: bool

    @property
    def layout(self) -> OutputLayout:
        return OutputLayout(self.output.absolute() / "frames")


@dataclass(frozen=True)
class _Grant:
    workers: int
    why: str


def extract(request: Request, *, retry: int) -> ExitCode:
    """Extracts the films, again after a failure that may pass; prints a line for each film, and one for all of several.

    Raises Refused when nothing can be begun.
    """
    films = [_require_film(film) for film in request.films]
    grant = _grant(request)
    layout = request.layout
    endings: list[runner.Ending] = []
    with open_screen() as screen:
        for n_attempts in range(1, retry + 2):
            spec = _spec(request, layout, films, grant.workers)
            if n_attempts == 1:
                screen.note(f"{count(grant.workers, 'worker')} ({grant.why})")
            ending = runner.run_attempt(spec, screen=screen)
            endings.append(ending)
            if ending.code is ExitCode.INTERNAL:
                screen.failure(f"details: {spec.log_path}")
            if ending.code not in _RETRIED or n_attempts > retry:
                break
            # --force means once: what this command has extracted it does not extract again.
            films = [film for film in films if str(film) not in {done.path for done in ending.extracted}]
            wait_s = min(_BACKOFF_BASE_S * 2 ** (n_attempts - 1), _BACKOFF_MAX_S)
            screen.note(f"retrying in {duration(wait_s)} ({n_attempts} of {retry})")
            time.sleep(wait_s)
        if len(request.films) > 1:
            screen.result(_summary(len(request.films), endings, layout))
    return endings[-1].code


def show_plan(request: Request) -> ExitCode:
    """`--dry-run`: what would be done, on stdout. Raises Refused."""
    films = [_require_film(film) for film in request.films]
    grant = _grant(request)
    layout = request.layout
    try:
        output = read_output(layout)
        fingerprints = {film: film_fingerprint(film) for film in films}
        complete = {
            film for film, fingerprint in fingerprints.items() if output.is_complete(fingerprint, request.settings)
        }
        curated = {film for film, fingerprint in fingerprints.items() if is_curated(output, fingerprint)}
    except (OSError, NewerSchema) as error:
        raise _refused(error) from error
    print_line("Settings")
    values = msgspec.to_builtins(request.settings)
    for each in declared(RequestedSettings):
        value, origin = each.written(values[each.name]), _origin(each, request)
        print_line(f"  {each.options[0]:<22}{value:<12}{origin}")
    print_line(f"  {'--workers':<22}{grant.workers!s:<12}{grant.why}")
    print_line(f"Images go to {layout.frames_dir}")
    code = ExitCode.DONE
    estimates = []
    for film in films:
        if output.earlier_tool_images and not request.force:
            print_line(
                f"  {film.name}: skipped; an earlier tool extracted {count(output.earlier_tool_images, 'image')}"
            )
            continue
        if film in complete and not request.force:
            if film not in curated:
                print_line(f"  {film.name}: skipped; already extracted with these settings")
            elif request.restore:
                print_line(f"  {film.name}: images that you have removed would be made again; the others are there")
            else:
                print_line(
                    f"  {film.name}: skipped; already extracted with these settings, without what you have removed"
                )
            continue
        estimate = _estimate(film, request.settings, grant.workers)
        print_line(f"  {_estimate_line(estimate)}")
        if estimate.error is None:
            estimates.append(estimate)
        else:
            code = ExitCode.NOT_A_FILM
    if len(estimates) > 1:
        print_line(f"  in all: {_forecast(estimates)}")
    return code


def _origin(setting: Declared, request: Request) -> str:
    if setting.name in request.given:
        return "given"
    if setting.name == "detector" and request.settings.detector is Detector.CONTENT:
        return "chosen by --scene-threshold"
    return "default"


def show_probe(film: str, *, as_json: bool) -> ExitCode:
    """What the film is, on stdout. Raises Refused when it is none."""
    from frame_extractor.reading.film import probe_film  # noqa: PLC0415

    path = _require_film(film)
    try:
        found = probe_film(path)
    except (NotAFilm, OSError) as error:
        raise _refused(error, path) from error
    print_line(msgspec.json.encode(found).decode() if as_json else _probe_lines(found))
    return ExitCode.DONE


def show_estimate(spec: AttemptSpec, *, as_json: bool) -> ExitCode:
    """What extracting the films would give and cost, on stdout; a film that is none has its reason instead."""
    estimates = [_estimate(Path(film), spec.settings, spec.workers) for film in spec.films]
    if as_json:
        print_line(msgspec.json.encode(estimates).decode())
    else:
        for estimate in estimates:
            print_line(_estimate_line(estimate))
    return ExitCode.DONE


def _require_film(film: str) -> Path:
    """The film's absolute path. Raises Refused, with the nearest name when there is no such file."""
    path = Path(os.path.abspath(film))  # Path.resolve() would lose the name of a symbolic link.
    try:
        film.encode()
    except UnicodeEncodeError:
        raise Refused(f"{film!a} is not UTF-8; rename the file", ExitCode.USAGE) from None
    if os.path.isdir(path):
        raise Refused(f"{film} is a folder; name the films in it, as in {film.rstrip('/')}/*.mkv", ExitCode.USAGE)
    try:
        require_regular_file(path)
    except (FileNotFoundError, NotADirectoryError):
        raise Refused(_not_found(path), ExitCode.USAGE) from None
    except (OSError, NotAFilm) as error:
        raise _refused(error, path) from error
    return path


def _not_found(path: Path) -> str:
    try:
        names = os.listdir(path.parent)
    except OSError:
        return f"there is no folder {path.parent}"
    near = difflib.get_close_matches(path.name, names, n=1)
    return f"there is no film {path.name}" + (f"; did you mean {near[0]}?" if near else f" in {path.parent}")


def _refused(error: Exception, film: Path | None = None) -> Refused:
    failure = failure_of(error, film)
    return Refused(failure.line, failure.code)


def _grant(request: Request) -> _Grant:
    """A number that was typed is granted, up to the usable cores; otherwise a quarter of them is left free."""
    cores = usable_cores()
    budget = worker_budget(cores)
    if request.workers is not None:
        granted = min(request.workers, cores)
        return _Grant(granted, f"{request.workers} requested, {count(cores, 'core')} usable")
    granted = budget if "workers" in request.given else min(DEFAULT_WORKERS, budget)
    return _Grant(granted, f"75 % of {count(cores, 'usable core')}; --workers sets another number")


def _spec(request: Request, layout: OutputLayout, films: list[Path], workers: int) -> AttemptSpec:
    """The specification of a new attempt, written to its file. Raises Refused when the output cannot be written."""
    try:
        records.make_output(layout)
        number = claim_number(layout)
        spec = AttemptSpec(
            project=layout.folder.name or "output",
            job_id=f"by-hand-{number}",
            attempt=number,
            films=tuple(str(film) for film in films),
            frames_dir=str(layout.frames_dir),
            settings=request.settings,
            workers=workers,
            force=request.force,
            restore=request.restore,
            log_path=str(layout.control / f"attempt-{number}.log"),
        )
        write_atomically(layout.spec(number), msgspec.json.encode(spec) + b"\n")
    except (OSError, OutputUnusable) as error:
        raise _refused(error) from error
    return spec


def _estimate(film: Path, settings: ExtractionSettings, workers: int) -> FilmEstimate:
    from frame_extractor.reading.film import probe_film  # noqa: PLC0415

    try:
        return estimate_film(probe_in_range(probe_film(film), settings), settings, workers)
    except (NotAFilm, OSError) as error:
        reason = failure_of(error, film).line
        return FilmEstimate(film=film.name, images=0, size_bytes=0, wall_s=0.0, error=reason)


def _estimate_line(estimate: FilmEstimate) -> str:
    return estimate.error or f"{estimate.film}: {_forecast([estimate])}"


def _forecast(estimates: list[FilmEstimate]) -> str:
    images = sum(estimate.images for estimate in estimates)
    n_bytes = sum(estimate.size_bytes for estimate in estimates)
    return f"about {count(images, 'image')}, {size(n_bytes)}, {duration(sum(each.wall_s for each in estimates))}"


def _probe_lines(found: Probe) -> str:
    return (
        f"{found.path}\n  {found.codec} in {found.container}, {found.width}x{found.height}, {found.fps:.3f} frames/s, "
        f"{duration(found.duration_s)}, {count(found.source_frames, 'frame')}"
    )


def _summary(n_films: int, endings: list[runner.Ending], layout: OutputLayout) -> str:
    extracted = [film for ending in endings for film in ending.extracted]
    n_skipped, n_failed = endings[0].n_skipped, endings[-1].n_failed
    numbers = {
        "extracted": len(extracted),
        "skipped": n_skipped,
        "failed": n_failed,
        "not extracted": n_films - len(extracted) - n_skipped - n_failed,
    }
    line = f"{count(n_films, 'film')}: {', '.join(f'{number} {what}' for what, number in numbers.items() if number)}"
    if extracted:
        images, shots = sum(film.images for film in extracted), sum(film.shots for film in extracted)
        wall_s = sum(ending.wall_s for ending in endings)
        line += f"; {count(images, 'image')} of {count(shots, 'shot')} in {layout.frames_dir}, {duration(wall_s)}"
        line += f" ({times(sum(film.range_duration_s for film in extracted) / wall_s)} realtime)"
    return line
