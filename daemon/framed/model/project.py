"""The settings of a project, as data. No input or output."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from frame_extractor.contract.declaration import declared
from frame_extractor.contract.settings import RequestedSettings, Retries, Workers


class FrameExtraction(RequestedSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that may be set about extracting one project: what decides the frames, and how it is run."""

    workers_per_project: Workers = 12
    retry: Retries = 3


def overrides_of(kind: type[FrameExtraction]) -> type[msgspec.Struct]:
    """The struct that holds any of its settings, without bounds: they are checked when the overrides are applied."""
    return msgspec.defstruct(
        "Overrides",
        [(each.name, each.plain_type | None, None) for each in declared(kind)],
        module=__name__,
        namespace={"__doc__": "Settings given on the command line; None means not given there."},
        frozen=True,
        kw_only=True,
        omit_defaults=True,
        forbid_unknown_fields=True,
    )


if TYPE_CHECKING:

    class Overrides(msgspec.Struct):
        """Settings given on the command line; None means not given there."""

        def __init__(self, **settings: Any) -> None: ...

else:
    Overrides = overrides_of(FrameExtraction)
