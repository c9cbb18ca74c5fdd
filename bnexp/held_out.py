"""What each held-out row measured with each seed's final weights, and its form in rows.npz.

Which rows are measured, and by whom, is in `training/`; where the file lies is `store`'s business.

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

from bnexp.errors import RunError
from bnexp.metrics import HELD_OUT_PARTS, ROUNDING, part_of, quantity
from bnexp.statistics import classification
from bnexp.statistics.answers import Answers
from bnexp.statistics.arrays import Floats
from bnexp.system.archives import FAULTS, fault

KINDS = {"rows": "iu", "target": "f", "groups": "iu", "guessed": "b", "loss": "f", "accuracy": "b", "predicted": "f"}
"""Array -> the kinds of numbers that it may hold."""
LARGEST_FLOAT = 4
"""Bytes: training computes in float32. Powers of what float64 can hold would leave it."""
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
    """The number of each row's group (`dataset.group`)."""
    guessed_SR: NDArray[np.bool_] | None
    """Of classes: whether a net that guesses the training part's commonest class is right."""
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

    def without_predictions(self) -> PartRows:
        """Return the rows with their losses and accuracies alone."""
        return replace(self, measures={name: kept for name, kept in self.measures.items() if name != "predicted"})

    def values(self, measured: str) -> Floats | None:
        """Return what each row measured, (S, R), whose mean over rows is the metric; None if it is not kept."""
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
        """Return what each row adds to a metric of classes, (S, R); None where these rows have no such metric."""
        answers = list(self._answers())
        if not answers or not metric.fits(answers[0].classes):
            return None
        return np.stack([metric.values(one) for one in answers])

    def _answers(self) -> Iterator[Answers]:
        """Yield what each seed's net answers; nothing where predictions are not kept, or of a regression."""
        right_SR, predicted = self.measures.get("accuracy"), self.measures.get("predicted")
        if right_SR is None or predicted is None:
            return
        target_SR = self.target_SR.astype("int64")
        for target_R, of_seed, right_R in zip(target_SR, predicted, right_SR, strict=True):
            yield Answers(target_R, of_seed, right_R)

    def of_guess(self, measured: str) -> float | None:
        """Return what guessing scores in a metric of classes, the mean over seeds; None where it is not known."""
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
        """Return the rows of some of its seeds, in the order asked for."""
        positions = [self.seeds.index(seed) for seed in seeds]
        return HeldOut(seeds, {part: rows.of(positions) for part, rows in self.parts.items()})

    def values(self, metric: str) -> Floats | None:
        """Return what each row measured, (S, R), if the metric is the mean of that and it is kept; else None.

        The metric is one of a held-out part, such as `val_accuracy`.
        """
        rows = self.parts.get(part_of(metric))
        return None if rows is None else rows.values(quantity(metric))

    def of_guess(self, measured: str) -> dict[str, float]:
        """Return what guessing scores in a metric of classes, on each part where that is known."""
        found = {part: rows.of_guess(measured) for part, rows in self.parts.items()}
        return {part: score for part, score in found.items() if score is not None}

    def contradiction(self, seeds: Sequence[int], finals: Mapping[str, Sequence[float | None]]) -> str | None:
        """Return which seed's rows have another accuracy than its final value; None if all agree.

        `finals` maps a metric to a value for each of the seeds; one without a value, as a diverged seed, is left out. A
        row may differ by itself: where two classes score alike, rounding decides.
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

    def without_predictions(self) -> HeldOut:
        """Return the rows without what was predicted for each."""
        return HeldOut(self.seeds, {part: rows.without_predictions() for part, rows in self.parts.items()})

    def to_npz(self) -> bytes:
        """Return the content of rows.npz: compressed, and the same bytes for the same numbers."""
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
    """Put the rows of different seeds one behind the other."""
    if len(several) == 1:
        return several[0]
    seeds = tuple(seed for one in several for seed in one.seeds)
    return HeldOut(seeds, {part: _joined([one.parts[part] for one in several]) for part in several[0].parts})


def _joined(several: Sequence[PartRows]) -> PartRows:
    def stacked(name: str) -> Any:
        """Stack an array that all have, or none."""
        values = [getattr(rows, name) for rows in several]
        return None if values[0] is None else np.concatenate(values)

    names = ("rows_SR", "target_SR", "groups_SR", "guessed_SR")
    shared = [name for name in several[0].measures if all(name in rows.measures for rows in several)]
    measures = {name: np.concatenate([rows.measures[name] for rows in several]) for name in shared}
    rows, target, groups, guessed = map(stacked, names)
    return PartRows(rows, target, groups, guessed, measures)


def from_npz(content: bytes, where: str) -> HeldOut:
    """Read rows.npz back; `where` names the file in errors. Nothing in it is run: pickles are refused.

    Raises:
        RunError: if it is no such file, or its arrays are not as bnexp writes them, or contradict each other.
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
    """Return what the arrays hold; raise ValueError if one is missing, of another kind, or of another shape."""
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
            raise ValueError(f"{name} is no array of numbers that a part has")
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
        """Return an array with a row for each seed."""
        return None if kind not in values else np.broadcast_to(values[kind], (seeds, rows))

    measures = {kind: values[kind] for kind in PER_SEED if kind in values}
    return PartRows(full("rows"), full("target"), full("groups"), full("guessed"), measures)
