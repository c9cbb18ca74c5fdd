"""A CSV file and how it is read. Code that reads rows and code that looks for mistakes see the same text."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from bnexp.config.real import CsvDataset, TextCsvDataset

if TYPE_CHECKING:
    import pandas

MARK = "\ufeff"
"""The byte order mark, which may begin a text. It is no part of the name of a column."""


@dataclass(frozen=True)
class CsvFile:
    """The file of one part of the data, and the keys of the config that say how it is read."""

    path: Path
    separator: str = ","
    decimal: str = "."
    encoding: str = "utf-8"
    thousands: str | None = None
    na_values: tuple[str | int | float, ...] = ()
    skipped: tuple[int, ...] | None = None
    """The records that are not read, by their `Record.number`; None if the file is read for its rows.

    If it is read again for further mistakes, uneven rows are skipped, and names of columns may be repeated.
    """

    @classmethod
    def of(cls, dataset: CsvDataset | TextCsvDataset, path: Path) -> CsvFile:
        """Return a file with the settings of a config."""
        marks = (dataset.decimal, dataset.thousands) if isinstance(dataset, CsvDataset) else (".", None)
        return cls(path, dataset.separator, marks[0], dataset.encoding, marks[1], tuple(dataset.na_values))

    @contextmanager
    def open(self, errors: str = "strict") -> Iterator[TextIO]:
        """Open the file as text, after its byte order mark.

        Raises:
            UnicodeError: at the start or during reading, if a byte does not fit the encoding. With `errors="replace"`
                it is raised only for UTF-16 and UTF-32 without the byte order mark that these two need.
        """
        with open(self.path, newline="", encoding=self.encoding, errors=errors) as text:
            if text.read(1) != MARK:
                text.seek(0)
            yield text

    def frame(self, **more: Any) -> pandas.DataFrame:
        """Read the table with pandas; only an empty cell is missing. `more` are arguments of `pandas.read_csv`."""
        import pandas

        with self.open() as text:
            frame: pandas.DataFrame = pandas.read_csv(
                text,
                sep=self.separator,
                decimal=self.decimal,
                keep_default_na=False,
                na_values=[""],
                skiprows=self.skipped or None,
                **more,
            )
        return frame
