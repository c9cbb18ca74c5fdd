"""Rows that count more in the training loss: by their class, by a column, in both engines as in plain Keras."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from cases import slow
from command import bnexp, refused
from experiments import build_for, experiment, train_many_seeds
from pydantic import TypeAdapter
from sklearn.utils.class_weight import compute_sample_weight

from bnexp.config import Experiment, digest
from bnexp.config.dataset import Dataset
from bnexp.data import Data, prepare
from bnexp.data.row_weights import row_weights
from bnexp.training.keras_fit import train_keras_fit

ENGINES = pytest.mark.parametrize("engine", [train_many_seeds, train_keras_fit])


def _table(folder: Path, weight: str = "1", rows: int = 60) -> Path:
    """Write a table of three classes, 2:3:7, with a column of weights; the first row's is given."""
    generator = np.random.default_rng(0)
    lines = ["a,b,w,label"]
    for row in range(rows):
        a, b = generator.normal(size=2)
        label = ["rare", "some", "most"][min(2, row % 12 // 2) if row % 12 < 5 else 2]
        lines.append(f"{a:.6f},{b:.6f},{weight if row == 0 else 1 + row % 4},{label}")
    path = folder / "rows.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def _experiment(path: Path, **training: Any) -> Experiment:
    dataset = {"name": "csv", "path": str(path), "target": "label", "weight_column": "w"}
    config = experiment(training={"epochs": 2, "batch_size": 16, **training})
    return Experiment.model_validate({**config.model_dump(mode="json"), "dataset": dataset})


def _by_keras_alone(config: Experiment, data: Data, weight_N: np.ndarray[Any, Any]) -> list[np.ndarray[Any, Any]]:
    """Return the weights after one epoch of a loop over `train_on_batch`, with Keras's own sample_weight."""
    from bnexp.training.batches import fed_rows
    from bnexp.training.optimizers import make_optimizer

    built = build_for(config, data)
    for variable, values in zip(built.model.variables, built.initial.draw((0,)), strict=True):
        variable.assign(values[0])
    size, y_N = config.training.batch_size, data.rows.y_N
    model = keras.Model(built.model.inputs[0], built.model.outputs[0])
    model.compile(make_optimizer(config.training, 1), "sparse_categorical_crossentropy")
    order_R = fed_rows(data.train_SR[0], y_N, 0, 0, config.training)
    for start in range(0, len(order_R), size):
        rows_B = order_R[start : start + size]
        model.train_on_batch(data.inputs(0, rows_B), y_N[rows_B], sample_weight=weight_N[rows_B])
    return [variable.numpy() for variable in built.model.variables]


@pytest.mark.parametrize("engine", [train_many_seeds, slow(train_keras_fit)])
@pytest.mark.parametrize("class_weight", [slow(None), "balanced", slow({"rare": 5.0, "some": 0.0})])
def test_rows_weigh_as_with_keras_own_sample_weight(tmp_path: Path, engine: Any, class_weight: Any) -> None:
    config = _experiment(_table(tmp_path), epochs=1, seeds=1, class_weight=class_weight)
    data = prepare(config.dataset, (0,))
    built = build_for(config, data)
    trained = engine(built.model, data, config.training, (0,), built.initial.draw((0,)), lambda _: False)
    names = np.array(data.rows.classes)[data.rows.y_N.astype(int)]
    column_N = np.array([float(line.split(",")[2]) for line in (tmp_path / "rows.csv").read_text().split()[1:]])
    asked = {"rare": 5.0, "some": 0.0, "most": 1.0} if isinstance(class_weight, dict) else class_weight
    of_class_N = np.ones(len(names))
    of_class_N[data.train_SR[0]] = compute_sample_weight(asked, names[data.train_SR[0]])
    expected = _by_keras_alone(config, data, column_N / column_N[data.train_SR[0]].mean() * of_class_N)
    for found, value in zip(trained.weights, expected, strict=True):
        np.testing.assert_allclose(found[0], value, rtol=2e-4, atol=2e-6)


def test_each_seed_of_splits_of_its_own_is_balanced_by_its_own_training_rows(tmp_path: Path) -> None:
    config = _experiment(_table(tmp_path), class_weight="balanced", seeds=3)
    dataset = config.dataset.model_copy(update={"resample": True, "stratify": False})
    data = prepare(dataset, (0, 1, 2))
    found = row_weights(data, config.training)
    assert found is not None
    for row, rows_R in enumerate(data.train_SR):
        weight_R = found.of_row_N[rows_R] * found.of_class_SC[row][data.rows.y_N[rows_R].astype(int)]
        column_R = data.rows.weights_N[rows_R]  # type: ignore[index]
        classes = compute_sample_weight("balanced", data.rows.y_N[rows_R])
        np.testing.assert_allclose(weight_R, column_R / column_R.mean() * classes, rtol=1e-5)
    assert len(np.unique(found.of_class_SC, axis=0)) == 3


@ENGINES
def test_what_is_measured_counts_every_row_once(tmp_path: Path, engine: Any) -> None:
    config = _experiment(_table(tmp_path), epochs=1, seeds=1, class_weight={"most": 0.0, "rare": 0.0})
    data = prepare(config.dataset, (0,))
    built = build_for(config, data)
    trained = engine(built.model, data, config.training, (0,), built.initial.draw((0,)), lambda _: False)
    assert trained.history.final("val_loss")[0] == pytest.approx(trained.rows["val"]["loss"].mean(), rel=1e-5)
    assert trained.history.final("loss")[0] < trained.history.final("train_loss")[0] / 2


@pytest.mark.slow
@ENGINES
def test_weights_of_one_leave_training_as_it_is(tmp_path: Path, engine: Any) -> None:
    config = _experiment(_table(tmp_path), seeds=2)
    plain = Experiment.model_validate(
        {
            **config.model_dump(mode="json"),
            "dataset": {**config.dataset.model_dump(), "weight_column": None, "drop": ["w"]},
        }
    )
    alike = plain.model_copy(update={"training": plain.training.model_copy(update={"class_weight": {"some": 1.0}})})
    histories = []
    for one in (plain, alike):
        data = prepare(one.dataset, (0, 1))
        built = build_for(one, data)
        trained = engine(built.model, data, one.training, (0, 1), built.initial.draw((0, 1)), lambda _: False)
        histories.append(trained.history)
    for name, values in histories[0].metrics.items():
        np.testing.assert_allclose(values, histories[1].metrics[name], rtol=1e-5)


def test_a_row_that_repeats_another_with_another_weight_stays(tmp_path: Path) -> None:
    path = _table(tmp_path)
    first, *rows = path.read_text().split()
    a, b, w, label = rows[5].split(",")
    path.write_text("\n".join([first, *rows, rows[5], f"{a},{b},{float(w) + 1},{label}"]) + "\n")
    data = prepare(_experiment(path).dataset, (0,))
    assert len(data.rows.y_N) == len(rows) + 1


@pytest.mark.parametrize("name", ["csv", "parquet", "text_csv"])
def test_every_kind_of_table_has_a_column_of_weights(tmp_path: Path, name: str) -> None:
    import pandas

    frame = pandas.DataFrame(
        {"text": [f"word{row} other{row % 3}" for row in range(40)], "label": ["a", "b"] * 20, "w": np.arange(40) / 4}
    )
    path = tmp_path / f"t.{'parquet' if name == 'parquet' else 'csv'}"
    frame.to_parquet(path) if name == "parquet" else frame.to_csv(path, index=False)
    keys: dict[str, Any] = {} if name == "text_csv" else {"drop": ["text"], "categories": []}
    if name != "text_csv":
        frame["x"] = np.arange(40.0)
        frame.to_parquet(path) if name == "parquet" else frame.to_csv(path, index=False)
    dataset = {"name": name, "path": str(path), "target": "label", "weight_column": "w", **keys}
    config = Experiment.model_validate({"name": "t", "dataset": dataset, "model": {"name": "mlp"}})
    rows = prepare(config.dataset, (0,)).rows
    assert rows.weights_N is not None and rows.weights_N.tolist() == (np.arange(40) / 4).tolist()
    assert rows.columns in ((), ("x",))


def test_an_experiment_without_weights_has_the_digest_that_stored_runs_hold() -> None:
    facts = experiment().model_dump(mode="json")
    assert digest(experiment()) == digest(Experiment.model_validate(facts))
    assert digest(experiment(training={"class_weight": "balanced"})) != digest(experiment())
    import hashlib
    import json

    former = {key: value for key, value in facts["training"].items() if key not in ("class_weight", "metrics")}
    former = {key: value for key, value in former.items() if key not in ("save", "memory_limit", "keep_rows", "seeds")}
    stored = {"dataset": facts["dataset"], "model": facts["model"], "training": former}
    assert digest(experiment()) == hashlib.sha256(json.dumps(stored, sort_keys=True).encode()).hexdigest()


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ("-2", "rows.csv:2 has the weight -2 (1 row below 0). Expected 0 or more in each row."),
        ("", "rows.csv:2 has no weight (1 row without one). Expected 0 or more in each row."),
        ("heavy", "holds 'heavy' in"),
    ],
)
def test_weights_that_are_none_are_refused_with_their_line(tmp_path: Path, weight: str, message: str) -> None:
    path = _table(tmp_path, weight)
    found = refused("train", *_arguments(path), cwd=tmp_path)
    assert message in found and "dataset.weight_column" in found


