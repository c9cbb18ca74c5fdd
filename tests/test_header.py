"""A first line that is a row of data is refused, or told where it may be one; names that are numbers are read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from command import run_line
from pydantic import TypeAdapter

from bnexp.config.dataset import Dataset
from bnexp.data import prepare
from bnexp.data.rows import Rows
from bnexp.errors import SettingError


def read(path: Path, first: str, *columns: Any, **keys: Any) -> Rows:
    """Read a table of 40 rows with this first line; each column is a function of the row."""
    rows = (",".join(str(column(n)) for column in columns) for n in range(40))
    path.write_text("\n".join([first, *rows]))
    keys = {"name": "csv", "path": str(path), "target": first.split(",")[-1], "duplicates": "keep", **keys}
    return prepare(TypeAdapter(Dataset).validate_python(keys), (0,)).rows


def number(n: int) -> float:
    return n * 1.5


def label(n: int) -> str:
    return ("setosa", "virginica")[n % 2]


def two(n: int) -> int:
    return n % 2


@pytest.mark.parametrize(
    ("first", "columns", "keys"),
    [
        ("6,148,33.6,0.627,1", [number] * 4 + [two], {}),
        ("5.1,3.5,1.4,0.2,setosa", [number] * 4 + [label], {}),
        ("42.0,1.0,4.0,1", [number] * 3 + [two], {"target": "num"}),
        ("0,0,5,0", [number] * 3 + [two], {}),
        ("setosa,virginica,setosa", [label] * 3, {}),
        ("39,setosa,13,virginica,Smith", [number, label, number, label, lambda n: f"name{n}"], {}),
    ],
    ids=["pima", "iris", "heart", "repeated", "texts", "mixed"],
)
def test_a_row_of_data_in_the_place_of_the_names_is_refused(
    tmp_path: Path, first: str, columns: list[Any], keys: dict[str, Any]
) -> None:
    path = tmp_path / "t.csv"
    with pytest.raises(SettingError) as raised:
        read(path, first, *columns, **keys)
    assert str(raised.value) == (
        f"dataset.path is '{path}'; {path}:1 was read as the names of the columns, though it looks like a row of data "
        f"that begins with {first.split(',')[0]!r}. Write a line of names above it. If it holds names, put a letter before each number. "
        f"This numbers the columns: python -c \"import pandas; pandas.read_csv({str(path)!r}, header=None).add_prefix('c')"
        ".to_csv('t-plain.csv', index=False, mode='x')\""
    )


@pytest.mark.parametrize(
    ("first", "columns"),
    [
        ("2019,2020,2021,label", [number] * 3 + [label]),
        ("2019,2020,2021,2022", [number] * 4),
        ("0,1,2,3", [number] * 3 + [two]),
        ("x,y", [number, two]),
        ("148,33.6,outcome", [number, number, two]),
        ("country,label", [lambda n: f"land{n % 5}", label]),
        ("1100.5,1101.0,1101.5,label", [number] * 3 + [label]),
        ("4000,3900,3750,3500,3100,2900,2500,2000,label", [number] * 8 + [label]),
        ("word,kind", [lambda n: ("word", "verb", "noun")[n % 3], label]),
    ],
)
def test_names_that_may_be_names_are_read_without_a_word(tmp_path: Path, first: str, columns: list[Any]) -> None:
    assert read(tmp_path / "t.csv", first, *columns).facts.warnings == []


@pytest.mark.parametrize(
    ("first", "columns"),
    [
        ("5,35,140,500", [number] * 3 + [two]),
        ("2015,2018,2020,label", [number] * 3 + [label]),
        ("9.5,7.25,5.5,2,1.5,label", [number] * 5 + [label]),
    ],
)
def test_whole_numbers_that_ascend_are_read_as_names_with_a_warning(
    tmp_path: Path, first: str, columns: list[Any]
) -> None:
    path = tmp_path / "t.csv"
    assert read(path, first, *columns).facts.warnings == [
        f"the first line of {path} was read as the names of the columns, though it holds numbers, as the rows below "
        "do. If it is a row of data, write a line of names above it."
    ]


def test_a_second_line_of_names_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    for columns in ([number, label], [label, label]):
        with pytest.raises(SettingError) as raised:
            read(path, "x,y", *[lambda n, column=column, name=name: name if n == 20 else column(n)
                                for column, name in zip(columns, "xy", strict=True)])  # fmt: skip
        assert str(raised.value) == (
            f"dataset.path is '{path}'; {path}:22 repeats the names of the columns. Take that line out. This command does "
            f"it: python -c \"import pandas; pandas.read_csv('{path}', dtype=str, keep_default_na=False, "
            "skiprows=[21]).to_csv('t-plain.csv', index=False, mode='x')\""
        )
    path.write_text("x,y\n" + "a,b\nx,y\n" * 3)
    with pytest.raises(
        SettingError, match=r"t\.csv:3 repeats the names of the columns \(and 2 lines below it\)\. .*=\[2, 4, 6\]"
    ):
        prepare(TypeAdapter(Dataset).validate_python({"name": "csv", "path": str(path), "target": "y"}), (0,))


@pytest.mark.parametrize(
    "above", ["1,2\n", '1,2\n""\n', "1,2\n\f\n", "1,2\n \t \n", '"1\nz",2\n\n', "1,2\r3,4\r\n"], ids=repr
)
def test_the_command_takes_out_the_repeated_names_and_no_other_row(
    tmp_path: Path, above: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "t.csv"
    path.write_bytes(f"a,b\n{above}a,b\n3,4\n5,6\n".encode())
    line = len(above.splitlines() if "\f" not in above else above.split("\n")[:-1]) + 2
    with pytest.raises(SettingError, match=rf"t\.csv:{line} repeats the names of the columns\. ") as raised:
        prepare(TypeAdapter(Dataset).validate_python({"name": "csv", "path": str(path), "target": "b"}), (0,))
    run_line(str(raised.value).splitlines()[0].rpartition("This command does it: ")[2])
    before, after = (pd.read_csv(file, dtype=str, keep_default_na=False) for file in (path, tmp_path / "t-plain.csv"))
    pd.testing.assert_frame_equal(after, before[before["b"] != "b"].reset_index(drop=True))


def test_lines_above_the_names_or_below_them_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    rows = "".join(f"{n}.5,{n},{'uv'[n % 2]}\n" for n in range(40))
    keys = {"name": "csv", "path": str(path), "target": "y"}
    for text, told in (
        ("My table,,\n,,\na,b,y\n", f"dataset.target is 'y'; no column has this name, but {path}:3 holds it. The first "
         "line must hold the names of the columns. Remove the lines above them."),
        ("a,b,y\nkg,cm,class\n", f"dataset.path is '{path}'; {path}:2 holds no numbers above columns of numbers. It "
         "may be a second line of names or of units. Remove that line. This command does it: python -c \"import pandas; pandas.read_csv("
         f"'{path}', dtype=str, keep_default_na=False, skiprows=[1]).to_csv('t-plain.csv', index=False, mode='x')\""),
        ("sep=;\na,b,y\n", f"dataset.path is '{path}'; {path}:1 is 'sep=;', a note for Excel. Take that line out, and use "
         'dataset.separator: ";".'),
    ):  # fmt: skip
        path.write_text(text + rows)
        with pytest.raises(SettingError) as raised:
            prepare(TypeAdapter(Dataset).validate_python(keys), (0,))
        assert str(raised.value) == told


@pytest.mark.parametrize("word", ["NA", ".", "?", "-", ""])
def test_rows_without_numbers_at_the_top_are_rows_and_no_line_of_names(tmp_path: Path, word: str) -> None:
    """The first differences and lags of a series are missing in its first rows."""
    path = tmp_path / "t.csv"
    rows = [f"{word if n < 1 else n / 4},{word if n < 2 else n / 3},{n % 2}\n" for n in range(40)]
    path.write_text("lag_1,lag_2,y\n" + "".join(rows))
    keys = {"name": "csv", "path": str(path), "target": "y", "missing": "median"}
    data = prepare(TypeAdapter(Dataset).validate_python(keys), (0,))
    assert np.isnan(data.rows.x).sum(axis=0).tolist() == [1, 2]
