"""Columns of free text: how many words they hold, and the section `dataset` that reads them word by word."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bnexp.config.real import CsvDataset, TextCsvDataset
from bnexp.config.yaml_text import in_a_sentence
from bnexp.data.sources.scripts import folded, has_no_blanks

if TYPE_CHECKING:
    import pandas

FEWEST_WORDS = 4
"""A column holds texts, and not names, if its cells have at least this number of words on average."""
LETTERS_OF_A_WORD = 2
"""Approximate number of letters in a word, in scripts without blanks."""


def words_of(column: pandas.Series[Any]) -> float:
    """Return the mean number of words in the first 1000 texts of a column."""
    known = column.dropna().astype(str).head(1000)
    return sum(map(_words, known)) / max(1, len(known))


def _words(text: str) -> int:
    """Estimate the number of words in a text, also in a script without blanks between words.

    >>> _words("a bad film"), _words("这部电影太难看非常讨厌这个演员")
    (3, 7)
    """
    if not text.isascii() and has_no_blanks(folded(text)):
        return len(text) // LETTERS_OF_A_WORD
    return len(text.split())


def cure_of_texts(dataset: CsvDataset, column: pandas.Series[Any]) -> str:
    """Return how to learn from the words of a column alone; "" if its cells are no texts, or the task no classes."""
    if dataset.task == "regression" or words_of(column) < FEWEST_WORDS:
        return ""
    same = dataset.model_dump(mode="json", exclude_defaults=True, include={*TextCsvDataset.model_fields} - {"name"})
    section = {"name": "text_csv", **same, "text": str(column.name)}
    return f" To learn from its words alone, use dataset: {in_a_sentence(section)}."
