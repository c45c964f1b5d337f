"""A store whose disk fills when a test says so: a real database that refuses to be written."""

from __future__ import annotations

from framed.state.store import Store, StoreUnavailable


class BrittleStore(Store):
    """A store whose disk can be full."""

    is_full = False

    def write(self, *arguments: object, **named: object) -> None:
        if self.is_full:
            raise StoreUnavailable(self._path, "disk full")
        super().write(*arguments, **named)  # type: ignore[arg-type]

    def try_to_write(self) -> None:
        if self.is_full:
            raise StoreUnavailable(self._path, "disk full")
        super().try_to_write()
