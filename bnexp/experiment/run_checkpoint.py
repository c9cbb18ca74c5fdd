"""The checkpoint of a run during training: when one is due, and what it holds besides the engine's state."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from bnexp import store
from bnexp.checkpoint import Arrays, Facts, Head, write_to
from bnexp.errors import StorageError
from bnexp.system.machine import processor

CHECKPOINT_EVERY_SECONDS = 60.0
"""Seconds between two checkpoints, which are written at the end of an epoch. A kill loses little more than that."""
CHECKPOINT_SHARE = 0.02
"""Largest share of the time that writing checkpoints may take."""
KEPT_BYTES_PER_SECOND = 1e8
"""Assumed speed of writing until one was written (measured, hashing included: 1e8 to 2.7e8 on a busy machine)."""


class RunCheckpoint:
    """Keeps the progress of a run in its directory, in one file that is replaced each time."""

    def __init__(self, directory: Path, record: store.RunRecord) -> None:
        self._path, self._record = directory / store.CHECKPOINT, record
        self._ended = time.monotonic()
        self._took: float | None = None
        self.lost: str | None = None
        """Why the newest checkpoint could not be written; None if it was."""

    def is_due(self, size: Callable[[], int]) -> bool:
        """Return True if it is time to write a checkpoint of this many bytes."""
        since = time.monotonic() - self._ended
        if since < CHECKPOINT_EVERY_SECONDS:
            return False
        took = size() / KEPT_BYTES_PER_SECOND if self._took is None else self._took
        return since >= took / CHECKPOINT_SHARE

    def keep(self, head: Head, arrays: Arrays = ()) -> None:
        """Replace the last checkpoint. If the disk is full, training continues and the last checkpoint remains."""
        begun = time.monotonic()
        try:
            store.write_with(self._path, lambda file: write_to(file, head, arrays))
            self.lost = None
        except StorageError as error:
            self.lost = f"The newest checkpoint was not kept: {error}"
        self._ended = time.monotonic()
        if head.engine is not None:  # a checkpoint between two waves holds no weights, so it is written faster
            self._took = self._ended - begun

    def head(self, facts: Facts, *, finished: list[int], seconds: float, paces: list[float], notes: list[str]) -> Head:
        """Return what a checkpoint holds besides the engine's arrays; `facts` are the engine's."""
        together, done = _at_work(facts)
        return Head(
            run=self._record.id or "",
            config_digest=self._record.config_digest or "",
            processor=processor(),
            finished=finished,
            epoch=facts["epoch"],
            epochs=facts["epochs"],
            seeds_finished=len(finished) + done,
            seeds=len(self._record.seeds or ()),
            together=together,
            seconds=seconds,
            paces=paces,
            not_kept=notes,
            engine=dict(facts) if "engine" in facts else None,
        )

    def remove(self) -> None:
        """Remove the checkpoint of a finished run. A failure is ignored, because the file does no harm."""
        try:
            self._path.unlink(missing_ok=True)
        except OSError:
            return


def _at_work(facts: Facts) -> tuple[int, int]:
    """Return how many seeds are trained at once, and how many seeds of the wave are finished."""
    if facts.get("engine") == "many_seeds":
        return len(facts["seeds"]), 0
    return 1, len(facts.get("finished", ()))
