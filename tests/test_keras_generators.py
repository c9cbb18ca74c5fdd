"""The random generators of a network stay as they were where it is evaluated."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from bnexp.training.keras_generators import nothing_drawn


def test_generators_are_restored_after_an_evaluation_also_after_one_that_fails() -> None:
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dropout(0.5)])
    (state,) = [one for one in model.variables if one.path.endswith("seed_generator_state")]
    before, x = state.numpy(), np.ones((2, 3), "float32")
    with nothing_drawn(model):
        model(x, training=True)
        assert not np.array_equal(state.numpy(), before)
    assert np.array_equal(state.numpy(), before)

    def fails() -> None:
        with nothing_drawn(model):
            model(x, training=True)
            raise MemoryError

    with pytest.raises(MemoryError):
        fails()
    assert np.array_equal(state.numpy(), before)
