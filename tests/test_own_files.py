"""Which files a network of the user's own is: its file and what it imports from beside it, without running any."""

from __future__ import annotations

import platform
import sys
from pathlib import Path
from types import ModuleType

import pytest
from pydantic import TypeAdapter

from bnexp.config.model import Model
from bnexp.errors import SettingError
from bnexp.experiment.own_files import network_sha256, refuse_changed_network
from bnexp.system.own_code import own_code
from bnexp.system.own_function import parameters_in_text


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
    assert parameters_in_text("mypkg.nets:build") == {"normalization"}
    assert parameters_in_text("theirs:build") == {"normalization"}
    assert names(folder, "theirs:build") == ["elsewhere/site-packages/theirs.py"]


@pytest.mark.parametrize(
    ("records", "told"),
    [
        ({}, True),  # nothing says what it is
        ({"INSTALLER": "pip"}, True),  # damaged
        ({"METADATA": "Version: 1\n", "direct_url.json": "{"}, True),
        ({"METADATA": "Version: 1\n", "direct_url.json": '{"dir_info": {}}'}, True),  # pip install FOLDER
        ({"METADATA": "Version: 1\n", "direct_url.json": '{"dir_info": {}}', "INSTALLER": "conda"}, False),
        ({"METADATA": "Version: 1\n"}, False),  # a release
    ],
)
@pytest.mark.parametrize("build", ["blocks_kit:build", "my_net.py:build"])
def test_an_installed_package_is_known_by_its_version_or_by_its_texts_if_they_may_change_and_it_stay(
    build: str, records: dict[str, str], told: bool, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = folder / "site-packages"
    (place / "blocks_kit").mkdir(parents=True)
    (place / "blocks_kit" / "__init__.py").write_text("from blocks_kit.nets import build\n")
    nets = place / "blocks_kit" / "nets.py"
    nets.write_text("def build(): return 8\n")
    (folder / "my_net.py").write_text("from blocks_kit import build\n")
    for name, text in records.items():
        (place / "blocks_kit-1.dist-info").mkdir(exist_ok=True)
        (place / "blocks_kit-1.dist-info" / name).write_text(
            f"Name: blocks_kit\n{text}" if name == "METADATA" else text
        )
    monkeypatch.syspath_prepend(place)
    model = TypeAdapter(Model).validate_python({"name": "python", "build": build})
    before = network_sha256(model)
    assert network_sha256(model) == before
    nets.write_text("def build(): return 64\n")
    assert (network_sha256(model) != before) == told
    if not told:
        now = network_sha256(model)
        (place / "blocks_kit-1.dist-info" / "METADATA").write_text("Name: blocks_kit\nVersion: 2\n")
        assert network_sha256(model) != now


def test_a_package_that_this_process_has_imported_stays_what_it_was(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "site-packages").mkdir()
    kit = folder / "site-packages" / "imported_kit.py"
    kit.write_text("def build(): return 8\n")
    monkeypatch.syspath_prepend(kit.parent)
    model = TypeAdapter(Model).validate_python({"name": "python", "build": "imported_kit:build"})
    before = network_sha256(model)
    monkeypatch.setitem(sys.modules, "imported_kit", ModuleType("imported_kit"))
    kit.write_text("def build(): return 64\n")
    assert network_sha256(model) == before, "the code that was imported is what runs"


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


def test_a_saved_model_is_its_bytes(folder: Path) -> None:
    model = TypeAdapter(Model).validate_python({"name": "keras_file", "path": "my.keras"})
    assert network_sha256(model) is None
    (folder / "my.keras").write_bytes(b"one")
    one = network_sha256(model)
    (folder / "my.keras").write_bytes(b"two")
    assert network_sha256(model) not in (None, one)


def test_a_worker_that_finds_another_network_refuses_it(folder: Path) -> None:
    model = TypeAdapter(Model).validate_python({"name": "python", "build": "my_net.py:build"})
    seen = network_sha256(model)
    refuse_changed_network(model, {model.model_dump_json(): seen})
    with pytest.raises(SettingError) as error:
        refuse_changed_network(model, {model.model_dump_json(): "another"})
    assert str(error.value) == (
        f"model.build is 'my_net.py:build'; on {platform.node()} this is another network than when the study began "
        f"(sha256 {seen}; expected another). Restore the file, and the versions of the packages that it imports. "
        "Another network needs another study."
    )
