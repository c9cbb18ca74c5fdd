"""Normalization layers: `model.normalization` -> a Keras layer. Ghost batch normalization is in `ghost`.

Add a new kind here. If it derives from none of Keras's, add it to `layer_kinds.NORMALIZATIONS`, too. If it takes a
mask, `activation.normalize` must pass it on.

Axes: B batch, P positions (none, frames, or height and width), C channels.
"""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from bnexp.config.normalization import (
    BatchNormalization,
    BatchRenormalization,
    LayerNormalization,
    NoNormalization,
    Normalization,
)
from bnexp.config.normalization import GhostBatchNormalization as Ghost
from bnexp.config.normalization import GroupNormalization as Group
from bnexp.config.normalization import InstanceNormalization as Instance
from bnexp.config.normalization import RmsNormalization as Rms
from bnexp.config.own_model import SwappedGroup
from bnexp.models.ghost import GhostBatchNormalization
from bnexp.models.moments import fitting_mask, moments_of, precise, transformed

MOST_GROUPS = 32
"""The largest number of groups, from Wu and He (2018)."""
LEAST_OF_A_GROUP = 8
"""The fewest numbers that a group standardises together. With only two, each would become 1 or -1."""


class UnfitInputsError(ValueError):
    """The inputs of a layer cannot be normalized in groups like that."""


def normalization_layer(normalization: Normalization | SwappedGroup, name: str | None) -> keras.Layer | None:
    """Return the Keras layer that the config names, or None for `none`.

    Batch (Ioffe and Szegedy, 2015) standardises each feature with the mean and biased variance of the batch while
    training, and with moving averages of both at inference. Renorm (Ioffe, 2017) corrects the batch's statistics
    towards the moving averages while training. Layer (Ba, Kiros and Hinton, 2016) standardises each position of each
    row over its features, in training and at inference alike. All of them then scale by gamma and shift by beta. The
    other kinds have classes of their own, in this file and in `ghost`.
    """
    options = {"name": name, **normalization.model_dump(exclude={"name"}, exclude_none=True)}
    match normalization:
        case NoNormalization():
            return None
        case BatchNormalization():
            return keras.layers.BatchNormalization(**options)
        case BatchRenormalization():
            return _renormalization(options)
        case Ghost():
            return GhostBatchNormalization(**options)
        case LayerNormalization():
            return keras.layers.LayerNormalization(**options)
        case Group() | SwappedGroup():
            return GroupNormalization(**{"groups": None, **options})
        case Instance():
            return InstanceNormalization(**options)
        case Rms():
            return RMSNormalization(**options)


def _renormalization(options: dict[str, Any]) -> keras.Layer:
    """Return Keras's layer, which takes the bounds of r and d in one mapping. r is from 1 / rmax to rmax."""
    rmax, dmax = options.pop("rmax"), options.pop("dmax")
    clipping = {"rmax": rmax, "rmin": 1 / rmax, "dmax": dmax}
    return keras.layers.BatchNormalization(renorm=True, renorm_clipping=clipping, **options)


