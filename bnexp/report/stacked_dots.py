"""The dots of one row of the figure of differences: equal values are stacked, and a crowded stack gets its number."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from bnexp.report.frame import GREY
from bnexp.report.labels import SMALL, text_width
from bnexp.statistics.arrays import Floats

DOTS_FROM, DOTS_TO = 0.0, 0.4
"""Where the dots are stacked, as shares of a row's height from its middle downwards."""
DOTS_ACROSS = 80
"""Dots that fit beside each other on the axis."""
CROWDED = 8
"""A stack of more dots than this looks like a bar. Its number is written beside it, if there is room."""
DOT, GAP = 4.0, 6.0
"""The size of a dot, and the distance from the middle of a stack to its number, in points."""


def draw_dots(axes: Axes, place: float, values_S: Floats, *, color: str, span: float) -> None:
    """Draw a dot for each value in the row at this place. `span` is the length of the axis, in its unit."""
    heights_S = _heights(place, values_S, span)
    axes.plot(values_S, heights_S, "o", color=color, alpha=0.6, markersize=DOT, markeredgewidth=0)


def draw_numbers(axes: Axes, place: float, values_S: Floats, *, span: float) -> None:
    """Write the number of each crowded stack of a row to its right or left, where it covers no dot of the row.

    Nothing is written where there is no room. The limits of the axes must be final.
    """
    points, middle = 72 / axes.figure.dpi, place + (DOTS_FROM + DOTS_TO) / 2
    axes.get_xlim()  # the limits follow from what was drawn; this makes the transformation follow, too
    dots_SP = axes.transData.transform(np.column_stack([values_S, _heights(place, values_S, span)])) * points
    first, last = axes.bbox.x0 * points, axes.bbox.x1 * points
    for low, high, count in crowded(values_S, span / DOTS_ACROSS):
        text = f"{count} dots"
        width = text_width(text, SMALL)
        (left, level), (right, _) = axes.transData.transform([(low, middle), (high, middle)]) * points
        is_beside_S = np.abs(dots_SP[:, 1] - level) < (SMALL + DOT) / 2
        for beside, start, end, side in (
            (high, right + GAP, right + GAP + width, 1),
            (low, left - GAP - width, left - GAP, -1),
        ):
            covered_S = is_beside_S & (dots_SP[:, 0] > start - DOT) & (dots_SP[:, 0] < end + DOT)
            if first <= start and end <= last and not covered_S.any():
                style: Any = {"textcoords": "offset points", "va": "center", "ha": "left" if side > 0 else "right"}
                axes.annotate(text, (beside, middle), xytext=(side * GAP, 0), fontsize=SMALL, color=GREY, **style)
                break


def _heights(place: float, values_S: Floats, span: float) -> Floats:
    """Return how high each dot of the row at this place is drawn, (S,), on the axis of the rows."""
    heights_S: Floats = place + DOTS_FROM + (DOTS_TO - DOTS_FROM) * stacked(values_S, span / DOTS_ACROSS)
    return heights_S


def stacked(values_S: Floats, width: float) -> Floats:
    """Return how far down each dot is drawn, (S,), from 0 to 1. Dots whose values are within a width are stacked.

    >>> stacked(np.array([1.0, 5.0, 1.0, 1.1]), 0.5).tolist()
    [0.0, 0.0, 0.5, 1.0]
    """
    places_S = _places(values_S, width)
    depth_S = np.array([np.count_nonzero(places_S[:row] == place) for row, place in enumerate(places_S)], float)
    depths_S: Floats = depth_S / max(1.0, depth_S.max(initial=0.0), 4.0 if len(values_S) > 4 else 0.0)
    return depths_S


def crowded(values_S: Floats, width: float) -> Iterator[tuple[float, float, int]]:
    """Yield the smallest value, the largest value and the number of dots of each crowded stack.

    >>> [*crowded(np.array([1.0] * 9 + [4.0] * 3), 0.1)]
    [(1.0, 1.0, 9)]
    """
    places_S = _places(values_S, width)
    for place in np.unique(places_S):
        here_S = values_S[places_S == place]
        if len(here_S) > CROWDED:
            yield float(here_S.min()), float(here_S.max()), len(here_S)


def _places(values_S: Floats, width: float) -> Floats:
    """Return the place of each value on the axis, (S,), in dots."""
    places_S: Floats = np.round(values_S / width) if width > 0 else np.zeros(len(values_S))
    return places_S
