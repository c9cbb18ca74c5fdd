"""The user's own code: what is run is what was digested, and no network's modules are another's."""

from __future__ import annotations

import importlib
import pickle
import sys
from pathlib import Path
from typing import Any

import pytest

from bnexp.system.own_code import own_code

NET = "from blocks import block\n\ndef build():\n    return block()\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(**files: str) -> None:
    """Write files; two underscores in a name stand for a slash."""
    for name, text in files.items():
        path = Path(f"{name.replace('__', '/')}.py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def built(build: str) -> tuple[str, Any]:
    """Return the digest of a function's code, and what the function returns."""
    code = own_code(build)
    assert code is not None
    return code.sha256, getattr(code.module(), build.rpartition(":")[2])()


def block(width: int) -> str:
    return f"def block():\n    return {width}\n"


@pytest.mark.parametrize("form", ["{}/net.py:build", "{}.net:build"])
def test_two_folders_with_a_module_of_one_name_are_two_networks(form: str) -> None:
    nets = {"a__net": NET, "b__net": NET} if form.endswith("py:build") else {}
    for name, width in (("a", 8), ("b", 64)):
        inside = NET.replace("blocks", f"{name}.blocks")
        write(**{f"{name}__net": nets.get(f"{name}__net", inside), f"{name}__blocks": block(width)})
    one, other, again = (built(form.format(name)) for name in ("a", "b", "a"))
    assert (one[1], other[1]) == (8, 64)
    assert one == again
    assert one[0] != other[0]


@pytest.mark.parametrize("build", ["net.py:build", "net:build"])
def test_an_edited_module_is_run_as_it_was_digested(build: str) -> None:
    write(net=NET, blocks=block(8))
    before = built(build)
    write(blocks=block(9))  # of the same size in the same second, so that a compiled file would seem to fit
    after = built(build)
    assert (before[1], after[1]) == (8, 9)
    assert before[0] != after[0]


def test_a_module_that_the_session_imported_stays_as_it_is_and_is_not_the_networks(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    write(net=NET, blocks=block(8))
    monkeypatch.syspath_prepend(folder)
    blocks = importlib.import_module("blocks")
    monkeypatch.setattr(blocks, "block", lambda: 3)
    try:
        assert built("net.py:build")[1] == 8
        assert sys.modules["blocks"] is blocks
        assert blocks.block() == 3
    finally:
        del sys.modules["blocks"]


def test_what_a_function_imports_when_it_is_called_is_its_own_too() -> None:
    lazy = "def build():\n    import blocks, parts.deep as deep\n    return blocks.block, deep.block()\n"
    write(
        a__net=lazy,
        a__blocks=block(8),
        a__parts__deep="from . import near\nfrom blocks import block\n",
        a__parts__near="",
    )
    write(b__net=lazy, b__blocks=block(64), b__parts__deep=block(5))
    one, other = own_code("a/net.py:build"), own_code("b/net.py:build")
    assert one is not None and other is not None
    builds = [code.module().build for code in (one, other)]
    assert [(found[0](), found[1]) for found in (build() for build in builds)] == [(8, 8), (64, 5)]
    assert builds[0]()[0] is builds[0]()[0], "one module, however often it is imported"
    assert pickle.loads(pickle.dumps(builds[0]()[0]))() == 8


def test_a_helper_that_cannot_be_parsed_matters_only_if_it_is_run() -> None:
    write(net="try:\n    import faulty\nexcept SyntaxError:\n    pass\n\ndef build():\n    return 1\n", faulty="def (")
    before = built("net.py:build")
    write(faulty="def ((")
    assert before[1] == 1
    assert built("net.py:build")[0] != before[0]


def test_there_is_no_code_where_there_is_no_file() -> None:
    assert own_code("not_there.py:build") is None
    assert own_code("not_there.net:build") is None
    assert own_code("sys:exit") is None
