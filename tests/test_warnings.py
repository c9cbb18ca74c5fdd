"""Warnings: said with their numbers and their cure, and silent once heeded."""

from __future__ import annotations

import re
from typing import Any

import pytest
from experiments import experiment

from bnexp.config.own_model import PythonNetwork
from bnexp.experiment.warnings import cautions

BATCH: dict[str, Any] = {"model": {"normalization": "batch"}}


def test_moving_averages_that_have_not_converged_are_warned_of_with_the_numbers_and_the_cure() -> None:
    assert cautions(experiment(**BATCH), steps=252) == [
        "BatchNormalization's moving averages have not converged: after 252 steps with momentum 0.99 they still hold 8% "
        "of their initial values (0.99^252), so validation can look worse than the model is. Use training.refresh_statistics: true, a lower "
        "model.normalization.momentum (0.9), or more epochs."
    ]
    (already,) = cautions(experiment(model={"normalization": {"name": "batch", "momentum": 0.9}}), steps=10)
    assert already.endswith(" Use training.refresh_statistics: true, or more epochs.")
    for steps, cure in ((100, ", or a lower model.normalization.momentum (0.9)"), (10, "")):
        (stopped,) = cautions(experiment(training={"early_stopping": {"monitor": "loss"}}), steps)
        assert stopped.endswith(f"Use training.refresh_statistics: true{cure}.")


@pytest.mark.parametrize("steps", range(1, 60))
def test_the_momentum_that_a_warning_names_silences_it_and_none_is_named_if_it_would_have_to_be_very_low(
    steps: int,
) -> None:
    (told,) = cautions(experiment(**BATCH), steps=steps)
    named = re.findall(r"momentum \((.*)\), or", told)
    assert bool(named) == (steps >= 44)
    for momentum in map(float, named):
        assert cautions(experiment(model={"normalization": {"name": "batch", "momentum": momentum}}), steps=steps) == []


@pytest.mark.parametrize(
    "heeded",
    [
        {"model": {"normalization": {"name": "batch", "momentum": 0.9}}},
        {**BATCH, "training": {"refresh_statistics": True}},
        {"model": {"normalization": "layer"}},
        {"model": {"normalization": "none"}},
        {"model": {"name": "sequential", "layers": [{"BatchNormalization": {"trainable": False}}]}},
    ],
)
def test_the_warning_falls_silent_when_it_is_heeded(heeded: dict[str, Any]) -> None:
    assert cautions(experiment(**heeded), steps=252) == []


def test_enough_steps_need_no_warning() -> None:
    assert cautions(experiment(**BATCH), steps=459) == []
    assert len(cautions(experiment(**BATCH), steps=458)) == 1


def test_moving_averages_that_were_loaded_are_warned_of_too_because_they_may_be_of_other_data() -> None:
    """In fine-tuning, they begin with the values of the old data."""
    network = PythonNetwork(name="python", build="my_net.py:build", weights="keep")
    own = experiment().model_copy(update={"model": network})
    (warning,) = cautions(own, steps=200, own_momenta=[0.99])
    assert "they still hold 13% of their initial values (0.99^200, perhaps of other data), so validation can" in warning


def test_small_batches_are_warned_of_where_batches_are_normalized() -> None:
    (warning,) = cautions(experiment(**BATCH, training={"batch_size": 4}), steps=5000)
    assert warning.startswith(
        "training.batch_size is 4; batch normalization estimates mean and variance poorly below 8."
    )
    assert warning.endswith("or compare with model.normalization: layer.")
    assert cautions(experiment(training={"batch_size": 4}, model={"normalization": "none"}), steps=5000) == []
    own = {"model": PythonNetwork(name="python", build="my_net.py:build")}
    (warning,) = cautions(experiment(training={"batch_size": 4}).model_copy(update=own), 5000, own_momenta=[0.9])
    assert warning.endswith("or compare with the arm layer.")


def test_batch_normalization_in_a_sequential_is_seen_with_its_own_momentum() -> None:
    layers = [{"BatchNormalization": {"momentum": 0.999}}, {"Dense": {"units": 1, "activation": "sigmoid"}}]
    (warning,) = cautions(experiment(model={"name": "sequential", "layers": layers}), steps=1000)
    assert "after 1,000 steps with momentum 0.999 they still hold 37% of" in warning
    assert warning.endswith("a lower momentum of BatchNormalization in model.layers (0.9), or more epochs.")
    small = cautions(experiment(model={"name": "sequential", "layers": layers}, training={"batch_size": 2}), steps=9**9)
    assert [one.rpartition(" or ")[2] for one in small] == ["compare with LayerNormalization in its place."]


def test_averaged_weights_are_warned_of_beside_moving_statistics_that_are_not_averaged() -> None:
    averaged = {"optimizer": {"name": "adam", "use_ema": True, "ema_overwrite_frequency": 10}}
    (told,) = cautions(experiment(**BATCH, training=averaged), steps=1000)
    assert told == (
        "training.optimizer.use_ema averages the weights, and Keras does not average batch normalization's moving "
        "statistics. They belong to other weights, so validation can look worse than the model is. "
        "Use training.refresh_statistics: true."
    )
    assert cautions(experiment(**BATCH, training={**averaged, "refresh_statistics": True}), steps=1000) == []


def test_accumulated_gradients_are_warned_of_with_the_rows_that_batch_normalization_sees() -> None:
    accumulated = {"batch_size": 16, "optimizer": {"name": "sgd", "gradient_accumulation_steps": 4}}
    (told,) = cautions(experiment(**BATCH, training=accumulated), steps=1000)
    assert "over training.batch_size, 16 rows, and not over the 64 rows of an update" in told
    assert cautions(experiment(model={"normalization": "layer"}, training=accumulated), steps=1000) == []


@pytest.mark.parametrize("momentum", [1, 1.5])
def test_a_momentum_that_never_forgets_is_warned_of_however_many_steps_there_are(momentum: float) -> None:
    layers = [{"BatchNormalization": {"momentum": momentum}}, {"Dense": {"units": 1, "activation": "sigmoid"}}]
    (warning,) = cautions(experiment(model={"name": "sequential", "layers": layers}), steps=1_000_000)
    assert f"after 1,000,000 steps with momentum {momentum:g} they still hold 100% of their initial values" in warning
    assert "more epochs" not in warning
