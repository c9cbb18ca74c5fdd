"""The output of `--dry-run`: the plan of a study or a comparison, before anything is trained."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from bnexp import statistics
from bnexp.comparison.looks import seeds_in_words
from bnexp.config import Experiment
from bnexp.errors import counted
from bnexp.metrics import quantity, with_mode
from bnexp.report.about_data import UNFAIR, data_lines
from bnexp.report.about_network import arms_lines, one_by_one_lines
from bnexp.report.styles import STRONG, of_arms, warning
from bnexp.store.plan_document import ComparisonPlan, PlanDocument, PlannedArm, PlannedSeeds
from bnexp.study.asked_words import AFTER_RESULTS, looked_before, shares_with_later
from bnexp.study.grid import level_text
from bnexp.system.terminal import plain

MOST_DATA = 3
"""The most data sets of a study that are described one by one."""
MOST_FILES = 3
"""The most damaged files of a study that are named."""

ROUGHLY = "very roughly, by the size of the models"


def study_plan(plan: PlanDocument) -> RenderableType:
    """Return what a study will train, how long it may take, and what it can detect."""
    arms = f"{counted(len(plan.arms), 'arm')} ({', '.join(plan.arms)})"
    head = f"{plain(plan.name)}: {counted(plan.cells, 'cell')} x {arms}, {counted(plan.seeds, 'seed')}"
    lines = [*_design(plan), *_work(plan), *_kept(plan), *_trained_again(plan), *_detects(plan), *_before(plan)]
    return Group(
        Text(head, style=STRONG),
        *_data(plan),
        *map(Text, lines),
        *map(warning, plan.warnings),
        Text(f"to be kept in {plain(plan.directory)}"),
    )


def comparison_plan(plan: ComparisonPlan) -> RenderableType:
    """Return which arms a comparison would train, how long it may take, and which difference it can detect."""
    parts = [Text(plain(line)) for arm in plan.arms for line in _arm_lines(arm)]
    parts += arms_lines([(arm.name, arm.network) for arm in plan.arms])
    parts += one_by_one_lines([(arm.name, arm.one_by_one) for arm in plan.arms])
    parts += data_lines(plan.data, plan.metric)
    if plan.looks:
        until = ", until one settles the question" if len(plan.looks) > 1 else ": there is one look"
        parts.append(Text(f"looks at {seeds_in_words(plan.looks)}{until}"))
    parts.append(Text(plain(plan.detectable.sentence)))
    if seconds := sum(arm.seconds for arm in plan.arms if arm.seconds is not None):
        at_most = "at most " if plan.looks else ""
        parts.append(Text(f"training takes {at_most}{duration(seconds)}, {ROUGHLY}"))
    parts += map(warning, of_arms((arm.name, text) for arm in plan.arms for text in arm.warnings))
    parts += map(warning, plan.cautions)
    parts.append(Text("nothing was trained or written"))
    return Group(*parts)


def _arm_lines(arm: PlannedArm) -> Iterator[str]:
    """Yield an arm's size, which seeds are stored or to be trained and why, and how an interrupted run goes on."""
    size = f"{counted(arm.seeds, 'seed')} x {counted(arm.epochs, 'epoch')}"
    if arm.run is not None:
        yield f"{arm.name}: {size}, stored in {arm.run}"
    elif arm.kept_in is not None:
        yield f"{arm.name}: {size}, {seeds_to_train(arm)}"
    else:
        yield f"{arm.name}: {size}, to be trained: {arm.reason}"
    if arm.interrupted is not None:
        yield arm.interrupted
    yield from (f"{arm.name}: {text}" for text in arm.seeds_not_used)


def experiment_plan(experiment: Experiment, seeds: PlannedSeeds, goes_on_at: str | None) -> Iterator[Text]:
    """Yield why stored seeds cannot be used, how an interrupted run goes on, and what would be trained."""
    if seeds.interrupted is not None:
        yield Text(plain(seeds.interrupted))
    yield from (Text(plain(f"{experiment.name}: {text}")) for text in seeds.seeds_not_used)
    parts = [f"{counted(experiment.training.seeds, 'seed')} x {counted(experiment.training.epochs, 'epoch')}"]
    parts += [seeds_to_train(seeds)] if seeds.kept_in is not None else []
    parts += [goes_on_at] if goes_on_at is not None else []
    yield Text(plain("; ".join([*parts, "nothing was trained or written"])))


