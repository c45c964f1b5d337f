"""Settings that are read again while the daemon runs: what changes at once, and what waits for a restart."""

from __future__ import annotations

from pathlib import Path

import pytest

from framed.errors import SettingsError
from framed.settings.config import load_settings
from framed.settings.live_settings import LiveSettings
from framed.settings.places import load_places


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.anyio
async def test_what_is_settled_at_the_start_waits_for_the_next_one(tmp_path: Path) -> None:
    """And is reported while the file says so; all else applies at once."""
    file = tmp_path / "configs" / "framed.yaml"
    file.parent.mkdir()
    places = load_places(tmp_path, {})
    live = LiveSettings(places, load_settings(places))
    file.write_text("budget: {slots: 3}\npaths: {logs: elsewhere}\nmetrics: {listen: '127.0.0.1:9308'}\n")
    reloaded = await live.reload()
    assert reloaded.changed == ("budget.slots",)
    assert reloaded.need_restart == ("paths.logs", "metrics.listen")
    assert live.now.budget.slots == 3
    file.write_text("budget: {slots: 3}\n")
    again = await live.reload()
    assert (again.changed, again.need_restart, live.need_restart) == ((), (), ())


@pytest.mark.anyio
async def test_file_with_a_mistake_changes_nothing(tmp_path: Path) -> None:
    """It is reported until it is corrected."""
    file = tmp_path / "configs" / "framed.yaml"
    file.parent.mkdir()
    places = load_places(tmp_path, {})
    live = LiveSettings(places, load_settings(places))
    file.write_text("budget: {slots: 3, nice: 20}\n")
    with pytest.raises(SettingsError, match="must be a whole number from 0 to 19, not 20"):
        await live.reload()
    assert live.now.budget.slots == "auto"
    assert "budget.nice" in str(live.problem)
    file.write_text("")
    await live.reload()
    assert live.problem is None
