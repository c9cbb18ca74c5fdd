"""Overrides, as the command line has them: KEY=VALUE, where VALUE is YAML; with the cure where they are misspelt."""

from __future__ import annotations

import json
import re
import shlex

import yaml as pyyaml

from bnexp.config import not_yaml, yaml
from bnexp.config.yaml import DEEPEST, Building, Node, TooDeepError

LONGEST_SHOWN = 100
_PLACE = "override "
_KEY = re.compile(r"[^\s=.]+(\.[^\s=.]+)*")
_HYDRA = re.compile(r"(\+\+?|~)(?=[^+~])")


def place(text: str) -> str:
    """Return what stands for an override where a message names the file and line.

    >>> place("training.epochs=5")
    'override training.epochs=5'
    """
    return _PLACE + (text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 3]}...")


def is_from_override(node: Node) -> bool:
    """Return True if a value came from the command line."""
    return node.where.startswith(_PLACE)


def typed(key: str, text: str) -> str:
    """Return an override as it has to be typed into a shell.

    >>> print(typed("training.epochs", "5"), typed("dataset.target", '"Score #2"'))
    training.epochs=5 'dataset.target="Score #2"'
    """
    return shlex.quote(f"{key}={text}")


def quoted(text: str) -> str:
    """Return a text in YAML's double quotes, on one line."""
    return json.dumps(text, ensure_ascii=False)


def dotted(key: str, value: Node) -> Node:
    """Return the mapping that a dotted key stands for: `a.b` and 1 are `{a: {b: 1}}`."""
    for part in reversed(key.split(".", maxsplit=DEEPEST)):
        value = Node({part: value}, value.where)
    return value


def read(text: str, mistakes: list[str]) -> Node | None:
    """Read an override as a mapping; None, with what is wrong noted, if it cannot be used."""
    where = place(text)
    key, _, value = text.partition("=")
    fault = yaml.faulty_character(text) or _faulty_key(key, value) or _faulty_value(key, value)
    if fault:
        mistakes.append(f"{where}: {fault}")
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
        return f"has a blank before the =; expected KEY=VALUE. Write {typed(key.strip(), value.strip())}."
    if not _KEY.fullmatch(key):
        return "has no key; expected KEY=VALUE, as in `training.epochs=5`. Leave no blanks around the = sign."
    return None


def _faulty_value(key: str, value: str) -> str | None:
    if not value.strip():
        return (
            f"has no value; expected KEY=VALUE. Use `{key}=null` for none, or {typed(key, quoted(''))} for empty text."
        )
    if value.startswith("="):
        rest = value.lstrip("=")
        return (
            f"has two = signs; expected KEY=VALUE. Write {typed(key, rest)}, or {typed(key, quoted(value))} for a text."
        )
    return None


def _value(key: str, value: str, where: str, mistakes: list[str]) -> Node | None:
    """Read the value by the same rules as a file; what YAML would drop in silence is refused."""
    faults: list[str] = []
    building = Building(value, "", faults)
    node = None
    try:
        node = building.document()
        faults += _dropped(key, value, building)
    except pyyaml.YAMLError as error:
        _, what, _ = not_yaml.explained(error, value)
        faults.append(f"the value is not YAML; {what}. {_requoted(key, value)}")
    except TooDeepError:
        pass
    mistakes += [f"{where}: {re.sub('^:[0-9]+: ', '', fault)}" for fault in faults]
    return None if faults or node is None else _moved(node, where)


def _dropped(key: str, value: str, building: Building) -> list[str]:
    """List what YAML leaves out of a value: a comment, or the dashes that begin a document."""
    inside = building.scalars
    for found in re.finditer("#", value):
        if not any(found.start() in span for span in inside):
            lost = value[found.start() :]
            return [f"YAML takes {lost!r} for a comment and drops it. {_requoted(key, value)}"]
    if building.begins_with_dashes:
        return [f"YAML takes '---' for the begin of a document and drops it. {_requoted(key, value)}"]
    return []


def _requoted(key: str, value: str) -> str:
    """Return the cure for a value whose characters mean something in YAML, or that the shell has cut."""
    closing = {"{": "}", "[": "]"}.get(value[0])
    if closing and value.count(value[0]) > value.count(closing):
        example = "'model={name: mlp, hidden: [64]}'"
        return f"If the shell cut it at a blank, put the whole override in quotes, as in {example}."
    if closing and "#" in value and value.rstrip().endswith(closing):
        example = '{target: "a # b"}' if closing == "}" else '["a # b"]'
        return f"Quote the text in it, and the whole for the shell, as in {typed(key, example)}."
    return f"If it is a text, quote it, and once more for the shell: {typed(key, quoted(value.strip()))}."


def _moved(node: Node, where: str) -> Node:
    """Place a node and all in it at one place: an override has no lines."""
    match node.value:
        case dict() as entries:
            return Node({key: _moved(entry, where) for key, entry in entries.items()}, where)
        case list() as entries:
            return Node([_moved(entry, where) for entry in entries], where)
    return Node(node.value, where, node.source)
