"""The state on disk: SQLite with WAL and synchronous=FULL. What is written when a call returns survives a power cut.

Blocking; one connection, used from one thread at a time. Knows no rule about jobs: `ledger` decides what is written.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from framed.errors import FramedError, StoreDamaged, StoreNotUnderstood
from framed.model.job import FilmVerdict, Job, Verdict
from framed.policy.settle import Signature

SCHEMA_VERSION: Final = 1
APPLICATION_ID: Final = 0x66726D64
"""`frmd`, in the file's header."""
KEPT_REPLIES: Final = 10_000
"""Answers remembered by idempotency key; older ones are forgotten."""

_SCHEMA: Final = """
CREATE TABLE jobs (
    job_order INTEGER PRIMARY KEY,
    id        TEXT NOT NULL UNIQUE,
    project   TEXT NOT NULL,
    is_over   INTEGER NOT NULL,
    document  BLOB NOT NULL
) STRICT;
CREATE INDEX jobs_by_project ON jobs (project, job_order);
CREATE INDEX jobs_not_over ON jobs (is_over) WHERE is_over = 0;
CREATE TABLE verdicts (
    project     TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    verdict     TEXT NOT NULL,
    job_id      TEXT NOT NULL,
    decided_at  TEXT NOT NULL,
    PRIMARY KEY (project, fingerprint)
) STRICT, WITHOUT ROWID;
CREATE TABLE replies (
    number INTEGER PRIMARY KEY,
    key    TEXT NOT NULL UNIQUE,
    reply  BLOB NOT NULL
) STRICT;
CREATE TABLE films (
    path        TEXT PRIMARY KEY,
    size_bytes  INTEGER NOT NULL,
    mtime_ns    INTEGER NOT NULL,
    inode       TEXT NOT NULL,
    fingerprint TEXT NOT NULL
) STRICT, WITHOUT ROWID;
"""
_ADDED: Final = """
CREATE TABLE IF NOT EXISTS marks (
    name TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;
"""
"""What a database of the same schema may lack: an older framed leaves it alone."""


class StoreUnavailable(FramedError):
    """The state could not be written or read just now; nothing was changed."""

    def __init__(self, store: Path, why: str) -> None:
        self.store = store
        self.why = why
        super().__init__(f"the state database {store} cannot be written: {why}; nothing was changed, try again")


