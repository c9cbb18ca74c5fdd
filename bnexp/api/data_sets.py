"""The data sets that have a name: listed, and brought to this computer. Their rows are read by whatever trains."""

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
    """A data set that has a name, and whether it is on this computer."""

    name: str
    kind: Literal["table", "image", "text", "speech"]
    rows: int
    classes: int | None
    """None for a regression."""
    here: bool
    what: str
    licence: str
    attribution: str


def list_data() -> list[DataSet]:
    """Return all data sets that have a name."""
    from bnexp.data.builtin.catalogue import KNOWN

    return [_data_set(known) for known in KNOWN.values()]


def fetch_data(names: Names, *, observer: Observer | None = None) -> list[DataSet]:
    """Bring data sets to this computer, one after the other; the observer hears each step, and each set that is here.

    Raises:
        UserError: with all names that no data set has, before anything is fetched.
        FetchError: if a set cannot be had.
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
