"""Cells of a CSV file: marks for thousands, and words of the config for a missing value."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import TypeAdapter

from bnexp.config.dataset import Dataset
from bnexp.config.loading import load
from bnexp.data import prepare
from bnexp.data.rows import Rows
from bnexp.data.sources.csv_file import CsvFile
from bnexp.data.sources.csv_tables import read_csv
from bnexp.errors import ConfigError, SettingError

CSV = {"name": "csv", "path": "t.csv", "target": "y", "separator": ";", "missing": "mean"}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def rows_of(text: str, **keys: Any) -> Rows:
    Path("t.csv").write_text(text)
    return prepare(TypeAdapter(Dataset).validate_python({**CSV, **keys}), (0,)).rows


def refused(text: str, **keys: Any) -> str:
    with pytest.raises(SettingError) as raised:
        rows_of(text, **keys)
    return str(raised.value)


def column(*cells: str) -> str:
    """Write a table of these cells, the last of them again and again, beside other numbers and classes."""
    several = [*cells, *[cells[-1]] * 9]
    return "x;z;y\n" + "".join(f"{cell};{n};{'uv'[n % 2]}\n" for n, cell in enumerate(several))


@pytest.mark.parametrize(
    ("cells", "decimal", "thousands", "numbers"),
    [
        (["1,234.5", "-12,345", "7.25", "1,234"], ".", ",", [1234.5, -12345, 7.25, 1234]),
        (["1.234,5", "-12.345", "7,25", "1.234"], ",", ".", [1234.5, -12345, 7.25, 1234]),
        (["1 234,5", "1\u202f234", "1\u00a0234\u00a0567", "7"], ",", " ", [1234.5, 1234, 1234567, 7]),
        (["1'234.5", "1\u2019234", "7.25"], ".", "'", [1234.5, 1234, 7.25]),
        (["12,34,567", "1_000", "1,000"], ".", ",", None),
        (["12,34,567", "1,000"], ".", ",", [1234567, 1000]),
        (["1_000_000", "5"], ".", "_", [1000000, 5]),
        (["1,000", "NA", "", "2,000"], ".", ",", [1000, math.nan, math.nan, 2000]),
    ],
)
def test_numbers_are_read_without_their_marks_for_thousands(
    cells: list[str], decimal: str, thousands: str, numbers: list[float] | None
) -> None:
    keys = {"decimal": decimal, "thousands": thousands}
    if numbers is None:
        assert "t.csv:3 holds '1_000' in it, a number with '_' as a mark for thousands. Write the" in refused(
            column(*cells), **keys
        )
        return
    np.testing.assert_array_equal(rows_of(column(*cells), **keys).x[: len(cells), 0], np.float32(numbers))


def test_numbers_are_those_that_pandas_reads_where_all_are_grouped_right() -> None:
    text = column(*[f"{n * n * 1234.5:,}" for n in range(30)])
    frame = pd.read_csv(io.StringIO(text), sep=";", thousands=",")
    np.testing.assert_array_equal(rows_of(text, thousands=",", duplicates="keep").x[:, 0], frame["x"].astype("float32"))


@pytest.mark.parametrize(("cell", "told"), [
    ("1,5", "dataset.decimal is '.'; t.csv:4 holds '1,5' in column 'x', a number with ',' as its decimal mark. Use "
            'dataset.decimal: "," without dataset.thousands'),
    ("0,123", "dataset.decimal is '.'; t.csv:4 holds '0,123' in column 'x'"),
    ("1,2,3", "dataset holds '1,2,3' in t.csv:4, column 'x'; most cells of the column are numbers."),
    ("many", "dataset holds 'many' in t.csv:4, column 'x'; most cells of the column are numbers."),
    ("1234,567", "dataset.decimal is '.'; t.csv:4 holds '1234,567' in column 'x'"),
])  # fmt: skip
def test_a_cell_whose_marks_do_not_stand_at_thousands_is_refused_with_its_line(cell: str, told: str) -> None:
    cells = [f"{n},000" for n in range(1, 30)]
    cells[2] = cell
    assert told in refused(column(*cells), thousands=",")


def test_a_misplaced_mark_is_refused_however_few_numbers_there_are() -> None:
    """pandas would strip every mark, and read 12345."""
    cells = [f"{n % 5 + 1},000" for n in range(30)]
    cells[2] = "12,34,5"
    seen = "dataset holds '12,34,5' in t.csv:4, column 'x'; most cells of the column are numbers. Fix the file"
    assert seen in refused(column(*cells), thousands=",")
    assert "x=12,34,5" in rows_of(column(*cells), thousands=",", categories=["x"]).columns


def test_texts_keep_their_marks_and_a_target_is_read_without_them() -> None:
    rows = rows_of(column("a,000", "b,000", "1,000"), thousands=",", duplicates="keep", categories=["z"])
    assert {"x=a,000", "x=b,000"} <= set(rows.columns)
    names = rows_of(
        "x;y\n" + "".join(f"{'ab'[n % 2]},100;{'uv'[n % 2]}\n" for n in range(12)), thousands=",", duplicates="keep"
    )
    assert names.columns == ("x=a,100", "x=b,100")
    priced = rows_of("x;y\n" + "".join(f'{n};"{1000 + n:,}"\n' for n in range(40)), thousands=",")
    assert priced.task == "regression" and priced.y_N[:2].tolist() == [1000, 1001]


def test_booleans_beside_a_gap_are_categories_as_before() -> None:
    flags = column("True", "False", "", "unknown", "True", "False")
    rows = rows_of(flags, thousands=",", na_values=["unknown"])
    assert rows.columns == ("z", "x=False", "x=True", "x=nan")
    assert rows.x[:4, 1:].tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 1], [0, 0, 1]]


def test_one_sign_for_thousands_and_decimals_is_refused() -> None:
    for keys, other in (("thousands: '.'", ","), ('decimal: ",", thousands: ","', ".")):
        Path("c.yaml").write_text(f"dataset: {{name: csv, path: t.csv, target: y, {keys}}}\nmodel: {{name: mlp}}\n")
        with pytest.raises(
            ConfigError,
            match=r"dataset.thousands is .*, and so is dataset.decimal; expected two different characters\. ",
        ) as raised:
            load(Path("c.yaml"))
        assert f'Use dataset.decimal: "{other}", or leave out dataset.thousands.' in str(raised.value)


def test_words_and_numbers_of_the_config_are_missing_in_any_column() -> None:
    text = "x,k,z,b,y\n" + "".join(
        f"{'unknown' if n == 3 else n},{'unknown' if n == 1 else 'ab'[n % 2]}, {-99 if n == 2 else n},"
        f"{'-99.0' if n == 5 else n / 2},{'uv'[n % 2]}\n"
        for n in range(12)
    )
    keys = {"separator": ","}
    rows = rows_of(text, **keys, na_values=["unknown", -99])
    assert rows.columns == ("x", " z" if " z" in rows.columns else "z", "b", "k=a", "k=b", "k=nan")
    assert np.argwhere(np.isnan(rows.x)).tolist() == [[2, 1], [3, 0], [5, 2]]
    assert rows.x[1, 3:].tolist() == [0, 0, 1]
    assert not np.isnan(rows_of(text.replace("unknown", "7"), **keys, na_values=["nothing"]).x).any()
    assert "dataset.missing is refuse; t.csv:5 has no value in column 'x' (1 row has none), and other rows" in refused(
        text, **keys, na_values=["unknown", "-99"], missing="refuse"
    )


def test_a_missing_target_is_refused_and_a_group_without_a_value_is_one() -> None:
    text = "x;g;y\n" + "".join(
        f"{n};{n // 2 if n > 3 else '-99'};{'?' if n == 7 else 'uv'[n % 2]}\n" for n in range(12)
    )
    assert "dataset.target is 'y'; t.csv:9 has no value in it (1 row has none)." in refused(text, na_values=["?"])
    groups = rows_of(text.replace("?", "v"), group="g", na_values=[-99]).groups_N
    assert groups is not None and groups.tolist() == [0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4]


def test_a_text_that_is_missing_is_refused_in_a_text_csv() -> None:
    Path("t.csv").write_text("text,y\na b,u\nb a,v\n none ,u\na c,v\n")
    section = {"name": "text_csv", "path": "t.csv", "target": "y", "na_values": ["none"]}
    with pytest.raises(SettingError, match=r"dataset.text is 'text'; t.csv:4 has no text in it \(1 row has none\)"):
        prepare(TypeAdapter(Dataset).validate_python(section), (0,))


def test_a_word_among_numbers_names_the_key_for_missing_values_where_the_table_has_it() -> None:
    cells = [*map(str, range(40)), "many"]
    assert "name the cell in dataset.na_values if it means a missing value" in refused(column(*cells))
    pytest.importorskip("pyarrow")
    pd.DataFrame({"x": cells, "y": ["u", "v", *["u"] * 39]}).to_parquet("t.parquet")
    with pytest.raises(SettingError, match=r"row 40 .*; most cells of the column are numbers") as raised:
        prepare(TypeAdapter(Dataset).validate_python({"name": "parquet", "path": "t.parquet", "target": "y"}), (0,))
    assert "dataset.na_values" not in str(raised.value)


@pytest.mark.parametrize(
    ("cells", "keys"),
    [
        (["1.5", "-99.0", "?", "2.5"], {"na_values": (-99,)}),
        (["1.5", "-9.99e2", "?", "2.5"], {"na_values": (-999,)}),
        (["1,500", "-9,999", "2,500"], {"na_values": (-9999,), "thousands": ","}),
        (["1,5", "-99,5", "2,5"], {"na_values": (-99.5,), "decimal": ","}),
        (["1,5", "-99,0", "z", "2,5"], {"na_values": (-99.0, "z"), "decimal": ","}),
    ],
)
def test_a_number_for_a_missing_value_is_known_however_it_is_written(
    cells: list[str], keys: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a;b\n" + "".join(f"{cell};x\n" for cell in cells))
    column = read_csv(CsvFile(path, ";", **keys), None)["a"]
    assert column.dtype.kind == "f"
    assert column.isna().tolist() == [cell.startswith("-9") or cell in ("?", "z") for cell in cells]


@pytest.mark.parametrize(
    ("decimal", "cells"),
    [(".", ["511", "958", "6.872", "1.006", "24", "3.870"]), (",", ["511", "958", "6,872", "1,006", "24", "3,870"])],
)
def test_numbers_that_are_whole_below_a_thousand_and_have_three_decimals_above_are_warned_of(
    decimal: str, cells: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    def warned(several: list[str], **keys: Any) -> list[str]:
        lines = [f"{several[n % len(several)]};{n};{'uv'[n % 2]}" for n in range(60)]
        Path("t.csv").write_text("\n".join(["price;z;y", *lines]))
        config = {
            "name": "csv",
            "path": "t.csv",
            "separator": ";",
            "target": "y",
            "decimal": decimal,
            "duplicates": "keep",
            **keys,
        }
        found = prepare(TypeAdapter(Dataset).validate_python(config), (0,)).rows.facts.warnings or ()
        return [text for text in found if "marks thousands" in text]

    other = {".": ",", ",": "."}[decimal]
    assert warned(cells) == [
        f"column 'price' of t.csv holds numbers such as '{cells[2]}', and all others in it are whole and below 1,000. If "
        f"'{decimal}' marks thousands there, the numbers are read 1,000 times too small. Use dataset.thousands: "
        f'"{decimal}" with dataset.decimal: "{other}".'
    ]
    assert warned(cells, decimal=other, thousands=decimal) == warned(cells, drop=["price"]) == []
    assert warned([*cells, f"6{decimal}5"]) == warned([*cells, "1006"]) == warned([f"0{decimal}125", *cells]) == []
