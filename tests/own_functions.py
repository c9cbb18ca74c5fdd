"""Networks that tests write as functions: built as a user's function is, for frames of shape (3, 4) if none is given."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import keras
from pydantic import TypeAdapter

from bnexp.config.model import Model
from bnexp.models.built import Built
from bnexp.models.inputs import Inputs
from bnexp.models.own_network import build_own
from bnexp.system.session_functions import register

NUMBERS = itertools.count(1)
TABLE = Inputs(kind="table", shape=(4,))
FRAMES = Inputs(kind="sequence", shape=(3, 4))


def built(
    function: Callable[[], keras.Model],
    arm: Any = "as_written",
    inputs: Inputs = FRAMES,
    task: Any = "multiclass",
    classes: int = 3,
    **options: Any,
) -> Built:
    """Build the network of a function in one arm."""
    name = f"<python>:tested_{next(NUMBERS)}"
    register(name, function, "as this test has it")
    section = {"name": "python", "build": name, "normalization": arm, **options}
    network = TypeAdapter(Model).validate_python(section)
    return build_own(network, inputs, task=task, classes=classes)
