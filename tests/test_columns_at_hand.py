"""A config of a table without its target is refused with the table's columns."""

from __future__ import annotations

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


@pytest.mark.parametrize("overrides", [["dataset.path=no.csv"], ["dataset.path=c.yaml"], ["dataset.path=7"]])
def test_a_table_that_cannot_be_read_is_not_in_the_way_of_the_other_mistakes(overrides: list[str]) -> None:
    with pytest.raises(UserError, match=r"dataset\.target is missing"):
        bnexp.check("c.yaml", overrides)
    with pytest.raises(UserError, match="is not a known key") as raised:
        bnexp.check("c.yaml", ["dataset.target=kind", "training.epoch=3"])
    assert "has the columns" not in str(raised.value)
