"""From `--data` to the section `dataset` of a config: a file, a folder, or the name of a known set."""

from __future__ import annotations

import itertools
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bnexp.errors import SettingError, UserError, listed, nearest
from bnexp.system.run_folders import files_outside_runs, is_of_runs
from bnexp.system.spelling import is_number, spelt
from bnexp.system.user_path import user_path

MOST_LOOKED_AT = 200
"""Files that are looked at to find out whether a folder holds data."""
MOST_NAMED = 5
"""Tables, or kinds of files, that a message names."""
MOST_OFFERED = 10
"""Files and known sets that a message names for data that are not there."""


def dataset_of(data: str, target: str | None, called: str | None = None) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the section `dataset` for a file, a folder or a known set, and the option that each key comes from.

    `called` is the name of `data` in messages; by default its option.

    Raises:
        UserError: if `data` is none of these, or a table without a named target.
    """
    from bnexp.data.sources.csv_tables import TAB_ENDINGS
    from bnexp.data.sources.other_forms import cure_of_form

    called = called or spelt("data")
    if not data:
        raise UserError(f"{called} is ''; expected a file, a folder, or the name of a known set.")
    path = user_path(data)
    of_data = ("dataset", *(f"dataset.{key}" for key in ("path", "validation_path", "test_path")))
    places = {**dict.fromkeys(of_data, called), **dict.fromkeys(("dataset.target", "dataset.y"), spelt("target"))}
    if os.path.isdir(path):
        _refuse_folder_of_tables(path, data, called)
        _refuse_folder_without_data(path, data, called)
        return {"name": _folder_kind(path), **_folders(path, data), **_target(data, target, needed=False)}, places
    if os.path.exists(path) and path.suffix.lower() == ".npz":
        return {"name": "npz", "path": data, **_arrays(path, target)}, places
    tables = _tables()
    if os.path.exists(path) and (kind := tables.get(path.suffix.lower())) is not None:
        section = {"name": kind, "path": data, **_target(data, target, needed=True)}
        return {**section, **({"separator": "\t"} if path.suffix.lower() in TAB_ENDINGS else {})}, places
    if os.path.exists(path):
        endings = ", ".join([*tables, ".npz"])
        expected = f"expected a file that ends in {endings}, or a folder of images or recordings."
        raise UserError(" ".join(filter(None, (f"{called} is {data!r}; {expected}", cure_of_form(path)))))
    known = _known_sets()
    if data in known:
        return {"name": data, **_target(data, target, needed=False)}, places
    beside = [one.name for one in sorted(Path.cwd().iterdir()) if _may_be_data(one)]
    seen = f"it is not there (in {Path.cwd()}), and no known set has this name"
    raise UserError(f"{called} is {data!r}; {seen}. {nearest(data, [*beside, *known], most=MOST_OFFERED)}")


def refuse_unknown_target(dataset: Mapping[str, Any]) -> None:
    """Raise SettingError if a table has no column of the target's name. Only its first line or its schema is read."""
    from bnexp.data.sources.column_names import refuse_unknown_column

    match dataset:
        case {"name": "csv" | "parquet", "path": str(path), "target": str(target)} if columns := _columns(path):
            refuse_unknown_column(columns, "target", target)


def _refuse_folder_of_tables(path: Path, data: str, called: str) -> None:
    """Raise UserError if a folder holds tables or .npz files but no folders, except bnexp's runs."""
    inside = [one for one in sorted(path.iterdir()) if not one.name.startswith(".")]
    tables = [one for one in inside if one.suffix.lower() in (*_tables(), ".npz")]
    if tables and not any(os.path.isdir(one) and not is_of_runs(one) for one in inside):
        first = next((one for one in tables if "train" in one.stem.lower()), tables[0])
        seen = f"{called} is {data!r}, a folder with {listed([one.name for one in tables], MOST_NAMED)}"
        raise UserError(f"{seen}; expected a file, or a folder of images or recordings. Name the file: {first}")


def _refuse_folder_without_data(path: Path, data: str, called: str) -> None:
    """Raise UserError if no file in a folder or in its subfolders is an image or a recording."""
    from bnexp.data.sources.images import IMAGES
    from bnexp.data.sources.sound import SOUND_ENDINGS

    files, tables, known = Counter[str](), list[str](), (".csv", ".tsv", ".parquet", ".npz")  # a .txt may be any text
    for folder, names in files_outside_runs(path):
        endings = {name: os.path.splitext(name)[1].lower() for name in names if not name.startswith(".")}
        if any(ending in (*IMAGES[0], *SOUND_ENDINGS) for ending in endings.values()):
            return
        tables += sorted(os.path.join(folder, name) for name, ending in endings.items() if ending in known)
        files.update(ending or name for name, ending in endings.items())
    seen = listed([f"{count} {kind}" for kind, count in sorted(files.items())], MOST_NAMED)
    raise UserError(
        f"{called} is {data!r}, a folder without images or recordings (it holds {seen or 'no files'}). Expected a "
        f"folder for each class, two or more, with images ({', '.join(IMAGES[0])}) or recordings "
        f"({', '.join(SOUND_ENDINGS)}) in it." + (f" Or name a table: {tables[0]}" if tables else "")
    )


