"""The measures of each held-out row in the reference trainer, in NumPy and float64.

This file shares no arithmetic with `measures`.

Axes: R rows of one part, C outputs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnexp.config.section import Task

EPSILON = 1e-7
"""Keras keeps probabilities at least this far from 0 and 1 before it takes their logarithm."""


def row_measures(task: Task, y_R: NDArray[Any], predicted_RC: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """Return each row's loss and prediction and, for classes, whether the prediction is right."""
    if task == "regression":
        predicted_R = predicted_RC[:, 0]
        squared_R = np.square(predicted_R.astype("float64") - y_R)
        return {"loss": squared_R, "predicted": predicted_R}
    probability_RC = np.clip(predicted_RC.astype("float64"), EPSILON, 1 - EPSILON)
    if task == "binary":
        predicted_R, of_class_R = predicted_RC[:, 0], probability_RC[:, 0]
        loss_R = -np.log(np.where(y_R == 1, of_class_R, 1 - of_class_R))
        return {"loss": loss_R, "accuracy": (predicted_R > 0.5) == y_R, "predicted": predicted_R}
    class_R = y_R.astype(int)
    loss_R = -np.log(probability_RC[np.arange(len(class_R)), class_R])
    return {"loss": loss_R, "accuracy": predicted_RC.argmax(axis=1) == class_R, "predicted": predicted_RC}
