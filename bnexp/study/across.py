"""Each cell that a hypothesis averages: its direction, and whether all cells have a single answer.

If cells point in opposite directions, their mean is no answer for any of them. A hypothesis averages its cells, or the
groups of cells that `over` reduces to one number each. The study asks for this reduction by name. So the cells within a
group are not compared with each other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from bnexp import statistics
from bnexp.comparison.answer import WARNINGS_FIRST
from bnexp.comparison.judged_difference import JudgedDifference
from bnexp.config.study import Hypothesis
from bnexp.errors import counted
from bnexp.metrics import LARGEST, p_text, traits
from bnexp.statistics import Estimate, Interval, Levels, strict
from bnexp.store.across_cells import AcrossCells, CellContrast, Heterogeneity
from bnexp.store.comparison_document import Interval as Bounds
from bnexp.store.comparison_document import Verdict
from bnexp.store.comparison_question import MeasuredOn
from bnexp.study.contrast import Contrast
from bnexp.study.words import ClaimWording, deviation, noun, possible, storable

OTHER: dict[str, Literal["higher", "lower"]] = {"higher": "lower", "lower": "higher"}


@dataclass(frozen=True)
class Part:
    """A cell that is averaged with others, or a group of cells that `over` reduces."""

    contrast: Contrast
    difference: JudgedDifference | None
    """Positive values support the claim. None if no pair has a value."""
    wording: ClaimWording
    is_withheld: bool = False
    """True if the part can have no verdict, for example because neither arm beats guessing."""

    def direction(self, levels: Levels) -> int:
        """Return 1 if the part supports the claim beyond its noise, -1 if it contradicts it, 0 if neither is shown.

        It is also 0 if the difference is shown to be too small to matter, if a few rows carry it, or if censored seeds
        favour it.
        """
        difference = self.difference
        if difference is None or self.is_withheld:
            return 0
        if difference.is_carried_by_few:
            return 0
        found = replace(difference, levels=levels).shown
        is_open = found.is_small or not found.sign or self.wording.is_flattered(found.sign > 0)
        return 0 if is_open else found.sign


@dataclass(frozen=True)
class Parts:
    """All parts that a hypothesis averages. They share the error of the hypothesis equally (Bonferroni)."""

    parts: Sequence[Part]
    levels: Levels
    directions: Sequence[int]

    @classmethod
    def of(cls, parts: Sequence[Part], levels: Levels) -> Parts:
        """Return the parts with their directions, judged at the levels that follow from the hypothesis's `levels`."""
        count = max(1, len(parts))
        own = Levels(1 - (1 - levels.sign) / count, 1 - (1 - levels.margin) / count)
        return cls(parts, own, [part.direction(own) for part in parts])

    @property
    def disagree(self) -> bool:
        """Return True if some parts support the claim and others contradict it."""
        return {1, -1} <= set(self.directions)

    @property
    def about(self) -> Literal["new rows"] | MeasuredOn:
        """Return what the parts' intervals are about."""
        if all(part.contrast.new_rows is not None for part in self.parts):
            return "new rows"
        found = {part.contrast.measured_on for part in self.parts}
        return found.pop() if len(found) == 1 else "these rows and splits"


def in_directions(claim: Hypothesis, ahead: int, behind: int) -> str:
    """Return the words for cells that disagree: how many are as claimed, and how many are the opposite."""
    return (
        f"{claim.treated} {_is(claim, 1)} in {counted(ahead, noun(claim))} and {_is(claim, -1)} in {behind}, "
        "each beyond its noise"
    )


def no_single_answer(wording: ClaimWording, parts: Parts, *, warnings_first: bool) -> Verdict:
    """Return the verdict on a hypothesis whose cells point in opposite directions."""
    claim, new_rows = wording.claim, parts.about == "new rows"
    ahead, behind, rest = (list(parts.directions).count(way) for way in (1, -1, 0))
    where = "for new rows of this kind" if new_rows else f"on {parts.about}"
    said = [f"No single answer {where}: {in_directions(claim, ahead, behind)}."]
    if rest:
        said.append(f"{counted(rest, f'other {noun(claim)}')} {'show' if rest > 1 else 'shows'} no direction.")
    said.append(WARNINGS_FIRST if warnings_first else f"See the {noun(claim)}s, or ask of each with `at`.")
    if not new_rows and wording.why_not_new_rows is not None:
        said.append(wording.why_not_new_rows)
    return Verdict(word=wording.open, sentence=" ".join(said), about=parts.about)


def _is(claim: Hypothesis, way: int) -> str:
    """Return the words for the direction of a cell: 1 is as claimed, -1 is the opposite."""
    direction = claim.direction if way > 0 else OTHER[claim.direction]
    if claim.wins:
        return "wins more seeds" if direction == "higher" else "wins fewer seeds"
    return f"is {direction}" if way > 0 else direction


