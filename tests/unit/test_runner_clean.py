"""`frame-extractor clean`: what is ours goes, and nothing else."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import msgspec
import pytest

from frame_extractor.attempt.clean import clean, clean_films, plan
from frame_extractor.attempt.failures import OutputBusy, Refused
from frame_extractor.attempt.output_lock import exclusive_use
from frame_extractor.cli import main
from frame_extractor.contract.answers import Cleaned
from frame_extractor.contract.exit_codes import ExitCode
from frame_extractor.contract.layout import OutputLayout
from frame_extractor.contract.results import FilmResult, ManifestEntry, Results
from frame_extractor.contract.settings import ExtractionSettings
from frame_extractor.contract.work_folders import WORK_MARKER
from frame_extractor.output.manifest import read_output, results_config


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
    save_results(made)
    (made.folder / "extraction_results.json.aside-1").write_text("the scripts' own")
    (made.frames_dir / "a.txt").write_text("a caption")
    work = made.temp / "framed-0003" / "film"
    work.mkdir(parents=True)
    (work / "1.jpg").touch()
    (work.parent / WORK_MARKER).touch()
    (made.temp / "framed-2025").mkdir()
    (made.temp / "framed-2025" / "mine.txt").touch()
    (made.temp / "mine").touch()
    made.control.mkdir()
    (made.control / "progress.json").write_text("{}")
    return made


def save_results(layout: OutputLayout) -> None:
    """Nothing but whose they are."""
    results = Results(
        total_episodes=0,
        successful_episodes=0,
        total_frames=0,
        output_dir=str(layout.frames_dir),
        config=results_config(ExtractionSettings(), workers=1),
        timestamp="",
        films=(),
    )
    layout.results.write_bytes(msgspec.json.encode(results))


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
        marks = ["f", "never seen"]
        found = plan(layout, marks).cleaned if dry_run else clean_films(layout, marks)
        assert (found.images, found.size_bytes, found.kept) == (2, 10, 4)
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
    planned = plan(layout).cleaned
    assert (planned.images, planned.kept, left(layout)) == (3, 4, before)
    done = clean(layout)
    assert (done.images, done.kept) == (planned.images, planned.kept)
    assert left(layout) == {
        "extraction_results.json.aside-1",
        "frames/a.txt",
        "temp/framed-2025/mine.txt",
        "temp/mine",
    }
    assert not (layout.frames_dir / "bonus.mkv").exists()
    assert (layout.frames_dir / "../../else.jpg").exists()
    assert clean(layout) == Cleaned(images=0, size_bytes=0, kept=4)


def test_folder_of_nothing_else_is_gone_altogether(layout: OutputLayout) -> None:
    """And cleaning where nothing ever was is no error."""
    for path in (layout.folder / "extraction_results.json.aside-1", layout.frames_dir / "a.txt", layout.temp / "mine"):
        path.unlink()
    shutil.rmtree(layout.temp / "framed-2025")
    clean(layout)
    assert not layout.folder.exists()
    assert clean(layout).images == 0


def test_images_of_an_unfinished_attempt_go_by_its_journal(layout: OutputLayout) -> None:
    """They are in no manifest yet."""
    journal = layout.control / "publishing" / "0123.jsonl"
    journal.parent.mkdir()
    header = {"schema": 1, "film": "/films/x.mkv", "folder": "", "image_key": "k", "job_id": "j"}
    journal.write_text(f'{json.dumps(header)}\n"half.jpg"\n"../../else.jpg"\n')
    (layout.frames_dir / "half.jpg").touch()
    assert clean(layout).images == 4
    assert not (layout.frames_dir / "half.jpg").exists()
    assert (layout.frames_dir / "../../else.jpg").exists()


def test_records_behind_a_symbolic_link_are_not_followed(layout: OutputLayout, tmp_path: Path) -> None:
    """Somebody keeps theirs elsewhere; that is left alone."""
    elsewhere = tmp_path / "elsewhere"
    layout.control.rename(elsewhere)
    layout.control.symlink_to(elsewhere)
    clean(layout)
    assert (elsewhere / "progress.json").exists()


def test_image_that_somebody_has_changed_stays(layout: OutputLayout) -> None:
    """Nobody but its editor has it; it counts as somebody else's file."""
    (layout.frames_dir / "a.jpg").write_bytes(b"cropped by hand")
    (layout.frames_dir / "b.jpg").unlink()
    (layout.frames_dir / "b.jpg").mkdir()
    assert plan(layout).cleaned.kept == 5
    assert clean(layout).images == 1
    assert (layout.frames_dir / "a.jpg").read_bytes() == b"cropped by hand"
    assert (layout.frames_dir / "b.jpg").is_dir()


