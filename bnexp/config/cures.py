"""Cures for values of the wrong type: what to write instead, as typed in the config file or in a shell."""

from __future__ import annotations

import difflib
import math
import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from bnexp.config import yaml
from bnexp.config.overrides import is_from_override, typed
from bnexp.config.yaml import Keys, Node
from bnexp.config.yaml_text import quoted, written

NUMBERS = ("int_type", "int_from_float", "float_type", "finite_number")
MAPPINGS = ("dict_type", "model_type", "model_attributes_type")
TRUTH = {
    **dict.fromkeys(("yes", "on", "y", "t", "1"), "true"),
    **dict.fromkeys(("no", "off", "n", "f", "0"), "false"),
}
SECTIONS = {"dataset": "{name: csv, path: FILE.csv, target: COLUMN}", "model": "{name: mlp}"}
"""Section that an experiment must have -> an example of it."""
LONGEST = 60
"""The most characters of a value that a cure repeats."""


def cure(kind: str, entry: Node, key: str, field: FieldInfo | None, sections: Sequence[type[BaseModel]]) -> str:
    """Return what to write instead of a wrong value, or an empty string if that cannot be guessed from the value.

    `kind` is pydantic's type of error.
    """
    instead: str | None = None
    if isinstance(entry.value, dict | list):
        return _instead_of_collection(kind, entry, key, field)
    text = entry.source if entry.source is not None else str(entry.value)
    if len(text) > LONGEST and not callable(entry.value):
        return ""
    match kind:
        case "list_type":
            instead = _list(text, entry.value, field)
        case "string_type" if callable(entry.value):
            return "Give the function itself to bnexp.compare or bnexp.train, or name FILE.py:FUNCTION."
        case "string_type" if entry.value is not None:
            instead = quoted(text)
        case "bool_type":
            instead = TRUTH.get(text.strip().lower()) or (text.lower() if text.lower() in ("true", "false") else None)
        case _ if kind in NUMBERS:
            return _number(kind, text, entry, key)
        case _ if kind in MAPPINGS:
            instead = _mapping(entry.value, field, sections)
            if instead is None and entry.value is None and not is_from_override(entry):
                return "Indent the keys that belong to it, or leave it out."
            if instead is None:
                return _good_names(sections)
        case "class_weight" if difflib.get_close_matches(text.lower(), ["balanced"]):
            instead = "balanced"
        case "string_too_short" if key.endswith("path"):
            return "Give a file or folder, from the current directory."
        case "separator" if text == "t":  # the shell has removed the backslash of \t
            instead = '"\\t"'
        case "string_pattern_mismatch" if size := re.fullmatch(r"(\d+(\.\d+)?)\s*([MG])i?B?", text, re.IGNORECASE):
            instead = f"{size.group(1)}{size.group(3).upper()}iB"
    return "" if instead is None else _write(entry, key, instead)


def _write(entry: Node, key: str, text: str) -> str:
    """Return the cure as the user types it: an override with quotes for the shell, or a line of the config file."""
    last = key.rpartition(".")[2]
    if last.isdecimal():
        return f"Write {text}."
    return f"Write {typed(key, text)}." if is_from_override(entry) else f"Write `{last}: {text}`."


def _list(text: str, value: Any, field: FieldInfo | None) -> str | None:
    """Return the list that a single value probably means: two entries for `64,64`.

    If the list needs at least two entries, the value is repeated.
    """
    if value is None:
        return None
    if isinstance(value, str) and value[:1] == "(" and value[-1:] == ")":
        text = value = value[1:-1]
    if isinstance(value, str) and re.fullmatch(r"\s*\d+(\s*[,x;]\s*\d+)+\s*", value):
        return f"[{','.join(re.findall('[0-9]+', value))}]"
    if isinstance(value, str) and "," in value:
        return f"[{','.join(part.strip() for part in value.split(','))}]"
    least = max((getattr(rule, "min_length", 1) for rule in _rules(field)), default=1)
    return f"[{','.join([text if text.isalnum() or len(text) > 1 else quoted(text)] * least)}]"


def _rules(field: FieldInfo | None) -> list[Any]:
    """List the limits of a field, including limits inside a type that may also be null."""
    if field is None:
        return []
    inner = [rule for part in getattr(field.annotation, "__args__", ()) for rule in getattr(part, "__metadata__", ())]
    nested = [limit for rule in inner for limit in getattr(rule, "metadata", ())]
    return [*field.metadata, *nested, *inner]


def _number(kind: str, text: str, entry: Node, key: str) -> str:
    whole = kind in ("int_type", "int_from_float")
    if isinstance(entry.value, float) and whole and entry.value.is_integer() and abs(entry.value) < 1e15:
        return _write(entry, key, str(int(entry.value)))
    if isinstance(entry.value, str):
        number = _meant(text, whole=whole)
        if number is not None:
            return _write(entry, key, number)
        if re.fullmatch(r"[^,]+(,[^,]+)+", text):
            return f"One value is expected; to vary {key}, list the values in the `vary` of a study."
    return ""


