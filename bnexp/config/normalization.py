"""`model.normalization`: how a model's layers are normalized."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from bnexp.config.section import AtLeastOne, Positive, Section, named

Momentum = Annotated[float, Field(ge=0, lt=1)]


class NoNormalization(Section):
    """No normalization layers at all."""

    name: Literal["none"]


class BatchNormalization(Section):
    """`keras.layers.BatchNormalization` (Ioffe and Szegedy, 2015)."""

    name: Literal["batch"]
    momentum: Momentum = 0.99
    """Weight of the old moving averages at each step (PyTorch's is 1 minus this)."""
    epsilon: Positive = 1e-3
    center: bool = True
    scale: bool = True
    synchronized: bool = False
    """Compute statistics over all replicas of a tf.distribute strategy (in Keras only for inputs without a mask)."""


class LayerNormalization(Section):
    """`keras.layers.LayerNormalization` (Ba, Kiros and Hinton, 2016)."""

    name: Literal["layer"]
    epsilon: Positive = 1e-3
    center: bool = True
    scale: bool = True


class GroupNormalization(Section):
    """Normalizes each row over its positions and a group of its channels (Wu and He, 2018)."""

    name: Literal["group"]
    groups: AtLeastOne = 8
    """Number of groups of channels; it must divide the number of channels of every layer."""
    epsilon: Positive = 1e-3
    center: bool = True
    scale: bool = True


class InstanceNormalization(Section):
    """Normalizes each channel of each row over its positions (Ulyanov, Vedaldi and Lempitsky, 2016)."""

    name: Literal["instance"]
    epsilon: Positive = 1e-3
    center: bool = True
    scale: bool = True


class RmsNormalization(Section):
    """`keras.layers.RMSNormalization` (Zhang and Sennrich, 2019)."""

    name: Literal["rms"]
    epsilon: Positive = 1e-6


class BatchRenormalization(Section):
    """`keras.layers.BatchNormalization(renorm=True)` (Ioffe, 2017)."""

    name: Literal["renorm"]
    momentum: Momentum = 0.99
    epsilon: Positive = 1e-3
    center: bool = True
    scale: bool = True
    renorm_momentum: Momentum = 0.99
    rmax: Annotated[float, Field(ge=1)] = 3.0
    """The batch's standard deviation is corrected by at most this factor, up or down."""
    dmax: Annotated[float, Field(ge=0)] = 5.0
    """The batch's mean is corrected by at most this number of standard deviations."""


class GhostBatchNormalization(Section):
    """Batch normalization over parts of the batch (Hoffer, Hubara and Soudry, 2017)."""

    name: Literal["ghost"]
    virtual_batch_size: Annotated[int, Field(ge=2)] = 16
    """Number of rows that are normalized together; remaining rows of a batch join the last part."""
    momentum: Momentum = 0.99
    epsilon: Positive = 1e-3
    center: bool = True
    scale: bool = True


BATCH_STATISTICS = (BatchNormalization, BatchRenormalization, GhostBatchNormalization)
"""Kinds that normalize with statistics of the batch while training."""

Normalization = (
    NoNormalization
    | BatchNormalization
    | LayerNormalization
    | GroupNormalization
    | InstanceNormalization
    | RmsNormalization
    | BatchRenormalization
    | GhostBatchNormalization
)
NormalizationKey = Annotated[Normalization, Field(discriminator="name"), BeforeValidator(named)]
