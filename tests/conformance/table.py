"""Writes docs/conformance.md: `python -m tests.conformance.table > docs/conformance.md`."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

import numpy as np

from frame_extractor.contract.settings import Sampling
from frame_extractor.reading.film import open_film
from tests.conformance.pairs import CODECS, FILMS, TIMINGS, FilmMaker, frames_and_readers, plan_of
from tests.harness.films import read_barcode

HEAD = """\
# Every container, every codec, every frame

For the person who wants to know whether a kind of film is extracted exactly. Made by
`python -m tests.conformance.table > docs/conformance.md`, in a minute. `make test` checks the same films: each frame
has its number in its pixels, as a barcode, and the barcode of every extracted frame is read.

For each pair of container and codec that FFmpeg can write, films are made with even times, with uneven times (every
third frame is shown for twice as long), with late times (the first timestamp is 700 s), and with both; an AVI has even
times only. *Frames* are those of all these films, read with `sampling: exact`. A frame is *wrong* when its pixels have
another number than its name, also with `sampling: reference`; *time error* is the largest of all frames, in ms
(Matroska and FLV round times).
*Read by*: decord or PyAV in chunks, or PyAV from the film's beginning to its end. *Reference* is how many of the
frames `sampling: reference` decodes.

"""
CORRUPTION = Path(__file__).with_name("corruption.md")
COLUMNS = ("container", "codec", "times", "frames", "read by", "wrong", "missing", "doubled", "time error", "reference")
ODD = """
## Odd streams

What is defined for them; each has its test in `tests/conformance`.

| stream | what comes out | test |
| --- | --- | --- |
"""
ODD_STREAMS: list[tuple[str, str, str]] = [
    (
        "edit list",
        "what it cuts away (packets marked to be discarded) is not part of the film; frame 0 is the first one shown",
        "test_what_an_edit_list_cuts_away_is_not_of_the_film",
    ),
    (
        "first timestamp negative",
        "every frame; times count from the first",
        "test_a_negative_first_timestamp_costs_no_frame",
    ),
    (
        "first timestamp minutes late",
        "the same",
        "test_every_frame_comes_once_in_order_at_its_time",
    ),
    (
        "33-bit clock that wraps",
        "film time continues",
        "test_a_clock_that_wraps_is_film_that_goes_on",
    ),
    (
        "clock that jumps back",
        "film time continues from where it was",
        "test_a_clock_that_jumps_back_is_film_that_goes_on",
    ),
    (
        "clock that jumps forward",
        "a pause in the film; nothing counts as lost",
        "test_a_clock_that_jumps_forward_is_a_pause",
    ),
    (
        "start between key frames",
        "begins with the first frame that can be shown",
        "test_a_recording_that_starts_between_key_frames_begins_with_the_first_it_can_show",
    ),
    (
        "the same in a second recording",
        "what cannot be shown is left out there too",
        "test_a_second_recording_that_starts_between_key_frames_leaves_out_what_it_cannot_show",
    ),
    (
        "another resolution in mid-stream",
        "scaled to that of the first picture",
        "test_a_picture_of_another_size_is_scaled_to_the_films",
    ),
    (
        "no key frames (intra refresh), interlaced H.264, hidden VP8 frames",
        "every frame; where packets are not pictures the film is read whole",
        "test_unusual_coding_changes_no_frame",
    ),
    (
        "field-coded H.264 (PAFF)",
        "every frame; where a field is a packet, as in a transport stream, the film is read whole",
        "test_field_coded_h264_comes_out_frame_by_frame",
    ),
    (
        "key frames more than 15 s apart",
        "every frame, by PyAV",
        "test_a_gop_too_long_to_decode_ahead_is_not_given_to_decord",
    ),
    (
        "HEVC with temporal layers",
        "`sampling: reference` leaves out pictures of the highest layer only; what is left decodes clean",
        "test_reference_sampling_leaves_out_only_what_nothing_refers_to",
    ),
    (
        "film missing in the middle of the file",
        "a failed range",
        "test_film_lost_in_the_middle_of_a_file_is_reported",
    ),
    (
        "film missing at the end of the file",
        "a failed range, where the header says how long the film is",
        "test_film_lost_at_the_end_of_a_file_is_reported",
    ),
    (
        "key frame that does not decode",
        "a failed range up to the next; no image of it",
        "test_damage_is_missing_and_reported_and_all_else_is_right",
    ),
    (
        "damage that the decoder conceals",
        "the same, as far as decoders report it ([what is detected](decisions/0021-concealed-damage-is-detected.md))",
        "test_patched_up_pictures_become_a_failed_range_and_no_image",
    ),
]


@dataclass
class Tally:
    """What came out of the films of one container and codec."""

    timings: list[str] = field(default_factory=list)
    n_frames: int = 0
    readers: Counter[str] = field(default_factory=Counter)
    wrong: int = 0
    missing: int = 0
    doubled: int = 0
    time_error_s: float = 0.0
    n_reference: int = 0

    def cells(self) -> list[str]:
        times = "all four" if len(self.timings) == len(TIMINGS) else ", ".join(self.timings)
        readers = ", ".join(f"{name} {count}" for name, count in self.readers.items())
        counts = [str(self.n_frames), readers, str(self.wrong), str(self.missing), str(self.doubled)]
        return [times, *counts, f"{1000 * self.time_error_s:.1f}", f"{self.n_reference / self.n_frames:.0%}"]


def main() -> None:
    os.environ.setdefault("SVT_LOG", "-2")  # The AV1 encoder would print a line for every film.
    print(HEAD, end="")
    print(f"| {' | '.join(COLUMNS)} |\n|{' --- |' * len(COLUMNS)}")
    n_films = n_frames = 0
    for cells, tally in _tallies():
        print(f"| {' | '.join([*cells, *tally.cells()])} |", flush=True)
        n_films += len(tally.timings)
        n_frames += tally.n_frames
    print(f"\n{n_films} films of {len(CODECS)} codecs, {n_frames:,} frames.\n{ODD}", end="")
    for stream, meaning, test in ODD_STREAMS:
        print(f"| {stream} | {meaning} | `{test}` |")
    print(f"\n{CORRUPTION.read_text(encoding='utf-8')}", end="")


def _tallies() -> Iterator[tuple[tuple[str, str], Tally]]:
    with tempfile.TemporaryDirectory(prefix="framed-conformance-") as folder:
        maker = FilmMaker(Path(folder))
        for (container, codec), films in groupby(FILMS, key=lambda film: film[:2]):
            tally = Tally()
            for _, _, timing in films:
                _count(tally, maker.make(container, codec, timing), codec, timing)
            yield (container, codec), tally


def _count(tally: Tally, path: Path, codec: str, timing: str) -> None:
    plan, film = plan_of(codec, timing), open_film(path)
    exact, reference = (frames_and_readers(film, sampling) for sampling in (Sampling.EXACT, Sampling.REFERENCE))
    shown = Counter(read_barcode(frame.pixels) for _, frame in exact)
    tally.timings.append(timing)
    tally.n_frames += plan.n_frames
    tally.readers.update(reader for reader, _ in exact)
    tally.wrong += sum(read_barcode(frame.pixels) != frame.index for _, frame in [*exact, *reference])
    tally.missing += sum(index not in shown for index in range(plan.n_frames))
    tally.doubled += sum(count - 1 for count in shown.values())
    tally.n_reference += len(reference)
    errors_s = [abs(frame.time_s - plan.times_s[read_barcode(frame.pixels)]) for _, frame in [*exact, *reference]]
    tally.time_error_s = max(tally.time_error_s, float(np.max(errors_s)))


if __name__ == "__main__":
    main()
