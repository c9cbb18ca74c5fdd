"""What each held-out row measured with each seed's final weights, and its form in rows.npz.

Which rows are measured, and by whom, is in `training/`; where the file lies is `store`'s business.

Axes: S seeds, R rows of one part, C classes.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnexp.errors import RunError
from bnexp.metrics import quantity

Floats = NDArray[np.float64]
PARTS = ("val", "test")
KINDS = {"rows": "iu", "target": "f", "groups": "iu", "loss": "f", "accuracy": "b", "predicted": "f"}
"""Array -> the kinds of numbers that it may hold."""
REQUIRED = ("rows", "target", "loss")
PER_SEED = ("loss", "accuracy", "predicted")
"""Arrays of the measures; the others hold one row of values where all seeds share their rows."""
MOST_BYTES = 2**32
"""Of all arrays; what is larger was not written by bnexp."""


@dataclass(frozen=True)
class PartRows:
    """What the rows of one part measured: which rows, (S, R), their targets, and each measure.

    `measures` has `loss` and, for classes, `accuracy` (True where the prediction is right), each (S, R). It may have
    `predicted`: the value, the probability of the second class, or the probabilities of all classes, (S, R, C).
    Targets and predictions of a regression are in the target's own unit. The loss is as it was trained on.
    """

    rows_SR: NDArray[np.int32]
    target_SR: NDArray[np.float32]
    groups_SR: NDArray[np.int32] | None
    measures: Mapping[str, NDArray[Any]]

    @property
    def is_shared(self) -> bool:
        """Return True if all seeds are measured on the same rows, in the same order."""
        return bool((self.rows_SR == self.rows_SR[:1]).all())

    def of(self, positions: Sequence[int]) -> PartRows:
        """Return the rows of the seeds at these positions."""
        at = list(positions)
        groups = None if self.groups_SR is None else self.groups_SR[at]
        measures = {name: values[at] for name, values in self.measures.items()}
        return PartRows(self.rows_SR[at], self.target_SR[at], groups, measures)

    def values(self, measured: str) -> Floats | None:
        """Return a measure whose mean over rows is the metric, (S, R); None if it is not kept, or is no mean of rows."""
        if measured in ("loss", "accuracy"):
            kept = self.measures.get(measured)
            return None if kept is None else kept.astype("float64")
        predicted = self.measures.get("predicted")
        if predicted is None or measured not in ("mse", "mae"):
            return None
        error_SR = predicted.astype("float64") - self.target_SR
        return np.square(error_SR) if measured == "mse" else np.abs(error_SR)


@dataclass(frozen=True)
class HeldOut:
    """The held-out rows of a run: part -> rows, for each seed."""

    seeds: tuple[int, ...]
    parts: Mapping[str, PartRows]

    def of(self, seeds: tuple[int, ...]) -> HeldOut:
        """Return the rows of some of its seeds, in the order asked for."""
        positions = [self.seeds.index(seed) for seed in seeds]
        return HeldOut(seeds, {part: rows.of(positions) for part, rows in self.parts.items()})

    def values(self, metric: str) -> Floats | None:
        """Return what each row measured, (S, R), if the metric is the mean of that and it is kept; else None.

        The metric is one of a held-out part, such as `val_accuracy`.
        """
        rows = self.parts.get(metric.partition("_")[0])
        return None if rows is None else rows.values(quantity(metric))

    def to_npz(self) -> bytes:
        """Return the content of rows.npz: compressed, and the same bytes for the same numbers."""
        arrays: dict[str, NDArray[Any]] = {"seeds": np.array(self.seeds, "int64")}
        for part, rows in self.parts.items():
            alike = 1 if rows.is_shared else len(self.seeds)
            own = {"rows": rows.rows_SR, "target": rows.target_SR, "groups": rows.groups_SR}
            named = {name: values[:alike] for name, values in own.items() if values is not None}
            arrays |= {f"{part}_{name}": values for name, values in (named | dict(rows.measures)).items()}
        content = io.BytesIO()
        np.savez_compressed(content, **arrays)  # type: ignore[arg-type]
        return content.getvalue()


def joined(several: Sequence[HeldOut]) -> HeldOut:
    """Put the rows of different seeds one behind the other."""
    if len(several) == 1:
        return several[0]
    seeds = tuple(seed for one in several for seed in one.seeds)
    return HeldOut(seeds, {part: _joined([one.parts[part] for one in several]) for part in several[0].parts})


def _joined(several: Sequence[PartRows]) -> PartRows:
    first = several[0]
    groups = None if first.groups_SR is None else np.concatenate([rows.groups_SR for rows in several])  # type: ignore[misc]
    return PartRows(
        np.concatenate([rows.rows_SR for rows in several]),
        np.concatenate([rows.target_SR for rows in several]),
        groups,
        {name: np.concatenate([rows.measures[name] for rows in several]) for name in first.measures},
    )


def from_npz(content: bytes, where: str) -> HeldOut:
    """Read rows.npz back; `where` names the file in errors. Nothing in it is run: pickles are refused.

    Raises:
        RunError: if it is no such file, or its arrays contradict each other.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > MOST_BYTES:
            raise ValueError(f"it would take {size / 2**20:,.0f} MiB of memory")
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        return _checked(arrays)
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile, zlib_error) as error:
        raise RunError(
            f"{where}: not the rows of a run of bnexp ({error}). Restore the file, or train again."
        ) from error
