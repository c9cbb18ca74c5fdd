"""A difference and all that is needed to judge it: its estimates for these rows and for new rows, margin, levels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from bnexp import statistics
from bnexp.comparison.new_rows import NewRowsEstimate, Stratum
from bnexp.metrics import quantity
from bnexp.statistics import LEVEL, RARE, Estimate, Floats, Levels, OpenQuestion, Shown
from bnexp.statistics.estimate import deviation
from bnexp.statistics.held_out_rows import FEWEST_EFFECTIVE, MOSTLY_ROWS
from bnexp.statistics.verdicts import excludes_zero
from bnexp.store.comparison_question import MeasuredOn


@dataclass(frozen=True)
class Lacking:
    """Held-out rows that are too few to show that a difference is small, and the number that is needed."""

    stratum: Stratum
    needed: int

    @property
    def factor(self) -> float:
        """Return the number of rows that is needed, divided by the present number."""
        return self.needed / self.stratum.rows


@dataclass(frozen=True)
class JudgedDifference:
    """What a verdict rests on: a difference estimated for these rows and, if possible, for new rows."""

    metric: str
    difference_S: Floats
    """The pairs' differences, (S,), all finite, on the scale that is judged."""
    margin: float
    levels: Levels = field(default_factory=Levels)
    new_rows: NewRowsEstimate | None = None
    measured_on: MeasuredOn = "these rows"
    """What the estimate `here` is about."""
    is_claim: bool = False
    """Whether a study's hypothesis is judged. Any difference below 0 refutes it."""
    is_ratio: bool = False
    """Whether the differences are between logs, so that a ratio is judged."""
    is_margin_of_all: bool = False
    """Whether the margin is at least the baseline's whole loss or error. Then a small difference means nothing."""
    is_warned: bool = False
    """Whether some of the trainings have warnings. More seeds do not remove them."""
    is_of_caveats: bool = False
    """Whether all these warnings leave the values as they are: caveats (`warning_kinds`), or an arm still improves."""
    failed: int = 0
    """The trainings of one arm, the more failing one, that are no better than guessing."""
    rare: float = RARE
    looks: Sequence[int] = ()
    """The number of seeds of each planned look, if several looks share the error; else empty."""

    @cached_property
    def here(self) -> Estimate:
        """Return the mean difference for these rows or splits, estimated over seeds alone."""
        return statistics.over_seeds(self.difference_S)

    @property
    def decides(self) -> Estimate:
        """Return the estimate that decides the verdict: for new rows if there is one, else for these rows."""
        return self.here if self.new_rows is None else self.new_rows.estimate

    @property
    def needs_other_trainings(self) -> bool:
        """Return True if the warnings must be heeded before more seeds or rows can settle the question."""
        return self.is_warned and not self.is_of_caveats

    @property
    def pairs(self) -> int:
        """Return the number of pairs."""
        return len(self.difference_S)

    @cached_property
    def sign_flip_p(self) -> float:
        """Return the p-value of the sign-flip test over seeds."""
        return statistics.sign_flip_p_value(self.difference_S)

    @property
    def deciding_p(self) -> float:
        """Return the p-value of the t test. If it is at most 5%, return the sign-flip test's if that is larger."""
        of_t = self.decides.p_value
        return max(of_t, self.sign_flip_p) if of_t <= 1 - LEVEL else of_t

    @property
    def error_beyond_seeds(self) -> float:
        """Return the standard error that remains with very many seeds: the part due to the held-out rows."""
        if self.new_rows is None:
            return 0.0
        if self.new_rows.test_share is not None:
            return deviation(self.difference_S) * math.sqrt(self.new_rows.test_share)
        assert self.new_rows.components is not None
        return math.sqrt(self.new_rows.components.row / self.new_rows.count)

    @property
    def lacking(self) -> Lacking | None:
        """Return the rows that are too few to call a difference small for new rows; None if there are enough.

        With enough rows, a kind of row that does not occur among them is so rare that it moves the difference by less
        than the margin. A metric that counts answers as right or wrong needs this, because arms that agree on these
        rows may differ on others. Losses, errors and r2 need no fixed number, because arms with equal losses are equal.
        """
        strata = () if self.new_rows is None else self.new_rows.strata
        found = [Lacking(one, statistics.draws_to_exclude(self.margin / one.weight)) for one in strata if one.weight]
        return max((one for one in found if one.factor > 1), key=lambda one: one.factor, default=None)

    @property
    def is_unknown_for_new_rows(self) -> bool:
        """Return True if the arms agree on all held-out rows, and these are too few: an interval has no width."""
        anew = self.new_rows
        return self.lacking is not None and anew is not None and anew.estimate.error == anew.estimate.mean == 0

    @property
    def question(self) -> OpenQuestion:
        """Return the open question that more seeds or rows would have to settle."""
        factor = 0.0 if self.lacking is None else self.lacking.factor
        fewest_rows = 0 if self.new_rows is None else math.ceil(self.new_rows.count * factor)
        return OpenQuestion(self.here.mean, self.margin, self.levels, self.is_claim, fewest_rows)

    @property
    def shown_here(self) -> Shown:
        """Return what the estimate for these rows shows."""
        return self._shown(self.here)

    @property
    def shown(self) -> Shown:
        """Return what the estimate that decides shows."""
        found = self._shown(self.decides)
        return found if self.lacking is None else replace(found, is_small=False)

    @property
    def lacking_alone(self) -> Lacking | None:
        """Return the rows that are too few, if they alone prevent calling the difference small; else None."""
        return self.lacking if self._shown(self.decides).is_small else None

    def _shown(self, estimate: Estimate) -> Shown:
        return statistics.shown(
            estimate,
            margin=self.margin,
            pairs=self.pairs,
            sign_flip_p=lambda: self.sign_flip_p,
            levels=self.levels,
            rare=self.rare,
        )

    def is_doubted(self, estimate: Estimate) -> bool:
        """Return True if the interval excludes 0, but the sign-flip test over seeds does not."""
        interval = estimate.interval(self.levels.sign)
        return (interval.low > 0 or interval.high < 0) and not excludes_zero(self.sign_flip_p, self.levels.sign)

    @property
    def is_carried_by_few(self) -> bool:
        """Return True if a few rows carry the difference for new rows; never True for an accuracy."""
        anew = self.new_rows
        if anew is None or anew.components is None or quantity(self.metric) == "accuracy":
            return False
        few = anew.effective_rows < min(FEWEST_EFFECTIVE, anew.count)
        return few and anew.components.share_of_rows(self.pairs, anew.count) >= MOSTLY_ROWS
