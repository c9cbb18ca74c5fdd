"""What is known of an experiment before it is trained: its columns, its network layer by layer, memory and time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bnexp.config import Experiment
from bnexp.data.stored_rows import StoredRows
from bnexp.experiment.data_facts import unseen_F
from bnexp.experiment.pace import pace
from bnexp.experiment.prepare import built_for, prepared
from bnexp.store.run_record import Parameters, Trainer
from bnexp.system.machine import memory_limit

if TYPE_CHECKING:
    import keras

    from bnexp.data import Data


@dataclass(frozen=True)
class Layer:
    """A layer of the network: its path, its kind, the shape of its outputs for one row, and its number of weights."""

    path: str
    kind: str
    shape: str
    parameters: int


@dataclass(frozen=True)
class Columns:
    """The columns of a table, by name."""

    numbers: Sequence[str]
    categories: dict[str, int]
    """Column of categories -> the number of its values in the training part."""
    held_out_only: dict[str, int]
    """Column of categories -> the number of values in held-out rows only. These are inputs, too, but 0 in training."""
    left_out: Sequence[str]
    """Columns that are no inputs: dropped columns, and the group."""
    weights: str | None = None
    """The column that says how much each row counts in the training loss."""


@dataclass(frozen=True)
class RowsOnDisk:
    """The cache file that holds the inputs of the rows if memory cannot hold them."""

    path: str
    bytes: int


@dataclass(frozen=True)
class Inspection:
    """What the training of all seeds needs."""

    columns: Columns | None
    layers: Sequence[Layer]
    parameters: Parameters
    trainer: Trainer
    memory_bytes: int
    """Estimated bytes to train one seed at a time."""
    memory_bytes_at_once: int
    """The most bytes to train all seeds at once, by the same estimate. If they do not fit, fewer train at once."""
    seeds_at_once: int
    """How many seeds the program may train at once: all, or one."""
    memory_limit_bytes: int
    rows_on_disk: RowsOnDisk | None
    """None if all rows are in memory."""
    seconds: float
    """Estimated seconds for all seeds and epochs, from a few timed steps."""

    def as_json(self) -> dict[str, Any]:
        """Return the JSON object that `check --json` prints for this inspection."""
        models = {"parameters": self.parameters.model_dump(), "trainer": self.trainer.model_dump()}
        return asdict(self) | models


def inspected(experiment: Experiment) -> Inspection:
    """Return what training needs: build the network, count its weights, and time a few steps. No results are kept.

    Raises:
        SettingError: if the experiment cannot be trained.
        MemoryError: if a step needs more memory than is available.
    """
    from bnexp.training import engine_name
    from bnexp.training.memory import needs

    data, training = prepared(experiment), experiment.training
    x = data.rows.x
    model = built_for(experiment, data).model
    name, reason = engine_name(training, model)
    at_once = training.seeds if reason is None else 1
    need, found = needs(model, data, training), pace([experiment], training.all_seeds())
    steps = training.epochs * data.steps(training.batch_size, training.drop_last) * training.seeds
    weights = {"trainable": model.trainable_weights, "non_trainable": model.non_trainable_weights}
    return Inspection(
        columns=_columns(experiment, data),
        layers=_layers(model),
        parameters=Parameters(**{kind: sum(int(np.prod(one.shape)) for one in of) for kind, of in weights.items()}),
        trainer=Trainer(name=name, reason=reason),
        memory_bytes=need.shared + need.kept + need.working,
        memory_bytes_at_once=need.shared + at_once * (need.kept + need.working),
        seeds_at_once=at_once,
        memory_limit_bytes=memory_limit(training.memory_limit_bytes()),
        rows_on_disk=RowsOnDisk(str(x.path), x.path.stat().st_size) if isinstance(x, StoredRows) else None,
        seconds=found.start + steps * found.step,
    )


def _columns(experiment: Experiment, data: Data) -> Columns | None:
    rows, dataset = data.rows, experiment.dataset
    if rows.kind != "table" or not rows.columns or rows.numeric is None:
        return None
    left_out = [*getattr(dataset, "drop", ()), *filter(None, [getattr(dataset, "group", None)])]
    ends = rows.numeric + np.cumsum([0, *rows.categories.values()])
    unseen = dict(zip(rows.categories, np.add.reduceat(unseen_F(data), ends[:-1], dtype=int).tolist(), strict=True))
    categories = {name: count - unseen[name] for name, count in rows.categories.items()}
    held_out_only = {name: count for name, count in unseen.items() if count}
    weights = getattr(dataset, "weight_column", None)
    return Columns(list(rows.columns[: rows.numeric]), categories, held_out_only, left_out, weights)


def _layers(model: keras.Model) -> list[Layer]:
    """List the layers of a model, without input layers. Nested models and wrappers are replaced by their layers."""
    from bnexp.models.layer_kinds import described
    from bnexp.models.layer_paths import layers_with_paths

    return [
        Layer(path, described(layer), _shape(layer), int(layer.count_params()))
        for path, layer in layers_with_paths(model)
        if type(layer).__name__ != "InputLayer" and not layer._layers
    ]


def _shape(layer: keras.Layer) -> str:
    try:
        outputs = layer.output
    except (AttributeError, ValueError):  # it is called in several places, or inside another layer
        return ""
    sizes = getattr(outputs, "shape", (None,))[1:]
    return " x ".join("?" if size is None else str(size) for size in sizes)
