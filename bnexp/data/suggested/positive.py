"""Suggestion for `dataset.positive`: metrics such as F1 should be about the clearly rarer one of two classes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from bnexp.data.suggested.choice import Choice

RARER = 0.4
"""A class with less than this share of the rows is clearly the rarer one of two."""


DENYING = (
    "no", "not", "non", "none", "without", "n", "false", "f", "neg", "negative", "normal", "healthy", "absent",
    "benign", "control", "controls", "ham", "alive", "good", "ok", "0", "-1",
)  # fmt: skip
"""First words, in lower case, of the names of classes that mean absence or normality.

Metrics are seldom about these classes, even if they are rare.
"""


def positive_choice(classes: Sequence[str], rows_per_class: Sequence[int]) -> Iterator[Choice]:
    """Yield the first class by name as `positive`, if it is clearly the rarer one of two and means no absence.

    Without a choice, the second class by name is the positive one.

    >>> [choice.value for choice in positive_choice(["sick", "well"], [30, 70])]
    ['sick']
    >>> [*positive_choice(["no", "yes"], [70, 30])], [*positive_choice(["neg", "pos"], [49, 51])]
    ([], [])
    >>> [*positive_choice(["No", "Yes"], [30, 70])], [*positive_choice(["non-smoker", "smoker"], [30, 70])]
    ([], [])
    """
    is_rarer = len(classes) == 2 and rows_per_class[0] < RARER * sum(rows_per_class)
    if is_rarer and re.split(r"[\s_-]+(?!\d)", classes[0].strip().lower())[0] not in DENYING:
        share = f"{rows_per_class[0] / sum(rows_per_class):.0%} of the rows"
        why = f"the rarer class ({share}): f1 and pr_auc are about it. Leave it out if you mean {classes[1]!r}"
        yield Choice("positive", classes[0], why)
