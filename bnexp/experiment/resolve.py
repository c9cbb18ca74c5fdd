"""What an arm's name means: a run that exists, or a config that must be trained first, as with a target of make."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import ValidationError

from bnexp import comparison, config, store
from bnexp.config import Experiment
from bnexp.config.at_hand import ConfigSource
from bnexp.config.files import shown
from bnexp.config.loading import has_key
from bnexp.config.overrides import seeds_typed
from bnexp.config.section import Task
from bnexp.errors import ComparisonError, Problems, RunError
from bnexp.experiment import columns_at_hand, lookup, stale
from bnexp.experiment.config_names import Name, config_source, nearest_names
from bnexp.experiment.finished_seeds import other_epochs
from bnexp.experiment.prepare import Checked
from bnexp.experiment.run import Finished
from bnexp.history import History
from bnexp.system.listeners import Warn


@dataclass(frozen=True)
class Planned:
    """An arm before the comparison: its name, and either a finished run, or the experiment to train and the reason."""

    name: str
    run: store.Run | None
    experiment: Experiment | None = None
    config: ConfigSource | None = None
    overrides: Sequence[str] = ()
    reason: str = ""
    given: str = ""
    """What the user typed on the command line."""

    @property
    def known_as(self) -> list[str]:
        """List the names that the user can call the arm by: its name and, for a stored run, the run's id."""
        return [self.name, *([self.run.id] if self.run else [])]


def plan_arm(name: Name, runs: Path, overrides: Sequence[str], warn: Warn = lambda text: None) -> Planned:
    """Return the arm that a name means.

    A run directory, a run's id or its unique prefix means that run. A config file, or NAME if configs/NAME.yaml
    exists, means the newest finished run that has the same digest and all the seeds. If there is none, the config will
    be trained. Any other NAME means the newest finished run of that experiment.

    Raises:
        RunError: if nothing has this name, or several runs do.
        ConfigError: if the config is faulty.
    """
    source = config_source(name)
    if source is None:
        stored = _run(str(name), runs, overrides, warn)
        return Planned(stored.record().name or stored.id, stored)
    experiment = columns_at_hand.loaded(source, overrides)
    if (found := lookup.answering(runs, experiment)) is not None:
        run, seeds = found
        return Planned(experiment.name, run, reason=_more_seeds(run, len(seeds), experiment.training.seeds, overrides))
    return Planned(experiment.name, None, experiment, source, overrides, stale.reason(runs, experiment, overrides))


def plan_arms(
    names: Sequence[Name], runs: Path, overrides: Mapping[Name, Sequence[str]], warn: Warn = lambda text: None
) -> list[Planned]:
    """Return the arm that each name means, with its overrides. `warn` is called for runs that are skipped.

    Raises:
        UserError: with all problems of all names.
    """
    planned, problems = [], Problems()
    for name in names:
        with problems.noted():
            planned.append(replace(plan_arm(name, runs, overrides[name], warn), given=str(name)))
    problems.refuse()
    return planned


def fitting_overrides(names: Sequence[Name], overrides: Sequence[str]) -> dict[Name, list[str]]:
    """Map each arm's name to its overrides. If only some arms have a key, only they get the override.

    So `compare bn nobn model.normalization.momentum=0.9` changes bn alone. A key that no arm has goes to all.
    """
    sources = {name: config_source(name) for name in names}
    takes = {
        (name, override): source is None or has_key(source, override)
        for name, source in sources.items()
        for override in overrides
    }
    return {
        name: [one for one in overrides if takes[name, one] or not any(takes[other, one] for other in names)]
        for name in names
    }


def _more_seeds(run: store.Run, stored: int, asked: int, overrides: Sequence[str]) -> str:
    """Return a note if a run holds more seeds than are asked for; else an empty text.

    A number of seeds that the user typed means exactly this number. A number in a config is a minimum.
    """
    is_typed = seeds_typed(overrides) is not None
    used = f"its first {asked} are used" if is_typed else "those that all arms have are used"
    return f"{run.id} holds {stored} seeds, more than the {asked} asked for; {used}" if stored > asked else ""