def _folders(path: Path, data: str) -> dict[str, str]:
    """Return the keys with the paths of the training part and, if the folder holds them, of the other parts."""
    from bnexp.data.sources.layout import split_folders
    from bnexp.data.sources.parts import KEYS

    split = split_folders(path)
    if split is None:
        return {"path": data}
    return {key: os.path.join(data, split[part].name) for part, key in KEYS.items() if part in split}


def _arrays(path: Path, target: str | None) -> dict[str, str]:
    """Return the keys that name the arrays of an .npz file; empty if it holds x or y alone, or if these are unclear."""
    from bnexp.data.sources.arrays import keys_of_pair, keys_of_split
    from bnexp.data.sources.npz_arrays import headers_of

    if target is not None:
        return {"y": target}
    try:
        headers = headers_of(path)
    except SettingError:  # reading the file reports why
        return {}
    split = keys_of_split(headers)
    return split or ({} if {"x", "y"} & {*headers} else keys_of_pair(headers)) or {}


def _target(data: str, target: str | None, *, needed: bool) -> dict[str, str]:
    """Return the key `target`; empty if no target is given or needed.

    Raises:
        UserError: if a table has no target, with its columns; or if data that need no target have one.
    """
    from bnexp.data.suggested.first_look import listed_columns

    if target is not None and not needed:
        cure = (
            f"A value of the metric to reach is `{spelt('reach', target)}`." if is_number(target) else "Leave it out."
        )
        raise UserError(f"{spelt('target')} is {target!r}; {data} already defines what is to be learned. {cure}")
    if target is None and needed:
        found = listed_columns({"path": str(user_path(data))})
        columns = f" Its columns: {found}." if found else ""
        raise UserError(f"{spelt('target')} is missing; expected the column of {data} that is to be learned.{columns}")
    return {} if target is None else {"target": target}


def _columns(data: str) -> list[str]:
    """Return the names of a table's columns; empty if the table cannot be read."""
    from bnexp.data.suggested.first_look import columns_of

    try:
        return columns_of(user_path(data))
    except (OSError, ValueError):
        return []


def _tables() -> dict[str, str]:
    """Map the endings of table files to their `dataset.name`."""
    from bnexp.data.sources.csv_tables import CSV_ENDINGS
    from bnexp.data.sources.parquet_tables import PARQUET_ENDINGS

    return {**dict.fromkeys(CSV_ENDINGS, "csv"), **dict.fromkeys(PARQUET_ENDINGS, "parquet")}


def _folder_kind(path: Path) -> str:
    """Return `dataset.name` for a folder: image_folder if its first files are images more often than recordings."""
    from bnexp.data.sources.images import IMAGES
    from bnexp.data.sources.sound import SOUND_ENDINGS

    endings = Counter(file.suffix.lower() for file in _first_files(path))
    images, sounds = (sum(endings[one] for one in kind) for kind in (IMAGES[0], SOUND_ENDINGS))
    return "wav_folder" if sounds and sounds >= images else "image_folder"


def _first_files(path: Path) -> Iterator[Path]:
    """Yield the first 20 files of the folder and of each folder inside it."""
    for folder, names in files_outside_runs(path):
        yield from (Path(folder, name) for name in sorted(names)[:20])


def _may_be_data(path: Path) -> bool:
    """Return True for a table, an .npz file, and a folder with an image or a recording among its first files."""
    from bnexp.data.sources.images import IMAGES
    from bnexp.data.sources.sound import SOUND_ENDINGS

    if path.name.startswith("."):
        return False
    if os.path.isdir(path):
        files = itertools.islice(_first_files(path), MOST_LOOKED_AT)
        return (
            path.name != "runs"
            and not is_of_runs(path)
            and any(one.suffix.lower() in (*SOUND_ENDINGS, *IMAGES[0]) for one in files)
        )
    return path.suffix.lower() in (*_tables(), ".npz")


def _known_sets() -> list[str]:
    from bnexp.data.builtin.catalogue import KNOWN

    return list(KNOWN)
