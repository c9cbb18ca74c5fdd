"""A path as the user typed it: `~` is their home."""

from __future__ import annotations

import os
from pathlib import Path


def user_path(path: str) -> Path:
    """Return a path with the home that it names. The `~nobody` of a user who is not there stays, and names no file.

    >>> user_path("~/my.csv") == Path.home() / "my.csv", user_path("~no body/my.csv").parts[0]
    (True, '~no body')
    """
    return Path(os.path.expanduser(path))
