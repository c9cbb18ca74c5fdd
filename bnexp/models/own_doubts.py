"""Sentences about properties of a user's own network that may make a comparison misleading."""

from __future__ import annotations

import functools
import math
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from bnexp import warning_kinds
from bnexp.config.section import Task
from bnexp.errors import listed
from bnexp.models.codes import Codes
from bnexp.models.compiled import CompiledLoss
from bnexp.models.head import LOSSES
from bnexp.models.initial import Creations, InitialWeights
from bnexp.models.input_shapes import input_shape
from bnexp.models.inputs import Inputs
from bnexp.models.layer_kinds import calls, is_normalization, is_plain_model, normalizations
from bnexp.models.layer_paths import layers_with_paths
from bnexp.models.normalization import LEAST_OF_A_GROUP, groups_for
from bnexp.system.saved_model import PYTHON_LAMBDA

MOST_NAMED = 6
"""The most layers that a sentence names."""


def misleading(model: keras.Model, inputs: Inputs, made: Collection[int] | None, codes: Collection[Codes]) -> list[str]:
    """Return a sentence for each property of the network as written that may mislead.

    `made` has the ids of the layers that the function's `normalization` made. It is None if layers are swapped instead.
    `codes` are the inputs that are not scaled.
    """
    return [
        *_shared(model, made),
        *_in_inference(model),
        *_whole_inputs(model, inputs, codes),
        *_equal_in_all(model, made),
    ]


def _shared(model: keras.Model, made: Collection[int] | None) -> list[str]:
    count = _calls(model)
    several = [layer for layer in model._flatten_layers() if count[id(layer)] > 1]
    shared_ids = {id(one) for layer in several for one in layer._flatten_layers()}  # also those in a shared model
    shared = [path for path, layer in normalizations(model).items() if id(layer) in shared_ids]
    if not shared or made is not None:
        return []
    return [
        f"{warning_kinds.SHARED_LAYERS}: {listed(shared, MOST_NAMED)}. "
        "Their moving averages mix these places. Their replacements are shared, too."
    ]


def _calls(model: keras.Model) -> Counter[int]:
    """Count by id how often each layer is called in a model. Calls inside a nested model count once."""
    models = [one for one in model._flatten_layers() if is_plain_model(one)]
    return Counter(id(layer) for one in models for _, layer in calls(one))


def _in_inference(model: keras.Model) -> list[str]:
    layers = layers_with_paths(model)
    fixed = [path for path, layer in layers if _is_in_inference(layer) and _holds_normalization(layer)]
    if not fixed:
        return []
    return [
        f"{warning_kinds.IN_INFERENCE}: {listed(fixed, MOST_NAMED)}. While training, Keras 3.15 normalizes there with "
        "the batch all the same; later versions may not (keras#20285). To keep statistics fixed, use model.freeze."
    ]


def _is_in_inference(layer: keras.Layer) -> bool:
    return any(node.arguments.kwargs.get("training") is False for node in layer._inbound_nodes)


def _holds_normalization(layer: keras.Layer) -> bool:
    return any(map(is_normalization, layer._flatten_layers()))


def _whole_inputs(model: keras.Model, inputs: Inputs, codes: Collection[Codes]) -> list[str]:
    dtype, scaled = model.inputs[0].dtype, math.prod(inputs.shape) - len({at for one in codes for at in one.inputs})
    if inputs.kind == "text" or "int" not in dtype or scaled == 0:
        return []
    return [
        f"{warning_kinds.CUT_INPUTS}, which is of {dtype}. So rows from 0 to 1 become zeros. "
        "Set dataset.scale: none for whole numbers, or use keras.Input of float32."
    ]


def alike(initial: InitialWeights, created: Creations, *, keep: bool) -> list[str]:
    """Return a sentence if trainable weights that look random start with the same values in all seeds.

    With `keep`, weights that no layer created by `add_weight` are left out, because they may have been loaded.
    """
    names = [
        name
        for variable, name in zip(initial.model.variables, initial.names, strict=True)
        if variable.trainable and _begins_alike(variable, initial, created, keep)
    ]
    if not names:
        return []
    return [
        f"{warning_kinds.ALIKE_SEEDS} of {listed(names, MOST_NAMED)}, so that they differ less than "
        "networks that are drawn anew. These values come from an initializer or an array of your own. "
        "Use one of keras.initializers, which bnexp draws anew for each seed."
    ]


def _begins_alike(variable: keras.Variable, initial: InitialWeights, created: Creations, keep: bool) -> bool:
    value, one = initial.constants.get(id(variable)), created.get(id(variable))
    if value is None or id(variable) in initial.loaded or (keep if one is None else one.is_by_keras):
        return False
    return bool(np.ptp(value) > 0) if value.size else False


NOT_USED = f"{warning_kinds.WEIGHTS_NOT_USED}: each seed draws its own. To start from them, set model.weights: keep."


def any_loaded(initial: InitialWeights, created: Creations) -> bool:
    """Return True if a weight that is trained or drawn at random no longer has its initial value."""
    replaced = {id(variable) for _, variable in _learning(initial.model)} | initial.initializers.keys()
    return any(one.is_loaded for key, one in created.items() if key in replaced)


def never_learned(initial: InitialWeights, created: Creations, *, keep: bool) -> list[str]:
    """Return a sentence if layers are frozen at initial values that no training has changed.

    With `keep`, only values drawn at random count, because constants such as zeros may have been loaded.
    """
    untrained = initial.initializers.keys() if keep else created.keys()
    learning = [(layer, variable) for layer, variable in _learning(initial.model) if not layer.trainable]
    found = {id(layer) for layer, variable in learning if id(variable) in untrained}
    names = [path for path, layer in layers_with_paths(initial.model) if id(layer) in found]
    if not names:
        return []
    weights, cure = ("keep", "Load weights for them") if keep else ("draw", "Set model.weights: keep")
    return [
        f"{warning_kinds.NEVER_LEARNED}: {listed(names, MOST_NAMED)}. model.weights is {weights}, and they keep "
        f"the values that a seed begins with. {cure}, or let them learn."
    ]


