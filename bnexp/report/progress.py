"""Progress during training: redrawn in a terminal, ten lines in all elsewhere, nothing with `--quiet`."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TextIO, cast

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

from bnexp.history import History
from bnexp.metrics import headline, is_computed, number, part_of, with_unit
from bnexp.report.console import with_spread
from bnexp.report.plan_table import duration, study_plan
from bnexp.report.styles import warning
from bnexp.store.plan_document import PlanDocument
from bnexp.study.grid import level_text
from bnexp.study.result import Result
from bnexp.system.terminal import Stream, is_descriptor, plain

REDRAWN_EVERY_SECONDS = 0.1
LINES = 10
"""Lines of progress in all, if the output is not a terminal."""
LEAST_LEFT_SECONDS = 10.0
"""The remaining time is shown if it is at least this long."""


@contextmanager
def own_stderr() -> Iterator[Console]:
    """Yield a console that writes to a copy of stderr. It works even while TensorFlow's output to stderr is suppressed.

    In a notebook, `sys.stderr` is not the process's stderr, and is used directly. If writing fails, the work goes on:
    see `Stream`.
    """
    if not is_descriptor(sys.stderr, 2):
        yield Console(file=cast("TextIO", Stream(sys.stderr)))
        return
    copy = os.fdopen(os.dup(2), "w", encoding=sys.stderr.encoding or "utf-8")
    try:
        yield Console(file=cast("TextIO", Stream(copy)))
    finally:
        with suppress(OSError):
            copy.close()


class Reporter:
    """Reports on a console how one experiment trains: call `note` before the first epoch, `watch` after each epoch.

    `kept` are seeds that were finished earlier. `watch` gets their histories, too, but shows only the other seeds.
    """

    def __init__(
        self, console: Console, title: str, *, epochs: int, seeds: int, quiet: bool, kept: Collection[int] = ()
    ) -> None:
        self._console, self._title, self._epochs, self._seeds = console, plain(title), epochs, seeds - len(kept)
        self._kept = frozenset(kept)
        self._disabled, self._lines = quiet, not quiet and not console.is_terminal
        self._said, self._next = 0, 0.0
        self._first: tuple[float, int] | None = None
        self._one_by_one = False
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=quiet or not console.is_terminal,
        )
        self._task = self._progress.add_task(self._title, total=None)

    @contextmanager
    def live(self) -> Iterator[Reporter]:
        """Show progress while the block runs."""
        with self._progress:
            yield self

    def note(self, text: str) -> None:
        """Show a text with a spinner, for work before the first epoch that cannot be counted."""
        self._progress.update(self._task, description=f"{self._title}: {plain(text)}")

    def watch(self, so_far: Sequence[History]) -> bool:
        """Show the epoch that has just finished, from the histories so far. Return False: never ask to stop."""
        now, so_far = time.monotonic(), [one for one in so_far if not self._kept.issuperset(one.seeds)]
        done, total = sum(sum(history.epochs_S) for history in so_far), self._epochs * self._seeds
        tenth, self._first = LINES * done // total, self._first or (now, done)
        if not so_far or self._disabled or (now < self._next and tenth == self._said):
            return False
        self._next = now + REDRAWN_EVERY_SECONDS
        line = f"{self._title}: {self._epoch(so_far)}  {_spread(so_far, 'loss')}"
        line += f"  {_spread(so_far, _watched(so_far[0].metrics))}"
        if sum(len(history.seeds) for history in so_far) > 1:
            finished = ", finished seeds at their last epoch" if self._one_by_one else ""
            line += f"  (mean ± standard deviation{finished})"
        self._progress.update(self._task, total=total, completed=done, description=line)
        if self._lines and tenth > self._said:
            self._console.print(Text(line + self._left(now, done, total)), soft_wrap=True)
        self._said = tenth
        return False

    def _left(self, now: float, done: int, total: int) -> str:
        """Return in words how long the other epochs may take; "" if less than LEAST_LEFT_SECONDS.

        The estimate is based on the epochs since the first call of `watch`.
        """
        assert self._first is not None
        begun, before = self._first
        seconds = (total - done) * (now - begun) / max(1, done - before)
        return f"; {duration(seconds)} left" if seconds >= LEAST_LEFT_SECONDS else ""

    def _epoch(self, so_far: Sequence[History]) -> str:
        """Return the epoch in words. If not all seeds are trained at once, return the last seed begun, too."""
        begun, epochs_S = sum(len(history.seeds) for history in so_far), so_far[-1].epochs_S
        self._one_by_one |= begun < self._seeds
        if self._one_by_one:
            return f"seed {begun}/{self._seeds}, epoch {epochs_S[-1]}/{self._epochs}"
        return f"epoch {max(epochs_S)}/{self._epochs}"


class StudyReporter:
    """Reports on a console how a study progresses: the plan first, then a line after each finished trial."""

    def __init__(self, console: Console, *, quiet: bool) -> None:
        self._console, self._of, self._quiet = console, 0, quiet

    def planned(self, plan: PlanDocument) -> None:
        """Show the plan of the study that is about to run."""
        self._of = plan.of
        if not self._quiet:
            self._console.print(study_plan(plan), soft_wrap=True, highlight=False)

    def warn(self, text: str) -> None:
        """Print a warning."""
        if not self._quiet:
            self._console.print(warning(text), soft_wrap=True, highlight=False)

    def trial_ended(self, result: Result, finished: int, seconds_left: float | None) -> None:
        """Report a trial that has just been finished."""
        if self._quiet:
            return
        levels = "".join(f"{name}={level_text(level)}, " for name, level in result.levels.items())
        found = f"{finished}/{self._of} {levels}{result.arm}: {_headline(result)}"
        left = f"; {duration(seconds_left)} left" if seconds_left else ""
        self._console.print(Text(plain(found + left)), soft_wrap=True)


def _watched(measured: Collection[str]) -> str:
    """Return the metric to show: one that the config asks for at each epoch, since it may decide; else the headline.

    >>> _watched(["loss", "val_loss", "val_accuracy", "val_auc"]), _watched(["loss", "val_loss", "val_accuracy"])
    ('val_auc', 'val_accuracy')
    """
    usual = headline(measured)
    return next((one for one in measured if is_computed(one) and part_of(one) == part_of(usual)), usual)


def _headline(result: Result) -> str:
    metric = headline(result.final)
    finite = [value for value in result.final[metric] if value is not None]
    said = f"{with_unit(metric)} {number(metric, float(np.mean(finite)) if finite else None)}"
    chosen = "" if result.tuned is None else f", {result.tuned.key}={level_text(result.tuned.value)}"
    return said + chosen


def _spread(so_far: Sequence[History], metric: str) -> str:
    """Write the mean and standard deviation of a metric over the seeds, each at its newest epoch."""
    values_S = np.concatenate([history.newest(metric) for history in so_far])
    values_S = values_S[np.isfinite(values_S)]
    if not len(values_S):
        return f"{with_unit(metric)} -"
    mean, deviation = float(values_S.mean()), float(values_S.std(ddof=1)) if len(values_S) > 1 else None
    return f"{with_unit(metric)} {with_spread(metric, mean, deviation)}"
