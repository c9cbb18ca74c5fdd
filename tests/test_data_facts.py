"""What run.json records of the data: what was found when the rows were read, and nothing that this kind does not have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from bnexp.config.dataset import Dataset
from bnexp.data import Data, prepare
from bnexp.experiment.data_facts import data_facts, recorded_data_facts
from bnexp.report.about_data import data_lines

ALWAYS = [
    "name", "task", "kind", "rows", "shape", "classes", "rows_per_class", "training_rows", "validation_rows", "test_rows",
    "commonest_class_share", "guessing", "one_class", "rarest_held_out",
]  # fmt: skip


def prepared(**keys: Any) -> Data:
    return prepare(TypeAdapter(Dataset).validate_python(keys), (0,), None, "sha")


def test_a_set_that_holds_rows_out_itself_says_so(tmp_path: Path) -> None:
    for name, rows in (("a", range(40)), ("b", range(40, 50))):
        (tmp_path / f"{name}.csv").write_text("\n".join(["x,y", *(f"{row}.5,{row % 2}" for row in rows)]))
    keys = {"name": "csv", "path": str(tmp_path / "a.csv"), "target": "y"}
    facts = data_facts("csv", prepared(**keys, test_path=str(tmp_path / "b.csv")))
    assert (facts.has_own_parts, facts.split) == (True, "the set's own training and test part")
    assert not data_facts("csv", prepared(**keys)).has_own_parts


def test_drawn_data_have_no_facts_of_files() -> None:
    facts = data_facts("moons", prepared(name="moons", samples=40)).as_json()
    assert list(facts) == [*ALWAYS, "split"]
    assert (facts["rows"], facts["training_rows"], facts["validation_rows"], facts["test_rows"]) == (40, 32, 8, None)


def test_a_table_records_its_id_like_columns_its_rows_and_the_unit_of_its_errors(tmp_path: Path) -> None:
    lines = [f"{row},{row % 7}.5,{row}.25" for row in range(60)]
    (tmp_path / "t.csv").write_text("\n".join(["id,x,y", *lines]))
    data = prepared(name="csv", path=str(tmp_path / "t.csv"), target="y")
    facts = recorded_data_facts("csv", data).as_json()
    found = [
        "error_unit", "split", "target", "target_range", "id_like_columns", "warnings", "duplicates_dropped",
        "rows_before_limit",
    ]  # fmt: skip
    assert list(facts) == [*ALWAYS, *found, "source_sha256", "digest"]
    assert {key: facts[key] for key in found if key != "split"} == {
        "error_unit": "target", "target": "y", "target_range": [0.25, 59.25], "id_like_columns": ["id"], "warnings": [], "duplicates_dropped": 0,
        "rows_before_limit": 60,
    }  # fmt: skip
    assert (facts["source_sha256"], facts["digest"]) == ("sha", data.digest)


def test_a_regression_names_its_target_and_its_range_and_a_target_that_counts_the_rows_is_warned_of(
    tmp_path: Path,
) -> None:
    lines = [f"{row},{row % 7}.5,{20 + row * 37 % 45}.5,{row * 1013}" for row in range(60)]
    (tmp_path / "t.csv").write_text("\n".join(["id,x,age,price", *lines]))

    def told(target: str) -> list[str]:
        return [line.plain for line in data_lines(data_facts("csv", prepared(**keys, target=target)))][1:]

    keys = {"name": "csv", "path": str(tmp_path / "t.csv")}
    assert told("age")[0] == "regression on age, from 20.5 to 64.5"
    assert told("price")[0] == "regression on price, from 0 to 59767"
    assert not any("dataset.target" in line for line in told("price")), "prices differ, too"
    assert told("id")[-1] == (
        "WARNING  dataset.target 'id' counts the rows, as an id does: it has a different whole number in every row. Name the column "
        "that is to be predicted."
    )


def test_a_table_records_how_many_cells_of_how_many_columns_were_filled(tmp_path: Path) -> None:
    lines = [f"{'' if row % 5 == 0 else row}.5,{row % 7}.5,{'' if row == 3 else row},{row}.25" for row in range(60)]
    (tmp_path / "t.csv").write_text("\n".join(["a,b,c,y", *lines]).replace("\n.5,", "\n,"))
    facts = data_facts("csv", prepared(name="csv", path=str(tmp_path / "t.csv"), target="y", missing="median"))
    assert (facts.cells_filled, facts.columns_filled) == (13, 2)
    (line, *_) = (line.plain for line in data_lines(facts))
    assert line.endswith("; 13 missing values in 2 columns filled (dataset.missing)")


def test_texts_without_words_are_recorded_with_their_number_and_the_first_place(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("text,y\n" + "red car,a\nblue car,b\n!!,a\nred sky,b\n" * 10)
    keys = {"path": str(tmp_path / "t.csv"), "text": "text", "target": "y", "duplicates": "keep"}
    facts = data_facts("text_csv", prepared(name="text_csv", **keys)).as_json()
    assert facts["texts_without_words"] == {"rows": 10, "first": f"{tmp_path}/t.csv:4"}


def test_a_target_of_whole_numbers_that_repeat_does_not_count_the_rows(tmp_path: Path) -> None:
    path = tmp_path / "bikes.csv"
    path.write_text("hour,bikes\n" + "".join(f"{row * 7 % 97}.{row},{row % 60}\n" for row in range(120)))
    keys = {"name": "csv", "path": str(path), "target": "bikes"}
    data = prepare(TypeAdapter(Dataset).validate_python(keys), (0,))
    assert not data_facts("csv", data).warnings
