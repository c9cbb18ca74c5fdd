"""The measures of a wave's held-out rows in the form that is stored: with targets, in the target's own unit.

Axes: S seeds, R rows of one part, C classes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bnexp.config import Experiment
from bnexp.experiment.batch import Wave
from bnexp.held_out import HeldOut, PartRows

if TYPE_CHECKING:
    from bnexp.data import Data


def held_out(wave: Wave) -> HeldOut | None:
    """Return the measures of each held-out row of a wave; None if they are not kept."""
    trained, data = wave.trained, wave.prepared.data
    if not trained.rows:
        return None
    parts = {part: _part(data, part, measured) for part, measured in trained.rows.items()}
    return within_limits(HeldOut(trained.history.seeds, parts), wave.prepared.experiment, data)


def within_limits(rows: HeldOut, experiment: Experiment, data: Data) -> HeldOut | None:
    """Return the measures that a run keeps: all, all but predictions, or None. The number of all its seeds decides."""
    from bnexp.training.kept_rows import keeps_measures, keeps_predictions

    training = experiment.training
    if not keeps_measures(training, data, training.seeds):
        return None
    return rows if keeps_predictions(training, data, training.seeds) else rows.without_predictions()


def is_of_data(rows: HeldOut, data: Data) -> bool:
    """Return True if the kept rows are the held-out rows of the data's first seeds, with the expected measures."""
    from bnexp.training.kept_rows import held_out as parts_of

    measures = {"loss"} if data.rows.classes is None else {"loss", "accuracy"}
    return {*rows.parts} == {*parts_of(data)} and all(
        {*kept.measures} - {"predicted"} == measures and _are_equal(kept, _facts(data, part, len(rows.seeds)))
        for part, kept in rows.parts.items()
    )


def _are_equal(one: PartRows, other: PartRows) -> bool:
    """Return True if both have the same rows, targets, groups and guesses; their measures are not compared."""
    pairs = (
        (one.rows_SR, other.rows_SR),
        (one.target_SR, other.target_SR),
        (one.groups_SR, other.groups_SR),
        (one.guessed_SR, other.guessed_SR),
    )
    return all(a is b if a is None or b is None else np.array_equal(a, b) for a, b in pairs)


def _part(data: Data, part: str, measured: dict[str, NDArray[Any]]) -> PartRows:
    kept = {name: _as_kept(data, name, values) for name, values in measured.items()}
    return replace(_facts(data, part, len(measured["loss"])), measures=kept)


def _facts(data: Data, part: str, seeds: int) -> PartRows:
    """Return the rows of a part that the first seeds hold out, with their targets, groups and guesses; no measures."""
    rows_SR = data.parts[part][:seeds]
    target_SR, groups_N = data.rows.y_N[rows_SR], data.rows.groups_N
    return PartRows(
        rows_SR,
        target_SR,
        None if groups_N is None else groups_N[rows_SR].astype("int32"),
        None if data.rows.classes is None else target_SR == data.commonest_S[:seeds, None],
        {},
    )


def _as_kept(data: Data, name: str, values: NDArray[Any]) -> NDArray[Any]:
    """Return a measure in the type that is stored.

    Predictions keep the float32 of training. So a metric computed from them has the value that an epoch computes: with
    fewer digits, probabilities of several classes become equal, and ranks change.
    """
    if name == "accuracy":
        return values.astype(bool)
    if name == "predicted":
        values = _in_own_unit(data, values)
    return values.astype("float32")


def _in_own_unit(data: Data, predicted: NDArray[Any]) -> NDArray[Any]:
    """Undo the scaling of a regression's target."""
    center, width = data.preprocessing.target_center, data.preprocessing.target_width
    if center is None or width is None:
        return predicted
    own: NDArray[Any] = predicted * np.asarray(width)[: len(predicted)] + np.asarray(center)[: len(predicted)]
    return own
