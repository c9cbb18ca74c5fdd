"""Swaps the normalization layers of a finished Keras model for another kind. All other layers stay.

Only layers that change are made anew: the new model calls the other layers of the old one. So all other weights are the
same, and layers of the user's own need no `get_config`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import keras

from bnexp.config.normalization import NoNormalization
from bnexp.config.own_model import NONE_TO_SWAP, AsWritten, Frozen, Swap, SwappedGroup, SwappedInstance, SwappedRms
from bnexp.errors import SettingError, listed
from bnexp.models.arm_layers import arm_layer
from bnexp.models.carried_over import Carried, carried_weights
from bnexp.models.input_shapes import Shape, input_shape, shapes_within
from bnexp.models.layer_kinds import (
    described,
    is_normalization,
    is_plain_model,
    is_reached,
    normalizations,
    reached_within,
)
from bnexp.models.layer_paths import last_name, layer_paths, sublayers
from bnexp.models.restored_bias import LEFT_ALONE, with_bias, without_bias_before

WITHOUT_OFFSET = (NoNormalization, SwappedRms)
"""Kinds without an offset, whatever layer they replace."""
OVER_POSITIONS = (SwappedGroup, SwappedInstance)
"""Kinds that average over the positions of a row, so that the number of positions matters."""


@dataclass(frozen=True)
class SwappedLayer:
    """One layer that was changed: its path in the model, what it was and what it is now."""

    path: str
    was: str
    now: str


@dataclass
class Swapping:
    """The state of a swap in one model: the wanted kind, the changes, and notes for the user."""

    to: Swap
    paths: dict[int, str]
    table: list[SwappedLayer] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    made: dict[int, keras.Layer] = field(default_factory=dict)
    """id of a layer of the old model -> its replacement, so that a shared layer stays shared."""
    carried: list[Carried] = field(default_factory=list)
    """Weights of new layers, each with the old weight of the same role."""
    offset_lost: dict[int, bool] = field(default_factory=dict)
    """id of a layer whose following normalization loses its offset -> whether the layer can get a bias instead."""
    shapes: dict[int, Shape] = field(default_factory=dict)
    """id of a layer -> its input shape, filled only if an arm needs the number of positions."""


def swapped(model: keras.Model, to: Swap) -> tuple[keras.Model, Swapping]:
    """Return the model with its normalization layers swapped, and what was changed.

    The new model shares all other layers, and their weights, with the old one.

    Raises:
        SettingError: if the model has no normalization layer, or has one that cannot be swapped.
    """
    work = Swapping(to, layer_paths(model))
    found = normalizations(model)
    if isinstance(to, AsWritten):
        return model, work
    if not found:
        raise SettingError("model", f"has {NONE_TO_SWAP}")
    if isinstance(to, Frozen):
        _freeze(found, work)
        return model, work
    _refuse_unreachable(model, found)
    if isinstance(to, WITHOUT_OFFSET) or getattr(to, "center", None) is False:
        work.offset_lost |= without_bias_before(model)
    if isinstance(to, OVER_POSITIONS):
        work.shapes = shapes_within(model)
    changed = _model(model, work)
    return changed, work


def _freeze(found: dict[str, keras.Layer], work: Swapping) -> None:
    batch = {path: layer for path, layer in found.items() if isinstance(layer, keras.layers.BatchNormalization)}
    if not batch:
        raise SettingError(
            "model.normalization",
            f"is frozen; the network has {listed(dict.fromkeys(map(described, found.values())))}, and no "
            "BatchNormalization whose statistics could stay. Use another arm, or name layers in model.freeze.",
        )
    for path, layer in batch.items():
        layer.trainable = False
        work.table.append(SwappedLayer(path, described(layer), "frozen"))


def _refuse_unreachable(model: keras.Model, found: dict[str, keras.Layer]) -> None:
    """Refuse normalization inside a layer of the user's own, which no swap can reach."""
    reached = _reachable(model)
    left = [path for path, layer in found.items() if id(layer) not in reached]
    if left:
        raise SettingError(
            "model.normalization",
            f"cannot swap {', '.join(left)}: {'it is' if len(left) == 1 else 'they are'} made inside a layer or model "
            "class of your own. "
            "Write the network as a function `def build(normalization):` that makes them with "
            '`normalization(name="norm_1")`.',
        )


