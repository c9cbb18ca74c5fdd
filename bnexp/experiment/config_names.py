"""Which configs names stand for: `bn` for configs/bn.yaml of the current folder, `studies/x` for a study's file.

What else a name may mean, a run, is in `lookup`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from bnexp.config.at_hand import ConfigAtHand, ConfigSource
from bnexp.config.files import CONFIGS, read_text, shown, unreadable
from bnexp.config.overrides import read_override
from bnexp.errors import HINT, ConfigError, Problems, RunError, UserError, nearest
from bnexp.experiment import lookup

STUDIES = CONFIGS / "studies"
Name = str | ConfigAtHand
"""What an arm may be named by."""
MOST_NAMES = 20
"""Names that a message offers if a name means nothing."""


def config_file(name: str) -> Path | None:
    """Return the config that a name stands for, if there is one: `text/spam-bn` for configs/text/spam-bn.yaml."""
    path = Path(name)
    if path.suffix in (".yaml", ".yml"):
        return path
    named = CONFIGS / f"{name}.yaml"
    inside = not path.is_absolute() and ".." not in path.parts
    return named if inside and os.path.isfile(named) else None


def config_source(name: Name) -> ConfigSource | None:
    """Return where the config of a name is read from: a file, or the config at hand that was given in its place."""
    return name if isinstance(name, ConfigAtHand) else config_file(name)


def config_path(name: str) -> Path:
    """Return the config that a name stands for: `bn` for configs/bn.yaml, as it does for `compare`."""
    return config_file(name) or Path(name)


def config_paths(names: Sequence[str], overrides: Sequence[str], runs: Path) -> list[Path]:
    """Return the config of each name.

    Raises:
        ConfigError: if a name means a run or nothing, or if two names mean one config. It names misspelt overrides too.
            The shell cuts an override with a blank into half an override and half a name.
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
    """Return the mistake of a name that no config has: it is a run's, or means nothing."""
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
    """Return the studies of these names, in this order; all that lie in configs/studies if there are none.

    A name is `tutorial`, or `studies/tutorial` as `train` and `compare` spell what lies in configs/. Any other is a
    file: one that is there, or that ends in .yaml.

    Raises:
        UserError: if there is no study of this name, or none at all.
    """
    known = {path.stem: path for path in sorted(STUDIES.glob("*.yaml"))}
    if not names and not known:
        raise UserError(no_studies())
    found = []
    for name in names or known:
        path = known.get(name.removeprefix(f"{STUDIES.name}/"), Path(name))
        if path.suffix not in (".yaml", ".yml") and not os.path.isfile(path):
            hint = f"{nearest(name, known)} Or give a .yaml file." if known else no_studies()
            raise UserError(f"No study is called {name!r}. {hint}")
        found.append(path)
    return list(dict.fromkeys(found))


# --- what could have been named -------------------------------------------------


def nearest_names(runs: Path, name: str, *, trained: bool = True) -> str:
    """Return a sentence with what could have been named: configs and, if `trained`, experiments with runs."""
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
    """Return two sentences: where names come from, and that the current folder has no such folder."""
    return f"Names of {what} come from {folder}/ of the current folder. There is no {folder}/ in {_here()}."


def _where_to_go(what: str) -> str:
    return f"Go to a folder that has one, such as bnexp's repository, or give the path of a {what}."


def no_studies() -> str:
    """Return why no name of a study means anything here, and what to do."""
    if STUDIES.is_dir():
        return f"{STUDIES}/ in {_here()} holds no study; expected .yaml files there. Give the path of a study."
    return f"{no_folder('studies', STUDIES)} {_where_to_go('study')}"


def _is_like_a_setting(name: str) -> str:
    """Return the cure for an override that is misspelt: `training.epochs:5`, or `training.epochs` before a blank."""
    key = re.match(r"-*((dataset|model|training)([./]\w+)+)", name)
    if key is None:
        return ""
    return f"If an override is meant, write KEY=VALUE without blanks, as in {key.group(1).replace('/', '.')}=..."


def _is_a_file(name: str) -> str:
    """Return the cure for a file of the current folder that was named without its ending."""
    path = Path(f"{name}.yaml")
    return f"{shown(path)} is a file of this folder: write {shown(path)}." if os.path.isfile(path) else ""


def _here() -> str:
    try:
        return os.getcwd()
    except OSError:
        return "this folder, which has been deleted"


def _configs() -> Iterator[Path]:
    """Yield the configs of experiments; studies have a folder of their own among them."""
    return (path for path in CONFIGS.rglob("*.yaml") if STUDIES not in path.parents)
