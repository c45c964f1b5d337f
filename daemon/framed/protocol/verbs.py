"""The table of verbs: what each is called, what it takes and what it answers. The only one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

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


class Verb(NamedTuple):
    params: type[msgspec.Struct]
    reply: type[msgspec.Struct]
    event: type[msgspec.Struct] | None = None
    """What is sent again and again after the reply, for as long as the connection lasts."""

    @property
    def is_keyed(self) -> bool:
        """Whether it changes something, and is carried out once for each idempotency key."""
        return issubclass(self.params, Keyed)


VERBS: Final[Mapping[str, Verb]] = {
    "hello": Verb(Hello, HelloReply),
    "status": Verb(Status, StatusReply),
    "projects": Verb(Projects, ProjectsReply),
    "settings": Verb(AskSettings, SettingsReply),
    "show": Verb(Show, ShowReply),
    "logs": Verb(Logs, LogsReply),
    "attach": Verb(Attach, AttachReply),
    "subscribe": Verb(Subscribe, SubscribeReply, Event),
    "submit": Verb(Submit, SubmitReply),
    "retry": Verb(Retry, RetryReply),
    "cancel": Verb(Cancel, CancelReply),
    "pause": Verb(Pause, PauseReply),
    "resume": Verb(Resume, ResumeReply),
    "drain": Verb(Drain, DrainReply),
    "undrain": Verb(Undrain, DrainReply),
    "reload": Verb(Reload, ReloadReply),
    "clean": Verb(Clean, CleanReply),
    "shutdown": Verb(Shutdown, ShutdownReply),
}
