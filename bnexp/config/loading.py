"""A config file and overrides -> an `Experiment`, or all that is wrong with them, each with its file and line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from bnexp.config import merging, yaml
from bnexp.config.checks import disagreements
from bnexp.config.schema import Experiment
from bnexp.config.yaml import Node
from bnexp.errors import ConfigError, nearest

Keys = tuple[str, ...]
Whole = TypeVar("Whole", bound=BaseModel)

EXPECTED = {
    "int_type": "a whole number",
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
    "too_short": "at least {min_length}",
    "too_long": "at most {max_length}",
    "string_too_short": "at least {min_length} characters",
    "string_too_long": "at most {max_length} characters",
    "literal_error": "one of the good names",
    "union_tag_invalid": "one of the good names",
}
"""pydantic's kind of error -> what a person should have written."""
UNKNOWN_KEY = "is not a known key"


def load(path: Path, overrides: Sequence[str] = ()) -> Experiment:
    """Read an experiment from a config file, what it extends, and overrides spelt `training.epochs=5`.

    Without a `name` of its own the experiment is called as its file.

    Raises:
        ConfigError: with every mistake there is.
    """
    return experiment_of(_read(path, overrides))


def experiment_of(node: Node) -> Experiment:
    """Read an experiment from a whole config; every mistake is told with the file and line it stands in."""
    experiment = validated(node, Experiment)
    faults = [f"{found(node, tuple(key.split('.'))).where}: {key} {text}" for key, text in disagreements(experiment)]
    if faults:
        raise ConfigError(faults)
    return experiment


def validated(node: Node, kind: type[Whole]) -> Whole:
    """Read what a file holds by the schema of its kind.

    Raises:
        ConfigError: with every mistake that a single key can have.
    """
    try:
        return kind.model_validate(yaml.plain(node))
    except ValidationError as error:
        raise ConfigError(_problem(node, details, kind) for details in _each_once(error)) from None


def where(path: Path, overrides: Sequence[str], key: str) -> str:
    """Tell the file and line in which a dotted key of a good config stands, or the section it would stand in."""
    return found(_read(path, overrides), tuple(key.split("."))).where


def _read(path: Path, overrides: Sequence[str]) -> Node:
    node = merging.overridden(merging.read_extended(path), overrides)
    name = node.value.get("name", Node(path.stem, node.where))
    return Node({"name": name, **{key: value for key, value in node.value.items() if key != "name"}}, node.where)


# --- where a mistake stands ---------------------------------------------------


def found(node: Node, keys: Keys) -> Node:
    """Give the node at a path, or the last one on the way to it."""
    for key in keys:
        entry = _entry(node, key)
        if entry is None:
            break
        node = entry
    return node


def _entry(node: Node, key: str) -> Node | None:
    match node.value:
        case dict() as entries:
            entry: Node | None = entries.get(key)
        case list() as entries if key.isdecimal() and int(key) < len(entries):
            entry = entries[int(key)]
        case _:
            entry = None
    return entry


def _keys(node: Node, location: Iterable[Any]) -> Keys:
    """Give the dotted path of pydantic's location, which also holds the name of each section it chose."""
    keys: list[str] = []
    tag: Any = None
    for part in map(str, location):
        if part == tag:
            tag = None
            continue
        keys.append(part)
        node = _entry(node, part) or Node(None, node.where)
        tag = yaml.plain(node).get("name") if isinstance(node.value, dict) else None
    return tuple(keys)


# --- what a mistake is called ---------------------------------------------------


def _each_once(error: ValidationError) -> Iterator[ErrorDetails]:
    """Give pydantic's errors; of a key that may be true, false or one of some words, the one that names them all."""
    every = error.errors(include_url=False)
    words = {details["loc"][:-1]: details for details in every if details["type"] == "literal_error"}
    for details in every:
        among = words.get(details["loc"][:-1]) if details["loc"][-1:] == ("bool",) else None
        if among is None:
            yield details
        else:
            among["ctx"]["expected"] = f"true, false, {among['ctx']['expected']}"


def _problem(node: Node, details: ErrorDetails, whole: type[BaseModel]) -> str:
    """Say one of pydantic's errors in words: file, line, key, seen, expected, cure."""
    keys = _keys(node, details["loc"])
    kind, context = details["type"], details.get("ctx", {})
    entry = found(node, keys)
    place, name = entry.where, ".".join(_short(node, keys))
    match kind:
        case "extra_forbidden":
            return f"{place}: {name} {UNKNOWN_KEY}. {_good_keys(node, keys, whole)}"
        case "missing" | "union_tag_not_found":
            key = keys[-1] if kind == "missing" else "name"
            section = keys[:-1] if kind == "missing" else keys
            cure = _choices(section, key, whole) + _of_another_kind(node, section)
            return f"{place}: {'.'.join((*section, key))} is missing; it has no default. {cure}"
        case "literal_error" | "union_tag_invalid":
            seen = _entry(entry, "name") or _spelt(entry)
            name = ".".join(_short(node, (*_present(node, keys), *(["name"] if _entry(entry, "name") else []))))
            return f"{seen.where}: {name} is {merging.shown(yaml.plain(seen))}. {_good_names(seen, context)}"
    expected = EXPECTED[kind].format(**_numbers(context)) if kind in EXPECTED else details["msg"]
    expected = expected.replace(" 1 characters", " 1 character")
    if kind == "list_type" and isinstance(entry.value, int | float | str):
        expected += f", as in [{entry.value}]"
    seen_text = merging.shown(yaml.plain(entry)) + _text(entry)
    name = ".".join(_short(node, _present(node, keys)))
    return f"{place}: {name} is {seen_text}; expected {expected}. {_example(node, keys, whole)}".rstrip()


