"""From a dataset's config to the arrays that every seed trains on.

Axes: S seeds, N rows of the data, R rows of one part, D features.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnexp.config.dataset import Dataset, task_of
from bnexp.config.section import Task
from bnexp.data import splitting, synthetic


@dataclass(frozen=True)
class Data:
    """One shared copy of the rows, and for each seed the rows it uses.

    `scaling` is None or (center, width), each (S, D): a seed sees
    (x - center) / width.
    """

    task: Task
    classes: int
    x_ND: NDArray[np.float32]
    y_N: NDArray[np.float32]
    train_SR: NDArray[np.int32]
    validation_SR: NDArray[np.int32]
    scaling: tuple[NDArray[np.float32], NDArray[np.float32]] | None

    def inputs(self, row: int, rows_R: NDArray[np.int32]) -> NDArray[np.float32]:
        """Give the inputs (R, D) as the seed in this row of the arrays sees them."""
        x_RD: NDArray[np.float32] = self.x_ND[rows_R]
        if self.scaling is None:
            return x_RD
        center_SD, width_SD = self.scaling
        x_RD = (x_RD - center_SD[row]) / width_SD[row]
        return x_RD

    def steps(self, batch_size: int, drop_last: bool = False) -> int:
        """Count the optimizer steps of one epoch."""
        rows = int(self.train_SR.shape[1])
        return rows // batch_size if drop_last else -(-rows // batch_size)

    def facts(self) -> dict[str, Any]:
        """Tell what run.json records of the data: counts, digest of the rows."""
        counts = np.unique(self.y_N, return_counts=True)[1].tolist() if self.task != "regression" else None
        return {
            "task": self.task,
            "rows": len(self.y_N),
            "features": int(self.x_ND.shape[1]),
            "rows_per_class": counts,
            "training_rows": int(self.train_SR.shape[1]),
            "validation_rows": int(self.validation_SR.shape[1]),
            "digest": hashlib.sha256(self.x_ND.tobytes() + self.y_N.tobytes()).hexdigest(),
        }


def prepare(dataset: Dataset, seeds: tuple[int, ...]) -> Data:
    """Draw the data once and split and scale it for every seed.

    Raises:
        SettingError: if a part would lack a class, or the split is impossible.
    """
    x_ND, y_N = synthetic.draw(dataset)
    task = task_of(dataset)
    classes = 1 if task == "regression" else int(y_N.max()) + 1
    train_SR, validation_SR = splitting.split(dataset, y_N, seeds)
    if task != "regression":
        splitting.refuse_missing_classes(dataset, y_N, classes, train_SR, validation_SR)
    scaling = splitting.scaling(dataset, x_ND, train_SR)
    return Data(task, classes, x_ND, y_N, train_SR, validation_SR, scaling)
