"""`model`: the networks that each field normalizes, from images to texts."""

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
    """What every network has: how it is normalized, activated, drawn and regularized."""

    activation: Activation = "relu"
    initializer: InitializerKey = GLOROT_UNIFORM
    """How kernels are drawn."""
    dropout: Share = 0.0
    """Share of units dropped while training."""
    l2: NonNegative = 0.0
    """Weight of the squared kernels in the loss (the output layer's too)."""
    normalization: NormalizationKey = NoNormalization(name="none")
    placement: Literal["before", "after"] = "before"
    """Whether normalization stands before the activation (the 2015 paper) or after it (the common tutorial)."""


class Mlp(Network):
    """A stack of dense layers; inputs of any other shape are flattened."""

    name: Literal["mlp"]
    hidden: Annotated[list[Units], Field(min_length=1)] = [64, 64]
    """Units of each hidden layer."""
    repeat: AtLeastOne = 1
    """How often that stack stands behind itself: `hidden: [64]` 20 times is a net of 20 hidden layers."""
    placement: Literal["before", "after"] = "after"
    """Whether normalization stands before the activation (the 2015 paper) or after it (the common tutorial)."""


class Augmentation(Section):
    """How images are changed at random while training, each time anew."""

    flip: Literal["none", "horizontal", "vertical", "horizontal_and_vertical"] = "none"
    shift: Share = 0.0
    """Largest shift, as a share of the height and of the width; what is uncovered mirrors the edge."""
    noise: NonNegative = 0.0
    """Standard deviation of Gaussian noise, in the unit of the scaled inputs."""


class Cnn(Network):
    """Blocks of convolutions and pooling, then the mean over positions and, if any, dense layers."""

    name: Literal["cnn"]
    filters: Annotated[list[Units], Field(min_length=1)] = [16, 32, 64]
    """Filters of each block."""
    convolutions: AtLeastOne = 1
    """Convolutions in each block."""
    kernel_size: AtLeastOne = 3
    pooling: Literal["max", "average", "none"] = "max"
    """What halves height and width at the end of each block, while there are two or more of both."""
    hidden: list[Units] = []
    """Units of each dense layer before the output."""
    augmentation: Augmentation = Augmentation()


def _of_the_papers_depths(depth: int) -> int:
    if depth < 8 or (depth - 2) % 6:
        raise PydanticCustomError("depth", "6 m + 2 with m of 1 or more: 8, 14, 20, 32, 44, 56, 110")
    return depth


class Resnet(Network):
    """The residual networks of He et al. (2015) for small images: three stages, 6 m + 2 layers deep.

    Shortcuts are identities, with zeros for the channels that are new
    (option A). A `preactivation` block (He et al., 2016) normalizes and
    activates before each convolution.
    """

    name: Literal["resnet"]
    depth: Annotated[int, AfterValidator(_of_the_papers_depths)] = 8
    """Layers with weights: 6 m + 2, for m blocks of two convolutions in each of the three stages."""
    width: Units = 16
    """Filters of the first stage; the others have two and four times as many."""
    block: Literal["basic", "preactivation"] = "basic"
    zero_gamma: bool = False
    """Let the scale of the last normalization of each block begin at zero, so that with relu each block but those that
    widen starts as an identity."""
    initializer: InitializerKey = HE_NORMAL
    augmentation: Augmentation = Augmentation()


class Conv1d(Network):
    """Blocks of a convolution over time and pooling, then the mean over time."""

    name: Literal["conv1d"]
    filters: Annotated[list[Units], Field(min_length=1)] = [32, 64]
    """Filters of each block."""
    kernel_size: AtLeastOne = 5
    pooling: Literal["max", "average", "none"] = "max"
    """What halves the frames at the end of each block."""
    embedding: Units = 32
    """Width of a word's vector. The gradient of a word is summed over its places in a batch, as on JAX and PyTorch.
    Keras's own layer on TensorFlow gives Adam one gradient for each place. A word in several places moves less."""


class Rnn(Network):
    """Recurrent layers, each reading the frames that the one before wrote; the last one's last state decides.

    The activation is the cell's own. Normalization stands `before` a
    recurrent layer, on its inputs, or `after` it, on its outputs, over all
    frames that are no padding (sequence-wise, Laurent et al., 2016).
    """

    name: Literal["rnn"]
    cell: Literal["gru", "lstm"] = "gru"
    units: Annotated[list[Units], Field(min_length=1)] = [32]
    """Units of each recurrent layer."""
    bidirectional: bool = False
    embedding: Units = 32
    """Width of a word's vector. The gradient of a word is summed over its places in a batch, as on JAX and PyTorch.
    Keras's own layer on TensorFlow gives Adam one gradient for each place. A word in several places moves less."""
    activation: Literal["tanh"] = "tanh"
    placement: Literal["before", "after"] = "after"


class Transformer(Network):
    """Encoder blocks (Vaswani et al., 2017) over learned embeddings of words and positions.

    `placement: before` normalizes before each sublayer (pre-norm, with one
    more normalization at the end), `after` normalizes the sum behind it
    (post-norm, as in the 2017 paper).
    """

    name: Literal["transformer"]
    width: Units = 32
    """Width of a position's vector."""
    blocks: AtLeastOne = 2
    heads: AtLeastOne = 2
    feedforward: Units = 64
    """Units of the hidden layer between attention layers."""
    pooling: Literal["mean", "first"] = "mean"
    """What the output sees: the mean over positions, or the first position."""