def _meant(text: str, *, whole: bool) -> str | None:
    """Return the number that a text probably means, as YAML writes it; None if it means no number.

    >>> _meant("0,01", whole=False), _meant("20 %", whole=False), _meant("5,000", whole=True), _meant("64", whole=True)
    ('0.01', '0.2', '5000', '64')
    """
    text = unicodedata.normalize("NFKC", text).strip().strip("'\"").replace("\N{MINUS SIGN}", "-")
    if whole and re.fullmatch(r"[-+]?\d{1,3}([,_. ']\d{3})+", text):
        text = re.sub(r"[,_. ']", "", text)
    elif re.fullmatch(r"[-+]?\d*,\d+([eE][-+]?\d+)?", text):
        text = text.replace(",", ".")
    percent = re.fullmatch(r"(\d+(\.\d+)?) ?%", text)
    if percent:
        text = f"{float(percent.group(1)) / 100:.12g}"
    number = yaml.scalar(text)
    if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
        return None
    return text if number == int(number) or not whole else None


def _instead_of_collection(kind: str, entry: Node, key: str, field: FieldInfo | None) -> str:
    if blank := blank_cure(entry):
        return blank
    if kind == "string_type" and entry.source is not None and len(entry.source) <= LONGEST:
        return _write(entry, key, quoted(entry.source))
    numbered = isinstance(entry.value, dict) and all(name.isdecimal() for name in entry.value)
    if kind == "list_type" and numbered and field is not None and isinstance(field.default, list):
        whole = typed(key, written(field.default))
        return f"The config has no such list to change; give the whole list: {whole}."
    return ""


def kind_cure(entry: Node, key: str, kinds: Sequence[type[BaseModel]]) -> str:
    """Return the cure for `learning_rate: cosine`, a kind given by its name alone: a mapping with all required keys."""
    for kind in kinds:
        if isinstance(entry.value, str) and entry.value in names_of([kind]):
            needed = [name for name, field in kind.model_fields.items() if field.is_required() and name != "name"]
            return _write(
                entry, key, f"{{{', '.join([f'name: {entry.value}', *(f'{name}: ...' for name in needed)])}}}"
            )
    return ""


def colon_cure(entry: Node, key: str) -> str:
    """Return the cure for `name:adam`, which is what some shells make of {name:adam}."""
    instead = _with_blank(entry.value)
    return "" if instead is None else _write(entry, key, instead)


def blank_cure(entry: Node) -> str:
    """Return the cure for `{yes:3}`, which YAML reads as a key `yes:3` without a value; "" for other values."""
    entries = entry.value.items() if isinstance(entry.value, dict) else ()
    found = (re.fullmatch(r"([^:]+):(\S+)", str(name)) for name, one in entries if one.value is None)
    match = next(filter(None, found), None)
    return "" if match is None else f"Write a space after the colon: `{match[1]}: {match[2]}`."


def below_cure(keys: Keys, known: Collection[Keys]) -> str:
    """Return the cure for a dotted key in a file, such as `dataset.separator: ";"`; "" if it means no known key."""
    *sections, last = keys[-1].split(".")
    if not sections or (*keys[:-1], *sections, last) not in known:
        return ""
    return f"In a file, write `{last}: ...` below `{'.'.join((*keys[:-1], *sections))}:`, indented."


def _with_blank(value: Any) -> str | None:
    """Return the mapping that `epochs:5` probably means. Without a space after the colon, YAML reads it as a text."""
    match = re.fullmatch(r"([a-z_]+)[:\N{FULLWIDTH COLON}]\s*(\S+)", value) if isinstance(value, str) else None
    return None if match is None else f"{{{match.group(1)}: {match.group(2)}}}"


def _mapping(value: Any, field: FieldInfo | None, sections: Sequence[type[BaseModel]]) -> str | None:
    """Return the YAML that a single value probably means: its name, the first key that accepts it, `null`, or `{}`."""
    if value is False or (isinstance(value, str) and value.lower() in ("none", "off", "no")):
        return "null" if field is not None and type(None) in get_args(field.annotation) else None
    if (with_blank := _with_blank(value)) is not None:
        return with_blank
    if value is True:
        return "{}" if _all_have_defaults(sections) else None
    if isinstance(value, str) and value in names_of(sections):
        return f"{{name: {value}}}"
    for section in sections if len(sections) == 1 and value is not None else ():
        for name, inner in section.model_fields.items():
            if (not isinstance(value, str) or get_origin(inner.annotation) is Literal) and _fits(value, section, name):
                return f"{{{name}: {value}}}"
    return None


def names_of(sections: Iterable[type[BaseModel]]) -> list[str]:
    """List the values of `name` that choose one of these kinds of section."""
    fields = [section.model_fields["name"] for section in sections if "name" in section.model_fields]
    return [name for field in fields for name in get_args(field.annotation)]


def _good_names(sections: Sequence[type[BaseModel]]) -> str:
    names = dict.fromkeys(names_of(sections))
    return f"Good names: {', '.join(names)}." if names else ""


def _all_have_defaults(sections: Sequence[type[BaseModel]]) -> bool:
    return bool(sections) and not any(field.is_required() for field in sections[0].model_fields.values())


def _fits(value: Any, section: type[BaseModel], name: str) -> bool:
    try:
        section.model_validate({name: value})
    except ValidationError as error:
        return all(details["loc"][0] != name for details in error.errors(include_url=False) if details["loc"])
    return True
