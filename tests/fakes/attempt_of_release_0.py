"""An attempt that the release before began: `python attempt_of_release_0.py ROOT KEPT GATE`.

It locks the folder of the project onward and records its process, as that release's extractor did. Once GATE exists it
leaves what that left (KEPT/ended, see tests/release_0) and ends. It has that release's file names by itself, and
imports nothing of framed.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import sys
import time
from pathlib import Path


def main(root: Path, kept: Path, gate: Path) -> None:
    control = root / "datasets" / "onward" / ".framed"
    with (control / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        started = json.loads((kept / "running/datasets/onward/.framed/attempt-1.started.json").read_bytes())
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        boot_id = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        started["process"] = {"pid": os.getpid(), "started_at_ticks": int(fields[19]), "boot_id": boot_id}
        new = control / "started.new"
        new.write_text(json.dumps(started))
        new.rename(control / "attempt-1.started.json")
        while not gate.exists():
            time.sleep(0.05)
        shutil.copytree(kept / "ended", root, dirs_exist_ok=True, ignore=lambda *_: ["attempt-1.started.json"])


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
