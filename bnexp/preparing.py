"""What an experiment needs before it is trained: its data and its model, or why it cannot have them.

TensorFlow is imported here, inside functions, and only when something is to be trained.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from bnexp import backend, config
from bnexp.config import Experiment
from bnexp.config.dataset import Dataset
from bnexp.config.model import Model, Sequential
from bnexp.config.real import READ_WITH_KERAS
from bnexp.config.section import Task
from bnexp.data.source import refuse_by_size, source_sha256
from bnexp.environment import memory_limit
from bnexp.errors import SettingError

if TYPE_CHECKING:
    from bnexp.data import Data
    from bnexp.models import Built
    from bnexp.models.inputs import Inputs


def refuse_unbuildable(experiment: Experiment) -> None:
    """Raise SettingError if its data, its model or its trainer is not as it should be; nothing is trained.

    And UserError if TensorFlow cannot use the GPU.
    """
    built_for(experiment, prepared(experiment))


def prepared(experiment: Experiment, seeds: tuple[int, ...] | None = None) -> Data:
    """Read or draw the data for some seeds, else for all; arms that share them in one process share the work.

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
    seeds = tuple(range(training.seeds)) if seeds is None else seeds
    data = _prepared(experiment.dataset.model_dump_json(), seeds, memory, source)
    problems = list(config.unfit_for_rows(experiment, int(data.train_SR.shape[1]), data.task))
    problems += _unfit_for_masks(experiment, data)
    if problems:
        raise SettingError(*problems[0], *problems[1:])
    return data


def _unfit_for_masks(experiment: Experiment, data: Data) -> Iterator[tuple[str, str]]:
    """Yield a problem if a layer of the user's masks padding, and a text is nothing else."""
    without = data.rows.facts.get("texts_without_words")
    layers = experiment.model.layers if isinstance(experiment.model, Sequential) else ()
    if without and any(layer.arguments.get("mask_zero") for layer in layers):
        yield (
            "dataset.text",
            f"names a column in which {without['first']} has no word (rows without: {without['rows']}). mask_zero of "
            "the Embedding masks all of it, and the loss becomes NaN. Take these rows out, or leave out mask_zero.",
        )


@functools.lru_cache(maxsize=1)
def _prepared(dataset: str, seeds: tuple[int, ...], memory: int, source: str | None) -> Data:
    """Prepare the data; `source` tells one state of a file from another."""
    from bnexp.data import prepare

    return prepare(TypeAdapter(Dataset).validate_json(dataset), seeds, memory, source)


def _load_backend(seeds: int) -> None:
    """Load TensorFlow and, before its first operation, spread it over the cores; refuse a GPU that it cannot use."""
    backend.load()
    from bnexp.training.devices import refuse_unusable_gpus, spread_over_cores

    spread_over_cores(seeds)
    refuse_unusable_gpus()


def built_for(experiment: Experiment, data: Data) -> Built:
    """Build the model; refuse what Keras or the trainer refuses before a directory is made.

    Raises:
        SettingError: if it is refused, or does not fit in memory.
        UserError: if TensorFlow cannot use the GPU.
    """
    _load_backend(experiment.training.seeds)
    from bnexp.models.inputs import Inputs
    from bnexp.training import refuse_too_large, shortage_told, trainer_of
    from bnexp.training.optimizers import make_optimizer

    settings = experiment.training
    make_optimizer(settings, data.steps(settings.batch_size, settings.drop_last))
    inputs = Inputs(data.rows.kind, tuple(data.rows.x.shape[1:]), data.vocabulary)
    try:
        with shortage_told():
            built = _built(experiment.model.model_dump_json(), inputs, data.task, len(data.rows.classes or ()))
    except MemoryError as error:
        raise SettingError("model", f"does not fit in memory: {error}. Use a smaller one.") from error
    trainer_of(settings, built.model)
    refuse_too_large(built.model, data, settings)
    return built


@functools.lru_cache(maxsize=8)
def _built(model: str, inputs: Inputs, task: Task, classes: int) -> Built:
    """Build a model, or give the one that was built before: a program belongs to its model and is traced once."""
    from bnexp.models import build

    return build(TypeAdapter(Model).validate_json(model), inputs, task=task, classes=classes)
