"""What a message says where the user's own code fails: their traceback, that the error is theirs, and how to try it."""

from __future__ import annotations

import importlib
import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bnexp.errors import OWN_FOLDER, SettingError
from bnexp.system.own_code import PREFIX
from bnexp.system.session_functions import is_of_session, told_of


@contextmanager
def errors_of(step: str, build: str) -> Iterator[None]:
    """Raise SettingError with the user's own traceback where their code fails."""
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
    """Return what mends the user's code, and how it can be tried without bnexp, if it is a file."""
    file, _, name = build.rpartition(":")
    told = "The error is in that code, and not in bnexp. Mend it"
    if is_of_session(build):
        return f"{told}, and try it with `{name}()`."
    if isinstance(error, ModuleNotFoundError):
        return (
            "bnexp looks for modules beside the file and on PYTHONPATH. It undoes what a file changes in sys.path, as "
            "a change of a module there would go unnoticed. Install the module, or put it in one of these places."
        )
    if not file.endswith(".py"):
        return f"{told}."
    return (
        f"{told}, and try it with `python {Path(file).name}`."
        if step == "import"
        else f"{told}. Try `{Path(file).stem}.{name}` alone."
    )


def own_traceback(error: BaseException) -> str:
    """Return the traceback from the first frame that is neither bnexp's nor Python's machinery of imports."""
    others = (OWN_FOLDER, "<frozen", str(Path(importlib.__file__)))
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not frame.filename.startswith(others)]
    lines = [*traceback.format_list(own), *traceback.format_exception_only(error)]
    return re.sub(rf"{PREFIX}\w+\.", "", "".join(lines)).rstrip()
