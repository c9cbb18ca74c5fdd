"""The README is true: its commands run, its keys are the schema's, and every command of bnexp stands in it."""

from __future__ import annotations

import importlib
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
from typer.main import get_command

from bnexp import config
from bnexp.cli.app import app
from bnexp.config.study import read_study

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BNEXP = Path(sys.executable).with_name("bnexp")
MINUTES = ("bnexp claims", "bnexp study my-study.yaml")
"""Commands that take minutes, or a file that only the reader has."""
HALF_A_MINUTE = ("bnexp study studies/", "bnexp compare tables/")
COMMANDS = re.findall(r"^ *(bnexp .*)$", README, re.MULTILINE)


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("clone")
    shutil.copytree(ROOT / "configs", place / "configs")
    return place


@pytest.mark.parametrize("left_out", [(*MINUTES, *HALF_A_MINUTE), pytest.param(MINUTES, marks=pytest.mark.slow)])
def test_every_command_of_the_readme_runs_as_written_and_in_order(clone: Path, left_out: tuple[str, ...]) -> None:
    quick = [command for command in COMMANDS if not command.startswith(left_out)]
    assert len(quick) >= 9
    for command in quick:
        done = subprocess.run(
            [BNEXP, *shlex.split(command)[1:]], cwd=clone, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stderr}"


def test_every_command_of_bnexp_has_help_and_stands_in_the_readme() -> None:
    commands: dict[str, Any] = get_command(app).commands  # type: ignore[attr-defined]
    for name, command in commands.items():
        assert command.help
        assert any(line.startswith(f"bnexp {name}") for line in COMMANDS), name


def imported(folder: str, name: str) -> Any:
    sys.path.insert(0, str(ROOT / folder))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.pop(0)


def test_the_page_of_keys_is_the_schemas() -> None:
    make_keys = imported("docs", "make_keys")
    assert make_keys.PAGE.read_text(encoding="utf-8") == make_keys.page(), "run `make keys`"


def examples() -> list[str]:
    return [text for text in re.findall(r"```yaml\n(.*?)```", README, re.DOTALL) if "\ndataset:" in f"\n{text}"]


@pytest.mark.parametrize("text", examples())
def test_the_readmes_examples_are_good_configs(text: str, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(text)
    assert config.load(tmp_path / "mine.yaml").name == "mine"


CONFIGS = sorted(path for path in (ROOT / "configs").rglob("*.yaml") if path.parent.name != "studies")


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_config_is_good_and_stands_in_the_table_of_configs(path: Path) -> None:
    config.load(path)
    table = (ROOT / "configs" / "README.md").read_text()
    names = [one for row in rows(table) for one in expanded(row)]
    assert path.relative_to(ROOT / "configs").with_suffix("").as_posix() in names


def test_every_study_stands_in_the_table_of_studies() -> None:
    table = (ROOT / "configs" / "README.md").read_text().partition("## Studies")[2]
    named = [one for row in rows(table) for one in expanded(row)]
    assert sorted(named) == [f"studies/{path.stem}" for path in sorted((ROOT / "configs" / "studies").glob("*.yaml"))]


def expanded(row: str) -> Iterator[str]:
    """Write out `a-{b,c}`, as a shell does."""
    for name in re.findall(r"`([^`]*)`", row.split("|")[1]):
        head, _, inner = name.partition("{")
        yield from (head + end for end in inner.rstrip("}").split(","))


def rows(table: str) -> Iterator[str]:
    yield from (line for line in table.splitlines() if line.startswith("| "))


def test_the_readmes_speed_table_is_the_benchmarks(capsys: pytest.CaptureFixture[str]) -> None:
    table = imported("benchmarks", "speed").table
    measured = json.loads((ROOT / "benchmarks" / "speed.json").read_text())
    assert list(rows(table(measured["rows"]))) == list(
        rows(README.partition("<!-- speed")[2].partition("<!-- studies")[0])
    )
    measured = json.loads((ROOT / "benchmarks" / "studies.json").read_text())
    assert list(rows(table(measured["rows"]))) == list(
        rows(README.partition("<!-- studies")[2].partition("## Tests")[0])
    )


def test_the_readmes_table_of_claims_is_that_of_the_studies_that_ship() -> None:
    measured = json.loads((ROOT / "benchmarks" / "claims.json").read_text())["rows"]
    table = imported("benchmarks", "claims").table(measured)
    assert list(rows(table)) == list(rows(README.partition("<!-- claims")[2].partition("## Your own data")[0]))
    shipped = [read_study(path) for path in sorted((ROOT / "configs" / "studies").glob("*.yaml"))]
    claims = [(file.study.name, claim.claim) for file in shipped for claim in file.study.claims()]
    assert [(row["study"], row["claim"]) for row in measured] == claims


def test_the_readmes_table_of_fields_is_the_benchmarks() -> None:
    measured = json.loads((ROOT / "benchmarks" / "fields.json").read_text())
    table = imported("benchmarks", "fields").table(measured["rows"])
    assert list(rows(table)) == list(rows(README.partition("<!-- fields")[2].partition("## What is kept")[0]))


def test_ci_runs_the_readmes_own_test_command() -> None:
    ci = (ROOT / ".ci" / "run").read_text()
    (pattern,) = re.findall(r"grep -m 1 -E '(.*)' README.md", ci)
    (command,) = re.findall(pattern, README, re.MULTILINE)
    assert command.endswith("make check")
