"""What is stored of one finished trial, and how an endpoint is read from it.

Axis: S seeds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, InstanceOf, model_validator

from bnexp import statistics
from bnexp.config.section import Resample
from bnexp.config.study import Endpoint, Tune
from bnexp.held_out import HeldOut
from bnexp.history import History
from bnexp.metrics import HELD_OUT_PARTS, LARGEST, higher_is_better, impossible, is_computed, part_of, quantity
from bnexp.statistics.arrays import Floats
from bnexp.store.levels import Level
from bnexp.store.records import Metric, Number, Record, Seeds
from bnexp.store.run_record import Score
from bnexp.system.numbers import Count

MOST_BESTS = 400
"""The most lasting bests that are stored of a training, on average over a trial's seeds: about 10 kB."""
MOST_BESTS_OF_A_TRIAL = 400_000
"""The most for all seeds of a trial: about 10 MB of the 64 MiB that a file may have."""


Part = Annotated[str, Field(pattern="^(train|val|test)$")]
Some = Annotated[int, Field(ge=1, lt=2**53)]
"""A count of at least 1."""
MeasuredValue = Annotated[float, Field(ge=-LARGEST, le=LARGEST)]
Epochs = Annotated[float, Field(ge=1, lt=2**53)] | None
"""Epochs until a target was reached; null if it was never reached."""


class Tuned(Record):
    """The value that tuning chose, and each candidate's mean. The mean is null if a diverged seed has no value."""

    key: str
    value: Level
    means: list[Number]


class Bests(Record):
    """One seed's lasting bests of a metric: `statistics.LastingBests`."""

    epochs: list[Some]
    values: list[MeasuredValue]

    @model_validator(mode="after")
    def _refuse_gaps(self) -> Bests:
        """Raise ValueError if a value has no epoch, or an epoch no value."""
        if len(self.epochs) != len(self.values):
            raise ValueError(f"{len(self.epochs)} epochs for {len(self.values)} values")
        return self


