"""Parses a YAML settings file into sections, with line numbers, and checks a section against a type.

Constructs only the values that are asked for: other tools may keep theirs in the same file. Knows no key itself.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import msgspec
import yaml

from frame_extractor.contract.regular import read_regular
from framed.errors import SettingsError, is_utf8, nearest
from framed.model.values import check_value, takes_list, words_of
from framed.patience import Patience

MOST_BYTES: Final = 1 << 20
"""Of a settings file."""
_PATIENCE: Final = Patience[str](2.0)
"""Shared by the process, so that a file on an unresponsive disk is read only once at a time."""
_TAGS: Final = "tag:yaml.org,2002:"
_LONGEST_SHOWN: Final = 60
_NEAR: Final = 0.8
"""Similarity from which a key counts as a misspelt one of framed's, where it may be another tool's."""
_VARIABLE: Final = re.compile(r"\$\{([^}]*)\}")


@dataclass(frozen=True)
class Section:
    """One top-level mapping of a settings file; empty when the file does not have it."""

    file: Path
    name: str
    nodes: Mapping[str, yaml.Node] = field(default_factory=dict)
    """Key -> its node, not constructed yet: it may be another tool's, with its own tags."""

    def value(self, key: str, *, list_allowed: bool = False) -> object:
        """The number, text or boolean under `key`, which must exist, or a list of them where that is allowed.

        Raises SettingsError for anything else.
        """
        node = self.nodes[key]
        if list_allowed and isinstance(node, yaml.SequenceNode):
            return [self._scalar(key, each) for each in node.value]
        return self._scalar(key, node)

    def _scalar(self, key: str, node: yaml.Node) -> object:
        if not isinstance(node, yaml.ScalarNode):
            what = "a list" if isinstance(node, yaml.SequenceNode) else "a section of its own"
            raise self.error(key, f"must be one value, not {what}")
        if node.tag not in yaml.SafeLoader.yaml_constructors:
            raise self.error(key, f"has the tag {node.tag}, which framed does not know")
        try:
            return yaml.constructor.SafeConstructor().construct_object(node)
        except Exception as failed:
            # PyYAML does not catch Python's errors for 2020-02-30, `!!bool foo` or 5,000 digits.
            text = node.value if len(node.value) <= _LONGEST_SHOWN else f"{node.value[: _LONGEST_SHOWN - 3]}..."
            raise self.error(key, f"is no valid {node.tag.removeprefix(_TAGS)}: {text!r}") from failed

    def written(self, key: str) -> str | None:
        """The scalar under `key` as written in the file, also `007` and `on`; None when there is none."""
        node = self.nodes.get(key)
        return str(node.value) if isinstance(node, yaml.ScalarNode) and not _is_null(node) else None

    def error(self, key: str, message: str) -> SettingsError:
        """An error about one key of this section."""
        node = self.nodes.get(key)
        return SettingsError(self.file, f"{self.name}.{key}", message, _line(node) if node is not None else None)


@dataclass(frozen=True)
class UnknownEntry:
    """A top-level entry of a settings file that is not a section of framed's."""

    line: int
    is_section: bool
    keys: frozenset[str] = frozenset()
    """Keys of a section, those that are scalars."""


