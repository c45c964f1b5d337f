"""One YAML settings file as sections whose every key knows its line, and the checking of a section against a type.

Reads only the sections it is asked for: what others keep in the same file is not even constructed. Knows no key itself.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import yaml

from framed.errors import SettingsError, nearest
from framed.model.values import check_value

_VARIABLE = re.compile(r"\$\{([^}]*)\}")


@dataclass(frozen=True)
class Section:
    """One top-level mapping of a settings file; empty when the file does not have it."""

    file: Path
    name: str
    values: Mapping[str, object] = field(default_factory=dict)
    lines: Mapping[str, int] = field(default_factory=dict)

    def error(self, key: str, message: str) -> SettingsError:
        """An error about one key of this section."""
        return SettingsError(self.file, f"{self.name}.{key}", message, self.lines.get(key))


def read_sections(file: Path, wanted: Collection[str], *, others_allowed: bool) -> dict[str, Section]:
    """Every wanted section of the file; all of them empty when there is no file.

    Raises SettingsError: unreadable, no YAML, a key given twice, a section that is no mapping, and, unless others are
    allowed, a section nobody wants.
    """
    sections = {name: Section(file, name) for name in wanted}
    try:
        text = file.read_bytes()
    except FileNotFoundError:
        return sections
    except OSError as failed:
        raise SettingsError(file, "", f"cannot be read: {failed.strerror}") from None
    try:
        loader = yaml.SafeLoader(text)
        root = loader.get_single_node()
        if root is None or _is_null(root):
            return sections
        if not isinstance(root, yaml.MappingNode):
            raise SettingsError(file, "", f"must hold sections like `{min(wanted)}:`", _line(root))
        for name, node in _entries(loader, file, "", root).items():
            if name in sections:
                sections[name] = _section(loader, file, name, node)
            elif not others_allowed:
                raise SettingsError(file, name, f"no such section{_meant(name, wanted)}", _line(node))
    except yaml.YAMLError as invalid:
        raise _syntax_error(file, invalid) from None
    return sections


def check(
    section: Section,
    kind: type[msgspec.Struct],
    *,
    renamed: Mapping[str, str] | None = None,
    without: Collection[str] = (),
) -> dict[str, Any]:
    """The section's values as the types of `kind`'s fields of the same names; keys that are not given are left out.

    `renamed` maps other spellings of a key to its field, `without` are fields that are no keys of this section. Raises
    SettingsError for an unknown key, a key given under two spellings, and a value that does not fit.
    """
    types = {each.name: each.type for each in msgspec.structs.fields(kind) if each.name not in without}
    checked: dict[str, Any] = {}
    for key, value in section.values.items():
        name = (renamed or {}).get(key, key)
        if name not in types:
            raise section.error(key, f"no such key{_meant(key, types)}")
        if name in checked:
            raise section.error(key, "given under both its names, " + " and ".join(_spellings(name, renamed or {})))
        try:
            checked[name] = check_value(types[name], value)
        except ValueError as wrong:
            raise section.error(key, str(wrong)) from None
    return checked


def expanded(section: Section, key: str, environ: Mapping[str, str]) -> str:
    """The text under `key` with every ${NAME} and a leading ~ replaced.

    A name is another key of the section, else of the environment. Raises SettingsError when the value is no text, for a
    name that neither knows, and for one that leads back to itself.
    """
    return os.path.expanduser(_expanded(section, key, environ, (key,)))


def _expanded(section: Section, key: str, environ: Mapping[str, str], within: tuple[str, ...]) -> str:
    def value_of(match: re.Match[str]) -> str:
        name = match[1]
        if name in within:
            raise section.error(key, f"${{{name}}} leads back to itself")
        if name in section.values:
            return _expanded(section, name, environ, (*within, name))
        if name in environ:
            return environ[name]
        raise section.error(key, f"${{{name}}} is no key of `{section.name}`, and not set in the environment")

    text = section.values[key]
    if not isinstance(text, str) or not text:
        raise section.error(key, "must be a path")
    return _VARIABLE.sub(value_of, text)


def _section(loader: yaml.SafeLoader, file: Path, name: str, node: yaml.Node) -> Section:
    if _is_null(node):
        return Section(file, name)
    if not isinstance(node, yaml.MappingNode):
        raise SettingsError(file, name, "must be a section with keys of its own", _line(node))
    entries = _entries(loader, file, f"{name}.", node)
    return Section(
        file,
        name,
        {key: loader.construct_object(value, deep=True) for key, value in entries.items()},
        {key: _line(value) for key, value in entries.items()},
    )


def _entries(loader: yaml.SafeLoader, file: Path, prefix: str, mapping: yaml.MappingNode) -> dict[str, yaml.Node]:
    """The mapping's values by their keys as written (`on` and `1` too are text here), merge keys followed."""
    given: dict[str, int] = {}
    for key_node, _ in mapping.value:
        if not isinstance(key_node, yaml.ScalarNode):
            raise SettingsError(file, prefix.rstrip("."), "a key must be a plain word", _line(key_node))
        if key_node.value in given:
            twice = f"given twice, first in line {given[key_node.value]}"
            raise SettingsError(file, f"{prefix}{key_node.value}", twice, _line(key_node))
        given[key_node.value] = _line(key_node)
    loader.flatten_mapping(mapping)
    return {str(key_node.value): value_node for key_node, value_node in mapping.value}


def _syntax_error(file: Path, invalid: yaml.YAMLError) -> SettingsError:
    mark = getattr(invalid, "problem_mark", None) or getattr(invalid, "context_mark", None)
    what = getattr(invalid, "problem", None) or str(invalid).splitlines()[0]
    if "'\\t'" in what:
        what = "a tab stands where only spaces may"
    elif what.startswith("but "):
        what = f"{getattr(invalid, 'context', '')} {what}"
    return SettingsError(file, "", f"is no valid YAML: {what}", mark.line + 1 if mark else None)


def _spellings(name: str, renamed: Mapping[str, str]) -> list[str]:
    return [name, *(other for other, field_name in renamed.items() if field_name == name)]


def _is_null(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null"


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _meant(name: str, known: Collection[str]) -> str:
    near = nearest(name, known)
    if near:
        return f"; did you mean {near}?"
    return f"; there are {', '.join(sorted(known))}" if known else ""
