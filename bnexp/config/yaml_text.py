"""Writes plain values as YAML: as a file, and on one line, for a config, an override and a sentence of a message."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any

import yaml

from bnexp.config.yaml import REFUSED, scalar

_ONE_WORD = re.compile(r"[\w./][\w./-]*(?<![.-])")
"""Matches a text whose end is clear in a sentence. `SETTING` in `system/spelling.py` finds it there."""


class _Dumper(yaml.SafeDumper):
    """Quotes text that YAML 1.2 would not read as text, escapes characters that it refuses, and uses no anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    quote = None if isinstance(scalar(text), str) else "'"
    escaped = '"' if REFUSED.search(text) else quote
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=escaped)


def _list(dumper: _Dumper, entries: list[Any]) -> yaml.SequenceNode:
    in_lines = any(isinstance(entry, dict | list) for entry in entries)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", entries, flow_style=not in_lines)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(list, _list)


def dump_plain(document: Any, width: float = 1000) -> str:
    """Return plain values as the text of a config file. Reading it gives the same values."""
    return yaml.dump(
        document, Dumper=_Dumper, sort_keys=False, default_flow_style=False, width=width, allow_unicode=True
    )


def in_one_line(value: Any) -> str:
    """Return a value on one line of YAML, with quotes only where they are needed.

    >>> in_one_line({"name": "batch", "sizes": [1, 2]}), in_one_line(","), in_one_line("a b"), in_one_line("True")
    ('{name: batch, sizes: [1, 2]}', "','", 'a b', "'True'")
    """
    if isinstance(value, dict | list):
        return _collection(value, in_one_line)
    if isinstance(value, str) and "\n" in value:
        return quoted(value)
    return dump_plain([value], math.inf).strip().removeprefix("[").removesuffix("]")


def in_a_sentence(value: Any) -> str:
    """Return a value on one line of YAML for a sentence: a text of several words is in double quotes.

    >>> print(in_a_sentence("a/b"), in_a_sentence("my pics."), in_a_sentence({"text": "Null", "sizes": [1, "b c"]}))
    a/b "my pics." {text: "Null", sizes: [1, "b c"]}
    """
    if isinstance(value, dict | list):
        return _collection(value, in_a_sentence)
    if not isinstance(value, str):
        return in_one_line(value)
    return value if _ONE_WORD.fullmatch(value) and isinstance(scalar(value), str) else quoted(value)


def written(value: Any) -> str:
    """Return a value on one line of YAML in which every text has quotes, to tell it from a number.

    >>> written(None), written(True), written("x"), written([64, False]), written({"name": "cnn", "filters": [8]})
    ('null', 'true', "'x'", '[64, false]', "{name: 'cnn', filters: [8]}")
    >>> print(written("it's"), written(r"a\\b"), written("a\\n"))
    "it's" 'a\\b' "a\\n"
    """
    match value:
        case dict() | list():
            return _collection(value, written)
        case str():
            return quoted(value) if "'" in value or not value.isprintable() else f"'{value}'"
        case None | bool():
            return json.dumps(value)
        case float() if not math.isfinite(value):
            return in_one_line(value)
    return repr(value)


def quoted(text: str) -> str:
    """Return a text in YAML's double quotes, on one line."""
    return REFUSED.sub(lambda found: f"\\u{ord(found.group()):04x}", json.dumps(text, ensure_ascii=False))


def _collection(value: dict[Any, Any] | list[Any], write: Callable[[Any], str]) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(write, value))}]"
    return f"{{{', '.join(f'{in_one_line(key)}: {write(entry)}' for key, entry in value.items())}}}"
