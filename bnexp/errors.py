"""Every error a user can cause: what was seen, what was expected, the cure, and the exit code.

Of a `UserError`, the command line prints only the message. Any other exception
is a bug in bnexp, and its traceback is printed.
"""

from __future__ import annotations

import contextlib
import difflib
import operator
import os
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

DONE = 0
WORK_FAILED = 1
BAD_INPUT = 2
DIVERGED = 3
INTERRUPTED = 130

OWN_FOLDER = f"{Path(__file__).parent}{os.sep}"
"""The beginning of the path of every file of bnexp, and of no other file."""
WITHIN = (OWN_FOLDER, contextlib.__file__)
"""Beginnings of the paths of files. Stack frames in these files belong to a call of bnexp."""
GENERATED = "<string>"
"""The file name that Python reports for generated functions, such as a dataclass's `__init__`."""


class BnexpWarning(UserWarning):
    """Something may mislead, or was left out. The command line prints the message after WARNING."""


class UserError(Exception):
    """A problem that the user can solve, described in one message."""

    exit_code = BAD_INPUT

    def _render_traceback_(self) -> list[str]:
        """Return what a notebook shows: the line that called bnexp, and the message. IPython calls this."""
        import traceback

        frames = [one for one in traceback.extract_tb(self.__traceback__) if not one.filename.startswith(GENERATED)]
        called = next((at for at, frame in enumerate(frames) if frame.filename.startswith(WITHIN)), len(frames))
        return [*traceback.format_list(frames[max(0, called - 1) : called]), f"{type(self).__name__}: {self}"]


MOST_MISTAKES = 20
"""The most mistakes that one message shows. A person rarely fixes more of them before trying again."""


def _message(problems: Sequence[str]) -> str:
    """Return a line for each of the first mistakes, and a line with the number of the other mistakes."""
    lines = list(problems[:MOST_MISTAKES])
    if more := len(problems) - len(lines):
        lines.append(f"and {more} more {'mistake' if more == 1 else 'mistakes'}. Fix these first.")
    return "\n".join(lines)


class ConfigError(UserError):
    """All mistakes of one config, each a line: `file:line: key is seen; expected. Cure.`"""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__(_message(self.problems))


class SettingError(UserError):
    """Settings of a config that turn out to be wrong when the data or Keras use them.

    Each problem is a dotted key of the config and a text on what is wrong. The caller adds the file and the line.
    """

    def __init__(self, key: str, text: str, *more: tuple[str, str]) -> None:
        self.problems = ((key, text), *more)
        super().__init__(_message([f"{key} {text}" for key, text in self.problems]))


class RunError(UserError):
    """A run directory is missing, ambiguous, incomplete or damaged."""


class ComparisonError(UserError):
    """The arms cannot be compared."""


class StorageError(UserError):
    """The runs directory cannot be written: no permission, no space, not a directory."""

    seen = ""  # the message without its cure, where another cure may be better


class StoppedError(UserError):
    """The user stopped the work before there was an answer."""

    exit_code = INTERRUPTED


class WorkError(UserError):
    """A part of the work failed; the rest is done and kept."""

    exit_code = WORK_FAILED


class UntrainedError(WorkError):
    """Trials of a study could not be trained."""


class FetchError(UserError):
    """A data set cannot be brought into the cache: no package manager, no internet, no space, or wrong content."""

    exit_code = WORK_FAILED


class Problems:
    """Mistakes in bad input, noted one by one and reported together.

    >>> problems = Problems()
    >>> with problems.noted():
    ...     raise SettingError("dataset.path", "is 'a.csv'; it is empty.")
    >>> problems.note("dataset.target", "is 'y'; no column has this name.")
    >>> problems.refuse()
    Traceback (most recent call last):
        ...
    bnexp.errors.SettingError: dataset.path is 'a.csv'; it is empty.
    dataset.target is 'y'; no column has this name.
    """

    def __init__(self, *, is_partial: bool = False) -> None:
        self.found: list[UserError] = []
        self.is_partial = is_partial
        """Whether an unusable part was left out. Later mistakes may be consequences of the missing part."""

    @contextlib.contextmanager
    def noted(self) -> Iterator[None]:
        """Note a mistake in bad input instead of raising it. Any other error passes.

        An error without a text is not noted. It means that a part is missing, and the mistake in that part is known.
        """
        try:
            yield
        except UserError as error:
            if error.exit_code != BAD_INPUT:
                raise
            self.found += [error] if str(error) else []
            self.is_partial = True

    def note(self, key: str, text: str) -> None:
        """Note what is wrong with a setting."""
        self.found.append(SettingError(key, text))

    def tell(self, *lines: str, leaves_out: bool = True) -> None:
        """Note mistakes of a config. Each is a line that names its place in the config.

        `leaves_out` is whether the faulty part is left out, so that the config is incomplete.
        """
        self.found += [ConfigError([line]) for line in lines]
        self.is_partial |= leaves_out and bool(lines)

    @property
    def messages(self) -> list[str]:
        """Return a line for each noted mistake."""
        several = (error.problems if isinstance(error, ConfigError) else (str(error),) for error in self.found)
        return list(dict.fromkeys(line for problems in several for line in problems))

    def add(self, other: Problems) -> None:
        """Add the mistakes of another collection at the end."""
        self.found += other.found
        self.is_partial |= other.is_partial

    def refuse(self) -> None:
        """Raise what was noted, if anything: one mistake unchanged, several as one error without repetitions.

        Raises:
            SettingError: if all mistakes are SettingErrors.
            ConfigError: if there are several mistakes, and some are no SettingErrors.
        """
        if len(self.found) == 1:
            raise self.found[0]
        settings = [error for error in self.found if isinstance(error, SettingError)]
        if self.found and len(settings) == len(self.found):
            first, *others = dict.fromkeys(problem for error in settings for problem in error.problems)
            raise SettingError(*first, *others)
        if self.found:
            raise ConfigError(self.messages)


