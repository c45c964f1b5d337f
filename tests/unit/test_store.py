"""The state database: what is written is there, completely or not at all, and damage is never overwritten."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from framed.errors import Exit, StoreDamaged, StoreNotUnderstood
from framed.model.job import (
    Cancel,
    Complete,
    Failed,
    FilmVerdict,
    Queued,
    ReplaceBy,
    Retrying,
    Running,
    Successor,
    Verdict,
)
from framed.policy.settle import Signature
from framed.state import replies
from framed.state import store as store_module
from framed.state.ledger import Ledger
from framed.state.replies import KEPT_REPLIES, KEPT_S
from framed.state.schema import MIGRATIONS, SCHEMA_VERSION, migrate
from framed.state.store import Store, StoreUnavailable, make_store
from tests.harness.jobs import job, kept_reply, moment, options, outcome
from tests.stores.make import PROBE

RELEASED_VERDICTS = (Verdict.COMPLETE, Verdict.FAILED, Verdict.CANCELLED)
"""In the databases of all versions so far; a later one is in those that are made from then on."""
OVER = Complete(since=moment().utc, outcome=outcome(0))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "framed.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    opened = Store(path)
    yield opened
    opened.close()


def verdict(fingerprint: str, word: Verdict) -> FilmVerdict:
    return FilmVerdict(project="onward", fingerprint=fingerprint, verdict=word, job_id="j1", decided_at=moment().utc)


def test_everything_reads_back_in_another_store(path: Path, store: Store) -> None:
    written = job()
    store.write([written], [verdict("f1", Verdict.FAILED)], kept_reply("key", b"answer"))
    film = (Signature(1, 2, 2**63 + 5, 4), "f1")
    store.remember_films({"/raw/onward/é 你.ts": film})
    other = Store(path)
    assert other.latest_jobs() == [written]
    assert other.verdicts() == {("onward", "f1"): Verdict.FAILED}
    assert (other.reply("key"), other.reply("another")) == (kept_reply("key", b"answer"), None)
    assert other.films() == {"/raw/onward/é 你.ts": film}
    assert other.films()["/raw/onward/é 你.ts"][0].ctime_ns == 4
    assert other.last_order() == 1
    other.close()


def test_only_open_jobs_and_the_latest_of_each_project_are_read_back(store: Store) -> None:
    """Years of history stay on the disk."""
    store.write([job(id="old", order=1, state=OVER), job(id="new", order=2, state=OVER)])
    store.write([job(id="other", order=3, project="orion")])
    assert [each.id for each in store.latest_jobs()] == ["new", "other"]


def test_probe_is_remembered_until_the_file_is_another(store: Store) -> None:
    """One that came too late, of a file that is no longer there, is not."""
    path = PROBE.path
    store.remember_films({path: (Signature(1, 2, 3), PROBE.fingerprint)})
    store.remember_probes({path: PROBE})
    assert store.probes() == {PROBE.fingerprint: PROBE}
    store.remember_films({path: (Signature(1, 2, 3, 4), PROBE.fingerprint)})
    assert store.probes() == {PROBE.fingerprint: PROBE}
    store.remember_films({path: (Signature(1, 5, 3), "f-other")})
    store.remember_probes({path: PROBE})
    assert store.probes() == {}


def test_later_verdict_replaces_the_earlier(store: Store) -> None:
    store.write(verdicts=[verdict("f1", Verdict.FAILED)])
    store.write(verdicts=[verdict("f1", Verdict.COMPLETE)])
    assert store.verdicts() == {("onward", "f1"): Verdict.COMPLETE}


def test_write_that_fails_leaves_nothing_of_it(store: Store) -> None:
    """The second key collides, and with it the job goes."""
    store.write([], reply=kept_reply("key", b"first"))
    with pytest.raises(StoreUnavailable):
        store.write([job()], [verdict("f1", Verdict.FAILED)], kept_reply("key", b"second"))
    assert store.latest_jobs() == []
    assert store.verdicts() == {}
    assert store.reply("key") == kept_reply("key", b"first")


def test_answers_are_remembered_in_bounds(store: Store) -> None:
    now_s = int(moment().utc.timestamp())
    with sqlite3.connect(store._path) as db:
        rows = ((number, f"k{number}", b"", now_s) for number in range(1, KEPT_REPLIES + 5))
        db.executemany("INSERT INTO replies (number, key, reply, answered_at_s) VALUES (?, ?, ?, ?)", rows)
    db.close()
    store.write(reply=kept_reply("new", b"answer"))
    assert store.reply("k5") is None
    assert store.reply("new") == kept_reply("new", b"answer")
    assert len(store._rows("SELECT 1 FROM replies")) == KEPT_REPLIES


def test_answers_together_have_a_bound_and_the_newest_is_kept(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest give way; one that alone is longer than all may be is kept all the same."""
    monkeypatch.setattr(replies, "KEPT_REPLIES_BYTES", 100)
    for number in range(5):
        store.write(reply=kept_reply(f"k{number}", b"x" * 40))
    assert [store.reply(f"k{number}") is not None for number in range(5)] == [False, False, False, True, True]
    store.write(reply=kept_reply("large", b"x" * 101))
    assert store._rows("SELECT key FROM replies") == [("large",)]


