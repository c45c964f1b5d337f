"""The entry point of `framectl`."""

from __future__ import annotations

import sys


def main() -> None:
    """Runs the command line and ends the process with its exit code."""
    from framed.ctl.command_line import die_quietly_when_nobody_reads, run  # noqa: PLC0415
    from framed.ctl.commands.registry import framectl  # noqa: PLC0415

    die_quietly_when_nobody_reads()
    sys.exit(run(framectl, "framectl"))


if __name__ == "__main__":
    main()