@contextlib.contextmanager
def work_begun(*, when: bool = True) -> Iterator[None]:
    """Turn errors of bad input into WorkErrors, because their exit code 2 means that nothing was trained.

    With `when=False`, nothing has been trained yet, and the errors are raised unchanged.
    """
    try:
        yield
    except UserError as error:
        if not when or error.exit_code != BAD_INPUT:
            raise
        raise WorkError(str(error)) from error


def listed(names: Iterable[str], most: int | None = None) -> str:
    """Return the first `most` names as a text, with the number of the other names.

    >>> listed(["a", "b", "c", "d"], 2)
    'a, b and 2 more'
    """
    every = list(names)
    left = 0 if most is None else len(every) - most
    return ", ".join(every[:most]) + (f" and {left:,} more" if left > 0 else "")


def counted(number: int, noun: str) -> str:
    """Return a count with its noun, in the singular for one.

    >>> counted(1, "seed"), counted(2000, "seed"), counted(2, "class"), counted(2, "hypothesis")
    ('1 seed', '2,000 seeds', '2 classes', '2 hypotheses')
    """
    if noun.endswith("sis"):
        return f"{number:,} {noun if number == 1 else noun[:-2] + 'es'}"
    ending = "es" if noun.endswith("s") else "s"
    return f"{number:,} {noun}{'' if number == 1 else ending}"


UTF8_CURE = "Use a UTF-8 locale, such as LC_ALL=C.UTF-8, or set PYTHONUTF8=1."


def cure_of_bytes(encoding: str) -> str:
    """Return the cure for an argument with bytes that the locale's encoding cannot decode."""
    return "Type it in UTF-8." if encoding.lower().replace("-", "") == "utf8" else UTF8_CURE


def outside_locale(path: str) -> str | None:
    """Return why the locale's encoding cannot encode a path, and the cure; None if it can."""
    try:
        os.fsencode(path)
    except UnicodeEncodeError as error:
        letter = f"the character U+{ord(path[error.start]):04X}"
        return f"the locale's encoding, {error.encoding}, cannot encode {letter}. {UTF8_CURE}"
    return None


HINT = "Did you mean "
LONGEST_NAME = 100
"""The most characters of a name for which the nearest good name is searched."""


LOOKS_ALIKE = "It looks the same, but its characters are encoded differently, so copy it. "


def _as_seen(name: str) -> str:
    """Return the same text for all names that look the same, apart from upper and lower case."""
    return unicodedata.normalize("NFKC", name).casefold()


MOST_GOOD_NAMES = 40
"""The most good names that a message lists. A wide table has thousands of columns."""


def nearest(name: str, good_names: Iterable[str], *, most: int | None = MOST_GOOD_NAMES) -> str:
    """Return a sentence with the first `most` good names, and a question with the nearest one if one is similar.

    The ending and the folder of a file do not count as similarity.

    >>> nearest("layr", ["none", "batch", "layer"])
    "Did you mean 'layer'? Good names: none, batch, layer."
    >>> nearest("nope", ["wine", "iris"]), nearest("no.yaml", ["on.yaml", "x.yaml"])
    ('Good names: wine, iris.', "Did you mean 'on.yaml'? Good names: on.yaml, x.yaml.")
    >>> nearest("data/nofile.csv", ["data/wneg.csv", "iris"]), nearest(";", [".", ","])
    ('Good names: data/wneg.csv, iris.', "Good names: '.', ','.")
    """
    names = [str(good) for good in good_names]
    folder, shared = name[: name.rfind("/") + 1], {Path(name).suffix} & {Path(good).suffix for good in names}
    stem, *others = (one.removeprefix(folder).removesuffix("".join(shared)) for one in (name, *reversed(names)))
    stems, close, seems = dict(zip(others, reversed(names), strict=True)), list[str](), ""
    if len(stem) <= LONGEST_NAME:
        same = [good for good in stems if _as_seen(good) == _as_seen(stem)]
        seems = LOOKS_ALIKE if same and same[0].casefold() != stem.casefold() else ""
        slips = [one for one in stems if _is_one_slip(folder + stem, folder + one)]
        close = same or difflib.get_close_matches(stem, stems, n=1) or slips
    hint = f"{HINT}{stems[close[0]]!r}? {seems}" if close else ""
    return f"{hint}Good names: {listed(map(_set_apart, names), most)}."


def _set_apart(name: str) -> str:
    """Return a name, in quotes if it has no letter or digit."""
    return name if any(map(str.isalnum, name)) else repr(name)


def _is_one_slip(name: str, good: str) -> bool:
    """Return True if one character is wrong, added or missing, or if two are swapped.

    >>> _is_one_slip("bm", "bn"), _is_one_slip("nb", "bn"), _is_one_slip("x", "y")
    (True, True, False)
    """
    edits = difflib.SequenceMatcher(None, name, good).get_opcodes()
    changed = [max(ended - begun, last - first) for tag, begun, ended, first, last in edits if tag != "equal"]
    swapped = sorted(name) == sorted(good) and sum(map(operator.ne, name, good)) == 2
    return min(len(name), len(good)) > 1 and (swapped or changed == [1])
