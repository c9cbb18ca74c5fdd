"""Which difference a comparison can detect, in one sentence, before anything is trained.

The variances come from an earlier comparison of the same data. Without an earlier comparison, the worst case is
assumed for an accuracy on new rows. In any other case the difference is given in standard deviations over seeds.

A loss or an error is judged by a ratio (`scale`), so the smallest ratio is given.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from bnexp import statistics
from bnexp.comparison.earlier import FEW_PAIRS, Earlier
from bnexp.comparison.metric_rules import RELATIVE_MARGIN, in_brackets, rows_to_show_small
from bnexp.comparison.more_rows import how_to_hold_out
from bnexp.comparison.scale import ratio_limits, ratio_text
from bnexp.config.dataset import Dataset
from bnexp.errors import counted
from bnexp.metrics import LARGEST, About, number, part_of, quantity, traits, with_unit
from bnexp.statistics.held_out_rows import Components
from bnexp.statistics.power import (
    POWER,
    StandardError,
    detectable,
    error_over_rows,
    error_over_seeds,
    error_over_splits,
)
from bnexp.store.comparison_document import MetricDifference, NewRowsInterval
from bnexp.store.plan_document import Detectable
from bnexp.store.run_record import DataFacts

DISAGREE = 0.2
"""Share of held-out rows that two arms are assumed to answer differently before the first run, alike in each seed."""


LARGEST_LOG = 20.0
"""The log of the largest ratio that is named."""
KNOWN_LATER = "The true limit is usually much lower, and is known once these data have been compared."
NO_SPREAD = "In {run} all seeds and rows differed alike, so the true limit is probably much lower."


@dataclass(frozen=True)
class Design:
    """What is known about a comparison before it is made."""

    metric: str
    seeds: int
    about: About
    data: DataFacts
    own_splits: bool
    """Whether each seed has its own split, and so its own held-out rows."""
    grouped: bool
    """Whether rows are drawn in groups."""
    level: float = statistics.LEVEL
    """Level of the interval that decides."""
    margin: float | None = None
    """The smallest difference that matters; None if it is not known before training."""
    dataset: Dataset | None = None
    """The dataset section of the baseline's config; None for a study."""
    alike_in: str | None = None
    """Where all seeds and rows differed alike before; None if nothing is known of it, or an `Earlier` knows it."""

    @property
    def rows(self) -> int | None:
        """Return the number of held-out rows that the metric is measured on; None if its part is not held out."""
        parts = {"val": self.data.validation_rows, "test": self.data.test_rows}
        return parts.get(part_of(self.metric))

    def all_alike_in(self, earlier: Earlier | None) -> str | None:
        """Return where all seeds and rows differed alike before; None if it is not known."""
        if self.alike_in is None and earlier is not None and earlier.differed_alike(self.metric):
            return earlier.run
        return self.alike_in


def detectable_by(design: Design, earlier: Earlier | None) -> Detectable:
    """Return the smallest difference that a design detects, its source, and a sentence about it."""
    fewest = statistics.fewest_pairs(design.level)
    if design.seeds < fewest:
        few = f"{counted(design.seeds, 'seed')} {'is' if design.seeds == 1 else 'are'} too few for a verdict"
        said = f"{few}; {fewest} are the fewest. Use --seeds {fewest} or more."
        return Detectable(difference=None, rests_on=None, sentence=said)
    found = None if earlier is None else earlier.difference(design.metric)
    told = _detected(design, earlier, found)
    has_rows = found is None or found.new_rows is not None
    if has_rows and (more := _more_rows(design, earlier, found)) is not None:
        told.sentence += f" {more}"
    return told


