"""Texts about a hypothesis: what it asks, its effect with interval and unit, and the sentence of its verdict.

All texts are written from the hypothesis and from its record in study.json.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bnexp import statistics
from bnexp.comparison.drawn_anew import anew_in_words
from bnexp.comparison.metric_rules import perfect_net_would_not_matter
from bnexp.comparison.more_rows import how_to_hold_out
from bnexp.config.dataset import Dataset
from bnexp.config.study import Endpoint, Hypothesis, keys_of
from bnexp.errors import counted
from bnexp.metrics import LARGEST, in_phrase, number, p_text, part_of, with_mode, with_unit
from bnexp.statistics import Interval, Shown, strict
from bnexp.store.across_cells import Heterogeneity, RatioReading
from bnexp.store.comparison_document import Interval as Bounds
from bnexp.store.comparison_document import NewRowsInterval
from bnexp.store.run_record import DataFacts
from bnexp.store.study_document import LARGEST_LOG, HypothesisFacts
from bnexp.study.grid import level_text

NOT_KNOWN = "not known"
"""What is written for an effect on new rows if too few held-out rows are all measured alike by both arms."""
THESE = {"rows": "these rows", "groups": "these groups", "splits": "these splits"}
"""What is drawn anew -> the name of what the interval over seeds alone is about."""


@dataclass(frozen=True)
class ClaimWording:
    """The wording of a claim's verdict. The intervals are signed, so that positive values support the claim."""

    claim: Hypothesis
    reading: RatioReading | None
    """How to read a ratio of epochs."""
    never: tuple[int, int]
    """Numbers of trainings of treated and of baseline that never reach the target of `epochs_to`."""
    is_flattered: Callable[[bool], bool]
    """Whether these trainings favour the arm that looks faster, if the result supports (True) or refutes (False)."""
    why_not_new_rows: str | None = None
    baseline_mean: float = math.nan
    """Mean of the baseline's values; NaN if the contrast is not one of final values in the metric's unit."""
    data: tuple[Dataset, DataFacts] | None = None
    """The dataset that all cells read and the facts about it; None if they read several data sets."""
    spread: Heterogeneity | None = None
    """How much the cells that are averaged differ, if there are several."""

    @property
    def open(self) -> str:
        """Return the word for a question that is not settled."""
        return "inconclusive"

    def word(self, found: Shown) -> str:
        """Return the verdict's word. It is inconclusive if seeds that never reach the target can explain the result."""
        word = statistics.claim_word(found)
        if word == "refuted" and not found.sign and any(self.never):
            return self.open
        if found.sign and word != self.open and self.is_flattered(word == "supported"):
            return self.open
        return word

    def says(self, interval: Interval, word: str) -> str:
        """Return the effect with its interval, and how it compares with zero and the smallest effect of interest."""
        claim, limit = self.claim, size(self.claim, self.claim.smallest)
        what = f"{about(claim)} is {self._effect(interval)}"
        if word == "supported":
            whose = f"{claim.treated} is " if claim.is_ratio else ""
            return f"{what}: {whose}{claim.direction}, by {limit} or more."
        if word == "refuted":
            return f"{what}: " + ("the other way round." if interval.high < 0 else f"less than {limit} either way.")
        return f"{what}, and the smallest effect of interest is {limit}."

    def _effect(self, interval: Interval) -> str:
        return as_read(self.reading, written(self.claim, self._own(interval)))

    def bounds(self, interval: Interval) -> str:
        """Return the bounds of an interval as text."""
        return bounds(self.claim, self._own(interval))

    def _own(self, interval: Interval) -> Bounds:
        """Return a signed interval as treated minus baseline, as study.json stores it."""
        mean, low, high = interval.mean, interval.low, interval.high
        if self.claim.direction == "lower":
            mean, low, high = -mean, -high, -low
        return Bounds(**{key: possible(self.claim, value) for key, value in strict(Interval(mean, low, high)).items()})

    def margin_of_all(self) -> str:
        """Return the message for a `smallest` that is not smaller than the baseline's whole loss or error."""
        claim = self.claim
        return perfect_net_would_not_matter(
            claim.metric.metric, claim.smallest, claim.baseline, self.baseline_mean, key="smallest: "
        )

    def own_cure(self) -> str | None:
        """Return advice for seeds that never reach the target, and for cells that differ; None if there are neither."""
        found = []
        if count := sum(self.never):
            never = f"{counted(count, 'training')} never {'reaches' if count == 1 else 'reach'}"
            found.append(f"{never} {self.claim.metric.epochs_to:g}. More training.epochs may settle it.")
        if self.spread is not None and self.spread.is_shown:
            what, p_value = noun(self.claim), p_text(self.spread.p_value)
            seen = f"The {what}s differ beyond their noise (Cochran's Q, p {p_value})"
            found.append(f"{seen}, so more seeds may only show that there is no single answer. Ask of each with `at`.")
        return " ".join(found) or None

    def how_to_add(self, seeds: int) -> str:
        """Return the line of the study's file that sets the number of seeds."""
        return f"`seeds: {seeds}`"

    def how_to_hold_out(self, factor: float) -> str:
        """Return the keys that hold out more rows; "" if the cells read several data sets."""
        return "" if self.data is None else how_to_hold_out(factor, part_of(self.claim.metric.metric), *self.data)

    def why_these_rows_only(self) -> str | None:
        """Return why there is no estimate for new rows; None if there is one."""
        return self.why_not_new_rows


