"""`framectl wait`: polls projects until each has ended, also across restarts of the daemon."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final

from frame_extractor.contract.quantities import count
from framed.ctl.client import CallFailed
from framed.ctl.output import notice, print_line
from framed.ctl.progress_bars import ProgressBars
from framed.ctl.reconnecting import ReconnectingClient
from framed.errors import Exit
from framed.protocol.documents import Waited
from framed.protocol.messages import ErrorCode, ProjectState, ProjectStatus, Status, StatusReply
from framed.settings.places import Places

POLL_S: Final = 0.5
_NOT_SUBMITTED: Final = (ProjectState.NEW, ProjectState.IGNORED)


_WORST_FIRST: Final = (Exit.FAILED, Exit.CANCELLED, Exit.NO_PROJECT)


def wait_for(
    places: Places,
    projects: tuple[str, ...],
    timeout_s: float | None,
    *,
    jobs: Mapping[str, str] | None = None,
    color: str = "auto",
    quiet: bool = False,
) -> Waited:
    """How the projects ended, or that the time was up. The worst end decides: failed, cancelled, no film, complete.

    A project with a job that is waited for ends as that job does: its id is in `jobs` (by project), or the job was seen
    running. Any other project ends in its own state. Each end is printed, unless `quiet`. Raises DaemonUnreachable only
    when the daemon cannot be reached at the start; later calls wait for it.
    """
    with ProgressBars(color) as bars:
        return _Wait(places, projects, jobs or {}, bars, quiet=quiet).run(timeout_s)


class _Wait:
    def __init__(
        self, places: Places, projects: tuple[str, ...], jobs: Mapping[str, str], bars: ProgressBars, *, quiet: bool
    ) -> None:
        self._client = ReconnectingClient(places, self._notice)
        self._projects = projects
        self._bars = bars
        self._quiet = quiet
        self._latest: dict[str, ProjectStatus] = {}
        self._awaited: dict[str, set[str]] = {name: {jobs[name]} if name in jobs else set() for name in projects}
        """Project -> ids of the jobs that are waited for."""
        self._ended: dict[str, Exit] = {}

    def run(self, timeout_s: float | None) -> Waited:
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            self._poll()
            if len(self._ended) == len(self._projects):
                worst = (each for each in _WORST_FIRST if each in self._ended.values())
                return self._result(next(worst, Exit.OK))
            if deadline is not None and time.monotonic() >= deadline:
                missing = ", ".join(
                    f"{each} ({self._progress_text(each)})" for each in self._projects if each not in self._ended
                )
                self._notice(f"time-out after {timeout_s:g} s; not ended yet: {missing}")
                return self._result(Exit.TIMED_OUT)
            time.sleep(POLL_S if deadline is None else min(POLL_S, max(0.0, deadline - time.monotonic())))

    def _poll(self) -> None:
        seen = self._status(tuple(name for name in self._projects if name not in self._ended))
        for project in seen:
            if project.job_id is not None and not project.state.is_terminal:
                self._awaited[project.name].add(project.job_id)
            if project.state in _NOT_SUBMITTED and not _is_empty(project) and project.name not in self._latest:
                why = project.reason or "it is not submitted"
                self._notice(f"{project.name} is {project.state.value} ({why}); waiting anyway")
            self._latest[project.name] = project
        for project in self._rescanned(tuple(each.name for each in seen if each.state.is_terminal or _is_empty(each))):
            self._latest[project.name] = project
            if _is_empty(project):
                self._ended[project.name] = Exit.NO_PROJECT
                self._notice(f"{project.name}: nothing to wait for: {project.reason or 'it has no film'}")
            elif project.state.is_terminal:
                end = self._end_of(project)
                self._ended[project.name] = _EXITS[end]
                self._bars.update((project,))
                if not self._quiet:
                    with self._bars.hidden():
                        print_line(_end_text(project, end))
        self._bars.update(each for name, each in self._latest.items() if name not in self._ended)

    def _status(self, projects: tuple[str, ...], *, rescan: bool = False) -> tuple[ProjectStatus, ...]:
        reply = self._client.call("status", Status(projects=projects, look=rescan), StatusReply)
        return reply.projects if reply is not None else ()

    def _rescanned(self, projects: tuple[str, ...]) -> tuple[ProjectStatus, ...]:
        """The status of projects that seem to have ended, after another scan: with a film that was just copied there
        is more to wait for. Empty while the disk does not answer.
        """
        if not projects:
            return ()
        try:
            return self._status(projects, rescan=True)
        except CallFailed as failed:
            if failed.code != ErrorCode.REFUSED:
                raise
            return ()

    def _notice(self, message: str) -> None:
        with self._bars.hidden():
            notice(message)

    def _result(self, exit_code: Exit) -> Waited:
        seen = tuple(self._latest[name] for name in self._projects if name in self._latest)
        return Waited(exit_code=exit_code, projects=seen)

    def _end_of(self, project: ProjectStatus) -> ProjectState:
        """That of the job that is waited for; a project whose films were extracted before is COMPLETE without one."""
        is_awaited = project.job_id in self._awaited[project.name]
        return ProjectState.CANCELLED if is_awaited and _was_cancelled(project) else project.state

    def _progress_text(self, name: str) -> str:
        project = self._latest.get(name)
        if project is None:
            return "unknown"
        if project.state is ProjectState.RUNNING:
            return f"RUNNING {int(project.progress * 100)}%"
        return str(project.state.value)


_EXITS: Final = {
    ProjectState.COMPLETE: Exit.OK,
    ProjectState.FAILED: Exit.FAILED,
    ProjectState.CANCELLED: Exit.CANCELLED,
}


def _is_empty(project: ProjectStatus) -> bool:
    """Whether it has no film and no job, so that nothing can end."""
    return project.state is ProjectState.NEW and project.job_id is None and not project.films


def _was_cancelled(project: ProjectStatus) -> bool:
    return project.job_state is ProjectState.CANCELLED


def _end_text(project: ProjectStatus, end: ProjectState) -> str:
    where = f" in {project.output_dir}" if project.output_dir and project.state is ProjectState.COMPLETE else ""
    images = f", {count(project.frames, 'image')}{where}" if project.frames else ""
    why = f"{'; ' if where else ': '}{project.reason}" if project.reason else ""
    return f"{project.name} {end.value}{images}{why}"
