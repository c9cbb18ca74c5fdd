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
        f'The figures were not drawn: {said} All numbers are kept: `bnexp.plot("{finished.run.id}")` draws the figures.'
    ]
    found = store.find(tmp_path, "latest")
    assert found is not None and found.id == finished.run.id


def test_a_figure_that_was_not_drawn_is_told_in_the_record_that_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def draw(run: store.Run) -> list[str]:
        seen.append(run.record().status or "")
        assert (run.directory / store.LOCK).exists(), "nobody else works in the directory"
        return ["no figure"]

    finished = trained(tmp_path, draw=draw)
    assert seen == ["finished"]
    assert stored(finished)["not_kept"] == finished.record.not_kept == ["no figure"]
    monkeypatch.setattr(store, "write_record", write_record_until_finished(store.write_record))
    finished = trained(tmp_path, draw=draw)
    assert finished.record.not_kept == ["no figure"] and stored(finished)["not_kept"] == []


def write_record_until_finished(write: Any) -> Any:
    """Return a function that writes records until one is finished; then the disk is full."""
    last: list[str | None] = [None]

    def written(path: Path, record: store.RunRecord) -> None:
        if last[-1] == "finished":
            raise StorageError(f"{path}: cannot be written (No space left on device).")
        last.append(record.status)
        write(path, record)

    return written


class Full(io.StringIO):
    """A stream on a full disk."""

    def write(self, text: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_progress_that_nobody_hears_stops_no_training(tmp_path: Path) -> None:
    reporter = Reporter(Console(file=cast("Any", Stream(Full()))), "a", epochs=2, seeds=1, quiet=False)
    with reporter.live():
        finished = trained(tmp_path, watch=reporter.watch, note=reporter.note)
    assert stored(finished)["status"] == "finished"
