"""The one place that wires config -> data -> model -> training -> run directory.

TensorFlow is imported here, inside functions, and only when something is trained.
"""

from __future__ import annotations

import functools
import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import TypeAdapter

from bnexp import backend, cautions, config, store
from bnexp.config import Experiment
from bnexp.config.dataset import Dataset
from bnexp.config.model import Model
from bnexp.config.real import READ_WITH_KERAS, RealDataset
from bnexp.config.section import Task
from bnexp.data.files import refuse_by_size
from bnexp.data.source import source_sha256
from bnexp.environment import git_state, machine, memory_limit, versions
from bnexp.errors import SettingError, WorkError
from bnexp.history import History
from bnexp.interrupts import finishing_the_epoch
from bnexp.show import figures

if TYPE_CHECKING:
    from bnexp.data import Data
    from bnexp.models import Built
    from bnexp.models.inputs import Inputs
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
    seeds = tuple(range(experiment.training.seeds))
    note("reading the data" if isinstance(experiment.dataset, RealDataset) else "drawing the data")
    data = prepared(experiment)
    note("loading TensorFlow")
    built = built_for(experiment, data)
    initial = built.initial.draw(seeds)
    with store.new_directory(runs, experiment.name) as directory:
        record = _first_record(experiment, data, built, directory.name)
        store.write(directory / "config.yaml", config.dump(experiment))
        store.write_json(directory / "run.json", record)
        note("tracing the program")
        with _failure_marked(directory, record), finishing_the_epoch(note) as interrupted:
            kept = _keeping(directory, lambda so_far: watch(so_far) or interrupted())
            try:
                trained, timing = _trained(experiment, data, built, seeds, initial, kept)
            except MemoryError as error:
                raise WorkError(_out_of_memory(experiment, error)) from error
            record |= _last_record(experiment, data, trained, timing)
            record["pairing"] = _pairing(data, built, initial, trained)
            store.write_json(directory / "history.json", trained.history.to_json())
            record["models"] = _save_models(directory, experiment, data, built, trained)
            store.write_json(directory / "run.json", record)
        figures.draw(store.Run(directory))
    return Finished(store.Run(directory), record, trained.history)


def _out_of_memory(experiment: Experiment, error: MemoryError) -> str:
    training = experiment.training
    limit = memory_limit(training.memory_limit_bytes()) / 2**30
    return (
        f"{experiment.name}: training ran out of memory ({error}); training.memory_limit is {limit:.2f} GiB. "
        "Use a lower one, so that fewer seeds are worked on at a time, or a smaller model or training.batch_size."
    )


def refuse_unbuildable(experiment: Experiment) -> None:
    """Raise SettingError if its data, its model or its trainer is not as it should be; nothing is trained."""
    built_for(experiment, prepared(experiment))


def prepared(experiment: Experiment, seeds: tuple[int, ...] | None = None) -> Data:
    """Read or draw the data for some seeds, else for all; arms that share them in one process share the work.

    Raises:
        SettingError: if they are not as they should be, or the config does not go with them.
    """
    training = experiment.training
    if isinstance(experiment.dataset, READ_WITH_KERAS):
        _load_backend(training.seeds)
    memory = memory_limit(training.memory_limit_bytes())
    refuse_by_size(experiment.dataset, memory)
    source = source_sha256(experiment.dataset)
    seeds = tuple(range(training.seeds)) if seeds is None else seeds
    data = _prepared(experiment.dataset.model_dump_json(), seeds, memory, source)
    problems = list(config.unfit_for_rows(experiment, int(data.train_SR.shape[1]), data.task))
    if problems:
        raise SettingError(*problems[0], *problems[1:])
    return data


@functools.lru_cache(maxsize=1)
def _prepared(dataset: str, seeds: tuple[int, ...], memory: int, source: str | None) -> Data:
    """Prepare the data; `source` tells one state of a file from another."""
    from bnexp.data import prepare

    return prepare(TypeAdapter(Dataset).validate_json(dataset), seeds, memory, source)


def _load_backend(seeds: int) -> None:
    """Load TensorFlow and, before its first operation, spread it over the cores."""
    backend.load()
    from bnexp.training.devices import spread_over_cores

    spread_over_cores(seeds)


def built_for(experiment: Experiment, data: Data) -> Built:
    """Build the model; refuse what Keras or the trainer refuses before a directory is made."""
    _load_backend(experiment.training.seeds)
    from bnexp.models.inputs import Inputs
    from bnexp.training import refuse_too_large, trainer_of
    from bnexp.training.optimizers import make_optimizer

    settings = experiment.training
    make_optimizer(settings, data.steps(settings.batch_size, settings.drop_last))
    inputs = Inputs(data.rows.kind, tuple(data.rows.x.shape[1:]), data.vocabulary)
    built = _built(experiment.model.model_dump_json(), inputs, data.task, len(data.rows.classes or ()))
    trainer_of(settings, built.model)
    refuse_too_large(built.model, data, settings)
    return built


