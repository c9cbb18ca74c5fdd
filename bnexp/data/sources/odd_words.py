"""Signs that a text is decoded with a wrong encoding: words that no language writes, and control characters."""

from __future__ import annotations

import codecs
import itertools
import re
import unicodedata
from dataclasses import dataclass

from bnexp.data.sources.likely_encodings import KOREAN, Encoding, candidates, decodes
from bnexp.data.sources.rare_characters import COMMON, Commonness, breaks_half_width, commonness, mixes_scripts

MOST_WORDS = 1000
"""The most different words that are looked at."""
MANY, FEW = 0.5, 0.1
"""An encoding is doubtful if more than MANY of the words are odd. Another is likelier if at most FEW are odd in it."""
RARE, HARDLY_ANY = 0.15, 0.05
"""An encoding of East Asia is doubtful if more than RARE of its characters are rare. HARDLY_ANY may be in another."""
FEWEST_CHARACTERS = 20
"""Fewer different characters do not show whether they are the common ones."""
FEWEST_RARE = 10
"""Fewer different rare characters say nothing: a column may hold the names of two rare animals."""
FEWEST_MIXED = 4
"""Fewer words that mix scripts do not show that the encoding is wrong."""
MANY_KOREAN = 40
"""A text with this number of different characters that are nearly all Korean is no Chinese one.

Read as Korean, half of the characters of a Chinese text are none that Korean texts use.
"""
_CONTROL = re.compile("[\x80-\x9f]")
_SMALL = re.compile("[a-z]")
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
    read = _reading(content, codec)
    if not read.is_doubtful:
        return KOREAN if _is_korean(content, codec) else None
    for other in candidates(content, codec):
        found = _reading(content, other.codec)
        if found.text == read.text:
            return None
        are_commoner = read.odd > MANY or read.has_control or found.characters.rare <= HARDLY_ANY
        if are_commoner and found.perhaps_odd <= min(FEW, read.perhaps_odd) and not found.has_control:
            return other
    return None


def _is_korean(content: bytes, codec: str) -> bool:
    """Return True for a Korean text that is read as Chinese or Japanese, which makes common characters of it."""
    if codecs.lookup(codec).name not in COMMON or not decodes(content, KOREAN.codec):
        return False
    found = _reading(content, KOREAN.codec)
    if found.text == content.decode(codec, "ignore") or found.characters.different < MANY_KOREAN:
        return False
    return found.characters.rare <= HARDLY_ANY and found.perhaps_odd <= FEW


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
    if breaks_half_width(word):
        return True
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


@dataclass(frozen=True)
class _Reading:
    """How a text reads in an encoding."""

    text: str
    odd: float
    """The share of words, among those with non-ASCII characters, that are surely odd."""
    perhaps_odd: float
    """The share of all odd words, also of kinds that are too few in the text to say that they are."""
    has_control: bool
    characters: Commonness

    @property
    def is_doubtful(self) -> bool:
        """Return True if many words are odd, or too many of the East Asian characters rare, for a right encoding."""
        are_rare = self.characters.rare > RARE and self.characters.different >= FEWEST_CHARACTERS
        return self.odd > MANY or self.has_control or are_rare


def _reading(content: bytes, codec: str) -> _Reading:
    text = content.decode(codec, "ignore")  # its end may be incomplete
    found = (match[0] for match in _WORD.finditer(text))
    some = [*itertools.islice(dict.fromkeys(itertools.islice(found, 10 * MOST_WORDS)), MOST_WORDS)]
    characters, has_control = commonness(some, codec), _CONTROL.search(text) is not None
    odd = {word for word in some if is_odd(word)}
    of_rare_ones = {word for word in some if commonness([word], codec).rare > 1 / 2}
    mixed = {word for word in some if mixes_scripts(word)}
    sure = odd | {word for word in of_rare_ones if _SMALL.search(word)}  # an accented letter, and the letter after it
    sure |= of_rare_ones if characters.rare * characters.different >= FEWEST_RARE else set()
    sure |= mixed if len(mixed) >= FEWEST_MIXED else set()
    words = max(1, len(some))
    return _Reading(text, len(sure) / words, len(odd | of_rare_ones | mixed) / words, has_control, characters)
