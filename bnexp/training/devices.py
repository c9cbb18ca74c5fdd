"""How the work is spread over the cores. To be called before TensorFlow's first operation."""

from __future__ import annotations

import os

import tensorflow as tf


def workers(seeds: int) -> int:
    """Give how many shards of seeds run side by side: one a core, but one alone on a GPU."""
    if tf.config.list_physical_devices("GPU"):
        return 1
    return min(os.cpu_count() or 1, seeds)


def spread_over_cores(seeds: int) -> None:
    """Give each operation one core if several shards already fill all cores (half the time, measured on 2).

    TensorFlow takes this only before its first operation; later everything
    stays as it is, which costs time and changes no result.
    """
    try:
        tf.config.threading.set_intra_op_parallelism_threads(1 if workers(seeds) > 1 else 0)
    except RuntimeError:
        return
