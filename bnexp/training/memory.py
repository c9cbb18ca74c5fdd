"""How many seeds fit in memory at once: an estimate from the shapes of the model."""

from __future__ import annotations

import math
import os

import keras

FLOAT_BYTES = 4
COPIES_OF_ACTIVATIONS = 8
"""Forward values, gradients and temporaries alive at once, per layer output (measured)."""
COPIES_WHEN_EVALUATING = 2
"""A layer's inputs and its outputs: nothing is kept for a gradient."""
COPIES_OF_WEIGHTS = 8
"""Weights, gradients, two optimizer slots, and the new value of each while it is made."""
SHARE_OF_MEMORY = 0.25
LARGEST_SHARD = 64
"""Beyond this many seeds a step gains no speed: its working set outgrows the caches."""


def seed_bytes(model: keras.Sequential, batch: int, evaluated: int) -> int:
    """Estimate the bytes that one more seed takes while a batch is trained, or so many rows are evaluated at once."""
    outputs: int = sum(math.prod(layer.compute_output_shape(layer.input.shape)[1:]) for layer in model.layers)
    weights: int = model.count_params()
    rows = max(COPIES_OF_ACTIVATIONS * batch, COPIES_WHEN_EVALUATING * evaluated)
    return FLOAT_BYTES * (rows * outputs + COPIES_OF_WEIGHTS * weights)


def seeds_per_shard(model: keras.Sequential, batch: int, evaluated: int, workers: int) -> int:
    """Give the most seeds that one of `workers` shards side by side should hold, 1 or more."""
    budget = SHARE_OF_MEMORY * _memory_bytes() / workers
    return max(1, min(LARGEST_SHARD, int(budget / seed_bytes(model, batch, evaluated))))


def _memory_bytes() -> int:
    """Give the machine's memory, or 4 GiB where the system does not tell."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return 4 * 2**30
