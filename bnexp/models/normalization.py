"""Normalization layers: `model.normalization` -> a Keras layer. The place for a new one."""

from __future__ import annotations

import keras

from bnexp.config.model import BatchNormalization, LayerNormalization, NoNormalization, Normalization


def normalization_layer(normalization: Normalization, name: str) -> keras.Layer | None:
    """Give the Keras layer that the config names, or None for `none`.

    Batch (Ioffe and Szegedy, 2015) standardises each feature with the mean and
    biased variance of the batch while training, and with moving averages of
    both at inference; layer (Ba, Kiros and Hinton, 2016) standardises each row
    over its features, in both modes alike. Both then scale by gamma and shift
    by beta.
    """
    match normalization:
        case NoNormalization():
            return None
        case BatchNormalization():
            return keras.layers.BatchNormalization(name=name, **normalization.model_dump(exclude={"name"}))
        case LayerNormalization():
            return keras.layers.LayerNormalization(name=name, **normalization.model_dump(exclude={"name"}))
