"""The looks of a comparison: at how many seeds its arms were judged, in one plan or in earlier comparisons."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from bnexp.store.records import Probability, Record, SeedCount, Share


class Look(Record):
    """The result of one look: a comparison of the arms at one number of seeds."""

    seeds: SeedCount
    level: Share
    """The level of the intervals, before several arms share the error."""
    words: dict[str, str] = {}
    """Arm -> the word of its verdict."""


class EarlierLook(Look):
    """A look that was an earlier, stored comparison."""

    arm: str | None = None
    """The arm that was compared with the baseline; null in older documents."""


class Looks(Record):
    """All looks at these arms. A comparison that is made at several numbers of seeds has several chances to err."""

    planned: list[SeedCount] = []
    """The numbers of seeds of all looks that share the error; empty if only one look was asked for."""
    taken: Annotated[list[Look], Field(min_length=1)]
    earlier: list[EarlierLook] = []
    """Stored comparisons by the same metric, which were not among the planned looks."""
    error: Probability
    """The probability that at least one look at an arm errs if the arm does not differ; the highest of all arms."""
