"""Everything in a figure except its curves: settings, axes, scales, subtitle and legend. `plots` draws the curves."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from bnexp.metrics import traits
from bnexp.report.fonts import families
from bnexp.report.labels import SMALL, TITLE, shown, text_width
from bnexp.statistics.arrays import Floats
from bnexp.statistics.classification import METRICS

WIDTH, HEIGHT, DPI = 6.4, 4.2, 110  # inches, inches, dots per inch
LEFT, RIGHT, TOP, BOTTOM = 0.8, 0.2, 0.5, 0.54  # inches around the axes; subtitle and legend add their rows
TITLE_WIDTH, LEGEND_WIDTH, HANDLE_WIDTH, ROW_HEIGHT = 210.0, 440.0, 42.0, 12.5  # points
GREY = "#444444"
SETTINGS: Any = {
    "text.parse_math": False,  # otherwise a run called `$\foo$` fails at savefig, after the training
    "font.size": 9,
    "axes.titlesize": TITLE,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.formatter.limits": (-3, 5),  # wider tick labels would push the axis label off the figure
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.6,
    "svg.hashsalt": "bnexp",
}
QUANTITIES = {
    "accuracy": ("accuracy", "Accuracy (%)"),
    "loss": ("loss", "Loss"),
    "mse": ("mean squared error", "Mean squared error (target's unit, squared)"),
    "mae": ("mean absolute error", "Mean absolute error (target's unit)"),
    "r2": ("R²", "R²"),
}
"""Quantity -> (its name in a title, its axis label)."""
DECADES = ("loss", "mse", "mae")  # on a logarithmic axis if they span more than two decades (a factor of 100)
SMALLEST = 1e-45
"""The smallest positive number that training (float32) computes with; a logarithmic axis goes no lower."""


@contextmanager
def settings() -> Iterator[None]:
    """Use bnexp's settings within the block and ignore the user's matplotlibrc; restore the user's settings after it.

    The user's settings may be harmful: TeX, for example, would run names as programs.
    """
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update({**SETTINGS, "font.family": families()})
        yield


class ShownFigure(Figure):
    """A figure that a notebook shows if it is the last value of a cell. It does not need pyplot for this."""

    def _repr_png_(self) -> bytes:
        """Return the bytes of a PNG file."""
        with settings(), io.BytesIO() as file:
            self.savefig(file, format="png", dpi=DPI, metadata={"Software": None})
            return file.getvalue()


def new_axes(quantity: str, *, title: str, loss_unit: str) -> Axes:
    """Return the titled, labelled axes of a new figure."""
    axes = ShownFigure(dpi=DPI).add_subplot()
    plain = shown(quantity.replace("_", " "), TITLE_WIDTH / 2, TITLE)
    if quantity in METRICS:
        plain = METRICS[quantity].title
    label = plain[:1].upper() + plain[1:] + " (%)" * traits(quantity).in_percent
    noun, label = QUANTITIES.get(quantity, (plain, label))
    unit = f" ({shown(loss_unit)})" if quantity == "loss" and loss_unit else ""
    axes.set_xlabel("Epoch")
    axes.set_ylabel(label + unit)
    axes.set_title(f"Model {noun}" + (f": {shown(title, TITLE_WIDTH, TITLE)}" if title else ""))
    return axes


def scale(axes: Axes, quantity: str, lines: Sequence[Floats], *, others: Sequence[Floats] = ()) -> None:
    """Set the limits and scale of the y axis so that it shows `lines` and `others`.

    A logarithmic axis starts at the lowest line, so `others` may be cut off below it.
    """
    heights, everything = _finite(lines), _finite([*lines, *others])
    if not heights.size:
        axes.set_yticks([])
        axes.text(0.5, 0.5, "no finite value to draw", transform=axes.transAxes, ha="center", color=GREY)
    elif spans_decades(quantity, heights):
        _scale_by_decades(axes, np.maximum(heights[heights > 0], SMALLEST).min(), everything.max())
    else:
        low, high = everything.min(), everything.max()
        pad = 0.05 * (high - low) or 0.05 * abs(high) or 0.05
        floor, ceiling = (-1.0, 101.0) if traits(quantity).in_percent else (-np.inf, np.inf)
        axes.set_ylim(max(low - pad, floor), min(high + pad, ceiling))


def spans_decades(quantity: str, values: Floats) -> bool:
    """Return True if finite values, none of them negative, are to be drawn on a logarithmic axis: see DECADES."""
    positive = np.maximum(values[values > 0], SMALLEST)
    is_wide = positive.size > 0 and positive.max() > 100 * positive.min()
    return quantity in DECADES and bool(is_wide) and bool(values.min() >= 0)


def _finite(arrays: Iterable[Floats]) -> Floats:
    values: Floats = np.concatenate([np.empty(0), *map(np.ravel, arrays)])
    return values[np.isfinite(values)]


def _scale_by_decades(axes: Axes, low: float, high: float) -> None:
    pad = (high / low) ** 0.04
    axes.set_yscale("log")
    axes.set_ylim(low / pad, high * pad)
    axes.yaxis.set_major_formatter(FuncFormatter(_decade))  # the default writes mathtext
    axes.yaxis.set_minor_formatter(NullFormatter())


def _decade(value: float, _: object) -> str:
    return f"{value:g}".replace("e+", "e")


def arranged(tests: list[Line2D], trains: list[Line2D], goal: list[Line2D]) -> tuple[list[Line2D], int]:
    """Return the legend's lines in order, and its number of columns: one for each arm if they fit, else two.

    With two columns, the first holds the held-out parts (and the target), the second Train.
    """
    columns = [*zip(tests, trains, strict=False), *((line,) for line in goal)]
    widths = [max(text_width(str(line.get_label()), SMALL) for line in column) + HANDLE_WIDTH for column in columns]
    pairs = [line for pair in zip(tests, trains, strict=False) for line in pair]
    if len(tests) != len(trains) or sum(widths[: len(trains)]) > LEGEND_WIDTH:
        return [*tests, *goal, *trains], 2
    if sum(widths) > LEGEND_WIDTH:
        return [*pairs[:2], *goal, *pairs[2:]], len(trains)  # matplotlib puts the odd entry into the first column
    return [*pairs, *goal], len(widths)


def finish(axes: Axes, lines: Sequence[Line2D], columns: int, *, subtitle: str) -> Figure:
    """Add title, subtitle and legend to the axes, and return the figure. A long legend makes it taller."""
    figure = axes.figure
    assert isinstance(figure, Figure)
    above, below = subtitle.count("\n") + 1, -(-len(lines) // max(columns, 1))
    height = HEIGHT + ROW_HEIGHT / 72 * max(0, below - 2)
    top, bottom = TOP + ROW_HEIGHT / 72 * above, BOTTOM + ROW_HEIGHT / 72 * below
    figure.set_size_inches(WIDTH, height)
    figure.subplots_adjust(LEFT / WIDTH, bottom / height, 1 - RIGHT / WIDTH, 1 - top / height)
    axes.set_xlim(0.5, max((np.max(line.get_xdata(), initial=1) for line in lines), default=1) + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]))
    axes.set_title(axes.get_title(), y=1, pad=14 + ROW_HEIGHT * above)
    place: Any = {"xycoords": "axes fraction", "xytext": (0, 12), "textcoords": "offset points"}
    axes.annotate(subtitle, (0.5, 1), **place, ha="center", va="bottom", fontsize=SMALL, color=GREY)
    _add_legend(axes, lines, columns, bbox_transform=figure.transFigure)
    return figure


def _add_legend(axes: Axes, lines: Sequence[Line2D], columns: int, **place: Any) -> None:
    look: Any = {"fontsize": SMALL, "frameon": False, "handlelength": 2.6, "columnspacing": 1.4, "ncols": columns}
    legend = axes.legend(lines, ["-"] * len(lines), loc="lower center", bbox_to_anchor=(0.5, 0), **place, **look)
    for text, line in zip(legend.get_texts(), lines, strict=True):
        text.set_text(str(line.get_label()))  # set afterwards: `legend` leaves out labels that start with "_"
