"""histories.json: the histories of a comparison's arms, each in the format of history.json."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from bnexp.errors import RunError
from bnexp.history import History, from_json
from bnexp.store.reading import cure, read_json
from bnexp.store.writing import write_json

HISTORIES = "histories.json"
FORMAT = 1  # 1: {"format", "arms": {name: as history.json}}


def write_histories(directory: Path, histories: Mapping[str, History]) -> None:
    """Write the histories of a comparison's arms into its directory; `histories` maps an arm's name to its history."""
    arms = {name: history.to_json() for name, history in histories.items()}
    write_json(directory / HISTORIES, {"format": FORMAT, "arms": arms})


def read_histories(directory: Path) -> dict[str, History]:
    """Read the histories of a comparison's arms: name -> history.

    Raises:
        RunError: if the file is missing, damaged or of another format.
    """
    path = directory / HISTORIES
    document = read_json(path)
    if (seen := document.get("format")) != FORMAT:
        raise RunError(f"{path}: has format {seen!r}; expected {FORMAT}. Use the bnexp that wrote it. {cure(path)}")
    arms = document.get("arms")
    if not isinstance(arms, dict) or not arms:
        raise RunError(f"{path}: has no arms; expected an object of histories by arm. {cure(path)}")
    return {name: from_json(json.dumps(entry), f"{path}: arm {name}") for name, entry in arms.items()}
