"""A network that is ready to be trained from any seed."""

from __future__ import annotations

from dataclasses import dataclass

import keras

from bnexp.models.codes import Codes
from bnexp.models.compiled import NOT_COMPILED, Compiled
from bnexp.models.initial import InitialWeights
from bnexp.models.swapping import SwappedLayer


@dataclass(frozen=True)
class Built:
    """A built model, and the rule that draws its initial weights for any seed.

    The fields after `initial` are about a user's own network. They are empty for a network of bnexp.
    """

    model: keras.Model
    initial: InitialWeights
    swapped: tuple[SwappedLayer, ...] = ()
    """The layers that were changed, each with its kind before and after."""
    notes: tuple[str, ...] = ()
    """One sentence for each change that was made to the network."""
    warnings: tuple[str, ...] = ()
    """One sentence for each property of the network that may mislead."""
    own_momenta: tuple[float, ...] = ()
    """The momentum of each batch normalization that is not frozen."""

    as_written: InitialWeights | None = None
    """The initial weights before layers were swapped, if `model.weights` is keep. Otherwise, or if no layer was
    swapped, the same as `initial`. None for a network of bnexp."""

    codes: tuple[Codes, ...] = ()
    """The inputs that layers read as whole-number codes. Texts are left out."""

    compiled: Compiled = NOT_COMPILED

    @property
    def adds_penalty(self) -> bool:
        """Return True if a regularizer adds to the loss."""
        layers = self.model._flatten_layers(include_self=False)
        of_outputs = any(getattr(one, "activity_regularizer", None) is not None for one in layers)
        return of_outputs or any(one.regularizer is not None for one in self.model.trainable_variables)
