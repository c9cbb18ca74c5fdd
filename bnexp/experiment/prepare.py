"""Prepares what experiments need before training: their data and models. All problems are reported together.

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
from bnexp.config.layers import every_layer
from bnexp.config.model import Model, Sequential
from bnexp.config.own_model import KerasFile
from bnexp.config.real import READ_WITH_KERAS, RealDataset
from bnexp.config.section import Task
from bnexp.data.fingerprint import refuse_by_size, source_sha256
from bnexp.data.row_weights import unfit as unfit_weights
from bnexp.data.sources.column import have_none
from bnexp.errors import ConfigError, Problems, SettingError
from bnexp.experiment.codes import refuse_other_codes, with_codes
from bnexp.experiment.data_facts import data_facts, name_of
from bnexp.experiment.kept_data import KEPT
from bnexp.experiment.kept_weights import with_doubts
from bnexp.experiment.network_facts import network_facts
from bnexp.experiment.own_files import network_sha256, refuse_unusable
from bnexp.experiment.scaled_inputs import with_scaling_doubts
from bnexp.experiment.tried_layers import tried
from bnexp.experiment.warnings import warnings_of
from bnexp.store import DataFacts
from bnexp.store.network_record import Network
from bnexp.system import backend
from bnexp.system.given_data import located
from bnexp.system.listeners import Note
from bnexp.system.machine import memory_limit

if TYPE_CHECKING:
    from bnexp.data import Data
    from bnexp.models import Built
    from bnexp.models.inputs import Inputs

Where = Callable[[str], str]
"""Dotted key of a config -> the file and line that contain it."""


@dataclass(frozen=True)
class ToTrain:
    """An experiment that will be trained, and the place of each of its keys in a config file."""

    experiment: Experiment
    where: Where


@dataclass(frozen=True)
class Checked:
    """What is known of an experiment that can be trained."""

    task: Task
    steps: int
    """Optimizer steps of one epoch."""
    data: DataFacts = field(default_factory=DataFacts)
    """The facts about the data that are shown to the user."""
    digest: str | None = None
    """Digest of the rows; None if it was not asked for."""
    splits: Mapping[str, str] | None = None
    """Seed -> digest of its split; None if it was not asked for."""
    own_momenta: Sequence[float] = ()
    """Momentum of each batch normalization that is not frozen, in a network of the user's own."""
    network: Network | None = None
    """Facts about a network of the user's own; None for one of bnexp's networks."""
    doubts: Sequence[str] = ()
    """Warnings about the built network."""
    one_by_one: str | None = None
    """Why the seeds are trained one after the other; None if they are trained at once."""

    def warnings(self, experiment: Experiment) -> list[str]:
        """List the warnings about the experiment's network and training, if no seed stops early."""
        steps = experiment.training.epochs * self.steps
        return warnings_of(experiment, steps, self.doubts, self.own_momenta)


