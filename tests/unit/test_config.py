"""Settings: what is read, which layer wins, and what a mistake is answered with."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from frame_extractor.contract.settings import (
    Dedupe,
    Detector,
    DetectorChoice,
    ExtractionSettings,
    Mode,
    Names,
    Quality,
    RequestedSettings,
    Sampling,
    Selection,
)
from framed.errors import SettingsError
from framed.model.film_names import FILM_SUFFIXES, is_film_name
from framed.model.project import FrameExtraction, Overrides
from framed.model.values import as_written
from framed.settings.config import _SECTIONS, DEFAULT, JobSettings, Settings, described, load_settings, resolve
from framed.settings.outputs import outputs_in_the_way
from framed.settings.places import Places, load_places

SHIPPED = Path(__file__).resolve().parents[2] / "configs"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "configs" / "projects").mkdir(parents=True)
    return tmp_path


def places_with(root: Path, framed_yaml: str | None = None, onward_yaml: str | None = None) -> Places:
    if framed_yaml is not None:
        (root / "configs" / "framed.yaml").write_text(framed_yaml)
    if onward_yaml is not None:
        (root / "configs" / "projects" / "onward.yaml").write_text(onward_yaml)
    return load_places(root, {"HOME": str(root)})


def resolved(
    root: Path,
    framed_yaml: str | None = None,
    onward_yaml: str | None = None,
    overrides: Overrides | None = None,
) -> JobSettings:
    places = places_with(root, framed_yaml, onward_yaml)
    return resolve(load_settings(places), places, "onward", overrides or Overrides())


def test_without_any_file_the_defaults_hold(root: Path) -> None:
    """The guide's: hybrid, 10, 2 s, high, 12 workers, 3 retries. And framed's own detector, and distinct frames."""
    places = places_with(root)
    settings = load_settings(places)
    assert settings == Settings()
    job = resolve(settings, places, "onward", Overrides())
    assert job.extraction == ExtractionSettings(
        detector=Detector.PEAK, min_scene_length=5, selection=Selection.DISTINCT, dedupe=Dedupe.SHOT
    )
    assert (job.workers, job.retry) == (12, 3)
    assert job.frames_dir == root / "datasets" / "onward" / "frames"
    assert set(job.origins.values()) == {DEFAULT}


def test_command_line_wins_over_project_over_framed_yaml_over_default(root: Path) -> None:
    """Each key comes from the highest layer that gives it, and says which that was."""
    job = resolved(
        root,
        "frame_extraction: {mode: scene, scene_threshold: 20, frames_per_scene: 5, workers_per_project: auto}",
        "frame_extraction: {scene_threshold: 25, frames_per_scene: 6, retry: 7}\nquality: {blur_threshold: 80}",
        Overrides(frames_per_scene=7, quality=Quality.LOW),
    )
    assert (
        job.extraction
        == RequestedSettings(
            mode=Mode.SCENE, scene_threshold=25.0, frames_per_scene=7, quality=Quality.LOW, blur_threshold=80.0
        ).resolved
    )
    assert (job.workers, job.retry) == ("auto", 7)
    assert dict(job.origins) == {
        "mode": "configs/framed.yaml",
        "scene_threshold": "configs/projects/onward.yaml",
        "frames_per_scene": "--frames-per-scene",
        "min_scene_length": DEFAULT,
        "interval_seconds": DEFAULT,
        "sampling": DEFAULT,
        "quality": "--quality",
        "blur_threshold": "configs/projects/onward.yaml",
        "max_failed_fraction": DEFAULT,
        "detector": "configs/projects/onward.yaml",  # that of the threshold, which chooses it
        "selection": DEFAULT,
        "max_per_shot": DEFAULT,
        "dedupe": DEFAULT,
        "start_s": DEFAULT,
        "end_s": DEFAULT,
        "names": DEFAULT,
        "keep_all": DEFAULT,
        "workers_per_project": "configs/framed.yaml",
        "retry": "configs/projects/onward.yaml",
        "frames_dir": DEFAULT,
    }


def test_every_key_can_be_set_in_both_files_and_on_the_command_line(root: Path) -> None:
    """No layer lacks a setting that another has."""
    section = (
        "frame_extraction:\n  mode: interval\n  scene_threshold: 1.5\n  frames_per_scene: 2\n  min_scene_length: 3\n"
        "  interval_seconds: 4\n  sampling: exact\n  quality: medium\n  max_failed_fraction: 0.5\n  workers: 6\n"
        "  retry: 0\n  detector: adaptive\n  selection: distinct\n  max_per_shot: 8\n  dedupe: shot\n"
        "  range: {start: 0:45, end: -7:30}\n  names: time\n  keep_all: true\nquality:\n  blur_threshold: 7\n"
    )
    wanted = FrameExtraction(
        mode=Mode.INTERVAL,
        scene_threshold=1.5,
        frames_per_scene=2,
        min_scene_length=3,
        interval_seconds=4.0,
        sampling=Sampling.EXACT,
        quality=Quality.MEDIUM,
        blur_threshold=7.0,
        max_failed_fraction=0.5,
        detector=DetectorChoice.ADAPTIVE,
        selection=Selection.DISTINCT,
        max_per_shot=8,
        dedupe=Dedupe.SHOT,
        start_s=45.0,
        end_s=-450.0,
        names=Names.TIME,
        keep_all=True,
        workers_per_project=6,
        retry=0,
    )
    on_the_command_line = Overrides(**{name: getattr(wanted, name) for name in FrameExtraction.__struct_fields__})
    for job in (resolved(root, section), resolved(root, "", section), resolved(root, "", "", on_the_command_line)):
        assert (job.extraction, job.workers, job.retry) == (wanted.resolved, 6, 0)
        assert list(job.origins.values()).count(DEFAULT) == 1


@pytest.mark.parametrize(
    ("written", "start_s", "end_s"),
    [
        ("{start: 0:45, end: -7:30}", 45.0, -450.0),  # YAML itself takes -7:30 for the number -450
        ("{start: '0:45', end: '-7:30'}", 45.0, -450.0),
        ("{start: 45.5, end: 1:02:30}", 45.5, 3750.0),
        ("{end: 90}", 0.0, 90.0),
        ("{}", 0.0, 0.0),
    ],
)
def test_range_is_written_as_times_or_seconds(root: Path, written: str, start_s: float, end_s: float) -> None:
    job = resolved(root, "", f"frame_extraction: {{range: {written}}}")
    assert (job.extraction.start_s, job.extraction.end_s) == (start_s, end_s)


@pytest.mark.parametrize("written", ["{start: 50, end: 45}", "{start: -10, end: -20}", "{start: 5, end: 5}"])
def test_range_that_is_empty_in_every_film_is_refused(root: Path, written: str) -> None:
    with pytest.raises(SettingsError, match=r"onward.yaml: onward: the end, .*, is not after the start, "):
        resolved(root, "", f"frame_extraction: {{range: {written}}}")


def test_threshold_that_a_person_has_set_chooses_the_detector_that_knows_it(root: Path) -> None:
    """The guide's files all set it, and keep their meaning."""
    guides = resolved(root, "", "frame_extraction: {scene_threshold: 30.0}").extraction
    assert (guides.detector, guides.scene_threshold, guides.min_scene_length) == (Detector.CONTENT, 30.0, 15)
    typed = resolved(root, "", "", Overrides(scene_threshold=28.0)).extraction
    assert (typed.detector, typed.scene_threshold) == (Detector.CONTENT, 28.0)
    outright = resolved(root, "", "frame_extraction: {scene_threshold: 30.0, detector: peak}").extraction
    assert (outright.detector, outright.min_scene_length) == (Detector.PEAK, 5)
    held = resolved(root, "", "frame_extraction: {detector: peak, min_scene_length: 24}").extraction
    assert held.min_scene_length == 24


