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
from bnexp.study.claims import Answer, StudyObserver
from bnexp.study.result import Result
from bnexp.system.listeners import Note

if TYPE_CHECKING:
    from bnexp.api.data_sets import DataSet


class Observer(StudyObserver):
    """What to do as work goes on. Each method does nothing, and may be replaced."""

    shows_time = False
    """Whether it is worth timing a few steps, so that a study's plan tells how long it takes."""

    def warn(self, text: str) -> None:
        """Handle a warning: something may mislead."""

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


def _nothing(text: str) -> None:
    """Handle a step."""


def _goes_on(so_far: Sequence[History]) -> bool:
    """Handle an epoch, and never ask to stop."""
    return False
