"""Unexpected failures of framed itself: each is logged once, and reported to the user in one line."""

from __future__ import annotations

import logging
from typing import Final

from framed.log import fields
from framed.model.reasons import InternalFault

_log: Final = logging.getLogger(__name__)


class FaultLog:
    """The failures of one repeated task, by project; an empty name means all projects."""

    def __init__(self, task: str) -> None:
        """`task` completes the sentence `framed itself failed to ...`."""
        self._task = task
        self._recorded: dict[str, str] = {}

    def record(self, project: str, fault: Exception) -> InternalFault:
        """The fault as a reason. Logs the traceback, unless the project's last failure was the same."""
        what = f"{type(fault).__name__}: {fault}"
        if self._recorded.get(project) != what:
            self._recorded[project] = what
            _log.error("framed itself failed", exc_info=fault, extra=fields(to=self._task, project=project or None))
        return InternalFault(task=self._task, error=type(fault).__name__)

    def clear(self, project: str) -> None:
        """The task has succeeded; the next failure is logged again."""
        self._recorded.pop(project, None)
