"""CSV files that would be read wrong: each is refused with the line, the cause and a cure that helps."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import TypeAdapter

from bnexp.config.dataset import Dataset
from bnexp.data import Data, prepare
from bnexp.data.sources import line_numbers
from bnexp.data.sources.csv_file import CsvFile
from bnexp.data.sources.line_numbers import lines_of
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


def test_rows_with_other_numbers_of_fields_hide_no_mistake_of_the_other_rows() -> None:
    lines = ["id,x,z,y", *[f"{n},{n}.5,{n % 7},{'uv'[n % 2]}" for n in range(60)]]
    lines[8], lines[10], lines[13], lines[31], lines[41] = "8,many,1,u", "10,inf,1,v", "13,1,2,3,u", "31,1,1,", "41,2"
    uneven = (
        "dataset.path is 't.csv'; it is no table. Expected a line of column names, then one line a row. t.csv:14 has 5 "
        "fields, and the first line 4. Put quotes around a field that holds ',', or take that row out. 1 other row has "
        "too few fields: t.csv:42."
    )
    told = refused("\n".join(lines), {**CSV, "drop": ["nope"]}).splitlines()
    assert told[0] == uneven and len(told) == 4
    assert told[1] == "dataset.drop is 'nope'; no column has this name. Good names: id, x, z, y."
    assert told[2].startswith("dataset.target is 'y'; t.csv:32 has no value in it (1 row has none).")
    assert told[3].startswith("dataset holds 'many' in t.csv:9, column 'x'; most cells of the column are numbers. 2 ")
    assert "'inf' (t.csv:11)" in told[3]
    texts = refused("\n".join(lines), {**TEXT_CSV, "text": "words"}).splitlines()
    assert texts[0] == uneven and texts[1].startswith("dataset.text is 'words'; no column has this name.")
    named = refused("x,x,y\n" + "1,2,u\n2,3,v\n" * 9 + "1,2\n")
    assert "two columns are called 'x'" in named and "t.csv:20 has 2 fields" in named
    twice = refused(
        "x,x,z,z,y\n" + "1,2,many,4,u\n" + "".join(f"1,2,{n}.5,4,{'uv'[n % 2]}\n" for n in range(59))
    ).splitlines()
    assert twice[0].endswith("two columns are called 'x', two columns are called 'z'. Rename one of each.")
    assert len(twice) == 2 and twice[1].startswith("dataset holds 'many' in t.csv:2, column 'z'; ")
    both = refused("x,x,y\n1,2,u,3\n" + "1,2,u\n2,3,v\n" * 9).splitlines()
    assert len(both) == 2 and "t.csv:2 has 4 fields" in both[0] and "two columns are called 'x'" in both[1]
    rare = ["x,y", *[f"{n}.5,v" for n in range(30)], "1,u,2"]
    assert len(refused("\n".join(rare)).splitlines()) == 1, "the class of a row that is skipped may be the other one"
    Path("rest.csv").write_text("id,x,z,y\n1,2,3,u\n4,5,6,w\n7,8\n" + "1,2,3,u\n" * 9)
    assert [line.partition(";")[0] for line in refused("\n".join(lines), {**CSV, "test_path": "rest.csv"}).splitlines()] == [
        "dataset.path is 't.csv'", "dataset.test_path is 'rest.csv'", "dataset.target is 'y'", "dataset holds 'many' in t.csv:9, column 'x'",
    ]  # fmt: skip


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
        "dataset.separator is ','; t.csv has only one column with it, 'x;z;y'. Expected two or more. "
        "Its first line holds ';': use dataset.separator: \";\"."
    )
    assert refused("x\ty\n1,5\tu\n2\tv\n") == (
        "dataset.path is 't.csv'; it is no table: its lines have more fields than its first line has names. Expected a "
        "line of column names, then one line a row. Its first line holds '\\t': use dataset.separator: \"\\t\".\n"
        "dataset.decimal is '.'; t.csv:2 holds '1,5' in column 'x', a number with ',' as its decimal mark. Use "
        "dataset.decimal: \",\", or write them with '.'; or name the column in dataset.categories, if each value is a "
        "category."
    )


@pytest.mark.parametrize(
    ("text", "cure"),
    [
        (
            "x,y\n1,u\n2,v,3\n",
            "t.csv:3 has 3 fields, and the first line 2. Put quotes around a field that holds ',', or take that row out.",
        ),
        (
            'x,y\n"1",1.5,u\n"2",2.5,v\n',
            "t.csv:2 has 3 fields, and the first line 2. If the first column has no name, as in a table of R, write one "
            "into the first line.",
        ),
        (
            "Sales of 2020\n\nx,z,y\n1,2,u\n2,1,v\n",
            "t.csv:3 has 3 fields, and the first line 1. If t.csv:3 holds the names, take out what stands above it.",
        ),
    ],
)
def test_the_first_row_with_more_fields_than_names_is_told_with_what_it_may_be(text: str, cure: str) -> None:
    assert refused(text).endswith(f"then one line a row. {cure}")


def test_all_rows_with_too_many_or_too_few_fields_are_told() -> None:
    told = refused("x,z,y\n1,2,u\n1,2,3,v\n1,2\n1,2,3,4,v\n1\n")
    assert told.endswith(
        "t.csv:3 has 4 fields, and the first line 3. Put quotes around a field that holds ',', or take that row out. "
        "1 other row has too many fields: t.csv:5. 2 other rows have too few fields: t.csv:4, t.csv:6."
    )
    assert refused("x,z,y\n1,2,u\n1,2\n1\n").endswith("or take it out. 1 other row has too few fields: t.csv:4.")


def test_all_cells_without_a_number_are_told_also_beside_numbers_with_marks() -> None:
    cells = [*map(str, range(30)), "many", "many", "few"]
    lines = [f"{cell},{n * 7 % 5},{'uv'[n % 2]}" for n, cell in enumerate(cells)]
    said = "3 rows are wrong: 'many' (2 rows), 'few' (t.csv:34)"
    text = "\n".join(["x,z,y", *lines, ""])
    assert said in refused(text)
    marked = text.replace("\n3,", '\n"1,234.5",').replace("\n4,", "\ninf,")
    assert refused(marked).splitlines()[1] == (
        "dataset holds 'inf' in t.csv:6, column 'x'; expected a finite number. 4 rows are wrong: 'inf' (t.csv:6), "
        "'many' (2 rows), 'few' (t.csv:34). Fix the file."
    )


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


def test_a_column_whose_comma_may_mean_thousands_follows_one_that_shows_the_decimal_mark() -> None:
    text = "x;z;y\n" + "".join(f"{n},70;{n},955;{'uv'[n % 2]}\n" for n in range(1, 9))
    keys = CSV | {"separator": ";"}
    told = refused(text, keys)
    assert told.startswith(
        "dataset.decimal is '.'; t.csv:2 holds '1,70' in column 'x', a number with ',' as its decimal"
    )
    assert "mark (also in 'z'). Use dataset.decimal: \",\"" in told and "thousands" not in told
    assert prepared(text, keys | {"decimal": ","}).rows.x[0].tolist() == [pytest.approx(1.7), pytest.approx(1.955)]
    points = refused(text.replace(";1,955", ";1,955.5"), keys)
    assert "a number with ',' as a mark for thousands. Use dataset.thousands" in points, "z has decimal points"


def test_quoted_decimal_commas_are_numbers_where_commas_separate_as_pandas_reads_them() -> None:
    text = "x,z,y\n" + "".join(f'"{n + 1},5",{n},{"uv"[n % 2]}\n' for n in range(9)) + '"-1,25e2",9,u\n,10,v\n'
    keys = CSV | {"decimal": ",", "missing": "mean"}
    frame = pd.read_csv(io.StringIO(text), decimal=",")
    np.testing.assert_array_equal(prepared(text, keys).rows.x, frame[["x", "z"]].to_numpy("float32"))
    assert refused(text, CSV | {"missing": "mean"}) == (
        "dataset.decimal is '.'; t.csv:2 holds '1,5' in column 'x', a number with ',' as its decimal mark. Use "
        "dataset.decimal: \",\", or write them with '.'; or name the column in dataset.categories, if each value is a "
        "category."
    )
    assert prepared(text.replace('"1,5"', "NA"), keys).rows.columns == ("x", "z")
    assert "t.csv:2 holds '0.5' in column 'z'" in refused(text.replace(",0,", ",0.5,"), keys)
    bare = text.replace('"', "")
    assert "t.csv:2 has 4 fields, and the first line 3." in refused(bare, keys)
    semicolons = "x;z;y\n" + "".join(f"{n},5;{n};{'uv'[n % 2]}\n" for n in range(9))
    assert 'use dataset.separator: ";".' in refused(semicolons, CSV | {"decimal": ","})


@pytest.mark.parametrize(
    ("odd", "mark"),
    [("12,5 EUR", "a currency sign"), ("45%", "a percent sign"), ("(5)", "a minus that is not a leading '-'")],
)
@pytest.mark.parametrize("target", ["x", "y"])
def test_one_number_with_a_sign_among_plain_numbers_is_told_with_its_line(odd: str, mark: str, target: str) -> None:
    text = "x,y\n" + "".join(f'"{odd if n == 20 else n + 0.5}",{n * 7 % 59}\n' for n in range(40))
    key, cure = (
        ("dataset.target", "take that row out") if target == "x" else ("dataset", "leave the column out (dataset.drop)")
    )
    assert refused(text, CSV | {"target": target}) == (
        f"{key} holds '{odd}' in t.csv:22, column 'x', a number with {mark}; most cells of the column are plain numbers. Fix "
        f"the file, or {cure}."
    )


def test_marks_for_thousands_are_told_for_either_decimal_mark() -> None:
    text = "x,y\n" + "".join(f'"{n},234.5",{"uv"[n % 2]}\n' for n in range(9))
    assert refused(text) == (
        "dataset.drop does not list column 'x'; t.csv:2 holds '0,234.5' in it, a number with ',' as a mark for thousands. Use "
        'dataset.thousands: ",". Or leave it out (dataset.drop), or name it in dataset.categories, if each value is a '
        "category."
    )
    other, thousands = refused(text, CSV | {"decimal": ","}).splitlines()
    assert other.startswith("dataset.decimal is ','; t.csv:2 holds '0,234.5' in column 'x', a number with '.' as its")
    assert 'Use dataset.thousands: "," with dataset.decimal: ".". Or leave' in thousands
    assert prepared(text, CSV | {"thousands": ","}).rows.x[:3, 0].tolist() == [234.5, 1234.5, 2234.5]


@pytest.mark.parametrize(
    ("cells", "seen", "mark", "cure"),
    [
        (["1,000,000", "2,500,000"], "1,000,000", "',' as a mark for thousands", 'Use dataset.thousands: ",".'),
        (["1 000", "2 500"], "1 000", "' ' as a mark for thousands", 'Use dataset.thousands: " ".'),
        (["1.000.000", "2.500.000"], "1.000.000", "'.' as a mark for thousands",
         'Use dataset.thousands: "." with dataset.decimal: ",".'),
        (["15%", "20%", "7.5%"], "15%", "a percent sign", ""),
        (["$5", "7"], "$5", "a currency sign", ""),
        (["$1,000,000", "$5"], "$1,000,000", "',' as a mark for thousands and a currency sign", ""),
        (["(5)", "7", "8"], "(5)", "a minus that is not a leading '-'", ""),
    ],
)  # fmt: skip
def test_numbers_with_marks_are_never_taken_for_categories_unless_they_are_named(
    cells: list[str], seen: str, mark: str, cure: str
) -> None:
    text = "x,z,y\n" + "".join(f'"{cells[n % len(cells)]}",{n},{"uv"[n % 2]}\n' for n in range(40))
    cure = cure or "Write the column's numbers without that in the file."
    told = f"; t.csv:2 holds '{seen}' in it, a number with {mark}. {cure}"
    assert refused(text) == (
        f"dataset.drop does not list column 'x'{told} Or leave it out (dataset.drop), or name it in dataset.categories, if each "
        "value is a category."
    )
    assert prepared(text, CSV | {"drop": ["x"]}).rows.columns == ("z",)
    assert prepared(text, CSV | {"categories": ["x"]}).rows.columns[1:] == tuple(sorted(f"x={cell}" for cell in cells))
    for task in ("auto", "regression"):
        assert refused(text, CSV | {"target": "x", "task": task}) == (
            f"dataset.target is 'x'{told} Or give dataset.task: classification, if each value is a class."
        )
    assert len(prepared(text, CSV | {"target": "x", "task": "classification"}).rows.classes or ()) == len(cells)


def test_a_mark_that_may_be_either_is_told_with_both_cures() -> None:
    text = "x;z;y\n" + "".join(f"{n + 1},500;{n};{'uv'[n % 2]}\n" for n in range(40))
    assert "If ',' is its decimal mark, use dataset.decimal: \",\"." in refused(text, CSV | {"separator": ";"})
    assert prepared(text, CSV | {"separator": ";", "decimal": ","}).rows.x[0, 0] == 1.5
    mixed = text.replace(";7;", ";0.25;")
    assert "is its decimal mark" not in refused(mixed, CSV | {"separator": ";"})


def test_a_target_with_another_decimal_mark_is_told_with_what_can_be_done_to_a_target() -> None:
    text = "x;y\n" + "".join(f"{n};{n % 3},5\n" for n in range(40))
    assert refused(text, CSV | {"separator": ";"}) == (
        "dataset.decimal is '.'; t.csv:2 holds '0,5' in column 'y', a number with ',' as its decimal mark. Use "
        "dataset.decimal: \",\", or write them with '.'; or give dataset.task: classification, if each value is a class."
    )
    keys = CSV | {"separator": ";"}
    assert prepared(text, keys | {"decimal": ","}).task == "regression"
    assert prepared(text, keys | {"task": "classification"}).rows.classes == ("0,5", "1,5", "2,5")


def test_no_cure_for_a_decimal_mark_leads_back_to_the_other_one() -> None:
    german = "x;z;y\n" + "".join(f"{n},5;1.{n:03d},25;{'uv'[n % 2]}\n" for n in range(40))
    first = refused(german, CSV | {"separator": ";"}).splitlines()
    assert first[0].startswith("dataset.decimal is '.'; t.csv:2 holds '0,5' in column 'x'")
    assert "(also in 'z'). Use dataset.decimal: \",\"" in first[0]
    assert first[1].startswith(
        "dataset.drop does not list column 'z'; t.csv:2 holds '1.000,25' in it, a number with '.' as a mark for thousands. Use "
        'dataset.thousands: "." with dataset.decimal: ",". Or leave'
    )
    keys = CSV | {"separator": ";", "decimal": ","}
    assert prepared(german, keys | {"thousands": "."}).rows.x[1].tolist() == [1.5, 1001.25]
    assert refused(german, keys).splitlines() == [first[1].replace(' with dataset.decimal: ","', "")]
    assert 'dataset.decimal: "," without dataset.thousands' in refused(
        german.replace(";1.", ";1"), CSV | {"separator": ";", "thousands": ","}
    )
    assert prepared(german.replace(";1.", ";1"), keys).rows.x[1].tolist() == [1.5, 1001.25]
    mixed = "x;z;y\n" + "".join(f"{n},5;{n}.25;{'uv'[n % 2]}\n" for n in range(40))
    for decimal, other in ((".", "0,5"), (",", "0.25")):
        message = refused(mixed, keys | {"decimal": decimal})
        assert f"holds '{other}'" in message and "Use dataset.decimal" not in message
        assert f"Other numbers of the file have '{decimal}'. Write all with one of the two" in message


def test_all_that_is_wrong_with_a_file_is_told_at_once_and_one_config_mends_it() -> None:
    rows = [
        f"{n};{100_000 + n};{2000 + n}-01-31;{'' if n == 3 else f'{n},5'};{n / 7:.3f}%;name{n};{'yes' if n % 3 else 'no'}"
        for n in range(60)
    ]
    text = "\n".join([";id;since;age;share;name;churned?", *rows])
    keys = CSV | {"target": "churned?"}
    told = [re.split("[;.] ", line)[0] for line in refused(text, keys).splitlines()]
    assert told == [
        "dataset.path is 't.csv'",
        "dataset.drop does not list column 1, which has no name",
        "dataset.decimal is '.'",
        "dataset.drop does not list column 'share'",
        "dataset.missing is refuse",
        "dataset.drop does not list column 'since'",
        "dataset.drop does not list column 'name'",
    ]
    mended = {"separator": ";", "decimal": ",", "missing": "median", "drop": ["Unnamed: 0", "since", "share", "name"]}
    data = prepared(text, keys | mended)
    assert data.rows.columns == ("id", "age") and data.rows.facts.id_like_columns == ["id"]


def test_gaps_of_all_columns_are_told_in_one_line_and_many_problems_are_counted() -> None:
    text = "a,b,c,y\n" + "".join(f"{n},{n if n > 2 else ''},{n if n != 7 else ''},{'uv'[n % 2]}\n" for n in range(40))
    assert refused(text) == (
        "dataset.missing is refuse; t.csv:2 has no value in column 'b' (3 rows have none), and other rows have none in "
        "'c' (1). Use mean or median (of the training part), or leave the column out (dataset.drop)."
    )
    names = [f"c{n}" for n in range(25)]
    wide = ",".join([*names, "y"]) + "\n" + "".join(",".join(f"t{n}" for _ in names) + f",{n % 2}\n" for n in range(40))
    lines = refused(wide).splitlines()
    assert len(lines) == 21 and lines[-1] == "and 5 more mistakes. Fix these first."


def test_only_filled_cells_count_for_what_most_of_a_column_are() -> None:
    cabins = [f"C{n % 23}" if n < 60 else "" for n in range(200)]
    text = "age,cabin,y\n" + "".join(f"{n},{cabin},{n % 2}\n" for n, cabin in enumerate(cabins))
    assert len(prepared(text, CSV).rows.columns) == 1 + 23 + 1
    few = text.replace(",C0,", ",x,")
    assert "cabin=x" in prepared(few, CSV).rows.columns
    numbers = text.replace(",C", ",").replace(",7,", ",many,", 1)
    assert "dataset holds 'many' in t.csv:9, column 'cabin'; most cells of the column are numbers" in refused(numbers)


def test_a_row_is_told_by_its_line_or_by_its_number_where_the_lines_are_not_clear() -> None:
    Path("t.csv").write_text('\ufeffx,y\n"a\nb",1\n\n2,3\n')
    assert [lines_of(CsvFile(Path("t.csv")), 2)(row) for row in (0, 1)] == ["t.csv:2", "t.csv:5"]
    assert lines_of(CsvFile(Path("t.csv")), 7)(1) == "row 1 of t.csv (counted from 0)"


@pytest.mark.parametrize("blank", ['""', "\f", " \f"])
def test_a_line_that_pandas_reads_as_a_row_without_values_is_a_short_row(blank: str) -> None:
    told = "t.csv:3 has 1 field, and the first line names 2 columns. Complete that row, or take it out."
    assert refused(f"x,y\n1,u\n{blank}\n" + "2,v\n1,u\n" * 9).endswith(told)
    tabs = "x\ty\n1\tu\n \t\n" + "2\tv\n1\tu\n" * 9
    assert "t.csv:3 has no value" in refused(tabs, CSV | {"separator": "\t"}), "blanks between separators are cells"


@pytest.mark.parametrize("name", ['""', "x", '" "'])
def test_a_single_column_is_told_with_its_name(name: str) -> None:
    text = f"is 't.csv'; it has a single column, {name.strip(chr(34))!r}, so there is nothing to learn from."
    assert text in refused(f"{name}\n1\n2\n3\n")


def test_repeated_names_are_told_without_a_command_if_the_lines_are_not_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "x,y\n1,u\nx,y\n2,v\n"
    with monkeypatch.context() as patched:
        patched.setattr(line_numbers, "line_numbers", lambda file, rows: None)
        assert refused(text) == (
            "dataset.path is 't.csv'; row 1 of t.csv (counted from 0) repeats the names of the columns. Take that line out."
        )


def test_a_column_that_may_only_count_the_rows_is_told_in_the_facts() -> None:
    rows = "".join(f"{n * 7},{n % 5},{n / 3:.3f},{'uv'[n % 2]}\n" for n in range(30))
    assert prepared("id,few,x,y\n" + rows, CSV).rows.facts.id_like_columns == ["id"]
    again = rows + "".join(rows.splitlines(keepends=True)[:3])
    assert prepared("id,few,x,y\n" + again, CSV).rows.facts.id_like_columns == ["id"], "rows that repeat hide no id"
    assert prepared("id,few,x,y\n" + again, CSV | {"duplicates": "keep"}).rows.facts.id_like_columns == ["id"]
    shared = rows + "0,9,9.5,u\n"
    assert prepared("id,few,x,y\n" + shared, CSV).rows.facts.id_like_columns == [], "two rows share a number"
    few = "".join(f"{n * 7},{n},{'uv'[n % 2]}\n" for n in range(12))
    assert prepared("id,x,y\n" + few, CSV).rows.facts.id_like_columns == []