def test_of_an_answer_that_is_too_long_only_the_fact_is_kept(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replies, "LONGEST_REPLY_BYTES", 100)
    store.write(reply=kept_reply("long", b"x" * 101))
    found = store.reply("long")
    assert found is not None
    assert (found.verb, found.reply) == ("submit", None)


def test_old_answers_go_but_for_the_newest(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which stay whatever the wall clock says: it may have jumped."""
    monkeypatch.setattr(replies, "KEPT_AT_ANY_AGE", 3)
    for number in range(5):
        store.write(reply=kept_reply(f"k{number}"))
    store.write(reply=kept_reply("new", second=KEPT_S + 1))
    assert [key for (key,) in store._rows("SELECT key FROM replies ORDER BY number")] == ["k3", "k4", "new"]


def test_answers_of_an_earlier_version_lose_what_is_out_of_bounds(path: Path) -> None:
    """Keys of a megabyte too: the file is small again after the first start."""
    shutil.copy(Path(__file__).parents[1] / "stores" / "schema-2.db", path)
    with sqlite3.connect(path) as db:
        db.executemany(
            "INSERT INTO replies (key, reply) VALUES (?, ?)",
            [*((f"{number}{'k' * 500_000}", b"{}") for number in range(20)), ("", b"{}"), ("long", b"x" * (5 << 20))],
        )
    db.close()
    store = Store(path)
    assert [key for (key,) in store._rows("SELECT key FROM replies ORDER BY number")] == ["key", "long"]
    known, long = store.reply("key"), store.reply("long")
    assert known is not None
    assert (known.verb, known.reply) == (None, b'{"outcomes":[]}')
    assert long is not None
    assert long.reply is None
    store.write(reply=kept_reply("next"))
    assert store.reply("key") is not None
    store.close()
    assert path.stat().st_size < 1 << 20


def test_every_write_reaches_the_disk(store: Store) -> None:
    """WAL with synchronous=FULL (2)."""
    assert store._rows("PRAGMA journal_mode") == [("wal",)]
    assert store._rows("PRAGMA synchronous") == [(2,)]


@pytest.mark.parametrize("content", [b"not a database, but long enough to be read as one " * 50, b"\0" * 4096])
def test_damaged_store_is_kept_under_another_name(path: Path, content: bytes) -> None:
    """Twice damaged, twice kept."""
    for number in (1, 2):
        path.write_bytes(content)
        with pytest.raises(StoreDamaged) as damaged:
            Store(path)
        assert damaged.value.set_aside == path.with_name(f"framed.db.damaged-{number}")
        assert damaged.value.set_aside.read_bytes() == content
        assert not path.exists()


@pytest.mark.parametrize("content", [b"", b"SQLite format 3\0", b"\xff" * 100])
def test_damaged_store_is_not_followed_by_an_empty_one(path: Path, content: bytes) -> None:
    """However often framed is started; each time the message says where it is, and what to do."""
    path.write_bytes(content)
    for _ in range(3):
        with pytest.raises(
            StoreDamaged, match=r"kept as .*/framed\.db\.damaged-1\. .*framed start --recover"
        ) as damaged:
            Store(path)
        assert damaged.value.set_aside == path.with_name("framed.db.damaged-1")
    assert not path.exists()


def test_truncated_store_is_damaged(path: Path) -> None:
    """At whichever page."""
    make_store(path, [job(id=f"j{number}", order=number) for number in range(200)])
    intact = path.read_bytes()
    for n_bytes in range(1000, len(intact), len(intact) // 8):
        path.write_bytes(intact[:n_bytes])
        with pytest.raises(StoreDamaged):
            Store(path)


def test_journal_without_its_store_is_damage_and_is_kept(path: Path) -> None:
    """Beside a new database SQLite would play it into that."""
    opened = Store(path)
    opened.write([job()])
    journal = path.with_name("framed.db-wal")
    content = journal.read_bytes()
    path.unlink()
    with pytest.raises(StoreDamaged) as damaged:
        Store(path)
    assert damaged.value.set_aside == path.with_name("framed.db.damaged-1-wal")
    assert damaged.value.set_aside.read_bytes() == content
    with pytest.raises(StoreDamaged, match="at an earlier start"):
        Store(path)
    opened.close()


def test_store_that_was_half_made_is_made_again(path: Path) -> None:
    """It gets its name only when it is complete."""
    path.with_name("framed.db.new").write_bytes(b"half")
    Store(path).close()
    assert [each.name for each in path.parent.iterdir()] == ["framed.db"]


def test_store_damaged_in_the_middle_is_noticed_at_the_start(path: Path) -> None:
    opened = Store(path)
    opened.write([job(id=f"j{number}", order=number) for number in range(200)])
    opened.close()
    content = bytearray(path.read_bytes())
    content[4096 * 8 : 4096 * 10] = b"\xff" * 4096 * 2
    path.write_bytes(content)
    with pytest.raises(StoreDamaged):
        Store(path)


def test_database_of_another_program_is_not_touched(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE theirs (a)")
    db.close()
    with pytest.raises(StoreDamaged, match="not a database of framed") as damaged:
        Store(path)
    assert damaged.value.set_aside is not None


@pytest.mark.parametrize(
    "change",
    [
        """UPDATE jobs SET document = CAST('{"id": "j1"}' AS BLOB)""",
        "UPDATE jobs SET document = CAST('broken' AS BLOB)",
        "UPDATE verdicts SET verdict = 'undecided'",
        "UPDATE films SET inode = 'x'",
        "UPDATE films SET probe = CAST('broken' AS BLOB)",
    ],
)
def test_what_another_framed_has_written_is_refused_and_left_alone(path: Path, store: Store, change: str) -> None:
    """The database is intact, and this framed does not understand it: one clear line."""
    store.write([job()], [verdict("f1", Verdict.FAILED)])
    store.remember_films({"/raw/onward/film.mkv": (Signature(1, 2, 3), "f1")})
    with sqlite3.connect(path) as db:
        db.execute(change)
    db.close()
    with pytest.raises(StoreNotUnderstood) as refused:
        _read_all(store)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)
    assert refused.value.exit_code is Exit.REFUSED
    assert Store(path)._rows("SELECT count(*) FROM jobs") == [(1,)]


def _read_all(store: Store) -> None:
    ledger = Ledger(store, lambda _project, _now: "")
    ledger.remembered_films(), ledger.remembered_probes()


def _renamed(db: sqlite3.Connection) -> None:
    """A step as a later version might have."""
    db.execute("ALTER TABLE verdicts RENAME COLUMN verdict TO word")


def _refusing(db: sqlite3.Connection) -> None:
    db.execute("ALTER TABLE verdicts RENAME COLUMN word TO words")
    raise sqlite3.OperationalError("database or disk is full")


def test_older_store_climbs_to_the_newest_version_or_stays_as_it_is(path: Path) -> None:
    """All steps or none, with what is in it; a new one climbs the same ladder."""
    make_store(path, verdicts=[verdict("f1", Verdict.FAILED)])
    ladder = (*MIGRATIONS, _renamed)
    newest = SCHEMA_VERSION
    for steps, version, column in (((*ladder, _refusing), newest, "verdict"), (ladder, newest + 1, "word")):
        db = sqlite3.connect(path, isolation_level=None)
        with contextlib.suppress(sqlite3.OperationalError):
            migrate(db, newest, steps)
        assert db.execute("PRAGMA user_version").fetchall() == [(version,)]
        assert column in [name for _, name, *_ in db.execute("PRAGMA table_info(verdicts)")]
        assert db.execute("SELECT count(*) FROM verdicts").fetchall() == [(1,)]
        db.close()
    fresh = sqlite3.connect(path.with_name("fresh.db"), isolation_level=None)
    migrate(fresh, 0, ladder)
    assert fresh.execute("SELECT word FROM verdicts").fetchall() == []
    fresh.close()


def test_store_opens_one_of_an_older_version(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forged: the version before this one is what is left of the ladder without its last step."""
    make_store(path, [job()])
    monkeypatch.setattr(store_module, "SCHEMA_VERSION", SCHEMA_VERSION + 1)
    monkeypatch.setattr(store_module, "migrate", lambda db, version: migrate(db, version, (*MIGRATIONS, _renamed)))
    opened = Store(path)
    assert opened._rows("PRAGMA user_version") == [(SCHEMA_VERSION + 1,)]
    assert opened._rows("SELECT word FROM verdicts") == []
    assert opened.latest_jobs() == [job()]
    opened.close()


@pytest.mark.parametrize("version", range(1, SCHEMA_VERSION + 1))
def test_store_of_every_released_version_loads(path: Path, version: int) -> None:
    """Its jobs in all their states, its verdicts, answers and films. The files are made by tests.stores.make."""
    shutil.copy(Path(__file__).parents[1] / "stores" / f"schema-{version}.db", path)
    store = Store(path)
    states = {each.id: type(each.state) for each in Ledger(store, lambda _project, _now: "").open_jobs()}
    assert states == {"queued": Queued, "running": Running, "retrying": Retrying, "replaced": Running}
    requests = {each.id: each.state.stop_request for each in store.latest_jobs() if isinstance(each.state, Running)}
    replaced = ReplaceBy(successor=Successor(id="next", options=options(workers="auto"), force=True))
    assert requests == {"running": None, "replaced": replaced}
    assert {each.id for each in store.latest_jobs()} - states.keys() == {"complete", "failed", "cancelled"}
    queued = store.latest_jobs()[0].state
    assert isinstance(queued, Queued)
    assert queued.is_requeued
    over = {each.id: each.state for each in store.latest_jobs()}
    reasons = {name: state.outcome.reason for name, state in over.items() if isinstance(state, Complete | Failed)}
    assert reasons == {"complete": None, "failed": "killed"}
    verdicts = RELEASED_VERDICTS if version < 5 else Verdict
    assert store.verdicts() == {("onward", f"f-{each.value}"): each for each in verdicts}
    kept = store.reply("key")
    assert kept is not None
    assert (kept.verb, kept.reply) == (None if version < 3 else "submit", b'{"outcomes":[]}')
    ((signature, fingerprint),) = store.films().values()
    assert (signature, fingerprint) == (Signature(1, 2, 2**63 + 5), "f-complete")
    assert signature.ctime_ns == (None if version < 4 else 4)
    assert store.probes() == ({} if version == 1 else {"f-complete": PROBE})
    assert store.flags() == {"draining"}
    assert store._rows("PRAGMA user_version") == [(SCHEMA_VERSION,)]
    store.close()


def test_request_to_cancel_and_a_damaged_document_survive_the_migration(path: Path) -> None:
    """Before version 5 the request was a flag; a document that cannot be read stays as it is, and reading says so."""
    shutil.copy(Path(__file__).parents[1] / "stores" / "schema-4.db", path)
    damaged = b'{"id":"complete","state":5}'
    with sqlite3.connect(path) as db:
        change = "UPDATE jobs SET document = CAST(replace(document, ?, ?) AS BLOB) WHERE id = 'running'"
        db.execute(change, ('"cancelling":false', '"cancelling":true'))
        db.execute("UPDATE jobs SET document = ?, project = 'replaced' WHERE id = 'complete'", (damaged,))
    db.close()
    store = Store(path)
    ((kept,),) = store._rows("SELECT document FROM jobs WHERE id = 'complete'")
    assert kept == damaged
    with pytest.raises(StoreNotUnderstood):
        store.latest_jobs()
    with sqlite3.connect(path) as db:
        db.execute("DELETE FROM jobs WHERE id = 'complete'")
    db.close()
    requests = {each.id: each.state.stop_request for each in store.latest_jobs() if isinstance(each.state, Running)}
    assert requests["running"] == Cancel()
    store.close()


def test_store_of_a_newer_framed_is_refused_and_left_alone(path: Path) -> None:
    Store(path).close()
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    db.close()
    with pytest.raises(StoreNotUnderstood, match="newer framed"):
        Store(path)
    assert path.exists()
