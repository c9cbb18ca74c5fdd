"""Class metrics at the end of each epoch in the reference trainer: mostly scikit-learn's, from Keras's predictions.

This file shares no arithmetic with `statistics`. Axes: R rows of one part, C classes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 15
"""Number of confidence bins of the calibration error."""
COMPARE_CLASSES = ("auc", "pr_auc", "balanced_accuracy", "mcc")
"""Metrics that have no value if all rows are of one class."""


def score(name: str, y_R: NDArray[Any], predicted_RC: NDArray[Any]) -> float:
    """Return a metric of the rows' classes and of the predictions: (R, 1) for two classes, else (R, C).

    Return NaN if a prediction is not finite, or if the metric compares classes and all rows are of one class.
    """
    y_R = y_R.astype(int)
    if not np.isfinite(predicted_RC).all() or (name in COMPARE_CLASSES and len(np.unique(y_R)) < 2):
        return float("nan")
    is_binary = predicted_RC.shape[1] == 1
    answer_R = (predicted_RC[:, 0] > 0.5).astype(int) if is_binary else predicted_RC.argmax(axis=1)
    predicted = predicted_RC.astype("float64")
    return float(_score(name, y_R, predicted[:, 0] if is_binary else predicted, answer_R))


def _score(name: str, y_R: NDArray[Any], predicted: NDArray[Any], answer_R: NDArray[Any]) -> Any:
    """Return the metric; `predicted` holds the second class's probabilities, (R,), or all probabilities, (R, C)."""
    from sklearn import metrics

    match name:
        case "auc":
            return metrics.roc_auc_score(y_R, predicted)
        case "pr_auc":
            return metrics.average_precision_score(y_R, predicted)
        case "f1":
            average = "binary" if predicted.ndim == 1 else "macro"
            return metrics.f1_score(y_R, answer_R, average=average, zero_division=0.0)
        case "balanced_accuracy":
            return metrics.recall_score(y_R, answer_R, labels=np.unique(y_R), average="macro")
        case "mcc":
            return metrics.matthews_corrcoef(y_R, answer_R)
        case "top_5":
            return metrics.top_k_accuracy_score(y_R, predicted, k=5, labels=np.arange(predicted.shape[1]))
        case "log_loss":
            return _log_loss(y_R, predicted)
        case "brier":
            return _brier(y_R, predicted)
        case "calibration_error":
            return _calibration_error(y_R, predicted, answer_R)
    raise ValueError(f"the reference trainer computes no metric {name!r}")


def _log_loss(y_R: NDArray[Any], predicted: NDArray[Any]) -> float:
    probability_RC = np.stack([1 - predicted, predicted], axis=1) if predicted.ndim == 1 else predicted
    return float(-np.log(np.clip(probability_RC[np.arange(len(y_R)), y_R], 1e-7, 1)).mean())


def _brier(y_R: NDArray[Any], predicted: NDArray[Any]) -> float:
    if predicted.ndim == 1:
        return float(np.square(predicted - y_R).mean())
    return float(np.square(np.eye(predicted.shape[1])[y_R] - predicted).sum(axis=1).mean())


def _calibration_error(y_R: NDArray[Any], predicted: NDArray[Any], answer_R: NDArray[Any]) -> float:
    confidence_R = np.maximum(predicted, 1 - predicted) if predicted.ndim == 1 else predicted.max(axis=1)
    error = 0.0
    for number in range(BINS):
        inside_R = (confidence_R > number / BINS) & (confidence_R <= (number + 1) / BINS)
        if inside_R.any():
            right = (answer_R == y_R)[inside_R].mean()
            error += inside_R.mean() * abs(right - confidence_R[inside_R].mean())
    return error
