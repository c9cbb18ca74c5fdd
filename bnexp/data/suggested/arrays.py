"""Suggestions for the arrays of a NumPy file: which are inputs and targets, gray images, and missing numbers."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bnexp.config.section import Kind
from bnexp.data.memory_guard import refuse_too_large
from bnexp.data.sources.arrays import KINDS, Header
from bnexp.data.sources.npz_arrays import array_pieces, headers_of
from bnexp.data.suggested.choice import MOST_NAMED, Choice, Suggested
from bnexp.errors import SettingError, listed
from bnexp.system.machine import memory_limit

_IMAGES = re.compile("(?i)im(age|g)s?|pixels?|photos?")
INPUTS = ("x", "x_validation", "x_test")
"""Keys that name the inputs of the parts."""
REASONS = {"name": "arrays of NumPy", "x": "inputs", "y": "targets"}


def array_choices(path: Path, section: dict[str, Any]) -> Suggested:
    """Return the suggested config for arrays; `section` has the kind, the path, and the arrays that are clear."""
    section = {"name": "npz", "path": section["path"], "x": "x", "y": "y"} | section
    choices = [Choice(key, value, REASONS.get(key, "")) for key, value in section.items()]
    try:
        headers = headers_of(path)
    except SettingError:  # the check of the config reports why
        return Suggested(choices)
    header = headers.get(section["x"])
    if header is not None:
        choices += _gray_images(section["x"], header)
        kind = "image" if choices[-1].key == "kind" else KINDS.get(len(header.shape))
        choices += _missing(path, headers, section, kind)
    return Suggested(choices)


def _gray_images(name: str, header: Header) -> Iterator[Choice]:
    """Yield the kind of an array that holds gray images by its name or by its type."""
    if len(header.shape) == 3 and _IMAGES.search(name):
        yield Choice("kind", "image", f"gray images by the name, of shape {header.shape[1:]}")
    elif len(header.shape) == 3 and header.dtype == np.uint8:
        yield Choice("kind", "image", f"bytes of shape {header.shape[1:]}, as gray images have")


def _missing(
    path: Path, headers: Mapping[str, Header], section: Mapping[str, Any], kind: Kind | None
) -> Iterator[Choice]:
    """Yield a rule for missing numbers if the inputs of a part have any. In sequences, NaN is padding."""
    rule = {"table": "median", "image": "mean"}.get(kind or "")  # the median of images on disk is refused
    names = [section[key] for key in INPUTS if rule and key in section]
    counts = {name: count for name in names if (count := _count_missing(path, name, headers.get(name)))}
    if counts:
        named = listed([f"{name} ({count:,})" for name, count in counts.items()], MOST_NAMED)
        yield Choice("missing", rule, f"missing values: {named}; the {rule} of the training part stands in")


def _count_missing(path: Path, name: str, header: Header | None) -> int:
    """Count the NaN in an array; 0 if the check of the config will refuse the array."""
    if header is None or header.dtype.kind != "f" or 0 in header.shape:
        return 0
    size = math.prod(header.shape) * header.dtype.itemsize
    try:
        if header.is_by_columns:  # it is read at once
            refuse_too_large(path, size, size, memory_limit(None))
        return sum(int(np.isnan(piece).sum()) for piece in array_pieces(path, name, header))
    except SettingError:
        return 0
