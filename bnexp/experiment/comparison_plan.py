"""What a comparison will train and which difference it can detect, before anything is trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from bnexp import statistics
from bnexp.comparison import Arm, Question, place_of_baseline
from bnexp.comparison.detectable import Design, detectable_by
from bnexp.comparison.drawn_anew import are_grouped, drawn_anew, split_rows
from bnexp.comparison.first_question import JudgedBy
from bnexp.comparison.looks import caution
from bnexp.comparison.metric_rules import holds_out_own_rows
from bnexp.config import Experiment
from bnexp.data.fingerprint import source_sha256
from bnexp.experiment import earlier_comparison, resolve
from bnexp.experiment.earlier_looks import Before, Known
from bnexp.experiment.kept_seeds import planned_seeds
from bnexp.experiment.pace import rough_pace
from bnexp.experiment.prepare import Checked
from bnexp.metrics import headline, traits
from bnexp.store import DataFacts
from bnexp.store.looks import Look
from bnexp.store.plan_document import ComparisonPlan, PlannedArm, PlannedSeeds


def plan(
    runs: Path,
    planned: Sequence[resolve.Planned],
    stored: Mapping[str, Arm],
    checked: Mapping[str, Checked],
    question: Question,
) -> ComparisonPlan:
    """Return the plan of a comparison. `stored` maps names to stored arms, and `checked` to arms that will be trained.

    The question must be one that these arms can answer (`resolve.refuse_unanswerable`).
    """
    experiments = resolve.experiments_of(planned, stored)
    metric = question.metric or headline(resolve.measured_by(planned, stored, checked))
    place = place_of_baseline(question, [item.known_as for item in planned])
    baseline, base = planned[place].name, experiments[place]
    data = stored[baseline].record.dataset if baseline in stored else checked[baseline].data
    seeds = set.intersection(*(_seeds(item, stored) for item in planned))
    anew = drawn_anew(metric, [split_rows(one.dataset.resample, data) for one in experiments])
    is_known = anew.what is not None and all(one.training.keep_rows for one in experiments)
    design = Design(
        metric=metric,
        seeds=len(seeds),
        about=question.about if is_known else "these-rows",
        data=data,
        own_splits=holds_out_own_rows(metric, base.dataset.resample),
        grouped=are_grouped(base.dataset),
        level=_level(question, len(planned) - 1),
        margin=traits(metric).margin if question.margin is None else question.margin,
        dataset=base.dataset,
    )
    known = earlier_comparison.comparison_of(runs, experiments, base, metric)
    looks = question.looks or (len(seeds),)
    asked = JudgedBy.of(metric, question.margin, question.about, data.classes)
    several = [
        Known(item.name, one, _facts(item, one, stored, checked))
        for item, one in zip(planned, experiments, strict=True)
    ]
    return ComparisonPlan(
        arms=[_arm(item, stored, checked, runs) for item in planned],
        baseline=baseline,
        metric=metric,
        about=question.about,
        seeds=len(seeds),
        looks=list(question.looks),
        data=data,
        detectable=detectable_by(design, known),
        cautions=_of_before(runs, several, baseline, asked, looks, is_planned=bool(question.looks)),
    )


def _of_before(
    runs: Path, several: Sequence[Known], baseline: str, asked: JudgedBy, looks: Sequence[int], *, is_planned: bool
) -> list[str]:
    """List how stored comparisons of these arms affect the error rate of the planned looks, and the verdict."""
    level = 1 - statistics.share_of_each(looks) if is_planned else statistics.LEVEL
    now = [Look(seeds=count, level=level) for count in looks]
    pairs = [(one.name, baseline) for one in several if one.name != baseline]
    known, told = Before(runs, several, pairs), dict[str, None]()
    earlier = known.looks(asked.metric, now)
    for arm, _ in pairs:
        before = [(look.seeds, look.level) for look in earlier if look.arm == arm]
        if before and (is_planned or looks[-1] >= statistics.fewest_pairs(level)):
            error = statistics.error_of([*before, *((look.seeds, look.level) for look in now)])
            counts = [count for count, _ in before]
            told[caution(counts, looks[-1], error, is_planned=is_planned)] = None
    others = known.on_other_rows(asked.metric, now).values()
    return list(dict.fromkeys([*told, *known.exploratory(asked).values(), *others]))


def _level(question: Question, contrasts: int) -> float:
    """Return the confidence level of the interval that decides; all contrasts and planned looks share the error."""
    error = (1 - statistics.LEVEL) / contrasts
    return 1 - (statistics.share_of_each(question.looks, error) if question.looks else error)


def _seeds(item: resolve.Planned, stored: Mapping[str, Arm]) -> set[int]:
    """Return the seeds that an arm has, or will have."""
    if item.name in stored:
        return set(stored[item.name].history.seeds)
    return set(resolve.experiment_of(item).training.all_seeds())


def _facts(
    item: resolve.Planned, experiment: Experiment, stored: Mapping[str, Arm], checked: Mapping[str, Checked]
) -> DataFacts:
    """Return the facts about its data that the run of an arm has recorded, or will record."""
    if item.name in stored:
        return stored[item.name].record.dataset
    facts = checked[item.name]
    digests = {"digest": facts.digest, "source_sha256": source_sha256(experiment.dataset)}
    return facts.data.model_copy(update=digests)


def _arm(item: resolve.Planned, stored: Mapping[str, Arm], checked: Mapping[str, Checked], runs: Path) -> PlannedArm:
    if item.name in stored:
        arm = stored[item.name]
        experiment, seeds, warnings = arm.experiment, PlannedSeeds(seeds=len(_seeds(item, stored))), arm.record.warnings
        network, seconds, one_by_one = arm.record.network, None, None
    else:
        experiment = resolve.experiment_of(item)
        seeds = planned_seeds(experiment, runs, compared=True)
        facts = checked[item.name]
        network, one_by_one = facts.network, facts.one_by_one
        steps = experiment.training.epochs * facts.steps
        warnings = facts.warnings(experiment)
        missing = experiment.training.all_seeds()[seeds.seeds_kept :]
        pace = rough_pace(experiment, missing, at_once=len(missing))
        seconds = pace.start + len(missing) * steps * pace.step
    return PlannedArm(
        name=item.name,
        run=None if item.run is None else item.run.id,
        epochs=experiment.training.epochs,
        reason=item.reason,
        one_by_one=one_by_one,
        warnings=warnings,
        network=network,
        seconds=seconds,
        **seeds.model_dump(),
    )
