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
from bnexp.statistics import LEVEL
from bnexp.store.comparison_document import Look
from bnexp.store.records import Record, Seeds, Share


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


class _Taken(Record):
    """The looks that a comparison ended with."""

    taken: list[Look]


class _Comparison(Record):
    """What a comparison.json says of who was compared."""

    seeds: Seeds
    level: Share = LEVEL
    arms: list[_ArmRun]
    contrasts: list[_Judged]
    looks: _Taken | None = None

    def taken(self) -> Iterator[Look]:
        """Yield its looks: one, or all that share the error."""
        if self.looks is None:
            yield Look(seeds=len(self.seeds), level=self.level)
        else:
            yield from (Look(seeds=look.seeds, level=look.level) for look in self.looks.taken)

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Yield the ids of the runs of each contrast."""
        runs = {arm.name: arm.run for arm in self.arms}
        for one in self.contrasts:
            pair = runs.get(one.arm), runs.get(one.baseline)
            if pair[0] is not None and pair[1] is not None:
                yield pair[0], pair[1]


def earlier_looks(runs: Path, arms: Sequence[Arm], taken: Sequence[Look]) -> list[Look]:
    """Return the looks at which a pair of these arms was judged before, each number of seeds once, the fewest first.

    An arm is known by its config and its rows, not by its run: a run with more seeds is the same experiment. Of looks
    at the same seeds, the one of the lowest level counts. A look is left out if one that is `taken` now has the same
    seeds and no higher level: the same seeds give the same numbers. Comparisons whose runs are gone are not known.
    """
    arms_of = cache(partial(_arms_of, runs, [(arm, of_config(arm.experiment)) for arm in arms]))
    now, found = {look.seeds: look.level for look in taken}, dict[int, Look]()
    for one in _comparisons(runs):
        if any(a != b for pair in one.pairs() for a, b in itertools.product(*map(arms_of, pair))):
            for look in one.taken():
                known = min(now.get(look.seeds, 1.0), found[look.seeds].level if look.seeds in found else 1.0)
                if look.level < known:
                    found[look.seeds] = look
    return [found[count] for count in sorted(found)]


def _comparisons(runs: Path) -> Iterator[_Comparison]:
    """Yield what stored comparisons have judged; a damaged one is passed over."""
    for run in store.runs_in(runs):
        if run.kind == "comparison":
            with suppress(RunError):
                yield store.read_head(run.directory / "comparison.json", _Comparison)


def _arms_of(runs: Path, arms: Sequence[tuple[Arm, Callable[[store.RunHead], bool]]], run: str) -> list[str]:
    """List the arms, by name, that are the experiment of a stored run: of the same config and the same rows."""
    try:
        found = store.read_head(runs / run / "run.json", _Trained)
    except RunError:
        return []
    return [arm.name for arm, is_of in arms if is_of(found) and found.dataset.digest == arm.record.dataset.digest]