def seeds_to_train(seeds: PlannedSeeds) -> str:
    """Return how many seeds are stored, and how many are to be trained.

    >>> seeds_to_train(PlannedSeeds(seeds=8, seeds_kept=6, kept_in="bn-1")), seeds_to_train(PlannedSeeds(seeds=8))
    ('the first 6 seeds stored in bn-1; to be trained: 2', 'to be trained: 8')
    """
    left = f"to be trained: {seeds.seeds - seeds.seeds_kept}"
    if seeds.kept_in is None:
        return left
    first = "the first seed" if seeds.seeds_kept == 1 else f"the first {seeds.seeds_kept} seeds"
    return f"{first} stored in {seeds.kept_in}; {left}"


def _design(plan: PlanDocument) -> Iterator[str]:
    """Yield lines on the factors, the keys that follow a factor, the tuned key, and the claims with their warnings."""
    for name, levels in plan.factors.items():
        yield f"{plain(name)}: {', '.join(map(_level, levels))}"
    for key, tie in plan.ties.items():
        yield f"{plain(key)}: {', '.join(map(_level, tie.values))}, as it follows {plain(tie.follows)}"
    if plan.tune is not None:
        yield f"{plain(plan.tune.key)}, tuned: {', '.join(map(_level, plan.tune.values))}"
    shared = shares_with_later([claim.asked_after_results for claim in plan.claims])
    for claim in plan.claims:
        yield plain(f"claim: {claim.claim} ({claim.asks})")
        if claim.asked_after_results:
            yield f"WARNING  {AFTER_RESULTS}"
        elif shared is not None:
            yield f"WARNING  {shared}"
        if claim.earlier_seeds:
            yield f"WARNING  {looked_before(claim.earlier_seeds, plan.seeds)}"


def _work(plan: PlanDocument) -> Iterator[str]:
    """Yield lines on how many trainings there are, how many trials are finished, and how long the rest may take."""
    jobs, trainings = counted(plan.jobs, "job"), counted(plan.trainings, "training")
    steps = counted(plan.steps, "optimizer step")
    if not plan.finished and not plan.seeds_kept:
        yield f"{trainings} in {jobs}, {steps}; {_time_left(plan)}"
        return
    yield f"{trainings} in all, {steps}"
    to_train = f"{counted(plan.trainings_left, 'training')} in {jobs}, {_time_left(plan)}"
    left = f"; left: {to_train}" if plan.jobs else ""
    yield f"finished already: {plan.finished} of {plan.of} trials{left}"


def _kept(plan: PlanDocument) -> Iterator[str]:
    """Yield lines on which seeds an earlier study has trained, and why other stored seeds cannot be used."""
    for one in plan.seeds_kept:
        seeds = f"the first {counted(one.seeds, 'seed')} of {counted(one.trials, 'trial')}"
        yield f"trained already: {seeds}, in {', '.join(map(plain, one.directories))}"
    yield from map(plain, plan.seeds_not_used)


def _trained_again(plan: PlanDocument) -> Iterator[str]:
    """Yield warnings about trials that must be trained again: files are damaged, or an endpoint was not stored."""
    if files := plan.damaged:
        more = f" and {len(files) - MOST_FILES} more" if len(files) > MOST_FILES else ""
        listed = plain(", ".join(files[:MOST_FILES])) + more
        are, trials = ("are", "their trials are") if len(files) > 1 else ("is", "its trial is")
        yield f"WARNING  {listed} {are} missing or damaged, so {trials} trained again"
    if plan.not_kept:
        cure = "A hypothesis about the final value needs no training."
        yield f"WARNING  finished trials do not keep {', '.join(plan.not_kept)}, so they are trained again. {cure}"
    if metrics := plan.predictions_not_kept:
        need = "needs" if len(metrics) == 1 else "need"
        yield (
            f"WARNING  finished trials do not keep the predictions that {' and '.join(metrics)} {need}, so they are "
            "trained again. An earlier bnexp trained them, or the predictions take more than 32 MiB for a trial. A "
            "hypothesis about accuracy or loss needs no training."
        )


