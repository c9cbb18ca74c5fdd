"""`prepare`: a dataset's rows, read or generated, then split and transformed for every seed.

Readers of files are in `sources/`. Known and synthetic data sets are in `builtin/`.

Axes: S seeds, R rows of one part.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnexp.config import real
from bnexp.config.dataset import Dataset
from bnexp.config.section import Task
from bnexp.data import splitting
from bnexp.data.builtin import synthetic
from bnexp.data.fingerprint import source_sha256 as sha256_of
from bnexp.data.own_parts import others_checked
from bnexp.data.positive import with_positive
from bnexp.data.preprocessing import Preprocessing, fitted, stacked
from bnexp.data.row_cache import RowCache
from bnexp.data.rows import Rows, chosen
from bnexp.data.seeds import Numbers, for_each, joined_seeds
from bnexp.data.shift import of_classes, shifted
from bnexp.data.sources import csv_tables, images, npz, parquet_tables, speech, text
from bnexp.data.split_rule import rule
from bnexp.data.stored_rows import pieces
from bnexp.system.listeners import Note


@dataclass(frozen=True)
class Data:
    """One shared copy of the rows. For each seed, the rows of each part and the transformation of their values."""

    rows: Rows
    parts: Mapping[str, NDArray[np.int32]]
    """`train`, `val` and perhaps `test`: the rows of each part, (S, R)."""
    preprocessing: Preprocessing
    """The transformation of the rows for each seed: scaling, filling of gaps, numbering of words."""
    test_preprocessing: Preprocessing
    """The transformation of the test part: `preprocessing` itself, or `preprocessing` changed by the config's shift."""
    split: str
    """A description of the split in words."""
    source_sha256: str | None
    """The sha256 of the user's own file or folder, computed before it was read; None for any other dataset."""
    vocabulary: int | None = None
    """The most different word numbers, including padding and unknown words; None if the inputs are not text."""
    codes: str | None = None
    """Which inputs are not scaled because a layer reads them as codes, as a sentence."""

    @property
    def train_SR(self) -> NDArray[np.int32]:
        """Return the rows that each seed trains on."""
        return self.parts["train"]

    def evaluated(self, *, train: bool) -> dict[str, NDArray[np.int32]]:
        """Return the rows of each part that is evaluated after every epoch; `train` adds the training part."""
        return {part: self.parts[part] for part in ("val", "test", *(["train"] if train else [])) if part in self.parts}

    @property
    def task(self) -> Task:
        """Return the task."""
        return self.rows.task

    @property
    def shape(self) -> str:
        """Return a text that is equal for two data sets if one compiled program can train on both.

        It has the kind, classes, shapes and part sizes, but not the values.
        """
        rows = self.rows
        sizes = {part: rows_SR.shape[1] for part, rows_SR in self.parts.items()}
        fitted = (*self.preprocessing, *self.test_preprocessing)
        shapes = [None if part is None else part.shape[1:] for part in fitted]
        kind = rows.kind, rows.classes, rows.x.shape[1:], rows.x.dtype, rows.words, rows.weights_N is None
        return repr((*kind, self.vocabulary, sizes, shapes))

    @property
    def is_shifted(self) -> bool:
        """Return True if the test part is transformed differently from the other parts."""
        return self.test_preprocessing is not self.preprocessing

    def inputs(self, row: int, rows_R: NDArray[np.int32], part: str = "train") -> NDArray[Any]:
        """Return these rows of a part as model inputs, (R, *shape), for one seed.

        `row` is the position of the seed in the arrays, not its number.
        """
        return (self.test_preprocessing if part == "test" else self.preprocessing).inputs(row, self.rows.x[rows_R])

    def targets(self, row: int, rows_R: NDArray[np.int32]) -> NDArray[np.float32]:
        """Return the targets of these rows, (R,), for the seed at position `row` of the arrays."""
        return self.preprocessing.targets(row, self.rows.y_N[rows_R])

    def steps(self, batch_size: int, drop_last: bool = False) -> int:
        """Count the optimizer steps of one epoch."""
        rows = int(self.train_SR.shape[1])
        return rows // batch_size if drop_last else -(-rows // batch_size)

    def of(self, seeds: slice) -> Data:
        """Return the data of some seeds only; `seeds` is a slice of positions in the arrays."""
        own = self.preprocessing.of(seeds)
        of_test = self.test_preprocessing.of(seeds) if self.is_shifted else own
        parts = {part: rows_SR[seeds] for part, rows_SR in self.parts.items()}
        return dataclasses.replace(self, parts=parts, preprocessing=own, test_preprocessing=of_test)

    def first(self, rows: int) -> Data:
        """Return the data with only the first `rows` training rows, and the other parts shortened in proportion."""
        share = rows / self.train_SR.shape[1]
        few = {part: rows_SR[:, : max(1, round(share * rows_SR.shape[1]))] for part, rows_SR in self.parts.items()}
        return dataclasses.replace(self, parts=few)

    @property
    def rows_per_class(self) -> list[int] | None:
        """Count the rows of each class; None for a regression."""
        return None if self.rows.classes is None else np.bincount(self.rows.y_N.astype(int)).tolist()

    @functools.cached_property
    def digest(self) -> str:
        """Return the sha256 of inputs, targets, words and weights."""
        return _digest(self.rows)

    def split_digests(self, seeds: Sequence[int]) -> dict[str, str]:
        """Map each seed to the digest of its split; `seeds` must be in the order of the arrays."""
        return {
            str(seed): short_digest(*(rows_SR[row] for rows_SR in self.parts.values()))
            for row, seed in enumerate(seeds)
        }

    @functools.cached_property
    def commonest_S(self) -> NDArray[np.int64]:
        """Return the commonest class of each seed's training part, (S,)."""
        y_N, classes = self.rows.y_N.astype(int), len(self.rows.classes or ())
        counts = for_each(self.train_SR, lambda rows_R: np.bincount(y_N[rows_R], minlength=classes))
        return np.array([counts_C.argmax() for counts_C in counts])

    @functools.cached_property
    def guessing(self) -> dict[str, float]:
        """Map each part to its majority-class baseline; empty for a regression.

        That is the accuracy of always answering the training part's commonest class, averaged over seeds.
        """
        if self.rows.classes is None:
            return {}
        y_N, classes = self.rows.y_N.astype(int), len(self.rows.classes)
        counts = {
            part: for_each(rows_SR, lambda rows_R: np.bincount(y_N[rows_R], minlength=classes))
            for part, rows_SR in self.parts.items()
        }
        hits = {
            part: sum(int(counts_C[guess]) for counts_C, guess in zip(several, self.commonest_S, strict=True))
            for part, several in counts.items()
        }
        return {part: hits[part] / rows_SR.size for part, rows_SR in self.parts.items()}

    @property
    def one_class(self) -> dict[str, float]:
        """Map each part to the accuracy of its best single answer, averaged over seeds; empty for a regression.

        It is at least `guessing`. It is higher if the commonest class of a part is not the training part's.
        """
        if self.rows.classes is None:
            return {}
        y_N = self.rows.y_N.astype(int)
        return {
            part: float(np.mean(for_each(rows_SR, lambda rows_R: np.bincount(y_N[rows_R]).max() / len(rows_R))))
            for part, rows_SR in self.parts.items()
        }

    @property
    def rarest_held_out(self) -> dict[str, int]:
        """Map each held-out part to the number of rows of its rarest class; empty for a regression.

        The number is from the seed with the fewest rows. A class without a row in the part does not count.
        """
        if self.rows.classes is None:
            return {}
        y_N = self.rows.y_N.astype(int)

        def fewest(rows_R: NDArray[np.int32]) -> int:
            counts_C = np.bincount(y_N[rows_R])
            return int(counts_C[counts_C > 0].min())

        return {part: min(for_each(rows_SR, fewest)) for part, rows_SR in self.parts.items() if part != "train"}


