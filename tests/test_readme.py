"""README and docs are true: their commands run, their tables are the benchmarks', their links lead somewhere."""

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
import yaml
from cases import slow
from typer.main import get_command
from typer.testing import CliRunner

from bnexp import config
from bnexp.api.own_networks import is_own_network
from bnexp.cli.app import app
from bnexp.config.study_reading import read_study
from bnexp.errors import ConfigError

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = {"README": README} | {path.stem: path.read_text(encoding="utf-8") for path in sorted(DOCS.glob("*.md"))}
BNEXP = Path(sys.executable).with_name("bnexp")
LONG = ("batch-size", "shift", "text")
MINUTES = ("bnexp claims", "bnexp study my-study.yaml", *(f"bnexp study studies/{name}" for name in LONG))
"""Commands that take many minutes, or a file that only the reader has."""
RUN = ["README", slow("claims"), slow("own-data"), slow("tutorial")]
"""Pages whose quick commands run in this process; the README's do so in every check. Those of the other pages are
checked without training."""
CODE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
REFUSED = " # refused"
"""What stands behind a command that a page shows being refused."""


def commands(text: str) -> list[str]:
    """Return the commands of a page that stand in its code, each with its comment."""
    blocks = [body for language, body in CODE.findall(text) if not language]
    return [line for block in blocks for line in block.splitlines() if line.startswith("bnexp ")]


def examples(text: str) -> list[str]:
    """Return the configs of a page."""
    blocks = [body for language, body in CODE.findall(text) if language == "yaml"]
    return [body for body in blocks if not re.search("^(arms|vary):", body, re.MULTILINE)]


def files(text: str) -> dict[str, str]:
    """Map the file names that head a page's configs, and its Python files, to what is in them."""
    code = [body for language, body in CODE.findall(text) if language == "python"]
    bodies = [*examples(text), *code]
    return {found[1]: body for body in bodies if (found := re.match(r"# ([\w-]+\.(?:yaml|py))", body))}


@pytest.fixture(scope="module")
def small_clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with everything that the pages name, in which 2 seeds train for 2 epochs unless a command says more."""
    place = clone(tmp_path_factory.mktemp("small"))
    for path in [*place.glob("*.yaml"), *(place / "configs").rglob("*.yaml")]:
        if path.parent.name != "studies":
            path.write_text(re.sub(r"\b(epochs|seeds): \d+", r"\1: 2", path.read_text()))
    return place


def clone(place: Path) -> Path:
    shutil.copytree(ROOT / "configs", place / "configs")
    for text in PAGES.values():
        for name, body in files(text).items():
            (place / name).write_text(body)
    numbers = [f"{row},{row % 7},{row * row % 11},{'yes' if row % 3 else 'no'}" for row in range(60)]
    (place / "my.csv").write_text("\n".join(["id,width,height,label", *numbers]) + "\n")
    return place


def save_network(place: Path) -> None:
    """Save the network of the user's own that a page names, and the data to train it on."""
    import keras
    import numpy as np

    layers = [
        keras.Input((3,)),
        keras.layers.Dense(4),
        keras.layers.BatchNormalization(),
        keras.layers.Dense(1, "sigmoid"),
    ]
    keras.Sequential(layers).save(place / "my.keras")
    np.savez(place / "new.npz", x=np.random.default_rng(0).normal(size=(60, 3)), y=np.arange(60) % 2)


@pytest.mark.filterwarnings("ignore:__array__ implementation")  # Keras's own, while it writes
def test_the_commands_of_the_page_on_own_networks_can_be_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = clone(tmp_path)
    monkeypatch.chdir(place)
    save_network(place)
    for command in commands(PAGES["own-network"]):
        words = shlex.split(command)[1:]
        result = CliRunner().invoke(app, words if words[0] == "init" else [*words, "--dry-run"])
        assert result.exit_code == 0, f"{command}\n{result.output}\n{result.exception}"


