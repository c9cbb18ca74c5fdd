"""The normalization layer that an arm needs: a replacement for a layer of the network, or a new layer."""

from __future__ import annotations

from typing import Any

import keras

from bnexp.config import normalization as plain
from bnexp.config.own_model import (
    AsWritten,
    Frozen,
    Swap,
    SwappedBatch,
    SwappedGhost,
    SwappedGroup,
    SwappedInstance,
    SwappedLayerNormalization,
    SwappedRenorm,
    SwappedRms,
)
from bnexp.models.carried_over import carry_axis, carry_options, rebuilt
from bnexp.models.ghost import GhostBatchNormalization
from bnexp.models.normalization import (
    GroupNormalization,
    InstanceNormalization,
    RMSNormalization,
    normalization_layer,
)

KINDS: dict[type, tuple[type[keras.Layer], ...]] = {
    SwappedBatch: (keras.layers.BatchNormalization,),
    SwappedRenorm: (keras.layers.BatchNormalization,),
    SwappedGhost: (GhostBatchNormalization,),
    SwappedLayerNormalization: (keras.layers.LayerNormalization,),
    SwappedGroup: (keras.layers.GroupNormalization, GroupNormalization),
    SwappedInstance: (InstanceNormalization,),
    SwappedRms: (keras.layers.RMSNormalization, RMSNormalization),
}
"""Kind that an arm asks for -> the layer classes of this kind. A class that the user wrote is of no kind."""
WHOLE: dict[type, type[plain.Normalization]] = {
    SwappedBatch: plain.BatchNormalization,
    SwappedRenorm: plain.BatchRenormalization,
    SwappedGhost: plain.GhostBatchNormalization,
    SwappedLayerNormalization: plain.LayerNormalization,
    SwappedInstance: plain.InstanceNormalization,
    SwappedRms: plain.RmsNormalization,
}
"""Kind that an arm asks for -> the config section with a default for each key. Group normalization is left out, because
its number of groups depends on each layer's channels."""


def arm_layer(old: keras.Layer, to: Swap, name: str) -> keras.Layer:
    """Return the layer, not built yet, that replaces `old` in an arm. Return `old` itself if it needs no change.

    A layer of the same kind keeps its name and every option that the arm does not set. A layer of another kind takes
    over the old layer's precision, axis and `trainable`, whether it has scale and offset, and their initializers,
    regularizers and constraints.
    """
    if _is_of(old, to):
        said = _said(old, to)
        as_written = old.get_config()
        if all(as_written[key] == value for key, value in said.items()):
            return old
        return rebuilt(old, **said)
    made = new_layer(to, name, old)
    carry_options(old, made)
    carry_axis(old, made)
    return made


def new_layer(to: Swap, name: str | None, old: keras.Layer | None = None) -> keras.Layer:
    """Return a new layer of an arm's kind. The arm, or else the old layer, decides whether it has scale and offset."""
    if isinstance(to, plain.NoNormalization):
        return keras.layers.Identity(name=name)
    assert not isinstance(to, AsWritten | Frozen)
    written = {} if old is None else old.get_config()
    said = to.model_dump(exclude_none=True)
    whole = WHOLE.get(type(to), SwappedGroup)
    affine = {key: written[key] for key in ("center", "scale") if key in written and key in whole.model_fields}
    made = normalization_layer(whole.model_validate({**affine, **said}), name)
    assert made is not None
    return made


def _is_of(layer: keras.Layer, to: Swap) -> bool:
    """Return True if a layer is of the kind that an arm asks for."""
    is_renorm = getattr(layer, "renorm", False)
    return type(layer) in KINDS.get(type(to), ()) and is_renorm == isinstance(to, SwappedRenorm)


def _said(layer: keras.Layer, to: Swap) -> dict[str, Any]:
    """Return the options that an arm sets, by Keras's names for a layer of this kind."""
    said = to.model_dump(exclude={"name"}, exclude_none=True)
    bounds: dict[str, Any] = {key: said.pop(key) for key in ("rmax", "dmax") if key in said}
    if "rmax" in bounds:
        bounds["rmin"] = 1 / bounds["rmax"]
    return {**said, "renorm_clipping": {**layer.renorm_clipping, **bounds}} if bounds else said
