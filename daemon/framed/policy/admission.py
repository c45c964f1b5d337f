"""Which films are extracted automatically, and why the others are not. Pure."""

from __future__ import annotations

import fnmatch
import functools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from frame_extractor.contract.answers import Probe
from framed.model.reasons import IgnoredBecause, PatternOfName, TooShort, WordInName
from framed.settings.config import WatchSettings

AUTO_WORDS: Final = ("sample", "samples", "trailer", "trailers")
"""Words of names that `ignore: auto` ignores, unless the project has no other films."""
PROBE_AGAIN_S: Final = 10.0
"""How often a film that could not be opened is probed again, until it is given up."""


@dataclass(frozen=True)
class ProbeFailed:
    """A probe of a film has failed."""

    reason: str
    """One line for a person."""
    at_s: float
    """Monotonic; when it ended."""


@dataclass(frozen=True)
class Decided:
    """It is extracted, or was given up or cancelled: it is not submitted automatically."""


@dataclass(frozen=True)
class Changing:
    """It is still being written."""


@dataclass(frozen=True)
class Ignored:
    """It is extracted only when a user submits its project by name."""

    because: IgnoredBecause


@dataclass(frozen=True)
class Unprobed:
    """It is unchanged, and not probed yet."""


@dataclass(frozen=True)
class Unreadable:
    """It is unchanged, and could not be opened: it may be incomplete."""

    error: str
    given_up_in_s: float


@dataclass(frozen=True)
class Ready:
    """To be extracted."""

    open_error: str | None = None
    """Why it could not be opened; it is extracted nevertheless, and the extractor decides."""


FilmStatus = Decided | Changing | Ignored | Unprobed | Unreadable | Ready


def film_status(
    *,
    is_decided: bool,
    ignored_because: IgnoredBecause | None,
    unchanged_s: float | None,
    probe_result: Probe | ProbeFailed | None,
    settings: WatchSettings,
) -> FilmStatus:
    """`ignored_because`: for its name. `unchanged_s`: None while it is being written. `probe_result`: the last one."""
    if is_decided:
        return Decided()
    if ignored_because is not None:
        return Ignored(ignored_because)
    if unchanged_s is None:
        return Changing()
    match probe_result:
        case None:
            return Unprobed()
        case Probe(duration_s=duration_s) if 0 < duration_s < settings.min_duration_s:
            return Ignored(TooShort(duration_s=duration_s, min_duration_s=settings.min_duration_s))
        case Probe():
            return Ready()
        case ProbeFailed(reason=reason) if unchanged_s >= settings.give_up_s:
            return Ready(open_error=reason)
        case ProbeFailed(reason=reason):
            return Unreadable(reason, settings.give_up_s - unchanged_s)


def ignored_by_name(
    names: Iterable[str], ignore: Literal["auto"] | tuple[str, ...], extracted: Iterable[str] = ()
) -> Mapping[str, IgnoredBecause]:
    """Of a project's films those that are ignored for their names, and why.

    `names` are relative to the project's folder. A word is matched where it stands by itself between characters that
    are no letters, in the name without its extension; what has *, ? or [ is a glob over the whole name, or over the
    file's alone. Upper and lower case are the same. With `auto` a project of nothing but samples and trailers keeps
    them: they are what its owner made it for. `extracted` are names of films that may have been deleted since, and were
    in the project all the same.
    """
    patterns = AUTO_WORDS if ignore == "auto" else ignore
    ignored: dict[str, IgnoredBecause] = {}
    has_others = False
    for name in names:
        if (why := _why_ignored(name, patterns)) is not None:
            ignored[name] = why
        else:
            has_others = True
    if ignore == "auto" and not has_others and all(_why_ignored(name, patterns) is not None for name in extracted):
        return {}
    return ignored


def _why_ignored(name: str, patterns: Iterable[str]) -> IgnoredBecause | None:
    folded = name.casefold()
    for pattern in patterns:
        if not _is_glob(pattern):
            if _word(pattern).search(name.rpartition(".")[0]):
                return WordInName(word=pattern)
        elif any(fnmatch.fnmatchcase(each, pattern.casefold()) for each in (folded, folded.rpartition("/")[2])):
            return PatternOfName(pattern=pattern)
    return None


def _is_glob(pattern: str) -> bool:
    return any(char in pattern for char in "*?[")


@functools.cache
def _word(word: str) -> re.Pattern[str]:
    letter = r"[^\W\d_]"
    return re.compile(f"(?<!{letter}){re.escape(word)}(?!{letter})", re.IGNORECASE)
