"""Turns pydantic's errors into sentences: file and line, key, what was seen, what is expected, and the cure."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from bnexp.config import merging, yaml, yaml_text
from bnexp.config.cures import SECTIONS, below_cure, blank_cure, colon_cure, cure, kind_cure, names_of
from bnexp.config.layers import OWN_ERRORS
from bnexp.config.nearest_kind import errors_of, with_nearest_kind
from bnexp.config.other_names import key_meant, metric_meant
from bnexp.config.overrides import is_from_override
from bnexp.config.places import entry_of, key_text, keys_of, name_of, node_at, present
from bnexp.config.yaml import Keys, Node
from bnexp.errors import MOST_MISTAKES, nearest

INCOMPLETE = ("missing", "union_tag_not_found", "too_short")
"""Error types that can be a consequence of a part that could not be read."""
EXPECTED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "string_type": "text",
    "list_type": "a list",
    "dict_type": "a mapping of keys",
    "model_type": "a mapping of keys",
    "model_attributes_type": "a mapping of keys",
    "greater_than": "more than {gt}",
    "greater_than_equal": "{ge} or more",
    "less_than": "less than {lt}",
    "less_than_equal": "{le} or less",
    "too_short": "{min_length} or more entries",
    "too_long": "at most {max_length} entries",
    "string_too_short": "at least {min_length} characters",
    "string_too_long": "at most {max_length} characters",
    "string_pattern_mismatch": "a size, such as 4GiB or 500MiB",
    "literal_error": "one of the good names",
    "union_tag_invalid": "one of the good names",
}
"""pydantic's error type -> the expected value, in words."""
NAMES = r"""'([^']+)'|"([^"]+)"|([^\s,'"]+)"""
"""Matches a name in pydantic's list of expected values: in single or double quotes, or without quotes."""
ALTERNATIVES = ("int_type", "int_from_float", "float_type", "bool_type", "string_type", "list_type")
"""Error types that pydantic reports once for each type that a key may have."""


def problems(node: Node, errors: Sequence[ErrorDetails], kind: type[BaseModel]) -> list[str]:
    """Return a line for each mistake. Beyond the first MOST_MISTAKES, only the keys are named."""
    config = Config(node, kind)
    every = [(config, details) for details in _each_once(node, errors)]
    every += [found for details in errors for found in _of_nearest_kind(config, details)]
    described = [at.problem(details) for at, details in every[:MOST_MISTAKES]]
    return described + [key_text(at.node, keys_of(at.node, details["loc"])) for at, details in every[MOST_MISTAKES:]]


def in_file_order(lines: Sequence[str]) -> list[str]:
    """Sort mistakes by line within each file. Files, and mistakes without a line, keep their order.

    >>> in_file_order(["a.yaml:3: x", "an override", "b.yaml:2: y", "a.yaml:1: z"])
    ['a.yaml:1: z', 'a.yaml:3: x', 'an override', 'b.yaml:2: y']
    """
    places = [re.match(r"(.+?):(\d+): ", line) for line in lines]
    files = [line if place is None else place[1] for line, place in zip(lines, places, strict=True)]
    first = {file: at for at, file in reversed(list(enumerate(files)))}
    numbers = [0 if place is None else int(place[2]) for place in places]
    order = sorted(range(len(lines)), key=lambda at: (first[files[at]], numbers[at]))
    return [lines[at] for at in order]


def _of_nearest_kind(config: Config, details: ErrorDetails) -> Iterator[tuple[Config, ErrorDetails]]:
    """Yield the other mistakes of a section with a misspelt `name`. It is read as the kind that was probably meant."""
    if details["type"] != "union_tag_invalid":
        return
    keys = keys_of(config.node, details["loc"])
    if (meant := with_nearest_kind(config.node, keys, details["ctx"])) is None:
        return
    for found in _each_once(meant, errors_of(meant, config.whole)):
        if keys_of(meant, found["loc"])[: len(keys)] == keys and found["type"] not in INCOMPLETE:
            yield Config(meant, config.whole), found


def _each_once(node: Node, errors: Sequence[ErrorDetails]) -> Iterator[ErrorDetails]:
    """Yield one error for each key. If a key allows several types or words, its error names all of them."""
    words = {details["loc"][:-1]: details for details in errors if details["type"] == "literal_error"}
    kinds: dict[Keys, ErrorDetails] = {}
    for details in errors:
        among = words.get(details["loc"][:-1]) if details["loc"][-1:] == ("bool",) else None
        if among is not None:
            among["ctx"]["expected"] = f"true, false, {among['ctx']['expected']}"
        elif details["type"] in ALTERNATIVES:
            first = kinds.setdefault(present(node, keys_of(node, details["loc"])), details)
            if first is details:
                yield details
            else:
                first.setdefault("ctx", {}).setdefault("others", []).append(EXPECTED[details["type"]])
        else:
            yield details


