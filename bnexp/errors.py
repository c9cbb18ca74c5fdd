"""Every error a user can cause: what was seen, what was expected, the cure, and the exit code.

A `UserError` reaches the terminal as its message alone. Anything else that
is raised is a bug of bnexp, and shows its traceback.
"""

from __future__ import annotations

import difflib
import operator
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

DONE = 0
WORK_FAILED = 1
BAD_INPUT = 2
DIVERGED = 3
INTERRUPTED = 130


class UserError(Exception):
    """A mistake or misfortune of the user's, told in one message."""

    exit_code = BAD_INPUT


MOST_TOLD = 20
"""Mistakes told at a time: more than a person mends before trying again."""


class ConfigError(UserError):
    """All mistakes of one config, each a line: `file:line: key is seen; expected. Cure.`"""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        told = list(self.problems[:MOST_TOLD])
        if more := len(self.problems) - len(told):
            told.append(f"and {more} more {'mistake' if more == 1 else 'mistakes'}. Mend these first.")
        super().__init__("\n".join(told))


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


class Problems:
    """Mistakes in bad input, noted one by one, so that all of them are told at once."""

    def __init__(self) -> None:
        self._found: list[UserError] = []

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Note a mistake in bad input instead of raising it. Any other error passes."""
        try:
            yield
        except UserError as error:
            if error.exit_code != BAD_INPUT:
                raise
            self._found.append(error)

    def add(self, other: Problems) -> None:
        """Note the mistakes of another collection behind those of this one."""
        self._found += other._found

    def refuse(self) -> None:
        """Raise a single mistake as it is, several in one message that holds each once."""
        if len(self._found) == 1:
            raise self._found[0]
        if self._found:
            several = (error.problems if isinstance(error, ConfigError) else (str(error),) for error in self._found)
            raise ConfigError(dict.fromkeys(problem for problems in several for problem in problems))


@contextmanager
def work_begun() -> Iterator[None]:
    """Raise WorkError where bad input shows only after something was trained: exit code 2 says that nothing was."""
    try:
        yield
    except UserError as error:
        if error.exit_code != BAD_INPUT:
            raise
        raise WorkError(str(error)) from error


HINT = "Did you mean "
LONGEST_NAME = 100
"""Characters of a name that is looked up; a longer one is near to none."""


def nearest(name: str, good_names: Iterable[str], *, most: int | None = None) -> str:
    """Return a sentence with the good names, the nearest first if one is near; of many names only the first `most`.

    The ending that files share brings none nearer.

    >>> nearest("layr", ["none", "batch", "layer"])
    "Did you mean 'layer'? Good names: none, batch, layer."
    >>> nearest("nope", ["wine", "iris"]), nearest("no.yaml", ["on.yaml", "x.yaml"])
    ('Good names: wine, iris.', "Did you mean 'on.yaml'? Good names: on.yaml, x.yaml.")
    """
    names = [str(good) for good in good_names]
    ending = Path(name).suffix if all(Path(good).suffix == Path(name).suffix for good in names) else ""
    stem, stems = name.removesuffix(ending), {good.removesuffix(ending): good for good in reversed(names)}
    close: list[str] = []
    if len(stem) <= LONGEST_NAME:
        same = [good for good in stems if good.casefold() == stem.casefold()]
        close = same or difflib.get_close_matches(stem, stems, n=1) or [one for one in stems if _is_one_slip(stem, one)]
    hint = f"{HINT}{stems[close[0]]!r}? " if close else ""
    left = f" and {len(names) - most} more" if most is not None and len(names) > most else ""
    return f"{hint}Good names: {', '.join(names[:most])}{left}."


def _is_one_slip(name: str, good: str) -> bool:
    """Tell whether one letter is wrong, too much or missing, or two are swapped.

    >>> _is_one_slip("bm", "bn"), _is_one_slip("nb", "bn"), _is_one_slip("x", "y")
    (True, True, False)
    """
    edits = difflib.SequenceMatcher(None, name, good).get_opcodes()
    changed = [max(ended - begun, last - first) for tag, begun, ended, first, last in edits if tag != "equal"]
    swapped = sorted(name) == sorted(good) and sum(map(operator.ne, name, good)) == 2
    return min(len(name), len(good)) > 1 and (swapped or changed == [1])
