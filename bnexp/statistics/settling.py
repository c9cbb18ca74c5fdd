"""How many seeds, or how many held-out rows, would settle an open question, and with which probability.

With more seeds or rows the interval becomes narrower, and its mean moves. How far it moves is estimated from the spread
of the seeds or rows that are added. A number is enough if its interval settles the question with probability CHANCE.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from statistics import NormalDist

from bnexp.statistics.estimate import Estimate, Interval
from bnexp.statistics.held_out_rows import Components, expected_estimate, safe_unit
from bnexp.statistics.significance import at_least
from bnexp.statistics.verdicts import Levels

CHANCE = 0.5
"""The probability with which the number that is reported settles a question."""
MOST_SEEDS = 100_000
"""If a question needs more seeds than this, no number is reported."""
MOST_ROWS = 10_000_000
"""The same limit for held-out rows."""
MOST_DOUBLINGS = 6
"""How often seeds are doubled at most to find numbers of seeds and rows that together settle a question."""
FEWEST_ROWS = 10
"""With fewer rows, their variance is too uncertain to promise that seeds alone settle a question about new rows."""


@dataclass(frozen=True)
class OpenQuestion:
    """A mean difference as it is known now, and the rule that decides whether it matters (`verdicts.shown`)."""

    mean: float
    margin: float
    levels: Levels
    is_claim: bool = False
    """Whether it is about a study's claim. Any difference below 0 settles a claim."""
    fewest_rows: int = 0
    """The number of held-out rows that is needed to call a difference small."""

    def chance(self, spread: float, half_width: Callable[[float], float], *, can_be_small: bool = True) -> float:
        """Return the probability that a later interval settles the question.

        The later mean is normal around the present mean, with the standard deviation `spread`. `half_width` returns
        half the width of the later interval at a level.
        """
        widths = {level: half_width(level) for level in {self.levels.sign, self.levels.margin}}
        of_sign = widths[self.levels.sign]
        small = max(0.0, self.margin - widths[self.levels.margin]) if can_be_small else 0.0
        large = max(self.margin, of_sign)
        negative = of_sign if self.is_claim else large

        def below(bound: float) -> float:
            """Return the probability that the later mean is below a bound."""
            return NormalDist(self.mean, spread).cdf(bound) if spread > 0 else float(self.mean < bound)

        if negative < small:  # a claim: any mean below `small` refutes it
            return below(small) + 1 - below(large)
        return below(-negative) + below(small) - below(-small) + 1 - below(large)


def pairs_to_settle(question: OpenQuestion, *, pairs: int, deviation: float, least_error: float = 0) -> int | None:
    """Return the smallest number of pairs, above `pairs`, that settles a question with CHANCE.

    `deviation` is the standard deviation of the pairs' differences, above 0. `least_error` is the standard error that
    remains with very many pairs: 0 for a question about these rows. The result is None if no number does.
    """

    def is_enough(count: int) -> bool:
        """Return True if this many pairs settle the question with CHANCE."""
        estimate = Estimate(0.0, math.hypot(deviation / math.sqrt(count), least_error), count - 1.0)
        spread = deviation * math.sqrt(1 / pairs - 1 / count)
        return question.chance(spread, lambda level: estimate.interval(level).high) >= CHANCE

    return _first(pairs + 1, MOST_SEEDS, is_enough)


