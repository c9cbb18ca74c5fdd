"""CSV files that would be read wrong: each is refused with the line, the cause and a cure that helps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from bnexp.config.dataset import Dataset
from bnexp.data import Data, prepare
from bnexp.data.lines import lines_of
from bnexp.errors import SettingError

ROWS = [f"{n}.5,{'uv'[n % 2]}" for n in range(60)]
CSV = {"name": "csv", "path": "t.csv", "target": "y"}
TEXT_CSV = {"name": "text_csv", "path": "t.csv", "target": "y", "text": "x"}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def prepared(text: str, keys: dict[str, Any]) -> Data:
    Path("t.csv").write_text(text)
    return prepare(TypeAdapter(Dataset).validate_python(keys), (0,))


def refused(text: str, keys: dict[str, Any] = CSV) -> str:
    with pytest.raises(SettingError) as raised:
        prepared(text, keys)
    return str(raised.value)


@pytest.mark.parametrize("keys", [CSV, TEXT_CSV])
@pytest.mark.parametrize("more", [0, 40_000])
def test_an_open_quote_is_told_with_its_line_however_much_it_swallows(keys: dict[str, Any], more: int) -> None:
    lines = ["x,y", '"a', 'b",u', "", *ROWS[:56], '1,"u', *ROWS[:more:1] * (more // 60 + 1)]
    assert refused("\n".join(lines), keys) == (
        "dataset.path is 't.csv'; t.csv:61: a quote is opened and not closed. Close it, or take it out."
    )


@pytest.mark.parametrize("keys", [CSV, TEXT_CSV])
def test_a_nul_byte_is_told_with_its_line(keys: dict[str, Any]) -> None:
    assert refused("\n".join(["x,y", *ROWS, "1\0,u"]), keys) == (
        "dataset.path is 't.csv'; t.csv:62 holds a NUL byte, which is no text. Save it as UTF-8 text."
    )


def test_the_separator_of_the_first_line_is_named_where_another_one_finds_no_table() -> None:
    assert refused("x;z;y\n" + "1;2;u\n2;1;v\n" * 9) == (
        "dataset.separator is ','; t.csv has but one column with it, 'x;z;y'. Expected two or more. "
        "Its first line holds ';': use dataset.separator: \";\"."
    )
    assert refused("x\ty\n1,5\tu\n2\tv\n") == (
        "dataset.path is 't.csv'; it is no table: its lines have more fields than its first line has names. Expected a "
        "line of column names, then one line a row. Its first line holds '\\t': use dataset.separator: \"\\t\"."
    )
    assert refused("x,y\n1,u\n2,v,3\n").endswith("then one line a row. Mend the file.")


def test_decimal_commas_are_told_and_read_with_the_key_that_the_message_names() -> None:
    text = "x;z;y\n" + "".join(f"{38653 + n},70;{n};{'uv'[n % 2]}\n" for n in range(8)) + ";9;u\n"
    keys = CSV | {"separator": ";", "missing": "mean"}
    message = (
        "dataset.decimal is '.'; t.csv:2 holds '38653,70' in column 'x', a number with ',' as its decimal mark. "
        "Use dataset.decimal: \",\", or write them with '.'; or name the column in dataset.categories, if each value is a "
        "category."
    )
    assert refused(text, keys) == message
    assert prepared(text, keys | {"decimal": ","}).rows.x[1].tolist() == [pytest.approx(38654.7), 1]
    assert prepared(text.replace("\n;9", "\nNA;9"), keys | {"decimal": ","}).rows.columns == ("x", "z")
    assert prepared(text, keys | {"categories": ["x"], "duplicates": "keep"}).rows.columns[:2] == ("z", "x=38653,70")
    points = text.replace(",70", ".7")
    assert "a number with '.' as its decimal mark. Use dataset.decimal: \".\", or write them with ','" in refused(
        points, keys | {"decimal": ","}
    )


def test_marks_for_thousands_are_told_and_a_comma_cannot_be_both_separator_and_decimal_mark() -> None:
    text = "x,y\n" + "".join(f'"{n},234.5",{"uv"[n % 2]}\n' for n in range(9))
    assert refused(text) == (
        "dataset.drop keeps column 'x'; t.csv:2 holds '0,234.5' in it, a number with ',' as a mark for thousands. Write "
        "the column's numbers without that in the file. Or leave it out (dataset.drop), or name it in "
        "dataset.categories, if each value is a category."
    )
    assert refused(text, CSV | {"decimal": ","}) == (
        "dataset.decimal is ',', as dataset.separator. Give another dataset.separator."
    )


def test_a_row_is_told_by_its_line_or_by_its_number_where_the_lines_are_not_clear() -> None:
    Path("t.csv").write_text('\ufeffx,y\n"a\nb",1\n\n2,3\n')
    assert [lines_of(Path("t.csv"), ",", 2)(row) for row in (0, 1)] == ["t.csv:2", "t.csv:5"]
    assert lines_of(Path("t.csv"), ",", 7)(1) == "row 1 of t.csv (counted from 0)"


def test_a_column_that_may_only_count_the_rows_is_told_in_the_facts() -> None:
    rows = "".join(f"{n * 7},{n % 5},{n / 3:.3f},{'uv'[n % 2]}\n" for n in range(30))
    assert prepared("id,few,x,y\n" + rows, CSV).facts()["id_like_columns"] == ["id"]
    few = "".join(f"{n * 7},{n},{'uv'[n % 2]}\n" for n in range(12))
    assert prepared("id,x,y\n" + few, CSV).facts()["id_like_columns"] == []
