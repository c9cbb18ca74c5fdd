"""Bytes that do not fit the encoding of a config: what they probably are, and the key that reads them."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, NoReturn

from bnexp.data.sources.csv_file import CsvFile
from bnexp.errors import SettingError

BEGINNING_BYTES = 2**16
"""Bytes of a larger file by which its kind is known; the longest mark of `KINDS` has 6."""
SAMPLE_BYTES = 2**24
"""The most bytes of a file that are read to tell its encoding, so that memory and time have an end."""
WORDS_SHOWN = 3
"""Words by which a reader sees whether an encoding is right."""
MARKS: Mapping[bytes, str] = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
    codecs.BOM_UTF8: "utf-8",
}
"""How a text begins that shows its encoding."""
WIDE = ("utf-16", "utf-32")
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
    ("euc_kr", (0xB0, 0xC8), "EUC-KR (Korean)", "euc_kr"),
    ("shift_jis", (0x82, 0x83), "Shift-JIS (Japanese)", "shift_jis"),
    ("euc_jp", (0xA4, 0xA5), "EUC-JP (Japanese)", "euc_jp"),
    ("gb2312", (0xB0, 0xD7), "GB18030 or GBK (Chinese)", "gb18030"),
    ("big5", (0xA4, 0xC6), "Big5 (Chinese)", "big5"),
)
"""Codec, range of the first bytes of its commonest characters, its name for people, the codec that reads all of it.

The order counts: many texts can be decoded by several codecs, and make sense in one."""
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


def refuse_contradicted(file: CsvFile) -> None:
    """Raise SettingError if the beginning of a file shows another encoding, by its mark or by the width of its signs.

    Where a text is read as UTF-16, and where UTF-16 is read as another one, no byte need be wrong.
    """
    beginning, family = _sample(file, BEGINNING_BYTES), _family(file.encoding)
    shown = next((name for mark, name in MARKS.items() if beginning.startswith(mark)), None)
    if shown is None and family in WIDE and not _is_of_wide_characters(beginning) and _decodes(beginning, "utf-8"):
        shown = "utf-8"
    if shown is not None and family != shown:
        refuse_other_encoding(file)


def refuse_nul(file: CsvFile) -> None:
    """Raise SettingError, with the line or the encoding, if a file holds the character U+0000; pandas reads over it."""
    lines = 1
    with file.open() as text:
        while chunk := text.read(2**20):
            if (at := chunk.find("\0")) >= 0:
                if _family(file.encoding) not in WIDE and _is_of_wide_characters(_sample(file, BEGINNING_BYTES)):
                    refuse_other_encoding(file)
                _refuse_nul(file, lines + chunk[:at].count("\n"))
            lines += chunk.count("\n")


def _refuse_nul(file: CsvFile, line: int) -> NoReturn:
    raise SettingError(
        "dataset.path",
        f"is {str(file.path)!r}; {file.path}:{line} holds a NUL byte, which is no text. Save it as UTF-8 text.",
    )


def refuse_other_encoding(file: CsvFile) -> NoReturn:
    """Raise SettingError, with the line and the likely encoding, since a file is not in the config's."""
    content = _sample(file, SAMPLE_BYTES)
    if b"\0" in content and _family(file.encoding) not in WIDE and not _is_of_wide_characters(content):
        _refuse_nul(file, content[: content.index(b"\0")].count(b"\n") + 1)
    found = _candidates(content, file.encoding)
    names = [_with_reading(content, one) for one in found]
    looks = f"looks like {names[0]}" if len(names) == 1 else f"may be {', or '.join(names)}"
    cure = ", or ".join(f"dataset.encoding: {one.codec}" for one in found)
    raise SettingError(
        "dataset.path",
        f"is {str(file.path)!r}; it is not {file.encoding.upper()} (as {file.path}:{_misfit(file)} shows); it {looks}. "
        f"Use {cure}.",
    )


def warnings_of_encoding(file: CsvFile) -> Iterator[str]:
    """Yield a warning if a text beyond ASCII is UTF-8 without a fault, and is read in another encoding."""
    content = _sample(file, SAMPLE_BYTES)
    if _family(file.encoding) in ("utf-8", *WIDE) or content.isascii() or not _decodes(content, "utf-8"):
        return
    read = _with_reading(content, _Encoding(file.encoding, f"dataset.encoding: {file.encoding}"))
    yield f"{file.path} is read with {read}. {_with_reading(content, UTF_8)}, is likelier: use dataset.encoding: utf-8."


def _sample(file: CsvFile, size: int) -> bytes:
    with open(file.path, "rb") as content:
        return content.read(size)