def rounded_up(count: int) -> int:
    """Round an estimated number up to two significant digits.

    >>> rounded_up(711), rounded_up(23), rounded_up(12345)
    (720, 23, 13000)
    """
    digit: int = 10 ** max(0, len(str(count)) - 2)
    return -(-count // digit) * digit


@dataclass(frozen=True)
class Needed:
    """How many held-out rows would settle a question with the present seeds; how many seeds, with the present rows.

    A field is None if no number would settle it. `both` is more seeds and more rows; it is None unless neither alone
    settles the question.
    """

    rows: int | None
    seeds: int | None
    both: tuple[int, int] | None = None


def needed(question: OpenQuestion, parts: Components, *, seeds: int, rows: int) -> Needed:
    """Return how many rows, or seeds, settle a question about new rows with CHANCE, from its variance components.

    `seeds` and `rows` are the present numbers. The later interval of `held_out_rows.new_rows` is predicted from the
    mean squares that are expected for larger numbers.
    """
    unit = safe_unit(math.sqrt(max(parts.seed, parts.row, parts.rest)))
    parts = replace(parts, seed=parts.seed / unit**2, row=parts.row / unit**2, rest=parts.rest / unit**2)
    question = replace(question, mean=question.mean / unit, margin=question.margin / unit)

    def is_settled(more_seeds: int, more_rows: int) -> bool:
        """Return True if these numbers of seeds and rows settle the question with CHANCE."""
        estimate = expected_estimate(parts, more_seeds, more_rows)
        can_be_small = more_rows >= question.fewest_rows
        spread = math.sqrt(max(0.0, parts.variance(seeds, rows) - parts.variance(more_seeds, more_rows)))
        return question.chance(spread, lambda level: estimate.interval(level).high, can_be_small=can_be_small) >= CHANCE

    by_rows = _first(rows + 1, MOST_ROWS, lambda count: is_settled(seeds, count))
    if rows < FEWEST_ROWS:
        return Needed(by_rows, None)
    by_seeds = _first(seeds + 1, MOST_SEEDS, lambda count: is_settled(count, rows))
    return Needed(by_rows, by_seeds, None if by_rows or by_seeds else _both(seeds, rows, is_settled))


def rows_to_settle(
    question: OpenQuestion, parts: Components, *, seeds: int, least: int, known: tuple[int, int] | None
) -> int | None:
    """Return the smallest number of held-out rows, from `least` on, that settles a question with CHANCE.

    `seeds` is the number of seeds then. `known` are the numbers of seeds and rows behind the question's mean. If it is
    None, nothing has been measured, and the question's mean is taken for the true one. The result is None if no number
    of rows is enough.
    """
    unit = safe_unit(math.sqrt(max(parts.seed, parts.row, parts.rest)))
    parts = replace(parts, seed=parts.seed / unit**2, row=parts.row / unit**2, rest=parts.rest / unit**2)
    question = replace(question, mean=question.mean / unit, margin=question.margin / unit)

    def is_enough(count: int) -> bool:
        """Return True if this many rows are enough."""
        estimate, later = expected_estimate(parts, seeds, count), parts.variance(seeds, count)
        spread = math.sqrt(later if known is None else max(0.0, parts.variance(*known) - later))
        can_be_small = count >= question.fewest_rows
        return question.chance(spread, lambda level: estimate.interval(level).high, can_be_small=can_be_small) >= CHANCE

    return _first(max(2, least), MOST_ROWS, is_enough)


def _both(seeds: int, rows: int, is_settled: Callable[[int, int], bool]) -> tuple[int, int] | None:
    """Return seeds and rows that together settle a question, with the fewest measured pairs; None if no numbers do.

    The seeds are the present ones times 2, 4 and so on.
    """
    found = []
    for several in (seeds * 2**power for power in range(1, MOST_DOUBLINGS + 1)):
        if (count := _first(rows + 1, MOST_ROWS, partial(is_settled, several))) is not None:
            found.append((several, count))
    return min(found, key=lambda one: one[0] * one[1], default=None)


def _first(least: int, most: int, is_enough: Callable[[int], bool]) -> int | None:
    """Return about the smallest number from `least` to `most` that is enough; None if no number is found."""
    low = high = least
    while not is_enough(high):
        if high >= most:
            return None
        low, high = high + 1, min(2 * high, most)
    return low + bisect.bisect_left(range(low, high), True, key=is_enough)


def within_reach(
    mean: Interval, least_error: float, *, margin: float, levels: Levels, can_be_small: bool = True
) -> bool:
    """Return True if a standard error as small as `least_error` settles a question for some mean in an interval.

    `mean` is the present interval. `least_error` is the standard error that remains with very many seeds: the part due
    to the held-out rows. With this error, the interval of a large mean must exclude 0, and the interval of a small mean
    must be inside the margin.

    >>> mean = Interval(0.0, -0.5, 0.5)
    >>> [within_reach(mean, error, margin=1.0, levels=Levels()) for error in (0.5, 0.52)]
    [True, False]
    """
    smallest = 0.0 if mean.low <= 0 <= mean.high else min(abs(mean.low), abs(mean.high))
    largest = max(abs(mean.low), abs(mean.high))
    if (
        can_be_small
        and not at_least(smallest, margin)
        and _widest_error(margin - smallest, levels.margin) > least_error
    ):
        return True
    return bool(at_least(largest, margin)) and _widest_error(largest, levels.sign) > least_error


def _widest_error(half_width: float, level: float) -> float:
    """Return the standard error with which half the width of a normal interval of this level is `half_width`."""
    return half_width / NormalDist().inv_cdf((1 + level) / 2)
