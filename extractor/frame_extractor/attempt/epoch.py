"""Which attempt an output folder belongs to: the one of the highest number that has begun. See docs/decisions/0016.

An attempt begins when it makes its started record, under the folder's lock, and no two can make the same. From then on
those before it are superseded: they check this before every change, and end. That works where there are no locks, and
where the lock file was deleted.
"""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path
from typing import Final

import msgspec

from frame_extractor.attempt import records
from frame_extractor.attempt.failures import Superseded
from frame_extractor.contract.attempt import AttemptSpec, StartedRecord
from frame_extractor.contract.durable import sync_folder
from frame_extractor.contract.layout import OutputLayout
from frame_extractor.contract.process import this_process

KEPT_RECORDS: Final = 20
"""Attempts of a folder whose records are kept, for people and for `framed start --recover`."""
_RECORD: Final = re.compile(r"attempt-(\d+)\.(?:spec|started|exit)\.json")
_STARTED: Final = re.compile(r"attempt-(\d+)\.started\.json")


class Epoch:
    """One attempt's right to change the output folder: acquired once, by `begin`, and lost when a newer one begins."""

    def __init__(self, layout: OutputLayout, number: int) -> None:
        self._control = layout.control
        self.number = number

    @classmethod
    def begin(cls, spec: AttemptSpec) -> Epoch:
        """The folder is this attempt's. Hold the folder's lock, where there is one.

        Raises Superseded for an attempt that is too late, or begins a second time; it has then changed nothing.
        """
        epoch = cls(spec.layout, spec.attempt)
        epoch.require()
        record = StartedRecord(
            job_id=spec.job_id, attempt=spec.attempt, process=this_process(), started_at=records.now()
        )
        path = spec.layout.started(spec.attempt)
        try:
            file = path.open("xb")
        except FileExistsError:
            raise Superseded(spec.layout.folder, spec.attempt) from None
        try:
            with file:
                file.write(msgspec.json.encode(record) + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            path.unlink(missing_ok=True)
            raise
        sync_folder(spec.layout.control)
        epoch.require()
        _prune(spec.layout, spec.attempt)
        return epoch

    @property
    def is_over(self) -> bool:
        """Whether a newer attempt has begun."""
        return self._newest() > self.number

    def require(self) -> None:
        """Before every change outside the attempt's own folder in `temp/`. Raises Superseded."""
        newest = self._newest()
        if newest > self.number:
            raise Superseded(self._control.parent, newest)

    def _newest(self) -> int:
        # Called for every image, so it must be fast: most names are excluded by their ends.
        started = (name for name in _names(self._control) if name.endswith(".started.json"))
        return max((int(found[1]) for name in started if (found := _STARTED.fullmatch(name))), default=0)


def _prune(layout: OutputLayout, number: int) -> None:
    """Records of old attempts are deleted; those of the newest stay, so that numbers keep growing."""
    for name in _names(layout.control):
        if (found := _RECORD.fullmatch(name)) and int(found[1]) <= number - KEPT_RECORDS:
            with contextlib.suppress(OSError):
                Path(layout.control, name).unlink()


def _names(control: Path) -> list[str]:
    try:
        return os.listdir(control)
    except OSError:
        return []
