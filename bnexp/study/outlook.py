"""The plan that is shown before anything is trained: what a study will do, and what is already done."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bnexp import statistics, store
from bnexp.config.study import Endpoint, Hypothesis, Study
from bnexp.config.study_reading import read_study
from bnexp.errors import RunError, UserError
from bnexp.experiment.warnings import cautions
from bnexp.metrics import is_computed
from bnexp.statistics.power import detectable, error_over_seeds
from bnexp.store.plan_document import KeptTrials, PlanDocument, PlannedClaim, PlannedTie
from bnexp.store.run_record import DataFacts
from bnexp.store.study_document import FORMAT, FormatHead, StudyHead
from bnexp.study.asked import asked_now, times
from bnexp.study.contrast import Results
from bnexp.study.detectable_effect import by_stored, what_new_rows_add
from bnexp.study.digests import digest_of, study_facts
from bnexp.study.grid import experiments, tied_value
from bnexp.study.plan import CELLS, Plan, finished, pending, read_result
from bnexp.study.result import Result
from bnexp.study.smaller_study import directory_name, of_this_name
from bnexp.study.trial_rows import holds_rows, rows_path, with_computed
from bnexp.study.warned import Warned, told_once
from bnexp.study.words import asks, endpoint_name


def plan_document(planned: Plan, at_once: int | None, done: Results | None = None) -> PlanDocument:
    """Return a study's plan: cells, trainings, steps, the smallest effect it detects, and what is already done.

    `at_once` is the largest number of jobs that run at a time. If it is None (not known yet), no time is estimated.
    `done` are the finished trials, if they have just been read.
    """
    design, done = planned.file.study, finished(planned) if done is None else done
    jobs = len(pending(planned, done))
    level = 1 - (1 - statistics.LEVEL) / max(1, len(design.claims()))
    fewest, deviations = _detects(design, level)
    others, lacking = _other_answers(planned), _not_kept(planned, done)
    stored = [None] * len(design.claims()) if deviations is None else by_stored(planned, done, level)
    return PlanDocument(
        name=design.name,
        data=_data(planned),
        cells=len(planned.cells),
        arms=list(design.arms),
        seeds=design.seeds,
        factors=design.vary,
        ties={key: PlannedTie(follows=tie.follows, values=_tied(planned, key)) for key, tie in design.tie.items()},
        tune=design.tune,
        claims=_claims(planned, stored),
        trainings=design.trainings(),
        trainings_left=sum(planned.trainings_left(trial) for trial in planned.distinct if trial.key not in done),
        jobs=jobs,
        steps=sum(trial.steps for trial in planned.trials),
        finished=len(done),
        of=len(planned.trials),
        not_kept=[endpoint_name(one) for one in lacking if not _needs_predictions(one)],
        predictions_not_kept=[endpoint_name(one) for one in lacking if _needs_predictions(one)],
        damaged=list(_damaged(planned, done)),
        seconds_left=seconds_left(planned, done, at_once and max(1, min(at_once, jobs))),
        is_rough=False,
        sweep_metric=planned.metric,
        metrics=list(dict.fromkeys(claim.metric.metric for claim in design.claims())),
        fewest_seeds=fewest,
        detectable_deviations=deviations,
        detectable_for_new_rows=[]
        if deviations is None
        else what_new_rows_add(planned, level, _without(design, stored), done),
        directory=str(planned.directory),
        other_answers=others,
        only_other_data=[name for name in others if _is_of_other_data(planned, name)],
        seeds_kept=_seeds_kept(planned, done),
        seeds_not_used=list(planned.begun.not_used),
        warnings=plan_warnings(planned),
        older_format=[path.name for path in _others(planned) if _is_older(path)],
    )


def _detects(design: Study, level: float) -> tuple[int, float | None]:
    """Return the fewest seeds for a verdict, and the detectable difference in deviations; a sweep has neither."""
    if not design.claims():
        return 0, None
    size = detectable(error_over_seeds(1.0, design.seeds), level=level)
    return statistics.fewest_pairs(level), size if math.isfinite(size) else None


def _without(design: Study, stored: Sequence[str | None]) -> list[Hypothesis]:
    """List the claims for which stored trials give no estimate."""
    return [claim for claim, said in zip(design.claims(), stored, strict=True) if said is None]


def _needs_predictions(endpoint: Endpoint) -> bool:
    """Return True if an endpoint is a metric of classes of the final weights."""
    return endpoint.epochs_to is None and is_computed(endpoint.metric)


def _not_kept(planned: Plan, done: Results) -> list[Endpoint]:
    """List the endpoints that are missing in trials that are stored but do not count as finished."""
    lacking: list[Endpoint] = []
    for trial in planned.distinct:
        path, result = planned.path(trial), None if trial.key in done else read_result(planned.path(trial))
        if result is not None and result.trial == trial.digest and holds_rows(path, result):
            result = with_computed(path, result, planned.endpoints)
            lacking += [one for one in planned.endpoints if one not in lacking and not result.answers([one])]
    return lacking


def _damaged(planned: Plan, done: Results) -> Iterator[str]:
    """Yield the files whose trials are trained again, because they cannot be read or their content has changed."""
    for trial in planned.distinct:
        path = planned.path(trial)
        if trial.key in done or not path.exists():
            continue
        result = read_result(path)
        if result is None or not holds_rows(path, result):
            file = path if result is None else rows_path(path)
            yield f"{CELLS}/{file.name}"


def _data(planned: Plan) -> list[DataFacts]:
    """List the facts about each different data set."""
    told: list[DataFacts] = []
    for candidate_facts in planned.candidate_facts.values():
        told += [candidate_facts.data] if candidate_facts.data not in told else []
    return told


def plan_warnings(planned: Plan, checked: Mapping[str, Sequence[str]] | None = None) -> list[str]:
    """List the warnings about the trials, each kind once, for trainings that do not stop early.

    `checked` maps an experiment, as JSON, to its warnings if its network was built. The other warnings come from the
    configs.
    """
    known, warned = checked or {}, list[Warned]()
    for trial in planned.trials:
        told = dict[str, None]()
        for one in trial.candidates:
            built = known.get(one.experiment.model_dump_json())
            told |= dict.fromkeys(cautions(one.experiment, planned.known(one).steps) if built is None else built)
        warned.append(Warned(trial.cell.levels, trial.arm, list(told)))
    return list(told_once(warned))


def _tied(planned: Plan, key: str) -> list[float]:
    """List the values of a key that follows a factor."""
    return list(dict.fromkeys(tied_value(one.experiment, key) for one in experiments(planned.cells)))


def _seeds_kept(planned: Plan, done: Results) -> list[KeptTrials]:
    """List how many unfinished trials have how many seeds that are already trained, and in which directories."""
    found: dict[int, list[Result]] = {}
    for trial in planned.distinct:
        if trial.key not in done and trial.digest in planned.begun.results:
            result = planned.begun.results[trial.digest]
            found.setdefault(len(result.seeds), []).append(result)
    return [
        KeptTrials(
            trials=len(several),
            seeds=count,
            directories=list(dict.fromkeys(name for one in several for name in one.trained_in)),
        )
        for count, several in sorted(found.items())
    ]


def _claims(planned: Plan, stored: Sequence[str | None]) -> list[PlannedClaim]:
    return [
        PlannedClaim(
            claim=claim.claim,
            asks=asks(claim),
            asked_after_results=one.after_results,
            earlier_seeds=one.earlier_seeds,
            detectable=said,
        )
        for claim, one, said in zip(planned.file.study.claims(), asked_now(planned), stored, strict=True)
    ]


def _others(planned: Plan) -> Iterator[Path]:
    """Yield the directories of other studies of this name. They have another base experiment, other data or seeds."""
    for path in of_this_name(planned.directory.parent, planned.file.study.name):
        if path.name != planned.directory.name:
            yield path


def _other_answers(planned: Plan) -> dict[str, str]:
    """Map directories of other studies of this name to the verdicts that they had before this study was begun.

    The same study with fewer seeds is left out. Each hypothesis that had an answer there counts it as an earlier look,
    and each other hypothesis counts as asked after results.
    """
    looks = {one.directory.name for one in planned.earlier}
    begun, found = times(planned.directory).begun, {}
    for path in _others(planned):
        answered = times(path).answered
        if path.name in looks or answered is None or (begun is not None and answered >= begun):
            continue
        try:
            answer = store.read_head(path / "study.json", StudyHead)
        except RunError:
            continue
        if answer.name == planned.file.study.name:
            found[path.name] = answer.verdict or "a sweep, no verdict"
    return found


def _is_of_other_data(planned: Plan, name: str) -> bool:
    """Return True if another study of this name asks the same about other data, perhaps with other seeds."""
    other = _study_of(planned, name)
    if other is None or _facts(other) != _facts(planned.file.study):
        return False
    return name != directory_name(other.name, digest_of(study_facts(planned.file), other))


def _study_of(planned: Plan, name: str) -> Study | None:
    """Read another study of this name; None if it cannot be read."""
    try:
        return read_study(planned.directory.with_name(name) / "study.yaml").study
    except UserError:
        return None


def _facts(study: Study) -> dict[str, Any]:
    """Return what a study asks, without its data, its seeds and the text of its claims."""
    base = {key: part for key, part in study.experiment.items() if key != "dataset"}
    claims = [claim.model_dump(exclude={"claim"}) for claim in study.claims()]
    asked = study.model_dump(exclude={"seeds", "experiment", "hypothesis", "hypotheses"})
    return {**asked, "experiment": base, "claims": claims}


def _is_older(directory: Path) -> bool:
    """Return True if the trials of a study's directory were written by an earlier bnexp: all have one format."""
    for path in sorted((directory / CELLS).glob("*.json")):
        try:
            return store.read_head(path, FormatHead).format < FORMAT
        except RunError:  # a damaged file has no format that can be read
            continue
    return False


def seconds_left(planned: Plan, results: Results, at_once: int | None) -> float | None:
    """Estimate the seconds that are left, from the steps that are left and the seconds per step so far.

    Return None if nothing is finished, or if it is not known how many jobs run at a time.
    """
    left = sum(planned.steps_left(trial) for trial in planned.distinct if trial.key not in results)
    kept = [results[trial.key] for trial in planned.distinct if trial.key in results]
    done = sum(result.steps for result in kept)
    if not left:
        return 0.0
    return left * sum(result.seconds for result in kept) / done / at_once if done and at_once else None
