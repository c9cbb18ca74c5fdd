"""Parts that all figures of a study share: the hypothesis, titled axes, and numbers in drawn units.

Axis: C cells, or rows of a figure. Names are untrusted: see `labels`.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bnexp.config.study import Endpoint, Hypothesis
from bnexp.errors import counted
from bnexp.metrics import p_text, traits
from bnexp.report.comparison_notes import written_level
from bnexp.report.frame import DPI, GREY, WIDTH, ShownFigure
from bnexp.report.labels import SMALL, TITLE, shown
from bnexp.report.share_bars import ShareBars, bar_of
from bnexp.statistics import reading
from bnexp.statistics.arrays import Floats
from bnexp.store.comparison_document import Interval
from bnexp.store.study_document import CellRecord, HypothesisRecord, StudyDocument
from bnexp.study.across import in_directions
from bnexp.study.contrast import more_wins
from bnexp.study.grid import Cell, is_read, matches
from bnexp.study.words import bounds, decided_on, decides_about, effect, endpoint_name, noun
from bnexp.warning_kinds import title_of

TITLE_WIDTH, SAID_WIDTH, LABEL_WIDTH = 420.0, 480.0, 170.0  # points
LINE, RIGHT = 0.165, 0.3  # inches: a line below the title, the margin to the right
TITLE_LENGTH, SENTENCE_LENGTH = 62, 200  # characters


@dataclass(frozen=True)
class Picture:
    """The data of one figure: the whole document, and the number of the hypothesis in it."""

    document: StudyDocument
    number: int

    @property
    def claim(self) -> HypothesisRecord:
        """Return the hypothesis."""
        return self.document.hypotheses[self.number]

    @property
    def shares(self) -> ShareBars:
        """Return the bar of where the uncertainty for new rows comes from; no bar if that is unknown."""
        return bar_of(self.claim, self.document.seeds)

    @property
    def ratio(self) -> bool:
        """Return True if ratios are drawn, not differences: how many times smaller the treated arm's value is."""
        return self.claim.metric.in_logs

    def is_subtracted(self, cell: CellRecord) -> bool:
        """Return True if a cell belongs to the difference that an interaction subtracts."""
        minus = self.claim.minus
        return minus is not None and matches(Cell(cell.cell, cell.levels, {}), minus)

    def sign(self, levels: Mapping[str, Any]) -> str:
        """Return `>=` or `<=` if the ratio of epochs at these levels is only a bound, else ""."""
        if self.claim.metric.epochs_to is None:
            return ""
        place_of = self.document.endpoints.index(self.claim.metric)
        here = [cell.arms for cell in self.document.cells if levels.items() <= cell.levels.items()]
        never = []
        for arm in (self.claim.treated, self.claim.baseline):
            found = [arms[arm].endpoints[place_of] for arms in here]
            never.append(sum(one.seeds - one.reached for one in found if one.reached is not None))
        return {"at least": ">=", "at most": "<="}.get(reading(*never), "")

    @property
    def claimed_sign(self) -> int:
        """Return 1 if the claim predicts drawn differences above 0, or ratios above 1; -1 if below."""
        claimed = self.claim.direction == "higher"
        if self.claim.wins:  # the endpoint counts the seeds in which the treated arm is better
            claimed = claimed == more_wins(self.claim)
        return 1 if claimed != self.ratio else -1

    def marks(self, text: str, subtracted: str) -> str:
        """Return the legend of marked cells: `text` for judged cells, `subtracted` for subtracted cells; else ""."""
        if self.claim.minus is not None:
            return f"; {text}, {subtracted}: subtracted"
        return f"; {text}" if self.is_about_some else ""

    def is_judged(self, cell: CellRecord) -> bool:
        """Return True if the hypothesis is about a cell, or subtracts it."""
        return is_read(Cell(cell.cell, cell.levels, {}), self.claim)

    @property
    def is_about_some(self) -> bool:
        """Return True if there are cells that the hypothesis is not about."""
        return not all(map(self.is_judged, self.document.cells))


def titled_axes(
    picture: Picture, height: float, what: str, *, left: float = 0.9, drawn_level: float | None = None
) -> Axes:
    """Return the titled axes of a new figure.

    `what` says what is drawn; `{interval}` in it is replaced. `drawn_level` is the level of that interval, if it is not
    the document's.
    """
    level = written_level(drawn_level or picture.document.level)
    these = decided_on(picture.claim)
    interval = f"{level} t interval of the mean" if these is None else f"{level} interval on {these}"
    verdict = picture.claim.verdict
    title = f"{verdict.word.capitalize()}{' (no verdict)' * verdict.is_withheld}: {picture.claim.claim}"
    said = [*_answer(picture), what.format(interval=interval)]
    return titled(title, said, height, left=left, below=picture.shares)


