"""Reads the file of a model that Keras saved: whether it is readable, and which objects it is built from.

Nothing in the file is built or run, and Keras is not loaded.
"""

from __future__ import annotations

import json
import os
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bnexp.errors import SettingError, listed
from bnexp.system.own_function import no_file
from bnexp.system.user_path import user_path

LARGEST_DESCRIPTION = 256 * 2**20
"""The largest size of config.json, in bytes. A large published network has one of 1 MB."""
MOST_COMPRESSED = 100
"""The highest compression ratio for a larger member of the archive. Keras does not compress."""
OLD_FORMATS = (".h5", ".hdf5")
HDF5 = b"\x89HDF\r\n\x1a\n"
"""The first bytes of a file in the older format, HDF5."""
FUNCTION = "Use `def build(): return keras.models.load_model(..., {})` in a Python file, and name FILE:build."
KEY = "model.path"
LAMBDA, PYTHON_LAMBDA = "__lambda__", "<lambda>"
"""The class that Keras writes for a lambda function, and the name that Python has for it."""


def description_of(path: str) -> dict[str, Any]:
    """Return config.json of a .keras file, from which Keras builds the model.

    Raises:
        SettingError: if there is no such file, it is not a model of Keras 3, or it holds code.
    """
    file = user_path(path)
    _refuse_no_file(path, file)
    description = _read(path, file)
    _refuse_code(path, description)
    return description


def is_saved_folder(path: str) -> bool:
    """Return True for a folder that a model was exported to, or that has the name of a saved model, and is no run."""
    folder = user_path(path)
    if not os.path.isdir(folder):  # `Path.is_dir` raises OSError for a name that is too long
        return False
    is_named = folder.suffix.lower() in (".keras", *OLD_FORMATS) and not (folder / "run.json").exists()
    return is_named or (folder / "saved_model.pb").is_file()


def built_parts(description: Mapping[str, Any]) -> dict[str, Any]:
    """Return a description without the compile settings, because bnexp does not compile a model as it was saved."""
    return {key: value for key, value in description.items() if key != "compile_config"}


def compiled_loss(description: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]] | None:
    """Return Keras's name and the options of the loss that a saved model was compiled with; None for none or several.

    A model that was compiled with a name, such as "mse", has no options here. A loss of the user's own that does not
    describe its name has the name of its class.
    """
    loss = _within(description, "compile_config", "loss")
    if isinstance(loss, list | dict) and len(loss) == 1:  # of the only output
        (loss,) = loss.values() if isinstance(loss, dict) else loss
    if isinstance(loss, str):
        return loss, {}
    kind = _within(loss, "class_name")
    if not isinstance(kind, str):
        return None
    if kind == LAMBDA:
        return PYTHON_LAMBDA, {}
    options = config_of(loss)
    name = options.get("name")
    return name if isinstance(name, str) else kind, options


def compiled_optimizer(description: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]] | None:
    """Return Keras's class and the options of the optimizer that a saved model was compiled with; None for none.

    A model that was compiled with a name, such as "adam", has no options here.
    """
    found = _within(description, "compile_config", "optimizer")
    if isinstance(found, str):
        return found, {}
    kind = _within(found, "class_name")
    return (kind, config_of(found)) if isinstance(kind, str) else None


