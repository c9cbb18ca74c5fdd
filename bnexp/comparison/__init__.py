"""Compare finished runs: pair their seeds, compute each metric's difference with its interval, and judge it.

This package trains, plots and prints nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bnexp import statistics
from bnexp.comparison.arm_values import arm_facts, epochs_to, final_values, guesses_of
from bnexp.comparison.computed import (
    answering,
    computed_by,
    predictions_of,
    refuse_one_class,
    refuse_too_large,
    with_computed,
)
from bnexp.comparison.contrast import contrasts
from bnexp.comparison.pairing import (
    INTENDED,
    NEUTRAL,
    Arm,
    Basis,
    PairedArms,
    basis_of,
    common_seeds,
    error_unit_of,
    refuse_other_data,
    refuse_the_same,
)
from bnexp.comparison.question import (
    Question,
    place_of_baseline,
    refuse_impossible,
    refuse_impossible_alone,
    refuse_judged_by_what_chose,
    refuse_too_few,
    resolved,
)
from bnexp.metrics import headline
from bnexp.store import ComparisonDocument, DataFacts
from bnexp.store.comparison_document import SHARED_FACTS
from bnexp.store.comparison_question import Asked, Primary, Target

__all__ = [
    "INTENDED",
    "NEUTRAL",
    "Arm",
    "Basis",
    "Question",
    "basis_of",
    "compare",
    "computed_by",
    "epochs_to",
    "error_unit_of",
    "final_values",
    "place_of_baseline",
    "predictions_of",
    "refuse_impossible",
    "refuse_impossible_alone",
    "refuse_judged_by_what_chose",
    "refuse_one_class",
    "refuse_other_data",
    "refuse_too_few",
    "refuse_too_large",
    "with_computed",
]


def compare(arms: Sequence[Arm], question: Question) -> ComparisonDocument:
    """Compare each arm with the baseline, seed by seed, and return the content of comparison.json.

    Raises:
        ComparisonError: for fewer than two arms, a run named twice, arms without a common seed,
            arms trained on different data or splits, or a question that these runs cannot answer.
    """
    refuse_too_few([arm.name for arm in arms])
    each_epoch = _shared_metrics(arms)
    arms = answering(arms, question.metric)
    names = [name for arm in arms for name in (arm.name, arm.run)]
    predictions = predictions_of((arm.record.dataset.task, arm.record.dataset, arm.experiment) for arm in arms)
    refuse_impossible(question, names, _shared_metrics(arms), each_epoch, predictions)
    baseline = arms[place_of_baseline(question, [(arm.name, arm.run) for arm in arms])]
    refuse_the_same(arms)
    seeds = common_seeds(arms)
    refuse_other_data([basis_of(arm) for arm in arms], basis_of(baseline))
    paired = {arm.name: arm.history.of(seeds) for arm in arms}
    metric = question.metric or headline(paired[baseline.name].metrics)
    known = (baseline.name, paired[baseline.name], guesses_of(baseline, metric), each_epoch)
    resolved_question = resolved(question, *known)
    default = resolved(replace(question, margin=None, reach=None), *known)
    others = [arm for arm in arms if arm is not baseline]
    facts = baseline.record.dataset
    return ComparisonDocument(
        format=1,
        baseline=baseline.name,
        seeds=seeds,
        level=statistics.LEVEL,
        task=facts.task,
        dataset=DataFacts(**{key: getattr(facts, key) for key in SHARED_FACTS} | {"codes": _codes_in_words(arms)}),
        primary=Primary(metric=resolved_question.metric, margin=resolved_question.margin),
        asked=Asked(
            margin=None if resolved_question.margin == default.margin else resolved_question.margin,
            target=question.reach,
            baseline=None if baseline is arms[-1] else baseline.name,
            about=question.about,
        ),
        target=Target(
            metric=resolved_question.target_metric,
            value=resolved_question.target,
            rule=resolved_question.target_rule,
            why_none=resolved_question.why_no_target,
        ),
        arms=[arm_facts(arm, paired[arm.name], resolved_question) for arm in arms],
        contrasts=contrasts(
            [PairedArms(arm, paired[arm.name], baseline, paired[baseline.name]) for arm in others], resolved_question
        ),
    )


def _codes_in_words(arms: Sequence[Arm]) -> str | None:
    """Return which inputs are codes, with the names of the arms if they differ; None if no inputs are."""
    told = {arm.name: arm.record.dataset.codes for arm in arms}
    if len(set(told.values())) == 1:
        return told[arms[0].name]
    return "; ".join(f"{name}: {text}" for name, text in told.items() if text is not None)


def _shared_metrics(arms: Sequence[Arm]) -> list[str]:
    """List the metrics that all arms have."""
    return [metric for metric in arms[0].history.metrics if all(metric in arm.history.metrics for arm in arms)]
