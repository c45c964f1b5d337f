"""The progress of an attempt: measured here, written to `progress.json`, and shown."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

import msgspec

from frame_extractor.attempt.records import now
from frame_extractor.contract.attempt import AttemptSpec, Progress, ShotStart, Stage
from frame_extractor.contract.durable import write_atomically
from frame_extractor.workers.grant import WorkerGrant

if TYPE_CHECKING:
    from frame_extractor.pipeline.film_progress import FilmProgress

HEARTBEAT_S: Final = 1.0
_MAX_FRACTION_UNTIL_DONE: Final = 0.999
_ETA_AFTER_S: Final = 2.0
"""An estimate made from less is noise."""


class ProgressMeter:
    """Adds up the films of one attempt. Safe to read from another thread."""

    def __init__(self, spec: AttemptSpec, grant: WorkerGrant) -> None:
        self._spec = spec
        self._grant = grant
        self._lock = threading.Lock()
        self._started = time.monotonic()
        self._extracting_since: float | None = None
        self._snapshot_at = self._started
        self._paused_s = 0.0
        self._stage = Stage.OPENING
        self._film = ""
        self._film_number = 1
        self._seconds_total = 0.0
        self._seconds_before = 0.0
        self._seconds_of_film = 0.0
        self._seconds_in_film = 0.0
        self._extracted_s_before = 0.0
        self._extracted_s_in_film = 0.0
        self._fraction = 0.0
        self._images_found = 0
        self._images_before = 0
        self._images_in_film = 0
        self._image_bytes_before = 0
        """In the films before the one in work, those that were complete among them."""
        self._image_bytes_in_film = 0
        self._shots = 0
        self._last_shots: tuple[ShotStart, ...] = ()
        self._steps = 0

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self._started

    @property
    def images(self) -> int:
        return self._images_found + self._images_before + self._images_in_film

    def expect(
        self,
        seconds_total: float,
        images_found: int,
        *,
        image_bytes_found: int = 0,
        seconds_found: float = 0.0,
    ) -> None:
        """The totals of the attempt; `..._found` counts films that are complete already."""
        with self._lock:
            self._seconds_total = seconds_total
            self._seconds_before = seconds_found
            self._images_found = images_found
            self._image_bytes_before = image_bytes_found
            self._extracting_since = time.monotonic()
            self._advance()

    def begin(self, film: str, number: int, duration_s: float) -> None:
        with self._lock:
            self._film, self._film_number = film, number
            self._seconds_of_film, self._seconds_in_film = duration_s, 0.0
            self._shots, self._last_shots = 0, ()
            self._stage = Stage.OPENING

    def step(self) -> None:
        """Something was done that does not change the fraction: the attempt is not stalled."""
        with self._lock:
            self._steps += 1

    def report(self, film: FilmProgress) -> None:
        with self._lock:
            self._steps += 1
            self._stage = film.stage if film.stage is not Stage.DONE else Stage.WRITING
            self._seconds_in_film = max(self._seconds_in_film, film.fraction * self._seconds_of_film)
            # What an earlier attempt has done does not count for the speed of this one.
            extracted_s = self._seconds_in_film - film.seconds_cached
            self._extracted_s_in_film = max(self._extracted_s_in_film, extracted_s)
            self._images_in_film = film.images
            self._image_bytes_in_film = film.image_bytes
            self._shots, self._last_shots = film.shots, film.last_shots
            self._advance()

    def end_film(self, images: int) -> None:
        """The film has been extracted or has failed; `images` of it are in `frames/`."""
        with self._lock:
            self._images_before += images
            self._images_in_film = 0
            self._image_bytes_before += self._image_bytes_in_film if images else 0
            self._image_bytes_in_film = 0
            self._seconds_before += self._seconds_of_film
            self._extracted_s_before += self._extracted_s_in_film
            self._seconds_of_film = self._seconds_in_film = self._extracted_s_in_film = 0.0
            self._advance()

    def finish(self) -> None:
        """All results are on the disk."""
        with self._lock:
            self._stage = Stage.DONE
            self._fraction = 1.0

    def snapshot(self) -> Progress:
        """The progress now. To be called regularly: a pause is noticed here, and does not count for any rate."""
        grant, at_work = self._grant.granted, self._grant.at_work
        with self._lock:
            now_s = time.monotonic()
            if grant.paused and at_work == 0 and self._extracting_since is not None:
                self._paused_s += now_s - max(self._snapshot_at, self._extracting_since)
            self._snapshot_at = now_s
            extracting_s = 0.0 if self._extracting_since is None else now_s - self._extracting_since - self._paused_s
            done_s = self._seconds_before + self._seconds_in_film
            is_done = self._stage is Stage.DONE
            extracted_s = self._extracted_s_before + self._extracted_s_in_film
            settled = is_done or (extracting_s >= _ETA_AFTER_S and extracted_s > 0)
            new_images = self._images_before + self._images_in_film
            remaining_s = self._seconds_total - done_s
            eta_s = extracting_s * remaining_s / max(extracted_s, 0.001) if settled and not grant.paused else None
            return Progress(
                attempt=self._spec.attempt,
                stage=self._stage,
                film=self._film,
                film_number=self._film_number,
                n_films=len(self._spec.films),
                fraction=round(self._fraction, 5),
                film_seconds_done=round(done_s, 3),
                film_seconds_total=round(self._seconds_total, 3),
                images=self._images_found + new_images,
                image_bytes=self._image_bytes_before + self._image_bytes_in_film,
                shots=self._shots,
                last_shots=self._last_shots,
                workers=at_work,
                control_serial_seen=grant.serial,
                paused=grant.paused,
                elastic=self._grant.is_elastic,
                elapsed_s=round(now_s - self._started, 3),
                eta_s=None if eta_s is None else round(eta_s, 1),
                realtime_factor=round(extracted_s / extracting_s, 3) if settled and extracting_s else None,
                images_per_s=round(new_images / extracting_s, 3) if settled and extracting_s else None,
                steps=self._steps,
                updated_at=now(),
            )

    def _advance(self) -> None:
        if self._seconds_total > 0:
            fraction = (self._seconds_before + self._seconds_in_film) / self._seconds_total
            self._fraction = max(self._fraction, min(fraction, _MAX_FRACTION_UNTIL_DONE))


class Heartbeat:
    """Writes `progress.json` and shows it, once a second, from a thread of its own, until the end of the block.

    A full disk does not end the attempt here, but where images are written; `progress.json` gets old meanwhile.
    """

    def __init__(
        self, meter: ProgressMeter, path: Path, show: Callable[[Progress], None], is_superseded: Callable[[], bool]
    ) -> None:
        """`is_superseded`: says whether the file belongs to a newer attempt."""
        self.is_superseded = False
        """At the last beat."""
        self._is_superseded_now = is_superseded
        self._meter = meter
        self._path = path
        self._show = show
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def __enter__(self) -> Self:
        self._beat()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._beat()

    def _run(self) -> None:
        while not self._stop.wait(HEARTBEAT_S):
            self._beat()

    def _beat(self) -> None:
        progress = self._meter.snapshot()
        self.is_superseded = self.is_superseded or self._is_superseded_now()
        if self.is_superseded:
            return
        with contextlib.suppress(OSError):
            write_atomically(self._path, msgspec.json.encode(progress) + b"\n", durable=False)
        self._show(progress)
