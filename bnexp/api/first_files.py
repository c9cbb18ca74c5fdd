"""The files that `bnexp init` writes: their names, and which of them it may write anew. Not what is in them."""

from __future__ import annotations

import hashlib
import itertools
import os
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from bnexp.config.overrides import said_of
from bnexp.errors import UserError
from bnexp.system.spelling import SETTING

NO_NAMES = ("data", "dataset", "datasets", "csv", "input", "inputs", "raw", "files", "tmp", "downloads", "desktop")
"""Names of folders that do not say what the data are."""


def name_and_paths(data: str, section: Mapping[str, Any]) -> tuple[str, tuple[Path, Path]]:
    """Return the name of an experiment with these data, and the paths of its two configs.

    A training part, such as train.csv, has the name of its folder. Two files may have one name, such as `a.csv` and
    `a.tsv`, or `x/a.csv` and `y/a.csv`. If the usual config is there for other data, the name has the ending, the
    folder, both, or a number, too.
    """
    path, own = Path(data.rstrip("/\\")), section.get("path")
    usual, ending, folder = _usual_name(path), path.suffix.lstrip("."), path.absolute().parent.name or "data"
    names, other = [usual, f"{folder}-{path.stem or 'data'}"], _data_in(Path(f"{usual}-batch.yaml"))
    if ending and other is not None and Path(other).suffix != path.suffix:
        names = [usual, f"{usual}-{ending}", f"{folder}-{path.stem}", f"{folder}-{path.stem}-{ending}"]
    numbered = (f"{names[-1]}-{number}" for number in itertools.count(2))
    name = next(one for one in itertools.chain(names, numbered) if _is_free(Path(f"{one}-batch.yaml"), own))
    return name, (Path(f"{name}-batch.yaml"), Path(f"{name}-none.yaml"))


def _is_free(config: Path, own: str | None) -> bool:
    """Return False if a config of this name is there for other data than `own`."""
    other = _data_in(config)
    return other is None or own is None or Path(other) == Path(own)


def _usual_name(path: Path) -> str:
    """Return the name of a file without its ending; of a training part, such as train.csv, the name of its folder.

    >>> _usual_name(Path("/home/me/wine.csv")), _usual_name(Path("/home/me/wine/train.csv"))
    ('wine', 'wine')
    >>> _usual_name(Path("/home/me/data/train.csv"))
    'train'
    """
    folder = path.absolute().parent.name
    is_named = bool(re.fullmatch(r"\w[\w-]*", folder)) and folder.lower() not in NO_NAMES
    return folder if path.stem.lower() in ("train", "training") and is_named else path.stem or "data"


def _data_in(config: Path) -> str | None:
    """Return the path of the data in a config that `init` wrote; None if it is not known."""
    if not os.path.isfile(config):
        return None
    line = re.search(r"^  path: (.*)$", config.read_text(encoding="utf-8", errors="replace"), re.MULTILINE)
    try:
        found = yaml.safe_load(line[1]) if line else None
    except yaml.YAMLError:
        return None
    return found if isinstance(found, str) else None


def for_init(text: str) -> str:
    """Return what is wrong with a folder in words for someone who has no config yet.

    >>> for_init("dataset.path is 'a'; only b holds images. Use dataset.path: a/b, which bnexp splits itself.")
    "PATH is 'a'; only b holds images. Use `bnexp init a/b`, which bnexp splits itself."
    >>> print(for_init('use dataset.path: "my pics, or. x" (for its images alone)'))
    use `bnexp init 'my pics, or. x'` (for its images alone)
    """
    text = re.sub(r"^dataset\.path (?=is|holds)", "PATH ", text, flags=re.MULTILINE)
    return SETTING.sub(_as_command, text)


def _as_command(setting: re.Match[str]) -> str:
    """Return an advised `dataset.path` as a command of `init`, and any other setting as it is."""
    advice, key, value = setting.groups()
    folder = said_of(f"{key}={value}", "dataset", "path")
    return setting[0] if folder is None else f"{advice}`bnexp init {shlex.quote(folder)}`"


def write(texts: Mapping[Path, str]) -> str:
    """Write the texts into their files; return what the first one held before, or "" if nothing is replaced."""
    (first, new), *_ = texts.items()
    before = _differing(first.read_text(encoding="utf-8"), new) if os.path.isfile(first) else ""
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")
    return before


def _differing(old: str, new: str) -> str:
    """Return what the text of a config that `init` wrote says otherwise than its new text; "" if nothing.

    >>> _differing("dataset: {target: =, drop: [b]}", "dataset: {target: b}")
    'dataset.target: ='
    >>> _differing("model: {name: mlp}\\ntraining: {seeds: 3}", "model: {name: python}\\ntraining: {seeds: 2}")
    'other settings in model and training'
    >>> _differing("model: {name: mlp}", "model: {name: mlp}  # small")
    ''
    """
    was, now = (yaml.BaseLoader(text).get_single_data() for text in (old, new))  # all scalars as texts, also = and no
    target = was.get("dataset", {}).get("target")
    if target is not None and target != now.get("dataset", {}).get("target"):
        return f"dataset.target: {target}"
    sections = [key for key in was if was[key] != now.get(key)]
    return f"other settings in {' and '.join(sections)}" if sections else ""


def seal(data: str, lines: Sequence[str]) -> str:
    """Return the last line of a config for these data. Its digest shows whether a person has changed the config."""
    found = hashlib.sha256("\n".join([str(Path(data)), *lines]).encode()).hexdigest()[:12]
    return f"# {found}: as long as nothing above is changed, `bnexp init` may write this file anew."


def refuse_others(data: str, texts: Mapping[Path, str]) -> None:
    """Raise UserError if a file has the name of a config and must not be overwritten."""
    if there := others(data, texts):
        raise UserError(
            f"{' and '.join(there)}: there already; expected no file of that name, or one that `bnexp init` wrote for "
            f"{data} and nobody changed. Move it, or delete it to have it written anew."
        )


def others(data: str, texts: Mapping[Path, str]) -> list[str]:
    """List the existing files that differ from the new text and were changed by a person, or not written by `init`."""
    return [str(path) for path, text in texts.items() if os.path.exists(path) and not _is_ours(path, data, text)]


def _is_ours(path: Path, data: str, text: str) -> bool:
    if not os.path.isfile(path):
        return False
    found = path.read_text(encoding="utf-8", errors="replace")
    lines = found.splitlines()
    return found == text or (bool(lines) and lines[-1] == seal(data, lines[:-1]))