def joined_data(several: Sequence[Data]) -> Data:
    """Return data sets of equal `shape` as one, with their seeds concatenated. Shared rows are kept only once."""
    first = several[0]
    distinct = {id(data.rows): data.rows for data in several}
    counts = [len(rows.y_N) for rows in distinct.values()]
    offsets = dict(zip(distinct, np.cumsum([0, *counts]).tolist(), strict=False))
    rows = first.rows
    if len(distinct) > 1:
        x, y_N = (np.concatenate([getattr(rows, side) for rows in distinct.values()]) for side in ("x", "y_N"))
        weights = [one.weights_N for one in distinct.values() if one.weights_N is not None]
        weights_N = np.concatenate(weights) if weights else None
        rows = Rows(rows.kind, x, y_N, rows.classes, weights_N=weights_N, numeric=rows.numeric, words=rows.words)
    moved = [{part: _moved(at, offsets[id(data.rows)]) for part, at in data.parts.items()} for data in several]
    parts = {part: joined_seeds([one[part] for one in moved]) for part in first.parts}
    preprocessing = test_preprocessing = stacked([data.preprocessing for data in several])
    if any(data.is_shifted for data in several):
        test_preprocessing = stacked([data.test_preprocessing for data in several])
    return Data(rows, parts, preprocessing, test_preprocessing, first.split, first.source_sha256, first.vocabulary)


