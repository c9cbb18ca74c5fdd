"""The likely encodings of a text, and how its words read in each."""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

BEGINNING_BYTES = 2**16
"""How many bytes are read to find the format of a large file and the width of its characters."""
WORDS_SHOWN = 3
"""How many words of the file a message shows, so that the user sees whether an encoding is right."""
MARKS: Mapping[bytes, str] = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
    codecs.BOM_UTF8: "utf-8",
}
"""Byte order mark at the start of a text -> its encoding."""
WIDE = ("utf-16", "utf-32")
"""Encodings in which an ASCII letter contains bytes of 0."""
OF_TWO_BYTES = (
    ("euc_kr", (0xB0, 0xC8), "EUC-KR (Korean)", "euc_kr"),
    ("euc_jp", (0xA4, 0xA5), "EUC-JP (Japanese)", "euc_jp"),
    ("gb2312", (0xB0, 0xD7), "GB18030 or GBK (Chinese)", "gb18030"),
    ("big5", (0xA4, 0xC6), "Big5 (Chinese)", "big5"),
)
"""Codec, range of the first bytes of its commonest characters, its name in messages, and the codec to read with.

The order matters, because several codecs can decode many texts, but a text makes sense in only one of them.
"""
FEW_LETTERS = 8
"""Fewer letters than this, in different words, do not show the alphabet."""


def family(encoding: str) -> str:
    """Return the name of an encoding without its byte order.

    >>> family("UTF16"), family("utf-16-le"), family("utf8"), family("latin-1")
    ('utf-16', 'utf-16', 'utf-8', 'iso8859-1')
    """
    return re.sub("(-le|-be|-sig)$", "", codecs.lookup(encoding).name.replace("_", "-"))


class Encoding(NamedTuple):
    """An encoding: Python's codec, and its name in messages."""

    codec: str
    name: str


UTF_8 = Encoding("utf-8", "UTF-8")
LATIN = Encoding("latin-1", "Latin-1")
WESTERN = Encoding("cp1252", "Windows-1252 (Latin-1)")
CYRILLIC = Encoding("cp1251", "Windows-1251 (Cyrillic)")
RUSSIAN, GREEK = "оеаинт", "αοιετν"
"""The commonest letters of a language. They are about half of the letters of a text, and few in a wrong reading.

Only small letters are counted: where KOI8-R has small Russian letters, other encodings have the same ones as capitals.
"""
OF_ONE_BYTE = (
    (CYRILLIC, RUSSIAN),
    (Encoding("koi8_r", "KOI8-R (Cyrillic)"), RUSSIAN),
    (Encoding("iso8859_5", "ISO 8859-5 (Cyrillic)"), RUSSIAN),
    (Encoding("cp866", "DOS 866 (Cyrillic)"), RUSSIAN),
    (Encoding("cp1253", "Windows-1253 (Greek)"), GREEK),
)
COMMON_LETTERS = 0.3
"""The least share of the commonest letters that shows an alphabet."""
KOREAN = Encoding("euc_kr", "EUC-KR (Korean)")
CHINESE = Encoding("gb18030", "GB18030 or GBK (Chinese)")
JAPANESE = (Encoding("shift_jis", "Shift-JIS (Japanese)"), Encoding("cp932", "Shift-JIS of Windows (Japanese)"))
"""Shift-JIS, and its extension by characters of Windows, such as a 1 in a circle."""
KANA_BYTES, KANJI_BYTES = (0x82, 0x83), (0x88, 0x97)
"""First bytes of Shift-JIS: of kana, and of common kanji. Chinese encodings have rare characters there."""


def with_reading(content: bytes, encoding: Encoding) -> str:
    """Return the name of an encoding, and how the first non-ASCII words read in it, so that the user can decide."""
    if family(encoding.codec) in WIDE:
        return encoding.name
    text = codecs.getincrementaldecoder(encoding.codec)("replace").decode(content)  # its end may be incomplete
    words = list(dict.fromkeys(re.findall(r"\w*[^\W\x00-\x7f]\w*", text)))[:WORDS_SHOWN]
    return f"{encoding.name}, which reads {' '.join(words)!r}" if words else encoding.name


def decodes(content: bytes, codec: str) -> bool:
    """Return True if bytes are valid text in an encoding; the last character may be incomplete."""
    try:
        codecs.getincrementaldecoder(codec)().decode(content)
    except UnicodeError:
        return False
    return True


def candidates(content: bytes, instead_of: str) -> list[Encoding]:
    """List the likely encodings of a text except `instead_of`, which does not fit; the likeliest is first."""
    without = codecs.lookup(instead_of).name
    found = [one for one in _likely(content, instead_of) if codecs.lookup(one.codec).name != without]
    return [one for one in found if decodes(content, one.codec)] or [LATIN]


