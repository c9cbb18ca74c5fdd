"""The figures of a study, one for each hypothesis, drawn from study.json alone. A sweep has one: `sweep_figure`.

One numeric factor makes lines, two factors make a heat map, and all else makes a forest plot. A line is the mean over
seeds; its band is the t interval. The heat map and the forest plot show the difference between the hypothesis's arms,
cell by cell. If the hypothesis reduces one of several factors to one number, such as a width, the forest plot shows
these numbers. If a hypothesis is about only some of the cells, these cells are marked.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from bnexp.report.frame import GREY, HEIGHT, WIDTH, settings
from bnexp.report.labels import SMALL, shown, text_width
from bnexp.report.plots import BLUE
from bnexp.report.study_forest import forest, forest_of_groups
from bnexp.report.study_lines import draw_lines, is_numeric, scale_levels
from bnexp.report.study_picture import (
    LABEL_WIDTH,
    RIGHT,
    Picture,
    difference_label,
    differences,
    drawn_unit,
    line_of,
    titled_axes,
    unit_of,
    whole,
)
from bnexp.report.sweep_figure import sweep_figure
from bnexp.statistics.arrays import Floats
from bnexp.store.study_document import StudyDocument
from bnexp.study.across import OTHER
from bnexp.study.grid import level_text

MAP_LEFT, BESIDE_TEXT = 1.6, 6.0  # inches, points
"""The left margin of a map, and the room that a cell's text leaves free."""


def study_figures(document: StudyDocument) -> dict[str, Figure]:
    """Return name -> figure, one for each hypothesis: `figure`, `figure-2`, `figure-3`, ...; a sweep has one."""
    numbers = range(len(document.hypotheses))
    with settings():
        if document.is_sweep:
            return {"figure": sweep_figure(document)}
        return {
            f"figure-{number + 1}" if number else "figure": _figure(Picture(document, number)) for number in numbers
        }


def _figure(picture: Picture) -> Figure:
    """Return the figure of a hypothesis, in the form that suits the factors."""
    factors = picture.document.factors
    if picture.claim.wins and any(share for _, share in picture.claim.other_sign):
        return _chances(picture)
    if len(factors) == 1 and is_numeric(factors[0].levels):
        return _lines(picture)
    if picture.claim.groups:
        return forest_of_groups(picture)
    return _map(picture) if len(factors) == 2 else forest(picture)


# --- lines over one factor --------------------------------------------------------------


def _lines(picture: Picture) -> Figure:
    document, endpoint = picture.document, picture.claim.metric
    marked = picture.marks("dotted: judged", "dashed")
    axes = titled_axes(picture, HEIGHT, "line: mean; band: {interval}" + marked)
    draw_lines(axes, document, endpoint)
    if marked:
        name = document.factors[0].name
        for cell in document.cells:
            if picture.is_judged(cell):
                style = "--" if picture.is_subtracted(cell) else ":"
                axes.axvline(float(cell.levels[name]), color=GREY, linewidth=1, linestyle=style, zorder=0)
    return whole(axes)


# --- how many seeds it takes --------------------------------------------------------------


def _chances(picture: Picture) -> Figure:
    """Draw how often the mean over fewer seeds would have another sign than the mean over all seeds."""
    axes = titled_axes(picture, HEIGHT, "of the means over fewer of these seeds, drawn at random; dotted: 5%")
    counts, shares = zip(*picture.claim.other_sign, strict=True)
    axes.plot(counts, [100 * share for share in shares], color=BLUE, marker="o", linewidth=1.8, markersize=5)
    for count, share in zip(counts, shares, strict=True):
        said: Any = {"textcoords": "offset points", "xytext": (0, 7), "ha": "center", "fontsize": SMALL}
        axes.annotate(f"{100 * share:.0f}%", (count, 100 * share), **said)
    scale_levels(axes, np.array(counts, float))
    axes.set_ylim(0, max(55.0, 110 * max(shares)))
    axes.axhline(5, color=GREY, linewidth=1, linestyle=":")
    axes.set_xlabel("seeds that are averaged")
    axes.set_ylabel("means with the opposite sign (%)")
    return whole(axes)


# --- a map over two factors ---------------------------------------------------------------


