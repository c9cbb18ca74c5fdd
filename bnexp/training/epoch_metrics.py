"""What each epoch measures, and the class metrics of all seeds' predictions for the rows of a held-out part.

Axes: S seeds, R rows of one part, C classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnexp.config.training import Training
from bnexp.data import Data
from bnexp.metrics import names
from bnexp.statistics.answers import Answers
from bnexp.statistics.classification import METRICS

Floats = NDArray[np.float64]


def metrics_of(data: Data, training: Training) -> list[str]:
    """Return the names of the metrics that are measured at each epoch, in order."""
    return names(data.task, list(data.evaluated(train=training.evaluate_train)), training.epoch_metrics)


def of_part(names: Sequence[str], y_SR: NDArray[np.float32], measured: dict[str, Any]) -> dict[str, Floats]:
    """Return each of these metrics, (S,), with NaN if a net has diverged; empty if the part has no predictions.

    `predicted` is removed from `measured`: (S, R, 1) for two classes, else (S, R, C). `accuracy`, (S, R), stays.
    """
    if (predicted := measured.pop("predicted", None)) is None:
        return {}
    finite_S = np.isfinite(predicted).all(axis=(1, 2))
    predicted = predicted[..., 0] if predicted.shape[-1] == 1 else predicted
    seeds = zip(y_SR, predicted, measured["accuracy"], strict=True)
    values_SM = np.array([_of_seed(names, *one) for one in seeds])
    return {name: np.where(finite_S, values_S, np.nan) for name, values_S in zip(names, values_SM.T, strict=True)}


def _of_seed(
    names: Sequence[str], y_R: NDArray[np.float32], predicted: NDArray[Any], accuracy_R: NDArray[Any]
) -> list[float]:
    """Return each metric of one seed. `Answers` holds several float64 numbers for each row, so none is kept."""
    answers = Answers(y_R.astype(int), predicted, accuracy_R.astype(bool))
    return [float(METRICS[name].values(answers).mean()) for name in names]
