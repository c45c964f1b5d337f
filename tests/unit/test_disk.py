"""Room on disks: how much is measured, when it is too little, and what a disk that hangs costs."""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path
from typing import Literal

import anyio
import pytest

from framed.host import disks as disks_module
from framed.host.disks import Disks
from framed.policy.disk import GB, enough_bytes, floor_bytes, is_low, shortage, still_needed_bytes

MB = 1_000_000


@pytest.mark.parametrize(
    ("total", "setting", "floor"),
    [(8 * MB, "auto", 160_000), (50 * GB, "auto", GB), (4000 * GB, "auto", 2 * GB), (GB, 0, 0), (GB, 0.5, GB // 2)],
)
def test_floor_is_a_small_part_of_the_disk(total: int, setting: float | Literal["auto"], floor: int) -> None:
    """Else a small disk could never be used."""
    assert floor_bytes(total, setting) == floor


def test_disk_that_was_low_is_low_until_there_is_more_than_just_enough() -> None:
    """Else what writes there would begin and rest by turns."""
    assert not is_low(GB, GB, was_low=False)
    assert is_low(GB - 1, GB, was_low=False)
    assert is_low(GB, GB, was_low=True)
    assert not is_low(enough_bytes(GB), GB, was_low=True)
    assert not is_low(0, 0, was_low=True)


@pytest.mark.parametrize(
    ("free", "needed", "words"),
    [
        (GB, GB, ""),
        (900 * MB, 1400 * MB, "disk low: needs 1.4 GB, 0.9 free"),
        (1399 * MB, 1301 * MB, ""),
        (1399 * MB, 1400 * MB, "disk low: needs 1.4 GB, 1.3 free"),
        (30 * MB, 51 * MB + 1, "disk low: needs 52 MB, 30 free"),
        (-5, MB, "disk low: needs 1 MB, 0 free"),
    ],
)
def test_what_is_missing_is_said_so_that_nobody_reads_two_equal_numbers(free: int, needed: int, words: str) -> None:
    assert shortage(free, needed) == words


def test_what_a_film_has_written_says_more_than_its_estimate() -> None:
    """Not at once: its first images may be of another kind than the rest."""
    assert still_needed_bytes(1000, 0, 0.0) == 1000
    assert still_needed_bytes(1000, 60, 0.05) == 940
    assert still_needed_bytes(1000, 100, 0.5) == 100
    assert still_needed_bytes(1000, 900, 0.5) == 900
    assert still_needed_bytes(1000, 1500, 0.05) == 0


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.anyio
async def test_disk_of_a_folder_that_is_not_there_yet_is_that_of_the_one_above(tmp_path: Path) -> None:
    """Images are written into folders that their extractor makes."""
    disks = Disks(str(tmp_path / "datasets" / "onward" / "frames"))
    async with anyio.create_task_group() as tasks:
        await tasks.start(disks.run)
        tasks.cancel_scope.cancel()
    room = disks.room_on(disks.home)
    assert room is not None
    assert (room.disk, room.total_bytes) == (os.stat(tmp_path).st_dev, shutil.disk_usage(tmp_path).total)


@pytest.mark.anyio
async def test_disk_that_hangs_holds_up_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its last figures stand, and it is asked once, not every two seconds by one more thread."""
    dead, alive = str(tmp_path / "dead"), str(tmp_path / "alive")
    os.mkdir(dead)
    os.mkdir(alive)
    answers, n_asked = threading.Event(), 0

    def measured(folder: str) -> disks_module.Room:
        nonlocal n_asked
        if folder == dead:
            n_asked += 1
            answers.wait(30)
        return disks_module.Room(disk=len(folder), free_bytes=7, total_bytes=9)

    monkeypatch.setattr(disks_module, "_measured", measured)
    monkeypatch.setattr(disks_module, "INTERVAL_S", 0.01)
    monkeypatch.setattr(disks_module, "_PATIENCE_S", 0.05)
    disks = Disks(alive)
    disks.watch([dead])
    async with anyio.create_task_group() as tasks:
        await tasks.start(disks.run)
        assert disks.room_on(alive) is not None
        assert disks.room_on(dead) is None
        await anyio.sleep(0.2)
        assert n_asked == 1
        assert disks.silent_s(dead) > 0.1
        answers.set()
        for _ in range(1000):
            await anyio.sleep(0.01)
            if disks.room_on(dead) is not None:
                break
        tasks.cancel_scope.cancel()
    assert disks.room_on(dead) is not None
