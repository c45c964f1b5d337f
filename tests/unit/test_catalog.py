"""What the catalog makes of a folder that changes, on real files and an invented clock."""

from __future__ import annotations

import json
import os
import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest

from frame_extractor.contract.layout import OutputLayout
from framed.model.reasons import RawVideosUnavailable, SettingsInvalid, Settling
from framed.policy.settle import Signature
from framed.settings.config import Settings, WatchSettings
from framed.settings.live_settings import LiveSettings
from framed.settings.places import Places, load_places
from framed.watching import catalog_builder as builder_module
from framed.watching.catalog import Backlog, Catalog
from framed.watching.catalog_builder import MOST_READ_AT_ONCE, READ_AGAIN_AT_MOST, CatalogBuilder
from framed.watching.listing import SeenFilm
from framed.watching.scan import fingerprint_of


class Disk:
    """A root, and scans of it."""

    def __init__(self, folder: Path) -> None:
        self.places: Places = load_places(folder)
        self.places.raw_videos.mkdir()
        self.builder = self.new_builder({})
        self.now_s = 100.0

    def new_builder(self, remembered: dict[str, tuple[Signature, str]]) -> CatalogBuilder:
        settings = Settings(watch=WatchSettings(settle_s=10, settle_scans=3))
        return CatalogBuilder(self.places, LiveSettings(self.places, settings), remembered)

    def film(self, name: str = "onward/film.mkv", content: str = "film") -> Path:
        path = self.places.raw_videos / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
        return path

    def extracted_by_the_earlier_tool(self, project: str, content: str = '{"total_frames": 1}') -> None:
        frames_dir = self.places.frames_dir(project)
        frames_dir.mkdir(parents=True)
        (frames_dir / "scene0001.jpg").touch()
        (frames_dir.parent / "extraction_results.json").write_text(content)

    def scan(self, times: int = 1) -> Catalog:
        catalog = Catalog()
        for _ in range(times):
            self.now_s += 5
            catalog = self.builder.scan(self.now_s)
        return catalog


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path)


def test_film_settles_and_has_its_fingerprint_from_then_on(disk: Disk) -> None:
    disk.film()
    settling = disk.scan(2).projects["onward"]
    assert not settling.settled
    assert settling.last_to_settle(disk.now_s) == Settling(film="film.mkv", unchanged_s=5)
    settled = disk.scan().projects["onward"]
    assert len(settled.settled) == 1
    assert not settled.settling
    assert settled.last_to_settle(disk.now_s) is None


def test_film_that_grows_goes_on_settling(disk: Disk) -> None:
    path = disk.film()
    for number in range(10):
        path.write_text("x" * (number + 10))
        assert not disk.scan().projects["onward"].settled


def test_replaced_film_settles_again_and_is_another_film(disk: Disk) -> None:
    """Of the same size, too."""
    path = disk.film(content="one")
    before = disk.scan(3).projects["onward"].settled[0].fingerprint
    replacement = disk.film("onward/next.part", content="two")
    os.replace(replacement, path)
    assert not disk.scan().projects["onward"].settled
    assert disk.scan(2).projects["onward"].settled[0].fingerprint != before


def test_renamed_film_keeps_its_fingerprint(disk: Disk) -> None:
    path = disk.film()
    before = disk.scan(3).projects["onward"].settled[0].fingerprint
    path.rename(path.with_name("other name.MKV"))
    assert disk.scan(3).projects["onward"].settled[0].fingerprint == before


def test_remembered_film_need_not_settle_again(disk: Disk) -> None:
    """After a restart; unless it has changed meanwhile."""
    path = disk.film()
    disk.scan(3)
    remembered = disk.builder.take_newly_settled()
    assert list(remembered) == [str(path)]
    assert disk.builder.take_newly_settled() == {}
    disk.builder = disk.new_builder(remembered)
    assert disk.scan().projects["onward"].settled
    path.write_text("changed")
    disk.builder = disk.new_builder(remembered)
    assert not disk.scan().projects["onward"].settled


