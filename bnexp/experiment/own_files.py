"""Which of the user's own files an experiment reads, as digests: its data's, and its network's.

A run answers for an experiment only while these are as they were.
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
    """The sha256 of the user's own files, or None where there are none or they cannot be read."""

    data: str | None
    network: str | None


def own_files(experiment: Experiment) -> OwnFiles:
    """Return the digests of the files that the experiment reads now."""
    return OwnFiles(source_sha256(experiment.dataset), network_sha256(experiment.model))


def network_sha256(model: Model) -> str | None:
    """Return the sha256 of a saved model, or of a function's file and of all that it imports.

    Of the user's own files it is the text, of installed packages the version.
    A function of this Python session has the sha256 of its code. None for bnexp's own networks, and if a file cannot be
    read: building the network reports why. Nothing is imported.
    What a function reads otherwise, such as a file of weights, is no part of it.
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
    """Refuse a section `model` whose file alone shows that it names no network. No code of it is run.

    Raises:
        SettingError: if there is no such file or module, no such function in it, or no model of Keras.
    """
    match network:
        case {"name": "python", "build": build}:
            refuse_undefined(build)
        case {"name": "keras_file", "path": path}:
            description_of(path)


def refuse_changed_network(model: Model, sources: Sources) -> None:
    """Raise SettingError if `sources` has another sha256 for this network of the user's own than its files have."""
    expected = sources.get(model.model_dump_json())
    if not isinstance(model, KerasFile | PythonNetwork) or expected is None:
        return
    if (seen := network_sha256(model)) != expected:
        key, value = ("model.path", model.path) if isinstance(model, KerasFile) else ("model.build", model.build)
        raise SettingError(
            key,
            f"is {value!r}; what lies there on {platform.node()} is another network than when the study was begun "
            f"(sha256 {seen}; expected {expected}). Put back what was there, and the versions of the packages that it "
            "imports; with another network it is another study.",
        )
