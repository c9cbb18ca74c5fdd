"""Regularizers and constraints of weights: what cannot work is refused before training, for any network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from experiments import train_many_seeds
from keras import layers

from bnexp.config import Experiment
from bnexp.data import prepare
from bnexp.errors import SettingError
from bnexp.experiment.prepare import built_for
from bnexp.models import Built
from bnexp.training import engine_name, memory
from bnexp.training.keras_fit import train_keras_fit

SEEDS = (0, 1)
HEAD = {"Dense": {"units": 1, "activation": "sigmoid"}}
FRAMES = {"Reshape": {"target_shape": [4, 3]}}

# --- networks of a user's own: `build` names them -----------------------------------------------


def net(**dense: Any) -> keras.Model:
    hidden = layers.Dense(8, name="hidden", **dense)
    return keras.Sequential([
        keras.Input((12,)), hidden, layers.BatchNormalization(), layers.Dense(1, activation="sigmoid"),
    ])  # fmt: skip


def no_axis() -> keras.Model:
    return net(kernel_constraint=keras.constraints.MaxNorm(axis=5))


def no_axis_frozen() -> keras.Model:
    model = no_axis()
    model.get_layer("hidden").trainable = False
    return model


def other_shape() -> keras.Model:
    return net(kernel_constraint=sum_of_columns)


def sum_of_columns(weight: Any) -> Any:
    return keras.ops.sum(weight, axis=0)


def own_mistake() -> keras.Model:
    return net(bias_regularizer=with_numpy)


def with_numpy(weight: Any) -> Any:
    return float(weight.numpy().sum())


def penalty_of_each_weight() -> keras.Model:
    return net(kernel_regularizer=squares)


def squares(weight: Any) -> Any:
    return 0.01 * weight**2


class PenaltyOfEachRow(layers.Layer):
    def call(self, x: Any) -> Any:
        self.add_loss(0.01 * keras.ops.sum(x**2, axis=-1))
        return x


def penalty_of_each_row() -> keras.Model:
    model = net()
    return keras.Sequential([model.inputs[0], PenaltyOfEachRow(), *model.layers])


def config_of(model: dict[str, Any]) -> Experiment:
    dataset = {"name": "classification", "features": 12, "samples": 80}
    training = {"epochs": 2, "seeds": 2, "batch_size": 16}
    return Experiment.model_validate({"name": "rules", "dataset": dataset, "model": model, "training": training})


def own(name: str, **model: Any) -> Experiment:
    return config_of({"name": "python", "build": f"{__file__}:{name}", **model})


def built(config: Experiment) -> Built:
    return built_for(config, prepare(config.dataset, SEEDS))


def refusal(config: Experiment) -> str:
    with pytest.raises(SettingError) as error:
        built(config)
    return str(error.value)


# --- layers of a config ---------------------------------------------------------------------------

NO_AXIS = "it has no axis {}, only {}."
RANK = "Inputs to OrthogonalRegularizer must have rank 2. Received: inputs.shape={}."


@pytest.mark.parametrize(
    ("chain", "rule", "shape", "cause"),
    [
        ([{"Dense": {"units": 8, "kernel_constraint": {"MaxNorm": {"axis": 5}}}}],
         "0 is Dense; its kernel_constraint is MaxNorm", "(12, 8)", NO_AXIS.format(5, "the axes 0 to 1")),
        ([{"Dense": {"units": 8, "kernel_constraint": {"UnitNorm": {"axis": [0, 2]}}}}],
         "0 is Dense; its kernel_constraint is UnitNorm", "(12, 8)", NO_AXIS.format(2, "the axes 0 to 1")),
        ([{"Dense": {"units": 4, "bias_regularizer": "orthogonal_regularizer"}}],
         "0 is Dense; its bias_regularizer is OrthogonalRegularizer", "(4,)", RANK.format("(4,)")),
        ([FRAMES, {"LSTM": {"units": 2, "recurrent_constraint": {"MaxNorm": {"axis": 5}}}}],
         "1 is LSTM; its recurrent_constraint is MaxNorm", "(2, 8)", NO_AXIS.format(5, "the axes 0 to 1")),
        ([FRAMES, {"Bidirectional": {"layer": {"GRU": {"units": 2, "kernel_constraint": {"MaxNorm": {"axis": 3}}}}}}],
         "1 is Bidirectional; its kernel_constraint is MaxNorm", "(3, 6)", NO_AXIS.format(3, "the axes 0 to 1")),
        ([FRAMES, {"Conv1D": {"filters": 2, "kernel_size": 2, "kernel_regularizer": "OrthogonalRegularizer"}}],
         "1 is Conv1D; its kernel_regularizer is OrthogonalRegularizer", "(2, 3, 2)", RANK.format("(2, 3, 2)")),
        ([{"PReLU": {"alpha_constraint": {"UnitNorm": {"axis": 2}}}}],
         "0 is PReLU; its alpha_constraint is UnitNorm", "(12,)", NO_AXIS.format(2, "axis 0")),
        ([{"BatchNormalization": {"gamma_constraint": {"MinMaxNorm": {"axis": 1}}}}],
         "0 is BatchNormalization; its gamma_constraint is MinMaxNorm", "(12,)", NO_AXIS.format(1, "axis 0")),
        ([{"Residual": [{"Dense": {"units": 12, "kernel_constraint": {"MaxNorm": {"axis": 3}}}}]}],
         "0 is Residual; its kernel_constraint is MaxNorm", "(12, 12)", NO_AXIS.format(3, "the axes 0 to 1")),
    ],
)  # fmt: skip
def test_a_rule_that_does_not_work_on_a_weight_is_a_refusal_of_its_layer(
    chain: list[Any], rule: str, shape: str, cause: str
) -> None:
    config = config_of({"name": "sequential", "layers": [*chain, "Flatten", HEAD]})
    argument = rule.split()[4]
    assert refusal(config) == (
        f"model.layers.{rule}, which does not work on a weight of shape {shape}: {cause} "
        f"Change {argument}, or leave it out."
    )


def test_rules_that_work_change_nothing() -> None:
    dense = {
        "units": 4, "kernel_constraint": {"MaxNorm": {"max_value": 0.01}}, "bias_regularizer": {"L2": {"l2": 0.5}},
    }  # fmt: skip
    one = built(config_of({"name": "sequential", "layers": [{"Dense": dense}, HEAD]}))
    kernel = one.model.layers[0].kernel.numpy()
    assert np.linalg.norm(kernel, axis=0).min() > 0.01
    assert one.model.losses[0] == 0


# --- networks of a user's own -----------------------------------------------------------------------


def test_a_rule_of_a_users_own_network_is_refused_with_its_layer() -> None:
    seen = f"model.build is '{__file__}:no_axis'; its kernel_constraint of layer hidden is MaxNorm"
    cause = "it has no axis 5, only the axes 0 to 1. Change kernel_constraint, or leave it out."
    assert refusal(own("no_axis")) == f"{seen}, which does not work on a weight of shape (12, 8): {cause}"
    assert refusal(own("other_shape")) == (
        f"model.build is '{__file__}:other_shape'; its kernel_constraint of layer hidden is sum_of_columns, which turns "
        "a weight of shape (12, 8) into one of shape (8,). Change kernel_constraint, or leave it out."
    )


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_rule_of_a_saved_network_is_refused_with_its_layer(tmp_path: Path) -> None:
    path = str(tmp_path / "mine.keras")
    no_axis().save(path)
    assert refusal(config_of({"name": "keras_file", "path": path})).startswith(
        f"model.path is '{path}'; its kernel_constraint of layer hidden is MaxNorm, which does not work on a weight of "
    )


def test_code_of_a_users_own_rule_that_fails_is_shown() -> None:
    shown = refusal(own("own_mistake"))
    assert shown.startswith("model has a weight whose regularizer or constraint fails; your own code fails:\n")
    assert "return float(weight.numpy().sum())" in shown and shown.endswith("\nFix that code.")


def test_a_rule_of_frozen_weights_is_never_applied_and_not_refused() -> None:
    assert built(own("no_axis_frozen"))
    assert built(own("no_axis", freeze=["hidden"]))


@pytest.mark.parametrize(
    "name", ["penalty_of_each_weight", pytest.param("penalty_of_each_row", marks=pytest.mark.slow)]
)
def test_penalties_with_several_numbers_are_summed_alike_in_both_engines(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "plan_shards", lambda *_: (1, 2))  # on two cores each seed would have a shard alone
    config = own(name)
    data, one = prepare(config.dataset, SEEDS), built(config)
    assert engine_name(config.training, one.model) == ("many_seeds", None)
    arguments = one.model, data, config.training, SEEDS, one.initial.draw(SEEDS), lambda history: False
    ours, plain = train_many_seeds(*arguments), train_keras_fit(*arguments)
    for metric, expected in plain.history.metrics.items():
        np.testing.assert_allclose(ours.history.metrics[metric], expected, rtol=1e-5, atol=1e-6, err_msg=metric)
