"""A study's forest plots. Each row is a point with its interval, for one cell or for one group of cells.

A group has the number that a factor is reduced to. If new rows decide, a thin line shows the interval for new rows, as
in the figure of a comparison.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from bnexp.config.study import keys_of
from bnexp.report.comparison_notes import written_level
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
from bnexp.store.comparison_document import Interval, MetricDifference
from bnexp.study.grid import level_text
from bnexp.study.words import decides_about, endpoint_text

MOST_ROWS = 200
NEW_ROWS = "new rows"
UNKNOWN = Interval(mean=None, low=None, high=None)
FEW_TICKS, MANY_TICKS, SUBS = 10, 100, (1.0, 1.5, 2.0, 3.0, 5.0)
"""An axis of ratios that spans less than FEW_TICKS has even ticks. Below MANY_TICKS it has SUBS in each decade."""


def forest(picture: Picture) -> Figure:
    """Return a forest plot with a row for each cell and, if there are several, one for the claim."""
    cells = picture.document.cells
    marked = "; filled: judged" if picture.is_about_some else ""
    rows = _Rows(
        names=[_row_name(picture, cell.levels) for cell in cells],
        drawn_RK=differences(picture, cells),
        anew_RK=_for_new_rows(picture, [cell.levels for cell in cells]),
        filled=[picture.is_judged(cell) for cell in cells],
    )
    return _drawn(picture, rows, marked=marked, label=difference_label(picture))


def forest_of_groups(picture: Picture) -> Figure:
    """Return a forest plot of the numbers that a factor is reduced to: a row for each combination of other factors."""
    claim = picture.claim
    rows = _Rows(
        names=[_row_name(picture, group.levels) for group in claim.groups],
        drawn_RK=drawn_intervals(picture, [group.difference for group in claim.groups]),
        anew_RK=_for_new_rows(picture, [group.levels for group in claim.groups]),
        filled=[not group.subtracted for group in claim.groups],
    )
    marked = "; filled minus hollow is judged" if not all(rows.filled) else ""
    arms = difference_label(picture).rpartition(": ")[2]
    label = f"{endpoint_text(claim)}: {arms}"
    return _drawn(picture, rows, marked=marked, label=label)


@dataclass(frozen=True)
class _Rows:
    """The R rows of a forest plot: names, intervals on these rows and for new rows, and which points are filled.

    Intervals are mean, low, high: (R, 3).
    """

    names: Sequence[str]
    drawn_RK: Floats
    anew_RK: Floats
    """NaN if the interval for new rows is unknown."""
    filled: Sequence[bool]

    def first(self, count: int) -> _Rows:
        """Return the first `count` rows."""
        return _Rows(self.names[:count], self.drawn_RK[:count], self.anew_RK[:count], self.filled[:count])

    def with_claim(self, picture: Picture, difference: MetricDifference) -> _Rows:
        """Return the rows with the row of the claim added below them."""
        return _Rows(
            [*self.names, "the claim"],
            np.concatenate([self.drawn_RK, drawn_intervals(picture, [difference])]),
            np.concatenate([self.anew_RK, drawn_intervals(picture, [difference.new_rows or UNKNOWN])]),
            [*self.filled, True],
        )


def _for_new_rows(picture: Picture, levels: Sequence[Mapping[str, Any]]) -> Floats:
    """Return the intervals for new rows, (R, 3), of the cells or groups at these levels; NaN if unknown."""
    claim = picture.claim
    if claim.across is not None and claim.across.about == "new rows":
        known = claim.across.cells
        found: list[Interval] = [next((one for one in known if one.levels == at), UNKNOWN) for at in levels]
    elif len(levels) == 1 and claim.difference is not None and not claim.wins:
        found = [claim.difference.new_rows or UNKNOWN]
    else:
        found = [UNKNOWN] * len(levels)
    return drawn_intervals(picture, found)


def _drawn(picture: Picture, rows: _Rows, *, marked: str, label: str) -> Figure:
    """Draw a point with its interval for each row, filled if the row is judged. The claim's row is at the bottom."""
    if len(rows.names) > MOST_ROWS:
        marked += f"; first {MOST_ROWS} of {len(rows.names)} rows"
        rows = rows.first(MOST_ROWS)
    claim, count, drawn_level = picture.claim, len(rows.names), picture.document.level
    if claim.difference is not None and not claim.wins:
        if count == 1:  # the only row is the claim itself
            rows = replace(rows, drawn_RK=drawn_intervals(picture, [claim.difference]))
            drawn_level = claim.level
        else:
            rows = rows.with_claim(picture, claim.difference)
            marked += f"; diamond: the claim, {written_level(claim.level)}"
            marked += "" if _another(picture) is None else "; dotted: another cell"
    height = 0.24 * max(1, *(name.count("\n") + 0.4 for name in rows.names))
    said = "thick: {interval}; thin: for " + str(decides_about(claim)) if _is_known(rows.anew_RK) else "bar: {interval}"
    tall = max(2.4, 1.9 + height * len(rows.names))
    axes = titled_axes(picture, tall, said + marked, left=2.2, drawn_level=drawn_level)
    _draw_rows(axes, rows, count, GREY if claim.verdict.is_withheld else ORANGE)
    if len(rows.names) > count and (another := _another(picture)) is not None:
        axes.plot(another, [count, count], color=ORANGE, linewidth=1.8, linestyle=":", zorder=1)
    axes.axvline(1 if picture.ratio else 0, color=GREY, linewidth=1)
    note = ""
    if picture.ratio:
        _scale_ratios(axes)
    elif not claim.wins:
        smallest = claim.smallest * (1.0 if is_width(claim) else unit_of(claim.metric))
        axes.axvspan(-smallest, smallest, color=GREY, alpha=0.08, linewidth=0)
        note = "\ngrey: smaller than the smallest effect of interest"
    axes.set_yticks(range(len(rows.names)), rows.names)
    axes.set_ylim(len(rows.names) - 0.5, -0.5)
    lines = textwrap.wrap(label, TITLE_LENGTH, max_lines=2, placeholder=" …")
    axes.set_xlabel("\n".join(line_of(line, 320.0, 9.0) for line in lines) + note)
    return whole(axes)