def test_backlog_is_read_in_portions(disk: Disk) -> None:
    """Each ends soon, and says how far it is of what lay there at the first scan; nothing is scanned in between."""
    for number in range(MOST_READ_AT_ONCE + 5):
        disk.film(f"onward/{number:03}.mkv", content=str(number))
    growing = disk.film("onward/growing.mkv")
    assert disk.scan().backlog == Backlog(n_films=MOST_READ_AT_ONCE + 6, n_read=0)
    growing.write_text("grown")
    first = disk.scan(2)
    assert first.is_partial
    assert first.backlog == Backlog(n_films=MOST_READ_AT_ONCE + 5, n_read=MOST_READ_AT_ONCE)
    assert len(first.projects["onward"].settled) == MOST_READ_AT_ONCE
    disk.film("onward/later.mkv")
    second = disk.builder.read_more()
    assert (second.is_partial, second.backlog, second.scanned_at_s) == (False, None, first.scanned_at_s)
    assert [film.name for film in second.projects["onward"].settling] == ["growing.mkv"]
    assert len(disk.scan(3).projects["onward"].settled) == MOST_READ_AT_ONCE + 7
    assert disk.scan().backlog is None


def test_nothing_is_put_together_anew_while_nothing_changes(disk: Disk) -> None:
    """The very same objects, though each scan is a new one; and a change of one project leaves the others alone."""
    disk.film()
    disk.film("up/film.mkv")
    before = disk.scan(3)
    after = disk.scan()
    assert after.says_the_same_as(before)
    assert after.projects is before.projects
    assert after.scanned_at_s > before.scanned_at_s
    disk.film("up/another.mkv")
    changed = disk.scan()
    assert not changed.says_the_same_as(before)
    assert changed.projects["onward"] is before.projects["onward"]


def test_results_are_as_of_the_time_when_their_own_disk_was_asked(disk: Disk) -> None:
    """Not of the scan: it may pass a project over, be answered late or not at all, or fail."""
    disk.film()
    before_s = time.monotonic()
    catalog = disk.scan(3)
    asked_s = catalog.results_as_of_s("onward")
    assert before_s < asked_s < time.monotonic()
    (disk.places.films_dir("onward") / "film.mkv").unlink()
    disk.scan()
    asked_s = disk.builder.scan(disk.now_s, in_full=True).results_as_of_s("onward")
    scans = [disk.builder.scan(disk.now_s, in_full=False).results_as_of_s("onward") for _ in range(6)]
    assert scans.count(asked_s) == 5
    asked_s = disk.scan().results_as_of_s("onward")
    away = disk.places.raw_videos.rename(disk.places.root / "away")
    failed = disk.scan()
    assert failed.problem
    assert failed.results_as_of_s("onward") == asked_s
    away.rename(disk.places.raw_videos)
    assert disk.scan().results_as_of_s("onward") > asked_s
    assert catalog.results_as_of_s("unheard-of") == 0.0


def test_film_overwritten_in_its_place_is_noticed_soon_though_not_every_scan_asks_it(disk: Disk) -> None:
    """Only where all is extracted it may take six scans, unless somebody asks; its folder says nothing of it."""
    path = disk.film()
    disk.scan(3)
    path.write_text("overwritten before it was extracted")
    assert disk.builder.scan(disk.now_s, in_full=False).projects["onward"].settling
    disk.extracted_by_the_earlier_tool("onward")
    assert disk.scan(3).projects["onward"].is_done
    for content in ("overwritten", "and again"):
        path.write_text(content)
        scans = [disk.builder.scan(disk.now_s, in_full=False).projects["onward"] for _ in range(6)]
        assert scans[-1].settling
        assert disk.scan(3).projects["onward"].is_done
    path.write_text("and once more")
    assert disk.scan().projects["onward"].settling


def test_what_is_no_film_is_not_seen(disk: Disk) -> None:
    for name in ("a.mkv.part", ".a.mkv", "._a.mkv", "~a.mkv", "notes.txt", "mkv", "a.mkv.tmp", "a.!qB"):
        disk.film(f"onward/{name}")
    (disk.places.raw_videos / "onward" / "folder.mkv").mkdir()
    (disk.places.raw_videos / "onward" / "dangling.mkv").symlink_to("/nowhere/film.mkv")
    disk.film("loose.mkv")
    catalog = disk.scan()
    assert list(catalog.projects) == ["onward"]
    assert catalog.projects["onward"].films == ()


