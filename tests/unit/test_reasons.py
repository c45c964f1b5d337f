"""Reasons as they are sent: a code and fields that docs/protocol.md lists, and a text for each."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, get_args

import msgspec
import pytest

from framed.model.job import Ending
from framed.model.reasons import (
    AttemptEnded,
    Backoff,
    BetterDefaults,
    DiskLow,
    FilmsIgnored,
    IgnoredBecause,
    JobCancelled,
    Paused,
    PausePhase,
    ProbePending,
    Reason,
    Requeued,
    ResultsMissing,
    Settling,
    Starting,
    TooShort,
    Unreadable,
)
from framed.protocol import wire
from framed.protocol.messages import ProjectState, ProjectStatus
from framed.protocol.reply import decode_reply
from framed.reason_text import reason_text, reasons_text

KINDS: Final = (*get_args(Reason), *get_args(IgnoredBecause))
KILLED: Final = AttemptEnded(ending=Ending.CRASHED, exit_code=137)
LOW: Final = DiskLow(needed_bytes=1_400_000_000, free_bytes=900_000_000)


def test_protocol_doc_lists_every_code_with_its_fields() -> None:
    """No more and no less."""
    doc = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text(encoding="utf-8")
    _, section = doc.split("\n### Reasons\n")
    rows = re.findall(r"^\| `(\w+)` \|([^|]*)\|", section.split("\n## ")[0], re.MULTILINE)
    listed = {code: tuple(re.findall(r"`(\w+)`", re.sub(r"\([^()]*\)", "", fields))) for code, fields in rows}
    assert len(rows) == len(listed)
    assert listed == {kind.__struct_config__.tag: kind.__struct_fields__ for kind in KINDS}


def test_codes_are_sent_with_their_fields_and_read_back() -> None:
    reasons: tuple[Reason, ...] = (
        LOW,
        Requeued(after=KILLED),
        FilmsIgnored(film="a.mkv", because=TooShort(duration_s=3.0, min_duration_s=30.0), others=0),
    )
    sent = msgspec.json.encode(ProjectStatus(name="onward", state=ProjectState.QUEUED, reasons=reasons))
    assert msgspec.json.decode(sent)["reasons"] == [
        {"code": "disk_low", "needed_bytes": 1_400_000_000, "free_bytes": 900_000_000, "measured_s_ago": None},
        {
            "code": "requeued",
            "after": {"code": "attempt_ended", "ending": "crashed", "exit_code": 137, "message": None},
        },
        {
            "code": "films_ignored",
            "film": "a.mkv",
            "because": {"code": "too_short", "duration_s": 3.0, "min_duration_s": 30.0},
            "others": 0,
        },
    ]
    assert msgspec.json.decode(sent, type=ProjectStatus).reasons == reasons


def test_status_of_a_daemon_without_reasons_has_none() -> None:
    """Of protocol 1.1."""
    assert (
        msgspec.json.decode(b'{"name":"onward","state":"QUEUED","reason":"starting"}', type=ProjectStatus).reasons == ()
    )


@pytest.mark.parametrize(
    ("reasons", "text"),
    [
        ((), ""),
        ((Starting(),), "starting"),
        ((LOW, Requeued(after=KILLED)), "disk low: needs 1.4 GB, 0.9 free (after: exit 137 (killed))"),
        ((Requeued(after=KILLED),), "exit 137 (killed)"),
        ((Backoff(retry_in_s=38, after=None),), "retry in 38 s after a failed attempt"),
        (
            (Settling(film="a.ts", unchanged_s=4), Unreadable(film="b.ts", error="no index", given_up_in_s=9)),
            "settling: a.ts unchanged for 4 s; b.ts cannot be opened yet (no index); given up in 9 s",
        ),
        ((ProbePending(films=("a.ts",)), Starting()), "settling: a.ts is about to be opened; starting"),
        ((Unreadable(film="b.ts", error="it is empty", given_up_in_s=None),), "b.ts cannot be opened (it is empty)"),
        ((Paused(phase=PausePhase.WORKERS_STOPPING, workers=1),), "1 worker still to stop"),
        ((JobCancelled(on_request=True),), "on request"),
        (
            (JobCancelled(on_request=False, is_extracted=True),),
            "its last job was cancelled; all of its films are extracted",
        ),
        (
            (BetterDefaults(),),
            (
                "chosen with earlier defaults; framectl submit 'my film' chooses better ones; "
                "`selection: even` hides this note"
            ),
        ),
        ((ResultsMissing(is_cleaned=True),), "cleaned; framectl submit 'my film' extracts it again"),
    ],
)
def test_reasons_are_one_line_in_their_order(reasons: tuple[Reason, ...], text: str) -> None:
    assert reasons_text(reasons, "my film") == text


def test_figures_of_a_disk_that_does_not_answer_are_given_with_their_age() -> None:
    old = msgspec.structs.replace(LOW, measured_s_ago=40)
    assert reason_text(old) == "disk low: needs 1.4 GB, 0.9 free (40 s ago; the disk does not answer)"


@pytest.mark.parametrize(
    "newer",
    [{"code": "moon_is_full", "phase": 1}, {"code": "films_ignored", "film": "a.ts", "because": {"code": "new"}}],
)
def test_reasons_of_a_later_minor_version_are_left_out_and_the_others_read(newer: dict[str, object]) -> None:
    """The text has them all."""
    known = msgspec.to_builtins(LOW)
    status = {"name": "a", "state": "QUEUED", "reason": "disk low; the moon is full", "reasons": [newer, known]}
    read = decode_reply(ProjectStatus, msgspec.Raw(msgspec.json.encode(status)))
    assert (read.reasons, read.reason) == ((LOW,), "disk low; the moon is full")


@pytest.mark.parametrize("raw", [b'{"project":1}', b"[[[", b'{"reasons":[{"code":"moon_is_full"}]}'])
def test_reply_that_fits_in_no_way_is_an_error(raw: bytes) -> None:
    with pytest.raises(wire.WireError):
        decode_reply(ProjectStatus, msgspec.Raw(raw))