@pytest.mark.parametrize(
    ("written", "earlier"),
    [
        ("", {}),
        ("{scene_threshold: 25, frames_per_scene: 5}", {"scene_threshold": 25.0, "frames_per_scene": 5}),
        ("{min_scene_length: 4, mode: interval}", {"min_scene_length": 4, "mode": Mode.INTERVAL}),
        ("{selection: even}", None),
        ("{detector: content}", None),
        ("{frames_per_scene: auto}", None),
    ],
)
def test_what_an_earlier_version_made_of_the_same_files_is_known(
    root: Path, written: str, earlier: dict[str, Any] | None
) -> None:
    """So that a job that it left is recognised; unless they have what it refused."""
    job = resolved(root, None, f"frame_extraction: {written}")
    assert job.with_earlier_defaults == (ExtractionSettings(**earlier) if earlier is not None else None)
    assert job.extraction != job.with_earlier_defaults


def test_off_is_a_word_where_it_may_be_one(root: Path) -> None:
    """YAML takes it for false."""
    for written in ("off", "OFF", "'off'"):
        assert resolved(root, "", f"frame_extraction: {{dedupe: {written}}}").extraction.dedupe is Dedupe.OFF


def test_project_sends_its_frames_elsewhere(root: Path) -> None:
    """`paths.frames` with its ${base_dir} wins over datasets/; relative, it starts at the root."""
    absolute = resolved(
        root, "", "paths:\n  base_dir: /mnt/data/onward\n  frames: ${base_dir}/frames\n  models: ${x}/y"
    )
    assert absolute.frames_dir == Path("/mnt/data/onward/frames")
    assert absolute.origins["frames_dir"] == "configs/projects/onward.yaml"
    assert resolved(root, "", "paths: {frames: out/frames}").frames_dir == root / "out" / "frames"
    assert resolved(root, "paths: {datasets: /d}", "").frames_dir == Path("/d/onward/frames")


