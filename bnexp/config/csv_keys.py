"""`dataset` of a CSV file: how its bytes become text, and its text becomes cells."""

from __future__ import annotations

import codecs
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from bnexp.config.section import Section

ENCODINGS = (
    *("utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "cp1252", "cp1250", "cp1251", "cp1253"),
    *("cp1254", "cp1255", "cp1256", "cp437", "cp850", "iso8859-2", "iso8859-15", "koi8-r", "mac-roman", "gbk"),
    *("gb18030", "big5", "shift_jis", "cp932", "euc_jp", "euc_kr", "cp949"),
)
"""Encodings that a message suggests if Python does not know the given name."""
NO_FILES = ("idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape")
"""Names that Python lists as text encodings, but that no file uses."""


def _known(encoding: str) -> str:
    """Refuse a name that is not a text encoding."""
    try:
        found: Any = codecs.lookup(encoding)
        is_text = found._is_text_encoding and found.name.replace("-", "_") not in NO_FILES
    except (LookupError, ValueError):
        is_text = False
    if not is_text:
        raise PydanticCustomError("literal_error", "an encoding", {"expected": ", ".join(map(repr, ENCODINGS))})
    return encoding


def _tab(text: Any) -> Any:
    r"""Return a tab for the two characters `\t`, which a shell or unquoted YAML passes on as they are."""
    return "\t" if text == r"\t" else text


def _one_character(text: str) -> str:
    """Refuse characters that cannot separate fields: letters and digits are in fields, quotation marks enclose them."""
    if len(text) != 1 or not text.isascii() or text.isalnum() or text in '\r\n"':
        raise PydanticCustomError("separator", "one ASCII character that is no letter, digit or quotation mark")
    return text


Separator = Annotated[str, BeforeValidator(_tab), AfterValidator(_one_character)]
Encoding = Annotated[str, AfterValidator(_known)]
Thousands = Literal[",", ".", " ", "'", "_"]


class CsvText(Section):
    """Keys that both kinds of CSV dataset have: tables and texts."""

    separator: Separator = ","
    """The character between two fields; \\t is a tab."""
    encoding: Encoding = "utf-8"
    """The text encoding of the file, by a name that Python knows: utf-16, cp1252, latin-1, gb18030, shift_jis, ..."""
    na_values: list[Annotated[str, Field(min_length=1)] | int | float] = []
    """Additional words and numbers that mean a missing value in any column, such as unknown and -99."""
