"""Which rows each seed trains and is validated on, and how its inputs are scaled.

Axes: S seeds, N rows of the data, R rows of one part, D features.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bnexp.config.dataset import Dataset
from bnexp.errors import SettingError

Rows = NDArray[np.int32]
Floats = NDArray[np.float32]


def split(dataset: Dataset, y_N: Floats, seeds: tuple[int, ...]) -> tuple[Rows, Rows]:
    """Give the rows of the training and of the validation part, each (S, R).

    All seeds share scikit-learn's `train_test_split` with the dataset's own
    random state; with `resample` every seed draws its own, from
    (dataset.seed, seed).
    """
    if not dataset.resample:
        train_R, validation_R = _one_split(dataset, y_N, dataset.seed)
        return np.tile(train_R, (len(seeds), 1)), np.tile(validation_R, (len(seeds), 1))
    states = [int(np.random.SeedSequence([dataset.seed, seed]).generate_state(1)[0]) for seed in seeds]
    parts = [_one_split(dataset, y_N, state) for state in states]
    return np.stack([train_R for train_R, _ in parts]), np.stack([validation_R for _, validation_R in parts])


def _one_split(dataset: Dataset, y_N: Floats, random_state: int) -> tuple[Rows, Rows]:
    from sklearn.model_selection import train_test_split

    try:
        train_R, validation_R = train_test_split(
            np.arange(len(y_N), dtype="int32"),
            test_size=dataset.test_size,
            random_state=random_state,
            stratify=y_N if dataset.stratify else None,
        )
    except ValueError as error:
        raise SettingError(
            "dataset.test_size",
            f"is {dataset.test_size} of {len(y_N)} rows; this split is impossible: {error} "
            "Use more dataset.samples, another dataset.test_size, or dataset.stratify: false.",
        ) from error
    return train_R, validation_R


def refuse_missing_classes(dataset: Dataset, y_N: Floats, classes: int, train_SR: Rows, validation_SR: Rows) -> None:
    """Raise SettingError if a class has no row in some seed's training or validation part."""
    for part, rows_SR in (("training", train_SR), ("test", validation_SR)):
        for rows_R in np.unique(rows_SR, axis=0):
            counts = np.bincount(y_N[rows_R].astype(int), minlength=classes)
            if not counts.all():
                missing = ", ".join(str(label) for label in np.flatnonzero(counts == 0))
                raise SettingError(
                    "dataset",
                    f"is too small: its {part} part ({len(rows_R)} rows) has no row of class {missing}; "
                    f"rows per class are {counts.tolist()}, expected 1 or more of each. "
                    "Use dataset.stratify: true, more dataset.samples, or another dataset.test_size or dataset.seed.",
                )


def scaling(dataset: Dataset, x_ND: Floats, train_SR: Rows) -> tuple[Floats, Floats] | None:
    """Give the (center, width), each (S, D), so that inputs become (x - center) / width.

    Both come from each seed's training rows alone: mean and standard deviation
    (`standard`), or minimum and range (`minmax`). A constant feature gets width 1.
    """
    if dataset.scale == "none":
        return None
    parts, which = np.unique(train_SR, axis=0, return_inverse=True)
    fitted = [_fit(dataset.scale, x_ND[rows_R].astype("float64")) for rows_R in parts]
    center_SD, width_SD = (np.stack(side)[which.ravel()] for side in zip(*fitted, strict=True))
    return center_SD.astype("float32"), np.where(width_SD > 0, width_SD, 1).astype("float32")


def _fit(scale: str, x_RD: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if scale == "standard":
        return x_RD.mean(axis=0), x_RD.std(axis=0)
    return x_RD.min(axis=0), np.ptp(x_RD, axis=0)
