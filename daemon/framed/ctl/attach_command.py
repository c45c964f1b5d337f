"""The command that attaches to a project's terminal, made from the root's layout and the project's name alone.

Nothing in it comes from the daemon. A tmux server can make its clients execute anything, so the server must belong to
the user who attaches; this holds for the root user too.
"""

from __future__ import annotations

import os
import shutil
import stat

from framed.errors import PlaceNotUsable, Refused, TmuxMissing
from framed.private_files import check_owner, user_text
from framed.protocol.queries import AttachReply
from framed.sessions import attach_command, session_name
from framed.settings.places import Places


def command_for(places: Places, project: str, reply: AttachReply, *, write: bool) -> tuple[str, ...]:
    """The command, to be run in a terminal without a shell. `reply` is the daemon's, which has checked the session.

    Raises Refused when the session is not the project's, PlaceNotUsable for another user's socket, TmuxMissing.
    """
    session = session_name(project)
    if reply.session != session:
        raise Refused(
            f"the daemon gave the session {reply.session!r} for {project}, but it should be {session!r}; nothing was "
            "run. Is the daemon of another version? See: framectl version"
        )
    program = shutil.which("tmux")
    if program is None:
        raise TmuxMissing
    socket = places.tmux_socket
    try:
        check_owner(places.sockets)
        found = socket.lstat()
    except OSError as failed:
        raise PlaceNotUsable(
            socket, f"{failed.strerror}; the tmux server has ended or its socket was removed"
        ) from None
    if not stat.S_ISSOCK(found.st_mode):
        raise PlaceNotUsable(socket, "is not a socket; nothing was run")
    if found.st_uid != os.geteuid():
        raise PlaceNotUsable(
            socket, f"belongs to another user ({user_text(found.st_uid)}), whose tmux server is not trusted"
        )
    return attach_command(program, socket, session, write=write)
