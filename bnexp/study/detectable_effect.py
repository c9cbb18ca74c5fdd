"""Estimates what a study can detect, before anything more is trained.

If all trials that a claim reads are stored, their variances are used. They may be the study's own finished trials, or
trials of the same study with fewer seeds. Otherwise the worst case is assumed for an accuracy. For other splits, the
effect is given in standard deviations.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from bnexp.comparison.detectable import Design, detectable_by, drawn_in_words
from bnexp.comparison.drawn_anew import are_grouped, drawn_anew, split_rows
from bnexp.comparison.earlier import FEW_PAIRS
from bnexp.comparison.judged_difference import JudgedDifference
from bnexp.config.study import Hypothesis
from bnexp.errors import counted
from bnexp.metrics import quantity, with_unit
from bnexp.statistics.estimate import deviation as spread_of
from bnexp.statistics.power import (
    POWER,
    StandardError,
    detectable,
    error_over_rows,
    error_over_seeds,
    error_over_splits,
)
from bnexp.study.contrast import Results, whole_contrast
from bnexp.study.grid import Candidate, cells_read
from bnexp.study.new_rows import ReadRows, not_row_by_row
from bnexp.study.plan import Plan, rows_of
from bnexp.study.verdict import judged_difference
from bnexp.study.words import about, deviation, endpoint_text, storable


def by_stored(planned: Plan, done: Results, level: float) -> list[str | None]:
    """Return for each claim a sentence on what it can detect by the variances of stored trials; None without these."""
    found: list[str | None] = []
    for claim in planned.file.study.claims():
        said = (_by_trials(planned, claim, one, level) for one in _differences(planned, claim, done))
        found.append(next((one for one in said if one is not None), None))
    return found


def _differences(planned: Plan, claim: Hypothesis, done: Results) -> Iterator[JudgedDifference]:
    """Yield the difference of a claim by finished trials, and by the trials of studies with fewer seeds, if known."""
    earlier = {trial.key: planned.begun.results.get(trial.digest) for trial in planned.trials}
    before = {key: one for key, one in earlier.items() if one is not None}
    digests = {trial.key: trial.digest for trial in planned.trials}
    sources = [(done, rows_of(planned, done)), (before, lambda key: planned.begun.rows(digests[key]))]
    for results, rows in sources:
        if (difference := _stored(planned, claim, results, rows)) is not None:
            yield difference


def _stored(planned: Plan, claim: Hypothesis, results: Results, rows: ReadRows) -> JudgedDifference | None:
    """Return the difference of a claim by these results; None if a result or a value is missing."""
    read = [
        results.get((cell.number, arm))
        for cell in cells_read(planned.cells, claim)
        for arm in (claim.treated, claim.baseline)
    ]
    counts = {0 if one is None else len(one.seeds) for one in read}
    if len(counts) > 1 or min(counts) < 2:
        return None
    difference = judged_difference(claim, whole_contrast(claim, planned.cells, results, rows))
    return None if difference is None or difference.pairs < min(counts) else difference


def _by_trials(planned: Plan, claim: Hypothesis, difference: JudgedDifference, level: float) -> str | None:
    """Return a sentence on what a claim can detect by a stored difference; None if all pairs are equal."""
    error, drawn = _predicted(difference, planned.file.study.seeds)
    size = detectable(error, level=level)
    if not size > 0 or storable(claim, size) is None:
        return None
    chance = f"with about {POWER:.0%} probability ({100 * level:.4g}% interval)"
    known = f"by the variances of {counted(difference.pairs, 'stored seed')}"
    return f"{drawn} detect an effect of {deviation(claim, size)} in {about(claim)}, {chance}, {known}."


def _predicted(difference: JudgedDifference, seeds: int) -> tuple[StandardError, str]:
    """Return the standard error that is expected for this number of seeds, and the words for what is drawn."""
    spread, new_rows = spread_of(difference.difference_S), difference.new_rows
    if new_rows is None:
        return error_over_seeds(spread, seeds), f"On {difference.measured_on}, {counted(seeds, 'seed')}"
    drawn = drawn_in_words(new_rows.drawn, seeds, new_rows.count)
    if new_rows.test_share is not None:
        return error_over_splits(spread, seeds, new_rows.test_share), drawn
    assert new_rows.components is not None
    return error_over_rows(new_rows.components, seeds, new_rows.count), drawn


def _alike_in(planned: Plan, claim: Hypothesis, done: Results) -> str | None:
    """Return the stored seeds in which all pairs and rows of a claim differed alike, in words; None if there are none.

    A comparison has the same rule (`Earlier.differed_alike`).
    """
    for one in _differences(planned, claim, done):
        parts = None if one.new_rows is None else one.new_rows.components
        if parts is not None and one.pairs >= FEW_PAIRS and spread_of(one.difference_S) == parts.row == parts.rest == 0:
            return f"the {one.pairs} stored seeds of this study"
    return None


def what_new_rows_add(
    planned: Plan, level: float, claims: Sequence[Hypothesis] | None = None, done: Results | None = None
) -> list[str]:
    """Return a sentence for each kind of claim that is judged for new rows and that stored trials say nothing of.

    The intervals of the claims have this `level`. Without `claims`, all claims of the study are used. `done` are the
    finished trials, if they have just been read.
    """
    claims, done = planned.file.study.claims() if claims is None else claims, planned.done if done is None else done
    return list(dict.fromkeys(said for claim in claims if (said := _of(planned, claim, done, level)) is not None))


def _of(planned: Plan, claim: Hypothesis, done: Results, level: float) -> str | None:
    """Return a sentence on what held-out rows add for a claim; None if its verdict is about these rows only."""
    if claim.about == "these-rows":
        return None
    read, seeds = list(_read(planned, claim)), planned.file.study.seeds
    facts = [planned.known(one).data for one in read]
    splits = [split_rows(one.experiment.dataset.resample, data) for one, data in zip(read, facts, strict=True)]
    anew = drawn_anew(claim.metric.metric, splits)
    if anew.what == "splits":
        return _of_splits(claim, anew.test_share, seeds, level)
    if anew.what is None or not_row_by_row(claim) or not all(one.experiment.training.keep_rows for one in read):
        return None
    design = Design(
        metric=claim.metric.metric,
        seeds=seeds,
        about="new-rows",
        data=facts[0],
        own_splits=False,
        grouped=any(are_grouped(one.experiment.dataset) for one in read),
        level=level,
        alike_in=_alike_in(planned, claim, done),
    )
    is_one_part = claim.minus is None and all(one == facts[0] for one in facts)
    if is_one_part and not design.grouped and quantity(design.metric) == "accuracy":
        worst = detectable_by(design, None).sentence
        why = "The number of rows sets it, so more seeds hardly help."
        return f"For new rows, only the worst case is known so far. {worst} {why}"
    what = "groups of held-out rows" if design.grouped else f"{design.rows} held-out rows"
    what = what if is_one_part or design.grouped else "held-out rows"
    name, drawn = with_unit(design.metric), "groups" if design.grouped else "rows"
    known = f"In {name}, that spread is not known yet."
    if design.alike_in is not None:
        known = (
            f"In {design.alike_in} all seeds and {drawn} differed alike in {name}, so that spread is probably small."
        )
    return f"For new {drawn}, the difference must be larger, as the spread over the {what} counts, too. {known}"


def _read(planned: Plan, claim: Hypothesis) -> Iterator[Candidate]:
    """Yield the experiments that a claim may read."""
    for cell in cells_read(planned.cells, claim):
        for arm in (claim.treated, claim.baseline):
            yield from cell.candidates[arm]


def _of_splits(claim: Hypothesis, test_share: float, seeds: int, level: float) -> str | None:
    """Return a sentence on what can be detected for other splits, in standard deviations over seeds."""
    size = detectable(error_over_splits(1.0, seeds, test_share), level=level)
    if not math.isfinite(size):
        return None
    name = f"wins by {endpoint_text(claim)}" if claim.wins else endpoint_text(claim)
    return (
        f"For other splits, which overlap, the difference in {name} must be at least {size:.2f} times its standard "
        "deviation over seeds."
    )
