"""A study's forest plots: a row, a point with its interval, for each cell, or for what a factor is reduced to."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter, NullLocator

from bnexp.config.study import keys_of
from bnexp.report.frame import GREY
from bnexp.report.labels import shown, text_width
from bnexp.report.plots import BLUE, ORANGE
from bnexp.report.study_picture import (
    LABEL_WIDTH,
    TITLE_LENGTH,
    Picture,
    difference_label,
    differences,
    drawn_intervals,
    is_width,
    line_of,
    titled_axes,
    unit_of,
    whole,
)
from bnexp.statistics.arrays import Floats
from bnexp.study.grid import level_text
from bnexp.study.words import endpoint_text

MOST_ROWS = 200
FEW_TICKS = 10
"""Ratios that span less than this factor have more of them written."""


def forest(picture: Picture) -> Figure:
    """Draw a row for each cell, and one for what is judged of several."""
    cells = picture.document.cells
    marked = "; filled: the rows that are judged" if picture.is_about_some else ""
    filled = [picture.is_judged(cell) for cell in cells]
    names = [cell_name(cell.levels) for cell in cells]
    return _rows(
        picture, names, differences(picture, cells), filled=filled, marked=marked, label=difference_label(picture)
    )


def forest_of_groups(picture: Picture) -> Figure:
    """Draw what a factor is reduced to, a row for each combination of the others."""
    claim = picture.claim
    drawn_GK = drawn_intervals(picture, [group.difference for group in claim.groups])
    names = [cell_name(group.levels) for group in claim.groups]
    filled = [not group.subtracted for group in claim.groups]
    marked = "; filled less hollow is judged" if not all(filled) else ""
    arms = difference_label(picture).rpartition(": ")[2]
    label = f"{endpoint_text(claim)}: {arms}"
    return _rows(picture, names, drawn_GK, filled=filled, marked=marked, label=label)


def _rows(
    picture: Picture, names: Sequence[str], drawn_RK: Floats, *, filled: Sequence[bool], marked: str, label: str
) -> Figure:
    """Draw a point with its interval for each row, filled if it is judged. The claim's own row stands below."""
    if len(names) > MOST_ROWS:
        marked += f"; first {MOST_ROWS} of {len(names)} rows"
        names, drawn_RK = names[:MOST_ROWS], drawn_RK[:MOST_ROWS]
    claim, count = picture.claim, len(names)
    if count > 1 and claim.difference is not None and not claim.wins:
        names, drawn_RK = (
            [*names, "the claim"],
            np.concatenate([drawn_RK, drawn_intervals(picture, [claim.difference])]),
        )
        marked += f"; diamond: the claim, {100 * claim.level:.4g}%"
        marked += "" if _another(picture) is None else "; dotted: another cell"
    height = 0.24 * max(1, *(name.count("\n") + 0.4 for name in names))
    axes = titled_axes(picture, max(2.4, 1.9 + height * len(names)), "bar: {interval}" + marked, left=2.2)
    for place, (mean, low, high) in enumerate(drawn_RK):
        is_cell = place < count
        colour, fill = (BLUE, BLUE if filled[place] else "white") if is_cell else (ORANGE, ORANGE)
        axes.plot([low, high], [place, place], color=colour, linewidth=1.6)
        axes.plot([mean], [place], "o" if is_cell else "D", color=colour, markersize=5, markerfacecolor=fill)
    if len(names) > count and (another := _another(picture)) is not None:
        axes.plot(another, [count, count], color=ORANGE, linewidth=0.8, linestyle=":", zorder=0)
    axes.axvline(1 if picture.ratio else 0, color=GREY, linewidth=1)
    note = ""
    if picture.ratio:
        _scale_ratios(axes)
    elif not claim.wins:
        smallest = claim.smallest * (1.0 if is_width(claim) else unit_of(claim.metric))
        axes.axvspan(-smallest, smallest, color=GREY, alpha=0.08, linewidth=0)
        note = "\ngrey: smaller than the smallest effect of interest"
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    lines = textwrap.wrap(label, TITLE_LENGTH, max_lines=2, placeholder=" …")
    axes.set_xlabel("\n".join(line_of(line, 320.0, 9.0) for line in lines) + note)
    return whole(axes)


def _another(picture: Picture) -> Floats | None:
    """Return the bounds for another cell of this kind, (2,), as drawn; None where they are not known."""
    across = picture.claim.across
    found = None if across is None or across.heterogeneity is None else across.heterogeneity.prediction
    return None if found is None or found.low is None else drawn_intervals(picture, [found])[0, 1:]


def _scale_ratios(axes: Axes) -> None:
    """Let equal ratios be equally far apart, with some of them written out whatever the span."""
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    if high < FEW_TICKS * low:
        axes.xaxis.set_major_locator(MaxNLocator(6))
        axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def cell_name(of_cell: Mapping[str, Any]) -> str:
    """Name a cell by its levels, each after the last word of its key, in a line of its own where one does not do."""
    said = []
    for name, levels in of_cell.items():
        for key, level in zip(keys_of(name), levels if len(keys_of(name)) > 1 else [levels], strict=True):
            named = level if isinstance(level, dict) else {key.rpartition(".")[2]: level}
            said += [f"{word} {level_text(value)}" for word, value in named.items()]
    joined = ", ".join(said)
    apart = len(of_cell) == 1 or text_width(joined, 9.0) > LABEL_WIDTH * 0.8
    lines = said if apart else [joined]
    return "\n".join(shown(line, LABEL_WIDTH * 0.8) for line in lines) if said else "all seeds"
