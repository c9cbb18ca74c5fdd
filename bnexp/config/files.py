"""The text of a config file, or why it cannot be read: missing, a directory, too large, no UTF-8."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from bnexp.errors import ConfigError, nearest

CONFIGS = Path("configs")
"""The folder in which configs are known by their names, as seen from the current directory."""
LARGEST_BYTES = 1_000_000
"""Of a config: a thousand times what people write, and read in under a second by libyaml."""
LONGEST_SHOWN = 120
"""Characters of a path that a message shows: a line and a half of a terminal."""
MOST_NAMES = 12
"""Files that a message offers, so that it fits in a few lines of a terminal."""


def read_text(path: Path) -> str:
    """Read a config file.

    Raises:
        ConfigError: if there is no such file, or it is no text of moderate size.
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
    """Read the bytes of a regular file, one more than may be at the most; nothing else is opened."""
    try:
        if stat.S_ISREG(os.stat(path).st_mode):
            with open(path, "rb") as file:
                return file.read(LARGEST_BYTES + 1)
    except (OSError, ValueError) as error:
        raise ConfigError([f"{shown(path)}: {_why(error)}; expected a config file. {_cure(path)}"]) from error
    raise ConfigError([unreadable(path)])


def unreadable(path: Path) -> str:
    """Return the mistake of a path that exists and is no file."""
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
            return "is missing; its name holds a character that no file's can"
    return f"cannot be read ({getattr(error, 'strerror', error)})"


def _cure(path: Path) -> str:
    """Offer what is there: the folders beside the first one that is missing, or the configs in the folder."""
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
    """Yield the configs and studies that have this name in the folder of configs."""
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
    """Return a path as a message shows it, cut short in the middle."""
    text = str(path)
    half = LONGEST_SHOWN // 2
    return text if len(text) <= LONGEST_SHOWN else f"{text[:half]}...{text[-half:]}"
