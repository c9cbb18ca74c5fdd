"""Bytes that are no UTF-8 text: what they probably are, and how they become a table in UTF-8."""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from bnexp.errors import SettingError

BEGINNING_BYTES = 2**16
"""Bytes of a larger file by which its kind is known; the longest mark of `KINDS` has 6."""
SAMPLE_BYTES = 2**24
"""The most bytes of a file that are read to tell its encoding, so that memory and time have an end."""
WORDS_SHOWN = 3
"""Words by which a reader sees whether an encoding is right."""
MARKS: Mapping[bytes, str] = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
KINDS: Mapping[bytes, str] = {
    b"\x1f\x8b": "packed with gzip",
    b"BZh": "packed with bzip2",
    b"\xfd7zXZ": "packed with xz",
    b"\x28\xb5\x2f\xfd": "packed with Zstandard",
    b"PK\x03\x04": "a ZIP archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"PAR1": "Parquet",
    b"\x93NUMPY": "a NumPy array",
    b"\x89HDF": "HDF5",
    b"%PDF": "PDF",
}
"""How a file begins that is no text, and what it is."""
OF_TWO_BYTES = (
    ("euc_kr", (0xB0, 0xC8), "EUC-KR (Korean)", "EUC-KR"),
    ("shift_jis", (0x82, 0x83), "Shift-JIS (Japanese)", "SHIFT-JIS"),
    ("euc_jp", (0xA4, 0xA5), "EUC-JP (Japanese)", "EUC-JP"),
    ("gb2312", (0xB0, 0xD7), "GB18030 or GBK (Chinese)", "GB18030"),
    ("big5", (0xA4, 0xC6), "Big5 (Chinese)", "BIG5"),
)
"""Codec, range of the first bytes of its commonest characters, its name for people, its name for iconv.

The order counts: many texts can be decoded by several codecs, and make sense in one."""
WESTERN = ("cp1252", "Windows-1252 (Latin-1)", "WINDOWS-1252")
CYRILLIC = ("cp1251", "Windows-1251 (Cyrillic)", "WINDOWS-1251")
FEW_LETTERS = 8
"""Fewer letters than these, in different words, do not show which alphabet is meant."""


def refuse_other_kinds(path: Path) -> None:
    """Raise SettingError if a file begins as one that is no text, or as a page of the web."""
    with open(path, "rb") as file:
        content = file.read(SAMPLE_BYTES if path.stat().st_size < SAMPLE_BYTES else BEGINNING_BYTES)
    kind = next((kind for begins, kind in KINDS.items() if content.startswith(begins)), None)
    if kind == "a ZIP archive" and b"xl/" in content:
        kind = "an Excel workbook"
    if kind is not None:
        packed = kind.startswith("packed") or kind == "a ZIP archive"
        cure = "Use dataset.name: parquet" if kind == "Parquet" else "Save its table as CSV in UTF-8"
        cure = "Unpack it, so that its size is known" if packed else cure
        raise SettingError("dataset.path", f"is {str(path)!r}; it is not UTF-8 (it is {kind}). {cure}.")
    if content.removeprefix(codecs.BOM_UTF8).lstrip()[:15].lower().startswith((b"<!doctype html", b"<html")):
        raise SettingError(
            "dataset.path", f"is {str(path)!r}; it is a page of the web (HTML). Download the table itself."
        )


def refuse_nul(path: Path) -> None:
    """Raise SettingError, with the line or the encoding, if there is a NUL byte in the file; pandas reads over it."""
    lines = 1
    with open(path, "rb") as file:
        is_wide = _is_of_wide_characters(file.read(BEGINNING_BYTES))
        file.seek(0)
        while chunk := file.read(2**20):
            if (at := chunk.find(b"\0")) >= 0:
                if is_wide:
                    refuse_other_encoding(path)
                line = lines + chunk[:at].count(b"\n")
                raise SettingError(
                    "dataset.path",
                    f"is {str(path)!r}; {path}:{line} holds a NUL byte, which is no text. Save it as UTF-8 text.",
                )
            lines += chunk.count(b"\n")


def refuse_other_encoding(path: Path) -> None:
    """Raise SettingError, with the line and the likely encoding, since a file is not UTF-8."""
    with open(path, "rb") as file:
        place = next((f"{path}:{number}" for number, line in enumerate(file, 1) if not _is_utf8(line)), str(path))
        file.seek(0)
        content = file.read(SAMPLE_BYTES)
    if b"\0" in content and not _is_of_wide_characters(content):
        refuse_nul(path)
    found = _candidates(content)
    names = [_with_reading(content, one) for one in found]
    looks = f"looks like {names[0]}" if len(names) == 1 else f"may be {', or '.join(names)}"
    others = f" (or, for -f, {', '.join(one.iconv for one in found[1:])})" if len(found) > 1 else ""
    raise SettingError(
        "dataset.path",
        f"is {str(path)!r}; it is not UTF-8 (as {place} shows); it {looks}. Save it as UTF-8, as a "
        f"spreadsheet or an editor offers, or with: iconv -f {found[0].iconv} -t UTF-8 OLD > NEW{others}",
    )


