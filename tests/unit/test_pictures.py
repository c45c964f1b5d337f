"""The monitor's picture in the documents, which `make picture` draws."""

from __future__ import annotations

from pathlib import Path

PICTURE = Path(__file__).resolve().parents[2] / "docs" / "monitor.svg"


def test_picture_of_the_monitor_shows_every_kind_of_row_and_loads_nothing() -> None:
    """No font nor anything else from elsewhere; what identifies it is the same each time."""
    svg = PICTURE.read_text(encoding="utf-8")
    for word in ("RUNNING", "QUEUED", "COMPLETE", "FAILED", "shots&#160;so&#160;far", "Submit"):
        assert word in svg
    for loaded in ("@font-face", "@import", "href=", "url(http", "<script", "terminal-"):
        assert loaded not in svg
