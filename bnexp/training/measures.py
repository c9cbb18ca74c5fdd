"""What is measured: the loss and the metrics of each task, row by row, as Keras defines them.

Axes: S seeds, R rows of one part, B rows of a batch, C outputs.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from bnexp.config.section import Task
from bnexp.metrics import MEASURED
from bnexp.models.head import LOSSES

EVALUATED_ROWS = 1024
"""The most rows that are evaluated at a time. More rows would cost memory and save no time."""
EVALUATED_NUMBERS, FEWEST_EVALUATED = 2**22, 32
"""The most numbers that these rows hold together, and the fewest rows. Else large images and long recordings need more
memory for the evaluation than for a step of the training."""


def evaluated_rows(row_shape: Sequence[int]) -> int:
    """Return how many rows of this shape are evaluated at a time.

    >>> evaluated_rows((20,)), evaluated_rows((96, 96, 3)), evaluated_rows((224, 224, 3))
    (1024, 151, 32)
    """
    fitting = EVALUATED_NUMBERS // max(1, math.prod(row_shape))
    return min(EVALUATED_ROWS, max(FEWEST_EVALUATED, fitting))


def row_names(task: Task) -> list[str]:
    """Return the names of what `row_measures` returns, in order.

    >>> row_names("regression")
    ['loss', 'mse', 'mae']
    """
    return [name for name in ("loss", *MEASURED[task]) if name != "r2"]


def targets(task: Task, y: Any) -> Any:
    """Return targets as the task's loss needs them: (..., 1) floats, or (...,) integers for several classes."""
    return ops.cast(y, "int32") if task == "multiclass" else y[..., None]


def row_measures(task: Task, y_B: Any, predicted_BC: Any) -> dict[str, Any]:
    """Return the loss and the metrics of each row, each (B,). Their means over rows are what Keras reports.

    r2 is missing, because it is no mean over rows. It is computed from the mean of `mse` (`with_r2`).
    """
    loss_B = getattr(keras.losses, LOSSES[task])(y_B, predicted_BC)
    match task:
        case "binary":
            return {"loss": loss_B, "accuracy": ops.mean(keras.metrics.binary_accuracy(y_B, predicted_BC), axis=-1)}
        case "multiclass":
            return {"loss": loss_B, "accuracy": keras.metrics.sparse_categorical_accuracy(y_B, predicted_BC)}
        case "regression":
            absolute_B = ops.mean(ops.abs(y_B - predicted_BC), axis=-1)
            return {"loss": loss_B, "mse": loss_B, "mae": absolute_B}


def with_penalties(loss: Any, penalties: Iterable[Any]) -> Any:
    """Return the loss plus the sum of all penalties. Keras sums a penalty with several numbers, too."""
    return sum(map(ops.sum, penalties), start=loss)


def in_whole_rows(means: dict[str, Any], rows: int) -> dict[str, Any]:
    """Return the means, each (S,), with the accuracy in float64: a whole number of rows divided by all rows.

    In float32, 180 of 200 rows are 0.89999998. This does not reach a target of 0.9, and a gain of two rows is not the
    same number at every accuracy.
    """
    if "accuracy" not in means:
        return means
    return {**means, "accuracy": np.round(np.asarray(means["accuracy"], "float64") * rows) / rows}


def with_r2(means: dict[str, Any], y_SR: NDArray[np.float32]) -> dict[str, Any]:
    """Return the means with r2 = 1 - mse / variance of the targets added, each (S,) (`keras.metrics.R2Score`)."""
    return {**means, "r2": 1 - means["mse"] / y_SR.var(axis=1, dtype="float64")}


def in_target_unit(means: dict[str, Any], width_S: NDArray[np.float64]) -> dict[str, Any]:
    """Return the means, each (S,), with `mae` in the target's own unit and `mse` in its square.

    Targets are divided by `width_S` before training. The loss stays in the unit of the divided targets.

    >>> in_target_unit({"loss": 0.25, "mse": 0.25, "mae": 0.5}, np.array([10.0]))
    {'loss': 0.25, 'mse': array([25.]), 'mae': array([5.])}
    """
    powers = {"mae": 1, "mse": 2}
    return {name: value * width_S ** powers[name] if name in powers else value for name, value in means.items()}


def keras_metrics(task: Task, typical_target: float) -> list[Any]:
    """Return the metrics of a task as Keras's own objects, for the reference trainer."""
    if task != "regression":
        return ["accuracy"]
    return [
        keras.metrics.MeanSquaredError(name="mse"),
        keras.metrics.MeanAbsoluteError(name="mae"),
        R2AroundTarget(typical_target, name="r2"),
    ]


class R2AroundTarget(keras.metrics.R2Score):
    """Keras's r2 after a typical target is subtracted from targets and predictions. r2 itself stays the same.

    Keras computes the targets' sum of squares minus their squared sum divided by their number, in float32. If the mean
    is 1,000 times the standard deviation, no digit of the difference is right.
    """

    def __init__(self, typical_target: float, **options: Any) -> None:
        super().__init__(**options)
        self._typical_target = typical_target

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch, with the typical target subtracted."""
        super().update_state(y_true - self._typical_target, y_pred - self._typical_target, sample_weight)