def _run(name: str, runs: Path, overrides: Sequence[str], warn: Warn) -> store.Run:
    run = lookup.named(runs, name, warn)
    if run is None:
        raise RunError(f"No run, experiment or config is called {shown(name)!r}. {nearest_names(runs, name)}")
    others = {"comparison": "Name one of the runs it compares.", "study": "Name a run, or a config to train."}
    if cure := others.get(run.kind):
        raise RunError(f"{run.id} is a {run.kind}; expected a run. {cure}")
    state = run.state()
    if state.status != "finished":
        why = f" ({state.reason.rstrip('.')})" if state.reason else ""
        raise RunError(f"{run.id} is {state.status}{why}; expected a finished run. {_cure(run, state.status)}")
    if overrides:
        seen = f"{name} is a stored run; overrides ({' '.join(overrides)}) need a config"
        raise RunError(f"{seen}. Name its config: {run.directory / 'config.yaml'}.")
    return run


def _cure(run: store.Run, status: store.Status) -> str:
    """Return what the user can do about a run that is not finished."""
    if status == "running":
        return "Wait for it, or stop it."
    if status == "interrupted" and run.checkpoint() is not None:
        return f"To go on with it: {run.going_on}"
    return "Train it again."


def refuse_twice(planned: Sequence[Planned]) -> None:
    """Raise ComparisonError if two names mean one run, or one config that is still to be trained."""
    meant = [item.run.directory.resolve() if item.run else _to_train(experiment_of(item)) for item in planned]
    for item, one in zip(planned, meant, strict=True):
        if meant.count(one) > 1:
            raise ComparisonError(
                f"{item.name} takes part {meant.count(one)} times; expected different arms. Name each arm once."
            )


def _to_train(experiment: Experiment) -> tuple[str, int]:
    return config.digest(experiment), experiment.training.seeds


def experiment_of(item: Planned) -> Experiment:
    """Return the experiment that will be trained, or that a stored run was trained from."""
    if item.experiment is not None:
        return item.experiment
    assert item.run is not None
    return config.load(item.run.config)


def stored(planned: Sequence[Planned]) -> dict[str, comparison.Arm]:
    """Return the arms that are stored runs, read from their files: name -> arm.

    Raises:
        UserError: with all files that are missing or damaged.
    """
    found, problems = {}, Problems()
    for item in planned:
        with problems.noted():
            if item.run is not None:
                found[item.name] = arm(item.name, item.run)
    problems.refuse()
    return found


def needs_digests(planned: Sequence[Planned]) -> bool:
    """Return True if only digests can show that all arms have the same rows and splits, and not their configs."""
    datasets = {item.experiment and item.experiment.dataset.model_dump_json() for item in planned}
    return len(datasets) > 1


def refuse_unanswerable(
    question: comparison.Question,
    planned: Sequence[Planned],
    stored: Mapping[str, comparison.Arm],
    checked: Mapping[str, Checked],
) -> None:
    """Raise ComparisonError if these arms cannot answer the question.

    `stored` maps names to stored arms, and `checked` to the facts about arms that will be trained.
    """
    known, measured = experiments_of(planned, stored), measured_by(planned, stored, checked)
    each_epoch = measured_by(planned, stored, checked, is_each_epoch=True)
    told = _data_of(stored, checked)
    predictions = comparison.predictions_of((*told[item.name], one) for item, one in zip(planned, known, strict=True))
    names = [name for item in planned for name in item.known_as]
    comparison.refuse_impossible(question, names, measured, each_epoch, predictions)
    facts = [arm.record.dataset for arm in stored.values()]
    comparison.refuse_one_class(question.metric, [*facts, *(one.data for one in checked.values())])
    if not checked:  # all arms are stored: their contents are compared, and a verdict is withheld if necessary
        return
    for item, one in zip(planned, known, strict=True):
        if item.name in checked:
            comparison.refuse_too_large(question.metric, item.name, one, checked[item.name].data)
    comparison.refuse_judged_by_what_chose(question, measured, known)
    if needs_digests(planned):
        bases = [_basis(item, stored, checked) for item in planned]
        place = comparison.place_of_baseline(question, [item.known_as for item in planned])
        comparison.refuse_other_data(bases, bases[place])


