"""What a name means among stored runs: an experiment's newest finished run, or a directory by its name or path."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bnexp import store
from bnexp.errors import RunError
from bnexp.system.listeners import Warn


def finished(runs: Path) -> Iterator[tuple[store.Run, store.RunHead]]:
    """Yield all finished runs, the newest first."""
    for run in store.runs_in(runs):
        state = run.state()
        if state.kind == "run" and state.status == "finished" and isinstance(state.head, store.RunHead):
            yield run, state.head


def newest(runs: Path, name: str) -> store.Run | None:
    """Find the newest finished run of an experiment by its name."""
    return _newest(runs, name)[0]


def damage(runs: Path, name: str) -> list[str]:
    """List the damaged runs of an experiment that are newer than its newest finished one, each with the reason."""
    return _newest(runs, name)[1]


def _newest(runs: Path, name: str) -> tuple[store.Run | None, list[str]]:
    damaged: list[str] = []
    for run in store.runs_in(runs):
        state = run.state()
        if state.kind != "run" or not _is_called(run, state, name):
            continue
        if state.status == "finished":
            return run, damaged
        if state.status == "damaged":
            damaged.append(f"{run.id} is damaged ({state.reason.rstrip('.')})")
    return None, damaged


def _is_called(run: store.Run, state: store.State, name: str) -> bool:
    """Return True for a run of an experiment; where no record says its name, the directory does."""
    if isinstance(state.head, store.RunHead):
        return state.head.name == name
    return state.status == "damaged" and run.stem == store.slug(name)


def named(runs: Path, name: str, warn: Warn = lambda text: None) -> store.Run | None:
    """Find what a name means; `warn` is told of damaged runs that an experiment's name passes over.

    Raises:
        RunError: if the name means several runs, or an experiment whose finished runs are all damaged.
    """
    run, damaged = _newest(runs, name)
    own = next((one for one in store.runs_in(runs) if one.id == name), None)
    if run is not None and own is not None and own != run:
        raise RunError(
            f"{name!r} is the name of an experiment and of the directory {own.directory}; expected the name of one. "
            f"Name {own.directory}, or {run.id} for the experiment's newest run."
        )
    if run is None and own is None and damaged:
        raise RunError(f"{name} has no finished run: {'; '.join(damaged)}. Name another, or train it again.")
    if run is None:
        return store.find(runs, name)
    for text in damaged:
        warn(f"{text}; the newest finished run of {name} is taken: {run.id}.")
    return run
