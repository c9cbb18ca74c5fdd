"""The measured record: metric -> array (seeds, epochs), and its JSON form.

Axes: S seeds, E epochs. Who measures is in `training/`; where the file lies
is `store`'s business.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnexp.errors import RunError
from bnexp.metrics import higher_is_better

FORMAT = 1  # 1: {"format", "seeds": [{"seed", "diverged_at"?, "best_epoch"?, "history": {metric: [...]}}]}

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class History:
    """What was measured at each epoch of each seed.

    `metrics` maps a metric to an array (S, E), in the order measured; an
    epoch that a seed did not reach is NaN. `epochs_S` counts the epochs each
    seed was trained for (a diverged seed's last epoch is the one at which its
    loss was no longer finite). `diverged_at` maps a seed to that epoch, from 1;
    `best_epoch` a seed, under early stopping, to the epoch whose weights it ended with.
    """

    seeds: tuple[int, ...]
    metrics: Mapping[str, Floats]
    epochs_S: tuple[int, ...]
    diverged_at: Mapping[int, int] = field(default_factory=dict)
    best_epoch: Mapping[int, int] = field(default_factory=dict)

    def final(self, metric: str) -> Floats:
        """Give each seed's value at the epoch whose weights it ended with, (S,); NaN where it diverged."""
        ends = zip(self.seeds, self.epochs_S, strict=True)
        epochs = [self.best_epoch.get(seed, trained) for seed, trained in ends]
        values_S = self.metrics[metric][np.arange(len(epochs)), np.array(epochs) - 1]
        return np.where([seed in self.diverged_at for seed in self.seeds], np.nan, values_S)

    def newest(self, metric: str) -> Floats:
        """Give each seed's value at the last epoch it was trained for, (S,)."""
        values_S: Floats = self.metrics[metric][np.arange(len(self.seeds)), np.array(self.epochs_S) - 1]
        return values_S

    def best(self, metric: str) -> Floats:
        """Give each seed's best value over its epochs, (S,); NaN where none was measured."""
        sign = 1 if higher_is_better(metric) else -1
        scores_SE = np.where(np.isfinite(self.metrics[metric]), sign * self.metrics[metric], -np.inf)
        best_S = scores_SE.max(axis=1)
        return np.where(np.isfinite(best_S), sign * best_S, np.nan)

    def of(self, seeds: tuple[int, ...]) -> History:
        """Give the history of some of its seeds, in the order asked for."""
        rows = [self.seeds.index(seed) for seed in seeds]
        return History(
            seeds,
            {name: values[rows] for name, values in self.metrics.items()},
            tuple(self.epochs_S[row] for row in rows),
            {seed: epoch for seed, epoch in self.diverged_at.items() if seed in seeds},
            {seed: epoch for seed, epoch in self.best_epoch.items() if seed in seeds},
        )

    def to_json(self) -> dict[str, Any]:
        """Give the strict-JSON form: each seed's lists are as long as its epochs; NaN and infinity are null."""
        return {"format": FORMAT, "seeds": [self._seed_to_json(row) for row in range(len(self.seeds))]}

    def _seed_to_json(self, row: int) -> dict[str, Any]:
        seed, epochs = self.seeds[row], self.epochs_S[row]
        entry: dict[str, Any] = {"seed": seed}
        if seed in self.diverged_at:
            entry["diverged_at"] = self.diverged_at[seed]
        if seed in self.best_epoch:
            entry["best_epoch"] = self.best_epoch[seed]
        entry["history"] = {name: _finite(values[row, :epochs]) for name, values in self.metrics.items()}
        return entry


def _finite(values: Floats) -> list[float | None]:
    return [value if math.isfinite(value) else None for value in values.tolist()]


def from_json(text: str, where: str) -> History:
    """Read a history back; `where` names the file in errors.

    Raises:
        RunError: if the text is no history of this format.
    """
    try:
        return _parse(json.loads(text, parse_constant=_refuse_constant))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise RunError(
            f"{where}: not a history of bnexp ({type(error).__name__}: {error}). "
            f'Expected {{"format": {FORMAT}, "seeds": [...]}}. Train again, or restore the file.'
        ) from error


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _parse(document: dict[str, Any]) -> History:
    if document["format"] != FORMAT:
        raise ValueError(f"format is {document['format']!r}, this bnexp reads {FORMAT}")
    entries = document["seeds"]
    if not entries:
        raise ValueError("no seeds")
    seeds = tuple(int(entry["seed"]) for entry in entries)
    if len(set(seeds)) < len(seeds):
        raise ValueError("a seed stands twice")
    names = list(entries[0]["history"])
    epochs_S = tuple(_epochs(entry, names) for entry in entries)
    metrics = {name: _stack([entry["history"][name] for entry in entries], max(epochs_S)) for name in names}
    marks = {key: {e["seed"]: int(e[key]) for e in entries if key in e} for key in ("diverged_at", "best_epoch")}
    return History(seeds, metrics, epochs_S, marks["diverged_at"], marks["best_epoch"])


def _epochs(entry: dict[str, Any], names: list[str]) -> int:
    lengths = {len(values) for values in entry["history"].values()}
    if list(entry["history"]) != names or len(lengths) != 1:
        raise ValueError(f"seed {entry['seed']} has other metrics or lists of unequal length")
    if lengths == {0}:
        raise ValueError(f"seed {entry['seed']} has no epochs")
    return lengths.pop()


def _stack(rows: list[list[float | None]], epochs: int) -> Floats:
    stacked_SE = np.full((len(rows), epochs), np.nan)
    for row, values in enumerate(rows):
        stacked_SE[row, : len(values)] = [np.nan if value is None else float(value) for value in values]
    return stacked_SE
