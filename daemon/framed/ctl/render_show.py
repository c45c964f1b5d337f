"""`framectl show` as lines of text. Pure."""

from __future__ import annotations

from datetime import datetime

import click

from frame_extractor.contract.attempt import ShotStart
from frame_extractor.contract.quantities import count, left_out, size
from framed.ctl.layout import aligned, fitted
from framed.ctl.render import COLOURS, clock, duration
from framed.ctl.setting_text import written
from framed.ctl.terminal import Terminal
from framed.model.job import exit_code_text
from framed.model.reasons import FilesSkipped, Reason, SettingIneffective
from framed.printable import printable
from framed.protocol.messages import ProjectStatus
from framed.protocol.queries import (
    AttemptFacts,
    FilmFacts,
    FilmInWork,
    FilmResultFacts,
    JobFacts,
    SettingFacts,
    ShowReply,
)


def show_lines(reply: ShowReply, terminal: Terminal) -> list[str]:
    """Its status, then settings, films, attempts and results; empty parts are left out."""
    lines = _head(reply, terminal)
    for title, rows in (
        ("settings", [_setting(each) for each in reply.settings] or [[reply.settings_error]]),
        (_films_title(reply), [_film(each, reply) for each in reply.films]),
        (_job_title(reply.job), [_attempt(each, reply.status) for each in reply.job.attempts] if reply.job else []),
        (_in_work_title(reply.in_work), [_shot(each) for each in reply.in_work.last_shots] if reply.in_work else []),
        ("files", _files(reply)),
    ):
        if rows:
            heading = aligned([[title]], terminal, indent="  ")
            lines += ["", *(click.style(each, bold=True) if terminal.colour else each for each in heading)]
            lines += aligned(rows, terminal)
    return lines


def _head(reply: ShowReply, terminal: Terminal) -> list[str]:
    status = reply.status
    parts = [f"{int(status.progress * 100)}%"] if status.job_id else []
    parts += [count(status.frames, "image")] if status.frames else []
    parts += [f"{status.removed:,} removed by you"] if status.removed else []
    parts += [_workers(status.workers)] if status.workers else []
    parts += [f"elapsed {duration(status.elapsed_s)}"] if status.elapsed_s is not None else []
    parts += [f"ETA {duration(status.eta_s)}"] if status.eta_s is not None else []
    parts += [f"attempt {status.attempt} of {status.max_attempts}"] if status.attempt else []
    name, word = printable(status.name), status.state.value
    first, *others = fitted([f"{name} {word}", *parts], terminal.width)
    at = len(name) + 1
    if terminal.colour and first[at : at + len(word)] == word:
        first = f"{first[:at]}{click.style(word, fg=COLOURS[status.state])}{first[at + len(word) :]}"
    # The reasons have either all notes or none.
    notes = () if _has_reason(status, FilesSkipped, SettingIneffective) else reply.notes
    return [first, *others, *aligned([[line] for line in (status.reason, *notes) if line], terminal, indent="  ")]


def _has_reason(status: ProjectStatus, *kinds: type[Reason]) -> bool:
    return any(isinstance(each, kinds) for each in status.reasons)


def _setting(setting: SettingFacts) -> list[str]:
    key, value = written(setting.name, setting.value)
    row = [key, value, setting.origin]
    if setting.job_value is not None and setting.job_value != setting.value:
        row[2] = f"{setting.origin}; the job has {written(setting.name, setting.job_value)[1]}"
    return row


def _films_title(reply: ShowReply) -> str:
    return count(len(reply.films), "film")


def _film(film: FilmFacts, reply: ShowReply) -> list[str]:
    results = reply.results.films if reply.results else ()
    known = next((each for each in results if each.fingerprint == film.fingerprint), None)
    return [film.name, film.state.value, size(film.size_bytes), _film_text(known, film.removed) or film.reason]


def _film_text(film: FilmResultFacts | None, n_removed: int) -> str:
    """`n_removed`: images of it that are removed now; the results may still have an older number."""
    if film is None:
        return ""
    if film.error:
        return film.error
    n_images = film.images + film.removed - n_removed
    made = f"{count(n_images, 'image')}, "
    made += f"{n_removed:,} removed by you, " if n_removed else ""
    made += count(film.shots, "shot")
    if film.rejected:
        made += f", {left_out(film.rejected)}"
    return f"{made}, {duration(film.duration_s)} long, extracted in {duration(film.wall_s)}"


def _job_title(job: JobFacts | None) -> str:
    if job is None:
        return ""
    by = "by hand" if job.by == "user" else "automatically"
    forced = ", with --force" * job.force + ", with --restore" * job.restore
    return f"job {job.id}, submitted {by} {_local(job.submitted_at)}{forced}"


def _attempt(attempt: AttemptFacts, status: ProjectStatus) -> list[str]:
    """Numbered by counted attempts: one that is not counted has the number of the one before."""
    of = f" of {status.max_attempts}" if status.max_attempts else ""
    row = [f"attempt {attempt.ordinal}{of}", _local(attempt.started_at), _workers(attempt.workers)]
    files = f"files attempt-{attempt.number}.*" if attempt.number != attempt.ordinal else ""
    if attempt.ending is None:
        return [*row, ", ".join(part for part in ("running", files) if part)]
    code = "" if attempt.code is None else f"exit {attempt.code}"
    words = attempt.reason or (exit_code_text(attempt.code) if attempt.code is not None else attempt.ending.value)
    took = f"after {duration(attempt.wall_s)}" if attempt.wall_s else ""
    return [*row, ", ".join(part for part in (code, words, took, files) if part)]


def _in_work_title(film: FilmInWork | None) -> str:
    if film is None:
        return ""
    shots = f"{count(film.shots, 'shot')} so far"
    last = f", the last {len(film.last_shots)}" if film.shots > len(film.last_shots) else ""
    return f"{shots} of {film.name}{last}"


def _shot(shot: ShotStart) -> list[str]:
    return [f"shot {shot.scene}", f"from {clock(shot.start_s)}"]


def _workers(number: int) -> str:
    return count(number, "worker")


def _files(reply: ShowReply) -> list[list[str]]:
    rows = [["images", reply.status.output_dir or ""], ["log", reply.status.log or ""]]
    if reply.results is not None:
        rows += [["results", reply.results.path], ["manifest", reply.results.manifest]]
    if reply.status.session:
        rows += [["session", f"{reply.status.session} (framectl attach)"]]
    return [row for row in rows if row[1]]


def _local(moment: datetime) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")