def _likely(content: bytes, instead_of: str) -> list[Encoding]:
    """List the likely encodings of a text, the likeliest first.

    There may be several: Chinese and Korean use the same bytes, and a few letters fit any alphabet. Then only a reader
    can decide.
    """
    for begins, name in MARKS.items():
        if content.startswith(begins):
            return [Encoding(name, name.upper())]
    if is_of_wide_characters(content):
        width, order = ("32" if b"\0\0" in content[:4] else "16"), ("be" if content[:1] == b"\0" else "le")
        return [Encoding(f"utf-{width}-{order}", f"UTF-{width}")]
    if family(instead_of) != "utf-8" and decodes(content, "utf-8"):
        return [UTF_8]
    found = [Encoding(whole, name) for codec, common, name, whole in OF_TWO_BYTES if _is_common(content, codec, common)]
    found.sort(key=lambda one: _has_symbols(content, one.codec))  # the u of München is a symbol in a Korean reading
    found += _japanese(content)
    words = _Words.of(content)
    if words.are_of_one_alphabet and (alphabet := words.alphabet) is not None:
        found.append(alphabet)
    if not found and words.are_of_one_alphabet and _is_common(content, "gb18030", (0x81, 0xFE)):
        found.append(CHINESE)
    if not words.are_of_one_alphabet and words.are_letters:
        return [WESTERN, *found]
    if not found or (words.are_letters and words.are_few):
        found.append(WESTERN)
    return found


@dataclass(frozen=True)
class _Words:
    """The different words of a text that contain non-ASCII bytes, and what they show about its alphabet."""

    mixed: Sequence[bytes]
    """Words that also have ASCII letters: Latin words (`Zürich`), or Chinese whose second bytes look like letters."""
    whole: Sequence[bytes]
    """Words without ASCII letters, of two bytes or more: hardly ever in a Latin alphabet."""

    @classmethod
    def of(cls, content: bytes) -> _Words:
        """Find the words of a text."""
        words = dict.fromkeys(re.findall(rb"[A-Za-z]*[\x80-\xff][A-Za-z\x80-\xff]*", content))
        mixed = [word for word in words if re.search(rb"[A-Za-z]", word)]
        return cls(mixed, [word for word in words if len(word) > 1 and word not in mixed])

    @property
    def are_of_one_alphabet(self) -> bool:
        """Return True if most words contain only non-ASCII bytes."""
        return len(self.whole) > len(self.mixed)

    @property
    def are_letters(self) -> bool:
        """Return True if nearly all non-ASCII bytes are letters in the encoding of Western Europe (cp1252)."""
        high = self._high
        letters = sum(character.isalpha() for character in high.decode("cp1252", "replace"))
        return 10 * letters > 9 * len(high)

    @property
    def alphabet(self) -> Encoding | None:
        """Return the encoding of one byte a letter in which the text has most common letters; None if there is none.

        A text whose non-ASCII bytes are nearly all Russian letters in cp1251 is taken for one without common letters.
        """
        high = self._high
        shares = {}
        for one, common in OF_ONE_BYTE:
            letters = high.decode(one.codec, "replace")
            is_valid = "\N{REPLACEMENT CHARACTER}" not in letters
            shares[one] = is_valid * sum(map(letters.count, common)) / max(1, len(letters))
        best = max(shares, key=lambda one: shares[one])
        if shares[best] >= COMMON_LETTERS:
            return best
        return CYRILLIC if 10 * sum(byte >= 0xC0 for byte in high) > 9 * len(high) else None

    @property
    def are_few(self) -> bool:
        """Return True if there are too few letters to show the alphabet."""
        return sum(map(len, self.whole)) < FEW_LETTERS

    @property
    def _high(self) -> bytes:
        return bytes(byte for word in (*self.mixed, *self.whole) for byte in word if byte >= 0x80)


def is_of_wide_characters(content: bytes) -> bool:
    """Return True if bytes are probably UTF-16 or UTF-32, in which every English letter contains bytes of 0."""
    beginning = content[:BEGINNING_BYTES]
    marks = tuple(mark for mark, name in MARKS.items() if name in WIDE)
    return beginning.startswith(marks) or beginning.count(b"\0") > len(beginning) // 4


def _is_common(content: bytes, codec: str, common: tuple[int, int]) -> bool:
    """Return True if a text is valid in an encoding, and at least half of its non-ASCII characters are common ones."""
    return _share(content, codec, common) >= 1 / 2


def _has_symbols(content: bytes, codec: str) -> bool:
    """Return True if a valid text holds symbols, such as a letter in a circle, which words seldom have."""
    text = codecs.getincrementaldecoder(codec)().decode(content)
    return any(unicodedata.category(character) in ("So", "No") for character in text)


def _share(content: bytes, codec: str, common: tuple[int, int]) -> float:
    """Return the share of non-ASCII characters whose first byte is in a range; 0 if the text is not valid."""
    try:
        text = codecs.getincrementaldecoder(codec)().decode(content)  # the last character may be incomplete
    except UnicodeDecodeError:
        return 0.0
    first = [character.encode(codec)[0] for character in text if character > "\x7f"]
    return sum(common[0] <= byte <= common[1] for byte in first) / max(len(first), 1)


def _japanese(content: bytes) -> list[Encoding]:
    """Return Shift-JIS for a text that is probably Japanese, and Chinese second if it has no kana; else nothing."""
    one = next((one for one in JAPANESE if decodes(content, one.codec)), None)
    if one is None:
        return []
    kana, kanji = (_share(content, one.codec, common) for common in (KANA_BYTES, KANJI_BYTES))
    if kana >= 1 / 2:
        return [one]
    # a quotation mark of Windows and the letter after it are valid as one kanji; Japanese words are mostly longer
    runs = re.findall(r"[^\x00-\x7f]+", codecs.getincrementaldecoder(one.codec)().decode(content))
    if kana + kanji < 1 / 2 or 2 * sum(len(run) > 1 for run in runs) <= len(runs):
        return []
    return [one] if kana else [one, CHINESE]
