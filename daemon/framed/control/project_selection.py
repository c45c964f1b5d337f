"""Which projects a request means."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from framed.errors import FramedError
from framed.protocol.messages import Cancel, Pause, Resume, Retry, Submit


class SelectionUnclear(FramedError):
    """Neither some projects nor all of them, or both."""

    def __init__(self) -> None:
        super().__init__("say `projects`, or `all`, and not both")


def selected_projects(
    params: Submit | Retry | Cancel | Pause | Resume, every: Callable[[], Iterable[str]]
) -> tuple[str, ...]:
    """The projects that a request means, each once. Raises SelectionUnclear."""
    if bool(params.projects) == params.every:
        raise SelectionUnclear
    return tuple(dict.fromkeys(every() if params.every else params.projects))