def experiments_of(planned: Sequence[Planned], stored: Mapping[str, comparison.Arm]) -> list[Experiment]:
    """List the experiment of each arm."""
    return [stored[item.name].experiment if item.name in stored else experiment_of(item) for item in planned]


def measured_by(
    planned: Sequence[Planned],
    stored: Mapping[str, comparison.Arm],
    checked: Mapping[str, Checked],
    *,
    is_each_epoch: bool = False,
) -> list[str]:
    """List the metrics that all arms measure or will measure; with `is_each_epoch`, only each epoch's metrics."""
    known, found = _data_of(stored, checked), []
    for item, one in zip(planned, experiments_of(planned, stored), strict=True):
        in_the_end = [] if is_each_epoch else comparison.computed_by(*known[item.name], one)
        found.append([*dict.fromkeys([*one.measured(known[item.name][0]), *in_the_end])])
    return [name for name in found[0] if all(name in metrics for metrics in found)]


def _data_of(
    stored: Mapping[str, comparison.Arm], checked: Mapping[str, Checked]
) -> dict[str, tuple[Task, store.DataFacts]]:
    """Map each arm to the task of its data and the facts about them."""
    read = {name: (arm.record.dataset.task, arm.record.dataset) for name, arm in stored.items()}
    return {**read, **{name: (facts.task, facts.data) for name, facts in checked.items()}}


def _basis(item: Planned, stored: Mapping[str, comparison.Arm], checked: Mapping[str, Checked]) -> comparison.Basis:
    """Return the facts about what an arm was, or will be, trained on."""
    if item.name in stored:
        return comparison.basis_of(stored[item.name])
    facts = checked[item.name]
    experiment = experiment_of(item)
    unit = comparison.error_unit_of(experiment, facts.data)
    return comparison.Basis(item.name, None, experiment, facts.digest or "", facts.splits or {}, unit)


def arm(name: str, run: store.Run, finished: Finished | None = None) -> comparison.Arm:
    """Read a run as an arm of a comparison.

    Raises:
        RunError: if its files are missing or damaged.
    """
    experiment = config.load(run.config)
    if finished is not None:
        record = _checked_record(name, run.directory, finished.record)
        return comparison.Arm(name, run.id, experiment, finished.history, record, run.held_out(record))
    record = _checked_record(name, run.directory, run.record())
    history, rows = run.measured(record)
    _refuse_gaps(name, run.directory, record, history, experiment)
    return comparison.Arm(name, run.id, experiment, history, record, rows)


def _refuse_gaps(
    name: str, directory: Path, record: store.ComparedRecord, history: History, experiment: Experiment
) -> None:
    """Raise RunError if a seed has no digest, an expected metric has no values, or a seed has other epochs."""
    if (missing := record.pairing.lacks(history.seeds)) is not None:
        raise RunError(f"{directory / 'run.json'}: {missing}. Train {name} again.")
    measured = experiment.measured(record.dataset.task)
    if lost := [metric for metric in measured if metric not in history.metrics]:
        raise RunError(f"{directory / 'history.json'}: has no {', '.join(lost)}. Train {name} again.")
    for text in other_epochs(history, experiment.training):
        raise RunError(f"{directory / 'history.json'}: {text}. Train {name} again.")


def _checked_record(name: str, directory: Path, record: store.RunRecord) -> store.ComparedRecord:
    try:
        return store.ComparedRecord.model_validate(record.as_json())
    except ValueError as error:
        fault = store.first_fault(error) if isinstance(error, ValidationError) else "is nested too deeply to be kept"
        raise RunError(f"{directory / 'run.json'}: {fault}. Train {name} again.") from error


Train = Callable[[Planned], Finished]


def trained_arms(
    planned: Sequence[Planned], stored: Mapping[str, comparison.Arm], train: Train
) -> list[comparison.Arm]:
    """Return all arms: those that are `stored`, and the others after `train` has trained them."""
    found: list[comparison.Arm] = []
    for item in planned:
        if item.name in stored:
            found.append(stored[item.name])
        else:
            finished = train(item)
            found.append(arm(item.name, finished.run, finished))
    return found
