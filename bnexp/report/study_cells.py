"""Output on the cells that a hypothesis averages: how much they differ, and the interval of each cell."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from bnexp.config.study import Hypothesis
from bnexp.errors import counted
from bnexp.metrics import p_text
from bnexp.report.styles import STRONG
from bnexp.report.variance_shares import shares_in_words
from bnexp.statistics import fewest_pairs
from bnexp.store.across_cells import AcrossCells, CellContrast, Heterogeneity
from bnexp.store.comparison_document import Interval, MetricDifference
from bnexp.store.study_document import HypothesisRecord, StudyDocument
from bnexp.study.across import largest_difference
from bnexp.study.grid import Cell, level_text, matches
from bnexp.study.verdict import SPEAKS_OF
from bnexp.study.words import as_read, bounds, deviation, levels_text, noun, written
from bnexp.system.terminal import plain

NOT_SHOWN = (
    "direction -: no direction is shown. This can be so although the interval lies on one side of 0 (of 1, for a "
    "ratio): if it lies below the smallest effect of interest, the sign-flip test disagrees, few rows decide, or seeds "
    "never reach the target."
)
MOST_CELLS = 12
"""The most cells that the terminal lists. With more, only the figure and study.json show them."""


def cells_of(claim: HypothesisRecord) -> Iterator[RenderableType]:
    """Yield a line on the mean over cells and how much the cells differ; then a table of the cells if there are few.

    Yield nothing if the hypothesis is about fewer than two cells.
    """
    mean = None if claim.difference is None else claim.difference.mean
    if len(claim.cells) < 2 or mean is None:
        return
    said = f"mean over {counted(len(claim.cells), noun(claim))}{_on_both_sides(claim)}"
    if claim.across is None:
        yield Text(said)
        return
    yield Text("; ".join([said, *_differ(claim, claim.across.heterogeneity)]))
    if claim.pairs < (fewest := fewest_pairs(claim.across.level)):
        yield Text(f"{claim.pairs} seeds cannot show the direction of a single {noun(claim)}: that takes {fewest}.")
    if len(claim.across.cells) <= MOST_CELLS:
        yield _rows(claim, claim.across)
        if any(not cell.direction and _is_apart(cell) for cell in claim.across.cells):
            yield Text(NOT_SHOWN)


def _is_apart(cell: CellContrast) -> bool:
    """Return True if the interval of a cell excludes no difference."""
    return cell.low is not None and cell.high is not None and (cell.low > 0 or cell.high < 0)


def _on_both_sides(claim: HypothesisRecord) -> str:
    """Write how many cells are above no difference and how many below; "" if all known cells are on one side.

    Equal arms have a difference of 0 and a ratio of 1. A stored logarithm above 0 is a ratio below 1.
    """
    known = [cell for cell in claim.cells if cell is not None]
    higher, lower = sum(cell > 0 for cell in known), sum(cell < 0 for cell in known)
    if claim.wins or not (higher and lower):
        return ""
    what, null, above, below = ("ratio", 1, lower, higher) if claim.is_ratio else ("difference", 0, higher, lower)
    return f": the {what} is above {null} in {above} of them and below {null} in {below}"


def _differ(claim: Hypothesis, found: Heterogeneity | None) -> Iterator[str]:
    """Yield how much cells differ beyond their noise, with Cochran's Q test, and the range to expect for another cell.

    tau is the standard deviation of the cells' true effects.
    """
    if found is None:
        yield f"how much they differ is unknown, as a {noun(claim)} has no spread over seeds"
        return
    p_value = p_text(found.p_value)
    tau = "-" if found.tau is None else deviation(claim, found.tau)
    if found.tau == 0:
        yield f"no spread of cells beyond their noise was found (tau 0; Cochran's Q, p {p_value})"
    elif found.is_shown:
        yield f"beyond their noise they differ by a standard deviation of {tau} (tau; Cochran's Q, p {p_value})"
    else:
        what = f"it is not shown that they differ beyond their noise (Cochran's Q, p {p_value})"
        yield f"{what}; they may differ by a standard deviation of about {tau} (tau)"
    if found.prediction is not None and found.prediction.low is not None:
        another = f"another {noun(claim)} of this kind: {bounds(claim, found.prediction)}"
        yield f"{another} (95% prediction interval{_cut(claim, found.prediction)})"


def _cut(claim: Hypothesis, prediction: Interval) -> str:
    """Return a note if a prediction interval ends where no larger difference is possible, or holds all that are."""
    if (most := largest_difference(claim)) is None:
        return ""
    at_end = [prediction.low == -most, prediction.high == most]
    if all(at_end):
        return f"; these {noun(claim)}s are too few to predict another one"
    return ", cut at the largest difference that is possible" if any(at_end) else ""


def _rows(claim: Hypothesis, across: AcrossCells) -> Table:
    table = Table(box=None, pad_edge=False, header_style=STRONG)
    for name in across.cells[0].levels:
        table.add_column(Text(plain(name)), overflow="fold")
    arms = f"{claim.baseline} / {claim.treated}" if claim.is_ratio else f"{claim.treated} - {claim.baseline}"
    table.add_column(Text(plain(f"{arms}, {across.about} [{100 * across.level:.4g}%]")), overflow="fold")
    table.add_column("direction")
    for cell in across.cells:
        levels = [Text(plain(level_text(level))) for level in cell.levels.values()]
        table.add_row(*levels, as_read(cell.reading, written(claim, cell)), cell.direction or "-")
    return table


def simple_differences(document: StudyDocument, place: int) -> str | None:
    """Write the two differences that an interaction subtracts, if each belongs to one cell; None otherwise."""
    claim, said = document.hypotheses[place], []
    for at in (claim.at, claim.minus):
        here = [cell for cell in document.cells if at and matches(Cell(cell.cell, cell.levels, {}), at)]
        if at is None or len(here) != 1 or claim.over is not None or claim.wins:
            return None
        said.append(f"at {levels_text(at)} {written(claim, here[0].differences[place])}")
    arms = f"{claim.baseline} / {claim.treated}" if claim.is_ratio else f"{claim.treated} - {claim.baseline}"
    return f"{arms} by itself: {'; '.join(said)} ({document.level:.0%} t intervals over seeds)"


def uncertainty(claim: HypothesisRecord, found: MetricDifference, seeds: int) -> Iterator[str]:
    """Yield what the uncertainty for new rows comes from, and on which rows the networks were trained."""
    anew = found.new_rows
    if anew is None or anew.drawn == "splits" or claim.verdict.is_withheld:
        return
    shares = shares_in_words(anew, seeds)
    told = [] if shares is None else [f"The uncertainty for new {anew.drawn} comes from {shares}."]
    told += ["Both intervals are for networks trained on these training rows."] * (claim.speaks_of == SPEAKS_OF[False])
    if told:
        yield " ".join(told)
