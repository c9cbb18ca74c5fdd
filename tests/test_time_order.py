"""Tables whose rows are in the order of time: when a split at random is warned of, and when not."""

from __future__ import annotations

import datetime
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pydantic import TypeAdapter

from bnexp.config.dataset import Dataset
from bnexp.data import prepare
from bnexp.data.sources.time_order import steps_back

DAYS = [datetime.date(2019, 1, 1) + datetime.timedelta(days=7 * n) for n in range(60)]
MONTHS = ("", "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
SHUFFLED = random.Random(0).sample(DAYS, len(DAYS))
CSV = {"name": "csv", "path": "t.csv", "target": "y", "task": "regression", "drop": ["time"]}


def column(cells: Sequence[Any], name: str = "time") -> pd.Series[Any]:
    return pd.Series(cells, name=name)


@pytest.mark.parametrize(
    "cells",
    [
        column([f"{day:%Y-%m-%d}" for day in DAYS]),
        column([f"{day:%Y-%m-%d}" for day in reversed(DAYS)]),
        column([f"{day:%d.%m.%Y}" for day in DAYS]),
        column([f"{day:%m/%d/%Y}" for day in DAYS]),
        column([f"{day:%Y-%m-%d} {hour:02}:00" for day in DAYS[:5] for hour in range(24)]),
        column([f"{day:%Y-%m-%d}" for day in DAYS[:6]] * 10),
        column([f"{day:%Y-%m-%d}" for day in DAYS for _ in range(5)]),
        column([f"{day:%Y-%m-%d}" if n % 30 else None for n, day in enumerate(DAYS)]),
        column([*pd.to_datetime(DAYS)]),
        column([f"{1990 + n // 4}Q{n % 4 + 1}" for n in range(40)]),
        column([f"{2000 + n // 12}-{n % 12 + 1:02}" for n in range(60)]),
        column([f"{day.day}-{MONTHS[day.month]}-{day:%y}" for day in DAYS]),
        column([f"{day.day:02} {MONTHS[day.month]}. {day:%Y}" for day in reversed(DAYS)]),
        column([f"{MONTHS[n % 12 + 1]}-{95 + n // 12 if n < 60 else n // 12 - 5:02}" for n in range(90)]),
        column([f"{MONTHS[day.month]} {day.day:02}" for day in DAYS[:50]]),
        column([f"{day:%d}-{MONTHS[day.month].upper()}{day:%Y}" for day in DAYS]),
        column([f"Sept {1990 + n}" for n in range(60)]),
        column([f"{('Jan', 'Feb', 'Mar')[n // 20]}-24" for n in range(60)]),
        column([f"{'January' if n % 2 == 0 else 'June'}{1990 + n // 2}" for n in range(60)]),
        column([int(f"{day:%Y%m%d}") for day in DAYS]),
        column([float(f"{day:%Y%m%d}") if n % 9 else None for n, day in enumerate(DAYS)]),
        column([100 * (2000 + n // 12) + n % 12 + 1 for n in range(60)]),
        column([2000 + n // 20 for n in range(100)], "year"),
        column([*range(2010, 2020)] * 9, "fiscal_year"),
    ],
)
def test_rows_in_the_order_of_dates_or_years_are_seen_also_within_each_subject_of_a_panel(
    cells: pd.Series[Any],
) -> None:
    assert steps_back(cells) is not None


@pytest.mark.parametrize(
    "cells",
    [
        column([f"{day:%Y-%m-%d}" for day in SHUFFLED], "joined"),
        column([f"{day:%Y-%m-%d}" for day in DAYS], "date_of_birth"),
        column([f"{day:%d.%m.%Y}" for day in DAYS], "Geburtsdatum"),
        column(["2024-01-01"] * 60),
        column(["2024-01-01", "2024-02-01"] * 30),
        column(["2024-01-01"] * 30 + ["2024-02-01"] * 30),
        column(["2024-01-01"] * 58 + ["2024-02-01", "2024-03-01"]),
        column([random.Random(n).choice([2001, 2002, 2003, 2004]) for n in range(200)], "year"),
        column([*range(60)], "day"),
        column([*range(2000, 2060)], "price"),
        column([*range(60)], "year"),
        column([f"{day.day}-{MONTHS[day.month]}-{day:%y}" for day in SHUFFLED]),
        column([int(f"{day:%Y%m%d}") for day in SHUFFLED]),
        column([int(f"{day:%Y%m%d}") for day in DAYS], "birth"),
        column([f"{MONTHS[day.month]} {day.day:02}" for day in SHUFFLED]),
        column([f"{word}{n}" for word in ("DEC", "Octane ", "Marathon ", "Mar-12") for n in range(10, 70)]),
        column([f"DEC{n}" for n in range(10, 60)]),
        column([f"DEC-{n}" for n in range(10, 60)]),
        column([f"{part}" for part in ("DEC-10", "DEC-11", "DEC-20", "SEP-77") for _ in range(20)]),
        column([f"{1000 + n // 10}-{n % 10 + 1}" for n in range(60)]),
        column([f"Octane {n}" for n in range(80, 99)]),
        column([f"MAR{n}" for n in range(1234, 1294)]),
        column([f"\u017fep {n}" for n in range(1950, 2010)]),
        column([*range(20190000, 20190060)]),
        column([*range(201901, 201961)]),
        column(["a", "b", "c"] * 20),
    ],
)
def test_other_columns_give_rows_no_order_of_time(cells: pd.Series[Any]) -> None:
    assert steps_back(cells) is None


def test_days_of_one_year_are_in_order_and_a_month_with_its_year_in_two_digits_too() -> None:
    assert steps_back(column([f"{MONTHS[day.month]} {day.day:02}" for day in DAYS[:50]])) == 0
    assert steps_back(column([f"{MONTHS[n % 12 + 1]} {n // 12 + 1:02}" for n in range(60)])) == 0


WARNING = (
    "the rows are in the order of column 'time' and are split without regard to it. Held-out rows lie between training rows in "
    "time, so the verdict is not about later rows. To test later rows, write them into a file of their own (dataset.test_path)."
)


PANEL = [day for _ in range(5) for day in DAYS[:12]]
OF_PANEL = WARNING.replace(" and are split", ", which begins anew, as with each subject of a panel, and are split")


@pytest.mark.parametrize(
    ("times", "keys", "warned"),
    [
        (DAYS, {}, [WARNING]),
        (PANEL, {}, [OF_PANEL]),
        ([*reversed(PANEL)], {}, [OF_PANEL]),
        (DAYS, {"drop": [], "dates": ["time"]}, [WARNING]),
        (SHUFFLED, {}, []),
        (DAYS, {"test_path": "later.csv"}, []),
        (DAYS, {"validation_path": "later.csv"}, []),
    ],
)
def test_a_split_at_random_is_warned_of_until_later_rows_are_a_part_of_their_own(
    times: Sequence[datetime.date],
    keys: dict[str, Any],
    warned: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    write: Callable[[str, int], object] = lambda name, start: Path(name).write_text(  # noqa: E731
        "\n".join(["time,x,y", *(f"{time:%Y-%m-%d},{n / 2},{n * 7 % 59}" for n, time in enumerate(times, start))])
    )
    write("t.csv", 0)
    write("later.csv", 500)
    data = prepare(TypeAdapter(Dataset).validate_python({**CSV, **keys}), (0,))
    assert [one for one in data.rows.facts.warnings or () if "in the order" in one] == warned
