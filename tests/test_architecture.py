"""The house: a file imports only from lower ranks, heavy imports stay where they belong, module bodies only define."""

from __future__ import annotations

import ast
import functools
import re
import subprocess
import sys
import tokenize
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeGuard

import pytest
from cases import slow
from conftest import SPLIT

import bnexp

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "bnexp"
RANKS = {
    "errors": 0,
    "metrics": 1, "statistics": 1, "system": 1, "warning_kinds": 1,
    "config": 2, "history": 2, "held_out": 2, "checkpoint": 2, "executors": 2,
    "data": 3, "models": 3, "store": 3,
    "training": 4, "comparison": 4,
    "experiment": 5,
    "study": 6,
    "report": 7,
    "api": 8,
    "cli": 9, "__init__": 9,
    "__main__": 10,
}  # fmt: skip
HEAVY = {"tensorflow", "keras", "sklearn", "scipy", "matplotlib", "pandas", "numpy", "soundfile"}
ALLOWED_HEAVY = {
    "history": {"numpy"}, "held_out": {"numpy"}, "checkpoint": {"numpy"}, "statistics": {"numpy"}, "data": {"numpy"}, "models": {"keras", "tensorflow", "numpy"},
    "training": {"keras", "tensorflow", "numpy"}, "comparison": {"numpy"}, "experiment": {"numpy"}, "study": {"numpy"},
    "report": {"matplotlib", "numpy"},
}  # fmt: skip
FILES = sorted(PACKAGE.rglob("*.py"))


def of_each(paths: Iterable[Path]) -> Callable[[Callable[[Path], None]], Callable[[], None]]:
    """Check every file in one test, which tells all that fail: to hand out thousands of tests takes many seconds."""

    def one_test(check: Callable[[Path], None]) -> Callable[[], None]:
        def test() -> None:
            failed = []
            for path in paths:
                try:
                    check(path)
                except AssertionError as error:
                    failed.append(f"{path.relative_to(ROOT)}: {error}")
            assert not failed, "\n\n".join(failed)

        test.__name__ = check.__name__
        return test

    return one_test


def test_a_check_of_each_file_tells_all_files_that_fail() -> None:
    def is_short(path: Path) -> None:
        assert len(path.name) < 9, "too long"

    of_each([ROOT / "short.py"])(is_short)()
    with pytest.raises(AssertionError, match=r"(?s)^long_name\.py: too long.*other_name\.py: too long"):
        of_each([ROOT / "long_name.py", ROOT / "short.py", ROOT / "other_name.py"])(is_short)()


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@functools.cache
def parsed(path: Path) -> ast.Module:
    """Read a file's syntax, once for all that is asked of it."""
    return ast.parse(path.read_text(encoding="utf-8"))


@functools.cache
def walked(path: Path) -> list[ast.AST]:
    """List all nodes of a file's syntax."""
    return list(ast.walk(parsed(path)))


