"""The parts of a split that are files of their own: what is wrong with the others if one of them is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bnexp.config.dataset import Dataset
from bnexp.config.real import CsvDataset, ParquetDataset, TextCsvDataset
from bnexp.errors import Problems, SettingError


@contextmanager
def others_checked(dataset: Dataset, check: Callable[[Dataset], object]) -> Iterator[None]:
    """Add what is wrong with the other parts of a table to an error about a held-out part.

    `check` gets the dataset without the refused parts. Images and recordings are not checked, because they take long.
    """
    try:
        yield
    except SettingError as error:
        if not isinstance(dataset, CsvDataset | TextCsvDataset | ParquetDataset):
            raise
        refused = [key for key in dataset.held_out_keys.values() if f"dataset.{key}" in dict(error.problems)]
        if not refused or len(refused) == len(dataset.held_out_keys):
            raise
        problems = Problems()
        problems.found.append(error)
        with problems.noted():
            check(dataset.model_copy(update=dict.fromkeys(refused)))
        problems.refuse()