def test_root_of_the_file_system_is_no_folder_for_frames(root: Path) -> None:
    """What lies beside the frames would have no place."""
    with pytest.raises(SettingsError, match=r"onward.yaml:1: paths.frames: is the root of the file system"):
        resolved(root, "", "paths: {frames: /tmp/..}")


def test_other_stages_keep_their_sections_in_the_project_file(root: Path) -> None:
    """Not even a tag that only they know prevents it, nor a key given twice in there."""
    job = resolved(
        root,
        "",
        "project: {name: onward, studio: Pixar}\nsegmentation: !sam2 {a: 1}\nlora_training:\n  rank: 1\n  rank: 2\n"
        "quality: {min_face_size: 64, blur_threshold: 5}\nframe_extraction: {mode: scene}\n",
    )
    assert job.extraction.mode is Mode.SCENE
    assert job.extraction.blur_threshold == 5.0


@pytest.mark.parametrize(
    "value",
    [
        "2020-02-30",
        "!!bool foo",
        "!!int abc",
        "!!int ''",
        "!!timestamp foo",
        "9" * 5000,
        "!!binary \u00e9",
        "!sam2 {a: 1}",
    ],
)
def test_values_of_others_are_not_judged(root: Path, value: str) -> None:
    """Neither in a section that is not framed's nor beside framed's own keys in one that is shared."""
    job = resolved(
        root,
        "",
        f"project:\n  name: onward\n  release: {value}\npaths:\n  models: {value}\n"
        f"quality:\n  min_face_size: {value}\ntraining:\n  from: {value}\nframe_extraction: {{mode: scene}}\n",
    )
    assert job.extraction.mode is Mode.SCENE


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("/bin/tell", "must be a list, as in [one, two], not '/bin/tell'"),
        ("[sh, 1]", "must be a list, as in [one, two], not [sh, 1]"),
        ("[sh, [-c]]", "must be one value, not a list"),
        ("[sh, {c: d}]", "must be one value, not a section of its own"),
    ],
)
def test_list_holds_words_and_nothing_else(root: Path, value: str, message: str) -> None:
    """What a program would be given is what is written there."""
    places = places_with(root, f"notify:\n  command: {value}\n")
    with pytest.raises(SettingsError) as caught:
        load_settings(places)
    assert (caught.value.key, caught.value.line) == ("notify.command", 2)
    assert message in str(caught.value)


