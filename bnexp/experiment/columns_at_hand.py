"""The columns of a table for a config that does not name its target yet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from bnexp import config
from bnexp.config.at_hand import ConfigSource
from bnexp.errors import ConfigError, UserError, listed

MOST_NAMED = 20
MISSING = "dataset.target is missing"


@contextmanager
def columns_told(sources: Sequence[ConfigSource], settings: Sequence[str]) -> Iterator[None]:
    """Add the columns of the table, with their kinds, to an error about a missing target.

    Raises:
        ConfigError: with the mistakes that were found, and a line for each table.
    """
    try:
        yield
    except ConfigError as error:
        if not any(MISSING in line for line in error.problems):
            raise
        sections = [config.section_at_hand(source, settings, "dataset") for source in sources]
        tables = dict.fromkeys(str(one["path"]) for one in sections if "target" not in one and _is_table(one))
        raise ConfigError([*error.problems, *filter(None, map(_columns, tables))]) from None


def loaded(source: ConfigSource, settings: Sequence[str]) -> config.Experiment:
    """Return the experiment of a config.

    Raises:
        ConfigError: with every mistake, and the columns of the table if its target is missing.
    """
    with columns_told([source], settings):
        return config.load(source, settings)


def _is_table(section: dict[str, Any]) -> bool:
    return section.get("name") in ("csv", "parquet", "text_csv") and isinstance(section.get("path"), str)


def _columns(path: str) -> str | None:
    """Return a sentence with the columns of a table; None if it cannot be read."""
    from bnexp.data.suggested.first_look import kinds_of

    with suppress(OSError, ValueError, UserError):
        kinds = [f"{name} ({kind})" for name, kind in kinds_of(Path(path)).items()]
        return f"{path} has the columns {listed(kinds, MOST_NAMED)}."
    return None