def _spelt(node: Node) -> Node:
    """Give what stands for a layer's name: the one key of `Dense: {units: 64}`."""
    entries = list(node.value) if isinstance(node.value, dict) else []
    return Node(entries[0], node.where) if len(entries) == 1 else node


def _present(node: Node, keys: Keys) -> Keys:
    """Give the part of a path that is in the file."""
    for count, key in enumerate(keys):
        entry = _entry(node, key)
        if entry is None:
            return keys[:count]
        node = entry
    return keys


def _numbers(context: dict[str, Any]) -> dict[str, Any]:
    return {key: f"{value:g}" if isinstance(value, float) else value for key, value in context.items()}


def _text(node: Node) -> str:
    return " (text)" if isinstance(node.value, str) else ""


def _short(node: Node, keys: Keys) -> Keys:
    """Leave out the key that a shorthand stands for: `learning_rate`, not `learning_rate.initial`."""
    parent = found(node, keys[:-1])
    own = _entry(parent, keys[-1])
    is_short = keys[:-1] in merging.SHORTHANDS and own is not None and own.where == parent.where
    return keys[:-1] if is_short and keys[-1] in ("name", "initial") else keys


def _good_names(seen: Node, context: dict[str, Any]) -> str:
    expected = context.get("expected_tags") or context.get("expected") or ""
    names = [name.strip().strip("'") for name in expected.replace(" or ", ", ").split(",")]
    return nearest(str(seen.value), [name for name in names if name])


def _choices(section: Keys, key: str, whole: type[BaseModel]) -> str:
    """Name what a missing section or name could be."""
    names = [str(name) for kind in _section_of(whole, section) for name in _names(kind)]
    if key != "name" or not names:
        if whole is Experiment and section:
            return f"Write it: `{key}: ...`; docs/keys.md of bnexp's repository tells what it is."
        shown = "configs/bn.yaml" if whole is Experiment else "configs/studies/tutorial.yaml"
        return f"Write it, as in the {shown} of bnexp's repository: `{key}: ...`."
    return f"Good names: {', '.join(dict.fromkeys(names))}."


def _of_another_kind(node: Node, section: Keys) -> str:
    """Tell what an override that names another kind of section does to the keys of the old kind."""
    named = bool(section) and found(node, (*section, "name")).where.startswith("override ")
    return f" Another kind of {'.'.join(section)} starts from its own defaults." if named else ""


def _example(node: Node, keys: Keys, whole: type[BaseModel]) -> str:
    for kind in _chosen(node, keys[:-1], whole):
        field = kind.model_fields.get(keys[-1])
        if field is not None and isinstance(field.default, int | float | str | list):
            return f"The default is {merging.shown(field.default)}."
    return ""


def _good_keys(node: Node, keys: Keys, whole: type[BaseModel]) -> str:
    """Name the keys of the section, the nearest first; or the section where this key is at home."""
    here = sorted({field for kind in _chosen(node, keys[:-1], whole) for field in kind.model_fields})
    at_home = [path for path in _all_keys(node, whole, whole) if path[-1] == keys[-1] and path[:-1] != keys[:-1]]
    if at_home:
        return f"Did you mean {'.'.join(at_home[0])!r}? Good names here: {', '.join(here)}."
    return nearest(keys[-1], here)


def _all_keys(node: Node, whole: type[BaseModel], kind: type[BaseModel], keys: Keys = ()) -> Iterator[Keys]:
    for field in kind.model_fields:
        yield (*keys, field)
        for section in _chosen(node, (*keys, field), whole):
            yield from _all_keys(node, whole, section, (*keys, field))


def _chosen(node: Node, keys: Keys, whole: type[BaseModel]) -> list[type[BaseModel]]:
    """Give the section at a path, of the kind its `name` chooses if it has one, else of every kind."""
    kinds = _section_of(whole, keys)
    entry = found(node, keys)
    name = yaml.plain(entry).get("name") if isinstance(entry.value, dict) else None
    return [kind for kind in kinds if name in _names(kind)] or kinds


def _names(kind: type[BaseModel]) -> tuple[Any, ...]:
    field = kind.model_fields.get("name")
    return get_args(field.annotation) if field is not None else ()


def _section_of(kind: type[BaseModel], keys: Keys) -> list[type[BaseModel]]:
    """Give the kinds of section that may stand at a path; an entry of a list or mapping is of its list's kinds."""
    kinds, in_entries = [kind], False
    for key in keys:
        fields = [section.model_fields[key] for section in kinds if key in section.model_fields]
        if not fields and in_entries:
            in_entries = False
            continue
        in_entries = any(get_origin(field.annotation) in (list, dict) for field in fields)
        kinds = [section for field in fields for section in _sections(field.annotation)]
    return kinds


def _sections(annotation: Any) -> Iterator[type[BaseModel]]:
    """List the sections that an annotation allows."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _sections(inner)
