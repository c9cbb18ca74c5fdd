"""Reads overrides of the command line: KEY=VALUE, where VALUE is YAML. Misspelt ones are noted with a cure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import yaml as pyyaml

from bnexp.config import not_yaml, yaml
from bnexp.config.yaml import DEEPEST, Building, Node, TooDeepError
from bnexp.config.yaml_text import quoted
from bnexp.errors import Problems

LONGEST_SHOWN = 100
"""The most characters of an override that a message shows: one and a quarter lines of a terminal."""
_PLACE = "override "
_KEY = re.compile(r"[^\s=.]+(\.[^\s=.]+)*")
STARTS_NO_TEXT = re.compile(r"""(?<=[\[{,: ])([*&!%@`][^\s,\]}"']*|[?:|>](?=\s*[,\]}]))""")
"""Matches a text in brackets that YAML does not read as text, such as the pattern `*` or a lone `?`."""
_ONE_CHARACTER = re.compile(r"[^\w~\n\r\[{]|_", re.ASCII)
"""Matches a value of one special character, which is always read as text, such as `,` or `|` or a space.

`~` is left out because it means null. Opening brackets are left out because a shell may have cut the rest.
"""
_HYDRA = re.compile(r"(\+\+?|~)(?=[^+~])")


def place(text: str) -> str:
    """Return the name of an override, which messages show in place of a file and line.

    >>> place("training.epochs=5")
    'override training.epochs=5'
    """
    return _PLACE + _cut(text.replace("\n", "\\n"))


def is_from_override(node: Node) -> bool:
    """Return True if a value came from the command line."""
    return node.where.startswith(_PLACE)


def typed(key: str, text: str) -> str:
    """Return an override as it has to be typed into a shell.

    >>> print(typed("training.epochs", "5"), typed("dataset.target", '"Score #2"'))
    training.epochs=5 'dataset.target="Score #2"'
    """
    return shlex.quote(f"{key}={text}")


def dotted(key: str, value: Node) -> Node:
    """Return the nested mapping for a dotted key and its value: `{a: {b: 1}}` for `a.b` and 1."""
    for part in reversed(key.split(".", maxsplit=DEEPEST)):
        value = Node({part: value}, value.where)
    return value


def said_of(text: str, *keys: str) -> Any:
    """Return the value that an override sets for a key, in any spelling; None if it does not set the key.

    >>> said_of("model={weights: 'keep'}", "model", "weights"), said_of("model.freeze=[a]", "model", "weights")
    ('keep', None)
    """
    node = read_override(text, Problems())
    value = None if node is None else yaml.plain(node)
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def last_said(texts: Iterable[str], *keys: str) -> Any:
    """Return the value of the last override that sets a key; None if no override sets it.

    >>> last_said(["training={seeds: 5}", "training.seeds=0x10", "training.epochs=3"], "training", "seeds")
    16
    """
    said = [value for text in texts if (value := said_of(text, *keys)) is not None]
    return said[-1] if said else None


def seeds_typed(texts: Iterable[str]) -> int | None:
    """Return the number of seeds that overrides set; None if they set none, or set no whole number."""
    seeds = last_said(texts, "training", "seeds")
    return seeds if isinstance(seeds, int) and not isinstance(seeds, bool) else None


def read_override(text: str, mistakes: Problems) -> Node | None:
    """Read an override as a mapping. If it cannot be used, note the mistake and return None."""
    where = place(text)
    key, _, value = text.partition("=")
    fault = yaml.faulty_character(text) or _faulty_key(key, value) or _faulty_value(key, value)
    if fault:
        mistakes.tell(f"{where}: {fault}")
        return None
    node = _value(key, value, where, mistakes)
    return None if node is None else dotted(key, node)


def _faulty_key(key: str, value: str) -> str | None:
    if hydra := _HYDRA.match(key):
        bare, sign = key[hydra.end() :], hydra.group()
        if sign == "~":
            return f"begins with ~, by which Hydra removes a key; expected KEY=VALUE. Use `{bare}=null` for none."
        return f"begins with {sign}, by which Hydra adds a key; here every key can be set. Write {typed(bare, value)}."
    if key != key.strip() and _KEY.fullmatch(key.strip()):
        return f"has a space before the =; expected KEY=VALUE. Write {typed(key.strip(), value.strip())}."
    if not _KEY.fullmatch(key):
        return "has no key; expected KEY=VALUE, as in `training.epochs=5`. Leave no spaces around the = sign."
    return None


def _faulty_value(key: str, value: str) -> str | None:
    if not value.strip() and not _ONE_CHARACTER.fullmatch(value):
        return (
            f"has no value; expected KEY=VALUE. Use `{key}=null` for none, or {typed(key, quoted(''))} for empty text."
        )
    if value.startswith("="):
        rest = value.lstrip("=")
        return (
            f"has two = signs; expected KEY=VALUE. Write {typed(key, rest)}, or {typed(key, quoted(value))} for a text."
        )
    return None


def _value(key: str, value: str, where: str, mistakes: Problems) -> Node | None:
    """Read the value by the same rules as a file. A single special character is text.

    A value is refused if YAML would silently drop a part of it.
    """
    if _ONE_CHARACTER.fullmatch(value):
        return Node(value, where, value)
    faults = Problems()
    building = Building(value, "", faults, with_cures=False)
    node = None
    try:
        node = building.document()
        dropped = _dropped(value, building)
    except pyyaml.YAMLError as error:
        _, what, _ = not_yaml.explained(error, value)
        dropped = _dropped(value, building) or [f"the value is not YAML; {what}."]
    except TooDeepError:
        dropped = []
    if faults.found or dropped:
        seen = dict.fromkeys([re.sub("^:[0-9]+: ", "", fault) for fault in [*faults.messages, *dropped]])
        cure = _requoted(key, value.strip()) if dropped or building.may_be_text else ""
        mistakes.tell(f"{where}: {' '.join(seen)} {cure}".rstrip())
        return None
    return None if node is None else replace(_moved(node, where), source=node.source or value.strip())


def _dropped(value: str, building: Building) -> list[str]:
    """Return a message if YAML drops a part of a value: a comment, or the dashes that begin a document."""
    begin = 0
    for span in [*building.scalars, range(len(value), len(value))]:
        comment = value.find("#", begin, span.start)
        if comment >= 0:
            return [f"YAML takes {_cut(value[comment:].splitlines()[0])!r} for a comment and drops it."]
        begin = max(begin, span.stop)
    return ["YAML takes '---' for the start of a document and drops it."] if building.begins_with_dashes else []


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 3]}..."


def _requoted(key: str, value: str) -> str:
    """Return the cure for a value that the shell has cut, or whose characters have a meaning in YAML."""
    closing = {"{": "}", "[": "]"}.get(value[0])
    if closing and value.count(value[0]) > value.count(closing):
        example = "'model={name: mlp, hidden: [64]}'"
        return f"If the shell cut it at a space, put the whole override in quotes, as in {example}."
    spaced = re.sub(r"(\w):(?=[\[{\w])", r"\1: ", value)
    if closing and re.search(r"\w:[\[{]", value):
        return f"Write a space after each colon: {typed(key, spaced)}."
    if closing and _is_one_collection(value):
        example = '{target: "a # b"}' if closing == "}" else '["a # b"]'
        if (quoted_texts := STARTS_NO_TEXT.sub(r'"\1"', value)) != value:
            example = quoted_texts
        return f"Quote the text in it, and the whole override for the shell, as in {typed(key, example)}."
    if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
        value = value[1:-1]
    if len(value) > LONGEST_SHOWN:
        return "If it is a text, quote it, and quote it again for the shell."
    return f"If it is a text, quote it, and quote it again for the shell: {typed(key, quoted(value))}."


def _is_one_collection(value: str) -> bool:
    """Return True if the first bracket closes at the very end: `[a, b]`, and not `[a] b [c]`."""
    depth = 0
    for index, character in enumerate(value):
        depth += (character in "{[") - (character in "}]")
        if depth == 0:
            return index == len(value) - 1
    return False


def _moved(node: Node, where: str) -> Node:
    """Return a node with the same place for all values in it, because an override has no lines."""
    match node.value:
        case dict() as entries:
            return Node({key: _moved(entry, where) for key, entry in entries.items()}, where)
        case list() as entries:
            return Node([_moved(entry, where) for entry in entries], where)
    return Node(node.value, where, node.source)
