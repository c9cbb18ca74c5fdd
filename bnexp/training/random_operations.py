"""How TensorFlow's random operations, mapped over seeds, are drawn: one operation for each seed.

`tf.vectorized_map` has no rule for them and falls back on a loop over the
seeds, which doubles the time of a net with dropout. Written out, the same
operations draw the same numbers, from each seed's own stream, however seeds
are cut into shards.
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
"""Operations behind `keras.random` on TensorFlow; each draws from a seed that is among its inputs."""


@functools.cache
def draw_for_each_seed() -> None:
    """Teach `tf.vectorized_map` to write these operations out. There is no public way to do so.

    A TensorFlow that has moved this place, or has a rule of its own, maps them in its own way, to the same numbers.
    """
    with suppress(ImportError, AttributeError):
        from tensorflow.python.ops.parallel_for import pfor

        for kind in STATELESS:
            with suppress(AssertionError):  # it has a rule of its own
                pfor.RegisterPFor(kind)(functools.partial(_written_out, pfor.wrap))


def _written_out(wrap: Any, mapped: Any) -> list[Any]:
    """Convert one operation: run it for each seed on that seed's inputs, and stack what each gives."""
    operation = mapped.op
    inputs = [mapped.input(number)[:2] for number in range(mapped.num_inputs)]
    count = next(tensor.shape[0] for tensor, is_stacked in inputs if is_stacked)
    unstacked = [_of_each(tensor, count) if is_stacked else [tensor] * count for tensor, is_stacked in inputs]
    drawn = [_again(operation, of_one) for of_one in zip(*unstacked, strict=True)]
    return [wrap(tf.stack(outputs), True) for outputs in zip(*drawn, strict=True)]


def _of_each(stacked: Any, count: int) -> list[Any]:
    """Return the slices of a stacked tensor; if it was stacked from tensors here, return those tensors."""
    operation = stacked.op
    return list(operation.inputs) if operation.type == "Pack" else tf.unstack(stacked, count)


def _again(operation: Any, inputs: Any) -> list[Any]:
    """Add the same operation on other inputs; return its outputs."""
    kinds = [output.dtype for output in operation.outputs]
    attributes = dict(operation.node_def.attr)
    graph = tf.compat.v1.get_default_graph()
    return list(graph.create_op(operation.type, list(inputs), kinds, attrs=attributes, compute_device=True).outputs)
