"""Messages for errors in the user's own code: the user's traceback, and how to run the code without bnexp."""

from __future__ import annotations

import importlib
import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bnexp.errors import OWN_FOLDER, SettingError
from bnexp.system.installed import is_installed_file
from bnexp.system.own_code import PREFIX
from bnexp.system.session_functions import is_of_session, told_of

COLOR = re.compile(r"\x1b\[[0-9;]*m")
"""The sequences around Keras's messages that set a terminal's colours."""


@contextmanager
def errors_of(step: str, build: str) -> Iterator[None]:
    """Raise SettingError with the user's own traceback if the user's code in this block fails."""
    try:
        yield
    except SettingError:
        raise
    except (Exception, SystemExit) as error:
        failing = "it" if is_of_session(build) else f"your code in {build.rpartition(':')[0]}"
        raise SettingError(
            "model.build",
            f"is {told_of(build)}; {failing} fails ({step}):\n{own_traceback(error)}\n{_cure(error, step, build)}",
        ) from error


def _cure(error: BaseException, step: str, build: str) -> str:
    """Return how to fix the user's code and, if possible, how to run it without bnexp."""
    file, _, name = build.rpartition(":")
    told = "The error is in that code, and not in bnexp. Fix it"
    if is_of_session(build):
        return f"{told}, and try it with `{name}()`."
    if isinstance(error, ModuleNotFoundError):
        return (
            "bnexp looks for modules beside the file and on PYTHONPATH. It undoes changes that a file makes to "
            "sys.path, because it would not notice changed modules there. Install the module, or put it in one of "
            "these places."
        )
    if not file.endswith(".py"):
        return f"{told}."
    return (
        f"{told}, and try it with `python {Path(file).name}`."
        if step == "import"
        else f"{told}. Try `{Path(file).stem}.{name}` alone."
    )


@contextmanager
def errors_of_own_layers(problem: str) -> Iterator[None]:
    """Raise SettingError with the user's part of the traceback if a layer or model class of the user's own fails.

    Errors in which no code of the user's own took part, such as Keras's refusals of its own layers, are not changed.
    `problem` says what the network cannot do.
    """
    try:
        yield
    except SettingError:
        raise
    except Exception as error:
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_own(frame.filename)]
        if not frames:
            raise
        raise SettingError(
            "model", f"{problem}; your own code fails:\n{_written(frames, error)}\nFix that code."
        ) from error


def _is_own(file: str) -> bool:
    return not file.startswith("<frozen") and not is_installed_file(file)


def own_traceback(error: BaseException) -> str:
    """Return the traceback without the frames of bnexp and of Python's import system."""
    others = (OWN_FOLDER, "<frozen", str(Path(importlib.__file__)))
    frames = traceback.extract_tb(error.__traceback__)
    return _written([frame for frame in frames if not frame.filename.startswith(others)], error)


def _written(frames: list[traceback.FrameSummary], error: BaseException) -> str:
    lines = [*traceback.format_list(frames), *traceback.format_exception_only(error)]
    return COLOR.sub("", re.sub(rf"{PREFIX}\w+\.", "", "".join(lines))).rstrip()
