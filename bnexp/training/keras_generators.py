"""Restores the random generators of a Keras model after an evaluation."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

States = list[tuple[keras.Variable, NDArray[np.uint32]]]
"""The variable of each random generator, and its value."""


@contextmanager
def nothing_drawn(model: keras.Model) -> Iterator[None]:
    """Restore all random generators at the end, because recurrent layers draw unused masks even in evaluation.

    They are restored after an error, too.
    """
    states = _states(model)
    try:
        yield
    finally:
        _restore(states)


class ValidationDrawsNothing(keras.callbacks.Callback):
    """Restores the random generators after each validation within `model.fit`, unless the validation fails."""

    def on_test_begin(self, logs: Any = None) -> None:
        """Store the states of the generators."""
        self._states = _states(self.model)

    def on_test_end(self, logs: Any = None) -> None:
        """Restore the states of the generators."""
        _restore(self._states)


def _states(model: keras.Model) -> States:
    return [(v, v.numpy()) for v in model.non_trainable_variables if v.path.endswith("seed_generator_state")]


def _restore(states: States) -> None:
    for variable, state in states:
        variable.assign(state)
