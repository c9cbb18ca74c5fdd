"""Which files a network of the user's own is: its file and what it imports from beside it, without running any."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import TypeAdapter

from bnexp.config.model import Model
from bnexp.experiment.own_files import function_names, has_parameter, network_sha256
from bnexp.system.own_code import own_code


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a network whose file must not be run, and modules beside it."""
    monkeypatch.chdir(tmp_path)
    files = {
        "my_net.py": "import blocks\nfrom parts import head\nimport numpy\nraise SystemExit\n\ndef build(normalization): ...\n",
        "blocks.py": "def block():\n    from parts.deep import layer\n",
        "parts/__init__.py": "",
        "parts/head.py": "from . import deep\n",
        "parts/deep.py": "import blocks  # in a circle\n",
        "unrelated.py": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def names(folder: Path, build: str) -> list[str]:
    code = own_code(build)
    assert code is not None
    return sorted(path.relative_to(folder).as_posix() for path in code.files)


def test_a_network_is_its_file_and_all_that_it_imports_from_its_folder(folder: Path) -> None:
    expected = ["blocks.py", "my_net.py", "parts/__init__.py", "parts/deep.py", "parts/head.py"]
    assert names(folder, "my_net.py:build") == expected
    assert names(folder, "my_net:build") == expected
    assert names(folder, "parts.head:build") == ["blocks.py", "parts/__init__.py", "parts/deep.py", "parts/head.py"]
    (installed,) = own_code("keras.applications:MobileNetV2").files  # type: ignore[union-attr]
    assert installed.as_posix().endswith("keras/applications/__init__.py"), "its imports are known by their versions"


def test_a_module_is_found_where_python_finds_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`nets/net.py` imports from the project's root, which is on PYTHONPATH; `elsewhere` has packages of its own."""
    files = {
        "nets/net.py": "from common.blocks import block\n\ndef build(): ...\n",
        "common/blocks.py": "import parts\n",
        "elsewhere/mypkg/__init__.py": "",
        "elsewhere/mypkg/nets.py": "from .deep.er import layer\n\ndef build(normalization): ...\n",
        "elsewhere/mypkg/deep/er.py": "import keras\n",
        "elsewhere/site-packages/theirs.py": "def build(normalization): ...\n",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    assert names(folder, "nets/net.py:build") == ["nets/net.py"]
    for place in (folder, folder / "elsewhere", folder / "elsewhere" / "site-packages"):
        monkeypatch.syspath_prepend(place)
    assert names(folder, "nets/net.py:build") == ["common/blocks.py", "nets/net.py", "parts/__init__.py"]
    assert names(folder, "mypkg.nets:build") == [
        f"elsewhere/mypkg/{end}" for end in ("__init__.py", "deep/er.py", "nets.py")
    ]
    assert has_parameter("mypkg.nets:build", "normalization")
    assert has_parameter("theirs:build", "normalization")
    assert names(folder, "theirs:build") == ["elsewhere/site-packages/theirs.py"]


@pytest.mark.parametrize(
    ("file", "matters"),
    [("my_net.py", True), ("blocks.py", True), ("parts/deep.py", True), ("unrelated.py", False)],
)
def test_a_change_of_any_of_these_files_is_another_network(file: str, matters: bool, folder: Path) -> None:
    model = TypeAdapter(Model).validate_python({"name": "python", "build": "my_net.py:build"})
    before = network_sha256(model)
    with open(folder / file, "a") as changed:
        changed.write("\n# changed\n")
    assert before is not None
    assert (network_sha256(model) != before) == matters


def test_functions_and_their_parameters_are_read_without_running_the_file(folder: Path) -> None:
    assert function_names("my_net.py:") == ["build"]
    assert has_parameter("my_net.py:build", "normalization")
    assert not has_parameter("my_net.py:build", "width")
    assert not has_parameter("not_there.py:build", "normalization")
    (folder / "faulty.py").write_text("def build(:\n")
    assert function_names("faulty.py:") == []


def test_a_saved_model_is_its_bytes(folder: Path) -> None:
    model = TypeAdapter(Model).validate_python({"name": "keras_file", "path": "my.keras"})
    assert network_sha256(model) is None
    (folder / "my.keras").write_bytes(b"one")
    one = network_sha256(model)
    (folder / "my.keras").write_bytes(b"two")
    assert network_sha256(model) not in (None, one)
