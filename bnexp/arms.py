"""What an arm's name means: a run that exists, or a config that has to be trained first, like a target of make."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bnexp import comparison, config, store
from bnexp.config import Experiment
from bnexp.errors import RunError, nearest
from bnexp.experiment import Finished
from bnexp.show import figures

CONFIGS = Path("configs")
NEEDED = ("seeds", "epoch_seconds", "parameters", "trainer", "machine", "versions", "dataset", "pairing", "warnings")
"""What a comparison reads in run.json."""


@dataclass(frozen=True)
class Planned:
    """An arm before it takes part: its name and either a finished run or the experiment to train, and why."""

    name: str
    run: store.Run | None
    experiment: Experiment | None = None
    config: Path | None = None
    reason: str = ""


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
        return Planned(name, _run(name, runs, overrides))
    experiment = config.load(path, overrides)
    run = newest(runs, experiment.name, config.digest(experiment))
    if run is not None:
        return Planned(experiment.name, run)
    stale = newest(runs, experiment.name) is not None
    reason = "its config has changed since its newest run" if stale else "it has no finished run"
    return Planned(experiment.name, None, experiment, path, reason)


def config_file(name: str) -> Path | None:
    """Give the config that a name stands for, if there is one."""
    path = Path(name)
    if path.suffix in (".yaml", ".yml"):
        return path
    named = CONFIGS / f"{name}.yaml"
    return named if len(path.parts) == 1 and named.is_file() else None


def _run(name: str, runs: Path, overrides: Sequence[str]) -> store.Run:
    if overrides:
        raise RunError(f"{name} is a stored run; overrides ({' '.join(overrides)}) need a config. Name a config file.")
    run = newest(runs, name) or store.find(runs, name)
    if run is None:
        raise RunError(f"No run, experiment or config is called {name!r}. {_existing(runs, name)}")
    if run.kind == "comparison":
        raise RunError(f"{run.id} is a comparison; expected a run. Name one of the runs it compares.")
    if run.status() != "finished":
        raise RunError(f"{run.id} is {run.status()}; expected a finished run. Train it again.")
    return run


def newest(runs: Path, name: str, digest: str | None = None) -> store.Run | None:
    """Find the newest finished run of an experiment, by its name and, if given, its config's digest."""
    for run in store.runs_in(runs):
        if run.kind == "run" and run.status() == "finished":
            record = run.record()
            if record.get("name") == name and digest in (None, record.get("config_digest")):
                return run
    return None


def _existing(runs: Path, name: str) -> str:
    """List what could have been named: experiments with runs, and configs."""
    finished = [run for run in store.runs_in(runs) if run.kind == "run" and run.status() == "finished"]
    trained = [str(run.record().get("name")) for run in finished]
    names = dict.fromkeys([*trained, *sorted(path.stem for path in CONFIGS.glob("*.yaml"))])
    return nearest(name, names) if names else f"There are no runs in {runs} and no configs in {CONFIGS}."


def arm(name: str, run: store.Run, finished: Finished | None = None) -> comparison.Arm:
    """Read a run as an arm of a comparison.

    Raises:
        RunError: if its files are missing or damaged.
    """
    record = finished.record if finished else run.record()
    missing = [key for key in NEEDED if key not in record]
    if missing:
        raise RunError(f"{run.directory / 'run.json'}: has no {', '.join(missing)}. Train {name} again.")
    history = finished.history if finished else figures.history_of(run)
    return comparison.Arm(name, run.id, config.load(run.directory / "config.yaml"), history, record)


Train = Callable[[Planned], Finished]


def ready(planned: Sequence[Planned], train: Train) -> list[comparison.Arm]:
    """Train what has no run and give all arms, named apart where two share a name."""
    arms: list[comparison.Arm] = []
    for item in planned:
        finished = train(item) if item.run is None else None
        run = finished.run if finished else item.run
        assert run is not None
        taken = any(other.name == item.name for other in arms)
        arms.append(arm(run.id if taken else item.name, run, finished))
    return arms
