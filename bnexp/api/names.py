"""Types and conversions of the API's arguments for names, arms, overrides and directories."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from numbers import Integral
from pathlib import Path
from typing import Any

from bnexp.config.overrides import said_of
from bnexp.config.yaml_text import written

# exported, so that a caller can catch them
from bnexp.errors import BnexpWarning as BnexpWarning
from bnexp.errors import ConfigError as ConfigError
from bnexp.errors import FetchError as FetchError
from bnexp.errors import Problems
from bnexp.errors import RunError as RunError
from bnexp.errors import StoppedError as StoppedError
from bnexp.errors import StorageError as StorageError
from bnexp.errors import UntrainedError as UntrainedError
from bnexp.errors import UserError as UserError
from bnexp.errors import WorkError as WorkError
from bnexp.system.spelling import is_by_command, spelt

RUNS = Path("runs")
Name = str | Path
Names = Name | Sequence[Name]
"""One name, or several."""
NormalizationArm = Name | Mapping[str, Any]
"""The normalization of one arm: its name, or a mapping with options, like `model.normalization` in a config."""
Arms = NormalizationArm | Sequence[NormalizationArm | None]
"""One arm, or several; in a list, None is `none`, as in a config."""
Overrides = str | Sequence[str]
"""One override, or several."""


def as_list(given: Names) -> list[str]:
    """Return the names or overrides as a list of texts. A single text is one name, not a sequence of letters.

    >>> as_list("bn"), as_list(["bn", Path("configs/nobn.yaml")])
    (['bn'], ['bn', 'configs/nobn.yaml'])
    """
    return [str(one) for one in ([given] if isinstance(given, Name) else given)]


def arms_listed(arms: Arms | None) -> list[str | Mapping[str, Any]] | None:
    """Return the arms as a list. A text may hold several arms with commas between them, as on the command line.

    >>> arms_listed("batch,none"), arms_listed([{"name": "batch", "momentum": 0.9}, None]), arms_listed(None)
    (['batch', 'none'], [{'name': 'batch', 'momentum': 0.9}, 'none'], None)

    Raises:
        UserError: if there is no arm, an arm has an empty name, or an arm is neither a name nor a mapping.
    """
    if arms is None:
        return None
    given = list(arms) if isinstance(arms, Iterable) and not isinstance(arms, Name | Mapping) else [arms]
    listed: list[str | Mapping[str, Any]] = []
    for one in given:
        match one:
            case Mapping():
                listed.append(one)
            case None:
                listed.append("none")
            case str() | Path():
                listed += [text.strip() for text in str(one).split(",")]
            case _:
                listed.append("")  # an empty name is refused below
    if not listed or "" in listed:
        raise UserError(
            f"{spelt('arms')} is {arms!r}; expected names of normalizations. Use {spelt('arms', ['batch', 'none'])}, "
            "or leave it out."
        )
    return listed


def with_keywords(overrides: Overrides, seeds: int | None, epochs: int | None, problems: Problems) -> list[str]:
    """Return the overrides, with one more for each of `seeds` and `epochs` that is given.

    A keyword is left out, and the mistake is noted, if it is no whole number of 1 or more, or if an override sets the
    same key.

    >>> with_keywords("training.batch_size=8", seeds=3, epochs=None, problems=Problems())
    ['training.batch_size=8', 'training.seeds=3']

    Raises:
        UserError: if an override is no text KEY=VALUE.
    """
    _refuse_no_overrides(overrides)
    changes = as_list(overrides)
    for name, value in (("seeds", seeds), ("epochs", epochs)):
        if value is None:
            continue
        twice = [one for one in changes if said_of(one, "training", name) is not None]
        if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
            problems.tell(f"{spelt(name)} is {value!r}; expected a whole number of 1 or more.")
        elif twice:
            both = f"{spelt(name)} is {value}, and an override is {twice[0]}"
            problems.tell(f"{both}; expected one of the two. Leave one out.")
        else:
            changes.append(f"training.{name}={value}")
    return changes


def _refuse_no_overrides(overrides: Any) -> None:
    """Raise UserError if what was given as overrides is something else, such as a second config or network."""
    several = overrides if isinstance(overrides, list | tuple) else [overrides]
    wrong = [one for one in several if not isinstance(one, str) or ("=" not in one and not is_by_command())]
    if not wrong:
        return
    first = wrong[0]
    cure = "Give several configs or networks as a list, in the first argument."
    if isinstance(first, Mapping) and not {"dataset", "model", "name"} & first.keys():
        cure = f"Write overrides={list(_as_overrides(first))}."
    seen = repr(first) if isinstance(first, str) else f"of type {type(first).__name__}"
    raise UserError(f'overrides is {seen}; expected texts, such as "training.epochs=5". {cure}')


def _as_overrides(settings: Mapping[str, Any], before: str = "") -> Iterator[str]:
    """Yield an override for each setting.

    >>> list(_as_overrides({"training": {"epochs": 5}, "model.dropout": 0.1}))
    ['training.epochs=5', 'model.dropout=0.1']
    """
    for key, value in settings.items():
        if isinstance(value, Mapping) and value:
            yield from _as_overrides(value, f"{before}{key}.")
        else:
            yield f"{before}{key}={written(value)}"
