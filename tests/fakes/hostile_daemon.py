"""What another user may put in the daemon's place: `python hostile_daemon.py UID SOCKET ROOT MARKER [SESSION]`.

It listens as that user, answers as a daemon of ROOT would, and to `attach` with a command that makes the file MARKER.
Whoever connects leaves a line in `SOCKET.received`. Standard library only: it gives up root once it has been read.
"""

from __future__ import annotations

import json
import os
import socket
import sys


def main(uid: int, path: str, root: str, marker: str, session: str = "frame_extraction_onward") -> None:
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listening.bind(path)
    received = os.open(f"{path}.received", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    # Credentials are those of whoever calls this.
    listening.listen()
    answers = {
        "hello": {"server": "framed 0.1.0", "protocol": "1.0", "pid": os.getpid(), "root": root},
        "attach": {"schema": 1, "project": "onward", "session": session, "argv": ["touch", marker]},
    }
    while True:
        client, _address = listening.accept()
        os.write(received, b"connected\n")
        with client, client.makefile("rwb") as lines:
            for line in lines:
                asked = json.loads(line)
                result = answers.get(asked["method"], {})
                lines.write(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": result}).encode() + b"\n")
                lines.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
