"""The parts of a split that are files of their own: what else is wrong with them if one of them is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bnexp.config.dataset import Dataset
from bnexp.config.real import CsvDataset, ParquetDataset, TextCsvDataset
from bnexp.data.sources.joined import UnlikeColumns
from bnexp.errors import Problems, SettingError


@contextmanager
def others_checked(dataset: Dataset, check: Callable[[Dataset], object]) -> Iterator[None]:
    """Add further mistakes in the parts of a table to an error about a held-out part.

    `check` gets the dataset without the columns that not all parts have, or else without the refused parts. Images and
    recordings are not checked, because they take long.
    """
    try:
        yield
    except SettingError as error:
        if not isinstance(dataset, CsvDataset | TextCsvDataset | ParquetDataset):
            raise
        refused = [key for key in dataset.held_out_keys.values() if f"dataset.{key}" in dict(error.problems)]
        if isinstance(error, UnlikeColumns) and not isinstance(dataset, TextCsvDataset):
            rest = _of_common_columns(dataset, error)
        elif refused and len(refused) < len(dataset.held_out_keys):
            rest = dataset.model_copy(update=dict.fromkeys(refused))
        else:
            raise
        if rest is None:
            raise
        problems = Problems()
        problems.found.append(error)
        with problems.noted():
            check(rest)
        problems.refuse()


def _of_common_columns(dataset: CsvDataset | ParquetDataset, error: UnlikeColumns) -> Dataset | None:
    """Return the dataset with the inputs that all parts have; None if there are none, or a part lacks the target."""
    no_inputs = {dataset.target, dataset.group, dataset.weight_column} - {None}
    if no_inputs & error.names or error.common <= {*no_inputs, *dataset.drop}:
        return None
    return dataset.model_copy(update={"drop": [*dataset.drop, *sorted(error.names)]})
