"""Looks before this one: by which question, and at which numbers of seeds, stored comparisons judged these experiments.

A user can look at 10, 20 and 40 seeds, and stop when the answer pleases. That errs more often than a single look. So
does a metric or a margin that is chosen to please.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from bnexp import store
from bnexp.comparison import Arm
from bnexp.comparison.looks import FirstQuestion
from bnexp.config import Experiment
from bnexp.errors import RunError
from bnexp.experiment.lookup import of_config
from bnexp.statistics import LEVEL
from bnexp.store.comparison_document import ComparisonDocument, EarlierLook, Look, PrimaryHead
from bnexp.store.comparison_question import Asked
from bnexp.store.records import FileName, Record, Seeds, Share


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
    run: FileName | None = None


class _Taken(Record):
    """The looks that a comparison ended with."""

    taken: list[Look]


class _Comparison(Record):
    """What a comparison.json says of who was compared, and by which metric."""

    seeds: Seeds
    level: Share = LEVEL
    primary: PrimaryHead
    asked: Asked = Asked()
    arms: list[_ArmRun]
    contrasts: list[_Judged]
    looks: _Taken | None = None

    def taken(self) -> Iterator[Look]:
        """Yield its looks: one, or all that share the error."""
        if self.looks is None:
            yield Look(seeds=len(self.seeds), level=self.level)
        else:
            yield from (Look(seeds=look.seeds, level=look.level) for look in self.looks.taken)

    @property
    def question(self) -> FirstQuestion:
        """Return by what the arms were judged."""
        return FirstQuestion.of(self.primary.metric, self.asked)

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Yield the ids of the runs of each contrast."""
        runs = {arm.name: arm.run for arm in self.arms}
        for one in self.contrasts:
            pair = runs.get(one.arm), runs.get(one.baseline)
            if pair[0] is not None and pair[1] is not None:
                yield pair[0], pair[1]


@dataclass(frozen=True)
class Known:
    """An arm by what tells it from others: its config and its rows."""

    name: str
    experiment: Experiment
    digest: str | None
    """Of its rows."""


def earlier_looks(
    runs: Path, arms: Sequence[Arm], document: ComparisonDocument, taken: Sequence[Look]
) -> list[EarlierLook]:
    """Return the looks at which an arm of a comparison was judged before: `looks_before`."""
    pairs = [(contrast.arm, contrast.baseline) for contrast in document.contrasts]
    return looks_before(runs, _known(arms), pairs, document.primary.metric, taken)


def looks_before(
    runs: Path, arms: Sequence[Known], pairs: Sequence[tuple[str, str]], metric: str, taken: Sequence[Look]
) -> list[EarlierLook]:
    """Return the looks at which an arm was judged before: beside its baseline, by the same metric.

    `pairs` names each arm beside its baseline. The looks are in this order, each number of seeds once for an arm, the
    fewest first. An arm is known by its config and its rows, not by its run: a run with more seeds is the same
    experiment. Of looks at the same seeds, the one of the lowest level counts. A look is left out if one that is
    `taken` now has the same seeds and no higher level: the same seeds give the same numbers. Comparisons whose runs
    are gone are not known.
    """
    arms_of = _search(runs, arms)
    same_metric = [one for one in _comparisons(runs) if one.primary.metric == metric]
    found = []
    for arm, baseline in pairs:
        lowest, before = {look.seeds: look.level for look in taken}, dict[int, EarlierLook]()
        two = {arm, baseline}
        for look in (look for one in same_metric if _has_judged(one, two, arms_of) for look in one.taken()):
            if look.level < lowest.get(look.seeds, 1.0):
                lowest[look.seeds] = look.level
                before[look.seeds] = EarlierLook(seeds=look.seeds, level=look.level, arm=arm)
        found += [before[count] for count in sorted(before)]
    return found


def first_questions(runs: Path, arms: Sequence[Arm], document: ComparisonDocument) -> dict[str, FirstQuestion]:
    """Map each arm that was first judged by another question than now to that question.

    The first question is the one of the oldest stored comparison of the arm with its baseline.
    """
    arms_of, stored = _search(runs, _known(arms)), list(_comparisons(runs))
    now = FirstQuestion.of(document.primary.metric, document.asked)
    found = {}
    for contrast in document.contrasts:
        two = {contrast.arm, contrast.baseline}
        asked = [one.question for one in stored if _has_judged(one, two, arms_of)]
        if asked and asked[-1] != now:  # the newest stands first
            found[contrast.arm] = asked[-1]
    return found


def _search(runs: Path, arms: Sequence[Known]) -> Callable[[str], Sequence[str]]:
    """Return what finds the arms, by name, that are the experiment of a stored run."""
    return cache(partial(_arms_of, runs, [(arm, of_config(arm.experiment)) for arm in arms]))


def _known(arms: Sequence[Arm]) -> list[Known]:
    return [Known(arm.name, arm.experiment, arm.record.dataset.digest) for arm in arms]


def _has_judged(one: _Comparison, two: Set[str], arms_of: Callable[[str], Sequence[str]]) -> bool:
    """Return True if a stored comparison has a contrast between two arms of now, whichever was the baseline."""
    return any({a, b} == two for pair in one.pairs() for a, b in itertools.product(*map(arms_of, pair)))


def _comparisons(runs: Path) -> Iterator[_Comparison]:
    """Yield what stored comparisons have judged; a damaged one is passed over."""
    for run in store.runs_in(runs):
        if run.kind == "comparison":
            with suppress(RunError):
                yield store.read_head(run.directory / "comparison.json", _Comparison)


def _arms_of(runs: Path, arms: Sequence[tuple[Known, Callable[[store.RunHead], bool]]], run: str) -> list[str]:
    """List the arms, by name, that are the experiment of a stored run: of the same config and the same rows."""
    try:
        found = store.read_head(runs / run / "run.json", _Trained)
    except RunError:
        return []
    return [arm.name for arm, is_of in arms if is_of(found) and found.dataset.digest == arm.digest]