def titled(text: str, said: Sequence[str], height: float, *, left: float = 0.9, below: ShareBars | None = None) -> Axes:
    """Return the axes of a new figure with a title, the lines `said` below the title, and bars below the axes."""
    title = textwrap.wrap(text, TITLE_LENGTH, max_lines=3, placeholder=" …")
    below_title = 0.42 + 0.2 * (len(title) - 1)
    above = below_title + 0.2 + LINE * max(2, len(said))
    room = 0.0 if below is None else below.height
    height += above - 0.8 + room
    figure = ShownFigure(figsize=(WIDTH, height), dpi=DPI)
    axes = figure.add_subplot()
    figure.subplots_adjust(left / WIDTH, (0.95 + room) / height, 1 - RIGHT / WIDTH, 1 - above / height)
    centred: Any = {"ha": "center", "va": "top", "transform": figure.transFigure}
    shown_title = "\n".join(line_of(line, TITLE_WIDTH, TITLE) for line in title)
    axes.text(0.5, 1 - 0.16 / height, shown_title, fontsize=TITLE, **centred)
    subtitle = "\n".join(line_of(line, SAID_WIDTH, SMALL) for line in said)
    axes.text(0.5, 1 - below_title / height, subtitle, fontsize=SMALL, color=GREY, linespacing=1.4, **centred)
    if below is not None:
        below.draw(figure, left=left, right=RIGHT)
    return axes


def _answer(picture: Picture) -> Iterator[str]:
    """Yield up to six lines.

    They are: the effect with the deciding interval and the number of seeds; the other interval; that no verdict rests
    on them, or else whether cells disagree or differ; whether the hypothesis was asked after results; another first
    answer; the warnings.
    """
    claim, anew, these = picture.claim, decides_about(picture.claim), decided_on(picture.claim)
    said = [counted(picture.document.seeds, "seed")]
    level = written_level(claim.level)
    if claim.difference is not None:
        said[:0] = [
            f"{effect(claim)} " + (f"({level} t interval)" if anew is None else f"for {anew} ({level} interval)")
        ]
    yield "; ".join(said)
    if claim.difference is not None and these is not None:
        yield f"on {these} {bounds(claim, claim.difference)} ({level} interval)"
    if claim.verdict.is_withheld:
        yield "no verdict rests on these intervals; the study's table says why"
    yield from _cells_differ(claim)
    if claim.asked_after_results:
        yield "exploratory: added or changed after the results were known"
    if claim.first_answer is not None:
        yield f'first answered "{claim.first_answer}"; since then the hypotheses or bnexp have changed'
    if claim.warned:
        arms = [cell.arms[arm] for cell in picture.document.cells for arm in (claim.treated, claim.baseline)]
        yield f"WARNING: {'; '.join(dict.fromkeys(title_of(text) for arm in arms for text in arm.warnings))}"


def _cells_differ(claim: HypothesisRecord) -> Iterator[str]:
    """Yield that cells point in opposite directions, or else that they are shown to differ beyond their noise."""
    across = claim.across
    if across is None or claim.verdict.is_withheld:
        return
    directions = [cell.direction for cell in across.cells]
    ahead, behind = directions.count(claim.direction), len(directions) - directions.count(None)
    behind -= ahead
    if ahead and behind:
        yield f"no single answer: {in_directions(claim, ahead, behind)}"
    elif (found := across.heterogeneity) is not None and found.is_shown:
        yield f"the {noun(claim)}s differ beyond their noise (Cochran's Q, p {p_text(found.p_value)}): see each of them"


def line_of(text: str, width: float, size: float) -> str:
    """Return a sentence in a form that a figure can show, shortened to a width in points."""
    return shown(text, width, size, SENTENCE_LENGTH)


def columns_of(intervals: Sequence[Interval]) -> Floats:
    """Return mean, low and high of each interval, (3, C); NaN for a number that is unknown."""
    return np.array([[getattr(one, key) for one in intervals] for key in ("mean", "low", "high")], float)


def whole(axes: Axes) -> Figure:
    """Return the figure of these axes."""
    figure = axes.figure
    assert isinstance(figure, Figure)
    return figure


def unit_of(endpoint: Endpoint) -> float:
    """Return the factor that turns a value into the drawn one: 100 for shares, drawn in percent, else 1."""
    if endpoint.epochs_to is not None:
        return 1.0
    return 100.0 if endpoint.failures_below is not None or traits(endpoint.metric).in_percent else 1.0


def differences(picture: Picture, cells: Sequence[CellRecord]) -> Floats:
    """Return mean, low and high of each cell's difference, (C, 3), in drawn units."""
    return drawn_intervals(picture, [cell.differences[picture.number] for cell in cells])


def drawn_intervals(picture: Picture, intervals: Sequence[Interval]) -> Floats:
    """Return mean, low and high, (C, 3), in drawn units.

    The unit is percent for shares, a ratio baseline / treated for epochs and losses, decades for widths, else the
    metric's own.
    """
    mean_C, low_C, high_C = columns_of(intervals)
    if picture.ratio:
        return np.asarray(np.exp(-np.stack([mean_C, high_C, low_C], axis=1)), float)
    drawn_CK: Floats = np.stack([mean_C, low_C, high_C], axis=1) * drawn_unit(picture.claim)
    return drawn_CK


def drawn_unit(claim: Hypothesis) -> float:
    """Return the factor that turns a difference into the drawn one: 100 for percent, and 1 for all else."""
    return 1.0 if is_width(claim) else unit_of(claim.metric)


def difference_label(picture: Picture) -> str:
    """Return the label of the drawn difference or ratio: the endpoint, then "treated - baseline" or a ratio."""
    claim = picture.claim
    arms = (claim.baseline, "/", claim.treated) if picture.ratio else (claim.treated, "-", claim.baseline)
    return f"{endpoint_name(claim.metric)}: {' '.join(arms)}"


def is_width(claim: Hypothesis) -> bool:
    """Return True if the hypothesis is about the width of a factor's good range, in decades (powers of 10)."""
    return claim.over is not None and claim.over.take == "width"
