"""Estimates how many seeds fit in memory at once, from what the model computes for one row.

Axes: S seeds, R rows of one part.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from bnexp.config.training import Training
from bnexp.data import Data
from bnexp.data.seeds import is_shared
from bnexp.data.stored_rows import StoredRows
from bnexp.errors import SettingError
from bnexp.metrics import HELD_OUT_PARTS
from bnexp.models.sequential import REFUSALS, refusal_text
from bnexp.system.machine import PROGRAM_BYTES, memory_limit, sharing
from bnexp.system.own_errors import errors_of_own_layers
from bnexp.training import devices
from bnexp.training.measures import evaluated_rows
from bnexp.training.pieces import HELD, PIECE_BYTES

TRAINED_ROW = 1.0
"""Bytes in use for each row at a step's peak, divided by the bytes of all results of the forward pass for a row.

Measured on the processor: 0.4 (transformer) to 0.85 (cnn); see tests/test_memory.py.
"""
EVALUATED_ROW = 0.25
"""The same ratio in evaluation, where no gradient needs these results: 0.07 (rnn) to 0.27 (cnn)."""
COPIES_OF_ROWS = 2
"""Copies of the rows in memory: the rows that were read, and TensorFlow's copy."""
SEEN = 3
"""Copies of a batch between the rows and the model's inputs: float32, centered, and divided by their width."""
PREDICTED_BYTES = 9
"""Bytes for each number predicted for an epoch's metrics: float32, a copy, and whether it is finite (measured: 8)."""
METRICS_BYTES, METRICS_NUMBER_BYTES = 90, 28
"""Bytes that a part's metrics need for a row, and for each number of it (measured: 110 for 1, 273 for 10)."""
KEPT_WEIGHTS = 4
"""Copies of a seed's weights: weights, gradients, two optimizer slots. Training needs as many again for new values."""
LARGEST_SHARD = 64
WORKING_SET_BYTES = 32 * 2**20
"""A shard with more seeds, or with more bytes from a step, gains no speed: it outgrows the caches (measured)."""
SHORTAGE = re.compile(r"OOM when allocating.*?(?= \[Op:|$)|(?:Failed copying.*)?Dst tensor is not initialized", re.M)
"""Finds in TensorFlow's message what does not fit: in general, and for rows that a GPU cannot hold."""
VIEWS = frozenset({"Reshape", "Identity", "StopGradient", "ExpandDims", "Squeeze", "Const", "ReadVariableOp"})
"""Operations whose result needs no new memory."""


@dataclass(frozen=True)
class Needs:
    """Bytes that all seeds share, that a seed keeps during its wave, and that it adds while its shard is trained."""

    shared: int
    kept: int
    working: int
    step: int
    """Bytes of all results of a training step for one seed."""


def needs(model: keras.Model, data: Data, training: Training) -> Needs:
    """Estimate the memory that training needs."""
    evaluated = _evaluated(data)
    rows_at_peak = max(TRAINED_ROW * training.batch_size, EVALUATED_ROW * evaluated)
    weights, row = 4 * model.count_params(), row_bytes(model)
    shared_bytes = COPIES_OF_ROWS * data.rows.x.nbytes
    seed_bytes = SEEN * 4 * math.prod(data.rows.x.shape[1:]) * max(training.batch_size, evaluated)
    if isinstance(data.rows.x, StoredRows):
        shared_bytes, own_pieces = _bytes_of_pieces(data, training, evaluated)
        seed_bytes += own_pieces + KEPT_WEIGHTS * weights  # the state before a piece, besides the one before the epoch
    metrics, predictions = _epoch_metrics(model, data, training)
    return Needs(
        shared=PROGRAM_BYTES + shared_bytes + metrics,
        kept=KEPT_WEIGHTS * weights,
        working=int(rows_at_peak * row) + KEPT_WEIGHTS * weights + seed_bytes + predictions,
        step=training.batch_size * row,
    )


def _evaluated(data: Data) -> int:
    """Return the number of rows that are evaluated at a time."""
    rows = sum(int(rows_SR.shape[1]) for rows_SR in data.parts.values())
    return min(evaluated_rows(data.rows.x.shape[1:]), rows)


def _bytes_of_pieces(data: Data, training: Training, evaluated: int) -> tuple[int, int]:
    """Return the bytes of the pieces of rows that all shards hold (`pieces`), and the bytes that each seed adds."""
    row, seeds_share = data.rows.x.nbytes // len(data.rows.x), all(map(is_shared, data.parts.values()))
    shared = max(PIECE_BYTES, row * evaluated) * devices.side_by_side(training.seeds)
    of_a_seed = row * max(training.batch_size, 0 if seeds_share else evaluated)
    return HELD * shared, HELD * of_a_seed


