"""hypotheses.json: whether each hypothesis that was ever asked in a study's directory was asked after results."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import AwareDatetime

from bnexp.store.records import Record, SeedCount


class AskedHypothesis(Record):
    """One that was asked, its words aside."""

    digest: str
    """Of the question and of the trials that it reads, not of the text of its claim."""
    claim: str
    """In the words in which it was first asked."""
    after_results: bool
    earlier_seeds: list[SeedCount] = []
    """The numbers of seeds at which it had an answer before, in directories of the same study with fewer seeds."""


class AskedDocument(Record):
    """hypotheses.json."""

    format: Literal[5] = 5
    begun: AwareDatetime | None = None
    """When the study was begun in this directory; null in older ones until the study is run again."""
    answered: AwareDatetime | None = None
    """When study.json was first written there."""
    asked: list[AskedHypothesis] = []

    def by_digest(self) -> Mapping[str, AskedHypothesis]:
        """Map each digest to the hypothesis."""
        return {one.digest: one for one in self.asked}