def _reachable(layer: keras.Layer) -> set[int]:
    """Return the ids of the layers that a swap reaches."""
    held = [one for one in sublayers(layer) if not is_reached(one)]
    return set(map(id, held)).union({id(layer)}, *map(_reachable, reached_within(layer)))


# --- the new model ----------------------------------------------------------------


def _model(model: keras.Model, work: Swapping) -> keras.Model:
    """Return a model that calls the layers of the old model again, or their replacements."""
    in_place: Callable[[keras.Layer], keras.Layer] = lambda layer: _in_place(layer, work)  # noqa: E731
    if isinstance(model, keras.Sequential):
        first = keras.Input(batch_shape=model.inputs[0].shape, dtype=model.inputs[0].dtype)
        return keras.Sequential([first, *map(in_place, model.layers)], name=model.name)
    return keras.models.clone_model(model, clone_function=in_place, call_function=_call_fitting)


def _call_fitting(layer: keras.Layer, *args: Any, **options: Any) -> Any:
    """Call a layer without the options that it does not take: a replacement may take no mask."""
    taken = inspect.signature(layer.call).parameters
    if not any(one.kind is inspect.Parameter.VAR_KEYWORD for one in taken.values()):
        options = {name: value for name, value in options.items() if name in taken}
    return layer(*args, **options)


def _in_place(layer: keras.Layer, work: Swapping) -> keras.Layer:
    """Return the layer itself or its replacement. A shared layer gets only one replacement."""
    if id(layer) not in work.made:
        work.made[id(layer)] = _made(layer, work)
    return work.made[id(layer)]


def _made(layer: keras.Layer, work: Swapping) -> keras.Layer:
    if not isinstance(layer, keras.Layer):
        return layer  # an operation such as `x + y`, or one that computes a mask
    within = layer._flatten_layers(include_self=False)
    held = [one for one in within if is_normalization(one) or id(one) in work.offset_lost]
    if is_normalization(layer):
        return _normalization(layer, work)
    if is_plain_model(layer) and held:
        return _model(layer, work)
    if isinstance(layer, keras.layers.TimeDistributed) and held:
        return keras.layers.TimeDistributed(_in_place(layer.layer, work), name=layer.name)
    return _with_bias(layer, work) if id(layer) in work.offset_lost else layer


def _normalization(layer: keras.Layer, work: Swapping) -> keras.Layer:
    path = work.paths[id(layer)]
    try:
        made = arm_layer(layer, work.to, name=last_name(path))
        if made is not layer:
            made.build(work.shapes.get(id(layer)) or input_shape(layer))
    except (ValueError, TypeError) as error:
        raise SettingError(
            "model.normalization", f"is {work.to.name}; {path} ({described(layer)}) cannot become that: {error}"
        ) from error
    if made is not layer:
        work.table.append(SwappedLayer(path, *_told_apart(layer, made)))
        work.carried += carried_weights(layer, made, path)
    return made


def _told_apart(old: keras.Layer, new: keras.Layer) -> tuple[str, str]:
    """Return the kinds of two layers. If they are of one kind, add the options that differ."""
    was, now = described(old), described(new)
    if was != now:
        return was, now
    before, after = old.get_config(), new.get_config()
    differing = [key for key in after if key not in ("name", "dtype") and before.get(key) != after[key]]
    options = [", ".join(f"{key} {one[key]}" for key in differing if key in one) for one in (before, after)]
    return tuple(f"{was}, {said}" if said else was for said in options)  # type: ignore[return-value]


def _with_bias(layer: keras.Layer, work: Swapping) -> keras.Layer:
    """Return the layer with a bias instead of the offset; the layer itself if a bias cannot replace the offset."""
    path = work.paths[id(layer)]
    if not work.offset_lost[id(layer)]:
        work.notes.append(f"{path} has {LEFT_ALONE}")
        return layer
    made = with_bias(layer)
    work.carried += carried_weights(layer, made, path)
    work.table.append(SwappedLayer(path, f"{type(layer).__name__} without bias", "with bias"))
    return made
