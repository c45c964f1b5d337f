"""Every number that a person or a client may give has a least and a greatest value, which the refusal names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click
import msgspec
import pytest
from msgspec import inspect

from frame_extractor import cli
from frame_extractor.contract.declaration import declared
from frame_extractor.contract.exit_codes import ExitCode
from frame_extractor.contract.film_time import film_time, seconds_of
from frame_extractor.contract.settings import Dedupe, Detector, ExtractionSettings, Names, Selection
from framed.ctl.commands.registry import framectl
from framed.ctl.options import Checked
from framed.model.job import Options
from framed.model.project import FrameExtraction, Overrides
from framed.model.values import check_value
from framed.protocol.verbs import VERBS
from framed.settings.config import _SECTIONS


def numbers(kind: inspect.Type, name: str) -> Iterator[tuple[str, inspect.IntType | inspect.FloatType]]:
    match kind:
        case inspect.IntType() | inspect.FloatType():
            yield name, kind
        case inspect.Metadata(type=kind):
            yield from numbers(kind, name)
        case inspect.UnionType(types=types):
            for each in types:
                yield from numbers(each, name)
        case inspect.VarTupleType(item_type=item):
            yield from numbers(item, name)
        case inspect.StructType(cls=cls, fields=fields) if cls is not Overrides:  # checked as `FrameExtraction` is
            for field in fields:
                yield from numbers(field.type, f"{name}.{field.encode_name}")


GIVEN = [
    *(each for name, kind in _SECTIONS.items() for each in numbers(inspect.type_info(kind), name)),
    *(each for name, verb in VERBS.items() for each in numbers(inspect.type_info(verb.params), name)),
]


def options(command: click.Command, name: str = "") -> Iterator[tuple[str, click.Parameter]]:
    if isinstance(command, click.Group):
        for each, inner in command.commands.items():
            yield from options(inner, f"{name} {each}")
    for parameter in command.params:
        yield f"{name} {parameter.name}", parameter


@pytest.mark.parametrize(("name", "kind"), GIVEN, ids=[name for name, _ in GIVEN])
def test_number_has_two_bounds(name: str, kind: inspect.IntType | inspect.FloatType) -> None:
    assert kind.ge is not None
    assert kind.le is not None


def test_numbers_of_every_section_are_among_them() -> None:
    names = {name for name, _ in GIVEN}
    assert {"frame_extraction.interval_seconds", "retry.factor", "watch.settle_scans", "logs.offset"} <= names


@pytest.mark.parametrize("command", [framectl, cli.extract], ids=["framectl", "frame-extractor"])
def test_option_that_takes_a_number_has_two_bounds(command: click.Command) -> None:
    for name, parameter in options(command):
        kind = parameter.type
        assert type(kind) not in (type(click.INT), type(click.FLOAT)), name
        if isinstance(kind, Checked):
            for _, number in numbers(inspect.type_info(kind._kind), name):
                assert None not in (number.ge, number.le), name
        if isinstance(kind, click.IntRange | click.FloatRange):
            assert None not in (kind.min, kind.max), name


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 1e-300, 10**400, 1e308, 5e-324])
def test_interval_that_makes_no_sense_is_refused_with_the_bounds(value: float) -> None:
    types = {field.name: field.type for field in msgspec.structs.fields(FrameExtraction)}
    with pytest.raises(ValueError, match=r"^must be a number from 0\.001 to 86400, not "):
        check_value(types["interval_seconds"], value)


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e-300", "1e999", "-1"])
@pytest.mark.parametrize(("option", "bounds"), [("interval-seconds", "0.001<=x<=86400"), ("blur-threshold", "0<=x<=")])
def test_by_hand_too(value: str, option: str, bounds: str, capsys: pytest.CaptureFixture[str]) -> None:
    if (value, option) == ("1e-300", "blur-threshold"):
        return
    assert cli.main(["film.mkv", "-o", "out", f"--{option}={value}"]) == ExitCode.USAGE
    printed = capsys.readouterr().err
    assert bounds in printed
    assert printed.count("\n") == 1


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("0:45", 45.0), ("-7:30", -450.0), ("1:02:30", 3750.0), ("45", 45.0), ("90.5", 90.5), ("-0:00.5", -0.5)],
)
def test_film_time_is_read_and_written(written: str, seconds: float) -> None:
    assert seconds_of(written) == seconds
    assert seconds_of(film_time(seconds)) == seconds


@pytest.mark.parametrize(
    "written", ["0:45x", "1:75", "1:60:00", "", "-", "1:2:3:4", "nan", "1e3", "٣", "9" * 400, ":45"]
)
@pytest.mark.parametrize("option", ["--start", "--end"])
def test_what_is_no_film_time_is_refused_with_an_example(
    option: str, written: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["film.mkv", "-o", "out", f"{option}={written}"]) == ExitCode.USAGE
    printed = capsys.readouterr().err
    assert f"'{option}': '{written}' is not a time such as 0:45, 1:02:30 or 45" in printed
    assert printed.count("\n") == 1
    (kind,) = (each.type for each in declared(FrameExtraction) if each.options == (option,))
    with pytest.raises(ValueError, match="must be a time such as 0:45"):
        check_value(kind, written)


def test_what_an_earlier_version_has_accepted_stays_readable() -> None:
    """A job with it, or results, would else keep the daemon from starting."""
    stored: dict[str, Any] = {"interval_seconds": 1e-300, "scene_threshold": 1e-300, "blur_threshold": 1e300}
    job = {"extraction": stored, "workers": 1, "retry": 0, "frames_dir": "/frames"}
    assert msgspec.convert(job, Options).extraction == ExtractionSettings(**stored)


def test_setting_that_a_stored_job_lacks_has_the_value_that_was_the_only_one() -> None:
    old = msgspec.convert({"mode": "scene"}, ExtractionSettings)
    assert (old.detector, old.selection, old.dedupe) == (Detector.CONTENT, Selection.EVEN, Dedupe.OFF)
    assert (old.min_scene_length, old.names, old.start_s, old.end_s, old.keep_all) == (15, Names.GUIDE, 0.0, 0.0, False)
