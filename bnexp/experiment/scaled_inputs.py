"""What may be wrong if inputs are scaled before a layer that expects the numbers of the file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from bnexp import warning_kinds
from bnexp.errors import counted, listed

if TYPE_CHECKING:
    import keras

    from bnexp.data import Data
    from bnexp.models import Built

MOST_NAMED = 6
"""The most layers that a sentence names."""
SEARCHED_ROWS = 1000
"""The rows, from the first on, in which masked values and codes are looked for."""


def with_scaling_doubts(built: Built, data: Data) -> Built:
    """Return what was built, with a warning if its layers scale or mask inputs that are already scaled."""
    if data.preprocessing.center is None:
        return built
    from bnexp.models.layer_paths import layers_with_paths

    layers = layers_with_paths(built.model)
    told = [*_scaled_twice(layers), *_not_masked(layers, data)] or [*_computed_codes(built, data)]
    return replace(built, warnings=(*built.warnings, *told))


def _scaled_twice(layers: list[tuple[str, keras.Layer]]) -> Iterator[str]:
    import keras

    scaling = (keras.layers.Rescaling, keras.layers.Normalization, keras.layers.Discretization)
    if found := [path for path, layer in layers if isinstance(layer, scaling)]:
        yield (
            f"{warning_kinds.SCALED_INPUTS} ({listed(found, MOST_NAMED)}), and dataset.scale scales them before. "
            "If the network expects the numbers of the file, set dataset.scale: none."
        )


def _computed_codes(built: Built, data: Data) -> Iterator[str]:
    """Yield a warning if a layer reads codes that are computed from whole numbers: scaled, they are other codes."""
    from bnexp.models.codes import readers_of_inputs

    known, some = {one.layer for one in built.codes}, np.asarray(data.rows.x[: min(SEARCHED_ROWS, len(data.rows.x))])
    unknown = [name for name in readers_of_inputs(built.model) if name not in known]
    if unknown and data.rows.kind != "text" and bool((some == np.floor(some)).all() and (some >= 0).all()):
        yield (
            f"{warning_kinds.COMPUTED_CODES}: {listed(unknown, MOST_NAMED)}. dataset.scale changes these inputs "
            "before. If they are codes, set dataset.scale: none."
        )


def _not_masked(layers: list[tuple[str, keras.Layer]], data: Data) -> Iterator[str]:
    """Yield a warning if frames of the file hold the value that a Masking looks for: scaled, they hold another one."""
    import keras

    x = data.rows.x
    for path, layer in layers if x.ndim == 3 and data.rows.kind == "sequence" else ():
        if isinstance(layer, keras.layers.Masking):
            value, some = layer.mask_value, x[: min(SEARCHED_ROWS, len(x))]
            if frames := int(np.all(some == value, axis=-1).sum()):
                yield (
                    f"{warning_kinds.NOT_MASKED}: {path} looks for frames of {value:g}. In the file, "
                    f"{counted(frames, 'frame')} of the first {counted(len(some), 'row')} hold nothing else, but "
                    "dataset.scale changes these numbers. Set dataset.scale: none."
                )
