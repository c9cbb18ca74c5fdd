"""The figures of a study, one for each hypothesis, drawn from study.json alone.

Lines over one factor, a heat map over two, else a forest plot. A line has the mean over seeds and a band, its t
interval. Map and forest show the difference of the hypothesis's arms, cell by cell; where it reduces one of several
factors to one number, such as a width, a forest of those. Where a hypothesis is about some of the cells only, those
are marked. Names are untrusted: see `labels`.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter, NullLocator

from bnexp.config.study import keys_of
from bnexp.history import Floats
from bnexp.metrics import quantity
from bnexp.show.frame import DPI, GREY, HEIGHT, WIDTH, settings
from bnexp.show.labels import SMALL, TITLE, distinct, shown, text_width
from bnexp.show.plots import BLUE, COLOURS, MARKERS
from bnexp.study.grid import Cell, level_text, matches
from bnexp.study.words import effect, endpoint_name, endpoint_text, hypothesis_of

LOG_SPAN = 10
"""Levels that span this factor or more go on a logarithmic axis; ratios that span less have more of them written."""
MOST_ROWS = 200
TITLE_WIDTH, LABEL_WIDTH = 420.0, 170.0  # points
TITLE_LENGTH, SENTENCE_LENGTH = 62, 200  # characters


@dataclass(frozen=True)
class _Picture:
    """What one figure is drawn from: the whole document, and which of its hypotheses."""

    document: Mapping[str, Any]
    number: int

    @property
    def claim(self) -> Mapping[str, Any]:
        claim: Mapping[str, Any] = self.document["hypotheses"][self.number]
        return claim

    @property
    def ratio(self) -> bool:
        """Tell whether differences are drawn as how many times smaller the treated arm's value is."""
        endpoint = self.claim["metric"]
        return endpoint["epochs_to"] is not None or bool(endpoint["ratio"])

    def is_judged(self, cell: Mapping[str, Any]) -> bool:
        """Tell whether the hypothesis is about a cell, itself or as what is subtracted."""
        claim, point = self.claim, Cell(cell["cell"], cell["levels"], {})
        return matches(point, claim["at"]) or (claim["minus"] is not None and matches(point, claim["minus"]))

    @property
    def is_about_some(self) -> bool:
        """Tell whether there are cells that the hypothesis is not about."""
        return not all(map(self.is_judged, self.document["cells"]))


def study_figures(document: Mapping[str, Any]) -> dict[str, Figure]:
    """Give name -> figure, one for each hypothesis: `figure`, `figure-2`, `figure-3`, ..."""
    numbers = range(len(document["hypotheses"]))
    with settings():
        return {
            f"figure-{number + 1}" if number else "figure": _figure(_Picture(document, number)) for number in numbers
        }


def _figure(picture: _Picture) -> Figure:
    """Draw what suits the factors."""
    factors = picture.document["factors"]
    if picture.claim["wins"] and picture.claim["other_sign"]:
        return _chances(picture)
    if len(factors) == 1 and _numeric(factors[0]["levels"]):
        return _lines(picture)
    if picture.claim["groups"]:
        return _forest_of_groups(picture)
    return _map(picture) if len(factors) == 2 else _forest(picture)


def _numeric(levels: Sequence[Any]) -> bool:
    return len(levels) > 1 and all(isinstance(level, int | float) and not isinstance(level, bool) for level in levels)


def _axes(picture: _Picture, height: float, what: str, *, left: float = 0.9) -> Axes:
    """Give the titled axes of a new figure; `what` says what is drawn, and `{interval}` in it which interval."""
    title = textwrap.wrap(picture.claim["claim"], TITLE_LENGTH, max_lines=2, placeholder=" …")
    more = 0.2 * (len(title) - 1)
    height += more + 0.15
    figure = Figure(figsize=(WIDTH, height), dpi=DPI)
    axes = figure.add_subplot()
    figure.subplots_adjust(left / WIDTH, 0.95 / height, 1 - 0.3 / WIDTH, 1 - (0.95 + more) / height)
    centred: Any = {"ha": "center", "va": "top", "transform": figure.transFigure}
    shown_title = "\n".join(_line(line, TITLE_WIDTH, TITLE) for line in title)
    axes.text(0.5, 1 - 0.16 / height, shown_title, fontsize=TITLE, **centred)
    interval = f"{picture.document['level']:.0%} t interval of the mean"
    subtitle = "\n".join(_line(line, TITLE_WIDTH, SMALL) for line in (_answer(picture), what.format(interval=interval)))
    axes.text(0.5, 1 - (0.42 + more) / height, subtitle, fontsize=SMALL, color=GREY, linespacing=1.4, **centred)
    return axes


def _answer(picture: _Picture) -> str:
    """Say the verdict, what it rests on, and from how many seeds."""
    claim = picture.claim
    said = [claim["verdict"]["word"], _seeds(picture.document)]
    if claim["difference"] is not None:
        said[1:1] = [f"{effect(claim)} ({100 * claim['level']:.4g}% t interval)"]
    return "; ".join(said)


