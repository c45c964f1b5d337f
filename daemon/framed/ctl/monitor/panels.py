"""The monitor's panels beside the table: the machine above it, the selected project below. Pure; reads no clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from rich.cells import cell_len
from rich.text import Text

from frame_extractor.contract.quantities import count, size
from framed.ctl.layout import bar, wrapped
from framed.ctl.render import COLOURS, URGENCY, clock, duration
from framed.model.job import exit_code_text
from framed.model.reasons import AttemptEnded, Backoff, JobCancelled, Reason, Requeued
from framed.printable import printable
from framed.protocol.messages import MachineStatus, ProjectState, ProjectStatus
from framed.protocol.queries import AttemptFacts, FilmInWork, ResultsFacts, ShowReply
from framed.protocol.subscription import Event

_LEVELS: Final = "▁▂▃▄▅▆▇█"
_NARROWEST_BAR: Final = 4
_WIDEST_BAR: Final = 20
_GAP: Final = "  "
_MOST_ERRORS: Final = 3
_ENDED_WELL: Final = 0
_DIM: Final = "dim"


@dataclass(frozen=True)
class Details:
    """What the monitor fetches about the selected project."""

    shown: ShowReply
    log: Sequence[str]
    """Its last lines."""


def machine_lines(event: Event, projects: Iterable[ProjectStatus], width: int) -> list[Text]:
    """The cores; memory, disk and slots; number of projects by state; notices."""
    machine, slots = event.machine, event.slots
    memory = machine.memory_used_bytes / machine.memory_total_bytes if machine.memory_total_bytes else 0.0
    parts = [f"memory {bar(memory, 8)} {size(machine.memory_used_bytes)} of {size(machine.memory_total_bytes)}"]
    if machine.output_free_bytes is not None:
        parts.append(f"disk {size(machine.output_free_bytes)} free")
    parts.append(f"slots {bar(slots.used / slots.total if slots.total else 0.0, 8)} {slots.used}/{slots.total}")
    counts = Counter(project.state for project in projects)
    words = [Text("DRAINING", style="bold reverse yellow")] if event.draining else []
    for state in URGENCY:
        if counts[state]:
            most = f" of at most {slots.max_active}" if state is ProjectState.RUNNING else ""
            words.append(Text(f"{counts[state]} {state.value}{most}", style=COLOURS[state]))
    lines = [_cores(machine, width), Text(_GAP.join(parts)), Text(_GAP).join(words or [Text("no projects yet")])]
    return [*lines, *(Text(line, style="yellow") for note in event.notices for line in wrapped(printable(note), width))]


def _cores(machine: MachineStatus, width: int) -> Text:
    """A bar for each core, or one character if there are too many cores."""
    head = f"CPU {machine.cpu_percent:3.0f}%"
    percents = machine.cores_percent or (machine.cpu_percent,)
    room = (width - len(head)) // len(percents)
    label = len(str(len(percents) - 1))
    cells = min(_WIDEST_BAR, room - label - 1 - len(_GAP))
    if cells < _NARROWEST_BAR:
        return Text(f"{head}{_GAP}{''.join(map(_level, percents))}")
    bars = (f"{_GAP}{number:>{label}} {bar(percent / 100, cells)}" for number, percent in enumerate(percents))
    return Text(head + "".join(bars))


def detail_lines(project: ProjectStatus, details: Details | None, width: int, height: int) -> list[Text]:
    """The selected project: state, complete reason, shots, last errors, and as much of its log's end as fits."""
    shown = details.shown if details is not None else None
    lines = _head(project, shown.in_work if shown else None, width)
    if project.reason:
        style = COLOURS[project.state] if project.state in (ProjectState.FAILED, ProjectState.RETRYING) else ""
        lines += [Text(line, style=style) for line in wrapped(printable(project.reason), width)]
    if shown is not None:
        lines += [Text(line) for line in _shots(shown, width)]
        lines += [Text(printable(error), style="red") for error in _errors(shown)]
    log = details.log if details is not None and details.log else project.last_lines
    room = height - len(lines) - 1
    if project.log and room > 0:
        lines.append(Text(printable(project.log), style=_DIM))
        lines += [Text(printable(line)) for line in log[-room:]]
    return lines[:height]


