"""hypotheses.json: all hypotheses ever asked in a study's directory, and whether each was asked after results."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import AwareDatetime

from bnexp.store.records import Record, SeedCount

UNKNOWN = "unknown"


class AskedHypothesis(Record):
    """A hypothesis that was asked. Its digest identifies it, not the text of its claim."""

    digest: str
    """The digest of the question and of the trials that it reads, without the text of the claim."""
    claim: str
    """The text of the claim when it was first asked."""
    after_results: bool
    """Whether the study had results before the hypothesis was asked."""
    earlier_seeds: list[SeedCount] = []
    """The numbers of seeds with which it was answered before, in directories of the same study with fewer seeds."""
    first_answer: str | None = UNKNOWN
    """The word of its first verdict in this directory; null if there is none yet; UNKNOWN in older documents."""


class AskedDocument(Record):
    """The contents of hypotheses.json."""

    format: Literal[5] = 5
    begun: AwareDatetime | None = None
    """When the study was begun in this directory; null in older documents until the study is run again."""
    answered: AwareDatetime | None = None
    """When study.json was first written in this directory."""
    asked: list[AskedHypothesis] = []

    def by_digest(self) -> Mapping[str, AskedHypothesis]:
        """Map each digest to its hypothesis."""
        return {one.digest: one for one in self.asked}
