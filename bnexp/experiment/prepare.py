"""What experiments need before they are trained: data, models and a place, or all that keeps them from having these.

TensorFlow is imported here, inside functions, and only when something is to be trained.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from bnexp import config
from bnexp.config import Experiment
from bnexp.config.dataset import Dataset
from bnexp.config.layers import every_layer
from bnexp.config.model import Model, Sequential
from bnexp.config.own_model import KerasFile
from bnexp.config.real import READ_WITH_KERAS, RealDataset
from bnexp.config.section import Task
from bnexp.data.fingerprint import refuse_by_size, source_sha256
from bnexp.data.row_weights import unfit as unfit_weights
from bnexp.data.stored_rows import bytes_in_memory
from bnexp.errors import ConfigError, Problems, SettingError
from bnexp.experiment.data_facts import data_facts
from bnexp.experiment.kept_weights import with_doubts
from bnexp.experiment.network_facts import network_facts
from bnexp.experiment.own_files import network_sha256, refuse_unusable
from bnexp.experiment.warnings import warnings_of
from bnexp.store import DataFacts
from bnexp.store.run_record import Network
from bnexp.system import backend
from bnexp.system.given_data import as_given
from bnexp.system.listeners import Note
from bnexp.system.machine import memory_limit

if TYPE_CHECKING:
    from bnexp.data import Data
    from bnexp.models import Built
    from bnexp.models.inputs import Inputs

Where = Callable[[str], str]
"""Dotted key of a config -> the file and line in which it stands."""

KEPT_SHARE = 8
"""Data that were prepared before are kept beside the newest while all take less than this part of the memory limit."""


@dataclass(frozen=True)
class ToTrain:
    """An experiment that is to be trained, and where its keys stand."""

    experiment: Experiment
    where: Where


@dataclass(frozen=True)
class Checked:
    """What is known of an experiment that can be trained."""

    task: Task
    steps: int
    """Optimizer steps of one epoch."""
    data: DataFacts = field(default_factory=DataFacts)
    """What is shown of the data."""
    digest: str | None = None
    """Of the rows, where it was asked for."""
    splits: Mapping[str, str] | None = None
    """Seed -> the digest of its split, where it was asked for."""
    own_momenta: Sequence[float] = ()
    """Of a network of the user's own: of each batch normalization that is not frozen."""
    network: Network | None = None
    """Of a network of the user's own: what was made of it."""
    doubts: Sequence[str] = ()
    """What in that network may mislead."""

    def warnings(self, experiment: Experiment) -> list[str]:
        """List what may mislead in the experiment's network and training, if no seed stops early."""
        steps = experiment.training.epochs * self.steps
        return warnings_of(experiment, steps, self.doubts, self.own_momenta)


def preflight(several: Sequence[ToTrain], *, digests: bool = False, note: Note = lambda text: None) -> list[Checked]:
    """Check the data, the model and the trainer of all experiments; nothing is trained or written.

    The first experiment is checked last, so that its data are still there when it is trained. With `digests` the
    digests of rows and splits are returned, too.

    Raises:
        UserError: with all problems of all experiments, each with its file and line.
    """
    found = [Problems() for _ in several]
    checked: dict[int, Checked] = {}
    for number in reversed(range(len(several))):
        with found[number].noted(), located_errors(several[number].where):
            checked[number] = check(several[number].experiment, digests=digests, note=note)
    problems = Problems()
    for one in found:
        problems.add(one)
    problems.refuse()
    return [checked[number] for number in range(len(several))]


def check(experiment: Experiment, *, digests: bool = False, note: Note = lambda text: None) -> Checked:
    """Prepare the data and build the model and the trainer of one experiment, and return what is known of it.

    Raises:
        SettingError: if its data, its model or its trainer is not as it should be.
        UserError: if TensorFlow cannot use the GPU.
    """
    refuse_unusable(experiment.model.model_dump())
    note("reading the data" if isinstance(experiment.dataset, RealDataset) else "drawing the data")
    data, training = prepared(experiment, note=note), experiment.training
    note("loading TensorFlow")
    built = built_for(experiment, data)
    return Checked(
        task=data.task,
        steps=data.steps(training.batch_size, training.drop_last),
        data=data_facts(experiment.dataset.name, data),
        digest=data.digest if digests else None,
        splits=data.split_digests(training.all_seeds()) if digests else None,
        own_momenta=built.own_momenta,
        network=network_facts(experiment, built),
        doubts=built.warnings,
    )


@contextmanager
def located_errors(where: Where) -> Iterator[None]:
    """Add file and line to a mistake that shows only when the data are drawn or the model is built."""
    try:
        yield
    except SettingError as error:
        raise ConfigError(f"{where(key)}: {key} {as_given(text)}" for key, text in error.problems) from error


# --- the data -------------------------------------------------------------------


def prepared(experiment: Experiment, seeds: tuple[int, ...] | None = None, *, note: Note = lambda text: None) -> Data:
    """Read or draw the data for some seeds, else for all. In one process, arms with the same data share the work.

    Raises:
        SettingError: if they are not as they should be, or the config does not go with them.
        UserError: if they are read with Keras, and TensorFlow cannot use the GPU.
    """
    training = experiment.training
    if isinstance(experiment.dataset, READ_WITH_KERAS):
        _load_backend(training.seeds)
    memory = memory_limit(training.memory_limit_bytes())
    refuse_by_size(experiment.dataset, memory)
    source = source_sha256(experiment.dataset)
    seeds = training.all_seeds() if seeds is None else seeds
    data = _KEPT.data(experiment.dataset.model_dump_json(), seeds, memory, source, note)
    problems = Problems()
    training_rows = int(data.train_SR.shape[1])
    dropped = data.rows.facts.duplicates_dropped or 0
    classes = len(data.rows.classes or ())
    unfit = config.unfit_for_rows(experiment, training_rows, data.task, classes, dropped=dropped)
    for problem in (*unfit, *_unfit_for_masks(experiment, data), *unfit_weights(data, training)):
        problems.note(*problem)
    problems.refuse()
    return data


