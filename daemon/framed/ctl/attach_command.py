"""The command that shows a project's terminal: made here, of the root's own layout and of the project's name.

Nothing in it comes from the daemon. A tmux server can have its clients execute what it likes, so it must be one of the
very user who attaches: root is refused that of another user.
"""

from __future__ import annotations

import os
import shutil
import stat

from framed.errors import PlaceNotUsable, Refused, TmuxMissing
from framed.private_files import check_owner, user_words
from framed.protocol.queries import AttachReply
from framed.sessions import attach_command, session_name
from framed.settings.places import Places


def command_for(places: Places, project: str, reply: AttachReply, *, write: bool) -> tuple[str, ...]:
    """To be run in a terminal, without a shell. `reply` says that there is a session.

    Raises Refused when that is not the project's, PlaceNotUsable for a socket that is not this user's, TmuxMissing.
    """
    session = session_name(project)
    if reply.session != session:
        raise Refused(
            f"the daemon names the session {reply.session!r} for {project}, which has {session!r}; nothing was run. "
            "Is it of another version? See: framectl version"
        )
    program = shutil.which("tmux")
    if program is None:
        raise TmuxMissing
    socket = places.tmux_socket
    try:
        check_owner(places.sockets)
        found = socket.lstat()
    except OSError as failed:
        raise PlaceNotUsable(socket, f"{failed.strerror}; the tmux server has gone or its socket was removed") from None
    if not stat.S_ISSOCK(found.st_mode):
        raise PlaceNotUsable(socket, "is no socket; nothing was run")
    if found.st_uid != os.geteuid():
        raise PlaceNotUsable(
            socket, f"belongs to another user ({user_words(found.st_uid)}), whose tmux server is not trusted"
        )
    return attach_command(program, socket, session, write=write)
