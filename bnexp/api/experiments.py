"""`check`, `inspect` and `train`: configs are checked together, then trained one after the other."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from bnexp import config, store
from bnexp.api.given_files import are_used, unused_files_removed
from bnexp.api.given_networks import NamedNetwork, Networks, Taken, taken
from bnexp.api.names import RUNS, Arms, Name, Overrides, arms_listed, as_list, with_keywords
from bnexp.api.observer import Observer
from bnexp.api.own_networks import OwnNetworks
from bnexp.api.results import Trained, TrainedRun
from bnexp.config import Experiment
from bnexp.errors import Problems, StoppedError, UserError, listed, work_begun
from bnexp.experiment import lookup
from bnexp.experiment.columns_at_hand import columns_told
from bnexp.experiment.config_names import Name as ArmName
from bnexp.experiment.config_names import config_path, config_paths
from bnexp.experiment.inspection import Inspection, inspected
from bnexp.experiment.kept_seeds import kept_seeds, planned_seeds
from bnexp.experiment.prepare import Checked, ToTrain, preflight
from bnexp.experiment.resume import Interrupted, interrupted_run
from bnexp.experiment.resume import resume as go_on
from bnexp.experiment.run import Finished, train_experiment
from bnexp.report import figures
from bnexp.report.about_data import imbalance
from bnexp.store.plan_document import PlannedSeeds
from bnexp.system.process_state import process_state_kept
from bnexp.system.spelling import command, spelt


@dataclass(frozen=True)
class CheckedExperiment:
    """An experiment that can be trained, with its data, its network and its seeds."""

    experiment: Experiment
    facts: Checked
    seeds: PlannedSeeds
    """The seeds that are stored, and the seeds that are to be trained."""
    goes_on_at: str | None = None
    """With `resume`: a phrase that names the interrupted run and the epoch at which it goes on."""

    @property
    def warnings(self) -> list[str]:
        """List the warnings about the network and the training. Warnings about the data are in `facts.data`."""
        return self.facts.warnings(self.experiment)

    def as_json(self) -> dict[str, Any]:
        """Return what `train --dry-run --json` prints: the config with its defaults, the data, warnings and seeds."""
        training = self.experiment.training
        return {
            "config": config.compact(self.experiment),
            "data": self.facts.data.as_json(),
            "warnings": self.warnings,
            **self.seeds.as_json(),
            "epochs": training.epochs,
            "steps_per_epoch": self.facts.steps,
        }


@process_state_kept()
@unused_files_removed()
def check(
    names: Networks = (),
    overrides: Overrides = (),
    *,
    data: Any = None,
    target: str | None = None,
    arms: Arms | None = None,
    seeds: int | None = None,
    epochs: int | None = None,
    runs: Name = RUNS,
    resume: Name | None = None,
    observer: Observer | None = None,
) -> list[CheckedExperiment]:
    """Check the data, model and training of each config, and return each checked experiment. Nothing is trained.

    Only arrays and models that are given in Python are written to files. A name is `bn` for configs/bn.yaml, a file, or
    a config as a dict. An override is a text such as `training.epochs=5`; `epochs=5` does the same. Both arguments take
    one value or several. With `resume`, the interrupted run that `train` would continue is checked. Networks of your
    own are named as in `compare`, and need `data`.

    Raises:
        UserError: with all mistakes in all configs, each with its file and line.
    """
    observer, problems = observer or Observer(), Problems()
    changes = with_keywords(overrides, seeds, epochs, problems)
    own = OwnNetworks(data, target, arms_listed(arms), Path(runs))
    if resume is not None:
        problems.refuse()
        return [_checked_interrupted(interrupted(names, changes, resume=resume, own=own), observer)]
    asked = _asked(names, changes, own, observer, problems)
    facts = checked(asked, observer)
    return [
        CheckedExperiment(one.experiment, known, planned_seeds(one.experiment, Path(runs)))
        for one, known in zip(asked, facts, strict=True)
    ]


@process_state_kept()
def inspect(checked: CheckedExperiment) -> Inspection:
    """Return the network of a checked experiment layer by layer, and the memory and time that its training takes.

    A few steps are trained and timed. Nothing is kept.

    Raises:
        UserError: if it does not fit in memory.
    """
    return inspected(checked.experiment)


def _checked_interrupted(found: Interrupted, observer: Observer) -> CheckedExperiment:
    """Check the config of an interrupted run."""
    (facts,) = checked([ToTrain(found.experiment, partial(config.where, found.run.config, []))], observer)
    seeds = PlannedSeeds(seeds=found.experiment.training.seeds)
    return CheckedExperiment(found.experiment, facts, seeds, goes_on_at=f"{found.run.id} goes on at {found.head.place}")


@process_state_kept()
@unused_files_removed()
def train(
    names: Networks = (),
    overrides: Overrides = (),
    *,
    data: Any = None,
    target: str | None = None,
    arms: Arms | None = None,
    seeds: int | None = None,
    epochs: int | None = None,
    runs: Name = RUNS,
    resume: Name | None = None,
    observer: Observer | None = None,
) -> Trained:
    """Train every named config, all seeds at once; return a list of the runs, each with its record and its history.

        trained = bnexp.train("configs/bn.yaml", seeds=5)
        trained[0].history.final("val_accuracy")  # (seeds,)
        trained.frame()                           # a row for each run, seed, epoch and metric

    All configs are checked before the first is trained. If a finished run already holds some of the seeds, only the
    other seeds are trained. If the user stops one training, no further training is begun. `resume` is the directory or
    id of an interrupted run. That run goes on from its checkpoint. Its own config may be named, too. Networks of your
    own are named as in `compare`, and need `data`. Without `arms`, they are trained as written.

    Raises:
        UserError: as `check` does, before anything is trained or written; or if the run cannot go on.
        WorkError: if the work cannot go on.
        StoppedError: if the user stops it at once.
    """
    observer, problems, found = observer or Observer(), Problems(), Trained()
    changes = with_keywords(overrides, seeds, epochs, problems)
    own = OwnNetworks(data, target, arms_listed(arms), Path(runs))
    if resume is not None:
        problems.refuse()
        return Trained([_resumed(interrupted(names, changes, resume=resume, own=own), observer)])
    asked = _asked(names, changes, own, observer, problems)
    found_facts = checked(asked, observer)
    of_each = (
        imbalance(facts.data, measured=one.experiment.training.metrics)
        for one, facts in zip(asked, found_facts, strict=True)
    )
    for text in filter(None, dict.fromkeys(of_each)):
        observer.warn(text)
    for one in asked:
        with work_begun(when=bool(found)):
            found.append(train_one(one.experiment, changes, Path(runs), observer))
        if found[-1].interrupted:
            break
    return found


def _asked(
    networks: Networks, overrides: Sequence[str], own: OwnNetworks, observer: Observer, problems: Problems
) -> list[ToTrain]:
    """Read the configs; raise one UserError with all mistakes in the configs, in their names and in the arguments."""
    names = list[ArmName]()
    with problems.noted():
        names = own.arms_of(networks, overrides, observer, compared=False)
        if not names:
            raise UserError("No config is named; expected one or more. Name one, such as bn for configs/bn.yaml.")
    return _read(names, overrides, own.runs, problems)


def _read(names: Sequence[ArmName], overrides: Sequence[str], runs: Path, problems: Problems) -> list[ToTrain]:
    """Read the configs; raise one UserError with their mistakes, and with the problems that are known."""
    found = list[ToTrain]()
    with problems.noted():
        store.refuse_unwritable(runs)
    with problems.noted():
        config_paths([name for name in names if isinstance(name, str)], overrides, runs)
    sources = [config_path(name) if isinstance(name, str) else name for name in names]
    sources = [source for source in sources if not isinstance(source, Path) or os.path.isfile(source)]
    with problems.noted(), columns_told(sources, overrides):
        experiments = config.load_all(sources, overrides)
        wheres = [partial(config.where, source, overrides) for source in sources]
        found = [ToTrain(*pair) for pair in zip(experiments, wheres, strict=True)]
    problems.refuse()
    return found


def checked(asked: Sequence[ToTrain], observer: Observer, *, digests: bool = False) -> list[Checked]:
    """Check all experiments (`preflight`), and return the result for each. The observer is shown the slow steps."""
    title = ", ".join(dict.fromkeys(one.experiment.name for one in asked))
    try:
        with observer.checking(title) as note:
            return preflight(asked, digests=digests, note=note)
    except KeyboardInterrupt:
        raise StoppedError("Stopped before anything was trained; nothing is kept.") from None


def interrupted(names: Networks, overrides: Overrides, *, resume: Name, own: OwnNetworks) -> Interrupted:
    """Return the interrupted run that `resume` names. If a config is named, too, it has to be the run's own.

    Raises:
        UserError: if there is no such run, other settings are given, or the config differs from the run's.
    """
    found = interrupted_run(own.runs, str(resume))
    paths, changes = [_as_name(one) for one in taken(names, (), own.runs)], as_list(overrides)
    seen = [f"{len(paths)} configs"] if len(paths) > 1 else []
    seen += [f"overrides ({' '.join(changes)})"] if changes and len(paths) != 1 else []
    seen += own.given
    if seen:
        raise UserError(
            f"{spelt('resume')} takes all settings from {found.run.id}, and got {listed(seen)}. Name the run alone."
        )
    for one in _read(paths, changes, own.runs, Problems()) if paths else []:
        if changed := config.differences(found.experiment, one.experiment):
            lines = "; ".join(f"{key} was {then} and is {now}" for key, (then, now) in changed.items())
            raise UserError(
                f"{found.run.id} was begun with another config: {lines}. Name the run alone to go on with its own, "
                f"or leave out {spelt('resume')} to train this config."
            )
    return found


def _as_name(one: Taken) -> ArmName:
    return str(one.section.get("build") or one.section.get("path")) if isinstance(one, NamedNetwork) else one


def _resumed(found: Interrupted, observer: Observer) -> TrainedRun:
    """Train the rest of an interrupted run, and draw its figures; return the run."""
    observer.info(f"{found.experiment.name}: {found.run.id} goes on at {found.head.place}")
    observer.seeds_kept(found.head.finished)
    try:
        with observer.training(found.experiment) as (watch, note):
            finished = go_on(found, watch=watch, note=note, draw=figures.drawn)
    except KeyboardInterrupt:
        raise StoppedError(f"Stopped at once. To go on: {found.run.going_on}") from None
    return _heard(finished, observer)


def train_one(
    experiment: Experiment, overrides: Sequence[str], runs: Path, observer: Observer, *, compared: bool = False
) -> TrainedRun:
    """Train a checked experiment, without the seeds that an earlier run keeps, and draw its figures; return the run.

    `compared` is True if the experiment is an arm of a comparison.
    """
    are_used()
    if (offer := lookup.offer(runs, experiment, compared=compared)) is not None:
        observer.info(offer)
    try:
        kept = kept_seeds(experiment, runs, observer.info)
        observer.seeds_kept(() if kept is None else kept.seeds)
        with observer.training(experiment) as (watch, note):
            finished = train_experiment(
                experiment, runs, watch=watch, note=note, overrides=overrides, kept=kept, draw=figures.drawn
            )
    except KeyboardInterrupt:
        raise StoppedError(f"Stopped at once. `{command('runs')}` lists what is kept of {experiment.name}.") from None
    return _heard(finished, observer)


def _heard(finished: Finished, observer: Observer) -> TrainedRun:
    """Report a run to the observer, with the command that continues it if it was interrupted; return the run."""
    found = TrainedRun.of(finished)
    observer.trained(found)
    if found.interrupted and (head := found.run.checkpoint()) is not None:
        observer.info(f"{found.record.name} is at {head.place}. To go on: {found.run.going_on}")
    return found