class Result(Record):
    """One finished trial: every metric's final value for each seed, and the epochs to each target.

    A diverged seed has the accuracies of guessing the commonest class. Its other values are null, and it reaches no
    target.
    """

    format: Literal[5] = 5
    trial: str
    """The digest of what was measured: `Trial.digest`."""
    together: list[str] = []
    """`Trial.short_digest` of the trials that were trained together, including this one."""
    levels: dict[str, Level]
    arm: str
    """The names of levels and arm when the trial was trained."""
    experiment: str
    seeds: Seeds
    rows: dict[Part, Some] = {}
    """Part of the data -> the number of its rows."""
    one_class: dict[Part, Score] = {}
    """Part of the data -> the best accuracy of always answering one class; empty for a regression."""
    resample: Resample = False
    """Whether each seed has a split of its own, as its dataset says."""
    tuned: Tuned | None = None
    final: dict[Metric, list[Number]]
    epochs_to: dict[str, list[Epochs]]
    """Target -> the epochs of each seed, for the targets that were asked for when the trial was trained."""
    bests: dict[Metric, list[Bests]] = {}
    """Metric -> each seed's lasting bests. The epochs to any other target follow from them."""
    budget_epochs: Some
    diverged: dict[str, Count]
    warnings: list[str] = []
    """Warnings about its training. In a trial of an older bnexp, they include warnings about the data."""
    data_warnings: list[str] = []
    """Warnings about its data. As in a comparison, a verdict does not count them: they do not come from an arm's
    training."""
    adds_penalty: bool = False
    """Whether a user's own network adds a penalty to its loss."""
    versions: dict[str, str] = {}
    """Versions of Python and of the packages that affect the numbers, and the GPU, if the machine had one."""
    steps: Count
    """Optimizer steps of all its trainings, those for tuning included."""
    seconds: Annotated[float, Field(ge=0, le=LARGEST)]
    trained_in: dict[str, Seeds] = {}
    """Directory of the same study with fewer seeds -> the seeds that were trained there. The others were trained
    here."""
    ended: dict[str, Seeds] = {}
    """The time (UTC) at which a training ended -> its seeds. Empty in older trials."""
    rows_sha256: str | None = None
    """sha256 of the file with the values of each held-out row; null if these are not stored."""
    too_many_rows: bool = False
    """Whether they were asked for and too many to store. Older trials do not record this."""
    held_out: Annotated[InstanceOf[HeldOut] | None, Field(exclude=True, repr=False)] = None
    """The values of each held-out row, until they are written to that file."""

    @model_validator(mode="after")
    def _refuse_gaps(self) -> Result:
        """Raise ValueError if a list lacks a seed or has an impossible value, or the training part has no rows."""
        lists = (self.final, self.epochs_to, self.bests)
        if {len(values) for each in lists for values in each.values()} - {len(self.seeds)}:
            raise ValueError("no value for each seed of each metric")
        if seen := next(filter(None, (impossible(metric, values) for metric, values in self.final.items())), None):
            raise ValueError(seen)
        if self.rows and "train" not in self.rows:
            raise ValueError("no rows of the training part")
        return self

    def final_of_whole(self) -> dict[str, list[float | None]]:
        """Return each metric's final values, with None for a diverged seed even if it counts as guessing."""
        return {
            metric: [
                None if str(seed) in self.diverged else value for seed, value in zip(self.seeds, values, strict=True)
            ]
            for metric, values in self.final.items()
        }

    def answers(self, endpoints: Sequence[Endpoint]) -> bool:
        """Return True if the result holds what all endpoints ask for."""
        return all(
            endpoint.metric in self.final
            if endpoint.epochs_to is None
            else target_name(endpoint) in self.epochs_to or endpoint.metric in self.bests
            for endpoint in endpoints
        )

    def is_tuned_by(self, tune: Tune | None) -> bool:
        """Return True if the trial was tuned as the study tunes, or if neither of them uses tuning."""
        if tune is None or self.tuned is None:
            return tune is None and self.tuned is None
        return self.tuned.key == tune.key and len(self.tuned.means) == len(tune.values)

    def epochs(self, endpoint: Endpoint) -> list[float | None]:
        """Return the epochs to an endpoint's target for each seed; None where it was never reached."""
        known = self.epochs_to.get(target_name(endpoint))
        if known is not None or endpoint.epochs_to is None:
            return known or []
        higher = higher_is_better(endpoint.metric)
        bests = [statistics.LastingBests(one.epochs, one.values) for one in self.bests[endpoint.metric]]
        return statistics.strict_values(np.array([one.epoch_at(endpoint.epochs_to, higher) for one in bests]))

    def values(self, endpoint: Endpoint) -> Floats:
        """Return the values that a contrast subtracts, (S,): final values, their logs, logs of epochs, or failures."""
        if endpoint.epochs_to is not None:
            epochs_S = np.array(self.epochs(endpoint), float)
            return np.log(np.where(np.isnan(epochs_S), self.budget_epochs, epochs_S))
        final_S = np.array(self.final[endpoint.metric], float)
        if endpoint.failures_below is None:
            return np.log(final_S, where=final_S > 0, out=np.full_like(final_S, np.nan)) if endpoint.ratio else final_S
        diverged_S = np.array([str(seed) in self.diverged for seed in self.seeds])
        passed_S: NDArray[np.bool_] = statistics.at_least(final_S, endpoint.failures_below)
        return (diverged_S | ~passed_S).astype(float)

    def censored(self, endpoint: Endpoint) -> NDArray[np.bool_]:
        """Return True for each seed that never reached the target of an endpoint, (S,)."""
        if endpoint.epochs_to is None:
            return np.zeros(len(self.seeds), bool)
        never_S: NDArray[np.bool_] = np.isnan(np.array(self.epochs(endpoint), float))
        return never_S


