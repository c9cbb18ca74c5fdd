"""`dataset`: the rows, and how they are split and scaled. Its kinds are in `synthetic.py` and `real.py`."""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import Field

from bnexp.config.real import Real
from bnexp.config.section import Task
from bnexp.config.synthetic import BlobsDataset, ClassificationDataset, RegressionDataset, Synthetic

Dataset = Annotated[Synthetic | Real, Field(discriminator="name")]


def has_test_part(dataset: Dataset) -> bool:
    """Return True if there is a test part beside the validation part."""
    return dataset.validation_size is not None or len(getattr(dataset, "held_out_keys", ())) == 2


def drawn_task(dataset: Synthetic) -> Task:
    """Return the task of a generated dataset."""
    match dataset:
        case RegressionDataset():
            return "regression"
        case ClassificationDataset(classes=classes) | BlobsDataset(classes=classes) if classes > 2:
            return "multiclass"
    return "binary"


def drawn_classes(dataset: Synthetic) -> int:
    """Return the number of classes of a generated dataset; 0 for a regression."""
    return 0 if isinstance(dataset, RegressionDataset) else getattr(dataset, "classes", 2)


def drawn_training_rows(dataset: Synthetic) -> int:
    """Return the number of training rows. As `train_test_split` does, each held-out part is rounded up."""
    rows = dataset.samples - math.ceil(dataset.test_size * dataset.samples)
    return rows - math.ceil((dataset.validation_size or 0) * rows)
