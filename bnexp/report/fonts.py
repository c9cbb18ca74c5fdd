"""The fonts of figures: matplotlib's own font, and common system fonts for letters that it lacks."""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar

from matplotlib.font_manager import findfont, findSystemFonts, fontManager, get_font
from matplotlib.ft2font import FT2Font

FIRST = "DejaVu Sans"  # ships with matplotlib
FALLBACKS = (
    *("Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans CJK KR", "Noto Sans SC", "Noto Sans JP", "Noto Sans KR"),
    *("Source Han Sans SC", "Source Han Sans CN", "Source Han Sans", "WenQuanYi Zen Hei", "WenQuanYi Micro Hei"),
    *("Droid Sans Fallback", "Microsoft YaHei", "SimHei", "Yu Gothic", "MS Gothic", "Malgun Gothic", "PingFang SC"),
    *("PingFang HK", "Hiragino Sans GB", "Hiragino Sans", "Heiti TC", "Apple SD Gothic Neo", "NanumGothic"),
    *("Arial Unicode MS", "Noto Sans Devanagari", "Noto Sans Bengali", "Noto Sans Tamil", "Noto Sans Thai"),
    *("Noto Sans Arabic", "Noto Sans Hebrew", "Nirmala UI", "Leelawadee UI", "Segoe UI Symbol"),
)
"""Font families that are tried after the first, in this order, if they are installed."""
EAST_ASIAN = ("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO", "IDEOGRAPHIC")
_missing: ContextVar[dict[str, None] | None] = ContextVar("missing", default=None)


@contextmanager
def noting_missing() -> Iterator[dict[str, None]]:
    """Collect the letters that no installed font has, while figures are drawn in the block; yield the collection."""
    met: dict[str, None] = {}
    token = _missing.set(met)
    try:
        yield met
    finally:
        _missing.reset(token)


def warning_of_missing(letters: dict[str, None]) -> str | None:
    """Return a warning about letters that no font has, and which font to install; None if there are no such letters.

    >>> warning_of_missing({"批": None})
    "No installed font has 批: figures show '?' instead. Install Noto Sans CJK (Debian, Ubuntu: fonts-noto-cjk)."
    """
    if not letters:
        return None
    script = unicodedata.name(min(letters), "OTHER").split()[0]
    if script in EAST_ASIAN:
        font = "Noto Sans CJK (Debian, Ubuntu: fonts-noto-cjk)"
    elif min(letters).isalpha():
        font = f"Noto Sans {script.title()} (Debian, Ubuntu: fonts-noto-core)"
    else:
        font = "Noto Sans Symbols (Debian, Ubuntu: fonts-noto-core)"
    return f"No installed font has {''.join(list(letters)[:20])}: figures show '?' instead. Install {font}."


def can_draw(letter: str) -> bool:
    """Return True if the letter is printable and a font has it. `noting_missing` collects letters that no font has."""
    if not letter.isprintable():
        return False
    if ord(letter) in _glyphs(FIRST) or any(ord(letter) in _glyphs(name) for name in families()[1:]):
        return True
    _find_new_fonts()
    if any(ord(letter) in _glyphs(name) for name in families()[1:]):
        return True
    if (met := _missing.get()) is not None:
        met[letter] = None
    return False


def font_of(text: str) -> FT2Font:
    """Return the font for a text: the first font if it has all letters, else the first with its fallbacks."""
    if all(ord(letter) in _glyphs(FIRST) for letter in text):
        return get_font(findfont(FIRST))
    return get_font([findfont(name) for name in families()])


@functools.cache
def families() -> list[str]:
    """Return the font families that figures use: the first one, and the fallbacks that are installed."""
    installed = set(fontManager.get_font_names())
    return [FIRST, *(name for name in FALLBACKS if name in installed)]


@functools.cache
def _glyphs(family: str) -> frozenset[int]:
    return frozenset(get_font(findfont(family)).get_charmap())


@functools.cache
def _find_new_fonts() -> None:
    """Add fonts that were installed after matplotlib listed them."""
    known = {entry.fname for entry in fontManager.ttflist}
    for path in sorted(set(findSystemFonts()) - known):
        with suppress(Exception):  # a broken font must not prevent drawing
            fontManager.addfont(path)
    families.cache_clear()
