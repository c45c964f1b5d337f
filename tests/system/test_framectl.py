"""`framectl` and `framed` as people type them: real commands against a real daemon, each in a process of its own.

The daemon is the real one; its extractor is the fake one, which needs no film.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from framed.protocol.messages import StatusReply
from tests.harness import cost
from tests.harness.site import PATIENCE_S, SETTINGS, Site, new_site
from tests.harness.until import until

PERMISSIONS_COUNT = () if os.getuid() else ("setpriv", "--bounding-set", "-dac_override,-dac_read_search")
"""Runs a command as one for whom permissions count: for root they do not."""
needs_permissions = pytest.mark.skipif(
    bool(PERMISSIONS_COUNT) and shutil.which("setpriv") is None, reason="run by root, and there is no setpriv"
)


@pytest.fixture
def site() -> Iterator[Site]:
    with new_site() as made:
        yield made


@pytest.fixture
def running(site: Site) -> Site:
    site.start()
    return site


# ------------------------------------------------------------------------------------------------ without a daemon


def test_missing_socket_and_dead_daemon_are_distinguished(site: Site) -> None:
    """Both are exit code 3, one line, and what to type."""
    never = site.ctl("status", "--once")
    assert (never.returncode, never.stdout) == (3, "")
    assert never.stderr == (
        f"framectl: framed is not running: there is no socket {site.socket}; "
        f"start framed with: framed start --root {site.root}\n"
    )
    daemon = site.start()
    daemon.kill()
    daemon.wait()
    died = site.ctl()
    assert died.returncode == 3
    assert f"nobody listens on {site.socket}; the last one (pid {daemon.pid}) was killed, after 2" in died.stderr
    stopped = site.start()
    site.run("framed", "stop")
    assert f"the last one (pid {stopped.pid}) ended at 2" in site.ctl().stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["sttaus"], "Did you mean 'status'?"),
        (["start"], "start is a command of framed; type: framed start"),
        (["submit"], "name a project"),
        (["submit", ","], "name a project"),
        (["submit", "onward", "--mode", "scen"], "must be scene, interval or hybrid, not 'scen'"),
        (["submit", "onward", "--scene-threshold=-3"], "must be a number from 0.01 to 255 or auto, not -3"),
        (["submit", "onward", "--workers-per-project", "many"], "must be a whole number from 1 to 1024 or auto"),
        (["submit", "onward", "--frames-per-scene", "2.5"], "must be a whole number from 1 to 1000 or auto, not 2.5"),
        (["submit", "onward", "--interval-seconds", "nan"], "must be a number from 0.001 to 86400, not nan"),
        (["submit", "onward", "--interval-seconds", "1e-300"], "must be a number from 0.001 to 86400, not 1e-300"),
        (["submit", "onward", "--frames-per-scen", "5"], "--frames-per-scene"),
        (["wait", "onward", "--timeout", "-1"], "'--timeout': must be a number from 0 to 31536000, not -1"),
        (["submit", "\udcff"], "is not UTF-8; rename that folder"),
        (["status", "--root", "/no/such/folder"], "root /no/such/folder (from --root): no such folder"),
    ],
)
def test_wrong_command_line_is_one_line_and_exit_2(site: Site, arguments: list[str], message: str) -> None:
    """Nothing on stdout, nothing sent to any daemon."""
    ended = site.ctl(*arguments)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert message in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_folder_that_is_no_root_says_so(site: Site) -> None:
    """Outside every root, and no daemon runs."""
    ended = site.ctl("status", cwd=site.folder)
    assert ended.returncode == 3
    assert f"{site.folder} is not a root" in ended.stderr


def test_broken_settings_file_is_named_by_every_command(site: Site) -> None:
    """Where the state is can depend on it, so no command guesses."""
    (site.root / "configs" / "framed.yaml").write_text("paths:\n  state: [")
    for command in (("framed.ctl", "status"), ("framed", "config"), ("framed", "start")):
        ended = site.run(*command)
        assert ended.returncode == 2
        assert f"{site.root}/configs/framed.yaml:2: is no valid YAML" in ended.stderr
        assert ended.stderr.count("\n") == 1


def test_config_shows_every_value_and_its_origin(site: Site) -> None:
    """For people as a table, for scripts as JSON."""
    table = site.run("framed", "config")
    assert table.returncode == 0
    rows = {line.split()[0]: line.split()[1:] for line in table.stdout.splitlines()}
    assert rows["budget.slots"] == ["4", "configs/framed.yaml"]
    assert rows["frame_extraction.mode"] == ["hybrid", "default"]
    assert rows["watch.auto_submit"] == ["false", "configs/framed.yaml"]
    document = json.loads(site.run("framed", "config", "--json").stdout)
    assert document["settings"]["watch.auto_submit"] == {"value": False, "origin": "configs/framed.yaml"}
    assert document["settings"]["paths.raw_videos"]["value"] == str(site.root / "raw_videos")


# ------------------------------------------------------------------------------------------------------ framed start


def test_start_says_when_it_is_ready_and_a_second_one_is_refused(site: Site) -> None:
    """One line with root, socket and budget; the second names the first's pid, and the live socket stays."""
    daemon = site.start("-m", "framed", "start", "--root", str(site.root))
    assert daemon.stdout is not None
    ready = daemon.stdout.readline()
    assert str(site.root) in ready
    assert str(site.socket) in ready
    assert "4 slots for up to 2 projects" in ready
    second = site.run("framed", "start")
    assert second.returncode == 6
    assert f"already running for {site.root} (pid {daemon.pid})" in second.stderr
    assert site.ctl().returncode == 0


