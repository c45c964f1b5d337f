"""Two daemons for each root, all of them at the same instant: `python many_daemons.py ROOT...`

Each writes to `ROOT/daemon-0.log` or `-1.log`. Of each that ends, one line on standard output: its exit code, root and
number. Python and the imports are paid for once, so that nothing lies between the two of a pair.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.fakes.daemon import main as run_daemon


def main(roots: list[str]) -> None:
    waiting, beginning = os.pipe()
    begun = {}
    for root in roots:
        for number in (0, 1):
            pid = os.fork()
            if pid == 0:
                os.close(beginning)
                log = os.open(Path(root) / f"daemon-{number}.log", os.O_WRONLY | os.O_CREAT, 0o600)
                os.dup2(log, sys.stderr.fileno())
                os.read(waiting, 1)
                os._exit(run_daemon(root))
            begun[pid] = f"{root} {number}"
    os.close(beginning)
    while begun:
        pid, status = os.wait()
        print(os.waitstatus_to_exitcode(status), begun.pop(pid), flush=True)  # noqa: T201 -- what it is for


if __name__ == "__main__":
    main(sys.argv[1:])
