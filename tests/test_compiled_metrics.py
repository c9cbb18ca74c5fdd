"""Metrics that a network was compiled with are named, if its training does not measure them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import metrics

import bnexp
from bnexp.config.training import Training
from bnexp.models.built import Built
from bnexp.models.compiled import compiled_of_file, compiled_of_model
from bnexp.models.given_models import described
from bnexp.system.saved_model import description_of
from bnexp.training.compiled_metrics import with_unmeasured_metrics

TO_MEASURE = "The network was compiled with the {}. To measure {} at each epoch, add training.metrics=[{}]."
UNKNOWN = "The network was compiled with the {}, which bnexp does not measure for these data."


def own(true: Any, predicted: Any) -> Any:
    return keras.ops.mean(predicted)


def network(**compiled: Any) -> keras.Model:
    model = keras.Sequential([keras.Input((2,)), keras.layers.BatchNormalization(), keras.layers.Dense(3, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", **compiled)
    return model


@pytest.mark.parametrize("by_file", [True, False])
@pytest.mark.parametrize(
    ("compiled", "task", "classes", "measured", "told"),
    [
        ({}, "binary", 2, [], []),
        ({"metrics": ["accuracy", "acc", metrics.SparseCategoricalAccuracy(), "binary_accuracy"]}, "binary", 2, [], []),
        ({"metrics": [metrics.SparseCategoricalCrossentropy()]}, "multiclass", 6, [], []),
        ({"metrics": [metrics.AUC()]}, "binary", 2, [], [TO_MEASURE.format("metric auc", "it", "auc")]),
        ({"metrics": [metrics.AUC()]}, "binary", 2, ["auc"], []),
        ({"metrics": [metrics.AUC()]}, "multiclass", 3, [], [UNKNOWN.format("metric AUC (curve=ROC)")]),
        (
            {"metrics": [metrics.AUC(curve="PR"), metrics.F1Score()], "weighted_metrics": [metrics.AUC()]},
            *("binary", 2, ["mcc"]),
            [TO_MEASURE.format("metrics pr_auc, f1, auc", "them", "mcc,pr_auc,f1,auc")],
        ),
        (
            {"metrics": ["acc", metrics.SparseTopKCategoricalAccuracy(5), metrics.SparseTopKCategoricalAccuracy(3)]},
            *("multiclass", 6, []),
            [
                TO_MEASURE.format("metric top_5", "it", "top_5"),
                UNKNOWN.format("metric SparseTopKCategoricalAccuracy (k=3)"),
            ],
        ),
        ({"metrics": [metrics.Precision(), own]}, "binary", 2, [], [UNKNOWN.format("metrics Precision, own")]),
        ({"metrics": ["mae", "mse", metrics.R2Score(), metrics.MeanAbsoluteError()]}, "regression", 0, [], []),
        ({"metrics": ["accuracy"]}, "regression", 0, [], [UNKNOWN.format("metric accuracy")]),
        ({"metrics": ["binary_crossentropy"]}, "regression", 0, [], [UNKNOWN.format("metric binary_crossentropy")]),
        (
            {"metrics": [metrics.F1Score("micro"), metrics.BinaryAccuracy(threshold=0.25)]},
            *("binary", 2, []),
            [UNKNOWN.format("metrics F1Score (average=micro), BinaryAccuracy (threshold=0.25)")],
        ),
    ],
)
def test_compiled_metrics_that_training_does_not_measure_are_named(
    compiled: dict[str, Any],
    task: Any,
    classes: int,
    measured: list[str],
    told: list[str],
    by_file: bool,
    tmp_path: Path,
) -> None:
    model = network(**compiled)
    model.save(tmp_path / "my.keras")
    found = compiled_of_file(description_of(str(tmp_path / "my.keras"))) if by_file else compiled_of_model(model)
    built = Built(model, None, notes=("before",), compiled=found)  # type: ignore[arg-type]
    training = Training.model_validate({"metrics": measured})
    assert list(with_unmeasured_metrics(built, training, task, classes).notes) == ["before", *told]


def test_a_model_of_several_metrics_for_its_only_output_is_understood(tmp_path: Path) -> None:
    for given in ({"dense": [metrics.AUC()]}, [[metrics.AUC()]]):
        model = network()
        model.layers[-1].name = "dense"
        model.compile("adam", "mse", metrics=given)
        assert [name for name, _ in compiled_of_model(model).metrics] == ["AUC"]


def test_a_metric_that_does_not_describe_itself_hides_no_other_and_a_number_in_a_name_makes_no_other_model() -> None:
    class Schedule(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
        def __call__(self, step: Any) -> Any:
            return 0.1

    model = network()
    model.compile(keras.optimizers.SGD(Schedule()), "mse", metrics=[lambda true, predicted: 1.0, metrics.AUC()])
    assert [name for name, _ in compiled_of_model(model).metrics] == ["<lambda>", "AUC"]
    texts = [described(network(metrics=one), weights=False)[1] for one in ([metrics.AUC()], [metrics.AUC()], [])]
    assert texts[0] == texts[1] != texts[2]


def test_the_note_is_said_of_a_model_that_is_given_in_python_and_its_advice_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = np.random.default_rng(0).normal(size=(60, 2)).astype("float32")
    data = (rows, np.arange(60) % 3)
    model = network(metrics=[metrics.F1Score()])
    (checked,) = bnexp.check(model, data=data, arms=["batch"])
    (note,) = [one for one in checked.facts.network.notes if "metric" in one]
    assert note == TO_MEASURE.format("metric f1", "it", "f1")
    (measured,) = bnexp.check(model, data=data, arms=["batch"], overrides=["training.metrics=[f1]"])
    assert not [one for one in measured.facts.network.notes if "metric" in one]
    (other,) = bnexp.check(network(), data=data, arms=["batch"])
    assert not [one for one in other.facts.network.notes if "metric" in one], "compiled without a metric"
