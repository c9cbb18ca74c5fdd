"""What hears how work goes: by default only warnings are shown, as Python's; the terminal on the command line."""

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
from bnexp.store.comparison_document import Look
from bnexp.store.plan_document import PlanDocument
from bnexp.study.claims import Answer, StudyObserver
from bnexp.study.result import Result
from bnexp.system.listeners import Note

if TYPE_CHECKING:
    from bnexp.api.data_sets import DataSet


class Observer(StudyObserver):
    """What to do as work goes on. Each method but `warn` does nothing, and each may be replaced."""

    shows_time = False
    """Whether it is worth timing a few steps, so that a study's plan tells how long it takes."""

    def warn(self, text: str) -> None:
        """Handle a warning: something may mislead. It becomes a `bnexp.BnexpWarning` at the line that called bnexp."""
        warnings.warn(text, BnexpWarning, stacklevel=_frames_within() + 1)

    def info(self, text: str) -> None:
        """Handle a note: what is done, and why."""

    @contextmanager
    def preparing(self, title: str) -> Iterator[Note]:
        """Yield what hears the steps of checking experiments before any is trained."""
        yield _nothing

    def seeds_kept(self, seeds: Sequence[int]) -> None:
        """Handle which seeds of the experiment that is trained next are finished: `training` tells of them, too."""

    @contextmanager
    def training(self, experiment: Experiment) -> Iterator[tuple[Watch, Note]]:
        """Yield what hears each epoch, and may ask to stop, and what hears the steps before the first one."""
        yield _goes_on, _nothing

    def trained(self, finished: Finished) -> None:
        """Handle a run that has just been trained and kept."""

    def looked(self, look: Look, planned: Sequence[int]) -> None:
        """Handle what a look at the arms found, one of several at these numbers of seeds."""

    def fetched(self, data_set: DataSet) -> None:
        """Handle a data set that has just been brought, or was here before."""

    def planned(self, plan: PlanDocument) -> None:
        """Handle the plan of a study that is about to run."""

    def trial_ended(self, result: Result, finished: int, seconds_left: float | None) -> None:
        """Handle a trial that is finished, how many are by now, and the seconds left."""

    def answered(self, answer: Answer) -> None:
        """Handle the answer of one of several studies."""


class Silent(Observer):
    """Hears what another one has heard before."""

    def warn(self, text: str) -> None:
        """Handle a warning that has been told."""


def _frames_within() -> int:
    """Count the frames from the caller up that lie within bnexp."""
    frame: FrameType | None = sys._getframe(1)
    count = 0
    while frame is not None and frame.f_code.co_filename.startswith(WITHIN):
        frame, count = frame.f_back, count + 1
    return count


def _nothing(text: str) -> None:
    """Handle a step."""


def _goes_on(so_far: Sequence[History]) -> bool:
    """Handle an epoch, and never ask to stop."""
    return False