def test_list_is_shown_as_it_is_written(root: Path) -> None:
    """In `framed config`, and the words apart in its JSON."""
    places = places_with(root, "notify:\n  command:\n  - sh\n  - -c\n  - 'a b'\n")
    settings = load_settings(places)
    assert settings.notify.command == ("sh", "-c", "a b")
    (shown,) = (value for key, value, _origin in described(settings, places) if key == "notify.command")
    assert (shown, as_written(shown)) == (("sh", "-c", "a b"), "[sh, -c, a b]")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("2020-02-30", "is no valid timestamp: '2020-02-30'"),
        ("!!bool foo", "is no valid bool: 'foo'"),
        ("!!int abc", "is no valid int: 'abc'"),
        ("!!int ''", "is no valid int: ''"),
        ("!!timestamp foo", "is no valid timestamp: 'foo'"),
        ("9" * 5000, f"is no valid int: '{'9' * 57}...'"),
        ("!sam2 foo", "has the tag !sam2, which framed does not know"),
        ("!!float {a: 1}", "must be one value, not a section of its own"),
        ("[1, 2]", "must be one value, not a list"),
        ("!!binary aGk=", "must be "),
    ],
)
@pytest.mark.parametrize("which", ["framed.yaml", "projects/onward.yaml"])
def test_value_that_no_yaml_type_fits_is_a_mistake_with_its_line(
    root: Path, which: str, value: str, message: str
) -> None:
    """Whatever the YAML library makes of it: an expected failure, never a traceback."""
    for section, key in (("frame_extraction", "retry"), ("frame_extraction", "mode"), ("quality", "blur_threshold")):
        (root / "configs" / which).write_text(f"{section}:\n  {key}: {value}\n")
        with pytest.raises(SettingsError) as caught:
            resolved(root)
        assert str(caught.value).startswith(f"{root / 'configs' / which}:2: {section}.{key}: {message}")


@pytest.mark.parametrize("which", ["framed.yaml", "projects/onward.yaml"])
@pytest.mark.parametrize(
    "text", ["training:\n  x: " + "[" * 700, "frame_extraction:\n  mode: " + "[" * 700 + "]" * 700]
)
def test_depth_is_a_mistake_with_its_line(root: Path, which: str, text: str) -> None:
    """Nested further than can be read, in whosever section."""
    (root / "configs" / which).write_text(text)
    with pytest.raises(SettingsError, match=rf"{which}:2: is nested too deeply"):
        resolved(root)


def test_merge_keys_that_lead_too_far_are_a_mistake_with_their_line(root: Path) -> None:
    """Each merges the one before."""
    chain = "".join(f"a{number}: &a{number} {{<<: *a{number - 1}}}\n" for number in range(1, 1000))
    with pytest.raises(SettingsError, match=r"onward.yaml:1002: frame_extraction: is nested too deeply"):
        resolved(root, "", f"a0: &a0 {{retry: 1}}\n{chain}frame_extraction:\n  <<: *a999\n")


@pytest.mark.parametrize("path", [r'"a\0b"', r'"\ud800"'])
def test_path_that_no_folder_can_have_is_a_mistake(root: Path, path: str) -> None:
    """It would otherwise be one only where the folder is first used."""
    with pytest.raises(SettingsError, match=r"onward.yaml:1: paths.frames: must be a path"):
        resolved(root, "", f"paths: {{frames: {path}}}")
    with pytest.raises(SettingsError, match=r"framed.yaml:1: paths.datasets: must be a path"):
        resolved(root, f"paths: {{datasets: {path}}}")


@pytest.mark.parametrize("name", ["007", "2020-02-30", "on", "1_000", "!!int abc"])
def test_name_of_a_project_is_taken_as_it_is_written(root: Path, name: str) -> None:
    """Films are called as they are; no type of YAML's is meant."""
    (root / "configs" / "projects" / f"{name.removeprefix('!!int ')}.yaml").write_text(f"project:\n  name: {name}\n")
    assert resolve(Settings(), places_with(root), name.removeprefix("!!int "), Overrides()).retry == 3


