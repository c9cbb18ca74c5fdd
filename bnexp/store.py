"""Run directories under `runs/`: made at once, written whole or not at all, listed, named, and found again.

A directory is made by one exclusive `mkdir`; a file is absent or whole. What
a run's status is follows from what is there: its lock is held = running, its
final record stands in run.json = finished, else interrupted. One damaged
directory never hides another.
"""

from __future__ import annotations

import errno
import json
import os
import re
import secrets
import shutil
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout

from bnexp.errors import RunError, StorageError, nearest

Status = Literal["running", "finished", "interrupted", "damaged"]

LOCK = ".lock"
LATEST = "latest"
SPARE_BYTES = 16 * 2**20
"""Free space that a run directory is not begun without."""


# --- writing ---------------------------------------------------------------


@contextmanager
def new_directory(runs: Path, name: str) -> Iterator[Path]:
    """Make a directory `runs/<slug>-<UTC time>` of one's own, hold its lock, and point `latest` at it.

    Raises:
        StorageError: if the runs directory cannot be written, or is full.
    """
    directory = _make_directory(runs, name)
    lock = FileLock(directory / LOCK)
    with lock.acquire(timeout=1):
        _point_latest(runs, directory)
        yield directory
    (directory / LOCK).unlink(missing_ok=True)


@contextmanager
def own_directory(directory: Path) -> Iterator[Path]:
    """Make a directory of this name or go on with it, hold its lock, and point `latest` at it.

    What a killed writer left half-written is cleared away.

    Raises:
        RunError: if another process holds it.
        StorageError: if it cannot be written.
    """
    make_place(directory)
    try:  # its lock's file stays: who waits for one that is then removed holds nothing
        with FileLock(directory / LOCK).acquire(timeout=1):  # who lists runs holds it for a moment
            for leftover in directory.rglob(".*.tmp"):
                leftover.unlink(missing_ok=True)
            _point_latest(directory.parent, directory)
            yield directory
    except Timeout:
        raise RunError(f"{directory}: another process is at work in it. Wait for it, or stop it.") from None


def refuse_unwritable(runs: Path) -> None:
    """Raise StorageError, before any work, if a run could not be kept here."""
    place = next(parent for parent in (runs, *runs.absolute().parents) if parent.exists())
    if not place.is_dir():
        raise StorageError(f"{place} is a file; expected a directory for runs. Move it, or use --runs DIR.")
    if not os.access(place, os.W_OK | os.X_OK):
        raise StorageError(f"{place} is not writable; expected a place to keep runs. Use --runs DIR.")
    free = shutil.disk_usage(place).free
    if free < SPARE_BYTES:
        raise StorageError(
            f"{place} has {free / 2**20:.1f} MiB free; a run needs about {SPARE_BYTES / 2**20:.0f} MiB. "
            "Free some space, or use --runs DIR."
        )


def _make_directory(runs: Path, name: str) -> Path:
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    with _told(runs):
        runs.mkdir(parents=True, exist_ok=True)
        for suffix in ("", *(f"-{number}" for number in range(2, 10_000))):
            directory = runs / f"{slug(name)}-{stamp}{suffix}"
            try:
                directory.mkdir()
            except FileExistsError:
                continue
            return directory
    raise StorageError(f"{runs}: ten thousand runs of {name!r} were begun in this second. Try again.")


def make_place(directory: Path) -> None:
    """Make a directory, with its parents, if it is not there."""
    with _told(directory):
        directory.mkdir(parents=True, exist_ok=True)


