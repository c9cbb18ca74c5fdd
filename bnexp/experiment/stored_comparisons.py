"""What stored comparisons hold about their arms, their question and the looks that they took."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from functools import cached_property
from pathlib import Path

from bnexp import config, store
from bnexp.comparison.first_question import JudgedBy
from bnexp.config import Experiment
from bnexp.errors import RunError, UserError
from bnexp.metrics import traits
from bnexp.statistics import LEVEL
from bnexp.store.comparison_document import Verdict
from bnexp.store.comparison_question import Asked, Primary
from bnexp.store.looks import Look
from bnexp.store.records import FileName, Record, Seeds, Share


class _Basis(Record):
    """The digests of a run's rows, as its record holds them."""

    digest: str | None = None
    source_sha256: str | None = None


class _Classes(Record):
    """The classes of the compared rows, as comparison.json holds them."""

    classes: list[str] | None = None


class _Trained(store.RunHead):
    dataset: _Basis = _Basis()


class StoredRun:
    """A run of a stored comparison. Its config is read only if it is asked for."""

    def __init__(self, directory: Path) -> None:
        """Read the head of the run's record.

        Raises:
            RunError: if it is missing or damaged.
        """
        self.head, self._directory = store.read_head(directory / "run.json", _Trained), directory

    @cached_property
    def experiment(self) -> Experiment | None:
        """The experiment of the run's config; None if the config is missing or damaged."""
        try:
            return config.load(store.Run(self._directory).config)
        except UserError:
            return None


class _Judged(Record):
    """A contrast of a stored comparison."""

    arm: str
    baseline: str
    verdict: Verdict = Verdict(word="")


class _ArmRun(Record):
    name: str
    run: FileName | None = None


class _Taken(Record):
    """The looks at the results that a comparison has taken."""

    taken: list[Look]


class StoredComparison(Record):
    """The part of comparison.json that tells which arms were compared, and by which question."""

    seeds: Seeds
    level: Share = LEVEL
    primary: Primary
    dataset: _Classes = _Classes()
    asked: Asked | None = None
    arms: list[_ArmRun]
    contrasts: list[_Judged]
    looks: _Taken | None = None

    def taken(self) -> Iterator[Look]:
        """Yield the looks of this comparison: a single one, or all planned looks, which share the error.

        A single look that answered nothing, as with too few seeds, is left out: it cannot have erred.
        """
        if self.looks is not None:
            yield from (Look(seeds=look.seeds, level=look.level) for look in self.looks.taken)
        elif not all(one.verdict.is_silent for one in self.contrasts):
            yield Look(seeds=len(self.seeds), level=self.level)

    def judged_by(self) -> JudgedBy | None:
        """Return the question that judged the arms; None if an older bnexp did not store whether a margin was given."""
        is_default = traits(self.primary.metric).margin is None
        if is_default and self.asked is None:
            return None
        margin = self.asked.margin if is_default and self.asked is not None else self.primary.margin
        about = "new-rows" if self.asked is None else self.asked.about
        return JudgedBy.of(self.primary.metric, margin, about, self.dataset.classes)

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Yield for each contrast the run ids of the arm and of the baseline."""
        runs = {arm.name: arm.run for arm in self.arms}
        for one in self.contrasts:
            pair = runs.get(one.arm), runs.get(one.baseline)
            if pair[0] is not None and pair[1] is not None:
                yield pair[0], pair[1]


def stored_comparisons(runs: Path) -> Iterator[StoredComparison]:
    """Yield the stored comparisons, the newest first; damaged ones are skipped."""
    for run in store.runs_in(runs):
        if run.kind == "comparison":
            with suppress(RunError):
                yield store.read_head(run.directory / "comparison.json", StoredComparison)
