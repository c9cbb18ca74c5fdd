"""Results -> one number per seed for each hypothesis: reduced over a factor, averaged over cells, treated - baseline.

Axes: S seeds, C cells, L levels of a factor.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from bnexp import statistics
from bnexp.comparison.drawn_anew import has_own_rows, measured_on
from bnexp.comparison.judgement import unbeaten
from bnexp.comparison.new_rows import NewRowsEstimate
from bnexp.config.dataset import Dataset
from bnexp.config.section import Resample
from bnexp.config.study import Hypothesis, Over, keys_of
from bnexp.metrics import higher_is_better, is_computed, quantity
from bnexp.statistics.arrays import Floats
from bnexp.store.comparison_question import MeasuredOn
from bnexp.store.run_record import DataFacts
from bnexp.study.grid import Candidate, Cell, cells_read, matches
from bnexp.study.new_rows import ReadRows, for_new_rows, no_rows
from bnexp.study.result import Result
from bnexp.warning_kinds import are_caveats

Results = Mapping[tuple[int, str], Result]
"""(cell number, arm), which identifies a trial -> its result."""
FactsOf = Callable[[Candidate], DataFacts]
"""Experiment -> the facts about its data."""


@dataclass(frozen=True)
class Contrast:
    """Treated minus baseline of each seed, and the facts that a verdict needs."""

    difference_S: Floats
    """(S,), NaN where a diverged seed has no value."""
    never: tuple[int, int] = (0, 0)
    """Numbers of trainings of treated and of baseline that did not reach the target of `epochs_to`."""
    resample: Resample | None = None
    """How the measured rows were split; None if not all were split in the same way."""
    new_rows: NewRowsEstimate | None = None
    """The difference estimated for new rows; None if that is not known."""
    why_not_new_rows: str | None = None
    parts: tuple[Contrast, ...] = ()
    """The contrasts of the cells that are averaged, or of the groups that `over` reduces, if there are several.

    They have estimates for new rows only if the whole contrast and all parts can have them.
    """
    levels: Mapping[str, Any] = field(default_factory=dict)
    """The levels of a part."""
    trainings: int = 1
    """Number of trainings of an arm behind one of its numbers."""
    warned: bool = False
    """True if a training of either arm has a warning."""
    warned_of_caveats: bool = False
    """True if all these warnings are caveats, which leave the values as they are."""
    diverged: int = 0
    """Number of trainings of both arms that diverged."""
    undefined: int = 0
    """Number of pairs that have no value although no seed diverged."""
    baseline_mean: float | None = None
    """Mean of the baseline's values in the metric's unit; None if the contrast is not one of final values in that
    unit."""
    guessing: float | None = None
    """The score of guessing, if neither arm beats it in any cell that is read.

    None if an arm beats it, or if no score of guessing is known for the claim's endpoint.
    """
    measured_on: MeasuredOn = "these rows"
    """What the differences over seeds alone are about."""
    data: tuple[Dataset, DataFacts] | None = None
    """The dataset and the facts about it, if all cells read the same data and no factor varies it; else None."""

    @property
    def lost(self) -> int:
        """Count the pairs without a value."""
        return int((~np.isfinite(self.difference_S)).sum())


def contrast_of(
    claim: Hypothesis,
    cells: Sequence[Cell],
    results: Results,
    rows: ReadRows = no_rows,
    facts_of: FactsOf | None = None,
) -> Contrast:
    """Return the contrast of a claim, and of each cell or group of cells that it averages."""
    whole = whole_contrast(claim, cells, results, rows)
    if facts_of is not None:
        whole = replace(whole, data=_one_data_set(claim, cells, facts_of))
    groups = [] if claim.minus is not None else _groups(claim, cells_read(cells, claim))
    if len(groups) < 2:
        return whole
    parts = [replace(_contrast(claim, group, [], results, rows), levels=_levels(claim, group[0])) for group in groups]
    if whole.new_rows is None or any(part.new_rows is None for part in parts):
        parts = [replace(part, new_rows=None) for part in parts]
    return replace(whole, parts=tuple(parts))


def whole_contrast(claim: Hypothesis, cells: Sequence[Cell], results: Results, rows: ReadRows = no_rows) -> Contrast:
    """Return the contrast of a claim without its parts. With `minus`, the contrast at `minus` is subtracted."""
    here = [cell for cell in cells if matches(cell, claim.at)]
    there = [] if claim.minus is None else [cell for cell in cells if matches(cell, claim.minus)]
    return _contrast(claim, here, there, results, rows)


def _contrast(
    claim: Hypothesis, here: Sequence[Cell], there: Sequence[Cell], results: Results, rows: ReadRows
) -> Contrast:
    """Return the contrast of the mean over the cells `here`, minus the one over the cells `there` if there are any."""
    difference_S = _interaction(claim, here, there, results) if there else _difference(claim, here, results)
    read = {arm: [results[cell.number, arm] for cell in [*here, *there]] for arm in (claim.treated, claim.baseline)}
    never = [sum(int(one.censored(claim.metric).sum()) for one in read[arm]) for arm in (claim.treated, claim.baseline)]
    every = [one for several in read.values() for one in several]
    ways = {_resampled(claim, one) for one in every}
    weighted = [*((cell, 1 / len(here)) for cell in here), *((cell, -1 / len(there)) for cell in there)]
    found = for_new_rows(claim, effect_of(claim, difference_S), weighted, results, rows)
    return Contrast(
        difference_S,
        never=(never[0], never[1]),
        resample=ways.pop() if len(ways) == 1 else None,
        measured_on=measured_on(claim.metric.metric, {one.resample for one in every}),
        new_rows=found if isinstance(found, NewRowsEstimate) else None,
        why_not_new_rows=found if isinstance(found, str) else None,
        trainings=len(here) + len(there),
        warned=any(one.warnings for one in every),
        warned_of_caveats=all(are_caveats(one.warnings) for one in every),
        diverged=sum(len(one.diverged) for one in every),
        undefined=_undefined(difference_S, every),
        baseline_mean=None if there else _baseline_mean(claim, here, results),
        guessing=_unbeaten(claim, [*here, *there], results, rows),
    )


def _one_data_set(claim: Hypothesis, cells: Sequence[Cell], facts_of: FactsOf) -> tuple[Dataset, DataFacts] | None:
    """Return the data that a claim reads, with its facts; None if cells read different data or a factor varies it."""
    read = cells_read(cells, claim)
    if any(key.startswith("dataset.") for cell in read for name in cell.levels for key in keys_of(name)):
        return None
    known = [
        (one.experiment.dataset, facts_of(one))
        for cell in read
        for arm in (claim.treated, claim.baseline)
        for one in cell.candidates.get(arm, ())
    ]
    return known[0] if known and all(one == known[0] for one in known) else None


def _undefined(difference_S: Floats, every: Sequence[Result]) -> int:
    """Count the pairs that have no value although no seed diverged, because the metric is not defined there."""
    diverged = {seed for one in every for seed in one.diverged}
    known_S = [math.isfinite(value) for value in difference_S]
    return sum(not known and str(seed) not in diverged for known, seed in zip(known_S, every[0].seeds, strict=True))


def _baseline_mean(claim: Hypothesis, cells: Sequence[Cell], results: Results) -> float | None:
    """Return the mean of the baseline's values in the metric's unit; None if a claim contrasts something else."""
    is_width = claim.over is not None and claim.over.take == "width"
    if claim.metric.in_logs or claim.counts or is_width:
        return None
    mean = float(np.mean(_reduced(claim, claim.baseline, cells, results)))
    return mean if math.isfinite(mean) else None


def _unbeaten(claim: Hypothesis, cells: Sequence[Cell], results: Results, rows: ReadRows) -> float | None:
    """Return the highest score of guessing if no result beats it; else None.

    It is also None for epochs to a value, failures and ratios, because no score of guessing is known for them.
    """
    endpoint = claim.metric
    if endpoint.in_logs or endpoint.failures_below is not None:
        return None
    keys = [(cell.number, arm) for cell in cells for arm in (claim.treated, claim.baseline)]
    guesses: dict[tuple[int, str], Mapping[str, float]] = {key: results[key].one_class for key in keys}
    if is_computed(endpoint.metric):
        kept = {key: rows(key) for key in keys}
        measured = quantity(endpoint.metric)
        guesses = {key: {} if found is None else found.of_guess(measured) for key, found in kept.items()}
    return unbeaten(endpoint.metric, ((guesses[key], results[key].values(endpoint)) for key in keys))


def cell_difference(claim: Hypothesis, cell: Cell, results: Results) -> Floats:
    """Return treated minus baseline in one cell, (S,), before any reduction."""
    treated, baseline = (results[cell.number, arm].values(claim.metric) for arm in (claim.treated, claim.baseline))
    return statistics.subtracted(treated, baseline, in_logs=claim.metric.in_logs)


def _difference(claim: Hypothesis, cells: Sequence[Cell], results: Results) -> Floats:
    treated_S, baseline_S = (_reduced(claim, arm, cells, results) for arm in (claim.treated, claim.baseline))
    return statistics.subtracted(treated_S, baseline_S, in_logs=claim.metric.in_logs)


def _interaction(claim: Hypothesis, here: Sequence[Cell], there: Sequence[Cell], results: Results) -> Floats:
    """Return the difference in the cells `here` minus the one in the cells `there`, (S,).

    Each side adds up values, not differences, because the size of the values tells which differences are rounding
    errors.
    """
    (treated_S, baseline_S), (other_treated_S, other_baseline_S) = (
        [_reduced(claim, arm, cells, results) for arm in (claim.treated, claim.baseline)] for cells in (here, there)
    )
    one_S, other_S = treated_S + other_baseline_S, baseline_S + other_treated_S
    return statistics.subtracted(one_S, other_S, in_logs=claim.metric.in_logs)


def group_differences(claim: Hypothesis, cells: Sequence[Cell], results: Results) -> list[tuple[Cell, Floats]]:
    """Return, for each group of cells that `over` turns into one number: one of its cells, and its differences.

    They are treated minus baseline of each seed, (S,).
    """
    groups = _groups(claim, cells_read(cells, claim))
    return [(group[0], _difference(claim, group, results)) for group in groups]


def _groups(claim: Hypothesis, cells: Sequence[Cell]) -> list[list[Cell]]:
    """Group the cells that differ only in the factor that `over` reduces. Without `over`, each cell is a group."""
    if claim.over is None:
        return [[cell] for cell in cells]
    groups: dict[str, list[Cell]] = {}
    for cell in cells:
        groups.setdefault(repr(_levels(claim, cell)), []).append(cell)
    return list(groups.values())


def _levels(claim: Hypothesis, cell: Cell) -> dict[str, Any]:
    """Return the levels of a cell without the factor that `over` reduces."""
    return {name: level for name, level in cell.levels.items() if claim.over is None or name != claim.over.factor}


def _reduced(claim: Hypothesis, arm: str, cells: Sequence[Cell], results: Results) -> Floats:
    """Return one arm's number for each seed, (S,): the mean over cells, or over groups of cells that `over` reduces."""
    return _mean(np.stack([_one_number(claim, arm, group, results) for group in _groups(claim, cells)]))


