"""Weights that no training changes: they keep the values that their layer has, in training and in a saved model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from own_functions import TABLE, built

from bnexp.models.built import Built
from bnexp.models.own_doubts import NOT_USED
from bnexp.models.saving import model_bytes

ROWS = (5 + 3 * np.random.default_rng(0).normal(size=(50, 4))).astype("float32")
VALUES = np.arange(1, 5, dtype="float32")


class Fixed(layers.Layer):
    """Multiplies by a table of the user's own, which no training changes."""

    def __init__(self, initializer: Any) -> None:
        super().__init__()
        self.table = self.add_weight(shape=(4,), initializer=initializer, trainable=False, name="table")
        self.table.assign(VALUES)

    def call(self, x: Any) -> Any:
        return x * self.table


def adapted(layer: keras.Layer) -> keras.Layer:
    layer.adapt(np.round(ROWS).astype("int32") if isinstance(layer, layers.IntegerLookup) else ROWS)
    return layer


def behind(*first: keras.Layer) -> keras.Model:
    return keras.Sequential([
        keras.Input((4,)), *first, layers.Dense(8), layers.BatchNormalization(), layers.Dense(3, "softmax"),
    ])  # fmt: skip


def begun(one: Built, seed: int = 0) -> list[Any]:
    """Return the values that a seed begins with, and give them to the model."""
    values = [stacked[0] for stacked in one.initial.draw((seed,))]
    for variable, value in zip(one.model.variables, values, strict=True):
        variable.assign(value)
    return values


@pytest.mark.parametrize(
    "first",
    [
        lambda: [adapted(layers.Normalization())],
        lambda: [adapted(layers.Discretization(num_bins=3)), layers.CategoryEncoding(5, "multi_hot")],
        lambda: [adapted(layers.IntegerLookup(output_mode="multi_hot"))],
    ],
)
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras's own, while it saves
def test_a_saved_model_with_an_adapted_layer_computes_what_was_measured(
    first: Callable[[], list[keras.Layer]], tmp_path: Path
) -> None:
    one = built(lambda: behind(*first()), inputs=TABLE)
    values = begun(one)
    measured = one.model(ROWS).numpy()
    (tmp_path / "model.keras").write_bytes(model_bytes(one.model, values))
    saved = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(saved(ROWS).numpy(), measured)
    assert np.ptp(measured, axis=0).max() > 0.01, "the outputs depend on the inputs"


@pytest.mark.parametrize("arm", ["as_written", "layer", "none"])
def test_a_table_that_a_layer_sets_stays_in_all_seeds_and_arms(arm: str) -> None:
    one = built(lambda: behind(Fixed("zeros")), arm, TABLE)
    for seed in (0, 1):
        begun(one, seed)
        np.testing.assert_array_equal(one.model.layers[0].table, VALUES)
    assert one.warnings == ()


def test_a_table_in_the_place_of_drawn_values_is_warned_of_and_stays_where_weights_are_kept() -> None:
    drawn = built(lambda: behind(Fixed("random_normal")), inputs=TABLE)
    assert drawn.warnings == (NOT_USED,)
    kept = built(lambda: behind(Fixed("random_normal")), inputs=TABLE, weights="keep")
    begun(kept)
    np.testing.assert_array_equal(kept.model.layers[0].table, VALUES)


@pytest.mark.parametrize("layer", [layers.BatchNormalization(), layers.SpectralNormalization(layers.Dense(3))])
def test_statistics_that_training_found_begin_anew(layer: keras.Layer) -> None:
    def found() -> keras.Model:
        model = behind(copy_of(layer))
        model(ROWS, training=True)
        return model

    one = built(found, inputs=TABLE)
    before = [variable.numpy() for variable in one.model.layers[0].non_trainable_variables]
    begun(one)
    after = [variable.numpy() for variable in one.model.layers[0].non_trainable_variables]
    assert all(not np.array_equal(a, b) for a, b in zip(before, after, strict=True))


def copy_of(layer: keras.Layer) -> keras.Layer:
    return type(layer).from_config(layer.get_config())
