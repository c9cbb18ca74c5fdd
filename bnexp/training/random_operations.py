"""Replaces TensorFlow's random operations, mapped over seeds, by one operation for each seed.

`tf.vectorized_map` has no rule for random operations. It falls back on a loop over the seeds, which doubles the time of
a net with dropout. One operation for each seed draws the same numbers from the seed's own stream, however the seeds are
cut into shards.
"""

from __future__ import annotations

import functools
from contextlib import suppress
from typing import Any

import tensorflow as tf

STATELESS = (
    "StatelessRandomGetKeyCounter",
    "StatelessRandomUniformV2",
    "StatelessRandomNormalV2",
    "StatelessTruncatedNormalV2",
    "StatelessRandomUniformIntV2",
    "StatelessRandomUniformFullIntV2",
)
"""Operations that `keras.random` uses on TensorFlow. Each gets its seed as an input."""


@functools.cache
def draw_for_each_seed() -> None:
    """Make `tf.vectorized_map` replace these operations by one for each seed. There is no public way to do so.

    A TensorFlow version that has moved this function, or has its own rule, maps them in its own way, to equal numbers.
    """
    with suppress(ImportError, AttributeError):
        from tensorflow.python.ops.parallel_for import pfor

        for kind in STATELESS:
            with suppress(AssertionError):  # TensorFlow has its own rule
                pfor.RegisterPFor(kind)(functools.partial(_written_out, pfor.wrap))


def _written_out(wrap: Any, mapped: Any) -> list[Any]:
    """Convert one operation: run it for each seed on that seed's inputs, and stack the outputs."""
    operation = mapped.op
    inputs = [mapped.input(number)[:2] for number in range(mapped.num_inputs)]
    count = next(tensor.shape[0] for tensor, is_stacked in inputs if is_stacked)
    unstacked = [_of_each(tensor, count) if is_stacked else [tensor] * count for tensor, is_stacked in inputs]
    drawn = [_again(operation, of_one) for of_one in zip(*unstacked, strict=True)]
    return [wrap(tf.stack(outputs), True) for outputs in zip(*drawn, strict=True)]


def _of_each(stacked: Any, count: int) -> list[Any]:
    """Return the slices of a stacked tensor. If it is the output of a `tf.stack`, return its inputs."""
    operation = stacked.op
    return list(operation.inputs) if operation.type == "Pack" else tf.unstack(stacked, count)


def _again(operation: Any, inputs: Any) -> list[Any]:
    """Add the same operation with other inputs to the graph; return its outputs."""
    kinds = [output.dtype for output in operation.outputs]
    attributes = dict(operation.node_def.attr)
    graph = tf.compat.v1.get_default_graph()
    return list(graph.create_op(operation.type, list(inputs), kinds, attrs=attributes, compute_device=True).outputs)