def _with_weights(folder: Path, first: str, *others: tuple[int, str]) -> None:
    """Write the table with these weights: of the first row, and of others by their line, counted from 0."""
    lines = _table(folder, first).read_text().splitlines()
    for row, weight in others:
        a, b, _, label = lines[row].split(",")
        lines[row] = f"{a},{b},{weight},{label}"
    (folder / "rows.csv").write_text("\n".join(lines) + "\n")


def test_weights_below_0_and_missing_ones_are_counted_apart(tmp_path: Path) -> None:
    _with_weights(tmp_path, "-1", (4, "-2"), (7, ""))
    assert (
        "rows.csv:2 has the weight -1 (2 rows below 0), and rows.csv:8 has no weight (1 row without one). Expected"
    ) in refused("train", *_arguments(tmp_path / "rows.csv"), cwd=tmp_path).replace(f"{tmp_path}/", "")


def test_a_weight_that_is_no_number_hides_none_below_0(tmp_path: Path) -> None:
    _with_weights(tmp_path, "heavy", (4, "-2"), (7, ""))
    found = refused("train", *_arguments(tmp_path / "rows.csv"), cwd=tmp_path).replace(f"{tmp_path}/", "")
    assert "rows.csv:5 has the weight -2 (1 row below 0), and rows.csv:8 has no weight (1 row without one)" in found
    assert found.count("heavy") == 1


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.class_weight={rar: 2}", "training.class_weight names 'rar'; no class has this name. Did you mean"),
        ("training.class_weight={rare: 0, some: 0, most: 0}", "training.class_weight leaves no row of the training"),
        (
            "training.class_weight={rar: 0, rare: 0, some: 0, most: 0}",
            "training.class_weight names 'rar'; no class has",
        ),
        ("training.class_weight={rare: -1}", "training.class_weight.rare is -1; expected 0 or more."),
        ("dataset.weight_column=ww", "dataset.weight_column is 'ww'; no column has this name. Did you mean 'w'?"),
        ("dataset.weight_column=label", "which is dataset.target too"),
        (
            "training.class_weight=balance",
            "expected balanced, or a weight for each class, such as {no: 1, yes: 5}. Write ",
        ),
        (
            "training.class_weight=even",
            "is 'even' (text); expected balanced, or a weight for each class, such as {no: 1,",
        ),
        ("training.class_weight=3", "is 3; expected balanced, or a weight for each class, such as {no: 1, yes: 5}."),
    ],
)
def test_weights_that_do_not_go_with_the_rows_are_refused_in_one_message(
    tmp_path: Path, override: str, message: str
) -> None:
    found = refused("train", *_arguments(_table(tmp_path)), override, cwd=tmp_path)
    assert message in found and "\n" not in found


