"""How many seeds the looks of a comparison need: refused where something else asks for another number, or has fewer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bnexp.comparison import Arm
from bnexp.comparison.question import FIRST_LOOK
from bnexp.config.training import first_seeds
from bnexp.errors import ComparisonError, Problems, counted
from bnexp.system.spelling import spelt


def refuse_other_seeds(overrides: Sequence[str]) -> None:
    """Raise ComparisonError if a number of seeds is asked for where the looks decide on it."""
    for override in overrides:
        key, _, seeds = override.partition("=")
        if key == "training.seeds":
            is_enough = seeds.isdecimal() and int(seeds) >= FIRST_LOOK
            last = f", or use {spelt('max-seeds', seeds)} for the last look" if is_enough else ""
            raise ComparisonError(
                f"training.seeds ({spelt('seeds')}) is {seeds}, and {spelt('until-settled')} takes more seeds at each "
                f"look; expected one of the two. Leave {spelt('seeds')} out{last}."
            )


def refuse_fewer_seeds(stored: Mapping[str, Arm], seeds: int) -> None:
    """Raise ComparisonError if a stored run, which is not trained further, has too few seeds for the last look."""
    problems = Problems()
    for name, arm in stored.items():
        if not set(first_seeds(seeds)).issubset(arm.history.seeds):
            count = len(arm.history.seeds)
            fewer = f", or use {spelt('max-seeds', str(count))}" if count >= FIRST_LOOK else ""
            with problems.noted():
                raise ComparisonError(
                    f"{name} is the stored run {arm.run} of {counted(count, 'seed')}; expected {seeds}, the seeds of "
                    f"the last look. Name its config{fewer}."
                )
    problems.refuse()
