"""Epochs to a target, which some seeds may never reach. Axes: S seeds, E epochs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from bnexp.statistics.arrays import Floats
from bnexp.statistics.estimate import mean_interval
from bnexp.statistics.significance import at_least

Reading = Literal["ratio", "at least", "at most", "restricted means"]
"""How to read a speed-up. `at least`: some baseline seeds never reached the target. `at most`: some treated seeds never
reached it. `restricted means`: some seeds of both arms never reached it. Then the ratio is of the mean epochs within
the budget, and has no interval."""


@dataclass(frozen=True)
class Reach:
    """How many seeds reached a target, and the mean epochs to it. All other seeds count with the budget."""

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

    The next epoch, if there is one, must be at the target or better, too: a single jump to the target does not count.

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
    """One seed's epochs (from 1) with a new best value that lasted for the next epoch, too, and these values.

    They give the same epochs as `epochs_to_target`, for any target.
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
    """Return each seed's lasting best values. If the next epoch is worse, its value is the one that lasts.

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
    """Return how many seeds reached a target, and the mean epochs to it. NaN in `epochs_S` means never reached.

    The mean is the restricted mean time: a seed that never reaches the target counts with the budget. Dropping these
    seeds would favour the arm that fails more often. Source: Royston and Parmar 2013.
    """
    reached_S = np.isfinite(epochs_S)
    return Reach(int(reached_S.sum()), len(epochs_S), float(np.where(reached_S, epochs_S, budget).mean()))


def speed_up(treated_S: Floats, baseline_S: Floats, budget: int, level: float) -> SpeedUp | None:
    """Compare epochs to a target pair by pair: the geometric mean of baseline / treated, with a t interval of the logs.

    A seed that never reaches the target (NaN) counts with the budget. Then the true ratio is beyond the estimate, on
    the side that `reading` names. The result is None if all seeds of one arm and some of the other never reach it,
    because the ratio would depend more on the budget than on the arms.

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
