"""Epochs to a target, where some seeds never arrive. Axes: S seeds, E epochs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from bnexp.statistics.arrays import Floats
from bnexp.statistics.estimate import mean_interval
from bnexp.statistics.significance import at_least

Reading = Literal["ratio", "at least", "at most", "restricted means"]
"""How to read a speed-up. `at least`: some baseline seeds never arrived. `at most`: some treated seeds never arrived.
`restricted means`: some seeds of both never arrived, so the ratio is of mean epochs within the budget, without an
interval."""


@dataclass(frozen=True)
class Reach:
    """How many seeds reached a target, and the mean epochs to it; a seed that never did counts with the budget."""

    reached: int
    seeds: int
    restricted_mean: float


@dataclass(frozen=True)
class SpeedUp:
    """How many times fewer epochs the treated arm took than the baseline, with its interval, and how to read it."""

    ratio: float
    low: float
    high: float
    reading: Reading


def epochs_to_target(metric_SE: Floats, target: float, higher_is_better: bool) -> Floats:
    """Return each seed's first epoch (from 1) with the metric at the target or better, (S,); NaN if never.

    The next epoch must not take it back, if the seed has one: a value that jumps up once has not arrived.

    >>> epochs_to_target(np.array([[0.5, 0.9, 0.6, 0.8, 0.8], [0.1, 0.2, 0.3, 0.4, 0.7]]), 0.8, True)
    array([ 4., nan])
    """
    sign = 1 if higher_is_better else -1
    there_SE = at_least(sign * metric_SE, sign * target)
    next_SE = np.concatenate([there_SE[:, 1:] | np.isnan(metric_SE[:, 1:]), there_SE[:, -1:]], axis=1)
    arrived_SE = there_SE & next_SE
    return np.where(arrived_SE.any(axis=1), arrived_SE.argmax(axis=1) + 1.0, np.nan)


@dataclass(frozen=True)
class LastingBests:
    """One seed's epochs (from 1) at which a better value than ever before was there and lasted, and these values.

    They answer any target exactly, as `epochs_to_target` does.
    """

    epochs: list[int]
    values: list[float]

    def epoch_at(self, target: float, higher_is_better: bool) -> float:
        """Return the first epoch at a target or better; NaN if it is never reached.

        >>> LastingBests([1, 4], [0.5, 0.8]).epoch_at(0.8, True), LastingBests([], []).epoch_at(0.8, True)
        (4.0, nan)
        """
        sign = 1 if higher_is_better else -1
        there = at_least(sign * np.array(self.values, float), sign * target)
        return float(self.epochs[int(there.argmax())]) if there.any() else math.nan


def lasting_bests(metric_SE: Floats, higher_is_better: bool) -> list[LastingBests]:
    """Return each seed's lasting bests: if the next epoch is worse, its value is what lasts.

    >>> lasting_bests(np.array([[0.5, 0.9, 0.6, 0.8, 0.8]]), True)
    [LastingBests(epochs=[1, 2, 4], values=[0.5, 0.6, 0.8])]
    """
    score_SE = metric_SE if higher_is_better else -metric_SE
    next_SE = np.concatenate([score_SE[:, 1:], np.full((len(score_SE), 1), np.nan)], axis=1)
    lasting_SE = np.where(np.isnan(next_SE), score_SE, np.minimum(score_SE, next_SE))
    known_SE = np.where(np.isfinite(lasting_SE), lasting_SE, -np.inf)
    before_SE = np.maximum.accumulate(np.concatenate([np.full((len(known_SE), 1), -np.inf), known_SE], axis=1), axis=1)
    is_best_SE = known_SE > before_SE[:, :-1]
    value_SE = known_SE if higher_is_better else -known_SE
    return [
        LastingBests((np.flatnonzero(best_E) + 1).tolist(), value_E[best_E].tolist())
        for best_E, value_E in zip(is_best_SE, value_SE, strict=True)
    ]


def reach(epochs_S: Floats, budget: int) -> Reach:
    """Sum up epochs to a target, NaN where it was never reached, against the budget of epochs.

    The mean is the restricted mean time: dropping the seeds that never
    arrive would flatter the arm that fails more often. Source: Royston and Parmar 2013.
    """
    reached_S = np.isfinite(epochs_S)
    return Reach(int(reached_S.sum()), len(epochs_S), float(np.where(reached_S, epochs_S, budget).mean()))


def speed_up(treated_S: Floats, baseline_S: Floats, budget: int, level: float) -> SpeedUp | None:
    """Compare epochs to a target pair by pair: the geometric mean of baseline / treated, with a t interval of the logs.

    A seed that never arrives (NaN) counts with the budget: the true ratio lies beyond the estimate, on the side that
    `reading` names. None where seeds of both arms never arrive, and all seeds of one arm: then the ratio says more of
    the budget than of the arms.

    >>> speed_up(np.array([np.nan, np.nan]), np.array([20.0, np.nan]), 50, 0.95) is None
    True
    """
    log_S = np.log(np.where(np.isnan(baseline_S), budget, baseline_S))
    log_S -= np.log(np.where(np.isnan(treated_S), budget, treated_S))
    read = reading(int(np.isnan(treated_S).sum()), int(np.isnan(baseline_S).sum()))
    if read == "restricted means" and (np.isnan(treated_S).all() or np.isnan(baseline_S).all()):
        return None
    if read == "restricted means":
        means = (reach(epochs_S, budget).restricted_mean for epochs_S in (baseline_S, treated_S))
        return SpeedUp(next(means) / next(means), math.nan, math.nan, read)
    interval = mean_interval(log_S, level)
    return SpeedUp(math.exp(interval.mean), math.exp(interval.low), math.exp(interval.high), read)


def reading(treated_never: int, baseline_never: int) -> Reading:
    """Return how to read a speed-up, by the number of censored seeds of each arm.

    >>> reading(0, 0), reading(0, 3), reading(3, 0)
    ('ratio', 'at least', 'at most')
    """
    if treated_never and baseline_never:
        return "restricted means"
    return "at least" if baseline_never else "at most" if treated_never else "ratio"
