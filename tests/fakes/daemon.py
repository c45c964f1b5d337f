"""`framed start --root ROOT` with the fake extractor: `python daemon.py ROOT [--recover]`. The rest is the real one."""

from __future__ import annotations

import sys
from pathlib import Path

from framed.app import run
from framed.config import load_settings
from framed.errors import FramedError
from framed.places import load_places


def main() -> int:
    places = load_places(Path(sys.argv[1]).resolve())
    extractor = (sys.executable, str(Path(__file__).with_name("extractor.py")))
    tell = print if "--recover" in sys.argv else None
    try:
        run(places, load_settings(places), extractor=extractor, tell_recovered=tell)
    except FramedError as failed:
        print(failed, file=sys.stderr)  # noqa: T201 -- a command line
        return failed.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
