"""Texts as numbers of words. Keras's own `TextVectorization` separates and numbers the words.

All texts are cut into words once. The words that a seed knows come from its training rows alone. A table maps all words
to that seed's numbers: 0 is padding, and 1 stands for every other word. N rows, T words of a text, W words.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bnexp.config.real import TextCsvDataset
from bnexp.data.facts import RowFacts, TextsWithoutWords
from bnexp.data.memory_guard import refuse_above_limit
from bnexp.data.rows import Rows, Where
from bnexp.data.sources.column import groups, have_none
from bnexp.data.sources.column_names import misspelt, refuse_target, refuse_unknown_column
from bnexp.data.sources.csv_tables import (
    NOTHING,
    Skipped,
    csv_tables,
    doubts_told,
    note_further_mistakes,
    warnings_of_files,
)
from bnexp.data.sources.joined import Table, joined, with_parts
from bnexp.data.sources.scripts import folded, warnings_of_scripts
from bnexp.data.sources.table_warnings import warnings_of_columns
from bnexp.data.sources.targets import target
from bnexp.data.sources.weight_column import warnings_of_weights, weights_of_column
from bnexp.errors import Problems, SettingError
from bnexp.system import backend

if TYPE_CHECKING:
    import pandas

UNKNOWN = 1
BYTES_OF_WORD = 16
"""Peak memory of a word, or of padding, in bytes: 8 in Keras, and 4 in each of two copies."""


def text_csv_rows(dataset: TextCsvDataset, limit: int | None, *, skipped: Skipped = NOTHING) -> Rows:
    """Read the rows of a CSV file with a column of texts.

    Raises:
        SettingError: with all mistakes at once: an unknown column, missing texts or targets, texts without blanks;
            or if the texts would not fit in memory.
    """
    problems = Problems()
    with problems.noted():
        tables = csv_tables(dataset, limit, [dataset.target, dataset.group], skipped)
    if problems.found and not skipped:
        note_further_mistakes(problems, dataset, lambda faulty: text_csv_rows(dataset, limit, skipped=faulty))
    problems.refuse()
    with doubts_told(dataset, tables):
        return _rows_of_tables(dataset, tables, limit)


def _rows_of_tables(dataset: TextCsvDataset, tables: Sequence[Table], limit: int | None) -> Rows:
    """Return the rows of the tables of all parts.

    Raises:
        SettingError: as `text_csv_rows` does.
    """
    frame, where = joined([_of_used_columns(table, dataset, tables[0].frame.columns) for table in tables])
    problems = Problems()
    for key in ("text", "target", "group", "weight_column"):
        name = getattr(dataset, key)
        if name is not None:
            with problems.noted():
                refuse_unknown_column(tables[0].frame.columns, key, name)
                if key != "target":
                    refuse_target(key, name, dataset.target)
    warnings = list(warnings_of_files(dataset, tables))
    with problems.noted():
        if dataset.text in frame:
            _refuse_missing(frame[dataset.text], where)
            warnings += warnings_of_scripts([folded(str(text)) for text in frame[dataset.text]], where)
    with problems.noted():
        if dataset.target in frame:
            y_N, classes = target(frame[dataset.target], "classification", where)
    weights_N = weights_of_column(frame, dataset.weight_column, where, problems)
    problems.refuse()
    groups_N = None if dataset.group is None else groups(frame[dataset.group])
    words = list(map(str, frame[dataset.text]))
    rows = text_rows(words, y_N, classes, length=dataset.length, limit=limit, groups_N=groups_N, where=where)
    x_NT = rows.x[:]
    without = np.flatnonzero(~x_NT.any(axis=1))
    wordless = TextsWithoutWords(len(without), where(int(without[0]))) if len(without) else None
    warnings += [*warnings_of_columns(frame, dataset.target, dataset.group), *_warnings_of_words(x_NT, wordless)]
    if weights_N is not None:
        warnings += warnings_of_weights(weights_N, str(dataset.weight_column), y_N, classes)
    facts = RowFacts(texts_without_words=wordless, warnings=warnings)
    rows = replace(rows, facts=facts, weights_N=weights_N)
    return with_parts(rows, {table.key: len(table.frame) for table in tables})


def _of_used_columns(table: Table, dataset: TextCsvDataset, first: Collection[str]) -> Table:
    """Return the table with only the columns that are read, or that are probably one of these, misspelt.

    Parts may differ in their other columns. `first` are the columns of the training part.
    """
    used = (dataset.text, dataset.target, dataset.group, dataset.weight_column)
    lacks = [name for name in used if name is not None and name in first and name not in table.frame]
    kept = {*used, *misspelt(lacks, [name for name in table.frame.columns if name not in used])}
    return replace(table, frame=table.frame[[name for name in table.frame.columns if name in kept]])


def _refuse_missing(texts: pandas.Series[Any], where: Where) -> None:
    missing = np.flatnonzero(texts.isna().to_numpy())
    if len(missing):
        raise SettingError(
            "dataset.text",
            f"is {texts.name!r}; {where(int(missing[0]))} has no text in it ({have_none(len(missing))}). "
            "Fill it in, or take those rows out.",
        )


def _warnings_of_words(x_NT: NDArray[np.int32], wordless: TextsWithoutWords | None) -> Iterator[str]:
    """Yield a warning if texts have no words, or if most texts share no word with another text."""
    alone = int(_alone(x_NT).sum())
    if wordless is not None:
        alone -= wordless.rows
        yield (
            f"{wordless.first} has a text without a word ({have_none(wordless.rows)}): nothing but spaces "
            "and punctuation. A network sees only padding there. Remove these rows from the file."
        )
    if 2 * alone > len(x_NT):
        yield (
            f"{alone:,} of {len(x_NT):,} texts share no word with another text. What a network learns from them "
            "helps with no other text. Words are cut at spaces: put spaces between them, or name another column."
        )


def _alone(x_NT: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Return for each text, (N,), True if it shares no word with another text."""
    rows_NT = np.broadcast_to(np.arange(len(x_NT))[:, None], x_NT.shape)
    first_W, last_W = np.full(x_NT.max() + 1, len(x_NT)), np.zeros(x_NT.max() + 1, "int64")
    np.minimum.at(first_W, x_NT, rows_NT)
    np.maximum.at(last_W, x_NT, rows_NT)
    shared_W = first_W < last_W
    shared_W[0] = False  # padding
    alone_N: NDArray[np.bool_] = ~np.any(shared_W[x_NT], axis=1)
    return alone_N