def test_merge_keys_are_followed(root: Path) -> None:
    """`<<: *anchor` is how people share settings within a file; what is written beside it wins."""
    job = resolved(
        root, "", "common: &c {mode: scene, retry: 1}\nframe_extraction:\n  <<: *c\n  retry: 2\n  quality: low\n"
    )
    assert (job.extraction.mode, job.retry, job.extraction.quality) == (Mode.SCENE, 2, Quality.LOW)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "frame_extraction:\n  scene_treshold: 3",
            ":2: frame_extraction.scene_treshold: no such key; did you mean scene_th",
        ),
        (
            "frame_extraction:\n  zzz: 3",
            ":2: frame_extraction.zzz: no such key; there are dedupe, detector, frames_per_scene, interval",
        ),
        ("frame_extraction:\n  mode: scen", ":2: frame_extraction.mode: must be scene, interval or hybrid, not 'scen'"),
        ("frame_extraction:\n  mode: off", ":2: frame_extraction.mode: must be scene, interval or hybrid, not false"),
        ("frame_extraction:\n  mode:", ":2: frame_extraction.mode: has no value"),
        ("frame_extraction:\n  frames_per_scene: ten", "must be a whole number from 1 to 1000 or auto, not 'ten'"),
        ("frame_extraction:\n  frames_per_scene: true", "must be a whole number from 1 to 1000 or auto, not true"),
        ("frame_extraction:\n  scene_threshold: 300", "must be a number from 0.01 to 255 or auto, not 300"),
        ("frame_extraction:\n  interval_seconds: .nan", "must be a number from 0.001 to 86400, not nan"),
        ("frame_extraction:\n  retry: -1", "must be a whole number from 0 to 100, not -1"),
        ("frame_extraction:\n  workers: many", "must be a whole number from 1 to 1024 or auto, not 'many'"),
        (
            "frame_extraction:\n  workers: 1\n  workers_per_project: 2",
            "both its names, workers_per_project and workers",
        ),
        (
            "frame_extraction:\n  blur_threshold: 80",
            ":2: frame_extraction.blur_threshold: belongs in the section `qual",
        ),
        (
            "frame_extraction:\n  range: {start: 0:45x}",
            ":2: frame_extraction.range.start: must be a time such as 0:45, 1:02:30 or 45 (seconds)",
        ),
        ("frame_extraction:\n  range: {start: 0:45x}", "negative from the end of the film, not '0:45x'"),
        ("frame_extraction:\n  range: {begin: 0:45}", ":2: frame_extraction.range.begin: no such key"),
        ("frame_extraction:\n  range: 0:45", ":2: frame_extraction.range: must be a section with keys of its own"),
        ("frame_extraction:\n  start_s: 45", ":2: frame_extraction.start_s: no such key"),
        ("frame_extraction:\n  detector: peek", "must be auto, peak, content or adaptive, not 'peek'"),
        ("frame_extraction:\n  keep_all: 3", "must be true or false, not 3"),
        ("frame_extraction: fast", ":1: frame_extraction: must be a section with keys"),
        ("frame_extraction:\n  mode: scene\n  mode: hybrid", ":3: frame_extraction.mode: given twice, first in line 2"),
        (
            "quality:\n  blur_threshold: sharp",
            ":2: quality.blur_threshold: must be a number from 0 to 1000000, not 'sharp'",
        ),
        ("frame_extraction:\n\tmode: scene", ":2: is no valid YAML: a tab where only spaces are allowed"),
        ("frame_extraction: [", ":1: is no valid YAML"),
        ("a: 1\n---\nb: 2", "is no valid YAML: expected a single document"),
        ("- onward", ":1: must hold sections"),
        ("x: \x01", "is no valid YAML: unacceptable character"),
    ],
)
@pytest.mark.parametrize("which", ["framed.yaml", "projects/onward.yaml"])
def test_mistake_names_file_line_key_and_remedy(root: Path, which: str, text: str, message: str) -> None:
    """The same in framed.yaml and in a project's file."""
    (root / "configs" / which).write_text(text)
    with pytest.raises(SettingsError) as caught:
        resolved(root)
    assert caught.value.file == root / "configs" / which
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("bugdet: {slots: 3}", ":1: bugdet: no such section; did you mean budget?"),
        ("budget:\n  slots: 0", ":2: budget.slots: must be a whole number from 1 to 4096 or auto, not 0"),
        ("quality:\n  min_face_size: 64", ":2: quality.min_face_size: no such key; there are blur_threshold"),
        ("retry:\n  factor: .inf", ":2: retry.factor: must be a number from 1 to 100, not inf"),
        ("watch:\n  auto_submit: maybe", ":2: watch.auto_submit: must be true or false, not 'maybe'"),
        ("watch:\n  settle_s: 1\nwatch:\n  settle_s: 2", ":3: watch: given twice, first in line 1"),
    ],
)
def test_nothing_unknown_passes_in_framed_yaml(root: Path, text: str, message: str) -> None:
    """framed.yaml is framed's alone, so whatever it does not know there is a mistake."""
    with pytest.raises(SettingsError) as caught:
        load_settings(places_with(root, text))
    assert message in str(caught.value)


