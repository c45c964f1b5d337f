"""What went wrong -> exit code and line: as a table."""

from __future__ import annotations

import errno
import os
import signal
from pathlib import Path

import pytest

from frame_extractor.attempt.failures import OutputBusy, OutputUnusable, decisive, failure_of
from frame_extractor.contract.exit_codes import ExitCode
from frame_extractor.contract.results import FailedRange
from frame_extractor.errors import NotAFilm, TooMuchFailed
from frame_extractor.signals import Interrupted

FILM = Path("/films/onward.mkv")
IMAGE = "/out/frames/scene0000_pos0_frame000000_t0.00s.jpg"


def os_error(number: int, path: str = IMAGE) -> OSError:
    return OSError(number, os.strerror(number), path)


@pytest.mark.parametrize(
    ("error", "code", "ends_attempt"),
    [
        (NotAFilm(FILM, "holds text"), ExitCode.NOT_A_FILM, False),
        (
            TooMuchFailed(FILM, 0.3, 0.02, [FailedRange(start_s=0, end_s=9, reason="x")]),
            ExitCode.TOO_MUCH_FAILED,
            False,
        ),
        (os_error(errno.ENOSPC), ExitCode.DISK_FULL, True),
        (os_error(errno.EDQUOT), ExitCode.DISK_FULL, True),
        (os_error(errno.EACCES), ExitCode.NOT_PERMITTED, True),
        (os_error(errno.EROFS), ExitCode.NOT_PERMITTED, True),
        (os_error(errno.EIO), ExitCode.OUTPUT_NOT_WRITTEN, True),
        (os_error(errno.EIO, str(FILM)), ExitCode.OUTPUT_NOT_WRITTEN, False),
        (os_error(errno.EACCES, str(FILM)), ExitCode.NOT_PERMITTED, False),
        (os_error(errno.ENOENT, str(FILM)), ExitCode.OUTPUT_NOT_WRITTEN, False),
        (OutputUnusable("no"), ExitCode.OUTPUT_NOT_MADE, True),
        (OutputBusy(Path("/out"), "process 7"), ExitCode.SUPERSEDED, True),
        (Interrupted(signal.SIGINT), ExitCode.INTERRUPTED, True),
        (Interrupted(signal.SIGTERM), ExitCode.TERMINATED, True),
        (Interrupted(signal.SIGHUP), ExitCode.TERMINATED, True),
        (ValueError("what?"), ExitCode.INTERNAL, False),
        (MemoryError(), ExitCode.INTERNAL, False),
    ],
)
def test_each_condition_has_its_exit_code(error: BaseException, code: ExitCode, ends_attempt: bool) -> None:
    """One line each, without a traceback; what the output suffers from ends the whole attempt."""
    failure = failure_of(error, FILM)
    assert (failure.code, failure.ends_attempt) == (code, ends_attempt)
    assert failure.line
    assert "\n" not in failure.line


def test_film_gone_from_its_folder_is_retried(tmp_path: Path) -> None:
    """Unlike one whose folder is gone too: that is a drive which may come back."""
    gone = tmp_path / "gone.mkv"
    assert failure_of(os_error(errno.ENOENT, str(gone)), gone).code is ExitCode.FILM_CHANGED


@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        ([], None),
        ([NotAFilm(FILM, "x")], ExitCode.NOT_A_FILM),
        ([NotAFilm(FILM, "x"), ValueError("x")], ExitCode.INTERNAL),
        ([NotAFilm(FILM, "x"), Interrupted(signal.SIGTERM)], ExitCode.TERMINATED),
        ([ValueError("x"), os_error(errno.ENOSPC)], ExitCode.DISK_FULL),
    ],
)
def test_what_a_retry_may_fix_decides_the_exit_code(errors: list[BaseException], expected: ExitCode | None) -> None:
    """And what ended the attempt decides before what its films suffered from."""
    failure = decisive([failure_of(error, FILM) for error in errors])
    assert (failure.code if failure else None) is expected
