"""The status as people see it: on terminals of any width, in a pipe, with names in any script."""

from __future__ import annotations

import io
import unicodedata
from pathlib import Path

import click
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from frame_extractor.contract.quantities import size
from framed.ctl.render import duration, status_lines
from framed.ctl.terminal import Terminal, terminal_of
from framed.printable import printable
from framed.protocol.messages import MachineStatus, ProjectState, ProjectStatus, SlotsStatus, StatusReply

RAW_VIDEOS = Path("/films")
REASON = "/films/broken/text.mp4: not a film that can be decoded: Invalid data found when processing input"
PLACE = "waiting for a place: 6 of 6 projects running"
MACHINE = "CPU 72% of 32 cores   memory 21.4 GB of 67.0 GB   slots 24 of 24"
PROJECTS = (
    ProjectStatus(
        name="onward",
        state=ProjectState.RUNNING,
        attempt=1,
        max_attempts=4,
        progress=0.456,
        frames=4523,
        workers=12,
        stage="scanning",
        elapsed_s=332.0,
        eta_s=401.0,
        realtime_factor=12.34,
    ),
    ProjectStatus(name="千と千尋の神隠し", state=ProjectState.QUEUED, reason=PLACE),
    ProjectStatus(name="broken", state=ProjectState.FAILED, attempt=1, max_attempts=4, reason=REASON),
    ProjectStatus(name="done", state=ProjectState.COMPLETE, attempt=2, max_attempts=4, progress=1.0, frames=1598),
)


def reply(*projects: ProjectStatus) -> StatusReply:
    return StatusReply(
        machine=MachineStatus(
            cpu_percent=72.4,
            cores=32,
            memory_used_bytes=21_400_000_000,
            memory_total_bytes=67_000_000_000,
            output_free_bytes=812_000_000_000,
        ),
        slots=SlotsStatus(used=24, total=24, running_projects=2, max_active=6),
        projects=projects,
    )


def lines_at(width: int | None, *projects: ProjectStatus, colour: bool = False) -> list[str]:
    return status_lines(reply(*projects), Terminal(width=width, colour=colour), RAW_VIDEOS)


def test_pipe_gets_every_word_on_one_line_and_no_colour() -> None:
    """What is piped is read by programs: complete reasons, plain percentages."""
    assert lines_at(None, *PROJECTS) == [
        f"{MACHINE}   running 2 of at most 6 projects   812 GB free for output",
        "",
        "PROJECT           STATE     PROGRESS  IMAGES  WORKERS  ELAPSED   ETA  ATTEMPT  NOTE",
        "onward            RUNNING        45%   4,523       12     5:32  6:41      1/4  scanning, 12.3x realtime",
        f"千と千尋の神隠し  QUEUED          0%       -        -        -     -        -  {PLACE}",
        f"broken            FAILED          0%       -        -        -     -      1/4  {REASON}",
        "done              COMPLETE      100%   1,598        -        -     -      2/4",
    ]


def test_one_long_name_does_not_push_all_other_columns_away() -> None:
    """In a pipe, too; whoever needs the complete name has it from --json."""
    name, *others = (line.split() for line in lines_at(None, msgspec.structs.replace(PROJECTS[0], name="x" * 255))[-1:])
    assert not others
    assert name[0] == "x" * 79 + "…"
    assert max(map(len, lines_at(None, PROJECTS[0], ProjectStatus(name="y" * 255, state=ProjectState.NEW)))) < 200


def test_at_80_columns_notes_go_below() -> None:
    """The narrowest terminal people use shows every column and every word."""
    lines = lines_at(80, *PROJECTS)
    assert lines[:6] == [
        MACHINE,
        "running 2 of at most 6 projects   812 GB free for output",
        "",
        "PROJECT         STATE     PROGRESS       IMAGES  WORKERS  ELAPSED   ETA  ATTEMPT",
        "onward          RUNNING   ━━━╸────  45%   4,523       12     5:32  6:41      1/4",
        "    scanning, 12.3x realtime",
    ]
    assert REASON in " ".join(" ".join(lines).split())


@pytest.mark.parametrize("width", range(105, 125))
def test_number_and_unit_are_never_parted(width: int) -> None:
    """However wide the terminal is."""
    waiting = ProjectStatus(name="x", state=ProjectState.SETTLING, reason="settling: film.mkv unchanged for 3 s")
    retrying = ProjectStatus(name="y", state=ProjectState.RETRYING, reason="retry in 38 s after exit 137 (killed)")
    text = " / ".join(lines_at(width, waiting, retrying))
    assert "for 3 s" in text or "3 s /" in text
    assert "38 s" in text


def test_at_200_columns_notes_are_in_the_row() -> None:
    """Where there is room a project is one line."""
    lines = lines_at(200, *PROJECTS)
    assert len(lines) == 2 + 1 + len(PROJECTS)
    assert lines[-2].endswith(REASON)


