"""How the work is spread over the cores, and whether a GPU can be used."""

from __future__ import annotations

import tensorflow as tf

from bnexp.errors import UserError
from bnexp.system.machine import cores


def side_by_side(seeds: int) -> int:
    """Return how many shards of seeds run side by side: one a core, but one alone on a GPU."""
    if tf.config.list_physical_devices("GPU"):
        return 1
    return min(cores(), seeds)


def gpus() -> list[str]:
    """Name the GPUs that TensorFlow computes on; none where the processor does."""
    found = tf.config.list_physical_devices("GPU")
    return [str(tf.config.experimental.get_device_details(gpu).get("device_name", gpu)) for gpu in found]


def spread_over_cores(seeds: int) -> None:
    """Return each operation one core if several shards already fill all cores (half the time, measured on 2).

    Take no more of a GPU's memory than is used: other processes need it, too.
    TensorFlow takes both only before its first operation; later everything
    stays as it is, which costs time and changes no result. And float32 is
    float32: a GPU that multiplies with the 10 bits of TensorFloat-32 gives other
    numbers than a processor.
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
    """Raise UserError where TensorFlow finds a GPU that it cannot use, as one whose memory another process holds."""
    if not tf.config.list_physical_devices("GPU"):
        return
    try:
        tf.zeros(())
    except tf.errors.InternalError as error:
        why = str(error).splitlines()[0]
        raise UserError(
            f"TensorFlow finds a GPU and cannot use it: {why}. End what holds its memory (Keras elsewhere takes all of "
            "it unless told otherwise), use fewer workers, or leave the GPU alone: CUDA_VISIBLE_DEVICES= bnexp ..."
        ) from None


def run_beside_others() -> None:
    """Let this thread run programs while other threads run the same ones. To be called first in each of them.

    Two of TensorFlow's rewrites of a program are not made for that. Its memory
    optimizer turns sums of several gradients into temporary variables, whose
    names are the same in all threads: two that meet stop the program with
    AlreadyExistsError. Its remapper fuses a convolution with the sum behind it into one operation of oneDNN. That
    kernel (`MklConvOp`) keeps the other summand in a member that all threads share. A residual net without
    normalization then computes with another seed's summand, or crashes. There is no public switch.
    """
    from tensorflow.python.eager import context

    options = context.context().function_call_options
    config = tf.compat.v1.ConfigProto.FromString(options.config_proto_serialized)
    rewrites = config.graph_options.rewrite_options
    rewrites.memory_optimization = rewrites.NO_MEM_OPT
    rewrites.remapping = rewrites.OFF
    context.context().function_call_options = context.FunctionCallOptions(options.executor_type, config)
