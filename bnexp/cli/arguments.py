"""Split the arguments of a command into names and overrides (KEY=VALUE)."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Sequence

from bnexp.config.files import CONFIGS
from bnexp.errors import UserError


def sorted_arguments(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the names and the overrides among the arguments.

    Raises:
        UserError: if an argument is empty.
    """
    if not all(argument.strip() for argument in arguments):
        raise UserError("An argument is empty; expected names and KEY=VALUE. Is a variable of the shell not set?")
    names: list[str] = []
    overrides: list[str] = []
    for argument in arguments:
        (overrides if _is_override(argument) else names).append(argument)
    return names, overrides


def refuse_changes(arguments: Sequence[str], seeds: int | None) -> None:
    """Raise UserError for overrides and `--seeds` of a study, because only its file may define what is trained.

    A study's verdict must belong to the question in its file.
    """
    lines = []
    for override in filter(_is_override, arguments):
        lines.append(f"{override} is an override, which a study does not take. {_in_the_file(override)}")
    if seeds is not None:
        lines.append(f"--seeds is not an option of a study. Write `seeds: {seeds}` in the study's file.")
    if lines:
        raise UserError("\n".join(lines))


def _in_the_file(override: str) -> str:
    """Return a sentence on how to write an override into a study's file.

    >>> _in_the_file("training.epochs=3")
    "Write it in the study's file: `experiment: {training: {epochs: 3}}`."
    """
    key, equals, value = override.partition("=")
    if not equals:
        return f"Take {key.removeprefix('~')} out of the `experiment` of the study's file."
    first, *others = key.lstrip("+").split(".")
    nested = value
    for one in reversed(others):
        nested = f"{{{one}: {nested}}}"
    return f"Write it in the study's file: `experiment: {{{first}: {nested}}}`."


def refuse_several_studies(arguments: Sequence[str]) -> None:
    """Raise UserError for more than one study. Overrides are no studies."""
    names = [one for one in arguments if not _is_override(one)]
    if len(names) > 1:
        seen = f"study was given {len(names)} names ({', '.join(names)}); expected one study"
        raise UserError(f"{seen}. Several are answered by: bnexp claims {shlex.join(names)}")


def _is_override(argument: str) -> bool:
    """Return True for KEY=VALUE and for Hydra's ~KEY, unless it is a file or config, or KEY contains a slash."""
    if os.path.exists(argument) or os.path.isfile(CONFIGS / f"{argument}.yaml"):
        return False
    key, equals, _ = argument.partition("=")
    return bool(equals and not re.search(r"[/\\]", key)) or bool(re.fullmatch(r"~\w+(\.\w+)*", argument))
