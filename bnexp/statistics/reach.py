"""Epochs to a target, where some seeds never arrive. Axes: S seeds, E epochs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from bnexp.statistics.differences import Floats, mean_interval


@dataclass(frozen=True)
class Reach:
    """How many seeds reached a target, and the mean epochs to it; a seed that never did counts with the budget."""

    reached: int
    seeds: int
    restricted_mean: float


@dataclass(frozen=True)
class SpeedUp:
    """How many times fewer epochs the treated arm took than the baseline, with its interval.

    `reading` tells how to read it: `ratio`; `at least`, where some baseline
    seeds never arrived; `at most`, where some treated ones did not; of both,
    `restricted means`, the ratio of the mean epochs within the budget, which has no interval.
    """

    ratio: float
    low: float
    high: float
    reading: Literal["ratio", "at least", "at most", "restricted means"]


def epochs_to_target(metric_SE: Floats, target: float, higher_is_better: bool) -> Floats:
    """Give each seed's first epoch (from 1) with the metric at the target or better, (S,); NaN if never."""
    reached_SE = metric_SE >= target if higher_is_better else metric_SE <= target
    return np.where(reached_SE.any(axis=1), reached_SE.argmax(axis=1) + 1.0, np.nan)


def reach(epochs_S: Floats, budget: int) -> Reach:
    """Sum up epochs to a target, NaN where it was never reached, against the budget of epochs.

    The mean is the restricted mean time: dropping the seeds that never
    arrive would flatter the arm that fails more often. Source: Royston and Parmar 2013.
    """
    reached_S = np.isfinite(epochs_S)
    return Reach(int(reached_S.sum()), len(epochs_S), float(np.where(reached_S, epochs_S, budget).mean()))


def speed_up(treated_S: Floats, baseline_S: Floats, budget: int, level: float) -> SpeedUp:
    """Compare epochs to a target pair by pair: the geometric mean of baseline / treated, with a t interval of the logs.

    A seed that never arrives (NaN) counts with the budget: the true ratio is
    beyond what is given, on the side that `reading` names.
    """
    log_S = np.log(np.where(np.isnan(baseline_S), budget, baseline_S))
    log_S -= np.log(np.where(np.isnan(treated_S), budget, treated_S))
    baseline_censored, treated_censored = np.isnan(baseline_S).any(), np.isnan(treated_S).any()
    if baseline_censored and treated_censored:
        means = (reach(epochs_S, budget).restricted_mean for epochs_S in (baseline_S, treated_S))
        return SpeedUp(next(means) / next(means), math.nan, math.nan, "restricted means")
    interval = mean_interval(log_S, level)
    reading: Literal["at least", "at most", "ratio"] = "ratio"
    if baseline_censored or treated_censored:
        reading = "at least" if baseline_censored else "at most"
    return SpeedUp(math.exp(interval.mean), math.exp(interval.low), math.exp(interval.high), reading)
