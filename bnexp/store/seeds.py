"""Checks of the seeds in stored files: a finished run has exactly the seeds of run.json; a comparison lacks none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from bnexp.errors import RunError
from bnexp.store.reading import cure
from bnexp.store.run_record import RunRecord

MOST_NAMED = 8
"""The most seeds that a message lists."""


def refuse_other_seeds(path: Path, seeds: Sequence[int], record: RunRecord) -> None:
    """Raise RunError if a file of a finished run has other seeds than its run.json.

    The files of a running or interrupted run are not checked, because they may have only the seeds finished so far.
    """
    if record.status != "finished" or record.seeds is None:
        return
    if differences := list(_differences(seeds, record.seeds)):
        raise RunError(f"{path}: {' and '.join(differences)}. {cure(path)}")


def refuse_lost_seeds(path: Path, arm: str, seeds: Sequence[int], compared: Sequence[int]) -> None:
    """Raise RunError if histories.json lacks a seed of an arm that comparison.json compares."""
    if lost := sorted({*compared} - {*seeds}):
        raise RunError(f"{path}: arm {arm} lacks {_listed(lost)}, which comparison.json compares. {cure(path)}")


def _differences(seeds: Sequence[int], named: Sequence[int]) -> Iterator[str]:
    """Yield each difference between the seeds in a file and the seeds that run.json names.

    >>> list(_differences([0, 1, 9], [0, 1, 2]))
    ['lacks seed 2, which run.json names', 'holds seed 9, which run.json does not name']
    """
    if lost := sorted({*named} - {*seeds}):
        yield f"lacks {_listed(lost)}, which run.json names"
    if added := sorted({*seeds} - {*named}):
        yield f"holds {_listed(added)}, which run.json does not name"


def _listed(seeds: Sequence[int]) -> str:
    """Return the seeds as text, with at most MOST_NAMED of them.

    >>> _listed([6, 7]), _listed(range(100))
    ('seeds 6, 7', 'seeds 0, 1, 2, 3, 4, 5, 6, 7, ...')
    """
    more = ", ..." if len(seeds) > MOST_NAMED else ""
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds[:MOST_NAMED]))}{more}"