@dataclass(frozen=True)
class Config:
    """The content of a file, and the schema that it should follow."""

    node: Node
    whole: type[BaseModel]

    def problem(self, details: ErrorDetails) -> str:
        """Return the message for one of pydantic's errors."""
        keys = keys_of(self.node, details["loc"])
        entry = node_at(self.node, keys)
        match details["type"]:
            case "extra_forbidden":
                return f"{entry.where}: {key_text(self.node, keys)} is not a known key. {self._good_keys(keys)}"
            case "missing":
                return self._missing(keys[:-1], keys[-1], entry)
            case "union_tag_not_found":
                return self._missing(keys, "name", entry)
            case "literal_error" | "union_tag_invalid":
                return self._no_good_name(keys, entry, details.get("ctx", {}))
        return self._no_good_value(keys, entry, details)

    def _missing(self, section: Keys, key: str, entry: Node) -> str:
        name = key_text(self.node, (*section, key))
        cure = self._choices(section, key) + _of_another_kind(self.node, section)
        return f"{entry.where}: {name} is missing; it has no default. {cure}"

    def _no_good_name(self, keys: Keys, entry: Node, context: dict[str, Any]) -> str:
        named = entry_of(entry, "name")
        seen = named or _layer_name(entry)
        name = key_text(self.node, (*present(self.node, keys), *(["name"] if named else [])))
        expected = context.get("expected_tags") or context.get("expected") or ""
        words = [next(filter(None, found)) for found in re.findall(NAMES, expected.replace(" or ", ", "))]
        good = colon_cure(seen, name) or metric_meant(str(seen.value), words)
        good = good or nearest(str(seen.value), words, most=40 if len(words) > 80 else None)
        return f"{seen.where}: {name} is {merging.shown(yaml.plain(seen))}. {good}"

    def _no_good_value(self, keys: Keys, entry: Node, details: ErrorDetails) -> str:
        kind, context = details["type"], details.get("ctx", {})
        others = context.get("others", [])
        expected = EXPECTED[kind].format(**_numbers(context)) if kind in EXPECTED else details["msg"]
        expected = " or ".join(dict.fromkeys([expected.replace(" 1 characters", " 1 character"), *others]))
        keys = present(self.node, keys)
        field = self._field(keys)
        seen = _seen(entry)
        if kind == "finite_number" and _is_too_large(entry):
            expected += f", {sys.float_info.max:.2g} at most"
        sections = self.chosen(keys)
        name = key_text(self.node, keys)
        hint = kind_cure(entry, name, _section_of(self.whole, keys[:-1])) or cure(kind, entry, name, field, sections)
        hint = hint or (blank_cure(node_at(self.node, keys[:-1])) if entry.value is None else "")
        hint = "" if kind in OWN_ERRORS else hint or _default(field)
        return f"{entry.where}: {name} is {seen}; expected {expected}. {hint}".rstrip()

    def _field(self, keys: Keys) -> FieldInfo | None:
        if not keys:
            return None
        fields = [kind.model_fields[keys[-1]] for kind in self.chosen(keys[:-1]) if keys[-1] in kind.model_fields]
        return fields[0] if fields else None

    def _choices(self, section: Keys, key: str) -> str:
        """Return the cure for a missing section or name: how to write it, or the good names."""
        kinds = _section_of(self.whole, section)
        written = node_at(self.node, section).value
        fitting = [kind for kind in kinds if isinstance(written, dict) and written.keys() <= kind.model_fields.keys()]
        names = names_of(fitting or kinds)
        if blank := blank_cure(node_at(self.node, section)):
            return blank
        if key == "name" and names:
            return f"Good names: {', '.join(dict.fromkeys(names))}."
        if self._is_of_experiment and section:
            return f"Write it: `{key}: ...`; `bnexp keys {key}` explains it."
        if key in SECTIONS and self._is_of_experiment:
            return f"Write it, as in `{key}: {SECTIONS[key]}`. `bnexp keys {key}.` lists what it may hold."
        return f"Write it, as in studies/tutorial of bnexp's repository: `{key}: ...`."

    @property
    def _is_of_experiment(self) -> bool:
        return "dataset" in self.whole.model_fields

    def _good_keys(self, keys: Keys) -> str:
        """Return the cure for an unknown key: its spelling, the section that has it, or the keys of this section."""
        here = sorted({field for kind in self.chosen(keys[:-1]) for field in kind.model_fields})
        word, colon, value = keys[-1].partition(":")
        if colon and word in here:
            return f"Write a space after the colon: `{word}: {value}`."
        if keys[-1] in names_of(self.chosen(keys[:-1])):
            return f"If it is the kind, write `name: {keys[-1]}`."
        if "=" in keys[-1]:
            return "Write a colon and a space after a key, not an = sign."
        odd = next((one for one in keys[-1] if one != " " and one.isspace()), None)
        if odd is not None:
            return f"It holds the character U+{ord(odd):04X}, which looks like a space. Write plain spaces."
        if below := below_cure(keys, [path for paths in self.homes.values() for path in paths]):
            return below
        meant = key_meant(keys[-1], self.homes)
        homes = [path for path in self.homes.get(meant, []) if path != keys]
        at_home = sorted(homes, key=lambda path: path[:-1] != keys[:-1])
        if at_home:
            return f"Did you mean {'.'.join(at_home[0])!r}? Good names here: {', '.join(here)}."
        return nearest(keys[-1], here)

    @cached_property
    def homes(self) -> dict[str, list[Keys]]:
        """Map each key of the schema to the paths at which it is allowed."""
        homes: dict[str, list[Keys]] = {}
        for path in self._all_keys(self.whole, ()):
            homes.setdefault(path[-1], []).append(path)
        return homes

    def _all_keys(self, kind: type[BaseModel], keys: Keys) -> Iterator[Keys]:
        for field in kind.model_fields:
            yield (*keys, field)
            for section in self.chosen((*keys, field)):
                yield from self._all_keys(section, (*keys, field))

    def chosen(self, keys: Keys) -> list[type[BaseModel]]:
        """Return the kind of section that the `name` at a path chooses; without a valid name, return all kinds."""
        kinds = _section_of(self.whole, keys)
        name = name_of(node_at(self.node, keys))
        return [kind for kind in kinds if name in names_of([kind])] or kinds