@given(
    width=st.integers(20, 250),
    names=st.lists(st.text(max_size=40), min_size=1, max_size=4),
    reason=st.text(max_size=200),
)
def test_no_line_is_wider_than_the_terminal(width: int, names: list[str], reason: str) -> None:
    """Whatever projects are called, in cells: wide characters count as two."""
    projects = [
        ProjectStatus(name=name, state=state, reason=reason, attempt=1, max_attempts=4, progress=0.5)
        for name, state in zip(names, ProjectState, strict=False)
    ]
    plain = lines_at(width, *projects)
    assert max(cell_len(line) for line in plain) <= width
    assert [click.unstyle(line) for line in lines_at(width, *projects, colour=True)] == plain


def test_wide_characters_count_as_two() -> None:
    """A name of 30 wide characters fills 40 cells and leaves the columns where they are."""
    line = lines_at(200, ProjectStatus(name="千" * 30, state=ProjectState.NEW))[-1]
    assert line.startswith(f"{'千' * 19}…   NEW ")
    assert cell_len(line.partition("NEW")[0]) == 42


@given(st.text())
def test_nothing_in_a_name_steers_the_terminal(text: str) -> None:
    """A folder's name may hold escape sequences and line ends, or turn the reading direction."""
    assert not any(unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") for char in printable(text))


def test_control_characters_are_written_out() -> None:
    """So that one sees which folder is meant."""
    assert printable("a\x1b[31m\u202e\n\u2028b") == "a\\x1b[31m\\u202e\\n\\u2028b"
    assert printable("é 你 می\u200cخواهم 👩\u200d🚀") == "é 你 می\u200cخواهم 👩\u200d🚀"


def test_notices_are_shown_complete_below_the_machine() -> None:
    """One line each in a pipe, as many as it takes on a terminal; also where there is no project yet."""
    notices = ("/films cannot be read: No such file or directory; until it is back nothing is started", "\x1b[31m")
    for projects in ((), PROJECTS):
        with_notices = msgspec.structs.replace(reply(*projects), notices=notices)
        assert status_lines(with_notices, Terminal(width=None, colour=False), RAW_VIDEOS)[1:4] == [
            notices[0],
            "\\x1b[31m",
            "",
        ]
        narrow = status_lines(with_notices, Terminal(width=60, colour=False), RAW_VIDEOS)
        assert max(cell_len(line) for line in narrow) <= 60
        assert notices[0] in " ".join(narrow)
        coloured = status_lines(with_notices, Terminal(width=60, colour=True), RAW_VIDEOS)
        assert [click.unstyle(line) for line in coloured] == narrow
        assert any(line.startswith("\x1b[33m/films") for line in coloured)


def test_100_percent_is_not_shown_before_all_is_done() -> None:
    """Percentages are rounded down."""
    almost = ProjectStatus(name="x", state=ProjectState.RUNNING, progress=0.9999)
    assert " 99%" in lines_at(None, almost)[-1]


def test_first_status_says_where_films_go() -> None:
    """Nothing there yet: the next step."""
    assert lines_at(80)[-1] == "no projects yet; copy a film to /films/NAME/"


def test_state_is_coloured_and_nothing_else_of_the_row() -> None:
    """Colour is put where the state's word is, also behind a name of wide characters."""
    line = next(line for line in lines_at(120, *PROJECTS, colour=True) if "千" in line)
    assert "\x1b[34mQUEUED\x1b[0m" in line
    assert line.count("\x1b") == 2


@pytest.mark.parametrize(
    ("environ", "colour"),
    [({"TERM": "xterm"}, True), ({"TERM": "xterm", "NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)],
)
def test_no_color_is_respected(environ: dict[str, str], colour: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_COLOR, and terminals that say they have none."""

    class Screen(io.StringIO):
        encoding = "UTF-8"

        def isatty(self) -> bool:
            return True

    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in (environ | {"COLUMNS": "93"}).items():
        monkeypatch.setenv(name, value)
    assert terminal_of(Screen()) == Terminal(width=93, colour=colour)
    assert terminal_of(io.StringIO()) == Terminal(width=None, colour=False, unicode=False)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "-"), (0, "0:00"), (59.4, "0:59"), (59.6, "1:00"), (3599.9, "1:00:00"), (-3, "0:00"), (90_000, "25:00:00")],
)
def test_duration_reads_like_a_clock(seconds: float | None, text: str) -> None:
    """Hours only when there are any."""
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("n_bytes", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (99_950, "100 kB"),
        (999_600, "1.0 MB"),
        (5e9, "5.0 GB"),
        (2e16, "20000.0 TB"),
    ],
)
def test_size_has_three_figures_at_most(n_bytes: float, text: str) -> None:
    """And the unit that a person expects."""
    assert size(n_bytes) == text
