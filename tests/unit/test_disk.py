"""Room on disks: how much is measured, when it is too little, and what a disk that hangs costs."""

from __future__ import annotations

import functools
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import anyio
import pytest

from framed.host import disks as disks_module
from framed.host.disks import Disks
from framed.policy.disk import enough_bytes, floor_bytes, is_low, shortage, still_needed_bytes
from framed.policy.memory import GB
from framed.reason_text import reason_text

MB = 1_000_000


@pytest.mark.parametrize(
    ("total", "setting", "floor"),
    [(8 * MB, "auto", 160_000), (50 * GB, "auto", GB), (4000 * GB, "auto", 2 * GB), (GB, 0, 0), (GB, 0.5, GB // 2)],
)
def test_floor_is_a_small_part_of_the_disk(total: int, setting: float | Literal["auto"], floor: int) -> None:
    """Else a small disk could never be used."""
    assert floor_bytes(total, setting) == floor


def test_disk_that_was_low_is_low_until_there_is_more_than_just_enough() -> None:
    """Else what writes there would begin and be suspended by turns."""
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
def test_what_is_missing_is_printed_so_that_nobody_reads_two_equal_numbers(free: int, needed: int, words: str) -> None:
    found = shortage(free, needed)
    assert (reason_text(found) if found else "") == words


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


async def come_true(condition: Callable[[], bool]) -> None:
    for _ in range(6000):
        if condition():
            return
        await anyio.sleep(0.01)
    pytest.fail("not within a minute")


@pytest.mark.anyio
async def test_disk_of_a_folder_that_is_not_there_yet_is_that_of_the_one_above(tmp_path: Path) -> None:
    """Images are written into folders that their extractor makes."""
    disks = Disks(str(tmp_path / "datasets" / "onward" / "frames"))
    async with anyio.create_task_group() as tasks:
        await tasks.start(disks.run)
        tasks.cancel_scope.cancel()
    room = disks.free_space_on(disks.home)
    assert room is not None
    assert (room.disk, room.total_bytes) == (os.stat(tmp_path).st_dev, shutil.disk_usage(tmp_path).total)


@pytest.mark.anyio
async def test_disk_that_hangs_holds_up_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its last figures are kept, and it is asked once, not every two seconds by one more thread."""
    dead, alive = str(tmp_path / "dead"), str(tmp_path / "alive")
    os.mkdir(dead)
    os.mkdir(alive)
    answers, n_asked, n_measured = threading.Event(), 0, 0

    def measured(folder: str) -> disks_module.FreeSpace:
        nonlocal n_asked, n_measured
        if folder == dead:
            n_asked += 1
            answers.wait(30)
        n_measured += 1
        return disks_module.FreeSpace(disk=len(folder), free_bytes=7, total_bytes=9)

    monkeypatch.setattr(disks_module, "_measured", measured)
    monkeypatch.setattr(disks_module, "INTERVAL_S", 0.01)
    monkeypatch.setattr(disks_module, "_PATIENCE_S", 0.05)
    disks = Disks(alive)
    disks.watch([dead])
    async with anyio.create_task_group() as tasks:
        await tasks.start(disks.run)
        await come_true(lambda: n_measured > 5)
        assert disks.free_space_on(alive) is not None
        assert disks.free_space_on(dead) is None
        assert n_asked == 1
        await come_true(lambda: disks.unresponsive_s(dead) > 0.1)
        answers.set()
        await come_true(lambda: disks.free_space_on(dead) is not None)
        tasks.cancel_scope.cancel()


@pytest.mark.anyio
async def test_answer_of_a_new_folder_is_awaited_and_that_of_a_dead_disk_not_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a film would begin before anybody knows what room there is, or never. Of the dead one few are asked for."""
    answers, asked = threading.Event(), []

    def measured(folder: str) -> disks_module.FreeSpace:
        asked.append(folder)
        if "dead" in folder:
            answers.wait(30)
        return disks_module.FreeSpace(disk=1, free_bytes=7, total_bytes=9)

    monkeypatch.setattr(disks_module, "_measured", measured)
    monkeypatch.setattr(disks_module, "_PATIENCE_S", 0.05)
    monkeypatch.setattr(disks_module, "_NEW_S", 0.5)
    monkeypatch.setattr(disks_module, "INTERVAL_S", 3600)
    disks = Disks(str(tmp_path))
    async with anyio.create_task_group() as tasks:
        await tasks.start(disks.run)
        dead = [f"/dead/{number}" for number in range(30)]
        disks.watch(["/alive", *dead])
        assert disks.is_pending("/alive")
        assert disks.is_pending(dead[0])
        await come_true(lambda: not disks.is_pending("/alive") and not disks.is_pending(dead[0]))
        await come_true(lambda: disks.free_space_on("/alive") is not None)
        assert disks.free_space_on(dead[0]) is None
        assert sum("dead" in folder for folder in asked) <= 8
        answers.set()
        tasks.cancel_scope.cancel()


@pytest.mark.anyio
async def test_folder_that_comes_to_lie_on_another_disk_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk was mounted there, beside folders that stay where they are: each is asked for in its turn."""
    moved: set[str] = set()

    def measured(folder: str) -> disks_module.FreeSpace:
        return disks_module.FreeSpace(disk=2 if folder in moved else 1, free_bytes=7, total_bytes=9)

    monkeypatch.setattr(disks_module, "_measured", measured)
    monkeypatch.setattr(disks_module, "INTERVAL_S", 0.01)

    def lies_on_the_other(folder: str) -> bool:
        room = disks.free_space_on(folder)
        return room is not None and room.disk == 2

    disks = Disks(str(tmp_path))
    folders = [f"/projects/{number}" for number in range(5)]
    disks.watch(folders)
    async with anyio.create_task_group() as tasks:
        await tasks.start(disks.run)
        for folder in folders:
            moved.add(folder)
            await come_true(functools.partial(lies_on_the_other, folder))
        tasks.cancel_scope.cancel()