def _more_rows(design: Design, earlier: Earlier | None, found: MetricDifference | None) -> str | None:
    """Return how many held-out rows settle the question, or show that equal arms are equal; None if there are enough.

    The first number takes an earlier comparison of the same experiments, whose verdict names it, too. If no variances
    are known yet, only the smallest number is known with which a rare failure can be excluded.
    """
    known, margin = traits(design.metric), design.margin
    if known.counts != "rows" or not margin or design.rows is None or design.grouped or design.own_splits:
        return None
    least = statistics.draws_to_exclude(margin / (known.high - known.low))
    if design.about == "these-rows":
        return None
    if least > statistics.MOST_ROWS or found is None or found.new_rows is None:
        is_known = least > statistics.MOST_ROWS or design.all_alike_in(earlier) is not None
        usual = "" if is_known else ", and often more: how many is known after the first comparison"
        return None if design.rows >= least else f"{rows_to_show_small(least).removesuffix('.')}{usual}."
    rows, levels = found.new_rows, statistics.Levels(design.level, design.level)
    is_of_these = earlier is not None and earlier.is_of_these
    question = statistics.OpenQuestion(found.mean or 0.0 if is_of_these else 0.0, margin, levels, fewest_rows=least)
    before, parts = (found.pairs, rows.count) if is_of_these else None, _components(rows)
    exact = statistics.rows_to_settle(question, parts, seeds=design.seeds, least=design.rows, known=before)
    if exact is None:
        return rows_to_show_small(least) if design.rows < least else None
    if exact == design.rows:
        return None
    enough = statistics.rounded_up(exact)
    how = ""
    if design.dataset is not None:
        how = how_to_hold_out(enough / design.rows, part_of(design.metric), design.dataset, design.data)
    told = f"With about {enough:,} held-out rows{in_brackets(how)} there is about a {statistics.CHANCE:.0%} chance to"
    if earlier is None or not is_of_these:
        return f"{told} show that a difference is too small to matter, if the arms are equal."
    return f"{told} settle the question, if the difference is as in {earlier.run}."


def _components(rows: NewRowsInterval) -> Components:
    stored = (rows.seed_variance, rows.row_variance, rows.rest_variance, rows.farthest)
    return Components(*(part or 0.0 for part in stored))


def _detected(design: Design, earlier: Earlier | None, found: MetricDifference | None) -> Detectable:
    if earlier is not None and found is not None:
        mean = earlier.baseline_mean(design.metric)
        is_ratio = traits(design.metric).margin is None and not design.own_splits
        logs = earlier.log_ratio(design.metric) if is_ratio else None
        error, drawn = _measured(design, logs or found)
        if error.value > 0:  # at 0 all pairs differed alike: other seeds may vary
            others = "" if earlier.is_of_these else ", whose arms have other settings"
            few = f" ({found.pairs} seeds, so this is a rough estimate)" if found.pairs < FEW_PAIRS else ""
            end, start = f", by the variances of {earlier.run}{few}{others}", f"{drawn} detect"
            if logs is not None and mean is not None:
                return _told_ratio(design, error, mean, start, end, earlier.run)
            if design.margin is None and mean is not None:
                design = replace(design, margin=RELATIVE_MARGIN * abs(mean))
            return _told(design, error, start, end, earlier.run)
    if _is_assumed(design) and design.rows is not None:
        error = error_over_rows(Components(seed=0.0, row=DISAGREE, rest=0.0), design.seeds, design.rows)
        rows = f"the same {round(DISAGREE * design.rows)} of the {design.rows} held-out rows"
        alike = design.all_alike_in(earlier)
        known = KNOWN_LATER if alike is None else NO_SPREAD.format(run=alike)
        end = f", if in every seed the arms answer differently on {rows}. {known}"
        return _told(design, error, f"At worst, {design.seeds:,} seeds detect", end.rstrip("."), None)
    return Detectable(difference=None, rests_on=None, sentence=_in_deviations(design, earlier))


def _in_deviations(design: Design, earlier: Earlier | None) -> str:
    """Return what can be detected in standard deviations over seeds, if no variance is known yet."""
    anew = design.about == "new-rows"
    share = (design.rows or 0) / (design.data.training_rows or math.inf)
    is_of_splits = design.own_splits and anew
    error = error_over_splits(1.0, design.seeds, share) if is_of_splits else error_over_seeds(1.0, design.seeds)
    is_ratio = traits(design.metric).margin is None and not design.own_splits
    what = f"the {'log ratio' if is_ratio else 'difference'} in {with_unit(design.metric)}"
    where = f"On these {'splits' if design.own_splits else 'rows'}"
    where = "For other splits, which overlap" if is_of_splits else where
    said = (
        f"{where}, {design.seeds:,} seeds detect {what} with about {POWER:.0%} probability "
        f"({100 * design.level:.3g}% interval) if it is at least {detectable(error, level=design.level):.2f} times its "
        "standard deviation over seeds."
    )
    if anew and not design.own_splits and design.rows is not None:
        said += " For new rows it must be larger, as the spread over the held-out rows counts, too."
    if (alike := design.all_alike_in(earlier)) is not None:
        return f"{said} {NO_SPREAD.format(run=alike)}"
    return f"{said} The spread is known once these data have been compared by {design.metric}."


