"""The figure of a comparison's verdict: every pair's difference, their mean with its interval, and the margin.

It is drawn from comparison.json alone. Names are untrusted: see `labels`.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bnexp.errors import counted
from bnexp.metrics import quantity, with_unit
from bnexp.report.comparison_notes import variance_shares
from bnexp.report.frame import DPI, GREY, WIDTH, settings
from bnexp.report.labels import LINE_WIDTH, SMALL, TITLE, distinct, fitted, shown
from bnexp.report.plots import BLUE
from bnexp.statistics.arrays import Floats
from bnexp.store import ComparisonDocument
from bnexp.store.comparison_document import Contrast

ROW, LEFT, ABOVE, BELOW = 0.7, 1.5, 0.95, 0.55  # inches
WORDS, NAME = 16, 85.0  # characters, points
NEW_ROWS = "new rows"
BAR, AROUND_BARS = 0.24, 0.42  # inches
BAR_COLORS, SHARES = ("#9ecae1", "#fdae6b", "#d9d9d9"), ("seeds", "rows", "both")
LABELLED = 0.12
"""A share of this size has room for its name."""
SPREAD = 0.26
"""How far dots of one row lie apart, up and down, so that equal ones can be seen."""


def difference_figure(document: ComparisonDocument) -> Figure:
    """Return a row for each contrast with the baseline, of the metric that decides."""
    contrasts, metric = document.contrasts, document.primary.metric
    with settings():
        axes = _axes(len(contrasts), metric, document)
        names = distinct(shown(contrast.arm, NAME, SMALL) for contrast in contrasts)
        for place, contrast in enumerate(contrasts):
            _draw(axes, place, contrast, _unit(metric), metric)
        words = [textwrap.fill(contrast.verdict.word, WORDS) for contrast in contrasts]
        axes.set_yticks(range(len(contrasts)), [f"{name}:\n{word}" for name, word in zip(names, words, strict=True)])
        axes.set_ylim(len(contrasts) - 0.5, -0.5)
        figure = axes.figure
        assert isinstance(figure, Figure)
        _draw_shares(figure, _known_shares(document), len(contrasts))
        return figure


def _unit(metric: str) -> float:
    """Return what a value is multiplied by to be drawn: accuracies are drawn in percent."""
    return 100.0 if quantity(metric) == "accuracy" else 1.0


def _axes(rows: int, metric: str, document: ComparisonDocument) -> Axes:
    below = BELOW + _height_of_shares(_known_shares(document))
    height = ROW * rows + ABOVE + below
    figure = Figure(figsize=(WIDTH, height), dpi=DPI)
    axes = figure.add_subplot()
    figure.subplots_adjust(LEFT / WIDTH, below / height, 1 - 0.25 / WIDTH, 1 - ABOVE / height)
    margin = document.primary.margin * _unit(metric)
    axes.axvspan(-margin, margin, color=GREY, alpha=0.08, linewidth=0)
    axes.axvline(0, color=GREY, linewidth=1)
    axes.grid(visible=False, axis="y")
    baseline, count = shown(document.baseline), len(document.seeds)
    axes.set_xlabel(f"{shown(with_unit(metric))}: arm minus {baseline}, by pairs of seeds")
    centred: Any = {"ha": "center", "va": "top", "transform": figure.transFigure}
    axes.text(0.5, 1 - 0.16 / height, "Difference, pair by pair", fontsize=TITLE, **centred)
    said = (
        f"{counted(count, 'pair')}: dots; {_legend(document, metric)}",
        f"grey: the margin of ±{margin:.3g}, inside which no difference matters",
    )
    lines = "\n".join(fitted(line, LINE_WIDTH, SMALL) for line in said)
    axes.text(0.5, 1 - 0.42 / height, lines, fontsize=SMALL, color=GREY, linespacing=1.4, **centred)
    return axes


def _legend(document: ComparisonDocument, metric: str) -> str:
    """Return what the lines of the interval are."""
    level = f"{document.level:.0%} interval"
    anew = [contrast.metrics[metric].new_rows for contrast in document.contrasts]
    if not any(anew):
        return f"mean with its {level} on these rows"
    new = "other splits" if any(one is not None and one.drawn == "splits" for one in anew) else "new rows"
    return f"mean with its {level}: thick on these rows, thin for {new}"


def _draw(axes: Axes, place: int, contrast: Contrast, unit: float, metric: str) -> None:
    """Draw one contrast: pairs without a value are left out, as in the interval."""
    pairs_S = _numbers(contrast.pairs) * unit
    pairs_S = pairs_S[np.isfinite(pairs_S)]
    heights_S = place + SPREAD * np.resize([-1.0, 0.0, 1.0, -0.5, 0.5], len(pairs_S))
    axes.plot(pairs_S, heights_S, "o", color=BLUE, alpha=0.35, markersize=4, markeredgewidth=0)
    difference = contrast.metrics[metric]
    mean, low, high = _numbers([difference.mean, difference.low, difference.high]) * unit
    if (anew := difference.new_rows) is not None:
        ends = _numbers([anew.low, anew.high]) * unit
        axes.plot(ends, [place, place], color=BLUE, linewidth=1, marker="|", markersize=9, label=NEW_ROWS)
    axes.plot([low, high], [place, place], color=BLUE, linewidth=3.2)
    axes.plot([mean], [place], "D", color=BLUE, markersize=6, markeredgecolor="white")


# --- where the uncertainty for new rows comes from ----------------------------------


def _known_shares(document: ComparisonDocument) -> list[tuple[str, tuple[float, float, float]]]:
    """List each arm whose shares of seeds, of rows and of both together are known, with these."""
    found, metric = [], document.primary.metric
    for contrast in document.contrasts:
        anew = contrast.metrics[metric].new_rows
        shares = None if anew is None else variance_shares(anew, len(document.seeds))
        found += [] if shares is None else [(shown(contrast.arm, NAME, SMALL), shares)]
    return found


def _height_of_shares(known: Sequence[object]) -> float:
    return BAR * len(known) + AROUND_BARS if known else 0.0


def _draw_shares(figure: Figure, known: Sequence[tuple[str, tuple[float, float, float]]], contrasts: int) -> None:
    """Draw a bar for each arm below the differences: seeds, rows, and both together."""
    if not known:
        return
    height = figure.get_size_inches()[1]
    axes = figure.add_axes((LEFT / WIDTH, 0.1 / height, 1 - (LEFT + 0.25) / WIDTH, BAR * len(known) / height))
    for place, (_, shares) in enumerate(known):
        start = 0.0
        for share, color, what in zip(shares, BAR_COLORS, SHARES, strict=True):
            axes.barh(place, share, 0.7, start, color=color, linewidth=0)
            if share >= LABELLED:
                axes.text(start + share / 2, place, f"{what} {share:.0%}", fontsize=SMALL - 1, ha="center", va="center")
            start += share
    axes.set_yticks(range(len(known)), [name if contrasts > 1 else "" for name, _ in known], fontsize=SMALL)
    axes.set_xlim(0, 1)
    axes.set_ylim(len(known) - 0.5, -0.5)
    axes.set_title("uncertainty for new rows comes from", fontsize=SMALL, color=GREY, pad=3)
    axes.xaxis.set_visible(False)
    axes.grid(visible=False)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _numbers(values: Sequence[float | None]) -> Floats:
    return np.array([np.nan if value is None else value for value in values], float)
