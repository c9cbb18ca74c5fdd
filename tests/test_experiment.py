"""A run is kept whatever fails beside its training: the model's file, its figures, the progress that nobody hears."""

from __future__ import annotations

import errno
import io
from pathlib import Path
from typing import Any, cast

import pytest
from rich.console import Console
from small_run import stored, trained

from bnexp import store
from bnexp.errors import StorageError
from bnexp.report import figures
from bnexp.report.progress import Reporter
from bnexp.system.terminal import Stream

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation")  # Keras's own, while it writes


@pytest.mark.parametrize("error", [ValueError("no font"), StorageError("x.png: cannot be written.")])
def test_figures_that_cannot_be_drawn_lose_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object) -> bytes:
        raise error

    monkeypatch.setattr("bnexp.report.plots.render", fail)
    finished = trained(tmp_path)
    assert stored(finished)["status"] == "finished"
    said = str(error) if isinstance(error, StorageError) else f"{error!r}."
    assert figures.drawn(finished.run) == [
        f"The figures were not drawn: {said} All numbers are kept: `bnexp plot {finished.run.id}` draws them."
    ]
    found = store.find(tmp_path, "latest")
    assert found is not None and found.id == finished.run.id


class Full(io.StringIO):
    """A stream on a full disk."""

    def write(self, text: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_progress_that_nobody_hears_stops_no_training(tmp_path: Path) -> None:
    reporter = Reporter(Console(file=cast("Any", Stream(Full()))), "a", epochs=2, seeds=1, quiet=False)
    with reporter.live():
        finished = trained(tmp_path, watch=reporter.watch, note=reporter.note)
    assert stored(finished)["status"] == "finished"
