"""What `study` and `claims` do, with plain arguments: work, print, and return the exit code."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path

from bnexp import executors, store
from bnexp.cli.output import print_answer, print_json, told_in_json
from bnexp.errors import DIVERGED, DONE, WORK_FAILED, StoppedError, work_begun
from bnexp.experiment.resolve import config_file
from bnexp.report import figures, plan_table, study_table
from bnexp.report.page import claims_page, on_page
from bnexp.report.progress import StudyReporter, own_stderr
from bnexp.store.study_document import StudyDocument
from bnexp.study import plan, run
from bnexp.study.claims import Answer, answer_study, claim_rows, find_studies, plan_studies
from bnexp.study.outlook import plan_document
from bnexp.system.listeners import Warn
from bnexp.system.machine import most_workers

PAGE = "claims.html"


@dataclass(frozen=True)
class Place:
    """Where a study's trainings are kept, and who does them."""

    runs: Path
    launcher: executors.Launcher
    workers: int | None
    address: str | None

    @property
    def most_workers(self) -> int:
        """Return how many workers there may be on this machine: as asked for, else as it has room for."""
        return self.workers or most_workers()

    def workers_for(self, jobs: int) -> int:
        """Return how many workers of this machine have something to do, if this many jobs are left."""
        return min(self.most_workers, max(1, jobs))

    def at_a_time(self, jobs: int) -> int | None:
        """Return the most jobs, of these, that are worked on at a time; None where only the cluster tells."""
        return None if self.address is not None and self.workers is None else self.workers_for(jobs)

    def launched(self, jobs: int, warn: Warn) -> AbstractContextManager[executors.Workers]:
        """Return workers for this many jobs; of a cluster at an address all, unless --workers says how many."""
        if self.address is not None:
            return executors.workers(self.launcher, self.workers, self.address, warn=warn)
        return executors.workers(self.launcher, self.workers_for(jobs), None, warn=warn, sharing=self.most_workers)


def study(path: Path, place: Place, *, dry_run: bool, most_trainings: int | None, quiet: bool, as_json: bool) -> int:
    """Run a study, or what is left of it; print its plan, how it goes, and the verdict."""
    most = plan.MOST_TRAININGS if most_trainings is None else most_trainings
    planned = plan.plan(_file(str(path)), place.runs, most=most)
    told = plan_document(planned, place.at_a_time(len(plan.pending(planned))))
    with own_stderr() as console:
        reporter = StudyReporter(console, quiet=quiet or as_json)
        with (
            told_in_json(lambda: _finished_trials(planned), as_json=as_json),
            _goes_on(planned.directory),
            place.launched(told.jobs, reporter.warn) as workers,
        ):
            costs = run.preflight(planned, workers, plan_only=dry_run)
            if told.seconds_left is None and (dry_run or not (quiet or as_json)):
                seconds, is_rough = run.estimate(costs, workers, plan_only=dry_run)
                told = told.model_copy(update={"seconds_left": seconds, "is_rough": is_rough})
            if dry_run:
                print_json(told.model_dump(mode="json")) if as_json else print_answer(plan_table.study_plan(told))
                return DONE
            reporter.show(told)
            document = run.run(planned, workers, reporter.tell, checked=True)
        _draw(planned.directory, reporter)
    if as_json:
        print_json(document.model_dump(mode="json"))
    elif quiet:
        print(planned.directory)
    else:
        print_answer(study_table.study(document))
        print(f"kept: {planned.directory}")
    return _study_code(document)


def _file(name: str) -> Path:
    """Return the file of a study by its path, or by its name as `claims` takes it."""
    found = config_file(name) or Path(name)
    return found if found.suffix or found.exists() else find_studies([name])[0]


def _draw(directory: Path, reporter: StudyReporter) -> None:
    """Draw the figures of a study that has been answered."""
    for text in figures.drawn(store.Run(directory)):
        reporter.warn(text)


def _finished_trials(planned: plan.Plan) -> list[dict[str, int | str]]:
    """List the trials that are finished and kept."""
    return [{"cell": cell, "arm": arm} for cell, arm in plan.finished(planned)]


@contextmanager
def _goes_on(directory: Path) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        if not directory.exists():
            raise StoppedError("Stopped before anything was finished; nothing is kept.") from None
        raise StoppedError(f"Stopped: {directory} keeps what is finished; the same command goes on.") from None


def _study_code(document: StudyDocument) -> int:
    return DIVERGED if document.diverged else DONE


def claims(names: Sequence[str], place: Place, *, quiet: bool, as_json: bool) -> int:
    """Run several studies, or what is left of them; print a row for each claim, and where the page is."""
    answers = plan_studies(find_studies(names), place.runs)
    done: list[Answer] = []
    with own_stderr() as console:
        page = _answered(answers, done, place, StudyReporter(console, quiet=quiet or as_json), as_json=as_json)
    rows = claim_rows(done)
    if as_json:
        print_json([asdict(row) for row in rows])
    elif quiet:
        print(page)
    else:
        print_answer(study_table.claims(rows))
        print(f"kept: {page}")
    found = [one.document for one in done]
    return WORK_FAILED if None in found else max(_study_code(document) for document in found if document is not None)


def _answered(
    answers: Sequence[Answer],
    done: list[Answer],
    place: Place,
    reporter: StudyReporter,
    *,
    as_json: bool,
) -> Path:
    """Answer several studies, one after the other, each into `done`; keep their page and return its path."""
    for answer in answers:
        if answer.failure:
            reporter.warn(f"{answer.name} is left out: {answer.failure}")
    jobs = sum(len(plan.pending(answer.planned)) for answer in answers if answer.planned is not None)
    with told_in_json(lambda: [asdict(row) for row in claim_rows(done)], as_json=as_json), _goes_on(place.runs):
        with place.launched(jobs, reporter.warn) as workers:
            for answer in answers:
                with work_begun() if any(one.document for one in done) else nullcontext():
                    done.append(answer_study(answer, workers, reporter))
                    if done[-1].planned is not None and done[-1].document is not None:
                        _draw(done[-1].planned.directory, reporter)
        with work_begun() if any(one.document for one in done) else nullcontext():
            return keep_page(place.runs, done)


def keep_page(runs: Path, answers: Sequence[Answer]) -> Path:
    """Write the page of all answers, and return its path."""
    path = runs / PAGE
    store.make_place(runs)
    store.write(path, claims_page([on_page(answer) for answer in answers]))
    return path
