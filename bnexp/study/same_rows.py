"""Finds which cells of a study share held-out rows, from their data and from how the rows are numbered.

Two rows are the same if they belong to the same data and have the same number. Different files, known sets and draws of
a generator are different data. If one file or known set is read or limited in different ways, the same rows may have
different numbers. Then it is not known which rows two cells share.

A draw of a generator is named by its seed and its number of rows. Two values of another key, such as `noise`, show the
same draw in two ways: both make a row from the same random numbers. The arms' results on the two are correlated (0.59
for moons with noise 0.3 and 0.4). When noise 0.2, 0.3 and 0.4 were taken as independent strata, a 95% interval covered
89%. If the two are not correlated, counting the row once costs nothing, because the variance of the sum is estimated in
both cases.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from bnexp.config.dataset import Dataset
from bnexp.config.real import RealDataset
from bnexp.study.grid import Cell
from bnexp.study.result import Result

SPLIT_AND_VIEW = {
    "test_size", "validation_size", "stratify", "resample",
    "shift", "scale", "scale_target", "missing", "vocabulary",
}  # fmt: skip
"""Keys that decide in which part a row is, and how it is preprocessed. The data and their row numbers stay the same."""
DRAW = ("name", "seed", "samples")
"""Keys that name a draw of a generator."""
SOURCE = {"name", "path", "id", "data_name", "version"}
"""Keys that say where real rows come from."""


@dataclass(frozen=True)
class DataKey:
    """Identifies data, and how their rows are numbered."""

    data: str = ""
    numbering: str = ""
    """The keys that decide on the row numbers, as JSON. Real rows are chosen and read by these keys."""
    keys: dict[str, object] = field(default_factory=dict, compare=False)


def key_of(dataset: Dataset) -> DataKey:
    """Return a key that is equal for datasets if their rows with the same number are the same row."""
    said = {name: value for name, value in dataset.model_dump(mode="json").items() if name not in SPLIT_AND_VIEW}
    if not isinstance(dataset, RealDataset):
        return DataKey(_written({name: said[name] for name in DRAW}))
    if dataset.limit is None and dataset.test_limit is None:
        del said["seed"]  # without a limit, the seed decides only on the split
    else:
        said["test_size"] = dataset.test_size  # it decides from which rows the limit draws
    source = {name: value for name, value in said.items() if name in SOURCE}
    numbering = {name: value for name, value in said.items() if name not in SOURCE}
    return DataKey(_written(source), _written(numbering), numbering)


def _written(said: dict[str, object]) -> str:
    return json.dumps(said, sort_keys=True)


def data_key(cell: Cell, arm: str, result: Result) -> DataKey:
    """Return the key of the data that a trial was trained on. A tuned trial has the data of the value it chose."""
    for candidate in cell.candidates.get(arm, ()):
        if result.tuned is None or candidate.value == result.tuned.value:
            return key_of(candidate.experiment.dataset)
    return DataKey()


def why_unknown(keys: Iterable[DataKey]) -> str | None:
    """Return why it is not known which rows the cells with these keys share, with the cure; None if it is known."""
    first: dict[str, DataKey] = {}
    for key in keys:
        other = first.setdefault(key.data, key)
        if key.numbering != other.numbering:
            names = sorted(key.keys.keys() & other.keys.keys())
            differing = [f"dataset.{name}" for name in names if key.keys[name] != other.keys[name]]
            return (
                f"Nothing is said of new rows: the cells take the rows of one set by different {', '.join(differing)}, "
                "so it is not known which rows they share. Ask of each cell with `at`."
            )
    return None
