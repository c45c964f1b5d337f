"""Pictures on their way into `frames/`: what appears when, what is replaced, and what is never touched."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import pytest

from frame_extractor.contract.layout import OutputLayout
from frame_extractor.contract.results import FilmResult, ManifestEntry, RejectReason
from frame_extractor.contract.settings import ExtractionSettings
from frame_extractor.output.journal import Journal, JournalHeader, claims, is_unsettled
from frame_extractor.output.manifest import read_output, results_config
from frame_extractor.output.names import frame_index_of, image_name
from frame_extractor.output.picture import Picture
from frame_extractor.output.publish import Publisher
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
        self.publisher.delete_journal()
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
    """While it is made, the old one stays complete; afterwards only the new one is there."""
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
    attempt.publisher.restart()
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


def put_in_the_way(path: Path, kind: str) -> None:
    """Somebody's, under the name of an image."""
    if kind == "folder":
        path.mkdir()
        (path / "inside.txt").write_text("mine")
    elif kind == "link":
        (path.parent / "elsewhere.txt").write_text("mine")
        path.symlink_to("../frames/elsewhere.txt")
    else:
        path.write_text("mine")


def content_of(path: Path, kind: str) -> str:
    return (path / "inside.txt" if kind == "folder" else path).read_text()


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
@pytest.mark.parametrize("has_old_set", [False, True])
def test_file_of_somebody_elses_is_put_aside_when_the_film_is_complete(
    layout: OutputLayout, kind: str, *, has_old_set: bool
) -> None:
    """Not before, and never overwritten; the image has its name then."""
    if has_old_set:
        old = Attempt(layout, 1)
        old.publish([0, 48], b"old")
        old.complete()
    theirs = layout.frames_dir / name(24)
    put_in_the_way(theirs, kind)
    attempt = Attempt(layout, 2)
    attempt.publish([0, 24], b"new")
    assert content_of(theirs, kind) == "mine"
    attempt.complete()
    assert names(layout) - {"elsewhere.txt"} == {name(0), name(24)}
    assert theirs.read_bytes() == b"new"
    aside = layout.folder / "frames.aside-1" / name(24)
    assert attempt.publisher.set_aside == [aside]
    assert content_of(aside, kind) == "mine"


def test_second_file_of_one_name_is_put_beside_the_first(layout: OutputLayout) -> None:
    for number, content in enumerate(["first", "second"], 1):
        attempt = Attempt(layout, number)
        attempt.publish([0], b"new")
        attempt.complete()
        (layout.frames_dir / name(0)).write_text(content)
    attempt = Attempt(layout, 3)
    attempt.publish([0], b"new")
    attempt.complete()
    assert [(layout.folder / f"frames.aside-{n}" / name(0)).read_text() for n in (1, 2)] == ["first", "second"]


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_film_that_failed_for_good_takes_nothing_of_somebody_elses_away(layout: OutputLayout, kind: str) -> None:
    theirs = layout.frames_dir / name(24)
    put_in_the_way(theirs, kind)
    attempt = Attempt(layout, 1)
    attempt.publish([0, 24, 48], b"new")
    (layout.frames_dir / name(48)).write_text("cropped by hand")
    attempt.publisher.give_up(for_good=True)
    assert content_of(theirs, kind) == "mine"
    assert (layout.frames_dir / name(48)).read_text() == "cropped by hand"
    assert not (layout.frames_dir / name(0)).exists()


def test_image_that_somebody_has_changed_is_put_aside(layout: OutputLayout) -> None:
    """Whether it is wanted again or not: it is not ours any more."""
    first = Attempt(layout, 1)
    first.publish([0, 24, 48], b"old")
    first.complete()
    for frame in (0, 24):
        (layout.frames_dir / name(frame)).write_text(f"cropped {frame}")
    second = Attempt(layout, 2)
    second.publish([24, 48], b"new")
    second.complete()
    assert names(layout) == {name(24), name(48)}
    aside = layout.folder / "frames.aside-1"
    assert {path.name: path.read_text() for path in aside.iterdir()} == {
        name(0): "cropped 0",
        name(24): "cropped 24",
    }


