"""The one place that wires config -> data -> model -> training -> run directory.

TensorFlow is imported here, inside functions, and only when something is trained.
"""

from __future__ import annotations

import functools
import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bnexp import cautions, config, store
from bnexp.config import Experiment
from bnexp.config.real import RealDataset
from bnexp.environment import git_state, machine, memory_limit, versions
from bnexp.errors import WorkError
from bnexp.history import History
from bnexp.interrupts import finishing_the_epoch
from bnexp.preparing import built_for, prepared
from bnexp.show import figures

if TYPE_CHECKING:
    from bnexp.data import Data
    from bnexp.models import Built
    from bnexp.training.record import Trained

FORMAT = 1
KEEP_EVERY_SECONDS = 5.0
"""How often the history so far is written while training, so that even a kill loses little."""

Watch = Callable[[History], bool]
Note = Callable[[str], None]


@dataclass(frozen=True)
class Finished:
    """A run that has been trained: its directory, its record as in run.json, and its history."""

    run: store.Run
    record: dict[str, Any]
    history: History

    @property
    def interrupted(self) -> bool:
        """Tell whether the user stopped it before its last epoch."""
        return bool(self.record["status"] == "interrupted")


def train_experiment(experiment: Experiment, runs: Path, *, watch: Watch, note: Note = lambda text: None) -> Finished:
    """Train every seed of an experiment and keep everything in a new run directory.

    `watch` gets the history after every epoch and may ask to stop; `note` is
    told what is going on, a line each.

    Raises:
        UserError: before anything is written, if the data, the model or the place is not as it should be.
        WorkError: if training runs out of memory.
    """
    store.refuse_unwritable(runs)
    note("reading the data" if isinstance(experiment.dataset, RealDataset) else "drawing the data")
    data = prepared(experiment)
    note("loading TensorFlow")
    built = built_for(experiment, data)
    with store.new_directory(runs, experiment.name) as directory:
        record = _first_record(experiment, data, built, directory.name)
        store.write(directory / "config.yaml", config.dump(experiment))
        store.write_json(directory / "run.json", record)
        note("tracing the program")
        with _failure_marked(directory, record), finishing_the_epoch(note) as interrupted:
            kept = _keeping(directory, lambda so_far: watch(so_far) or interrupted())
            begun = time.monotonic()
            try:
                outcome = _trained(experiment, data, built, directory, kept)
            except MemoryError as error:
                raise WorkError(_out_of_memory(experiment, error)) from error
            record |= _last_record(experiment, data, outcome)
            record["duration_seconds"] = time.monotonic() - begun
            store.write_json(directory / "run.json", record)
        figures.draw(store.Run(directory))
    return Finished(store.Run(directory), record, outcome.history())


def _out_of_memory(experiment: Experiment, error: MemoryError) -> str:
    training = experiment.training
    limit = memory_limit(training.memory_limit_bytes()) / 2**30
    return (
        f"{experiment.name}: training ran out of memory ({error}); training.memory_limit is {limit:.2f} GiB. "
        "Use a lower one, so that fewer seeds are worked on at a time, or a smaller model or training.batch_size."
    )


def _first_record(experiment: Experiment, data: Data, built: Built, run: str) -> dict[str, Any]:
    """Give what run.json says before training: what, where, with what."""
    from bnexp.training import trainer_of

    trainer, reason = trainer_of(experiment.training, built.model)
    return {
        "format": FORMAT,
        "id": run,
        "name": experiment.name,
        "status": "running",
        "config_digest": config.digest(experiment),
        "started": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "seeds": experiment.training.seeds,
        "trainer": {"name": trainer, "reason": reason},
        "dataset": {
            "name": experiment.dataset.name,
            **data.facts(),
        },
        "parameters": {
            "trainable": sum(int(np.prod(weight.shape)) for weight in built.model.trainable_weights),
            "non_trainable": sum(int(np.prod(weight.shape)) for weight in built.model.non_trainable_weights),
        },
        "versions": versions(),
        "machine": machine(),
        "git": git_state(),
    }


def _keeping(directory: Path, watch: Watch) -> Watch:
    """Write the history every few seconds on its way to `watch`."""
    last = time.monotonic()

    def keep_and_watch(so_far: History) -> bool:
        """Write what there is if it is time to, and pass it on."""
        nonlocal last
        if time.monotonic() - last > KEEP_EVERY_SECONDS:
            store.write_json(directory / "history.json", so_far.to_json())
            last = time.monotonic()
        return watch(so_far)

    return keep_and_watch


@dataclass
class _Outcome:
    """What became of the seeds trained so far."""

    histories: list[History] = field(default_factory=list)
    """One a turn."""
    paces: list[float] = field(default_factory=list)
    """Seconds that one seed's epoch took, in the turns in which that could be measured."""
    pairing: dict[str, Any] = field(default_factory=dict)
    models: dict[str, str] = field(default_factory=dict)
    """File -> sha256."""
    interrupted: bool = False

    def history(self, *running: History) -> History:
        """Give the history of the turns so far, and of the one that is running."""
        return functools.reduce(History.before, [*self.histories, *running])


def _trained(experiment: Experiment, data: Data, built: Built, directory: Path, watch: Watch) -> _Outcome:
    """Train the seeds, in turns where memory does not hold the weights of all; keep history and models of each turn."""
    from bnexp.training import turns

    outcome, settings = _Outcome(), experiment.training
    for turn in turns(built.model, data, settings, settings.seeds):
        seeds, own = tuple(range(settings.seeds)[turn]), data.of(turn)
        initial = built.initial.draw(seeds)
        trained, pace = _turn(experiment, own, built, seeds, initial, lambda so_far: watch(outcome.history(so_far)))
        outcome.histories.append(trained.history)
        store.write_json(directory / "history.json", outcome.history().to_json())
        outcome.models |= _save_models(directory, experiment, own, built, trained, outcome.history())
        outcome.pairing = _merged(outcome.pairing, _pairing(own, built, initial, trained))
        outcome.paces += [] if pace is None else [pace]
        outcome.interrupted = trained.interrupted
        if trained.interrupted:
            break
    return outcome


