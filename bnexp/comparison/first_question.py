"""The question by which arms were first judged: one that is chosen after a result makes a verdict exploratory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bnexp.metrics import number, traits


@dataclass(frozen=True)
class JudgedBy:
    """What two arms are judged by."""

    metric: str
    margin: float | None
    """None for a share of the baseline's mean: the default one of losses and errors."""
    about: Literal["new-rows", "these-rows"]

    @classmethod
    def of(cls, metric: str, margin: float | None, about: Literal["new-rows", "these-rows"]) -> JudgedBy:
        """Return the question; a margin that is not given is the default one."""
        return cls(metric, traits(metric).margin if margin is None else margin, about)

    def __str__(self) -> str:
        """Write it.

        >>> str(JudgedBy("val_accuracy", 0.02, "these-rows")), str(JudgedBy("val_loss", None, "new-rows"))
        ('val_accuracy (margin 2.00, these rows)', 'val_loss (default margin, new rows)')
        """
        margin = "default margin" if self.margin is None else f"margin {number(self.metric, self.margin)}"
        return f"{self.metric} ({margin}, {self.about.replace('-', ' ')})"


def exploratory(arm: str, baseline: str, first: JudgedBy, now: JudgedBy) -> str:
    """Return what another question than the first one does to a verdict."""
    return (
        f"{arm} and {baseline} were first judged by {first}, and now by {now}. A question that is chosen after a "
        "result was seen makes the verdict exploratory. Confirm it on other data."
    )
