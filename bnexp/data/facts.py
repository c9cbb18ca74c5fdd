"""What run.json records of how rows were read. Their counts, classes and split are in `Data` itself."""

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
    """Texts in which there is no word: how many rows, and where the first of them stands."""

    rows: int
    first: str


@dataclass(frozen=True)
class RowFacts:
    """What the reading of rows found. None stands for what this kind of data does not have."""

    samples_per_second: int | None = None
    log_mel: LogMel | None = None
    texts_without_words: TextsWithoutWords | None = None
    files_left_out: dict[str, int] | None = None
    """Ending of a file name -> the number of files."""
    arrays_left_out: list[str] | None = None
    one_hot_classes: int | None = None
    """Of targets that are one-hot: how many numbers each has."""
    target: str | None = None
    """The column of a table that is predicted."""
    id_like_columns: list[str] | None = None
    """Columns of numbers that may only count the rows."""
    warnings: list[str] | None = None
    title: str | None = None
    licence: str | None = None
    attribution: str | None = None
    openml_id: int | None = None
    duplicates_dropped: int | None = None
    rows_before_limit: int | None = None
