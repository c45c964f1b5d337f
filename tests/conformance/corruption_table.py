"""Tries all corruptions: `python -m tests.conformance.corruption_table FILMS > tests/conformance/corruption.md`.

FILMS is the folder of the shared films; its `formats` are tried beside those that are made here. Seeds may follow. What
is printed is a part of docs/conformance.md, into which `tests.conformance.table` puts it.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.conformance.corruption import SEEDS, Bench, Corruption, Finding
from tests.conformance.pairs import CARRIED, FilmMaker

log = logging.getLogger(__name__)

HEAD = """\
## Damaged films

Made by `python -m tests.conformance.corruption_table ../shared/films > tests/conformance/corruption.md`, in half an
hour; `make test` tests a part. One region of each film is zeroed, cut out, exchanged with another (swapped) or has
all its bits flipped: 64, 512, 4,096 and 65,536 bytes where the film is eight times as long, and a single bit; in every
container that carries the codec and in the real films of `formats`, at places that follow from two seeds.

Every frame that `sampling: reference` decodes is compared with the undamaged film's frame at that time. It is *wrong*
when the PSNR of the two is below 30 dB. *Untold* are frames that are missing and in no failed range; most are the last
few of a film. *Lost* are all missing frames. *Refused*: reported as not a film, or damaged throughout. *Before* is the
result of the same seeds when only the messages of decoders were used
([why it is less now](decisions/0023-damage-is-detected-before-decoding.md)).

"""
BEFORE = Path(__file__).with_name("corruption_before.json")
COLUMNS = (
    "codec",
    "damage",
    "tried",
    "refused",
    "films with wrong frames",
    "before",
    "wrong frames",
    "before",
    "untold",
    "before",
    "lost",
)
SMALL_BYTES = 512


@dataclass
class Tally:
    """What became of the films of one codec with one kind of damage."""

    findings: list[Finding] = field(default_factory=list)

    def cells(self, before: tuple[int, int, int]) -> list[str]:
        """`before`: films with wrong frames, wrong frames, untold ones."""
        found = self.findings
        n_frames = sum(each.n_frames for each in found)
        n_wrong = sum(each.n_wrong for each in found)
        n_true = n_frames + sum(each.n_lost for each in found)
        counts = [
            len(found),
            sum(each.is_refused for each in found),
            sum(each.n_wrong > 0 or each.is_fault for each in found),
            before[0],
            n_wrong,
            before[1],
            sum(each.n_unreported for each in found),
            before[2],
        ]
        return [*map(str, counts), f"{sum(each.n_lost for each in found) / max(1, n_true):.1%}"]


def films(made: Path, formats: Path | None) -> Iterator[tuple[str, Path]]:
    """Codec and path of every film that is tried."""
    for path in sorted(formats.iterdir()) if formats is not None else ():
        yield "wmv2" if path.suffix == ".wmv" else "h264", path
    maker = FilmMaker(made)
    for container, codecs in CARRIED.items():
        for codec in codecs:
            yield codec.split("-")[0], maker.make(container, codec, "even")


def damage(corruption: Corruption) -> str:
    """The row of the table that it belongs to."""
    if corruption.size_bytes == 0:
        return "one bit"
    return f"{corruption.kind}, {SMALL_BYTES} B or more" if corruption.size_bytes >= SMALL_BYTES else corruption.kind


def table(found: Iterable[tuple[str, Corruption, Finding]]) -> list[str]:
    """Its lines."""
    tallies: defaultdict[tuple[str, str], Tally] = defaultdict(Tally)
    for codec, corruption, finding in found:
        tallies[codec, damage(corruption)].findings.append(finding)
    before = json.loads(BEFORE.read_bytes())
    rows = [[*key, *tally.cells(before.get("|".join(key), (0, 0, 0)))] for key, tally in sorted(tallies.items())]
    return [f"| {' | '.join(COLUMNS)} |", "|" + " --- |" * len(COLUMNS), *(f"| {' | '.join(row)} |" for row in rows)]


def tried(formats: Path | None, seeds: tuple[int, ...]) -> Iterator[tuple[str, Corruption, Finding]]:
    with tempfile.TemporaryDirectory(prefix="framed-corruption-") as folder:
        made, work = Path(folder, "films"), Path(folder, "work")
        made.mkdir()
        work.mkdir()
        bench = Bench(work)
        for codec, path in films(made, formats):
            for corruption, finding in bench.findings(path, seeds):
                if finding.n_wrong:
                    log.warning("%s: %s: %s", path.name, corruption, finding)
                yield codec, corruption, finding


def main() -> None:
    os.environ.setdefault("SVT_LOG", "-2")
    folders = [Path(given) for given in sys.argv[1:] if not given.isdigit()]
    seeds = tuple(int(given) for given in sys.argv[1:] if given.isdigit()) or SEEDS
    print(HEAD + "\n".join(table(tried(folders[0] / "formats" if folders else None, seeds))))


if __name__ == "__main__":
    main()
