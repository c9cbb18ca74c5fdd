"""Reads YAML text into values with their file and line, by the rules of YAML 1.2, without anchors and tags.

PyYAML reads YAML 1.1: `1e-3` is text, `no` is false, `010` is 8, and a repeated key wins silently. So only its parser
is used, and this file decides what a scalar means. The parser is libyaml, which is in PyYAML's wheels. It reads
`{target: churned?}` and tabs between words as YAML 1.2 does. Without libyaml, these texts have to be quoted. PyYAML's
own parser takes `[a:]` for `[{a: null}]`, as YAML 1.2 does; libyaml refuses it. No text has two values.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from bnexp.config import not_yaml
from bnexp.errors import Problems

DEEPEST = 30
"""The most levels of nesting in a config. A model of nested layers has about 8; Python allows 1,000 nested calls."""
MOST_DIGITS = 100
"""The most digits of a whole number: they fit in a float, and Python refuses numbers of some thousand digits."""
LOADER: Any = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader

_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_SPECIAL = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
REFUSED = re.compile("[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
"""Matches characters that YAML does not allow, the byte order mark, and line breaks of YAML 1.1 but not of 1.2."""


Keys = tuple[str, ...]
"""The keys on the way to a node, from the outermost."""


@dataclass(frozen=True)
class Node:
    """A value and its place, such as file and line. The value is a scalar, a list of nodes, or a dict of nodes."""

    value: Any
    where: str
    source: str | None = None
    """The text of an unquoted scalar, as the user wrote it: `1e3` for 1000.0."""


def plain(node: Node) -> Any:
    """Return the plain value of a node, without places."""
    match node.value:
        case dict() as entries:
            return {key: plain(entry) for key, entry in entries.items()}
        case list() as entries:
            return [plain(entry) for entry in entries]
    return node.value


def scalar(text: str) -> Any:
    """Return what a plain scalar means in YAML 1.2's core schema.

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


def read(text: str, name: str) -> Node:
    """Read YAML text that has to be a mapping. Messages call it `name`, followed by the line.

    Raises:
        ConfigError: with every mistake, if the text is not plain, safe YAML.
    """
    mistakes = Problems()
    node = read_mapping(text, name, mistakes)
    mistakes.refuse()
    assert node is not None
    return node


def read_mapping(text: str, name: str, mistakes: Problems) -> Node | None:
    """Read YAML text that has to be a mapping, and note its mistakes; return None if nothing in it can be used."""
    noted = len(mistakes.found)
    node = _built(text, name, mistakes)
    if node is not None and isinstance(node.value, dict):
        return node
    if len(mistakes.found) == noted:
        seen = "nothing" if node is None or node.value is None else kind(node)
        mistakes.tell(f"{name}:1: holds {seen}; expected a mapping of keys, as in `name: bn`.")
    return None


def _built(text: str, name: str, mistakes: Problems) -> Node | None:
    if bad := REFUSED.search(text):
        line = text[: bad.start()].count("\n") + 1
        mistakes.tell(f"{name}:{line}: {not_yaml.character(text, bad.start())}")
        return None
    try:
        return Building(text, name, mistakes).document()
    except yaml.YAMLError as error:
        mistakes.tell(not_yaml.parser_message(error, text, name))
    except TooDeepError:
        pass
    return None


def faulty_character(text: str) -> str | None:
    """Return what is wrong with the first character that YAML does not allow; None if the text has none."""
    bad = REFUSED.search(text)
    return None if bad is None else not_yaml.character(text, bad.start())


class TooDeepError(Exception):
    """A text is nested so deeply that reading it could end in a traceback."""


