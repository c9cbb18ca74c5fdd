"""Which of two classes metrics such as F1 should be about: the clearly rarer one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bnexp.data.suggested.choice import Choice

RARER = 0.4
"""Share of the rows below which a class is clearly the rarer one of two."""


DENYING = ("no", "n", "false", "f", "neg", "negative", "normal", "healthy", "absent", "0", "-1")
"""Classes that name what is not there, in small letters: metrics are seldom about them, however rare they are."""


def positive_choice(classes: Sequence[str], rows_per_class: Sequence[int]) -> Iterator[Choice]:
    """Yield the class that is to come second, if it is clearly the rarer one of two, and the first by name.

    >>> [choice.value for choice in positive_choice(["sick", "well"], [30, 70])]
    ['sick']
    >>> [*positive_choice(["no", "yes"], [70, 30])], [*positive_choice(["neg", "pos"], [49, 51])]
    ([], [])
    >>> [*positive_choice(["No", "Yes"], [30, 70])]
    []
    """
    is_rarer = len(classes) == 2 and rows_per_class[0] < RARER * sum(rows_per_class)
    if is_rarer and classes[0].strip().lower() not in DENYING:
        share = f"{rows_per_class[0] / sum(rows_per_class):.0%} of the rows"
        yield Choice("positive", classes[0], f"the rarer class ({share}): f1 and pr_auc are about it")
