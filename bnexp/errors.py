"""Every error a user can cause: what was seen, what was expected, the cure, and the exit code.

A `UserError` reaches the terminal as its message alone. Anything else that
is raised is a bug of bnexp, and shows its traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

DONE = 0
WORK_FAILED = 1
BAD_INPUT = 2
DIVERGED = 3
GATE_NOT_MET = 4
INTERRUPTED = 130


class UserError(Exception):
    """A mistake or misfortune of the user's, told in one message."""

    exit_code = BAD_INPUT


class ConfigError(UserError):
    """All mistakes of one config, each a line: `file:line: key is seen; expected. Cure.`"""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class SettingError(UserError):
    """Settings show themselves to be wrong only when they are used: by the data, or by Keras.

    Each problem is a dotted key of the config and what is wrong with it; who knows the file adds the line.
    """

    def __init__(self, key: str, text: str, *more: tuple[str, str]) -> None:
        self.problems = ((key, text), *more)
        super().__init__("\n".join(f"{key} {text}" for key, text in self.problems))


class RunError(UserError):
    """A run directory is missing, ambiguous, incomplete or damaged."""


class ComparisonError(UserError):
    """The arms cannot be compared."""


class StorageError(UserError):
    """The runs directory cannot be written: no permission, no space, not a directory."""


class StoppedError(UserError):
    """The user stopped the work before there was an answer."""

    exit_code = INTERRUPTED


class WorkError(UserError):
    """A part of the work failed; the rest is done and kept."""

    exit_code = WORK_FAILED


class UntrainedError(WorkError):
    """Cells and arms of a study could not be trained."""


class FetchError(UserError):
    """A data set cannot be brought into the cache: no manager, no network, no space, or not what was expected."""

    exit_code = WORK_FAILED


def nearest(name: str, good_names: Iterable[str]) -> str:
    """Tell the good names, the nearest first if one is near.

    >>> nearest("layr", ["none", "batch", "layer"])
    "Did you mean 'layer'? Good names: none, batch, layer."
    >>> nearest("zzz", ["none", "batch"])
    'Good names: none, batch.'
    """
    names = [str(good) for good in good_names]
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"Did you mean {close[0]!r}? " if close else ""
    return f"{hint}Good names: {', '.join(names)}."
