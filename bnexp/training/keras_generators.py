"""Restores the random generators of a Keras model after an evaluation."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras


@contextmanager
def nothing_drawn(model: keras.Model) -> Iterator[None]:
    """Restore all random generators at the end, because recurrent layers draw unused masks even in evaluation."""
    states = [(v, v.numpy()) for v in model.non_trainable_variables if v.path.endswith("seed_generator_state")]
    yield
    for variable, state in states:
        variable.assign(state)


class ValidationDrawsNothing(keras.callbacks.Callback):
    """Applies `nothing_drawn` to each validation within `model.fit`."""

    def on_test_begin(self, logs: Any = None) -> None:
        """Store the states of the generators."""
        self._validating = nothing_drawn(self.model)
        self._validating.__enter__()

    def on_test_end(self, logs: Any = None) -> None:
        """Restore the states of the generators."""
        self._validating.__exit__(None, None, None)