def read_sections(
    file: Path, wanted: Collection[str], *, others_allowed: bool, unknown: dict[str, UnknownEntry] | None = None
) -> dict[str, Section]:
    """Every wanted section of the file; all of them empty when there is no file.

    Other entries, where they are allowed, are put into `unknown` by name.

    Raises SettingsError for a file that cannot be read, invalid YAML, a duplicate key, a section that is no mapping,
    and, unless others are allowed, an unknown section.
    """
    sections = {name: Section(file, name) for name in wanted}
    try:
        text = _PATIENCE.call(str(file), lambda: read_regular(file, MOST_BYTES))
    except FileNotFoundError:
        return sections
    except OSError as failed:
        if failed.errno == errno.ENAMETOOLONG:  # no such file can exist, for a project with the longest possible name
            return sections
        raise SettingsError(file, "", f"cannot be read: {failed.strerror}") from None
    try:
        root = _composed(file, text)
        if root is None or _is_null(root):
            return sections
        if not isinstance(root, yaml.MappingNode):
            raise SettingsError(file, "", f"must hold sections like `{min(wanted)}:`", _line(root))
        lines = {key.value: _line(key) for key, _ in root.value if isinstance(key, yaml.ScalarNode)}
        for name, node in _entries(file, "", root).items():
            if name in sections:
                sections[name] = _section(file, name, node)
            elif not others_allowed:
                raise SettingsError(
                    file, name, f"no such section{_suggestion(name, wanted)}", lines.get(name, _line(node))
                )
            elif unknown is not None:
                unknown[name] = _unknown_entry(node, lines.get(name, _line(node)))
    except yaml.YAMLError as invalid:
        raise _syntax_error(file, invalid) from None
    return sections


def flattened(section: Section, nested: Collection[str]) -> Section:
    """The section with the keys of each of these mappings in it as its own: `range: {start: 1}` as `range.start: 1`.

    Raises SettingsError for one that is no mapping.
    """
    nodes: dict[str, yaml.Node] = {}
    for key, node in section.nodes.items():
        if key not in nested or _is_null(node):
            nodes[key] = node
        elif isinstance(node, yaml.MappingNode):
            inner = _entries(section.file, f"{section.name}.{key}.", node)
            nodes |= {f"{key}.{name}": value for name, value in inner.items()}
        else:
            raise section.error(key, "must be a section with keys of its own")
    return replace(section, nodes=nodes)


def check_shared(section: Section, ours: Collection[str]) -> None:
    """Raises SettingsError for a key similar to a missing one of ours; other keys may belong to other tools."""
    missing = [key for key in ours if key not in section.nodes]
    for key in section.nodes:
        if key not in ours and (meant := nearest(key, missing, cutoff=_NEAR)):
            raise section.error(key, f"no such key; did you mean {meant}?")


def check(
    section: Section,
    kind: type[msgspec.Struct],
    *,
    keys: Mapping[str, str] | None = None,
    renamed: Mapping[str, str] | None = None,
    without: Collection[str] = (),
) -> dict[str, Any]:
    """The section's values by field of `kind`, checked against the fields' types; missing keys are left out.

    `keys` maps fields to their keys where the names differ, `renamed` other spellings of a key to it; `without` are
    fields that are not keys of this section. Raises SettingsError for an unknown key, a key given in two spellings, and
    a value of a wrong type.
    """
    fields = {(keys or {}).get(each.name, each.name): each for each in msgspec.structs.fields(kind)}
    known = {key: each for key, each in fields.items() if each.name not in without}
    checked: dict[str, Any] = {}
    for key in section.nodes:
        found = known.get((renamed or {}).get(key, key))
        if found is None:
            raise section.error(key, f"no such key{_suggestion(key, known)}")
        if found.name in checked:
            raise section.error(
                key, "given under both its names, " + " and ".join(_spellings(found.name, renamed or {}))
            )
        try:
            checked[found.name] = check_value(found.type, _value(section, key, found.type))
        except ValueError as wrong:
            raise section.error(key, str(wrong)) from None
    return checked


def _value(section: Section, key: str, kind: Any) -> object:
    """YAML takes `off` for false; where `off` is one of the words that may be given, it is that word."""
    written = section.written(key)
    if written is not None and written.lower() in words_of(kind):
        return written.lower()
    return section.value(key, list_allowed=takes_list(kind))


