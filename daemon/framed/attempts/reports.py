"""What attempts have reported: the progress of running ones, and the results that ended ones left.

Supervision records here; other parts read. Kept in memory only, because it can be read again from the attempts' files.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

from frame_extractor.contract.attempt import Progress
from framed.policy.retry import Consequence, Done, GiveUp, RetryAfter, StopCancelled
from framed.watching.scan import ResultsSummary

_CONSEQUENCE_NAMES: Final[Mapping[type[Consequence], str]] = {
    Done: "completed",
    GiveUp: "failed",
    StopCancelled: "cancelled",
    RetryAfter: "retried",
}
"""The label of each consequence in the metrics."""


class AttemptReports:
    """The newest report of each running attempt, and of the results each project's last attempt left."""

    def __init__(self) -> None:
        self._progress: dict[str, Progress] = {}
        self._results: dict[str, ResultsSummary] = {}
        self._n_ended = Counter(dict.fromkeys(_CONSEQUENCE_NAMES.values(), 0))

    def progress_of(self, job_id: str) -> Progress | None:
        """The newest progress of the job's running attempt; None when it has reported none, or none runs."""
        return self._progress.get(job_id)

    def results_of(self, project: str) -> ResultsSummary | None:
        """The project's results as they were when its last attempt ended; None when it left none."""
        return self._results.get(project)

    @property
    def n_ended(self) -> Mapping[str, int]:
        """Consequence -> how many attempts have ended with it since the daemon began; all consequences are there."""
        return self._n_ended

    def record_progress(self, job_id: str, progress: Progress) -> None:
        """The job's attempt runs, and this is its newest progress."""
        self._progress[job_id] = progress

    def clear_progress(self, job_id: str) -> None:
        """No attempt of the job is observed any more."""
        self._progress.pop(job_id, None)

    def record_results(self, project: str, results: ResultsSummary) -> None:
        """An attempt of the project has ended and left these results."""
        self._results[project] = results

    def record_end(self, consequence: Consequence) -> None:
        """An attempt has ended with this consequence."""
        self._n_ended[_CONSEQUENCE_NAMES[type(consequence)]] += 1
