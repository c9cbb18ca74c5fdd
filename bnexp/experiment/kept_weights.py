"""What may be wrong where a network of the user's own keeps trained weights: its inputs, or the order of classes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from bnexp.config import Experiment
from bnexp.config.own_model import OWN_NETWORKS
from bnexp.errors import listed

if TYPE_CHECKING:
    from bnexp.data import Data
    from bnexp.models import Built

MOST_NAMED = 10
"""Classes that a sentence names."""
TRIED_ROWS = 512
"""Training rows of the first seed that the network answers before it is trained."""


def with_doubts(experiment: Experiment, built: Built, data: Data) -> Built:
    """Return what was built, with sentences on how kept weights are used, and a warning if they seem to be wrong."""
    if not isinstance(experiment.model, OWN_NETWORKS) or experiment.model.weights == "draw":
        return built
    notes = [*_scaled_inputs(experiment), *_order_of_classes(data)]
    return replace(built, notes=(*built.notes, *notes), warnings=(*built.warnings, *_worse_than_guessing(built, data)))


def _scaled_inputs(experiment: Experiment) -> list[str]:
    """Return a sentence if a network with trained weights sees other numbers than its data's file holds."""
    scale = getattr(experiment.dataset, "scale", "none")
    if scale == "none":
        return []
    return [
        f"Its weights are kept, and its inputs are scaled (dataset.scale is {scale}). If it was trained on "
        "numbers as the data hold them, its answers are wrong: set dataset.scale: none."
    ]


def _order_of_classes(data: Data) -> list[str]:
    """Return a sentence on which output stands for which class: by name, unless `dataset.positive` says otherwise."""
    if data.rows.classes is None:
        return []
    named = listed([f"{number} is {name}" for number, name in enumerate(data.rows.classes)], MOST_NAMED)
    return [f"Its weights are kept, and its outputs are read as classes in this order: {named}."]


def _worse_than_guessing(built: Built, data: Data) -> list[str]:
    """Return a warning if the network as it was trained knows these rows less well than the commonest class does.

    A network with weights that are drawn, or new for this arm, is not tried: it has to learn first.
    """
    loaded, is_new = built.initial.loaded, any(one.now != "frozen" for one in built.swapped)
    if data.rows.classes is None or is_new or any(id(variable) not in loaded for variable in built.model.weights):
        return []
    rows_R = data.train_SR[0][:TRIED_ROWS]
    y_R = data.rows.y_N[rows_R].astype(int)
    values = dict(zip(map(id, built.model.variables), built.initial.draw((0,)), strict=True))
    trainable, others = (
        [values[id(variable)][0] for variable in side]
        for side in (built.model.trainable_variables, built.model.non_trainable_variables)
    )
    outputs = built.model.stateless_call(trainable, others, data.inputs(0, rows_R), training=False)[0]
    predicted_RC = np.asarray(outputs)
    answers_R = predicted_RC[:, 0] > 0.5 if predicted_RC.shape[1] == 1 else predicted_RC.argmax(axis=1)
    right, guessing = float((answers_R == y_R).mean()), float(np.bincount(y_R).max() / len(y_R))
    if right >= guessing:
        return []
    return [
        f"Before training, the network is right for {right:.0%} of {len(y_R)} training rows, and always answering one "
        f"class for {guessing:.0%}. If it was trained for these classes, they stand in another order, or its inputs "
        "were scaled otherwise. Name or number the classes as in its training, and see dataset.positive and "
        "dataset.scale."
    ]