def _unfit_for_masks(experiment: Experiment, data: Data) -> Iterator[tuple[str, str]]:
    """Yield a problem if a layer masks padding, and some text has no word and so is nothing but padding."""
    without = data.rows.facts.texts_without_words
    layers = experiment.model.layers if isinstance(experiment.model, Sequential) else ()
    if without and any(layer.arguments.get("mask_zero") for layer in every_layer(layers)):
        yield (
            "dataset.text",
            f"names a column in which {without.first} has no word (rows without: {without.rows}). mask_zero of "
            "the Embedding masks all of it, and the loss becomes NaN. Take these rows out, or leave out mask_zero.",
        )


class _Kept:
    """Data that were prepared in this process, the newest last: few, or small ones."""

    def __init__(self) -> None:
        self._data: dict[tuple[str, tuple[int, ...], int, str | None], Data] = {}

    def data(self, dataset: str, seeds: tuple[int, ...], memory: int, source: str | None, note: Note) -> Data:
        """Return the data, prepared now if they are not kept; `source` tells one state of a file from another."""
        from bnexp.data import prepare

        key = dataset, seeds, memory, source
        found = self._data.pop(key, None)
        if found is None:
            self._forget(memory)  # before others come: a large set is not held beside another one
            found = prepare(TypeAdapter(Dataset).validate_json(dataset), seeds, memory, source, note)
        self._data[key] = found
        self._forget(memory, keep=1)
        return found

    def _forget(self, memory: int, *, keep: int = 0) -> None:
        """Forget the oldest until the rest is small; `keep` of them stay whatever they take."""
        while len(self._data) > keep and self._bytes() > memory // KEPT_SHARE:
            del self._data[next(iter(self._data))]

    def _bytes(self) -> int:
        return sum({id(one.rows): bytes_in_memory(one.rows.x) for one in self._data.values()}.values())


_KEPT = _Kept()


# --- the model --------------------------------------------------------------------


def _load_backend(seeds: int) -> None:
    """Load TensorFlow and, before its first operation, spread it over the cores; refuse a GPU that it cannot use."""
    backend.load()
    from bnexp.training.devices import refuse_unusable_gpus, spread_over_cores

    spread_over_cores(seeds)
    refuse_unusable_gpus()


def built_for(experiment: Experiment, data: Data) -> Built:
    """Build the model; refuse what Keras or the trainer refuses before a directory is made.

    Raises:
        SettingError: with all that is refused, or does not fit in memory.
        UserError: if TensorFlow cannot use the GPU.
    """
    _load_backend(experiment.training.seeds)
    from bnexp.training import engine_name, refuse_too_large
    from bnexp.training.optimizers import make_optimizer

    settings, problems = experiment.training, Problems()
    with problems.noted():
        make_optimizer(settings, data.steps(settings.batch_size, settings.drop_last))
    with problems.noted():
        built = _built_in_memory(experiment, data)
        _try_layers(experiment.model, built, data)
        with problems.noted():
            engine_name(settings, built.model)
        refuse_too_large(built.model, data, settings)
    problems.refuse()
    return with_doubts(experiment, built, data)


def _try_layers(model: Model, built: Built, data: Data) -> None:
    """Raise SettingError if a layer that the user chose does not run on rows of the first seed."""
    if isinstance(model, Sequential):
        from bnexp.models.dry_step import TRIED_ROWS, refuse_layers_that_do_not_run

        rows = data.inputs(0, data.train_SR[0][:TRIED_ROWS])
        refuse_layers_that_do_not_run(built.model, len(model.layers), rows)


def _built_in_memory(experiment: Experiment, data: Data) -> Built:
    from bnexp.models.inputs import Inputs
    from bnexp.training import memory_errors

    inputs = Inputs(data.rows.kind, tuple(data.rows.x.shape[1:]), data.vocabulary, data.rows.columns)
    try:
        with memory_errors():
            model, files = experiment.model, network_sha256(experiment.model)
            built = _built(model.model_dump_json(), files, inputs, data.task, len(data.rows.classes or ()))
    except MemoryError as error:
        raise SettingError("model", f"does not fit in memory: {error}. Use a smaller one.") from error
    if network_sha256(model) != files:
        _built.cache_clear()
        what = repr(model.path if isinstance(model, KerasFile) else getattr(model, "build", model.name))
        raise SettingError(
            "model",
            f"is {what}; its code or file changed while the network was built. Start again when no one edits it.",
        )
    return built


@functools.lru_cache(maxsize=8)
def _built(model: str, files: str | None, inputs: Inputs, task: Task, classes: int) -> Built:
    """Build a model, or return the one that was built before: a program belongs to its model and is traced once.

    `files` tells one state of the user's own network from another.
    """
    from bnexp.models import build

    return build(TypeAdapter(Model).validate_json(model), inputs, task=task, classes=classes)
