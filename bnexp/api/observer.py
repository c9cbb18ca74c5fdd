"""`Observer`, whose methods are called while work goes on. By default only warnings are shown, as Python warnings."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

from bnexp.config import Experiment
from bnexp.errors import WITHIN, BnexpWarning
from bnexp.experiment.run import Finished
from bnexp.history import History, Watch
from bnexp.store.looks import Look
from bnexp.store.plan_document import PlanDocument
from bnexp.study.claims import Answer, StudyObserver
from bnexp.study.result import Result
from bnexp.system.listeners import Note

if TYPE_CHECKING:
    from bnexp.api.data_sets import DataSet


class Observer(StudyObserver):
    """Methods that are called while work goes on. By default all but `warn` do nothing. A subclass may override any."""

    shows_time = False
    """Whether a few steps are timed, so that a study's plan shows how long the study takes."""

    def warn(self, text: str) -> None:
        """Handle a warning. By default, issue a `bnexp.BnexpWarning` for the line that called bnexp."""
        warnings.warn(text, BnexpWarning, stacklevel=_frames_within() + 1)

    def info(self, text: str) -> None:
        """Handle a note on what is done and why."""

    @contextmanager
    def checking(self, title: str) -> Iterator[Note]:
        """Yield a function that is called with each step of the checks before the training."""
        yield _nothing

    def seeds_kept(self, seeds: Sequence[int]) -> None:
        """Handle the finished seeds of the next experiment. Their histories are among those that `training` reports."""

    @contextmanager
    def training(self, experiment: Experiment) -> Iterator[tuple[Watch, Note]]:
        """Yield two functions: one for each epoch, which may ask to stop, and one for the steps before the first."""
        yield _goes_on, _nothing

    def trained(self, finished: Finished) -> None:
        """Handle a run that has just been trained and stored."""

    def looked(self, look: Look, planned: Sequence[int]) -> None:
        """Handle the result of one look at the arms. `planned` lists the numbers of seeds of all planned looks."""

    def fetched(self, data_set: DataSet) -> None:
        """Handle a data set that has just been downloaded, or was here before."""

    def planned(self, plan: PlanDocument) -> None:
        """Handle the plan of a study that is about to run."""

    def trial_ended(self, result: Result, finished: int, seconds_left: float | None) -> None:
        """Handle a finished trial. `finished` counts the trials that are finished now."""

    def answered(self, answer: Answer) -> None:
        """Handle the answer of one study of `claims`."""


class Silent(Observer):
    """Ignores everything. It is used for checks that another observer has already followed."""

    def warn(self, text: str) -> None:
        """Ignore a warning."""


class Held(Observer):
    """Holds notes and warnings, which its caller passes on if nothing is refused. Another one follows the checks."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self.notes, self.warnings = list[str](), list[str]()

    def info(self, text: str) -> None:
        """Hold a note."""
        self.notes.append(text)

    def warn(self, text: str) -> None:
        """Hold a warning."""
        self.warnings.append(text)

    @contextmanager
    def checking(self, title: str) -> Iterator[Note]:
        """Let the other observer follow."""
        with self._observer.checking(title) as note:
            yield note


def _frames_within() -> int:
    """Count the stack frames that belong to bnexp, from the caller of this function upwards."""
    frame: FrameType | None = sys._getframe(1)
    count = 0
    while frame is not None and frame.f_code.co_filename.startswith(WITHIN):
        frame, count = frame.f_back, count + 1
    return count


def _nothing(text: str) -> None:
    """Ignore a step."""


def _goes_on(so_far: Sequence[History]) -> bool:
    """Ignore an epoch, and return False: do not stop."""
    return False