def _epoch_metrics(model: keras.Model, data: Data, training: Training) -> tuple[int, int]:
    """Return the bytes that all shards need to compute an epoch's metrics, and the bytes of a seed's predictions."""
    if not training.epoch_metrics:
        return 0, 0
    numbers = int(model.output_shape[-1])
    rows = [int(data.parts[part].shape[1]) for part in HELD_OUT_PARTS if part in data.parts]
    of_a_shard = (METRICS_BYTES + METRICS_NUMBER_BYTES * numbers) * max(rows)
    return of_a_shard * devices.side_by_side(training.seeds), PREDICTED_BYTES * numbers * sum(rows)


@functools.lru_cache(maxsize=8)
def row_bytes(model: keras.Model) -> int:
    """Return the bytes of all results of the forward pass for one row, in training mode.

    Raises:
        SettingError: if a layer refuses to run, or if code of the user's own fails in it.
    """
    shape, kind = model.input_shape[1:], model.inputs[0].dtype
    traced = tf.function(lambda x: model(x, training=True), autograph=False)
    try:
        with errors_of_own_layers("cannot be trained"):
            graph = traced.get_concrete_function(tf.TensorSpec((1, *shape), kind)).graph
    except REFUSALS as error:
        raise SettingError("model", f"cannot be trained; a layer refuses its inputs: {refusal_text(error)}") from error
    own = sum(_bytes(operation) for operation in graph.get_operations())
    loops = sum(_bytes(operation) for operation in _loop_bodies(graph))
    return own + (shape[0] if len(shape) else 1) * loops


def _loop_bodies(graph: Any) -> Iterator[Any]:
    """Yield the operations of all functions in a graph, which recurrent layers compute for each frame."""
    for function in getattr(graph, "_functions", {}).values():
        yield from function.graph.get_operations()


def _bytes(operation: Any) -> int:
    if operation.type in VIEWS or operation.type.startswith("Placeholder"):
        return 0
    sized = [tensor for tensor in operation.outputs if tensor.dtype.is_floating and tensor.shape.is_fully_defined()]
    return sum(tensor.dtype.size * math.prod(tensor.shape) for tensor in sized)


@contextmanager
def memory_errors() -> Iterator[None]:
    """Raise MemoryError, with a message on what does not fit, if TensorFlow runs out of memory."""
    try:
        yield
    except (tf.errors.ResourceExhaustedError, tf.errors.InternalError) as error:
        shortage = SHORTAGE.search(str(error))
        if shortage is None and isinstance(error, tf.errors.InternalError):
            raise
        raise MemoryError(shortage[0] if shortage else str(error).splitlines()[0]) from error


def refuse_too_large(model: keras.Model, data: Data, training: Training) -> None:
    """Raise SettingError if even a single seed does not fit in the memory limit."""
    limit = memory_limit(training.memory_limit_bytes())
    need = needs(model, data, training)
    total = need.shared + need.kept + need.working
    if total > limit:
        divided = training.memory_limit is None and sharing() > 1
        share = f" The limit is for one of {sharing()} workers; fewer workers get more each." if divided else ""
        batch = " or training.batch_size"
        if EVALUATED_ROW * _evaluated(data) >= TRAINED_ROW * training.batch_size:
            batch = f" or smaller rows (they are evaluated {_evaluated(data):,} at a time)"
        raise SettingError(
            "training.memory_limit",
            f"is {_gibibytes(limit)}; the estimate for this experiment is {_gibibytes(total)}: "
            f"{_gibibytes(need.shared)} for the program and the data, {_gibibytes(need.kept)} for the weights "
            f"of one seed, {_gibibytes(need.working)} to train it. "
            f"Use a smaller model{batch}, or a higher limit.{share}",
        )


def _gibibytes(size: int) -> str:
    return f"{size / 2**30:.2f} GiB"


def most_together(model: keras.Model, data: Data, training: Training, *, beside: int = 0) -> int:
    """Return how many trainings fit in the memory limit together, with one shard at a time; 1 or more.

    `beside` is the number of bytes of other rows in memory. If there are any, all rows are joined in one more copy.
    """
    need = needs(model, data, training)
    rows = COPIES_OF_ROWS * beside + (data.rows.x.nbytes + beside if beside else 0)
    free = memory_limit(training.memory_limit_bytes()) - need.shared - rows - need.working
    return max(1, free // max(1, need.kept))


def waves(model: keras.Model, data: Data, training: Training, seeds: int) -> list[slice]:
    """Return waves of (nearly) equal size, as slices of the seeds; one wave if memory holds all seeds' weights."""
    parts = np.array_split(np.arange(seeds), -(-seeds // most_together(model, data, training)))
    return [slice(int(part[0]), int(part[-1]) + 1) for part in parts]


def plan_shards(
    model: keras.Model, data: Data, training: Training, count: int, largest: int = LARGEST_SHARD
) -> tuple[int, int]:
    """Return how many shards of these trainings run at the same time, and the most trainings in each shard (>= 1)."""
    need = needs(model, data, training)
    free = memory_limit(training.memory_limit_bytes()) - need.shared - need.kept * count
    fit = max(1, int(free / need.working))
    workers = min(devices.side_by_side(count), fit)
    return workers, max(1, min(largest, fit // workers, WORKING_SET_BYTES // need.step))