def test_journal_of_an_earlier_version_is_read(layout: OutputLayout) -> None:
    """Which noted names alone: whatever has them is ours."""
    attempt = Attempt(layout, 1)
    attempt.publish([0, 24], b"old")
    journal = next((layout.control / "publishing").iterdir())
    header, *_images = journal.read_bytes().splitlines()
    lines = [header, *(msgspec.json.encode(name(frame)) for frame in (0, 24))]
    journal.write_bytes(b"\n".join(lines) + b"\n")
    assert is_unsettled(layout, FINGERPRINT)
    second = Attempt(layout, 2)
    assert [path.name for path in second.publisher.reusable(24)] == [name(24)]
    second.publish([24], b"newer")
    second.complete()
    assert names(layout) == {name(24)}
    assert not (layout.folder / "frames.aside-1").exists()


class Killed(BaseException):
    pass


def kill_at(patch: pytest.MonkeyPatch, survived: int) -> None:
    """The process ends before the change that follows `survived` others."""
    steps = 0

    def counted(real: Callable[..., object]) -> Callable[..., object]:
        def step(*args: object, **kwargs: object) -> object:
            nonlocal steps
            if steps == survived:
                raise Killed
            steps += 1
            return real(*args, **kwargs)

        return step

    patch.setattr(os, "replace", counted(os.replace))
    for change in ("unlink", "rename", "rmdir"):
        patch.setattr(Path, change, counted(getattr(Path, change)))
    patch.setattr(Journal, "note", counted(Journal.note))
    patch.setattr(Journal, "begin_section", counted(Journal.begin_section))


@pytest.mark.parametrize("ends", ["complete", "given up"])
@pytest.mark.parametrize("has_old_set", [False, True])
def test_killed_at_any_step_nothing_of_somebody_elses_is_lost(
    layout: OutputLayout, monkeypatch: pytest.MonkeyPatch, ends: str, *, has_old_set: bool
) -> None:
    """Nor is it after the next attempt, nor is anything of framed's left over then."""
    theirs = {name(24): "mine", name(48): "mine, too"}
    was_killed = True
    for survived in range(40):
        shutil.rmtree(layout.folder)
        for folder in (layout.frames_dir, layout.control, layout.temp):
            folder.mkdir(parents=True)
        if has_old_set:
            first = Attempt(layout, 1)
            first.publish([0, 48, 72], b"old")
            first.complete()
        for other, content in theirs.items():
            (layout.frames_dir / other).write_text(content)
        was_killed = False
        with monkeypatch.context() as patch:
            kill_at(patch, survived)
            try:
                second = Attempt(layout, 2)
                second.publish([0, 24, 48, 96], b"new")
                if ends == "complete":
                    second.complete()
                else:
                    second.publisher.give_up(for_good=True)
            except Killed:
                was_killed = True
        assert theirs_left(layout) >= set(theirs.values()), survived
        third = Attempt(layout, 3)
        third.publish([24, 96], b"again")
        third.complete()
        assert theirs_left(layout) >= set(theirs.values()), survived
        assert names(layout) - {name(48)} == {name(24), name(96)}, survived
        assert not is_unsettled(layout, FINGERPRINT)
        if not was_killed:
            break
    assert not was_killed
    assert survived > 0


def theirs_left(layout: OutputLayout) -> set[str]:
    return {path.read_text() for path in layout.folder.rglob("*.jpg") if "temp" not in path.parts}


def test_unfinished_film_claims_its_folder(layout: OutputLayout) -> None:
    """From before its first picture until its results have it."""
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


def test_image_that_is_now_left_out_and_kept_is_moved(layout: OutputLayout) -> None:
    """With `keep_all`, an image of the earlier set becomes one in `rejected/`."""
    first = Attempt(layout, 1)
    first.publish([1, 2], b"12345")
    first.complete()
    second = Attempt(layout, 2, listed_is_usable=True)
    (made,) = second.publisher.reusable(2)
    pick = Pick(frame_index=2, time_s=2 / 24, scene=0, rejected=RejectReason.NEAR_DUPLICATE)
    second.publisher.reject(pick, Picture(pick=pick, path=made, size_bytes=5, width=2, height=2))
    second.publish([1], b"12345")
    second.complete()
    assert {frame_index_of(name) for name in names(layout)} == {1}
    assert [path.read_bytes() for path in layout.rejected_dir.iterdir()] == [b"12345"]
