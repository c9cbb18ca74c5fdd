"""How held-out rows count in what a study can detect, told before anything is trained: verdicts are for new rows.

The variances are not known yet. So the worst case of an accuracy is assumed, and of other splits the ratio is known.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from bnexp.comparison.detectable import Design, detectable_by
from bnexp.comparison.metric_rules import has_own_splits
from bnexp.config.study import Hypothesis
from bnexp.metrics import part_of, quantity, with_unit
from bnexp.statistics.power import detectable, over_splits
from bnexp.store.run_record import DataFacts
from bnexp.study.grid import Candidate, matches
from bnexp.study.new_rows import why_not
from bnexp.study.plan import Plan


def for_new_rows(planned: Plan, level: float) -> list[str]:
    """Return a sentence for each kind of claim that is judged for new rows; `level` is that of their intervals."""
    claims = planned.file.study.claims()
    return list(dict.fromkeys(said for claim in claims if (said := _of(planned, claim, level)) is not None))


def _of(planned: Plan, claim: Hypothesis, level: float) -> str | None:
    """Return how rows count for a claim; None if its verdict is about these rows only."""
    if why_not(claim) is not None:
        return None
    read, seeds = list(_read(planned, claim)), planned.file.study.seeds
    facts = [planned.known(one).data for one in read]
    own_splits = {has_own_splits(one.experiment.dataset.resample, claim.metric.metric) for one in read}
    if own_splits == {True}:
        return _of_splits(claim, facts, seeds, level)
    if len(own_splits) > 1 or not all(one.experiment.training.keep_rows for one in read):
        return None
    design = Design(
        metric=claim.metric.metric,
        seeds=seeds,
        about="new-rows",
        data=facts[0],
        own_splits=False,
        grouped=any(getattr(one.experiment.dataset, "group", None) is not None for one in read),
        level=level,
    )
    is_one_part = claim.minus is None and all(one == facts[0] for one in facts)
    if is_one_part and not design.grouped and quantity(design.metric) == "accuracy":
        return f"For new rows: {detectable_by(design, None).sentence}"
    what = "groups of held-out rows" if design.grouped else f"{design.rows} held-out rows"
    what = what if is_one_part or design.grouped else "held-out rows"
    name = with_unit(design.metric)
    return f"For new rows, the spread over the {what} adds to it; in {name} it is not known before the first run."


def _read(planned: Plan, claim: Hypothesis) -> Iterator[Candidate]:
    """Yield the experiments that a claim may read."""
    sides = [claim.at] if claim.minus is None else [claim.at, claim.minus]
    for cell in planned.cells:
        if any(matches(cell, at) for at in sides):
            for arm in (claim.treated, claim.baseline):
                yield from cell.candidates[arm]


def _of_splits(claim: Hypothesis, facts: Sequence[DataFacts], seeds: int, level: float) -> str | None:
    """Return which difference is detected for other splits, whose training rows overlap, in deviations over seeds."""
    is_test = part_of(claim.metric.metric) == "test"
    shares = [
        ((one.test_rows if is_test else one.validation_rows) or 0) / (one.training_rows or math.inf) for one in facts
    ]
    size = detectable(over_splits(1.0, seeds, max(shares)), level=level)
    if max(shares) > 1 or not math.isfinite(size):
        return None
    name = with_unit(claim.metric.metric)
    return f"For other splits, which overlap, at least {size:.2f} times, in {name}."
