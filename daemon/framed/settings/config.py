"""The settings: framed.yaml and the projects' files in, frozen structs out, with the origin of every value.

The daemon's defaults have their home here, those of an extraction in `frame_extractor.contract` and `model.project`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec

from frame_extractor.contract.declaration import declared
from frame_extractor.contract.settings import ExtractionSettings
from framed.errors import SettingsError, is_one_name, nearest
from framed.model.project import FrameExtraction, Overrides
from framed.model.values import check_value
from framed.settings.misnamed import misnamed_settings_file
from framed.settings.places import PathSettings, Places, shown_path
from framed.settings.settings_file import Section, UnknownEntry, check, check_shared, expanded, flattened, read_sections

DEFAULT: Final = "default"

_Seconds = Annotated[float, msgspec.Meta(ge=0.1, le=86_400)]

_TIME: Final = r"([01]?[0-9]|2[0-3]):[0-5][0-9]"
_WINDOW: Final = rf" *{_TIME} *- *({_TIME}|24:00) *"
_PORT: Final = r"(6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}|[1-9][0-9]{0,3})"
_WINDOWS: Final = rf"^({_WINDOW}(,{_WINDOW})*)?$"


class BudgetSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`budget:`, how much of the machine extractors may have."""

    slots: Annotated[int, msgspec.Meta(ge=1, le=4096)] | Literal["auto"] = "auto"
    """Worker processes of all projects together; auto is 75 % of the cores this process may use."""
    max_active: Annotated[int, msgspec.Meta(ge=1, le=4096)] | Literal["auto"] = "auto"
    """Projects that run at once; auto is a quarter of the slots, at least 1."""
    memory_per_worker_gb: Annotated[float, msgspec.Meta(ge=0.01, le=1024)] = 1.0
    """The memory estimated for a worker where `slots` is auto: 0.6 were measured for 1080p, 1.0 for 4K."""
    memory_floor_gb: Annotated[float, msgspec.Meta(ge=0, le=1_000_000)] | Literal["auto"] = "auto"
    """While less is available nothing is started; auto is 15 % of the memory there is, at most 8."""
    disk_floor_gb: Annotated[float, msgspec.Meta(ge=0, le=1_000_000)] | Literal["auto"] = "auto"
    """What is to stay free on a disk that images are written to; auto is 2 % of it, at most 2."""
    run_between: Annotated[str, msgspec.Meta(pattern=_WINDOWS, examples=["22:00-07:00"])] = ""
    """Times of day between which films are extracted; empty: always."""
    nice: Annotated[int, msgspec.Meta(ge=0, le=19)] = 10
    """How far extractors stand back from other processes when there are too few cores for all."""
    io_class: Literal["idle", "best-effort"] = "idle"
    """idle: extractors use the disk only when no other process does; best-effort: like other processes."""


class RetrySettings(msgspec.Struct, frozen=True, kw_only=True):
    """`retry:`, how long a failed attempt waits for the next; how many there are is `frame_extraction.retry`."""

    base_s: _Seconds = 30.0
    factor: Annotated[float, msgspec.Meta(ge=1, le=100)] = 2.0
    max_s: _Seconds = 600.0
    jitter: Annotated[float, msgspec.Meta(ge=0, le=0.99)] = 0.2
    """Share by which a wait is longer or shorter at random."""


class WatchSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`watch:`, how films are found."""

    auto_submit: bool = True
    """Whether a film that has settled is extracted automatically."""
    scan_interval_s: _Seconds = 5.0
    settle_s: Annotated[float, msgspec.Meta(ge=0, le=86_400)] = 10.0
    """How long a film must have stayed unchanged,"""
    settle_scans: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 3
    """and over how many scans."""
    give_up_s: Annotated[float, msgspec.Meta(ge=0, le=86_400)] = 60.0
    """A film unchanged for this long that still cannot be opened is submitted nevertheless, and fails."""
    ignore: Literal["auto"] | tuple[Annotated[str, msgspec.Meta(min_length=1)], ...] = "auto"
    """Words and globs of names of films that are not submitted automatically; auto: samples and trailers."""
    min_duration_s: Annotated[float, msgspec.Meta(ge=0, le=86_400)] = 0.0
    """Nor are films shorter than this."""
    order: Literal["name", "newest", "smallest"] = "name"
    """In which projects that are found together are submitted."""
    subfolders: bool = False
    """Whether films in folders below a project's are films of the project, as seasons are."""
    force_polling: bool = False
    """Whether change notifications of the file system are not used."""


