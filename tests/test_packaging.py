"""What pyproject.toml declares: bounds that the exact versions keep, and that hold at their lower ends."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
EXTRAS = PROJECT["optional-dependencies"]
DECLARED = [Requirement(text) for texts in (PROJECT["dependencies"], *EXTRAS.values()) for text in texts]


@pytest.mark.parametrize("requirement", [one for one in DECLARED if one.name != "bnexp"], ids=str)
def test_the_exact_version_of_a_dependency_is_within_its_bounds(requirement: Requirement) -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    exact = [Requirement(line) for line in lines if not line.startswith("#")]
    found = [one for one in exact if canonicalize_name(one.name) == canonicalize_name(requirement.name)]
    assert len(found) == 1
    assert found[0].marker is None
    assert requirement.specifier.contains(str(found[0].specifier).removeprefix("=="))


def test_the_readme_names_the_pythons_that_are_declared() -> None:
    lowest, highest = re.findall(r"3\.(\d+)", PROJECT["requires-python"])
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"Python 3.{lowest} to 3.{int(highest) - 1}." in readme


def test_the_types_of_the_api_are_shipped() -> None:
    assert "py.typed" in PYPROJECT["tool"]["setuptools"]["package-data"]["bnexp"]
    assert (ROOT / "bnexp" / "py.typed").is_file()


@pytest.mark.slow
@pytest.mark.network
def test_a_part_of_the_tests_passes_on_the_lowest_versions_declared() -> None:
    part = ("test_statistics.py", "test_networks.py", "test_machine.py", "test_files.py", "test_plots.py")
    assert all((ROOT / "tests" / name).is_file() for name in part)
    command = ["sh", ".ci/lowest.sh", *(f"tests/{name}" for name in part)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
