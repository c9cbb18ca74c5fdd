"""Bars below a figure of differences: where the uncertainty for new rows comes from, for each verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from bnexp.report.frame import GREY, WIDTH
from bnexp.report.labels import SMALL, shown
from bnexp.report.variance_shares import variance_shares, whole_percents
from bnexp.store import ComparisonDocument
from bnexp.store.study_document import HypothesisRecord

BAR, AROUND_BARS, BELOW, INSET = 0.24, 0.62, 0.1, 0.35  # inches; inset, so that nobody reads the axis above it
BAR_COLORS, SHARES = ("#9ecae1", "#fdae6b", "#d9d9d9"), ("seeds", "{0}", "interaction of seeds and {0}")
NAME = 85.0  # points
LABELLED = 0.06
"""The smallest share whose bar has room for its number."""


@dataclass(frozen=True)
class ShareBars:
    """The bars of one figure: a name with the shares of seeds, of rows, and of their interaction."""

    bars: Sequence[tuple[str, tuple[float, float, float]]]
    units: str
    """What is held out: rows, or groups of rows."""

    @property
    def height(self) -> float:
        """Return the height in inches that the bars take; 0 if there are none."""
        return BAR * len(self.bars) + AROUND_BARS if self.bars else 0.0

    def draw(self, figure: Figure, *, left: float, right: float) -> None:
        """Draw the bars at the bottom of a figure. `left` and `right` are the margins in inches."""
        if not self.bars:
            return
        height = figure.get_size_inches()[1]
        inner = left + INSET
        place = (inner / WIDTH, BELOW / height, 1 - (inner + right + INSET) / WIDTH, BAR * len(self.bars) / height)
        axes = figure.add_axes(place)
        for row, (_, shares) in enumerate(self.bars):
            start = 0.0
            for share, percent, color in zip(shares, whole_percents(shares), BAR_COLORS, strict=True):
                axes.barh(row, share, 0.7, start, color=color, linewidth=0)
                if share >= LABELLED:
                    axes.text(start + share / 2, row, f"{percent}%", fontsize=SMALL - 1, ha="center", va="center")
                start += share
        self._explain(axes)

    def _explain(self, axes: Axes) -> None:
        """Add names, title and legend to the bars, and hide all else."""
        words = [what.format(self.units) for what in SHARES]
        if len(self.bars) == 1:  # a share of 0% is seen nowhere else
            percents = whole_percents(self.bars[0][1])
            words = [f"{word} ({percent}%)" for word, percent in zip(words, percents, strict=True)]
        patches = [Patch(color=color, label=word) for color, word in zip(BAR_COLORS, words, strict=True)]
        look: Any = {"fontsize": SMALL, "frameon": False, "ncols": 3, "handlelength": 1.0, "columnspacing": 1.2}
        axes.legend(handles=patches, loc="lower center", bbox_to_anchor=(0.5, 0.95), borderaxespad=0.0, **look)
        axes.set_yticks(range(len(self.bars)), [name for name, _ in self.bars], fontsize=SMALL)
        axes.set_xlim(0, 1)
        axes.set_ylim(len(self.bars) - 0.5, -0.5)
        axes.set_title(f"uncertainty for new {self.units} comes from", fontsize=SMALL, color=GREY, pad=18)
        axes.xaxis.set_visible(False)
        axes.grid(visible=False)
        axes.tick_params(length=0)
        for spine in axes.spines.values():
            spine.set_visible(False)


def bars_of(document: ComparisonDocument) -> ShareBars:
    """Return a bar for each arm of a comparison with a verdict for new rows whose shares are known."""
    found, metric = [], document.primary.metric
    for contrast in document.contrasts:
        anew = None if contrast.verdict.is_withheld else contrast.metrics[metric].new_rows
        shares = None if anew is None else variance_shares(anew, len(document.seeds))
        name = shown(contrast.arm, NAME, SMALL) if len(document.contrasts) > 1 else ""
        found += [] if shares is None else [(name, shares)]
    return ShareBars([] if document.asked.about == "these-rows" else found, units_of(document))


def bar_of(claim: HypothesisRecord, seeds: int) -> ShareBars:
    """Return the bar of a hypothesis with a verdict for new rows; none if its shares are unknown."""
    anew = None if claim.difference is None or claim.verdict.is_withheld else claim.difference.new_rows
    shares = None if anew is None else variance_shares(anew, seeds)
    return ShareBars([] if shares is None else [("", shares)], "rows" if anew is None else anew.drawn)


def units_of(document: ComparisonDocument) -> str:
    """Return what is held out: rows, or groups of rows."""
    anew = [contrast.metrics[document.primary.metric].new_rows for contrast in document.contrasts]
    return "groups" if any(one is not None and one.drawn == "groups" for one in anew) else "rows"