class NotifySettings(msgspec.Struct, frozen=True, kw_only=True):
    """`notify:`, how notifications are sent."""

    command: tuple[str, ...] = ()
    """A program and its arguments, run without a shell; empty: nothing is run."""
    desktop: bool | Literal["auto"] = "auto"
    """Whether notify-send shows it; auto: where there is a session and that program."""
    timeout_s: _Seconds = 30.0
    at_most_every_s: Annotated[float, msgspec.Meta(ge=0, le=86_400)] = 30.0
    """Time between two notifications; events in between are sent together."""
    stalled_after_s: _Seconds = 900.0
    """A running attempt without progress for this long is stalled. A worker that hangs is replaced after 180 s, up to
    three times for one span: below 600 s that would be reported too.
    """


class MetricsSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`metrics:`, for Prometheus."""

    listen: Annotated[str, msgspec.Meta(pattern=rf"^(\S+:{_PORT})?$", examples=["127.0.0.1:9308"])] = ""
    """`host:port` that scrapes are answered on; empty: none are. Settled when the daemon starts."""


class ProjectWatchSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`watch:` of a project's file: what of it may differ from project to project."""

    subfolders: bool = False


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All of framed.yaml, with defaults filled in, except `paths:`, which is in `Places`."""

    budget: BudgetSettings = BudgetSettings()
    retry: RetrySettings = RetrySettings()
    watch: WatchSettings = WatchSettings()
    notify: NotifySettings = NotifySettings()
    metrics: MetricsSettings = MetricsSettings()
    frame_extraction: FrameExtraction = FrameExtraction()
    """What every project starts from."""
    origins: Mapping[str, str] = {}
    """Section and key with a dot between -> the file that set it; keys left at their defaults are not in it."""
    warning: str | None = None
    """A message that framed.yaml is missing and which file is probably meant to be it; None otherwise."""


@dataclass(frozen=True)
class JobSettings:
    """What one project is extracted with."""

    requested: FrameExtraction
    """As the files and options say, with what they leave open."""
    extraction: ExtractionSettings
    """The same, resolved."""
    workers: int | Literal["auto"]
    """Asked for; the budget may grant fewer."""
    retry: int
    """How often a failed attempt is tried again."""
    frames_dir: Path
    origins: Mapping[str, str]
    """Every field of `FrameExtraction`, and `frames_dir` -> the option or file that set it, or `default`."""
    subfolders: bool = False
    """Whether films in folders below the project's are its own."""
    own_subfolders: bool | None = None
    """The value in the project's own file; None when it is not set there."""
    warnings: tuple[str, ...] = ()
    """Entries of its file without effect, although a user may expect one: a line for a person each."""

    @property
    def with_earlier_defaults(self) -> ExtractionSettings | None:
        """The extraction as a version with the earlier defaults resolved the same files and options (decision 69).

        None where they set something that it did not know.
        """
        given = {}
        for each in declared(ExtractionSettings):
            value = getattr(self.requested, each.name)
            if self.origins[each.name] == DEFAULT or (each.name == "detector" and self.requested.is_detector_implied):
                continue
            if each.setting.since is not None or value == "auto":
                return None
            given[each.name] = value
        return ExtractionSettings(**given)


def section_settings(section: str, kind: type[FrameExtraction] = FrameExtraction) -> type[msgspec.Struct]:
    """The settings of an extraction that are keys of this section of settings files."""
    return msgspec.defstruct(
        section,
        [(each.name, each.type, each.default) for each in declared(kind) if each.setting.section == section],
        frozen=True,
        kw_only=True,
    )


QualitySettings: Final = section_settings("quality")
"""`quality:`, of which framed knows one key."""

