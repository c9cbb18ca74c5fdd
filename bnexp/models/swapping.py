"""The normalization layers of a finished Keras model, swapped for another kind; all other layers stay.

Nothing is copied but what changes: the new model calls the layers of the old one. So all other weights are the same,
and layers of the user's own need no `get_config`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import keras

from bnexp.config.normalization import BatchNormalization, NoNormalization, Normalization
from bnexp.config.own_model import AsWritten, Frozen, Swap, SwappedBatch, SwappedGroup
from bnexp.errors import SettingError
from bnexp.models.layer_paths import layer_paths, sublayers
from bnexp.models.normalization import normalization_layer

NORMALIZATIONS = (
    keras.layers.BatchNormalization,
    keras.layers.LayerNormalization,
    keras.layers.GroupNormalization,
    keras.layers.RMSNormalization,
)
OF_SCALE_AND_OFFSET = [f"{weight}_{what}" for weight in ("gamma", "beta") for what in ("initializer", "regularizer")]


@dataclass(frozen=True)
class SwappedLayer:
    """One layer that was changed: its path in the model, what it was and what it is now."""

    path: str
    was: str
    now: str


@dataclass
class Swapping:
    """The work on one model: what the layers become, what was changed, and what a user ought to know of it."""

    to: Swap
    paths: dict[int, str]
    table: list[SwappedLayer] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    made: dict[int, keras.Layer] = field(default_factory=dict)
    """id of a layer of the old model -> the layer in its place, so that a shared layer stays shared."""
    kept: list[tuple[keras.Variable, keras.Variable]] = field(default_factory=list)
    """Variables of the old model, and those that take their place."""
    bias_wanted: set[int] = field(default_factory=set)
    """ids of the layers that lose their offset with the normalization behind them."""


def is_normalization(layer: keras.Layer) -> bool:
    """Return True for a layer that normalizes what other layers compute."""
    return isinstance(layer, NORMALIZATIONS)


def normalizations(model: keras.Model) -> dict[str, keras.Layer]:
    """Map paths to the normalization layers of a model, wherever they stand."""
    paths = layer_paths(model)
    found = {paths[id(one)]: one for one in model._flatten_layers(include_self=False) if is_normalization(one)}
    return dict(sorted(found.items(), key=lambda pair: list(paths.values()).index(pair[0])))


def swapped(model: keras.Model, to: Swap) -> tuple[keras.Model, Swapping]:
    """Return the model with its normalization layers swapped, and what was changed.

    The new model shares all other layers, and their weights, with the old one.

    Raises:
        SettingError: if the model has no normalization layer, or one stands where it cannot be swapped.
    """
    work = Swapping(to, layer_paths(model))
    found = normalizations(model)
    if isinstance(to, AsWritten):
        return model, work
    if not found:
        raise SettingError(
            "model.normalization",
            f"is {to.name}; the network has no normalization layer, so that all arms would be equal. "
            "Write it with BatchNormalization, or as a function with a parameter `normalization`.",
        )
    if isinstance(to, Frozen):
        _freeze(found, work)
        return model, work
    _refuse_unreachable(model, found)
    if isinstance(to, NoNormalization):
        work.bias_wanted |= _without_bias_before(model)
    changed = _model(model, work)
    return changed, work


def _freeze(found: dict[str, keras.Layer], work: Swapping) -> None:
    for path, layer in found.items():
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False
            work.table.append(SwappedLayer(path, described(layer), "frozen"))


def _refuse_unreachable(model: keras.Model, found: dict[str, keras.Layer]) -> None:
    """Refuse normalization inside a layer of the user's own, which no swap can reach."""
    reached = _reachable(model)
    left = [path for path, layer in found.items() if id(layer) not in reached]
    if left:
        raise SettingError(
            "model.normalization",
            f"cannot swap {', '.join(left)}: they are made inside a layer or model class of your own. "
            "Write the network as a function `def build(normalization):` that makes them with "
            '`normalization(name="norm_1")`.',
        )


def _reachable(layer: keras.Layer) -> set[int]:
    """Return the ids of the layers that a swap reaches: in models of Keras's own kinds, and in TimeDistributed."""
    if is_plain_model(layer) or isinstance(layer, keras.layers.TimeDistributed):
        return {id(layer)}.union(*(_reachable(one) for one in sublayers(layer)))
    return {id(layer)}