def _map(picture: Picture) -> Figure:
    document = picture.document
    rows, columns = (factor.levels for factor in document.factors)
    marked = picture.marks("framed: judged", "dashed")
    drawn_CK = differences(picture, document.cells)
    values_C = drawn_CK[:, 0]
    texts, has_room = _texts(picture, drawn_CK, (WIDTH - MAP_LEFT - RIGHT) * 72 / len(columns) - BESIDE_TEXT)
    said = (
        f"{line_of(difference_label(picture), 300.0, SMALL)}, mean{', and below it its {interval}' if has_room else ''}"
    )
    height = max(HEIGHT, 1.8 + (0.45 if has_room else 0.35) * len(rows))
    axes = titled_axes(picture, height, said + marked, left=MAP_LEFT)
    drawn_RC = (np.log2(values_C) if picture.ratio else values_C).reshape(len(rows), len(columns))
    limit = _end_of_colours(picture, drawn_RC)
    axes.imshow(picture.claimed_sign * drawn_RC, cmap="PuOr_r", vmin=-limit, vmax=limit, aspect="auto")
    _explain_colours(axes, picture)
    for (row, column), value in np.ndenumerate(drawn_RC):
        number = row * len(columns) + column
        cell = document.cells[number]
        dark = np.isfinite(value) and abs(value) > 0.6 * limit
        axes.text(
            column, row, texts[number], ha="center", va="center", fontsize=SMALL, color="white" if dark else "black"
        )
        if marked and picture.is_judged(cell):
            style = "--" if picture.is_subtracted(cell) else "-"
            frame = Rectangle((column - 0.46, row - 0.46), 0.92, 0.92, fill=False, linewidth=1.6, linestyle=style)
            axes.add_patch(frame)
    axes.grid(False)
    axes.set_xticks(range(len(columns)), [shown(level_text(level), 60.0) for level in columns])
    axes.set_yticks(range(len(rows)), [shown(level_text(level), 90.0) for level in rows])
    axes.set_ylabel(shown(document.factors[0].name, LABEL_WIDTH))
    axes.set_xlabel(shown(document.factors[1].name, LABEL_WIDTH))
    return whole(axes)


def _texts(picture: Picture, drawn_CK: Floats, width: float) -> tuple[list[str], bool]:
    """Return the text of each cell, and whether all cells have room for their intervals.

    `drawn_CK` holds mean, low and high of each cell. `width` is a cell's width in points. Without room for intervals,
    the texts are the means. If they are too wide, too, they have fewer figures; if even these do not fit, cells are
    empty.
    """
    cells = picture.document.cells
    for figures, has_intervals in ((3, True), (3, False), (2, False), (1, False)):
        texts = []
        for cell, ends_K in zip(cells, drawn_CK, strict=True):
            mean, low, high = (_number(picture, end, figures) for end in ends_K)
            text = f"{picture.sign(cell.levels)}{mean}x" if picture.ratio else mean
            interval = f"\n[{low}, {high}]" if has_intervals and np.isfinite(ends_K).all() else ""
            texts.append(f"{text}{interval}" if np.isfinite(ends_K[0]) else "-")
        if all(text_width(line, SMALL) <= width for text in texts for line in text.split("\n")):
            return texts, has_intervals
    return [""] * len(cells), False


def _number(picture: Picture, value: float, figures: int) -> str:
    """Return a difference or ratio as text: percent with decimals, as in the table, and all else with figures."""
    if picture.ratio:
        return f"{value:.{figures}g}"
    is_percent = drawn_unit(picture.claim) > 1
    return f"{value:+.{figures - 1}f}" if is_percent else f"{round(value, 10):+.{figures}g}"


def _end_of_colours(picture: Picture, drawn_RC: Floats) -> float:
    """Return the value with the strongest colour, in both directions; of a ratio, its logarithm to base 2.

    It is the largest value of the map, or the smallest effect of interest if that is larger. So a difference that does
    not matter looks pale.
    """
    claim = picture.claim
    largest = float(np.abs(drawn_RC[np.isfinite(drawn_RC)]).max(initial=0.0))
    if claim.wins:  # the smallest effect is a share of seeds, and the map shows differences
        return largest or 1.0
    return max(largest, math.log2(claim.smallest) if picture.ratio else claim.smallest * unit_of(claim.metric))


def _explain_colours(axes: Axes, picture: Picture) -> None:
    """Add a legend of the two colours below a heat map. For an interaction it does not say "as claimed".

    No single cell of an interaction can be as claimed.
    """
    claim, colours = picture.claim, colormaps["PuOr_r"]
    words = ["as claimed", "the other way round"]
    if not claim.wins:
        treated, as_claimed = shown(claim.treated), "" if claim.minus is not None else ", as claimed"
        words = [f"{treated} {claim.direction}{as_claimed}", f"{treated} {OTHER[claim.direction]}"]
    patches = [Patch(color=colours(place), label=word) for place, word in zip((0.85, 0.15), words, strict=True)]
    figure, look = whole(axes), {"ncols": 2, "frameon": False, "fontsize": SMALL}
    above_bars = picture.shares.height / figure.get_size_inches()[1]
    figure.legend(handles=patches, loc="lower center", bbox_to_anchor=(0.5, above_bars), **look)
