"""The work of `study` and `claims`: call the API, print, and return the exit code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bnexp.api import studies
from bnexp.api.studies import Place
from bnexp.cli.arguments import refuse_changes, refuse_several_studies
from bnexp.cli.output import print_answer, print_json, working
from bnexp.cli.terminal import StudyTerminal
from bnexp.errors import DIVERGED, DONE, WORK_FAILED, Problems
from bnexp.report import plan_table, study_table
from bnexp.report.progress import StudyReporter, own_stderr
from bnexp.store.study_document import StudyDocument
from bnexp.study.claims import claim_rows


def place_of(path: Path, others: Sequence[str], seeds: int | None, **place: Any) -> Place:
    """Return where a study is trained. `others` are the arguments behind its name.

    Raises:
        UserError: if the place is wrong, or for arguments that no study takes; with all that is wrong with the study.
    """
    problems, arguments = Problems(), [str(path), *others]
    with problems.noted():
        found = Place(**place)
    with problems.noted():
        refuse_changes(arguments, seeds)
    with problems.noted():
        refuse_several_studies(arguments)
    if problems.found:
        with problems.noted():
            studies.plan_study(path)
    problems.refuse()
    return found


def study(
    path: Path,
    place: Place,
    *,
    runs: Path,
    metric: str | None = None,
    dry_run: bool,
    most_trainings: int | None,
    quiet: bool,
    as_json: bool,
) -> int:
    """Run a study or the rest of it; print its plan, its progress, and its verdict or, for a sweep, its table."""
    with working(list, as_json=False):
        planned = studies.plan_study(path, runs=runs, most_trainings=most_trainings, metric=metric)
    silent = quiet or as_json
    with own_stderr() as stderr, working(lambda: studies.finished_trials(planned), as_json=as_json):
        terminal = StudyTerminal(StudyReporter(stderr, quiet=silent), shows_time=not silent)
        if dry_run:
            told = studies.outlook(planned, place, observer=terminal)
        else:
            found = studies.run_study(planned, place, observer=terminal)
    if dry_run:
        if as_json:
            print_json(told.model_dump(mode="json"))
        elif not quiet:
            print_answer(plan_table.study_plan(told))
        return DONE
    if as_json:
        print_json(found.document.model_dump(mode="json"))
    elif quiet:
        print(found.directory)
    else:
        print_answer(study_table.study(found.document))
        print(f"kept: {found.directory}")
    return _study_code(found.document)


def _study_code(document: StudyDocument) -> int:
    return DIVERGED if document.diverged else DONE


def claims(names: Sequence[str], place: Place, *, runs: Path, quiet: bool, as_json: bool) -> int:
    """Run several studies or the rest of them; print a row for each claim, and the path of the page."""
    with own_stderr() as stderr:
        terminal = StudyTerminal(StudyReporter(stderr, quiet=quiet or as_json), shows_time=False)
        with working(lambda: [asdict(row) for row in claim_rows(terminal.answers)], as_json=as_json):
            found = studies.claims(names, place, runs=runs, observer=terminal)
    if as_json:
        print_json([asdict(row) for row in found.rows])
    elif quiet:
        print(found.page)
    else:
        print_answer(study_table.claims(found.rows))
        print(f"kept: {found.page}")
    documents = [answer.document for answer in found.answers]
    return WORK_FAILED if None in documents else max(_study_code(one) for one in documents if one is not None)