class Store:
    """An open state database. Every method raises StoreUnavailable when the disk does not let it."""

    def __init__(self, path: Path) -> None:
        """Opens the database, making it when there is none.

        Raises StoreDamaged, StoreUnavailable, and StoreNotUnderstood for that of a newer framed.
        """
        self._path = path
        existed = path.exists() and path.stat().st_size > 0
        try:
            self._db = sqlite3.connect(path, timeout=5.0, isolation_level=None, check_same_thread=False)
            self._prepare(existed=existed)
        except sqlite3.DatabaseError as failed:
            if isinstance(failed, sqlite3.OperationalError) and not _is_damage(failed):
                raise StoreUnavailable(path, str(failed)) from None
            self._db.close()
            raise StoreDamaged(path, _set_aside(path), str(failed)) from None

    def close(self) -> None:
        self._db.close()

    def write(
        self, jobs: Iterable[Job] = (), verdicts: Iterable[FilmVerdict] = (), reply: tuple[str, bytes] | None = None
    ) -> None:
        """All of it is on the disk, or none: jobs, verdicts, and an answer under its idempotency key."""
        with self._transaction() as db:
            db.executemany(
                "INSERT INTO jobs (job_order, id, project, is_over, document) VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT (id) DO UPDATE SET is_over = excluded.is_over, document = excluded.document",
                [(job.order, job.id, job.project, job.is_over, msgspec.json.encode(job)) for job in jobs],
            )
            db.executemany(
                "INSERT OR REPLACE INTO verdicts (project, fingerprint, verdict, job_id, decided_at)"
                " VALUES (?, ?, ?, ?, ?)",
                [(v.project, v.fingerprint, v.verdict.value, v.job_id, v.decided_at.isoformat()) for v in verdicts],
            )
            if reply is not None:
                db.execute("INSERT INTO replies (key, reply) VALUES (?, ?)", reply)
                forgotten = "DELETE FROM replies WHERE number <= (SELECT max(number) FROM replies) - ?"
                db.execute(forgotten, (KEPT_REPLIES,))

    def remember_films(self, films: Mapping[str, tuple[Signature, str]]) -> None:
        """Path -> signature and fingerprint of settled films, so that a restart need neither wait nor read again."""
        with self._transaction() as db:
            db.executemany(
                "INSERT OR REPLACE INTO films (path, size_bytes, mtime_ns, inode, fingerprint) VALUES (?, ?, ?, ?, ?)",
                [
                    (path, signature.size_bytes, signature.mtime_ns, str(signature.inode), fingerprint)
                    for path, (signature, fingerprint) in films.items()
                ],
            )

    def mark(self, name: str, *, on: bool) -> None:
        """The mark, which is true of the daemon as a whole, is set or taken away."""
        with self._transaction() as db:
            db.execute("INSERT OR IGNORE INTO marks VALUES (?)" if on else "DELETE FROM marks WHERE name = ?", (name,))

    def marks(self) -> frozenset[str]:
        """Every mark that is set."""
        return frozenset(str(name) for (name,) in self._rows("SELECT name FROM marks"))

    def latest_jobs(self) -> list[Job]:
        """Every job that is not over, and of each project the latest; in queue order. Raises StoreNotUnderstood."""
        rows = self._rows(
            "SELECT id, document FROM jobs WHERE is_over = 0"
            " OR job_order IN (SELECT max(job_order) FROM jobs GROUP BY project) ORDER BY job_order"
        )
        jobs = []
        for job_id, document in rows:
            with self._understood(f"job {job_id}"):
                jobs.append(msgspec.json.decode(document, type=Job))
        return jobs

    def last_order(self) -> int:
        """The highest place in the queue ever given; 0 when there was none."""
        ((last,),) = self._rows("SELECT coalesce(max(job_order), 0) FROM jobs")
        return int(last)

    def verdicts(self) -> dict[tuple[str, str], Verdict]:
        """(project, fingerprint) -> what became of that film. Raises StoreNotUnderstood."""
        rows = self._rows("SELECT project, fingerprint, verdict FROM verdicts")
        with self._understood("verdicts"):
            return {(str(project), str(fingerprint)): Verdict(verdict) for project, fingerprint, verdict in rows}

    def reply(self, key: str) -> bytes | None:
        """The answer given under this idempotency key, if any."""
        rows = self._rows("SELECT reply FROM replies WHERE key = ?", key)
        return bytes(rows[0][0]) if rows else None

    def films(self) -> dict[str, tuple[Signature, str]]:
        """Path -> signature and fingerprint, as remembered. Raises StoreNotUnderstood."""
        rows = self._rows("SELECT path, size_bytes, mtime_ns, inode, fingerprint FROM films")
        with self._understood("films"):
            return {path: (Signature(size, mtime_ns, int(inode)), mark) for path, size, mtime_ns, inode, mark in rows}

    def _prepare(self, *, existed: bool) -> None:
        db = self._db
        db.execute("PRAGMA synchronous = FULL")
        ((application,),) = db.execute("PRAGMA application_id").fetchall()
        ((version,),) = db.execute("PRAGMA user_version").fetchall()
        if existed and application != APPLICATION_ID:
            raise sqlite3.DatabaseError("it is not a database of framed")
        if version > SCHEMA_VERSION:
            raise StoreNotUnderstood(self._path, f"it was written by a newer framed (schema {version})")
        db.execute("PRAGMA journal_mode = WAL")
        if not existed:
            marks = f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {SCHEMA_VERSION};"
            db.executescript(f"BEGIN; {_SCHEMA} {marks} COMMIT;")
        db.executescript(_ADDED)
        ((found,),) = db.execute("PRAGMA quick_check(1)").fetchall()
        if found != "ok":
            raise sqlite3.DatabaseError(str(found))

    @contextlib.contextmanager
    def _understood(self, what: str) -> Iterator[None]:
        try:
            yield
        except ValueError as strange:
            raise StoreNotUnderstood(self._path, f"{what}: {strange}") from None

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                # A failed COMMIT may have rolled back already, and then there is nothing to roll back.
                with contextlib.suppress(sqlite3.OperationalError):
                    self._db.execute("ROLLBACK")
                raise
        except sqlite3.Error as failed:
            raise StoreUnavailable(self._path, str(failed)) from None

    def _rows(self, query: str, *arguments: str) -> list[Any]:
        try:
            return self._db.execute(query, arguments).fetchall()
        except sqlite3.Error as failed:
            raise StoreUnavailable(self._path, str(failed)) from None


def _is_damage(failed: sqlite3.OperationalError) -> bool:
    return failed.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _set_aside(path: Path) -> Path | None:
    """The damaged file under a name of its own, with its journal; None when it cannot be moved."""
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    try:
        path.rename(aside)
        for suffix in ("-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    except OSError:
        return None
    return aside