_SECTIONS: Final[Mapping[str, type[msgspec.Struct]]] = {
    "paths": PathSettings,
    "frame_extraction": FrameExtraction,
    "quality": QualitySettings,
    "budget": BudgetSettings,
    "retry": RetrySettings,
    "watch": WatchSettings,
    "notify": NotifySettings,
    "metrics": MetricsSettings,
}
_PROJECT_SECTIONS: Final = ("project", "paths", "frame_extraction", "quality", "watch")
_SHARED: Final[Mapping[str, tuple[str, ...]]] = {
    "project": ("name",),
    "paths": ("frames",),
    "quality": QualitySettings.__struct_fields__,
}
"""Sections of a project's file in which other tools have keys of their own, and which of them are framed's."""
_NEAR_KEY: Final = 0.9
_NEAR_SECTION: Final = 0.7
"""How alike a key must be that is another tool's by right: `model` is no `mode`."""
_OTHER_SPELLINGS: Final = {other: each.name for each in declared(FrameExtraction) for other in each.setting.other_names}
_KEYS: Final = {each.name: each.key for each in declared(FrameExtraction)}
"""Field -> key."""
_FIELDS: Final = {key: name for name, key in _KEYS.items()} | _OTHER_SPELLINGS
"""Key, in any spelling -> field."""
_OPTIONS: Final = {each.name: each.options[0] for each in declared(FrameExtraction)}
_NESTED: Final = {key.partition(".")[0] for key in _KEYS.values() if "." in key}


def load_settings(places: Places) -> Settings:
    """framed.yaml checked to the last key; the defaults where there is none. Raises SettingsError."""
    file = places.settings_file
    sections = read_sections(file, _SECTIONS, others_allowed=False)
    sections["frame_extraction"] = flattened(sections["frame_extraction"], _NESTED)
    check(sections["paths"], PathSettings)
    extraction = _extraction_values(sections)
    check(sections["quality"], QualitySettings)
    origin = shown_path(file, places.root)
    return Settings(
        budget=BudgetSettings(**check(sections["budget"], BudgetSettings)),
        retry=RetrySettings(**check(sections["retry"], RetrySettings)),
        watch=WatchSettings(**check(sections["watch"], WatchSettings)),
        notify=NotifySettings(**check(sections["notify"], NotifySettings)),
        metrics=MetricsSettings(**check(sections["metrics"], MetricsSettings)),
        frame_extraction=FrameExtraction(**extraction),
        origins={
            f"{name}.{_FIELDS.get(key, key) if name == 'frame_extraction' else key}": origin
            for name, section in sections.items()
            for key in section.nodes
        },
        warning=misnamed_settings_file(places),
    )


def resolve(settings: Settings, places: Places, project: str, overrides: Overrides) -> JobSettings:
    """What `project` would be extracted with: command line over its own file over framed.yaml over defaults.

    Raises SettingsError.
    """
    if not is_one_name(project):
        raise SettingsError(None, "", f"{project!r} cannot be a project: it must be the name of a visible folder")
    values: dict[str, Any] = msgspec.structs.asdict(settings.frame_extraction)
    origins = {key: settings.origins.get(f"{_section_of(key)}.{key}", DEFAULT) for key in values}

    file = places.project_file(project)
    strangers: dict[str, UnknownEntry] = {}
    sections = read_sections(file, _PROJECT_SECTIONS, others_allowed=True, unknown=strangers)
    sections["frame_extraction"] = flattened(sections["frame_extraction"], _NESTED)
    origin = shown_path(file, places.root)
    for name, ours in _SHARED.items():
        check_shared(sections[name], ours)
    own = check(sections["watch"], ProjectWatchSettings).get("subfolders")
    _check_name(sections["project"], project)
    for key, value in _extraction_values(sections).items():
        values[key], origins[key] = value, origin

    types = {field.name: field.type for field in msgspec.structs.fields(FrameExtraction)}
    for key, value in msgspec.structs.asdict(overrides).items():
        if value is not None:
            option = _OPTIONS[key]
            try:
                values[key], origins[key] = check_value(types[key], value), option
            except ValueError as wrong:
                raise SettingsError(None, option, str(wrong)) from None

    frames_dir, origins["frames_dir"] = places.frames_dir(project), settings.origins.get("paths.datasets", DEFAULT)
    if "frames" in sections["paths"].nodes:
        frames_dir = Path(os.path.abspath(places.root / expanded(sections["paths"], "frames", os.environ)))
        origins["frames_dir"] = origin
        if frames_dir == frames_dir.parent:
            raise sections["paths"].error("frames", "is the root of the file system; say a folder, as in /data/frames")
    requested = FrameExtraction(**values)
    try:
        extraction = requested.resolved
    except ValueError as wrong:
        where = origins["end_s"] if origins["end_s"] != DEFAULT else origins["start_s"]
        raise SettingsError(None, where, f"{project}: {wrong}") from None
    if requested.is_detector_implied:
        origins["detector"] = origins["scene_threshold"]
    return JobSettings(
        requested=requested,
        extraction=extraction,
        workers=requested.workers_per_project,
        retry=requested.retry,
        frames_dir=frames_dir,
        origins=origins,
        subfolders=settings.watch.subfolders if own is None else own,
        own_subfolders=own,
        warnings=tuple(_warnings(strangers, origin)),
    )


