"""Numbers that are written with marks: what they are marked with, for either decimal mark."""

from __future__ import annotations

import pandas as pd
import pytest

from bnexp.data.sources.numerals import are_dates, marks_of, numerals

COMMA, POINT, BLANK = (f"{mark!r} as a mark for thousands" for mark in ",. ")
PERCENT, CURRENCY, MINUS = "a percent sign", "a currency sign", "a minus that is not a leading '-'"


@pytest.mark.parametrize(
    ("cell", "with_point", "with_comma"),
    [
        ("12", set(), set()),
        ("-1.5", set(), {"decimal"}),
        ("69,5", {"decimal"}, set()),
        ("0,123", {"decimal"}, set()),
        ("1,234", {"either"}, set()),
        ("1.234", set(), {"either"}),
        ("1,000,000", {COMMA}, {COMMA}),
        ("12,34,567", {COMMA}, {COMMA}),
        ("1.000.000", {POINT}, {POINT}),
        ("428.749,50", {POINT, "decimal"}, {POINT}),
        ("1,234.5", {COMMA}, {COMMA, "decimal"}),
        ("1 000 000", {BLANK}, {BLANK}),
        ("1\u202f000,5", {"'\\u202f' as a mark for thousands", "decimal"}, {"'\\u202f' as a mark for thousands"}),
        ("15 %", {PERCENT}, {PERCENT}),
        ("$1,000", {CURRENCY, "either"}, {CURRENCY}),
        ("12 EUR", {CURRENCY}, {CURRENCY}),
        ("(5)", {MINUS}, {MINUS}),
        ("\u22125", {MINUS}, {MINUS}),
    ],
)
def test_a_number_tells_its_marks_for_either_decimal_mark(
    cell: str, with_point: set[str], with_comma: set[str]
) -> None:
    assert (marks_of(cell, "."), marks_of(cell, ",")) == (with_point, with_comma)


@pytest.mark.parametrize(
    "cell", ["C0", "2024-01-31", "31.12.2024", "1.2.3", "10-20", "1 2", "12:30", "5 kg", "", "1,23,4"]
)
def test_what_is_no_number_is_none(cell: str) -> None:
    assert marks_of(cell) is None and marks_of(cell, ",") is None


def test_a_column_is_one_of_marked_numbers_if_more_than_half_of_its_filled_cells_are_numbers() -> None:
    assert numerals(pd.Series(["1,5", "2", None, None, "x"])).decimal == "1,5"
    assert numerals(pd.Series(["1,5", "x", None])) is None
    assert numerals(pd.Series(["1", "2.5"])) is None


def test_one_sure_cell_tells_what_the_mark_of_the_others_is() -> None:
    unclear, thousands, decimals = (
        numerals(pd.Series(cells)) for cells in (["1,234"], ["1,234", "1,000,000"], ["1,234", "1,5"])
    )
    assert (unclear.either, unclear.marks) == (",", (COMMA,))
    assert (thousands.either, thousands.marks, thousands.decimal) == (None, (COMMA,), None)
    assert (decimals.either, decimals.marks, decimals.decimal) == (None, (), "1,5")
    assert numerals(pd.Series(["1,5", "1.5"])).mixed and not decimals.mixed


@pytest.mark.parametrize(
    "cells",
    [
        ["2024-01-31", "2024-02-01 12:30"], ["31.01.24", "1.2.2024"], ["1/2/2024"], ["08:30"], ["Sept 2024", "June 1, 2024"],
        ["31JAN24", "3 february 1999"],
    ],
)  # fmt: skip
def test_dates_and_times_are_told_from_numbers(cells: list[str]) -> None:
    assert are_dates(pd.Series(cells)) and not are_dates(pd.Series(["1.5", "2.5"]))


@pytest.mark.parametrize("cell", ["MAR1234", "Decimal1000", "Augusta 2024", "Octane 9500", "DEC10", "5 Marks 2024"])
def test_words_that_begin_as_a_month_does_are_no_dates(cell: str) -> None:
    assert not are_dates(pd.Series([cell]))


@pytest.mark.parametrize(
    ("cell", "mark"),
    [
        ("'5", "quotes or '='"), ("'0.126'", "quotes or '='"), ('="0.126"', "quotes or '='"), ("\u201c5\u201d", "quotes or '='"),
        ("5\u00a0", "a blank that is no space"), ("\u200b5", "a blank that is no space"), ("\ufeff5", "a blank that is no space"),
        ("\uff11\uff12", "digits of another script"), ("\u0661\u066b\u0665", "digits of another script"), ("\u0967", "digits of another script"),
    ],
)  # fmt: skip
def test_what_programs_put_around_numbers_and_digits_of_other_scripts_are_marks(cell: str, mark: str) -> None:
    assert marks_of(cell) == {mark}


@pytest.mark.parametrize("cell", ["'a'", "='a'", "a\u00a0", "\u0665a", "''", "=", "\u200b"])
def test_a_text_is_no_number_whatever_stands_around_it(cell: str) -> None:
    assert marks_of(cell) is None
