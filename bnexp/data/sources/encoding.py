"""Files that do not fit the encoding of the config: their likely encoding, and the key that reads them."""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NoReturn

from bnexp.data.sources.csv_file import CsvFile
from bnexp.data.sources.likely_encodings import (
    BEGINNING_BYTES,
    MARKS,
    UTF_8,
    WIDE,
    Encoding,
    candidates,
    decodes,
    family,
    is_of_wide_characters,
    with_reading,
)
from bnexp.data.sources.odd_words import likelier_encoding
from bnexp.data.sources.other_forms import cure_of_form
from bnexp.errors import SettingError

SAMPLE_BYTES = 2**24
"""Most bytes of a file that are read to find its encoding. This limits memory and time."""
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
"""First bytes of a file that is no text -> what it is."""


def refuse_other_kinds(path: Path) -> None:
    """Raise SettingError if the first bytes of a file show that it is no text, or is a web page."""
    with open(path, "rb") as file:
        content = file.read(SAMPLE_BYTES if path.stat().st_size < SAMPLE_BYTES else BEGINNING_BYTES)
    kind = next((kind for begins, kind in KINDS.items() if content.startswith(begins)), None)
    if kind == "a ZIP archive" and b"xl/" in content:
        kind = "an Excel workbook"
    if kind is not None:
        packed = kind.startswith("packed") or kind == "a ZIP archive"
        of_parquet = "Use dataset.name: parquet if all files of the data are Parquet"
        cure = of_parquet if kind == "Parquet" else "Save its table as CSV in UTF-8"
        cure = "Unpack it, so that its size is known" if packed else cure
        seen = f"is {str(path)!r}; it is not UTF-8 (it is {kind}). {cure}."
        raise SettingError("dataset.path", " ".join(filter(None, (seen, cure_of_form(path)))))
    if content.removeprefix(codecs.BOM_UTF8).lstrip()[:15].lower().startswith((b"<!doctype html", b"<html")):
        raise SettingError("dataset.path", f"is {str(path)!r}; it is a web page (HTML). Download the table itself.")


def refuse_contradicted(file: CsvFile) -> None:
    """Raise SettingError if the byte order mark or the width of characters shows another encoding than the config's.

    Decoding alone may not show the mistake: UTF-16 can be valid in other encodings, and other texts in UTF-16.
    """
    beginning, kind = _sample(file, BEGINNING_BYTES), family(file.encoding)
    shown = next((name for mark, name in MARKS.items() if beginning.startswith(mark)), None)
    if shown is None and kind in WIDE and not is_of_wide_characters(beginning) and decodes(beginning, "utf-8"):
        shown = "utf-8"
    if shown is not None and kind != shown:
        refuse_other_encoding(file)


def refuse_nul(file: CsvFile) -> None:
    """Raise SettingError, with the line or the encoding, if a file holds the character U+0000, which pandas accepts."""
    lines = 1
    with file.open() as text:
        while chunk := text.read(2**20):
            if (at := chunk.find("\0")) >= 0:
                if family(file.encoding) not in WIDE and is_of_wide_characters(_sample(file, BEGINNING_BYTES)):
                    refuse_other_encoding(file)
                _refuse_nul(file, lines + chunk[:at].count("\n"))
            lines += chunk.count("\n")


def _refuse_nul(file: CsvFile, line: int) -> NoReturn:
    raise SettingError(
        "dataset.path",
        f"is {str(file.path)!r}; {file.path}:{line} holds a NUL byte, which is no text. Save it as UTF-8 text.",
    )


def refuse_other_encoding(file: CsvFile) -> NoReturn:
    """Raise SettingError, with the line and the likely encoding, about a file that is not in the config's encoding."""
    content = _sample(file, SAMPLE_BYTES)
    if b"\0" in content and family(file.encoding) not in WIDE and not is_of_wide_characters(content):
        _refuse_nul(file, content[: content.index(b"\0")].count(b"\n") + 1)
    found = candidates(content, file.encoding)
    names = [with_reading(content, one) for one in found]
    looks = f"looks like {names[0]}" if len(names) == 1 else f"may be {', or '.join(names)}"
    cure = ", or ".join(f"dataset.encoding: {one.codec}" for one in found)
    raise SettingError(
        "dataset.path",
        f"is {str(file.path)!r}; it is not {file.encoding.upper()} (as {file.path}:{_misfit(file)} shows); it {looks}. "
        f"Use {cure}.",
    )


def likely_encoding(file: CsvFile) -> str | None:
    """Return the likely encoding of a file that is not UTF-8 but is read as UTF-8; None for other files."""
    return fitting_encoding(file) if family(file.encoding) == "utf-8" else None


def fitting_encoding(file: CsvFile) -> str | None:
    """Return the likely encoding of a file that does not fit the encoding with which it is read; None if it fits."""
    is_wide = is_of_wide_characters(_sample(file, BEGINNING_BYTES))
    if _fits(file) and (family(file.encoding) in WIDE or not is_wide):
        return None
    return candidates(_sample(file, SAMPLE_BYTES), file.encoding)[0].codec


def guess_of_encoding(file: CsvFile) -> str | None:
    """Return a sentence on the encoding in which a file is read, with its first words; None for UTF-8 and UTF-16."""
    if family(file.encoding) in ("utf-8", *WIDE):
        return None
    content = _sample(file, SAMPLE_BYTES)
    first, *others = [with_reading(content, one) for one in candidates(content, "utf-8")]
    other = f" It may also be {', or '.join(others)}." if others else ""
    return (
        f"{file.path} is not UTF-8, and is read as {first}. Are these words right? If not, change dataset.encoding in "
        f"the config.{other}"
    )


def _fits(file: CsvFile) -> bool:
    try:
        with file.open() as text:
            while text.read(2**20):
                pass
    except UnicodeError:
        return False
    return True


def warnings_of_encoding(file: CsvFile) -> Iterator[str]:
    """Yield a warning if a text makes more sense in another encoding: UTF-8, or one without odd words."""
    if family(file.encoding) in ("utf-8", *WIDE):
        return
    content = _sample(file, SAMPLE_BYTES)
    if content.isascii():
        return
    other = UTF_8 if decodes(content, "utf-8") else likelier_encoding(content, file.encoding)
    if other is None:
        return
    read = with_reading(content, Encoding(file.encoding, f"dataset.encoding: {file.encoding}"))
    likelier = with_reading(content, other)
    comma = "," if likelier != other.name else ""
    yield f"{file.path} is read with {read}. {likelier}{comma} is likelier: use dataset.encoding: {other.codec}."


def _sample(file: CsvFile, size: int) -> bytes:
    with open(file.path, "rb") as content:
        return content.read(size)


def _misfit(file: CsvFile) -> int:
    """Return the line of the first byte that does not fit the encoding of a file; 1 if there is none."""
    decoder, line = codecs.getincrementaldecoder(file.encoding)(), 1
    with open(file.path, "rb") as content:
        for bytes_of_line in content:
            try:
                line += decoder.decode(bytes_of_line).count("\n")
            except UnicodeDecodeError as error:
                return line + error.object[: error.start].count(b"\n")
            except UnicodeError:  # UTF-16's byte order mark is missing
                break
    return 1
