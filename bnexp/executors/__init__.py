"""The worker processes that train a study's jobs: on this machine (`local`), or started by Ray (`ray`)."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Literal, get_args

from bnexp.errors import UserError, nearest
from bnexp.executors.local import local_workers
from bnexp.executors.ray import ray_workers
from bnexp.executors.workers import Failure, Workers
from bnexp.system.listeners import Warn
from bnexp.system.machine import most_workers
from bnexp.system.spelling import spelt

__all__ = ["Failure", "Launcher", "Workers", "refuse_unknown", "workers"]

Launcher = Literal["local", "ray"]


def refuse_unknown(launcher: str) -> None:
    """Raise UserError if there is no launcher of this name."""
    if launcher not in (known := get_args(Launcher)):
        raise UserError(f"No launcher is called {str(launcher)!r}. {nearest(str(launcher), known)}")


def workers(
    launcher: Launcher, at_once: int | None, address: str | None, *, warn: Warn, sharing: int | None = None
) -> AbstractContextManager[Workers]:
    """Return `at_once` workers of a launcher; if None, as many as there is room for.

    Each worker gets a share of its machine's memory. If `sharing` is given, the memory is divided by this number, and
    not by the number of workers. So the share stays the same if few jobs need few workers. The size of the share can
    change the last bit of a number.

    Raises:
        UserError: if an address is given that the launcher does not use.
    """
    if launcher == "ray":
        return ray_workers(at_once, address, warn, sharing)
    if address is not None:
        raise UserError(
            f"{spelt('address')} is {address!r}, which {spelt('launcher', 'local')} does not use. "
            f"Add {spelt('launcher', 'ray')}."
        )
    return local_workers(at_once or most_workers(), warn, sharing)
