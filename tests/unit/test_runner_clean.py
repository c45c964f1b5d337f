"""`frame-extractor clean`: what is ours goes, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from frame_extractor.cli import main
from frame_extractor.contract import Cleaned, ExitCode, ManifestEntry, OutputLayout
from frame_extractor.running.attempt import sole_use
from frame_extractor.running.clean import clean
from frame_extractor.running.failures import OutputBusy


@pytest.fixture
def layout(tmp_path: Path) -> OutputLayout:
    """Two films' images with captions, unfinished work, records, and a neighbour that the manifest wrongly names."""
    made = OutputLayout(tmp_path / "datasets" / "onward" / "frames")
    entries = [("a.jpg", ""), ("b.jpg", ""), ("bonus.mkv/c.jpg", ""), ("missing.jpg", "gone"), ("../../else.jpg", "")]
    for file, gone in entries:
        path = made.frames_dir / file
        path.parent.mkdir(parents=True, exist_ok=True)
        if not gone:
            path.write_bytes(b"12345")
    made.manifest.write_bytes(b"".join(msgspec.json.encode(entry(file)) + b"\n" for file, _ in entries))
    made.results.write_text("{}")
    (made.folder / "extraction_results.json.aside-1").write_text("the scripts' own")
    (made.frames_dir / "a.txt").write_text("a caption")
    work = made.temp / "framed-0003" / "film"
    work.mkdir(parents=True)
    (work / "1.jpg").touch()
    (made.temp / "mine").touch()
    made.control.mkdir()
    (made.control / "progress.json").write_text("{}")
    return made


def entry(file: str) -> ManifestEntry:
    return ManifestEntry(
        file=file, film="onward.mkv", fingerprint="f", frame_index=0, time_s=0.0, size_bytes=5, width=1, height=1
    )


def left(layout: OutputLayout) -> set[str]:
    return {str(path.relative_to(layout.folder)) for path in layout.folder.rglob("*") if path.is_file()}


def test_what_is_ours_goes_and_all_else_stays(layout: OutputLayout) -> None:
    """Images, also in a film's own folder, lists, records and unfinished work; not what lies outside."""
    before = left(layout)
    plan = clean(layout, dry_run=True)
    assert (plan.images, plan.kept, left(layout)) == (3, 3, before)
    done = clean(layout, dry_run=False)
    assert (done.images, done.kept) == (plan.images, plan.kept)
    assert left(layout) == {"extraction_results.json.aside-1", "frames/a.txt", "temp/mine"}
    assert not (layout.frames_dir / "bonus.mkv").exists()
    assert (layout.frames_dir / "../../else.jpg").exists()
    assert clean(layout, dry_run=False) == Cleaned(images=0, size_bytes=0, kept=3)


def test_folder_of_nothing_else_is_gone_altogether(layout: OutputLayout) -> None:
    """And cleaning where nothing ever was is no error."""
    for path in (layout.folder / "extraction_results.json.aside-1", layout.frames_dir / "a.txt", layout.temp / "mine"):
        path.unlink()
    clean(layout, dry_run=False)
    assert not layout.folder.exists()
    assert clean(layout, dry_run=False).images == 0


def test_images_of_an_unfinished_attempt_go_by_its_journal(layout: OutputLayout) -> None:
    """They are in no manifest yet."""
    journal = layout.control / "publishing" / "0123.jsonl"
    journal.parent.mkdir()
    header = {"schema": 1, "film": "/films/x.mkv", "folder": "", "image_key": "k", "job_id": "j"}
    journal.write_text(f'{json.dumps(header)}\n"half.jpg"\n"../../else.jpg"\n')
    (layout.frames_dir / "half.jpg").touch()
    assert clean(layout, dry_run=False).images == 4
    assert not (layout.frames_dir / "half.jpg").exists()
    assert (layout.frames_dir / "../../else.jpg").exists()


def test_records_behind_a_symbolic_link_are_not_followed(layout: OutputLayout, tmp_path: Path) -> None:
    """Somebody keeps theirs elsewhere; that is left alone."""
    elsewhere = tmp_path / "elsewhere"
    layout.control.rename(elsewhere)
    layout.control.symlink_to(elsewhere)
    clean(layout, dry_run=False)
    assert (elsewhere / "progress.json").exists()


def test_folder_in_use_is_refused(layout: OutputLayout, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 76, one line, nothing changed."""
    before = left(layout) | {".framed/lock"}
    with sole_use(layout, "(a test)"):
        with pytest.raises(OutputBusy):
            clean(layout, dry_run=False)
        assert main(["clean", str(layout.frames_dir), "--json"]) == ExitCode.SUPERSEDED
    told = capsys.readouterr()
    assert (told.out, told.err.count("\n")) == ("", 1)
    assert left(layout) == before


def test_command_says_what_it_did(layout: OutputLayout, capsys: pytest.CaptureFixture[str]) -> None:
    """For people, and for framed as JSON."""
    assert main(["clean", str(layout.frames_dir), "--dry-run"]) == ExitCode.DONE
    assert capsys.readouterr().out.startswith(f"{layout.folder}: 3 images, ")
    assert main(["clean", str(layout.frames_dir), "--json"]) == ExitCode.DONE
    assert msgspec.json.decode(capsys.readouterr().out, type=Cleaned).images == 3
