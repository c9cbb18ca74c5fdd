"""What an arm's name means: a run that exists, or a config that has to be trained first, like a target of make."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ValidationError

from bnexp import comparison, config, store
from bnexp.config import Experiment
from bnexp.config.loading import UNKNOWN_KEY
from bnexp.data.source import source_sha256
from bnexp.errors import ComparisonError, ConfigError, Problems, RunError, UserError, nearest
from bnexp.experiment import Finished
from bnexp.metrics import names
from bnexp.preparing import Checked
from bnexp.show import figures

CONFIGS = Path("configs")
STUDIES = CONFIGS / "studies"


class _Record(BaseModel):
    """What a comparison reads in run.json."""

    class _Dataset(BaseModel):
        task: str
        digest: str
        guessing: dict[str, float] = {}

    class _Parameters(BaseModel):
        trainable: int

    class _Trainer(BaseModel):
        name: str

    class _Pairing(BaseModel):
        splits: dict[str, str]
        batches: dict[Literal["first_epoch", "all_epochs"], dict[str, str]]
        kernels: dict[str, dict[str, str]]

    seeds: int
    seed_epoch_seconds: float | None
    parameters: _Parameters
    trainer: _Trainer
    machine: dict[str, Any]
    versions: dict[str, str]
    dataset: _Dataset
    pairing: _Pairing
    warnings: list[str]


@dataclass(frozen=True)
class Planned:
    """An arm before it takes part: its name and either a finished run or the experiment to train, and why."""

    name: str
    run: store.Run | None
    experiment: Experiment | None = None
    config: Path | None = None
    overrides: Sequence[str] = ()
    reason: str = ""
    given: str = ""
    """What was named on the command line."""

    @property
    def known_as(self) -> list[str]:
        """List what the arm may be called: by its name, and by its run's id if it is a stored run."""
        return [self.name, *([self.run.id] if self.run else [])]


def plan(name: str, runs: Path, overrides: Sequence[str]) -> Planned:
    """Find out what a name means.

    A run directory, a run's id or unique prefix is that run. A config file,
    or NAME where configs/NAME.yaml exists, is its newest finished run with
    the same digest, or is to be trained. Any other NAME is the newest
    finished run of that experiment.

    Raises:
        RunError: if nothing has this name, or several runs do.
        ConfigError: if the config is faulty.
    """
    path = config_file(name)
    if path is None:
        stored = _run(name, runs, overrides)
        return Planned(str(stored.record().get("name", stored.id)), stored)
    experiment = config.load(path, overrides)
    run = _as_it_is_now(runs, experiment)
    if run is not None:
        return Planned(experiment.name, run)
    reason = _reason(newest(runs, experiment.name), experiment)
    return Planned(experiment.name, None, experiment, path, overrides, reason)


def plan_all(names: Sequence[str], runs: Path, overrides: Mapping[str, Sequence[str]]) -> list[Planned]:
    """Find out what several names mean, each with its overrides.

    Raises:
        UserError: with all that is wrong with any of them.
    """
    planned, problems = [], Problems()
    for name in names:
        with problems.noted():
            planned.append(replace(plan(name, runs, overrides[name]), given=name))
    problems.refuse()
    return planned


def fitting_overrides(names: Sequence[str], overrides: Sequence[str]) -> dict[str, list[str]]:
    """Map each arm's name to the overrides that it takes: one that not all have a key for is of those that have.

    So `compare bn nobn model.normalization.momentum=0.9` is about bn alone. A
    key that no arm has stays with all of them, to be refused.
    """
    paths = {name: config_file(name) for name in names}
    takes = {
        (name, override): path is None or _has_key(path, override)
        for name, path in paths.items()
        for override in overrides
    }
    return {
        name: [one for one in overrides if takes[name, one] or not any(takes[other, one] for other in names)]
        for name in names
    }


