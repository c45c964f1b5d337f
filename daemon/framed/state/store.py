"""The state on disk: SQLite with WAL and synchronous=FULL. When a call returns, its writes survive a power cut.

Blocking; one connection, used from one thread at a time. Knows no rules about jobs: `ledger` decides what to write.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from frame_extractor.contract.answers import Probe
from framed.errors import FramedError, Refused, StoreDamaged, StoreNotUnderstood
from framed.log import fields
from framed.model.job import FilmVerdict, Job, Verdict
from framed.policy.settle import Signature
from framed.state import replies
from framed.state.replies import KeptReply
from framed.state.schema import APPLICATION_ID, SCHEMA_VERSION, migrate

_log: Final = logging.getLogger(__name__)

_ASIDE: Final = ".damaged-"
_WORTH_COMPACTING_BYTES: Final = 8 << 20
"""Unused pages after a migration that are worth compacting."""


class StoreUnavailable(FramedError):
    """The state could not be written or read; nothing was changed."""

    def __init__(self, store: Path, why: str) -> None:
        self.store = store
        self.why = why
        super().__init__(f"the state database {store} cannot be written: {why}; nothing was changed, try again")


class Store:
    """An open state database. Every method raises StoreUnavailable when the disk fails."""

    def __init__(self, path: Path) -> None:
        """Opens the database, of any version, or creates it if there never was one.

        Raises StoreDamaged for one that was set aside, now or at an earlier start: it is not replaced automatically.
        Raises StoreUnavailable, and StoreNotUnderstood for one of a newer framed.
        """
        self._path = path
        if not path.exists():
            _require_none_before(path)
            make_store(path)
        try:
            self._db = _connect(path)
            try:
                self._prepare()
            except BaseException:
                self._db.close()
                raise
        except sqlite3.DatabaseError as failed:
            if isinstance(failed, sqlite3.OperationalError) and not _is_damage(failed):
                raise StoreUnavailable(path, str(failed)) from None
            raise StoreDamaged(path, set_aside(path), str(failed)) from None

    def close(self) -> None:
        self._db.close()

    def write(
        self,
        jobs: Iterable[Job] = (),
        verdicts: Iterable[FilmVerdict] = (),
        reply: KeptReply | None = None,
        flags: Mapping[str, bool] | None = None,
    ) -> None:
        """Writes jobs, verdicts, an answer under its idempotency key and flags, in one durable transaction."""
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
                replies.store(db, reply)
            for name, is_set in (flags or {}).items():
                change = "INSERT OR IGNORE INTO marks VALUES (?)" if is_set else "DELETE FROM marks WHERE name = ?"
                db.execute(change, (name,))

    def remember_films(self, films: Mapping[str, tuple[Signature, str]]) -> None:
        """Stores path -> signature and fingerprint of settled films, so that a restart need not wait or read again.

        Replaces what was stored for another file at the path.
        """
        with self._transaction() as db:
            db.executemany(
                "INSERT INTO films (path, size_bytes, mtime_ns, inode, ctime_ns, fingerprint) VALUES (?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (path) DO UPDATE SET size_bytes = excluded.size_bytes, mtime_ns = excluded.mtime_ns,"
                " inode = excluded.inode, ctime_ns = excluded.ctime_ns, fingerprint = excluded.fingerprint,"
                " probe = CASE WHEN fingerprint = excluded.fingerprint THEN probe END",
                [
                    (path, seen.size_bytes, seen.mtime_ns, str(seen.inode), seen.ctime_ns, fingerprint)
                    for path, (seen, fingerprint) in films.items()
                ],
            )

    def remember_probes(self, probes: Mapping[str, Probe]) -> None:
        """Stores path -> probe result, so that a restart need not probe again. Only for stored films."""
        with self._transaction() as db:
            db.executemany(
                "UPDATE films SET probe = ? WHERE path = ? AND fingerprint = ?",
                [(msgspec.json.encode(probe), path, probe.fingerprint) for path, probe in probes.items()],
            )

    def flags(self) -> frozenset[str]:
        """The flags that are set; they apply to the daemon."""
        return frozenset(str(name) for (name,) in self._rows("SELECT name FROM marks"))

    def try_to_write(self) -> None:
        """Writes without changing anything, to find out whether writing works."""
        with self._transaction() as db:
            db.execute("INSERT OR IGNORE INTO marks VALUES ('')")
            db.execute("DELETE FROM marks WHERE name = ''")

    def latest_jobs(self) -> list[Job]:
        """Every job that is not over, and the latest job of each project, in queue order. Raises StoreNotUnderstood."""
        rows = self._rows(
            "SELECT id, document FROM jobs WHERE is_over = 0"
            " OR job_order IN (SELECT max(job_order) FROM jobs GROUP BY project) ORDER BY job_order"
        )
        jobs = []
        for job_id, document in rows:
            with self._understood(f"job {job_id}"):
                jobs.append(msgspec.json.decode(document, type=Job))
        return jobs

    def has_job(self, job_id: str) -> bool:
        """Whether there is a job with this id, of any age."""
        return bool(self._rows("SELECT 1 FROM jobs WHERE id = ?", job_id))

    def last_order(self) -> int:
        """The highest queue position ever given; 0 for none."""
        ((last,),) = self._rows("SELECT coalesce(max(job_order), 0) FROM jobs")
        return int(last)

    def verdicts(self) -> dict[tuple[str, str], Verdict]:
        """(project, fingerprint) -> verdict of that film. Raises StoreNotUnderstood."""
        rows = self._rows("SELECT project, fingerprint, verdict FROM verdicts")
        with self._understood("verdicts"):
            return {(str(project), str(fingerprint)): Verdict(verdict) for project, fingerprint, verdict in rows}

    def reply(self, key: str) -> KeptReply | None:
        """The answer given under this idempotency key, or None."""
        with self._available():
            return replies.load(self._db, key)

    def films(self) -> dict[str, tuple[Signature, str]]:
        """Path -> stored signature and fingerprint. Raises StoreNotUnderstood."""
        rows = self._rows("SELECT path, size_bytes, mtime_ns, inode, ctime_ns, fingerprint FROM films")
        with self._understood("films"):
            return {
                path: (Signature(size, mtime_ns, int(inode), ctime_ns), fingerprint)
                for path, size, mtime_ns, inode, ctime_ns, fingerprint in rows
            }

    def probes(self) -> dict[str, Probe]:
        """Fingerprint -> stored probe result. Raises StoreNotUnderstood."""
        rows = self._rows("SELECT fingerprint, probe FROM films WHERE probe IS NOT NULL")
        with self._understood("probes"):
            return {str(fingerprint): msgspec.json.decode(probe, type=Probe) for fingerprint, probe in rows}

    def _prepare(self) -> None:
        db = self._db
        if not self._path.stat().st_size:
            # SQLite would take it for a new database, but those are made elsewhere: see make_store.
            raise sqlite3.DatabaseError("it is empty")
        ((application,),) = db.execute("PRAGMA application_id").fetchall()
        ((version,),) = db.execute("PRAGMA user_version").fetchall()
        if application != APPLICATION_ID:
            raise sqlite3.DatabaseError("it is not a database of framed")
        if version > SCHEMA_VERSION:
            raise StoreNotUnderstood(self._path, f"it was written by a newer framed (schema {version})")
        ((found,),) = db.execute("PRAGMA quick_check(1)").fetchall()
        if found != "ok":
            raise sqlite3.DatabaseError(str(found))
        db.execute("PRAGMA journal_mode = WAL")
        if version < SCHEMA_VERSION:
            migrate(db, version)
            _log.info("state database upgraded", extra=fields(store=self._path, schema=SCHEMA_VERSION, was=version))
            _compact(db)

    @contextlib.contextmanager
    def _understood(self, what: str) -> Iterator[None]:
        try:
            yield
        except ValueError as strange:
            raise StoreNotUnderstood(self._path, f"{what}: {strange}") from None

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._available():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                # A failed COMMIT may have rolled back already.
                with contextlib.suppress(sqlite3.OperationalError):
                    self._db.execute("ROLLBACK")
                raise

    def _rows(self, query: str, *arguments: str) -> list[Any]:
        with self._available():
            return self._db.execute(query, arguments).fetchall()

    @contextlib.contextmanager
    def _available(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as failed:
            raise StoreUnavailable(self._path, str(failed)) from None


def _compact(db: sqlite3.Connection) -> None:
    """Unused pages are given back, if there are many and the disk has room for it."""
    ((unused,),) = db.execute("PRAGMA freelist_count").fetchall()
    ((page_bytes,),) = db.execute("PRAGMA page_size").fetchall()
    if unused * page_bytes >= _WORTH_COMPACTING_BYTES:
        try:
            db.execute("VACUUM")
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.OperationalError as failed:
            if _is_damage(failed):
                raise
            _log.warning("state database not compacted", extra=fields(unused_bytes=unused * page_bytes, why=failed))


def _is_damage(failed: sqlite3.OperationalError) -> bool:
    return failed.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def make_store(path: Path, jobs: Sequence[Job] = (), verdicts: Sequence[FilmVerdict] = ()) -> None:
    """Creates a database with these jobs and verdicts at `path`, atomically, also across a power cut.

    Raises StoreUnavailable.
    """
    new = path.with_name(f"{path.name}.new")
    try:
        for stale in (new, *_companions(new), *_companions(path)):
            stale.unlink(missing_ok=True)
        db = _connect(new)
        try:
            migrate(db, 0)
        finally:
            db.close()
        filled = Store(new)
        filled.write(jobs, verdicts)
        filled.close()
        for written in (new, path.parent):
            _sync(written)
        new.replace(path)
        _sync(path.parent)
    except (sqlite3.Error, OSError) as failed:
        raise StoreUnavailable(path, str(failed)) from None


def move_away(path: Path) -> Path | None:
    """Moves the database at `path` away; returns where it is kept, None when there never was one.

    Raises Refused for one that is intact and can be read: it needs no recovery.
    """
    try:
        if path.exists():
            store = Store(path)
            try:
                store.latest_jobs(), store.verdicts(), store.films(), store.probes()
            finally:
                store.close()
        else:
            _require_none_before(path)
            return None
    except StoreDamaged as damaged:
        return damaged.set_aside
    except StoreNotUnderstood:
        return set_aside(path)
    raise Refused(f"the state database {path} is intact: nothing has to be recovered; start without --recover")


def set_aside(path: Path) -> Path | None:
    """Renames the database and its journal; returns the new path, or None when it could not be renamed."""
    aside = path.with_name(f"{path.name}{_ASIDE}{max(_set_aside_before(path), default=0) + 1}")
    moved = None
    try:
        for file, name in zip((path, *_companions(path)), (aside, *_companions(aside)), strict=True):
            if file.exists():
                moved = moved or file.rename(name)
    except OSError:
        return None
    return moved


def _require_none_before(path: Path) -> None:
    """Raises StoreDamaged if the missing database existed before."""
    journal = _companions(path)[0]
    if journal.exists() and journal.stat().st_size:
        # SQLite would apply it to a new database.
        raise StoreDamaged(path, set_aside(path), "it is missing, but its journal exists")
    if asides := _set_aside_before(path):
        raise StoreDamaged(path, asides[max(asides)], "it was set aside at an earlier start")


def _set_aside_before(path: Path) -> dict[int, Path]:
    """By number."""
    numbered = {each: each.name.removeprefix(path.name + _ASIDE).partition("-")[0] for each in _asides(path)}
    return {int(number): each for each, number in numbered.items() if number.isdecimal()}


def _asides(path: Path) -> list[Path]:
    # The database after its journal, because the last one of a number is kept in the dictionary above.
    return sorted(path.parent.glob(f"{path.name}{_ASIDE}*"), reverse=True)


def _companions(path: Path) -> tuple[Path, Path]:
    """SQLite's journal and its shared index."""
    return path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=5.0, isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA synchronous = FULL")
    return db


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