def _moved(rows_SR: Numbers, offset: int) -> Numbers:
    """Return the numbers of the same rows after `offset` other rows are put before them."""
    return rows_SR + np.int32(offset) if offset else rows_SR


def short_digest(*arrays: Any) -> str:
    """Return the first 16 hexadecimal digits of the arrays' sha256."""
    return hashlib.sha256(b"".join(np.ascontiguousarray(array).tobytes() for array in arrays)).hexdigest()[:16]


def _digest(rows: Rows) -> str:
    digest = hashlib.sha256()
    for piece in pieces(rows.x):
        digest.update(np.ascontiguousarray(rows.x[piece]).ravel().view("uint8").data)
    digest.update(rows.y_N.tobytes())
    digest.update("\n".join(rows.words).encode())
    digest.update(b"" if rows.weights_N is None else rows.weights_N.tobytes())
    return digest.hexdigest()


def prepare(
    dataset: Dataset,
    seeds: tuple[int, ...],
    memory_limit: int | None = None,
    source_sha256: str | None = None,
    note: Note = lambda text: None,
) -> Data:
    """Return the rows, read or generated once, with the split and the transformation of every seed.

    `memory_limit` is `training.memory_limit` in bytes, or None for no limit. `source_sha256` is the digest of the
    user's own file or folder (`fingerprint.source_sha256`). `note` is called with a line for each step that takes
    long. Images, recordings and arrays that need too much of the memory limit are kept in the cache on disk
    (`RowCache`).

    Raises:
        SettingError: if a file is missing, faulty or too large, if a part
            would lack a class, if the split is impossible, or if
            `dataset.shift.classes` names an unknown class.
    """
    with others_checked(dataset, lambda rest: prepare(rest, seeds, memory_limit)):
        rows = _read(dataset, memory_limit, source_sha256, note)
    if isinstance(dataset, real.RealDataset):
        rows = chosen(dataset, rows)
    parts = splitting.split(dataset, rows, seeds)
    preprocessing = fitted(dataset, rows, parts["train"])
    test_preprocessing, shift = preprocessing, getattr(dataset, "shift", None)
    if shift is not None:
        test_preprocessing = shifted(preprocessing, shift, rows, len(seeds))
        parts["test"] = of_classes(dataset, shift, rows, parts["test"])
    most = min(dataset.vocabulary, len(rows.words)) if hasattr(dataset, "vocabulary") else None
    # only after the split: a stratified split depends on the order of the classes, which `with_positive` may change
    if isinstance(dataset, real.RealDataset):
        rows = with_positive(dataset, rows)
    return Data(rows, parts, preprocessing, test_preprocessing, rule(dataset, rows), source_sha256, most)


def _read(dataset: Dataset, memory_limit: int | None, source_sha256: str | None, note: Note) -> Rows:
    from bnexp.data.builtin import known, openml  # they load urllib, which most commands do not need

    def cache() -> RowCache:
        digest = source_sha256 or sha256_of(dataset)
        return RowCache(dataset, digest, memory_limit, note, lambda: sha256_of(dataset))

    match dataset:
        case real.CsvDataset():
            return csv_tables.csv_rows(dataset, memory_limit)
        case real.ParquetDataset():
            return parquet_tables.parquet_rows(dataset, memory_limit)
        case real.NpzDataset():
            return npz.npz_rows(dataset, memory_limit, cache())
        case real.ImageFolderDataset():
            return images.image_folder_rows(dataset, memory_limit, cache())
        case real.TextCsvDataset():
            return text.text_csv_rows(dataset, memory_limit)
        case real.WavFolderDataset():
            return speech.wav_folder_rows(dataset, memory_limit, cache())
        case real.OpenmlDataset():
            return openml.openml_rows(dataset, memory_limit)
        case real.RealDataset():
            return known.known_rows(dataset, memory_limit)
        case _:
            return synthetic.draw(dataset, memory_limit)
