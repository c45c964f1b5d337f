"""`reload`: reads framed.yaml again."""

from __future__ import annotations

from framed.control.verbs.context import VerbContext
from framed.protocol.messages import Reload, ReloadReply


async def reload(context: VerbContext, params: Reload) -> ReloadReply:  # noqa: ARG001 -- all verbs take theirs
    """Raises SettingsError; then the settings are unchanged, and `status` shows the error."""
    reloaded = await context.settings.reload()
    return ReloadReply(changed=reloaded.changed, need_restart=reloaded.need_restart)