def _has_key(path: Path, override: str) -> bool:
    """Tell whether an override is of a key that a config may have; what else is wrong will be told in time."""
    try:
        config.load(path, [override])
    except ConfigError as error:
        return not any(
            problem.startswith(f"override {override}: ") and UNKNOWN_KEY in problem for problem in error.problems
        )
    return True


def _reason(stale: store.Run | None, experiment: Experiment) -> str:
    """Say why an experiment has to be trained: what has changed since its newest run, if it has one."""
    if stale is None:
        return "it has no finished run"
    try:
        before = config.load(stale.directory / "config.yaml")
    except UserError:
        return "its newest run cannot be read"
    changes = config.differences(before, experiment)
    listed = ", ".join(f"{key} {old} -> {new}" for key, (old, new) in changes.items())
    return f"changed since its newest run: {listed or 'its data'}"


def config_file(name: str) -> Path | None:
    """Give the config that a name stands for, if there is one: `text/spam-bn` for configs/text/spam-bn.yaml."""
    path = Path(name)
    if path.suffix in (".yaml", ".yml"):
        return path
    named = CONFIGS / f"{name}.yaml"
    inside = not path.is_absolute() and ".." not in path.parts
    return named if inside and named.is_file() else None


def _run(name: str, runs: Path, overrides: Sequence[str]) -> store.Run:
    if overrides:
        raise RunError(f"{name} is a stored run; overrides ({' '.join(overrides)}) need a config. Name a config file.")
    run = newest(runs, name) or store.find(runs, name)
    if run is None:
        raise RunError(f"No run, experiment or config is called {name!r}. {_existing(runs, name)}")
    if run.kind == "comparison":
        raise RunError(f"{run.id} is a comparison; expected a run. Name one of the runs it compares.")
    if run.kind == "study":
        raise RunError(f"{run.id} is a study; expected a run. Name a run, or a config to train.")
    if run.status() != "finished":
        raise RunError(f"{run.id} is {run.status()}; expected a finished run. Train it again.")
    return run


def newest(runs: Path, name: str) -> store.Run | None:
    """Find the newest finished run of an experiment by its name."""
    return next(_finished(runs, name), None)


def _as_it_is_now(runs: Path, experiment: Experiment) -> store.Run | None:
    """Find the newest finished run of an experiment with this config and, of own files, these contents."""
    digest = config.digest(experiment)
    found = [run for run in _finished(runs, experiment.name) if run.record().get("config_digest") == digest]
    if not found:
        return None
    source = source_sha256(experiment.dataset)
    return next((run for run in found if run.record().get("dataset", {}).get("source_sha256") == source), None)


def _finished(runs: Path, name: str) -> Iterator[store.Run]:
    for run in store.runs_in(runs):
        if run.kind == "run" and run.status() == "finished" and run.record().get("name") == name:
            yield run


def _existing(runs: Path, name: str) -> str:
    """List what could have been named: experiments with runs, and configs."""
    finished = [run for run in store.runs_in(runs) if run.kind == "run" and run.status() == "finished"]
    trained = [str(run.record().get("name")) for run in finished]
    names = dict.fromkeys(
        [*trained, *sorted(path.relative_to(CONFIGS).with_suffix("").as_posix() for path in _configs())]
    )
    if names:
        return nearest(name, names)
    return (
        f"There are neither runs ({runs}) nor configs ({CONFIGS}) in {Path.cwd()}. Go to a folder that has them, such "
        "as bnexp's repository, or give the path of a config."
    )


def _configs() -> Iterator[Path]:
    """List the configs of experiments; studies have a folder of their own among them."""
    return (path for path in CONFIGS.rglob("*.yaml") if STUDIES not in path.parents)


def refuse_twice(planned: Sequence[Planned]) -> None:
    """Raise ComparisonError if two names mean one run, or one config that is still to be trained."""
    meant = [item.run.directory.resolve() if item.run else config.digest(experiment_of(item)) for item in planned]
    for item, one in zip(planned, meant, strict=True):
        if meant.count(one) > 1:
            raise ComparisonError(
                f"{item.name} takes part {meant.count(one)} times; expected different arms. Name each arm once."
            )