def compiled_metrics(description: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield Keras's class or name, and the options, of each metric that a saved model was compiled with.

    >>> described = {"compile_config": {"metrics": [["mae", {"class_name": "AUC", "config": {"curve": "PR"}}]]}}
    >>> [*compiled_metrics(described)]
    [('mae', {}), ('AUC', {'curve': 'PR'})]
    """
    for key in ("metrics", "weighted_metrics"):
        yield from _metrics(_within(description, "compile_config", key))


def _metrics(found: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the metrics in a list, in a mapping of outputs to metrics, or in lists of these."""
    match found:
        case str():
            yield found, {}
        case {"class_name": "function", "config": str(name)}:
            yield name, {}
        case {"class_name": str(kind)}:
            yield ("a lambda", {}) if kind == LAMBDA else (kind, config_of(found))
        case list() | dict():
            for one in found.values() if isinstance(found, dict) else found:
                yield from _metrics(one)


def _within(value: Any, *keys: str) -> Any:
    """Return the value at nested keys; None if one of the keys is missing."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _refuse_no_file(path: str, file: Path) -> None:
    names = [file.with_name(f"{file.stem}{number}.keras") for number in ("", *range(2, 100))]
    free = next((one for one in names if not os.path.exists(one)), names[0])
    old = file if file.suffix.lower() in OLD_FORMATS else file.with_suffix(".h5")
    rename = "" if old == file else f"Rename it to {old}, because Keras decides by the ending. "
    named = path if old == file else str(old)
    convert = f"{rename}Convert it: `keras.models.load_model({named!r}, compile=False).save({str(free)!r})`."
    if not os.path.exists(file):
        raise SettingError(KEY, f"is {path!r}; {no_file(path, '.keras')}")
    if os.path.isdir(file):
        raise SettingError(
            KEY,
            f"is {path!r}, a folder; expected a .keras file. A SavedModel cannot be trained further: build the network "
            "in Python, load its weights, and write it with `model.save('my.keras')`.",
        )
    if _is_hdf5(file):
        if not _holds_network(file):
            raise SettingError(
                KEY,
                f"is {path!r}, which holds only weights and no network; expected a .keras file. Write `def build():` "
                f"in a Python file. It builds the network, calls `model.load_weights({path!r})`, and returns it. Then "
                "name FILE:build.",
            )
        function = FUNCTION.format("safe_mode=False, custom_objects={...}")
        raise SettingError(
            KEY,
            f"is {path!r}, in the older format HDF5; expected a .keras file. {convert} That fails if the model has a "
            f"Lambda layer, or layers of your own. {function} Do so only if you trust the model.",
        )
    if file.suffix.lower() in OLD_FORMATS:
        raise SettingError(
            KEY,
            f"is {path!r}, which is not an HDF5 file, despite its name; expected what `model.save('my.keras')` "
            "writes. Save the model again.",
        )


def _is_hdf5(file: Path) -> bool:
    try:
        with file.open("rb") as opened:
            return opened.read(len(HDF5)) == HDF5
    except OSError:  # reading the archive reports why
        return False


def _holds_network(file: Path) -> bool:
    """Return True if an HDF5 file describes a network, or if it cannot be read: then `load_model` reports why."""
    import h5py

    try:
        with h5py.File(file, "r") as opened:
            return "model_config" in opened.attrs
    except OSError:
        return True


def _refuse_bomb(path: str, members: Sequence[zipfile.ZipInfo]) -> None:
    for one in members:
        if one.file_size > max(LARGEST_DESCRIPTION, MOST_COMPRESSED * one.compress_size):
            raise SettingError(
                KEY,
                f"is {path!r}; its {one.filename} grows from {one.compress_size} to {one.file_size} bytes when it is "
                "unpacked. Expected what `model.save('my.keras')` writes, which is not compressed.",
            )


def _read(path: str, file: Path) -> dict[str, Any]:
    """Return config.json of the archive, from which Keras builds the model."""
    try:
        with zipfile.ZipFile(file) as archive:
            _refuse_bomb(path, archive.infolist())
            if archive.getinfo("config.json").file_size > LARGEST_DESCRIPTION:
                raise SettingError(
                    KEY, f"is {path!r}; its config.json has more than 256 MiB. Expected a model of Keras."
                )
            found = json.loads(archive.read("config.json"))
            damaged = archive.testzip()
    except (zipfile.BadZipFile, zlib.error, KeyError, ValueError, OSError, RuntimeError) as error:
        raise SettingError(
            KEY, f"is {path!r}; it is no file of Keras 3 ({error}). Expected what `model.save('my.keras')` writes."
        ) from error
    if damaged is not None:
        raise SettingError(
            KEY,
            f"is {path!r}; its {damaged} is damaged: its bytes do not have the stored checksum. Copy the file "
            "again, or save the model again.",
        )
    if not isinstance(found, dict):
        raise SettingError(KEY, f"is {path!r}; its config.json describes no model. Save it again.")
    return found


def _refuse_code(path: str, description: Mapping[str, Any]) -> None:
    kinds: dict[str, list[str]] = {"Lambda": [], LAMBDA: []}  # Lambda layers, and lambda functions in any object
    for one in objects(built_parts(description)):
        kinds.get(one["class_name"], []).append(name_of(one))
    if code := kinds["Lambda"] or kinds[LAMBDA]:
        raise SettingError(
            KEY,
            f"is {path!r}; it holds a Lambda layer ({listed(dict.fromkeys(code), 5)}), which is code, and bnexp runs "
            f"no code of a model file. {FUNCTION.format('safe_mode=False')} Do so only if you trust the model.",
        )


def objects(description: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield each object that Keras would build, at any depth."""
    left: list[Any] = [description]
    while left:
        value = left.pop()
        if isinstance(value, dict):
            if isinstance(value.get("class_name"), str) and "config" in value:
                yield value
            left += reversed(value.values())
        elif isinstance(value, list):
            left += reversed(value)


def name_of(one: dict[str, Any]) -> str:
    """Return the name that a description has for one of its objects."""
    return str(config_of(one).get("name", one.get("name", "unnamed")))


def config_of(one: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of one object of a description."""
    config = one.get("config")
    return config if isinstance(config, dict) else {"name": config} if isinstance(config, str) else {}