def joined(before: Result, added: Result, endpoints: Sequence[Endpoint], guessing: Mapping[str, float]) -> Result:
    """Return one result of all seeds: the seeds of `before`, which was trained earlier, and of `added`.

    Both must have values for all endpoints. A diverged seed counts as guessing, and the score of guessing
    (`Data.guessing`) is a mean over all seeds. `held_out` has only the added seeds' rows. It is None if the rows of
    the first seeds are not stored.
    """
    targets = [endpoint for endpoint in endpoints if endpoint.epochs_to is not None]
    shared = [name for name in added.bests if name in before.bests]
    return added.model_copy(
        update={
            "seeds": (*before.seeds, *added.seeds),
            "tuned": before.tuned,
            "final": {name: [*_guessed(before, name, guessing), *added.final[name]] for name in added.final},
            "epochs_to": {target_name(one): [*before.epochs(one), *added.epochs(one)] for one in targets},
            "bests": _fewest({name: [*before.bests[name], *added.bests[name]] for name in shared}),
            "diverged": before.diverged | added.diverged,
            "warnings": list(dict.fromkeys([*before.warnings, *added.warnings])),
            "data_warnings": list(dict.fromkeys([*before.data_warnings, *added.data_warnings])),
            "steps": before.steps + added.steps,
            "seconds": before.seconds + added.seconds,
            "trained_in": before.trained_in,
            "ended": before.ended | added.ended,
            "held_out": None if before.rows_sha256 is None else added.held_out,
            "rows_sha256": None,
            "too_many_rows": before.too_many_rows or added.too_many_rows,
        }
    )


def _guessed(result: Result, metric: str, guessing: Mapping[str, float]) -> list[float | None]:
    """Return each seed's final value. A diverged seed has the accuracy of guessing."""
    part = part_of(metric)
    values = result.final[metric]
    if quantity(metric) != "accuracy" or part not in guessing:
        return values
    pairs = zip(result.seeds, values, strict=True)
    return [guessing[part] if str(seed) in result.diverged else value for seed, value in pairs]


def target_name(endpoint: Endpoint) -> str:
    """Return the name under which epochs to a target are kept.

    >>> target_name(Endpoint(metric="val_accuracy", epochs_to=0.9))
    'val_accuracy 0.9'
    """
    return f"{endpoint.metric} {endpoint.epochs_to!r}"


def kept_bests(history: History) -> dict[str, list[Bests]]:
    """Return the best values that the next epoch kept (`statistics.lasting_bests`), of the metrics of held-out rows.

    If there are too many, some metrics are left out. A diverged seed reaches no target, so its lists are empty.
    """
    found = {}
    for name in history.metrics:
        is_of_final_weights = is_computed(name) and np.isfinite(history.metrics[name]).sum(axis=1).max() <= 1
        if part_of(name) in HELD_OUT_PARTS and not is_of_final_weights:
            bests = statistics.lasting_bests(history.metrics[name], higher_is_better(name))
            found[name] = [
                Bests(epochs=[], values=[])
                if seed in history.diverged_at
                else Bests(epochs=one.epochs, values=one.values)
                for seed, one in zip(history.seeds, bests, strict=True)
            ]
    return _fewest(found)


def _fewest(found: dict[str, list[Bests]]) -> dict[str, list[Bests]]:
    """Return the lasting bests of as many metrics as a trial's file has room for. Metrics with fewer are preferred."""
    sizes = {name: sum(len(one.epochs) for one in several) for name, several in found.items()}
    seeds = max(map(len, found.values()), default=0)
    most, kept = min(MOST_BESTS * seeds, MOST_BESTS_OF_A_TRIAL), set[str]()
    for name in sorted(sizes, key=lambda name: sizes[name]):
        if sum(sizes[one] for one in kept) + sizes[name] <= most:
            kept.add(name)
    return {name: several for name, several in found.items() if name in kept}