@pytest.mark.parametrize("page", RUN)
def test_every_quick_command_of_a_page_runs_in_order(
    page: str, small_clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(small_clone)
    quick = [command for command in commands(PAGES[page]) if not command.startswith(MINUTES)]
    assert quick
    for command in quick:
        words = shlex.split(command, comments=True)[1:]
        if any(is_own_network(word) for word in words) and not {"--seeds", "--epochs"} & {*words}:
            words += ["--seeds", "2", "--epochs", "2"]
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 0, f"{command}\n{result.output}\n{result.exception}"


@pytest.mark.parametrize("page", [name for name, text in PAGES.items() if commands(text)])
def test_every_command_of_a_page_has_options_keys_and_names_that_exist(
    page: str, small_clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(small_clone)
    trained: set[str] = set()
    for command in commands(PAGES[page]):
        name, *words = shlex.split(command, comments=True)[1:]
        values = arguments(name, words)
        keys = [word for word in values if "=" in word]
        if name == "study" and "my-study.yaml" not in words:
            assert read_study(Path("configs", f"{values[0]}.yaml"))
        named = [word for word in values if name in ("train", "compare") and word not in keys]
        for path in [config_file(word) for word in named if not is_own_network(word)]:
            if REFUSED in command:
                with pytest.raises(ConfigError):
                    config.load(path, keys)
            elif path.exists():
                trained.add(config.load(path, keys).name)
            else:
                assert path.stem in trained, command


def arguments(name: str, words: list[str]) -> list[str]:
    """Return the values of a command without its options, once the command line takes them all."""
    if name.startswith("-"):
        return []
    command = get_command(app).commands[name]  # type: ignore[attr-defined]
    given = command.make_context(name, list(words)).params
    values = [given[one.name] for one in command.params if one.param_type_name == "argument"]
    return [str(one) for value in values for one in (value if isinstance(value, list | tuple) else [value])]


def config_file(name: str) -> Path:
    """Return the config that a name on the command line means, whether it is there or not."""
    return Path(name) if name.endswith(".yaml") else Path("configs", f"{name}.yaml")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:__array__ implementation")  # Keras's own, while it writes
@pytest.mark.parametrize("page", [name for name, text in PAGES.items() if commands(text)])
def test_every_command_of_a_page_runs_as_written_and_in_order(page: str, tmp_path: Path) -> None:
    place = clone(tmp_path)
    if page == "own-network":
        save_network(place)
    for command in commands(PAGES[page]):
        if not command.startswith(MINUTES):
            arguments = [BNEXP, *shlex.split(command, comments=True)[1:]]
            done = subprocess.run(arguments, cwd=place, capture_output=True, text=True, check=False)
            assert done.returncode == (2 if REFUSED in command else 0), f"{command}\n{done.stderr}"


def test_every_command_of_bnexp_has_help_and_stands_in_a_page() -> None:
    lines = [line for text in PAGES.values() for line in commands(text)]
    for name, command in command_table():
        assert command.help
        assert any(line.startswith(f"bnexp {name}") for line in lines), name


def command_table() -> Iterator[tuple[str, Any]]:
    """Yield the words of each command and the command itself, those of groups included."""
    for name, command in get_command(app).commands.items():  # type: ignore[attr-defined]
        yield name, command
        yield from ((f"{name} {inner}", one) for inner, one in getattr(command, "commands", {}).items())


def test_the_readme_has_at_most_1500_words() -> None:
    assert len(README.split()) <= 1500


def imported(folder: str, name: str) -> Any:
    sys.path.insert(0, str(ROOT / folder))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.pop(0)


# --- the site -----------------------------------------------------------------------


def test_the_site_builds_strictly_so_that_every_link_leads_to_a_page_and_a_heading(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", tmp_path / "site"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr  # with --quiet, warnings would not be counted
    assert (tmp_path / "site" / "faq" / "index.html").exists()


def test_every_page_stands_once_in_the_sites_menu() -> None:
    menu = yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]
    assert sorted(entries(menu)) == sorted(path.name for path in DOCS.glob("*.md"))


def entries(menu: Any) -> Iterator[str]:
    if isinstance(menu, str):
        yield menu
    else:
        for entry in menu.values() if isinstance(menu, dict) else menu:
            yield from entries(entry)


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "configs/README.md"])
def test_the_links_of_a_page_outside_the_site_lead_to_a_file_and_a_heading(name: str) -> None:
    page = ROOT / name
    for target in re.findall(r"\]\((?!http)([^)]*)\)", page.read_text(encoding="utf-8")):
        path, _, anchor = target.partition("#")
        found = page.parent / path
        assert found.exists(), target
        assert not anchor or anchor in anchors(found.read_text(encoding="utf-8")), target


def anchors(text: str) -> list[str]:
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return [re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles]


