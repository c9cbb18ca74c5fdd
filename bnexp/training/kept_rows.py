"""Which measures of held-out rows are kept: all of them, unless the parts are so large that a run cannot hold them.

Axes: S seeds, R rows of a part, C classes.
"""

from __future__ import annotations

from bnexp.config.training import Training
from bnexp.data import Data
from bnexp.held_out import FEWER, MOST_MEASURED, measured_bytes, outputs_of, too_large
from bnexp.metrics import HELD_OUT_PARTS
from bnexp.store.run_record import MEASURES_NOT_KEPT, PREDICTIONS_NOT_KEPT

MEASURES = ("loss", "accuracy")
"""What is kept of a row besides its prediction. Errors of a regression are computed from prediction and target."""
MOST_BYTES = MOST_MEASURED
"""Limit for the measures of all seeds and rows. A run with more keeps no predictions, or no rows at all."""


def held_out(data: Data) -> list[str]:
    """Return the held-out parts that the data have."""
    return [part for part in HELD_OUT_PARTS if part in data.parts]


def keeps_measures(training: Training, data: Data, seeds: int) -> bool:
    """Return True if each held-out row's loss and accuracy are kept."""
    return training.keep_rows and measured_bytes(seeds, _rows(data)) <= MOST_BYTES


def keeps_predictions(training: Training, data: Data, seeds: int) -> bool:
    """Return True if what the model predicts for each held-out row is kept, too."""
    return training.keep_rows and measured_bytes(seeds, _rows(data), _outputs(data)) <= MOST_BYTES


def not_kept(training: Training, data: Data, seeds: int) -> str | None:
    """Return a sentence on which wanted measures of held-out rows are not kept, and the cure; None if all are kept."""
    if not training.keep_rows or keeps_predictions(training, data, seeds):
        return None
    seen = too_large(seeds, _rows(data))
    if not keeps_measures(training, data, seeds):
        return f"{MEASURES_NOT_KEPT}: {seen}. So a verdict speaks of these rows only. {FEWER}"
    lost = (
        "mse, mae and r2 say nothing of new rows"
        if data.rows.classes is None
        else "a metric that is computed from them after training, such as F1, has no value"
    )
    return f"{PREDICTIONS_NOT_KEPT}: {seen}. So {lost}. {FEWER}"


def _rows(data: Data) -> int:
    return sum(int(data.parts[part].shape[1]) for part in held_out(data))


def _outputs(data: Data) -> int:
    return outputs_of(None if data.rows.classes is None else len(data.rows.classes))