def _one_number(claim: Hypothesis, arm: str, group: Sequence[Cell], results: Results) -> Floats:
    values_CS = np.stack([results[cell.number, arm].values(claim.metric) for cell in group])
    if claim.over is None:
        return _mean(values_CS)
    return over_levels(values_CS, [cell.level(claim.over.factor) for cell in group], claim.over, _more_is_better(claim))


def over_levels(values_LS: Floats, levels_L: Sequence[Any], over: Over, higher: bool) -> Floats:
    """Return one number for each seed, (S,): the mean over a factor's levels, or the width in decades.

    >>> over_levels(np.array([[0.9], [0.895], [0.5]]), [0.1, 1.0, 10.0], Over(factor="x", take="width"), True)
    array([1.])
    """
    if over.take == "mean":
        return _mean(values_LS)
    sign = 1.0 if higher else -1.0
    order = np.argsort(np.asarray(levels_L, float))
    logs_L = np.log10(np.asarray(levels_L, float)[order])
    columns = (sign * values_LS)[order].T
    return np.array([_width(values_L, logs_L, over.within) for values_L in columns])


def _width(values_L: Floats, logs_L: Floats, within: float) -> float:
    """Return the width in decades of the range of levels around the best one in which all values are `within` of it."""
    if not np.isfinite(values_L).all():
        return math.nan
    best = low = high = int(np.argmax(values_L))
    near_L = statistics.at_least(values_L, values_L[best] - within)
    while low and near_L[low - 1]:
        low -= 1
    while high + 1 < len(near_L) and near_L[high + 1]:
        high += 1
    return float(logs_L[high] - logs_L[low])


def _mean(values_CS: Floats) -> Floats:
    mean_S: Floats = np.mean(values_CS, axis=0)
    return mean_S


def more_wins(claim: Hypothesis) -> bool:
    """Return True if a higher number is better after `over`. This is always so for a width."""
    return (claim.over is not None and claim.over.take == "width") or _more_is_better(claim)


def _more_is_better(claim: Hypothesis) -> bool:
    """Return True if a higher number of a cell is better."""
    endpoint = claim.metric
    return not endpoint.in_logs and endpoint.failures_below is None and higher_is_better(endpoint.metric)


def _resampled(claim: Hypothesis, result: Result) -> Resample:
    """Return True if each seed measures on a split of its own, else how the dataset splits its rows."""
    return True if has_own_rows(claim.metric.metric, result.resample) else result.resample


def effect_of(claim: Hypothesis, difference_S: Floats) -> Floats:
    """Return the effect of a claim, (S,): the differences; with `wins`, 1/2 for a win, -1/2 for a loss, 0 for a tie."""
    return np.sign(difference_S) / (2 if more_wins(claim) else -2) if claim.wins else difference_S
