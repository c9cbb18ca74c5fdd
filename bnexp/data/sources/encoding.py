"""Bytes that are no UTF-8 text: what they probably are, and how they become a table in UTF-8."""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from pathlib import Path

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
    readings = _readings(content) or [likely_encoding(content)]
    names, iconvs = [name for name, _ in readings], [iconv for _, iconv in readings]
    looks = f"looks like {names[0]}" if len(names) == 1 else f"may be {', or '.join(names)}"
    others = f" (or, for -f, {', '.join(iconvs[1:])})" if len(names) > 1 else ""
    raise SettingError(
        "dataset.path",
        f"is {str(path)!r}; it is not UTF-8 (as {place} shows); it {looks}. Save it as UTF-8, as a "
        f"spreadsheet or an editor offers, or with: iconv -f {iconvs[0]} -t UTF-8 OLD > NEW{others}",
    )


def _readings(content: bytes) -> list[tuple[str, str]]:
    """List the encodings that a text makes sense in, if they are several: each with what it reads as, and iconv's name.

    Chinese and Korean share their bytes, so that only a reader of the language can decide.
    """
    if likely_encoding(content)[1] not in [iconv for *_, iconv in OF_TWO_BYTES]:
        return []
    found = []
    for codec, common, name, iconv in OF_TWO_BYTES:
        if _is_common(content, codec, common):
            text = codecs.getincrementaldecoder(codec)().decode(content)
            words = list(dict.fromkeys(re.findall(r"\w*[^\W\x00-\x7f]\w*", text)))
            found.append((f"{name}, which reads {' '.join(words[:WORDS_SHOWN])!r}", iconv))
    return found if len(found) > 1 else []


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
    for begins, name in MARKS.items():
        if content.startswith(begins):
            return name, name
    if _is_of_wide_characters(content):
        return "UTF-16", "UTF-16LE" if content[1:2] == b"\0" else "UTF-16BE"
    runs = re.findall(rb"[\x80-\xff]+", content)
    in_runs = 2 * sum(len(run) > 1 for run in runs) > len(runs)
    for codec, common, name, iconv in OF_TWO_BYTES:
        if _is_common(content, codec, common):
            return name, iconv
    high = b"".join(runs)
    if in_runs and 10 * sum(byte >= 0xC0 for byte in high) > 9 * len(high):
        return "Windows-1251 (Cyrillic)", "WINDOWS-1251"
    if in_runs and _is_common(content, "gb18030", (0x81, 0xFE)):
        return "GB18030 or GBK (Chinese)", "GB18030"
    return "Windows-1252 (Latin-1)", "WINDOWS-1252"


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
