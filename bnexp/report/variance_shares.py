"""Where the uncertainty for new rows comes from: the shares of seeds, of rows, and of their interaction."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bnexp.metrics import About
from bnexp.store.comparison_document import MetricDifference, NewRowsInterval, Verdict


@dataclass(frozen=True)
class VarianceShares:
    """The shares of seeds, of rows, and of their interaction in the variance of a mean difference for new rows."""

    shares: tuple[float, float, float]
    anew: NewRowsInterval
    seeds: int


def shares_shown(
    difference: MetricDifference | None, verdict: Verdict, about: About, seeds: int
) -> VarianceShares | None:
    """Return the shares that are shown beside a verdict; None if it is not about new rows, or they are unknown.

    They are unknown for splits and without a variance. `about` is what the user asked.
    """
    anew = None if difference is None else difference.new_rows
    if anew is None or verdict.is_withheld or about == "these-rows":
        return None
    shares = _shares(anew, seeds)
    return None if shares is None else VarianceShares(shares, anew, seeds)


def _shares(anew: NewRowsInterval, seeds: int) -> tuple[float, float, float] | None:
    parts, over = (anew.seed_variance, anew.row_variance, anew.rest_variance), (seeds, anew.count, seeds * anew.count)
    of_seeds, of_rows, rest = (0.0 if part is None else part / count for part, count in zip(parts, over, strict=True))
    total = of_seeds + of_rows + rest
    return (of_seeds / total, of_rows / total, rest / total) if total else None


def shares_in_words(found: VarianceShares) -> str:
    """Write the shares.

    >>> anew = NewRowsInterval(mean=0, low=-1, high=1, drawn="rows", count=200)
    >>> print(shares_in_words(VarianceShares((0.17, 0.5, 0.33), anew, 20)))  # doctest: +NORMALIZE_WHITESPACE
    the choice of 20 seeds (17%), the choice of 200 held-out rows (50%), and their interaction (33%:
    with another seed, the arms differ on others of these rows)
    """
    of_seeds, of_rows, rest = whole_percents(found.shares)
    anew, rows = found.anew, found.anew.drawn
    rarest = f", {anew.rarest:,} of them of the rarest class" if anew.rarest else ""
    return (
        f"the choice of {found.seeds:,} seeds ({of_seeds}%), the choice of {anew.count:,} held-out {rows}{rarest} "
        f"({of_rows}%), and their interaction ({rest}%: with another seed, the arms differ on others of these {rows})"
    )


def whole_percents(shares: Sequence[float]) -> list[int]:
    """Return shares that sum to 1 as whole percents that sum to 100: those with the largest remainders are rounded up.

    >>> whole_percents([0.656, 0.103, 0.241]), whole_percents([0.345, 0.278, 0.377])
    ([66, 10, 24], [34, 28, 38])
    """
    floors = [math.floor(100 * share) for share in shares]
    order = sorted(range(len(shares)), key=lambda place: floors[place] - 100 * shares[place])
    return [floor + (place in order[: 100 - sum(floors)]) for place, floor in enumerate(floors)]
