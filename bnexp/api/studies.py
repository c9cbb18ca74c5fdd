"""Studies by name or by plan: plan them, run them on workers, and show the answers of several on one page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from bnexp import executors, store
from bnexp.api.names import RUNS, Name, Names, as_list
from bnexp.api.observer import Observer
from bnexp.api.results import Study
from bnexp.config.files import shown
from bnexp.errors import Problems, StoppedError, UserError, work_begun
from bnexp.experiment.config_names import study_paths
from bnexp.report import figures
from bnexp.report.page import claims_page, on_page
from bnexp.store.plan_document import PlanDocument as PlanDocument
from bnexp.study import plan, run
from bnexp.study.claims import Answer, ClaimRow, answer_study, claim_rows, plan_studies
from bnexp.study.outlook import plan_document, plan_warnings
from bnexp.study.plan import MOST_TRAININGS
from bnexp.study.plan import Plan as Plan
from bnexp.system.listeners import Warn
from bnexp.system.machine import most_workers
from bnexp.system.process_state import process_state_kept
from bnexp.system.spelling import command, is_by_command

PAGE = "claims.html"


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a study is trained: in processes of this machine, or of a Ray cluster."""

    launcher: executors.Launcher = "local"
    workers: int | None = None
    """The largest number of worker processes. None: one for each core, or fewer if memory is short."""
    address: str | None = None
    """The address of a running Ray cluster; None if there is none to join."""

    def __post_init__(self) -> None:
        """Raise UserError with all that is wrong with the place."""
        problems = Problems()
        with problems.noted():
            executors.refuse_unknown(self.launcher)
        with problems.noted():
            if self.workers is not None and self.workers < 1:
                if is_by_command():
                    seen = f"--workers is {self.workers}; expected 1 or more"
                    raise UserError(f"{seen}. Leave it out for one on each core.")
                raise UserError(f"workers is {self.workers}; expected 1 or more, or None for one on each core.")
        problems.refuse()

    @property
    def most_workers(self) -> int:
        """Return the largest number of workers on this machine: `workers`, or as many as it has room for."""
        return self.workers or most_workers()

    def workers_for(self, jobs: int) -> int:
        """Return how many workers of this machine have work if this many jobs are left."""
        return min(self.most_workers, max(1, jobs))

    def at_a_time(self, jobs: int) -> int | None:
        """Return how many of these jobs can run at a time; None if only the cluster knows that."""
        return None if self.address is not None and self.workers is None else self.workers_for(jobs)

    def launched(self, jobs: int, warn: Warn) -> AbstractContextManager[executors.Workers]:
        """Return workers for this many jobs. At an address, these are all of the cluster, or at most `workers`."""
        if self.address is not None:
            return executors.workers(self.launcher, self.workers, self.address, warn=warn)
        return executors.workers(self.launcher, self.workers_for(jobs), None, warn=warn, sharing=self.most_workers)


@dataclass
class Claims:
    """The answers of the studies that have been run so far, and the page that shows them."""

    answers: list[Answer] = field(default_factory=list)
    page: Path = Path(PAGE)

    @property
    def rows(self) -> list[ClaimRow]:
        """Return a row for each hypothesis."""
        return claim_rows(self.answers)


@process_state_kept()
def plan_study(name: Name, *, runs: Name = RUNS, most_trainings: int | None = None, metric: str | None = None) -> Plan:
    """Read a study by its name or file, check it, and return its plan. Nothing is trained or written.

    `runs` is the directory that will keep the study. The plan remembers it. `metric` is the metric that a study without
    a hypothesis shows. By default that is the accuracy or r2 of its held-out rows.

    Raises:
        ConfigError: with every mistake of the file, its grid, its data and its hypotheses.
        UserError: if `runs` or the data cannot be used.
    """
    most = MOST_TRAININGS if most_trainings is None else most_trainings
    (path,) = study_paths([str(name)])
    return plan.plan(path, Path(runs), most=most, metric=metric)


def finished_trials(planned: Plan) -> list[dict[str, int | str]]:
    """List the finished and stored trials of a study, each by its cell and its arm."""
    return [{"cell": cell, "arm": arm} for cell, arm in plan.finished(planned)]


def _plan(study: Name | Plan, runs: Name | None) -> Plan:
    """Return the given plan, or plan the given study.

    Raises:
        UserError: if `runs` differs from the directory in the given plan.
    """
    if not isinstance(study, Plan):
        return plan_study(study, runs=RUNS if runs is None else runs)
    if runs is not None and Path(runs) != study.directory.parent:
        raise UserError(
            f"runs is {str(runs)!r}, but the plan is for {study.directory}. Give runs to plan_study instead."
        )
    return study


@process_state_kept()
def outlook(
    study: Name | Plan, place: Place | None = None, *, runs: Name | None = None, observer: Observer | None = None
) -> PlanDocument:
    """Return what a study will do, and about how long it takes. Workers build all models first, to check them.

    `study` is a name, a file or a plan of `plan_study`. `runs` is the directory for the study, by default `runs/`.

    Raises:
        ConfigError: with all that is refused in any cell.
    """
    planned, place, observer = _plan(study, runs), place or Place(), observer or Observer()
    told = _before(planned, place)
    with _goes_on(planned.directory), place.launched(told.jobs, observer.warn) as workers:
        costs = run.check_unfinished(planned, workers, plan_only=True, done=planned.done)
        return _with_time(_with_warnings(told, planned, costs), costs, workers, plan_only=True)


