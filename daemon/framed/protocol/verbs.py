"""Every verb of the protocol: its name, the types of its params, of its reply and of its events. No behaviour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

import msgspec

from framed.protocol.messages import (
    Cancel,
    CancelReply,
    Clean,
    CleanReply,
    Drain,
    DrainReply,
    Hello,
    HelloReply,
    Keyed,
    Pause,
    PauseReply,
    Reload,
    ReloadReply,
    Resume,
    ResumeReply,
    Retry,
    RetryReply,
    Shutdown,
    ShutdownReply,
    Status,
    StatusReply,
    Submit,
    SubmitReply,
    Undrain,
)
from framed.protocol.queries import (
    AskSettings,
    Attach,
    AttachReply,
    Logs,
    LogsReply,
    Projects,
    ProjectsReply,
    SettingsReply,
    Show,
    ShowReply,
)
from framed.protocol.subscription import Event, Subscribe, SubscribeReply

Params = TypeVar("Params", bound=msgspec.Struct)
Reply = TypeVar("Reply", bound=msgspec.Struct)


@dataclass(frozen=True)
class Verb(Generic[Params, Reply]):
    """One verb. What the daemon does with it is in `framed.control.verbs`."""

    name: str
    params: type[Params]
    reply: type[Reply]
    event: type[msgspec.Struct] | None = None
    """What is sent after the reply, for as long as the connection lasts; None for most verbs."""

    @property
    def is_keyed(self) -> bool:
        """Whether it changes something, and is carried out once for each idempotency key."""
        return issubclass(self.params, Keyed)


HELLO: Final = Verb("hello", Hello, HelloReply)
STATUS: Final = Verb("status", Status, StatusReply)
PROJECTS: Final = Verb("projects", Projects, ProjectsReply)
SETTINGS: Final = Verb("settings", AskSettings, SettingsReply)
SHOW: Final = Verb("show", Show, ShowReply)
LOGS: Final = Verb("logs", Logs, LogsReply)
ATTACH: Final = Verb("attach", Attach, AttachReply)
SUBSCRIBE: Final = Verb("subscribe", Subscribe, SubscribeReply, Event)
SUBMIT: Final = Verb("submit", Submit, SubmitReply)
RETRY: Final = Verb("retry", Retry, RetryReply)
CANCEL: Final = Verb("cancel", Cancel, CancelReply)
PAUSE: Final = Verb("pause", Pause, PauseReply)
RESUME: Final = Verb("resume", Resume, ResumeReply)
DRAIN: Final = Verb("drain", Drain, DrainReply)
UNDRAIN: Final = Verb("undrain", Undrain, DrainReply)
RELOAD: Final = Verb("reload", Reload, ReloadReply)
CLEAN: Final = Verb("clean", Clean, CleanReply)
SHUTDOWN: Final = Verb("shutdown", Shutdown, ShutdownReply)

VERBS: Final[Mapping[str, Verb[Any, Any]]] = {
    verb.name: verb
    for verb in (
        HELLO,
        STATUS,
        PROJECTS,
        SETTINGS,
        SHOW,
        LOGS,
        ATTACH,
        SUBSCRIBE,
        SUBMIT,
        RETRY,
        CANCEL,
        PAUSE,
        RESUME,
        DRAIN,
        UNDRAIN,
        RELOAD,
        CLEAN,
        SHUTDOWN,
    )
}
"""In the order in which `docs/protocol.md` and the schema list them."""
