"""What the tmux session of a project is called, and the command that shows it.

The daemon, through its engine, and `framectl` each compute both: neither executes a command that the other names
(docs/decisions/0041). So `framectl attach` is the one command that knows tmux; a second engine needs
a part here that shows its terminals.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import Final

SESSION_PREFIX: Final = "frame_extraction_"
_LONGEST_PLAIN_NAME: Final = 100


def session_name(project: str) -> str:
    """`frame_extraction_{project}`; what tmux could misread is replaced, and a short hash added."""
    return SESSION_PREFIX + slug(project)


def slug(project: str) -> str:
    """The project's name in [A-Za-z0-9_-] only: itself, or with a hash when anything had to be replaced."""
    plain = re.sub(r"[^A-Za-z0-9_-]", "_", project)[:_LONGEST_PLAIN_NAME]
    # A name that already ends like a hash gets another one, so that it is not confused with a replaced name.
    if plain == project and not re.search(r"-[0-9a-f]{8}\Z", project):
        return plain
    return f"{plain}-{hashlib.blake2b(os.fsencode(project), digest_size=4).hexdigest()}"


def target(session: str) -> str:
    """The session of just this name, for tmux: without `=` it would take the first that begins so."""
    return f"={session}:"


def attach_command(program: str, socket: Path, session: str, *, write: bool) -> tuple[str, ...]:
    """What shows the session in the terminal it is run in; keys reach the extractor only with `write`."""
    # Within a tmux of the user's own, this one would refuse to be nested.
    command = ("env", "-u", "TMUX", program, f"-S{socket}", "-f/dev/null")
    # The size of a terminal that is read-only must not become that of the extractor's screen.
    mode = () if write else ("-f", "read-only,ignore-size")
    return (*command, "attach-session", *mode, "-t", target(session))
