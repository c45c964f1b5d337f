"""Faults of framed itself, contained: the log has each once, and people read that there is one."""

from __future__ import annotations

import logging
from typing import Final

from framed.log import fields

_log: Final = logging.getLogger(__name__)


class FaultLog:
    """What has failed of one task that is done again and again: for each project, or for all (an empty name)."""

    def __init__(self, task: str) -> None:
        """`task` goes on after `framed itself failed to`."""
        self._task = task
        self._recorded: dict[str, str] = {}

    def record(self, project: str, fault: Exception) -> str:
        """One line for a person; the log has all of it, unless the last fault with the same project was the same."""
        what = f"{type(fault).__name__}: {fault}"
        if self._recorded.get(project) != what:
            self._recorded[project] = what
            _log.error("framed itself failed", exc_info=fault, extra=fields(to=self._task, project=project or None))
        return f"framed itself failed to {self._task} ({type(fault).__name__}); its log says why"

    def clear(self, project: str) -> None:
        """It has gone well; the next fault is told again."""
        self._recorded.pop(project, None)
