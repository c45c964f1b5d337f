"""Attempts that are killed and begun again, and runs with other settings: nothing is decoded that need not be."""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest

from frame_extractor.contract.attempt import AttemptSpec
from frame_extractor.contract.exit_codes import ExitCode
from frame_extractor.contract.layout import OutputLayout
from frame_extractor.contract.settings import ExtractionSettings, Mode, Names, Quality, RequestedSettings, Sampling
from frame_extractor.contract.versions import SCORE_VERSION
from frame_extractor.output.names import frame_index_of
from tests.conformance.extraction import workers_of
from tests.harness.films import FilmPlan, write_film

FPS = 5
CUTS = tuple(sorted(random.Random(7).sample(range(20, 2980, 20), 90)))
FILM = FilmPlan(
    options={"x264-params": "keyint=20:bframes=3", "crf": "18"},
    fps=FPS,
    n_frames=3000,
    cuts=CUTS,
    size=(192, 128),
)
"""600 s: about 60 spans."""
KILLS = 20
DEFAULTS = RequestedSettings().resolved


class Output:
    """An output folder, and attempts at it as processes of their own."""

    def __init__(self, film: Path, folder: Path) -> None:
        self.film = film
        self.layout = OutputLayout(folder / "frames")
        self.log = folder / "attempts.log"
        folder.mkdir()
        self.n_attempts = 0

    def start(
        self,
        settings: ExtractionSettings | None = None,
        *,
        force: bool = False,
        job_id: str = "job",
        workers: int = 2,
    ) -> subprocess.Popen[bytes]:
        self.n_attempts += 1
        self.layout.control.mkdir(exist_ok=True)
        spec = AttemptSpec(
            project="p",
            job_id=job_id,
            attempt=self.n_attempts,
            films=(str(self.film),),
            frames_dir=str(self.layout.frames_dir),
            settings=settings or ExtractionSettings(),
            workers=workers,
            force=force,
            log_path=str(self.log),
        )
        path = self.layout.spec(self.n_attempts)
        path.write_bytes(msgspec.json.encode(spec))
        command = [sys.executable, "-m", "frame_extractor", "run", str(path)]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)

    def complete(
        self, settings: ExtractionSettings | None = None, *, force: bool = False, job_id: str = "job"
    ) -> dict[str, Any]:
        """What the results say of the film when an attempt has gone to its end."""
        code = self.start(settings, force=force, job_id=job_id).wait(timeout=120)
        assert code == ExitCode.DONE, self.log.read_text()
        return self.result()

    def result(self) -> dict[str, Any]:
        film: dict[str, Any] = json.loads(self.layout.results.read_bytes())["films"][0]
        return film

    def spans(self) -> int:
        """How many are kept."""
        return len(list(self.layout.scores.glob("*/*/span-*.npz")))

    def content(self) -> dict[str, str]:
        """Every file that a user sees, but for times and what the attempts report of themselves."""
        files = {path.name: path.read_bytes() for path in self.layout.frames_dir.iterdir()}
        for path in (self.layout.manifest, self.layout.rejected):
            if path.exists():
                files[path.name] = path.read_bytes()
        return {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}


def scanned(film: dict[str, Any]) -> int:
    """Frames that the completing attempt decoded to score them."""
    return int(film["decoded_frames"] - film["repaired_frames"])


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_film(tmp_path_factory.mktemp("film") / "long.mkv", FILM)


@pytest.fixture(scope="module")
def undisturbed(film: Path, tmp_path_factory: pytest.TempPathFactory) -> Output:
    output = Output(film, tmp_path_factory.mktemp("undisturbed") / "out")
    output.complete()
    return output


@pytest.fixture
def output(film: Path, tmp_path: Path) -> Output:
    return Output(film, tmp_path / "out")


@pytest.fixture
def extracted(undisturbed: Output, tmp_path: Path) -> Output:
    """A copy of the undisturbed output."""
    copy = Output(undisturbed.film, tmp_path / "copy")
    shutil.copytree(undisturbed.layout.folder, copy.layout.folder, dirs_exist_ok=True)
    copy.n_attempts = undisturbed.n_attempts
    return copy


