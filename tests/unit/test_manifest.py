"""The project's two files: what counts as extracted, where a film's images go, and what is never lost."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from frame_extractor.contract.layout import OutputLayout
from frame_extractor.contract.results import FilmResult, ManifestEntry
from frame_extractor.contract.settings import ExtractionSettings
from frame_extractor.errors import NewerSchema
from frame_extractor.output.manifest import Output, read_output, results_config

SETTINGS = ExtractionSettings()


def entry(fingerprint: str, frame_index: int, folder: str = "") -> ManifestEntry:
    name = f"scene0000_pos0_frame{frame_index:06d}_t0.00s.jpg"
    return ManifestEntry(
        file=f"{folder}/{name}" if folder else name,
        film=f"{fingerprint}.mkv",
        fingerprint=fingerprint,
        frame_index=frame_index,
        time_s=frame_index / 24,
        size_bytes=10,
        width=320,
        height=180,
    )


def film(fingerprint: str, images: int, folder: str = "") -> FilmResult:
    return FilmResult(
        name=f"{fingerprint}.mkv",
        path=f"/films/{fingerprint}.mkv",
        fingerprint=fingerprint,
        status="complete",
        images=images,
        folder=folder,
        shots=3,
    )


@pytest.fixture
def layout(tmp_path: Path) -> OutputLayout:
    layout = OutputLayout(tmp_path / "onward" / "frames")
    layout.frames_dir.mkdir(parents=True)
    return layout


def extracted(layout: OutputLayout, fingerprint: str = "aa-1", indices: tuple[int, ...] = (24, 0, 48)) -> Output:
    """A project with one film whose images are there."""
    output = read_output(layout)
    entries = [entry(fingerprint, index) for index in indices]
    for each in entries:
        (layout.frames_dir / each.file).write_bytes(b"0123456789")
    output.record(film(fingerprint, len(entries)), entries)
    output.save(results_config(SETTINGS, workers=2))
    return read_output(layout)


def test_film_with_all_images_and_same_settings_is_complete(layout: OutputLayout) -> None:
    """The files written are read back to the same answer."""
    assert extracted(layout).is_complete("aa-1", SETTINGS)


def test_other_settings_are_not_complete(layout: OutputLayout) -> None:
    assert not extracted(layout).is_complete("aa-1", ExtractionSettings(frames_per_scene=3))


def test_film_is_complete_until_its_last_image_is_missing(layout: OutputLayout) -> None:
    """A few that are missing have been removed by their user; all of them are lost."""
    output = extracted(layout)
    for path in sorted(layout.frames_dir.glob("*.jpg")):
        assert output.is_complete("aa-1", SETTINGS)
        path.unlink()
    assert not output.is_complete("aa-1", SETTINGS)


def test_missing_frames_folder_is_not_complete(layout: OutputLayout) -> None:
    output = extracted(layout)
    layout.frames_dir.rename(layout.folder / "moved")
    assert not output.is_complete("aa-1", SETTINGS)


def test_film_without_images_is_not_complete(layout: OutputLayout) -> None:
    assert not extracted(layout, indices=()).is_complete("aa-1", SETTINGS)


def test_missing_manifest_is_not_complete(layout: OutputLayout) -> None:
    extracted(layout)
    layout.manifest.unlink()
    assert not read_output(layout).is_complete("aa-1", SETTINGS)


def test_manifest_is_sorted_by_film_then_frame(layout: OutputLayout) -> None:
    """In the order in which films were first seen, whichever finished first."""
    output = extracted(layout)
    for fingerprint in ("bb-2", "cc-3"):
        output.keep_place(fingerprint)
    output.record(film("cc-3", 1, "c.mkv"), [entry("cc-3", 7, "c.mkv")])
    output.record(film("bb-2", 2, "b.mkv"), [entry("bb-2", 9, "b.mkv"), entry("bb-2", 5, "b.mkv")])
    output.save(results_config(SETTINGS, workers=1))
    lines = [json.loads(line) for line in layout.manifest.read_text().splitlines()]
    assert [(line["fingerprint"], line["frame_index"]) for line in lines] == [
        ("aa-1", 0),
        ("aa-1", 24),
        ("aa-1", 48),
        ("bb-2", 5),
        ("bb-2", 9),
        ("cc-3", 7),
    ]
    assert [each["fingerprint"] for each in json.loads(layout.results.read_text())["films"]] == ["aa-1", "bb-2", "cc-3"]


def test_results_have_the_fields_of_the_guide(layout: OutputLayout) -> None:
    """Whoever read the earlier tool's results reads ours."""
    extracted(layout)
    results = json.loads(layout.results.read_text())
    assert results["total_episodes"] == results["successful_episodes"] == 1
    assert results["total_frames"] == 3
    assert results["output_dir"] == str(layout.frames_dir)
    assert results["config"]["mode"] == "hybrid"
    assert results["config"]["workers"] == 2
    assert "timestamp" in results


def test_first_film_is_flat_for_ever_and_later_ones_have_folders(layout: OutputLayout) -> None:
    """By what it is, not by its name: a renamed first film stays where it was."""
    output = extracted(layout)
    assert output.folder_for("renamed.mp4", "aa-1", {}) == ""
    assert output.folder_for("Ep2.mkv", "bb-2", {}) == "Ep2.mkv"


def test_first_film_is_flat_in_an_empty_project(layout: OutputLayout) -> None:
    assert read_output(layout).folder_for("Ep1.mkv", "aa-1", {}) == ""