def imported(nodes: Iterable[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def at_import(tree: ast.Module) -> Iterator[ast.AST]:
    """All nodes that run when the module is imported, but for type checking."""
    for statement in tree.body:
        if not isinstance(statement, ast.If):
            yield statement


@of_each(FILES)
def test_a_file_imports_only_from_its_own_room_and_lower_ranks(path: Path) -> None:
    rank = RANKS[room(path)]
    for name in imported(walked(path)):
        parts = name.split(".")
        if parts[0] == "bnexp" and len(parts) > 1 and parts[1] in RANKS and parts[1] != room(path):
            assert RANKS[parts[1]] < rank, name


@of_each(FILES)
def test_heavy_packages_are_imported_only_where_they_belong(path: Path) -> None:
    tree = parsed(path)
    heavy = {name.split(".")[0] for name in imported(at_import(tree))} & HEAVY
    assert heavy <= ALLOWED_HEAVY.get(room(path), set())


@of_each(FILES)
def test_a_module_body_only_defines(path: Path) -> None:
    tree = parsed(path)
    definitions = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign)
    for statement in tree.body:
        docstring = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        registers = isinstance(statement, ast.Expr) and any(
            name in ast.unparse(statement) for name in ("add_representer", "add_typer")
        )
        guards = ("TYPE_CHECKING", "__name__ == '__main__'")
        guard = isinstance(statement, ast.If) and ast.unparse(statement.test) in guards
        assert isinstance(statement, definitions) or docstring or registers or guard, ast.unparse(statement)[:80]


MOST_LINES = 300


@of_each(FILES)
def test_a_file_is_short_and_says_first_what_lives_in_it(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert ast.get_docstring(parsed(path))
    assert len(text.splitlines()) <= MOST_LINES


MOST_LINES_OF_A_FUNCTION = 50


@of_each(FILES)
def test_a_function_fits_on_a_screen(path: Path) -> None:
    functions = [node for node in walked(path) if isinstance(node, ast.FunctionDef)]
    long = {one.name for one in functions if (one.end_lineno or 0) - one.lineno + 1 > MOST_LINES_OF_A_FUNCTION}
    assert long == set()


def test_contributing_ranks_the_rooms_as_they_are_checked() -> None:
    rows = re.findall(r"^\| (\d+) \| (`.*?) \|", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.MULTILINE)
    told = {room: int(rank) for rank, rooms in rows for room in re.findall(r"`(\w+)/?`", rooms)}
    assert told == RANKS
    assert {room(path) for path in FILES} == set(RANKS)


def test_the_api_is_typed_by_the_names_that_it_exports() -> None:
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    (guarded,) = [node for node in tree.body if isinstance(node, ast.If)]
    assert set(imported(guarded.body)) == {f"bnexp.api.{file}.{name}" for name, file in bnexp.EXPORTED.items()}


@of_each(sorted((ROOT / "tests").glob("*.py")))
def test_what_several_test_files_share_is_in_no_test_file(path: Path) -> None:
    modules = {name.split(".")[0] for name in imported(walked(path))}
    assert [name for name in modules if name.startswith("test_")] == []


TENSORFLOW = ("tensorflow", "keras", "bnexp.models", "bnexp.training", "eager_loop")
OF_TENSORFLOW = {
    "own_traps", "published", "test_codes", "test_compiled_metrics", "test_compiled_optimizer", "test_fine_tuning", "test_keras_files", "test_keras_generators", "test_larger_than_memory", "test_own_traps", "test_published",
    "eager_loop", "own_nets", "test_faithful", "test_layer_cures", "test_layers", "test_mapping", "test_masks", "test_memory", "test_models", "test_networks", "test_normalization", "test_program", "test_progress",
    "test_epoch_metrics", "test_fixed_weights", "test_input_shapes", "test_row_weights", "test_own_network", "test_random_models", "test_restored_bias", "test_training", "own_functions", "test_swapping", "test_own_doubts", "test_weight_rules", "warned_networks",
}  # fmt: skip
"""Files about layers, models and engines: each of their tests needs TensorFlow."""


@of_each(sorted((ROOT / "tests").glob("*.py")))
def test_a_test_file_that_is_not_about_models_loads_no_tensorflow_when_it_is_collected(path: Path) -> None:
    names = set(imported(at_import(parsed(path))))
    loads = [name for name in names if any(f"{name}.".startswith(f"{heavy}.") for heavy in TENSORFLOW)]
    assert not loads or path.stem in OF_TENSORFLOW, loads


def test_files_of_tests_that_are_split_exist() -> None:
    assert [name for name in SPLIT if not (ROOT / "tests" / f"test_{name}.py").is_file()] == []


MISTAKES = {"KeyError", "TypeError", "IndexError", "AttributeError"}
"""What a mistake in the code raises: who catches several of them hides it."""
FOREIGN = {"models/sequential.py"}
"""Where Keras, called with a user's arguments, raises any of them."""


@of_each(FILES)
def test_no_tuple_of_errors_to_catch_holds_several_that_a_mistake_in_the_code_raises(path: Path) -> None:
    for node in walked(path):
        if isinstance(node, ast.Tuple) and path.relative_to(PACKAGE).as_posix() not in FOREIGN:
            names = {entry.id for entry in node.elts if isinstance(entry, ast.Name)}
            assert len(names & MISTAKES) < 2, ast.unparse(node)


def test_only_the_preflight_checks_experiments() -> None:
    for path in FILES:
        imported = [
            name.name
            for node in walked(path)
            if isinstance(node, ast.ImportFrom) and node.module == "bnexp.experiment.prepare"
            for name in node.names
        ]
        assert "check" not in imported, path


def test_one_function_is_the_preflight() -> None:
    named = [
        path.relative_to(PACKAGE).as_posix()
        for path in FILES
        for node in walked(path)
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name.lower() == "preflight"
    ]
    assert named == ["experiment/prepare.py"]


def test_no_file_is_called_by_what_it_is_not() -> None:
    assert not {path.stem for path in FILES} & {"utils", "helpers", "common", "misc", "base"}


@pytest.mark.parametrize(
    "module",
    [slow("bnexp.cli.app"), "bnexp.cli.commands", slow("bnexp.cli.data_commands"), slow("bnexp.cli.study_commands")],
)
def test_a_command_imports_what_takes_long_only_once_it_needs_it(module: str) -> None:
    heavy = HEAVY - {"numpy"}
    code = f"import sys, {module}; print([name for name in {sorted(heavy)} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


VAGUE = re.compile(r"(?:^|[.\n])\s*(?:Give|Tell|Say)s?\b")
"""A docstring, or a sentence of one, that begins with a verb that says too little."""
UNCLEAR = re.compile(
    r"what (becomes|became) of|so-manieth|there as here|as it were|\bso many\b|\bof which\b|(?<!\bno )\bsuch\b(?! as\b)"
    r"|\bth(?:ose|at) of\b|\bwhence\b|\bat last\b|\bof each \w+ comes?\b|\b(?:is|are|be) told\b(?! apart\b)"
    r"|[\w)}] less (?:\d|\{|one\b|the (?:last|same|contrast)\b)|\bfresh test\b"
    r"|[;:.] who [a-z]+s\b|\bwho (?:asks|draws|drew|knows|lists|reads|waits|watches)\b"
)
"""Paraphrases that a reader has to read twice. "such as", "no such" and "told apart" are plain."""
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def unclear_phrases(text: str) -> list[str]:
    return [found[0] for found in UNCLEAR.finditer(" ".join(text.lower().replace("#", " ").split()))]


@of_each(FILES)
def test_docstrings_begin_with_a_precise_verb_and_use_no_unclear_phrase(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for node in walked(path):
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module):
            assert not VAGUE.search(ast.get_docstring(node) or ""), getattr(node, "name", path.name)
    assert unclear_phrases(text) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Return those of\n    the test part.", ["those of"]),
        ("None if it cannot be read; who reads it says why.", ["; who reads"]),
        ("the spread of rows, and that of seeds", ["that of"]),
        ("what differs, and whence", ["whence"]),
        ("Of each arm come the scores.", ["of each arm come"]),
        ("All mistakes are told at once.", ["are told"]),
        ('f"arm less {baseline}, by pairs"; the seeds less 5%', ["m less {", "s less 5"]),
        ("It takes less than the last one.", []),
        ("Effects cannot be told apart. Such as it is. No such file.", []),
    ],
)
def test_a_phrase_that_is_read_twice_is_found_in_whatever_line_it_stands(text: str, found: list[str]) -> None:
    assert unclear_phrases(text) == found


@of_each(PAGES)
def test_a_page_uses_no_unclear_phrase(path: Path) -> None:
    assert unclear_phrases(path.read_text(encoding="utf-8")) == []


NAMED_FILE = re.compile(r"(?<![\w./-])((?:[\w-]+/)*[a-z]\w*\.py)\b")


def names_of_files(path: Path) -> set[str]:
    """Return the .py files that a page names, or the docstrings and comments of a file do."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        with open(path, "rb") as file:
            kept = [token for token in tokenize.tokenize(file.readline) if token.type == tokenize.COMMENT]
        strings = [node.value.value for node in walked(path) if isinstance(node, ast.Expr) and is_text(node.value)]
        text = "\n".join([*(token.string for token in kept), *strings])
    return set(NAMED_FILE.findall(text)) - {"my_net.py"}  # a user's, in examples


def is_text(node: ast.expr) -> TypeGuard[Any]:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


EXISTING = "\n".join(f"/{one.relative_to(ROOT).as_posix()}" for one in (*FILES, *ROOT.glob("*/*.py"))) + "\n"


@of_each([*FILES, *PAGES])
def test_every_file_that_is_named_exists(path: Path) -> None:
    assert [name for name in names_of_files(path) if f"/{name}\n" not in EXISTING] == []
