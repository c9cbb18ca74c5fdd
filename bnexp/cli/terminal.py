"""The terminal as an observer: progress and warnings on stderr, and each run's table when it is trained."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from bnexp.api.data_sets import DataSet
from bnexp.api.observer import Observer
from bnexp.cli.output import print_answer, warn
from bnexp.config import Experiment
from bnexp.experiment.run import Finished
from bnexp.history import Watch
from bnexp.report import console
from bnexp.report.progress import Reporter, StudyReporter, own_stderr
from bnexp.store.comparison_document import Look
from bnexp.store.plan_document import PlanDocument
from bnexp.study.result import Result
from bnexp.system.listeners import Note
from bnexp.system.terminal import plain


class Terminal(Observer):
    """Shows on stderr how experiments are trained. `finished` lists the runs that are."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet, self._kept = quiet, tuple[int, ...]()
        self.finished: list[Finished] = []

    def warn(self, text: str) -> None:
        """Print a warning, also where nothing else is printed."""
        warn(text)

    def info(self, text: str) -> None:
        """Print what is done, and why."""
        if not self._quiet:
            print(plain(text), file=sys.stderr)

    @contextmanager
    def preparing(self, title: str) -> Iterator[Note]:
        """Show a spinner while experiments are checked."""
        with own_stderr() as stderr, Reporter(stderr, title, epochs=1, seeds=1, quiet=self._quiet).live() as reporter:
            yield reporter.note

    def seeds_kept(self, seeds: Sequence[int]) -> None:
        """Remember which seeds need no training."""
        self._kept = tuple(seeds)

    @contextmanager
    def training(self, experiment: Experiment) -> Iterator[tuple[Watch, Note]]:
        """Show each epoch of the seeds that are trained."""
        settings, kept, self._kept = experiment.training, self._kept, ()
        with own_stderr() as stderr:
            reporter = Reporter(
                stderr, experiment.name, epochs=settings.epochs, seeds=settings.seeds, quiet=self._quiet, kept=kept
            )
            with reporter.live():
                yield reporter.watch, reporter.note

    def trained(self, finished: Finished) -> None:
        """Remember the run."""
        self.finished.append(finished)

    def looked(self, look: Look, planned: Sequence[int]) -> None:
        """Print what was found at this number of seeds."""
        number = planned.index(look.seeds) + 1
        found = ", ".join(f"{arm} {word}" for arm, word in look.words.items())
        self.info(f"look {number} of {len(planned)} at most, {look.seeds} seeds: {found}")


class RunTables(Terminal):
    """Prints on stdout what each training gave as soon as it is there: its table, or only where it is kept."""

    def __init__(self, *, quiet: bool, as_json: bool) -> None:
        super().__init__(quiet=quiet or as_json)
        self._only_where, self._as_json = quiet, as_json

    def trained(self, finished: Finished) -> None:
        """Print the run."""
        super().trained(finished)
        if self._as_json:
            return
        if self._only_where:
            print(finished.run.directory)
            return
        print_answer(console.run_summary(finished.record, finished.history))
        print(f"{finished.record.status}: {finished.run.directory}")


class Fetching(Terminal):
    """Prints on stdout each data set as soon as it is there."""

    def fetched(self, data_set: DataSet) -> None:
        """Print that it is here; what Keras brings may be missing all the same."""
        print(f"{data_set.name}: {'here' if data_set.here else 'missing'}")


class StudyTerminal(Observer):
    """Shows on stderr how studies go."""

    def __init__(self, reporter: StudyReporter, *, shows_time: bool) -> None:
        self._reporter, self.shows_time = reporter, shows_time

    def warn(self, text: str) -> None:
        """Print a warning."""
        self._reporter.warn(text)

    def planned(self, plan: PlanDocument) -> None:
        """Print the plan."""
        self._reporter.planned(plan)

    def trial_ended(self, result: Result, finished: int, seconds_left: float | None) -> None:
        """Print a line."""
        self._reporter.trial_ended(result, finished, seconds_left)
