"""A `tmux` that does one thing before or after it starts a session: for the instants that a test cannot hit by time.

It is a script in front of the real program, on the PATH of a daemon that is given `environment`.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

_SCRIPT = """\
#!/bin/sh
case " $* " in
*" new-session "*)
    if rm '{armed}' 2> /dev/null; then
        {before}
        '{tmux}' "$@"
        code=$?
        {after}
        exit $code
    fi
esac
exec '{tmux}' "$@"
"""


class TmuxTrap:
    """Springs at the first session that is started once it is armed; $PPID is the daemon."""

    def __init__(self, folder: Path, *, before: str = ":", after: str = ":") -> None:
        """`before` and `after`: a line of shell."""
        folder.mkdir()
        self._armed = folder / "armed"
        program = folder / "tmux"
        script = _SCRIPT.format(armed=self._armed, tmux=shutil.which("tmux"), before=before, after=after)
        program.write_text(script, encoding="utf-8")
        program.chmod(0o755)
        self.environment = {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}

    def arm(self) -> None:
        self._armed.touch()

    @property
    def is_armed(self) -> bool:
        return self._armed.exists()
