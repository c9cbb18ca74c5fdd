"""Columns of dates: what numbers they become, and why a cell, a column or a config is refused."""

from __future__ import annotations

import datetime
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
from bnexp.errors import ConfigError, SettingError

CSV = {"name": "csv", "path": "t.csv", "target": "y", "dates": ["since"]}
DAYS = [datetime.date(2019, 12, 28) + datetime.timedelta(days=37 * n) for n in range(40)]
PARTS = ["since.year", "since.month", "since.day", "since.weekday"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def rows_of(cells: list[str], **keys: Any) -> Rows:
    lines = [f'"{cell}",{n / 2},{"uv"[n % 2]}' for n, cell in enumerate(cells)]
    Path("t.csv").write_text("\n".join(["since,x,y", *lines]))
    return prepare(TypeAdapter(Dataset).validate_python({**CSV, **keys}), (0,)).rows


def refused(cells: list[str], **keys: Any) -> str:
    with pytest.raises(SettingError) as raised:
        rows_of(cells, **keys)
    return str(raised.value)


def numbers(rows: Rows, *names: str) -> np.ndarray:
    return rows.x[:, [rows.columns.index(name) for name in names]]


@pytest.mark.parametrize(
    "pattern",
    ["%Y-%m-%d", "%Y/%m/%d", "%Y%m%d", "%d.%m.%Y", "%m/%d/%Y", "%d-%m-%Y", "%Y-%m-%dT00:00:00Z", " %d/%m/%Y "],
)
def test_a_date_is_read_as_its_year_month_day_and_weekday_however_it_is_written(pattern: str) -> None:
    rows = rows_of([day.strftime(pattern) for day in DAYS])
    assert rows.columns == ("x", *PARTS) and rows.numeric == 5
    moments = pd.to_datetime(pd.Series(DAYS))
    expected = np.column_stack([getattr(moments.dt, part) for part in ("year", "month", "day", "day_of_week")])
    np.testing.assert_array_equal(numbers(rows, *PARTS), expected)


def test_a_time_of_day_is_its_hour_as_it_is_written() -> None:
    moments = [datetime.datetime(2024, 1, 1, n % 24, 30) for n in range(40)]
    for pattern in ("%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S.25+02:00", "%Y-%m-%d %I:%M %p"):
        rows = rows_of([moment.strftime(pattern) for moment in moments])
        assert rows.columns == ("x", "since.hour"), "all else is the same in every row"
        assert numbers(rows, "since.hour")[:, 0].tolist() == [n % 24 for n in range(40)]


def test_an_empty_cell_is_missing_in_all_columns_of_the_date() -> None:
    cells = [str(day) for day in DAYS]
    cells[3], cells[5] = "", "NA"
    assert refused(cells) == (
        "dataset.missing is refuse; t.csv:5 has no value in column 'since' (2 rows have none). Use mean or median (of the "
        "training part), or leave the column out (dataset.drop)."
    )
    rows = rows_of(cells, missing="median")
    assert np.argwhere(np.isnan(numbers(rows, *PARTS))).tolist() == [[row, part] for row in (3, 5) for part in range(4)]


def test_all_cells_that_are_no_dates_are_told() -> None:
    cells = [str(day) for day in DAYS]
    cells[7], cells[9], cells[11] = "soon", "later", "soon"
    assert "3 rows are wrong: 'soon' (2 rows), 'later' (t.csv:11). Fix the file" in refused(cells)


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        ({7: "soon"}, "t.csv:9 holds 'soon', which is no date; expected a date such as 2024-01-31, 31.01.2024 or 01/31/2024, with or without a time of day. Fix the file, with an empty cell for an unknown date."),
        ({7: "2024-02-30"}, "t.csv:9 holds '2024-02-30', which is no date; expected"),
        ({7: "31.01.24"}, "t.csv:9 holds '31.01.24', which is no date; expected"),
        ({7: "2024-01-31 25:00"}, "t.csv:9 holds '2024-01-31 25:00', which is no date; expected"),
        ({7: "2024-01-31 13:00 PM"}, "t.csv:9 holds '2024-01-31 13:00 PM', which is no date; expected"),
        ({7: "08:30"}, "t.csv:9 holds '08:30', which is no date; expected"),
        ({7: "2024-01-31 08:30"}, "t.csv:2 holds '2019-12-28' without a time of day, and other rows have one. Write it in all rows, or in none."),
        ({n: f"0{n + 1}/02/2024" for n in range(9)}, "t.csv:2 holds '01/02/2024', which is 2024-02-01 or 2024-01-02: no row of the column shows which. Write its dates with the year first, as in 2024-01-31."),
        ({0: "13/02/2024", 1: "14.02.2024", 2: "02/13/2024"}, "t.csv:4 holds '02/13/2024', which is no date in the order day, month, year, as other rows are; expected"),
        ({n: "2024-01-31" for n in range(40)}, "which holds one date in all rows, '2024-01-31'. Leave it out (dataset.drop)."),
    ],
)  # fmt: skip
def test_what_cannot_be_read_as_a_date_is_refused_with_its_line(cells: dict[int, str], told: str) -> None:
    written = [cells.get(n, str(day)) for n, day in enumerate(DAYS)]
    message = refused(written)
    assert "dataset.dates names 'since'" in message and told in message


