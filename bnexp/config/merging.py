"""One config laid over another: `extends`, and overrides spelt KEY=VALUE."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import reduce
from pathlib import Path
from typing import Any

from bnexp.config import yaml
from bnexp.config.files import read_text
from bnexp.config.overrides import dotted, read_override
from bnexp.config.yaml import Keys, Node
from bnexp.errors import Problems, outside_locale

MOST_FILES = 20
"""That extend each other, one after the other."""
MOST_INDEX_DIGITS = 9
"""Of an entry's place in a list."""

SHORTHANDS = {
    ("model", "initializer"): "name",
    ("model", "normalization"): "name",
    ("training", "optimizer"): "name",
    ("training", "learning_rate"): None,
}
"""Keys whose scalar stands for a mapping: the key it stands for, or None for a learning rate's pair."""


def read_extended(path: Path, mistakes: Problems, seen: tuple[Path, ...] = ()) -> Node | None:
    """Read a config file laid over the file that its `extends` names, if it has one.

    Every mistake is noted: a file that is missing or faulty, or files that
    extend each other in a loop. None is returned if nothing could be read.
    """
    node = None
    with mistakes.noted():
        node = yaml.read_mapping(read_text(path), str(path), mistakes)
    return None if node is None else extended(node, path, mistakes, seen)


def extended(mapping: Node, path: Path, mistakes: Problems, seen: tuple[Path, ...] = ()) -> Node:
    """Lay what stands in a file over the file that its `extends` names, as seen from there, if it has one."""
    node = expanded(mapping)
    extends = node.value.get("extends")
    own = Node({key: value for key, value in node.value.items() if key != "extends"}, node.where)
    if extends is None or extends.value is None:
        return own
    base = _base(path, extends, mistakes, (*seen, Path(os.path.realpath(path))))
    if base is None:
        return own
    unnamed = Node({key: value for key, value in base.value.items() if key != "name"}, base.where)
    return merged(unnamed, own, mistakes)


def _base(path: Path, extends: Node, mistakes: Problems, seen: tuple[Path, ...]) -> Node | None:
    where = extends.where
    if not isinstance(extends.value, str) or not extends.value or "\0" in extends.value:
        mistakes.tell(f"{where}: extends is {shown(yaml.plain(extends))}; expected a file beside this one.")
        return None
    if reason := outside_locale(extends.value):
        mistakes.tell(f"{where}: extends is {shown(extends.value)}; {reason}")
        return None
    base = path.parent / extends.value
    if (real := Path(os.path.realpath(base))) in seen:
        loop = " -> ".join(file.name for file in (*seen, real))
        mistakes.tell(f"{where}: extends goes in a loop: {loop}. Let one of them extend nothing.")
        return None
    if len(seen) >= MOST_FILES:
        mistakes.tell(f"{where}: extends goes over more than {MOST_FILES} files. Let one of them extend nothing.")
        return None
    if not os.path.isfile(base):
        faults = Problems()
        read_extended(base, faults, seen)
        mistakes.tell(*(f"{where}: extends is {shown(extends.value)}; {fault}" for fault in faults.lines))
        return None
    return read_extended(base, mistakes, seen)


def expanded(node: Node, path: Keys = ()) -> Node:
    """Write shorthands out, so that they can be merged: `normalization: batch` is `{name: batch}`."""
    if path in SHORTHANDS and not isinstance(node.value, dict | list) and node.value is not None:
        return _written_out(node, SHORTHANDS[path])
    if isinstance(node.value, dict):
        return replace(node, value={key: expanded(entry, (*path, key)) for key, entry in node.value.items()})
    return node


def _written_out(node: Node, key: str | None) -> Node:
    if key is not None:
        return Node({key: node}, node.where) if isinstance(node.value, str) else node
    return Node({"name": Node("constant", node.where), "initial": node}, node.where)


def merged(base: Node, over: Node, mistakes: Problems, *, top: bool = True) -> Node:
    """Lay one node over another: mappings key by key, anything else is replaced.

    A section whose `name` changes is replaced whole, since the keys of the
    old kind mean nothing to the new one.
    """
    if isinstance(base.value, list) and _is_index(over.value):
        return _with_entries(base, over, mistakes)
    if not (isinstance(base.value, dict) and isinstance(over.value, dict)):
        return over
    if not top and None not in (_name(base), _name(over)) and _name(base) != _name(over):
        return over
    joined = dict(base.value)
    for key, entry in over.value.items():
        joined[key] = merged(joined[key], entry, mistakes, top=False) if key in joined else entry
    return Node(joined, base.where)


