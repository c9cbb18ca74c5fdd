"""`Progress`, an observer that shows progress on stderr. The command line, scripts and notebooks use it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from bnexp.api.observer import Observer
from bnexp.config import Experiment
from bnexp.experiment.run import Finished
from bnexp.history import Watch
from bnexp.report.progress import Reporter, own_stderr
from bnexp.store.looks import Look
from bnexp.system.listeners import Note
from bnexp.system.terminal import plain


class Progress(Observer):
    """Shows the progress of trainings on stderr: pass `observer=bnexp.Progress()`.

    `finished` lists the runs that were trained. If `quiet`, only warnings are shown.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet, self._kept = quiet, tuple[int, ...]()
        self.finished: list[Finished] = []

    def warn(self, text: str) -> None:
        """Print a warning, even if `quiet`."""
        print(f"WARNING  {plain(text)}", file=sys.stderr)

    def info(self, text: str) -> None:
        """Print a note, unless `quiet`."""
        if not self._quiet:
            print(plain(text), file=sys.stderr)

    @contextmanager
    def checking(self, title: str) -> Iterator[Note]:
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
        """Print the result of a look at this number of seeds."""
        number = planned.index(look.seeds) + 1
        found = ", ".join(f"{arm} {word}" for arm, word in look.words.items())
        self.info(f"look {number} of {len(planned)} at most, {look.seeds:,} seeds: {found}")
