"""The settings that hold now. framed.yaml is read again while the daemon runs: on SIGHUP, and when it is asked to."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import anyio
import anyio.abc

from framed.errors import FramedError, SettingsError
from framed.log import fields
from framed.model.project import Overrides
from framed.settings.config import Settings, described, load_settings, resolve
from framed.settings.places import Places, load_places
from framed.threads import in_own_thread

_log: Final = logging.getLogger(__name__)

_AT_START: Final = ("paths.", "metrics.")
_RETRY_POLL_S: Final = 2.0
"""How often a file with an error in it is read again."""


@dataclass(frozen=True)
class Reloaded:
    """The result of reading the file again. Keys as `budget.slots`."""

    changed: tuple[str, ...]
    need_restart: tuple[str, ...]
    """Keys of `paths` and `metrics`: where things are is settled when the daemon starts."""


class LiveSettings:
    """`now` is what is in use. Keep this object, not its value."""

    def __init__(self, places: Places, settings: Settings) -> None:
        self.now = settings
        self.problem: str | None = None
        """What is wrong with the file; while something is, what was read before stays in use."""
        self.need_restart: tuple[str, ...] = ()
        """Keys that have changed in the file, and wait for a restart."""
        self._places = places
        self._at_start = _values(settings, places)
        self._listeners: list[Callable[[], None]] = []
        self._reading = anyio.Lock()

    def listen(self, listener: Callable[[], None]) -> None:
        """`listener` is called after every change. It must be quick and must not raise."""
        self._listeners.append(listener)

    def takes_subfolders(self, project: str) -> bool:
        """Whether films in subfolders belong to the project; as in framed.yaml when its own settings are wrong.

        Blocking.
        """
        try:
            return resolve(self.now, self._places, project, Overrides()).subfolders
        except SettingsError:
            return self.now.watch.subfolders

    async def run(self, *, task_status: anyio.abc.TaskStatus[None]) -> None:
        """Reads the file again on SIGHUP; one with an error in it, until it is fixed."""
        async with anyio.create_task_group() as tasks:
            with anyio.open_signal_receiver(signal.SIGHUP) as signals:
                tasks.start_soon(self._retry_while_invalid)
                task_status.started()
                async for _signal in signals:
                    await self._try_reload()

    async def reload(self) -> Reloaded:
        """Puts the settings of the file into use. Raises FramedError when they are wrong; then nothing changes."""
        async with self._reading:
            try:
                places, settings = await in_own_thread(self._read)
            except FramedError as wrong:
                if str(wrong) != self.problem:
                    _log.warning("settings are not reloaded", extra=fields(why=wrong))
                self.problem = str(wrong)
                raise
            before, after = _values(self.now, self._places), _values(settings, places)
            changed = tuple(
                key for key, value in after.items() if value != before[key] and not key.startswith(_AT_START)
            )
            self.need_restart = tuple(
                key for key, value in after.items() if value != self._at_start[key] and key.startswith(_AT_START)
            )
            self.now, self.problem = settings, None
            _log.info("settings reloaded", extra=fields(changed=", ".join(changed) or None))
            for listener in self._listeners:
                listener()
            return Reloaded(changed, self.need_restart)

    def _read(self) -> tuple[Places, Settings]:
        return load_places(self._places.root), load_settings(self._places)

    async def _try_reload(self) -> None:
        try:
            await self.reload()
        except FramedError:
            return  # `problem` says why

    async def _retry_while_invalid(self) -> None:
        while True:
            await anyio.sleep(_RETRY_POLL_S)
            if self.problem:
                await self._try_reload()


def _values(settings: Settings, places: Places) -> Mapping[str, object]:
    return {key: value for key, value, _origin in described(settings, places)}