def expanded(section: Section, key: str, environ: Mapping[str, str]) -> str:
    """The text under `key` with every ${NAME} and a leading ~ replaced.

    A name is another key of the section, else an environment variable. Raises SettingsError when the value is not a
    valid path, for an unknown name, and for a name that refers to itself.
    """
    path = os.path.expanduser(_expanded(section, key, environ, (key,)))
    if not is_utf8(path) or "\0" in path:
        raise section.error(key, "must be a path; this cannot be the name of a folder")
    return path


def _expanded(section: Section, key: str, environ: Mapping[str, str], within: tuple[str, ...]) -> str:
    def value_of(match: re.Match[str]) -> str:
        name = match[1]
        if name in within:
            raise section.error(key, f"${{{name}}} refers to itself")
        if name in section.nodes:
            return _expanded(section, name, environ, (*within, name))
        if name in environ:
            return environ[name]
        raise section.error(key, f"${{{name}}} is neither a key of `{section.name}` nor set in the environment")

    text = section.value(key)
    if not isinstance(text, str) or not text:
        raise section.error(key, "must be a path")
    return _VARIABLE.sub(value_of, text)


def _composed(file: Path, text: bytes) -> yaml.Node | None:
    """The file's only document, not constructed; None when it is empty. Raises SettingsError, YAMLError."""
    loader = yaml.SafeLoader(text)
    try:
        return loader.get_single_node()
    except RecursionError:
        raise SettingsError(file, "", "is nested too deeply", loader.line + 1) from None


def _section(file: Path, name: str, node: yaml.Node) -> Section:
    if _is_null(node):
        return Section(file, name)
    if not isinstance(node, yaml.MappingNode):
        raise SettingsError(file, name, "must be a section with keys of its own", _line(node))
    return Section(file, name, _entries(file, f"{name}.", node))


def _entries(file: Path, prefix: str, mapping: yaml.MappingNode) -> dict[str, yaml.Node]:
    """Key as written (`on` and `1` are text here) -> node, with merge keys applied."""
    given: dict[str, int] = {}
    for key_node, _ in mapping.value:
        if not isinstance(key_node, yaml.ScalarNode):
            raise SettingsError(file, prefix.rstrip("."), "a key must be a plain word", _line(key_node))
        if key_node.value in given:
            twice = f"given twice, first in line {given[key_node.value]}"
            raise SettingsError(file, f"{prefix}{key_node.value}", twice, _line(key_node))
        given[key_node.value] = _line(key_node)
    try:
        yaml.constructor.SafeConstructor().flatten_mapping(mapping)
    except RecursionError:
        raise SettingsError(file, prefix.rstrip("."), "is nested too deeply", _line(mapping)) from None
    return {str(key_node.value): value_node for key_node, value_node in mapping.value}


def _syntax_error(file: Path, invalid: yaml.YAMLError) -> SettingsError:
    mark = getattr(invalid, "problem_mark", None) or getattr(invalid, "context_mark", None)
    what = getattr(invalid, "problem", None) or str(invalid).splitlines()[0]
    if "'\\t'" in what:
        what = "a tab where only spaces are allowed"
    elif what.startswith("but "):
        what = f"{getattr(invalid, 'context', '')} {what}"
    return SettingsError(file, "", f"is no valid YAML: {what}", mark.line + 1 if mark else None)


def _spellings(name: str, renamed: Mapping[str, str]) -> list[str]:
    return [name, *(other for other, field_name in renamed.items() if field_name == name)]


def _unknown_entry(node: yaml.Node, line: int) -> UnknownEntry:
    if not isinstance(node, yaml.MappingNode):
        return UnknownEntry(line, is_section=False)
    keys = frozenset(str(key.value) for key, _ in node.value if isinstance(key, yaml.ScalarNode))
    return UnknownEntry(line, is_section=True, keys=keys)


def _is_null(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null"


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _suggestion(name: str, known: Collection[str]) -> str:
    near = nearest(name, known)
    if near:
        return f"; did you mean {near}?"
    return f"; there are {', '.join(sorted(known))}" if known else ""