def text_rows(
    texts: Sequence[str],
    y_N: NDArray[np.float32],
    classes: tuple[str, ...] | None,
    *,
    length: int,
    limit: int | None,
    groups_N: NDArray[np.int64] | None = None,
    **more: Any,
) -> Rows:
    """Return the first `length` words of each text as numbers, without case and punctuation in any script.

    Raises:
        SettingError: if no text has a word, or `length` words of each would take more memory than `limit` bytes.
    """
    seen = f"is {length}; reading that number of words of {len(texts):,} texts"
    refuse_above_limit("dataset.length", seen, BYTES_OF_WORD * length * len(texts), limit, "Read fewer")
    texts = list(map(folded, texts))
    vectorizer = _fitted(texts, length=length)
    if len(vectorizer.get_vocabulary()) == len(("", "[UNK]")):
        raise SettingError("dataset.text", "names a column in which no text has a word. Name another column.")
    x_NT = np.asarray(vectorizer(np.asarray(texts, object)), "int32")
    words = tuple(vectorizer.get_vocabulary())
    return Rows("text", x_NT, y_N, classes, groups_N=groups_N, words=words, **more)


def training_ids(dataset: Any, rows: Rows, rows_R: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return the number of each word, (W,), for a seed that trains on the rows `rows_R`."""
    words = np.asarray(rows.words, object)
    texts = [" ".join(words[x_T[x_T > 0]]) for x_T in rows.x[rows_R]]
    known = _fitted(texts, length=dataset.length, most=dataset.vocabulary).get_vocabulary()
    number = {word: position for position, word in enumerate(known)}
    return np.asarray([number.get(word, UNKNOWN) for word in rows.words], "int32")


def _fitted(texts: Sequence[str], *, length: int, most: int | None = None) -> Any:
    """Return Keras's vectorizer, fitted to texts. The commonest words have the smallest numbers."""
    backend.load()
    import keras

    vectorizer = keras.layers.TextVectorization(max_tokens=most, output_sequence_length=length)
    vectorizer.adapt(np.asarray(texts, object), batch_size=1024)
    return vectorizer
