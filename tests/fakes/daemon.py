"""`framed start --root ROOT` with the fake extractor: `python daemon.py ROOT [--recover]`. All else is real but the
wall clock, which a test may put forward or back by writing the seconds into `ROOT/wall-clock-ahead-s`.
"""

from __future__ import annotations

import functools
import sys
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

from framed.app import run
from framed.errors import FramedError
from framed.host import clock
from framed.settings.config import load_settings
from framed.settings.places import load_places


def main(root: str, *options: str) -> int:
    places = load_places(Path(root).resolve())
    clock.datetime = WallClock(places.root / "wall-clock-ahead-s")  # type: ignore[assignment,attr-defined]
    extractor = (sys.executable, str(Path(__file__).with_name("extractor.py")))
    prober = ("sh", str(Path(__file__).with_name("prober.sh")))
    report = functools.partial(print, file=sys.stderr) if "--recover" in options else None
    try:
        run(places, load_settings(places), extractor=extractor, prober=prober, report_recovery=report)
    except FramedError as failed:
        print(failed, file=sys.stderr)  # noqa: T201 -- a command line
        return failed.exit_code
    return 0


class WallClock:
    """In the place of `datetime` where framed reads the clocks."""

    def __init__(self, ahead_s: Path) -> None:
        self._ahead_s = ahead_s

    def now(self, tz: tzinfo) -> datetime:
        ahead_s = float(self._ahead_s.read_text(encoding="ascii")) if self._ahead_s.exists() else 0.0
        return datetime.now(tz) + timedelta(seconds=ahead_s)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
