"""The figure of a study, drawn from study.json alone: lines over one factor, a heat map over two, else a forest plot.

A line has the mean over seeds and a band, its t interval. Map and forest show the difference of the
first hypothesis's arms, cell by cell. Names are untrusted: see `labels`.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator

from bnexp.history import Floats
from bnexp.metrics import quantity
from bnexp.show.frame import DPI, GREY, HEIGHT, WIDTH, settings
from bnexp.show.labels import SMALL, TITLE, distinct, shown
from bnexp.show.plots import BLUE, COLOURS, MARKERS
from bnexp.study.grid import level_text
from bnexp.study.verdict import endpoint_name

LOG_SPAN = 10
"""Levels that span this factor or more go on a logarithmic axis."""
MOST_ROWS = 200
TITLE_WIDTH, LABEL_WIDTH = 420.0, 170.0  # points
TITLE_LENGTH, SENTENCE_LENGTH = 62, 200  # characters


def study_figure(document: Mapping[str, Any]) -> Figure:
    """Give the figure that suits the factors of a study."""
    factors = document["factors"]
    with settings():
        if document["hypotheses"][0]["wins"] and document["hypotheses"][0]["other_sign"]:
            return _chances(document)
        if len(factors) == 1 and _numeric(factors[0]["levels"]):
            return _lines(document)
        return _map(document) if len(factors) == 2 else _forest(document)


def _numeric(levels: Sequence[Any]) -> bool:
    return len(levels) > 1 and all(isinstance(level, int | float) and not isinstance(level, bool) for level in levels)


def _axes(document: Mapping[str, Any], height: float, what: str, *, left: float = 0.9) -> Axes:
    """Give the titled axes of a new figure; `what` says what is drawn, and `{interval}` in it which interval."""
    claim = document["hypotheses"][0]
    title = textwrap.wrap(claim["claim"], TITLE_LENGTH, max_lines=2, placeholder=" …")
    more = 0.2 * (len(title) - 1)
    height += more
    figure = Figure(figsize=(WIDTH, height), dpi=DPI)
    axes = figure.add_subplot()
    figure.subplots_adjust(left / WIDTH, 0.95 / height, 1 - 0.3 / WIDTH, 1 - (0.8 + more) / height)
    centred: Any = {"ha": "center", "va": "top", "transform": figure.transFigure}
    shown_title = "\n".join(_line(line, TITLE_WIDTH, TITLE) for line in title)
    axes.text(0.5, 1 - 0.16 / height, shown_title, fontsize=TITLE, **centred)
    interval = f"{document['level']:.0%} t interval of the mean"
    subtitle = f"{claim['verdict']['word']}; {_seeds(document)}; {what.format(interval=interval)}"
    axes.text(0.5, 1 - (0.42 + more) / height, subtitle, fontsize=SMALL, color=GREY, **centred)
    return axes


def _seeds(document: Mapping[str, Any]) -> str:
    return f"{document['seeds']} seed{'s' if document['seeds'] > 1 else ''}"


def _line(text: str, width: float, size: float) -> str:
    """Give a sentence as a figure may show it, cut to a width in points."""
    return shown(text, width, size, SENTENCE_LENGTH)


# --- lines over one factor --------------------------------------------------------------


def _lines(document: Mapping[str, Any]) -> Figure:
    axes = _axes(document, HEIGHT, "line: mean; band: {interval}")
    factor, endpoint = document["factors"][0], document["endpoints"][0]
    order = sorted(document["cells"], key=lambda cell: cell["levels"][factor["name"]])
    levels_C = np.array([cell["levels"][factor["name"]] for cell in order], float)
    for place, (arm, label) in enumerate(zip(document["arms"], distinct(document["arms"]), strict=True)):
        look: Any = {"color": COLOURS[place % len(COLOURS)], "marker": MARKERS[place % len(MARKERS)]}
        mean_C, low_C, high_C = (_column(order, arm, key, endpoint) for key in ("mean", "low", "high"))
        axes.plot(levels_C, mean_C, label=label, linewidth=1.8, markersize=5, **look)
        axes.fill_between(levels_C, low_C, high_C, color=look["color"], alpha=0.16, linewidth=0)
    _scale_levels(axes, levels_C)
    axes.set_xlabel(shown(factor["name"], TITLE_WIDTH / 2))
    axes.set_ylabel(_line(endpoint_name(endpoint), 220.0, 9.0))
    columns = min(4, len(document["arms"]))
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=columns, frameon=False, fontsize=SMALL)
    figure = axes.figure
    assert isinstance(figure, Figure)
    return figure


def _column(cells: Sequence[Mapping[str, Any]], arm: str, key: str, endpoint: Mapping[str, Any]) -> Floats:
    values = [cell["arms"][arm]["endpoints"][0][key] for cell in cells]
    return np.array([math.nan if value is None else value for value in values], float) * _unit(endpoint)


def _unit(endpoint: Mapping[str, Any]) -> float:
    """Give what a value is multiplied by to be drawn: shares are drawn in percent."""
    if endpoint["epochs_to"] is not None:
        return 1.0
    return 100.0 if endpoint["failures_below"] is not None or quantity(endpoint["metric"]) == "accuracy" else 1.0


def _scale_levels(axes: Axes, levels_C: Floats) -> None:
    if levels_C.min() > 0 and levels_C.max() >= LOG_SPAN * levels_C.min():
        axes.set_xscale("log")
        axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xticks(levels_C, [f"{level:g}" for level in levels_C])
    axes.xaxis.set_minor_locator(NullLocator())


# --- how many seeds it takes --------------------------------------------------------------


def _chances(document: Mapping[str, Any]) -> Figure:
    """Draw how often the mean over fewer seeds would show the other sign than that over all."""
    axes = _axes(document, HEIGHT, "choices of fewer seeds among these")
    counts, shares = zip(*document["hypotheses"][0]["other_sign"], strict=True)
    axes.plot(counts, [100 * share for share in shares], color=BLUE, marker="o", linewidth=1.8, markersize=5)
    for count, share in zip(counts, shares, strict=True):
        said: Any = {"textcoords": "offset points", "xytext": (0, 7), "ha": "center", "fontsize": SMALL}
        axes.annotate(f"{100 * share:.0f}%", (count, 100 * share), **said)
    _scale_levels(axes, np.array(counts, float))
    axes.set_ylim(0, 55)
    axes.axhline(5, color=GREY, linewidth=1, linestyle=":")
    axes.set_xlabel("seeds that are averaged")
    axes.set_ylabel("they show the other sign (%)")
    figure = axes.figure
    assert isinstance(figure, Figure)
    return figure


# --- differences --------------------------------------------------------------------------


def _differences(document: Mapping[str, Any], cells: Sequence[Mapping[str, Any]]) -> Floats:
    """Give mean, low and high of each cell's difference, (C, 3), as drawn: percent, or baseline / treated."""
    endpoint = document["hypotheses"][0]["metric"]
    values = [[cell["differences"][0][key] for key in ("mean", "low", "high")] for cell in cells]
    raw_CK = np.array([[math.nan if value is None else value for value in row] for row in values], float)
    if _in_logs(endpoint):
        return np.asarray(np.exp(-raw_CK[:, [0, 2, 1]]), float)
    drawn_CK: Floats = raw_CK * _unit(endpoint)
    return drawn_CK


