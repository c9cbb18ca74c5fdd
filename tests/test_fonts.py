"""Letters that matplotlib's own font lacks: drawn by an installed one, or told once with one to install."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib import font_manager

from bnexp.history import History
from bnexp.report import fonts
from bnexp.report.labels import shown, text_width
from bnexp.report.plots import render, run_figures

HISTORY = History((0,), {"loss": np.array([[0.5, 0.4]]), "val_loss": np.array([[0.5, 0.4]])}, (2,))


@pytest.fixture(autouse=True)
def _fonts_forgotten(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Only matplotlib's font is installed, before and after a test."""
    known = [entry for entry in font_manager.fontManager.ttflist if entry.name not in fonts.FALLBACKS]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", known)
    monkeypatch.setattr(fonts, "findSystemFonts", list)
    forget()
    yield
    forget()


def forget() -> None:
    for cached in (fonts.families, fonts._glyphs, fonts._find_new_fonts):
        cached.cache_clear()


def make_font(path: Path, family: str, letters: str) -> Path:
    """Write a font in which each of the letters is a square."""
    pen = TTGlyphPen(None)
    for move, point in ((pen.moveTo, (0, 0)), (pen.lineTo, (0, 900)), (pen.lineTo, (900, 900)), (pen.lineTo, (900, 0))):
        move(point)
    pen.closePath()
    names = [".notdef", *(f"uni{ord(letter):04X}" for letter in letters)]
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap({ord(letter): f"uni{ord(letter):04X}" for letter in letters})
    builder.setupGlyf(dict.fromkeys(names, pen.glyph()))
    builder.setupHorizontalMetrics(dict.fromkeys(names, (1000, 0)))
    builder.setupHorizontalHeader(ascent=900, descent=-100)
    builder.setupNameTable({"familyName": family, "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    builder.save(path)
    return path


def test_what_no_font_has_is_shown_as_a_question_mark_and_noted_once() -> None:
    with fonts.noting_missing() as letters:
        assert shown("批归 bn 批") == "?? bn ?"
    assert fonts.warning_of_missing(letters) == (
        "No installed font has 批归: figures show '?' instead. Install Noto Sans CJK (Debian, Ubuntu: fonts-noto-cjk)."
    )
    with fonts.noting_missing() as letters:
        assert shown("bn\x1b") == "bn?"
    assert fonts.warning_of_missing(letters) is None


@pytest.mark.parametrize(
    ("letter", "font"), [("ब", "Noto Sans Devanagari"), ("가", "Noto Sans CJK"), ("\U0001f600", "Noto Sans Symbols")]
)
def test_the_font_to_install_is_one_of_the_letters_script(letter: str, font: str) -> None:
    told = fonts.warning_of_missing({letter: None})
    assert told is not None and f"Install {font} (" in told


def test_an_installed_font_draws_what_the_first_one_lacks(tmp_path: Path) -> None:
    before = render(run_figures(HISTORY, title="批")["loss"], "png")
    font_manager.fontManager.addfont(make_font(tmp_path / "cjk.ttf", "Noto Sans CJK SC", "批归"))
    forget()
    assert fonts.families() == [fonts.FIRST, "Noto Sans CJK SC"]
    assert shown("批归 bn") == "批归 bn"
    assert text_width("批批批", 10.0) == pytest.approx(30.0, abs=1.0)
    figure = run_figures(HISTORY, title="批")["loss"]
    assert figure.axes[0].get_title().endswith(": 批")
    for format in ("png", "svg", "pdf"):
        assert render(figure, format)
    assert render(figure, "png") != before


def test_a_font_that_was_installed_after_matplotlib_looked_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_font(tmp_path / "cjk.ttf", "WenQuanYi Zen Hei", "批")
    broken = shutil.copy(__file__, tmp_path / "broken.ttf")
    monkeypatch.setattr(fonts, "findSystemFonts", lambda: [str(broken), str(path)])
    assert shown("批") == "批"


def test_a_figure_of_latin_names_uses_the_first_font_alone() -> None:
    assert fonts.font_of("bn ± 1").family_name == fonts.FIRST
