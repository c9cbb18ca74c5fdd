"""Freezes the layers of a user's own network that `model.freeze` names."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping, Sequence

import keras

from bnexp.errors import SettingError, listed, nearest
from bnexp.models.layer_paths import last_name, layer_paths, layers_with_paths

MOST_NAMED = 6
"""The most frozen layers that the sentence names."""


def frozen(model: keras.Model, patterns: Iterable[str]) -> list[str]:
    """Freeze the layers whose name or path fits a pattern; return a sentence about them.

    Names are those that `summary()` shows. If none of them fits, the names that bnexp prints are tried, in which
    unnamed layers are counted within their model. A refusal lists the latter, because they are equal in all arms.

    Raises:
        SettingError: if no layer fits a pattern.
    """
    shown, counted = layer_paths(model, counted=False), layer_paths(model)
    layers = [layer for _, layer in layers_with_paths(model)]
    found: dict[int, keras.Layer] = {}
    for pattern in patterns:
        fitting = _fitting(layers, shown, pattern) or _fitting(layers, counted, pattern)
        if not fitting:
            names = [counted[id(one)] for one in layers if not isinstance(one, keras.layers.InputLayer)]
            raise SettingError("model.freeze", f"names {pattern!r}; no layer is called so. {nearest(pattern, names)}")
        found |= {id(one): one for one in fitting}
    if not found:
        return []
    paths = {key: f"{counted[key].removesuffix(last_name(counted[key]))}{last_name(shown[key])}" for key in found}
    told = [f"{paths[key]} ({one.count_params():,} parameters)" for key, one in found.items()]
    for one in found.values():
        one.trainable = False
    learns = "" if model.trainable_variables else " No weight is left that learns, so training changes nothing."
    return [f"Frozen: {listed(told, MOST_NAMED)}.{learns}"]


def _fitting(layers: Sequence[keras.Layer], paths: Mapping[int, str], pattern: str) -> list[keras.Layer]:
    """List the layers whose path, or the last name of it, fits a pattern."""
    return [
        one
        for one in layers
        if any(fnmatch.fnmatchcase(name, pattern) for name in (paths[id(one)], last_name(paths[id(one)])))
    ]
