"""Messages for errors in the user's own code: the user's traceback, and how to run the code without bnexp."""

from __future__ import annotations

import importlib
import re
import shlex
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from bnexp.errors import OWN_FOLDER, SettingError, UserError, WorkError
from bnexp.system.installed import is_installed_file
from bnexp.system.own_code import PREFIX
from bnexp.system.session_functions import is_of_session, told_of
from bnexp.system.shell import in_shell

COLOR = re.compile(r"\x1b\[[0-9;]*m")
"""The sequences around Keras's messages that set a terminal's colours."""

GENERATED = "__autograph_generated_file"
"""In the names of files that TensorFlow generates from code, the user's and its own."""


@contextmanager
def errors_of(
    step: Literal["while it is imported", "when it is called"], build: str, given: Mapping[str, Any] | None = None
) -> Iterator[None]:
    """Raise SettingError with the user's own traceback if the user's code in this block fails.

    `given` has the arguments with which the user's function is called in this block.
    """
    try:
        yield
    except SettingError:
        raise
    except (Exception, SystemExit) as error:
        failing = "it" if is_of_session(build) else f"your code in {build.rpartition(':')[0]}"
        shown, cure = own_traceback(error), _cure(error, step, build, given or {})
        raise SettingError("model.build", f"is {told_of(build)}; {failing} fails {step}:\n{shown}\n{cure}") from error


def _cure(error: BaseException, step: str, build: str, given: Mapping[str, Any]) -> str:
    """Return how to fix the user's code and, if possible, how to run it without bnexp."""
    told = _if_no_images(error, given) or "The error is in that code, and not in bnexp. Fix it"
    if isinstance(error, ModuleNotFoundError) and not is_of_session(build):
        return (
            "bnexp looks for modules beside the file and on PYTHONPATH. It undoes changes that a file makes to "
            "sys.path, because it would not notice changed modules there. Install the module, or put it in one of "
            "these places."
        )
    place, _, name = build.rpartition(":")
    way: str | None
    if is_of_session(build):
        way = f"`{_call(name, given)}`"
    elif step == "while it is imported":
        way = f"`{shlex.join(['python', str(Path(place).expanduser())])}`" if place.endswith(".py") else None
    else:
        way = _command(place, name, given)
    return f"{told}." if way is None else f"{told}, and try it with {way}."


def _if_no_images(error: BaseException, given: Mapping[str, Any]) -> str:
    """Return the beginning of a cure if layers for images were given the shape of sequences; else an empty text."""
    shape = given.get("input_shape", ())
    if len(shape) != 2 or "min_ndim=4" not in str(error):
        return ""
    return (
        f"If the rows are gray images, set dataset.kind: image, a key of npz: then input_shape is {(*shape, 1)}. If "
        "they are not, fix the code"
    )


def _command(place: str, name: str, given: Mapping[str, Any]) -> str | None:
    """Return a command that calls a user's function, and its folder; None if its module cannot be imported by name.

    >>> _command("my_net.py", "build", {"input_shape": (4,)})
    '`python -c "import my_net; my_net.build(input_shape=(4,))"`'
    >>> _command("package.nets", "build", {"normalization": len})
    '`python -c "import keras, package.nets; package.nets.build(normalization=keras.layers.BatchNormalization)"`'
    >>> _command("my-net.py", "build", {})
    """
    module = Path(place).stem if place.endswith(".py") else place
    keras = "keras, " if any(map(callable, given.values())) else ""
    code = f"import {keras}{module}; {module}.{_call(name, given)}"
    if not all(one.isidentifier() for one in module.split(".")) or not code.isprintable():
        return None
    folder = Path(place).parent if place.endswith(".py") else Path()
    return f"`{in_shell(code)}`{'' if folder == Path() else f' in {folder}'}"


def _call(name: str, given: Mapping[str, Any]) -> str:
    """Write a call of the user's function. A callable argument is taken as the normalization factory."""
    values = {key: "keras.layers.BatchNormalization" if callable(one) else repr(one) for key, one in given.items()}
    return f"{name}({', '.join(f'{key}={one}' for key, one in values.items())})"


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


class OwnCodeError(WorkError):
    """The user's own code failed while its network was trained."""


@contextmanager
def errors_while_training() -> Iterator[None]:
    """Raise OwnCodeError with the user's part of the traceback if code within their network fails while it is trained.

    An error that bnexp's own call raises, such as the call of an observer, is not changed. TensorFlow replaces an error
    at run time by one of its own. Then only its text tells the user's lines.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        at = next((at for at, frame in enumerate(frames) if _is_own(frame.filename)), 0)
        if at and not frames[at - 1].filename.startswith(OWN_FOLDER):
            shown = _written([frame for frame in frames[at:] if _is_own(frame.filename)], error)
        elif (told := _told(error)) is not None:
            shown = told
        else:
            raise
        raise OwnCodeError(f"The training fails; your own code fails:\n{shown}\nFix that code.") from error


LINE = re.compile(r' *File "(?P<file>[^"]+)", line \d+, in .+')
"""A line of a traceback within the text of an error."""


def _told(error: Exception) -> str | None:
    """Return the user's lines and the cause from the text of an error of TensorFlow; None if it tells none."""
    if not type(error).__module__.startswith("tensorflow."):
        return None
    lines = [line for line in str(error).splitlines() if line.strip() and "[[{{node" not in line]
    own = [line for line in lines if (found := LINE.fullmatch(line)) and _is_own(found["file"])]
    if not own:
        return None
    return _plain("\n".join([*dict.fromkeys(own), lines[-1]]))


def _is_own(file: str) -> bool:
    is_command = Path(file).parent == Path(sys.executable).parent  # the script `bnexp` itself
    is_compiled = file.endswith(".pyx")  # Cython code of a package; the path is relative
    is_generated = file.startswith("<frozen") or GENERATED in file
    return not (is_generated or is_compiled or is_command or is_installed_file(file))


def own_traceback(error: BaseException) -> str:
    """Return the traceback without the frames of bnexp and of Python's import system."""
    others = (OWN_FOLDER, "<frozen", str(Path(importlib.__file__)))
    frames = traceback.extract_tb(error.__traceback__)
    return _written([frame for frame in frames if not frame.filename.startswith(others)], error)


def _written(frames: list[traceback.FrameSummary], error: BaseException) -> str:
    lines = [*traceback.format_list(frames), *traceback.format_exception_only(error)]
    return _plain("".join(lines)).rstrip()


def _plain(text: str) -> str:
    """Return a text without colours, and without the names under which bnexp imports the user's modules."""
    return COLOR.sub("", re.sub(rf"{PREFIX}\w+\.", "", text))