def _in_logs(endpoint: Mapping[str, Any]) -> bool:
    return endpoint["epochs_to"] is not None or bool(endpoint["ratio"])


def _label(document: Mapping[str, Any]) -> str:
    claim = document["hypotheses"][0]
    ratio = _in_logs(claim["metric"])
    arms = (claim["baseline"], "/", claim["treated"]) if ratio else (claim["treated"], "-", claim["baseline"])
    return f"{endpoint_name(claim['metric'])}: {' '.join(arms)}"


def _map(document: Mapping[str, Any]) -> Figure:
    rows, columns = (factor["levels"] for factor in document["factors"])
    axes = _axes(document, max(HEIGHT, 1.8 + 0.35 * len(rows)), "mean difference", left=1.6)
    values_C = _differences(document, document["cells"])[:, 0]
    ratio = _in_logs(document["hypotheses"][0]["metric"])
    drawn_RC = (np.log2(values_C) if ratio else values_C).reshape(len(rows), len(columns))
    finite = drawn_RC[np.isfinite(drawn_RC)]
    limit = float(np.abs(finite).max()) or 1.0 if finite.size else 1.0
    axes.imshow(drawn_RC, cmap="PuOr_r", vmin=-limit, vmax=limit, aspect="auto")
    for (row, column), value in np.ndenumerate(drawn_RC):
        text = "-" if not np.isfinite(value) else f"{2**value:.2g}x" if ratio else f"{value:+.3g}"
        dark = np.isfinite(value) and abs(value) > 0.6 * limit
        axes.text(column, row, text, ha="center", va="center", fontsize=SMALL, color="white" if dark else "black")
    axes.grid(False)
    axes.set_xticks(range(len(columns)), [shown(level_text(level), 60.0) for level in columns])
    axes.set_yticks(range(len(rows)), [shown(level_text(level), 90.0) for level in rows])
    axes.set_ylabel(shown(document["factors"][0]["name"], LABEL_WIDTH))
    axes.set_xlabel(f"{shown(document['factors'][1]['name'], LABEL_WIDTH)}\n{_line(_label(document), 400.0, 9.0)}")
    figure = axes.figure
    assert isinstance(figure, Figure)
    return figure


def _forest(document: Mapping[str, Any]) -> Figure:
    cells = document["cells"][:MOST_ROWS]
    axes = _axes(document, max(2.4, 1.9 + 0.24 * len(cells)), "bar: {interval}", left=2.2)
    values_CK = _differences(document, cells)
    ratio = _in_logs(document["hypotheses"][0]["metric"])
    for place, (mean, low, high) in enumerate(values_CK):
        axes.plot([low, high], [place, place], color=BLUE, linewidth=1.6)
        axes.plot([mean], [place], "o", color=BLUE, markersize=5)
    axes.axvline(1 if ratio else 0, color=GREY, linewidth=1)
    if not ratio:
        smallest = document["hypotheses"][0]["smallest"] * _unit(document["hypotheses"][0]["metric"])
        axes.axvspan(-smallest, smallest, color=GREY, alpha=0.08, linewidth=0)
    else:
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_yticks(range(len(cells)), [shown(_cell_name(cell), LABEL_WIDTH * 0.8) for cell in cells])
    axes.set_ylim(len(cells) - 0.5, -0.5)
    note = "" if ratio else "\ngrey: smaller than the smallest effect of interest"
    axes.set_xlabel(_line(_label(document), 320.0, 9.0) + note)
    figure = axes.figure
    assert isinstance(figure, Figure)
    return figure


def _cell_name(cell: Mapping[str, Any]) -> str:
    return ", ".join(level_text(level) for level in cell["levels"].values()) or "all seeds"