def test_a_class_of_weight_0_is_warned_of_because_it_is_not_learned(tmp_path: Path) -> None:
    arguments = _arguments(_table(tmp_path))
    told = bnexp("check", *arguments, "training.class_weight={rare: 0, most: 1}", cwd=tmp_path)
    assert (
        "Classes of weight 0 are not learned: training.class_weight gives it to 'rare'. Give each a weight"
        in " ".join((told.stdout + told.stderr).split())
    )
    told = bnexp("check", *arguments, "training.class_weight={rare: 0.1}", cwd=tmp_path)
    assert "weight 0" not in told.stdout + told.stderr


def test_the_column_of_weights_is_named_and_warned_of_if_most_rows_have_none(tmp_path: Path) -> None:
    path = _table(tmp_path)
    told = " ".join(bnexp("check", *_arguments(path), cwd=tmp_path).stdout.split())
    assert "weights of the rows in the training loss: w" in told and "left out: w" not in told
    assert "dataset.weight_column 'w' is 0 in" not in told
    names, *rows = path.read_text().splitlines()
    place = names.split(",").index("w")
    for zero, is_told in ((0.5, False), (0.6, True)):
        cells = [row.split(",") for row in rows]
        for number, row in enumerate(cells):
            row[place] = "0" if number < zero * len(cells) else "1"
        path.write_text("\n".join([names, *map(",".join, cells)]) + "\n")
        told = " ".join(bnexp("check", *_arguments(path), cwd=tmp_path).stdout.split())
        assert ("dataset.weight_column 'w' is 0 in 36 of 60 rows (60%). Nothing is learned from" in told) == is_told


