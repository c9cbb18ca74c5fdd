"""What may be wrong if a network of the user's own keeps trained weights: its inputs, or the order of classes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bnexp import warning_kinds
from bnexp.config import Experiment
from bnexp.config.own_model import OWN_NETWORKS, Frozen, KerasFile, OwnNetwork, SwappedBatch
from bnexp.errors import listed
from bnexp.metrics import COMMON

if TYPE_CHECKING:
    from bnexp.data import Data
    from bnexp.models import Built
    from bnexp.models.initial import InitialWeights

MOST_NAMED = 10
"""Most classes that a sentence names."""
MOST_WEIGHTS = 3
"""Most weights that a sentence names."""
TRIED_ROWS = 512
"""Training rows of the first seed on which the network is tested before training."""


def with_doubts(experiment: Experiment, built: Built, data: Data) -> Built:
    """Return what was built, with notes on how kept weights are used, and a warning if they seem to be wrong.

    If the last layer may be untrained, the warning is a note: an untrained layer may give any answers.
    """
    if not isinstance(experiment.model, OWN_NETWORKS) or experiment.model.weights == "draw":
        return built
    notes, warnings = [*_scaled_inputs(experiment), *_order_of_classes(data)], list[str]()
    if data.rows.classes is not None and built.as_written is not None and built.as_written.loaded:
        why = _why_not_tried(experiment.model, built, built.as_written)
        doubts = [] if why else _doubtful_answers(built.as_written, data, experiment)
        notes += [f"The network is not tested before training: {why}.{_of_file(experiment, built)}"] if why else []
        (warnings if _has_trained_head(built.as_written) else notes).extend(doubts)
    return replace(built, notes=(*built.notes, *notes), warnings=(*built.warnings, *warnings))


def _of_file(experiment: Experiment, built: Built) -> str:
    """Return a sentence if new layers of a file begin with the same values in all seeds, as a file holds one draw."""
    if not isinstance(experiment.model, KerasFile) or built.as_written is None:
        return ""
    if all(key in built.as_written.loaded for _, key in _weights(built.as_written)):
        return ""
    return (
        " New layers in a file begin with the same values in all seeds. To draw them for each seed, add them in a "
        "Python function."
    )


def _scaled_inputs(experiment: Experiment) -> list[str]:
    """Return a sentence if a network with trained weights gets scaled inputs, not the numbers in the data file."""
    scale = getattr(experiment.dataset, "scale", "none")
    if scale == "none":
        return []
    return [
        f"The network's weights are kept, and its inputs are scaled (dataset.scale is {scale}). If it was trained on "
        "unscaled inputs, its answers are wrong: set dataset.scale: none."
    ]


def _order_of_classes(data: Data) -> list[str]:
    """Return a sentence on which output means which class: sorted by name, unless `dataset.positive` is set."""
    if data.rows.classes is None:
        return []
    named = listed([f"{number} is {name}" for number, name in enumerate(data.rows.classes)], MOST_NAMED)
    return [f"The network's weights are kept, and its outputs are read as classes in this order: {named}."]


def _why_not_tried(network: OwnNetwork, built: Built, as_written: InitialWeights) -> str | None:
    """Return why the network's answers before training show nothing; None if they can be tested."""
    from bnexp.models.user_code import PARAMETER

    is_made = any(one.was == PARAMETER for one in built.swapped)
    if is_made and not isinstance(network.normalization, SwappedBatch | Frozen):
        return "its function makes the layers of this arm, and its weights may have been trained with others"
    new = [name for name, key in _weights(as_written) if key not in as_written.loaded]
    return f"{listed(new, MOST_WEIGHTS)} hold{'s' if len(new) == 1 else ''} no trained values" if new else None


def _has_trained_head(as_written: InitialWeights) -> bool:
    """Return True if the last weight is a bias, for a network that `_why_not_tried` has no objection to.

    Then this bias has left its initial value, so the last layer was trained. A kernel shows nothing: a file holds the
    random kernel of a new head, too.
    """
    return _weights(as_written)[-1][0].endswith("bias")


def _weights(as_written: InitialWeights) -> list[tuple[str, int]]:
    """List the name and id of each weight, in the order of layers."""
    ids = {id(one) for one in as_written.model.weights}
    variables = zip(as_written.names, map(id, as_written.model.variables), strict=True)
    return [(name, key) for name, key in variables if key in ids]


def _doubtful_answers(as_written: InitialWeights, data: Data, experiment: Experiment) -> list[str]:
    """Return a sentence if the network answers one class for all rows, or is worse than the majority-class baseline.

    One class for all rows is no reason for doubt if at least 80% of the rows are of this class (`COMMON`).
    """
    rows_R = data.train_SR[0][:TRIED_ROWS]
    y_R = data.rows.y_N[rows_R].astype(int)
    answers_R = _answers(as_written, data.inputs(0, rows_R))
    right, guessing = float((answers_R == y_R).mean()), float(np.bincount(y_R).max() / len(y_R))
    if len(set(answers_R.tolist())) == 1 and right < max(guessing, COMMON):
        return [_one_answer((data.rows.classes or ())[int(answers_R[0])], len(y_R), experiment)]
    if right >= guessing:
        return []
    is_of_two = len(data.rows.classes or ()) == 2
    swapped = f" With the two classes swapped, it would be right for {1 - right:.0%}." if is_of_two else ""
    return [
        f"{warning_kinds.WORSE_THAN_GUESSING}: it is right for {right:.0%} of {len(y_R)} training rows. Always "
        f"answering the commonest class is right for {guessing:.0%}.{swapped} That is as it should be if these classes "
        "are new to it. If it was trained for them, their order was different then, or its inputs were scaled "
        "differently: name or number the classes as in its training, and see dataset.positive and dataset.scale."
    ]


def _one_answer(name: str, rows: int, experiment: Experiment) -> str:
    scale = getattr(experiment.dataset, "scale", None)
    cure = "" if scale is None else f" See dataset.scale, which is {scale}."
    return (
        f"{warning_kinds.ONE_ANSWER}: {name} for all {rows} training rows. If it was trained for these classes, its "
        f"inputs were probably scaled differently then.{cure}"
    )


def _answers(as_written: InitialWeights, x_R: Any) -> NDArray[np.int_]:
    """Return the number of the class that the network answers for each row before training, (R,)."""
    model = as_written.model
    values = dict(zip(map(id, model.variables), as_written.draw((0,)), strict=True))
    trainable, others = (
        [values[id(variable)][0] for variable in side]
        for side in (model.trainable_variables, model.non_trainable_variables)
    )
    predicted_RC = np.asarray(model.stateless_call(trainable, others, x_R, training=False)[0])
    answers_R = predicted_RC[:, 0] > 0.5 if predicted_RC.shape[1] == 1 else predicted_RC.argmax(axis=1)
    return answers_R.astype(int)