@keras.saving.register_keras_serializable("bnexp")
class GroupNormalization(keras.layers.GroupNormalization):
    """Standardises each row over its positions and the channels of a group, in training and at inference alike.

    y = gamma (x - mean) / sqrt(variance + epsilon) + beta

    Inputs and outputs (B, *P, C); mean and biased variance (B, groups), over
    positions and the C / groups neighbouring channels of a group; gamma and
    beta (C,). A mask (B, *P) leaves positions out of mean and variance; they
    are still normalized. Half precision is computed in float32.

    Keras's own layer passes the mask on, but counts masked positions in mean and variance. So a text's outputs depend
    on how far it was padded. Keras's layer also accepts groups of a single number, which all become beta.

    Raises:
        ValueError: if the channels are not the last axis, the groups do not
            divide them, a group holds one number only, or the mask is not of
            shape (B, *P).

    Source: Wu and He 2018, "Group Normalization".
    """

    def __init__(self, groups: int | None = 32, **options: Any) -> None:
        super().__init__(groups=groups or 1, **options)
        self.groups, self.chooses_groups = groups, groups is None

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create gamma and beta. Raise ValueError if the groups do not fit the channels."""
        self.fit_groups(input_shape)
        super().build(input_shape)

    def fit_groups(self, input_shape: tuple[int | None, ...]) -> None:
        """Choose the number of groups for inputs of this shape if none is set.

        A layer that was built for any size can be fitted again to the size that its inputs have. Its weights stay.

        Raises:
            UnfitInputsError: if the number of groups does not fit.
        """
        channels = input_shape[-1]
        if channels is None or self.axis not in (-1, len(input_shape) - 1):
            raise UnfitInputsError(
                f"axis is {self.axis}, for inputs of shape {input_shape}; channels must be the last axis, "
                "of known size."
            )
        if self.chooses_groups:
            positions = [size or LEAST_OF_A_GROUP for size in input_shape[1:-1]]
            self.groups = groups_for(channels, positions=math.prod(positions))
        groups = channels if self.groups in (-1, None) else self.groups
        if channels % groups:
            fitting = ", ".join(str(number) for number in range(1, channels + 1) if channels % number == 0)
            raise UnfitInputsError(
                f"groups is {groups}, which does not divide the {channels} channels. Use one of {fitting}."
            )
        if channels == groups and all(size == 1 for size in input_shape[1:-1]):
            raise UnfitInputsError(self._lonely(groups, input_shape))

    def _lonely(self, groups: int, input_shape: tuple[int | None, ...]) -> str:
        return (
            f"groups is {groups}, so that with inputs of shape {input_shape} each group is one number, "
            "and normalizes to 0. Use fewer groups."
        )

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Normalize the inputs. Masked positions do not count in mean and variance."""
        x = precise(inputs)
        counted = None if mask is None else fitting_mask(mask, inputs)[..., None]
        difference = x - self._over_groups(x, counted)
        variance = self._over_groups(ops.square(difference), counted)
        return ops.cast(transformed(self, difference * ops.rsqrt(variance + self.epsilon)), self.compute_dtype)

    def _over_groups(self, x: Any, counted: Any) -> Any:
        """Return the mean over positions and a group's channels, repeated for each of its channels: (B, 1, ..., 1, C).

        The mean is taken over positions first, then over channels. This is three times as fast as over both at once.
        """
        axes = tuple(range(1, len(x.shape) - 1))
        mean, _ = moments_of(x, axes, counted) if counted is not None else (ops.mean(x, axes, keepdims=True), None)
        shape = (-1, *(1 for _ in axes), self.groups, x.shape[-1] // self.groups)
        grouped = ops.mean(ops.reshape(mean, shape), axis=-1, keepdims=True)
        return ops.reshape(ops.broadcast_to(grouped, (ops.shape(x)[0], *shape[1:])), (*shape[:-2], x.shape[-1]))


def groups_for(channels: int, *, positions: int) -> int:
    """Return the number of groups for inputs with these numbers of channels and positions.

    >>> groups_for(64, positions=49), groups_for(24, positions=49), groups_for(64, positions=1)
    (32, 24, 8)
    """
    numbers = range(1, min(MOST_GROUPS, channels) + 1)
    fitting = [n for n in numbers if channels % n == 0 and channels // n * positions >= LEAST_OF_A_GROUP]
    return max(fitting, default=1)


@keras.saving.register_keras_serializable("bnexp")
class InstanceNormalization(GroupNormalization):
    """Standardises each channel of each row over its positions, in training and at inference alike.

    y = gamma (x - mean) / sqrt(variance + epsilon) + beta

    Inputs and outputs (B, *P, C); mean and biased variance (B, C); gamma and beta (C,). A mask (B, *P) leaves positions
    out of mean and variance. It is the same as group normalization with one channel in each group. PyTorch's
    InstanceNorm2d has no gamma and beta by default.

    Raises:
        ValueError: if there is one position only, which would give zeros.

    Source: Ulyanov, Vedaldi and Lempitsky 2016, "Instance Normalization".
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(groups=-1, **options)

    def _lonely(self, groups: int, input_shape: tuple[int | None, ...]) -> str:
        return (
            f"instance normalization is over the positions of a row, and inputs of shape {input_shape} have only "
            "one, so all values would become 0. Use layer or group normalization."
        )

    def get_config(self) -> dict[str, Any]:
        """Return the options from which `from_config` builds the layer. The channels set the groups."""
        config: dict[str, Any] = super().get_config()
        del config["groups"]
        return config


@keras.saving.register_keras_serializable("bnexp", "RmsNormalization")
class RMSNormalization(keras.layers.RMSNormalization):
    """Divides each position of each row by its root mean square, in training and at inference alike.

    y = scale x / sqrt(mean(x**2) + epsilon)

    Inputs and outputs (B, *P, C); scale (C,). The mean is over channels, so a mask has no effect on it. Unlike layer
    normalization it subtracts no mean and adds no beta.

    Keras's own layer drops the mask for all layers behind it; this one passes it on. Keras's layer also rounds `scale`
    if the policy computes in half precision, and always starts it at 1. Here `gamma_initializer`, `gamma_regularizer`
    and `gamma_constraint` apply to `scale`.

    Source: Zhang and Sennrich 2019, "Root Mean Square Layer Normalization".
    """

    def __init__(
        self,
        gamma_initializer: Any = "ones",
        gamma_regularizer: Any = None,
        gamma_constraint: Any = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.gamma_initializer = keras.initializers.get(gamma_initializer)
        self.gamma_regularizer = keras.regularizers.get(gamma_regularizer)
        self.gamma_constraint = keras.constraints.get(gamma_constraint)
        self.supports_masking = True

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the scale."""
        self.scale = self.add_weight(
            name="scale",
            shape=(input_shape[self.axis],),
            initializer=self.gamma_initializer,
            regularizer=self.gamma_regularizer,
            constraint=self.gamma_constraint,
            autocast=False,
        )

    def get_config(self) -> dict[str, Any]:
        """Return the options from which `from_config` builds the layer."""
        return {
            **super().get_config(),
            "gamma_initializer": keras.initializers.serialize(self.gamma_initializer),
            "gamma_regularizer": keras.regularizers.serialize(self.gamma_regularizer),
            "gamma_constraint": keras.constraints.serialize(self.gamma_constraint),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> RMSNormalization:
        """Build the layer from its options. Models that were saved earlier name `gamma_initializer` `initializer`."""
        older = {"gamma_initializer": config["initializer"]} if "initializer" in config else {}
        return cls(**{name: value for name, value in config.items() if name != "initializer"}, **older)