def _is_assumed(design: Design) -> bool:
    """Return True if a worst case can be assumed: for an accuracy on new rows that are drawn one by one."""
    rows = design.rows
    alone = not design.own_splits and not design.grouped and design.about == "new-rows"
    return quantity(design.metric) == "accuracy" and alone and rows is not None and rows > 1


def _measured(design: Design, found: MetricDifference) -> tuple[StandardError, str]:
    """Return the standard error that an earlier difference predicts, and the words for what it is about."""
    deviation, rows = found.standard_deviation or 0.0, found.new_rows
    if design.about == "these-rows" or rows is None:
        these = "these splits" if design.own_splits else "these rows"
        return error_over_seeds(deviation, design.seeds), f"On {these}, {counted(design.seeds, 'seed')}"
    drawn = drawn_in_words(rows.drawn, design.seeds, rows.count)
    if rows.drawn == "splits":
        share = rows.count / (design.data.training_rows or math.inf)
        return error_over_splits(deviation, design.seeds, share), drawn
    return error_over_rows(_components(rows), design.seeds, rows.count), drawn


def drawn_in_words(drawn: Literal["rows", "groups", "splits"], seeds: int, count: int) -> str:
    """Return what an error for new rows is about; `count` is the number of held-out rows or groups.

    >>> drawn_in_words("groups", 20, 1500), drawn_in_words("splits", 20, 150)
    ('For new groups, 20 seeds and 1,500 groups of held-out rows', 'For other splits, 20 seeds')
    """
    many = counted(seeds, "seed")
    if drawn == "splits":
        return f"For other splits, {many}"
    return f"For new {drawn}, {many} and {count:,} {'held-out rows' if drawn == 'rows' else 'groups of held-out rows'}"


def _told_ratio(design: Design, error: StandardError, mean: float, start: str, end: str, rests_on: str) -> Detectable:
    """Return the smallest ratio that is detected, if the baseline has this mean, and the ratio that matters."""
    size = detectable(error, level=design.level)
    if not size <= LARGEST_LOG:
        return Detectable(difference=None, rests_on=rests_on, sentence=f"{start} no ratio of realistic size{end}.")
    margin = math.log1p(RELATIVE_MARGIN if design.margin is None else design.margin / mean)
    chance = f"with about {POWER:.0%} probability ({100 * design.level:.3g}% interval)"
    said = f"{start} a ratio of {ratio_text(size)} or {ratio_text(-size)} in {design.metric} {chance}{end}."
    said += f" A ratio {ratio_limits(margin)} does not matter"
    between = f", and one between {ratio_text(margin)} and {ratio_text(size)}, or its inverse, may stay undetected"
    said += f"{between if size > margin else ''}."
    return Detectable(difference=mean * math.expm1(size), rests_on=rests_on, sentence=said)


def _told(design: Design, error: StandardError, start: str, end: str, rests_on: str | None) -> Detectable:
    size = detectable(error, level=design.level)
    if not size <= LARGEST:
        return Detectable(difference=None, rests_on=rests_on, sentence=f"{start} no difference of realistic size{end}.")
    what = f"a difference of {number(design.metric, size)} in {with_unit(design.metric)}"
    chance = f"with about {POWER:.0%} probability ({100 * design.level:.3g}% interval)"
    said = f"{start} {what} {chance}{end}."
    if design.margin is not None:
        margin, known = (number(design.metric, value) for value in (design.margin, size))
        between = f", and a difference between {margin} and {known} may stay undetected" if size > design.margin else ""
        said += f" The margin is {margin}{between}."
    return Detectable(difference=size, rests_on=rests_on, sentence=said)
