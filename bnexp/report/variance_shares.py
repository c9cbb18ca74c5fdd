"""Which share of the variance of a difference comes from seeds, from held-out rows, and from their interaction."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bnexp.store.comparison_document import NewRowsInterval


def shares_in_words(anew: NewRowsInterval, seeds: int) -> str | None:
    """Write the shares of seeds, rows and their interaction in the variance of the mean difference; None if unknown.

    >>> print(shares_in_words(NewRowsInterval(mean=0, low=-1, high=1, drawn="rows", count=200, seed_variance=0.01,
    ...     row_variance=0.3, rest_variance=4.0), 20))  # doctest: +NORMALIZE_WHITESPACE
    the choice of 20 seeds (17%), the choice of 200 held-out rows (50%), and their interaction (33%: the
    rows on which the arms differ change from seed to seed)
    """
    found = variance_shares(anew, seeds)
    if found is None:
        return None
    share, rows = [f"{one}%" for one in whole_percents(found)], anew.drawn
    rarest = f", {anew.rarest:,} of them of the rarest class" if anew.rarest else ""
    return (
        f"the choice of {seeds} seeds ({share[0]}), the choice of {anew.count:,} held-out {rows}{rarest} ({share[1]}), "
        f"and their interaction ({share[2]}: the {rows} on which the arms differ change from seed to seed)"
    )


def whole_percents(shares: Sequence[float]) -> list[int]:
    """Return shares that sum to 1 as whole percents that sum to 100: those with the largest remainders are rounded up.

    >>> whole_percents([0.656, 0.103, 0.241]), whole_percents([0.345, 0.278, 0.377])
    ([66, 10, 24], [34, 28, 38])
    """
    floors = [math.floor(100 * share) for share in shares]
    order = sorted(range(len(shares)), key=lambda place: floors[place] - 100 * shares[place])
    return [floor + (place in order[: 100 - sum(floors)]) for place, floor in enumerate(floors)]


def variance_shares(anew: NewRowsInterval, seeds: int) -> tuple[float, float, float] | None:
    """Return the shares of seeds, rows and their interaction in the variance; None if they are unknown."""
    parts, over = (anew.seed_variance, anew.row_variance, anew.rest_variance), (seeds, anew.count, seeds * anew.count)
    of_seeds, of_rows, rest = (0.0 if part is None else part / count for part, count in zip(parts, over, strict=True))
    total = of_seeds + of_rows + rest
    return (of_seeds / total, of_rows / total, rest / total) if total else None