def _family(encoding: str) -> str:
    """Return the name of an encoding without the order of its bytes.

    >>> _family("UTF16"), _family("utf-16-le"), _family("utf8"), _family("latin-1")
    ('utf-16', 'utf-16', 'utf-8', 'iso8859-1')
    """
    return re.sub("(-le|-be|-sig)$", "", codecs.lookup(encoding).name.replace("_", "-"))


def _misfit(file: CsvFile) -> int:
    """Return the line of the first byte that does not fit the encoding of a file; 1 if there is none."""
    decoder, line = codecs.getincrementaldecoder(file.encoding)(), 1
    with open(file.path, "rb") as content:
        for bytes_of_line in content:
            try:
                line += decoder.decode(bytes_of_line).count("\n")
            except UnicodeDecodeError as error:
                return line + error.object[: error.start].count(b"\n")
            except UnicodeError:  # the mark of UTF-16 is missing
                break
    return 1


class _Encoding(NamedTuple):
    """An encoding: Python's codec, and its name for people."""

    codec: str
    name: str


UTF_8 = _Encoding("utf-8", "UTF-8")
LATIN = _Encoding("latin-1", "Latin-1")
WESTERN = _Encoding("cp1252", "Windows-1252 (Latin-1)")
CYRILLIC = _Encoding("cp1251", "Windows-1251 (Cyrillic)")


def _with_reading(content: bytes, encoding: _Encoding) -> str:
    """Return the name of an encoding, and how the first words beyond ASCII read in it: a reader of them can decide."""
    if _family(encoding.codec) in WIDE:
        return encoding.name
    text = codecs.getincrementaldecoder(encoding.codec)("replace").decode(content)  # its last character may be cut
    words = list(dict.fromkeys(re.findall(r"\w*[^\W\x00-\x7f]\w*", text)))[:WORDS_SHOWN]
    return f"{encoding.name}, which reads {' '.join(words)!r}" if words else encoding.name


def _decodes(content: bytes, codec: str) -> bool:
    """Return True if bytes are text in an encoding; the last character may be cut."""
    try:
        codecs.getincrementaldecoder(codec)().decode(content)
    except UnicodeError:
        return False
    return True


def _candidates(content: bytes, instead_of: str) -> list[_Encoding]:
    """List the encodings in which a text makes sense, without the one that does not fit; the likeliest first."""
    without = codecs.lookup(instead_of).name
    found = [one for one in _likely(content, instead_of) if codecs.lookup(one.codec).name != without]
    return [one for one in found if _decodes(content, one.codec)] or [LATIN]


def _likely(content: bytes, instead_of: str) -> list[_Encoding]:
    """List the encodings in which a text makes sense, the likeliest first.

    Chinese and Korean share their bytes, and a few letters can be of any alphabet: only a reader can decide.
    """
    for begins, name in MARKS.items():
        if content.startswith(begins):
            return [_Encoding(name, name.upper())]
    if _is_of_wide_characters(content):
        width, order = ("32" if b"\0\0" in content[:4] else "16"), ("be" if content[:1] == b"\0" else "le")
        return [_Encoding(f"utf-{width}-{order}", f"UTF-{width}")]
    if _family(instead_of) != "utf-8" and _decodes(content, "utf-8"):
        return [UTF_8]
    found = [
        _Encoding(whole, name) for codec, common, name, whole in OF_TWO_BYTES if _is_common(content, codec, common)
    ]
    words = _Words.of(content)
    if words.are_of_one_alphabet and words.is_cyrillic:
        found.append(CYRILLIC)
    if not found and words.are_of_one_alphabet and _is_common(content, "gb18030", (0x81, 0xFE)):
        found.append(_Encoding("gb18030", "GB18030 or GBK (Chinese)"))
    if not words.are_of_one_alphabet and words.are_letters:
        return [WESTERN, *found]
    if not found or (words.are_letters and words.are_few):
        found.append(WESTERN)
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
    marks = tuple(mark for mark, name in MARKS.items() if name in WIDE)
    return beginning.startswith(marks) or beginning.count(b"\0") > len(beginning) // 4


def _is_common(content: bytes, codec: str, common: tuple[int, int]) -> bool:
    """Return True if a text is valid in an encoding, and half of the characters beyond ASCII are common ones."""
    try:
        text = codecs.getincrementaldecoder(codec)().decode(content)  # whose last character may be cut
    except UnicodeDecodeError:
        return False
    first = [character.encode(codec)[0] for character in text if character > "\x7f"]
    return 2 * sum(common[0] <= byte <= common[1] for byte in first) >= len(first) > 0
