"""Where a study's groups are trained: by worker processes of this machine (`local`), or by Ray's (`ray`)."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Literal

from bnexp.errors import UserError
from bnexp.launch.local import local_workers
from bnexp.launch.ray import ray_workers
from bnexp.launch.workers import Workers

__all__ = ["Launcher", "Workers", "workers"]

Launcher = Literal["local", "ray"]


def workers(launcher: Launcher, jobs: int, address: str | None) -> AbstractContextManager[Workers]:
    """Give the workers of a launcher, as many as jobs; of a cluster at an address all that it has.

    Raises:
        UserError: if an address is given that the launcher does not use.
    """
    if launcher == "ray":
        return ray_workers(jobs, address)
    if address is not None:
        raise UserError(f"--address is {address!r}, which --launcher local does not use. Add --launcher ray.")
    return local_workers(jobs)