def test_stop_returns_when_the_daemon_is_gone(site: Site) -> None:
    """`framed stop && framed start` never finds the old one; a second stop is exit code 3."""
    daemon = site.start()
    stopped = site.run("framed", "stop", cwd=site.folder)
    assert (stopped.returncode, stopped.stdout) == (0, "framed has ended\n")
    assert daemon.poll() == 0
    assert site.run("framed", "stop").returncode == 3


def test_start_without_tmux_says_how_to_get_it(site: Site) -> None:
    """Before anything is made."""
    (site.folder / "fresh").mkdir()
    ended = site.run("framed", "start", cwd=site.folder / "fresh", PATH=str(site.folder))
    assert ended.returncode == 6
    assert "apt install tmux" in ended.stderr
    assert not list((site.folder / "fresh").iterdir())


def test_start_in_a_fresh_folder_makes_the_root(site: Site) -> None:
    """In the current folder, and it says what was made."""
    fresh = site.folder / "fresh"
    fresh.mkdir()
    daemon = subprocess.Popen(
        [sys.executable, "-m", "framed", "start"],
        cwd=fresh,
        env=site.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    site.daemons.append(daemon)
    assert daemon.stdout is not None
    assert str(fresh) in daemon.stdout.readline()
    first_look = site.ctl(cwd=fresh)
    assert first_look.stdout.splitlines()[-1] == f"no projects yet; copy a film to {fresh}/raw_videos/NAME/"
    daemon.send_signal(signal.SIGINT)
    _, printed = daemon.communicate(timeout=PATIENCE_S)
    assert daemon.returncode == 0
    assert f"created {fresh}/raw_videos" in printed
    assert "WARNING" not in printed


@needs_permissions
def test_start_names_the_folder_it_may_not_make(site: Site) -> None:
    """Permission denied: where."""
    site.root.chmod(0o500)
    ended = site.run("framed", "start", within=PERMISSIONS_COUNT)
    site.root.chmod(0o700)
    assert ended.returncode == 6
    assert ended.stderr == f"framed: {site.root}/datasets: cannot be made: Permission denied\n"


@needs_permissions
def test_other_user_reads_that_the_daemon_is_not_theirs(running: Site) -> None:
    """Not that it is not running: that would send them off to start a second one."""
    running.socket.chmod(0)
    ended = running.ctl("status", within=PERMISSIONS_COUNT)
    assert (ended.returncode, ended.stdout) == (6, "")
    assert f"this user may not connect to the framed of {running.root}" in ended.stderr


# -------------------------------------------------------------------------------------------------- with a daemon


def test_submit_wait_and_status_agree(running: Site) -> None:
    """Several projects in every spelling; --root after the verb, before it, and by the only running daemon."""
    for project in ("onward", "orion", "luca", "me, myself & i"):
        running.film(project)
    submitted = running.ctl("submit", "onward,orion", "--projects", "luca,onward", cwd=running.folder)
    assert submitted.returncode == 0, submitted.stderr
    assert submitted.stdout == "onward: queued\norion: queued\nluca: queued\n"
    with_comma = running.ctl("--root", str(running.root), "submit", "me, myself & i", cwd=Path("/"))
    assert with_comma.stdout == "me, myself & i: queued\n"
    waited = running.ctl(
        "wait", "onward", "orion", "luca", "me, myself & i", "--root", str(running.root), cwd=Path("/")
    )
    assert waited.returncode == 0, waited.stderr
    assert sorted(line.partition(" COMPLETE")[0] for line in waited.stdout.splitlines()) == [
        *("luca", "me, myself & i", "onward", "orion"),
    ]
    document = json.loads(running.ctl("status", "--json", "orion", FRAMED_ROOT=str(running.root), cwd=Path("/")).stdout)
    assert document["schema"] == 1
    assert document["slots"]["total"] == 4
    assert document["machine"]["cores"] >= 1
    [orion] = document["projects"]
    assert (orion["name"], orion["state"], orion["progress"]) == ("orion", "COMPLETE", 1.0)
    assert running.ctl("submit", "orion").stdout.startswith("orion: already extracted")


def test_bare_framectl_is_status_once(running: Site) -> None:
    """And the same for `status` without --once."""
    running.film("onward")
    until(lambda: "onward" in running.ctl().stdout)
    tables = [
        [line.split() for line in running.ctl(*arguments).stdout.splitlines()[2:]]
        for arguments in ([], ["status"], ["status", "--once"])
    ]
    assert tables[0] == tables[1] == tables[2]
    assert tables[0][1][:2] == ["onward", "NEW"]


def test_unknown_project_and_folder_without_film_are_exit_4(running: Site) -> None:
    """The nearest name; the folder and the extensions. With --dry-run the same, word for word."""
    running.film("onward")
    (running.root / "raw_videos" / "empty").mkdir()
    (running.root / "raw_videos" / "empty" / "film.mkv.part").touch()
    until(lambda: "onward" in running.ctl().stdout)
    for project, message in (
        ("onwrd", "did you mean 'onward'?"),
        ("empty", f"no video file in {running.root}/raw_vid"),
    ):
        printed = {running.ctl("submit", project, *more).stderr for more in ([], ["--dry-run"])}
        assert len(printed) == 1
        assert message in printed.pop()
        assert running.ctl("submit", project).returncode == 4
    for verb in ("status", "wait", "cancel"):
        assert running.ctl(verb, "onwrd").returncode == 4


def test_wait_gives_failure_cancellation_and_time_out_their_codes(running: Site) -> None:
    """1, 7 and 124; the worst counts; the reason is in what is printed."""
    gate = running.folder / "gate"
    running.film("bad", "exit 65")
    running.film("slow", f"wait {gate}")
    running.ctl("submit", "bad", "slow")
    failed = running.ctl("wait", "bad")
    assert failed.returncode == 1
    assert "bad FAILED" in failed.stdout
    until(lambda: running.state_of("slow") == "RUNNING")
    late = running.ctl("wait", "slow", "bad", "--timeout", "0.6")
    assert late.returncode == 124
    assert "not ended yet: slow (RUNNING" in late.stderr
    assert running.ctl("cancel", "slow").stdout == "slow: cancelled\n"
    assert running.ctl("wait", "slow").returncode == 7
    assert running.ctl("wait", "slow", "bad").returncode == 1
    again = running.ctl("cancel", "slow")
    assert (again.returncode, again.stdout) == (0, "slow: nothing of it is queued or running\n")


def test_wait_sees_the_film_that_was_copied_the_moment_before(site: Site) -> None:
    """The daemon scans before an end is believed, however seldom it scans by itself."""
    seldom = "scan_interval_s: 5, settle_s: 0, settle_scans: 1, force_polling: true"
    (site.root / "configs" / "framed.yaml").write_text(f"watch: {{{seldom}}}\n")
    site.film("series", name="e01.mkv")
    site.start()
    assert site.ctl("wait", "series").returncode == 0
    site.film("series", name="e02.mkv")
    assert "series COMPLETE, 2 images" in site.ctl("wait", "series").stdout


def test_wait_survives_a_restart_of_the_daemon(running: Site) -> None:
    """It says that the daemon is unreachable and that it is back, and ends with the film's result."""
    gate = running.folder / "gate"
    running.film("onward", f"wait {gate}")
    running.film("quick")
    running.ctl("submit", "quick", "onward")
    waiting = subprocess.Popen(
        [sys.executable, "-m", "framed.ctl", "wait", "quick", "onward"],
        cwd=running.root,
        env=running.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert waiting.stdout is not None
    assert waiting.stderr is not None
    assert waiting.stdout.readline().startswith("quick COMPLETE")
    first = running.daemons[0]
    first.kill()
    first.wait()
    assert "the daemon is unreachable" in waiting.stderr.readline()
    running.start()
    assert "the daemon is back" in waiting.stderr.readline()
    gate.touch()
    printed, _ = waiting.communicate(timeout=PATIENCE_S)
    assert waiting.returncode == 0
    assert printed.startswith("onward COMPLETE")


def test_submit_with_other_settings_than_the_running_ones_is_refused(running: Site) -> None:
    """Options are never silently lost: exit code 6, both settings in the line."""
    running.film("onward", f"wait {running.folder / 'gate'}")
    running.ctl("submit", "onward")
    until(lambda: running.state_of("onward") == "RUNNING")
    assert running.ctl("submit", "onward").returncode == 0
    refused = running.ctl("submit", "onward", "--mode", "scene")
    assert (refused.returncode, refused.stdout) == (6, "")
    assert "hybrid" in refused.stderr
    assert "scene" in refused.stderr


def test_mistake_in_a_project_file_is_exit_2_through_the_daemon_too(running: Site) -> None:
    """File, line, key and the nearest key, as with --dry-run."""
    running.film("onward")
    (running.root / "configs" / "projects" / "onward.yaml").write_text("frame_extraction:\n  scene_treshold: 3\n")
    for more in ([], ["--dry-run"]):
        ended = running.ctl("submit", "onward", *more)
        assert ended.returncode == 2
        assert "onward.yaml:2: frame_extraction.scene_treshold: no such key; did you mean scene_thresh" in ended.stderr


def test_two_projects_of_one_output_folder_are_refused(site: Site) -> None:
    """Their results, records and unfinished images would be one another's: by submit, by itself, and in a dry run."""
    (site.root / "configs" / "framed.yaml").write_text(SETTINGS.replace("auto_submit: false", "auto_submit: true"))
    for name in ("a", "b"):
        (site.root / "configs" / "projects" / f"{name}.yaml").write_text(f"paths: {{frames: out/{name}}}\n")
        site.film(name)
    site.film("c")
    site.start()
    assert site.ctl("wait", "c").returncode == 0
    words = f"configs/projects/a.yaml: paths.frames: {site.root}/out would be the output folder of both 'a' and 'b'"
    for ended in (site.ctl("submit", "a"), site.ctl("submit", "a", "--dry-run")):
        assert ended.returncode == 2
        assert words in ended.stderr
    reply = msgspec.json.decode(site.ctl("status", "--json", "a").stdout, type=StatusReply)
    assert reply.projects[0].state.value == "NEW"
    assert words in reply.projects[0].reason
    (site.root / "configs" / "projects" / "b.yaml").unlink()
    assert site.ctl("wait", "a", "b").returncode == 0


def test_elsewhere_several_daemons_are_named(running: Site) -> None:
    """Which one is meant cannot be guessed."""
    other = Site(running.folder / "second")
    (other.root / "raw_videos").mkdir(parents=True)
    daemon = running.start("-m", "framed", "start", "--root", str(other.root))
    try:
        until(lambda: other.run("framed.ctl", XDG_RUNTIME_DIR=running.environ["XDG_RUNTIME_DIR"]).returncode == 0)
        ambiguous = running.ctl("status", cwd=Path("/"))
        assert ambiguous.returncode == 2
        assert f"2 daemons are running; choose one with --root: {running.root}, {other.root}" in ambiguous.stderr
    finally:
        daemon.kill()
        other.close()


def test_closed_pipe_ends_framectl_silently(running: Site) -> None:
    """`framectl | head -1` ends as every Unix tool does, and not with the code of a failed job."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    ended = subprocess.run(
        [sys.executable, "-m", "framed.ctl"],
        cwd=running.root,
        env=running.environ,
        stdout=write_end,
        stderr=subprocess.PIPE,
        timeout=30,
        check=False,
    )
    os.close(write_end)
    assert (ended.returncode, ended.stderr) == (-signal.SIGPIPE, b"")


def test_commands_are_quick(running: Site) -> None:
    """`status --once` under 0.3 s and `--help` under 0.2 s, with 50 projects.

    Measured in seconds of the processor: others work on this machine too.
    """
    for project in range(50):
        running.film(f"project-{project}")
    until(lambda: "project-49" in running.ctl().stdout)
    assert cost.is_within(0.3, lambda: running.ctl("status", "--once"))
    assert cost.is_within(0.2, lambda: running.ctl("--help"))


# ------------------------------------------------------------------------------------------------------- --dry-run


def test_dry_run_shows_settings_films_and_grant_and_changes_nothing(site: Site) -> None:
    """Without a daemon; every value with its origin; a film that is none with the reason."""
    site.film("onward", name="not a film.mkv")
    site.film("orion")
    (site.root / "configs" / "projects" / "onward.yaml").write_text(
        "frame_extraction: {quality: low}\npaths: {base: out, frames: '${base}/frames'}\n"
    )
    before = sorted(site.root.rglob("*"))
    ended = site.ctl("submit", "onward,orion", "--dry-run", "--mode", "scene", "--start", "45", "--workers", "auto")
    assert ended.returncode == 0, ended.stderr
    assert sorted(site.root.rglob("*")) == before
    onward, orion, last = ended.stdout.split("\n\n")
    lines = [line.split() for line in onward.splitlines()]
    assert ["mode", "scene", "--mode"] in lines
    assert ["range.start", "0:45", "--start"] in lines
    assert ["quality", "low", "configs/projects/onward.yaml"] in lines
    assert ["retry", "3", "default"] in lines
    assert f"images go to {site.root}/out/frames (configs/projects/onward.yaml)" in onward
    assert "    not a film.mkv      22 B  would fail: a text file" in onward
    assert "workers granted: 2 (asked for all; 4 slots for 2 projects at once, when nothing else runs)" in orion
    assert last == "dry run: nothing was started\n"


def test_dry_run_says_what_would_be_skipped(running: Site) -> None:
    """As submitting would: extracted with these settings; with others, or by force, it would be done."""
    running.film("onward")
    running.ctl("submit", "onward")
    assert running.ctl("wait", "onward").returncode == 0
    assert "would be skipped: already extracted" in running.ctl("submit", "onward", "--dry-run").stdout
    for more in (["--force"], ["--mode", "scene"]):
        assert "would be skipped" not in running.ctl("submit", "onward", "--dry-run", *more).stdout
    for image in (running.root / "datasets" / "onward" / "frames").iterdir():
        image.unlink()
    assert "would be skipped" not in running.ctl("submit", "onward", "--dry-run").stdout


@pytest.mark.shared_films
def test_dry_run_estimates_real_films(site: Site, films_dir: Path) -> None:
    """Frames, bytes and time, of each and together."""
    (site.root / "raw_videos" / "reel").mkdir()
    for name in ("reel30.mkv", "reel30.mp4"):
        (site.root / "raw_videos" / "reel" / name).symlink_to(films_dir / "formats" / name)
    ended = site.ctl("submit", "reel", "--dry-run")
    estimate = re.compile(r"about [\d,]+ images, [\d.]+ [kM]B, \d+ s$")
    assert len([line for line in ended.stdout.splitlines() if estimate.search(line)]) == 3
    assert "    together: about" in ended.stdout


def test_dry_run_goes_with_all_and_json(running: Site) -> None:
    """What `submit --all` would queue, and no more; one that is wrong costs the others nothing, exit code 6."""
    for project in ("done", "new", "wrong"):
        running.film(project)
    running.film("new", name="sample.mkv")
    (running.root / "raw_videos" / "empty").mkdir()
    assert running.ctl("submit", "done", "--wait").returncode == 0
    (running.root / "configs" / "projects" / "wrong.yaml").write_text("frame_extraction: {modus: scene}\n")
    ended = running.ctl("submit", "--all", "--dry-run", "--json")
    planned = json.loads(ended.stdout)
    assert ended.returncode == 6
    assert [each["project"] for each in planned["refused"]] == ["wrong"]
    [new] = planned["projects"]
    assert (new["name"], new["output_dir"]) == ("new", str(running.root / "datasets" / "new" / "frames"))
    assert {"name": "mode", "value": "scene", "origin": "--mode", "job_value": None} in json.loads(
        running.ctl("submit", "new", "--dry-run", "--json", "--mode", "scene").stdout
    )["projects"][0]["settings"]
    assert [(film["name"], film["is_extracted"], film["images"]) for film in new["films"]] == [
        ("film.mkv", False, None)
    ]
    assert "film.mkv" in new["films"][0]["error"]
    text = running.ctl("submit", "--all", "--dry-run")
    assert text.stdout.startswith("new\n")
    assert "wrong: " in text.stderr
    forced = json.loads(running.ctl("submit", "--all", "--force", "--dry-run", "--json").stdout)
    assert [each["name"] for each in forced["projects"]] == ["done", "new"]
