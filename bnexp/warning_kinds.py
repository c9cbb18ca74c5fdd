"""The kinds of warnings about trainings: how the text of each begins, and whether the measured values stand.

Whoever writes a warning begins its text with a kind of this file. Whoever reads stored warnings finds the kind again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

STALE_STATISTICS = "BatchNormalization's moving averages have not converged"
AVERAGED_WEIGHTS = "training.optimizer.use_ema averages the weights"
CUT_INPUTS = "Keras cuts off the fractions of the network's input"
ALIKE_SEEDS = "All seeds begin with the same values"
NEVER_LEARNED = "Frozen before they learned anything"
ONE_ANSWER = "Before training, the network as written gives one answer"
NOT_MASKED = "Padding is not masked"
COMPUTED_CODES = "A layer reads codes that are computed from the inputs"
DISTORTING = (
    STALE_STATISTICS, AVERAGED_WEIGHTS, CUT_INPUTS, ALIKE_SEEDS, NEVER_LEARNED, ONE_ANSWER, NOT_MASKED, COMPUTED_CODES,
)  # fmt: skip
"""The values are probably not what they seem. The cure repeats the trainings with other values."""

SMALL_BATCHES = "training.batch_size"
ACCUMULATED_GRADIENTS = "training.optimizer.gradient_accumulation_steps"
UNLEARNED_CLASSES = "Classes of weight 0 are not learned"
SHARED_LAYERS = "Normalization layers that several places of the network share"
IN_INFERENCE = "Called with training=False"
SCALED_INPUTS = "The network scales its inputs"
EQUAL_IN_ALL = "Made without `normalization`, and so equal in all arms"
ONE_CHANNEL_GROUPS = "Group normalization has one channel in each group"
WEIGHTS_NOT_USED = "The network's present weights are not used"
NO_TRAINED_WEIGHTS = "model.weights is keep, but the network has no trained weights"
WEIGHTS_START_ANEW = "model.weights is keep, but these weights start anew"
LOST_VALUES = "A layer loses values of its inputs"
WORSE_THAN_GUESSING = "Before training, the network as written is worse than guessing"
CAVEATS = (
    SMALL_BATCHES, ACCUMULATED_GRADIENTS, UNLEARNED_CLASSES, SHARED_LAYERS, IN_INFERENCE, SCALED_INPUTS, EQUAL_IN_ALL,
    ONE_CHANNEL_GROUPS, WEIGHTS_NOT_USED, NO_TRAINED_WEIGHTS, WEIGHTS_START_ANEW, LOST_VALUES,
    WORSE_THAN_GUESSING,
)  # fmt: skip
"""A cost or a property of what was asked for, which may be meant and may have no cure. The values stand."""


def kind_of(text: str) -> str:
    """Return the beginning that all warnings of a kind share; for a text of an older bnexp, its first clause.

    >>> kind_of("training.batch_size is 4; batch normalization ..."), kind_of("not converged: after 9 steps")
    ('training.batch_size', 'not converged')
    """
    known = (kind for kind in (*DISTORTING, *CAVEATS) if text.startswith(kind))
    return next(known, re.split(r"[.:;](?:\s|$)", text, maxsplit=1)[0])


def title_of(text: str) -> str:
    """Return the kind of a warning as a figure shows it: in words, also if its text begins with a key.

    >>> title_of("training.batch_size is 4; batch normalization ..."), title_of("Called with training=False: a, b.")
    ('Small batches (training.batch_size)', 'Called with training=False')
    """
    kind = kind_of(text)
    return {
        SMALL_BATCHES: f"Small batches ({SMALL_BATCHES})",
        ACCUMULATED_GRADIENTS: f"Accumulated gradients ({ACCUMULATED_GRADIENTS})",
    }.get(kind, kind)


def are_caveats(warnings: Iterable[str]) -> bool:
    """Return True if all these warnings are caveats, so that the values stand. An unknown kind is not a caveat."""
    return all(kind_of(text) in CAVEATS for text in warnings)
