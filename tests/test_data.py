"""Drawing, splitting and scaling, against scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from experiments import experiment
from sklearn.datasets import make_blobs, make_circles, make_classification, make_moons, make_regression
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from bnexp.data import Data, prepare
from bnexp.errors import SettingError
from bnexp.experiment.data_facts import data_facts


def prepared(seeds: int = 2, **dataset: Any) -> Data:
    return prepare(experiment(dataset=dataset).dataset, tuple(range(seeds)))


def test_the_tutorials_rows_and_split_are_scikit_learns() -> None:
    data = prepared(samples=1000, seed=42)
    x, y = make_classification(n_samples=1000, n_features=20, n_classes=2, random_state=42)
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.2, random_state=42)
    for row in range(2):
        np.testing.assert_array_equal(data.inputs(row, data.train_SR[row]), x_train.astype("float32"))
        np.testing.assert_array_equal(data.inputs(row, data.parts["val"][row]), x_test.astype("float32"))
        np.testing.assert_array_equal(data.rows.y_N[data.train_SR[row]], y_train)
        np.testing.assert_array_equal(data.rows.y_N[data.parts["val"][row]], y_test)


@pytest.mark.parametrize(
    ("dataset", "expected"),
    [
        ({"name": "moons", "noise": 0.1}, make_moons(200, noise=0.1, random_state=42)),
        ({"name": "circles", "factor": 0.3}, make_circles(200, noise=0.1, factor=0.3, random_state=42)),
        ({"name": "blobs", "classes": 4}, make_blobs(200, 2, centers=4, random_state=42)),
        (
            {"name": "regression", "noise": 2.0, "bias": 1.0},
            make_regression(200, 20, n_informative=10, noise=2.0, bias=1.0, random_state=42),
        ),
        (
            {"name": "classification", "classes": 3, "informative": 5, "flip_y": 0.0, "weights": [0.5, 0.3, 0.2]},
            make_classification(
                200, 20, n_informative=5, n_classes=3, flip_y=0.0, weights=[0.5, 0.3, 0.2], random_state=42
            ),
        ),
    ],
)
def test_each_dataset_is_the_generator_of_its_name(dataset: dict[str, Any], expected: Any) -> None:
    data = prepared(**dataset)
    np.testing.assert_array_equal(data.rows.x, expected[0].astype("float32"))
    np.testing.assert_array_equal(data.rows.y_N, expected[1].astype("float32"))


def test_more_samples_than_memory_takes_are_refused_before_they_are_drawn() -> None:
    dataset = experiment(dataset={"name": "moons", "samples": 3_000_000}).dataset
    with pytest.raises(SettingError) as raised:
        prepare(dataset, (0,), 100 * 2**20)
    assert str(raised.value) == (
        "dataset.samples is 3000000; drawing that number of rows takes about 240.3 MiB of memory, and training.memory_limit is "
        "100.0 MiB. Draw fewer, or give a higher limit."
    )


@pytest.mark.parametrize(
    ("dataset", "task", "classes"),
    [
        ({"name": "moons"}, "binary", 2),
        ({"name": "classification", "classes": 3, "informative": 4}, "multiclass", 3),
        ({"name": "blobs"}, "multiclass", 3),
        ({"name": "regression"}, "regression", 1),
    ],
)
def test_the_task_follows_from_the_dataset(dataset: dict[str, Any], task: str, classes: int) -> None:
    data = prepared(**dataset)
    assert (data.task, len(data.rows.classes or [0])) == (task, classes)


@pytest.mark.parametrize(("scale", "scaler"), [("standard", StandardScaler()), ("minmax", MinMaxScaler())])
def test_scaling_uses_each_seeds_training_part_alone(scale: str, scaler: Any) -> None:
    data = prepared(scale=scale, resample=True)
    assert not np.array_equal(np.sort(data.train_SR[0]), np.sort(data.train_SR[1]))
    for row in range(2):
        scaler.fit(data.rows.x[data.train_SR[row]].astype("float64"))
        expected = scaler.transform(data.rows.x[data.parts["val"][row]].astype("float64"))
        np.testing.assert_allclose(data.inputs(row, data.parts["val"][row]), expected, rtol=1e-4, atol=1e-5)


def test_rows_per_class_are_counted_and_a_regression_has_none() -> None:
    data = prepared(weights=[0.3, 0.7])
    assert data.rows_per_class == np.bincount(data.rows.y_N.astype(int)).tolist() == data_facts("", data).rows_per_class
    assert prepared(name="regression").rows_per_class is None


def test_the_rarest_class_of_each_held_out_part_is_counted_in_the_seed_with_the_fewest() -> None:
    data = prepared(weights=[0.9, 0.1], validation_size=0.25, resample=True)
    counts = {
        part: [np.bincount(data.rows.y_N[rows_R].astype(int)).min() for rows_R in data.parts[part]]
        for part in ("val", "test")
    }
    assert len({*counts["test"]}) > 1, "the seeds differ"
    assert data.rarest_held_out == {part: min(several) for part, several in counts.items()}
    assert prepared(name="regression").rarest_held_out == {}


def test_guessing_is_scored_on_each_part_by_the_commonest_class_of_each_seeds_training_part() -> None:
    data = prepared(weights=[0.4, 0.6], validation_size=0.25, resample=True)
    y_N = data.rows.y_N.astype(int)
    commonest_S = [np.bincount(y_N[rows_R]).argmax() for rows_R in data.train_SR]
    for part, rows_SR in data.parts.items():
        pairs = zip(commonest_S, rows_SR, strict=True)
        assert data.guessing[part] == pytest.approx(np.mean([np.mean(y_N[rows] == guess) for guess, rows in pairs]))
    assert data_facts("", data).commonest_class_share == data.guessing["test"]
    assert prepared(name="regression").guessing == {}


def test_parts_share_no_row_and_lose_none() -> None:
    data = prepared(resample=True, seeds=3)
    for row in range(3):
        assert sorted([*data.train_SR[row], *data.parts["val"][row]]) == list(range(200))


def test_a_test_part_without_one_of_the_classes_is_refused_with_counts() -> None:
    with pytest.raises(
        SettingError,
        match=r"dataset is too small: its test part \(2 rows\) has no row of class .*rows per class: 0 \(",
    ):
        prepared(samples=10, name="blobs", test_size=0.2)


def test_an_impossible_stratified_split_is_refused() -> None:
    with pytest.raises(SettingError, match=r"dataset\.test_size is 0\.2 of 10 rows, which makes parts of 8 and 2"):
        prepared(samples=10, name="blobs", classes=3, stratify=True)


def test_the_best_single_answer_of_each_part_may_be_another_than_the_training_parts_commonest_class() -> None:
    data = prepare(experiment(dataset={"samples": 61, "resample": True}).dataset, (0, 1, 2))
    y_N = data.rows.y_N
    for part, rows_SR in data.parts.items():
        shares_S = [max(np.mean(y_N[rows_R] == answer) for answer in (0, 1)) for rows_R in rows_SR]
        assert data.one_class[part] == pytest.approx(np.mean(shares_S))
        assert data.one_class[part] >= data.guessing[part] - 1e-12
    regression = prepare(experiment(dataset={"name": "regression"}).dataset, (0,))
    assert regression.one_class == {}


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"name": "regression", "bias": 1e10}, r"dataset.bias is 1e\+10; the targets, from .* to .*, lie too close "
         r"together for float32 to tell apart. Use one nearer to 0."),
        ({"name": "blobs", "center_box": [1e8, 1.00000001e8]}, r"dataset.center_box is \[100000000.0, 100000001.0\]; "
         r"the numbers of a feature, from .* to .*, lie too close together for float32 to tell apart. Use bounds nearer "
         r"to 0."),
    ],
)  # fmt: skip
def test_rows_drawn_too_far_from_zero_for_float32_are_refused(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match=f"^{message}$"):
        prepared(**keys)
    prepared(name="regression", bias=1e4)
