"""Tables at three widths, kept in files to be read: tests/unit/snapshots/.

After a change that is meant: `pytest tests/unit/test_ctl_snapshots.py --write-snapshots`, and read the difference.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from rich.cells import cell_len

from framed.ctl.render import projects_lines, status_lines
from framed.ctl.render_show import show_lines
from framed.ctl.terminal import Terminal
from framed.model.job import Ending
from framed.model.reasons import FilesSkipped, FilmsFailed, Reason, SettingIneffective
from framed.protocol.messages import MachineStatus, ProjectState, ProjectStatus, SlotsStatus, StatusReply
from framed.protocol.queries import (
    AttemptFacts,
    FilmFacts,
    FilmResultFacts,
    FilmState,
    JobFacts,
    ProjectFacts,
    ProjectsReply,
    ResultsFacts,
    SettingFacts,
    ShowReply,
)

SNAPSHOTS = Path(__file__).with_name("snapshots")
WIDTHS = (60, 80, 160)
BEGAN = datetime(2025, 11, 15, 14, 30, tzinfo=UTC)
KILLED = "retry in 38 s after exit 137 (killed)"

PROJECTS = (
    ProjectStatus(
        name="onward", state=ProjectState.RUNNING, job_id="825e8dffa4e1", attempt=1, max_attempts=4, progress=0.456,
        frames=4523, films=2, workers=12, stage="scanning", elapsed_s=332.0, eta_s=401.0, realtime_factor=12.34,
        session="frame_extraction_onward", log="/films/logs/frame_extraction/onward_20251115_143000.log",
        output_dir="/films/datasets/onward/frames",
    ),
    ProjectStatus(
        name="orion and the dark, director's cut with commentary", state=ProjectState.QUEUED, films=1, max_attempts=4,
        reason="waiting for a place: 6 of 6 projects running",
    ),
    ProjectStatus(name="千と千尋の神隠し", state=ProjectState.RETRYING, attempt=1, max_attempts=4, reason=KILLED),
    ProjectStatus(name="luca", state=ProjectState.SETTLING, reason="settling: luca.mkv unchanged for 3 s"),
    ProjectStatus(
        name="broken", state=ProjectState.FAILED, attempt=1, max_attempts=4, elapsed_s=1.0,
        reason="/films/raw_videos/broken/text.mp4: a text file, not a film",
        log="/films/logs/broken.log", last_lines=("INFO attempt 1", "ERROR text.mp4: a text file, not a film"),
    ),
    ProjectStatus(name="brave", state=ProjectState.PAUSED, attempt=1, max_attempts=4, progress=0.2, frames=301),
    ProjectStatus(
        name="up", state=ProjectState.COMPLETE, attempt=2, max_attempts=4, progress=1.0, frames=14_598, elapsed_s=4021.0
    ),
)  # fmt: skip
STATUS = StatusReply(
    machine=MachineStatus(
        cpu_percent=72.4, cores=32, memory_used_bytes=21_400_000_000, memory_total_bytes=67_000_000_000,
        output_free_bytes=812_000_000_000,
    ),
    slots=SlotsStatus(used=24, total=24, running_projects=2, max_active=6),
    notices=("a folder in raw_videos is skipped: its name \\xff is not UTF-8; rename it",),
    projects=PROJECTS,
)  # fmt: skip


def film(name: str, state: FilmState, size_bytes: int = 4_200_000_000) -> FilmFacts:
    return FilmFacts(
        name=name, path=f"/films/raw_videos/x/{name}", state=state, size_bytes=size_bytes, fingerprint=name
    )


FILMS = (
    film("onward.mkv", FilmState.EXTRACTED),
    film("bonus 特典.mkv", FilmState.FAILED, 311_000_000),
    film("trailer.mkv", FilmState.NEW, 48_000_000),
)
LIST = ProjectsReply(
    raw_videos="/films/raw_videos",
    projects=(
        ProjectFacts(
            name="onward", state=ProjectState.FAILED, films=FILMS, frames=4523,
            output_dir="/films/datasets/onward/frames",
        ),
        ProjectFacts(name="千と千尋の神隠し", state=ProjectState.NEW, films=FILMS[2:], frames=0, output_dir="/x"),
        ProjectFacts(name="hollow", state=ProjectState.NEW, films=(), frames=0, output_dir=None),
    ),
)  # fmt: skip
SHOW = ShowReply(
    status=PROJECTS[0],
    settings=(
        SettingFacts(name="mode", value="hybrid", origin="default", job_value="hybrid"),
        SettingFacts(name="frames_per_scene", value=12, origin="configs/projects/onward.yaml", job_value=10),
        SettingFacts(name="frames_dir", value="/films/datasets/onward/frames", origin="default", job_value=None),
    ),
    films=FILMS,
    job=JobFacts(
        id="825e8dffa4e1", by="watch", force=True, submitted_at=BEGAN, failures=1,
        attempts=(
            AttemptFacts(
                number=3, ordinal=1, workers=12, started_at=BEGAN, ended_at=BEGAN + timedelta(minutes=4),
                ending=Ending.CRASHED, code=137, images=1201, wall_s=240.0,
            ),
            AttemptFacts(number=4, ordinal=2, workers=1, started_at=BEGAN + timedelta(minutes=5)),
        ),
    ),
    results=ResultsFacts(
        path="/films/datasets/onward/extraction_results.json", manifest="/films/datasets/onward/frames.jsonl",
        total_frames=4523, timestamp="2025-11-15T14:30:00+00:00",
        films=(
            FilmResultFacts(
                name="onward.mkv", fingerprint="onward.mkv", status="complete", images=4523, shots=1203,
                duration_s=6123.0, wall_s=411.0,
            ),
            FilmResultFacts(
                name="bonus", fingerprint="bonus 特典.mkv", status="failed",
                error="2.9% of it cannot be decoded (allowed: 2.0%); 31.20-48.00 s: invalid data",
            ),
        ),
    ),
)  # fmt: skip

TABLES: dict[str, Callable[[Terminal], list[str]]] = {
    "status": lambda terminal: status_lines(STATUS, terminal, Path("/films/raw_videos"), with_logs=True),
    "projects": lambda terminal: projects_lines(LIST, terminal),
    "show": lambda terminal: show_lines(SHOW, terminal),
}


@pytest.mark.parametrize(
    ("reasons", "has_notes"),
    [
        ((), True),
        ((FilmsFailed(films=("bonus",)),), True),
        ((SettingIneffective(message="x.yml is not read"),), False),
        ((FilesSkipped(broken_links=1),), False),
    ],
)
def test_show_says_once_what_a_reason_has(reasons: tuple[Reason, ...], *, has_notes: bool) -> None:
    """Decided by the reasons, not by their text."""
    status = msgspec.structs.replace(PROJECTS[0], removed=3, reason="some words", reasons=reasons)
    reply = msgspec.structs.replace(SHOW, status=status, notes=("x.yml is not read",))
    lines = show_lines(reply, Terminal(width=160, unicode=True, colour=False))
    assert "3 removed by you" in lines[0]
    assert any("x.yml is not read" in line for line in lines) is has_notes


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("table", TABLES)
def test_table_is_as_in_its_snapshot(
    table: str, width: int, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """And no line of it is wider than the terminal."""
    monkeypatch.setenv("TZ", "UTC")
    lines = TABLES[table](Terminal(width=width, colour=False))
    assert max(cell_len(line) for line in lines) <= width
    kept = SNAPSHOTS / f"{table}-{width}.txt"
    text = "\n".join(lines) + "\n"
    if request.config.getoption("--write-snapshots"):
        kept.write_text(text, encoding="utf-8")
    assert text == kept.read_text(encoding="utf-8")


def test_pipe_has_a_line_for_each_project_and_no_bars() -> None:
    """Which is what `grep` and `awk` expect."""
    lines = status_lines(STATUS, Terminal(width=None, colour=False), Path("/films"))
    rows = [line for line in lines if any(f"  {state.value} " in f"{line} " for state in ProjectState)]
    assert len(rows) == len(PROJECTS)
    assert "━" not in "".join(lines)


def test_projects_of_an_empty_root_say_where_films_go() -> None:
    """The next step."""
    empty = msgspec.structs.replace(LIST, projects=())
    assert projects_lines(empty, Terminal(width=80, colour=False)) == [
        "no projects yet; copy a film to /films/raw_videos/NAME/"
    ]
