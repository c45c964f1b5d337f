"""`frame-extractor clean`: what is ours goes, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from frame_extractor.cli import main
from frame_extractor.contract import Cleaned, ExitCode, ExtractionSettings, FilmResult, ManifestEntry, OutputLayout
from frame_extractor.output.manifest import read_output, results_config
from frame_extractor.running.attempt import sole_use
from frame_extractor.running.clean import clean, clean_films
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


def test_only_what_was_made_of_one_film_goes(layout: OutputLayout) -> None:
    """Its images, its scores and what is said of it; all of the other film stays, and the settings in the results."""
    other = msgspec.structs.replace(entry("bonus.mkv/c.jpg"), fingerprint="g", film="bonus.mkv")
    entries = [entry("a.jpg"), entry("b.jpg"), other]
    layout.manifest.write_bytes(b"".join(msgspec.json.encode(each) + b"\n" for each in entries))
    layout.results.unlink()
    output = read_output(layout)
    config = results_config(ExtractionSettings(frames_per_scene=7), workers=3)
    for mark in ("f", "g"):
        output.films[mark] = FilmResult(name=mark, path=f"/{mark}.mkv", fingerprint=mark, status="complete")
    output.save(config)
    for mark in ("f", "g"):
        (layout.scores / mark).mkdir(parents=True)
        (layout.scores / mark / "film.npz").touch()
    before = left(layout)
    for dry_run in (True, False):
        found = clean_films(layout, ["f", "never seen"], dry_run=dry_run)
        assert (found.images, found.size_bytes, found.kept) == (2, 10, 3)
        gone = set() if dry_run else {"frames/a.jpg", "frames/b.jpg", ".framed/scores/f/film.npz"}
        assert before - left(layout) == gone
    after = read_output(layout)
    assert (set(after.films), set(after.images), after.config) == ({"g"}, {"g"}, config)


def test_clean_by_hand_takes_the_film_by_its_fingerprint(
    layout: OutputLayout, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["clean", str(layout.frames_dir), "--film", "f", "--dry-run", "--json"]) == ExitCode.DONE
    assert msgspec.json.decode(capsys.readouterr().out, type=Cleaned).images == 3
    assert main(["clean", str(layout.frames_dir), "--film", "g", "--dry-run", "--json"]) == ExitCode.DONE
    assert msgspec.json.decode(capsys.readouterr().out, type=Cleaned).images == 0


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
