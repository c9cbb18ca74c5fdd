"""Turns a YAML parser's error into one line that a person can act on: what was seen, where, and the cure."""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Callable
from typing import NamedTuple

import yaml

from bnexp.errors import cure_of_bytes

SPECIAL = ", : ? # [ ] { }"
_LONE_QUESTION_MARK = re.compile(r"""(?:"(?:[^"\\]|\\.)*"|'[^']*'|[^?"'])*?[\[,]\s*(\?)\s*[,\]]""")
"""Matches from an opening bracket to the first ? that is a whole entry of the list and not inside quotes."""


def character(text: str, index: int) -> str:
    """Return what is wrong with a character that YAML does not allow."""
    code = ord(text[index])
    if 0xDC80 <= code <= 0xDCFF:  # Python's surrogate for a byte that it could not decode
        encoding = sys.getfilesystemencoding()
        return f"holds a byte that is no letter in the locale's encoding, {encoding}. {cure_of_bytes(encoding)}"
    called = unicodedata.name(text[index], "")
    seen = f"the character U+{code:04X}{f' ({called.lower()})' if called else ''}"
    if code >= 0x80 and not 0xD800 <= code < 0xE000:
        cure = f'Leave it out, or write it as "\\u{code:04x}" in double quotes.'
    else:
        cure = "Leave it out."
    return f"is not YAML; it holds {seen}, which YAML does not allow. {cure}"


class _Seen(NamedTuple):
    """Where the parser stopped: the line (from 0), its text, the column (from 0), and whether the text ends there.

    `opened` is the line (counted from 1) in which the construct that is not closed began.
    """

    line: int
    content: str
    column: int
    at_end: bool
    opened: int

    @property
    def here(self) -> str:
        return self.content[self.column : self.column + 1]


Rule = tuple[tuple[str, ...], Callable[[_Seen], str], str]
"""Three columns: parts of the parser's message (one of them must occur), what was seen, and the cure."""

RULES: tuple[Rule, ...] = (
    (
        ("cannot start any token",),
        lambda seen: f"a text cannot begin with {seen.here}",
        "Quote the text.",
    ),
    (
        ("escape character", "hexdecimal", "hexadecimal", "escape code"),
        lambda seen: "in double quotes a backslash begins an escape, and this one is not valid",
        "Use single quotes, or / in a path.",
    ),
    (
        ("incompatible",),
        lambda seen: "its %YAML line asks for another version",
        "Leave that line out.",
    ),
    (
        ("end of stream",),
        lambda seen: "a quote is not closed",
        "Close it.",
    ),
    (
        ("',' or '}'",),
        lambda seen: _bracket(seen, "{", "}"),
        f"Close it, or quote a text that holds one of {SPECIAL}",
    ),
    (
        ("',' or ']'",),
        lambda seen: _bracket(seen, "[", "]"),
        f"Close it, or quote a text that holds one of {SPECIAL}",
    ),
    (
        ("mapping values", "unexpected ':'"),
        lambda seen: "a key is not expected here",
        "Indent the keys of one section alike, and quote a text that holds a colon.",
    ),
    (
        ("mapping keys", "node content", "alphabetic or numeric", "comment or line break", "chomping", "directive"),
        lambda seen: f"a text cannot begin with {_before(seen)}" if seen.content[seen.column :].strip() else "",
        "Quote the text.",
    ),
    (
        ("sequence entries",),
        lambda seen: "a list with dashes cannot begin beside its key",
        "Begin it in the next line, or write [a, b]; quote a text that begins with a dash.",
    ),
    (
        ("expected key", "<block end>", "expected ':'", "'-' indicator", "<document start>"),
        lambda seen: "expected `key: value` here",
        "Indent the keys of one section alike, write a space after each colon, and put quotes around the whole "
        "of a text that holds quotes or brackets.",
    ),
)


def _bracket(seen: _Seen, opening: str, closing: str) -> str:
    if seen.at_end:
        return f"the {opening} is not closed"
    return f"expected , or {closing} before {seen.here}, since the {opening} of line {seen.opened} is not closed"


def _before(seen: _Seen) -> str:
    words = [word for word in re.split(r"[\s\[\]{},]+", seen.content[: seen.column + 1]) if word]
    return words[-1][0] if words and not seen.content[: seen.column].endswith(" ") else seen.here


def parser_message(error: yaml.YAMLError, text: str, name: str) -> str:
    """Return the message for a parser's error: its line, what was seen there, and the cure."""
    line, what, cure = explained(error, text)
    return f"{name}:{line}: is not YAML; {what}. {cure}"


def explained(error: yaml.YAMLError, text: str) -> tuple[int, str, str]:
    """Return the line of a parser's error (counted from 1), what was seen there with its column, and the cure."""
    seen = _seen(error, text)
    if seen is None:
        return 1, "it cannot be parsed", "Quote texts that hold special characters."
    if "\t" in seen.content[: len(seen.content) - len(seen.content.lstrip())] or seen.here == "\t":
        return seen.line + 1, "there is a tab where YAML needs spaces", "Indent with spaces."
    problem = str(getattr(error, "problem", None) or "it cannot be parsed")
    if "',' or ']'" in problem and (place := _lone_question_mark(error, text)) is not None:
        line, column = place
        return line + 1, f"a ? begins a key in YAML (column {column + 1})", 'If it is a text, quote it: "?".'
    for parts, what, cure in RULES:
        if any(part in problem for part in parts):
            found = what(seen)
            if not found:
                return seen.line + 1, "the text ends where a value is expected", "Close the brackets that are open."
            return seen.line + 1, f"{found} (column {seen.column + 1})", cure
    return seen.line + 1, f"{problem} (column {seen.column + 1})", "Quote the text, if it is one."


def _lone_question_mark(error: yaml.YAMLError, text: str) -> tuple[int, int] | None:
    """Return line and column (from 0) of a ? that is a whole entry of the list that the parser could not read.

    libyaml takes the comma or bracket after it for a part of a key, and reports a bracket that is not closed.
    """
    begin = getattr(error, "context_mark", None)
    if begin is None:
        return None
    lines = re.split(r"\r\n?|\n", text)[begin.line :]
    found = _LONE_QUESTION_MARK.match("\n".join(lines), begin.column)
    if found is None:
        return None
    before = "\n".join(lines)[: found.start(1)]
    return begin.line + before.count("\n"), found.start(1) - before.rfind("\n") - 1


def _seen(error: yaml.YAMLError, text: str) -> _Seen | None:
    """Find where the parser stopped. If it stopped at the end of the text, find where the open construct began."""
    mark, context = getattr(error, "problem_mark", None), getattr(error, "context_mark", None)
    if mark is None:
        return None
    lines = re.split(r"\r\n?|\n", text)
    rest = [lines[mark.line][mark.column :], *lines[mark.line + 1 :]] if mark.line < len(lines) else []
    at_end = not any(line.strip() for line in rest)
    place = context if at_end and context is not None else mark
    opened = (mark if context is None else context).line + 1
    return _Seen(place.line, "".join(lines[place.line : place.line + 1]), place.column, at_end, opened)