def cells_differ(claim: Hypothesis, across: AcrossCells | None) -> str | None:
    """Return a note that cells differ beyond their noise, so that their mean is not the whole answer; None if not."""
    spread = None if across is None else across.heterogeneity
    if spread is None or spread.tau is None or not spread.is_shown:
        return None
    what, tau = noun(claim), deviation(claim, spread.tau)
    return (
        f"This mean is over {what}s that differ beyond their noise, by a standard deviation of {tau} (Cochran's Q, "
        f"p {p_text(spread.p_value)}): see each {what}."
    )


def recorded(claim: Hypothesis, parts: Parts, whole: JudgedDifference) -> AcrossCells | None:
    """Return the parts as study.json stores them; None if there are fewer than two, or one has no value."""
    known = [part.difference for part in parts.parts if part.difference is not None]
    if len(known) < 2 or len(known) < len(parts.parts):
        return None
    estimates = [_signed(claim, one) for one in known]
    unbounded: dict[str, float | None] = {"low": None, "high": None}
    cells = [
        CellContrast(
            levels=dict(part.contrast.levels),
            direction=_direction(claim, way),
            reading=part.wording.reading,
            **{
                **_bounds(claim, one.interval(parts.levels.sign)),
                **(unbounded if parts.about == "new rows" and difference.is_unknown_for_new_rows else {}),
            },
        )
        for part, difference, one, way in zip(parts.parts, known, estimates, parts.directions, strict=True)
    ]
    found = _differ(claim, parts, estimates, whole)
    return AcrossCells(
        level=parts.levels.sign,
        about=parts.about,
        cells=cells,
        heterogeneity=None if found is None else _heterogeneity(claim, found),
    )


def _differ(
    claim: Hypothesis, parts: Parts, estimates: Sequence[Estimate], whole: JudgedDifference
) -> statistics.Heterogeneity | None:
    """Return how much the parts differ, compared with the error of their mean; None if that is not known.

    A hypothesis is judged by this mean, except with `wins`: the sign of a mean over cells is not the mean of their
    signs. With `wins`, the error is the one of the cells' mean wins, and there is no prediction interval for another
    cell.
    """
    if not claim.wins:
        mean = whole.decides if parts.about == "new rows" else whole.here
        return statistics.heterogeneity(estimates, mean)
    several = [part.difference for part in parts.parts if part.difference is not None]
    if len({one.pairs for one in several}) > 1:  # a seed has no value in some part
        return None
    mean = statistics.over_seeds(np.mean([one.difference_S for one in several], axis=0))
    if first := several[0].here.error:  # overlapping splits widen the error of the mean as they widen a part's
        mean = replace(mean, error=mean.error * several[0].decides.error / first)
    found = statistics.heterogeneity(estimates, mean)
    return None if found is None else replace(found, prediction=None)


def _heterogeneity(claim: Hypothesis, found: statistics.Heterogeneity) -> Heterogeneity | None:
    if not all(map(math.isfinite, (found.p_value, found.correlation))):
        return None
    prediction = None if found.prediction is None else _possible(claim, Bounds(**_bounds(claim, found.prediction)))
    return Heterogeneity(
        q=storable(claim, found.q),
        p_value=found.p_value,
        tau=storable(claim, found.tau),
        correlation=found.correlation,
        prediction=prediction,
    )


def largest_difference(claim: Hypothesis) -> float | None:
    """Return the largest difference that the metric of a hypothesis can have; None if there is no limit.

    >>> asked = {"metric": "val_mcc", "smallest": 0.1, "direction": "higher", "treated": "a", "baseline": "b"}
    >>> largest_difference(Hypothesis(claim="c", **asked))
    2.0
    """
    if claim.counts:
        return 1.0
    if claim.metric.in_logs or (claim.over is not None and claim.over.take == "width"):
        return None
    span = traits(claim.metric.metric).high - traits(claim.metric.metric).low
    return span if span < LARGEST else None


def _possible(claim: Hypothesis, prediction: Bounds) -> Bounds:
    """Return a prediction interval without the differences that are not possible, such as 125 points of accuracy."""
    most, low, high = largest_difference(claim), prediction.low, prediction.high
    if most is None or low is None or high is None:
        return prediction
    return prediction.model_copy(update={"low": max(low, -most), "high": min(high, most)})


def _signed(claim: Hypothesis, difference: JudgedDifference) -> Estimate:
    """Return the deciding estimate of a part, as treated minus baseline."""
    return difference.decides if claim.direction == "higher" else -difference.decides


def _direction(claim: Hypothesis, way: int) -> Literal["higher", "lower"] | None:
    if not way:
        return None
    return claim.direction if way > 0 else OTHER[claim.direction]


def _bounds(claim: Hypothesis, interval: Interval) -> dict[str, float | None]:
    return {key: possible(claim, value) for key, value in strict(interval).items()}