def _seeds(document: Mapping[str, Any]) -> str:
    return f"{document['seeds']} seed{'s' if document['seeds'] > 1 else ''}"


def _line(text: str, width: float, size: float) -> str:
    """Give a sentence as a figure may show it, cut to a width in points."""
    return shown(text, width, size, SENTENCE_LENGTH)


# --- lines over one factor --------------------------------------------------------------


def _lines(picture: _Picture) -> Figure:
    document, endpoint = picture.document, picture.claim["metric"]
    marked = "; dotted: the levels that are judged" if picture.is_about_some else ""
    axes = _axes(picture, HEIGHT, "line: mean; band: {interval}" + marked)
    factor, place_of = document["factors"][0], document["endpoints"].index(endpoint)
    order = sorted(document["cells"], key=lambda cell: cell["levels"][factor["name"]])
    levels_C = np.array([cell["levels"][factor["name"]] for cell in order], float)
    for place, (arm, label) in enumerate(zip(document["arms"], distinct(document["arms"]), strict=True)):
        look: Any = {"color": COLOURS[place % len(COLOURS)], "marker": MARKERS[place % len(MARKERS)]}
        arms = [cell["arms"][arm]["endpoints"][place_of] for cell in order]
        mean_C, low_C, high_C = (_column(arms, key) * _unit(endpoint) for key in ("mean", "low", "high"))
        axes.plot(levels_C, mean_C, label=label, linewidth=1.8, markersize=5, **look)
        axes.fill_between(levels_C, low_C, high_C, color=look["color"], alpha=0.16, linewidth=0)
    if marked:
        for level, cell in zip(levels_C, order, strict=True):
            if picture.is_judged(cell):
                axes.axvline(level, color=GREY, linewidth=1, linestyle=":", zorder=0)
    _scale_levels(axes, levels_C)
    axes.set_xlabel(shown(factor["name"], TITLE_WIDTH / 2))
    axes.set_ylabel(_line(endpoint_name(endpoint), 220.0, 9.0))
    columns = min(4, len(document["arms"]))
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=columns, frameon=False, fontsize=SMALL)
    return _whole(axes)


def _column(intervals: Sequence[Mapping[str, Any]], key: str) -> Floats:
    return np.array([math.nan if interval[key] is None else interval[key] for interval in intervals], float)


def _whole(axes: Axes) -> Figure:
    figure = axes.figure
    assert isinstance(figure, Figure)
    return figure


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


def _chances(picture: _Picture) -> Figure:
    """Draw how often the mean over fewer seeds would show the other sign than that over all."""
    axes = _axes(picture, HEIGHT, "of the means over fewer of these seeds, drawn at random; dotted: 5%")
    counts, shares = zip(*picture.claim["other_sign"], strict=True)
    axes.plot(counts, [100 * share for share in shares], color=BLUE, marker="o", linewidth=1.8, markersize=5)
    for count, share in zip(counts, shares, strict=True):
        said: Any = {"textcoords": "offset points", "xytext": (0, 7), "ha": "center", "fontsize": SMALL}
        axes.annotate(f"{100 * share:.0f}%", (count, 100 * share), **said)
    _scale_levels(axes, np.array(counts, float))
    axes.set_ylim(0, 55)
    axes.axhline(5, color=GREY, linewidth=1, linestyle=":")
    axes.set_xlabel("seeds that are averaged")
    axes.set_ylabel("with another sign than all together (%)")
    return _whole(axes)


# --- differences --------------------------------------------------------------------------


def _differences(picture: _Picture, cells: Sequence[Mapping[str, Any]]) -> Floats:
    """Give mean, low and high of each cell's difference, (C, 3), as drawn."""
    return _drawn(picture, [cell["differences"][picture.number] for cell in cells])


def _drawn(picture: _Picture, intervals: Sequence[Mapping[str, Any]]) -> Floats:
    """Give mean, low and high, (C, 3), as drawn: percent, or baseline / treated, or decades."""
    mean_C, low_C, high_C = (_column(intervals, key) for key in ("mean", "low", "high"))
    if picture.ratio:
        return np.asarray(np.exp(-np.stack([mean_C, high_C, low_C], axis=1)), float)
    unit = 1.0 if _is_width(picture.claim) else _unit(picture.claim["metric"])
    drawn_CK: Floats = np.stack([mean_C, low_C, high_C], axis=1) * unit
    return drawn_CK


def _label(picture: _Picture) -> str:
    claim = picture.claim
    arms = (claim["baseline"], "/", claim["treated"]) if picture.ratio else (claim["treated"], "-", claim["baseline"])
    return f"{endpoint_name(claim['metric'])}: {' '.join(arms)}"


