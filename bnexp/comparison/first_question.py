"""The question by which arms were first judged. If another is chosen after a result, the verdict is exploratory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bnexp import statistics
from bnexp.metrics import About, number, quantity, traits
from bnexp.statistics.classification import is_about_second
from bnexp.store.looks import Look


@dataclass(frozen=True)
class JudgedBy:
    """The question by which two arms are judged: the metric, its margin, and the rows."""

    metric: str
    margin: float | None
    """None for the default margin of losses and errors, which is a share of the baseline's mean."""
    about: About
    positive: str | None = None
    """The class that the metric is about; None if it is about all classes."""

    @classmethod
    def of(
        cls,
        metric: str,
        margin: float | None,
        about: About,
        classes: Sequence[str] | None = None,
    ) -> JudgedBy:
        """Return the question. If `margin` is None, it has the metric's default margin."""
        positive = classes[1] if classes and len(classes) == 2 and is_about_second(quantity(metric)) else None
        return cls(metric, traits(metric).margin if margin is None else margin, about, positive)

    def __str__(self) -> str:
        """Return the question as text.

        >>> str(JudgedBy("val_accuracy", 0.02, "these-rows")), str(JudgedBy("val_f1", None, "new-rows", "sick"))
        ('val_accuracy (margin 2.00 points, these rows)', "val_f1 of class 'sick' (default margin, new rows)")
        """
        of = "" if self.positive is None else f" of class {self.positive!r}"
        margin = "default margin" if self.margin is None else f"margin {number(self.metric, self.margin)}"
        margin += " points" if self.margin is not None and traits(self.metric).in_percent else ""
        return f"{self.metric}{of} ({margin}, {self.about.replace('-', ' ')})"


def exploratory(arm: str, baseline: str, first: JudgedBy, now: JudgedBy) -> str:
    """Return the caution for a question that differs from the first one: the verdict is exploratory."""
    return (
        f"{arm} and {baseline} were first judged by {first}, and now by {now}. A question that is chosen after a "
        "result was seen makes the verdict exploratory. Confirm it on other data."
    )


def on_other_rows(looks: Sequence[Sequence[Look]], now: Sequence[Look], *, is_changed: bool = False) -> str:
    """Return the caution for arms that stored comparisons judged on other rows of the same data.

    `looks` has the looks at each other set of rows, and `now` all looks at the present rows. All answers together err
    at most as often as the sum of their errors (Bonferroni's inequality). Planned looks err in 5%, also if they ended
    at the first of them. `is_changed` is True if a data file was
    another one then, so that its rows may all be new now.

    >>> one, two = Look(seeds=20, level=0.95), Look(seeds=55, level=0.95)
    >>> on_other_rows([[one]], [one]).rpartition(": ")[2]
    'all answers together err in up to 10% of cases without a difference, not in 5%.'
    >>> on_other_rows([[one]], [one, two]).partition("up to ")[2].partition(" ")[0]
    '14%'
    >>> planned = Look(seeds=10, level=0.979)
    >>> on_other_rows([[planned]], [planned]).partition("up to ")[2].partition(" ")[0]
    '10%'
    """
    rows = "other rows" if len(looks) == 1 else f"{len(looks)} other sets of rows"
    found = [statistics.error_of([(one.seeds, one.level) for one in several]) for several in (*looks, now)]
    errors = [max(1 - statistics.LEVEL, error) for error in found]
    before = f"Stored comparisons judged these networks on {rows} of these data before"
    if is_changed:
        before += ", when the data files were other ones. If rows of then are still held out, this is a second try"
    return (
        f"{before}. Whoever takes other rows until an answer is clear errs more often: all answers together err in up "
        f"to {min(1.0, sum(errors)):.0%} of cases without a difference, not in 5%."
    )
