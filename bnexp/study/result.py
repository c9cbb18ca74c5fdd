"""What is kept of one finished cell and arm, and how an endpoint is read from it.

Axis: S seeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, model_validator

from bnexp import statistics
from bnexp.config.section import Resample
from bnexp.config.study import Endpoint
from bnexp.metrics import is_measured
from bnexp.statistics.arrays import Floats

FORMAT = 4  # of a study's directory: cells/*.json, study.json. 4: a diverged seed guesses on the part measured


class Tuned(BaseModel):
    """What tuning chose: the value, and each candidate's mean; null where a seed that diverged has no value."""

    model_config = ConfigDict(strict=True)

    key: str
    value: Any
    means: list[float | None]


class Result(BaseModel):
    """One finished cell and arm: every metric's final value for each seed, and the epochs to each target.

    A diverged seed's accuracies are those of guessing the commonest class,
    its other values null; it reaches no target.
    """

    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    format: Literal[4] = 4
    design: str
    cell: int
    levels: dict[str, Any]
    arm: str
    experiment: str
    seeds: list[int]
    rows: dict[str, int] = {}
    """Part of the data -> its rows."""
    one_class: dict[str, float] = {}
    """Part of the data -> the best accuracy of answering one class always; none of a regression."""
    resample: Resample = False
    """Whether each seed has a split of its own, as in its dataset."""
    tuned: Tuned | None = None
    final: dict[str, list[float | None]]
    epochs_to: dict[str, list[float | None]]
    budget_epochs: int
    diverged: dict[str, int]
    warnings: list[str] = []
    versions: dict[str, str] = {}
    """Of Python and the packages that decided the numbers, where it was trained; and its GPU, if there was one."""
    steps: int
    """Optimizer steps of all its trainings, those for tuning included."""
    seconds: float

    @model_validator(mode="after")
    def _refuse_gaps(self) -> Result:
        """Raise ValueError if a metric is not one of bnexp's, or a list has not one value for each seed."""
        unknown = [name for name in self.final if not is_measured(name)]
        if unknown or any(
            len(values) != len(self.seeds) for values in (*self.final.values(), *self.epochs_to.values())
        ):
            raise ValueError(f"no value for each seed of each metric {', '.join(unknown)}")
        return self

    def answers(self, endpoints: Sequence[Endpoint]) -> bool:
        """Return True if it holds what all endpoints ask for."""
        return all(
            endpoint.metric in self.final if endpoint.epochs_to is None else target_name(endpoint) in self.epochs_to
            for endpoint in endpoints
        )

    @property
    def part(self) -> tuple[int, str]:
        """Name it within its study."""
        return self.cell, self.arm

    def values(self, endpoint: Endpoint) -> Floats:
        """Return what a contrast is made of, (S,): a final value or its log, the log of epochs, 1 for a failure."""
        if endpoint.epochs_to is not None:
            epochs_S = np.array(self.epochs_to[target_name(endpoint)], float)
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
        never_S: NDArray[np.bool_] = np.isnan(np.array(self.epochs_to[target_name(endpoint)], float))
        return never_S


def target_name(endpoint: Endpoint) -> str:
    """Return the name under which epochs to a target are kept.

    >>> target_name(Endpoint(metric="val_accuracy", epochs_to=0.9))
    'val_accuracy 0.9'
    """
    return f"{endpoint.metric} {endpoint.epochs_to!r}"