def _name(node: Node) -> Any:
    name = node.value.get("name")
    return None if name is None else name.value


def _is_index(value: Any) -> bool:
    return isinstance(value, dict) and bool(value) and all(key.isascii() and key.isdecimal() for key in value)


def _with_entries(base: Node, over: Node, mistakes: Problems) -> Node:
    entries = list(base.value)
    for key, entry in over.value.items():
        if len(key) > MOST_INDEX_DIGITS or int(key) >= len(entries):
            seen = f"there is no entry {key[:MOST_INDEX_DIGITS]}; the list has {len(entries)}, counted from 0"
            mistakes.tell(f"{entry.where}: {seen}. {_whole_list(entries)}")
        else:
            entries[int(key)] = merged(entries[int(key)], entry, mistakes, top=False)
    return Node(entries, base.where)


def _whole_list(entries: list[Node]) -> str:
    last = f"Use 0 to {len(entries) - 1}, or give" if entries else "Give"
    return f"{last} the whole list."


def overridden(node: Node, overrides: Iterable[str], mistakes: Problems) -> Node:
    """Lay overrides, each `a.b=value`, over a config; note those with no key, no value, or a value that is not YAML."""
    layers = [layer for text in overrides if (layer := read_override(text, mistakes)) is not None]
    return _laid_over(node, layers, mistakes)


def laid_over(node: Node, layers: Iterable[Node]) -> Node:
    """Lay layers over a config. They are joined key by key first, so their order matters only if two set one key.

    Raises:
        ConfigError: if one is about an entry that a list has not.
    """
    mistakes = Problems()
    whole = _laid_over(node, layers, mistakes)
    mistakes.refuse()
    return whole


def _laid_over(node: Node, layers: Iterable[Node], mistakes: Problems) -> Node:
    written_out = [expanded(layer) for layer in layers]
    if not written_out:
        return node
    return merged(node, reduce(lambda one, other: _joined(one, other, mistakes), written_out), mistakes)


def leaves(key: str, value: Any) -> list[str]:
    """Return all the dotted keys that a value in a file sets, if it stands at a dotted key.

    >>> leaves("model", {"name": "mlp", "normalization": {"name": "batch"}}), leaves("training.learning_rate", 0.1)
    (['model.name', 'model.normalization.name'], ['training.learning_rate.name', 'training.learning_rate.initial'])
    """
    return list(_leaves(expanded(dotted(key, _plain_node(value))), ()))


def _plain_node(value: Any) -> Node:
    return Node({key: _plain_node(entry) for key, entry in value.items()} if isinstance(value, dict) else value, "")


def _leaves(node: Node, path: Keys) -> Iterator[str]:
    if not isinstance(node.value, dict):
        yield ".".join(path)
        return
    for key, entry in node.value.items():
        yield from _leaves(entry, (*path, str(key)))


def _joined(one: Node, other: Node, mistakes: Problems) -> Node:
    """Join two overrides key by key, whatever order they came in; the later value wins."""
    if isinstance(one.value, list) and _is_index(other.value):
        return _with_entries(one, other, mistakes)
    if not (isinstance(one.value, dict) and isinstance(other.value, dict)):
        return other
    joined = dict(one.value)
    for key, entry in other.value.items():
        joined[key] = _joined(joined[key], entry, mistakes) if key in joined else entry
    return Node(joined, one.where)


def shown(value: Any) -> str:
    """Return a value as a person writes it in YAML, cut short."""
    return shortened(written(value))


def shortened(text: str) -> str:
    """Return a text, cut if it is long."""
    return text if len(text) <= 60 else text[:57] + "..."


def written(value: Any) -> str:
    """Return a value as a person writes it in YAML.

    >>> written(None), written(True), written("x"), written([64, False]), written({"name": "cnn", "filters": [8]})
    ('null', 'true', "'x'", '[64, false]', "{name: 'cnn', filters: [8]}")
    """
    if isinstance(value, list):
        return f"[{', '.join(map(written, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {written(entry)}' for key, entry in value.items())}}}"
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else repr(value)
