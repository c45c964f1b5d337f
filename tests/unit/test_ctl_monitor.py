"""The monitor's rows and panels, at every size, without a daemon or a terminal."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from rich.cells import cell_len
from textual.widgets import Label, Static

from frame_extractor.contract.attempt import ShotStart
from framed.ctl.monitor.app import Monitor
from framed.ctl.monitor.dialogs import Confirm
from framed.ctl.monitor.panels import Details, detail_lines, log_lines, machine_lines
from framed.ctl.monitor.view import View, columns_at
from framed.ctl.monitor.widgets import MessageLine, ProjectTable
from framed.ctl.render import URGENCY
from framed.model.job import Ending
from framed.model.reasons import AttemptEnded, Backoff, Reason
from framed.protocol.messages import MachineStatus, ProjectState, ProjectStatus, SlotsStatus
from framed.protocol.queries import AttemptFacts, FilmInWork, JobFacts, ShowReply
from framed.protocol.subscription import Event
from framed.settings.places import load_places
from tests.harness.pilot import sees

NAMES = ("onward", "千と千尋の神隠し 完全版 デジタルリマスター", "x" * 300, "two\nlines \x1b[31m", "Café Zoë 🎬")
RUNNING = ProjectStatus(
    name="onward", state=ProjectState.RUNNING, attempt=2, max_attempts=4, progress=0.3, frames=40, stage="scanning",
    elapsed_s=63.0, log="/logs/onward.log",
)  # fmt: skip


def event(*projects: ProjectStatus, cores: int = 2, full: bool = True, removed: tuple[str, ...] = ()) -> Event:
    machine = MachineStatus(
        cpu_percent=50.0,
        cores_percent=tuple(100.0 * core / cores for core in range(cores)),
        cores=cores,
        memory_used_bytes=10**9,
        memory_total_bytes=4 * 10**9,
        output_free_bytes=10**10,
    )
    slots = SlotsStatus(used=1, total=2, running_projects=1, max_active=2)
    return Event(seq=1, full=full, machine=machine, slots=slots, projects=projects, removed=removed)


def details(log: tuple[str, ...] = (), *, n_shots: int = 40) -> Details:
    attempt = AttemptFacts(
        number=1, ordinal=1, workers=1, started_at=datetime.now(UTC), ended_at=datetime.now(UTC),
        ending=Ending.CRASHED, code=137, reason="out of memory",
    )  # fmt: skip
    shots = tuple(ShotStart(scene=scene, start_s=scene * 100.0) for scene in range(n_shots - 12, n_shots))
    reply = ShowReply(
        status=RUNNING,
        settings=(),
        films=(),
        job=JobFacts(id="j", by="user", force=False, submitted_at=datetime.now(UTC), failures=1, attempts=(attempt,)),
        in_work=FilmInWork(name="onward.mkv", number=1, n_films=2, shots=n_shots, last_shots=shots),
    )
    return Details(shown=reply, log=log)


@pytest.mark.parametrize("width", [40, 80, 100, 119, 120, 200, 300])
@pytest.mark.parametrize("name", NAMES)
def test_a_row_fits_the_screen_whatever_the_name(name: str, width: int) -> None:
    """Wide characters count as two; nothing steers the terminal; at 80 columns a name keeps at least 18."""
    columns = columns_at(width, cell_len(name))
    cells = View().row(ProjectStatus(name=name, state=ProjectState.RETRYING, reason=name * 3), columns)
    assert len(cells) == len(columns)
    for cell, column in zip(cells, columns, strict=True):
        assert cell_len(cell.plain) <= column.width
        assert cell.plain.isprintable()
    if width >= 80:
        assert sum(column.width + 2 for column in columns) < width
        assert columns[0].width >= min(18, cell_len(name))


def test_note_has_the_width_that_no_name_needs() -> None:
    """A long name gets its share of it back; where NOTE would be too narrow to read, the name has it all."""
    widths = {longest: {each.title: each.width for each in columns_at(160, longest)} for longest in (6, 300)}
    assert widths[6]["PROJECT"] == 8
    assert widths[300]["PROJECT"] == 160 // 5
    assert widths[6]["NOTE"] - widths[300]["NOTE"] == 160 // 5 - 8
    assert "NOTE" in {each.title for each in columns_at(110, 6)}
    for longest, width in ((90, 120), (90, 110), (40, 119)):
        columns = {each.title: each.width for each in columns_at(width, longest)}
        assert columns["NOTE"] >= 20, "one long name costs the others their notes"
        assert columns["PROJECT"] >= 18
    assert "NOTE" not in {each.title for each in columns_at(80, 6)}


@pytest.mark.parametrize("width", [30, 40, 60, 72])
def test_narrow_screen_leaves_out_columns_and_cuts_none(width: int) -> None:
    """From the right; name and state are always there."""
    columns = columns_at(width, 30)
    assert [each.title for each in columns][:2] == ["PROJECT", "STATE"]
    assert sum(each.width + 2 for each in columns) <= width
    assert columns[0].width >= 8


def test_selected_row_stays_in_sight_when_a_message_takes_a_line(tmp_path: Path) -> None:
    """The table is smaller then; the last row would be the one that is gone."""

    async def pressed() -> None:
        monitor = Monitor(load_places(tmp_path))
        async with monitor.run_test(size=(80, 24)) as pilot:
            monitor._apply_update(event(*(ProjectStatus(name=f"p{n:02}", state=ProjectState.NEW) for n in range(40))))
            table = monitor.query_one(ProjectTable)
            header = 1

            def is_last_row_in_sight() -> bool:
                top = table.scroll_offset.y
                return table.cursor_row == 39 and top <= 39 < top + table.size.height - header

            await sees(pilot, lambda: table.row_count == 40 and table.size.height > header, "the rows")
            await pilot.press("end")
            await sees(pilot, is_last_row_in_sight, "the last row")
            before = table.size.height
            await pilot.press("c")
            await sees(
                pilot, lambda: "nothing to cancel" in str(monitor.query_one("#message", Static).content), "the message"
            )
            await sees(pilot, lambda: table.size.height < before, "that the table is smaller")
            await sees(pilot, is_last_row_in_sight, "the last row above the message")

    asyncio.run(pressed())


def test_reason_of_the_selected_project_is_shown_complete() -> None:
    """However many lines it takes, as long as the panel has them."""
    words = [f"word{number}" for number in range(60)]
    failed = ProjectStatus(name="onward", state=ProjectState.FAILED, reason=" ".join(words))
    shown = " ".join(line.plain for line in detail_lines(failed, None, 80, 12))
    assert all(word in shown.split() for word in words)


@pytest.mark.parametrize("state", [ProjectState.COMPLETE, ProjectState.FAILED, ProjectState.CANCELLED])
def test_what_has_ended_is_not_asked_to_be_cancelled(state: ProjectState, tmp_path: Path) -> None:
    """The message says why; it is in lines of its own, where it covers nothing of the table."""

    async def pressed() -> None:
        monitor = Monitor(load_places(tmp_path))
        async with monitor.run_test(size=(80, 24)) as pilot:
            monitor._apply_update(event(ProjectStatus(name="onward", state=state)))
            table = monitor.query_one(ProjectTable)
            await sees(pilot, lambda: table.row_count == 1, "the project")
            await pilot.press("c")
            message = monitor.query_one("#message", Static)
            await sees(
                pilot, lambda: str(message.content) == f"onward is {state.value}: nothing to cancel", "the message"
            )
            assert len(monitor.screen_stack) == 1
            await sees(pilot, lambda: message.region.height > 0, "a line of its own for it")
            await sees(pilot, lambda: not message.region.overlaps(table.region), "that it covers no row")
            assert table.size.height >= 2

    asyncio.run(pressed())


def test_what_comes_while_the_screen_is_taken_down_is_no_error(tmp_path: Path) -> None:
    """An event, an answer or a tick of the clock, as late as on a busy machine after `q`."""
    onward = ProjectStatus(name="onward", state=ProjectState.QUEUED)

    async def ended() -> None:
        monitor = Monitor(load_places(tmp_path))
        async with monitor.run_test(size=(80, 24)) as pilot:
            monitor._apply_update(event(onward))
            await pilot.pause()
            message = monitor.query_one(MessageLine)
            await monitor.screen_stack[0].query("*").remove()
            monitor._draw_if_stale()
            monitor._apply_update(event(onward))
            monitor._show_details(onward, None)
            monitor._show_message("onward: cancelled")
            message.hide()
            monitor._draw_detail()

    asyncio.run(ended())


def test_filter_is_shown_and_escape_clears_it(tmp_path: Path) -> None:
    """And j, k, Home and End move among the rows."""

    async def pressed() -> None:
        monitor = Monitor(load_places(tmp_path))
        async with monitor.run_test(size=(80, 24)) as pilot:
            monitor._apply_update(event(*(ProjectStatus(name=f"p{n}", state=ProjectState.QUEUED) for n in range(5))))
            line = monitor.query_one("#filter", Static)
            table = monitor.query_one(ProjectTable)
            await pilot.press("slash", "3", "enter")
            await sees(
                pilot, lambda: str(line.content) == "filter: 3  1 of 5 projects; Esc clears it", "what is left out"
            )
            await sees(pilot, lambda: (line.region.height, table.row_count) == (1, 1), "one line, one row")
            await pilot.press("escape")
            await sees(pilot, lambda: table.row_count == 5 and not line.display, "all rows")
            for key, row in (("end", 4), ("home", 0), ("j", 1), ("j", 2), ("k", 1)):
                await pilot.press(key)
                await sees(pilot, lambda row=row: table.cursor_row == row, f"row {row}")  # type: ignore[misc]

    asyncio.run(pressed())


def test_what_runs_and_what_failed_is_shown_above_what_waits() -> None:
    """Of sixty projects it is those that matter."""
    view = View()
    states = [ProjectState.COMPLETE, ProjectState.QUEUED, ProjectState.FAILED, ProjectState.RUNNING]
    view.apply(event(*(ProjectStatus(name=f"p{n}", state=state) for n, state in enumerate(states))), 0.0)
    assert [project.name for project in view.shown("state", "")] == ["p3", "p2", "p1", "p0"]
    assert [project.name for project in view.shown("name", "")] == ["p0", "p1", "p2", "p3"]
    assert [project.name for project in view.shown("name", "failed")] == ["p2"]


def test_every_state_has_its_place() -> None:
    """Also one that is new to the protocol."""
    assert sorted(state.value for state in URGENCY) == sorted(state.value for state in ProjectState)


def test_images_per_second_are_those_between_two_events() -> None:
    """Not before there is something to divide by, and nothing of a project that is gone."""
    view = View()
    view.apply(event(RUNNING), 10.0)
    assert view.images_per_s("onward") is None
    view.apply(event(ProjectStatus(name="onward", state=ProjectState.RUNNING, frames=80), full=False), 20.0)
    assert view.images_per_s("onward") == pytest.approx(4.0)
    view.apply(event(full=False, removed=("onward",)), 21.0)
    assert view.images_per_s("onward") is None
    assert view.projects == {}


@pytest.mark.parametrize(("cores", "width"), [(1, 80), (2, 80), (8, 80), (32, 80), (64, 200), (128, 200)])
def test_every_core_has_a_bar_on_one_line(cores: int, width: int) -> None:
    """One character each where they are many."""
    lines = machine_lines(event(RUNNING, cores=cores), [RUNNING], width)
    assert all(cell_len(line.plain) <= width or cores > width for line in lines)
    assert "1 RUNNING of at most 2" in lines[2].plain
    assert lines[0].plain.count("▁") >= 1 if cores >= 32 else lines[0].plain.count("─") >= cores


def test_details_show_the_shots_so_far_and_earlier_failures_before_the_log() -> None:
    """As many of the last shots as fit; the log has what room is left."""
    log = tuple(f"line {number}" for number in range(50))
    lines = [line.plain for line in detail_lines(RUNNING, details(log), 80, 9)]
    assert len(lines) == 9
    assert lines[0].startswith("onward  RUNNING  onward.mkv, film 1 of 2  scanning  attempt 2 of 4")
    assert lines[1].startswith("40 shots so far; ... ")
    assert lines[1].endswith("39 at 1:05:00.0")
    assert cell_len(lines[1]) <= 80
    assert lines[2].endswith("attempt 1: exit 137, out of memory")
    assert lines[3] == "/logs/onward.log"
    assert lines[-1] == "line 49"


@pytest.mark.parametrize(
    ("reasons", "is_listed"),
    [
        ((), True),
        ((AttemptEnded(ending=Ending.CRASHED, exit_code=137, message="out of memory"),), False),
        ((Backoff(retry_in_s=8, after=AttemptEnded(ending=Ending.CRASHED, message="out of memory")),), False),
        ((AttemptEnded(ending=Ending.CRASHED, exit_code=137, message="out of memory, again"),), True),
    ],
)
def test_error_that_a_reason_has_is_not_listed_again(reasons: tuple[Reason, ...], *, is_listed: bool) -> None:
    """Decided by the reasons, not by their text."""
    given = details()
    status = msgspec.structs.replace(RUNNING, reason="exit 137 (out of memory)", reasons=reasons)
    shown = Details(shown=msgspec.structs.replace(given.shown, status=status), log=())
    lines = [line.plain for line in detail_lines(status, shown, 80, 9)]
    assert any(line.endswith("attempt 1: exit 137, out of memory") for line in lines) is is_listed


@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize("name", NAMES)
def test_state_is_seen_however_long_the_name(name: str, width: int) -> None:
    """Below it, where it is too long for a line."""
    lines = detail_lines(ProjectStatus(name=name, state=ProjectState.FAILED, reason="disk"), None, width, 9)
    shown = [line.plain[:width] for line in lines]
    assert any("FAILED" in line for line in shown[:2])
    assert "disk" in shown


@pytest.mark.parametrize("name", NAMES)
def test_question_is_read_to_its_end_however_long_the_name(name: str, tmp_path: Path) -> None:
    """On a small screen too: what y and n do is on it."""

    async def asked() -> None:
        monitor = Monitor(load_places(tmp_path))
        async with monitor.run_test(size=(80, 24)) as pilot:
            await monitor.push_screen(Confirm(f"Cancel {name}? Images already written are kept."))
            await sees(pilot, lambda: all(label.region.height for label in monitor.screen.query(Label)), "the question")
            labels = [*monitor.screen.query(Label)]
            assert labels
            assert all(monitor.screen.region.contains_region(label.region) for label in labels)
            shown = "".join(strip.text for label in labels for strip in label.render_lines(label.size.region))
            assert "kept." in shown
            assert "y: yes" in shown

    asyncio.run(asked())


@pytest.mark.parametrize(("paused", "asked_for"), [(False, "pause"), (True, "resume")])
def test_suspended_film_can_be_paused(
    paused: bool, asked_for: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both are shown as PAUSED; only what a user has paused is there to be resumed."""
    suspended = ProjectStatus(name="onward", state=ProjectState.PAUSED, paused=paused, reason="outside its hours")
    called: list[str] = []
    monkeypatch.setattr(Monitor, "selected", suspended)
    monkeypatch.setattr(Monitor, "_call", lambda _self, method, *_: called.append(method))
    Monitor(load_places(tmp_path)).action_pause()
    assert called == [asked_for]


def test_details_are_there_before_they_were_asked_for() -> None:
    """What the events contain is shown at once; the reason of a failure is complete."""
    failed = ProjectStatus(
        name="onward", state=ProjectState.FAILED, reason="disk " * 30, last_lines=("the end",), log="/l"
    )
    lines = [line.plain for line in detail_lines(failed, None, 80, 9)]
    assert " ".join(lines[1:3]) == ("disk " * 30).strip()
    assert lines[-1] == "the end"


@pytest.mark.parametrize("height", range(1, 12))
def test_no_panel_is_higher_than_it_may_be(height: int) -> None:
    """However much there is to show."""
    log = tuple(f"line {number}" for number in range(50))
    assert len(detail_lines(RUNNING, details(log), 80, height)) <= height
    assert len(log_lines(RUNNING, details(log), 80, height)) <= height
