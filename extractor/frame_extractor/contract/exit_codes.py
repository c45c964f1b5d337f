"""How an extractor ends: its exit codes."""

from __future__ import annotations

import enum


class ExitCode(enum.IntEnum):
    """How an extractor ended. From sysexits.h where it has a word for it."""

    DONE = 0
    """Every film is extracted, or was already."""
    USAGE = 64
    """The command line makes no sense. Not retried."""
    NOT_A_FILM = 65
    """At least one film cannot be decoded, and the others are done. Not retried."""
    TOO_MUCH_FAILED = 66
    """More of a film than `max_failed_fraction` could not be decoded. Not retried."""
    INTERNAL = 70
    """A fault in the extractor itself. Retried."""
    OUTPUT_NOT_MADE = 73
    """The output folder cannot be created. Retried."""
    OUTPUT_NOT_WRITTEN = 74
    """Writing or reading failed on its way to the disk. Retried."""
    DISK_FULL = 75
    """No space left. Retried when there is some; the attempt is not counted."""
    SUPERSEDED = 76
    """A newer attempt works in the same folder; this one changed nothing. Nothing to do."""
    NOT_PERMITTED = 77
    """This user is not permitted to write the output. Retried."""
    BAD_SETTINGS = 78
    """The specification or a settings file is wrong. Not retried."""
    FILM_CHANGED = 79
    """A film was written to, replaced or deleted while it was read. Retried; the attempt is not counted."""
    INTERRUPTED = 130
    """Ctrl-C, or SIGINT from another process. Not retried: a person ended it."""
    TERMINATED = 143
    """SIGTERM or SIGHUP; the attempt ended in order."""
