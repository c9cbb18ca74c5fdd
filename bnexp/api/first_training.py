"""The length of a first training: as many epochs and seeds as fit into a comparison of about two minutes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bnexp.config import Experiment
from bnexp.experiment.pace import rough_pace

ROWS_LEARNED, LEAST_LEARNED = 50_000, 15_000
"""Training rows times epochs of a first comparison: the usual number, and the least, even if that takes long."""
FEWEST_EPOCHS, MOST_EPOCHS = 5, 50
FEWEST_IF_SLOW = 2
"""The fewest epochs if an epoch has many rows and takes long."""
SEEDS, LEAST_SEEDS = 20, 10
BATCH_SIZE, FEW_ROWS = 32, 128
"""With fewer than FEW_ROWS training rows, a batch holds a quarter of them."""
LEAST_BATCH = 8
"""With fewer rows in a batch, batch normalization estimates variances poorly."""
ARMS = 2
ENOUGH_SECONDS = 90.0
"""The time that both arms may take by a rough estimate. On two slow cores, it was up to 1.8 times too low."""


def first_training(rows: int) -> dict[str, Any]:
    """Return `epochs`, `seeds` and, if the default does not fit, `batch_size` for this number of training rows.

    The batch size is chosen so that no batch holds a single row, because that has no variance.
    """
    epochs, size = ROWS_LEARNED // max(1, rows), BATCH_SIZE
    if rows < FEW_ROWS:
        size = max(2, rows // 4, min(LEAST_BATCH, rows // 2))
    while rows % size == 1 < rows:
        size += 1
    batch = {} if size == BATCH_SIZE else {"batch_size": size}
    return {"epochs": min(MOST_EPOCHS, max(FEWEST_EPOCHS, epochs)), **batch, "seeds": SEEDS}


@dataclass(frozen=True)
class Afforded:
    """The epochs and seeds of a first comparison, and about how long its two arms take."""

    epochs: int
    seeds: int
    seconds: float


def afforded(experiment: Experiment, rows: int, steps: int) -> Afforded:
    """Return how many epochs and seeds fit in ENOUGH_SECONDS. The epochs are reduced first, then the seeds.

    `rows` and `steps` are the training rows and the optimizer steps of one epoch. The estimate does not depend on the
    machine, so that the same data get the same config.
    """
    most = experiment.training.epochs
    least = min(most, max(FEWEST_IF_SLOW, LEAST_LEARNED // rows))
    for seeds in (SEEDS, LEAST_SEEDS):
        pace = rough_pace(experiment, experiment.training.all_seeds(), at_once=seeds)
        epoch = ARMS * seeds * steps * pace.step
        epochs = min(most, int((ENOUGH_SECONDS - ARMS * pace.start) / epoch))
        if epochs >= least:
            break
    epochs = max(least, epochs)
    return Afforded(epochs, seeds, ARMS * pace.start + epochs * epoch)
