"""A comparison by names: each arm is a stored run, or a config that is trained first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bnexp import comparison, config, store
from bnexp.api.experiments import checked, train_one
from bnexp.api.names import RUNS, Name, Names, Overrides, as_list
from bnexp.api.observer import Observer
from bnexp.comparison import Arm, Question, refuse_too_few
from bnexp.errors import StoppedError, work_begun
from bnexp.experiment import outlook, resolve
from bnexp.experiment.arm_names import distinctly_named, with_baseline
from bnexp.experiment.prepare import Asked, Checked
from bnexp.experiment.run import Finished
from bnexp.report import figures
from bnexp.store import ComparisonDocument
from bnexp.store.plan_document import ComparisonPlan

__all__ = ["Comparison", "Question", "compare", "plan_comparison"]


@dataclass(frozen=True)
class Comparison:
    """A comparison that is kept: its directory, what comparison.json holds, and its arms."""

    run: store.Run
    document: ComparisonDocument
    arms: Sequence[Arm]

    @property
    def diverged(self) -> bool:
        """Return True if a seed of any arm diverged."""
        return any(arm.history.diverged_at for arm in self.arms)


def compare(
    names: Names,
    overrides: Overrides = (),
    question: Question | None = None,
    *,
    runs: Name = RUNS,
    observer: Observer | None = None,
) -> Comparison:
    """Compare two arms or more, paired by seed; train those that need it. Each is compared with the last one.

    A name means a config (`bn` for configs/bn.yaml), an experiment, or a run by its directory or id. An override
    is for every arm that has its key. `question` may name the metric that decides, the margin that matters, a value
    to reach, and another baseline.

    Raises:
        UserError: before anything is trained or written, with all that is wrong.
        WorkError: if the work cannot go on.
        StoppedError: if the user stops it.
    """
    runs, observer = Path(runs), observer or Observer()
    design, trained = _designed(names, overrides, question, runs, observer), list[Finished]()
    train = partial(_train, runs=runs, observer=observer, trained=trained)
    arms = resolve.ready(design.planned, design.stored, train)
    with work_begun(when=bool(trained)):
        document = comparison.compare(arms, design.question)
        return Comparison(_keep(runs, arms, document, observer), document, arms)


def plan_comparison(
    names: Names,
    overrides: Overrides = (),
    question: Question | None = None,
    *,
    runs: Name = RUNS,
    observer: Observer | None = None,
) -> ComparisonPlan:
    """Check what `compare` would do, and return which arms it would train and which difference it can detect.

    Nothing is trained or written.

    Raises:
        UserError: with all that is wrong.
    """
    runs, observer = Path(runs), observer or Observer()
    design = _designed(names, overrides, question, runs, observer)
    return outlook.plan(runs, design.planned, design.stored, design.checked, design.question)


@dataclass(frozen=True)
class _Designed:
    """A comparison that can be made: its question and its arms, stored ones and ones that were checked."""

    question: Question
    planned: Sequence[resolve.Planned]
    stored: Mapping[str, Arm]
    checked: Mapping[str, Checked]


def _designed(
    names: Names, overrides: Overrides, question: Question | None, runs: Path, observer: Observer
) -> _Designed:
    """Find out what a comparison is of; refuse all that is wrong with it before anything is trained or written."""
    arm_names = as_list(names)
    refuse_too_few(arm_names)
    store.refuse_unwritable(runs)
    planned = _planned(arm_names, as_list(overrides), runs, observer)
    asked = with_baseline(question or Question(), planned)
    stored = resolve.stored(planned)
    checked_arms = _checked(planned, observer)
    resolve.refuse_unanswerable(asked, planned, stored, checked_arms)
    return _Designed(asked, planned, stored, checked_arms)


def _planned(names: Sequence[str], overrides: Sequence[str], runs: Path, observer: Observer) -> list[resolve.Planned]:
    """Find out what the names mean; the observer hears of overrides that do not apply, and of runs with more seeds."""
    fitting = resolve.fitting_overrides(names, overrides)
    planned = resolve.plan_arms(names, runs, fitting, observer.warn)
    for name in names:
        for override in overrides:
            if override not in fitting[name]:
                observer.info(f"{name}: {override} does not apply there")
    resolve.refuse_twice(planned)
    for item in planned:
        if item.run is not None and item.reason:
            observer.info(f"{item.name}: {item.reason}")
    return distinctly_named(planned)


def _checked(planned: Sequence[resolve.Planned], observer: Observer) -> dict[str, Checked]:
    """Check all arms that are to be trained, by name."""
    names, asked = [], []
    for item in planned:
        if item.experiment is not None and item.config is not None:
            names.append(item.name)
            asked.append(Asked(item.experiment, partial(config.where, item.config, item.overrides)))
    if not asked:
        return {}
    return dict(zip(names, checked(asked, observer, digests=resolve.needs_digests(planned)), strict=True))


def _train(item: resolve.Planned, *, runs: Path, observer: Observer, trained: list[Finished]) -> Finished:
    assert item.experiment is not None
    observer.info(f"training {item.name}: {item.reason}")
    with work_begun(when=bool(trained)):
        trained.append(train_one(item.experiment, item.overrides, runs, observer))
    if trained[-1].interrupted:
        kept = trained[-1].run.directory
        raise StoppedError(f"Interrupted: {kept} keeps the epochs so far. Nothing was compared.")
    return trained[-1]


def _keep(runs: Path, arms: Sequence[Arm], document: ComparisonDocument, observer: Observer) -> store.Run:
    """Write the comparison, the histories behind it and its figures into a directory of its own."""
    with store.new_directory(runs, "-vs-".join(arm.name for arm in arms)) as directory, work_begun():
        store.write_histories(directory, {arm.name: arm.history for arm in arms})
        store.write_record(directory / "comparison.json", document)
        run = store.Run(directory)
        for text in figures.drawn(run):
            observer.warn(text)
    return run
