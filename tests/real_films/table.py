"""Writes docs/films.md, what each odd film gives: `python -m tests.real_films.table FILMS > docs/films.md`."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec

from frame_extractor.contract.exit_codes import ExitCode
from frame_extractor.contract.results import FilmResult, Results

HEAD = """\
# What damaged and odd films give

For the person who has a film that is damaged or unusual. Each film here was extracted by hand with the default settings
(`frame-extractor FILM -o DIR`). Made by `python -m tests.real_films.table ../shared/films > docs/films.md`; `make
films` gives the same films to a running daemon and checks that each has the same result.

For all films:

- Frames are counted as they are shown: pictures that an edit list cuts away, and those before the first key frame, are
  not frames of the film. Frame 0 is the first that can be shown; times count from it, whatever the first timestamp is.
- Where the stream's clock jumps back, film time continues from where it was. A jump forward is a pause in the film.
  When the container is damaged as well, the film in between was lost; so was the missing end of a truncated file.
- A picture of another size in mid-film is scaled to the size of the first.
- Rotation and mirroring are applied. Pixels stay as stored: an anamorphic film keeps its stored width, an interlaced
  one its lines.
- Of several picture streams, the one with the most pixels a second is the film; cover art never is.
- What is lost or cannot be decoded is missing, and listed in `failed_ranges`; above `max_failed_fraction` the film
  fails. Pictures after a damaged one, up to the next key frame, count as damaged too, because they refer to it
  ([what is detected](decisions/0021-concealed-damage-is-detected.md)). The same is true after a loss in the file,
  however short ([how it is detected](decisions/0023-damage-is-detected-before-decoding.md)). Frame numbers after it are
  still those of the film, or `frame_numbers_counted_from_s` says from where they are a count.

"""
COLUMNS = ("film", "exit", "images", "shots", "frames", "size", "codec", "read by", "what is said")


def main() -> None:
    films_dir = Path(sys.argv[1])
    print(HEAD, end="")
    for kind in ("broken", "tricky", "formats"):
        print(f"## {kind}/\n\n| {' | '.join(COLUMNS)} |\n|{' --- |' * len(COLUMNS)}")
        for film in sorted((films_dir / kind).iterdir()):
            print(f"| {' | '.join(row(film))} |", flush=True)
        print()


def row(film: Path) -> list[str]:
    """One film's line of the table."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "frame_extractor", str(film), "-o", folder, "--retry", "0"]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        results = Path(folder, "extraction_results.json")
        result = msgspec.json.decode(results.read_bytes(), type=Results).films[0] if results.exists() else None
    said = run.stderr.strip().splitlines()[-1].split(f"{film.name}: ", 1)[-1] if run.returncode else remarks(result)
    code = f"{run.returncode} {ExitCode(run.returncode).name}"
    if result is None or result.status == "failed":
        return [f"`{film.name}`", code, *[""] * 6, said]
    readers = ", ".join(f"{name} {chunks}" for name, chunks in result.chunks_read_by.items())
    size = f"{result.width}x{result.height}"
    counts = (result.images, result.shots, result.source_frames)
    return [f"`{film.name}`", code, *map(str, counts), size, result.codec, readers, said]


def remarks(result: FilmResult | None) -> str:
    if result is None or not result.failed_ranges:
        return ""
    return "; ".join(
        f"{failed.start_s:.2f}-{failed.end_s:.2f} s missing: {failed.reason}" for failed in result.failed_ranges
    )


if __name__ == "__main__":
    main()