def test_names_that_are_not_utf8_are_left_out(disk: Disk) -> None:
    """They cannot be written into any JSON; the others are seen."""
    disk.film()
    (disk.places.raw_videos / "onward" / os.fsdecode(b"\xff.mkv")).touch()
    (disk.places.raw_videos / os.fsdecode(b"\xfe")).mkdir()
    catalog = disk.scan()
    assert list(catalog.projects) == ["onward"]
    assert [film.name for film in catalog.projects["onward"].films] == ["film.mkv"]


def overwrite_and_put_back(film: Path, content: str) -> None:
    """As many bytes, and the time of before."""
    before = film.stat()
    assert len(content) == before.st_size
    film.write_text(content)
    os.utime(film, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("restarts", [False, True])
def test_overwritten_film_is_another_though_its_size_and_time_are_put_back(disk: Disk, *, restarts: bool) -> None:
    """Its change time says that something was done to it; also when the daemon is restarted meanwhile."""
    film = disk.film()
    [before] = disk.scan(3).projects["onward"].settled
    if restarts:
        disk.builder = disk.new_builder(disk.builder.take_newly_settled())
    overwrite_and_put_back(film, "mlif")
    [after] = disk.scan().projects["onward"].settled
    assert after.fingerprint != before.fingerprint


def test_change_time_alone_makes_no_other_film_and_is_read_three_times_at_most(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stays settled all the time: nothing waits because of a `chmod`."""
    film = disk.film()
    [before] = disk.scan(3).projects["onward"].settled
    read: list[str] = []

    def counted(seen: SeenFilm) -> str:
        read.append(seen.path)
        return fingerprint_of(seen)

    monkeypatch.setattr(builder_module, "fingerprint_of", counted)
    for number in range(2 * READ_AGAIN_AT_MOST):
        film.chmod(0o600 + number)
        assert disk.scan().projects["onward"].settled == (before,)
    assert len(read) == READ_AGAIN_AT_MOST


def test_film_remembered_without_its_change_time_is_what_it_was(disk: Disk) -> None:
    """As an earlier version wrote it down."""
    film = disk.film()
    [before] = disk.scan(3).projects["onward"].settled
    ((path, (seen, fingerprint)),) = disk.builder.take_newly_settled().items()
    disk.builder = disk.new_builder({path: (replace(seen, ctime_ns=None), fingerprint)})
    film.chmod(0o600)
    assert disk.scan().projects["onward"].settled[0].fingerprint == before.fingerprint
    overwrite_and_put_back(film, "mlif")
    assert disk.scan().projects["onward"].settled[0].fingerprint != before.fingerprint


def test_unreadable_film_still_has_an_identity() -> None:
    """So that it is tried once, and not for ever; another one when it has changed."""
    films = [SeenFilm("/nowhere/film.mkv", Signature(1, 2, inode)) for inode in (3, 3, 4)]
    first, same, other = (fingerprint_of(film) for film in films)
    assert first.startswith("unreadable-")
    assert (first == same, first == other) == (True, False)


@pytest.mark.parametrize("how", ["empty", "gone"])
def test_root_that_goes_away_changes_nothing(disk: Disk, how: str) -> None:
    """What was known stays, with the reason why it is not believed; and comes back without settling again."""
    disk.film()
    before = disk.scan(3)
    away = disk.places.root / "away"
    disk.places.raw_videos.rename(away)
    if how == "empty":
        disk.places.raw_videos.mkdir()
    frozen = disk.scan()
    assert frozen.projects == before.projects
    assert isinstance(frozen.problem, RawVideosUnavailable)
    assert frozen.problem.folder == str(disk.places.raw_videos)
    if how == "empty":
        disk.places.raw_videos.rmdir()
    away.rename(disk.places.raw_videos)
    back = disk.scan()
    assert back.problem is None
    assert back.projects["onward"].settled


def test_empty_root_is_a_problem_only_where_films_were_seen_before(disk: Disk) -> None:
    """A new one is empty because nobody has put a film there; after a restart the films of before are remembered."""
    assert disk.scan().problem is None
    film = disk.film()
    disk.scan(3)
    disk.builder = disk.new_builder(disk.builder.take_newly_settled())
    film.unlink()
    film.parent.rmdir()
    assert disk.scan().problem == RawVideosUnavailable(folder=str(disk.places.raw_videos), error=None)


def test_wrong_project_file_is_shown_with_the_project(disk: Disk) -> None:
    """And corrected when the file is."""
    disk.film()
    disk.places.projects.mkdir(parents=True)
    file = disk.places.project_file("onward")
    file.write_text("frame_extraction: {mode: scenes}\n")
    wrong = disk.scan().projects["onward"].problem
    assert isinstance(wrong, SettingsInvalid)
    assert (wrong.file, wrong.key) == (str(file), "frame_extraction.mode")
    file.write_text("frame_extraction: {mode: scene}\n")
    assert disk.scan().projects["onward"].problem is None


def test_shared_output_folder_is_shown_with_both_projects_for_as_long_as_it_is(disk: Disk) -> None:
    """Also where only a link makes one folder of two."""
    for project in ("a", "b"):
        disk.film(f"{project}/film.mkv")
        (disk.places.datasets / project).mkdir(parents=True)

    def wrong() -> list[str]:
        projects = disk.scan().projects
        return [name for name, project in projects.items() if isinstance(project.problem, SettingsInvalid)]

    assert wrong() == []
    (disk.places.datasets / "b").rmdir()
    (disk.places.datasets / "b").symlink_to("a")
    assert wrong() == ["a", "b"]
    assert disk.scan().says_the_same_as(disk.scan())
    (disk.places.datasets / "b").unlink()
    assert wrong() == []


@pytest.mark.parametrize(
    ("content", "is_extracted"),
    [
        ('{"total_frames": 4523, "total_episodes": 1}', True),
        ('{"total_frames": 0}', False),
        ('{"total_frames": 4523, "films": [{"bad": 1}]}', False),
        ("[" * 100_000, False),
        ("", False),
    ],
)
def test_results_of_the_earlier_tool_count_and_damaged_ones_do_not(
    disk: Disk, content: str, *, is_extracted: bool
) -> None:
    disk.film()
    disk.extracted_by_the_earlier_tool("onward", content)
    assert disk.scan().projects["onward"].is_extracted("any") is is_extracted


def test_film_counts_as_extracted_until_all_of_its_images_are_gone(disk: Disk) -> None:
    """Each film's in its own folder; what comes back counts again, and what is missing of others is removed."""
    disk.film()
    frames = disk.places.frames_dir("onward")
    given: dict[str, dict[str, object]] = {"flat": {"images": 2}, "own": {"images": 1, "folder": "own"}, "dark": {}}
    films = [
        {"name": f"{mark}.mkv", "path": f"/{mark}.mkv", "fingerprint": mark, "status": "complete", **more}
        for mark, more in given.items()
    ]
    for image in ("a.jpg", "b.jpg", "own/a.jpg"):
        (frames / image).parent.mkdir(parents=True, exist_ok=True)
        (frames / image).touch()
    (frames.parent / "extraction_results.json").write_text(json.dumps({"total_frames": 3, "films": films}))

    def extracted() -> list[str]:
        project = disk.scan().projects["onward"]
        return [mark for mark in ("flat", "own", "dark") if project.is_extracted(mark)]

    def removed() -> dict[str, int]:
        results = disk.scan().projects["onward"].results
        assert results is not None
        return results.removed

    assert extracted() == ["flat", "own", "dark"]
    (frames / "b.jpg").unlink()
    assert (extracted(), removed()) == (["flat", "own", "dark"], {"flat": 1})
    (frames / "a.jpg").unlink()
    assert (extracted(), removed()) == (["own", "dark"], {})
    (frames / "a.jpg").touch()
    (frames / "b.jpg").touch()
    (frames / "own" / "a.jpg").unlink()
    assert extracted() == ["flat", "dark"]
    shutil.rmtree(frames)
    assert extracted() == ["dark"]


@pytest.mark.parametrize("others", [0, 4])
def test_images_that_are_missing_are_known_by_their_names(disk: Disk, others: int) -> None:
    """However many images of somebody else's lie among them; those that were removed before are reported as well."""
    disk.film()
    layout = OutputLayout(disk.places.frames_dir("onward"))
    layout.frames_dir.mkdir(parents=True)
    film = {"name": "a.mkv", "path": "/a.mkv", "fingerprint": "a", "status": "complete", "images": 3, "removed": 1}
    layout.results.write_text(json.dumps({"total_frames": 3, "films": [film]}))
    lines = [{"file": f"{number}.jpg", "fingerprint": "a", "removed": number == 3} for number in range(4)]
    layout.manifest.write_text("".join(json.dumps(line) + "\n" for line in lines))
    for name in ["0.jpg", "1.jpg", "2.jpg", *(f"mine-{number}.jpg" for number in range(others))]:
        (layout.frames_dir / name).touch()

    def found() -> tuple[int, int, bool]:
        results = disk.scan().projects["onward"].results
        assert results is not None
        return results.total_frames, results.removed.get("a", 0), results.has("a")

    assert found() == (3, 1, True)
    (layout.frames_dir / "1.jpg").unlink()
    assert found() == (2, 2, True)
    layout.journal("a").parent.mkdir(parents=True)
    layout.journal("a").touch()
    (layout.frames_dir / "2.jpg").unlink()
    assert found() == (1, 1, False), "nobody knows who has taken it while they were replaced"
    layout.journal("a").unlink()
    (layout.frames_dir / "3.jpg").touch()
    assert found() == (2, 2, True), "put back"
    for number in (0, 3):
        (layout.frames_dir / f"{number}.jpg").unlink()
    assert found() == (0, 1, False)


def test_results_of_the_earlier_tool_without_an_image_do_not_count(disk: Disk) -> None:
    disk.film()
    frames = disk.places.frames_dir("onward")
    frames.mkdir(parents=True)
    (frames.parent / "extraction_results.json").write_text('{"total_frames": 4523}')
    assert not disk.scan().projects["onward"].is_extracted("any")


def test_better_defaults_are_known_of_films_that_an_earlier_version_has_extracted(disk: Disk) -> None:
    """Its results do not say how many images were wanted. Nothing to say where a submit would choose the same."""
    disk.film()
    (film,) = disk.scan(3).projects["onward"].films
    frames = disk.places.frames_dir("onward")
    frames.mkdir(parents=True)
    (frames / "scene0000_pos0_frame000000_t0.00s.jpg").touch()

    def is_better(**more: object) -> bool:
        results = {
            "total_frames": 1,
            "films": [
                {
                    "name": film.name,
                    "path": film.path,
                    "fingerprint": film.fingerprint,
                    "status": "complete",
                    "images": 1,
                    **more,
                }
            ],
        }
        (frames.parent / "extraction_results.json").write_text(json.dumps(results))
        return disk.scan(6).projects["onward"].has_better_defaults

    assert is_better()
    assert not is_better(wanted=1)
    assert not is_better(settings={"mode": "interval"})
    own = disk.places.project_file("onward")
    own.parent.mkdir(parents=True, exist_ok=True)
    own.write_text("frame_extraction: {selection: even}")
    assert not is_better()
    own.write_text("frame_extraction: {frames_per_scene: 5}")
    assert is_better()


def test_changed_results_are_seen(disk: Disk) -> None:
    disk.film()
    assert disk.scan().projects["onward"].results is None
    results = disk.places.datasets / "onward" / "extraction_results.json"
    results.parent.mkdir(parents=True)
    results.write_text('{"total_frames": 7}')
    found = disk.scan().projects["onward"].results
    assert found is not None
    assert found.total_frames == 7
    results.unlink()
    assert disk.scan().projects["onward"].results is None
