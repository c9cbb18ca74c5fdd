"""The list of all runs: a row for each directory, even if it is damaged. Names and reasons are untrusted text."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from rich.cells import cell_len

from bnexp import store
from bnexp.config.overrides import seeds_typed
from bnexp.metrics import headline, number, with_unit
from bnexp.system.terminal import plain

COLUMNS = ("run", "kind", "status", "seeds", "result", "overrides", "options")
TO_THE_RIGHT = ("seeds",)


@dataclass(frozen=True)
class RunRow:
    """The row of a run in the list; "-" marks what the run does not have."""

    run: str
    kind: str
    status: str
    seeds: int | str = "-"
    result: str = "-"
    overrides: str = "-"
    options: str = "-"
    """Options of a comparison that are not the default."""


def row(run: store.Run) -> RunRow:
    """Return the row of a run in the list. The result of a damaged run is the reason."""
    state = run.state()
    said = RunRow(run.id, state.kind, state.status)
    if state.status == "damaged":
        return replace(said, result=state.reason)
    match state.head:
        case store.RunHead() as record:
            seeds = len(record.seeds) if record.seeds else "-"
            overrides = " ".join(record.overrides) or "-"
            return replace(said, seeds=seeds, result=_place(run, state) or _result(record), overrides=overrides)
        case store.ComparisonHead() as document:
            words = [contrast.verdict.word for contrast in document.contrasts]
            of = "" if document.primary is None else f"{with_unit(document.primary.metric)}: "
            result, options = of + "; ".join(words), _options(document) or "-"
            arms = _of_arms(document)
            return replace(said, seeds=len(document.seeds), result=result, options=options, overrides=arms)
        case store.StudyHead() as document:
            return replace(said, seeds=document.seeds, result=document.verdict or "a sweep, no verdict")
        case _ if state.kind == "study":
            return replace(said, result=f"finished trials: {_finished_trials(run)}")
    return said


def _place(run: store.Run, state: store.State) -> str | None:
    """Return how far an interrupted run is; None if it cannot be resumed."""
    head = run.checkpoint() if state.status == "interrupted" else None
    return None if head is None else f"at {head.place}; can be resumed"


def _result(record: store.RunHead) -> str:
    if record.metrics is None:
        return "-"
    metric = headline(record.metrics)
    return f"{with_unit(metric)} {number(metric, record.metrics[metric].final)}"


def _options(document: store.ComparisonHead) -> str:
    """Return the options of a comparison that are not the default, as they are typed."""
    looks = "" if document.looks is None else document.looks.options
    return " ".join(one for one in (looks, document.asked.options) if one)


def _of_arms(document: store.ComparisonHead) -> str:
    """Return the overrides that all arms of a comparison share, then each arm's own overrides after its name.

    A run may have more seeds than the comparison uses. The number of seeds shown is the comparison's.
    """
    count = len(document.seeds)
    arms = {arm.name: [text for one in arm.overrides for text in _taken(one, count)] for arm in document.arms}
    shared = [one for one in next(iter(arms.values()), []) if all(one in own for own in arms.values())]
    said = [" ".join(shared)] if shared else []
    for name, overrides in arms.items():
        if own := [one for one in overrides if one not in shared]:
            said.append(f"{name}: {' '.join(own)}")
    return "; ".join(said) or "-"


def _taken(override: str, seeds: int) -> list[str]:
    """Return an override; if it sets the number of seeds, then with the number that the comparison uses.

    >>> _taken("training.seeds=40", 20), _taken("training={seeds: 40, epochs: 5}", 20)
    (['training.seeds=20'], ['training={seeds: 40, epochs: 5}', 'training.seeds=20'])
    """
    if seeds_typed([override]) is None:
        return [override]
    others = [] if override.startswith("training.seeds=") else [override]
    return [*others, f"training.seeds={seeds}"]


def _finished_trials(run: store.Run) -> int:
    with suppress(OSError):
        return sum(name.endswith(".json") for name in os.listdir(run.directory / store.CELLS))
    return 0


def table(rows: Sequence[RunRow]) -> str:
    """Return the rows as aligned lines that are not wrapped. There may be tens of thousands of rows."""
    cells = [COLUMNS, *([plain(getattr(row, column)) for column in COLUMNS] for row in rows)]
    reasons = [False, *(row.status == "damaged" for row in rows)]
    widths = [max(map(cell_len, column)) for column in zip(*map(_without_reason, cells, reasons), strict=True)]
    return "\n".join(_line(line, widths) for line in cells)


def _without_reason(cells: Sequence[str], is_damaged: bool) -> Sequence[str]:
    """Return the cells that set the width of the columns. A damaged run's reason is left out; it may be wider."""
    return ["" if is_damaged and name == "result" else cell for name, cell in zip(COLUMNS, cells, strict=True)]


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = []
    for name, cell, width in zip(COLUMNS, cells, widths, strict=True):
        space = " " * (width - cell_len(cell))
        padded.append(space + cell if name in TO_THE_RIGHT else cell + space)
    return " ".join(padded).rstrip()
