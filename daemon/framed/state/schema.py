"""The schema of the state database, as migrations from each released version to the next.

A new database goes through all of them, so that there is one way to each version. A released migration never changes;
tests/stores/ keeps a database of each version, which must always load. The documents are `model.job`'s: fields added
there have defaults and need no migration.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

APPLICATION_ID: Final = 0x66726D64
"""`frmd`, in the file's header."""

Step = Callable[[sqlite3.Connection], None]


def _create(db: sqlite3.Connection) -> None:
    """To version 1, the first that was released."""
    for statement in _VERSION_1:
        db.execute(statement)


_VERSION_1: Final = (
    """CREATE TABLE jobs (
        job_order INTEGER PRIMARY KEY,
        id        TEXT NOT NULL UNIQUE,
        project   TEXT NOT NULL,
        is_over   INTEGER NOT NULL,
        document  BLOB NOT NULL
    ) STRICT""",
    "CREATE INDEX jobs_by_project ON jobs (project, job_order)",
    "CREATE INDEX jobs_not_over ON jobs (is_over) WHERE is_over = 0",
    """CREATE TABLE verdicts (
        project     TEXT NOT NULL,
        fingerprint TEXT NOT NULL,
        verdict     TEXT NOT NULL,
        job_id      TEXT NOT NULL,
        decided_at  TEXT NOT NULL,
        PRIMARY KEY (project, fingerprint)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE replies (
        number INTEGER PRIMARY KEY,
        key    TEXT NOT NULL UNIQUE,
        reply  BLOB NOT NULL
    ) STRICT""",
    """CREATE TABLE films (
        path        TEXT PRIMARY KEY,
        size_bytes  INTEGER NOT NULL,
        mtime_ns    INTEGER NOT NULL,
        inode       TEXT NOT NULL,
        fingerprint TEXT NOT NULL
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE marks (
        name TEXT PRIMARY KEY
    ) STRICT, WITHOUT ROWID""",
)


def _add_probes(db: sqlite3.Connection) -> None:
    """To version 2: the probe result of a film."""
    db.execute("ALTER TABLE films ADD COLUMN probe BLOB")


def _bound_replies(db: sqlite3.Connection) -> None:
    """To version 3: answers have a verb and a time; too long ones, and those with keys now invalid, are deleted."""
    db.execute("ALTER TABLE replies ADD COLUMN verb TEXT")
    db.execute("ALTER TABLE replies ADD COLUMN answered_at_s INTEGER NOT NULL DEFAULT 0")
    db.execute("DELETE FROM replies WHERE length(key) NOT BETWEEN 1 AND 128")
    db.execute("UPDATE replies SET reply = x'' WHERE length(reply) > 4194304")
    db.execute("UPDATE replies SET answered_at_s = CAST(strftime('%s', 'now') AS INTEGER)")


def _add_change_times(db: sqlite3.Connection) -> None:
    """To version 4: the change time of a film's file; NULL for films recorded before."""
    db.execute("ALTER TABLE films ADD COLUMN ctime_ns INTEGER")


def _rewrite_documents(db: sqlite3.Connection) -> None:
    """To version 5: in the documents absent is null, and what a user wants of a running job is one field."""
    for job_id, document in db.execute("SELECT id, document FROM jobs").fetchall():
        try:
            job = msgspec.json.decode(document)
            state = job["state"]
            _rewrite_state(state)
            for outcome in (state.get("outcome"), *(each.get("outcome") for each in job.get("attempts", ()))):
                if outcome is not None:
                    outcome["reason"] = outcome.get("reason") or None
        except (msgspec.DecodeError, LookupError, TypeError, AttributeError):
            continue  # It is damaged, and stays as it is: reading it says so.
        db.execute("UPDATE jobs SET document = ? WHERE id = ?", (msgspec.json.encode(job), job_id))


def _rewrite_state(state: dict[str, Any]) -> None:
    match state["type"]:
        case "queued":
            state["is_requeued"] = bool(state.pop("reason", ""))
        case "running":
            is_cancelling, successor = state.pop("cancelling", False), state.pop("successor", None)
            if successor is not None:
                state["stop_request"] = {"type": "replace_by", "successor": successor}
            elif is_cancelling:
                state["stop_request"] = {"type": "cancel"}


MIGRATIONS: Final[Sequence[Step]] = (_create, _add_probes, _bound_replies, _add_change_times, _rewrite_documents)
"""Step n, counted from 0, leads from version n to n + 1."""

SCHEMA_VERSION: Final = len(MIGRATIONS)


def migrate(db: sqlite3.Connection, version: int, migrations: Sequence[Step] = MIGRATIONS) -> None:
    """The database has the newest version, or is unchanged after a failure: all migrations are one transaction."""
    db.execute("BEGIN IMMEDIATE")
    try:
        for step in migrations[version:]:
            step(db)
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute(f"PRAGMA user_version = {len(migrations)}")
        db.execute("COMMIT")
    except BaseException:
        db.execute("ROLLBACK")
        raise
