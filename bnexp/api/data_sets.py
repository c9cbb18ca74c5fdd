"""Known data sets: list them and download them to this computer. Training reads their rows later."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

from bnexp.api.names import Names, as_list
from bnexp.api.observer import Observer
from bnexp.errors import Problems, UserError, nearest

if TYPE_CHECKING:
    from bnexp.data.builtin.catalogue import Known


@dataclass(frozen=True)
class DataSet:
    """A known data set, and whether it is on this computer (`here`)."""

    name: str
    kind: Literal["table", "image", "text", "speech"]
    rows: int
    classes: int | None
    """The number of classes; None if the target is a number."""
    here: bool
    what: str
    licence: str
    attribution: str


def list_data() -> list[DataSet]:
    """Return all known data sets."""
    from bnexp.data.builtin.catalogue import KNOWN

    return [_data_set(known) for known in KNOWN.values()]


def fetch_data(names: Names, *, observer: Observer | None = None) -> list[DataSet]:
    """Download known data sets, one after the other, unless they are here; return each.

    The observer's `info` is called with each step, and `fetched` with each data set.

    Raises:
        UserError: with all unknown names, before anything is downloaded.
        FetchError: if a data set cannot be downloaded or read.
    """
    from bnexp.data.builtin.catalogue import KNOWN
    from bnexp.data.builtin.known import bring

    found, observer = list[DataSet](), observer or Observer()
    wanted = list(dict.fromkeys(as_list(names)))
    _refuse_unknown(wanted, list(KNOWN))
    for name in wanted:
        bring(KNOWN[name], partial(_step, observer, name))
        found.append(_data_set(KNOWN[name]))
        observer.fetched(found[-1])
    return found


def _refuse_unknown(wanted: list[str], known: list[str]) -> None:
    problems = Problems()
    for name in wanted:
        if name not in known:
            with problems.noted():
                raise UserError(f"No data set is called {name!r}. {nearest(name, known)}")
    problems.refuse()


def _step(observer: Observer, name: str, step: str) -> None:
    observer.info(f"{name}: {step}")


def _data_set(known: Known) -> DataSet:
    from bnexp.data.builtin.known import is_here

    return DataSet(
        known.name,
        known.kind,
        known.rows,
        known.classes,
        here=is_here(known),
        what=known.what,
        licence=known.licence,
        attribution=known.attribution,
    )
