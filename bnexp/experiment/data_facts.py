"""Facts about an experiment's data that are recorded and shown. Only this file builds `DataFacts` from `Data`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bnexp.config.dataset import Dataset
from bnexp.data.stored_rows import pieces
from bnexp.errors import listed
from bnexp.store import DataFacts
from bnexp.system import given_data

if TYPE_CHECKING:
    from bnexp.data import Data

MOST_NAMED = 10
"""Most categories that a warning names."""


def name_of(dataset: Dataset) -> str:
    """Return `dataset.name`, or what data are called that were given in Python, such as `DataFrame`.

    These data are stored in a file of a kind that the user did not choose.
    """
    return given_data.called(str(getattr(dataset, "path", ""))) or dataset.name


def data_facts(name: str, data: Data) -> DataFacts:
    """Return the facts about a data set that are shown to the user: its kind, counts, classes and warnings."""
    rows, guessing = data.rows, data.guessing
    sizes = {part: int(rows_SR.shape[1]) for part, rows_SR in data.parts.items()}
    facts = DataFacts(
        name=name,
        task=data.task,
        kind=rows.kind,
        rows=len(rows.y_N),
        shape=list(rows.x.shape[1:]),
        classes=None if rows.classes is None else list(rows.classes),
        rows_per_class=data.rows_per_class,
        training_rows=sizes["train"],
        validation_rows=sizes["val"],
        test_rows=sizes.get("test"),
        commonest_class_share=guessing.get("test", guessing.get("val")),
        guessing=guessing,
        one_class=data.one_class,
        rarest_held_out=data.rarest_held_out,
        split=data.split,
    )
    if data.codes is not None:
        facts.codes = data.codes
    if rows.validation or rows.test:
        facts.has_own_parts = True
    if rows.classes is None:
        facts.target_range = [float(rows.y_N.min()), float(rows.y_N.max())]
    if data.preprocessing.target_center is not None:
        facts.error_unit = "target"
    if (filled := _filled(data)) is not None:
        facts.cells_filled, facts.columns_filled = filled
    facts = facts.model_copy(update={key: value for key, value in asdict(rows.facts).items() if value is not None})
    if unseen := _unseen(data):
        facts.warnings = [*(facts.warnings or ()), unseen]
    return facts


def unseen_F(data: Data) -> NDArray[np.bool_]:
    """Return a mask over the inputs of a table, (F,): True for a category that no training row of any seed has."""
    if data.rows.numeric is None or data.preprocessing.width is None:
        return np.zeros(data.rows.x.shape[-1:], bool)
    unseen: NDArray[np.bool_] = np.isinf(data.preprocessing.width).all(axis=0)
    return unseen


def _unseen(data: Data) -> str | None:
    """Return a warning if some categories occur in held-out rows, but in no training row of any seed; else None."""
    columns = data.rows.columns or ()
    found = [place for place in np.flatnonzero(unseen_F(data)) if place < len(columns)]
    if not found:
        return None
    names = [_with_place(data, columns[place], int(place)) for place in found[:MOST_NAMED]]
    names += [columns[place] for place in found[MOST_NAMED:]]
    are, they = ("is", "It is") if len(names) == 1 else ("are", "They are")
    return f"{listed(names, MOST_NAMED)} {are} in held-out rows only. {they} encoded as an unknown value of the column."


def _with_place(data: Data, name: str, column: int) -> str:
    """Return the name of a category with its number of rows, if several, and the file and line of the first."""
    name = name if name == name.strip() else repr(name)
    rows = np.flatnonzero(data.rows.x[:, column])
    count = [f"{len(rows):,} rows"] if len(rows) > 1 else []
    first = [data.rows.where(int(rows[0]))] if len(rows) and data.rows.where is not None else []
    place = ", first ".join([*count, *first])
    return f"{name} ({place})" if place else name


def _filled(data: Data) -> tuple[int, int] | None:
    """Return the number of missing values that `dataset.missing` fills, and of their columns; None if it fills none."""
    rows = data.rows
    if rows.kind != "table" or data.preprocessing.fill is None:
        return None
    empty_F = np.sum([np.isnan(rows.x[piece]).sum(axis=0) for piece in pieces(rows.x)], axis=0)
    return int(empty_F.sum()), int((empty_F > 0).sum())


def recorded_data_facts(name: str, data: Data) -> DataFacts:
    """Return the facts about the data that run.json records: those that are shown, and digests of file and rows."""
    return data_facts(name, data).model_copy(update={"source_sha256": data.source_sha256, "digest": data.digest})
