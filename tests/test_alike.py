"""Names that differ only in how they are written, and other values that are rarely meant: each is told with its rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pydantic import TypeAdapter

from bnexp.config import Experiment
from bnexp.config.dataset import Dataset
from bnexp.data import prepare
from bnexp.data.sources.alike import alike, warnings_of
from bnexp.errors import SettingError
from bnexp.experiment.data_facts import data_facts

DIFFERENT = "They count as different values. Spell them alike in the file."


def warnings(path: Path, frame: pd.DataFrame, **keys: Any) -> list[str]:
    """Return what is told of a table that is written to the path first, as CSV or Parquet."""
    frame.to_csv(path, index=False) if path.suffix == ".csv" else frame.to_parquet(path)
    keys = {"name": path.suffix[1:], "path": str(path), "target": "y", "duplicates": "keep", **keys}
    return prepare(TypeAdapter(Dataset).validate_python(keys), (0,)).rows.facts.warnings or []


def table(rows: int = 40, **columns: list[Any]) -> pd.DataFrame:
    repeated = {name: [values[n % len(values)] for n in range(rows)] for name, values in columns.items()}
    return pd.DataFrame({"x": [n * 1.5 for n in range(rows)], "y": [n % 2 for n in range(rows)]} | repeated)


@pytest.mark.parametrize(
    "names",
    [
        ("yes", "yes "),
        (" <=50K", "<=50K."),
        ("Yes", "yes"),
        ("a  b", "a b"),
        ("é", "e\u0301"),
        ("a\u00a0b", "a b"),
        ("yes", "yes\u200b"),
    ],
)
def test_names_that_look_the_same_are_alike_and_others_are_not(names: tuple[str, str]) -> None:
    assert alike(dict.fromkeys([*names, "other"], 1)) == [sorted(names)]
    assert alike(dict.fromkeys(["01", "1", "a-b", "ab", "C", "C++", ".", "..", "1.5", "15"], 1)) == []


def test_classes_categories_and_groups_that_look_the_same_are_told_with_their_rows(tmp_path: Path) -> None:
    frame = table(y=["yes", "no", "yes "], town=["Paris", " Paris", "Rome", "Oslo"], who=["P1", "p1", "P2", "P3", "P4"])
    told = warnings(tmp_path / "t.csv", frame, group="who", stratify=False)
    assert told == [
        "dataset.target 'y' holds values that differ only in blanks: 'yes' (14 rows) and 'yes ' "
        f"(13 rows). {DIFFERENT}",
        f"dataset.group 'who' holds values that differ only in case: 'P1' (8 rows) and 'p1' (8 rows). {DIFFERENT}",
        f"column 'town' holds values that differ only in blanks: ' Paris' (10 rows) and 'Paris' (10 rows). {DIFFERENT}",
    ]
    assert warnings(tmp_path / "t.csv", frame.assign(y=["yes", "no"] * 20)[["x", "y"]]) == []


@pytest.mark.parametrize(
    ("names", "kinds"),
    [
        (["A", "\uff21"], "the width or form of letters"),
        (["\ufb01", "fi"], "the width or form of letters"),
        (["é", "e\u0301"], "how accents are encoded"),
        (["É", "e\u0301"], "case or how accents are encoded"),
        (["a\u00a0b", "a b"], "blanks"),
        (["yes", "yes\u200b"], "characters that are not seen"),
        (["yes", "Yes", "yes."], "case or a final dot"),
        (["\uff39\uff45\uff53 ", "yes."], "the width or form of letters, case, blanks or a final dot"),
        (["Straße", "STRASSE"], "case"),
    ],
)
def test_names_that_look_the_same_are_told_with_what_differs(names: list[str], kinds: str) -> None:
    (told,) = warnings_of("column 'c'", dict.fromkeys(names, 2))
    assert told.startswith(f"column 'c' holds values that differ only in {kinds}: '{sorted(names)[0]}' (2 rows) and ")


def test_what_differs_in_any_of_several_groups_is_told() -> None:
    (told,) = warnings_of("column 'c'", dict.fromkeys(["a", "A", "b", "b ", "c."], 2))
    assert told.startswith("column 'c' holds values that differ only in case or blanks: ")


def test_a_column_that_is_encoded_otherwise_is_told_as_that(tmp_path: Path) -> None:
    frame = table(**{"cafe\u0301": ["a", "b"]})
    with pytest.raises(SettingError) as caught:
        warnings(tmp_path / "t.csv", frame, target="café")
    assert str(caught.value).startswith(
        "dataset.target is 'café'; no column has this name. Did you mean 'cafe\u0301'? "
        "It looks the same, but its characters are encoded differently, so copy it. Good names: "
    )


def test_classes_of_text_are_told_too(tmp_path: Path) -> None:
    told = warnings(tmp_path / "t.csv", table(text=["good film"], y=["yes", "Yes", "no"]), name="text_csv")
    assert [line.partition(":")[0] for line in told] == ["dataset.target 'y' holds values that differ only in case"]


def test_a_class_that_stands_for_a_missing_value_and_mixed_spellings_of_yes_and_no_are_told(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    assert warnings(path, table(y=["yes", "no", "?"])) == [
        "dataset.target 'y' has a class whose name usually means a missing value: '?' (13 rows). It is learned like any other class. "
        "Remove these rows from the file if their class is not known."
    ]
    assert warnings(path, table(y=["yes", "no", "1", "true"])) == [
        "dataset.target 'y' spells yes and no in several ways: 'yes' (10 rows), 'no' (10 rows), '1' (10 rows), 'true' "
        "(10 rows). They count as different values. Use one spelling."
    ]


def test_a_column_that_seems_to_be_one_of_numbers_is_told(tmp_path: Path) -> None:
    taken = "it is read as categories."
    assert warnings(tmp_path / "t.csv", table(a=[1, 2, 3, "many"])) == [
        f"column 'a' holds numbers, and in 10 rows something else, such as 'many'; {taken} Empty these cells, or name "
        "them in dataset.na_values, to have numbers, or name the column in dataset.categories."
    ]
    assert warnings(tmp_path / "t.parquet", table(a=["1", "2", "3", "many"])) == [
        f"column 'a' holds numbers, and in 10 rows something else, such as 'many'; {taken} Empty these cells to have numbers, "
        "or name the column in dataset.categories."
    ]
    assert warnings(tmp_path / "t.csv", table(a=["5 kg", "7.5 kg", "9 kg"])) == [
        f"column 'a' holds numbers with 'kg' behind them; {taken} Take 'kg' out of the file to have numbers, or name the "
        "column in dataset.categories."
    ]
    stored = f"column 'a' holds numbers that are stored as text; {taken} Store them as numbers, or name the column in "
    assert warnings(tmp_path / "t.parquet", table(a=["1", "2", "3"])) == [f"{stored}dataset.categories."]
    assert warnings(tmp_path / "t.parquet", table(a=["1", "2", "3"]), categories=["a"]) == []
    assert warnings(tmp_path / "t.parquet", table(a=["01", "02", "3"])) == []
    for values in (["1st", "2nd", "3rd"], ["2WD", "4WD"], ["C1", "C2", "C3"], ["a", "b", "1"]):
        assert warnings(tmp_path / "t.csv", table(a=values)) == []


def test_what_is_told_of_data_is_printed_with_a_plan_a_run_and_a_comparison(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from bnexp.api.experiments import CheckedExperiment
    from bnexp.cli.commands import _print_plan
    from bnexp.experiment.prepare import check
    from bnexp.report.about_data import data_lines
    from bnexp.store import DataFacts
    from bnexp.store.comparison_document import SHARED_FACTS
    from bnexp.store.plan_document import PlannedSeeds

    frame = table(y=["yes", "no", "yes "])
    told = warnings(tmp_path / "t.csv", frame)
    dataset = {"name": "csv", "path": str(tmp_path / "t.csv"), "target": "y"}
    experiment = Experiment.model_validate({"name": "x", "dataset": dataset, "model": {"name": "mlp"}})
    _print_plan(CheckedExperiment(experiment, check(experiment), PlannedSeeds(seeds=20)))
    assert f"# WARNING  {told[0]}\n" in capsys.readouterr().out
    facts = data_facts("csv", prepare(experiment.dataset, (0,))).as_json()
    shared = DataFacts.model_validate({key: facts[key] for key in facts if key in SHARED_FACTS})
    lines = [line.plain for line in data_lines(shared)]
    assert lines[-1] == f"WARNING  {told[0]}"