def test_value_of_an_option_is_checked_like_one_in_a_file(root: Path) -> None:
    """Whoever talks to the socket without framectl gets the same answer."""
    with pytest.raises(SettingsError, match=r"--scene-threshold: must be a number from 0\.01 to 255 or auto, not -3"):
        resolved(root, "", "", Overrides(scene_threshold=-3.0))


def test_copied_file_with_the_old_name_is_refused(root: Path) -> None:
    """It would send one project's frames into the folder of another."""
    with pytest.raises(SettingsError, match=r"onward.yaml:2: project.name: is 'template'"):
        resolved(root, "", "project:\n  name: template\n")
    assert resolved(root, "", "project: {name: Onward}").retry == 3


@pytest.mark.parametrize("name", ["", "..", "../up", "a/b", ".hidden", "a\0b"])
def test_project_name_never_leads_out_of_the_root(root: Path, name: str) -> None:
    """A name is the name of one visible folder, whatever is sent to the socket."""
    places = places_with(root)
    with pytest.raises(SettingsError, match="cannot be a project"):
        resolve(Settings(), places, name, Overrides())


def test_unreadable_file_is_an_error_not_a_default(root: Path) -> None:
    """A file that is there and cannot be read would otherwise silently not count."""
    (root / "configs" / "projects" / "onward.yaml").mkdir()
    places = places_with(root)
    with pytest.raises(SettingsError, match="cannot be read"):
        resolve(Settings(), places, "onward", Overrides())


def test_shipped_framed_yaml_shows_the_defaults(root: Path) -> None:
    """Every key there is, in comments, with its default; all of them uncommented change nothing."""
    text = (SHIPPED / "framed.yaml").read_text()
    shipped = load_settings(places_with(root, text))
    assert shipped == Settings()
    keys = {key for name, _, _ in described(shipped, places_with(root)) for key in name.split(".")[1:]}
    uncommented = "\n".join(
        line.replace("  # ", "  ", 1)
        if line.lstrip(" #").partition(":")[0] in keys and line.startswith("  # ")
        else line
        for line in text.splitlines()
        if not any(line.startswith(f"  # {word}:  ") for word in ("scene", "interval", "hybrid", "reference", "exact"))
    )
    places = places_with(root, uncommented)
    settings = load_settings(places)
    assert {key for key, _, origin in described(settings, places) if origin == DEFAULT} == set()
    assert described(settings, places) == [
        (key, value, "configs/framed.yaml") for key, value, _ in described(Settings(), load_places(root, {}))
    ]


@pytest.mark.parametrize("project", ["template", "luca", "onward", "orion"])
def test_shipped_project_says_what_the_guide_says(project: str) -> None:
    """hybrid, 30, 10 per scene, high; frames where datasets/ is, so that nobody's disk is written in."""
    places = load_places(SHIPPED.parent, {})
    job = resolve(Settings(), places, project, Overrides())
    todays = {"selection": Selection.DISTINCT, "dedupe": Dedupe.SHOT}
    assert job.extraction == msgspec.structs.replace(ExtractionSettings(), **todays)
    assert (job.extraction.detector, job.extraction.min_scene_length) == (Detector.CONTENT, 15)
    assert job.frames_dir == SHIPPED.parent / "datasets" / project / "frames"
    assert job.origins["mode"] == f"configs/projects/{project}.yaml"
    assert not [line for line in (SHIPPED / "projects" / f"{project}.yaml").read_text().splitlines() if ': "/' in line]


