"""Pictures on their way into `frames/`: what appears when, what is replaced, and what is never touched."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from frame_extractor.contract import ExtractionSettings, FilmResult, ManifestEntry, OutputLayout
from frame_extractor.output.manifest import read_output, results_config
from frame_extractor.output.names import image_name
from frame_extractor.output.picture import Picture
from frame_extractor.output.publish import JournalHeader, Publisher, claims, is_unsettled
from frame_extractor.picking.plan import Pick

FINGERPRINT = "aa-1"


@pytest.fixture
def layout(tmp_path: Path) -> OutputLayout:
    layout = OutputLayout(tmp_path / "onward" / "frames")
    layout.frames_dir.mkdir(parents=True)
    layout.control.mkdir()
    layout.temp.mkdir()
    return layout


class Attempt:
    """One attempt at one film, picture by picture."""

    def __init__(
        self,
        layout: OutputLayout,
        number: int,
        *,
        folder: str = "",
        image_key: str = "high",
        listed_is_usable: bool = False,
    ) -> None:
        self.layout = layout
        self.temp = layout.temp / f"framed-{number:04d}"
        self.temp.mkdir()
        self.output = read_output(layout)
        self.publisher = Publisher(
            layout,
            fingerprint=FINGERPRINT,
            header=JournalHeader(film="/onward.mkv", folder=folder, image_key=image_key, job_id="job"),
            listed=self.output.images.get(FINGERPRINT, ()),
            is_usable=lambda section: section.image_key == image_key,
            listed_is_usable=listed_is_usable,
            taken_over=self.temp,
        )

    def publish(self, frames: Sequence[int], content: bytes) -> None:
        for frame in frames:
            path = self.temp / f"{frame}.jpg"
            path.write_bytes(content)
            pick = Pick(frame_index=frame, time_s=frame / 24, scene=0, position=frame)
            self.publisher.publish(Picture(pick=pick, path=path, size_bytes=len(content), width=2, height=2))

    def complete(self) -> list[ManifestEntry]:
        entries = self.publisher.complete()
        result = FilmResult(
            name="onward.mkv", path="/onward.mkv", fingerprint=FINGERPRINT, status="complete", images=len(entries)
        )
        self.output.record(result, entries)
        self.output.save(results_config(ExtractionSettings(), workers=1))
        self.publisher.forget()
        return entries


def names(layout: OutputLayout, folder: str = "") -> set[str]:
    return {path.name for path in (layout.frames_dir / folder).iterdir() if path.is_file()}


def name(frame: int) -> str:
    return image_name(Pick(frame_index=frame, time_s=frame / 24, scene=0, position=frame))


@pytest.mark.parametrize(
    ("pick", "expected"),
    [
        (Pick(frame_index=42, time_s=1.75, scene=0, position=0), "scene0000_pos0_frame000042_t1.75s.jpg"),
        (Pick(frame_index=144, time_s=6.0, interval=3), "interval00003_frame000144_t6.00s.jpg"),
        (Pick(frame_index=7, time_s=0.2917, scene=12, position=3, interval=0), "scene0012_pos3_frame000007_t0.29s.jpg"),
        (
            Pick(frame_index=1234567, time_s=51440.29, scene=12345, position=999),
            "scene12345_pos999_frame1234567_t51440.29s.jpg",
        ),
    ],
)
def test_images_are_named_as_the_guide_says(pick: Pick, expected: str) -> None:
    assert image_name(pick) == expected


def test_pictures_of_a_first_run_appear_as_they_come(layout: OutputLayout) -> None:
    attempt = Attempt(layout, 1)
    attempt.publish([0, 24], b"new")
    assert names(layout) == {name(0), name(24)}


def test_new_set_is_held_back_until_it_is_complete(layout: OutputLayout) -> None:
    """While it is made, the old one stays whole; afterwards only the new one is there."""
    first = Attempt(layout, 1)
    first.publish([0, 24, 48], b"old")
    first.complete()
    second = Attempt(layout, 2)
    second.publish([24, 30], b"new")
    assert {(layout.frames_dir / name(frame)).read_bytes() for frame in (0, 24, 48)} == {b"old"}
    assert not (layout.frames_dir / name(30)).exists()
    second.complete()
    assert names(layout) == {name(24), name(30)}
    assert (layout.frames_dir / name(24)).read_bytes() == b"new"


@pytest.mark.parametrize("has_old_set", [False, True])
def test_pictures_before_a_new_beginning_do_not_count(layout: OutputLayout, has_old_set: bool) -> None:
    """Neither in the manifest nor, when the film is complete, in the folder."""
    if has_old_set:
        old = Attempt(layout, 1)
        old.publish([0, 12], b"old")
        old.complete()
    attempt = Attempt(layout, 2)
    attempt.publish([0, 24], b"void")
    attempt.publisher.begin_again()
    attempt.publish([24, 48], b"new")
    assert {entry.file for entry in attempt.complete()} == {name(24), name(48)}
    assert names(layout) == {name(24), name(48)}
    assert {path.read_bytes() for path in layout.frames_dir.iterdir()} == {b"new"}


def test_files_we_did_not_list_stay(layout: OutputLayout) -> None:
    """Captions, masks, and images of somebody else, whatever is replaced around them."""
    others = {name(0).replace(".jpg", ".txt"), "scene0000_pos7_frame000999_t1.00s.jpg", "notes.md"}
    for other in others:
        (layout.frames_dir / other).write_text("mine")
    first = Attempt(layout, 1)
    first.publish([0, 24], b"old")
    first.complete()
    second = Attempt(layout, 2)
    second.publish([48], b"new")
    second.complete()
    assert names(layout) == others | {name(48)}


def test_images_of_a_killed_first_run_are_known_as_ours(layout: OutputLayout) -> None:
    """Those the next attempt wants too are replaced, the others removed when it is complete."""
    Attempt(layout, 1).publish([0, 24, 48], b"old")
    (layout.frames_dir / "notes.md").write_text("mine")
    second = Attempt(layout, 2)
    second.publish([24, 30], b"new")
    second.complete()
    assert names(layout) == {name(24), name(30), "notes.md"}
    assert (layout.frames_dir / name(24)).read_bytes() == b"new"


@pytest.mark.parametrize("survived", range(6))
def test_killed_while_replacing_the_next_attempt_ends_the_same(
    layout: OutputLayout, monkeypatch: pytest.MonkeyPatch, survived: int
) -> None:
    """At whichever of its steps: nothing of either set is left over, and nobody takes the mix for complete."""
    first = Attempt(layout, 1)
    first.publish([0, 24, 48], b"old")
    first.complete()
    second = Attempt(layout, 2)
    second.publish([24, 30, 36], b"new")
    steps = 0

    def killed_at_last(real: object) -> object:
        def step(*args: object, **kwargs: object) -> object:
            nonlocal steps
            if steps == survived:
                raise KeyboardInterrupt
            steps += 1
            return real(*args, **kwargs)  # type: ignore[operator]

        return step

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", killed_at_last(os.replace))
        patch.setattr(Path, "unlink", killed_at_last(Path.unlink))
        with pytest.raises(KeyboardInterrupt):
            second.complete()
    assert is_unsettled(layout, FINGERPRINT)
    third = Attempt(layout, 3)
    third.publish([0, 36], b"again")
    third.complete()
    assert names(layout) == {name(0), name(36)}
    assert not is_unsettled(layout, FINGERPRINT)


def test_unfinished_film_claims_its_folder(layout: OutputLayout) -> None:
    """From before its first picture until its results tell."""
    attempt = Attempt(layout, 1, folder="Ep2.mkv")
    assert claims(layout) == {FINGERPRINT: "Ep2.mkv"}
    attempt.publish([0], b"new")
    assert names(layout, "Ep2.mkv") == {name(0)}
    attempt.complete()
    assert claims(layout) == {}


def test_film_that_failed_for_good_without_a_picture_frees_its_folder(layout: OutputLayout) -> None:
    Attempt(layout, 1, folder="Ep2.mkv").publisher.give_up(for_good=True)
    assert claims(layout) == {}
    assert not (layout.frames_dir / "Ep2.mkv").exists()


def test_film_that_failed_for_good_takes_its_pictures_away(layout: OutputLayout) -> None:
    """No manifest lists them, and nobody is to train on a film that was rejected; what others put there stays."""
    attempt = Attempt(layout, 1, folder="Ep2.mkv")
    attempt.publish([0], b"new")
    caption = layout.frames_dir / "Ep2.mkv" / "note.txt"
    caption.write_text("mine")
    attempt.publisher.give_up(for_good=True)
    assert claims(layout) == {}
    assert names(layout, "Ep2.mkv") == {"note.txt"}


def test_film_that_may_be_tried_again_keeps_its_pictures_and_folder(layout: OutputLayout) -> None:
    """The next attempt puts its own in their place."""
    attempt = Attempt(layout, 1, folder="Ep2.mkv")
    attempt.publish([0], b"new")
    attempt.publisher.give_up(for_good=False)
    assert claims(layout) == {FINGERPRINT: "Ep2.mkv"}
    assert names(layout, "Ep2.mkv") == {name(0)}


def test_damaged_journal_names_nothing_outside_of_frames(layout: OutputLayout) -> None:
    """Torn lines are left out, and no line can lead to a file that is not ours to delete."""
    Attempt(layout, 1).publish([0], b"old")
    journal = next((layout.control / "publishing").iterdir())
    victim = layout.folder / "victim.txt"
    victim.write_text("mine")
    with journal.open("ab") as file:
        file.write(msgspec.json.encode("../victim.txt") + b'\n\xff\n"torn')
    second = Attempt(layout, 2)
    second.publish([24], b"new")
    second.complete()
    assert victim.exists()
    assert names(layout) == {name(24)}