def write(path: Path, content: str | bytes) -> None:
    """Write a file whole: to a temporary one beside it, to the disk, then in its place.

    Raises:
        StorageError: if it cannot be written; what stood there before stands still.
    """
    data = content.encode() if isinstance(content, str) else content
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    with _told(path):
        try:
            with open(temporary, "xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
            _sync_directory(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


def _sync_directory(directory: Path) -> None:
    """Bring a renaming to the disk, where the system lets a directory be opened."""
    if os.name == "posix":
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_json(path: Path, document: Any) -> None:
    """Write strict JSON: NaN and infinity are refused."""
    write(path, json_text(document))


def json_text(document: Any) -> str:
    """Give strict JSON, as `write_json` writes it."""
    return json.dumps(document, allow_nan=False, indent=1) + "\n"


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Turn the system's refusal to write into one line for the user."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            cure = "The disk is full: free some space, or use --runs DIR."
        else:
            cure = "Expected a writable directory: use --runs DIR."
        raise StorageError(f"{path}: cannot be written ({error.strerror or error}). {cure}") from error


def _point_latest(runs: Path, directory: Path) -> None:
    """Point `latest` at this directory: a relative link, or a text file where links are not to be had."""
    temporary = runs / f".{LATEST}.{secrets.token_hex(4)}.tmp"
    latest = runs / LATEST
    try:
        temporary.symlink_to(directory.name, target_is_directory=True)
        os.replace(temporary, latest)
    except OSError:
        temporary.unlink(missing_ok=True)
        if not latest.is_dir() or latest.is_symlink():
            write(latest, directory.name + "\n")


def slug(name: str) -> str:
    """Give the part of a path that a name may become: `[A-Za-z0-9._-]`, at most 64 characters, no leading dot.

    >>> slug("bn"), slug("../x y"), slug("né"), slug("")
    ('bn', 'x-y', 'ne', 'run')
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    words = re.sub(r"[^A-Za-z0-9._-]+", "-", plain).strip(".-_")[:64].strip(".-_")
    reserved = re.fullmatch(r"(?i)(con|prn|aux|nul|com\d|lpt\d|latest)(\..*)?", words)
    return f"run-{words}" if reserved else words or "run"


# --- reading ---------------------------------------------------------------


@dataclass(frozen=True)
class Run:
    """A directory under `runs/` that holds one trained experiment, one comparison, or one study."""

    directory: Path

    @property
    def id(self) -> str:
        """Give the name of its directory."""
        return self.directory.name

    @property
    def kind(self) -> Literal["run", "comparison", "study"]:
        """Tell a trained experiment from a comparison and from a study."""
        if (self.directory / "study.yaml").exists():
            return "study"
        return "comparison" if (self.directory / "comparison.json").exists() else "run"

    def record(self) -> dict[str, Any]:
        """Read run.json.

        Raises:
            RunError: if it is missing or damaged.
        """
        return read_json(self.directory / "run.json")

    def text(self, name: str) -> str:
        """Read one of its files as text.

        Raises:
            RunError: if it is missing or unreadable.
        """
        return _read(self.directory / name)

    def status(self) -> Status:
        """Derive its status from its lock and its final record."""
        if _is_locked(self.directory / LOCK):
            return "running"
        if self.kind == "comparison":
            return "finished"
        if self.kind == "study":
            return "finished" if (self.directory / "study.json").exists() else "interrupted"
        try:
            return "finished" if self.record().get("status") == "finished" else "interrupted"
        except RunError:
            return "damaged"


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        RunError: if the file is missing, or is anything else.
    """
    try:
        document = json.loads(_read(path))
    except (ValueError, RecursionError) as error:
        raise RunError(f"{path}: not JSON ({error}). Restore the file, or train again.") from error
    if not isinstance(document, dict):
        raise RunError(f"{path}: holds {type(document).__name__}; expected an object. Train again.")
    return document


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise RunError(f"{path}: is missing. Restore the file, or train again.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise RunError(f"{path}: cannot be read ({error}). Restore the file, or train again.") from error


def _is_locked(path: Path) -> bool:
    if not path.exists():
        return False
    try:
        with FileLock(path).acquire(timeout=0):
            return False
    except Timeout:
        return True
    except OSError:
        return False


def runs_in(runs: Path) -> list[Run]:
    """List all runs, the newest first (by when they were begun: the time in the name, then the number behind it)."""
    if not runs.is_dir():
        return []
    found = [Run(entry) for entry in runs.iterdir() if entry.is_dir() and not entry.is_symlink()]
    dated = [(match.groups(default="1"), run) for run in found if (match := _STAMP.search(run.id))]
    dated += [(_begun(run), run) for run in found if _STUDY.search(run.id) and run.kind == "study"]
    return [run for _, run in sorted(dated, key=lambda pair: (pair[0][0], int(pair[0][1])), reverse=True)]


_STAMP = re.compile(r"-(\d{8}-\d{6})(?:-(\d+))?$")
_STUDY = re.compile(r"-study-[0-9a-f]{10}$")


def _begun(study: Run) -> tuple[str, ...]:
    """Give when a study was begun, as a run's name would say it: a study's name says what it holds."""
    begun = datetime.fromtimestamp((study.directory / "study.yaml").stat().st_mtime, UTC)
    return begun.strftime("%Y%m%d-%H%M%S"), "1"


def find(runs: Path, name: str) -> Run | None:
    """Find what a name means: a directory, `latest`, a run's id or its unique prefix; None if nothing has it.

    Raises:
        RunError: if it is the beginning of several ids, or a directory that is no run.
    """
    path = Path(name)
    if path.is_dir() and (os.sep in name or "/" in name):
        return _run_at(path.resolve())
    if name == LATEST or (path.name == LATEST and path.is_file()):
        return _latest(runs if name == LATEST else path.parent)
    candidates = [run for run in runs_in(runs) if run.id.startswith(name)]
    candidates = [run for run in candidates if run.id == name] or candidates
    if len(candidates) > 1:
        listed = ", ".join(run.id for run in candidates[:8])
        raise RunError(
            f"{name!r} is the beginning of {len(candidates)} runs; expected one of: {listed}. Give more of it."
        )
    if not candidates and path.is_dir():
        return _run_at(path.resolve())
    return candidates[0] if candidates else None


def _run_at(directory: Path) -> Run:
    if not any((directory / file).exists() for file in ("run.json", "comparison.json", "config.yaml", "study.yaml")):
        raise RunError(
            f"{directory}: is no run; expected a directory with run.json or comparison.json in it. "
            "Name a directory under runs/, or train one with `bnexp train`."
        )
    return Run(directory)


def _latest(runs: Path) -> Run:
    link = runs / LATEST
    target = link.read_text(encoding="utf-8").strip() if link.is_file() else os.path.basename(os.path.realpath(link))
    if not link.exists() or not (runs / target).is_dir() or Path(target).name != target:
        raise RunError(f"{link}: there is no latest run. Train one with `bnexp train CONFIG`.")
    return _run_at((runs / target).resolve())


def existing(runs: Path, name: str) -> str:
    """Tell, for an error, which runs there are, the newest eight, and the nearest to a wrong name."""
    known = [run.id for run in runs_in(runs)][:8]
    return nearest(name, known) if known else f"There are no runs in {runs}."
