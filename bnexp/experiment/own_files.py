"""Digests of the user's own files that an experiment reads: its data and its network.

A stored run counts as a run of the experiment only while these files are unchanged.
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping
from typing import Any, NamedTuple

from bnexp.config import Experiment
from bnexp.config.model import Model
from bnexp.config.own_model import KerasFile, PythonNetwork
from bnexp.data.fingerprint import Sources, source_sha256
from bnexp.errors import SettingError
from bnexp.system.own_code import own_code
from bnexp.system.own_function import refuse_undefined
from bnexp.system.saved_model import description_of
from bnexp.system.session_functions import session_function
from bnexp.system.user_path import user_path


class OwnFiles(NamedTuple):
    """The sha256 of the user's own files; None if there is no such file or it cannot be read."""

    data: str | None
    network: str | None


def own_files(experiment: Experiment) -> OwnFiles:
    """Return the digests of the files that the experiment reads now."""
    return OwnFiles(source_sha256(experiment.dataset), network_sha256(experiment.model))


def network_sha256(model: Model) -> str | None:
    """Return the sha256 of a saved model, or of a function's file and all that it imports.

    From the user's own files the text is used, from installed packages the version. A function of this Python session
    has the sha256 of its code. Return None for bnexp's own networks, and if a file cannot be read; building the
    network then reports why. Nothing is imported. Other files that a function reads, such as a file of weights, do not
    change the sha256.
    """
    try:
        match model:
            case KerasFile(path=path):
                return hashlib.sha256(user_path(path).read_bytes()).hexdigest()
            case PythonNetwork(build=build):
                if (known := session_function(build)) is not None:
                    return known.sha256
                code = own_code(build)
                return None if code is None else code.sha256
    except (OSError, RuntimeError, ValueError):
        pass
    return None


def refuse_unusable(network: Mapping[str, Any]) -> None:
    """Check that the file of a section `model` exists and can hold its network. No code of the file is run.

    Raises:
        SettingError: if the file or module is missing, has no such function, or is no Keras model.
    """
    match network:
        case {"name": "python", "build": build}:
            refuse_undefined(build)
        case {"name": "keras_file", "path": path}:
            description_of(path)


def refuse_changed_network(model: Model, sources: Sources) -> None:
    """Raise SettingError if the files of this network have another sha256 now than `sources` holds for it."""
    expected = sources.get(model.model_dump_json())
    if not isinstance(model, KerasFile | PythonNetwork) or expected is None:
        return
    if (seen := network_sha256(model)) != expected:
        key, value = ("model.path", model.path) if isinstance(model, KerasFile) else ("model.build", model.build)
        raise SettingError(
            key,
            f"is {value!r}; on {platform.node()} this is another network than when the study began "
            f"(sha256 {seen}; expected {expected}). Restore the file, and the versions of the packages that it "
            "imports. Another network needs another study.",
        )
