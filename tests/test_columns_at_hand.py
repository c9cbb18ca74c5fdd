"""A config of a table without its target is refused with the table's columns."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

import bnexp
from bnexp.errors import UserError

ROWS = [f"{n}.5,{'?' if n == 3 else n},2024-01-{n + 1:02d},{'uv'[n % 2]},\n" for n in range(20)]
KINDS = "a (numbers), b (numbers, and other cells), day (dates), kind (text, 2 values), no (empty)"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("t.csv").write_text("a,b,day,kind,no\n" + "".join(ROWS))
    pd.DataFrame({"a": [1.5, 2], "kind": ["u", "v"]}).to_parquet("t.parquet")
    for name in ("c.yaml", "d.yaml"):
        Path(name).write_text("dataset: {name: csv, path: t.csv}\nmodel: {name: mlp, hidden: [2]}\n")


def test_a_missing_target_is_told_with_the_kinds_of_all_columns() -> None:
    missing = "c.yaml:1: dataset.target is missing; it has no default. Write it: `target: ...`; `bnexp keys target` explains it."
    with pytest.raises(UserError) as raised:
        bnexp.check("c.yaml")
    assert str(raised.value) == f"{missing}\nt.csv has the columns {KINDS}."
    with pytest.raises(UserError, match=r"d\.yaml:1: dataset\.target is missing") as raised:
        bnexp.compare(["c.yaml", "d.yaml"])
    assert f"t.csv has the columns {KINDS}." in str(raised.value)
    with pytest.raises(UserError, match=r"t\.parquet has the columns a \(numbers\), kind \(text, 2 values\)\.$"):
        bnexp.check("c.yaml", ["dataset.name=parquet", "dataset.path=t.parquet"])


TABLE = "dataset={name: csv, path: %s, %s}"


def told(*overrides: str, config: str = "c.yaml") -> list[str]:
    """Return the lines about a config whose target is missing, without the line that says so."""
    with pytest.raises(UserError) as raised:
        bnexp.check(config, overrides)
    lines = str(raised.value).splitlines()
    others = [line for line in lines if "dataset.target is missing" not in line]
    assert len(others) == len(lines) - 1
    return others


def test_the_first_rows_are_read_with_the_keys_of_the_config() -> None:
    rows = "".join(f"{n},5;1.{n:03d},5;{'uv'[n % 2]};{-99 if n else 'ü'}\n" for n in range(20))
    Path("m.csv").write_bytes(f"a;b;k;l\n{rows}".encode("cp850"))
    keys = 'decimal: ",", thousands: ".", na_values: [-99], encoding: cp850, separator: ";"'
    assert told(TABLE % ("m.csv", keys)) == [
        "m.csv has the columns a (numbers), b (numbers), k (text, 2 values), l (text, 1 value)."
    ]
    (line,) = told(TABLE % ("m.csv", "encoding: cp850"))
    assert (
        line
        == "m.csv has the columns a (text, 20 values), b (text, 20 values), k (text, 2 values), l (numbers, and other cells)."
    )
    (line,) = told("dataset={name: text_csv, path: t.csv, text: kind}")
    assert line == f"t.csv has the columns {KINDS}."


def test_each_kind_of_column_of_a_parquet_file_has_its_name() -> None:
    moments = pd.to_datetime(["2024-01-01", "2024-01-02", None])
    frame = pd.DataFrame({
        "when": moments, "zone": moments.tz_localize("UTC"), "yes": [True, False, True], "maybe": [True, None, False],
        "few": [1, None, 2], "class": pd.Categorical(["u", "v", None]), "lists": [[1], [2], []], "no": [None] * 3,
    })  # fmt: skip
    frame.to_parquet("k.parquet")
    frame.iloc[:0].to_parquet("none.parquet")
    assert told("dataset={name: parquet, path: k.parquet}") == [
        "k.parquet has the columns when (dates), zone (dates), yes (true or false), maybe (true or false), few (numbers), "
        "class (text, 2 values), lists (text, 3 values), no (empty)."
    ]
    (line,) = told("dataset={name: parquet, path: none.parquet}")
    assert line.startswith("none.parquet has the columns when (empty), zone (empty), ")


def test_only_tables_without_a_target_are_listed_and_each_once() -> None:
    Path("whole.yaml").write_text("dataset: {name: csv, path: whole.csv, target: a}\nmodel: {name: mlp, hidden: [2]}\n")
    Path("whole.csv").write_text("q,a\n1,2\n")
    Path("other.yaml").write_text("extends: c.yaml\ndataset: {path: none.parquet, name: parquet}\n")
    pd.DataFrame({"a": []}).to_parquet("none.parquet")
    Path("far.yaml").write_text("extends: c.yaml\ndataset: {path: t.parquet, name: parquet}\n")
    with pytest.raises(UserError) as raised:
        bnexp.compare(["whole.yaml", "other.yaml", "c.yaml", "d.yaml", "far.yaml"])
    assert [line for line in str(raised.value).splitlines() if "has the columns" in line] == [
        "none.parquet has the columns a (empty).",
        f"t.csv has the columns {KINDS}.",
        "t.parquet has the columns a (numbers), kind (text, 2 values).",
    ]


def test_the_first_thousand_rows_and_twenty_columns_are_told() -> None:
    names = [f"c{n}" for n in range(23)]
    rows = "".join(",".join(["x" if row > 400 else "1", *"2" * 22]) + "\n" for row in range(1000))
    Path("w.csv").write_text(",".join(names) + "\n" + rows)
    shown = ", ".join(f"{name} (numbers)" for name in names[1:20])
    assert told(TABLE % ("w.csv", "")) == [f"w.csv has the columns c0 (text, 2 values), {shown} and 3 more."]
    with pytest.raises(
        UserError, match=rf"target is missing; .* Its columns: c0 \(text, 2 values\), {re.escape(shown)} and 3 more\.$"
    ):
        bnexp.check("net.py:build", data="w.csv")


@pytest.mark.parametrize(
    "override",
    ["dataset.path=no.csv", "dataset.path=.", "dataset.path=empty.csv", "dataset.path=7", "dataset={name: parquet, path: c.yaml}",
     "dataset.encoding=utf-16", "dataset.encoding=nonsense", "dataset.decimal=7", "dataset.separator=abc"],
)  # fmt: skip
def test_a_table_that_cannot_be_read_is_not_in_the_way_of_the_other_mistakes(override: str) -> None:
    Path("empty.csv").touch()
    others = told(override, "training.epoch=3")
    assert any("training.epoch is not a known key" in line for line in others)
    assert not any("has the columns" in line for line in others)


@pytest.mark.parametrize("override", ["dataset.target=kind", "dataset={name: iris}"])
def test_a_mistake_of_a_config_that_needs_no_target_is_told_alone(override: str) -> None:
    with pytest.raises(UserError, match="is not a known key") as raised:
        bnexp.check("c.yaml", [override, "training.epoch=3"])
    assert "has the columns" not in str(raised.value)
