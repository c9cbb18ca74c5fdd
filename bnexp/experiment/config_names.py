"""Which config a name means: `bn` is configs/bn.yaml in the current folder, `studies/x` is the file of a study.

A name can also mean a run: see `lookup`.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from bnexp.config.at_hand import ConfigAtHand, ConfigSource
from bnexp.config.files import CONFIGS, read_text, shown, unreadable
from bnexp.config.overrides import read_override
from bnexp.errors import HINT, ConfigError, Problems, RunError, UserError, nearest
from bnexp.experiment import lookup

STUDIES = CONFIGS / "studies"
Name = str | ConfigAtHand
"""What names an arm: a text, or a config without a file."""
MOST_NAMES = 20
"""Most names that a message suggests if a name is unknown."""


def config_file(name: str) -> Path | None:
    """Return the config file that a name means: configs/text/spam-bn.yaml for `text/spam-bn`. None if there is none.

    A name that ends in .yaml or .yml is itself the path, whether or not the file exists.
    """
    path = Path(name)
    if path.suffix in (".yaml", ".yml"):
        return path
    named = CONFIGS / f"{name}.yaml"
    inside = not path.is_absolute() and ".." not in path.parts
    return named if inside and os.path.isfile(named) else None


def config_source(name: Name) -> ConfigSource | None:
    """Return where a name's config is read from: its file, or the config that was given without a file; else None."""
    return name if isinstance(name, ConfigAtHand) else config_file(name)


def config_path(name: str) -> Path:
    """Return the path of the config that a name means: configs/bn.yaml for `bn`. Any other name is itself the path."""
    return config_file(name) or Path(name)


def config_paths(names: Sequence[str], overrides: Sequence[str], runs: Path) -> list[Path]:
    """Return the path of each name's config.

    Raises:
        ConfigError: if a name means a run or nothing, or if two names mean one config. It also lists misspelt
            overrides, because the shell splits an override with a blank into half an override and half a name.
    """
    problems = Problems()
    problems.tell(*_problems(names, runs))
    if problems.found:
        for override in overrides:
            read_override(override, problems)
    problems.refuse()
    return [config_path(name) for name in names]


def _problems(names: Sequence[str], runs: Path) -> Iterator[str]:
    seen: set[str] = set()
    for name in names:
        path = config_path(name)
        if config_file(name) is None and (os.path.isdir(path) or not os.path.exists(path)):
            yield _no_config(name, runs)
            continue
        try:
            read_text(path)
        except ConfigError as error:
            yield str(error)
            continue
        if os.path.realpath(path) in seen:
            yield f"{shown(name)}: is named twice; its seeds would train twice to the same numbers. Name it once."
        seen.add(os.path.realpath(path))


def _no_config(name: str, runs: Path) -> str:
    """Return the message for a name that no config has: it is the name of a run, or unknown."""
    try:
        run = lookup.named(runs, name)
    except RunError as error:
        return unreadable(Path(name)) if os.path.isdir(name) else str(error)
    if run is None:
        known = nearest_names(runs, name, trained=False)
        return f"No config is called {shown(name)!r}; expected a .yaml file. {known}"
    again = run.directory / "config.yaml"
    state = run.state()
    seen = f"is a {run.kind}" if state.status != "damaged" else f"is a damaged {run.kind} ({state.reason.rstrip('.')})"
    cure = f"To train it again, name its config: {again}." if again.is_file() else "Name a config."
    return f"{shown(name)}: {seen}; expected a config. {cure}"


# --- studies --------------------------------------------------------------------


def study_paths(names: Sequence[str]) -> list[Path]:
    """Return the files of these studies, in this order; without names, all files in configs/studies.

    A name is `tutorial`, or `studies/tutorial` as `train` and `compare` spell files in configs/. Any other name is a
    path: of a file that exists, or one that ends in .yaml.

    Raises:
        UserError: if no study has one of these names, or if there are no studies.
    """
    known = {path.stem: path for path in sorted(STUDIES.glob("*.yaml"))}
    if not names and not known:
        raise UserError(no_studies())
    found = []
    for name in names or known:
        path = known.get(name.removeprefix(f"{STUDIES.name}/"), Path(name))
        if path.suffix not in (".yaml", ".yml") and not os.path.isfile(path):
            hint = _is_a_file(name) or (f"{nearest(name, known)} Or give a .yaml file." if known else no_studies())
            raise UserError(f"No study is called {name!r}. {hint}")
        found.append(path)
    return list(dict.fromkeys(found))


# --- suggested names ------------------------------------------------------------


def nearest_names(runs: Path, name: str, *, trained: bool = True) -> str:
    """Return a sentence that suggests names: configs and, if `trained`, experiments with finished runs."""
    if hint := _is_like_a_setting(name) or _is_a_file(name):
        return hint
    names = [str(head.name or run.id) for run, head in lookup.finished(runs)] if trained else []
    names += sorted(path.relative_to(CONFIGS).with_suffix("").as_posix() for path in _configs())
    if not CONFIGS.is_dir():
        stored = f" {nearest(name, dict.fromkeys(names), most=MOST_NAMES)}" if names else ""
        return f"{no_folder('experiments', CONFIGS)}{stored} {_where_to_go('config')}"
    if names:
        last = name.rstrip("/").rpartition("/")[2]
        offers = [nearest(one, dict.fromkeys(names), most=MOST_NAMES) for one in (name, last)]
        return offers[1] if offers[1].startswith(HINT) and not offers[0].startswith(HINT) else offers[0]
    return (
        f"There are neither runs ({shown(runs)}) nor configs ({CONFIGS}) in {_here()}. Go to a folder that has "
        "them, such as bnexp's repository, or give the path of a config."
    )


def no_folder(what: str, folder: Path) -> str:
    """Return two sentences: which folder the names come from, and that the current folder does not contain it."""
    return f"Names of {what} come from {folder}/ of the current folder. There is no {folder}/ in {_here()}."


def _where_to_go(what: str) -> str:
    return f"Go to a folder that has one, such as bnexp's repository, or give the path of a {what}."


def no_studies() -> str:
    """Return a message: why no study can be named in this folder, and what to do."""
    if STUDIES.is_dir():
        return f"{STUDIES}/ in {_here()} holds no study; expected .yaml files there. Give the path of a study."
    return f"{no_folder('studies', STUDIES)} {_where_to_go('study')}"


def _is_like_a_setting(name: str) -> str:
    """Return a cure if the name looks like a misspelt override: `training.epochs:5`, or `training.epochs` alone."""
    key = re.match(r"-*((?:dataset|model|training)(?:[./]\w+)+)(?:: *(.+))?", name)
    if key is None:
        return ""
    example = f"{key[1].replace('/', '.')}="
    example = shlex.quote(example + key[2].strip()) if key[2] else f"{example}..."
    return f"If an override is meant, write KEY=VALUE without spaces, as in {example}"


def _is_a_file(name: str) -> str:
    """Return a cure if the name is a file of the current folder without its ending .yaml; else an empty text."""
    path = Path(f"{name}.yaml")
    return f"{shown(path)} is a file of this folder: write {shown(path)}." if os.path.isfile(path) else ""


def _here() -> str:
    try:
        return os.getcwd()
    except OSError:
        return "this folder, which has been deleted"


def _configs() -> Iterator[Path]:
    """Yield the config files of experiments. The folder of studies, which is among them, is left out."""
    return (path for path in CONFIGS.rglob("*.yaml") if STUDIES not in path.parents)
