"""Signs that a text of East Asia is decoded with a wrong encoding: rare characters, and scripts that no word mixes.

A wrong encoding of two bytes per character mostly gives characters that exist, but that hardly any text uses.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

_GB = ((0xA1, 0xA3), (0xB0, 0xD7))
_BIG5 = ((0xA1, 0xC6),)
_SHIFT_JIS = ((0x81, 0x84), (0x88, 0x98))
_EUC_KR = ((0xA1, 0xA3), (0xB0, 0xC8))
COMMON: Mapping[str, Sequence[tuple[int, int]]] = {
    **dict.fromkeys(("gb2312", "gbk", "gb18030"), _GB),
    **dict.fromkeys(("big5", "cp950", "big5hkscs"), _BIG5),
    **dict.fromkeys(("shift_jis", "cp932"), _SHIFT_JIS),
    **dict.fromkeys(("euc_kr", "cp949"), _EUC_KR),
    "euc_jp": ((0xA1, 0xA5), (0xB0, 0xCF)),
}
"""Codec of East Asia -> ranges of the first bytes of its common characters: punctuation, and the first of the levels
into which its standard sorts characters by their use."""
_HIGH_SECOND_BYTE = {"gb2312", "gbk", "gb18030", "euc_kr", "cp949"}
"""Codecs whose characters are rare if their second byte is an ASCII one: these were added later."""
_HALF = "[\uff61-\uff9f]"
_NO_HALF_WIDTH = re.compile(
    "[｡-･]|^[ｧ-ｰﾞﾟﾝ]"  # punctuation; a letter that never comes first
    # a voicing mark or small kana after a kana that cannot take it
    "|[^ｳｶ-ﾄﾊ-ﾎ]ﾞ|[^ﾊ-ﾎ]ﾟ|[^ｳｲｸｼﾁﾂﾃﾄﾌﾞ][ｧ-ｫ]|[^ｷｼﾁﾃﾆﾋﾌﾐﾘﾞﾟ][ｬ-ｮ]"
    f"|(?<!{_HALF}){_HALF}[a-z]{{2}}"
)
_HANJA = re.compile("^[\u4e00-\u9fff\uf900-\ufaff](?=[\uac00-\ud7a3]{2})")
"""Matches one Chinese character before two or more Korean ones. Headlines shorten a name by it, as in 美대선."""


class Commonness(NamedTuple):
    """How common the East Asian characters of a text are in its encoding."""

    different: int
    """How many different ones there are."""
    rare: float
    """The share of rare ones."""


def commonness(words: Iterable[str], codec: str) -> Commonness:
    """Return how common the characters of words are in an encoding of East Asia."""
    characters = [character for word in words for character in _HANJA.sub("", word) if character > "\x7f"]
    rare = {character: is_rare(character, codec) for character in set(characters)}
    return Commonness(len(rare), sum(rare[one] for one in characters) / max(1, len(characters)))


def is_rare(character: str, codec: str) -> bool:
    """Return True if texts in an encoding of East Asia hardly use a character; False in other encodings.

    >>> [is_rare(one, "gb18030") for one in "北閘の"], [is_rare(one, "euc_kr") for one in "서北"]
    ([False, True, True], [False, True])
    """
    common = COMMON.get(codecs.lookup(codec).name)
    if common is None or re.match(_HALF, character):
        return False
    encoded = character.encode(codec, "ignore")
    if len(encoded) != 2:
        return len(encoded) > 2
    added = encoded[1] < 0x80 and codecs.lookup(codec).name in _HIGH_SECOND_BYTE
    return added or not any(first <= encoded[0] <= last for first, last in common)


def breaks_half_width(word: str) -> bool:
    """Return True if half-width katakana stand in a word as no Japanese word has them.

    >>> [breaks_half_width(word) for word in ("ｵｽ", "ｶﾞｽ", "東京ﾊﾟﾝ", "Aｺｰｽ")], breaks_half_width("ﾉﾏｺ｣")
    ([False, False, False, False], True)
    """
    return re.search(_HALF, word) is not None and _NO_HALF_WIDTH.search(word) is not None


def mixes_scripts(word: str) -> bool:
    """Return True if a word mixes scripts that hardly any word mixes, or has characters that do not exist.

    >>> [mixes_scripts(word) for word in ("iPhone手机", "T恤", "東京タワー", "서울", "ｶﾞｽ", "美대선")]
    [False, False, False, False, False, False]
    >>> [mixes_scripts(word) for word in ("북京", "美國대선", "東京ｶﾞｽ")]
    [True, True, True]
    """
    letters = (one for one in _HANJA.sub("", word) if one > "\u2e7f")
    names = {unicodedata.name(one, "PRIVATE").split(" ")[0].split("-")[0] for one in letters}
    if "PRIVATE" in names:
        return True
    if "HANGUL" in names:
        return bool(names & {"CJK", "HIRAGANA", "KATAKANA"})
    return "CJK" in names and re.search(_HALF, word) is not None
