"""The measures of each held-out row with each seed's final weights, and their format in rows.npz.

`training/` measures the rows. `store` decides where the file is.

Axes: S seeds, R rows of one part, C classes.
"""

from __future__ import annotations

import io
import itertools
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnexp.errors import RunError, counted
from bnexp.metrics import HELD_OUT_PARTS, ROUNDING, part_of, quantity
from bnexp.statistics import classification
from bnexp.statistics.answers import Answers
from bnexp.statistics.arrays import Floats
from bnexp.system.archives import FAULTS, fault

KINDS = {"rows": "iu", "target": "f", "groups": "iu", "guessed": "b", "loss": "f", "accuracy": "b", "predicted": "f"}
"""Array -> the NumPy kinds of numbers (`dtype.kind`) that it may hold."""
LARGEST_FLOAT = 4
"""The most bytes of a float. Training computes in float32. Powers of larger float64 numbers might overflow."""
REQUIRED = ("rows", "target", "loss")
PER_SEED = ("loss", "accuracy", "predicted")
"""Arrays with values for each seed. The other arrays have one entry for all seeds if these share their rows."""
MOST_BYTES = 2**32
"""The most bytes of all arrays together. bnexp writes no larger file."""
MOST_MEASURED = 2**29
"""Limit in bytes for what is kept of all seeds and rows: 512 MiB. Above it predictions are not kept, or no rows."""
MEASURES_BYTES, OUTPUT_BYTES = 5, 4
"""Bytes of a row's loss and accuracy; bytes of each number that is predicted for it."""
FEWER = "Use fewer seeds, or a smaller dataset.limit or test part."


def measured_bytes(seeds: int, rows: int, outputs: int = 0) -> int:
    """Return the size of the measures of these held-out rows for all seeds, with `outputs` predicted numbers each."""
    return seeds * rows * (MEASURES_BYTES + OUTPUT_BYTES * outputs)


def outputs_of(classes: int | None) -> int:
    """Return how many numbers are predicted for a row: a value, the second class's probability, or all of them."""
    return 1 if classes is None or classes == 2 else classes


def too_large(seeds: int, rows: int) -> str:
    """Return a clause that says what is too large to keep.

    >>> too_large(20, 432_000)
    '20 seeds x 432,000 held-out rows would take more than 512 MiB'
    """
    return f"{counted(seeds, 'seed')} x {counted(rows, 'held-out row')} would take more than 512 MiB"


@dataclass(frozen=True)
class PartRows:
    """The held-out rows of one part for each seed: the numbers of the rows, (S, R), their targets, and their measures.

    `measures` has `loss` and, for classes, `accuracy` (True where the prediction is right), each (S, R). It may have
    `predicted`: for a regression the value, (S, R), for two classes the probability of the second, (S, R), and for more
    classes all probabilities, (S, R, C). Targets and predictions of a regression are in the target's own unit. The loss
    is on the scale that the training uses.
    """

    rows_SR: NDArray[np.int32]
    target_SR: NDArray[np.float32]
    groups_SR: NDArray[np.int32] | None
    """The number of each row's group (`dataset.group`)."""
    guessed_SR: NDArray[np.bool_] | None
    """For classes: True where guessing the most common class of the training part is right."""
    measures: Mapping[str, NDArray[Any]]

    @property
    def is_shared(self) -> bool:
        """Return True if all seeds are measured on the same rows, in the same order."""
        return bool((self.rows_SR == self.rows_SR[:1]).all())

    def of(self, positions: Sequence[int]) -> PartRows:
        """Return the rows of the seeds at these positions."""
        at = [*positions]
        groups = None if self.groups_SR is None else self.groups_SR[at]
        guessed = None if self.guessed_SR is None else self.guessed_SR[at]
        measures = {name: values[at] for name, values in self.measures.items()}
        return PartRows(self.rows_SR[at], self.target_SR[at], groups, guessed, measures)

    @property
    def prediction_bytes(self) -> int:
        """Return the bytes of one seed's predictions; 0 if they are not stored."""
        predicted = self.measures.get("predicted")
        return 0 if predicted is None else predicted.nbytes // len(predicted)

    def without_predictions(self) -> PartRows:
        """Return the rows without the measure `predicted`."""
        return replace(self, measures={name: kept for name, kept in self.measures.items() if name != "predicted"})

    def values(self, measured: str) -> Floats | None:
        """Return values of the rows, (S, R), whose mean over rows is the metric; None if they are not stored."""
        if measured in ("loss", "accuracy"):
            kept = self.measures.get(measured)
            return None if kept is None else kept.astype("float64")
        if measured in classification.METRICS:
            return self._computed(classification.METRICS[measured])
        predicted = self.measures.get("predicted")
        if predicted is None or measured not in ("mse", "mae"):
            return None
        error_SR = predicted.astype("float64") - self.target_SR
        return np.square(error_SR) if measured == "mse" else np.abs(error_SR)

    def _computed(self, metric: classification.Metric) -> Floats | None:
        """Return the contribution of each row to a metric of classes, (S, R); None if the metric does not apply."""
        answers = list(self._answers())
        if not answers or not metric.fits(answers[0].classes):
            return None
        return np.stack([metric.values(one) for one in answers])

    def _answers(self) -> Iterator[Answers]:
        """Yield the answers of each seed's net; nothing for a regression, or if predictions are not stored."""
        right_SR, predicted = self.measures.get("accuracy"), self.measures.get("predicted")
        if right_SR is None or predicted is None:
            return
        target_SR = self.target_SR.astype("int64")
        for target_R, of_seed, right_R in zip(target_SR, predicted, right_SR, strict=True):
            yield Answers(target_R, of_seed, right_R)

    def of_guess(self, measured: str) -> float | None:
        """Return the score of guessing in a metric of classes, as the mean over seeds; None if it is unknown."""
        metric, answers = classification.METRICS[measured], self._answers()
        if metric.of_guess is None:
            return None
        scores = [metric.of_guess(one) for one in (itertools.islice(answers, 1) if self.is_shared else answers)]
        return float(np.mean(scores)) if scores else None


