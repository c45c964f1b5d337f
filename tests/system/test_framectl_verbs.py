"""Further verbs of `framectl`, typed against a real daemon with the fake extractor."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import pty
import re
import select
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from frame_extractor.contract.fingerprint import film_fingerprint
from frame_extractor.contract.layout import OutputLayout
from frame_extractor.contract.results import ManifestEntry
from framed.protocol.documents import Versions, Waited
from framed.protocol.messages import CancelReply, CleanReply, RetryReply, StatusReply, SubmitReply
from framed.protocol.queries import FilmState, LogsReply, ProjectsReply, ShowReply
from tests.harness.site import PATIENCE_S, Site, new_site
from tests.harness.until import until


@pytest.fixture(scope="module")
def shared() -> Iterator[Site]:
    """One daemon for tests whose projects have names of their own."""
    with new_site() as site:
        site.start()
        yield site


@pytest.fixture
def running() -> Iterator[Site]:
    """A daemon for a test that speaks of all projects."""
    with new_site() as site:
        site.start()
        yield site


class Screen:
    """A command in a terminal of 80 columns."""

    def __init__(self, site: Site, *arguments: str) -> None:
        self.seen = b""
        self.pid, self._terminal = pty.fork()
        if self.pid == 0:
            os.chdir(site.root)
            environ = site.environ | {"TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"}
            os.execve(sys.executable, [sys.executable, "-m", "framed.ctl", *arguments], environ)  # noqa: S606

    def type(self, keys: bytes) -> None:
        """All at once, as when a slow line or a busy machine delivers in one piece what was typed key by key."""
        os.write(self._terminal, keys)

    def shows(self, words: bytes) -> bool:
        """Whether the words have been on the screen by now."""
        while select.select([self._terminal], [], [], 0.05)[0]:
            try:
                received = os.read(self._terminal, 1 << 16)
            except OSError:
                break
            if not received:
                break
            self.seen += received
        return words in self.seen

    def code(self) -> int:
        """The exit code, once it has ended."""
        ended: list[int] = []

        def is_over() -> bool:
            self.shows(b"")
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            ended.extend([status] if pid else [])
            return bool(pid)

        until(is_over)
        return os.waitstatus_to_exitcode(ended[0])


def shown(site: Site, project: str) -> ShowReply:
    return msgspec.json.decode(site.ctl("show", project, "--json").stdout, type=ShowReply)


def running_project(site: Site, project: str, words: str = "run 600") -> None:
    site.film(project, words)
    assert site.ctl("submit", project).returncode == 0
    until(lambda: site.state_of(project) == "RUNNING")


# --------------------------------------------------------------------------------------------------- submit and retry


def test_submit_all_takes_what_is_not_extracted_and_cancel_all_what_is_open(running: Site) -> None:
    """One that cannot be submitted is said so, and costs the others nothing; exit code 6 all the same."""
    for project in ("a", "b", "done"):
        running.film(project, "run 600" if project != "done" else "")
    (running.root / "configs" / "projects" / "wrong.yaml").write_text("frame_extraction: {modus: scene}\n")
    running.film("wrong")
    assert running.ctl("submit", "done", "--wait").returncode == 0
    submitted = running.ctl("submit", "--all")
    assert (submitted.returncode, submitted.stdout) == (6, "a: queued\nb: queued\n")
    assert "wrong: " in submitted.stderr
    assert "did you mean mode?" in submitted.stderr
    cancelled = running.ctl("cancel", "--all")
    assert (cancelled.returncode, cancelled.stdout) == (0, "a: cancelled\nb: cancelled\n")
    nothing = running.ctl("cancel", "--all")
    assert (nothing.returncode, nothing.stdout) == (0, "")
    assert nothing.stderr == "framectl: nothing is queued or running\n"
    for command in ("submit", "cancel", "retry"):
        assert "not both" in running.ctl(command, "a", "--all").stderr
        assert "or give --all" in running.ctl(command).stderr


def test_submit_wait_exits_with_what_became_of_the_job(shared: Site) -> None:
    """0, 1 and 7, with the end on stdout; a project that was complete already is no job to wait for."""
    shared.film("good")
    shared.film("bad", "exit 65")
    good = shared.ctl("submit", "good", "--wait")
    assert good.returncode == 0
    assert good.stdout.splitlines()[0] == "good: queued"
    assert good.stdout.splitlines()[1].startswith("good COMPLETE, 1 image in ")
    again = shared.ctl("submit", "good", "--wait")
    assert (again.returncode, again.stdout.count("\n")) == (0, 1)
    assert shared.ctl("submit", "bad", "good", "--wait").returncode == 1
    waited = shared.ctl("wait", "bad", "good", "--json")
    document = msgspec.json.decode(waited.stdout, type=Waited)
    assert (waited.returncode, document.exit_code) == (1, 1)
    assert [project.state.value for project in document.projects] == ["FAILED", "COMPLETE"]


def test_submit_wait_draws_a_bar_and_takes_it_away(shared: Site) -> None:
    """On a terminal; what stays is the end."""
    gate = shared.folder / "gate"
    shared.film("drawn", f"wait {gate}")
    screen = Screen(shared, "submit", "drawn", "--wait")
    until(lambda: screen.shows("━".encode()) and b"50%" in screen.seen)
    gate.touch()
    assert screen.code() == 0
    assert b"drawn COMPLETE" in screen.seen


def test_submit_monitor_goes_on_into_the_monitor_and_without_a_terminal_into_lines(shared: Site) -> None:
    """The monitor is left with q, the film goes on; a pipe gets a table again and again, and nothing that steers."""
    shared.film("filmed", "run 600")
    screen = Screen(shared, "submit", "filmed", "--monitor")
    until(lambda: screen.shows(b"filmed: queued") and screen.shows(b"Filter"))
    screen.type(b"q")
    assert screen.code() == 0
    assert shared.state_of("filmed") == "RUNNING"
    mistyped = Screen(shared, "monitor", "fimled")
    assert mistyped.code() == 4
    assert b"did you mean 'filmed'?" in mistyped.seen
    command = [sys.executable, "-m", "framed.ctl", "monitor", "--projects", "filmed", "--interval", "0.1"]
    with subprocess.Popen(
        command, cwd=shared.root, env=shared.environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    ) as printing:
        assert printing.stdout is not None
        lines = [printing.stdout.readline() for _ in range(12)]
        printing.kill()
    assert sum(line.startswith("filmed ") for line in lines) >= 2
    assert "\x1b" not in "".join(lines)
    shared.ctl("cancel", "filmed")


def test_retry_takes_the_settings_the_job_had(shared: Site) -> None:
    """The option that was typed then is not lost; a project that failed twice is retried twice; others are refused."""
    shared.film("again", "exit 65")
    assert shared.ctl("submit", "again", "--scene-threshold", "25", "--wait").returncode == 1
    first = shown(shared, "again")
    retried = shared.ctl("retry", "again", "--wait")
    assert retried.returncode == 1
    assert retried.stdout.startswith("again: queued with its previous settings\nagain FAILED")
    second = shown(shared, "again")
    assert first.job is not None
    assert second.job is not None
    assert first.job.id != second.job.id
    threshold = next(each for each in second.settings if each.name == "scene_threshold")
    assert (threshold.value, threshold.origin, threshold.job_value) == (30.0, "default", 25.0)
    shared.film("fine")
    assert "not been submitted" in shared.ctl("retry", "fine").stderr
    shared.ctl("submit", "fine", "--wait")
    nothing = shared.ctl("retry", "fine", "--json")
    assert nothing.returncode == 0
    assert msgspec.json.decode(nothing.stdout, type=RetryReply).outcomes[0].outcome.value == "already_complete"


def test_retry_of_one_that_waits_out_a_backoff_tries_now() -> None:
    """Its job goes on."""
    with new_site("watch: {auto_submit: false, scan_interval_s: 0.2, settle_s: 0, settle_scans: 1}\n") as site:
        site.start()
        site.film("slow", "exit 70 1")
        site.ctl("submit", "slow")
        until(lambda: site.state_of("slow") == "RETRYING")
        document = msgspec.json.decode(site.ctl("retry", "--all", "--json").stdout, type=RetryReply)
        assert "starts it now" in document.outcomes[0].message
        assert site.ctl("wait", "slow", "--timeout", "20").returncode == 0


# ------------------------------------------------------------------------------------------------------------- reading


def test_projects_lists_films_and_what_became_of_them(running: Site) -> None:
    """Wide names in line; for scripts with fingerprints and paths."""
    running.film("onward")
    running.film("onward", "exit 65", name="bonus.mkv")
    running.film("千と千尋")
    running.ctl("submit", "onward", "--wait")
    lines = running.ctl("projects").stdout.splitlines()
    assert lines[0].split() == [
        "PROJECT",
        "STATE",
        "FILMS",
        "SIZE",
        "IMAGES",
        "OUTPUT,",
        "AND",
        "FILMS",
        "NOT",
        "EXTRACTED",
    ]
    assert lines[1].split()[:5] == ["onward", "FAILED", "1", "of", "2"]
    assert lines[1].endswith("failed: bonus.mkv")
    assert lines[2].split()[:2] == ["千と千尋", "NEW"]
    document = msgspec.json.decode(running.ctl("projects", "--json").stdout, type=ProjectsReply)
    assert document.schema == 1
    bonus, film = document.projects[0].films
    assert (bonus.state.value, film.state.value) == ("failed", "extracted")
    assert film.fingerprint == film_fingerprint(film.path)


def test_show_prints_settings_with_origins_attempts_films_and_paths(shared: Site) -> None:
    """As text and as JSON."""
    (shared.root / "configs" / "projects" / "origins.yaml").write_text("frame_extraction: {frames_per_scene: 12}\n")
    shared.film("origins", "exit 70 1")
    shared.ctl("submit", "origins", "--mode", "scene", "--wait")
    text = shared.ctl("show", "origins").stdout
    rows = {line.split()[0]: line.split()[1:] for line in text.splitlines() if line.startswith("    ")}
    assert rows["frames_per_scene"] == ["12", "configs/projects/origins.yaml"]
    assert rows["mode"] == ["hybrid", "default;", "the", "job", "has", "scene"]
    assert rows["film.mkv"][:1] == ["extracted"]
    assert "exit 70, asked to end with 70" in text
    assert [line.split()[:4] for line in text.splitlines() if line.startswith("    attempt ")] == [
        ["attempt", "1", "of", "4"],
        ["attempt", "2", "of", "4"],
    ]
    document = shown(shared, "origins")
    assert document.schema == 1
    assert document.job is not None
    assert [attempt.code for attempt in document.job.attempts] == [70, 0]
    assert document.results is not None
    assert rows["log"] == [document.status.log]
    assert rows["results"] == [document.results.path]
    assert shared.ctl("show", "tolt").returncode == 4


def test_show_prints_the_shots_so_far_of_the_film_in_work(shared: Site) -> None:
    """How many, and where the last of them begin; nothing of the kind once it has ended."""
    running_project(shared, "midway")
    until(lambda: shown(shared, "midway").in_work is not None)
    assert re.search(
        r"2 shots so far of film.mkv\n +shot 0 +from 0:00.0\n +shot 1 +from 1:02:05.0",
        shared.ctl("show", "midway").stdout,
    )
    shared.ctl("cancel", "midway")
    until(lambda: shown(shared, "midway").status.state.is_terminal)
    assert shown(shared, "midway").in_work is None


def test_log_is_shown_from_its_end_and_steers_no_terminal(shared: Site) -> None:
    """Escapes are written out, bytes that are no text as well; in JSON they are as they were."""
    running_project(shared, "logged")
    log = Path(shown(shared, "logged").status.log or "")
    log.parent.mkdir(parents=True, exist_ok=True)
    written = b"".join(b"line %d\n" % number for number in range(500)) + b"\x1b[31mred \xff\r\nlast without end"
    log.write_bytes(written)
    ended = shared.ctl("logs", "logged", "--lines", "3")
    assert ended.stdout == "line 499\n\\x1b[31mred \\xff\nlast without end\n"
    assert len(shared.ctl("logs", "logged").stdout.splitlines()) == 100
    whole = msgspec.json.decode(shared.ctl("logs", "logged", "-n", "1000000", "--json").stdout, type=LogsReply)
    assert (whole.content, whole.offset, whole.next_offset) == (written, 0, len(written))
    assert "\\u001b" not in shared.ctl("logs", "logged", "--json").stdout
    shared.ctl("cancel", "logged")


def test_log_of_many_pieces_arrives_complete(shared: Site) -> None:
    """No answer holds more than 256 KiB."""
    running_project(shared, "long")
    log = Path(shown(shared, "long").status.log or "")
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("".join(f"{number:07}\n" for number in range(100_000)))
    lines = shared.ctl("logs", "long", "-n", "100000").stdout.splitlines()
    assert (lines[0], lines[-1], len(lines)) == ("0000000", "0099999", 100_000)
    shared.ctl("cancel", "long")


def test_logs_follow_until_the_job_has_ended(shared: Site) -> None:
    """Each line as it comes; with --json a document a line."""
    gate = shared.folder / "follow-gate"
    running_project(shared, "followed", f"wait {gate}")
    log = Path(shown(shared, "followed").status.log or "")
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("one\n")
    command = [sys.executable, "-m", "framed.ctl", "logs", "-f", "followed"]
    with (
        subprocess.Popen(command, cwd=shared.root, env=shared.environ, stdout=subprocess.PIPE, text=True) as plain,
        subprocess.Popen([*command, "--json"], cwd=shared.root, env=shared.environ, stdout=subprocess.PIPE) as records,
    ):
        assert plain.stdout is not None
        assert records.stdout is not None
        assert plain.stdout.readline() == "one\n"
        assert base64.b64decode(json.loads(records.stdout.readline())["content"]) == b"one\n"
        with log.open("a") as file:
            file.write("tw")
            file.flush()
            file.write("o\n")
        assert plain.stdout.readline() == "two\n"
        gate.touch()
        assert plain.wait(PATIENCE_S) == 0
        assert records.wait(PATIENCE_S) == 0
        assert b"".join(base64.b64decode(json.loads(line)["content"]) for line in records.stdout) == b"two\n"


def test_logs_of_a_project_that_never_ran_say_so(shared: Site) -> None:
    shared.film("unheard")
    until(lambda: shared.ctl("status", "unheard").returncode == 0)
    ended = shared.ctl("logs", "unheard")
    assert (ended.returncode, ended.stdout) == (6, "")
    assert "unheard has no log: it has not been submitted yet" in ended.stderr


def test_attach_shows_the_session_and_lets_no_ctrl_c_through(shared: Site) -> None:
    """Without --write: the film goes on, and Ctrl-B D detaches running."""
    running_project(shared, "watched")
    screen = Screen(shared, "attach", "watched")
    until(lambda: screen.shows(b"extractor"))
    screen.type(b"\x03\x02d")
    assert screen.code() == 0
    assert b"detached" in screen.seen
    assert shared.state_of("watched") == "RUNNING"
    argv = json.loads(shared.ctl("attach", "watched", "--json").stdout)["argv"]
    assert "=frame_extraction_watched:" in argv
    assert "read-only,ignore-size" in argv
    no_terminal = shared.ctl("attach", "watched")
    assert (no_terminal.returncode, no_terminal.stdout) == (2, "")
    shared.ctl("cancel", "watched")
    gone = shared.ctl("attach", "watched", "--json")
    assert gone.returncode == 6
    assert "watched is CANCELLED and has no terminal now; see its log: framectl logs watched" in gone.stderr


def test_attach_with_write_lets_ctrl_c_end_the_film(shared: Site) -> None:
    """Which is what it is for."""
    running_project(shared, "steered")
    screen = Screen(shared, "attach", "--write", "steered")
    until(lambda: screen.shows(b"extractor"))
    screen.type(b"\x03")

    def has_ended() -> bool:
        job = shown(shared, "steered").job
        return job is not None and job.attempts[0].ending is not None

    until(has_ended)
    shared.ctl("cancel", "steered")
    until(lambda: screen.shows(b"exited") or b"detached" in screen.seen)


def test_status_watch_json_is_a_document_a_line(shared: Site) -> None:
    """And goes on while the daemon is unreachable, saying so once on stderr."""
    with new_site() as site:
        daemon = site.start()
        command = [sys.executable, "-m", "framed.ctl", "status", "--watch", "--json", "--interval", "0.1"]
        with subprocess.Popen(
            command, cwd=site.root, env=site.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as watching:
            assert watching.stdout is not None
            assert watching.stderr is not None
            for _ in range(2):
                assert msgspec.json.decode(watching.stdout.readline(), type=StatusReply).schema == 1
            daemon.kill()
            daemon.wait()
            assert "the daemon is unreachable" in watching.stderr.readline()
            site.start()
            assert watching.stderr.readline() == "framectl: the daemon is back\n"
            assert watching.stdout.readline()
            watching.kill()


# ------------------------------------------------------------------------------------------------------------- keeping


def extracted_with_a_manifest(site: Site, project: str) -> OutputLayout:
    """A project whose one image is listed, with a caption beside it; the fake extractor keeps no manifest."""
    film = site.film(project)
    assert site.ctl("submit", project, "--wait").returncode == 0
    layout = OutputLayout(site.root / "datasets" / project / "frames")
    (image,) = layout.frames_dir.glob("*.jpg")
    image.write_bytes(b"x" * 1000)
    entry = ManifestEntry(
        file=image.name, film=film.name, fingerprint=film_fingerprint(film), frame_index=0, time_s=0.0, scene=0,
        position=0, size_bytes=1000, width=1, height=1,
    )  # fmt: skip
    escaping = msgspec.structs.replace(entry, file="../../../raw_videos/x")
    layout.manifest.write_bytes(msgspec.json.encode(entry) + b"\n" + msgspec.json.encode(escaping) + b"\n")
    image.with_suffix(".txt").write_text("a caption")
    return layout


def test_clean_deletes_what_is_listed_and_nothing_else(shared: Site) -> None:
    """The caption stays, and the film; the project says so, and can be submitted again."""
    layout = extracted_with_a_manifest(shared, "swept")
    refused = shared.ctl("clean", "swept")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "1 image with their records" in refused.stderr
    assert "1 other file there is kept; confirm with --yes" in refused.stderr
    plan = msgspec.json.decode(shared.ctl("clean", "swept", "--dry-run", "--json").stdout, type=CleanReply)
    assert (plan.dry_run, plan.images, plan.kept) == (True, 1, 1)
    assert layout.control.is_dir()
    done = shared.ctl("clean", "swept", "--yes")
    assert done.returncode == 0
    assert done.stdout.startswith("swept: deleted 1 image with their records (")
    assert [path.name for path in layout.folder.rglob("*") if path.is_file()] == [
        "scene0001_pos0_frame000000_t0.00s.txt"
    ]
    assert (shared.root / "raw_videos" / "swept" / "film.mkv").exists()
    until(lambda: "cleaned; framectl submit swept extracts it again" in shared.ctl("status", "swept").stdout)
    assert [film.state for film in shown(shared, "swept").films] == [FilmState.CLEANED]
    nothing = shared.ctl("clean", "swept", "--yes")
    assert (nothing.returncode, nothing.stdout) == (0, f"swept: nothing made by framed in {layout.folder}\n")
    assert shared.ctl("submit", "swept").stdout == "swept: queued\n"


def test_clean_asks_on_a_terminal_and_takes_no_for_an_answer(shared: Site) -> None:
    """Exit code 6, and all is still there."""
    layout = extracted_with_a_manifest(shared, "asked")
    screen = Screen(shared, "clean", "asked")
    until(lambda: screen.shows(b"[y/N]"))
    screen.type(b"n\n")
    assert screen.code() == 6
    assert b"nothing was deleted" in screen.seen
    assert layout.results.exists()


def test_clean_of_a_running_project_is_refused(shared: Site) -> None:
    running_project(shared, "inuse")
    ended = shared.ctl("clean", "inuse", "--yes")
    assert ended.returncode == 6
    assert "inuse is running; cancel it first: framectl cancel inuse" in ended.stderr
    planned = shared.ctl("clean", "inuse", "--dry-run")
    assert planned.returncode == 0
    assert planned.stdout.startswith("inuse: would delete 0 images with their records")
    assert planned.stdout.endswith("; inuse is running; cancel it first: framectl cancel inuse\n")
    shared.ctl("cancel", "inuse")


_COMPLETED: Final = {
    "bash": """eval "$(framectl completion bash)"; COMP_WORDS=(framectl logs loaded,load); COMP_CWORD=2
        $(complete -p framectl | sed 's/.*-F \\([^ ]*\\).*/\\1/') framectl; echo "${COMPREPLY[@]}" """,
    "zsh": """autoload -Uz compinit; compinit -u; eval "$(framectl completion zsh)"
        compadd() { print -rl -- $completions }; words=(framectl logs loaded,load); CURRENT=3; $_comps[framectl]""",
    "fish": """framectl completion fish | source; complete --do-complete "framectl logs loaded,load" """,
}
"""What has the shell itself complete a second project behind a comma, and print it."""


@pytest.mark.parametrize("shell", _COMPLETED)
def test_completion_is_loaded_by_the_shell_itself(shared: Site, shell: str) -> None:
    """And completes what follows a comma."""
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell} here")
    shared.film("loaded")
    shared.film("loadable")
    until(lambda: shared.ctl("status", "loaded", "loadable").returncode == 0)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    no_settings = {"bash": ["--norc"], "zsh": ["-f"], "fish": ["--no-config"]}[shell]
    ended = subprocess.run(
        [shell, *no_settings, "-c", _COMPLETED[shell]],
        cwd=shared.root,
        env=shared.environ | {"PATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "loaded,loadable" in ended.stdout, ended.stderr


def test_tab_completes_projects_also_behind_a_comma(shared: Site) -> None:
    """Those the daemon knows; without a daemon those that have a folder."""

    def completed(site: Site, words: str) -> list[str]:
        n_words = str(len(words.split(" ")) - 1)
        environ = {"_FRAMECTL_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": n_words}
        return sorted(line.partition(",")[2] for line in site.ctl(cwd=None, within=(), **environ).stdout.splitlines())

    shared.film("tabbed")
    shared.film("tabular")
    until(lambda: shared.ctl("status", "tabular").returncode == 0)
    assert completed(shared, "framectl show tab") == ["tabbed", "tabular"]
    assert completed(shared, "framectl submit tabbed,tab") == ["tabbed,tabular"]
    assert completed(shared, "framectl clea") == ["clean"]
    with new_site() as alone:
        alone.film("single")
        assert completed(alone, "framectl logs s") == ["single"]


def test_version_includes_the_daemon_when_there_is_one(shared: Site) -> None:
    """And is no error when there is none."""
    versions = msgspec.json.decode(shared.ctl("version", "--json").stdout, type=Versions)
    assert versions.daemon is not None
    assert versions.daemon.root == str(shared.root)
    with new_site() as alone:
        ended = alone.ctl("version")
        assert ended.returncode == 0
        assert ended.stdout.startswith("framectl ")
        assert "framed is not running" in ended.stderr


def test_color_can_be_forced_and_forbidden(shared: Site) -> None:
    """Before the verb and after it; a pipe has none by itself."""
    shared.film("coloured")
    # It is new, and settling while its film is opened, and new again.
    until(lambda: "\x1b[36mNEW" in shared.ctl("--color", "always", "status", "coloured").stdout)
    until(lambda: "\x1b[36mNEW" in shared.ctl("projects", "--color", "always").stdout)
    assert "\x1b[" not in shared.ctl("status").stdout
    assert shared.ctl("status", "--color", "sometimes").returncode == 2


@pytest.mark.parametrize(("command", "kind"), [(["submit", "shape"], SubmitReply), (["cancel", "shape"], CancelReply)])
def test_json_of_what_changes_something_has_its_schema_number(shared: Site, command: list[str], kind: Any) -> None:
    """The shape is that of the protocol."""
    with contextlib.suppress(FileExistsError):
        shared.film("shape", "run 600")
    ended = shared.ctl(*command, "--json")
    assert (ended.returncode, json.loads(ended.stdout)["schema"]) == (0, 1)
    assert msgspec.json.decode(ended.stdout, type=kind).outcomes[0].project == "shape"
