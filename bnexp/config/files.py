"""Reads the text of a config file, or reports why it is unreadable: missing, a directory, too large, not UTF-8."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from bnexp.errors import ConfigError, nearest

CONFIGS = Path("configs")
"""The folder, relative to the current directory, in which a config is found by its name alone."""
LARGEST_BYTES = 1_000_000
"""Largest size of a config file: a thousand times what people write. libyaml reads it in under a second."""
LONGEST_SHOWN = 120
"""The most characters of a path that a message shows: one and a half lines of a terminal."""
MOST_NAMES = 12
"""The most files that a message suggests, so that it fits in a few lines of a terminal."""


def read_text(path: Path) -> str:
    """Read a config file.

    Raises:
        ConfigError: if the file is missing, cannot be read, is too large, or is not UTF-8 text.
    """
    content = _content(path)
    if len(content) > LARGEST_BYTES:
        raise ConfigError([f"{shown(path)}: has more than {LARGEST_BYTES} bytes; expected a config file. Shorten it."])
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ConfigError([f"{shown(path)}:{line}: is not UTF-8 text. Save it as UTF-8."]) from error


def _content(path: Path) -> bytes:
    """Read a regular file, at most one byte more than is allowed. Pipes, sockets and devices are not opened."""
    try:
        if stat.S_ISREG(os.stat(path).st_mode):
            with open(path, "rb") as file:
                return file.read(LARGEST_BYTES + 1)
    except (OSError, ValueError) as error:
        raise ConfigError([f"{shown(path)}: {_why(error)}; expected a config file. {_cure(path)}"]) from error
    raise ConfigError([unreadable(path)])


def unreadable(path: Path) -> str:
    """Return the message for a path that exists but is not a regular file."""
    seen = "is a directory" if os.path.isdir(path) else "is a pipe, socket or device"
    return f"{shown(path)}: {seen}; expected a config file. {_cure(path)}"


def _why(error: OSError | ValueError) -> str:
    match getattr(error, "errno", None):
        case errno.ENOENT | errno.ENOTDIR:
            return "is missing"
        case errno.ENAMETOOLONG:
            return "is missing; its name is too long for a file"
        case errno.ELOOP:
            return "is a link that leads to itself"
        case None:
            return "is missing; its name holds a character that file names cannot have"
    return f"cannot be read ({getattr(error, 'strerror', error)})"


def _cure(path: Path) -> str:
    """Return a cure with names that exist: folders beside the first missing folder, or configs in the folder."""
    if str(path).startswith("~"):
        return f"The ~ was not replaced by the home directory; write it out: {shown(Path.home())}."
    if os.path.exists(path) and not os.path.isdir(path):
        return "Save it as a file."
    for known in _known(path):
        return f"Did you mean {str(known)!r}?"
    missing = next((folder for folder in reversed(path.parents) if not os.path.isdir(folder)), None)
    if missing is not None:
        folders = [entry.name for entry in _entries(missing.parent) if os.path.isdir(entry) and entry.name[0] != "."]
        cure = nearest(missing.name, folders, most=MOST_NAMES) if folders else "Give the path of a YAML file."
        return f"There is no folder {shown(missing)}. {cure}"
    folder = path if os.path.isdir(path) else path.parent
    files = [
        entry.name for entry in _entries(folder) if entry.name.endswith((".yaml", ".yml")) and os.path.isfile(entry)
    ]
    return nearest(path.name, files, most=MOST_NAMES) if files else "Give the path of a YAML file."


def _known(path: Path) -> Iterator[Path]:
    """Yield the configs and studies of this name in the folder `configs`."""
    if not path.is_absolute():
        for folder in (CONFIGS, CONFIGS / "studies"):
            for name in (f"{path}", f"{path}.yaml"):
                if os.path.isfile(folder / name):
                    yield folder / name


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        return sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return []


def shown(path: Path | str) -> str:
    """Return a path as a message shows it: shortened in the middle if it is long."""
    text = str(path)
    half = LONGEST_SHOWN // 2
    return text if len(text) <= LONGEST_SHOWN else f"{text[:half]}...{text[-half:]}"
