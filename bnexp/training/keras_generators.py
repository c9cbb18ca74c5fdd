"""Random generators of a Keras model, left as they were where Keras evaluates."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras


@contextmanager
def nothing_drawn(model: keras.Model) -> Iterator[None]:
    """Leave all random generators as they were: recurrent layers draw masks in evaluation too, and do not use them."""
    states = [(v, v.numpy()) for v in model.non_trainable_variables if v.path.endswith("seed_generator_state")]
    yield
    for variable, state in states:
        variable.assign(state)


class ValidationDrawsNothing(keras.callbacks.Callback):
    """Holds `nothing_drawn` over the validation within `model.fit`."""

    def on_test_begin(self, logs: Any = None) -> None:
        """Note where the generators stand."""
        self._validating = nothing_drawn(self.model)
        self._validating.__enter__()

    def on_test_end(self, logs: Any = None) -> None:
        """Put them back there."""
        self._validating.__exit__(None, None, None)