def is_plain_model(layer: keras.Layer) -> bool:
    """Return True for a Sequential or functional model, whose calls are known; False for a `call` of the user's own."""
    if not isinstance(layer, keras.Sequential) and not isinstance(layer, keras.Function):
        return False
    caller = next(kind for kind in type(layer).__mro__ if "call" in vars(kind))
    return caller.__module__.partition(".")[0] == "keras"


# --- the new model ----------------------------------------------------------------


def _model(model: keras.Model, work: Swapping) -> keras.Model:
    """Call the layers of a model again, each or what takes its place."""
    in_place: Callable[[keras.Layer], keras.Layer] = lambda layer: _in_place(layer, work)  # noqa: E731
    if isinstance(model, keras.Sequential):
        first = keras.Input(batch_shape=model.inputs[0].shape, dtype=model.inputs[0].dtype)
        return keras.Sequential([first, *map(in_place, model.layers)], name=model.name)
    return keras.models.clone_model(model, clone_function=in_place, call_function=_call_fitting)


def _call_fitting(layer: keras.Layer, *args: Any, **options: Any) -> Any:
    """Call a layer without what it does not take: what is in the place of another may take no mask."""
    taken = inspect.signature(layer.call).parameters
    if not any(one.kind is inspect.Parameter.VAR_KEYWORD for one in taken.values()):
        options = {name: value for name, value in options.items() if name in taken}
    return layer(*args, **options)


def _in_place(layer: keras.Layer, work: Swapping) -> keras.Layer:
    """Return the layer itself, or what takes its place; once made, a shared one is used again."""
    if id(layer) not in work.made:
        work.made[id(layer)] = _made(layer, work)
    return work.made[id(layer)]


def _made(layer: keras.Layer, work: Swapping) -> keras.Layer:
    if not isinstance(layer, keras.Layer):
        return layer  # an operation such as `x + y`, or what computes a mask
    held = [one for one in layer._flatten_layers(include_self=False) if is_normalization(one)]
    if is_normalization(layer):
        return _normalization(layer, work)
    if is_plain_model(layer) and held:
        return _model(layer, work)
    if isinstance(layer, keras.layers.TimeDistributed) and held:
        return keras.layers.TimeDistributed(_in_place(layer.layer, work), name=layer.name)
    return _with_bias(layer, work) if id(layer) in work.bias_wanted else layer


def _normalization(layer: keras.Layer, work: Swapping) -> keras.Layer:
    path = work.paths[id(layer)]
    try:
        made = _of_kind(layer, work.to, name=path.rpartition("/")[2])
        if made is not layer:
            made = made or keras.layers.Identity(name=path.rpartition("/")[2])
            made.build(_input_shape(layer))
    except (ValueError, TypeError) as error:
        raise SettingError(
            "model.normalization", f"is {work.to.name}; {path} ({described(layer)}) cannot become that: {error}"
        ) from error
    if made is not layer:
        work.table.append(SwappedLayer(path, *_told_apart(layer, made)))
        for weight in ("gamma", "beta"):
            old, new = getattr(layer, weight, None), getattr(made, weight, None)
            if old is not None and new is not None and old.shape == new.shape:
                work.kept.append((old, new))
    return made


def _input_shape(layer: keras.Layer) -> tuple[int | None, ...]:
    """Return the shape that a layer was built for, wherever it stands."""
    if layer._inbound_nodes:
        return tuple(layer._inbound_nodes[0].input_tensors[0].shape)  # a mask stands behind the inputs
    return tuple(layer._build_shapes_dict["input_shape"])


def _of_kind(layer: keras.Layer, to: Swap, name: str) -> keras.Layer | None:
    """Return a new layer that normalizes as `to` says; the layer itself if it does so already; None for none."""
    if isinstance(to, SwappedBatch) and type(layer) is keras.layers.BatchNormalization and not layer.renorm:
        said = {key: value for key in ("momentum", "epsilon") if (value := getattr(to, key)) is not None}
        if all(getattr(layer, key) == value for key, value in said.items()):
            return layer
        return type(layer).from_config({**layer.get_config(), **said, "name": name})
    made = normalization_layer(fitted(to, layer), name)
    if made is not None:
        _carry_over(layer, made)
    return made


