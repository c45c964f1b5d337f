"""Makes the state database of this version that later versions must be able to read: `python -m tests.stores.make`.

Once for each version of the schema, when it is released. A file that is there is never made again.
"""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from frame_extractor.contract.answers import Probe
from framed.model.job import (
    Cancelled,
    Complete,
    Due,
    Ending,
    Failed,
    FilmVerdict,
    Job,
    JobFilm,
    JobState,
    Queued,
    ReplaceBy,
    Retrying,
    Running,
    Successor,
    Verdict,
)
from framed.policy.settle import Signature
from framed.state.schema import SCHEMA_VERSION
from framed.state.store import Store
from tests.harness.jobs import BOOT, attempt, job, kept_reply, moment, options, outcome

PROBE = Probe(
    path="/raw/onward/\u00e9 \u4f60.ts", fingerprint="f-complete", container="mpegts", codec="h264",
    width=1920, height=1080, fps=23.976, duration_s=5400.5, source_frames=129_482,
)  # fmt: skip


def main() -> int:
    path = Path(__file__).with_name(f"schema-{SCHEMA_VERSION}.db")
    if path.exists():
        print(f"{path} is there already, and must stay as it is", file=sys.stderr)  # noqa: T201 -- a command line
        return 1
    store = Store(path)
    verdicts = [
        FilmVerdict(
            project="onward", fingerprint=f"f-{each.value}", verdict=each, job_id="complete", decided_at=moment().utc
        )
        for each in Verdict
    ]
    store.write(list(_jobs()), verdicts, kept_reply("key", b'{"outcomes":[]}'), {"draining": True})
    store.remember_films({"/raw/onward/\u00e9 \u4f60.ts": (Signature(1, 2, 2**63 + 5, 4), "f-complete")})
    store.remember_probes({"/raw/onward/\u00e9 \u4f60.ts": PROBE})
    store.close()
    return 0


def _jobs() -> list[Job]:
    """One in each state, and one that another replaces."""
    since, failed = moment().utc, outcome(137, Ending.CRASHED, reason="killed", film_left_s=60.0, last_lines=("a", "b"))
    states: dict[str, JobState] = {
        "queued": Queued(since=since, is_requeued=True),
        "running": Running(since=since, attempt=attempt()),
        "replaced": Running(
            since=since,
            attempt=attempt(host=None),
            stop_request=ReplaceBy(successor=Successor(id="next", options=options(workers="auto"), force=True)),
        ),
        "retrying": Retrying(since=since, due=Due(boot_id=BOOT, monotonic_s=1030.0)),
        "complete": Complete(since=since, outcome=outcome(0, images=12, wall_s=3.5)),
        "failed": Failed(since=since, outcome=failed),
        "cancelled": Cancelled(since=since, outcome=None, asked=True),
    }
    full = job(
        films=(JobFilm(path="/raw/onward/a.ts", fingerprint="f1"),), attempts=(attempt(outcome=failed),), failures=1
    )
    return [
        msgspec.structs.replace(full, id=name, project=name, order=order, state=state, paused=name == "running")
        for order, (name, state) in enumerate(states.items(), 1)
    ]


if __name__ == "__main__":
    sys.exit(main())
