"""`model`: ready-made networks for tables, images, sequences and texts."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from bnexp.config.initializer import GLOROT_UNIFORM, HE_NORMAL, InitializerKey
from bnexp.config.normalization import NoNormalization, NormalizationKey
from bnexp.config.section import AtLeastOne, NonNegative, Section

Activation = Literal[
    "relu", "sigmoid", "tanh", "linear", "elu", "selu", "gelu", "silu", "swish", "softplus", "softsign",
    "leaky_relu", "relu6", "mish", "hard_sigmoid", "hard_silu", "exponential",
]  # fmt: skip
Units = Annotated[int, Field(ge=1, le=1_000_000)]
Share = Annotated[float, Field(ge=0, lt=1)]


class Network(Section):
    """Keys of every network of bnexp: activation, initializer, regularization and normalization."""

    activation: Activation = "relu"
    initializer: InitializerKey = GLOROT_UNIFORM
    """How kernels are drawn."""
    dropout: Share = 0.0
    """Share of units dropped during training."""
    l2: NonNegative = 0.0
    """Weight of the squared kernels in the loss (the output layer's too)."""
    normalization: NormalizationKey = NoNormalization(name="none")
    placement: Literal["before", "after"] = "before"
    """Whether normalization comes before the activation (as in the 2015 paper) or after it (as in common tutorials)."""


class Mlp(Network):
    """A stack of dense layers. Inputs with several axes are flattened first."""

    name: Literal["mlp"]
    hidden: Annotated[list[Units], Field(min_length=1)] = [64, 64]
    """Units of each hidden layer."""
    repeat: AtLeastOne = 1
    """How many times the stack of `hidden` is repeated: `hidden: [64]` repeated 20 times gives 20 hidden layers."""
    placement: Literal["before", "after"] = "after"
    """Whether normalization comes before the activation (as in the 2015 paper) or after it (as in common tutorials)."""


class Augmentation(Section):
    """Random changes of images during training, drawn anew each time that an image is used."""

    flip: Literal["none", "horizontal", "vertical", "horizontal_and_vertical"] = "none"
    shift: Share = 0.0
    """Largest shift, as a share of height and width. The image is mirrored at its edge to fill the uncovered border."""
    noise: NonNegative = 0.0
    """Standard deviation of Gaussian noise, in the unit of the scaled inputs."""


class Cnn(Network):
    """Blocks of convolutions and pooling, then the mean over positions, then the dense layers of `hidden`, if any."""

    name: Literal["cnn"]
    filters: Annotated[list[Units], Field(min_length=1)] = [16, 32, 64]
    """Filters of each block."""
    convolutions: AtLeastOne = 1
    """Convolutions in each block."""
    kernel_size: AtLeastOne = 3
    pooling: Literal["max", "average", "none"] = "max"
    """Pooling that halves height and width at the end of each block, as long as both are 2 or more."""
    hidden: list[Units] = []
    """Units of each dense layer before the output."""
    augmentation: Augmentation = Augmentation()


def _of_the_papers_depths(depth: int) -> int:
    if depth < 8 or (depth - 2) % 6:
        raise PydanticCustomError("depth", "6 m + 2 with m of 1 or more: 8, 14, 20, 32, 44, 56, 110")
    return depth


class Resnet(Network):
    """The residual networks of He et al. (2015) for small images: three stages, 6 m + 2 layers deep.

    Shortcuts are identities, with zeros for new channels (the paper's
    option A). A `preactivation` block (He et al., 2016) normalizes and
    activates before each convolution.
    """

    name: Literal["resnet"]
    depth: Annotated[int, AfterValidator(_of_the_papers_depths)] = 8
    """Number of layers with weights: 6 m + 2. Each of the three stages has m blocks of two convolutions."""
    width: Units = 16
    """Filters of the first stage; the others have two and four times as many."""
    block: Literal["basic", "preactivation"] = "basic"
    zero_gamma: bool = False
    """Start the scale of each block's last normalization at zero. With relu, each block then starts as an identity,
    except the blocks that widen."""
    initializer: InitializerKey = HE_NORMAL
    augmentation: Augmentation = Augmentation()


class Conv1d(Network):
    """Blocks of a convolution over time and pooling, then the mean over time."""

    name: Literal["conv1d"]
    filters: Annotated[list[Units], Field(min_length=1)] = [32, 64]
    """Filters of each block."""
    kernel_size: AtLeastOne = 5
    pooling: Literal["max", "average", "none"] = "max"
    """Pooling that halves the number of frames at the end of each block."""
    embedding: Units = 32
    """Width of a word's vector. The gradients of a word are summed over its occurrences in a batch, as on JAX and
    PyTorch. Keras's own layer on TensorFlow gives Adam one gradient per occurrence, so repeated words move less."""


class Rnn(Network):
    """A stack of recurrent layers. The output layer reads the last state of the last one.

    The activation is the cell's own. `placement: before` normalizes the
    inputs of each recurrent layer, `after` normalizes its outputs. The
    statistics are over all frames except padding (sequence-wise
    normalization, Laurent et al., 2016).
    """

    name: Literal["rnn"]
    cell: Literal["gru", "lstm"] = "gru"
    units: Annotated[list[Units], Field(min_length=1)] = [32]
    """Units of each recurrent layer."""
    bidirectional: bool = False
    embedding: Units = 32
    """Width of a word's vector. The gradients of a word are summed over its occurrences in a batch, as on JAX and
    PyTorch. Keras's own layer on TensorFlow gives Adam one gradient per occurrence, so repeated words move less."""
    activation: Literal["tanh"] = "tanh"
    placement: Literal["before", "after"] = "after"


class Transformer(Network):
    """Encoder blocks (Vaswani et al., 2017) over learned embeddings of words and positions.

    `placement: before` normalizes before each sublayer (pre-norm, with one
    more normalization at the end). `after` normalizes the sum after each
    sublayer (post-norm, as in the 2017 paper).
    """

    name: Literal["transformer"]
    width: Units = 32
    """Width of a position's vector."""
    blocks: AtLeastOne = 2
    heads: AtLeastOne = 2
    feedforward: Units = 64
    """Units of the hidden dense layer in each block."""
    pooling: Literal["mean", "first"] = "mean"
    """The input of the output layer: the mean over positions, or the first position."""