def _is_known(intervals_RK: Floats) -> bool:
    return bool(np.isfinite(intervals_RK).any())


def _draw_rows(axes: Axes, rows: _Rows, count: int, claim_colour: str) -> None:
    """Draw the first `count` rows as cells, and the row after them as the claim."""
    thick = 2.6 if _is_known(rows.anew_RK) else 1.6
    for place, ((mean, low, high), (_, new_low, new_high)) in enumerate(zip(rows.drawn_RK, rows.anew_RK, strict=True)):
        is_cell = place < count
        colour, fill = (BLUE, BLUE if rows.filled[place] else "white") if is_cell else (claim_colour, claim_colour)
        if np.isfinite([new_low, new_high]).all():
            ends: Any = {"marker": "|", "markersize": 7, "label": NEW_ROWS}
            axes.plot([new_low, new_high], [place, place], color=colour, linewidth=0.9, **ends)
        axes.plot([low, high], [place, place], color=colour, linewidth=thick)
        axes.plot([mean], [place], "o" if is_cell else "D", color=colour, markersize=5, markerfacecolor=fill)


def _another(picture: Picture) -> Floats | None:
    """Return the prediction interval for another cell of this kind, (2,), in drawn units; None if unknown."""
    across = picture.claim.across
    found = None if across is None or across.heterogeneity is None else across.heterogeneity.prediction
    return None if found is None or found.low is None else drawn_intervals(picture, [found])[0, 1:]


def _scale_ratios(axes: Axes) -> None:
    """Make the x axis logarithmic, with some numbers at its ticks even if it spans a small range."""
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    if high < FEW_TICKS * low:
        axes.xaxis.set_major_locator(MaxNLocator(6))
    elif high < MANY_TICKS * low:
        axes.xaxis.set_major_locator(LogLocator(subs=SUBS))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _row_name(picture: Picture, levels: Mapping[str, Any]) -> str:
    """Return a row's name: its levels, and `>=` or `<=` if its ratio of epochs is only a bound."""
    sign = picture.sign(levels)
    return f"{cell_name(levels)} ({sign})" if sign else cell_name(levels)


def cell_name(of_cell: Mapping[str, Any]) -> str:
    """Return a cell's name: the last word of each key with its level, as in "batch_size 2, epochs 5".

    Each has its own line if there is only one factor, or if they do not fit into one line.
    """
    said = []
    for name, levels in of_cell.items():
        for key, level in zip(keys_of(name), levels if len(keys_of(name)) > 1 else [levels], strict=True):
            named = level if isinstance(level, dict) else {key.rpartition(".")[2]: level}
            said += [f"{word} {level_text(value)}" for word, value in named.items()]
    joined = ", ".join(said)
    apart = len(of_cell) == 1 or text_width(joined, 9.0) > LABEL_WIDTH * 0.8
    lines = said if apart else [joined]
    return "\n".join(shown(line, LABEL_WIDTH * 0.8) for line in lines) if said else "all seeds"
