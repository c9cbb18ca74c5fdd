"""How many seeds a comparison takes: as many as its looks need, or as were typed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

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


def typed_seeds(stored: Mapping[str, Arm], overrides: Sequence[str]) -> dict[str, Arm]:
    """Return stored arms with the first seeds alone, as many as were typed (`--seeds`); without that, as they are."""
    typed = [one.partition("=")[2] for one in overrides if one.startswith("training.seeds=")]
    if not typed or not typed[-1].isdecimal():
        return dict(stored)
    asked = set(first_seeds(int(typed[-1])))
    return {name: _of(arm, tuple(seed for seed in arm.history.seeds if seed in asked)) for name, arm in stored.items()}


def _of(arm: Arm, seeds: tuple[int, ...]) -> Arm:
    """Return an arm with these seeds alone; itself if it has none of them."""
    return replace(arm, history=arm.history.of(seeds)) if seeds else arm
