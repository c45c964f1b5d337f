"""Which films lie in a project's folder, and what is passed over there, on real files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from framed.model.film_names import MOST_DEPTH
from framed.model.reasons import FilesSkipped
from framed.reason_text import skipped_lines
from framed.watching import listing as listing_module
from framed.watching.listing import Listing, is_unchanged, list_films


def write(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)


def listed(folder: Path, *, subfolders: bool, before: Listing | None = None) -> Listing:
    return list_films(str(folder), before or Listing(), subfolders=subfolders)


def test_seasons_are_films_of_the_project_where_that_is_wanted_and_counted_where_not(tmp_path: Path) -> None:
    """Two of one file name are two films; hidden folders and those of network storage are neither's."""
    write(
        tmp_path, "pilot.mkv", "season 1/ep01.mkv", "season 2/ep01.mkv", "season 2/extras/cut.mp4", "season 1/notes.txt"
    )
    write(tmp_path, ".trash/old.mkv", "@eaDir/ep01.mkv/SYNO.mp4", "season 1/.hidden.mkv", "folder.mkv/inside.mkv")
    flat = listed(tmp_path, subfolders=False)
    assert (list(flat.films), flat.skipped) == (["pilot.mkv"], FilesSkipped(in_subfolders=4))
    assert skipped_lines(flat.skipped) == ("4 films in subfolders are skipped; set watch.subfolders: true",)
    deep = listed(tmp_path, subfolders=True)
    names = ["folder.mkv/inside.mkv", "pilot.mkv", "season 1/ep01.mkv", "season 2/ep01.mkv", "season 2/extras/cut.mp4"]
    assert (list(deep.films), deep.skipped) == (names, FilesSkipped())
    assert all(film.path == str(tmp_path / name) and film.name == name for name, film in deep.films.items())
    assert set(deep.folders) == {
        str(tmp_path),
        *(str(tmp_path / name) for name in names if (tmp_path / name).is_dir()),
    } | {str((tmp_path / name).parent) for name in names}


def test_links_are_followed_and_loops_are_not(tmp_path: Path) -> None:
    """Neither up, nor round, nor twice; a season may lie on another disk, and a link may lead to nothing."""
    project, elsewhere = tmp_path / "raw_videos" / "show", tmp_path / "elsewhere"
    write(project, "s1/a.mkv")
    write(elsewhere, "b.mkv")
    write(tmp_path / "raw_videos", "other/not_ours.mkv")
    (project / "up").symlink_to("..")
    (project / "itself").symlink_to(".")
    (project / "s1" / "round").symlink_to("..")
    (project / "0 again").symlink_to("s1")
    (project / "s2").symlink_to(elsewhere)
    (project / "gone.mkv").symlink_to("/nowhere/film.mkv")
    (project / "ring").symlink_to("ring")
    found = listed(project, subfolders=True)
    assert (list(found.films), found.skipped) == (["s1/a.mkv", "s2/b.mkv"], FilesSkipped(broken_links=1))
    assert listed(project, subfolders=False).skipped == FilesSkipped(in_subfolders=2, broken_links=1)


def test_what_is_nested_too_deep_is_reported(tmp_path: Path) -> None:
    folder = "/".join("abcdefgh"[:MOST_DEPTH])
    write(tmp_path, f"{folder}/film.mkv", f"{folder}/deeper/film.mkv")
    found = listed(tmp_path, subfolders=True)
    assert (list(found.films), found.skipped) == ([f"{folder}/film.mkv"], FilesSkipped(too_deep_folders=1))
    assert skipped_lines(found.skipped) == ("1 folder more than 4 deep is skipped",)


def test_videos_of_other_formats_and_names_that_are_not_utf8_are_reported(tmp_path: Path) -> None:
    write(tmp_path, "film.mkv", "b.OGV", "a.rmvb", "poster.jpg", "film.mkv.part")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.mkv")).touch()
    skipped = listed(tmp_path, subfolders=False).skipped
    assert skipped_lines(skipped) == (
        "2 videos of other formats (a.rmvb and others) are skipped; convert to .mkv or .mp4",
        "1 name is not UTF-8, and skipped; rename",
    )


def test_films_beyond_twenty_thousand_entries_are_seen(tmp_path: Path) -> None:
    """Frames that somebody has put beside the films, say."""
    for number in range(20_001):
        os.mknod(tmp_path / f"{number:05}.jpg")
    write(tmp_path, "a.mkv", "z.mkv")
    found = listed(tmp_path, subfolders=False)
    assert (list(found.films), found.skipped) == (["a.mkv", "z.mkv"], FilesSkipped())


def test_beyond_the_limit_it_is_reported_that_films_may_be_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many as the limit are not reported."""
    monkeypatch.setattr(listing_module, "MOST_ENTRIES", 4)
    write(tmp_path, "a.mkv", "b.mkv", "c.mkv", "d.mkv")
    assert listed(tmp_path, subfolders=False).skipped == FilesSkipped()
    write(tmp_path, "e.mkv")
    found = listed(tmp_path, subfolders=False)
    assert (len(found.films), found.skipped) == (4, FilesSkipped(is_cut_off=True))
    assert "films may be missing" in skipped_lines(found.skipped)[0]


def test_what_has_not_changed_is_the_same_and_a_new_film_below_is_noticed(tmp_path: Path) -> None:
    write(tmp_path, "s1/a.mkv")
    first = listed(tmp_path, subfolders=True)
    assert listed(tmp_path, subfolders=True, before=first).films is first.films
    assert is_unchanged(first, subfolders=True)
    assert not is_unchanged(first, subfolders=False)
    write(tmp_path, "s1/b.mkv")
    assert not is_unchanged(first, subfolders=True)
    second = listed(tmp_path, subfolders=True, before=first)
    assert list(second.films) == ["s1/a.mkv", "s1/b.mkv"]
    assert second.films["s1/a.mkv"] is first.films["s1/a.mkv"]
