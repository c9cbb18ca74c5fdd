"""Which arguments of a command are names and which are overrides, KEY=VALUE; the config that a name stands for."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from bnexp.config.files import CONFIGS, read_text, shown, unreadable
from bnexp.config.overrides import read_override
from bnexp.errors import ConfigError, Problems, RunError, UserError
from bnexp.experiment import lookup, resolve


def sorted_arguments(arguments: Sequence[str], seeds: int | None) -> tuple[list[str], list[str]]:
    """Return the names and the overrides among the arguments; `--seeds` is an override.

    Raises:
        UserError: if an argument is empty.
    """
    if not all(argument.strip() for argument in arguments):
        raise UserError("An argument is empty; expected names and KEY=VALUE. Is a variable of the shell not set?")
    names: list[str] = []
    overrides: list[str] = []
    for argument in arguments:
        (overrides if _is_override(argument) else names).append(argument)
    return names, overrides + ([f"training.seeds={seeds}"] if seeds is not None else [])


def _is_override(argument: str) -> bool:
    """Return True for KEY=VALUE and for Hydra's ~KEY; a file may have that name, and a folder before its = sign."""
    if os.path.exists(argument) or os.path.isfile(CONFIGS / f"{argument}.yaml"):
        return False
    key, equals, _ = argument.partition("=")
    return bool(equals and not re.search(r"[/\\]", key)) or bool(re.fullmatch(r"~\w+(\.\w+)*", argument))


def config_path(name: str) -> Path:
    """Return the config that a name stands for: `bn` for configs/bn.yaml, as it does for `compare`."""
    return resolve.config_file(name) or Path(name)


def config_paths(names: Sequence[str], overrides: Sequence[str], runs: Path) -> list[Path]:
    """Return the config of each name.

    Raises:
        ConfigError: if a name is that of a run, means nothing, or stands for the config of another name. It tells
            misspelt overrides too: what the shell has cut at a blank is half an override and half a name.
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
        if resolve.config_file(name) is None and (os.path.isdir(path) or not os.path.exists(path)):
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
        known = resolve.nearest_names(runs, name, trained=False)
        return f"No config is called {shown(name)!r}; expected a .yaml file. {known}"
    again = run.directory / "config.yaml"
    state = run.state()
    seen = f"is a {run.kind}" if state.status != "damaged" else f"is a damaged {run.kind} ({state.reason.rstrip('.')})"
    cure = f"To train it again, name its config: {again}." if again.is_file() else "Name a config."
    return f"{shown(name)}: {seen}; expected a config. {cure}"
