"""The README is true: its commands run, its keys are the schema's, and every command of bnexp stands in it."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel
from typer.main import get_command

from bnexp.cli import app
from bnexp.config.dataset import (
    BlobsDataset,
    CirclesDataset,
    ClassificationDataset,
    MoonsDataset,
    RegressionDataset,
)
from bnexp.config.model import Mlp, Sequential
from bnexp.config.training import Training

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BNEXP = Path(sys.executable).with_name("bnexp")
COMMANDS = re.findall(r"^ *(bnexp .*)$", README, re.MULTILINE)


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("clone")
    shutil.copytree(ROOT / "configs", place / "configs")
    return place


def test_every_command_of_the_readme_runs_as_written_and_in_order(clone: Path) -> None:
    assert len(COMMANDS) >= 9
    for command in COMMANDS:
        done = subprocess.run(
            [BNEXP, *shlex.split(command)[1:]], cwd=clone, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stderr}"


def test_every_command_of_bnexp_has_help_and_stands_in_the_readme() -> None:
    commands: dict[str, Any] = get_command(app).commands  # type: ignore[attr-defined]
    for name, command in commands.items():
        assert command.help
        assert any(line.startswith(f"bnexp {name}") for line in COMMANDS), name


def keys_of(sections: list[type[BaseModel]]) -> dict[str, Any]:
    return {key: field for section in sections for key, field in section.model_fields.items()}


def test_the_readmes_keys_and_defaults_are_the_schemas() -> None:
    (text,) = re.findall(r"<!-- keys -->\n```yaml\n(.*?)```", README, re.DOTALL)
    written = yaml.safe_load(text)
    datasets = [BlobsDataset, CirclesDataset, MoonsDataset, RegressionDataset, ClassificationDataset]
    schema = {
        "dataset": keys_of(datasets),
        "model": keys_of([Mlp]),
        "training": keys_of([Training]),
    }
    assert keys_of([Sequential]).keys() - schema["model"].keys() == {"layers"}
    for section, fields in schema.items():
        assert written[section].keys() == fields.keys()
        for key, field in fields.items():
            if key != "name":
                assert short(field.default) == written[section][key], f"{section}.{key}"


def short(value: Any) -> Any:
    """A default as the README writes it: kinds by their name, a constant rate by its number."""
    if isinstance(value, BaseModel):
        return getattr(value, "initial", None) or value.name  # type: ignore[attr-defined]
    return value


def rows(table: str) -> Iterator[str]:
    yield from (line for line in table.splitlines() if line.startswith("| "))


def test_the_readmes_speed_table_is_the_benchmarks(capsys: pytest.CaptureFixture[str]) -> None:
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        from speed import table
    finally:
        sys.path.pop(0)
    measured = json.loads((ROOT / "benchmarks" / "speed.json").read_text())
    assert list(rows(table(measured["rows"]))) == list(rows(README.partition("<!-- speed")[2].partition("## Tests")[0]))


def test_ci_runs_the_readmes_own_test_command() -> None:
    ci = (ROOT / ".ci" / "run").read_text()
    (pattern,) = re.findall(r"grep -m 1 -E '(.*)' README.md", ci)
    (command,) = re.findall(pattern, README, re.MULTILINE)
    assert command.endswith("make check")