@dataclass(frozen=True)
class HeldOut:
    """The held-out rows of a run: part -> rows, for each seed."""

    seeds: tuple[int, ...]
    parts: Mapping[str, PartRows]

    def of(self, seeds: tuple[int, ...]) -> HeldOut:
        """Return the rows of these seeds, in this order."""
        positions = [self.seeds.index(seed) for seed in seeds]
        return HeldOut(seeds, {part: rows.of(positions) for part, rows in self.parts.items()})

    def values(self, metric: str) -> Floats | None:
        """Return values of the rows, (S, R), whose mean over rows is the metric; None if they are not stored.

        The metric belongs to a held-out part, such as `val_accuracy`.
        """
        rows = self.parts.get(part_of(metric))
        return None if rows is None else rows.values(quantity(metric))

    def of_guess(self, measured: str) -> dict[str, float]:
        """Return the score of guessing in a metric of classes, for each part for which it is known."""
        found = {part: rows.of_guess(measured) for part, rows in self.parts.items()}
        return {part: score for part, score in found.items() if score is not None}

    def contradiction(self, seeds: Sequence[int], finals: Mapping[str, Sequence[float | None]]) -> str | None:
        """Return a phrase on a seed whose final accuracy differs from the accuracy of its rows; None if all agree.

        `finals` maps a metric to a value for each seed. A seed without a value, such as a diverged one, is left out. A
        difference of one row is allowed, because rounding decides if two classes have equal scores.
        """
        known = [position for position, seed in enumerate(seeds) if seed in self.seeds]
        rows = self.of(tuple(seeds[position] for position in known))
        for metric, values in finals.items():
            right_SR = rows.values(metric) if quantity(metric) == "accuracy" else None
            for position, right_R in zip(known, () if right_SR is None else right_SR, strict=False):
                final, mean = values[position], float(right_R.mean())
                if final is not None and abs(mean - final) > 1 / len(right_R) + ROUNDING:
                    of_rows = f"the rows of seed {seeds[position]} have {mean:.6g}"
                    return f"{of_rows} in {metric}, and its final value is {final:.6g}"
        return None

    @property
    def prediction_bytes(self) -> int:
        """Return the bytes of one seed's predictions for all parts."""
        return sum(rows.prediction_bytes for rows in self.parts.values())

    def without_predictions(self) -> HeldOut:
        """Return the rows without their predictions."""
        return HeldOut(self.seeds, {part: rows.without_predictions() for part, rows in self.parts.items()})

    def to_npz(self) -> bytes:
        """Return the compressed content of rows.npz. Equal numbers give equal bytes."""
        arrays: dict[str, NDArray[Any]] = {"seeds": np.array(self.seeds, "int64")}
        for part, rows in self.parts.items():
            alike = 1 if rows.is_shared else len(self.seeds)
            own: dict[str, NDArray[Any] | None] = {"rows": rows.rows_SR, "target": rows.target_SR}
            own |= {"groups": rows.groups_SR, "guessed": rows.guessed_SR}
            named = {name: values[:alike] for name, values in own.items() if values is not None}
            arrays |= {f"{part}_{name}": values for name, values in (named | dict(rows.measures)).items()}
        content = io.BytesIO()
        np.savez_compressed(content, **arrays)  # type: ignore[arg-type]
        return content.getvalue()


