"""What to write instead of a value of the wrong kind, as it has to be typed where it stands: a file or a shell."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from bnexp.config import merging, yaml
from bnexp.config.overrides import is_from_override, quoted, typed
from bnexp.config.yaml import Node

NUMBERS = ("int_type", "int_from_float", "float_type", "finite_number")
MAPPINGS = ("dict_type", "model_type", "model_attributes_type")
TRUTH = {
    **dict.fromkeys(("yes", "on", "y", "t", "1"), "true"),
    **dict.fromkeys(("no", "off", "n", "f", "0"), "false"),
}
LONGEST = 60
"""Characters of a value that can be shown in a cure."""


def cure(kind: str, entry: Node, key: str, field: FieldInfo | None, sections: Sequence[type[BaseModel]]) -> str:
    """Return what to write, if that can be known from what was written; `kind` is pydantic's kind of error."""
    instead: str | None = None
    if isinstance(entry.value, dict | list):
        return ""
    text = entry.source if entry.source is not None else str(entry.value)
    if len(text) > LONGEST:
        return ""
    match kind:
        case "list_type":
            instead = _list(text, entry.value, field)
        case "string_type":
            instead = quoted(text)
        case "bool_type":
            instead = TRUTH.get(text.strip().lower()) or (text.lower() if text.lower() in ("true", "false") else None)
        case _ if kind in NUMBERS:
            return _number(kind, text, entry, key)
        case _ if kind in MAPPINGS:
            instead = _mapping(entry.value, sections)
        case "string_too_long" if re.fullmatch(r"\\[tnr]", text):
            instead = f'"{text}"'
    return "" if instead is None else _write(entry, key, instead)


def _write(entry: Node, key: str, text: str) -> str:
    """Return the cure in the words of the place: an override with its quotes for the shell, or a line of the file."""
    if is_from_override(entry):
        return f"Write {typed(key, text)}."
    last = key.rpartition(".")[2]
    return f"Write {text}." if last.isdecimal() else f"Write `{last}: {text}`."


def _list(text: str, value: Any, field: FieldInfo | None) -> str | None:
    """Write one value as the list that was meant: `64,64` are two, and what needs two has it twice."""
    if value is None:
        return None
    if isinstance(value, str) and re.fullmatch(r"\s*\d+(\s*[,x;]\s*\d+)+\s*", value):
        return f"[{','.join(re.findall('[0-9]+', value))}]"
    if isinstance(value, str) and "," in value:
        return f"[{','.join(part.strip() for part in value.split(','))}]"
    least = max((getattr(rule, "min_length", 1) for rule in _rules(field)), default=1)
    return f"[{','.join([text] * least)}]"


def _rules(field: FieldInfo | None) -> list[Any]:
    """List the limits of a field, also where it may be null."""
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
    """Return the number that a text was meant to be, as YAML writes it.

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
    if isinstance(number, bool) or not isinstance(number, int | float) or (whole and number != int(number)):
        return None
    return text


def _mapping(value: Any, sections: Sequence[type[BaseModel]]) -> str | None:
    """Write one value as the mapping that was meant: the first key that may have it."""
    if isinstance(value, bool):
        return "{}" if value and _all_have_defaults(sections) else None
    for section in sections:
        for name in section.model_fields:
            if _fits(value, section, name):
                return f"{{{name}: {merging.written(value).strip(chr(39))}}}"
    return None


def _all_have_defaults(sections: Sequence[type[BaseModel]]) -> bool:
    return bool(sections) and not any(field.is_required() for field in sections[0].model_fields.values())


def _fits(value: Any, section: type[BaseModel], name: str) -> bool:
    try:
        section.model_validate({name: value})
    except ValidationError as error:
        return all(details["loc"][0] != name for details in error.errors(include_url=False) if details["loc"])
    return True
