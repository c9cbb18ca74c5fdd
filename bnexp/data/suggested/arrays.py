"""Suggestions for the arrays of a NumPy file: which are inputs and targets, and whether they are gray images."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from bnexp.data.sources.npz_arrays import headers_of
from bnexp.data.suggested.choice import Choice, Suggested
from bnexp.errors import SettingError

_IMAGES = re.compile("(?i)im(age|g)s?|pixels?|photos?")
REASONS = {"name": "arrays of NumPy", "x": "inputs", "y": "targets"}


def array_choices(path: Path, section: dict[str, Any]) -> Suggested:
    """Return the suggested config for arrays; `section` has the kind, the path, and the arrays that are clear."""
    section = {"name": "npz", "path": section["path"], "x": "x", "y": "y"} | section
    choices = [Choice(key, value, REASONS.get(key, "")) for key, value in section.items()]
    try:
        header = headers_of(path).get(section["x"])
    except SettingError:  # the check of the config reports why
        header = None
    if header is not None and len(header.shape) == 3:
        if _IMAGES.search(section["x"]):
            choices.append(Choice("kind", "image", f"gray images by the name, of shape {header.shape[1:]}"))
        elif header.dtype == np.uint8:
            choices.append(Choice("kind", "image", f"bytes of shape {header.shape[1:]}, as gray images have"))
    return Suggested(choices)
