"""A network that is ready to be trained from any seed."""

from __future__ import annotations

from dataclasses import dataclass

import keras

from bnexp.models.initial import InitialWeights
from bnexp.models.swapping import SwappedLayer


@dataclass(frozen=True)
class Built:
    """A built model, and how to draw its weights anew for any seed.

    The other facts are of a network of the user's own. One of bnexp's has none.
    """

    model: keras.Model
    initial: InitialWeights
    swapped: tuple[SwappedLayer, ...] = ()
    """What normalization layers became."""
    notes: tuple[str, ...] = ()
    """What was done to the network, a sentence each."""
    warnings: tuple[str, ...] = ()
    """What in it may mislead, a sentence each."""
    own_momenta: tuple[float, ...] = ()
    """The momentum of each batch normalization that is not frozen; 0 if it begins at statistics that training found."""

    as_written: InitialWeights | None = None
    """With kept weights: the network before its layers were swapped, or itself if they were not, or its function made
    them."""

    @property
    def adds_penalty(self) -> bool:
        """Return True if a regularizer adds to the loss."""
        layers = self.model._flatten_layers(include_self=False)
        of_outputs = any(getattr(one, "activity_regularizer", None) is not None for one in layers)
        return of_outputs or any(one.regularizer is not None for one in self.model.trainable_variables)
