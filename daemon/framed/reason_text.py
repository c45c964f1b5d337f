"""Renders `model.reasons` as text for people; the only place that does. Pure. Nothing reads the text to decide."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, assert_never

from frame_extractor.contract.quantities import count
from framed.errors import SettingsError, listed
from framed.model import reasons as r
from framed.model.film_names import MOST_DEPTH, MOST_ENTRIES, MOST_FOLDERS
from framed.model.job import ending_text

MB: Final = 1_000_000
GB: Final = 1_000_000_000


def reasons_text(reasons: Iterable[r.Reason], project: str = "PROJECT") -> str:
    """All of them in one line for a person, in this order. `project` is for the suggested commands."""
    parts: list[str] = []
    is_settling = False
    for reason in reasons:
        match reason:
            case r.Requeued(after=after) if parts:
                parts[-1] += f" (after: {reason_text(after)})"
            case r.Settling() | r.ProbePending() | r.Unreadable(given_up_in_s=int()):
                parts.append(_settling_text(reason) if is_settling else reason_text(reason))
                is_settling = True
            case _:
                parts.append(reason_text(reason, project))
    return "; ".join(parts)


def reason_text(reason: r.Reason, project: str = "PROJECT") -> str:  # noqa: C901, PLR0912 -- one line for each
    """One line for a person."""
    match reason:
        case r.Starting():
            return "starting"
        case r.Draining():
            return "draining: no job is started until `framectl undrain`"
        case r.OutsideHours(opens_at=opens_at, opens_in_s=opens_in_s):
            return f"outside its hours: continues at {opens_at}, in {_minutes(opens_in_s)}"
        case r.DiskLow():
            return _disk_low_text(reason)
        case r.DiskPending():
            return "measuring the free space on its disk"
        case r.AwaitingMemory(needed_bytes=needed, available_bytes=available):
            # Rounded away from each other, so that nobody reads "3.5 free, needs 3.5".
            return f"memory low: {available // (GB // 10) / 10:g} GB free, needs {-(-needed // (GB // 10)) / 10:g}"
        case r.AwaitingPlace(running=running, max_active=most):
            return f"waiting for a place: {running} of {most} projects running"
        case r.AwaitingSlots(workers=workers, used=used, total=total):
            return f"waiting for {count(workers, 'worker')}: {used} of {total} in use"
        case r.AwaitingFolder(project=other):
            return f"waiting for project {other}, which writes into the same folder"
        case r.AttemptEnded(ending=ending, exit_code=code, message=message):
            return ending_text(ending, code, message)
        case r.Requeued(after=after):
            return reason_text(after)
        case r.Backoff(retry_in_s=retry_in_s, after=after):
            return f"retry in {retry_in_s} s after {reason_text(after) if after else 'a failed attempt'}"
        case r.Paused():
            return _paused_text(reason)
        case r.Stalled(still_s=still_s):
            return f"no progress for {_rough(still_s)}"
        case r.Cancelling():
            return "being cancelled"
        case r.Replacing():
            return "being cancelled; then it starts again with other settings"
        case r.JobCancelled():
            return _cancelled_text(reason)
        case r.ScanPending():
            return "scanning for films"
        case r.RawVideosUnavailable(folder=folder, error=error):
            return f"{folder} cannot be read: {error}" if error else f"{folder} is empty, or its disk is not mounted"
        case r.NoFilms():
            return "no film in it"
        case r.Unreadable(film=film, given_up_in_s=None):
            return f"{film} {unreadable_text(reason)}"
        case r.Settling() | r.ProbePending() | r.Unreadable():
            return f"settling: {_settling_text(reason)}"
        case r.FilmsIgnored():
            return _ignored_text(reason, project)
        case r.FilmsFailed(films=films):
            return f"{count(len(films), 'film')} of the project failed: {listed(films)}"
        case r.FilmTimeLost(lost_s=lost_s):
            return f"{lost_s:.1f} s of film are damaged or missing, see failed_ranges in its results"
        case r.ImagesMissing(films=films):
            return f"the images of {listed(films)} are gone; framectl submit {shlex.quote(project)} extracts them again"
        case r.ResultsMissing(is_cleaned=is_cleaned):
            happened = "cleaned" if is_cleaned else "its results are gone"
            return f"{happened}; framectl submit {shlex.quote(project)} extracts it again"
        case r.FilmsReplaced(films=films, images=images):
            still = f"frames/ still has {count(images, 'image')} of an earlier {listed(films)}"
            them = "them" if images != 1 else "it"
            return f"{still}; framectl clean {shlex.quote(project)} --replaced deletes {them}"
        case r.BetterDefaults():
            submit = f"framectl submit {shlex.quote(project)}"
            return f"chosen with earlier defaults; {submit} chooses better ones; `selection: even` hides this note"
        case r.FilesSkipped():
            return "; ".join(skipped_lines(reason))
        case r.SettingsInvalid(file=file, line=line, key=key, message=message):
            return str(SettingsError(Path(file) if file else None, key or "", message, line))
        case r.OutputUnavailable(folder=folder, message=message):
            return f"the images would go to {folder}: {message}"
        case r.FolderUnreadable(folder=folder, error=error):
            return f"{folder} cannot be read: {error}"
        case r.DiskUnresponsive(path=path):
            return f"{path} does not answer; is its disk there?"
        case r.SettingIneffective(message=message):
            return message
        case r.InternalFault(task=task, error=error):
            return f"framed itself failed to {task} ({error}); see framed.log"
        case _:
            assert_never(reason)


def unreadable_text(reason: r.Unreadable) -> str:
    """Beside the name of the film."""
    if reason.given_up_in_s is None:
        return f"cannot be opened ({reason.error})"
    return f"cannot be opened yet ({reason.error}); given up in {reason.given_up_in_s} s"


def because_text(because: r.IgnoredBecause) -> str:
    """Why a film is ignored, beside its name."""
    match because:
        case r.WordInName(word=word):
            return f"its name has the word {word}"
        case r.PatternOfName(pattern=pattern):
            return f"its name fits {pattern}"
        case r.TooShort(duration_s=duration_s, min_duration_s=least_s):
            return f"it is {duration_s:.1f} s long, less than watch.min_duration_s {least_s:g}"


def skipped_lines(skipped: r.FilesSkipped) -> tuple[str, ...]:
    """What was skipped and what a person can do about it, a line each."""
    return tuple(_skipped_lines(skipped))


def _skipped_lines(skipped: r.FilesSkipped) -> Iterator[str]:
    if n := skipped.in_subfolders:
        yield f"{count(n, 'film')} in subfolders {_are(n)} skipped; set watch.subfolders: true"
    if n := skipped.other_videos:
        which = f" ({skipped.other_video}{' and others' * (n > 1)})" if skipped.other_video else ""
        yield f"{count(n, 'video')} of other formats{which} {_are(n)} skipped; convert to .mkv or .mp4"
    if n := skipped.not_utf8:
        yield f"{count(n, 'name')} {_are(n)} not UTF-8, and skipped; rename"
    if n := skipped.broken_links:
        yield f"{count(n, 'link')} to a film {_are(n)} broken"
    if n := skipped.unreadable_folders:
        yield f"{count(n, 'subfolder')} cannot be read"
    if n := skipped.too_deep_folders:
        yield f"{count(n, 'folder')} more than {MOST_DEPTH} deep {_are(n)} skipped"
    if skipped.is_cut_off:
        yield (
            f"more than {MOST_ENTRIES:,} files or {MOST_FOLDERS:,} folders; the others are not read and films may be "
            "missing; split it into several projects"
        )


def _disk_low_text(low: r.DiskLow) -> str:
    needed, free = low.needed_bytes, max(0, low.free_bytes)
    unit, name = (GB // 10, "GB") if needed >= GB else (MB, "MB")
    scale = 10 if unit == GB // 10 else 1
    # Rounded away from each other, so that nobody reads "needs 3.5, 3.5 free".
    text = f"disk low: needs {-(-needed // unit) / scale:g} {name}, {free // unit / scale:g} free"
    if low.measured_s_ago is None:
        return text
    return f"{text} ({low.measured_s_ago} s ago; the disk does not answer)"


def _paused_text(paused: r.Paused) -> str:
    match paused.phase:
        case r.PausePhase.BEFORE_START:
            return "before its first attempt"
        case r.PausePhase.BETWEEN_ATTEMPTS:
            return "between two attempts"
        case r.PausePhase.WORKERS_STOPPING:
            return f"{count(paused.workers, 'worker')} still to stop"
        case r.PausePhase.SLOTS_RELEASED:
            return "its slots are free for others"


def _cancelled_text(cancelled: r.JobCancelled) -> str:
    why = "on request" if cancelled.on_request else cancelled.message
    if cancelled.is_extracted:
        return f"its last job was cancelled{f' ({why})' if why else ''}; all of its films are extracted"
    return why or "its extractor was ended by hand"


def _ignored_text(ignored: r.FilmsIgnored, project: str) -> str:
    others, them = (f" and {ignored.others} more are", "them") if ignored.others else (" is", "it")
    why = f"{ignored.film}{others} ignored: {because_text(ignored.because)}"
    return f"{why}; framectl submit {shlex.quote(project)} extracts {them} all the same"


def _settling_text(reason: r.Settling | r.ProbePending | r.Unreadable) -> str:
    match reason:
        case r.Settling(film=film, unchanged_s=unchanged_s):
            return f"{film} unchanged for {unchanged_s} s"
        case r.ProbePending(films=films):
            return f"{listed(films)} {_are(len(films))} about to be opened"
        case r.Unreadable(film=film):
            return f"{film} {unreadable_text(reason)}"


def _are(number: int) -> str:
    return "is" if number == 1 else "are"


def _minutes(seconds: int) -> str:
    minutes = seconds // 60
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"


def _rough(seconds: int) -> str:
    if seconds < 60:
        return f"{seconds} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
