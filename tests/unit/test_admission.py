"""Which films are extracted without being asked for, and what is said of the others."""

from __future__ import annotations

import msgspec
import pytest

from frame_extractor.contract.answers import Probe
from framed.model.reasons import IgnoredBecause, TooShort, WordInName
from framed.policy.admission import (
    Changing,
    Decided,
    FilmStatus,
    Ignored,
    ProbeFailed,
    Ready,
    Unprobed,
    Unreadable,
    film_status,
    ignored_by_name,
)
from framed.settings.config import WatchSettings
from tests.stores.make import PROBE

SETTINGS = WatchSettings(give_up_s=60, min_duration_s=30)
MINUTE = msgspec.structs.replace(PROBE, duration_s=60.0)


BY_NAME = WordInName(word="sample")


@pytest.mark.parametrize(
    ("name", "is_ignored"),
    [
        ("Onward-sample.mkv", True),
        ("sample_1.mp4", True),
        ("SAMPLE.mkv", True),
        ("onward.sample2.mkv", True),
        ("sample1080p.mkv", True),
        ("(sample) onward.mkv", True),
        ("onward-trailers.mkv", True),
        ("Sampler.mkv", False),
        ("resample.mkv", False),
        ("sampl\u00e9.mkv", False),
        ("film.sample", False),
    ],
)
def test_word_is_matched_only_as_a_word_of_its_own(name: str, *, is_ignored: bool) -> None:
    assert (name in ignored_by_name([name, "onward.mkv"], "auto")) is is_ignored


@pytest.mark.parametrize(
    ("ignore", "ignored"),
    [
        ((), set()),
        (("sample",), {"Sample.mkv", "sample.avi"}),
        (("*.AVI",), {"sample.avi"}),
        (("behind the scenes",), {"onward - behind the scenes.mkv"}),
        (("s?mple.*", "onward*"), {"Sample.mkv", "sample.avi", "onward - behind the scenes.mkv"}),
        (("mkv",), set()),
        (("c++",), set()),
    ],
)
def test_list_is_obeyed_to_the_letter(ignore: tuple[str, ...], ignored: set[str]) -> None:
    """Words in the name, globs over all of it, and no rule of our own."""
    names = ["Sample.mkv", "sample.avi", "onward - behind the scenes.mkv"]
    assert set(ignored_by_name(names, ignore)) == ignored
    assert set(ignored_by_name(["sample.avi"], ignore)) == ignored & {"sample.avi"}


def test_project_of_nothing_but_trailers_keeps_them_by_itself() -> None:
    """That is what its owner made it for."""
    assert ignored_by_name(["trailer 1.mkv", "trailer 2.mkv", "sample.avi"], "auto") == {}
    assert ignored_by_name(["trailer.mkv", "onward.mkv"], "auto") == {"trailer.mkv": WordInName(word="trailer")}


def test_sample_is_left_out_also_when_its_film_has_been_extracted_and_deleted() -> None:
    """To make room, say; and a trailer that was extracted makes no film of another."""
    assert set(ignored_by_name(["sample.mkv"], "auto", ["onward.mkv"])) == {"sample.mkv"}
    assert ignored_by_name(["trailer 2.mkv"], "auto", ["trailer 1.mkv"]) == {}


@pytest.mark.parametrize(
    ("is_decided", "ignored_for", "unchanged_s", "opening", "expected"),
    [
        (True, BY_NAME, None, None, Decided()),
        (False, BY_NAME, None, None, Ignored(BY_NAME)),
        (False, None, None, MINUTE, Changing()),
        (False, None, 99.0, None, Unprobed()),
        (False, None, 10.0, MINUTE, Ready()),
        (False, None, 10.0, ProbeFailed("no index", 0.0), Unreadable("no index", 50.0)),
        (False, None, 60.0, ProbeFailed("no index", 0.0), Ready(open_error="no index")),
        (False, None, 10.0, msgspec.structs.replace(MINUTE, duration_s=0.0), Ready()),
        (False, None, 10.0, msgspec.structs.replace(MINUTE, duration_s=30.0), Ready()),
    ],
)
def test_film_is_ready_when_it_has_settled_and_opens(
    *,
    is_decided: bool,
    ignored_for: IgnoredBecause | None,
    unchanged_s: float | None,
    opening: Probe | ProbeFailed | None,
    expected: FilmStatus,
) -> None:
    """Or when it has not opened for so long that its extraction may as well fail."""
    found = film_status(
        is_decided=is_decided,
        ignored_because=ignored_for,
        unchanged_s=unchanged_s,
        probe_result=opening,
        settings=SETTINGS,
    )
    assert found == expected


def test_short_film_is_ignored_with_the_setting_that_says_so() -> None:
    short = msgspec.structs.replace(MINUTE, duration_s=12.34)
    found = film_status(is_decided=False, ignored_because=None, unchanged_s=10.0, probe_result=short, settings=SETTINGS)
    assert found == Ignored(TooShort(duration_s=12.34, min_duration_s=30.0))
