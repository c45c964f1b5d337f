"""A film with everything in it, extracted with the defaults of today: which frames become images, and which do not."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from frame_extractor.contract.results import RejectReason
from frame_extractor.contract.settings import ExtractionSettings, Mode, RequestedSettings
from frame_extractor.picking.distance import DISTINCT_FROM
from tests.conformance.extraction import Outcome, extract, frame_of
from tests.harness.edited_film import ENCODING, FPS, Truth, reel, write_edited_film

DEFAULTS = RequestedSettings().resolved
AUTO = msgspec.structs.replace(DEFAULTS, frames_per_scene="auto")
SCENE = msgspec.structs.replace(DEFAULTS, mode=Mode.SCENE)


@pytest.fixture(scope="module")
def edited(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Truth]:
    """41 s in several spans."""
    path = tmp_path_factory.mktemp("edited") / "reel.mp4"
    return path, write_edited_film(path, reel(0), {**ENCODING, "g": str(2 * FPS)})


@pytest.fixture(scope="module", params=[DEFAULTS, AUTO], ids=["defaults", "auto"])
def settings(request: pytest.FixtureRequest) -> ExtractionSettings:
    found: ExtractionSettings = request.param
    return found


@pytest.fixture(scope="module")
def outcome(
    edited: tuple[Path, Truth], settings: ExtractionSettings, tmp_path_factory: pytest.TempPathFactory
) -> Outcome:
    return extract(edited[0], tmp_path_factory.mktemp("outcome") / "temp", settings=settings)


def test_number_of_workers_changes_no_byte(
    edited: tuple[Path, Truth], settings: ExtractionSettings, outcome: Outcome, tmp_path: Path
) -> None:
    """Names, bytes, and what is left out."""
    for workers in (1, 4):
        again = extract(edited[0], tmp_path / f"temp{workers}", settings=settings, workers=workers)
        assert again.images == outcome.images
        assert again.rejected == outcome.rejected
        assert again.result.transitions == outcome.result.transitions


def test_workers_foresee_the_images_of_all_shots_that_they_see_whole(outcome: Outcome) -> None:
    """Of three chunks, a tenth of the film each, a part may be decoded a second time, for shots of which two workers
    see half each.
    """
    assert outcome.result.repaired_frames <= 0.16 * outcome.result.decoded_frames


def test_no_image_shows_a_transition_or_black(edited: tuple[Path, Truth], outcome: Outcome) -> None:
    frames = {frame_of(name) for name in outcome.images}
    for found in outcome.result.transitions:
        assert not frames & set(range(found.first_frame, found.last_frame + 1))
    assert len(outcome.result.transitions) >= len(edited[1].transitions) / 2
    reasons = {pick.rejected for pick in outcome.rejected}
    assert RejectReason.TRANSITION in reasons


def test_what_is_left_out_fills_the_places_that_were_wanted(edited: tuple[Path, Truth], tmp_path: Path) -> None:
    """A slot is never lost silently: wanted is given, or left out with a reason and measures."""
    found = extract(edited[0], tmp_path / "temp", settings=SCENE)
    assert found.result.given == len(found.images)
    assert found.result.wanted == found.result.given + len(found.rejected)
    for pick in found.rejected:
        assert pick.rejected is not None
        assert pick.measures is not None
        if pick.rejected is RejectReason.NEAR_DUPLICATE:
            assert pick.near_frame_index in {frame_of(name) for name in found.images}
            assert pick.measures.distance is not None
            assert pick.measures.distance <= DISTINCT_FROM


def test_interval_mode_promises_coverage(edited: tuple[Path, Truth], tmp_path: Path) -> None:
    """Nothing is left out there, black or not."""
    path, truth = edited
    found = extract(path, tmp_path / "temp", settings=msgspec.structs.replace(DEFAULTS, mode=Mode.INTERVAL))
    assert len(found.images) == truth.n_frames // (2 * FPS) + 1
    assert found.rejected == []


def test_other_settings_choose_anew_from_what_is_known(edited: tuple[Path, Truth], tmp_path: Path) -> None:
    """From even frames to distinct ones, and back, the film is not scanned again."""
    temp = tmp_path / "temp"
    even = ExtractionSettings()
    first = extract(edited[0], temp, settings=even)
    temp.rmdir()
    distinct = extract(edited[0], temp, settings=DEFAULTS)
    assert distinct.result.kept_frames == first.result.decoded_frames - first.result.repaired_frames
    assert distinct.result.decoded_frames == distinct.result.repaired_frames
    assert distinct.images == extract(edited[0], tmp_path / "fresh", settings=DEFAULTS).images


def test_near_duplicates_of_a_removed_frame_do_not_come_in_its_place(
    edited: tuple[Path, Truth], tmp_path: Path
) -> None:
    """It counts as chosen; all other images stay what they are."""
    before = extract(edited[0], tmp_path / "temp", settings=SCENE)
    names = sorted(before.images)
    removed = frozenset(frame_of(name) for name in names[::3])
    after = extract(edited[0], tmp_path / "temp1", settings=SCENE, removed=removed)
    assert after.images == {name: each for name, each in before.images.items() if frame_of(name) not in removed}
    assert after.removed == removed


def test_removed_frame_that_is_left_out_is_recorded_and_not_written(edited: tuple[Path, Truth], tmp_path: Path) -> None:
    """What was wanted is chosen or in `rejected.jsonl`, also where its user has removed it."""
    before = extract(edited[0], tmp_path / "temp", settings=SCENE)
    removed = frozenset(pick.frame_index for pick in before.rejected)
    assert removed
    keep_all = msgspec.structs.replace(SCENE, keep_all=True)
    after = extract(edited[0], tmp_path / "temp1", settings=keep_all, removed=removed)
    assert {pick.frame_index for pick in after.rejected} >= removed
    assert not after.rejected_images & removed
    assert after.result.wanted == before.result.wanted == len(after.images) + len(after.rejected)


def test_keep_all_writes_what_is_left_out(edited: tuple[Path, Truth], tmp_path: Path) -> None:
    """And changes no image."""
    plain = extract(edited[0], tmp_path / "temp", settings=SCENE)
    found = extract(edited[0], tmp_path / "temp1", settings=msgspec.structs.replace(SCENE, keep_all=True))
    assert found.images == plain.images
    assert found.rejected == plain.rejected
    assert found.rejected_images == {pick.frame_index for pick in found.rejected}