def _detects(plan: PlanDocument) -> Iterator[str]:
    """Yield lines on which differences these seeds and held-out rows can detect; for a sweep, its table's metric."""
    if plan.sweep_metric is not None:
        yield f"no hypothesis, so no verdict: the table shows {with_mode(plan.sweep_metric)}"
    elif plan.seeds < plan.fewest_seeds:
        seeds = counted(plan.seeds, "seed") + (" is" if plan.seeds == 1 else " are")
        shared = f", as {len(plan.claims)} hypotheses share the risk of an error" if len(plan.claims) > 1 else ""
        yield f"WARNING  {seeds} too few for a verdict; {plan.fewest_seeds} are the fewest{shared}"
        return
    if len(plan.claims) > 1:
        yield f"{len(plan.claims)} hypotheses share the error of 5%, so each needs more evidence than it would alone"
    known = [claim.detectable for claim in plan.claims if claim.detectable is not None]
    yield from map(plain, known)
    if len(known) < len(plan.claims) and plan.detectable_deviations is not None:
        other = "other " if known else ""
        where = "For other seeds on the same splits: " if plan.detectable_for_new_rows else ""
        text = (
            f"{counted(plan.seeds, 'seed')} find the difference of each {other}claim with about 80% probability if it "
            f"is at least {plan.detectable_deviations:.2f} times as large as its standard deviation over seeds"
        )
        yield f"{where}{text}."
        yield from map(plain, plan.detectable_for_new_rows)


def _before(plan: PlanDocument) -> Iterator[str]:
    """Yield lines on what other studies of this name found, and on studies whose format is too old to be reused."""
    same, others = dict[str, str](), dict[str, str]()
    for name, word in plan.other_answers.items():
        (same if name in plan.only_other_data else others)[name] = f"{plain(name)} ({plain(word)})"
    if same and plan.claims:
        own = [
            statistics.error_of([(n, statistics.LEVEL) for n in (*one.earlier_seeds, plan.seeds)])
            for one in plan.claims
        ]
        error = min(1.0, (1 - statistics.LEVEL) * len(same) + max(own))
        yield f"WARNING  the same question had an answer on other data before: {', '.join(same.values())}"
        yield (
            f"Together, these answers err in up to {error:.0%} of cases without a difference, not in 5%. "
            "Decide on the rows before the first answer."
        )
    if others:
        yield f"WARNING  a study of this name had an answer before, in another directory: {', '.join(others.values())}"
        yield "If this study was changed because of that answer, treat its verdict as exploratory."
    if plan.older_format and not plan.finished:
        listed = ", ".join(map(plain, plan.older_format))
        yield f"kept by an earlier bnexp, in another format: {listed}. All trials are trained again"


def _data(plan: PlanDocument) -> Iterator[Text]:
    """Yield lines on the first MOST_DATA data sets, and how many more there are."""
    asked = next((one for one in plan.metrics if quantity(one) in UNFAIR), next(iter(plan.metrics), plan.sweep_metric))
    for data in plan.data[:MOST_DATA]:
        yield from data_lines(data, asked, has_hypothesis=bool(plan.metrics))
    if len(plan.data) > MOST_DATA:
        yield Text(f"and {counted(len(plan.data) - MOST_DATA, 'more data set')}, by the factors below")


def _level(level: Any) -> str:
    return plain(level_text(level))


def _time_left(plan: PlanDocument) -> str:
    """Return how long the rest may take, and how this was estimated.

    The estimate is based on finished trials, on timing a few steps, or on the size of the models.
    """
    left = plan.seconds_left
    if left is None:
        return "time unknown before the first trial"
    if plan.finished:
        return duration(left)
    how = ROUGHLY if plan.is_rough else "by timing a few steps"
    return f"{duration(left)}, {how}"


def duration(seconds: float) -> str:
    """Write a rough duration in seconds, minutes or hours.

    >>> duration(12.3), duration(400), duration(9000)
    ('about 12 s', 'about 7 min', 'about 2.5 h')
    """
    if seconds < 100:
        return f"about {seconds:.0f} s"
    return f"about {seconds / 60:.0f} min" if seconds < 6000 else f"about {seconds / 3600:.1f} h"
