"""Training by name: configs read and checked together, then trained one after the other."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from bnexp import config, store
from bnexp.api.names import RUNS, Name, Names, Overrides, as_list
from bnexp.api.observer import Observer
from bnexp.config import Experiment
from bnexp.errors import Problems, StoppedError, UserError, work_begun
from bnexp.experiment.config_names import config_path, config_paths
from bnexp.experiment.kept_seeds import kept_seeds
from bnexp.experiment.prepare import Asked, Checked, preflight
from bnexp.experiment.run import Finished, train_experiment
from bnexp.experiment.warnings import cautions
from bnexp.report import figures


@dataclass(frozen=True)
class CheckedExperiment:
    """An experiment that can be trained, and what is known of it."""

    experiment: Experiment
    facts: Checked

    @property
    def warnings(self) -> list[str]:
        """List what may mislead in its training; what may mislead in its data is in `facts.data`."""
        return cautions(self.experiment, self.experiment.training.epochs * self.facts.steps)

    def as_json(self) -> dict[str, Any]:
        """Return what `train --dry-run --json` prints: the config with its defaults, and what is known of it."""
        training = self.experiment.training
        return {
            "config": config.compact(self.experiment),
            "data": self.facts.data.as_json(),
            "warnings": self.warnings,
            "seeds": training.seeds,
            "epochs": training.epochs,
            "steps_per_epoch": self.facts.steps,
        }


def check(
    names: Names, overrides: Overrides = (), *, runs: Name = RUNS, observer: Observer | None = None
) -> list[CheckedExperiment]:
    """Read configs and check data, models and trainers; train and write nothing.

    A name is that of a config, `bn` for configs/bn.yaml, or a file. An override is `training.epochs=5`. Both may be
    one text or several.

    Raises:
        UserError: with all that is wrong with any of them, each with its file and line.
    """
    asked = _asked(as_list(names), as_list(overrides), Path(runs))
    facts = checked(asked, observer or Observer())
    return [CheckedExperiment(one.experiment, known) for one, known in zip(asked, facts, strict=True)]


def train(
    names: Names, overrides: Overrides = (), *, runs: Name = RUNS, observer: Observer | None = None
) -> list[Finished]:
    """Train every config named, all seeds at once; return each run, with its record and its history.

    If a run of a config holds fewer seeds than are asked for, only the others are trained.
    All are checked before the first is trained. Where the user stops one, the others are not begun.

    Raises:
        UserError: as `check` does, before anything is trained or written.
        WorkError: if the work cannot go on.
        StoppedError: if the user stops it at once.
    """
    observer, changes, found = observer or Observer(), as_list(overrides), list[Finished]()
    for one in check(names, changes, runs=runs, observer=observer):
        with work_begun(when=bool(found)):
            found.append(train_one(one.experiment, changes, Path(runs), observer))
        if found[-1].interrupted:
            break
    return found


def _asked(names: Sequence[str], overrides: Sequence[str], runs: Path) -> list[Asked]:
    """Read the configs; refuse what is wrong with any of them, with the names and with the place, all at once."""
    if not names:
        raise UserError("No config is named; expected one or more. Name one, such as bn for configs/bn.yaml.")
    found: list[Asked] = []
    problems = Problems()
    with problems.noted():
        store.refuse_unwritable(runs)
    with problems.noted():
        config_paths(names, overrides, runs)
    paths = [path for path in map(config_path, names) if os.path.isfile(path)]
    with problems.noted():
        experiments = config.load_all(paths, overrides)
        wheres = [partial(config.where, path, overrides) for path in paths]
        found = [Asked(*pair) for pair in zip(experiments, wheres, strict=True)]
    problems.refuse()
    return found


def checked(asked: Sequence[Asked], observer: Observer, *, digests: bool = False) -> list[Checked]:
    """Check all that is to be trained (`preflight`); the observer hears what takes its time."""
    title = ", ".join(dict.fromkeys(one.experiment.name for one in asked))
    try:
        with observer.preparing(title) as note:
            return preflight(asked, digests=digests, note=note)
    except KeyboardInterrupt:
        raise StoppedError("Stopped before anything was trained; nothing is kept.") from None


def train_one(experiment: Experiment, overrides: Sequence[str], runs: Path, observer: Observer) -> Finished:
    """Train an experiment that has been checked, but for seeds that an earlier run keeps, and draw its figures."""
    try:
        kept = kept_seeds(experiment, runs, observer.info)
        with observer.training(experiment) as (watch, note):
            finished = train_experiment(experiment, runs, watch=watch, note=note, overrides=overrides, kept=kept)
            finished.record.not_kept += figures.drawn(finished.run)
    except KeyboardInterrupt:
        raise StoppedError(f"Stopped at once. `bnexp runs` lists what is kept of {experiment.name}.") from None
    observer.trained(finished)
    return finished
