"""Tests claims: runs studies one after the other and collects their answers for one page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from bnexp.config.study import Hypothesis
from bnexp.errors import ConfigError, RunError, UntrainedError
from bnexp.executors import Workers
from bnexp.store.plan_document import PlanDocument
from bnexp.store.study_document import StudyDocument
from bnexp.study import plan, run
from bnexp.study.asked_words import AFTER_RESULTS, first_answer_in_words, looked_before
from bnexp.study.contrast import Results
from bnexp.study.outlook import plan_document, plan_warnings
from bnexp.study.plan import Plan
from bnexp.study.result import Result
from bnexp.study.words import about, asks, decides_about, effect


class StudyObserver(Protocol):
    """Called as a study makes progress."""

    def planned(self, plan: PlanDocument) -> None:
        """Handle the plan of the study that is about to run."""

    def trial_ended(self, result: Result, finished: int, seconds_left: float | None) -> None:
        """Handle a trial that has just been finished."""


@dataclass(frozen=True)
class Answer:
    """The answer of a study: its plan and its study.json document, or why one of them is missing."""

    path: Path
    planned: Plan | None = None
    document: StudyDocument | None = None
    failure: str = ""
    seconds: float = 0.0
    """Training time so far, summed over all workers."""

    @property
    def is_sweep(self) -> bool:
        """Return True for a study that makes no claim."""
        return self.planned is not None and not self.planned.file.study.claims()

    @property
    def name(self) -> str:
        """Return the study's name, or its file's."""
        return self.path.stem if self.planned is None else self.planned.file.study.name


@dataclass(frozen=True)
class ClaimRow:
    """A row in a table of several studies: one hypothesis, or why a study failed."""

    study: str
    verdict: str = "failed"
    sentence: str = ""
    effect: str | None = None
    """The effect with its interval, in its unit."""
    level: float | None = None
    speaks_of: str | None = None
    claim: str = ""
    about: str = ""
    supported_if: str = ""
    """The direction and the smallest effect that the hypothesis asks for."""
    seeds: int = 0
    seconds: float = 0.0
    """Training time of the whole study."""
    asked_after_results: bool = False
    earlier_seeds: Sequence[int] = ()
    """The numbers of seeds at which the hypothesis had an answer before."""
    first_answer: str | None = None
    """The word of its first verdict, if it is not the present one."""

    @property
    def cautions(self) -> list[str]:
        """List why the answer needs caution: it came after results, the first one differed, or the data were looked at.

        The last reason is an earlier answer with fewer seeds.
        """
        found = [AFTER_RESULTS] if self.asked_after_results else []
        found += [] if self.first_answer is None else [first_answer_in_words(self.first_answer)]
        return [*found, looked_before(self.earlier_seeds, self.seeds)] if self.earlier_seeds else found


def plan_studies(paths: Sequence[Path], runs: Path) -> list[Answer]:
    """Plan the studies. A study that cannot be run, for example because its data are missing, gets the reason instead.

    Raises:
        ConfigError: if no study can be run.
    """
    answers = [_planned(path, runs) for path in paths]
    if all(one.planned is None for one in answers):
        raise ConfigError(one.failure for one in answers)
    return answers


def _planned(path: Path, runs: Path) -> Answer:
    try:
        planned = plan.plan(path, runs)
        return Answer(path, planned, seconds=_seconds_of(planned, planned.done))
    except (ConfigError, RunError) as error:
        return Answer(path, failure=str(error))


def answer_study(
    one: Answer, workers: Workers, observer: StudyObserver, *, draw: Callable[[Path], None] | None = None
) -> Answer:
    """Run a planned study and return its answer. A study that fails, in whole or in part, does not stop the others.

    `draw` draws the figures of an answer that is stored in a directory.

    Raises:
        UserError, WorkError: if no workers can be started, so that no other study could be run, either.
    """
    if one.planned is None:
        return one
    planned, results = one.planned, dict(one.planned.done)

    def answered(kept: Results) -> None:
        results.update(kept)
        if draw is not None:
            draw(planned.directory)

    def ended(result: Result, finished: int, seconds_left: float | None) -> None:
        results.update({trial.key: result for trial in planned.trials if trial.digest == result.trial})
        observer.trial_ended(result, finished, seconds_left)

    told = plan_document(planned, workers.at_once, planned.done)
    try:
        costs = run.check_unfinished(planned, workers, done=planned.done)
        observer.planned(told.model_copy(update={"warnings": plan_warnings(planned, costs.warnings)}))
        found = replace(one, document=run.run(planned, workers, ended, answered=answered))
    except (UntrainedError, ConfigError, RunError) as error:
        found = replace(one, failure=str(error))
    return replace(found, seconds=_seconds_of(planned, results))


def claim_rows(answers: Sequence[Answer]) -> list[ClaimRow]:
    """Return a row for each hypothesis: study, claim, verdict, effect with interval, seeds, the study's seconds."""
    return [row for one in answers for row in rows_of(one)]


def _bound(claim: Hypothesis) -> str:
    """Return what the effect must be for the claim to be supported."""
    return asks(claim).partition(f"{about(claim)} is ")[2]


def rows_of(one: Answer) -> Iterator[ClaimRow]:
    """Yield a row for each hypothesis of a study; a single row for a study that could not be planned."""
    failed = ClaimRow(study=one.name, sentence=one.failure)
    if one.planned is None:
        yield failed
        return
    study, seconds = one.planned.file.study, round(one.seconds, 1)
    for number, claim in enumerate(study.claims()):
        row = replace(
            failed,
            claim=claim.claim,
            about=about(claim),
            supported_if=_bound(claim),
            seeds=study.seeds,
            seconds=seconds,
        )
        if one.document is None:
            yield row
            continue
        found = one.document.hypotheses[number]
        yield replace(
            row,
            verdict=found.verdict.word,
            sentence=found.verdict.sentence,
            effect=None if found.difference is None else effect(found),
            level=found.level,
            speaks_of=found.speaks_of if (drawn := decides_about(found)) is None else f"{drawn}, and other seeds",
            asked_after_results=found.asked_after_results,
            earlier_seeds=found.earlier_seeds,
            first_answer=found.first_answer,
        )


def _seconds_of(planned: Plan, done: Results) -> float:
    """Return the training time of the finished trials in seconds, summed over all workers."""
    return sum(done[trial.key].seconds for trial in planned.distinct if trial.key in done)