def fitted(to: Swap, layer: keras.Layer | None = None) -> Normalization | SwappedGroup:
    """Return the section with what it leaves open: from Keras's defaults, and from a layer that it replaces."""
    affine = {
        key: bool(value and getattr(layer, key, True)) for key in ("center", "scale") if (value := _said(to, key))
    }
    if isinstance(to, SwappedBatch):
        momentum = 0.99 if to.momentum is None else to.momentum
        epsilon = 1e-3 if to.epsilon is None else to.epsilon
        layered = {key: getattr(layer, key, True) is not False for key in ("center", "scale")}
        return BatchNormalization(name="batch", momentum=momentum, epsilon=epsilon, **layered)
    assert not isinstance(to, AsWritten | Frozen)
    return to.model_copy(update=affine)


def _said(to: Swap, key: str) -> bool:
    return bool(getattr(to, key, False))


def _carry_over(old: keras.Layer, new: keras.Layer) -> None:
    """Let scale and offset begin, and be regularized, as in the old layer, and normalize the same axis."""
    for key in OF_SCALE_AND_OFFSET:
        if hasattr(old, key) and hasattr(new, key):
            setattr(new, key, getattr(old, key))
    new.trainable = old.trainable
    axis = getattr(old, "axis", -1)
    if isinstance(axis, int) and isinstance(getattr(new, "axis", None), int):
        new.axis = axis
    if isinstance(new, keras.layers.LayerNormalization) and isinstance(axis, int):
        new.axis = axis


def described(layer: keras.Layer) -> str:
    """Return a layer's kind, with its groups: `GroupNormalization(groups=8)`."""
    if isinstance(layer, keras.layers.Identity):
        return "nothing"
    kind = "BatchNormalization(renorm)" if getattr(layer, "renorm", False) else type(layer).__name__
    return f"{kind}(groups={layer.groups})" if isinstance(layer, keras.layers.GroupNormalization) else kind


def _told_apart(old: keras.Layer, new: keras.Layer) -> tuple[str, str]:
    """Return the kinds of two layers; of one kind, with the options that differ."""
    was, now = described(old), described(new)
    if was != now:
        return was, now
    before, after = old.get_config(), new.get_config()
    differing = [key for key in after if key not in ("name", "dtype") and before.get(key) != after[key]]
    options = [", ".join(f"{key} {one[key]}" for key in differing if key in one) for one in (before, after)]
    return tuple(f"{was}, {said}" if said else was for said in options)  # type: ignore[return-value]


# --- biases -----------------------------------------------------------------------


def _without_bias_before(model: keras.Model) -> set[int]:
    """Return the ids of layers without a bias whose outputs go to a normalization, whose offset was their bias."""
    found = set()
    for layer in _normalized_layers(model):
        if getattr(layer, "use_bias", True) is False:
            found.add(id(layer))
    return found


def _normalized_layers(model: keras.Layer) -> list[keras.Layer]:
    """List the layers that stand right before a normalization with an offset."""
    found = []
    if isinstance(model, keras.Sequential):
        pairs = zip(model.layers, model.layers[1:], strict=False)
        found += [one for one, then in pairs if is_normalization(then) and getattr(then, "center", False)]
    elif is_plain_model(model):
        for layer in filter(is_normalization, sublayers(model)):
            if getattr(layer, "center", False):
                inputs = [node.input_tensors[0] for node in layer._inbound_nodes if node.input_tensors]
                found += [one._keras_history.operation for one in inputs]
    inner = [one for one in sublayers(model) if is_plain_model(one) or isinstance(one, keras.layers.TimeDistributed)]
    return found + [one for held in inner for one in _normalized_layers(held)]


def _with_bias(layer: keras.Layer, work: Swapping) -> keras.Layer:
    """Return the layer with a bias instead of the offset that is taken out; one of the user's own stays as it is."""
    config = layer.get_config()
    if type(layer).__module__.partition(".")[0] != "keras" or "use_bias" not in config:
        work.notes.append(f"{work.paths[id(layer)]} stays without a bias: it is a layer of your own.")
        return layer
    made = type(layer).from_config({**config, "use_bias": True})
    made.build(_input_shape(layer))
    before = {variable.name: variable for variable in layer.variables}
    work.kept += [(before[new.name], new) for new in made.variables if new.name in before]
    work.table.append(SwappedLayer(work.paths[id(layer)], f"{type(layer).__name__} without bias", "with bias"))
    return made