def storable(claim: Hypothesis, value: float | None) -> float | None:
    """Return a number of a contrast; None if it is not finite or larger than study.json can hold.

    For example, two seeds with very different losses have a ratio whose interval is too large for a float.
    """
    most = LARGEST_LOG if claim.is_ratio else LARGEST
    return None if value is None or not abs(value) <= most else value


def possible(claim: Hypothesis, value: float | None) -> float | None:
    """Return the mean or a bound of an effect, if it can be stored. A bound of wins ends where all pairs are won."""
    return storable(claim, value if value is None or not claim.wins else max(-0.5, min(0.5, value)))


def about(claim: Hypothesis) -> str:
    """Return what is contrasted, as 'val_loss, (none / bn at batch_size 2) / (none / bn at batch_size 32)'."""
    pair = f"{claim.baseline} / {claim.treated}" if claim.is_ratio else f"{claim.treated} - {claim.baseline}"
    if claim.wins:
        pair = f"(% of seeds in which {claim.treated} beats {claim.baseline}) - 50"
    here, there = [f"{pair} at {levels_text(at)}" if at else pair for at in (claim.at, claim.minus)]
    if claim.minus is not None:
        here = f"({here}) {'/' if claim.is_ratio else '-'} ({there})"
    return f"{endpoint_text(claim)}, {here}"


def asks(claim: Hypothesis) -> str:
    """Return the text for what would support a claim."""
    if claim.is_ratio:
        bound = f"{claim.smallest:g} or more" if claim.direction == "lower" else f"{1 / claim.smallest:.3g} or less"
        return f"supported if {about(claim)} is {bound}"
    return f"supported if {about(claim)} is {claim.direction}, by {size(claim, claim.smallest)} or more"


def noun(claim: Hypothesis) -> str:
    """Return the word for what a hypothesis averages."""
    return "cell" if claim.over is None else "group"


def endpoint_text(claim: Hypothesis) -> str:
    """Return the name of a claim's endpoint, with its reduction and its unit."""
    endpoint = claim.metric
    name = endpoint_name(endpoint)
    if claim.over is None:
        return name
    if claim.over.take == "width":
        metric, factor = endpoint.metric, claim.over.factor.rpartition(".")[2]
        near = number(metric, claim.over.within) + " points" * (with_unit(metric) != metric)
        return f"decades of {factor} with {in_phrase(metric)} within {near} of its best"
    return f"{claim.over.take} over {claim.over.factor} of {name}"


def endpoint_name(endpoint: Endpoint) -> str:
    """Return the name of an endpoint, with its unit.

    >>> endpoint_name(Endpoint(metric="val_accuracy", epochs_to=0.9))
    'epochs to val_accuracy 90.00%'
    """
    metric, name = endpoint.metric, in_phrase(endpoint.metric)
    percent = "%" if with_unit(metric) != metric else ""
    if endpoint.epochs_to is not None:
        return f"epochs to {name} {number(metric, endpoint.epochs_to)}{percent}"
    if endpoint.failures_below is not None:
        return f"failures, {name} below {number(metric, endpoint.failures_below)}{percent} (%)"
    return with_mode(metric)


