"""Paths as the user typed them, in which `~` is the home directory."""

from __future__ import annotations

import os
from pathlib import Path


def user_path(path: str) -> Path:
    """Return a path with `~` replaced by the home directory. `~nobody` stays if there is no user of this name.

    >>> user_path("~/my.csv") == Path.home() / "my.csv", user_path("~no body/my.csv").parts[0]
    (True, '~no body')
    """
    return Path(os.path.expanduser(path))