class _Encoding(NamedTuple):
    """An encoding: Python's codec, its name for people, and its name for iconv."""

    codec: str
    name: str
    iconv: str


def _with_reading(content: bytes, encoding: _Encoding) -> str:
    """Return the name of an encoding, and how the first words beyond ASCII read in it: a reader of them can decide."""
    if encoding.name.startswith("UTF-"):
        return encoding.name
    text = codecs.getincrementaldecoder(encoding.codec)("replace").decode(content)  # its last character may be cut
    words = list(dict.fromkeys(re.findall(r"\w*[^\W\x00-\x7f]\w*", text)))[:WORDS_SHOWN]
    return f"{encoding.name}, which reads {' '.join(words)!r}" if words else encoding.name


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def likely_encoding(content: bytes) -> tuple[str, str]:
    """Return the name of the encoding that a text in another one than UTF-8 probably has, and what iconv calls it.

    >>> likely_encoding("Zürich,1".encode("latin-1")), likely_encoding("北京,上海".encode("gbk"))
    (('Windows-1252 (Latin-1)', 'WINDOWS-1252'), ('GB18030 or GBK (Chinese)', 'GB18030'))
    """
    _, name, iconv = _candidates(content)[0]
    return name, iconv


def _candidates(content: bytes) -> list[_Encoding]:
    """List the encodings in which a text makes sense, the likeliest first.

    Chinese and Korean share their bytes, and a few letters can be of any alphabet: only a reader can decide.
    """
    for begins, name in MARKS.items():
        if content.startswith(begins):
            return [_Encoding(name, name, name)]
    if _is_of_wide_characters(content):
        iconv = "UTF-16LE" if content[1:2] == b"\0" else "UTF-16BE"
        return [_Encoding(iconv, "UTF-16", iconv)]
    found = [
        _Encoding(codec, name, iconv)
        for codec, common, name, iconv in OF_TWO_BYTES
        if _is_common(content, codec, common)
    ]
    words = _Words.of(content)
    if words.are_of_one_alphabet and words.is_cyrillic:
        found.append(_Encoding(*CYRILLIC))
    if not found and words.are_of_one_alphabet and _is_common(content, "gb18030", (0x81, 0xFE)):
        found.append(_Encoding("gb18030", "GB18030 or GBK (Chinese)", "GB18030"))
    if not words.are_of_one_alphabet and words.are_letters:
        return [_Encoding(*WESTERN), *found]
    if not found or (words.are_letters and words.are_few):
        found.append(_Encoding(*WESTERN))
    return found


@dataclass(frozen=True)
class _Words:
    """The different words of a text with a byte beyond ASCII, and what they tell of its alphabet."""

    mixed: Sequence[bytes]
    """With letters of ASCII: of a Latin alphabet, as in `Zürich`, or the second bytes of Chinese characters."""
    whole: Sequence[bytes]
    """Without, and of two bytes or more: hardly ever of a Latin alphabet."""

    @classmethod
    def of(cls, content: bytes) -> _Words:
        """Find the words of a text."""
        words = dict.fromkeys(re.findall(rb"[A-Za-z]*[\x80-\xff][A-Za-z\x80-\xff]*", content))
        mixed = [word for word in words if re.search(rb"[A-Za-z]", word)]
        return cls(mixed, [word for word in words if len(word) > 1 and word not in mixed])

    @property
    def are_of_one_alphabet(self) -> bool:
        """Return True if most words are of bytes beyond ASCII alone."""
        return len(self.whole) > len(self.mixed)

    @property
    def are_letters(self) -> bool:
        """Return True if nearly all bytes beyond ASCII are letters in the encoding of Western Europe."""
        high = self._high
        letters = sum(character.isalpha() for character in high.decode("cp1252", "replace"))
        return 10 * letters > 9 * len(high)

    @property
    def is_cyrillic(self) -> bool:
        """Return True if nearly all bytes beyond ASCII are letters of Russian."""
        return 10 * sum(byte >= 0xC0 for byte in self._high) > 9 * len(self._high)

    @property
    def are_few(self) -> bool:
        """Return True if there are too few letters to tell the alphabet."""
        return sum(map(len, self.whole)) < FEW_LETTERS

    @property
    def _high(self) -> bytes:
        return bytes(byte for word in (*self.mixed, *self.whole) for byte in word if byte >= 0x80)


def _is_of_wide_characters(content: bytes) -> bool:
    """Return True for UTF-16 and UTF-32, in which every letter of English has bytes of 0."""
    beginning = content[:BEGINNING_BYTES]
    return beginning.startswith(tuple(MARKS)) or beginning.count(b"\0") > len(beginning) // 4


def _is_common(content: bytes, codec: str, common: tuple[int, int]) -> bool:
    """Return True if a text is valid in an encoding, and half of the characters beyond ASCII are common ones."""
    try:
        text = codecs.getincrementaldecoder(codec)().decode(content)  # whose last character may be cut
    except UnicodeDecodeError:
        return False
    first = [character.encode(codec)[0] for character in text if character > "\x7f"]
    return 2 * sum(common[0] <= byte <= common[1] for byte in first) >= len(first) > 0