def test_the_page_of_keys_is_the_schemas() -> None:
    make_keys = imported("docs", "make_keys")
    assert make_keys.PAGE.read_text(encoding="utf-8") == make_keys.page(), "run `make keys`"


def test_a_key_that_several_kinds_share_stands_once_on_the_page_of_keys() -> None:
    rows_of_page = [line for line in PAGES["keys"].splitlines() if line.startswith("| `duplicates` |")]
    assert len(rows_of_page) == 1


def test_the_example_of_the_tutorial_has_the_rows_that_a_comparison_prints(
    small_clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(small_clone)
    ((command, shown),) = re.findall(r"<!-- output: bnexp (.*?) -->\n```text\n(.*?)```", PAGES["tutorial"], re.DOTALL)
    printed = CliRunner().invoke(app, shlex.split(command)).output
    assert labels(shown) == labels(printed), "run `make examples`"


def test_the_readme_tells_the_interval_of_the_tutorials_example() -> None:
    ((low, high, rows),) = re.findall(
        r"^VERDICT .* is \S+ \[(.*?), (.*?)\], .* With about (\d+) held-out rows instead of [\d,]+ \(dataset\..*?\) there is about a 50% chance to settle it\. "
        r"More seeds alone would not",
        PAGES["tutorial"],
        re.MULTILINE,
    )
    told = "README.md, section The answer, has other numbers than docs/tutorial.md: write those of the tutorial"
    assert f"95% interval goes from {low} to {high}" in README, told
    assert f"about {rows} held-out rows instead of 200 give a 50% chance of a clear verdict" in README, told


def test_the_coverage_of_intervals_is_the_benchmarks() -> None:
    kept = json.loads((ROOT / "benchmarks" / "coverage.json").read_text())
    shown = rows_below(PAGES["statistics"], "coverage")
    for task, metric, seeds, rows, *shares in shown:
        (found,) = (
            one
            for one in kept["fixed"]
            if [one["task"], one["metric"], str(one["seeds"]), str(one["rows"])] == [task, metric, seeds, rows]
        )
        withheld = found["carried_by_few_rows"] + found["alike_on_all_rows"]
        told = [found["seeds_alone"], found["seeds_and_rows"], withheld, found["missed_and_said"]]
        assert shares == [f"{100 * share:.0f}%" for share in told]
    assert len(shown) >= 8
    names = ("seeds_alone", "rows_as_if_alone", "seeds_and_groups", "carried_by_few_groups", "missed_and_said")
    groups = [
        [one["metric"], str(one["seeds"]), str(one["groups"]), *(f"{100 * one[name]:.0f}%" for name in names)]
        for one in kept["groups"]
    ]
    assert rows_below(PAGES["statistics"], "coverage-of-groups") == groups
    splits = [
        [one["metric"], str(one["splits"]), *(f"{100 * one[name]:.0f}%" for name in ("t_interval", "corrected"))]
        for one in kept["resampled"]
    ]
    assert rows_below(PAGES["statistics"], "coverage-of-splits") == splits


def test_the_errors_of_verdicts_are_the_benchmarks() -> None:
    kept = json.loads((ROOT / "benchmarks" / "verdicts.json").read_text())
    found = {(one["world"], one["error"], str(one["pairs"])): one for one in kept}
    shown = rows_below(PAGES["statistics"], "verdicts")
    for world, error, pairs, *shares in shown:
        one = found[world, error, pairs]
        assert shares == [f"{100 * one[name]:.0f}%" for name in ("before", "now")]
    assert len(shown) >= 10 and {row[0] for row in shown} == {one["world"] for one in kept}


def test_the_table_of_cells_that_disagree_is_the_benchmarks() -> None:
    found = json.loads((ROOT / "benchmarks" / "cells.json").read_text())
    table = [
        [str(one["cells"]), str(one["seeds"]), f"{one['correlation']:g}", "grows" if one["noise_grows"] else "unequal"]
        + [
            f"{100 * one[what][how]:.0f}%"
            for what in ("alike_said_to_differ", "interval_holds_another_cell")
            for how in ("textbook", "now")
        ]
        for one in found
        if one["cells"] > 3 and one["seeds"] != 10
    ]
    assert rows_below(PAGES["studies"], "cells") == table
    assert max(one["alike_said_to_disagree"] for one in found) <= 0.001


def test_the_table_of_looks_is_the_benchmarks() -> None:
    kept = json.loads((ROOT / "benchmarks" / "looks.json").read_text())
    shares = ("until_settled", "by_hand", "first_look", "last_look")
    assert rows_below(PAGES["statistics"], "looks") == [
        [
            one["world"],
            one["counts"],
            *(f"{100 * one[name]:.0f}%" for name in shares),
            "" if one["mean_seeds"] is None else f"{one['mean_seeds']:.0f}",
            "" if one["stopped"] is None else f"{100 * one['stopped']:.0f}%",
        ]
        for one in kept
    ]


def rows_below(page: str, marker: str) -> list[list[str]]:
    """Return the rows of the table below a marker, each a list of its cells."""
    table = re.findall(rf"<!-- {marker}: .*? -->\n((?:\|.*\n)+)", page)[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]


def labels(output: str) -> list[str]:
    """Return the first column of a comparison's table, with its numbers left out."""
    table = output.partition("\n* ")[0].splitlines()
    first = next(place for place, line in enumerate(table) if "bn - nobn" in line)
    return [re.sub(r"[\d.]+", "0", re.split(r"  +", line)[0]) for line in table[first + 1 :]]


# --- examples and tables ------------------------------------------------------------


@pytest.mark.parametrize(
    ("page", "number"), [(name, number) for name, text in PAGES.items() for number in range(len(examples(text)))]
)
def test_the_configs_of_a_page_are_good(page: str, number: int, small_clone: Path) -> None:
    body = examples(PAGES[page])[number]
    path = small_clone / "configs" / f"{page}-{number}.yaml"
    for base in re.findall(r"^extends: (\S+)", body, re.MULTILINE):
        if not (path.parent / base).exists():
            shutil.copy(small_clone / base, path.parent)
    path.write_text(body)
    assert config.load(path).dataset


def test_the_studies_of_the_page_on_studies_are_good(small_clone: Path) -> None:
    bodies = [body for language, body in CODE.findall(PAGES["studies"]) if language == "yaml"]
    path, names = small_clone / "configs" / "studies" / "mine.yaml", []
    for body in bodies:
        path.write_text(body)
        names.append(read_study(path).study.name)
    assert names == ["my-batches", "learning-rates"]


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


def table_behind(page: str, mark: str) -> list[str]:
    """Return the rows of the table behind `<!-- mark: ... -->`."""
    behind = PAGES[page].partition(f"<!-- {mark}: ")[2].partition(" -->\n")[2]
    return list(rows(behind.partition("\n\n")[0]))


def measured(name: str) -> list[dict[str, Any]]:
    return list(json.loads((ROOT / "benchmarks" / f"{name}.json").read_text())["rows"])


def test_the_tables_of_speed_are_the_benchmarks() -> None:
    table = imported("benchmarks", "speed").table
    assert table_behind("speed", "speed") == list(rows(table(measured("speed"))))
    assert table_behind("speed", "studies") == list(rows(table(measured("studies"))))
    for limits in ("scale", "larger_than_memory", "engine", "runs", "evidence"):
        assert table_behind("speed", limits) == list(rows(table(measured(limits))))
    three = [*measured("speed")[:2], measured("studies")[0]]
    assert table_behind("README", "speed") == list(rows(table(three)))


def test_the_tables_of_claims_are_those_of_the_studies_that_ship() -> None:
    claims, found = imported("benchmarks", "claims"), measured("claims")
    assert table_behind("claims", "claims") == list(rows(claims.table(found)))
    assert table_behind("README", "claims") == list(rows(claims.short_table(found)))
    shipped = [read_study(path) for path in sorted((ROOT / "configs" / "studies").glob("*.yaml"))]
    expected = [(file.study.name, claim.claim) for file in shipped for claim in file.study.claims()]
    assert [(row["study"], row["claim"]) for row in found] == expected


def test_the_table_of_fields_is_the_benchmarks() -> None:
    table = imported("benchmarks", "fields").table(measured("fields"))
    assert table_behind("claims", "fields") == list(rows(table))


def test_ci_runs_the_readmes_own_test_command() -> None:
    ci = (ROOT / ".ci" / "run").read_text()
    (pattern,) = re.findall(r"grep -m 1 -E '(.*)' README.md", ci)
    (command,) = re.findall(pattern, README, re.MULTILINE)
    assert command.endswith("make check")
