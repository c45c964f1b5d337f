"""`settings`: the values of framed.yaml that are in use, and where each is from."""

from __future__ import annotations

from framed.control.verbs.context import VerbContext
from framed.protocol.queries import AskSettings, KeyFacts, SettingsReply
from framed.settings.config import described


async def settings(
    context: VerbContext,
    params: AskSettings,  # noqa: ARG001 -- every verb takes its params
) -> SettingsReply:
    live = context.settings
    return SettingsReply(
        file=str(context.places.settings_file),
        settings=tuple(
            KeyFacts(name=name, value=value, origin=origin)
            for name, value, origin in described(live.now, context.places)
        ),
        error=live.problem or "",
        need_restart=live.need_restart,
    )