def preflight(several: Sequence[ToTrain], *, digests: bool = False, note: Note = lambda text: None) -> list[Checked]:
    """Check the data, model and trainer of all experiments, and return the facts about each. Nothing is trained.

    The first experiment is checked last, so that its data are still in memory when its training begins. With
    `digests`, the facts include the digests of rows and splits.

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
    """Prepare the data of one experiment, build its model and trainer, and return the facts about it.

    Raises:
        SettingError: with the mistakes of its data and of its network's file; or if its model or trainer is invalid.
        UserError: if TensorFlow cannot use the GPU.
    """
    problems, training = Problems(), experiment.training
    with problems.noted():
        refuse_unusable(experiment.model.model_dump())
    note("reading the data" if isinstance(experiment.dataset, RealDataset) else "drawing the data")
    with problems.noted():
        data = prepared(experiment, note=note)
    problems.refuse()
    note("loading TensorFlow")
    built = built_for(experiment, data)
    from bnexp.training import engine_name  # it loads TensorFlow

    data = with_codes(data, built)
    return Checked(
        task=data.task,
        steps=data.steps(training.batch_size, training.drop_last),
        data=data_facts(name_of(experiment.dataset), data),
        digest=data.digest if digests else None,
        splits=data.split_digests(training.all_seeds()) if digests else None,
        own_momenta=built.own_momenta,
        network=network_facts(experiment, built),
        doubts=built.warnings,
        one_by_one=engine_name(training, built.model)[1],
    )


@contextmanager
def located_errors(where: Where) -> Iterator[None]:
    """Add file and line to a wrong setting that shows only when the data are drawn or the model is built."""
    try:
        yield
    except SettingError as error:
        raise ConfigError(located(where(key), key, text) for key, text in error.problems) from error


def prepared(experiment: Experiment, seeds: tuple[int, ...] | None = None, *, note: Note = lambda text: None) -> Data:
    """Return the data for these seeds, or for all; they are read or drawn once for arms with the same data.

    Raises:
        SettingError: if the data are invalid, or the config does not fit them.
        UserError: if the data are read with Keras, and TensorFlow cannot use the GPU.
    """
    training = experiment.training
    if isinstance(experiment.dataset, READ_WITH_KERAS):
        _load_backend(training.seeds)
    memory = memory_limit(training.memory_limit_bytes())
    refuse_by_size(experiment.dataset, memory)
    source = source_sha256(experiment.dataset)
    seeds = training.all_seeds() if seeds is None else seeds
    data = KEPT.data(experiment.dataset.model_dump_json(), seeds, memory, source, note)
    problems = Problems()
    training_rows = int(data.train_SR.shape[1])
    has_own_parts = data.rows.validation or data.rows.test  # then rows of these parts are among the dropped ones
    dropped = 0 if has_own_parts else data.rows.facts.duplicates_dropped or 0
    classes = len(data.rows.classes or ())
    unfit = config.unfit_for_rows(experiment, training_rows, data.task, classes, dropped=dropped)
    for problem in (*unfit, *_unfit_for_masks(experiment, data), *unfit_weights(data, training)):
        problems.note(*problem)
    problems.refuse()
    return data


def _unfit_for_masks(experiment: Experiment, data: Data) -> Iterator[tuple[str, str]]:
    """Yield a problem if a layer masks padding and some text has no word, because all of that text is padding."""
    without = data.rows.facts.texts_without_words
    layers = experiment.model.layers if isinstance(experiment.model, Sequential) else ()
    if without and any(layer.arguments.get("mask_zero") for layer in every_layer(layers)):
        yield (
            "dataset.text",
            f"names a column in which {without.first} has no word ({have_none(without.rows)}). mask_zero of "
            "the Embedding masks all of it, and the loss becomes NaN. Remove these rows, or leave out mask_zero.",
        )


# --- the model --------------------------------------------------------------------


def _load_backend(seeds: int) -> None:
    """Load TensorFlow and set its threads before its first operation; refuse a GPU that it cannot use."""
    backend.load()
    from bnexp.training.devices import refuse_unusable_gpus, spread_over_cores

    spread_over_cores(seeds)
    refuse_unusable_gpus()


def built_for(experiment: Experiment, data: Data) -> Built:
    """Build the model; check before a run directory is made that Keras and the trainer accept it.

    Raises:
        SettingError: with all settings that are refused, or if the model does not fit in memory.
        UserError: if TensorFlow cannot use the GPU.
    """
    _load_backend(experiment.training.seeds)
    from bnexp.training import compiled_metrics, compiled_optimizer, engine_name, refuse_too_large
    from bnexp.training.optimizers import make_optimizer

    settings, problems = experiment.training, Problems()
    steps = data.steps(settings.batch_size, settings.drop_last)
    with problems.noted():
        make_optimizer(settings, steps)
    with problems.noted():
        built = _built_in_memory(experiment, data)
        refuse_other_codes(data, built)
        data = with_codes(data, built)
        with _in_memory():
            built = tried(experiment.model, built, data)
        with problems.noted():
            engine_name(settings, built.model)
        refuse_too_large(built.model, data, settings)
    problems.refuse()
    classes = len(data.rows.classes or ())
    built = compiled_metrics.with_unmeasured_metrics(built, settings, data.task, classes)
    built = with_scaling_doubts(compiled_optimizer.with_unused_optimizer(built, settings, steps), data)
    return with_doubts(experiment, built, data)


def _built_in_memory(experiment: Experiment, data: Data) -> Built:
    from bnexp.models.inputs import Inputs

    inputs = Inputs(data.rows.kind, tuple(data.rows.x.shape[1:]), data.vocabulary, data.rows.columns)
    with _in_memory():
        model, files = experiment.model, network_sha256(experiment.model)
        built = _built(model.model_dump_json(), files, inputs, data.task, len(data.rows.classes or ()))
    if network_sha256(model) != files:
        _built.cache_clear()
        what = repr(model.path if isinstance(model, KerasFile) else getattr(model, "build", model.name))
        raise SettingError(
            "model",
            f"is {what}; its code or file changed while the network was built. Start again when no one edits it.",
        )
    return built


@contextmanager
def _in_memory() -> Iterator[None]:
    """Raise SettingError if what is done with the model needs more memory than there is."""
    from bnexp.training import memory_errors

    try:
        with memory_errors():
            yield
    except MemoryError as error:
        raise SettingError("model", f"does not fit in memory: {error}. Use a smaller one.") from error


@functools.lru_cache(maxsize=8)
def _built(model: str, files: str | None, inputs: Inputs, task: Task, classes: int) -> Built:
    """Return a model; the same arguments return the same model, because its program is traced only once.

    `files` is the digest of the user's own network, so a changed file gives a new model.
    """
    from bnexp.models import build

    return build(TypeAdapter(Model).validate_json(model), inputs, task=task, classes=classes)
