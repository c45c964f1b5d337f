"""What a job lacks on its output's disk: its estimate, less what is done, beside the floor."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from frame_extractor.contract.answers import Probe
from framed.attempts.blockers import Blockers
from framed.attempts.reports import AttemptReports
from framed.host.disks import Disks, FreeSpace
from framed.model.job import Ending, Job
from framed.reason_text import reason_text
from framed.settings.config import BudgetSettings, Settings, WatchSettings
from framed.settings.live_settings import LiveSettings
from framed.settings.places import load_places
from framed.state.ledger import Ledger
from framed.state.store import Store
from framed.watching.catalog_builder import CatalogBuilder
from framed.watching.film_statuses import FilmStatuses
from framed.watching.watch import Watcher
from tests.harness.jobs import attempt, job, options, outcome

MB = 1_000_000
WATCH = WatchSettings(settle_s=0.0, settle_scans=1)


class WaitingJob:
    """One job of one film of six seconds of 1080p, reckoned to give sixteen images, 6.3 MB."""

    def __init__(self, folder: Path) -> None:
        places = load_places(folder)
        film = places.films_dir("onward") / "film.mkv"
        film.parent.mkdir(parents=True)
        film.write_text("film")
        self.settings = LiveSettings(places, Settings(watch=WATCH))
        self.store = Store(folder / "framed.db")
        ledger = Ledger(self.store, lambda project, _now: project)
        watcher = Watcher(places, self.settings, ledger)
        watcher.catalog = CatalogBuilder(places, self.settings, {}).scan(time.monotonic())
        [seen] = watcher.catalog.projects["onward"].films
        assert seen.fingerprint is not None
        film_statuses = FilmStatuses(self.settings, ledger, watcher)
        film_statuses.record(
            seen,
            Probe(
                path=seen.path, fingerprint=seen.fingerprint, container="mp4", codec="h264", width=1920, height=1080,
                fps=24.0, duration_s=6.0, source_frames=144,
            ),
        )  # fmt: skip
        self.job = job(by="watch", options=options(frames_dir=str(places.frames_dir("onward"))))
        self.disks = Disks(str(places.datasets))
        self.blockers = Blockers(
            watcher=watcher,
            film_statuses=film_statuses,
            disks=self.disks,
            settings=self.settings,
            reports=AttemptReports(),
        )

    def lack(self, waiting: Job, free_bytes: int) -> str:
        """What blocks the job on a disk of ten megabytes with so much room."""
        self.disks.watch([waiting.options.frames_dir])
        self.disks._device_of[waiting.options.frames_dir] = 1
        self.disks._rooms[1] = FreeSpace(disk=1, free_bytes=free_bytes, total_bytes=10 * MB)
        found = self.blockers.find([waiting], ()).start_blocked.get(waiting.id)
        return reason_text(found) if found else ""


@pytest.fixture
def waiting_job(tmp_path: Path) -> Iterator[WaitingJob]:
    waiting_job = WaitingJob(tmp_path)
    yield waiting_job
    waiting_job.store.close()


def test_film_needs_its_images_and_the_floor(waiting_job: WaitingJob) -> None:
    assert waiting_job.lack(waiting_job.job, 6 * MB) == "disk low: needs 7 MB, 6 free"
    assert waiting_job.lack(waiting_job.job, 7 * MB) == ""


def test_what_earlier_attempts_have_done_is_not_needed_again(waiting_job: WaitingJob) -> None:
    """It is on the disk. Two thirds of the film were left, whatever share that was of the attempt."""
    ended = attempt(outcome=outcome(75, Ending.EXITED, fraction=0.9, film_left_s=4.0))
    tried = msgspec.structs.replace(waiting_job.job, attempts=(ended,))
    assert waiting_job.lack(tried, 4 * MB) == "disk low: needs 5 MB, 4 free"
    assert waiting_job.lack(tried, 5 * MB) == ""


def test_without_a_floor_nobody_asks_what_is_free(waiting_job: WaitingJob) -> None:
    """Neither for the film's images: who knows better than the estimate needs a way."""
    waiting_job.settings.now = Settings(watch=WATCH, budget=BudgetSettings(disk_floor_gb=0))
    assert waiting_job.lack(waiting_job.job, 0) == ""


def test_figures_of_a_disk_that_does_not_answer_are_shown_with_their_age(waiting_job: WaitingJob) -> None:
    """They are the last that there are."""
    waiting_job.disks._asked[waiting_job.job.options.frames_dir] = time.monotonic() - 40
    assert waiting_job.lack(waiting_job.job, MB) == "disk low: needs 7 MB, 1 free (40 s ago; the disk does not answer)"