def _learning(model: keras.Model) -> Iterator[tuple[keras.Layer, keras.Variable]]:
    """Yield each layer with each of its own weights that was created as trainable, frozen or not."""
    for layer in model._flatten_layers():
        for variable in layer._trainable_variables:
            yield layer, variable


def one_channel_groups(model: keras.Model, made: Collection[int] | None) -> list[str]:
    """Return a sentence if a group normalization has one channel in each group. `made` is as in `misleading`."""
    layers = {
        path: layer
        for path, layer in normalizations(model).items()
        if isinstance(layer, keras.layers.GroupNormalization) and layer.built and (made is None or id(layer) in made)
    }
    channels = {path: int(input_shape(layer)[layer.axis] or 0) for path, layer in layers.items()}
    found = [f"{path}: {number} groups" for path, number in channels.items() if layers[path].groups == number > 1]
    most = [groups_for(number, positions=_positions(layers[path])) for path, number in channels.items()]
    if not found:
        return []
    below = range(2, min(*channels.values(), min(most) + 1))
    fewer = [number for number in below if math.gcd(*channels.values()) % number == 0]
    cure = (
        f"Set model.normalization.groups={fewer[-1]}."
        if fewer
        else "Use the arm layer instead: no smaller number above 1 divides the channels of all layers "
        f"({listed([f'{path}: {number}' for path, number in channels.items()], MOST_NAMED)})."
    )
    return [
        f"{warning_kinds.ONE_CHANNEL_GROUPS} ({listed(found, MOST_NAMED)}). That is instance "
        f"normalization, which can cost accuracy. {cure}"
    ]


def _positions(layer: keras.layers.GroupNormalization) -> int:
    """Return the number of positions of a row at the layer's inputs. An unknown size counts as enough of them."""
    shape = list(input_shape(layer))
    del shape[layer.axis]
    return math.prod(size or LEAST_OF_A_GROUP for size in shape[1:])


TRAINING_METHODS = ("train_step", "compute_loss", "fit")
"""Methods that a user's model class may override to train in another way."""


def unused(model: keras.Model, task: Task, loss: Any) -> list[str]:
    """Return a sentence for each setting of the model for training that bnexp does not use.

    `loss` is the loss that the model was compiled with, in a form that Keras takes, or a `CompiledLoss`.
    """
    told = []
    own = [name for name in TRAINING_METHODS if getattr(type(model), name) is not getattr(keras.Model, name)]
    if own and type(model).__module__.partition(".")[0] != "keras":
        told.append(
            f"{type(model).__name__} has {listed(own, MOST_NAMED)} of its own. bnexp does not use it: it trains with "
            f"{LOSSES[task]}, the loss of a {task} task."
        )
    compiled = _compiled(loss)
    if compiled is None:
        return told
    if compiled.name.removeprefix("sparse_") != LOSSES[task].removeprefix("sparse_"):
        named = "a lambda as loss" if compiled.name == PYTHON_LAMBDA else f"the loss {compiled.name}"
        told.append(f"The network was compiled with {named}; bnexp trains with {LOSSES[task]}, as a {task} task needs.")
    elif options := [*_options_not_used(compiled.options)]:
        told.append(
            f"The network was compiled with {listed(options)} of the loss {compiled.name}; bnexp trains with "
            f"{LOSSES[task]} and Keras's default options."
        )
    return told


def _options_not_used(options: Mapping[str, Any]) -> Iterator[str]:
    """Yield each option of a cross-entropy or squared error that changes the training. A file may hold any value."""
    for option in ("label_smoothing", "ignore_class"):
        value = options.get(option)
        if isinstance(value, int | float) and (value or option == "ignore_class"):
            yield f"{option}={value}"
    if options.get("reduction", "mean") in ("sum", "none", None):
        yield f"reduction={options['reduction']}"


def _compiled(loss: Any) -> CompiledLoss | None:
    """Return Keras's name of the loss and its options; None without a loss, or with one for each of several outputs."""
    if isinstance(loss, list | tuple | dict) and len(loss) == 1:
        return _compiled(*(loss.values() if isinstance(loss, dict) else loss))
    if isinstance(loss, CompiledLoss):
        known = _compiled(loss.name)
        return loss if known is None else replace(loss, name=known.name)
    if isinstance(loss, keras.losses.Loss):
        is_kerass = type(loss).__module__.partition(".")[0] == "keras"
        return CompiledLoss(str(loss.name), loss.get_config() if is_kerass else {})
    if isinstance(loss, str):
        try:
            loss = keras.losses.get(loss)
        except ValueError:
            return CompiledLoss(str(loss), {})
    if isinstance(loss, functools.partial):
        known = _compiled(loss.func)
        return None if known is None else replace(known, options={**known.options, **loss.keywords})
    return CompiledLoss(str(getattr(loss, "__name__", type(loss).__name__)), {}) if callable(loss) else None


def _equal_in_all(model: keras.Model, made: Collection[int] | None) -> list[str]:
    if made is None:
        return []
    own = [path for path, layer in normalizations(model).items() if id(layer) not in made]
    if not own:
        return []
    return [f"{warning_kinds.EQUAL_IN_ALL}: {listed(own, MOST_NAMED)}."]
