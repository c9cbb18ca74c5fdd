"""Names in messages for data that were given in Python. The caller does not know the file that stores them."""

from __future__ import annotations

import re

from bnexp.system.spelling import as_overrides

_CALLED: dict[str, str] = {}


def call(path: str, name: str) -> None:
    """Make messages use the name of what was given, such as `the DataFrame`, instead of the file that stores it."""
    _CALLED[path] = name


def called(path: str) -> str | None:
    """Return the name of the given data that a file stores, without an article; None for any other file.

    >>> call("runs/data/0123.parquet", "the DataFrame")
    >>> called("runs/data/0123.parquet"), called("my.parquet")
    ('DataFrame', None)
    """
    name = _CALLED.get(path)
    return None if name is None else name.removeprefix("the ")


def as_given(text: str) -> str:
    """Return a message in which files that store given data are replaced by the names of these data.

    >>> call("runs/data/0123.parquet", "the DataFrame")
    >>> as_given("row 2 of runs/data/0123.parquet has no value in column 'age'")
    "row 2 of the DataFrame has no value in column 'age'"
    >>> as_given("row 2 of runs/data/0123.parquet has no value. Fix the file.")
    'row 2 of the DataFrame has no value. Fix the data.'
    >>> as_given("row 2 of /home/me/runs/data/0123.parquet")  # another file
    'row 2 of /home/me/runs/data/0123.parquet'
    """
    for path, name in list(_CALLED.items()):  # another thread may add to it
        whole = rf"(?<![\w./\\-]){re.escape(path)}(?![/\\-]|\.?\w)"
        parts = re.split(whole, text)
        if len(parts) > 1:
            text = re.sub(r"\b([Ff]ix) the files?\b", r"\1 the data", name.join(parts))
    return text


def located(place: str, key: str, text: str) -> str:
    """Return a message about a key with its place. Settings are advised as overrides if the place is no line of a file.

    >>> located("x.yaml:3", "dataset.x", "has nan. Use dataset.missing: mean.")
    'x.yaml:3: dataset.x has nan. Use dataset.missing: mean.'
    >>> located("data", "dataset.x", "has nan. Use dataset.missing: mean.")
    'data: dataset.x has nan. Use overrides=["dataset.missing=mean"].'
    """
    text = as_given(text)
    return f"{place}: {key} {text if re.search(r':[0-9]+$', place) else as_overrides(text)}"
