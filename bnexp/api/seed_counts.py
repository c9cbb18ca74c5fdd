"""The number of seeds of a comparison: set by its looks, or by the user."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from bnexp.comparison import Arm
from bnexp.comparison.question import FIRST_LOOK
from bnexp.config.overrides import seeds_typed
from bnexp.config.training import first_seeds
from bnexp.errors import ComparisonError, Problems, counted
from bnexp.system.spelling import spelt


def refuse_other_seeds(overrides: Sequence[str]) -> None:
    """Raise ComparisonError if the overrides set the number of seeds, which the looks decide."""
    if (seeds := seeds_typed(overrides)) is not None:
        last = f", or use {spelt('max-seeds', str(seeds))} for the last look" if seeds >= FIRST_LOOK else ""
        raise ComparisonError(
            f"training.seeds ({spelt('seeds')}) is {seeds}, and {spelt('until-settled')} takes more seeds at each "
            f"look; expected one of the two. Leave {spelt('seeds')} out{last}."
        )


def refuse_fewer_seeds(stored: Mapping[str, Arm], seeds: int) -> None:
    """Raise ComparisonError if a stored run has too few seeds for the last look. Stored runs get no more seeds."""
    problems = Problems()
    for name, arm in stored.items():
        if not set(first_seeds(seeds)).issubset(arm.history.seeds):
            count = len(arm.history.seeds)
            fewer = f", or use {spelt('max-seeds', str(count))}" if count >= FIRST_LOOK else ""
            with problems.noted():
                raise ComparisonError(
                    f"{name} is the stored run {arm.run} of {counted(count, 'seed')}; expected {seeds}, the seeds of "
                    f"the last look. A stored run gets no more seeds: name its config instead{fewer}."
                )
    problems.refuse()


def typed_seeds(stored: Mapping[str, Arm], overrides: Sequence[str]) -> dict[str, Arm]:
    """Return the stored arms with only their first seeds, as many as the user typed (`--seeds`); with all if none."""
    count = seeds_typed(overrides)
    if count is None:
        return dict(stored)
    asked = set(first_seeds(count))
    return {name: _of(arm, tuple(seed for seed in arm.history.seeds if seed in asked)) for name, arm in stored.items()}


def _of(arm: Arm, seeds: tuple[int, ...]) -> Arm:
    """Return an arm with only these seeds; the arm unchanged if `seeds` is empty."""
    return replace(arm, history=arm.history.of(seeds)) if seeds else arm
