"""The dots of one row of the figure of differences: equal values are stacked, and a crowded stack gets its number."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from bnexp.report.frame import GREY
from bnexp.report.labels import SMALL
from bnexp.statistics.arrays import Floats

DOTS_FROM, DOTS_TO = 0.0, 0.4
"""Where the dots are stacked, as shares of a row's height from its middle downwards."""
DOTS_ACROSS = 80
"""Dots that fit beside each other on the axis."""
CROWDED, FREE = 8, 4
"""A stack of more dots than this looks like a bar. Its number is written if this many places beside it are free."""


def draw_dots(axes: Axes, place: float, values_S: Floats, *, color: str, span: float) -> None:
    """Draw a dot for each value in the row at this place. `span` is the length of the axis, in its unit."""
    width = span / DOTS_ACROSS
    heights_S = place + DOTS_FROM + (DOTS_TO - DOTS_FROM) * stacked(values_S, width)
    axes.plot(values_S, heights_S, "o", color=color, alpha=0.6, markersize=4, markeredgewidth=0)
    for value, count in crowded(values_S, width):
        beside = (value, place + (DOTS_FROM + DOTS_TO) / 2)
        offset: Any = {"xytext": (6, 0), "textcoords": "offset points", "va": "center"}
        axes.annotate(f"{count} dots", beside, fontsize=SMALL, color=GREY, **offset)


def stacked(values_S: Floats, width: float) -> Floats:
    """Return how far down each dot is drawn, (S,), from 0 to 1. Dots whose values are within a width are stacked.

    >>> stacked(np.array([1.0, 5.0, 1.0, 1.1]), 0.5).tolist()
    [0.0, 0.0, 0.5, 1.0]
    """
    places_S = _places(values_S, width)
    depth_S = np.array([np.count_nonzero(places_S[:row] == place) for row, place in enumerate(places_S)], float)
    depths_S: Floats = depth_S / max(1.0, depth_S.max(initial=0.0), 4.0 if len(values_S) > 4 else 0.0)
    return depths_S


def crowded(values_S: Floats, width: float) -> Iterator[tuple[float, int]]:
    """Yield the largest value and the number of dots of each crowded stack with room for this number to its right.

    >>> [*crowded(np.array([1.0] * 9 + [4.0] * 3), 0.1)], [*crowded(np.array([1.0] * 9 + [1.1]), 0.1)]
    ([(1.0, 9)], [])
    """
    places_S = _places(values_S, width)
    for place in np.unique(places_S):
        is_here_S = places_S == place
        count, is_beside_S = int(np.count_nonzero(is_here_S)), (places_S > place) & (places_S <= place + FREE)
        if count > CROWDED and not is_beside_S.any():
            yield float(values_S[is_here_S].max()), count


def _places(values_S: Floats, width: float) -> Floats:
    """Return the place of each value on the axis, (S,), in dots."""
    places_S: Floats = np.round(values_S / width) if width > 0 else np.zeros(len(values_S))
    return places_S
