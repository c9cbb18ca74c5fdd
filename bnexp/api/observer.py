"""What hears how work goes: nothing by default, the terminal on the command line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from bnexp.config import Experiment
from bnexp.experiment.run import Finished
from bnexp.history import History, Watch
from bnexp.store.comparison_document import Look
from bnexp.store.plan_document import PlanDocument
from bnexp.study.claims import StudyObserver
from bnexp.study.result import Result
from bnexp.system.listeners import Note

if TYPE_CHECKING:
    from bnexp.api.data_sets import DataSet


class Observer(StudyObserver):
    """Hears how work goes. Each method does nothing, and may be replaced."""

    shows_time = False
    """Whether it is worth timing a few steps, so that a study's plan tells how long it takes."""

    def warn(self, text: str) -> None:
        """Hear of something that may mislead."""

    def info(self, text: str) -> None:
        """Hear what is done, and why."""

    @contextmanager
    def preparing(self, title: str) -> Iterator[Note]:
        """Yield what hears the steps of checking experiments before any is trained."""
        yield _nothing

    @contextmanager
    def training(self, experiment: Experiment) -> Iterator[tuple[Watch, Note]]:
        """Yield what hears each epoch, and may ask to stop, and what hears the steps before the first one."""
        yield _goes_on, _nothing

    def trained(self, finished: Finished) -> None:
        """Hear of a run that has just been trained and kept."""

    def looked(self, look: Look, planned: Sequence[int]) -> None:
        """Hear what a look at the arms found, one of several at these numbers of seeds."""

    def fetched(self, data_set: DataSet) -> None:
        """Hear of a data set that has just been brought, or was here before."""

    def planned(self, plan: PlanDocument) -> None:
        """Hear what a study is about to do."""

    def trial_ended(self, result: Result, finished: int, seconds_left: float | None) -> None:
        """Hear of a trial that is finished, how many are by now, and the seconds left."""


def _nothing(text: str) -> None:
    """Hear a step."""


def _goes_on(so_far: Sequence[History]) -> bool:
    """Hear an epoch, and never ask to stop."""
    return False
