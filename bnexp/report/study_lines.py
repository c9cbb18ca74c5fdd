"""A study's lines over one numeric factor: each arm's mean over seeds, with its interval as a band."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter, NullLocator

from bnexp.config.study import Endpoint
from bnexp.metrics import quantity
from bnexp.report.frame import spans_decades
from bnexp.report.labels import SMALL, distinct, shown
from bnexp.report.plots import COLOURS, MARKERS
from bnexp.report.study_picture import TITLE_WIDTH, columns_of, line_of, unit_of
from bnexp.statistics.arrays import Floats
from bnexp.store.study_document import StudyDocument
from bnexp.study.words import endpoint_name

LOG_SPAN = 10
"""Levels that span at least this factor are drawn on a logarithmic axis."""


def is_numeric(levels: Sequence[Any]) -> bool:
    """Return True if there are at least two levels and all are numbers."""
    return len(levels) > 1 and all(isinstance(level, int | float) and not isinstance(level, bool) for level in levels)


def draw_lines(axes: Axes, document: StudyDocument, endpoint: Endpoint) -> None:
    """Draw each arm's line and band over the only factor, with labels and legend."""
    factor, place_of = document.factors[0], document.endpoints.index(endpoint)
    order = sorted(document.cells, key=lambda cell: float(cell.levels[factor.name]))
    levels_C = np.array([cell.levels[factor.name] for cell in order], float)
    for place, (arm, label) in enumerate(zip(document.arms, distinct(document.arms), strict=True)):
        look: Any = {"color": COLOURS[place % len(COLOURS)], "marker": MARKERS[place % len(MARKERS)]}
        arms = [cell.arms[arm].endpoints[place_of] for cell in order]
        mean_C, low_C, high_C = columns_of(arms) * unit_of(endpoint)
        axes.plot(levels_C, mean_C, label=label, linewidth=1.8, markersize=5, **look)
        axes.fill_between(levels_C, low_C, high_C, color=look["color"], alpha=0.16, linewidth=0)
    scale_levels(axes, levels_C)
    means = [cell.arms[arm].endpoints[place_of].mean for cell in order for arm in document.arms]
    if (low := lowest_of_decades(endpoint, means)) is not None:
        axes.set_yscale("log")
        axes.set_ylim(bottom=low)
    axes.set_xlabel(shown(factor.name, TITLE_WIDTH / 2))
    axes.set_ylabel(line_of(endpoint_name(endpoint), 220.0, 9.0))
    columns = min(4, len(document.arms))
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=columns, frameon=False, fontsize=SMALL)


def lowest_of_decades(endpoint: Endpoint, means: Sequence[float | None]) -> float | None:
    """Return where a logarithmic axis of these means begins; None if the axis is linear, as it is for most metrics.

    A mean's interval may reach below it, for a loss even below 0.
    """
    finite = np.array([mean for mean in means if mean is not None], float)
    plain = endpoint.epochs_to is None and endpoint.failures_below is None
    return float(finite[finite > 0].min() / 3) if plain and spans_decades(quantity(endpoint.metric), finite) else None


def scale_levels(axes: Axes, levels_C: Floats) -> None:
    """Put the levels, (C,), on the x axis. It is logarithmic if they span a factor of LOG_SPAN or more."""
    if levels_C.min() > 0 and levels_C.max() >= LOG_SPAN * levels_C.min():
        axes.set_xscale("log")
        axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xticks(levels_C, [f"{level:g}" for level in levels_C])
    axes.xaxis.set_minor_locator(NullLocator())
