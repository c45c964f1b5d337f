"""The verbs that hold work back and let it go: `pause`, `resume`, `drain`, `undrain`; and `reload`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Final

import anyio
import msgspec

from framed.control.disk import Disk
from framed.control.handlers import ProjectsNotSaid
from framed.control.messages import (
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
from framed.errors import Refused
from framed.ledger import Ledger
from framed.live_settings import LiveSettings
from framed.model.job import Job, Running
from framed.policy.lifecycle import Event, IllegalEvent, PauseAsked, ResumeAsked

_TRIES: Final = 5
"""A job may end between being looked at and being changed; then all are looked at again."""


class Steering:
    """One method for each verb, named for it. Each is durable before it is answered."""

    def __init__(self, *, ledger: Ledger, settings: LiveSettings, disk: Disk) -> None:
        self._ledger = ledger
        self._settings = settings
        self._disk = disk
        self._changing = anyio.Lock()

    async def pause(self, params: Pause) -> PauseReply:
        """Answered before the workers have parked."""
        async with self._changing:
            if (answered := await self._ledger.reply(params.key)) is not None:
                return msgspec.json.decode(answered, type=PauseReply)
            names = await self._named(params, lambda _job: True)
            return PauseReply(outcomes=await self._changed(names, PauseAsked(), params.key))

    async def resume(self, params: Resume) -> ResumeReply:
        """Answered before they are at work again, which may take until there is a place."""
        async with self._changing:
            if (answered := await self._ledger.reply(params.key)) is not None:
                return msgspec.json.decode(answered, type=ResumeReply)
            names = await self._named(params, lambda job: job.paused)
            return ResumeReply(outcomes=await self._changed(names, ResumeAsked(), params.key))

    async def drain(self, params: Drain) -> DrainReply:
        return await self._set_draining(params.key, draining=True)

    async def undrain(self, params: Undrain) -> DrainReply:
        return await self._set_draining(params.key, draining=False)

    async def reload(self, params: Reload) -> ReloadReply:  # noqa: ARG002 -- every verb takes its params
        """Raises SettingsError; what held before holds on then, and `status` tells of it."""
        reloaded = await self._settings.reload()
        return ReloadReply(changed=reloaded.changed, need_restart=reloaded.need_restart)

    async def _named(self, params: Pause | Resume, is_meant: Callable[[Job], bool]) -> tuple[str, ...]:
        if bool(params.projects) == params.every:
            raise ProjectsNotSaid
        if params.every:
            return tuple(job.project for job in self._ledger.open_jobs() if is_meant(job))
        return await self._disk.known(params.projects)

    async def _changed(
        self, names: tuple[str, ...], event: PauseAsked | ResumeAsked, key: str
    ) -> tuple[PauseOutcome, ...]:
        """What became of each, once it is on the disk."""
        kind = PauseReply if isinstance(event, PauseAsked) else ResumeReply
        for _ in range(_TRIES):
            latest = [(name, self._ledger.latest(name)) for name in names]
            outcomes = tuple(_outcome(name, job, event) for name, job in latest)
            events: dict[str, Event] = {job.id: event for _, job in latest if job is not None and _heeds(job, event)}
            encoded = msgspec.json.encode(kind(outcomes=outcomes))
            try:
                await self._ledger.commit(events, answer=functools.partial(_keyed, key, encoded))
            except IllegalEvent:
                continue
            return outcomes
        raise Refused("the jobs change faster than they can be asked to; try again")

    async def _set_draining(self, key: str, *, draining: bool) -> DrainReply:
        async with self._changing:
            if (answered := await self._ledger.reply(key)) is not None:
                return msgspec.json.decode(answered, type=DrainReply)
            jobs = self._ledger.open_jobs()
            reply = DrainReply(
                draining=draining,
                running=tuple(job.project for job in jobs if isinstance(job.state, Running)),
                waiting=tuple(job.project for job in jobs if not isinstance(job.state, Running)),
                message=_draining_words(was=self._ledger.is_draining, draining=draining),
            )
            await self._ledger.set_draining(draining=draining, reply=(key, msgspec.json.encode(reply)))
            return reply


def _keyed(key: str, answer: bytes, _jobs: Mapping[str, Job]) -> tuple[str, bytes]:
    return key, answer


def _heeds(job: Job, event: PauseAsked | ResumeAsked) -> bool:
    """Whether the event makes a difference to the job."""
    return not job.is_over and job.paused != isinstance(event, PauseAsked) and not _is_ending(job)


def _is_ending(job: Job) -> bool:
    return isinstance(job.state, Running) and job.state.cancelling


def _outcome(name: str, job: Job | None, event: PauseAsked | ResumeAsked) -> PauseOutcome:
    pausing = isinstance(event, PauseAsked)
    if job is None or job.is_over:
        return PauseOutcome(project=name, paused=False, message="nothing of it is queued or running")
    if _is_ending(job):
        return PauseOutcome(project=name, paused=False, message="is being cancelled")
    if job.paused == pausing:
        return PauseOutcome(project=name, paused=pausing, message="already paused" if pausing else "is not paused")
    if not pausing:
        message = "goes on" if isinstance(job.state, Running) else "queued again"
    elif isinstance(job.state, Running):
        message = "paused; its workers stop when they have done their chunks"
    else:
        message = "paused; it does not start until it is resumed"
    return PauseOutcome(project=name, paused=pausing, message=message)


def _draining_words(*, was: bool, draining: bool) -> str:
    if was == draining:
        return "already draining" if draining else "was not draining"
    return "draining: what runs is finished, nothing is started" if draining else "no longer draining"
