"""How a name becomes part of a path. Letters of every script are kept; characters with a special meaning become `-`."""

from __future__ import annotations

import os
import re
import unicodedata

MOST_LETTERS, MOST_BYTES = 64, 96
"""The most letters and bytes of a name in a path. With the time added, it is well below 143 bytes: the limit of the
strictest file systems."""
INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0")
"""Letters and marks that are invisible, so that two different names could look the same."""


def slug(name: str) -> str:
    """Return a name in the form that it has in a path: letters, marks and digits of any script, and `._-`.

    It is in Unicode's composed form, begins with a letter or digit, and is no name that Windows reserves.

    >>> slug("bn"), slug("../x y"), slug("né"), slug("批归一化 1"), slug("")
    ('bn', 'x-y', 'né', '批归一化-1', 'run')
    """
    composed = unicodedata.normalize("NFC", "".join(letter for letter in name if not _is_invisible(letter)))
    word = _without_loose_marks("".join(letter if _is_kept(letter) else "-" for letter in composed))
    word = _cut(re.sub(r"-+", "-", word).strip(".-_")).strip(".-_")
    reserved = re.fullmatch(r"(?i)(con|prn|aux|nul|com\d|lpt\d|latest)(\..*)?", word)
    return f"run-{word}" if reserved else word or "run"


def is_plain(name: str) -> bool:
    """Return True if a name stays inside the directory in which it is looked up.

    >>> is_plain("bn-20260101-000000"), is_plain(".."), is_plain("a/b"), is_plain("")
    (True, False, False, False)
    """
    return name not in ("", ".", "..") and not set("/\\\0") & set(name)


def _is_invisible(letter: str) -> bool:
    return letter in INVISIBLE or 0xFE00 <= ord(letter) <= 0xFE0F or unicodedata.category(letter) == "Cf"


def _is_kept(letter: str) -> bool:
    """Return True for letters, marks and digits that the file system can write."""
    if letter.isascii():
        return letter.isalnum() or letter in "._-"
    return (unicodedata.category(letter)[0] in "LM" or letter.isdecimal()) and _is_writable(letter)


def _is_writable(letter: str) -> bool:
    try:
        os.fsencode(letter)
    except UnicodeEncodeError:  # the locale's encoding does not have the letter
        return False
    return True


def _without_loose_marks(word: str) -> str:
    """Return the word without combining marks that follow no letter."""
    kept = ""
    for letter in word:
        if not unicodedata.category(letter).startswith("M") or (kept and kept[-1] not in "._-"):
            kept += letter
    return kept


def _cut(word: str) -> str:
    """Return a word cut to at most MOST_LETTERS letters and MOST_BYTES bytes."""
    word = word[:MOST_LETTERS]
    while len(word.encode("utf-8", "surrogatepass")) > MOST_BYTES:
        word = word[:-1]
    return word