def _map(picture: _Picture) -> Figure:
    document = picture.document
    rows, columns = (factor["levels"] for factor in document["factors"])
    marked = "; framed: the cells that are judged" if picture.is_about_some else ""
    axes = _axes(picture, max(HEIGHT, 1.8 + 0.35 * len(rows)), "number: mean difference" + marked, left=1.6)
    values_C = _differences(picture, document["cells"])[:, 0]
    drawn_RC = (np.log2(values_C) if picture.ratio else values_C).reshape(len(rows), len(columns))
    finite = drawn_RC[np.isfinite(drawn_RC)]
    limit = float(np.abs(finite).max()) or 1.0 if finite.size else 1.0
    axes.imshow(drawn_RC, cmap="PuOr_r", vmin=-limit, vmax=limit, aspect="auto")
    for (row, column), value in np.ndenumerate(drawn_RC):
        text = "-" if not np.isfinite(value) else f"{2**value:.2g}x" if picture.ratio else f"{value:+.3g}"
        dark = np.isfinite(value) and abs(value) > 0.6 * limit
        axes.text(column, row, text, ha="center", va="center", fontsize=SMALL, color="white" if dark else "black")
        if marked and picture.is_judged(document["cells"][row * len(columns) + column]):
            axes.add_patch(Rectangle((column - 0.46, row - 0.46), 0.92, 0.92, fill=False, linewidth=1.6))
    axes.grid(False)
    axes.set_xticks(range(len(columns)), [shown(level_text(level), 60.0) for level in columns])
    axes.set_yticks(range(len(rows)), [shown(level_text(level), 90.0) for level in rows])
    axes.set_ylabel(shown(document["factors"][0]["name"], LABEL_WIDTH))
    axes.set_xlabel(f"{shown(document['factors'][1]['name'], LABEL_WIDTH)}\n{_line(_label(picture), 400.0, 9.0)}")
    return _whole(axes)


def _forest(picture: _Picture) -> Figure:
    cells = picture.document["cells"]
    marked = "; filled: the rows that are judged" if picture.is_about_some else ""
    filled = [picture.is_judged(cell) for cell in cells]
    names = [_cell_name(cell["levels"]) for cell in cells]
    return _rows(picture, names, _differences(picture, cells), filled=filled, marked=marked, label=_label(picture))


def _forest_of_groups(picture: _Picture) -> Figure:
    """Draw what a factor is reduced to, a row for each combination of the others."""
    claim = picture.claim
    drawn_GK = _drawn(picture, [group["difference"] for group in claim["groups"]])
    names = [_cell_name(group["levels"]) for group in claim["groups"]]
    filled = [not group["subtracted"] for group in claim["groups"]]
    marked = "; filled less hollow is judged" if not all(filled) else ""
    arms = _label(picture).rpartition(": ")[2]
    label = f"{endpoint_text(hypothesis_of(claim))}: {arms}"
    return _rows(picture, names, drawn_GK, filled=filled, marked=marked, label=label)


def _rows(
    picture: _Picture, names: Sequence[str], drawn_RK: Floats, *, filled: Sequence[bool], marked: str, label: str
) -> Figure:
    """Draw a point with its interval for each row; filled where it is judged."""
    if len(names) > MOST_ROWS:
        marked += f"; first {MOST_ROWS} of {len(names)} rows"
        names, drawn_RK = names[:MOST_ROWS], drawn_RK[:MOST_ROWS]
    height = 0.24 * max(1, *(name.count("\n") + 0.4 for name in names))
    axes = _axes(picture, max(2.4, 1.9 + height * len(names)), "bar: {interval}" + marked, left=2.2)
    for place, (mean, low, high) in enumerate(drawn_RK):
        axes.plot([low, high], [place, place], color=BLUE, linewidth=1.6)
        axes.plot([mean], [place], "o", color=BLUE, markersize=5, markerfacecolor=BLUE if filled[place] else "white")
    axes.axvline(1 if picture.ratio else 0, color=GREY, linewidth=1)
    note = ""
    if picture.ratio:
        _scale_ratios(axes)
    elif not picture.claim["wins"]:
        smallest = picture.claim["smallest"] * (1.0 if _is_width(picture.claim) else _unit(picture.claim["metric"]))
        axes.axvspan(-smallest, smallest, color=GREY, alpha=0.08, linewidth=0)
        note = "\ngrey: smaller than the smallest effect of interest"
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    lines = textwrap.wrap(label, TITLE_LENGTH, max_lines=2, placeholder=" …")
    axes.set_xlabel("\n".join(_line(line, 320.0, 9.0) for line in lines) + note)
    return _whole(axes)


def _is_width(claim: Mapping[str, Any]) -> bool:
    return claim["over"] is not None and claim["over"]["take"] == "width"


def _scale_ratios(axes: Axes) -> None:
    """Let equal ratios be equally far apart, with some of them written out whatever the span."""
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    if high < LOG_SPAN * low:
        axes.xaxis.set_major_locator(MaxNLocator(6))
        axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _cell_name(of_cell: Mapping[str, Any]) -> str:
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
