"""Small CSV tables, prepared or refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from bnexp.config.dataset import Dataset
from bnexp.data import Data, prepare
from bnexp.errors import SettingError


def prepared(seeds: int = 1, **keys: Any) -> Data:
    return prepare(TypeAdapter(Dataset).validate_python(keys), tuple(range(seeds)))


def refused(**keys: Any) -> str:
    with pytest.raises(SettingError) as raised:
        prepared(**keys)
    return str(raised.value)


def table(tmp_path: Path, labels: list[str], *, same: bool = False) -> dict[str, Any]:
    lines = [f"{0 if same else n},{label}" for n, label in enumerate(labels)]
    (tmp_path / "t.csv").write_text("\n".join(["x,y", *lines]))
    return {"name": "csv", "path": str(tmp_path / "t.csv"), "target": "y"}
