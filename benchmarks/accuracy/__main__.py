"""`python -m benchmarks.accuracy`: measures detectors, transitions and picks, and writes docs/accuracy.md."""

from __future__ import annotations

import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Final

import click

from benchmarks import report
from benchmarks.accuracy import detection, extraction
from benchmarks.accuracy.contents import bad_frames
from benchmarks.accuracy.films import STILLS, TRUTH, KnownFilm, generated_films, standard_films
from benchmarks.accuracy.pairs import LABELS, read_labels
from benchmarks.accuracy.truth import Found, compare_cuts, read_truth
from benchmarks.film import NoSharedFilm, whole_720p
from tests.harness.measured_film import measured_film

DOCUMENT: Final = Path(__file__).resolve().parents[2] / "docs/accuracy.md"


@click.command()
@click.option("--record/--no-record", default=True, help="Write the tables into docs/accuracy.md.")
@click.option("--shots/--no-shots", default=True, help="Cuts and transitions: some minutes.")
@click.option("--picks/--no-picks", default=True, help="Three extractions of the standard film.")
@click.option(
    "--outputs",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keep the extractions here, in before/, defaults/ and auto/, and judge those that are there.",
)
def main(*, record: bool, shots: bool, picks: bool, outputs: Path | None) -> None:
    """Measures how well shots are found and frames chosen."""
    tables: dict[str, str] = {}
    try:
        if shots:
            tables |= _shot_tables()
        if picks:
            with tempfile.TemporaryDirectory(prefix="framed-accuracy-") as folder:
                tables["picks"] = _picks_table(outputs or Path(folder))
    except NoSharedFilm as failure:
        raise click.ClickException(f"{failure} is not there, nor what is known of it") from None
    except extraction.ExtractionFailed as failure:
        raise click.ClickException(str(failure)) from None
    for name, text in tables.items():
        print(f"\n{name}\n\n{text}")  # noqa: T201
        if record:
            report.write_between_markers(DOCUMENT, name, text)


def _shot_tables() -> dict[str, str]:
    measured = Measured()
    with tempfile.TemporaryDirectory(prefix="framed-accuracy-") as folder:
        for film in (*standard_films(), *generated_films(Path(folder))):
            _say(f"{film.group}: {film.path.name}")
            measured.add(film)
    return {
        "detectors": report.markdown(DETECTOR_HEADINGS, measured.detector_rows()),
        "transitions": report.markdown(TRANSITION_HEADINGS, measured.transition_rows()),
    }


def _picks_table(outputs: Path) -> str:
    film, seen = whole_720p(), read_truth(TRUTH)
    found: list[extraction.Extracted] = []
    for kind in extraction.KINDS:
        _say(f"extracting with {kind.name}")
        found.append(extraction.extracted(film, seen, kind, outputs / kind.key))
    labels = read_labels() if LABELS.exists() else []
    rows = [extraction.row(each, found[0], bad_frames(STILLS), labels, seen) for each in found]
    return report.markdown(extraction.HEADINGS, [*rows, extraction.PEER])


DETECTOR_HEADINGS: Final = ("", "detector", "F1 even", "F1 odd", "F1", "found", "missed", "false")
TRANSITION_HEADINGS: Final = ("", "seen", "touched", "frames kept out of them", "false", "frames lost by that")


class Measured:
    """What has been found in all films so far, by group."""

    def __init__(self) -> None:
        self._cuts: defaultdict[tuple[str, str], tuple[Found, Found]] = defaultdict(lambda: (Found(), Found()))
        self._transitions: defaultdict[str, list[detection.FoundTransitions]] = defaultdict(list)

    def add(self, film: KnownFilm) -> None:
        """Decodes and judges another film."""
        samples = measured_film(film.path, film.sampling)
        for name, new in detection.DETECTORS.items():
            cuts = detection.cuts_of(new(), samples)
            even, odd = compare_cuts(cuts, film.seen)
            before = self._cuts[film.group, name]
            self._cuts[film.group, name] = (before[0] + even, before[1] + odd)
            if name == "peak":
                self._transitions[film.group].append(detection.compare_transitions(samples, cuts, film.seen))

    def detector_rows(self) -> list[tuple[str, ...]]:
        """One for each group and detector, under DETECTOR_HEADINGS."""
        return [_detector_row(*key, *halves) for key, halves in self._cuts.items()]

    def transition_rows(self) -> list[tuple[str, ...]]:
        """One for each group, under TRANSITION_HEADINGS."""
        return [_transition_row(group, found) for group, found in self._transitions.items()]


def _detector_row(group: str, detector: str, even: Found, odd: Found) -> tuple[str, ...]:
    both = even + odd
    counts = (both.right, both.missed, both.false)
    return (group, f"`{detector}`", *(f"{each.f1:.1f}" for each in (even, odd, both)), *map(str, counts))


def _transition_row(group: str, found: list[detection.FoundTransitions]) -> tuple[str, ...]:
    inside, kept_out = sum(each.frames_seen for each in found), sum(each.frames_kept_out for each in found)
    lost, samples = sum(each.false_frames for each in found), sum(each.samples for each in found)
    return (
        group,
        str(sum(each.seen for each in found)),
        str(sum(each.touched for each in found)),
        f"{kept_out / max(1, inside):.0%}",
        str(sum(each.false for each in found)),
        f"{lost} of {samples:,}",
    )


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