class Building:
    """Builds nodes from the parser's events in one pass, and notes the mistakes.

    Tags, aliases and deep nesting are refused before they are built. They could create objects or fill the memory.
    """

    def __init__(self, text: str, name: str, mistakes: Problems, *, with_cures: bool = True) -> None:
        self.text = text
        self.with_cures = with_cures
        self.name = name
        self.mistakes = mistakes
        self.events: Iterator[Any] = yaml.parse(text, Loader=LOADER)
        self.scalars: list[range] = []
        """The range of each scalar in the text, including its quotes."""
        self.begins_with_dashes = False
        self.may_be_text = False
        """Whether quotes around a text could fix one of the mistakes."""

    def document(self) -> Node | None:
        """Build the only allowed document; return None if there is none, or if nothing in it can be used."""
        node = None
        documents = 0
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                self.begins_with_dashes |= bool(event.explicit)
                if documents > 1:
                    self._note(event, "begins a second document; expected one. Leave out the `---`.")
                    return node
                node = self._node(next(self.events), 0)
        return node

    def _note(self, event: Any, seen: str, cure: str = "") -> None:
        """Note a mistake. If it has a cure, quotes may be missing around a text."""
        self.may_be_text |= bool(cure)
        self.mistakes.tell(f"{self._where(event)}: {seen} {cure if self.with_cures else ''}".rstrip())

    def _where(self, event: Any) -> str:
        return f"{self.name}:{_line(event)}"

    def _node(self, event: Any, depth: int) -> Node | None:
        """Build the node that begins with an event. If it cannot be used, note a mistake and return None."""
        usable = self._is_usable(event)
        node: Node | None = None
        match event:
            case yaml.MappingStartEvent():
                self._refuse_too_deep(event, depth)
                node = Node(self._entries(depth + 1), self._where(event))
            case yaml.SequenceStartEvent():
                self._refuse_too_deep(event, depth)
                node = Node(list(self._items(depth + 1)), self._where(event))
            case yaml.ScalarEvent():
                node = self._scalar(event)
        return node if usable else None

    def _is_usable(self, event: Any) -> bool:
        if isinstance(event, yaml.AliasEvent) or event.anchor:
            cure = "Write the value out, or use `extends`; quote it if it is a text."
            self._note(event, "has an anchor or alias (& or *); configs cannot use them.", cure)
            return not isinstance(event, yaml.AliasEvent)
        if event.tag:
            self._note(event, f"has the tag {event.tag}; configs hold plain values only.", "Leave the tag out.")
            return False
        return True

    def _refuse_too_deep(self, event: Any, depth: int) -> None:
        if depth >= DEEPEST:
            self._note(event, f"is nested {depth + 1} levels deep; expected {DEEPEST} or fewer.")
            raise TooDeepError

    def _items(self, depth: int) -> Iterator[Node]:
        for event in self.events:
            if isinstance(event, yaml.SequenceEndEvent):
                return
            node = self._node(event, depth)
            if node is not None:
                yield node

    def _entries(self, depth: int) -> dict[str, Node]:
        entries: dict[str, Node] = {}
        seen: dict[str, int] = {}
        for event in self.events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            key = self._key(event, seen, depth)
            node = self._node(next(self.events), depth)
            if key is not None and node is not None:
                entries[key] = Node(node.value, self._where(event), node.source)
        return entries

    def _key(self, event: Any, seen: dict[str, int], depth: int) -> str | None:
        """Return a key. If it is no word, is repeated or would be misread, note a mistake and return None."""
        node = self._node(event, depth)
        if not isinstance(event, yaml.ScalarEvent):
            if node is not None:
                self._note(event, f"a key is {kind(node)}; expected a word.")
            return None
        key = str(event.value)
        is_plain = event.style is None or event.style == ""
        if is_plain and key == "<<":
            self._note(event, "has a merge key (<<); configs cannot use it. Use `extends`.")
        elif is_plain and self._follows_question_mark(event):
            self._note(event, "has a ?, which begins a key in YAML.", f'If it is a text, quote it: "?{key}".')
        elif key in seen:
            first = f"line {seen[key]} already has it"
            text = f"the key {key} is repeated; {first}. Keep one of them."
            self.mistakes.tell(f"{self._where(event)}: {text}", leaves_out=False)  # the first one is used
        else:
            seen[key] = _line(event)
            return key if node is not None else None
        return None

    def _follows_question_mark(self, event: Any) -> bool:
        """Return True for the key of `{?x: 1}`: YAML 1.2 reads the key as `?x`, but the parser reads `x`."""
        index = event.start_mark.index
        return self.text[index - 1 : index] == "?"

    def _scalar(self, event: Any) -> Node | None:
        self.scalars.append(range(event.start_mark.index, event.end_mark.index))
        if event.style in ("|", ">") and not event.value.strip():
            seen = f"has a {event.style}, which begins a text of several lines, and no text follows."
            self._note(event, seen, f'If it is a text, quote it: "{event.style}".')
            return None
        if event.style not in (None, ""):
            return Node(event.value, self._where(event))
        if len(event.value) > MOST_DIGITS and _INTEGER.fullmatch(event.value):
            seen = f"has a number of {len(event.value)} digits"
            self._note(event, f"{seen}; expected {MOST_DIGITS} or fewer.")
            return None
        return Node(scalar(event.value), self._where(event), event.value)


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


def kind(node: Node) -> str:
    """Return what a node is, in words."""
    match node.value:
        case dict():
            return "a mapping"
        case list():
            return "a list"
    return "one value"
