"""Two trainers, one truth: many_seeds agrees with plain Keras; and what both promise about batches and stopping."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from cases import quick, slow
from experiments import build_for, experiment, train_many_seeds
from pydantic import ValidationError
from sklearn.metrics import accuracy_score, log_loss, mean_absolute_error, mean_squared_error
from sklearn.preprocessing import StandardScaler
from tensorflow.python.eager import context

from bnexp.config import Experiment
from bnexp.data import Data, joined_data, prepare
from bnexp.errors import SettingError
from bnexp.history import History, joined
from bnexp.models import Built
from bnexp.system import machine
from bnexp.training import devices, engine_name, memory, random_operations
from bnexp.training.batches import batch_order, fed_rows
from bnexp.training.keras_fit import train_keras_fit
from bnexp.training.keras_recorder import early_stopping
from bnexp.training.many_seeds import train as train_together
from bnexp.training.measures import in_whole_rows
from bnexp.training.optimizers import KERAS_NAMES, MIXING, make_optimizer, make_pure_optimizer
from bnexp.training.record import Record, Trained
from bnexp.training.refresh import batch_statistics, equal_parts, refreshed_values
from bnexp.training.shards import cut

CONV = {
    "name": "sequential",
    "layers": [
        {"Reshape": {"target_shape": [4, 4, 1]}},
        {"Conv2D": {"filters": 3, "kernel_size": 3, "use_bias": False}},
        "BatchNormalization",
        {"Activation": {"activation": "relu"}},
        "GlobalAveragePooling2D",
        {"Dense": {"units": 1, "activation": "sigmoid"}},
    ],
}
CASES: dict[str, dict[str, Any]] = {
    "batch normalization after, last batch smaller": {"dataset": {"samples": 210}},
    "batch normalization before, step schedule, a scaled loss": {
        "model": {"placement": "before"},
        "training": {
            "optimizer": {"name": "adam", "loss_scale_factor": 1024.0},
            "learning_rate": {"name": "step", "initial": 0.01, "every_epochs": 3},
        },
    },
    "layer normalization, L2, the same batches in every epoch": {
        "model": {"normalization": "layer", "l2": 0.01},
        "training": {"batch_order": "repeated"},
    },
    "synchronized, a stack repeated, wider kernels, rows of one class of three together, AdamW": {
        "dataset": {"classes": 3, "informative": 4},
        "model": {
            "repeat": 3,
            "hidden": [8],
            "initializer": {"name": "variance_scaling", "scale": 4.0},
            "normalization": {"name": "batch", "synchronized": True},
        },
        "training": {"optimizer": {"name": "adamw", "weight_decay": 0.01}, "batch_order": "sorted"},
    },
    "regression, RMSprop, no normalization, last batch dropped": {
        "dataset": {"name": "regression", "samples": 210},
        "model": {"normalization": "none"},
        "training": {"optimizer": "rmsprop", "drop_last": True},
    },
    "convolution, SGD with momentum, clipped, cosine schedule with warm-up": {
        "dataset": {"features": 16},
        "model": CONV,
        "training": {
            "optimizer": {"name": "sgd", "momentum": 0.9, "clipvalue": 0.1},
            "learning_rate": {"name": "cosine", "initial": 0.05, "warmup_epochs": 2},
        },
    },
    "dropout, masks and all": {"model": {"dropout": 0.3}},
    "refreshed statistics of parts of a batch, own scaled split a seed": {
        "dataset": {"scale": "standard", "resample": True},
        "model": {"normalization": {"name": "ghost", "virtual_batch_size": 12}},
        "training": {"refresh_statistics": True},
    },
    "early stopping, last weights kept, a shifted test part beside the validation part, own split a seed": {
        "dataset": {"validation_size": 0.25, "test_size": 0.3, "resample": True, "shift": {"offset": -2.0}},
        "training": {"learning_rate": 0.02, "epochs": 20, "early_stopping": {"patience": 2, "restore_best": False}},
    },
    "early stopping, best weights and statistics kept, an activity regularizer, which it watches": {
        "model": {
            "name": "sequential",
            "layers": [
                {"Dense": {"units": 16, "activation": "relu", "activity_regularizer": "l2"}},
                "BatchNormalization",
                {"Dense": {"units": 1, "activation": "sigmoid"}},
            ],
        },
        "training": {"epochs": 20, "learning_rate": 0.02, "early_stopping": {"patience": 2}},
    },
    "a layer over the rows of a batch, a test part": {
        "dataset": {"validation_size": 0.25},
        "model": {
            "name": "sequential",
            "layers": [{"UnitNormalization": {"axis": 0}}, {"Dense": {"units": 1, "activation": "sigmoid"}}],
        },
    },
    "recurrent dropout, masks and all": {
        "dataset": {"features": 12},
        "model": {
            "name": "sequential",
            "layers": [
                {"Reshape": {"target_shape": [6, 2]}},
                {"GRU": {"units": 3, "dropout": 0.3, "recurrent_dropout": 0.2}},
                {"Dense": {"units": 1, "activation": "sigmoid"}},
            ],
        },
    },
    "a frozen batch normalization before another, a shifted test part, statistics of each part": {
        "dataset": {"validation_size": 0.25, "scale": "standard", "shift": {"scale": 0.5, "offset": 1.0}},
        "model": {
            "name": "sequential",
            "layers": [
                {"BatchNormalization": {"trainable": False, "moving_mean_initializer": "ones"}},
                "BatchNormalization",
                {"Dense": {"units": 1, "activation": "sigmoid"}},
            ],
        },
        "training": {"refresh_statistics": "each_part"},
    },
    "balanced classes of three, own split a seed, metrics at each epoch, an L2 penalty, last batch smaller": {
        "dataset": {"samples": 210, "classes": 3, "informative": 4, "weights": [0.6, 0.3, 0.1], "resample": True},
        "model": {"l2": 0.01},
        "training": {"class_weight": "balanced", "metrics": ["f1", "balanced_accuracy", "brier"]},
    },
    "a test part of one class, statistics of each part, own stratified split a seed": {
        "dataset": {"validation_size": 0.25, "stratify": True, "resample": True, "shift": {"classes": [1]}},
        "training": {"refresh_statistics": "each_part"},
    },
}
QUICK = (
    "batch normalization before, step schedule, a scaled loss",
    "early stopping, best weights and statistics kept, an activity regularizer, which it watches",
)
"""Cases that reach what tests of networks and of random models do not. The others combine the same parts otherwise."""
SEEDS = (0, 1, 2)


def prepared(config: Experiment, seeds: tuple[int, ...] = SEEDS) -> tuple[Built, Data]:
    data = prepare(config.dataset, seeds)
    built = build_for(config, data)
    return built, data


def trained(trainer: Any, config: Experiment, seeds: tuple[int, ...] = SEEDS) -> tuple[Built, Data, Trained]:
    built, data = prepared(config, seeds)
    outcome = trainer(built.model, data, config.training, seeds, built.initial.draw(seeds), lambda history: False)
    return built, data, outcome


def assert_histories_agree(ours: History, keras_history: History, tolerance: float) -> None:
    assert ours.epochs_S == keras_history.epochs_S
    assert ours.best_epoch == keras_history.best_epoch
    assert set(ours.metrics) == set(keras_history.metrics)
    for name, expected_SE in keras_history.metrics.items():
        share = name.endswith("r2")  # 1 - r2 is the measured share of variance; r2 itself crosses zero
        values_SE = ours.metrics[name][:, : max(ours.epochs_S)]  # behind these stand NaN, if another seed went on
        np.testing.assert_allclose(
            1 - values_SE if share else values_SE,
            1 - expected_SE if share else expected_SE,
            rtol=tolerance,
            atol=1e-7,
            err_msg=name,
        )


@pytest.mark.parametrize("case", quick(QUICK, CASES))
def test_many_seeds_and_plain_keras_agree_in_every_epoch_and_weight(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "plan_shards", lambda *_: (2, 2))  # seeds 0 and 1 are stacked, on any number of cores
    config = experiment(**{**CASES[case], "training": {"epochs": 6, **CASES[case].get("training", {})}})
    _, data, at_once = trained(train_many_seeds, config, (0, 1, 2))
    _, _, alone = trained(train_keras_fit, config, (1,))
    assert_histories_agree(at_once.history.of((1,)), alone.history, tolerance=1e-5)
    assert all(at_once.batches[which]["1"] == digests["1"] for which, digests in alone.batches.items())
    for values, (expected,) in zip(at_once.weights, alone.weights, strict=True):
        np.testing.assert_allclose(values[1], expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())
    assert_rows_agree(at_once, alone, data)


def assert_rows_agree(at_once: Trained, alone: Trained, data: Data) -> None:
    """What each held-out row measures is alike in both engines, and its mean is the final value of the history."""
    assert at_once.rows.keys() == alone.rows.keys() == {"val", "test"} & data.parts.keys() != set()
    expected = {"loss", "predicted"} if data.task == "regression" else {"loss", "accuracy", "predicted"}
    for part, measured in alone.rows.items():
        assert at_once.rows[part].keys() == measured.keys() == expected
        for name, (expected_R,) in measured.items():
            np.testing.assert_allclose(at_once.rows[part][name][1], expected_R, rtol=2e-4, atol=2e-6, err_msg=name)
            if name != "predicted":
                final_S = at_once.history.final(f"{part}_{name}")
                np.testing.assert_allclose(at_once.rows[part][name].mean(axis=1), final_S, rtol=1e-5)


STACKED = sorted(set(KERAS_NAMES) - MIXING - {"rmsprop", "adam"})  # `CASES` has these two


@pytest.mark.parametrize("optimizer", STACKED)
def test_every_elementwise_optimizer_updates_stacked_weights_as_keras_updates_each(optimizer: str) -> None:
    training = experiment(training={"optimizer": optimizer, "learning_rate": 0.01}).training
    drawn = np.random.default_rng(0)
    weights_S, gradients_TS = drawn.normal(size=(2, 5, 3)), drawn.normal(size=(6, 2, 5, 3))
    stacked = make_pure_optimizer(training, 10, rows=2)
    values = [tf.constant(weights_S, "float32")]
    stacked.build([keras.Variable(values[0])])
    rates_S = np.full(2, 0.01, "float32")
    state = [tf.constant(rates_S if v is stacked.rates_S else v.numpy()) for v in stacked.variables]
    for gradients_S in gradients_TS:
        values, state = stacked.stateless_apply(state, [tf.constant(gradients_S, "float32")], values)
    for row in range(2):
        weight, plain = keras.Variable(weights_S[row], dtype="float32"), make_optimizer(training, 10)
        for gradients_S in gradients_TS:
            plain.apply([tf.constant(gradients_S[row], "float32")], [weight])
        np.testing.assert_allclose(values[0][row], weight.numpy(), rtol=1e-6, atol=1e-7)
        assert np.abs(weight.numpy() - weights_S[row]).max() > 1e-5, "it has moved"


@pytest.mark.parametrize("hook", ["_backend_update_step", "_apply_weight_decay"])
def test_a_keras_that_would_not_ask_for_each_seeds_rate_is_refused_as_a_bug(
    hook: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = next(parent for parent in keras.optimizers.SGD.__mro__ if parent.__name__ == "BaseOptimizer")
    for parent in keras.optimizers.SGD.__mro__:
        if hook in vars(parent):
            monkeypatch.delattr(parent, hook)
    assert not hasattr(base, hook)
    with pytest.raises(RuntimeError, match=rf"^keras\.optimizers of Keras \S+ have no {hook}, by which each seed is "):
        make_pure_optimizer(experiment().training, 10, rows=2)


def test_keras_own_rate_of_stacked_weights_is_no_number_that_could_pass_unseen() -> None:
    assert np.isnan(make_pure_optimizer(experiment().training, 10, rows=2).learning_rate.numpy())


@pytest.mark.parametrize(
    "settings",
    [
        slow({"learning_rate": 0.01}),
        slow({"optimizer": {"name": "adamw", "weight_decay": 0.1}, "learning_rate": 0.01}),
        slow({"optimizer": {"name": "nadam", "clipvalue": 0.5}, "learning_rate": {"name": "cosine", "initial": 0.01}}),
        slow({"optimizer": "sgd", "learning_rate": {"name": "warmup", "initial": 0.01, "warmup_epochs": 2}}),
        slow({"optimizer": "sgd", "learning_rate": 0.01, "early_stopping": {"patience": 1}}),
    ],
)
def test_a_grid_of_learning_rates_in_one_program_is_each_rate_by_itself(settings: dict[str, Any]) -> None:
    config = experiment(training={"epochs": 4, **settings})
    built, data = prepared(config)
    rates = [0.001, 0.05, 1e6 if settings.get("optimizer") == "sgd" else 0.5]
    trainings = [
        config.training.model_copy(
            update={"learning_rate": config.training.learning_rate.model_copy(update={"initial": rate})}
        )
        for rate in rates
    ]
    initial = built.initial.draw(SEEDS)
    tiled = [np.concatenate([values] * len(rates)) for values in initial]
    together = train_together(built.model, joined_data([data] * 3), trainings, SEEDS, tiled, lambda histories: False)
    for training, ours in zip(trainings, together, strict=True):
        alone = train_many_seeds(built.model, data, training, SEEDS, initial, lambda history: False)
        assert_histories_agree(ours.history, alone.history, tolerance=1e-5)
        assert ours.history.diverged_at == alone.history.diverged_at
        assert ours.batches == alone.batches
        for values, expected in zip(ours.weights, alone.weights, strict=True):
            np.testing.assert_allclose(values, expected, rtol=1e-4, atol=1e-5)
    assert [bool(one.history.diverged_at) for one in together] == [False, False, rates[2] == 1e6]


def test_experiments_on_data_of_one_shape_train_together_as_each_alone() -> None:
    configs = [experiment(dataset={"class_sep": sep, "resample": True, "scale": "standard"}) for sep in (0.5, 2.0)]
    pairs = [prepared(config) for config in configs]
    initials = [built.initial.draw(SEEDS) for built, _ in pairs]
    both = [np.concatenate(values) for values in zip(*initials, strict=True)]
    data = joined_data([data for _, data in pairs])
    trainings = [config.training for config in configs]
    together = train_together(pairs[0][0].model, data, trainings, SEEDS, both, lambda histories: False)
    for config, ours in zip(configs, together, strict=True):
        _, _, alone = trained(train_many_seeds, config)
        assert_histories_agree(ours.history, alone.history, tolerance=1e-5)
        assert config != configs[0] or ours.batches == alone.batches  # the second's rows stand behind the first's
        for values, expected in zip(ours.weights, alone.weights, strict=True):
            np.testing.assert_allclose(values, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_dropout_gives_each_seed_and_each_step_its_own_mask() -> None:
    config = experiment(model={"dropout": 0.5})
    built, _, outcome = trained(train_many_seeds, config)
    states = [v for v, var in zip(outcome.weights, built.model.variables, strict=True) if "seed_generator" in var.path]
    assert len(states) == 2
    for state_S in states:
        assert len({tuple(state) for state in state_S.tolist()}) == len(SEEDS)
        assert (state_S[:, 1] > 0).all()


def test_batch_orders_are_a_fresh_permutation_for_every_seed_and_epoch() -> None:
    orders = {tuple(batch_order(seed, epoch, 40)) for seed in range(20) for epoch in range(10)}
    assert len(orders) == 200
    assert all(sorted(order) == list(range(40)) for order in orders)


def test_a_repeated_order_is_the_first_ones_and_a_sorted_one_goes_class_by_class() -> None:
    config, y_N = experiment(), np.array([0, 1] * 20, "float32")
    repeated, classes = (
        config.training.model_copy(update={"batch_order": order, "batch_size": 8, "drop_last": True})
        for order in ("repeated", "sorted")
    )
    rows_R = np.arange(3, 40, dtype="int32")
    fed = [fed_rows(rows_R, y_N, 5, epoch, repeated) for epoch in range(3)]
    np.testing.assert_array_equal(fed[0], rows_R[batch_order(5, 0, 37)][:32])
    assert all((order == fed[0]).all() for order in fed)
    by_class = [fed_rows(rows_R, y_N, 5, epoch, classes) for epoch in range(2)]
    assert all((np.diff(y_N[order]) >= 0).all() for order in by_class)
    assert (by_class[0] != by_class[1]).any()


@pytest.mark.slow
def test_a_shift_is_seen_by_the_test_part_alone_and_its_own_statistics_undo_it() -> None:
    plain = experiment(dataset={"validation_size": 0.25, "scale": "standard"}, model={"placement": "before"})
    shift = {"validation_size": 0.25, "scale": "standard", "shift": {"scale": 0.5, "offset": 1.5}}
    shifted = experiment(dataset=shift, model={"placement": "before"})
    _, before, as_it_was = trained(train_many_seeds, plain)
    _, after, moved = trained(train_many_seeds, shifted)
    rows_R = before.parts["test"][0]
    expected = 0.5 * before.inputs(0, rows_R, "test") + 1.5
    np.testing.assert_allclose(after.inputs(0, rows_R, "test"), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(after.inputs(0, rows_R), before.inputs(0, rows_R))
    for name in ("loss", "train_loss", "val_loss"):  # parts that are seen differently are evaluated apart, which rounds
        np.testing.assert_allclose(moved.history.metrics[name], as_it_was.history.metrics[name], rtol=1e-6)
    assert (np.abs(moved.history.metrics["test_loss"] - as_it_was.history.metrics["test_loss"]) > 0.01).all()
    # All that follows the first normalization, which takes the moments of its own inputs, sees no shift.
    own = {"refresh_statistics": "each_part"}
    adapted, same = (
        trained(train_many_seeds, experiment(dataset=dataset, model={"placement": "before"}, training=own))[2]
        for dataset in (shift, {"validation_size": 0.25, "scale": "standard"})
    )
    np.testing.assert_allclose(adapted.history.metrics["test_loss"], same.history.metrics["test_loss"], rtol=0.02)


@pytest.mark.slow
def test_both_arms_and_both_trainers_are_fed_the_same_batches_from_the_same_kernels() -> None:
    arms = {name: experiment(model={"normalization": name, "dropout": 0.1}) for name in ("batch", "none", "layer")}
    outcomes = {name: trained(train_many_seeds, config, (0, 1)) for name, config in arms.items()}
    _, _, by_keras = trained(train_keras_fit, arms["batch"], (1,))
    kernels = {}
    for name, (built, _, outcome) in outcomes.items():
        assert {which: {"1": digests["1"]} for which, digests in outcome.batches.items()} == by_keras.batches
        assert outcome.batches == outcomes["batch"][2].batches
        drawn = built.initial.draw((0, 1))
        kernels[name] = {kernel: drawn[position] for position, kernel in built.initial.kernel_names().items()}
    assert set(kernels["batch"]) == {"hidden_1/kernel", "hidden_2/kernel", "output/kernel"}
    for kernel, values in kernels["batch"].items():
        np.testing.assert_array_equal(values, kernels["none"][kernel])
        np.testing.assert_array_equal(values, kernels["layer"][kernel])
        assert not np.array_equal(values[0], values[1])


@pytest.mark.slow
def test_the_seed_is_one_training_whatever_trains_beside_it() -> None:
    config = experiment()
    _, _, three = trained(train_many_seeds, config, (0, 1, 2))
    _, _, alone = trained(train_many_seeds, config, (1,))
    for name, values in alone.history.metrics.items():
        np.testing.assert_allclose(three.history.metrics[name][1], values[0], rtol=1e-5)


@pytest.mark.slow
def test_final_weights_and_history_belong_together() -> None:
    config = experiment(training={"epochs": 4})
    built, data, outcome = trained(train_many_seeds, config)
    for row in range(len(SEEDS)):
        for variable, values in zip(built.model.variables, outcome.weights, strict=True):
            variable.assign(values[row])
        rows_R = data.parts["val"][row]
        predicted = built.model.predict(data.inputs(row, rows_R), verbose=0)[:, 0]
        history = outcome.history
        assert history.final("val_loss")[row] == pytest.approx(log_loss(data.rows.y_N[rows_R], predicted), rel=1e-4)
        assert history.final("val_accuracy")[row] == pytest.approx(
            accuracy_score(data.rows.y_N[rows_R], predicted > 0.5)
        )


def test_a_seed_whose_loss_is_not_finite_stops_and_the_others_go_on() -> None:
    config = experiment(
        dataset={"name": "regression"},
        model={"normalization": "none"},
        training={"optimizer": "sgd", "learning_rate": 0.5, "epochs": 6},
    )
    for trainer, seeds in ((train_many_seeds, SEEDS), (train_keras_fit, (0, 1))):
        built, data = prepared(config, seeds)
        initial = built.initial.draw(seeds)
        for values in initial:
            values[0] = 0.0  # this one only learns its mean; the others blow up
        outcome = trainer(built.model, data, config.training, seeds, initial, lambda history: False)
        history = outcome.history
        assert set(history.diverged_at) == {*seeds} - {0}
        assert history.epochs_S[0] == 6
        assert np.isfinite(history.final("loss")[0])
        assert history.epochs_S[1] == history.diverged_at[1] < 6
        assert np.isnan(history.final("loss")[1])


@pytest.mark.slow
def test_watch_can_stop_after_an_epoch_and_what_was_measured_is_kept() -> None:
    config = experiment(training={"epochs": 5})
    built, data = prepared(config)
    stop = lambda so_far: max(so_far[-1].epochs_S) == 2  # noqa: E731
    outcome = train_many_seeds(built.model, data, config.training, SEEDS, built.initial.draw(SEEDS), stop)
    assert outcome.interrupted
    assert outcome.history.epochs_S == (2, 2, 2)


@pytest.mark.slow
def test_plain_keras_traces_the_step_of_a_seed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """TensorFlow traces a step again if the first trace makes variables, as those of an optimizer and of metrics."""
    config = experiment(training={"epochs": 2, "batch_size": 32})
    built, data = prepared(config, (0, 1))
    step, traced = keras.Model.train_step, list[Any]()
    monkeypatch.setattr(keras.Model, "train_step", lambda model, rows: traced.append(rows) or step(model, rows))
    train_keras_fit(built.model, data, config.training, (0, 1), built.initial.draw((0, 1)), lambda history: False)
    assert len(traced) == 2


@pytest.mark.parametrize("trainer", [train_many_seeds, slow(train_keras_fit)])
def test_who_asks_to_stop_after_the_last_epoch_has_a_finished_run(trainer: Any) -> None:
    config = experiment(training={"epochs": 2})
    built, data = prepared(config, (0, 1))
    at_the_end = lambda so_far: joined(so_far).epochs_S == (2, 2)  # noqa: E731
    outcome = trainer(built.model, data, config.training, (0, 1), built.initial.draw((0, 1)), at_the_end)
    assert not outcome.interrupted
    assert outcome.history.epochs_S == (2, 2)


@pytest.mark.parametrize(
    ("training", "reason"),
    [
        ({"optimizer": "lamb"}, "training.optimizer lamb mixes the elements of a whole weight"),
        ({"optimizer": {"name": "sgd", "clipnorm": 1.0}}, "training.optimizer.clipnorm clips by the norm"),
        ({"optimizer": {"name": "sgd", "global_clipnorm": 1.0}}, "training.optimizer.global_clipnorm clips"),
        ({"optimizer": {"name": "adam", "use_ema": True, "ema_overwrite_frequency": 3}}, "training.optimizer.use_ema "),
        (
            {"optimizer": {"name": "sgd", "gradient_accumulation_steps": 4}},
            "training.optimizer.gradient_accumulation_steps updates weights in some steps only",
        ),
        ({"trainer": "keras_fit"}, "training.trainer is keras_fit"),
    ],
)
def test_what_is_not_exact_on_stacked_weights_is_trained_seed_by_seed_and_says_why(training: Any, reason: str) -> None:
    config = experiment(training=training)
    built, _ = prepared(config)
    name, why = engine_name(config.training, built.model)
    assert name == "keras_fit"
    assert why is not None and why.startswith(reason)


def test_many_seeds_is_refused_where_it_would_not_be_exact() -> None:
    config = experiment(training={"optimizer": "lamb", "trainer": "many_seeds"})
    built, _ = prepared(config)
    message = r"training\.trainer is many_seeds; training\.optimizer lamb mixes .*\. Use auto or keras_fit\."
    with pytest.raises(SettingError, match=message):
        engine_name(config.training, built.model)


def test_a_step_shorter_than_an_optimizer_step_is_one_step() -> None:
    config = experiment(training={"learning_rate": {"name": "step", "initial": 0.1, "every_epochs": 0.1}})
    schedule = make_optimizer(config.training, steps_per_epoch=2)._learning_rate
    np.testing.assert_allclose([schedule(0), schedule(1)], [0.1, 0.1 * config.training.learning_rate.factor], rtol=1e-6)


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [
        ({"name": "step", "every_epochs": 1.5, "factor": 0.5}, [0.1] * 6 + [0.05] * 6),
        ({"name": "exponential", "factor": 0.25}, [0.1 * 0.25 ** (step / 4) for step in range(12)]),
        ({"name": "warmup", "warmup_epochs": 1}, [0, 0.025, 0.05, 0.075] + [0.1] * 8),
        ({"name": "cosine"}, [0.05 * (1 + np.cos(np.pi * step / 12)) for step in range(12)]),
        (
            {"name": "cosine", "warmup_epochs": 1, "final_share": 0.5},
            [0, 0.025, 0.05, 0.075] + [0.05 + 0.025 * (1 + np.cos(np.pi * step / 8)) for step in range(8)],
        ),
    ],
)
def test_each_schedule_has_the_rate_of_its_formula_at_every_step_in_both_trainers(
    schedule: dict[str, Any], rates: list[float]
) -> None:
    training = experiment(training={"learning_rate": {**schedule, "initial": 0.1}, "epochs": 3}).training
    plain, stacked = make_optimizer(training, steps_per_epoch=4), make_pure_optimizer(training, 4, rows=1)
    np.testing.assert_allclose([plain._learning_rate(step) for step in range(12)], rates, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose([0.1 * stacked.schedule(step) for step in range(12)], rates, rtol=1e-6, atol=1e-8)


def test_an_accuracy_of_float32_becomes_a_whole_number_of_rows_in_float64() -> None:
    means = {"loss": np.float32([0.5]), "accuracy": np.float32([180 / 200])}
    found = in_whole_rows(means, 200)
    assert found["accuracy"].tolist() == [0.9] and found["loss"] is means["loss"]
    assert in_whole_rows({"mse": np.float32([0.3])}, 200) == {"mse": np.float32([0.3])}, "a regression has no accuracy"


def test_shards_are_balanced_over_the_workers() -> None:
    for seeds, workers, sizes in (
        (20, 2, [10, 10]),
        (200, 2, [50] * 4),
        (5, 2, [3, 2]),
        (1, 1, [1]),
        (130, 2, [33] * 3 + [31]),
    ):
        shards = cut(seeds, workers, most=64)
        assert [shard.kept for shard in shards] == sizes
        assert len({shard.size for shard in shards}) == 1
        assert sorted({row for shard in shards for row in shard.rows.tolist()}) == list(range(seeds))


@pytest.mark.slow
def test_a_seed_that_diverges_at_once_has_one_epoch_in_both_trainers() -> None:
    config = experiment(
        dataset={"name": "regression"},
        model={"normalization": "none", "hidden": [4]},
        training={"optimizer": "sgd", "learning_rate": 1e12, "epochs": 3},
    )
    for trainer, seeds in ((train_many_seeds, SEEDS), (train_keras_fit, (1,))):
        _, _, outcome = trained(trainer, config, seeds)
        assert outcome.history.epochs_S == (1,) * len(seeds)


def test_a_weight_constraint_is_trained_seed_by_seed() -> None:
    layers = [
        {"Dense": {"units": 4, "kernel_constraint": "max_norm"}},
        {"Dense": {"units": 1, "activation": "sigmoid"}},
    ]
    config = experiment(model={"name": "sequential", "layers": layers})
    built, _ = prepared(config)
    assert engine_name(config.training, built.model) == (
        "keras_fit",
        "dense_1/kernel has a constraint on a whole weight",
    )


@pytest.mark.parametrize("precision", [slow("float16"), slow("mixed_float16"), slow("bfloat16"), slow("float64")])
def test_another_precision_is_trained_seed_by_seed_as_keras_trains_it(precision: str) -> None:
    layers = [
        {"Dense": {"units": 4, "dtype": precision}},
        {"Dense": {"units": 1, "activation": "sigmoid", "dtype": precision}},
    ]
    training = {"optimizer": {"name": "adamw", "weight_decay": 0.1}, "epochs": 2}
    config = experiment(model={"name": "sequential", "layers": layers}, training=training)
    built, data = prepared(config, (0, 1))
    reason = f"dense_1 computes in {precision}, and seeds are stacked in float32 only"
    assert engine_name(config.training, built.model) == ("keras_fit", reason)
    outcome = train_keras_fit(
        built.model, data.of(slice(1, 2)), config.training, (1,), built.initial.draw((1,)), lambda so_far: False
    )
    assert np.isfinite(outcome.history.final("val_loss")).all()


def test_averaged_weights_and_accumulated_gradients_are_those_of_a_loop_by_hand() -> None:
    options = {"name": "sgd", "use_ema": True, "ema_momentum": 0.5, "ema_overwrite_frequency": 2}
    options |= {"gradient_accumulation_steps": 3}
    layers = [{"Dense": {"units": 1, "activation": "sigmoid"}}]
    training = {"optimizer": options, "learning_rate": 0.5, "epochs": 2, "batch_size": 20}
    config = experiment(model={"name": "sequential", "layers": layers}, training=training)
    built, data, outcome = trained(train_keras_fit, config, (0,))
    kernel, bias = (values[0].astype("float64") for values in built.initial.draw((0,)))
    x, y = (data.inputs(0, data.train_SR[0]).astype("float64"), data.rows.y_N[data.train_SR[0]])
    averages, summed, step = [kernel, bias], [0.0, 0.0], 0
    for epoch in range(2):
        order = batch_order(0, epoch, len(x))
        for batch in order.reshape(-1, 20):
            error = 1 / (1 + np.exp(-(x[batch] @ kernel + bias)[:, 0])) - y[batch]
            summed = [summed[0] + x[batch].T @ error[:, None] / 20, summed[1] + error.mean()]
            if (step + 1) % 3 == 0:
                kernel, bias = kernel - 0.5 * summed[0] / 3, bias - 0.5 * summed[1] / 3
                summed = [0.0, 0.0]
            updates = step // 3  # Keras counts updates, and averages after each batch
            keep = 0.5 if updates else 0.0
            averages = [keep * old + (1 - keep) * new for old, new in zip(averages, (kernel, bias), strict=True)]
            if (updates + 1) % 2 == 0:
                kernel, bias = averages
            step += 1
    for values, expected in zip(outcome.weights, (kernel, bias), strict=True):
        np.testing.assert_allclose(values[0], expected, rtol=1e-5, atol=1e-6)


def test_averages_that_no_epoch_would_measure_are_refused() -> None:
    with pytest.raises(ValidationError, match="ema_overwrite_frequency beside use_ema"):
        experiment(training={"optimizer": {"name": "adam", "use_ema": True}})


def test_refreshed_statistics_are_the_moments_of_the_training_rows() -> None:
    config = experiment(model={"hidden": [5]})
    built, data = prepared(config, (0,))
    x_RD = data.inputs(0, data.train_SR[0])
    model = built.model
    values = [[v.value for v in part] for part in (model.trainable_variables, model.non_trainable_variables)]
    ((mean, variance, count),) = batch_statistics(model, *values, keras.ops.convert_to_tensor(x_RD))
    assert count == len(x_RD)
    kernel, bias = (np.array(v) for v in model.layers[0].get_weights())
    hidden = np.maximum(x_RD @ kernel + bias, 0)
    np.testing.assert_allclose(np.array(mean), hidden.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(np.array(variance), hidden.var(axis=0), rtol=1e-4)


@pytest.mark.parametrize("trainer", [train_many_seeds, slow(train_keras_fit)])
def test_a_frozen_batch_normalization_keeps_the_statistics_it_was_trained_with(trainer: Any) -> None:
    case = CASES["a frozen batch normalization before another, a shifted test part, statistics of each part"]
    built, data, outcome = trained(trainer, experiment(model=case["model"], training=case["training"]), (0,))
    moving = [v.path.rpartition("/")[2] for v in built.model.non_trainable_variables if "moving" in v.path]
    assert moving == ["moving_mean", "moving_variance"] * 2
    places = [i for i, v in enumerate(built.model.variables) if "moving" in v.path]
    frozen_mean, frozen_variance, mean, _ = (outcome.weights[i][0] for i in places)
    np.testing.assert_array_equal([frozen_mean, frozen_variance], np.ones((2, 20)))
    seen_RD = (data.inputs(0, data.train_SR[0]) - 1) / np.sqrt(1 + 1e-3)
    np.testing.assert_allclose(mean, seen_RD.mean(axis=0), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("resample", [True, False])
def test_refreshed_statistics_of_parts_are_those_of_all_rows_though_a_file_of_groups_is_sorted_by_class(
    tmp_path: Path, resample: bool
) -> None:
    y, group = np.arange(3200) // 1600, np.arange(3200) // 20
    x = np.random.default_rng(0).normal(3 * y, 1, (4, 3200))
    table = np.column_stack([*x, group, y])
    np.savetxt(tmp_path / "x.csv", table, "%g", ",", header="a,b,c,d,who,y", comments="")
    keys = {"path": str(tmp_path / "x.csv"), "target": "y", "group": "who", "resample": resample}
    config = Experiment.model_validate(
        {"name": "sorted", "dataset": {"name": "csv", **keys}, "model": {"name": "mlp", "normalization": "batch"}}
    )
    built, data = prepared(config, (0,))
    x_RD = keras.ops.convert_to_tensor(data.inputs(0, data.train_SR[0]))
    model = built.model
    values = [[v.value for v in part] for part in (model.trainable_variables, model.non_trainable_variables)]
    cuts = equal_parts(len(x_RD), 1024)
    assert len(cuts) == 3
    in_parts = refreshed_values(model, [batch_statistics(model, *values, x_RD[part]) for part in cuts])
    at_once = refreshed_values(model, [batch_statistics(model, *values, x_RD)])
    pairs = zip(in_parts.values(), at_once.values(), strict=True)
    for found, expected in pairs:  # the second layer sees what each part's own statistics made of the first
        np.testing.assert_allclose(found, expected, rtol=0.1, atol=0.02)


def test_refreshed_statistics_weigh_each_part_by_what_its_mask_leaves() -> None:
    layer = keras.layers
    model = keras.Sequential([keras.Input((4, 3)), layer.Masking(), layer.BatchNormalization(), layer.GRU(2)])
    rng = np.random.default_rng(0)
    x = rng.normal(2, 3, (8, 4, 3)).astype("float32")
    x[:4, 1:] = 0
    values = [[v.value for v in part] for part in (model.trainable_variables, model.non_trainable_variables)]
    parts = [batch_statistics(model, *values, keras.ops.convert_to_tensor(part)) for part in (x[:4], x[4:])]
    mean, variance = refreshed_values(model, parts).values()
    positions = x[x.any(axis=-1)]
    assert len(positions) == 4 + 16
    np.testing.assert_allclose(mean, positions.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(variance, positions.var(axis=0), rtol=1e-4)


@pytest.mark.parametrize("trainer", [train_many_seeds, slow(train_keras_fit)])
def test_inputs_far_from_zero_have_the_statistics_of_the_same_inputs_around_zero(tmp_path: Path, trainer: Any) -> None:
    offset = np.float32(5000)
    far = np.random.default_rng(0).normal(0, 0.5, (2600, 4)).astype("float32") + offset  # mean / deviation is 10^4
    inputs = {"near": far - offset, "far": far}
    model = {"name": "sequential", "layers": ["BatchNormalization", {"Dense": {"units": 1, "activation": "sigmoid"}}]}
    found = {}
    for name, x in inputs.items():
        np.savez(tmp_path / f"{name}.npz", x=x, y=inputs["near"][:, 0] > 0)
        keys = {"name": "npz", "path": str(tmp_path / f"{name}.npz"), "scale": "none"}
        training = {"epochs": 2, "seeds": 1, "refresh_statistics": True, "learning_rate": 0.01}
        config = Experiment.model_validate({"name": name, "dataset": keys, "model": model, "training": training})
        built, data, outcome = trained(trainer, config, (0,))
        weights = dict(zip((v.path for v in built.model.variables), outcome.weights, strict=True))
        (variance,) = (value[0] for path, value in weights.items() if path.endswith("moving_variance"))
        expected = x[data.train_SR[0]].astype("float64").var(axis=0)  # in three parts for the trainers
        np.testing.assert_allclose(variance, expected, rtol=2e-3)
        found[name] = outcome.history.metrics["val_loss"][0]
    np.testing.assert_allclose(found["far"], found["near"], rtol=2e-3)


@pytest.mark.parametrize("trainer", [train_many_seeds, slow(train_keras_fit)])
def test_r2_of_targets_far_from_zero_is_that_of_numpy_in_float64(trainer: Any) -> None:
    dataset = {"name": "regression", "samples": 90, "features": 4, "informative": 4, "bias": 1e6}
    config = experiment(dataset=dataset, model={"normalization": "none"}, training={"epochs": 2, "drop_last": True})
    _, data, outcome = trained(trainer, config, (0,))
    fed_R = fed_rows(data.train_SR[0], data.rows.y_N, 0, 1, config.training)
    for part, rows_R in (("", fed_R), ("val_", data.parts["val"][0]), ("train_", data.train_SR[0])):
        y_R = data.rows.y_N[rows_R].astype("float64")
        assert abs(y_R.mean()) > 3000 * y_R.std()
        mse, r2 = (outcome.history.metrics[f"{part}{name}"][0, -1] for name in ("mse", "r2"))
        np.testing.assert_allclose(1 - r2, mse / y_R.var(), rtol=1e-4)


@pytest.mark.parametrize("trainer", [train_many_seeds, slow(train_keras_fit)])
def test_errors_of_a_scaled_target_are_in_the_targets_own_unit_for_each_seeds_split(
    tmp_path: Path, trainer: Any
) -> None:
    generator = np.random.default_rng(0)
    x = generator.normal(size=(120, 3))
    prices = 40_000 + 9_000 * x[:, 0] + generator.normal(0, 500, 120)
    np.savez(tmp_path / "prices.npz", x=x, y=prices)
    dataset = {"name": "npz", "path": str(tmp_path / "prices.npz"), "resample": True, "task": "regression"}
    model = {"name": "mlp", "hidden": [8], "normalization": "none"}
    sections = {"dataset": dataset, "model": model, "training": {"epochs": 2, "seeds": 2}}
    built, data, outcome = trained(trainer, Experiment.model_validate({"name": "prices", **sections}), (0, 1))
    for row, rows_R in enumerate(data.parts["val"]):
        for variable, value in zip(built.model.variables, outcome.weights, strict=True):
            variable.assign(value[row])
        own_unit = StandardScaler().fit(prices[data.train_SR[row], None])
        predicted = own_unit.inverse_transform(built.model(data.inputs(row, rows_R)))[:, 0]
        for name, expected in (("mae", mean_absolute_error), ("mse", mean_squared_error)):
            measured = outcome.history.final(f"val_{name}")[row]
            assert measured == pytest.approx(expected(prices[rows_R], predicted), rel=1e-3)
        scaled = own_unit.transform(prices[rows_R, None])[:, 0] - built.model(data.inputs(row, rows_R)).numpy()[:, 0]
        assert outcome.history.final("val_loss")[row] == pytest.approx(np.mean(scaled**2), rel=1e-3)


@pytest.mark.slow
def test_evaluating_the_training_part_changes_no_training() -> None:
    layers = [
        {"Reshape": {"target_shape": [5, 4]}},
        {"SimpleRNN": {"units": 3, "dropout": 0.3}},
        {"Dense": {"units": 1, "activation": "sigmoid"}},
    ]
    model = {"name": "sequential", "layers": layers}
    with_it, without = (
        trained(train_keras_fit, experiment(model=model, training={"evaluate_train": evaluate, "epochs": 3}), (0,))[2]
        for evaluate in (True, False)
    )
    assert "train_loss" in with_it.history.metrics and "train_loss" not in without.history.metrics
    for values, expected in zip(with_it.weights, without.weights, strict=True):
        np.testing.assert_array_equal(values, expected)


def test_this_tensorflow_maps_random_operations_by_the_rules_that_are_written_for_it() -> None:
    from tensorflow.python.ops.parallel_for import pfor

    random_operations.draw_for_each_seed()
    rules = [pfor._pfor_converter_registry[kind] for kind in random_operations.STATELESS]
    assert all(rule.func is random_operations._written_out for rule in rules)


@pytest.mark.slow
def test_what_a_seed_draws_does_not_hang_on_its_shard(monkeypatch: pytest.MonkeyPatch) -> None:
    config = experiment(model={"dropout": 0.4}, training={"epochs": 2})
    outcomes = []
    for most in (1, 3):
        monkeypatch.setattr(memory, "plan_shards", lambda *_, most=most: (1, most))
        outcomes.append(trained(train_many_seeds, config)[2])
    assert_histories_agree(outcomes[0].history, outcomes[1].history, tolerance=1e-5)


@pytest.mark.slow
def test_refreshing_cures_statistics_that_have_not_caught_up() -> None:
    short = {"dataset": {"samples": 400, "class_sep": 3.0, "flip_y": 0.0}, "model": {"normalization": "batch"}}
    stale = trained(train_many_seeds, experiment(**short, training={"epochs": 2, "learning_rate": 0.01}))[2].history
    cured = trained(
        train_many_seeds,
        experiment(**short, training={"epochs": 2, "learning_rate": 0.01, "refresh_statistics": True}),
    )[2].history
    np.testing.assert_array_equal(stale.metrics["loss"], cured.metrics["loss"])
    assert cured.final("val_loss").mean() < stale.final("val_loss").mean() - 0.05


def test_a_sum_behind_a_convolution_stays_an_operation_of_its_own_in_threads() -> None:
    """Fused, its summand lies in the kernel, which all threads share: see devices.run_beside_others."""

    def block(x: Any, kernel: Any, bias: Any) -> Any:
        return tf.nn.relu(x + tf.nn.bias_add(tf.nn.conv2d(x, kernel, 1, "SAME"), bias))

    def operations() -> set[str]:
        context.enable_run_metadata()
        try:
            tf.function(block, autograph=False)(tf.ones((4, 28, 28, 8)), tf.ones((3, 3, 8, 8)), tf.ones(8))
            return {node.op for graph in context.export_run_metadata().partition_graphs for node in graph.node}
        finally:
            context.disable_run_metadata()

    with ThreadPoolExecutor(1, initializer=devices.run_beside_others) as pool:
        assert {"AddV2", "Relu"} <= pool.submit(operations).result()


@pytest.mark.slow
def test_operations_have_a_core_each_even_where_keras_has_read_the_rows(tmp_path: Path) -> None:
    """TensorFlow takes the setting only before its first operation, and texts are cut into words by it."""
    (tmp_path / "t.csv").write_text("text,y\n" + "good word,u\nbad word,v\n" * 8)
    (tmp_path / "t.yaml").write_text(
        "name: t\ndataset: {name: text_csv, path: t.csv, target: y, duplicates: keep, length: 4}\n"
        "model: {name: conv1d}\ntraining: {batch_size: 4}\n"
    )
    code = (
        "import tensorflow as tf; from pathlib import Path; from bnexp import config;"
        "from bnexp.experiment import prepare as experiment;"
        "one = config.load(Path('t.yaml')); experiment.built_for(one, experiment.prepared(one));"
        "print(tf.config.threading.get_intra_op_parallelism_threads(), one.training.seeds)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    expected = 1 if devices.side_by_side(20) > 1 else machine.cores()
    assert done.stdout == f"{expected} 20\n", done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("normalization", ["batch", "none"])
def test_shards_of_a_residual_net_side_by_side_are_those_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, normalization: str
) -> None:
    """Threads must share no variable's name (batch) and no kernel's state (none): see devices.run_beside_others."""
    pixels = np.random.default_rng(0).integers(0, 256, (640, 28, 28, 1)).astype("uint8")
    np.savez(tmp_path / "x.npz", x=pixels, y=np.arange(640) % 2)
    config = Experiment.model_validate(
        {
            "name": "large",
            "dataset": {"name": "npz", "path": str(tmp_path / "x.npz"), "scale": "minmax"},
            "model": {"name": "resnet", "width": 8, "normalization": normalization},
            "training": {"epochs": 3, "seeds": 12, "batch_size": 64},
        }
    )
    outcomes = []
    for workers in (2, 1):
        monkeypatch.setattr(memory, "plan_shards", lambda *_, workers=workers: (workers, 3))
        outcomes.append(trained(train_many_seeds, config, tuple(range(12)))[2])
    for values, expected in zip(outcomes[0].weights, outcomes[1].weights, strict=True):
        np.testing.assert_array_equal(values, expected)


@pytest.mark.parametrize("trainer", [train_many_seeds, slow(train_keras_fit)])
@pytest.mark.parametrize("drop_last", [slow(False), True])
def test_an_accuracy_is_right_rows_over_all_rows_in_float64_so_that_180_of_200_are_90_percent(
    trainer: Any, drop_last: bool
) -> None:
    config = experiment(
        dataset={"samples": 307, "test_size": 0.3},
        training={"batch_size": 41, "epochs": 4, "learning_rate": 0.03, "drop_last": drop_last},
    )
    seeds = (0, 1) if trainer is train_many_seeds else (1,)
    built, data, outcome = trained(trainer, config, seeds)
    rows = {"val": 93, "train": 214, "": 205 if drop_last else 214}
    assert {part: rows_SR.shape[1] for part, rows_SR in data.parts.items()} == {"train": 214, "val": 93}
    for part, count in rows.items():
        values_SE = outcome.history.metrics[f"{part}_accuracy".lstrip("_")]
        shares = [right / count for right in range(count + 1)]
        assert set(values_SE.ravel().tolist()) <= set(shares), part
    for row in range(len(seeds)):
        for variable, values in zip(built.model.variables, outcome.weights, strict=True):
            variable.assign(values[row])
        rows_R = data.parts["val"][row]
        predicted = built.model(data.inputs(row, rows_R, "val"), training=False).numpy()[:, 0] > 0.5
        assert outcome.history.final("val_accuracy")[row] == accuracy_score(data.rows.y_N[rows_R], predicted)


@pytest.mark.parametrize("rows", [40, 100, 200, slow(1000)])
def test_a_gain_of_just_min_delta_is_no_improvement_at_any_height_in_both_trainers(rows: int) -> None:
    rule = experiment(
        dataset={"validation_size": 0.2},
        training={"early_stopping": {"monitor": "val_accuracy", "patience": 3, "min_delta": 2 / rows}},
    ).training.early_stopping
    assert rule is not None
    for right in range(rows - 3):
        record, keras_rule = Record((7,), rule), early_stopping(rule)
        keras_rule.set_model(keras.Sequential([keras.Input((1,))]))
        keras_rule.on_train_begin()
        for epoch, count in enumerate([right, right + 2, right + 3]):
            accuracy = count / rows
            record.add({"loss": np.ones(1), "val_loss": np.ones(1), "val_accuracy": np.array([accuracy])})
            keras_rule.on_epoch_end(epoch, {"val_accuracy": accuracy})
        assert record.history().best_epoch[7] == keras_rule.best_epoch + 1 == 3, right


def test_each_early_stopping_step_follows_a_hand_worked_case() -> None:
    rule = experiment(training={"early_stopping": {"patience": 2, "min_delta": 0.1}}).training.early_stopping
    record = Record((7,), rule)
    losses = [1.0, 0.95, 0.85, 0.84, 0.83]  # 0.95 is no improvement by 0.1; 0.85 is; then two that are not
    for loss in losses:
        assert record.training_S.any()
        record.add({"loss": np.array([loss]), "val_loss": np.array([loss])})
    assert not record.training_S.any()
    assert record.history().best_epoch == {7: 3}
    assert record.history().epochs_S == (5,)
