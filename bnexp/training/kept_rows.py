"""Which measures of held-out rows are kept: all of them, unless the parts are so large that a run cannot hold them.

Axes: S seeds, R rows of a part, C classes.
"""

from __future__ import annotations

from bnexp.config.training import Training
from bnexp.data import Data
from bnexp.errors import counted
from bnexp.metrics import HELD_OUT_PARTS
from bnexp.store.run_record import MEASURES_NOT_KEPT, PREDICTIONS_NOT_KEPT

MEASURES = ("loss", "accuracy")
"""What is kept of a row besides its prediction. Errors of a regression are computed from prediction and target."""
MOST_BYTES = 2**29
"""Limit for the measures of all seeds and rows. A run with more keeps no predictions, or no rows at all."""
MEASURES_BYTES = 5
"""Bytes of a row's loss and accuracy."""


def held_out(data: Data) -> list[str]:
    """Return the held-out parts that the data have."""
    return [part for part in HELD_OUT_PARTS if part in data.parts]


def keeps_measures(training: Training, data: Data, seeds: int) -> bool:
    """Return True if each held-out row's loss and accuracy are kept."""
    return training.keep_rows and _bytes(data, seeds, MEASURES_BYTES) <= MOST_BYTES


def keeps_predictions(training: Training, data: Data, seeds: int) -> bool:
    """Return True if what the model predicts for each held-out row is kept, too."""
    return training.keep_rows and _bytes(data, seeds, MEASURES_BYTES + 4 * _outputs(data)) <= MOST_BYTES


def not_kept(training: Training, data: Data, seeds: int) -> str | None:
    """Return a sentence on which wanted measures of held-out rows are not kept, and the cure; None if all are kept."""
    if not training.keep_rows or keeps_predictions(training, data, seeds):
        return None
    rows = sum(data.parts[part].shape[1] for part in held_out(data))
    size = f"{counted(seeds, 'seed')} x {counted(rows, 'held-out row')}"
    if keeps_measures(training, data, seeds):
        return f"{PREDICTIONS_NOT_KEPT}: {size} would take more than 512 MiB."
    return (
        f"{MEASURES_NOT_KEPT}: {size} would take more than 512 MiB. "
        "So a verdict speaks of these rows only. Use fewer seeds, or a smaller dataset.limit or test part."
    )


def _bytes(data: Data, seeds: int, of_a_row: int) -> int:
    return seeds * of_a_row * sum(int(data.parts[part].shape[1]) for part in held_out(data))


def _outputs(data: Data) -> int:
    classes = data.rows.classes
    return 1 if classes is None or len(classes) == 2 else len(classes)
