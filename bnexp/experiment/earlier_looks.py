"""Earlier looks: with which question, and at how many seeds, stored comparisons judged these experiments.

A user can look at the results of 10, 20 and 40 seeds, and stop when the answer is the one they want. This answer is
wrong more often than the answer of a single look. The same holds if the metric or the margin is chosen for its answer.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from bnexp import config
from bnexp.comparison import Arm
from bnexp.comparison.first_question import JudgedBy, exploratory, on_other_rows
from bnexp.config import Experiment
from bnexp.config.real import RealDataset
from bnexp.config.synthetic import Synthetic
from bnexp.config.yaml import scalar
from bnexp.errors import RunError
from bnexp.experiment.lookup import of_config
from bnexp.experiment.stored_comparisons import StoredComparison, StoredRun, stored_comparisons
from bnexp.store import DataFacts
from bnexp.store.looks import EarlierLook, Look

DRAWN_BY = frozenset({"samples", "limit", "test_limit", "test_size", "validation_size", "resample", "seed"})
"""Keys of a dataset that decide which of its rows are drawn and held out. Another `seed` makes other synthetic data."""
FILES = frozenset({"path", "validation_path", "test_path"})
"""Keys of a dataset that name its files. A file may be a copy of another one."""


@dataclass(frozen=True)
class Known:
    """An arm, identified by its config and its rows."""

    name: str
    experiment: Experiment
    data: DataFacts

    def is_of(self) -> Callable[[StoredRun], bool]:
        """Return a function that returns True for a run of this config and these rows, also from a copy of the file."""
        is_of, own = of_config(self.experiment), _without(FILES, self.experiment)

        def is_same(run: StoredRun) -> bool:
            if run.head.dataset.digest != self.data.digest:
                return False
            return is_of(run.head) or (run.experiment is not None and _without(FILES, run.experiment) == own)

        return is_same

    def is_of_either_class(self) -> Callable[[StoredRun], bool]:
        """Return a function that returns True for a run of this config and these rows, with any `dataset.positive`.

        The other positive class swaps the targets 0 and 1, which changes the digest of the rows. A run with the other
        class is recognized by the digest of its data file instead.
        """
        is_same, tests = self.is_of(), [of_config(one) for one in self._of_classes()]
        source = self.data.source_sha256
        keys = FILES | {"positive"}
        own = _without(keys, self.experiment)

        def is_alike(run: StoredRun) -> bool:
            if is_same(run) or run.head.dataset.source_sha256 != source or source is None:
                return is_same(run)
            of_copy = run.experiment is not None and _without(keys, run.experiment) == own
            return of_copy or any(test(run.head) for test in tests)

        return is_alike

    def _of_classes(self) -> Iterator[Experiment]:
        """Yield the experiment with each other `dataset.positive`, as text and as YAML reads it, and without one."""
        dataset, names = self.experiment.dataset, self.data.classes or []
        if isinstance(dataset, RealDataset) and len(names) == 2:
            for positive in {None, *names, *map(scalar, names)} - {dataset.positive}:
                changed = dataset.model_copy(update={"positive": positive})
                yield self.experiment.model_copy(update={"dataset": changed})


def known_arms(arms: Sequence[Arm]) -> list[Known]:
    """Return for each arm of a comparison the config and the rows that identify it."""
    return [Known(arm.name, arm.experiment, arm.record.dataset) for arm in arms]


class Before:
    """What stored comparisons have asked about these arms, each arm against its baseline.

    An arm is identified by its config and its rows, not by its run: a run with more seeds is the same experiment.
    `exploratory` also counts comparisons in which the arms had the other class as `dataset.positive`. Comparisons
    whose runs were deleted are ignored.
    """

    def __init__(self, runs: Path, arms: Sequence[Known], pairs: Sequence[tuple[str, str]]) -> None:
        """Read the stored comparisons, the newest first; `pairs` holds the names of each arm and its baseline."""
        self._stored = stored = list(stored_comparisons(runs))
        self._runs, self._arms, self._pairs = runs, arms, pairs

        def of_pairs(tests: Mapping[str, Callable[[StoredRun], bool]]) -> dict[tuple[str, str], list[StoredComparison]]:
            names_of = cache(partial(_names_of, runs, tests))
            return {pair: [one for one in stored if _has_judged(one, {*pair}, names_of)] for pair in pairs}

        self._of_pairs = of_pairs({arm.name: arm.is_of() for arm in arms})
        self._of_either_class = of_pairs({arm.name: arm.is_of_either_class() for arm in arms})

    def looks(self, metric: str, taken: Sequence[Look], *, even_later: bool = False) -> list[EarlierLook]:
        """Return the earlier looks at which the arms were judged by this metric.

        They are in the order of the pairs, then by number of seeds, and each number occurs once for an arm. Of several
        looks at the same seeds, the one with the lowest level counts. A look is left out if this comparison looks
        at the same seeds, at no higher level (`taken`): the same seeds give the same numbers. If this comparison
        repeats an older one, only looks before the older one count, unless looks that came `even_later` are asked for.
        """
        found = []
        for (arm, _), several in self._of_pairs.items():
            lowest, before = {look.seeds: look.level for look in taken}, dict[int, EarlierLook]()
            asked = [list(one.taken()) for one in several if one.primary.metric == metric]
            repeated = [at for at, looks in enumerate(asked) if _are_alike(looks, taken) and not even_later]
            first = max(repeated, default=-1)
            for look in itertools.chain.from_iterable(asked[first + 1 :]):  # the newest comparison comes first
                if look.level < lowest.get(look.seeds, 1.0):
                    lowest[look.seeds] = look.level
                    before[look.seeds] = EarlierLook(seeds=look.seeds, level=look.level, arm=arm)
            found += [before[count] for count in sorted(before)]
        return found

    def on_other_rows(self, metric: str, taken: Sequence[Look]) -> dict[str, str]:
        """Map each arm that this metric judged on other rows of the same data to a caution on what this costs.

        If this comparison repeats an older one, only comparisons before the older one count.
        """
        names_of, told, here = cache(self._of_other_rows), {}, self.looks(metric, taken)
        sources = {one.name: one.data.source_sha256 for one in self._arms}
        for arm, baseline in self._pairs:
            same, others = self._of_pairs[arm, baseline], dict[tuple[str | None, str | None], list[Look]]()
            for one in self._stored:  # the newest comes first
                looks = list(one.taken()) if one.primary.metric == metric else []
                if looks and one in same and _are_alike(looks, taken):
                    others.clear()
                elif looks and one not in same and _has_judged(one, {arm, baseline}, names_of):
                    others.setdefault(self._rows_of(one), []).extend(looks)
            if others:
                now = [*(look for look in here if look.arm == arm), *taken]
                is_changed = any(source != sources[arm] for _, source in others)
                told[arm] = on_other_rows(list(others.values()), now, is_changed=is_changed)
        return told

    def _rows_of(self, one: StoredComparison) -> tuple[str | None, str | None]:
        """Return the digests of the rows of a stored comparison and of its data files, as far as they are known."""
        run = next(iter(one.pairs()))[0]
        try:
            found = StoredRun(self._runs / run).head.dataset
        except RunError:
            return None, None
        return found.digest, found.source_sha256

    def _of_other_rows(self, run: str) -> list[str]:
        """List the names of the arms whose experiment differs from a stored run's only in which rows are drawn.

        The run's data files have the same paths, and may have changed, or they have the same content.
        """
        try:
            stored = StoredRun(self._runs / run)
        except RunError:
            return []
        if stored.experiment is None:
            return []
        kind, files, source = _kind(stored.experiment), _files(stored.experiment), stored.head.dataset.source_sha256
        return [
            one.name
            for one in self._arms
            if _kind(one.experiment) == kind and (_files(one.experiment) == files or one.data.source_sha256 == source)
        ]

    def exploratory(self, now: JudgedBy) -> dict[str, str]:
        """Map each arm that was first judged by another question to a sentence: how this limits the verdict."""
        told = {}
        for (arm, baseline), several in self._of_either_class.items():
            asked = [one for one in (stored.judged_by() for stored in several) if one is not None]
            if asked and asked[-1] != now:  # the last one is the oldest
                told[arm] = exploratory(arm, baseline, asked[-1], now)
        return told


def _kind(experiment: Experiment) -> str:
    """Return the digest of an experiment without its files and the keys of DRAWN_BY."""
    drawn_by = DRAWN_BY - {"seed"} if isinstance(experiment.dataset, Synthetic) else DRAWN_BY
    return _without(drawn_by | FILES, experiment)


def _without(keys: Set[str], experiment: Experiment) -> str:
    """Return the digest of an experiment without these keys of its dataset."""
    fields = type(experiment.dataset).model_fields
    plain = {key: "" if fields[key].is_required() else fields[key].default for key in keys & fields.keys()}
    return config.digest(experiment.model_copy(update={"dataset": experiment.dataset.model_copy(update=plain)}))


def _files(experiment: Experiment) -> Mapping[str, str]:
    """Return the files and folders of an experiment's dataset: key -> path; {} for other datasets."""
    return getattr(experiment.dataset, "paths", {})


def _are_alike(looks: Sequence[Look], others: Sequence[Look]) -> bool:
    """Return True if both have the same numbers of seeds and levels, so that they give the same answers."""
    return [(one.seeds, one.level) for one in looks] == [(one.seeds, one.level) for one in others]


def _has_judged(one: StoredComparison, two: Set[str], names_of: Callable[[str], Sequence[str]]) -> bool:
    """Return True if a stored comparison has a contrast between these two arms; either may have been the baseline."""
    return any({a, b} == two for pair in one.pairs() for a, b in itertools.product(*map(names_of, pair)))


def _names_of(runs: Path, tests: Mapping[str, Callable[[StoredRun], bool]], run: str) -> list[str]:
    """List the names of the arms whose experiment is the one of this stored run."""
    try:
        found = StoredRun(runs / run)
    except RunError:
        return []
    return [name for name, is_of in tests.items() if is_of(found)]
