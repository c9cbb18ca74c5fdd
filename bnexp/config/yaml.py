"""YAML text -> values that remember where they stand. YAML 1.2 scalars, and nothing that could surprise.

PyYAML reads YAML 1.1 (`1e-3` is text, `no` is false, `010` is 8, a repeated
key wins silently), so only its parser is used; what a scalar means is decided here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bnexp.errors import ConfigError, nearest

LARGEST_BYTES = 1_000_000
DEEPEST = 30
MOST_DIGITS = 100
"""Of a whole number: so many fit in a float, and Python itself reads and writes no more than some thousands."""

_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_SPECIAL = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


@dataclass(frozen=True)
class Node:
    """A value and where it stands: a scalar, a list of nodes, or a dict of nodes by key."""

    value: Any
    where: str


def plain(node: Node) -> Any:
    """Give the value without its places."""
    match node.value:
        case dict() as entries:
            return {key: plain(entry) for key, entry in entries.items()}
        case list() as entries:
            return [plain(entry) for entry in entries]
    return node.value


def scalar(text: str) -> Any:
    """Give what a plain scalar means in YAML 1.2's core schema.

    >>> scalar("1e-3"), scalar("010"), scalar("no"), scalar("2026-11-23"), scalar("~")
    (0.001, 10, 'no', '2026-11-23', None)
    """
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _SPECIAL.fullmatch(text):
        return float(text.replace(".", ""))
    return text


def read_file(path: Path) -> Node:
    """Read a config file: one document that is a mapping.

    Raises:
        ConfigError: if there is no such file, or it is not plain, safe YAML.
    """
    return read(_text(path), str(path))


def _text(path: Path) -> str:
    if not path.is_file():
        beside = sorted(entry.name for entry in path.parent.glob("*.y*ml")) if path.parent.is_dir() else []
        cure = nearest(path.name, beside) if beside else "Give the path of a YAML file."
        kind = "a directory" if path.is_dir() else "missing"
        raise ConfigError([f"{path}: is {kind}; expected a config file. {cure}"])
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read ({error.strerror}); expected a config file."]) from error
    if len(content) > LARGEST_BYTES:
        raise ConfigError([f"{path}: has {len(content)} bytes; expected {LARGEST_BYTES} or fewer."])
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ConfigError([f"{path}:{line}: is not UTF-8 text. Save it as UTF-8."]) from error


def read(text: str, name: str) -> Node:
    """Read YAML text; `name` stands for it in messages, followed by the line."""
    try:
        _refuse_unsafe(text, name)
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise ConfigError([_not_yaml(error, text, name)]) from error
    if not isinstance(root, yaml.MappingNode):
        raise ConfigError([f"{name}:1: holds {_kind(root)}; expected a mapping of keys, as in `name: bn`."])
    return _node(root, name)


def read_value(text: str, where: str) -> Node:
    """Read the value of an override, by the same rules as a file."""
    try:
        _refuse_unsafe(text, where)
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        key = where.removeprefix("override ").partition("=")[0]
        cure = f"""If it is a text, quote it, and once more for the shell: "{key}='{text}'"."""
        raise ConfigError([f"{where}: the value is not YAML; {_problem(error)}. {cure}"]) from error
    return Node(None, where) if root is None else _moved(_node(root, where), where)


def _moved(node: Node, where: str) -> Node:
    """Place a node and all in it at one place: an override has no lines."""
    match node.value:
        case dict() as entries:
            return Node({key: _moved(entry, where) for key, entry in entries.items()}, where)
        case list() as entries:
            return Node([_moved(entry, where) for entry in entries], where)
    return Node(node.value, where)


def _refuse_unsafe(text: str, name: str) -> None:
    """Refuse what could build an object, blow up or nest without end, before anything is built."""
    depth = documents = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        where = _where(event, name)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            cure = "Write the value out, or use `extends`."
            raise ConfigError([f"{where}: has an anchor or alias (& or *); configs are read without them. {cure}"])
        if tag := getattr(event, "tag", None):
            raise ConfigError([f"{where}: has the tag {tag}; configs hold plain values only. Leave the tag out."])
        documents += isinstance(event, yaml.DocumentStartEvent)
        if documents > 1:
            raise ConfigError([f"{where}: begins a second document; expected one. Leave out the `---`."])
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise ConfigError([f"{where}: is nested {depth} levels deep; expected {DEEPEST} or fewer."])


def _not_yaml(error: yaml.YAMLError, text: str, name: str) -> str:
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        line = text[: getattr(error, "position", 0)].count("\n") + 1
        return f"{name}:{line}: is not YAML; it holds a character that YAML does not allow."
    content = "".join(text.splitlines()[mark.line : mark.line + 1])
    if "\t" in content[: len(content) - len(content.lstrip())] or "'\\t'" in str(error):
        return f"{name}:{mark.line + 1}: is not YAML; there is a tab where it wants spaces. Indent with spaces."
    told = f"{name}:{mark.line + 1}: is not YAML; {_problem(error)} (column {mark.column + 1})."
    if "mapping values are not allowed" in told:
        told += " Indent the keys of one section alike, and quote a text that holds a colon."
    return told


def _problem(error: yaml.YAMLError) -> str:
    return str(getattr(error, "problem", None) or getattr(error, "context", None) or "it cannot be parsed")


def _node(node: yaml.Node, name: str) -> Node:
    where = _where(node, name)
    match node:
        case yaml.MappingNode():
            return Node(dict(_entries(node, name)), where)
        case yaml.SequenceNode():
            return Node([_node(entry, name) for entry in node.value], where)
    is_plain = isinstance(node, yaml.ScalarNode) and node.style is None
    if is_plain and len(node.value) > MOST_DIGITS and _INTEGER.fullmatch(node.value):
        raise ConfigError([f"{where}: has a number of {len(node.value)} digits; expected {MOST_DIGITS} or fewer."])
    return Node(scalar(node.value) if is_plain else node.value, where)


def _where(thing: yaml.Node | yaml.Event, name: str) -> str:
    """Give the file and the line, from 1."""
    mark = thing.start_mark
    return name if mark is None else f"{name}:{mark.line + 1}"


def _entries(node: yaml.MappingNode, name: str) -> Iterator[tuple[str, Node]]:
    seen: dict[str, int] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise ConfigError([f"{name}:{line}: a key is {_kind(key)}; expected a word."])
        if key.value == "<<":
            raise ConfigError([f"{name}:{line}: has a merge key (<<); configs are read without them. Use `extends`."])
        if key.value in seen:
            first = f"it stands in line {seen[key.value]} already"
            raise ConfigError([f"{name}:{line}: the key {key.value} is repeated; {first}. Keep one of them."])
        seen[key.value] = line
        yield key.value, Node(_node(value, name).value, f"{name}:{line}")


def _kind(node: yaml.Node | None) -> str:
    match node:
        case None:
            return "nothing"
        case yaml.MappingNode():
            return "a mapping"
        case yaml.SequenceNode():
            return "a list"
    return "one value"
