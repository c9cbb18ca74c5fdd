"""The measured record: metric -> array (seeds, epochs), and its JSON form.

Axes: S seeds, E epochs. `training/` measures it. `store` decides where the file is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bnexp.errors import RunError
from bnexp.metrics import KNOWN, higher_is_better, impossible, is_measured, part_of, quantity
from bnexp.statistics.arrays import Floats

FORMAT = 1  # 1: {"format", "seeds": [{"seed", "diverged_at"?, "best_epoch"?, "history": {metric: [...]}}]}


@dataclass(frozen=True)
class History:
    """What was measured at each epoch of each seed.

    `metrics` maps each metric to an array (S, E), in the order measured. An epoch that a seed did not reach is NaN.
    `epochs_S` counts the epochs that each seed was trained for. `diverged_at` maps a diverged seed to its last epoch,
    counted from 1, at which its loss was no longer finite. Under early stopping, `best_epoch` maps a seed to the epoch
    whose weights it ended with.
    """

    seeds: tuple[int, ...]
    metrics: Mapping[str, Floats]
    epochs_S: tuple[int, ...]
    diverged_at: Mapping[int, int] = field(default_factory=dict)
    best_epoch: Mapping[int, int] = field(default_factory=dict)

    @property
    def kept_S(self) -> tuple[int, ...]:
        """Return for each seed the epoch, counted from 1, whose weights it ended with."""
        return tuple(self.best_epoch.get(seed, ran) for seed, ran in zip(self.seeds, self.epochs_S, strict=True))

    @property
    def fewest_kept(self) -> int:
        """Return the smallest value of `kept_S`, over the seeds that did not diverge, or over all if all diverged."""
        whole = [kept for seed, kept in zip(self.seeds, self.kept_S, strict=True) if seed not in self.diverged_at]
        return min(whole or self.kept_S)

    def final(self, metric: str) -> Floats:
        """Return each seed's value at the epoch whose weights it ended with, (S,); NaN where it diverged."""
        values_S = self.metrics[metric][np.arange(len(self.seeds)), np.array(self.kept_S) - 1]
        return np.where([seed in self.diverged_at for seed in self.seeds], np.nan, values_S)

    def with_final(self, metric: str, values_S: Floats) -> History:
        """Return the history with these values of a metric, (S,), at the epochs whose weights the seeds ended with.

        Other epochs keep their values of this metric, or have NaN if the metric is new.
        """
        unknown_SE = np.full((len(self.seeds), max(self.epochs_S)), np.nan)
        values_SE = self.metrics.get(metric, unknown_SE).copy()
        values_SE[np.arange(len(self.seeds)), np.array(self.kept_S) - 1] = values_S
        return replace(self, metrics={**self.metrics, metric: values_SE})

    def newest(self, metric: str) -> Floats:
        """Return each seed's value at the last epoch it was trained for, (S,)."""
        values_S: Floats = self.metrics[metric][np.arange(len(self.seeds)), np.array(self.epochs_S) - 1]
        return values_S

    def best(self, metric: str) -> Floats:
        """Return each seed's best value over its epochs, (S,); NaN where it diverged."""
        sign = 1 if higher_is_better(metric) else -1
        scores_SE = np.where(np.isfinite(self.metrics[metric]), sign * self.metrics[metric], -np.inf)
        best_S = scores_SE.max(axis=1)
        lost_S = ~np.isfinite(best_S) | [seed in self.diverged_at for seed in self.seeds]
        return np.where(lost_S, np.nan, sign * best_S)

    def as_judged(self, metric: str, values_S: Floats, guessing: Mapping[str, float]) -> Floats:
        """Return final or best values of the seeds, (S,), in which a diverged seed scores like guessing.

        So a mean of accuracies does not leave out failures. `guessing` maps a part to the accuracy of guessing the most
        common class. For any other part or metric, the values are returned unchanged: NaN for a diverged seed.
        """
        part = part_of(metric)
        if quantity(metric) != "accuracy" or part not in guessing:
            return values_S
        return np.where([seed in self.diverged_at for seed in self.seeds], guessing[part], values_S)

    def of(self, seeds: tuple[int, ...]) -> History:
        """Return the history of these seeds, in this order."""
        rows = [self.seeds.index(seed) for seed in seeds]
        epochs_S = tuple(self.epochs_S[row] for row in rows)
        return History(
            seeds,
            {name: values[rows, : max(epochs_S, default=0)] for name, values in self.metrics.items()},
            epochs_S,
            {seed: epoch for seed, epoch in self.diverged_at.items() if seed in seeds},
            {seed: epoch for seed, epoch in self.best_epoch.items() if seed in seeds},
        )

    def to_json(self) -> dict[str, Any]:
        """Return the strict-JSON form: each seed's lists are as long as its epochs; NaN and infinity are null."""
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