def kill(process: subprocess.Popen[bytes], how: str, dice: random.Random) -> None:
    """SIGKILL to the runner alone, to its whole tree, or to a worker and a little later to the runner."""
    if how == "tree":
        os.killpg(process.pid, signal.SIGKILL)
    elif how == "worker, runner":
        workers = workers_of(psutil.Process(process.pid))
        if workers:
            dice.choice(workers).kill()
        time.sleep(dice.uniform(0, 0.1))
    process.kill()
    process.wait()


def wait_for_progress(output: Output, process: subprocess.Popen[bytes], spans_before: int) -> None:
    """Returns when the attempt has finished a span, or ended."""
    while process.poll() is None and output.spans() <= spans_before:
        time.sleep(0.005)


@pytest.mark.parametrize("force", [False, True])
def test_twenty_kills_change_no_byte(output: Output, undisturbed: Output, force: bool) -> None:
    """Whatever is killed and whenever, nothing that was finished is decoded again."""
    dice = random.Random(20 + force)
    n_spans = 0
    for _ in range(KILLS // 4 if force else KILLS):
        # One worker: with more, a busy test may see nothing until the film is done.
        process = output.start(force=force, workers=1)
        wait_for_progress(output, process, n_spans)
        time.sleep(dice.expovariate(1 / 0.005))
        assert process.poll() is None, "too quick to be killed"
        kill(process, dice.choice(["tree", "runner", "worker, runner"]), dice)
        assert output.spans() >= n_spans
        n_spans = output.spans()
    film = output.complete(force=force)
    assert output.content() == undisturbed.content()
    assert film["kept_frames"] + scanned(film) == scanned(undisturbed.result())
    assert film["kept_frames"] > 0
    assert not output.layout.temp.exists()


def test_kills_change_nothing_of_distinct_frames(output: Output, tmp_path: Path) -> None:
    """Names, bytes, measures, and what is left out."""
    undisturbed = Output(output.film, tmp_path / "undisturbed")
    undisturbed.complete(DEFAULTS)
    dice = random.Random(5)
    n_spans = 0
    for _ in range(KILLS // 4):
        process = output.start(DEFAULTS, workers=1)
        wait_for_progress(output, process, n_spans)
        assert process.poll() is None, "too quick to be killed"
        kill(process, dice.choice(["tree", "runner", "worker, runner"]), dice)
        n_spans = output.spans()
    film = output.complete(DEFAULTS)
    assert film["kept_frames"] > 0
    assert output.content() == undisturbed.content()
    for name in ("cuts", "wanted", "given", "rejected", "transitions"):
        assert film[name] == undisturbed.result()[name]


def test_killed_attempt_decodes_no_finished_span_again(output: Output, undisturbed: Output) -> None:
    """The counter in the results shows the saving, and the log says it in words."""
    process = output.start()
    while output.spans() < 12:
        assert process.poll() is None
        time.sleep(0.005)
    kill(process, "tree", random.Random(1))
    kept = output.spans()
    film = output.complete()
    assert film["kept_frames"] + scanned(film) == scanned(undisturbed.result())
    assert film["kept_frames"] >= scanned(undisturbed.result()) * kept / 80
    assert re.search(rf"{kept} spans that earlier attempts have finished are kept: \d+ frames", output.log.read_text())
    assert output.content() == undisturbed.content()


@pytest.mark.parametrize(
    ("settings", "share"),
    [
        (ExtractionSettings(interval_seconds=4.0), 0.0),
        (ExtractionSettings(frames_per_scene=3), 0.5),
        (ExtractionSettings(mode=Mode.INTERVAL), 0.0),
        (ExtractionSettings(scene_threshold=12.0), 0.5),
        (ExtractionSettings(min_scene_length=40), 0.8),
        (ExtractionSettings(names=Names.TIME), 0.0),
        (DEFAULTS, 1.0),
        (msgspec.structs.replace(DEFAULTS, frames_per_scene="auto", keep_all=True), 1.0),
    ],
)
def test_other_settings_decode_only_what_is_missing(
    extracted: Output, tmp_path: Path, settings: ExtractionSettings, share: float
) -> None:
    """The scores are known, and so are the images that both want; the result is that of a fresh run."""
    everything = scanned(extracted.result())
    film = extracted.complete(settings, job_id="another job")
    assert film["kept_frames"] == everything
    assert film["decoded_frames"] == film["repaired_frames"] <= share * everything
    assert f"; {everything:,} frames had been decoded by earlier attempts" in extracted.log.read_text()
    fresh = Output(extracted.film, tmp_path / "fresh")
    fresh.complete(settings)
    assert extracted.content() == fresh.content()
    assert not extracted.layout.temp.exists()


def test_images_of_another_quality_are_all_made_again(extracted: Output, tmp_path: Path) -> None:
    """The scores are kept; no image of the old quality stays."""
    settings = ExtractionSettings(quality=Quality.LOW)
    film = extracted.complete(settings)
    assert film["kept_frames"] > 0
    fresh = Output(extracted.film, tmp_path / "fresh")
    fresh.complete(settings)
    assert extracted.content() == fresh.content()


def test_scores_of_another_sampling_are_not_used(extracted: Output) -> None:
    """And the log says why."""
    film = extracted.complete(ExtractionSettings(sampling=Sampling.EXACT))
    assert film["kept_frames"] == 0
    kept = f"kept scores are not used: they are reference-v{SCORE_VERSION}, not exact-v{SCORE_VERSION}"
    assert kept in extracted.log.read_text()


def test_force_uses_nothing_of_other_jobs(extracted: Output, undisturbed: Output) -> None:
    """Everything is decoded again, and comes out the same."""
    film = extracted.complete(force=True, job_id="another job")
    assert film["kept_frames"] == 0
    assert film["decoded_frames"] == undisturbed.result()["decoded_frames"]
    assert extracted.content() == undisturbed.content()


def test_damaged_scores_are_as_good_as_none(extracted: Output, undisturbed: Output) -> None:
    """The film is decoded again, and the log says why."""
    for path in extracted.layout.scores.glob("*/*/film.npz"):
        path.write_bytes(path.read_bytes()[:-100])
    film = extracted.complete(ExtractionSettings(interval_seconds=3.0))
    assert film["kept_frames"] == 0
    assert "kept scores are not used: they cannot be read" in extracted.log.read_text()
    assert extracted.complete()["kept_frames"] > 0
    assert extracted.content() == undisturbed.content()


def removed_frames(output: Output) -> set[int]:
    """As the manifest says."""
    lines = map(json.loads, output.layout.manifest.read_text().splitlines())
    return {line["frame_index"] for line in lines if line.get("removed")}


def test_images_that_a_user_has_deleted_stay_deleted_over_kills(
    extracted: Output, undisturbed: Output, tmp_path: Path
) -> None:
    """With other settings too, and the result is the same to the byte as without a kill. `--force` brings them back."""
    dice = random.Random(8)
    quiet = Output(extracted.film, tmp_path / "quiet")
    shutil.copytree(extracted.layout.folder, quiet.layout.folder, dirs_exist_ok=True)
    quiet.n_attempts = extracted.n_attempts
    victims = dice.sample(sorted(path.name for path in extracted.layout.frames_dir.iterdir()), 20)
    frames = {frame_index_of(name) for name in victims}
    for name in victims:
        (extracted.layout.frames_dir / name).unlink()
        (quiet.layout.frames_dir / name).unlink()
    other = ExtractionSettings(scene_threshold=12.0, interval_seconds=4.0)
    quiet.complete(other)
    for _ in range(4):
        process = extracted.start(other)
        try:
            process.wait(timeout=dice.uniform(0.3, 2.0))
        except subprocess.TimeoutExpired:
            kill(process, dice.choice(["tree", "runner"]), dice)
    extracted.complete(other)
    assert extracted.content() == quiet.content()
    assert not frames & {frame_index_of(path.name) for path in extracted.layout.frames_dir.iterdir()}
    assert removed_frames(extracted) < frames, "not all are picked now"
    film = extracted.complete()
    assert removed_frames(extracted) == frames
    assert (film["images"] + film["removed"], film["removed"]) == (undisturbed.result()["images"], 20)
    extracted.complete(force=True, job_id="another job")
    assert extracted.content() == undisturbed.content()


def test_image_that_somebody_has_changed_is_made_again(extracted: Output, tmp_path: Path) -> None:
    """An image counts only as it was listed, and complete."""
    settings = ExtractionSettings(interval_seconds=4.0)
    images = sorted(extracted.layout.frames_dir.iterdir())
    images[0].write_bytes(b"cropped")
    images[1].write_bytes(images[1].read_bytes()[:-2] + b"\0\0")
    film = extracted.complete(settings)
    assert film["repaired_frames"] > 0
    fresh = Output(extracted.film, tmp_path / "fresh")
    fresh.complete(settings)
    assert extracted.content() == fresh.content()
