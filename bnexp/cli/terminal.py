"""Observers that print while a command works: a table for each run, a line for each data set, studies' progress."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout

from bnexp.api.data_sets import DataSet
from bnexp.api.observer import Observer
from bnexp.api.progress import Progress
from bnexp.cli.output import print_answer
from bnexp.experiment.run import Finished
from bnexp.report import console
from bnexp.report.progress import StudyReporter
from bnexp.store.plan_document import PlanDocument
from bnexp.study.claims import Answer
from bnexp.study.result import Result


class RunTables(Progress):
    """Prints on stdout the table of each run as soon as it is trained; if `quiet`, only its directory."""

    def __init__(self, *, quiet: bool, as_json: bool) -> None:
        super().__init__(quiet=quiet or as_json)
        self._only_where, self._as_json, self._out = quiet, as_json, sys.stdout

    def trained(self, finished: Finished) -> None:
        """Print the table or the directory of a run; nothing if `as_json`."""
        super().trained(finished)
        if self._as_json:
            return
        with redirect_stdout(self._out):  # while the work goes on, stdout is stderr
            if self._only_where:
                print(finished.run.directory)
                return
            print_answer(console.run_summary(finished.record, finished.history))
            print(f"{finished.record.status}: {finished.run.directory}")


class Fetching(Progress):
    """Prints on stdout a line for each data set that was fetched."""

    def fetched(self, data_set: DataSet) -> None:
        """Print whether the data set is here. After a download by Keras it may still be missing."""
        print(f"{data_set.name}: {'here' if data_set.here else 'missing'}")


class StudyTerminal(Observer):
    """Shows the progress of studies on stderr."""

    def __init__(self, reporter: StudyReporter, *, shows_time: bool) -> None:
        self._reporter, self.shows_time = reporter, shows_time
        self.answers: list[Answer] = []

    def warn(self, text: str) -> None:
        """Print a warning."""
        self._reporter.warn(text)

    def planned(self, plan: PlanDocument) -> None:
        """Print the plan."""
        self._reporter.planned(plan)

    def trial_ended(self, result: Result, finished: int, seconds_left: float | None) -> None:
        """Print a line for a finished trial."""
        self._reporter.trial_ended(result, finished, seconds_left)

    def answered(self, answer: Answer) -> None:
        """Remember the answer, so that it can be printed if a later study fails."""
        self.answers.append(answer)
