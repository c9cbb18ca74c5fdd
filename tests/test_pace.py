"""What a training costs is timed by two of its epochs."""

from __future__ import annotations

from typing import Any

import pytest
from cases import slow
from experiments import experiment, weights_of_two

from bnexp.experiment.pace import _products as products
from bnexp.experiment.pace import pace


@pytest.mark.parametrize("trainer", ["many_seeds", slow("keras_fit")])
def test_a_trial_is_two_epochs_of_the_first_wave(trainer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _, config = weights_of_two(epochs=40, trainer=trainer)
    fed = []
    monkeypatch.setattr("bnexp.training.batches.OrderDigests.add", lambda digests, row, rows_R: fed.append(row))
    assert pace([config, config], tuple(range(5))).step > 0
    assert sorted(fed) == ([0, 0, 1, 1] if trainer == "many_seeds" else [0, 0])


def test_the_size_of_a_network_counts_each_weight_at_each_position_and_in_each_call() -> None:
    """A shared layer, a skip connection, a convolution and a nested model, by hand."""
    from keras import Input, Model, Sequential, layers

    inputs = Input((8, 8, 3))
    shared = layers.Conv2D(3, 3, padding="same")  # 84 weights at 64 positions
    x = layers.Add()([shared(inputs), shared(shared(inputs))])
    nested = Sequential([Input((3,)), layers.Dense(5)])  # 20 weights
    outputs = nested(layers.GlobalAveragePooling2D()(x))
    assert products(Model(inputs, outputs)) == 3 * 84 * 64 + 20


def test_a_nested_model_counts_in_each_of_its_calls_and_a_layer_in_no_call_of_another_model() -> None:
    from keras import Input, Model, Sequential, layers

    inputs = Input((8, 8, 3))
    convolution = layers.Conv2D(3, 3, padding="same")  # 84 weights at 64 positions
    innermost = Sequential([Input((8, 8, 3)), convolution])
    inner_inputs = Input((8, 8, 3))
    inner = Model(inner_inputs, innermost(innermost(inner_inputs)))
    twice = Model(inputs, inner(inner(inputs)))
    assert products(twice) == 4 * 84 * 64
    assert products(Model(inputs, convolution(inputs))) == 84 * 64, "the calls of the other model are not its own"
    assert products(Model(inputs, inner(inputs + 1.0))) == 2 * 84 * 64, "an operation without weights"


def test_a_model_with_a_call_of_its_own_counts_its_weights() -> None:
    from keras import Input, Model, layers

    class Own(Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense = layers.Dense(5)

        def call(self, x: Any) -> Any:
            return self.dense(x)

    own = Own()
    inputs = Input((7, 3))
    nested = Model(inputs, own(own(inputs[..., :3])[..., :3]))
    assert products(own) == 20
    assert products(nested) == 2 * 7 * 20


def test_a_trial_of_a_single_epoch_does_not_take_the_tracing_for_steps() -> None:
    config = experiment(model={"hidden": [7, 9]}, training={"epochs": 1, "seeds": 2})  # of its own: no program is kept
    found = pace([config], (0, 1))
    assert found.start > found.step > 0
