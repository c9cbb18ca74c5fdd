"""What messages call data that were given in Python: the caller never named the file that keeps them."""

from __future__ import annotations

import re

_CALLED: dict[str, str] = {}


def call(path: str, name: str) -> None:
    """Let messages call a file of this session by what was given: `the DataFrame`."""
    _CALLED[path] = name


def as_given(text: str) -> str:
    """Return a message with the names of what was given, in the place of the files that keep it.

    >>> call("runs/data/0123.parquet", "the DataFrame")
    >>> as_given("row 2 of runs/data/0123.parquet has no value in column 'age'")
    "row 2 of the DataFrame has no value in column 'age'"
    >>> as_given("row 2 of /home/me/runs/data/0123.parquet")  # another file
    'row 2 of /home/me/runs/data/0123.parquet'
    """
    for path, name in list(_CALLED.items()):  # another thread may add to it
        whole = rf"(?<![\w./\\-]){re.escape(path)}(?![/\\-]|\.?\w)"
        text = name.join(re.split(whole, text))
    return text