def experiment_of(item: Planned) -> Experiment:
    """Return what is to be trained, or what a stored run was trained from."""
    if item.experiment is not None:
        return item.experiment
    assert item.run is not None
    return config.load(item.run.directory / "config.yaml")


def stored(planned: Sequence[Planned]) -> dict[str, comparison.Arm]:
    """Read the arms that are stored runs: name -> arm.

    Raises:
        UserError: with all that is missing or damaged in any of them.
    """
    found, problems = {}, Problems()
    for item in planned:
        with problems.noted():
            if item.run is not None:
                found[item.name] = arm(item.name, item.run)
    problems.refuse()
    return found


def needs_digests(planned: Sequence[Planned]) -> bool:
    """Return True if the configs alone do not tell that all arms are of the same rows and splits."""
    datasets = {item.experiment and item.experiment.dataset.model_dump_json() for item in planned}
    return len(datasets) > 1


def refuse_unanswerable(
    question: comparison.Question,
    planned: Sequence[Planned],
    trained: Mapping[str, comparison.Arm],
    checked: Mapping[str, Checked],
) -> None:
    """Raise ComparisonError if the question cannot be answered by these arms: stored ones, and ones to be trained.

    `trained` and `checked` hold what is known of either, by name.
    """
    tasks = {name: arm.record["dataset"]["task"] for name, arm in trained.items()}
    tasks |= {name: facts.task for name, facts in checked.items()}
    known = [trained[item.name].experiment if item.name in trained else experiment_of(item) for item in planned]
    found = [
        names(tasks[item.name], experiment.evaluated_parts()) for item, experiment in zip(planned, known, strict=True)
    ]
    measured = [name for name in found[0] if all(name in metrics for metrics in found)]
    comparison.refuse_impossible(question, [name for item in planned for name in item.known_as], measured)
    if not checked:  # all are trained: what they hold is compared, and the verdict is withheld where it must be
        return
    comparison.refuse_judged_by_what_chose(question, measured, known)
    if needs_digests(planned):
        bases = [_basis(item, trained, checked) for item in planned]
        named = [one for one in bases if question.baseline and question.baseline in (one.name, one.run)]
        baseline = named[0] if named else bases[-1]
        comparison.refuse_other_data(bases, baseline)


def _basis(item: Planned, trained: Mapping[str, comparison.Arm], checked: Mapping[str, Checked]) -> comparison.Basis:
    """Return what an arm was trained on, or is to be."""
    if item.name in trained:
        return comparison.basis_of(trained[item.name])
    facts = checked[item.name]
    return comparison.Basis(item.name, None, experiment_of(item), facts.digest or "", facts.splits or {})


def arm(name: str, run: store.Run, finished: Finished | None = None) -> comparison.Arm:
    """Read a run as an arm of a comparison.

    Raises:
        RunError: if its files are missing or damaged.
    """
    record = finished.record if finished else run.record()
    _checked_record(name, run.directory, record)
    history = finished.history if finished else figures.history_of(run)
    return comparison.Arm(name, run.id, config.load(run.directory / "config.yaml"), history, record)


def _checked_record(name: str, directory: Path, record: dict[str, Any]) -> _Record:
    try:
        return _Record.model_validate(record)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise RunError(f"{directory / 'run.json'}: {place}: {first['msg']}. Train {name} again.") from error


Train = Callable[[Planned], Finished]


def ready(planned: Sequence[Planned], trained: Mapping[str, comparison.Arm], train: Train) -> list[comparison.Arm]:
    """Return all arms, those that are `trained` already and the others once they are."""
    found: list[comparison.Arm] = []
    for item in planned:
        if item.name in trained:
            found.append(trained[item.name])
        else:
            finished = train(item)
            found.append(arm(item.name, finished.run, finished))
    return found
