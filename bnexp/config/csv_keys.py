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
"""Names that are offered in the place of one that Python does not know."""
NO_FILES = ("idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape")
"""What Python calls encodings of text, and no file has."""


def _known(encoding: str) -> str:
    """Refuse a name that is no encoding of text."""
    try:
        found: Any = codecs.lookup(encoding)
        is_text = found._is_text_encoding and found.name.replace("-", "_") not in NO_FILES
    except (LookupError, ValueError):
        is_text = False
    if not is_text:
        raise PydanticCustomError("literal_error", "an encoding", {"expected": ", ".join(map(repr, ENCODINGS))})
    return encoding


def _tab(text: Any) -> Any:
    r"""Return a tab for the two characters `\t`, as they reach us from a shell or from YAML without quotes."""
    return "\t" if text == r"\t" else text


def _sign(text: str) -> str:
    """Refuse what separates no fields: letters and digits stand in them, and quotation marks around them."""
    if len(text) != 1 or not text.isascii() or text.isalnum() or text in '\r\n"':
        raise PydanticCustomError("separator", "one sign of ASCII that is no letter, digit or quotation mark")
    return text


Separator = Annotated[str, BeforeValidator(_tab), AfterValidator(_sign)]
Encoding = Annotated[str, AfterValidator(_known)]
Thousands = Literal[",", ".", " ", "'", "_"]


class CsvText(Section):
    """What both kinds of CSV file have."""

    separator: Separator = ","
    """What stands between two fields; \\t is a tab."""
    encoding: Encoding = "utf-8"
    """How the bytes are text, by a name that Python knows: utf-16, cp1252, latin-1, gb18030, shift_jis, ..."""
    na_values: list[Annotated[str, Field(min_length=1)] | int | float] = []
    """More words and numbers that stand for a missing value, in any column, such as unknown and -99."""