def _warnings(strangers: Mapping[str, UnknownEntry], file: str) -> Iterator[str]:
    """Warnings about unknown entries at the top level of a project's file that seem to be meant for framed."""
    keys = {*_FIELDS}
    for name, stranger in strangers.items():
        where = f"{file}:{stranger.line}: {name}"
        if not stranger.is_section and (key := nearest(name, keys, cutoff=_NEAR_KEY)):
            belongs = f"put it into {_section_of(key)}" if name == key else f"did you mean {_section_of(key)}.{key}?"
            yield f"{where} has no effect at the top level; {belongs}"
        elif name in _SECTIONS and stranger.keys & frozenset(_SECTIONS[name].__struct_fields__):
            yield f"{where} has no effect here; it is read in framed.yaml only"
        elif name not in _SECTIONS and (section := nearest(name, _PROJECT_SECTIONS, cutoff=_NEAR_SECTION)):
            # `feature_extraction` is another tool's, unless what stands in it is framed's.
            ours = frozenset(_SHARED.get(section) or _SECTIONS[section].__struct_fields__)
            if stranger.keys & ours or nearest(name, [section], cutoff=_NEAR_KEY):
                yield f"{where} has no effect; did you mean {section}?"


Value = str | int | float | bool | tuple[str, ...]
"""Of one key, as JSON has it."""


def described(settings: Settings, places: Places) -> list[tuple[str, Value, str]]:
    """Every key of framed.yaml with what holds for it and the file that set it, or `default`."""
    sources: dict[str, object] = {
        "paths": places,
        "frame_extraction": settings.frame_extraction,
        "quality": settings.frame_extraction,
        "budget": settings.budget,
        "retry": settings.retry,
        "watch": settings.watch,
        "notify": settings.notify,
        "metrics": settings.metrics,
    }
    rows = []
    for section, kind in _SECTIONS.items():
        for name in kind.__struct_fields__:
            if section == _section_of(name, section):
                value, origin = getattr(sources[section], name), settings.origins.get(f"{section}.{name}", DEFAULT)
                shown = _KEYS.get(name, name) if section == "frame_extraction" else name
                rows.append((f"{section}.{shown}", msgspec.to_builtins(value, enc_hook=str), origin))
    return rows


def _extraction_values(sections: Mapping[str, Section]) -> dict[str, Any]:
    """The settings of extraction in a settings file, from both sections that may have them."""
    section, quality = sections["frame_extraction"], sections["quality"]
    if "blur_threshold" in section.nodes:
        raise section.error("blur_threshold", "belongs in the section `quality`")
    quality_keys = QualitySettings.__struct_fields__
    values = check(section, FrameExtraction, keys=_KEYS, renamed=_OTHER_SPELLINGS, without=quality_keys)
    ours = {key: node for key, node in quality.nodes.items() if key in QualitySettings.__struct_fields__}
    return values | check(replace(quality, nodes=ours), QualitySettings)


def _check_name(section: Section, project: str) -> None:
    """A copied file whose name was not changed would send one project's frames into another's folder."""
    name = section.written("name")
    if name is not None and name.casefold() != project.casefold():
        raise section.error("name", f"is {name!r}, but the file is that of the project {project!r}; make them equal")


def _section_of(key: str, section: str = "frame_extraction") -> str:
    """Where a settings file has this key: what one struct holds may stand in two sections."""
    return "quality" if key in QualitySettings.__struct_fields__ else section