@pytest.mark.parametrize("name", ["csv", "text_csv"])
def test_a_class_without_any_weight_is_warned_of(name: str, tmp_path: Path) -> None:
    lines = [f"{row} words,{row % 7},{int(row % 3 > 0)},{'abc'[row % 3]}" for row in range(30)]
    (tmp_path / "rows.csv").write_text("\n".join(["words,number,w,label", *lines]) + "\n")
    keys = {"name": name, "path": str(tmp_path / "rows.csv"), "target": "label", "weight_column": "w"}
    keys |= {"text": "words"} if name == "text_csv" else {"drop": ["words"]}
    dataset = TypeAdapter(Dataset).validate_python(keys)
    warned = "dataset.weight_column 'w' is 0 in all rows of class 'a'. Nothing is learned from these rows."
    assert any(text.startswith(warned) for text in prepare(dataset, (0,)).rows.facts.warnings or ())


def test_classes_have_no_weight_in_a_regression(tmp_path: Path) -> None:
    arguments = _arguments(_table(tmp_path))
    found = refused("train", *arguments, "dataset.target=a", "training.class_weight=balanced", cwd=tmp_path)
    assert "training.class_weight is given, and the task is a regression, which has no classes." in found


def _arguments(path: Path) -> list[str]:
    config = path.with_name("config.yaml")
    config.write_text(
        f"name: w\ndataset: {{name: csv, path: {path.name}, target: label, weight_column: w}}\n"
        "model: {name: mlp, hidden: [4]}\ntraining: {epochs: 1, seeds: 2}\n"
    )
    return [config.name]
