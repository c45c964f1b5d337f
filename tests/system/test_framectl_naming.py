"""How projects, states and options are typed: paths that Tab makes, filters, options in the wrong place."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.harness.site import Site, new_site
from tests.harness.until import until


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """A failed, a complete, a running and a new project, by name in another order than by urgency."""
    with new_site() as made:
        made.start()
        made.film("a-complete")
        made.film("b-new")
        made.film("c-failed", "exit 65")
        made.film("d-running", "run 600")
        made.film("me, myself & i")
        made.ctl("submit", "a-complete", "c-failed", "--wait")
        made.ctl("submit", "d-running")
        until(lambda: made.state_of("d-running") == "RUNNING")
        until(lambda: made.ctl("status", "me, myself & i").returncode == 0)
        yield made


def names(site: Site, *arguments: str) -> list[str]:
    """The projects in the answer of `status`, in their order."""
    ended = site.ctl("status", *arguments, "--json")
    assert ended.returncode == 0, ended.stderr
    return [project["name"] for project in json.loads(ended.stdout)["projects"]]


@pytest.mark.parametrize("typed", ["b-new/", "raw_videos/b-new", "./raw_videos/b-new/", "{root}/raw_videos/b-new"])
def test_path_of_its_folder_names_a_project(site: Site, typed: str) -> None:
    """As Tab makes it in the root; also several in one word."""
    path = typed.format(root=site.root)
    assert names(site, path) == ["b-new"]
    assert names(site, f"{path},a-complete/") == ["b-new", "a-complete"]
    assert names(site, "--projects", f"{path},raw_videos/a-complete") == ["b-new", "a-complete"]


def test_path_names_a_project_for_every_verb_and_from_every_folder(site: Site) -> None:
    """From raw_videos, from elsewhere, and with --root after the name."""
    within = site.ctl("status", "b-new/", "../raw_videos/a-complete", cwd=site.root / "raw_videos")
    assert within.returncode == 0, within.stderr
    for verb, name in (("show", "b-new"), ("logs", "a-complete"), ("wait", "a-complete"), ("submit", "a-complete")):
        ended = site.ctl(verb, f"raw_videos/{name}/", "--root", str(site.root), cwd=site.folder)
        assert ended.returncode == 0, ended.stderr
    assert site.ctl("clean", "raw_videos/b-new/", "--dry-run").stdout.startswith("b-new: ")
    assert site.ctl("submit", "raw_videos/b-new", "--dry-run").stdout.startswith("b-new\n")
    assert names(site, "raw_videos/me, myself & i/") == ["me, myself & i"]


def test_path_of_a_film_is_answered_with_its_project(site: Site) -> None:
    """Tab goes one level too far; a path outside raw_videos is no project."""
    ended = site.ctl("submit", "raw_videos/b-new/film.mkv")
    assert ended.returncode == 2
    assert "raw_videos/b-new/film.mkv is inside a project's folder; name the project: b-new" in ended.stderr
    assert site.ctl("status", "configs/projects").returncode == 4


def test_status_puts_what_needs_attention_first(site: Site) -> None:
    """Running, failed, then what waits, then what is complete; for scripts by name."""
    rows = [line.split()[0] for line in site.ctl("status").stdout.splitlines()[3:]]
    assert rows == ["d-running", "c-failed", "b-new", "me,", "a-complete"]
    assert names(site) == ["a-complete", "b-new", "c-failed", "d-running", "me, myself & i"]


def test_status_shows_only_the_states_asked_for(site: Site) -> None:
    """Upper and lower case; together with names; and says so when there are none."""
    assert names(site, "--state", "failed") == ["c-failed"]
    assert names(site, "--state", "RUNNING,Failed") == ["c-failed", "d-running"]
    assert names(site, "--state", "failed", "c-failed", "b-new") == ["c-failed"]
    rows = [line.split()[0] for line in site.ctl("status", "--state", "failed,running").stdout.splitlines()[3:]]
    assert rows == ["d-running", "c-failed"]
    none = site.ctl("status", "--state", "paused,queued")
    assert (none.returncode, none.stdout.splitlines()[-1]) == (0, "no project is in state PAUSED or QUEUED")
    wrong = site.ctl("status", "--state", "runing")
    assert wrong.returncode == 2
    assert "no such state: 'runing'; did you mean RUNNING? States are NEW, " in wrong.stderr


@pytest.mark.parametrize(
    ("program", "arguments", "example"),
    [
        ("framed.ctl", ["--json"], "framectl status --json"),
        ("framed.ctl", ["--json", "projects"], "framectl projects --json"),
        ("framed.ctl", ["--root", ".", "--watch"], "framectl status --watch"),
        ("framed.ctl", ["--force", "submit", "onward"], "framectl submit --force"),
        ("framed.ctl", ["-f", "logs", "onward"], "framectl logs -f"),
        ("framed", ["--json"], "framed config --json"),
        ("framed", ["--user", "install-service"], "framed install-service --user"),
    ],
)
def test_option_before_its_command_is_answered_with_the_right_order(
    site: Site, program: str, arguments: list[str], example: str
) -> None:
    """Also without any command; what is no option of any stays an unknown one."""
    ended = site.run(program, *arguments)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert f"goes after a command, as in: {example} (see " in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert "No such option '--jsonn'" in site.run(program, "--jsonn").stderr


def test_images_have_one_name_in_every_table(site: Site) -> None:
    """The column, the sentence at the end, and the log of completions."""
    assert "IMAGES" in site.ctl("status").stdout.splitlines()[2]
    assert "IMAGES" in site.ctl("projects").stdout.splitlines()[0]
    assert "a-complete COMPLETE, 1 image in " in site.ctl("wait", "a-complete").stdout
    assert "COMPLETE   100%   1 image " in site.ctl("show", "a-complete").stdout


def test_names_with_spaces_around_them_and_with_newlines() -> None:
    """Each is named as its folder is called, and no name puts a second line into the list of completed jobs."""
    forged = "real\n2025-11-15 14:30:00+00:00 forged: COMPLETE"
    with new_site() as site:
        site.start()
        for name in (" before", "after ", "after", forged):
            site.film(name)
        until(lambda: len(names(site)) == 4)
        assert names(site, " before", "after ,after", " after") == [" before", "after ", "after"]
        assert site.ctl("submit", " before", "after ", forged, "--wait").returncode == 0
        for verb in ("show", "logs"):
            assert site.ctl(verb, "after ").returncode == 0
        until(lambda: len(completions(site)) >= 3)
        assert len(completions(site)) == 3
        assert not any(line.startswith("2025") for line in completions(site))


def completions(site: Site) -> list[str]:
    log = site.root / "logs" / "frame_extraction" / "completion_notifications.log"
    return log.read_text().splitlines() if log.exists() else []
