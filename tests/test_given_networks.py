"""A network that is given in Python: by what it is known, so that another network never gets its numbers."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pydantic import TypeAdapter

from bnexp.api.given_networks import OwnNetwork, taken
from bnexp.config.model import Model
from bnexp.experiment.own_files import network_sha256

TEXT = """\
import sys
WIDTH = int(sys.argv[1]) if __name__ == "__main__" else 8
class Net:
    def width(self): return WIDTH
def build(): return Net().width()
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def known(network: Any, *overrides: str) -> tuple[str, str | None]:
    """Return what a network is called in a config, and its digest."""
    (one,) = taken(network, overrides, Path("runs"))
    assert isinstance(one, OwnNetwork)
    section = TypeAdapter(Model).validate_python(dict(one.section))
    return str(one.section.get("build", one.section.get("path"))), network_sha256(section)


@pytest.fixture
def my_net(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    (folder / "my_net.py").write_text(TEXT)
    monkeypatch.syspath_prepend(folder)
    yield importlib.import_module("my_net")
    del sys.modules["my_net"]


def test_a_function_is_named_by_its_file_only_while_it_does_what_the_file_says(my_net: ModuleType) -> None:
    from bnexp.models.user_code import function_of

    as_in_file = known(my_net.build)
    assert as_in_file[0] == "my_net.py:build"
    my_net.WIDTH = 64  # type: ignore[attr-defined]
    name, digest = known(my_net.build)
    assert name == "<python>:build"
    assert function_of(name)() == 64
    assert digest != as_in_file[1]
    my_net.WIDTH = 8  # type: ignore[attr-defined]
    assert known(my_net.build) == as_in_file


def test_a_function_of_a_file_that_is_faulty_now_is_one_of_the_session(my_net: ModuleType, folder: Path) -> None:
    (folder / "my_net.py").write_text(f"{TEXT}raise ValueError\n")
    assert known(my_net.build)[0] == "<python>:build"


def test_a_function_of_a_script_is_known_by_what_it_reads(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = folder / "script.py"
    script.write_text(TEXT)
    digests = []
    for width in ("8", "64", "8"):
        main = ModuleType("__main__")
        main.__file__ = str(script)
        monkeypatch.setitem(sys.modules, "__main__", main)
        monkeypatch.setattr(sys, "argv", ["script.py", width])
        exec(compile(TEXT, str(script), "exec"), vars(main))
        name, digest = known(main.build)
        assert name == "script.py:build"
        digests.append(digest)
        main.WIDTH = 3  # type: ignore[attr-defined]
        assert known(main.build)[1] != digest
    assert digests[0] == digests[2] != digests[1]
