"""What is kept of one finished trial, and how an endpoint is read from it.

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
"""Lasting bests that are kept of a training, on average over a trial's seeds: about 10 kB."""
MOST_BESTS_OF_A_TRIAL = 400_000
"""Of all its seeds: about 10 MB of the 64 MiB that a file may have."""


Part = Annotated[str, Field(pattern="^(train|val|test)$")]
Some = Annotated[int, Field(ge=1, lt=2**53)]
"""A count of what is there."""
Measured = Annotated[float, Field(ge=-LARGEST, le=LARGEST)]
Epochs = Annotated[float, Field(ge=1, lt=2**53)] | None
"""Until a target was reached; null where it never was."""


class Tuned(Record):
    """What tuning chose: the value, and each candidate's mean; null where a seed that diverged has no value."""

    key: str
    value: Level
    means: list[Number]


class Bests(Record):
    """One seed's lasting bests of a metric: `statistics.LastingBests`."""

    epochs: list[Some]
    values: list[Measured]

    @model_validator(mode="after")
    def _refuse_gaps(self) -> Bests:
        """Raise ValueError if a value has no epoch, or an epoch no value."""
        if len(self.epochs) != len(self.values):
            raise ValueError(f"{len(self.epochs)} epochs for {len(self.values)} values")
        return self


class Result(Record):
    """One finished trial: every metric's final value for each seed, and the epochs to each target.

    A diverged seed has the accuracies of guessing the commonest class,
    its other values null; it reaches no target.
    """

    format: Literal[5] = 5
    trial: str
    """The digest of what was measured: `Trial.digest`."""
    together: list[str] = []
    """The trials, this one too, that it was trained with, by `Trial.short_digest`."""
    levels: dict[str, Level]
    arm: str
    """What level and arm were called when it was trained."""
    experiment: str
    seeds: Seeds
    rows: dict[Part, Some] = {}
    """Part of the data -> its rows."""
    one_class: dict[Part, Score] = {}
    """Part of the data -> the best accuracy of answering one class always; none of a regression."""
    resample: Resample = False
    """Whether each seed has a split of its own, as in its dataset."""
    tuned: Tuned | None = None
    final: dict[Metric, list[Number]]
    epochs_to: dict[str, list[Epochs]]
    """Of the targets that were asked for when it was trained."""
    bests: dict[Metric, list[Bests]] = {}
    """Metric -> each seed's lasting bests, from which epochs to any other target follow."""
    budget_epochs: Some
    diverged: dict[str, Count]
    warnings: list[str] = []
    """Of its training. In a trial of an older bnexp, warnings of the data stand among them."""
    data_warnings: list[str] = []
    """Of its data. A verdict does not count them, as in a comparison: they do not come from an arm's training."""
    adds_penalty: bool = False
    """Whether a network of the user's own adds one to its loss."""
    versions: dict[str, str] = {}
    """Of Python and the packages that decided the numbers, where it was trained; and its GPU, if there was one."""
    steps: Count
    """Optimizer steps of all its trainings, those for tuning included."""
    seconds: Annotated[float, Field(ge=0, le=LARGEST)]
    trained_in: dict[str, Seeds] = {}
    """Directory of the same study with fewer seeds -> the seeds that were trained there; the others were here."""

    rows_sha256: str | None = None
    """Of the file with what each held-out row measured; null where that is not kept."""
    held_out: Annotated[InstanceOf[HeldOut] | None, Field(exclude=True, repr=False)] = None
    """What each held-out row measured, on the way from the training to that file."""

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
        """Return each metric's final values; None for a diverged seed, which may count as one that guesses."""
        return {
            metric: [
                None if str(seed) in self.diverged else value for seed, value in zip(self.seeds, values, strict=True)
            ]
            for metric, values in self.final.items()
        }

    def answers(self, endpoints: Sequence[Endpoint]) -> bool:
        """Return True if it holds what all endpoints ask for."""
        return all(
            endpoint.metric in self.final
            if endpoint.epochs_to is None
            else target_name(endpoint) in self.epochs_to or endpoint.metric in self.bests
            for endpoint in endpoints
        )

    def is_tuned_by(self, tune: Tune | None) -> bool:
        """Return True if it was tuned as a study tunes, or not at all where the study does not."""
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
        """Return what a contrast is made of, (S,): a final value or its log, the log of epochs, 1 for a failure."""
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
    """Return the result of all seeds from two results: of the first ones, trained before, and of the others.

    Both answer the endpoints. A diverged seed guesses, and what that scores (`Data.guessing`) is a mean over all seeds.
    `held_out` has the rows of the added seeds, if the file of the first ones has theirs.
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
            "held_out": None if before.rows_sha256 is None else added.held_out,
            "rows_sha256": None,
        }
    )


def _guessed(result: Result, metric: str, guessing: Mapping[str, float]) -> list[float | None]:
    """Return each seed's final value, in which a diverged seed has the accuracy of guessing."""
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
    """Return the lasting bests of all metrics of held-out rows; where they are too many, of those with the fewest.

    A diverged seed reaches nothing and has none.
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
    """Return the lasting bests of the metrics with the fewest, as far as a trial's file has room for them."""
    sizes = {name: sum(len(one.epochs) for one in several) for name, several in found.items()}
    seeds = max(map(len, found.values()), default=0)
    most, kept = min(MOST_BESTS * seeds, MOST_BESTS_OF_A_TRIAL), set[str]()
    for name in sorted(sizes, key=lambda name: sizes[name]):
        if sum(sizes[one] for one in kept) + sizes[name] <= most:
            kept.add(name)
    return {name: several for name, several in found.items() if name in kept}