@process_state_kept()
def run_study(
    study: Name | Plan, place: Place | None = None, *, runs: Name | None = None, observer: Observer | None = None
) -> Study:
    """Train all unfinished trials of a study, draw its figures, and return the study with its verdicts.

    `study` is a name, a file or a plan of `plan_study`. `runs` is the directory for the study, by default `runs/`.

    Raises:
        ConfigError: with all that is refused in any cell, before anything is trained or written.
        UntrainedError: after all other work is done, if a trial could not be trained.
        WorkError: if the work cannot go on.
        StoppedError: if the user stops it; what is finished is kept.
    """
    planned, place, observer = _plan(study, runs), place or Place(), observer or Observer()
    told = _before(planned, place)
    with _goes_on(planned.directory), place.launched(told.jobs, observer.warn) as workers:
        costs = run.check_unfinished(planned, workers, done=planned.done)
        told = _with_warnings(told, planned, costs)
        observer.planned(_with_time(told, costs, workers) if observer.shows_time else told)
        draw = partial(_draw, planned.directory, observer)
        document = run.run(planned, workers, observer.trial_ended, answered=lambda _: draw())
    return Study(planned.directory, document)


def _before(planned: Plan, place: Place) -> PlanDocument:
    return plan_document(planned, place.at_a_time(len(plan.pending(planned, planned.done))), planned.done)


def _with_warnings(told: PlanDocument, planned: Plan, costs: run.Costs) -> PlanDocument:
    """Return the plan with the warnings about networks, which show only when the networks are built."""
    return told.model_copy(update={"warnings": plan_warnings(planned, costs.warnings)})


def _with_time(
    told: PlanDocument, costs: run.Costs, workers: executors.Workers, *, plan_only: bool = False
) -> PlanDocument:
    """Return the plan with an estimate of its time, if no finished trial has given one."""
    if told.seconds_left is not None:
        return told
    seconds, is_rough = run.estimate(costs, workers, plan_only=plan_only)
    return told.model_copy(update={"seconds_left": seconds, "is_rough": is_rough})


@contextmanager
def _goes_on(directory: Path) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        if not directory.exists():
            raise StoppedError("Stopped before anything was finished; nothing is kept.") from None
        raise StoppedError(f"Stopped: {directory} keeps what is finished; the same command goes on.") from None


def _draw(directory: Path, observer: Observer) -> None:
    """Draw the figures of an answered study."""
    for text in figures.drawn(store.Run(directory)):
        observer.warn(text)


# --- claims ---------------------------------------------------------------------


@process_state_kept()
def claims(
    names: Names = (),
    place: Place | None = None,
    *,
    runs: Name = RUNS,
    observer: Observer | None = None,
) -> Claims:
    """Run several studies by name or file, or all of configs/studies; return their answers and the page of them.

    If a study cannot be planned or answered, the others still run. A study without a hypothesis is left out. The
    observer gets each answer as soon as it is known.

    Raises:
        UserError: if there is no study of a name, or if no study can be planned.
        WorkError: if the work cannot go on.
        StoppedError: if the user stops it; what is finished is kept.
    """
    runs, place, observer, found = Path(runs), place or Place(), observer or Observer(), Claims()
    answers = _with_claims(plan_studies(study_paths(as_list(names)), runs), observer)
    for answer in answers:
        if answer.failure:
            observer.warn(f"{answer.name} is left out: {answer.failure}")
    jobs = sum(
        len(plan.pending(answer.planned, answer.planned.done)) for answer in answers if answer.planned is not None
    )
    with _goes_on(runs):
        with place.launched(jobs, observer.warn) as workers:
            for answer in answers:
                with _begun(found):
                    found.answers.append(_answered(answer, workers, observer))
                    observer.answered(found.answers[-1])
        with _begun(found):
            found.page = keep_page(runs, found.answers)
    return found


def _with_claims(answers: Sequence[Answer], observer: Observer) -> list[Answer]:
    """Return the answers of the studies that make a claim. The observer is warned of each other study.

    Raises:
        UserError: if no study makes a claim.
    """
    sweeps = [
        f"{one.name} has no hypothesis, so it makes no claim. Use `{command('study', shown(one.path))}`."
        for one in answers
        if one.is_sweep
    ]
    if len(sweeps) == len(answers):
        raise UserError("\n".join(sweeps))
    for text in sweeps:
        observer.warn(f"Left out: {text}")
    return [one for one in answers if not one.is_sweep]


def _begun(found: Claims) -> AbstractContextManager[None]:
    """Return a context that turns bad input into a WorkError, if a study has already been answered."""
    return work_begun(when=any(answer.document for answer in found.answers))


def _answered(answer: Answer, workers: executors.Workers, observer: Observer) -> Answer:
    return answer_study(answer, workers, observer, draw=partial(_draw, observer=observer))


def keep_page(runs: Path, answers: Sequence[Answer]) -> Path:
    """Write the page of all answers, and return its path."""
    path = runs / PAGE
    store.make_place(runs)
    store.write(path, claims_page([on_page(answer) for answer in answers]))
    return path
