"""Bars below the figure of differences: where the uncertainty for new rows comes from, for each arm with a verdict."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure
from matplotlib.patches import Patch

from bnexp.report.comparison_notes import variance_shares, whole_percents
from bnexp.report.frame import GREY, WIDTH
from bnexp.report.labels import SMALL, shown
from bnexp.store import ComparisonDocument

BAR, AROUND_BARS, BELOW = 0.24, 0.62, 0.1  # inches
BAR_COLORS, SHARES = ("#9ecae1", "#fdae6b", "#d9d9d9"), ("seeds", "{0}", "interaction of seeds and {0}")
NAME = 85.0  # points
LABELLED = 0.06
"""The smallest share whose bar has room for its number."""


def units_of(document: ComparisonDocument) -> str:
    """Return what is held out: rows, or groups of rows."""
    anew = [contrast.metrics[document.primary.metric].new_rows for contrast in document.contrasts]
    return "groups" if any(one is not None and one.drawn == "groups" for one in anew) else "rows"


def height_of_shares(document: ComparisonDocument) -> float:
    """Return the height in inches that the bars take; 0 if no shares are known."""
    known = _known_shares(document)
    return BAR * len(known) + AROUND_BARS if known else 0.0


def draw_shares(figure: Figure, document: ComparisonDocument, *, left: float, right: float) -> None:
    """Draw a bar for each arm below the differences: the shares of seeds, of rows, and of their interaction.

    `left` and `right` are the margins in inches.
    """
    if not (known := _known_shares(document)):
        return
    height, units = figure.get_size_inches()[1], units_of(document)
    axes = figure.add_axes((left / WIDTH, BELOW / height, 1 - (left + right) / WIDTH, BAR * len(known) / height))
    for place, (_, shares) in enumerate(known):
        start = 0.0
        for share, percent, color in zip(shares, whole_percents(shares), BAR_COLORS, strict=True):
            axes.barh(place, share, 0.7, start, color=color, linewidth=0)
            if share >= LABELLED:
                axes.text(start + share / 2, place, f"{percent}%", fontsize=SMALL - 1, ha="center", va="center")
            start += share
    patches = [Patch(color=color, label=what.format(units)) for color, what in zip(BAR_COLORS, SHARES, strict=True)]
    look: Any = {"fontsize": SMALL, "frameon": False, "ncols": 3, "handlelength": 1.0, "columnspacing": 1.2}
    axes.legend(handles=patches, loc="lower center", bbox_to_anchor=(0.5, 0.95), borderaxespad=0.0, **look)
    names = [name if len(document.contrasts) > 1 else "" for name, _ in known]
    axes.set_yticks(range(len(known)), names, fontsize=SMALL)
    axes.set_xlim(0, 1)
    axes.set_ylim(len(known) - 0.5, -0.5)
    axes.set_title(f"uncertainty for new {units} comes from", fontsize=SMALL, color=GREY, pad=18)
    axes.xaxis.set_visible(False)
    axes.grid(visible=False)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _known_shares(document: ComparisonDocument) -> list[tuple[str, tuple[float, float, float]]]:
    """List (arm, shares of the variance) of each arm with a verdict for new rows whose shares are known.

    The shares are those that seeds, rows and their interaction have.
    """
    if document.asked.about == "these-rows":
        return []
    found, metric = [], document.primary.metric
    for contrast in document.contrasts:
        anew = None if contrast.verdict.is_withheld else contrast.metrics[metric].new_rows
        shares = None if anew is None else variance_shares(anew, len(document.seeds))
        found += [] if shares is None else [(shown(contrast.arm, NAME, SMALL), shares)]
    return found
