"""What a wave's held-out rows measured, as it is kept: with the rows' targets, in the target's own unit.

Axes: S seeds, R rows of one part, C classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bnexp.config import Experiment
from bnexp.experiment.batch import Wave
from bnexp.held_out import HeldOut, PartRows

if TYPE_CHECKING:
    from bnexp.data import Data


def held_out(wave: Wave) -> HeldOut | None:
    """Return what each held-out row of a wave measured; None if it is not kept."""
    trained, data = wave.trained, wave.prepared.data
    if not trained.rows:
        return None
    parts = {part: _part(data, part, measured) for part, measured in trained.rows.items()}
    return within_limits(HeldOut(trained.history.seeds, parts), wave.prepared.experiment, data)


def within_limits(rows: HeldOut, experiment: Experiment, data: Data) -> HeldOut | None:
    """Return what a run keeps of the rows of some of its seeds: the number of all its seeds decides."""
    from bnexp.training.kept_rows import keeps_measures, keeps_predictions

    training = experiment.training
    if not keeps_measures(training, data, training.seeds):
        return None
    return rows if keeps_predictions(training, data, training.seeds) else rows.without_predictions()


def _part(data: Data, part: str, measured: dict[str, NDArray[Any]]) -> PartRows:
    seeds = len(measured["loss"])
    rows_SR = data.parts[part][:seeds]
    target_SR, groups_N = data.rows.y_N[rows_SR], data.rows.groups_N
    return PartRows(
        rows_SR,
        target_SR,
        None if groups_N is None else groups_N[rows_SR].astype("int32"),
        None if data.rows.classes is None else target_SR == data.commonest_S[:seeds, None],
        {name: _as_kept(data, name, values) for name, values in measured.items()},
    )


def _as_kept(data: Data, name: str, values: NDArray[Any]) -> NDArray[Any]:
    """Return a measure in the numbers that are kept: probabilities of several classes need no more than float16."""
    if name == "accuracy":
        return values.astype(bool)
    if name == "predicted":
        values = _in_own_unit(data, values)
        return values.astype("float16" if values.ndim == 3 else "float32")
    return values.astype("float32")


def _in_own_unit(data: Data, predicted: NDArray[Any]) -> NDArray[Any]:
    """Undo the scaling of a regression's target."""
    center, width = data.view.target_center, data.view.target_width
    if center is None or width is None:
        return predicted
    own: NDArray[Any] = predicted * np.asarray(width)[: len(predicted)] + np.asarray(center)[: len(predicted)]
    return own
