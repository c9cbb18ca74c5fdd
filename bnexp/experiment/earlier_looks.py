"""Looks before this one: at which numbers of seeds stored comparisons have judged the same experiments.

A user can look at 10, 20 and 40 seeds, and stop when the answer pleases. That errs more often than a single look.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import cache, partial
from pathlib import Path

from bnexp import store
from bnexp.comparison import Arm
from bnexp.errors import RunError
from bnexp.experiment.lookup import of_config
from bnexp.store.records import Record, Seeds


class _Basis(Record):
    """What a run's record says of its rows."""

    digest: str | None = None


class _Trained(store.RunHead):
    dataset: _Basis = _Basis()


class _Judged(Record):
    """A contrast of a stored comparison."""

    arm: str
    baseline: str


class _ArmRun(Record):
    name: str
    run: str | None = None


class _Look(Record):
    """What a comparison.json says of who was compared."""

    seeds: Seeds
    arms: list[_ArmRun]
    contrasts: list[_Judged]

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Yield the ids of the runs of each contrast."""
        runs = {arm.name: arm.run for arm in self.arms}
        for one in self.contrasts:
            pair = runs.get(one.arm), runs.get(one.baseline)
            if pair[0] is not None and pair[1] is not None:
                yield pair[0], pair[1]


def earlier_looks(runs: Path, arms: Sequence[Arm]) -> tuple[int, ...]:
    """Return the numbers of seeds at which a pair of these arms was judged before, each once, the fewest first.

    An arm is known by its config and its rows, not by its run: a run with more seeds is the same experiment. The number
    of seeds that the arms share now is left out, as the same seeds give the same numbers. Comparisons whose runs are
    gone are not known.
    """
    now = len(set.intersection(*(set(arm.history.seeds) for arm in arms)))
    arms_of = cache(partial(_arms_of, runs, [(arm, of_config(arm.experiment)) for arm in arms]))
    return tuple(
        sorted(
            {
                len(look.seeds)
                for look in _looks(runs)
                for one, other in look.pairs()
                if len(look.seeds) != now and any(a != b for a, b in itertools.product(arms_of(one), arms_of(other)))
            }
        )
    )


def _looks(runs: Path) -> Iterator[_Look]:
    """Yield what stored comparisons have judged; a damaged one is passed over."""
    for run in store.runs_in(runs):
        if run.kind == "comparison":
            with suppress(RunError):
                yield store.read_head(run.directory / "comparison.json", _Look)


def _arms_of(runs: Path, arms: Sequence[tuple[Arm, Callable[[store.RunHead], bool]]], run: str) -> list[str]:
    """List the arms, by name, that are the experiment of a stored run: of the same config and the same rows."""
    try:
        found = store.read_head(runs / run / "run.json", _Trained)
    except RunError:
        return []
    return [arm.name for arm, is_of in arms if is_of(found) and found.dataset.digest == arm.record.dataset.digest]