def test_a_column_without_a_date_is_refused_beside_what_else_is_wrong() -> None:
    message = refused([""] * 40, drop=["z"])
    assert "dataset.dates names 'since', which has no value in any row. Leave it out (dataset.drop)." in message
    assert "dataset.drop is 'z'; no column has this name." in message
    assert "dataset.dates is 'until'; no column has this name." in refused(list(map(str, DAYS)), dates=["until"])
    assert "dataset.dates is 'y', which is dataset.target too." in refused(list(map(str, DAYS)), dates=["y"])


def test_a_name_that_a_column_of_the_table_has_is_refused() -> None:
    Path("t.csv").write_text("since,since.year,y\n" + "".join(f"{day},{day.year},{day.day % 2}\n" for day in DAYS))
    with pytest.raises(
        SettingError, match=r"names 'since', and the table has a column 'since.year' beside it. Rename one"
    ):
        prepare(TypeAdapter(Dataset).validate_python(CSV), (0,))


def test_dates_that_are_not_named_are_refused_or_told_with_the_key_that_reads_them() -> None:
    cells = [str(day) for day in DAYS]
    cure = (
        "Name it in dataset.dates to have its years, months, days and weekdays, leave it out (dataset.drop), or name it"
    )
    assert cure in refused(cells, dates=[])
    few = rows_of([cells[n % 3] for n in range(40)], dates=[]).facts.warnings or []
    assert any("Name it in dataset.dates to have its years" in one for one in few)
    times = [f"{n % 24:02d}:{n:02d}" for n in range(40)]
    assert "holds dates or times" in refused(times, dates=[]) and "dataset.dates" not in refused(times, dates=[])


@pytest.mark.parametrize("key", ["drop", "categories", "group"])
def test_a_column_of_dates_that_is_named_as_something_else_is_refused(key: str) -> None:
    value = "since" if key == "group" else "[since]"
    Path("c.yaml").write_text(
        f"dataset: {{name: csv, path: t.csv, target: y, dates: [since], {key}: {value}}}\nmodel: {{name: mlp}}\n"
    )
    with pytest.raises(ConfigError, match=f"dataset.dates names 'since', and so does dataset.{key}. Name it in one of"):
        load(Path("c.yaml"))


def test_the_parts_of_a_split_decide_together_and_a_parquet_table_holds_moments() -> None:
    lines = [f"{day:%d/%m/%Y},{'uv'[n % 2]}" for n, day in enumerate(DAYS)]
    Path("a.csv").write_text("\n".join(["since,y", *lines]))
    Path("b.csv").write_text("since,y\n01/02/2024,u\n05/02/2024,v\n")
    section = {**CSV, "path": "a.csv", "test_path": "b.csv"}
    rows = prepare(TypeAdapter(Dataset).validate_python(section), (0,)).rows
    assert numbers(rows, "since.month")[-2:, 0].tolist() == [2, 2]
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame({"since": pd.to_datetime(pd.Series(DAYS)), "until": DAYS, "y": ["u", "v"] * 20})
    frame.to_parquet("t.parquet")
    section = {"name": "parquet", "path": "t.parquet", "target": "y", "dates": ["since", "until"]}
    rows = prepare(TypeAdapter(Dataset).validate_python(section), (0,)).rows
    assert rows.columns == (*PARTS, *(part.replace("since", "until") for part in PARTS))
    np.testing.assert_array_equal(rows.x[:, :4], rows.x[:, 4:])
    assert numbers(rows, "since.year")[:, 0].tolist() == [day.year for day in DAYS]
