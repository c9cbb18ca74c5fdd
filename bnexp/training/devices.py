"""Spreads the work over the cores, and checks whether a GPU can be used."""

from __future__ import annotations

import tensorflow as tf

from bnexp.errors import UserError
from bnexp.system.machine import cores


def side_by_side(seeds: int) -> int:
    """Return how many shards of seeds run at the same time: one for each core, but only one on a GPU."""
    if tf.config.list_physical_devices("GPU"):
        return 1
    return min(cores(), seeds)


def gpus() -> list[str]:
    """Return the names of the GPUs that TensorFlow uses; empty if it uses the processor."""
    found = tf.config.list_physical_devices("GPU")
    return [str(tf.config.experimental.get_device_details(gpu).get("device_name", gpu)) for gpu in found]


def spread_over_cores(seeds: int) -> None:
    """Set TensorFlow's threads: one core for each operation if several shards already fill all cores.

    This halves the time, measured on 2 cores. A GPU's memory is reserved only as it is needed, because other processes
    need it, too. TensorFlow accepts these settings only before its first operation. Later they are left unchanged,
    which costs time and changes no result. TensorFloat-32 is switched off: a GPU that multiplies with its 10 bits gives
    other numbers than a processor with float32.
    """
    tf.config.experimental.enable_tensor_float_32_execution(False)
    try:
        for gpu in tf.config.list_physical_devices("GPU"):
            tf.config.experimental.set_memory_growth(gpu, True)
        tf.config.threading.set_intra_op_parallelism_threads(1 if side_by_side(seeds) > 1 else cores())
        tf.config.threading.set_inter_op_parallelism_threads(cores())
    except RuntimeError:
        return


def refuse_unusable_gpus() -> None:
    """Raise UserError if TensorFlow finds a GPU that it cannot use, for example if another process fills its memory."""
    if not tf.config.list_physical_devices("GPU"):
        return
    try:
        tf.zeros(())
    except tf.errors.InternalError as error:
        why = str(error).splitlines()[0]
        raise UserError(
            f"TensorFlow finds a GPU and cannot use it: {why}. End the program that holds its memory (Keras reserves "
            "all of it by default), use fewer workers, or train without the GPU: CUDA_VISIBLE_DEVICES= bnexp ..."
        ) from None


def run_beside_others() -> None:
    """Let this thread run programs while other threads run the same ones. Call it first in each of these threads.

    Two of TensorFlow's rewrites of a program are not safe for this. Its memory optimizer turns sums of several
    gradients into temporary variables, which have the same names in all threads. If two threads use them at once, the
    program stops with AlreadyExistsError. Its remapper fuses a convolution and the sum that follows it into one
    operation of oneDNN. That kernel (`MklConvOp`) keeps the other summand in a member that all threads share. A
    residual net without normalization then computes with another seed's summand, or crashes. TensorFlow has no public
    option to switch these rewrites off.
    """
    from tensorflow.python.eager import context

    options = context.context().function_call_options
    config = tf.compat.v1.ConfigProto.FromString(options.config_proto_serialized)
    rewrites = config.graph_options.rewrite_options
    rewrites.memory_optimization = rewrites.NO_MEM_OPT
    rewrites.remapping = rewrites.OFF
    context.context().function_call_options = context.FunctionCallOptions(options.executor_type, config)
