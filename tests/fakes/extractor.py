"""An extractor for tests: a real process that keeps the contract's files, and misbehaves on request.

Started as `python extractor.py SPEC.json`. What it does with a film is in the film's first line, a few words of:

    run S           work for S seconds before the film is done (default 0)
    exit CODE [N]   end with this code, in the first N attempts only when N is given; with 65 once the others are done
    crash [N]       SIGKILL itself, likewise
    climb           say that of 1000 s of film as many hundreds are done as this is the attempt's number
    wait FILE       work until FILE exists
    stubborn        ignore SIGTERM and SIGHUP
    child           keep a child process, and one of its own, in the same session; both ignore SIGTERM
    silent          write no started record, and wait for ever

A film of no such words is "extracted": one empty image, and its entry in the results.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

import msgspec

from frame_extractor.contract.attempt import AttemptSpec, Control, ExitRecord, Progress, ShotStart, Stage, StartedRecord
from frame_extractor.contract.exit_codes import ExitCode
from frame_extractor.contract.fingerprint import film_fingerprint
from frame_extractor.contract.layout import OutputLayout
from frame_extractor.contract.process import ProcessIdentity
from frame_extractor.contract.results import FilmResult, Results, ResultsConfig
from frame_extractor.contract.settings import ExtractionSettings


class _Ended(BaseException):
    """A signal asked for the end."""


def main() -> int:
    spec = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=AttemptSpec)
    layout = spec.layout
    layout.frames_dir.mkdir(parents=True, exist_ok=True)
    layout.control.mkdir(exist_ok=True)
    words = [_words(film) for film in spec.films]
    ignores = any("stubborn" in each for each in words)
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, signal.SIG_IGN if ignores else _raise_ended)
    if any("silent" in each for each in words):
        signal.pause()
    began = time.monotonic()
    code, reason, images = ExitCode.DONE, "", 0
    try:
        with _lock(layout):
            _write(layout.started(spec.attempt), _started(spec))
            extracted, failed = [], []
            for number, (film, commands) in enumerate(zip(spec.films, words, strict=True), 1):
                ended, why = _extract(spec, number, film, commands)
                if not ended:
                    extracted.append(film)
                    images += 1
                    continue
                code, reason = ended, why
                if code != ExitCode.NOT_A_FILM:
                    break
                failed.append(film)
            if not code or code == ExitCode.NOT_A_FILM:
                _write_results(spec, extracted, failed)
            if not code:
                _progress(spec, len(spec.films), spec.films[-1], 1.0)
    except BlockingIOError:
        code, reason = ExitCode.SUPERSEDED, "the folder is in use"
    except _Ended:
        code, reason = ExitCode.TERMINATED, "asked to end"
    record = ExitRecord(
        job_id=spec.job_id,
        attempt=spec.attempt,
        code=code,
        reason=reason,
        images=images,
        wall_s=time.monotonic() - began,
        ended_at=_now(),
    )
    _write(layout.exit(spec.attempt), record)
    return code


def _extract(spec: AttemptSpec, number: int, film: str, commands: list[str]) -> tuple[ExitCode, str]:
    words = iter(commands)
    for word in words:
        match word:
            case "run":
                until = time.monotonic() + float(next(words))
                while time.monotonic() < until:
                    _progress(spec, number, film, 0.5)
                    time.sleep(0.05)
            case "wait":
                awaited = Path(next(words))
                while not awaited.exists() or ((control := _control(spec)) is not None and control.paused):
                    _progress(spec, number, film, 0.5)
                    time.sleep(0.05)
            case "climb":
                _progress(spec, number, film, spec.attempt / 10, seconds=1000.0)
            case "child":
                subprocess.Popen(["sh", "-c", "trap '' TERM HUP; sleep 600; exit"])
            case "exit":
                code = ExitCode(int(next(words)))
                if spec.attempt <= int(next(words, "1000000")):
                    return code, f"asked to end with {code}"
            case "crash":
                if spec.attempt <= int(next(words, "1000000")):
                    os.kill(os.getpid(), signal.SIGKILL)
            case _:
                continue
    image = spec.layout.frames_dir / f"scene{number:04d}_pos0_frame000000_t0.00s.jpg"
    image.touch()
    return ExitCode.DONE, ""


def _words(film: str) -> list[str]:
    with contextlib.suppress(OSError, IndexError, UnicodeDecodeError):
        return Path(film).read_text(encoding="utf-8").splitlines()[0].split()
    return []


def _control(spec: AttemptSpec) -> Control | None:
    with contextlib.suppress(OSError, ValueError):
        control = msgspec.json.decode(spec.layout.control_file.read_bytes(), type=Control)
        if control.attempt == spec.attempt:
            return control
    return None


@contextlib.contextmanager
def _lock(layout: OutputLayout) -> Iterator[None]:
    with layout.lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


def _progress(spec: AttemptSpec, number: int, film: str, fraction: float, *, seconds: float = 1.0) -> None:
    control = _control(spec)
    progress = Progress(
        attempt=spec.attempt,
        stage=Stage.DONE if fraction >= 1 else Stage.SCANNING,
        film=spec.name_of(film),
        film_number=number,
        n_films=len(spec.films),
        fraction=fraction,
        film_seconds_done=seconds * fraction,
        film_seconds_total=seconds,
        images=number,
        shots=2,
        last_shots=(ShotStart(scene=0, start_s=0.0), ShotStart(scene=1, start_s=3725.04)),
        workers=spec.workers if control is None else 0 if control.paused else control.workers,
        control_serial_seen=control.serial if control is not None else 0,
        paused=control is not None and control.paused,
        elapsed_s=1.0,
        eta_s=1.0,
        realtime_factor=1.0,
        images_per_s=1.0,
        updated_at=_now(),
    )
    _write(spec.layout.progress, progress)


def _write_results(spec: AttemptSpec, extracted: list[str], failed: list[str]) -> None:
    earlier: dict[str, FilmResult] = {}
    with contextlib.suppress(OSError):
        found = msgspec.json.decode(spec.layout.results.read_bytes(), type=Results)
        earlier = {film.fingerprint: film for film in found.films}
    for path in (*extracted, *failed):
        fingerprint = film_fingerprint(path)
        is_good = path in extracted
        earlier[fingerprint] = FilmResult(
            name=spec.name_of(path),
            path=path,
            fingerprint=fingerprint,
            status="complete" if is_good else "failed",
            images=int(is_good),
            wanted=int(is_good),
            job_id=spec.job_id,
            settings=spec.settings,
        )
    films = tuple(earlier.values())
    n_good = sum(film.status == "complete" for film in films)
    _write(
        spec.layout.results,
        Results(
            total_episodes=len(films),
            successful_episodes=n_good,
            total_frames=n_good,
            output_dir=spec.frames_dir,
            config=_config(spec.settings, spec.workers),
            timestamp=_now(),
            films=films,
        ),
    )


def _config(settings: ExtractionSettings, workers: int) -> ResultsConfig:
    return ResultsConfig(workers=workers, **msgspec.structs.asdict(settings))


def _started(spec: AttemptSpec) -> StartedRecord:
    fields = Path("/proc/self/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    boot_id = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    process = ProcessIdentity(pid=os.getpid(), started_at_ticks=int(fields[19]), boot_id=boot_id)
    return StartedRecord(job_id=spec.job_id, attempt=spec.attempt, process=process, started_at=_now())


def _write(path: Path, record: msgspec.Struct) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_bytes(msgspec.json.encode(record))
    temporary.replace(path)


def _now() -> str:
    return datetime.now(UTC).isoformat()


def _raise_ended(_number: int, _frame: FrameType | None) -> None:
    raise _Ended


if __name__ == "__main__":
    sys.exit(main())
