"""The verbs that hold work back and let it go: `pause`, `resume`, `drain`, `undrain`; and `reload`."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import Final, TypeVar

from framed.attempts.dispatch import Dispatcher
from framed.control.bounded_disk import BoundedDisk
from framed.control.changes import named
from framed.control.idempotency import Keep
from framed.model.job import Cancelled, Failed, Job, Running
from framed.policy.lifecycle import Event, PauseRequested, ResumeRequested
from framed.protocol.messages import (
    Drain,
    DrainReply,
    Pause,
    PauseOutcome,
    PauseReply,
    Reload,
    ReloadReply,
    Resume,
    ResumeReply,
    Undrain,
)
from framed.settings.live_settings import LiveSettings
from framed.state.ledger import Change, Ledger

Reply = TypeVar("Reply", PauseReply, ResumeReply)

_NOTHING_OPEN: Final = "nothing of it is queued or running"


class Steering:
    """One method for each verb, named for it. Each is durable before it is answered."""

    def __init__(self, *, ledger: Ledger, dispatcher: Dispatcher, settings: LiveSettings, disk: BoundedDisk) -> None:
        self._ledger = ledger
        self._dispatcher = dispatcher
        self._settings = settings
        self._disk = disk

    async def pause(self, params: Pause, keep: Keep) -> PauseReply:
        """Answered before the workers have parked."""
        names = await self._meant(params, lambda _job: True)
        return await self._changed(names, PauseRequested(), PauseReply, keep)

    async def resume(self, params: Resume, keep: Keep) -> ResumeReply:
        """Answered before they are at work again, which may take until there is a place."""
        names = await self._meant(params, lambda job: job.paused)
        return await self._changed(names, ResumeRequested(), ResumeReply, keep)

    async def drain(self, params: Drain, keep: Keep) -> DrainReply:  # noqa: ARG002 -- every verb takes its params
        return await self._set_draining(keep, draining=True)

    async def undrain(self, params: Undrain, keep: Keep) -> DrainReply:  # noqa: ARG002 -- every verb takes its params
        return await self._set_draining(keep, draining=False)

    async def reload(self, params: Reload) -> ReloadReply:  # noqa: ARG002 -- every verb takes its params
        """Raises SettingsError; what held before holds on then, and `status` tells of it."""
        reloaded = await self._settings.reload()
        return ReloadReply(changed=reloaded.changed, need_restart=reloaded.need_restart)

    async def _meant(self, params: Pause | Resume, is_meant: Callable[[Job], bool]) -> tuple[str, ...]:
        return await self._disk.known(
            named(params, lambda: [job.project for job in self._ledger.open_jobs() if is_meant(job)])
        )

    async def _changed(
        self, names: tuple[str, ...], event: PauseRequested | ResumeRequested, kind: type[Reply], keep: Keep
    ) -> Reply:
        """What became of each, once it is on the disk."""
        rests = self._dispatcher.run_blocked()
        reply = kind(outcomes=())

        def decision() -> Change:
            nonlocal reply
            latest = [(name, self._ledger.latest(name)) for name in names]
            reply = kind(
                outcomes=tuple(_outcome(name, job, event, rests.get(job.id, "") if job else "") for name, job in latest)
            )
            events: dict[str, Event] = {job.id: event for _, job in latest if job is not None and _heeds(job, event)}
            return Change(events=events, answer=lambda _jobs: keep(reply))

        await self._ledger.decide(decision)
        return reply

    async def _set_draining(self, keep: Keep, *, draining: bool) -> DrainReply:
        reply = DrainReply(draining=draining, running=(), waiting=(), message="")

        def decision() -> Change:
            nonlocal reply
            jobs = self._ledger.open_jobs()
            reply = DrainReply(
                draining=draining,
                running=tuple(job.project for job in jobs if isinstance(job.state, Running)),
                waiting=tuple(job.project for job in jobs if not isinstance(job.state, Running)),
                message=_draining_words(was=self._ledger.is_draining, draining=draining),
            )
            return Change(draining=draining, answer=lambda _jobs: keep(reply))

        await self._ledger.decide(decision)
        return reply


def _heeds(job: Job, event: PauseRequested | ResumeRequested) -> bool:
    """Whether the event makes a difference to the job."""
    return not job.is_over and job.paused != isinstance(event, PauseRequested) and not _is_ending(job)


def _is_ending(job: Job) -> bool:
    return isinstance(job.state, Running) and job.state.cancelling


def _outcome(name: str, job: Job | None, event: PauseRequested | ResumeRequested, rests_for: str) -> PauseOutcome:
    """`rests_for`: why it may not be at work whether it is paused or not; empty when it may."""
    pausing = isinstance(event, PauseRequested)
    if job is None or job.is_over:
        message = _over_words(job) if job is not None and not pausing else _NOTHING_OPEN
        return PauseOutcome(project=name, paused=False, message=message)
    if _is_ending(job):
        return PauseOutcome(project=name, paused=False, message="is being cancelled")
    if job.paused == pausing:
        by_itself = f"rests by itself and cannot be resumed: {rests_for}" if rests_for else "is not paused"
        return PauseOutcome(project=name, paused=pausing, message="already paused" if pausing else by_itself)
    if not pausing and rests_for:
        message = f"no longer paused, but rests by itself: {rests_for}"
    elif not pausing:
        message = "goes on" if isinstance(job.state, Running) else "queued again"
    elif isinstance(job.state, Running):
        message = "paused; its workers stop when they have done their chunks"
    else:
        message = "paused; it does not start until it is resumed"
    return PauseOutcome(project=name, paused=pausing, message=message)


def _over_words(job: Job) -> str:
    """Of a job that has ended and is asked to go on: what makes a new one of it."""
    match job.state:
        case Cancelled():
            ended = "was cancelled"
        case Failed():
            ended = "has failed"
        case _:
            return _NOTHING_OPEN
    return f"{ended}, which cannot be resumed; framectl retry {shlex.quote(job.project)} extracts it again"


def _draining_words(*, was: bool, draining: bool) -> str:
    if was == draining:
        return "already draining" if draining else "was not draining"
    return "draining: what runs is finished, nothing is started" if draining else "no longer draining"