def _turn(
    experiment: Experiment, data: Data, built: Built, seeds: tuple[int, ...], initial: list[Any], watch: Watch
) -> tuple[Trained, float | None]:
    """Train these seeds; give what became of them and one seed's seconds an epoch (`_pace`)."""
    from bnexp.training import train, trainer_of

    ends: list[float] = []

    def timed(so_far: History) -> bool:
        ends.append(time.monotonic())
        return watch(so_far)

    trained = train(built.model, data, experiment.training, seeds, initial, timed)
    name, _ = trainer_of(experiment.training, built.model)
    return trained, _pace(ends, at_once=len(seeds) if name == "many_seeds" else 1)


def _pace(ends: Sequence[float], *, at_once: int) -> float | None:
    """Give one seed's seconds an epoch, from the times at which epochs ended for so many seeds at once.

    The first epoch holds the tracing and does not count.

    >>> _pace([9.0, 11.0, 13.0], at_once=20), _pace([9.0], at_once=1)
    (0.1, None)
    """
    return float(np.median(np.diff(ends))) / at_once if len(ends) > 1 else None


def _last_record(experiment: Experiment, data: Data, outcome: _Outcome) -> dict[str, Any]:
    """Add what is known after training: how it ended, final and best metrics, warnings, digests."""
    measured = outcome.history()
    steps = data.steps(experiment.training.batch_size, experiment.training.drop_last)
    rows_per_class = data.rows_per_class
    return {
        "status": "interrupted" if outcome.interrupted else "finished",
        "seed_epoch_seconds": float(np.median(outcome.paces)) if outcome.paces else None,
        "diverged": {str(seed): epoch for seed, epoch in measured.diverged_at.items()},
        "metrics": {name: _summary(measured, name, rows_per_class) for name in measured.metrics},
        "warnings": cautions.cautions(experiment, steps * max(measured.epochs_S)),
        "pairing": outcome.pairing,
        "models": outcome.models,
    }


def _pairing(data: Data, built: Built, initial: list[Any], trained: Trained) -> dict[str, Any]:
    """Digest what must be equal in two arms for their seeds to be paired: split, initial kernels, batches."""
    rows = dict(enumerate(trained.history.seeds))
    return {
        "splits": {str(seed): _short(*(rows_SR[row] for rows_SR in data.parts.values())) for row, seed in rows.items()},
        "batches": trained.batches,
        "kernels": {
            name: {str(seed): _short(initial[position][row]) for row, seed in rows.items()}
            for position, name in built.initial.kernel_names().items()
        },
    }


def _merged(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Join what is said of some seeds and of others, key by key.

    >>> _merged({"splits": {"0": "ab"}}, {"splits": {"1": "cd"}})
    {'splits': {'0': 'ab', '1': 'cd'}}
    """
    inner = {key: _merged(one[key], other[key]) for key in one if isinstance(one[key], dict) and key in other}
    return {**one, **other, **inner}


def _short(*arrays: Any) -> str:
    """Give the first 16 hexadecimal digits of the arrays' sha256."""
    return hashlib.sha256(b"".join(np.ascontiguousarray(array).tobytes() for array in arrays)).hexdigest()[:16]


def _summary(measured: History, metric: str, rows_per_class: Sequence[int] | None) -> dict[str, float | None]:
    """Give the mean over seeds of the final and of the best value."""
    values = {"final": measured.final(metric), "best": measured.best(metric)}
    judged = {key: measured.as_judged(metric, values_S, rows_per_class) for key, values_S in values.items()}
    finite = {key: values_S[np.isfinite(values_S)] for key, values_S in judged.items()}
    return {key: float(np.mean(values)) if len(values) else None for key, values in finite.items()}


def _save_models(
    directory: Path, experiment: Experiment, data: Data, built: Built, trained: Trained, so_far: History
) -> dict[str, str]:
    """Write those just trained that the config asks for, and beside each how its inputs are made; give their sha256."""
    digests = {}
    rows = {seed: row for row, seed in enumerate(trained.history.seeds)}
    for name, seed in _saved_seeds(experiment, so_far).items():
        if seed not in rows:
            continue
        from bnexp.data.recipe import recipe
        from bnexp.models.saving import model_bytes

        content = model_bytes(built.model, [values[rows[seed]] for values in trained.weights])
        store.write(directory / name, content)
        inputs = {"model": name, "seed": seed, **recipe(data, rows[seed])}
        store.write_json(directory / name.replace("model", "inputs").replace(".keras", ".json"), inputs)
        digests[name] = hashlib.sha256(content).hexdigest()
    return digests


def _saved_seeds(experiment: Experiment, measured: History) -> dict[str, int]:
    """Map the file of each model to keep to its seed."""
    seeds = measured.seeds
    match experiment.training.save:
        case "none":
            return {}
        case "first":
            return {"model.keras": seeds[0]}
        case "all":
            return {f"model-{seed}.keras": seed for seed in seeds}
        case "best":
            losses_S = measured.final("val_loss")
            return {"model.keras": seeds[int(np.nanargmin(losses_S))]} if np.isfinite(losses_S).any() else {}


@contextmanager
def _failure_marked(directory: Path, record: dict[str, Any]) -> Iterator[None]:
    """Mark the run as interrupted in its own record if training does not come to its end."""
    try:
        yield
    except BaseException:
        store.write_json(directory / "run.json", {**record, "status": "interrupted"})
        raise
