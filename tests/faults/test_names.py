"""Names that a shell, tmux, or a path could take for something else."""

from __future__ import annotations

from pathlib import Path

import pytest

from framed.ctl.client import CallFailed
from framed.errors import Exit
from framed.protocol.messages import ProjectState
from tests.harness.root import QUICK, Root

HOSTILE = [
    "a.b",
    "a_b",
    "x#(touch pwned)",
    "#{pid}",
    "$x",
    "$(touch pwned)",
    "-x",
    "é 你",
    "a;b",
    "a;b;",
    "n" * 200,
    "new\nline",
    "\t\t",
    "q\"'`",
]


def test_any_project_name_is_safe(root: Root) -> None:
    """Each has a session and an output of its own; nothing is executed, and nothing is written outside the root."""
    gate = root.places.root / "gate"
    root.places.settings_file.write_text(QUICK.replace("slots: 4, max_active: 4", "slots: 14, max_active: 14"))
    for name in HOSTILE:
        root.film(name, f"wait {gate}")
    root.start()
    for name in HOSTILE:
        root.extractor(name)
    sessions = root.sessions()
    assert len(sessions) == len(HOSTILE)
    assert "frame_extraction_a_b" in sessions
    gate.touch()
    for name in HOSTILE:
        root.wait_for(name, ProjectState.COMPLETE)
        assert root.layout(name).results.is_file()
    assert not list(root.places.root.rglob("pwned"))
    assert list(root.places.root.parent.iterdir()) == [root.places.root]
    for folder in (Path.cwd(), Path.home(), Path("/")):
        assert not (folder / "pwned").exists()


def test_names_that_lead_elsewhere_are_no_projects(root: Root) -> None:
    """Nothing outside raw_videos can be named."""
    root.film("onward")
    root.start()
    for name in ("../up", "..", ".", "", "a/b", "onward\0x", ".hidden"):
        with pytest.raises(CallFailed) as failed:
            root.submit(name)
        assert failed.value.exit_code is Exit.NO_PROJECT
    assert list(root.places.root.parent.iterdir()) == [root.places.root]
