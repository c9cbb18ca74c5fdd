"""Merges one config over another: by `extends`, and by overrides spelt KEY=VALUE."""

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
from bnexp.config.yaml_text import written
from bnexp.errors import Problems, outside_locale

MOST_FILES = 20
"""The most files in a chain in which each file extends the next."""
MOST_INDEX_DIGITS = 9
"""The most digits of an index into a list."""

SHORTHANDS = {
    ("model", "initializer"): "name",
    ("model", "normalization"): "name",
    ("training", "optimizer"): "name",
    ("training", "learning_rate"): None,
}
"""Key whose scalar is a shorthand for a mapping -> the mapping's key for that scalar.

None is for a learning rate: its scalar stands for `name: constant` and `initial`.
"""


def read_extended(path: Path, mistakes: Problems, seen: tuple[Path, ...] = ()) -> Node | None:
    """Read a config file and merge it over the file that its `extends` names, if any.

    Every mistake is noted: a missing or faulty file, or files that extend each other in a loop. None is returned if
    the file itself could not be read.
    """
    node = None
    with mistakes.noted():
        node = yaml.read_mapping(read_text(path), str(path), mistakes)
    return None if node is None else extended(node, path, mistakes, seen)


def extended(mapping: Node, path: Path, mistakes: Problems, seen: tuple[Path, ...] = ()) -> Node:
    """Merge the content of the file `path` over the file that its `extends` names, if any.

    A name in `extends` is relative to the folder of `path`.
    """
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
        mistakes.tell(f"{where}: extends goes in a loop: {loop}. Remove `extends` from one of them.")
        return None
    if len(seen) >= MOST_FILES:
        chain = f"extends leads through more than {MOST_FILES} files"
        mistakes.tell(f"{where}: {chain}. Remove `extends` from one of them.")
        return None
    if not os.path.isfile(base):
        faults = Problems()
        read_extended(base, faults, seen)
        mistakes.tell(*(f"{where}: extends is {shown(extends.value)}; {fault}" for fault in faults.messages))
        return None
    return read_extended(base, mistakes, seen)


def expanded(node: Node, path: Keys = ()) -> Node:
    """Return a node with shorthands written out for merging: `normalization: batch` becomes `{name: batch}`."""
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
    """Return one node merged over another: mappings are merged key by key, anything else is replaced.

    A section whose `name` changes is replaced as a whole, because the new kind does not know the keys of the old one.
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
    """Merge overrides, each `a.b=value`, over a config. Overrides without a key, a value or valid YAML are noted."""
    layers = [layer for text in overrides if (layer := read_override(text, mistakes)) is not None]
    return _laid_over(node, layers, mistakes)


def laid_over(node: Node, layers: Iterable[Node]) -> Node:
    """Merge layers over a config.

    The layers are first joined key by key, so their order matters only if two of them set the same key.

    Raises:
        ConfigError: if a layer sets an entry that a list does not have.
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
    """Return all dotted keys that a file sets when it has this value at a dotted key.

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
    """Join two overrides key by key. If both set the same key, the value of `other` wins."""
    if isinstance(one.value, list) and _is_index(other.value):
        return _with_entries(one, other, mistakes)
    if not (isinstance(one.value, dict) and isinstance(other.value, dict)):
        return other
    joined = dict(one.value)
    for key, entry in other.value.items():
        joined[key] = _joined(joined[key], entry, mistakes) if key in joined else entry
    return Node(joined, one.where)


def shown(value: Any) -> str:
    """Return a value as a person writes it in YAML, shortened if it is long."""
    return shortened(written(value))


def shortened(text: str) -> str:
    """Return a text, shortened to 60 characters if it is longer."""
    return text if len(text) <= 60 else text[:57] + "..."
