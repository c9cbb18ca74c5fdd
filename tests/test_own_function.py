"""A function of the user's own, as far as the text of its file tells: refused before anything is loaded or run."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

import bnexp
from bnexp.errors import SettingError, UserError
from bnexp.system import backend
from bnexp.system.own_function import function_names, parameters_in_text, refuse_undefined


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which no network may be run, and TensorFlow not be loaded."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(backend, "load", lambda: pytest.fail("TensorFlow was loaded"))
    (tmp_path / "my_net.py").write_text("raise SystemExit\n\ndef build(normalization): ...\n")
    (tmp_path / "my.csv").write_text("a,label\n" + "".join(f"{n},{'yes' if n % 3 else 'no'}\n" for n in range(60)))
    return tmp_path


def test_functions_and_their_parameters_are_read_without_running_the_file(folder: Path) -> None:
    assert function_names("my_net.py:") == ["build"]
    assert parameters_in_text("my_net.py:build") == {"normalization"}
    assert parameters_in_text("my_net.py:other") is None
    assert parameters_in_text("not_there.py:build") is None
    (folder / "decorated.py").write_text("@cached\ndef build(normalization): ...\n")
    assert parameters_in_text("decorated.py:build") is None
    (folder / "faulty.py").write_text("def build(:\n")
    assert function_names("faulty.py:") == []


def test_a_function_below_a_line_that_ends_the_run_is_there(folder: Path) -> None:
    """Python compiles nothing that cannot be reached."""
    (folder / "stops.py").write_text('raise ValueError("now")\n\n\ndef build():\n    pass\n')
    refuse_undefined("stops.py:build")


CERTAIN = [
    "def other(): ...",
    "import nosuch_net\nfrom nets import nosuch as kept",
    "def other():\n    nosuch = 1\n    def nosuch_too(): ...",
    "nosuch: int",
    "if __name__ == '__main__':\n    print(nosuch)",
    "class Block:\n    def nosuch(self): ...",
]
UNCERTAIN = [
    "def nosuch(): ...",
    "import nosuch",
    "import nosuch.inner",
    "from nets import a as nosuch",
    "from nets import *",
    "if a:\n    nosuch = b\nelse:\n    c = d",
    "try:\n    from nets import nosuch\nexcept ImportError: ...",
    "for nosuch in a: ...",
    "with a as (b, nosuch): ...",
    "print(nosuch := 1)",
    "[nosuch := one for one in a]",
    "match a:\n    case {'b': nosuch}: ...",
    "class nosuch: ...",
    "def set_it():\n    global nosuch\n    nosuch = 1\nset_it()",
    "def __getattr__(name): ...",
    "globals()['nosuch'] = 1",
    "exec('nosuch = 1')",
    "import sys\nsetattr(sys.modules[__name__], 'nosuch', 1)",
    "import lazy\nlazy.install(__name__)",
    "import injecting",
    "if a:\n    import faulty",
]


@pytest.mark.parametrize("text", CERTAIN)
def test_a_function_that_its_file_certainly_does_not_define_is_refused_by_the_text(text: str, folder: Path) -> None:
    (folder / "net.py").write_text(f"{text}\n")
    with pytest.raises(SettingError, match=r"^model\.build is 'net\.py:nosuch'; net\.py has no function nosuch\. "):
        refuse_undefined("net.py:nosuch")


@pytest.mark.parametrize("text", UNCERTAIN)
def test_a_name_that_running_the_file_may_bind_is_left_to_that(text: str, folder: Path) -> None:
    (folder / "faulty.py").write_text("def nosuch(:\n")
    (folder / "injecting.py").write_text("import sys\nsys.modules['net'].nosuch = print\n")
    (folder / "net.py").write_text(f"{text}\n")
    refuse_undefined("net.py:nosuch")


def test_a_file_alone_is_answered_with_its_functions_or_with_the_files_that_are_there(folder: Path) -> None:
    (folder / "empty.py").write_text("")
    for name, told in (
        ("my_net.py", "It has my_net.py:build."),
        ("empty.py", "It defines no function."),
        (
            "my_nt.py",
            f"And there is no such file in {folder}. Did you mean 'my_net.py'? Good names: empty.py, my_net.py.",
        ),
    ):
        with pytest.raises(UserError) as error:
            bnexp.compare(name, data="my.csv", target="label")
        assert str(error.value) == f"{name} names no function; expected FILE.py:FUNCTION. {told}"


def test_a_module_of_a_package_is_no_missing_function(folder: Path) -> None:
    (folder / "nets").mkdir()
    (folder / "nets" / "__init__.py").write_text("def build(): ...\n")
    (folder / "nets" / "resnet.py").write_text("")
    refuse_undefined("nets:resnet")  # what it is shows when the package is imported
    with pytest.raises(SettingError, match=r"nets has no function resnt\. Good names: build\."):
        refuse_undefined("nets:resnt")


def test_a_module_that_only_imports_is_answered_with_what_it_imports(folder: Path) -> None:
    (folder / "nets").mkdir()
    (folder / "nets" / "__init__.py").write_text("from nets.made import small, _large\n")
    (folder / "nets" / "made.py").write_text("def small(): ...\ndef _large(): ...\n")
    with pytest.raises(SettingError, match=r"nets has no function smal\. Did you mean 'small'\? Good names: small\."):
        refuse_undefined("nets:smal")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("import keras\nfrom keras import layers\nfrom keras.layers import Dense\nmodel = 3\n",
         "It defines no function; write `def build():`."),
        ("import blocks\nfrom blocks import narrow, WIDTH as _width\nmodel = 3\n", "Good names: narrow."),
        ("wide = lambda: None\nmodel = 3\n", "Good names: wide."),
    ],
)  # fmt: skip
def test_modules_and_numbers_are_not_offered_as_functions(text: str, told: str, folder: Path) -> None:
    (folder / "blocks.py").write_text("WIDTH = 3\ndef narrow(): ...\n")
    (folder / "nofun.py").write_text(text)
    with pytest.raises(SettingError) as error:
        refuse_undefined("nofun.py:build")
    assert str(error.value) == f"model.build is 'nofun.py:build'; nofun.py has no function build. {told}"


def test_modules_of_a_package_are_not_offered_as_functions(folder: Path) -> None:
    (folder / "nets").mkdir()
    (folder / "nets" / "__init__.py").write_text("from nets import made\nfrom . import made as again\n")
    (folder / "nets" / "made.py").write_text("def small(): ...\n")
    with pytest.raises(SettingError, match=r"It defines no function; write `def smal\(\):`\.$"):
        refuse_undefined("nets:smal")


def test_the_warnings_of_a_text_come_when_it_is_run_and_not_before(folder: Path) -> None:
    (folder / "net.py").write_text("TEXT = '\\d'\ndef build(): ...\n")
    refuse_undefined("net.py:build")  # a warning would be an error here


@pytest.mark.parametrize(
    ("network", "message"),
    [
        ("my_net.py:biuld", "my_net.py:biuld: model.build is 'my_net.py:biuld'; my_net.py has no function biuld. Did you "
         "mean 'build'? Good names: build."),
        ("other.py:build", "other.py:build: model.build names 'other.py'; there is no such file in {folder}. Good names: "
         "faulty.py, my_net.py."),
        ("~nobody there/net.py:build", "~nobody there/net.py:build: model.build names '~nobody there/net.py'; there is no "
         "such file in {folder}. Name a .py file."),
        ("nets.deep:build", "nets.deep:build: model.build is 'nets.deep:build'; no Python file of a module nets.deep is "
         "found. Use FILE.py:FUNCTION, or a module that can be imported from {folder}."),
        ("faulty.py:build", "faulty.py:build: model.build is 'faulty.py:build'; your code in faulty.py fails while it is imported:\n"
         '  File "{folder}/faulty.py", line 1\n    def build(:\n              ^\nSyntaxError: invalid syntax\nThe error is in '
         "that code, and not in bnexp. Fix it, and try it with `python faulty.py`."),
        ("<python>:other_session", "<python>:other_session: model.build is '<python>:other_session', a function of a Python session or a notebook; "
         "expected one that is defined here. Call bnexp.compare(other_session, ...) where it is defined, or move it to a "
         "file and name FILE.py:other_session."),
        ("text.keras", "text.keras: model.path is 'text.keras'; it is no file of Keras 3 (File is not a zip file). Expected "
         "what `model.save('my.keras')` writes."),
        ("lambda.keras", "lambda.keras: model.path is 'lambda.keras'; it holds a Lambda layer (twice), which is code, and bnexp "
         "runs no code of a model file. Use `def build(): return keras.models.load_model(..., safe_mode=False)` in a Python file, and name "
         "FILE:build. Do so only if you trust the model."),
        ("folder.keras", None),
        ("text.h5", "text.h5: model.path is 'text.h5', which is not an HDF5 file, despite its name; expected what "
         "`model.save('my.keras')` writes. Save the model again."),
    ],
)  # fmt: skip
def test_what_the_files_alone_tell_is_refused_before_tensorflow_is_loaded(
    network: str, message: str | None, folder: Path
) -> None:
    (folder / "faulty.py").write_text("def build(:\n")
    for name in ("text.keras", "text.h5"):
        (folder / name).write_text("text")
    (folder / "folder.keras").mkdir()
    with zipfile.ZipFile(folder / "lambda.keras", "w") as archive:
        code = {"class_name": "__lambda__", "config": {"value": "4wA="}}
        layer = {"class_name": "Lambda", "config": {"name": "twice", "function": code}}
        archive.writestr("config.json", json.dumps({"class_name": "Sequential", "config": {"layers": [layer]}}))
    model = {"name": "python", "build": network} if ":" in network else {"name": "keras_file", "path": network}
    data = {"name": "csv", "path": "my.csv", "target": "label"}
    with pytest.raises(UserError) as of_config:
        bnexp.check({"name": "mine", "model": model, "dataset": data})
    told = str(of_config.value)
    if message is None:  # a folder is a run, if it is named alone
        assert told.startswith("config: model.path is 'folder.keras', a folder; expected a .keras file. ")
        return
    label, _, text = message.format(folder=folder).partition(": ")
    assert told == f"config: {text}"
    with pytest.raises(UserError) as of_both:
        bnexp.check({"name": "mine", "model": model, "dataset": {**data, "target": "lable"}})
    first, last = str(of_both.value).rsplit("\n", 1)
    assert (first, last.partition(";")[0]) == (told, "config: dataset.target is 'lable'"), "the data are checked, too"
    if label != "<python>:other_session":
        with pytest.raises(UserError) as of_name:
            bnexp.compare(network, data="my.csv", target="label")
        assert str(of_name.value) == f"{label}: {text}"