def log_lines(project: ProjectStatus, details: Details | None, width: int, height: int) -> list[Text]:
    """A heading with its name and state, then the end of its log."""
    head = _head(project, None, width)
    log = details.log if details is not None and details.log else project.last_lines
    room = height - len(head)
    tail = [Text(printable(line)) for line in log[-room:] if room > 0]
    return [*head, *(tail or [Text("its log is empty" if project.log else "no log yet", style=_DIM)])][:height]


def _head(project: ProjectStatus, film: FilmInWork | None, width: int) -> list[Text]:
    """Its name, state and attempt; on two lines if the name is too long for one."""
    parts = [f"{printable(film.name)}, film {film.number} of {film.n_films}"] if film else []
    parts += [project.stage] if project.stage else []
    parts += [f"attempt {project.attempt} of {project.max_attempts}"] if project.attempt else []
    parts += [f"elapsed {duration(project.elapsed_s)}"] if project.elapsed_s is not None else []
    name = Text(printable(project.name), style="bold")
    state = Text(project.state.value, style=f"bold {COLOURS[project.state]}")
    state.append("".join(_GAP + part for part in parts), style="not bold default")
    joined = Text(_GAP).join((name, state))
    return [joined] if name.cell_len + len(_GAP) + len(project.state.value) <= width else [name, state]


def _shots(shown: ShowReply, width: int) -> Iterator[str]:
    """The last shots of the film that is being extracted, as many as fit; else the totals of the extracted films."""
    if shown.in_work is not None:
        head = f"{count(shown.in_work.shots, 'shot')} so far"
        starts = [f"{shot.scene} at {clock(shot.start_s)}" for shot in shown.in_work.last_shots]
        while starts and cell_len(f"{head}; ... {', '.join(starts)}") > width:
            del starts[0]
        more = "... " if len(starts) < shown.in_work.shots else ""
        yield f"{head}; {more}{', '.join(starts)}" if starts else head
    elif shown.results is not None and shown.results.total_frames:
        yield _results(shown.results, shown.status)


def _results(results: ResultsFacts, status: ProjectStatus) -> str:
    n_shots = sum(film.shots for film in results.films)
    gave = f"{count(results.total_frames, 'image')} of {count(n_shots, 'shot')}"
    return f"{gave} in {printable(status.output_dir)}" if status.output_dir else gave


def _errors(shown: ShowReply) -> list[str]:
    """The last errors of attempts and films, the newest last, without those that the project's reasons have."""
    known = {*_messages(shown.status.reasons)}
    attempts = shown.job.attempts if shown.job else ()
    films = shown.results.films if shown.results else ()
    found = [(film.error, f"film {film.name}: {film.error}") for film in films if film.error]
    found += [(each.reason, _attempt_error(each)) for each in attempts if each.ended_at and each.code != _ENDED_WELL]
    lines = {message or line: line for message, line in found if message not in known}
    return [*lines.values()][-_MOST_ERRORS:]


def _messages(reasons: Iterable[Reason]) -> Iterator[str]:
    """The messages of extractors that these reasons contain."""
    for reason in reasons:
        match reason:
            case AttemptEnded(message=str(message)) | JobCancelled(message=str(message)):
                yield message
            case Requeued(after=AttemptEnded(message=str(message))) | Backoff(after=AttemptEnded(message=str(message))):
                yield message


def _attempt_error(attempt: AttemptFacts) -> str:
    at = f"{attempt.ended_at.astimezone():%H:%M:%S} " if attempt.ended_at is not None else ""
    code = "" if attempt.code is None else f"exit {attempt.code}"
    meaning = (
        exit_code_text(attempt.code) if attempt.code is not None else attempt.ending.value if attempt.ending else ""
    )
    why = ", ".join(part for part in (code, attempt.reason or meaning) if part)
    return f"{at}attempt {attempt.number}: {why}"


def _level(percent: float) -> str:
    return _LEVELS[min(int(percent / 100 * len(_LEVELS)), len(_LEVELS) - 1)]
