"""`dataset.positive`: which of two classes comes second, of every kind of data set, and what is refused."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cases import slow
from command import refused as refused_command
from experiments import build_for, experiment, train_many_seeds
from PIL import Image
from sklearn.metrics import average_precision_score, f1_score
from tables import prepared, refused, table

from bnexp import config
from bnexp.comparison.metric_rules import of_common_class
from bnexp.config.dataset import drawn_task
from bnexp.config.real import TableSet
from bnexp.config.synthetic import ClassificationDataset
from bnexp.data import prepare
from bnexp.data.suggested.positive import positive_choice
from bnexp.store import DataFacts

LABELS = ["sick", "well", "well", "well"] * 15


def _csv(folder: Path) -> dict[str, Any]:
    return table(folder, LABELS)


def _parquet(folder: Path) -> dict[str, Any]:
    import pandas as pd

    pd.read_csv(table(folder, LABELS)["path"]).to_parquet(folder / "t.parquet")
    return {"name": "parquet", "path": str(folder / "t.parquet"), "target": "y"}


def _texts(folder: Path) -> dict[str, Any]:
    rows = "".join(f"text number {n},{label}\n" for n, label in enumerate(LABELS))
    (folder / "texts.csv").write_text("text,y\n" + rows)
    return {"name": "text_csv", "path": str(folder / "texts.csv"), "target": "y"}


def _arrays(folder: Path) -> dict[str, Any]:
    np.savez(folder / "a.npz", x=np.arange(120.0).reshape(60, 2), y=np.array(LABELS))
    return {"name": "npz", "path": str(folder / "a.npz")}


def _images(folder: Path) -> dict[str, Any]:
    for n, label in enumerate(LABELS):
        (folder / "images" / label).mkdir(parents=True, exist_ok=True)
        Image.new("L", (4, 4), n).save(folder / "images" / label / f"{n}.png")
    return {"name": "image_folder", "path": str(folder / "images")}


@pytest.mark.parametrize("kind", [_csv, _parquet, _texts, _arrays, _images])
def test_the_positive_class_comes_second_and_the_data_are_known_to_be_others(kind: Any, tmp_path: Path) -> None:
    keys = kind(tmp_path)
    plain, turned = prepared(**keys), prepared(**keys, positive="sick")
    assert plain.rows.classes == ("sick", "well") and turned.rows.classes == ("well", "sick")
    assert (plain.rows_per_class, turned.rows_per_class) == ([15, 45], [45, 15])
    np.testing.assert_array_equal(turned.rows.y_N, 1 - plain.rows.y_N)
    np.testing.assert_array_equal(turned.rows.x, plain.rows.x)
    assert turned.digest != plain.digest == prepared(**keys, positive="well").digest
    for part, rows_SR in plain.parts.items():
        np.testing.assert_array_equal(turned.parts[part], rows_SR, err_msg="the same rows are held out")


def test_numbers_and_truth_values_name_classes_as_yaml_reads_them(tmp_path: Path) -> None:
    assert prepared(**table(tmp_path, ["0", "1"] * 20), positive=0).rows.classes == ("1", "0")
    assert prepared(**table(tmp_path, ["True", "False"] * 20), positive=False).rows.classes == ("True", "False")


def test_a_known_set_has_a_positive_class_too_and_all_its_parts_follow() -> None:
    data = prepared(name="breast_cancer", validation_size=0.25, positive="malignant")
    assert data.rows.classes == ("benign", "malignant")
    for rows_SR in data.parts.values():
        assert 0.3 < data.rows.y_N[rows_SR[0]].mean() < 0.45, "37% are malignant"


def test_a_class_that_is_not_there_more_classes_and_a_regression_are_refused(tmp_path: Path) -> None:
    keys = table(tmp_path, LABELS)
    assert refused(**keys, positive="sik") == (
        "dataset.positive is 'sik'; no class has this name. Did you mean 'sick'? Good names: sick, well."
    )
    assert refused(name="iris", positive="setosa") == (
        "dataset.positive is 'setosa', and there are 3 classes; expected two, because metrics of more classes are about "
        "all of them. Leave it out."
    )
    assert refused(name="diabetes", positive=1) == (
        "dataset.positive is '1'; a regression has no classes. Leave it out."
    )


@pytest.mark.parametrize("trainer", ["many_seeds", slow("keras_fit")])
def test_f1_and_pr_auc_are_scikit_learns_with_this_pos_label(trainer: str) -> None:
    from bnexp.training.keras_fit import train_keras_fit

    engine: Any = train_keras_fit if trainer == "keras_fit" else train_many_seeds
    dataset = {"name": "breast_cancer", "positive": "malignant"}
    asked = config.Experiment.model_validate(
        experiment(training={"metrics": ["f1", "pr_auc"]}).model_dump() | {"dataset": dataset}
    )
    seeds = asked.training.all_seeds()
    data = prepare(asked.dataset, seeds)
    built = build_for(asked, data)
    trained = engine(built.model, data, asked.training, seeds, built.initial.draw(seeds), lambda _: False)
    plain = prepared(name="breast_cancer")
    for row in range(len(seeds)):
        rows_R, probability_R = data.parts["val"][row], trained.rows["val"]["predicted"][row]
        label_R = np.array(["malignant", "benign"])[plain.rows.y_N[rows_R].astype(int)]
        found_R = np.where(probability_R > 0.5, "malignant", "benign")
        expected = f1_score(label_R, found_R, pos_label="malignant")
        assert trained.history.final("val_f1")[row] == pytest.approx(expected, abs=1e-6)
        expected = average_precision_score(label_R, probability_R, pos_label="malignant")
        assert trained.history.final("val_pr_auc")[row] == pytest.approx(expected, abs=1e-6)


def test_runs_from_before_the_key_keep_their_digest_and_any_class_changes_it() -> None:
    def asked(**keys: Any) -> config.Experiment:
        dataset = {"name": "breast_cancer", **keys}
        return config.Experiment.model_validate(experiment().model_dump() | {"dataset": dataset})

    facts = asked().model_dump(
        mode="json", exclude={"name": True, "training": {"save", "memory_limit", "keep_rows", "seeds"}}
    )
    del facts["dataset"]["positive"], facts["training"]["class_weight"], facts["training"]["metrics"]
    before = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
    assert config.digest(asked()) == config.digest(asked(positive=None)) == before
    assert before not in [config.digest(asked(positive=name)) for name in ("malignant", 0, False)]


def test_arms_with_another_positive_class_are_not_compared(tmp_path: Path) -> None:
    table(tmp_path, LABELS)
    text = "dataset: {{name: csv, path: t.csv, target: y, positive: {}}}\nmodel: {{name: mlp}}\n"
    for name in ("sick", "well"):
        (tmp_path / f"{name}.yaml").write_text(text.format(name))
    message = refused_command("compare", "sick.yaml", "well.yaml", cwd=tmp_path)
    assert "would not be trained on the same data: dataset.positive is sick and well." in message


def test_the_warning_names_the_key_and_is_silent_once_a_class_was_chosen() -> None:
    facts = DataFacts(classes=["0", "1"], rows_per_class=[3, 97])
    keys = {"name": "breast_cancer"}
    assert list(of_common_class("val_f1", facts, TableSet.model_validate(keys))) == [
        "val_f1 is about the class '1', the second by name, which has 97% of the rows. If you mean '0', use "
        'dataset.positive: "0", or auc or mcc. That is another question: its verdict is exploratory.'
    ]
    for metric, more in (("val_f1", {"positive": "1"}), ("val_auc", {})):
        assert not list(of_common_class(metric, facts, TableSet.model_validate(keys | more)))
    drawn = ClassificationDataset(name="classification")
    assert drawn_task(drawn) == "binary"
    (warned,) = of_common_class("val_pr_auc", facts, drawn)
    assert warned.endswith("If you mean '0', use auc or mcc. That is another question: its verdict is exploratory."), (
        "generators have no names of classes to choose from"
    )


def test_more_than_two_classes_have_no_rarer_one() -> None:
    assert not list(positive_choice(["a", "b", "c"], [1, 50, 50]))
    assert not list(positive_choice([], []))