def refusal(frames_dir: Path, capsys: pytest.CaptureFixture[str], *options: str) -> str:
    """What `clean` says against it, once having changed nothing."""
    before = {path: path.is_file() and path.read_bytes() for path in frames_dir.parent.rglob("*")}
    for dry_run in (["--dry-run"], []):
        assert main(["clean", str(frames_dir), *options, *dry_run]) == ExitCode.USAGE
    assert {path: path.is_file() and path.read_bytes() for path in frames_dir.parent.rglob("*")} == before
    said = capsys.readouterr().err
    assert said.count("\n") == 2
    return said


@pytest.mark.parametrize("options", [(), ("--film", "f")])
def test_folder_of_copies_is_refused(
    layout: OutputLayout, capsys: pytest.CaptureFixture[str], options: tuple[str, ...]
) -> None:
    """Hand-picked, beside `frames/`, under their names: the records are of another folder."""
    picked = layout.folder / "picked"
    shutil.copytree(layout.frames_dir, picked)
    said = refusal(picked, capsys, *options)
    assert f"{picked} is not a folder of images made by this program" in said
    assert f"the records in {layout.folder} are those of {layout.frames_dir}" in said


def test_folder_that_o_names_is_refused(layout: OutputLayout, capsys: pytest.CaptureFixture[str]) -> None:
    """It holds `frames/`, and what lies beside it belongs to others, records too."""
    said = refusal(layout.folder, capsys)
    assert f"its images are in {layout.frames_dir}" in said
    other = OutputLayout(layout.folder.parent / "frames")
    other.control.mkdir()
    other.manifest.write_bytes(layout.manifest.read_bytes())
    save_results(other)
    assert f"are those of {other.frames_dir}" in refusal(layout.folder, capsys)


def test_records_that_say_not_whose_they_are_are_left_alone(
    layout: OutputLayout, capsys: pytest.CaptureFixture[str]
) -> None:
    layout.results.unlink()
    assert "no record in" in refusal(layout.frames_dir, capsys)
    spec = {"frames_dir": str(layout.frames_dir), "schema": 1}
    layout.spec(1).write_text(json.dumps(spec))
    layout.spec(2).touch()
    assert clean(layout).images == 3


def test_output_that_was_moved_is_known(layout: OutputLayout) -> None:
    """As a whole, or behind a link; not a copy, while the original is there."""
    moved = OutputLayout(layout.folder.with_name("moved") / "frames")
    shutil.copytree(layout.folder, moved.folder)
    with pytest.raises(Refused):
        plan(moved)
    shutil.rmtree(layout.folder)
    assert plan(moved).cleaned.images == 3
    os.symlink(moved.folder, layout.folder)
    assert clean(layout).images == 3


def test_results_of_the_earlier_tool_stay(layout: OutputLayout) -> None:
    """They are not ours."""
    layout.results.write_text(json.dumps({"total_frames": 55, "output_dir": str(layout.frames_dir)}))
    layout.spec(1).write_text(json.dumps({"frames_dir": str(layout.frames_dir)}))
    assert clean(layout).images == 3
    assert json.loads(layout.results.read_text())["total_frames"] == 55


def test_folder_in_use_is_refused(layout: OutputLayout, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 76, one line, nothing changed."""
    before = left(layout) | {".framed/lock"}
    with exclusive_use(layout, "(a test)"):
        with pytest.raises(OutputBusy):
            clean(layout)
        assert main(["clean", str(layout.frames_dir), "--json"]) == ExitCode.SUPERSEDED
    printed = capsys.readouterr()
    assert (printed.out, printed.err.count("\n")) == ("", 1)
    assert left(layout) == before


def test_command_says_what_it_did(layout: OutputLayout, capsys: pytest.CaptureFixture[str]) -> None:
    """For people, and for framed as JSON."""
    assert main(["clean", str(layout.frames_dir), "--dry-run"]) == ExitCode.DONE
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith(f"{layout.folder}: 3 images, ")
    assert said[0].endswith("would be deleted; 4 other files there stay")
    assert said[1:] == [
        "  frames/: 2 images",
        "  frames/bonus.mkv/: 1 image",
        "  frames.jsonl",
        "  extraction_results.json",
        "  temp/framed-0003/",
        "  .framed/",
    ]
    assert main(["clean", str(layout.frames_dir), "--json"]) == ExitCode.DONE
    assert msgspec.json.decode(capsys.readouterr().out, type=Cleaned).images == 3
