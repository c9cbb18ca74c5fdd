"""Synthetic data sets, made by scikit-learn's generators: `dataset.name` -> features and targets.

Axes: N rows, D features. Splitting is in `splitting.py`, scaling in `preprocessing.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnexp.config.synthetic import (
    BlobsDataset,
    CirclesDataset,
    ClassificationDataset,
    MoonsDataset,
    RegressionDataset,
    Synthetic,
)
from bnexp.data.memory_guard import refuse_above_limit
from bnexp.data.rows import Rows
from bnexp.data.sources.column import refuse_lost_digits

NUMBER_BYTES = 28
"""Bytes of memory for each number while rows are generated, including scikit-learn's copies (measured: 16 to 27)."""


def draw(dataset: Synthetic, limit: int | None) -> Rows:
    """Return generated rows. The same config always gives the same rows.

    Raises:
        SettingError: if they would take more memory than the limit (in bytes), or if float32 could not tell them apart.
    """
    from sklearn import datasets

    numbers = dataset.samples * (1 + getattr(dataset, "features", 2))
    seen = f"is {dataset.samples}; drawing that number of rows"
    refuse_above_limit("dataset.samples", seen, NUMBER_BYTES * numbers, limit, "Draw fewer")
    maker = getattr(datasets, f"make_{dataset.name}")
    x_ND, y_N = maker(**_arguments(dataset), n_samples=dataset.samples, random_state=dataset.seed)
    _refuse_lost_digits(dataset, x_ND, y_N)
    classes = None if dataset.name == "regression" else tuple(map(str, range(int(y_N.max()) + 1)))
    return Rows("table", np.asarray(x_ND, "float32"), np.asarray(y_N, "float32"), classes)


def _refuse_lost_digits(dataset: Synthetic, x_ND: NDArray[np.float64], y_N: NDArray[Any]) -> None:
    """Raise SettingError if numbers were moved so far from zero that float32 cannot tell them apart."""
    if isinstance(dataset, RegressionDataset):
        refuse_lost_digits("dataset.bias", f"is {dataset.bias:g}; the targets", y_N, "Use one nearer to 0.")
    elif isinstance(dataset, BlobsDataset):
        seen = f"is {list(dataset.center_box)}; the numbers of a feature"
        for x_N in x_ND.T:
            refuse_lost_digits("dataset.center_box", seen, x_N, "Use bounds nearer to 0.")


def _arguments(dataset: Synthetic) -> dict[str, Any]:
    """Return the dataset's own keys under scikit-learn's names."""
    match dataset:
        case ClassificationDataset():
            return {
                "n_features": dataset.features,
                "n_informative": dataset.informative,
                "n_redundant": dataset.redundant,
                "n_repeated": dataset.repeated,
                "n_classes": dataset.classes,
                "n_clusters_per_class": dataset.clusters_per_class,
                "weights": dataset.weights,
                "flip_y": dataset.flip_y,
                "class_sep": dataset.class_sep,
            }
        case RegressionDataset():
            return {
                "n_features": dataset.features,
                "n_informative": dataset.informative,
                "bias": dataset.bias,
                "noise": dataset.noise,
                "effective_rank": dataset.effective_rank,
                "tail_strength": dataset.tail_strength,
            }
        case MoonsDataset():
            return {"noise": dataset.noise}
        case CirclesDataset():
            return {"noise": dataset.noise, "factor": dataset.factor}
        case BlobsDataset():
            low, high = dataset.center_box
            return {
                "n_features": dataset.features,
                "centers": dataset.classes,
                "cluster_std": dataset.cluster_std,
                "center_box": (low, high),
            }
