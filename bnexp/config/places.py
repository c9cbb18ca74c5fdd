"""Finds the place of a key: from pydantic's location to dotted keys, and from dotted keys to a file and line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from bnexp.config import merging
from bnexp.config.yaml import Keys, Node

LONGEST_KEY = 60
"""The most characters of one key that a message shows."""


def node_at(node: Node, keys: Keys) -> Node:
    """Return the node at a path, or the last one on the way to it."""
    for key in keys:
        entry = entry_of(node, key)
        if entry is None:
            break
        node = entry
    return node


def entry_of(node: Node, key: str) -> Node | None:
    """Return the node at a key of a mapping, or at an index of a list; None if there is none."""
    match node.value:
        case dict() as entries:
            entry: Node | None = entries.get(key)
        case list() as entries if key.isascii() and key.isdecimal() and len(key) < 10 and int(key) < len(entries):
            entry = entries[int(key)]
        case _:
            entry = None
    return entry


def keys_of(node: Node, location: Iterable[Any]) -> Keys:
    """Return the path of keys for pydantic's location, without the section names that pydantic adds to it."""
    keys: list[str] = []
    tag: Any = None
    for part in map(str, location):
        if part == tag:
            tag = None
            continue
        if (short := _as_written(node, part)) is None:
            continue
        keys.append(short)
        node = entry_of(node, short) or Node(None, node.where)
        tag = name_of(node)
    return tuple(keys)


def _as_written(node: Node, part: str) -> str | None:
    """Return the key that the file has for a part of pydantic's location; None if the file has no key for it.

    `Dense: {units: 64}` has its arguments under its name, and `Residual: [layers]` has a list instead of arguments.
    pydantic puts the tag `weight_of_each` before the class in `class_weight: {yes: 5}`.
    """
    if entry_of(node, part) is not None:
        return part
    if part == "arguments" and isinstance(node.value, dict) and len(node.value) == 1:
        (key,) = node.value
        return str(key)
    return None if part == "weight_of_each" or (part == "layers" and isinstance(node.value, list)) else part


def name_of(node: Node) -> Any:
    """Return the `name` in a mapping; None if it is not given."""
    name = node.value.get("name") if isinstance(node.value, dict) else None
    return None if name is None else name.value


def present(node: Node, keys: Keys) -> Keys:
    """Return the first part of a path, as far as the file has it."""
    for count, key in enumerate(keys):
        entry = entry_of(node, key)
        if entry is None:
            return keys[:count]
        node = entry
    return keys


def key_text(node: Node, keys: Keys) -> str:
    """Return a path as the user wrote it, with each key shortened to LONGEST_KEY characters.

    The key that a shorthand replaces is left out: `learning_rate`, not `learning_rate.initial`.
    """
    if keys:
        parent = node_at(node, keys[:-1])
        own = entry_of(parent, keys[-1])
        is_short = keys[:-1] in merging.SHORTHANDS and own is not None and own.where == parent.where
        keys = keys[:-1] if is_short and keys[-1] in ("name", "initial") else keys
    shortened = [key if len(key) <= LONGEST_KEY else f"{key[:LONGEST_KEY]}..." for key in keys]
    return _counted_from_one(shortened).replace("\n", "\\n")


def _counted_from_one(keys: Sequence[str]) -> str:
    """Return keys with dots between them; entries of a study's lists count from 1, as a reader counts.

    >>> _counted_from_one(["hypotheses", "1", "treated"]), _counted_from_one(["vary", "model.depth", "0"])
    ('hypothesis 2: treated', 'vary.model.depth, level 1')
    """
    match keys:
        case ["hypotheses", number, *rest] if number.isdecimal():
            return ": ".join([f"hypothesis {int(number) + 1}", *([".".join(rest)] if rest else [])])
        case ["vary", factor, number] if number.isdecimal():
            return f"vary.{factor}, level {int(number) + 1}"
    return ".".join(keys)