def test_claim_of_an_unfinished_film_is_respected(layout: OutputLayout) -> None:
    """A film that was cut off keeps its place; the next does not move in."""
    output = read_output(layout)
    assert output.folder_for("Ep2.mkv", "bb-2", {"aa-1": ""}) == "Ep2.mkv"
    assert output.folder_for("Ep1.mkv", "aa-1", {"aa-1": ""}) == ""


def test_failed_film_without_images_does_not_take_the_flat_place(layout: OutputLayout) -> None:
    output = read_output(layout)
    output.record_failure(msgspec.structs.replace(film("aa-1", 0), status="failed", error="no film"))
    assert output.folder_for("Ep2.mkv", "bb-2", {}) == ""


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("Ep2.mkv", "Ep2.mkv"),
        ("Ep 2.mkv", "Ep-2.mkv-0123abcd"),
        ("../../etc/passwd", "etc-passwd-0123abcd"),
        (".hidden.mkv", "hidden.mkv-0123abcd"),
        ("имя с пробелом и 'кавычкой' 你好.mkv", "имя-с-пробелом-и-кавычкой-你好.mkv-0123abcd"),
        ("#$(touch x).mkv", "touch-x-.mkv-0123abcd"),
        ("...", "film-0123abcd"),
        ("TAKEN.mkv", "TAKEN.mkv-0123abcd"),
        ("a" * 300, "a" * 120 + "-0123abcd"),
        ("你" * 100, "你" * 40 + "-0123abcd"),
    ],
)
def test_folder_is_a_safe_slug_with_a_hash_when_it_says_less(layout: OutputLayout, name: str, folder: str) -> None:
    """Never hidden, never outside, never too long, never another film's, also where case does not count."""
    output = read_output(layout)
    assert output.folder_for(name, "ff-0123abcdef", {"aa-1": "", "bb-2": "taken.mkv"}) == folder


def test_failure_keeps_earlier_images_and_other_films(layout: OutputLayout) -> None:
    """A second try that fails costs nothing of the first."""
    output = extracted(layout)
    output.record(film("bb-2", 1, "b.mkv"), [entry("bb-2", 5, "b.mkv")])
    output.record_failure(
        FilmResult(name="aa.mkv", path="/aa.mkv", fingerprint="aa-1", status="failed", error="worker died")
    )
    output.save(results_config(SETTINGS, workers=1))
    again = read_output(layout)
    assert again.films["aa-1"].status == "failed"
    assert again.films["aa-1"].error == "worker died"
    assert again.films["aa-1"].images == len(again.images["aa-1"]) == 3
    assert not again.is_complete("aa-1", SETTINGS)
    assert again.films["bb-2"].status == "complete"
    results = json.loads(layout.results.read_text())
    assert (results["total_episodes"], results["successful_episodes"], results["total_frames"]) == (2, 1, 4)


def test_results_of_the_earlier_tool_are_understood_and_kept(layout: OutputLayout) -> None:
    """They say how many images there are and no more; they are never written over."""
    old = {"total_episodes": 1, "successful_episodes": 1, "total_frames": 4523, "config": {"mode": "hybrid"}}
    layout.results.write_text(json.dumps(old))
    output = read_output(layout)
    assert output.earlier_tool_images == 4523
    said = output.save(results_config(SETTINGS, workers=1))
    assert len(said) == 1
    assert json.loads(layout.results.with_name("extraction_results.json.aside-1").read_text()) == old
    assert read_output(layout).earlier_tool_images == 0


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"\xff\xfe", b'{"schema": 1}', b'{"schema": 1, "films": 3}', b"null"]
)
def test_damaged_results_are_set_aside_not_overwritten(layout: OutputLayout, content: bytes) -> None:
    """Under a name of their own, as often as it happens, and the line says which."""
    for number in (1, 2):
        layout.results.write_bytes(content)
        output = read_output(layout)
        aside = layout.results.with_name(f"extraction_results.json.aside-{number}")
        assert [str(aside) in line for line in output.save(results_config(SETTINGS, workers=1))] == [True]
        assert aside.read_bytes() == content


def test_reading_changes_nothing(layout: OutputLayout) -> None:
    layout.results.write_bytes(b"{")
    read_output(layout)
    assert [path.name for path in layout.folder.iterdir() if path.is_file()] == ["extraction_results.json"]


def test_good_lines_of_a_damaged_manifest_count(layout: OutputLayout) -> None:
    """So that their images are still known as ours."""
    extracted(layout)
    lines = layout.manifest.read_bytes().splitlines(keepends=True)
    layout.manifest.write_bytes(lines[0] + lines[1] + lines[2][:30])
    output = read_output(layout)
    assert len(output.images["aa-1"]) == 2
    assert not output.is_complete("aa-1", SETTINGS)
    assert len(output.save(results_config(SETTINGS, workers=1))) == 1
    assert layout.manifest.with_name("frames.jsonl.aside-1").exists()


@pytest.mark.parametrize("file", ["../captions.txt", "/etc/passwd", "a/../../b", ""])
def test_manifest_cannot_name_files_outside_of_frames(layout: OutputLayout, file: str) -> None:
    """What it lists may be deleted one day."""
    evil = msgspec.structs.replace(entry("aa-1", 0), file=file)
    layout.manifest.write_bytes(msgspec.json.encode(evil))
    assert not read_output(layout).images


def test_results_of_a_later_version_are_refused(layout: OutputLayout) -> None:
    layout.results.write_text('{"schema": 2, "films": []}')
    with pytest.raises(NewerSchema):
        read_output(layout)


def test_unknown_fields_in_results_are_no_damage(layout: OutputLayout) -> None:
    extracted(layout)
    results = json.loads(layout.results.read_text())
    results["films"][0]["added_later"] = 1
    layout.results.write_text(json.dumps(results))
    assert read_output(layout).is_complete("aa-1", SETTINGS)
