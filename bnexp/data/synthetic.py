"""Data sets drawn by scikit-learn's generators: `dataset.name` -> features and targets.

Axes: N rows, D features. Splitting and scaling are in `splitting.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnexp.config.dataset import (
    BlobsDataset,
    CirclesDataset,
    ClassificationDataset,
    Dataset,
    MoonsDataset,
    RegressionDataset,
)

Drawn = tuple[NDArray[np.float32], NDArray[np.float32]]


def draw(dataset: Dataset) -> Drawn:
    """Draw the features (N, D) and targets (N,), both float32; the same config gives the same rows."""
    from sklearn import datasets

    maker = getattr(datasets, f"make_{dataset.name}")
    x_ND, y_N = maker(**_arguments(dataset), n_samples=dataset.samples, random_state=dataset.seed)
    return np.asarray(x_ND, "float32"), np.asarray(y_N, "float32")


def _arguments(dataset: Dataset) -> dict[str, Any]:
    """Spell the dataset's own keys as scikit-learn spells them."""
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
