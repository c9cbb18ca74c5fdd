"""Signs that a text is decoded with a wrong encoding: words that no language writes, and control characters."""

from __future__ import annotations

import itertools
import re
import unicodedata

from bnexp.data.sources.likely_encodings import Encoding, candidates, decodes

MOST_WORDS = 1000
"""The most different words that are looked at."""
MANY, FEW = 0.5, 0.1
"""An encoding is doubtful if more than MANY of the words are odd. Another is likelier if at most FEW are odd in it."""
_CONTROL = re.compile("[\x80-\x9f]")
_WORD = re.compile("[A-Za-z]*[^\x00-\x7f\\s][^\x00-\x40\x5b-\x60\x7b-\x7f\\s]*")
_QUOTES = "".join(map(chr, (0xA1, 0xAB, 0xBB, 0xBF, *range(0x2010, 0x203B))))
"""Punctuation that may stand before or after a word."""
_LIGATURES = range(0xFB00, 0xFB07)
OTHER_ALPHABETS = {"CYRILLIC", "GREEK"}
"""Alphabets that no word mixes with Latin letters."""


def likelier_encoding(content: bytes, codec: str) -> Encoding | None:
    """Return the encoding in which a text makes more sense than in `codec`, which decodes it; None if there is none."""
    if content.isascii() or not decodes(content, codec):
        return None
    share, has_control = _oddness(content, codec)
    if share <= MANY and not has_control:
        return None
    for other in candidates(content, codec):
        other_share, other_has_control = _oddness(content, other.codec)
        if other_share <= min(FEW, share) and not other_has_control:
            return other
    return None


def is_odd(word: str) -> bool:
    """Return True if a word with non-ASCII letters looks like one in a wrong encoding.

    >>> [is_odd(word) for word in ("rosé", "weiß", "белое", "ÉTÉ", "白ワイン", "°C")]
    [False, False, False, False, False, False]
    >>> [is_odd(word) for word in ("M≈nchen", "20°C")]
    [True, False]
    >>> [is_odd(word) for word in ("rosй", "weiﬂ", "áåëîå", "аБВ", "¾Æ¾", "\x92a")]
    [True, True, True, True, True, True]
    """
    word = word.strip(_QUOTES)
    others = [letter for letter in word if letter > "\x7f"]
    letters = [letter for letter in word if letter.isalpha()]
    alphabets = {unicodedata.name(letter, "").split(" ")[0] for letter in letters}
    if _CONTROL.search(word) or any(ord(letter) in _LIGATURES for letter in others):
        return True
    if "LATIN" in alphabets and OTHER_ALPHABETS & alphabets:
        return True
    if any(before.islower() and after.isupper() and after > "\x7f" for before, after in itertools.pairwise(letters)):
        return True
    kinds = "".join(unicodedata.category(letter)[0] for letter in word)
    if "LSL" in kinds:  # a symbol between letters
        return True
    if len(others) < 2:
        return False
    has_symbols = any(letter < "\xc0" and not letter.isalpha() for letter in others)
    return has_symbols or (alphabets == {"LATIN"} and len(others) == len(word))


def _oddness(content: bytes, codec: str) -> tuple[float, bool]:
    """Return the share of odd words among those with non-ASCII characters, and whether there are control characters."""
    text = content.decode(codec, "ignore")  # its end may be incomplete
    found = (match[0] for match in _WORD.finditer(text))
    words = dict.fromkeys(itertools.islice(found, 10 * MOST_WORDS))
    some = [*itertools.islice(words, MOST_WORDS)]
    return sum(map(is_odd, some)) / max(1, len(some)), _CONTROL.search(text) is not None
