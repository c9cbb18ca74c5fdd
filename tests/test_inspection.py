"""`bnexp check`: what is known of an experiment before it is trained, against Keras's own numbers."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from command import bnexp as command
from rich.console import Console

import bnexp
from bnexp.api.experiments import inspect
from bnexp.report.check_table import check_table

TABLE = "age,city,id,label\n" + "".join(f"{n * 7 % 40}.5,{'AB'[n % 2]},{n},{n % 3 > 0}\n" for n in range(60))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.csv").write_text(TABLE)
    (tmp_path / "a.yaml").write_text(
        "dataset: {name: csv, path: a.csv, target: label, drop: [id]}\n"
        "model: {name: mlp, hidden: [4], normalization: batch}\n"
        "training: {epochs: 2, seeds: 3, batch_size: 16}\n"
    )
    return tmp_path


def test_layers_weights_columns_memory_and_time_are_known() -> None:
    (checked,) = bnexp.check("a.yaml")
    found = inspect(checked)
    assert found.columns is not None
    assert (list(found.columns.numbers), found.columns.categories, list(found.columns.left_out)) == (
        ["age"],
        {"city": 2},
        ["id"],
    )
    kinds = [(one.kind, one.shape) for one in found.layers]
    assert sorted(kinds) == [("Activation", "4"), ("BatchNormalization", "4"), ("Dense", "1"), ("Dense", "4")]
    assert {one.parameters for one in found.layers if one.kind == "BatchNormalization"} == {4 * 4}
    assert found.parameters.non_trainable == 8
    assert sum(one.parameters for one in found.layers) == found.parameters.trainable + found.parameters.non_trainable
    assert 0 < found.memory_bytes < found.memory_bytes_at_once < found.memory_limit_bytes
    assert found.seconds > 0
    console = Console(width=200, file=io.StringIO())
    console.print(check_table(checked.facts, found, [], checked.warnings))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    for part in ("1 column of categories: city (2 values)", "1 column left out: id", "trained by many_seeds"):
        assert part in text
    assert f"GiB for all {found.seeds_at_once} at once; " in text
    console.print(check_table(checked.facts, replace(found, seconds=40.0), [], []))
    assert (
        "about 40 s for all seeds, about 80 s to compare two arms like it, estimated by timing"
        in console.file.getvalue()
    )  # type: ignore[attr-defined]


def test_layers_inside_blocks_are_listed_in_the_order_in_which_they_run(folder: Path) -> None:
    dense, activation, dropout = "Dense: {units: 4}", "Activation: {activation: relu}", "Dropout: {rate: 0.1}"
    last = "Dense: {units: 1, activation: sigmoid}"
    block = f"Residual: {{layers: [{{{dense}}}, BatchNormalization, {{{activation}}}, {{{dropout}}}]}}"
    (checked,) = bnexp.check("a.yaml", [f"model={{name: sequential, layers: [{{{dense}}}, {{{block}}}, {{{last}}}]}}"])
    kinds = [one.kind for one in inspect(checked).layers]
    assert kinds[:6] == ["Dense", "Dense", "BatchNormalization", "Activation", "Dropout", "Dense"]


@pytest.mark.slow
def test_categories_are_those_of_the_training_part_and_others_are_told(folder: Path) -> None:
    (folder / "b.csv").write_text(
        "age,city,id,label\n" + "".join(f"{n}.5,{'ABCD'[n % 4]},{n},{n % 3 > 0}\n" for n in range(24))
    )
    (checked,) = bnexp.check("a.yaml", ["dataset.validation_path=b.csv"])
    found = inspect(checked)
    assert found.columns is not None
    assert (found.columns.categories, found.columns.held_out_only) == ({"city": 2}, {"city": 2})
    assert checked.facts.data.shape == [1 + 2 + 2]
    console = Console(width=200, file=io.StringIO())
    console.print(check_table(checked.facts, found, [], []))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "1 column of categories: city (2 values, 2 more in held-out rows only)" in text


@pytest.mark.slow
def test_a_category_may_hold_an_equals_sign(folder: Path) -> None:
    signs = "".join(f"{n}.5,{('a=b', 'a=c')[n % 2]},{n % 3 > 0}\n" for n in range(60))
    (folder / "a.csv").write_text(f"age,x=y,label\n{signs}")
    (folder / "a.yaml").write_text((folder / "a.yaml").read_text().replace(", drop: [id]", ""))
    (checked,) = bnexp.check("a.yaml")
    found = inspect(checked).columns
    assert found is not None
    assert found.categories == {"x=y": 2}


def test_check_prints_one_document_and_trains_nothing(folder: Path) -> None:
    document = json.loads(command("check", "a.yaml", "--json", cwd=folder).stdout)
    assert document["parameters"]["non_trainable"] == 8
    assert document["columns"]["left_out"] == ["id"]
    assert document["trainer"] == {"name": "many_seeds", "reason": None}
    assert not (folder / "runs").exists()
