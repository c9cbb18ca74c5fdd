"""The columns of a table for a config that does not name its target yet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from bnexp import config
from bnexp.config.at_hand import ConfigSource
from bnexp.errors import ConfigError


@contextmanager
def columns_told(sources: Sequence[ConfigSource], settings: Sequence[str]) -> Iterator[None]:
    """Add the columns of the table, with their kinds, to an error of a config that names no target.

    Raises:
        ConfigError: with the mistakes that were found, and a line for each table.
    """
    try:
        yield
    except ConfigError as error:
        sections = (config.section_at_hand(source, settings, "dataset") for source in sources)
        tables = (_columns(one) for one in sections if _is_table(one) and one.get("target") is None)
        raise ConfigError([*error.problems, *dict.fromkeys(line for line in tables if line)]) from None


def loaded(source: ConfigSource, settings: Sequence[str]) -> config.Experiment:
    """Return the experiment of a config.

    Raises:
        ConfigError: with every mistake, and the columns of the table if its target is missing.
    """
    with columns_told([source], settings):
        return config.load(source, settings)


def _is_table(section: dict[str, Any]) -> bool:
    return section.get("name") in ("csv", "parquet", "text_csv") and isinstance(section.get("path"), str)


def _columns(section: dict[str, Any]) -> str | None:
    """Return a sentence with the columns of a table; None if it cannot be read."""
    from bnexp.data.suggested.first_look import listed_columns

    columns = listed_columns(section)
    return None if columns is None else f"{section['path']} has the columns {columns}."