def _seen(entry: Node) -> str:
    """Return the value as a message shows it: shortened if long, and marked '(text)' if it is a string."""
    return merging.shortened(_written(entry)) + (" (text)" if isinstance(entry.value, str) else "")


def _written(node: Node) -> str:
    """Return a value as YAML writes it. A number that does not fit in a float stays as the user wrote it."""
    match node.value:
        case dict() as entries:
            return f"{{{', '.join(f'{key}: {_written(entry)}' for key, entry in entries.items())}}}"
        case list() as entries:
            return f"[{', '.join(map(_written, entries))}]"
        case float(value) if node.source is not None and not (value and math.isfinite(value)):
            return node.source
    return yaml_text.written(node.value)


def _is_too_large(entry: Node) -> bool:
    """Return True for a number that is too large for a float; False for one that is written as infinity."""
    is_infinite = isinstance(entry.value, float) and math.isinf(entry.value)
    return is_infinite and entry.source is not None and "inf" not in entry.source.lower()


def _layer_name(node: Node) -> Node:
    """Return the name of a layer: the only key of `Dense: {units: 64}`. Any other node is returned unchanged."""
    entries = list(node.value) if isinstance(node.value, dict) else []
    return Node(entries[0], node.where) if len(entries) == 1 else node


def _numbers(context: dict[str, Any]) -> dict[str, Any]:
    return {key: f"{value:g}" if isinstance(value, float) else value for key, value in context.items()}


def _of_another_kind(node: Node, section: Keys) -> str:
    """Return a note on the defaults of a section if an override has changed its kind; else an empty string."""
    name = entry_of(node_at(node, section), "name") if section else None
    named = name is not None and is_from_override(name)
    return f" Another kind of {'.'.join(section)} starts from its own defaults." if named else ""


def _default(field: FieldInfo | None) -> str:
    if field is None or not isinstance(field.default, int | float | str | list):
        return ""
    return f"The default is {merging.shown(field.default)}."


def _section_of(kind: type[BaseModel], keys: Keys) -> list[type[BaseModel]]:
    """Return the kinds of section that a path allows. Entries of a list or mapping have the kinds of that list."""
    kinds, in_entries = [kind], False
    for key in keys:
        fields = [section.model_fields[key] for section in kinds if key in section.model_fields]
        if not fields and in_entries:
            in_entries = False
            continue
        in_entries = any(get_origin(field.annotation) in (list, dict) for field in fields)
        kinds = list(dict.fromkeys(section for field in fields for section in _sections(field.annotation)))
    return kinds


def _sections(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the sections that an annotation allows."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _sections(inner)