Watch = Callable[[Sequence[History]], bool]
"""Called after every epoch with the histories so far, each of different seeds. It returns True to stop the training.

The histories are not joined, because joining would copy every epoch measured so far.
"""


def joined(histories: Sequence[History]) -> History:
    """Concatenate the histories of different seeds, in this order. Epochs that a seed did not reach are NaN."""
    if len(histories) == 1:
        return histories[0]
    epochs_S = tuple(epochs for one in histories for epochs in one.epochs_S)
    return History(
        tuple(seed for one in histories for seed in one.seeds),
        {
            name: np.concatenate([_padded(one.metrics[name], max(epochs_S)) for one in histories])
            for name in histories[0].metrics
        },
        epochs_S,
        {seed: epoch for one in histories for seed, epoch in one.diverged_at.items()},
        {seed: epoch for one in histories for seed, epoch in one.best_epoch.items()},
    )


def _padded(values_SE: Floats, epochs: int) -> Floats:
    return np.pad(values_SE, ((0, 0), (0, epochs - values_SE.shape[1])), constant_values=np.nan)


def _finite(values: Floats) -> list[float | None]:
    return [value if math.isfinite(value) else None for value in values.tolist()]


class _Entry(BaseModel):
    """One seed in history.json."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    seed: int
    diverged_at: Annotated[int, Field(ge=1)] | None = None
    best_epoch: Annotated[int, Field(ge=1)] | None = None
    history: dict[str, list[float | None]]

    @property
    def epochs(self) -> int:
        """Count the epochs that the seed was trained for."""
        return len(next(iter(self.history.values())))


class _Document(BaseModel):
    """The content of history.json."""

    model_config = ConfigDict(strict=True)

    format: Literal[1]
    seeds: Annotated[list[_Entry], Field(min_length=1)]


def from_json(text: str | bytes, where: str) -> History:
    """Read a history from JSON; `where` names the file in errors.

    Raises:
        RunError: if the text is no history of this format.
    """
    try:
        document = _Document.model_validate_json(text)
        _refuse_contradictions(document)
        history = _history(document.seeds)
        _refuse_impossible(history)
        return history
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise _refusal(where, f"{'.'.join(map(str, first['loc'])) or 'the text'}: {first['msg']}") from error
    except ValueError as error:
        raise _refusal(where, str(error)) from error
    except MemoryError as error:
        raise _refusal(where, "it takes more memory than there is") from error


def _refusal(where: str, reason: str) -> RunError:
    return RunError(
        f'{where}: not a history of bnexp ({reason}). Expected {{"format": {FORMAT}, "seeds": [...]}}. '
        "Train again, or restore the file."
    )


def _refuse_contradictions(document: _Document) -> None:
    entries = document.seeds
    names = list(entries[0].history)
    if not names:
        raise ValueError(f"seed {entries[0].seed} has no metrics")
    if len({entry.seed for entry in entries}) < len(entries):
        raise ValueError("a seed occurs twice")
    for name in names:
        if not is_measured(name):
            raise ValueError(f"{name!r} is no metric of bnexp; it measures {', '.join(KNOWN)}")
    for entry in entries:
        lengths = {len(values) for values in entry.history.values()}
        if list(entry.history) != names or len(lengths) != 1:
            raise ValueError(f"seed {entry.seed} has other metrics or lists of unequal length")
        if lengths == {0}:
            raise ValueError(f"seed {entry.seed} has no epochs")
        if max(entry.diverged_at or 1, entry.best_epoch or 1) > entry.epochs:
            raise ValueError(f"seed {entry.seed} has a diverged_at or best_epoch after its last epoch")


def _refuse_impossible(history: History) -> None:
    for name, values_SE in history.metrics.items():
        finite = values_SE[np.isfinite(values_SE)]
        if (seen := impossible(name, [finite.min(), finite.max()] if finite.size else [])) is not None:
            raise ValueError(seen)


def _history(entries: list[_Entry]) -> History:
    epochs_S = tuple(entry.epochs for entry in entries)
    return History(
        tuple(entry.seed for entry in entries),
        {name: _stack([entry.history[name] for entry in entries], max(epochs_S)) for name in entries[0].history},
        epochs_S,
        {entry.seed: entry.diverged_at for entry in entries if entry.diverged_at is not None},
        {entry.seed: entry.best_epoch for entry in entries if entry.best_epoch is not None},
    )


def _stack(rows: list[list[float | None]], epochs: int) -> Floats:
    stacked_SE = np.full((len(rows), epochs), np.nan)
    for row, values in enumerate(rows):
        stacked_SE[row, : len(values)] = np.array(values, float)  # None becomes NaN
    return stacked_SE
