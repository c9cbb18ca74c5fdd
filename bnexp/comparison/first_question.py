"""The question by which arms were first judged: one that is chosen after a result makes a verdict exploratory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from bnexp.metrics import number, quantity, traits

OF_ONE_CLASS = ("f1", "pr_auc")
"""Metrics that are, of two classes, about the second one."""


@dataclass(frozen=True)
class JudgedBy:
    """What two arms are judged by."""

    metric: str
    margin: float | None
    """None for a share of the baseline's mean: the default one of losses and errors."""
    about: Literal["new-rows", "these-rows"]
    positive: str | None = None
    """The class that the metric is about, if it is about one."""

    @classmethod
    def of(
        cls,
        metric: str,
        margin: float | None,
        about: Literal["new-rows", "these-rows"],
        classes: Sequence[str] | None = None,
    ) -> JudgedBy:
        """Return the question; a margin that is not given is the default one."""
        positive = classes[1] if classes and len(classes) == 2 and quantity(metric) in OF_ONE_CLASS else None
        return cls(metric, traits(metric).margin if margin is None else margin, about, positive)

    def __str__(self) -> str:
        """Write it.

        >>> str(JudgedBy("val_accuracy", 0.02, "these-rows")), str(JudgedBy("val_f1", None, "new-rows", "sick"))
        ('val_accuracy (margin 2.00, these rows)', "val_f1 of class 'sick' (default margin, new rows)")
        """
        of = "" if self.positive is None else f" of class {self.positive!r}"
        margin = "default margin" if self.margin is None else f"margin {number(self.metric, self.margin)}"
        return f"{self.metric}{of} ({margin}, {self.about.replace('-', ' ')})"


def exploratory(arm: str, baseline: str, first: JudgedBy, now: JudgedBy) -> str:
    """Return what another question than the first one does to a verdict."""
    return (
        f"{arm} and {baseline} were first judged by {first}, and now by {now}. A question that is chosen after a "
        "result was seen makes the verdict exploratory. Confirm it on other data."
    )
