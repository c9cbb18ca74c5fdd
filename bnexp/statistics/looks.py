"""Looks at a growing number of seeds: how often at least one look errs, and the level that limits this to 5%.

The mean of the first n seeds is a random walk divided by n. A look errs if the interval of its level excludes the true
mean.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

from bnexp.statistics.arrays import Floats
from bnexp.statistics.differences import LEVEL
from bnexp.statistics.quantiles import quadrature

NODES, HALVINGS = 128, 30


def share_of_each(seeds: Sequence[int], error: float = 1 - LEVEL) -> float:
    """Return the risk of each look, so that at least one look errs with the probability `error`.

    `seeds` are the numbers of seeds of all planned looks. The interval of each look has the level 1 minus this risk.
    Stopping early, or leaving out the last looks, does not raise the error.
    Source: Pocock 1977, "Group sequential methods in the design and analysis of clinical trials", for steps of any
    size. A t interval then has the level that is right for a normal one (Jennison and Turnbull 2000, section 4.4).

    >>> round(share_of_each([10]), 4), round(share_of_each([10, 20, 30, 40, 50]), 4)
    (0.05, 0.0158)
    """
    return _share_of_each(tuple(sorted(set(seeds))), error)


@functools.cache
def _share_of_each(seeds: tuple[int, ...], error: float) -> float:
    if len(seeds) == 1:
        return error
    low, high = error / len(seeds), error
    for _ in range(HALVINGS):
        share = (low + high) / 2
        low, high = (share, high) if error_of([(count, 1 - share) for count in seeds]) < error else (low, share)
    return low


def error_of(looks: Sequence[tuple[int, float]]) -> float:
    """Return the probability that the interval of at least one look excludes the true mean.

    A look is a number of seeds, 1 or more, and the level of its interval, between 0 and 1. The order does not matter.
    If looks have the same number of seeds, or numbers too close for the quadrature, only the lowest level counts.
    Source: Armitage, McPherson and Rowe 1969, "Repeated significance tests on accumulating data".

    >>> round(error_of([(20, 0.95)]), 3), round(error_of([(10, 0.95), (20, 0.95), (30, 0.95)]), 3)
    (0.05, 0.107)
    """
    nodes, weights = quadrature(NODES)
    before, inside, points = 0, np.ones(1), np.zeros(1)
    for count, quantile in _apart([(count, _quantile(level)) for count, level in looks]):
        bound = quantile * math.sqrt(count)
        reached = bound * nodes
        density = _normal(reached[:, None] - points, count - before) @ inside
        before, inside, points = count, density * weights * bound, reached
    return float(np.clip(1 - inside.sum(), 0, 1))


def _quantile(level: float) -> float:
    """Return half the width of an interval of this level, in standard errors; finite for any level below 1."""
    return NormalDist().inv_cdf(min((1 + level) / 2, math.nextafter(1, 0)))


def _apart(looks: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    """Return looks sorted by seeds. Looks are merged if their step is too short for the distance between the nodes.

    A merged look has the narrowest of their intervals.

    >>> _apart([(20, 1.96), (10, 2.2), (20, 1.5), (100_000, 2.0), (100_001, 1.8)])
    [(10, 2.2), (20, 1.5), (100000, 1.8)]
    """
    found: list[tuple[int, float]] = []
    for count, quantile in sorted(looks):
        last, narrowest = found[-1] if found else (0, 0.0)
        if found and count - last <= count * (2 * max(quantile, narrowest) / NODES) ** 2:
            found[-1] = (last, min(quantile, narrowest))
        else:
            found.append((count, quantile))
    return found


def _normal(steps: Floats, variance: int) -> Floats:
    """Return the density of the random walk's steps over `variance` seeds: normal, with this variance."""
    density: Floats = np.exp(-np.square(steps) / (2 * variance)) / math.sqrt(2 * math.pi * variance)
    return density
