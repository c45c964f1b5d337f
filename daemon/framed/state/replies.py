"""Answers kept under idempotency keys: which ones, how much of each, and for how long. Blocking.

Works within the transactions of `store`; `control.idempotency` decides which request gets which answer.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

KEPT_REPLIES: Final = 10_000
"""Largest number of answers; the oldest are deleted."""
KEPT_REPLIES_BYTES: Final = 16 << 20
"""Largest total size; the newest answer is always kept."""
LONGEST_REPLY_BYTES: Final = 4 << 20
"""Largest size of one answer, some 30,000 projects; of a longer one only its existence is kept."""
KEPT_S: Final = 7 * 86_400.0
"""Age at which an answer is deleted,"""
KEPT_AT_ANY_AGE: Final = 100
"""but not the newest ones: the wall clock may jump."""

_TOO_LONG: Final = b""


@dataclass(frozen=True, kw_only=True)
class KeptReply:
    """An answer kept under an idempotency key."""

    key: str
    verb: str | None
    """Of the request; None from a version of framed that did not record it."""
    reply: bytes | None
    """JSON; None when it was longer than LONGEST_REPLY_BYTES."""
    answered_at: datetime
    """Aware."""


def store(db: sqlite3.Connection, kept: KeptReply) -> None:
    """The answer is stored, and answers beyond the limits are deleted. Raises sqlite3.Error, also for a key in use."""
    body = kept.reply if kept.reply is not None and len(kept.reply) <= LONGEST_REPLY_BYTES else _TOO_LONG
    now_s = int(kept.answered_at.timestamp())
    db.execute(
        "INSERT INTO replies (key, reply, verb, answered_at_s) VALUES (?, ?, ?, ?)", (kept.key, body, kept.verb, now_s)
    )
    ((newest,),) = db.execute("SELECT max(number) FROM replies").fetchall()
    db.execute("DELETE FROM replies WHERE number <= ?", (newest - KEPT_REPLIES,))
    db.execute(
        "DELETE FROM replies WHERE number <= ? AND answered_at_s < ?", (newest - KEPT_AT_ANY_AGE, now_s - KEPT_S)
    )
    db.execute(
        "DELETE FROM replies WHERE number < ? AND number <= (SELECT max(number) FROM ("
        "SELECT number, sum(length(reply)) OVER (ORDER BY number DESC) AS n_bytes FROM replies) WHERE n_bytes > ?)",
        (newest, KEPT_REPLIES_BYTES),
    )


def load(db: sqlite3.Connection, key: str) -> KeptReply | None:
    """The answer under this key, or None. Raises sqlite3.Error."""
    rows = db.execute("SELECT verb, reply, answered_at_s FROM replies WHERE key = ?", (key,)).fetchall()
    if not rows:
        return None
    verb, reply, answered_at_s = rows[0]
    return KeptReply(
        key=key,
        verb=verb,
        reply=None if reply == _TOO_LONG else bytes(reply),
        answered_at=datetime.fromtimestamp(answered_at_s, UTC),
    )
