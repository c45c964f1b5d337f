"""The extractor by hand: how many workers, and when it tries again."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import pytest

from frame_extractor import standalone
from frame_extractor.attempt import runner
from frame_extractor.contract.exit_codes import ExitCode
from frame_extractor.contract.settings import ExtractionSettings
from frame_extractor.standalone import Request
from tests.fakes.pipeline import FakePipeline


@pytest.fixture
def pipeline(monkeypatch: pytest.MonkeyPatch) -> FakePipeline:
    """In the pipeline's place, on a machine of 16 cores, with little patience between attempts."""
    pipeline = FakePipeline()
    monkeypatch.setattr(runner, "_film_pipeline", lambda: pipeline)
    monkeypatch.setattr(standalone, "usable_cores", lambda: 16)
    monkeypatch.setattr(standalone, "_BACKOFF_BASE_S", 0.01)
    return pipeline


def request(tmp_path: Path, *names: str, **others: Any) -> Request:
    for name in names:
        (tmp_path / name).write_text(f"a film called {name}")
    values: dict[str, Any] = {"given": frozenset(), "workers": None, "force": False, "restore": False, **others}
    return Request(
        films=tuple(str(tmp_path / name) for name in names),
        output=tmp_path / "out",
        settings=ExtractionSettings(),
        **values,
    )


@pytest.mark.parametrize(
    ("given", "workers", "granted"),
    [(False, None, 12), (True, None, 12), (True, 3, 3), (True, 14, 14), (True, 40, 16)],
)
def test_workers_asked_for_are_granted_up_to_the_cores(
    pipeline: FakePipeline, tmp_path: Path, given: bool, workers: int | None, granted: int
) -> None:
    """A number is taken at its word; auto and the default leave a quarter of the machine free."""
    asked = request(tmp_path, "a.mkv", given=frozenset({"workers"} if given else ()), workers=workers)
    assert standalone.extract(asked, retry=0) is ExitCode.DONE
    results = json.loads((tmp_path / "out" / "extraction_results.json").read_text())
    assert results["config"]["workers"] == granted


def failing(pipeline: FakePipeline, n_times: int, error: Exception) -> None:
    """The first `n_times` attempts fail at a picture of the second film."""
    left = n_times

    def before_picture(number: int) -> None:
        nonlocal left
        if pipeline.extracted[-1] == "b.mkv" and number == 2 and left:
            left -= 1
            raise error

    pipeline.before_picture = before_picture


def test_fault_is_tried_again_and_done_films_are_not(
    pipeline: FakePipeline, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not even with --force; the summary counts them all."""
    failing(pipeline, 2, ZeroDivisionError())
    assert standalone.extract(request(tmp_path, "a.mkv", "b.mkv", force=True), retry=3) is ExitCode.DONE
    assert pipeline.extracted == ["a.mkv", "b.mkv", "b.mkv", "b.mkv"]
    shown = capsys.readouterr()
    assert "retrying in" in shown.err
    assert shown.out.splitlines()[-1].startswith("2 films: 2 extracted; 8 images of 2 shots in ")


def test_attempts_end_with_the_last_fault(pipeline: FakePipeline, tmp_path: Path) -> None:
    failing(pipeline, 9, ZeroDivisionError())
    assert standalone.extract(request(tmp_path, "a.mkv", "b.mkv"), retry=2) is ExitCode.INTERNAL
    assert pipeline.extracted == ["a.mkv", "b.mkv", "b.mkv", "b.mkv"]


def test_full_disk_is_reported_at_once(
    pipeline: FakePipeline, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Seconds make no room; the person does."""
    failing(pipeline, 9, OSError(errno.ENOSPC, "No space left on device"))
    assert standalone.extract(request(tmp_path, "a.mkv", "b.mkv"), retry=3) is ExitCode.DISK_FULL
    assert pipeline.extracted == ["a.mkv", "b.mkv"]
    shown = capsys.readouterr()
    assert f"no space left for {tmp_path / 'out'}" in shown.err
    assert shown.out.splitlines()[-1].startswith("2 films: 1 extracted, 1 not extracted; ")