@pytest.mark.parametrize("suffix", sorted(FILM_SUFFIXES))
def test_every_promised_extension_is_a_film_in_any_case(suffix: str) -> None:
    """The guide's eight, and webm, m4v, mpg, vob; cameras and Windows write them in upper case."""
    assert is_film_name(f"Film 1{suffix}")
    assert is_film_name(f"фильм{suffix.upper()}")
    assert not is_film_name(f"Film{suffix}.part")


@pytest.mark.parametrize(
    "name",
    [
        *(
            ".mkv",
            "._film.mkv",
            ".film.mkv",
            "~film.mkv",
            "film.mkv~",
            "film",
            "mkv",
            "film.",
            "film.txt",
            "film.mkv.tmp",
        ),
        *("film.mkv.crdownload", "film.mkv.!qB", "film.mkv.partial", "film.srt", "film.ts.jpg"),
    ],
)
def test_file_that_is_no_film_yet_or_never_is_left_alone(name: str) -> None:
    """Hidden, backup and half-downloaded files, and what lies beside films."""
    assert not is_film_name(name)


@given(st.text(max_size=8), st.sampled_from(sorted(FILM_SUFFIXES)))
def test_visible_name_with_a_promised_extension_is_always_a_film(stem: str, suffix: str) -> None:
    """Whatever a film is called: only the first character and the extension decide."""
    assert is_film_name(stem + suffix) is (stem != "" and stem[0] not in ".~")


@pytest.mark.parametrize(
    ("first", "second", "is_wrong"),
    [
        ("/d/a/frames", "/d/b/frames", False),
        ("/d/a/frames", "/d/a/images", True),
        ("/d/a/frames", "/d/a/frames/b/frames", True),
        ("/d/a/frames", "/d/a/frames/frames", True),
        ("/d/a/frames", "/d/a/temp/b/frames", True),
        ("/d/a/frames", "/d/a/.framed/b/frames", True),
        ("/d/a/frames", "/d/a/b/frames", False),
        ("/d/frames", "/d/b/frames", False),
        ("/d/a/frames", "/d/frames", False),
        ("/d/a", "/d/a/b", True),
    ],
)
def test_outputs_in_each_others_way_are_found(first: str, second: str, *, is_wrong: bool) -> None:
    """Whichever is asked about; a folder between them that is neither's own is no matter."""
    outputs = {"a": Path(first), "b": Path(second), "c": Path("/elsewhere/c/frames")}
    real = {path: str(path) for each in outputs.values() for path in (each, each.parent)}
    assert outputs_in_the_way(outputs, real) == ({"a": "b", "b": "a"} if is_wrong else {})
    assert outputs_in_the_way(dict(reversed(outputs.items())), real) == ({"a": "b", "b": "a"} if is_wrong else {})


PAGE = (SHIPPED.parent / "docs" / "configuration.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("section", ["paths", "budget", "retry", "watch", "notify", "metrics"])
def test_documented_keys_defaults_and_bounds_are_those_of_the_settings(section: str) -> None:
    """The tables are written by hand: one for each section of the daemon, a row for each key, in order."""
    kind = _SECTIONS[section]
    text = PAGE.partition(f"\n### {section}\n")[2]
    table = text[text.index("| key |") :].partition("\n\n")[0]
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| (.+?) \|", table, re.MULTILINE)
    declared = {field.encode_name: field for field in msgspec.inspect.type_info(kind).fields}  # type: ignore[attr-defined]
    assert [key for key, _, _ in rows] == [*declared]
    for key, type_text, default in rows:
        assert default.strip("`") == documented(declared[key].default), key
        numbers = [each for each in kinds_in(declared[key].type) if hasattr(each, "ge")]
        for number in numbers:
            assert f"{number.ge:g} to {number.le:.15g}" in type_text, key


def documented(default: object) -> str:
    """As the page writes it."""
    if isinstance(default, bool):
        return str(default).lower()
    return "empty" if default in ("", ()) else str(default).removesuffix(".0")


def kinds_in(kind: Any) -> Iterator[Any]:
    for each in getattr(kind, "types", (kind,)):
        yield getattr(each, "type", each)
