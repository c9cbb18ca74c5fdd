"""The figure of a sweep, drawn from study.json alone: lines over one numeric factor, else a row for each trial.

It shows each arm's mean with its interval, and gives no verdict.
"""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

from bnexp.errors import counted
from bnexp.report.frame import HEIGHT
from bnexp.report.labels import SMALL, distinct
from bnexp.report.plots import COLOURS, MARKERS
from bnexp.report.study_forest import MOST_ROWS, cell_name
from bnexp.report.study_lines import draw_lines, is_numeric, lowest_of_decades
from bnexp.report.study_picture import columns_of, line_of, titled, unit_of, whole
from bnexp.store.study_document import StudyDocument
from bnexp.study.words import endpoint_name

APART = 0.6
"""How far a cell's arms are spread vertically, as a share of the distance between cells."""


def sweep_figure(document: StudyDocument) -> Figure:
    """Return the figure of a study without a hypothesis."""
    factors = document.factors
    return _lines(document) if len(factors) == 1 and is_numeric(factors[0].levels) else _rows(document)


def _lines(document: StudyDocument) -> Figure:
    axes = titled(document.name, [*_said(document), f"line: mean; band: {_interval(document)}"], HEIGHT)
    draw_lines(axes, document, document.endpoints[0])
    return whole(axes)


def _rows(document: StudyDocument) -> Figure:
    """Draw a point with its interval for each cell and arm, the arms of a cell close together."""
    cells, arms, endpoint = document.cells[:MOST_ROWS], document.arms, document.endpoints[0]
    first = f"; first {len(cells)} of {len(document.cells)} cells" if len(cells) < len(document.cells) else ""
    names = [cell_name(cell.levels) for cell in cells]
    height = 2.2 + sum(max(0.24 * (name.count("\n") + 1.4), 0.14 * len(arms)) for name in names)
    axes = titled(document.name, [*_said(document), f"bar: {_interval(document)}{first}"], height, left=2.2)
    for place, (arm, label) in enumerate(zip(arms, distinct(arms), strict=True)):
        look: Any = {"color": COLOURS[place % len(COLOURS)], "marker": MARKERS[place % len(MARKERS)]}
        drawn_KC = columns_of([cell.arms[arm].endpoints[0] for cell in cells]) * unit_of(endpoint)
        shift = APART * ((place + 0.5) / len(arms) - 0.5)
        for number, (mean, low, high) in enumerate(drawn_KC.T):
            axes.plot([low, high], [number + shift] * 2, color=look["color"], linewidth=1.6)
            axes.plot([mean], [number + shift], linestyle="", markersize=5, label=label if not number else None, **look)
    means = [cell.arms[arm].endpoints[0].mean for cell in cells for arm in arms]
    if (low := lowest_of_decades(endpoint, means)) is not None:
        axes.set_xscale("log")
        axes.set_xlim(left=low)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlabel(line_of(endpoint_name(endpoint), 320.0, 9.0))
    below = -0.55 / (height - 1.9)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, below), ncols=min(4, len(arms)), frameon=False, fontsize=SMALL)
    return whole(axes)


def _said(document: StudyDocument) -> list[str]:
    return [f"no hypothesis, so no verdict; {counted(document.seeds, 'seed')}"]


def _interval(document: StudyDocument) -> str:
    return f"{document.level:.0%} t interval of the mean over seeds"