def levels_text(at: Mapping[str, Any]) -> str:
    """Return levels as text, each after the last word of its key. If there are several levels, all are named.

    >>> levels_text({"dataset.samples, dataset.resample": [1000, True], "training.epochs": [1, 2]})
    'samples, resample [1000, true], epochs [1, 2]'
    """
    words = {name: ", ".join(key.rpartition(".")[2] for key in keys_of(name)) for name in at}
    return ", ".join(f"{words[name]} {level_text(level)}" for name, level in at.items())


def effect(claim: HypothesisFacts) -> str:
    """Return the effect of a hypothesis with the interval that decides. A ratio of epochs may be only a bound."""
    found = claim.difference
    if found is not None and _is_unknown(found.new_rows):
        return NOT_KNOWN
    return "-" if found is None else as_read(claim.reading, written(claim, found.new_rows or found))


def _is_unknown(anew: NewRowsInterval | None) -> bool:
    """Return True if the arms agree on all held-out rows, and these are too few for an interval."""
    return anew is not None and anew.low is None and anew.mean == 0


def decides_about(claim: HypothesisFacts) -> str | None:
    """Return what the deciding interval is about, such as new rows; None if it is about these rows."""
    found = None if claim.difference is None else claim.difference.new_rows
    return None if found is None else anew_in_words(found)


def decided_on(claim: HypothesisFacts) -> str | None:
    """Return what the interval that does not decide is about; None if there is only one interval."""
    found = None if claim.difference is None else claim.difference.new_rows
    return None if found is None else THESE[found.drawn]


def both_intervals(claim: HypothesisFacts) -> str:
    """Return the effect of a hypothesis with both intervals: for new rows, which decides, and on these rows."""
    found = claim.difference
    if found is None or found.new_rows is None:
        return effect(claim)
    here = written(claim, found) if _is_unknown(found.new_rows) else bounds(claim, found)
    return f"{effect(claim)} for {anew_in_words(found.new_rows)}, {here} on {THESE[found.new_rows.drawn]}"


def as_read(reading: RatioReading | None, text: str) -> str:
    """Return a text with a mark for how to read a ratio of epochs."""
    forms = {"at least": ">= {}", "at most": "<= {}", "within the budget": "{} in geometric means within the budget"}
    return forms.get(reading or "ratio", "{}").format(text)


def written(claim: Hypothesis, interval: Bounds) -> str:
    """Return a difference with its interval as text, in the unit of its claim. A ratio is baseline / treated."""
    mean = _value(claim, interval.mean)
    return mean if interval.low is None else f"{mean} {bounds(claim, interval)}"


def bounds(claim: Hypothesis, interval: Bounds) -> str:
    """Return the bounds of a difference as text, in the unit of its claim; "" if it has none."""
    if interval.low is None:
        return ""
    low, high = (interval.high, interval.low) if claim.is_ratio else (interval.low, interval.high)
    return f"[{_value(claim, low)}, {_value(claim, high)}]"


def size(claim: Hypothesis, value: float) -> str:
    """Return the size of an effect as text, in the unit of its claim."""
    if claim.is_ratio:
        return f"{value:g} times"
    return _plain(claim, value, signed=False)


def deviation(claim: Hypothesis, value: float) -> str:
    """Return a standard deviation of effects as text, in the unit of its claim; for a ratio, as a factor."""
    return f"{math.exp(value):.3g} times" if claim.is_ratio else _plain(claim, value, signed=False)


def _value(claim: Hypothesis, value: float | None) -> str:
    if value is None:
        return "-"
    return f"{math.exp(-value):.3g}" if claim.is_ratio else _plain(claim, value, signed=True)


def _plain(claim: Hypothesis, value: float, *, signed: bool) -> str:
    if claim.over is not None and claim.over.take == "width" and not claim.wins:
        decades = number("", value, signed=signed)
        return decades if signed else f"{decades} decades"
    metric = "accuracy" if claim.counts else claim.metric.metric
    return number(metric, value, signed=signed)