def joined(several: Sequence[HeldOut]) -> HeldOut:
    """Concatenate the rows of different seeds, in this order."""
    if len(several) == 1:
        return several[0]
    seeds = tuple(seed for one in several for seed in one.seeds)
    return HeldOut(seeds, {part: _joined([one.parts[part] for one in several]) for part in several[0].parts})


def _joined(several: Sequence[PartRows]) -> PartRows:
    def stacked(name: str) -> Any:
        """Concatenate an array of all parts; None if the first part lacks it."""
        values = [getattr(rows, name) for rows in several]
        return None if values[0] is None else np.concatenate(values)

    names = ("rows_SR", "target_SR", "groups_SR", "guessed_SR")
    shared = [name for name in several[0].measures if all(name in rows.measures for rows in several)]
    measures = {name: np.concatenate([rows.measures[name] for rows in several]) for name in shared}
    rows, target, groups, guessed = map(stacked, names)
    return PartRows(rows, target, groups, guessed, measures)


def from_npz(content: bytes, where: str) -> HeldOut:
    """Read the content of rows.npz; `where` names the file in errors. Pickles are refused, so no code is run.

    Raises:
        RunError: if it is no .npz file, or if its arrays are faulty or contradict each other.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > MOST_BYTES:
            raise ValueError(f"it would take {size / 2**20:,.0f} MiB of memory")
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            return _checked({name: file[name] for name in file.files})
    except FAULTS as error:
        raise RunError(f"{where}: not the rows of a run ({fault(error)}). Restore the file, or train again.") from error


def _checked(members: dict[str, Any]) -> HeldOut:
    """Return the rows in these arrays; raise ValueError if one is missing, or has a wrong type or shape."""
    for name, values in members.items():
        if not isinstance(values, np.ndarray):
            raise ValueError(f"{name} is no array")
    arrays: dict[str, NDArray[Any]] = dict(members)
    seeds = arrays.pop("seeds", np.empty(0))
    if seeds.ndim != 1 or seeds.dtype.kind != "i" or not len(seeds) or len(set(seeds.tolist())) < len(seeds):
        raise ValueError("seeds is not a list of different whole numbers")
    found: dict[str, dict[str, NDArray[Any]]] = {}
    for name, values in arrays.items():
        part, _, kind = name.partition("_")
        if part not in HELD_OUT_PARTS or values.dtype.kind not in KINDS.get(kind, ""):
            raise ValueError(f"{name} is no known array, or has the wrong type of numbers")
        if values.dtype.kind == "f" and values.dtype.itemsize > LARGEST_FLOAT:
            raise ValueError(f"{name} has {values.dtype} numbers; expected float32 or float16")
        if values.ndim < 2 or not values.size:
            raise ValueError(f"{name} has the shape {values.shape}; expected seeds x rows")
        found.setdefault(part, {})[kind] = values
    return HeldOut(tuple(map(int, seeds)), {part: _part(values, len(seeds), part) for part, values in found.items()})


def _part(values: dict[str, NDArray[Any]], seeds: int, part: str) -> PartRows:
    if missing := [kind for kind in REQUIRED if kind not in values]:
        raise ValueError(f"{part}_{missing[0]} is missing")
    rows = values["loss"].shape[1]
    for kind, array in values.items():
        alike = array.shape[:1] in ((seeds,), (1,)) if kind not in PER_SEED else array.shape[:1] == (seeds,)
        most = 3 if kind == "predicted" and "accuracy" in values else 2  # only classes have several probabilities
        if not alike or array.shape[1:2] != (rows,) or array.ndim > most:
            raise ValueError(f"{part}_{kind} has the shape {array.shape}; there are {seeds} seeds and {rows} rows")

    def full(kind: str) -> Any:
        """Return an array with one row for each seed; None if the file lacks it."""
        return None if kind not in values else np.broadcast_to(values[kind], (seeds, rows))

    measures = {kind: values[kind] for kind in PER_SEED if kind in values}
    return PartRows(full("rows"), full("target"), full("groups"), full("guessed"), measures)