@functools.lru_cache(maxsize=8)
def _built(model: str, inputs: Inputs, task: Task, classes: int) -> Built:
    """Build a model, or give the one that was built before: a program belongs to its model and is traced once."""
    from bnexp.models import build

    return build(TypeAdapter(Model).validate_json(model), inputs, task=task, classes=classes)


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


@dataclass(frozen=True)
class _Timing:
    """Wall seconds: of the whole training, and of one seed's share of an epoch; None if there was but the first,
    which holds the tracing.
    """

    duration_seconds: float
    seed_epoch_seconds: float | None


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


def _trained(
    experiment: Experiment, data: Data, built: Built, seeds: tuple[int, ...], initial: list[Any], watch: Watch
) -> tuple[Trained, _Timing]:
    from bnexp.training import train as train_seeds
    from bnexp.training import trainer_of

    begun = time.monotonic()
    ends: list[float] = []

    def timed(so_far: History) -> bool:
        ends.append(time.monotonic())
        return watch(so_far)

    trained = train_seeds(built.model, data, experiment.training, seeds, initial, timed)
    name, _ = trainer_of(experiment.training, built.model)
    pace = _pace(ends, at_once=len(seeds) if name == "many_seeds" else 1)
    return trained, _Timing(time.monotonic() - begun, pace)


def _pace(ends: Sequence[float], *, at_once: int) -> float | None:
    """Give one seed's seconds an epoch, from the times at which epochs ended for so many seeds at once.

    The first epoch holds the tracing and does not count.

    >>> _pace([9.0, 11.0, 13.0], at_once=20), _pace([9.0], at_once=1)
    (0.1, None)
    """
    return float(np.median(np.diff(ends))) / at_once if len(ends) > 1 else None


def _last_record(experiment: Experiment, data: Data, trained: Trained, timing: _Timing) -> dict[str, Any]:
    """Add what is known after training: how it ended, how long it took, final and best metrics, warnings."""
    measured = trained.history
    steps = data.steps(experiment.training.batch_size, experiment.training.drop_last)
    rows_per_class = data.rows_per_class
    return {
        "status": "interrupted" if trained.interrupted else "finished",
        "duration_seconds": timing.duration_seconds,
        "seed_epoch_seconds": timing.seed_epoch_seconds,
        "diverged": {str(seed): epoch for seed, epoch in measured.diverged_at.items()},
        "metrics": {name: _summary(measured, name, rows_per_class) for name in measured.metrics},
        "warnings": cautions.cautions(experiment, steps * max(measured.epochs_S)),
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


def _short(*arrays: Any) -> str:
    """Give the first 16 hexadecimal digits of the arrays' sha256."""
    return hashlib.sha256(b"".join(np.ascontiguousarray(array).tobytes() for array in arrays)).hexdigest()[:16]


def _summary(measured: History, metric: str, rows_per_class: Sequence[int] | None) -> dict[str, float | None]:
    """Give the mean over seeds of the final and of the best value."""
    values = {"final": measured.final(metric), "best": measured.best(metric)}
    judged = {key: measured.as_judged(metric, values_S, rows_per_class) for key, values_S in values.items()}
    finite = {key: values_S[np.isfinite(values_S)] for key, values_S in judged.items()}
    return {key: float(np.mean(values)) if len(values) else None for key, values in finite.items()}


def _save_models(directory: Path, experiment: Experiment, data: Data, built: Built, trained: Trained) -> dict[str, str]:
    """Write the models that the config asks for, and beside each how its inputs are made; give the models' sha256."""
    digests = {}
    for name, row in _saved_rows(experiment, trained).items():
        from bnexp.data.recipe import recipe
        from bnexp.models.saving import model_bytes

        content = model_bytes(built.model, [values[row] for values in trained.weights])
        store.write(directory / name, content)
        inputs = {"model": name, "seed": trained.history.seeds[row], **recipe(data, row)}
        store.write_json(directory / name.replace("model", "inputs").replace(".keras", ".json"), inputs)
        digests[name] = hashlib.sha256(content).hexdigest()
    return digests


def _saved_rows(experiment: Experiment, trained: Trained) -> dict[str, int]:
    """Map the file of each model to keep to its seed's row."""
    seeds = trained.history.seeds
    match experiment.training.save:
        case "none":
            return {}
        case "first":
            return {"model.keras": 0}
        case "all":
            return {f"model-{seed}.keras": row for row, seed in enumerate(seeds)}
        case "best":
            losses_S = trained.history.final("val_loss")
            return {"model.keras": int(np.nanargmin(losses_S))} if np.isfinite(losses_S).any() else {}


@contextmanager
def _failure_marked(directory: Path, record: dict[str, Any]) -> Iterator[None]:
    """Mark the run as interrupted in its own record if training does not come to its end."""
    try:
        yield
    except BaseException:
        store.write_json(directory / "run.json", {**record, "status": "interrupted"})
        raise
