"""`RowFacts`: what run.json records about how the rows were read. Counts, classes and the split are in `Data`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LogMel:
    """The arguments of Keras's MelSpectrogram."""

    fft_length: int
    sequence_length: int
    sequence_stride: int
    sampling_rate: int
    num_mel_bins: int
    min_freq: float
    max_freq: float
    top_db: float


@dataclass(frozen=True)
class TextsWithoutWords:
    """Rows whose text has no word: their number, and the file and line of the first one."""

    rows: int
    first: str


@dataclass(frozen=True)
class RowFacts:
    """Facts found while the rows were read. A field is None if it does not apply to this kind of data."""

    samples_per_second: int | None = None
    log_mel: LogMel | None = None
    texts_without_words: TextsWithoutWords | None = None
    files_left_out: dict[str, int] | None = None
    """File name extension -> number of files that were not read."""
    runs_left_out: list[str] | None = None
    """Folders with bnexp's runs, relative to the folder of the data."""
    arrays_left_out: list[str] | None = None
    one_hot_classes: int | None = None
    """The length of each target, if targets are one-hot vectors."""
    target: str | None = None
    """The name of the column to be predicted, in a table."""
    id_like_columns: list[str] | None = None
    """Columns of numbers that may only count the rows, as ids do."""
    warnings: list[str] | None = None
    title: str | None = None
    licence: str | None = None
    attribution: str | None = None
    openml_id: int | None = None
    duplicates_dropped: int | None = None
    duplicates_of_parts: int | None = None
    rows_before_limit: int | None = None
