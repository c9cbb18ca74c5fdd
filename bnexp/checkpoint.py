"""What training keeps to go on after an interruption: arrays by name and facts in JSON, and their form as a file.

What the arrays mean is the engines' business. Where the file lies is `store`'s. It is an .npz archive without pickles:
`np.load` reads it. Its last two members are `head.json`, and the sha256 of all before it.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Annotated, Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from bnexp.system.archives import FAULTS, fault
from bnexp.system.numbers import Count

HEAD, DIGEST = "head.json", "sha256"
LARGEST_HEAD = 2**26
"""Bytes."""

Found = TypeVar("Found")
Facts = Mapping[str, Any]
"""What JSON holds: numbers, texts, and lists of them."""
Arrays = Iterable[tuple[str, NDArray[Any]]]
"""Arrays by name, made one after the other while they are written: memory holds one of them at a time."""


class CheckpointError(Exception):
    """A checkpoint cannot be used: what was seen and what is expected, without a full stop."""


@dataclass(frozen=True)
class Snapshot:
    """The state of an engine between two epochs: its facts, and its arrays by name."""

    facts: Facts
    arrays: dict[str, NDArray[Any]]

    def take(self, name: str, like: NDArray[Any]) -> NDArray[Any]:
        """Take out an array of the shape and type of another one.

        Raises:
            CheckpointError: if there is none.
        """
        found = self.arrays.pop(name, None)
        if found is None or found.shape != like.shape or found.dtype != _plain(like.dtype):
            seen = "is missing" if found is None else f"has {found.dtype} {found.shape}"
            raise CheckpointError(f"{name} {seen}; expected {_plain(like.dtype)} {like.shape}")
        return found.view(like.dtype)

    def taken(self, name: str) -> NDArray[Any]:
        """Take out an array of any shape and type.

        Raises:
            CheckpointError: if there is none.
        """
        if name not in self.arrays:
            raise CheckpointError(f"{name} is missing")
        return self.arrays.pop(name)

    def take_all(self, name: str, like: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
        """Take out several arrays, as `numbered` names them."""
        return [self.take(f"{name}/{number}", one) for number, one in enumerate(like)]

    def fact(self, name: str, expected: Any, meaning: str) -> None:
        """Check that a fact is as expected; `meaning` says in the user's words what it is.

        Raises:
            CheckpointError: if it is not.
        """
        if self.facts.get(name) != expected:
            raise CheckpointError(f"{meaning} was {self.facts.get(name)} and is {expected}")

    def epochs(self, name: str, most: int) -> int:
        """Return a fact that is a number of epochs, from 0 to `most`.

        Raises:
            CheckpointError: if it is not.
        """
        found = self.facts.get(name)
        if not isinstance(found, int) or isinstance(found, bool) or not 0 <= found <= most:
            raise CheckpointError(f"{name} is {found!r}; expected a number of epochs from 0 to {most}")
        return found


def numbered(name: str, arrays: Iterable[NDArray[Any]]) -> Arrays:
    """Yield arrays with names of their own: `name/0`, `name/1`."""
    return ((f"{name}/{number}", array) for number, array in enumerate(arrays))


def _plain(kind: np.dtype[Any]) -> np.dtype[Any]:
    """Return the type in which a file holds numbers: those that NumPy does not know (bfloat16) as bits."""
    return np.dtype(f"u{kind.itemsize}") if kind.kind == "V" else kind


class Keeper:
    """Decides when training keeps a checkpoint, and keeps it. This one never does."""

    def checkpoint_due(self, size: Callable[[], int]) -> bool:
        """Return True if a checkpoint of about this many bytes is to be kept after the epoch that has just ended."""
        return False

    def keep_checkpoint(self, facts: Facts, arrays: Arrays) -> None:
        """Keep the state of an engine."""


NOT_KEPT = Keeper()
"""Keeps no checkpoint."""


class Head(BaseModel):
    """What stands in a checkpoint beside the engine's arrays."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    format: Literal[1] = 1
    run: str
    config_digest: str
    processor: str
    finished: list[Count]
    """Seeds of the waves that are over. What they measured stands in the run's other files."""
    epoch: Count
    """Of the seeds at work; 0 between two waves."""
    epochs: Count
    seeds_finished: Count
    """Within the wave at work, too."""
    seeds: Count
    together: Count
    """Seeds that are trained at once."""
    seconds: Annotated[float, Field(ge=0)]
    """Of training, so far."""
    paces: list[float] = []
    not_kept: list[str] = []
    engine: dict[str, JsonValue] | None
    """The facts of the engine's snapshot; None between two waves."""

    @property
    def place(self) -> str:
        """Return in words how far the training is."""
        epoch = f"epoch {self.epoch} of {self.epochs}"
        if self.together >= self.seeds:
            return epoch
        return f"{epoch}, with {self.seeds_finished} of {self.seeds} seeds finished"


# --- the file ---------------------------------------------------------------------


def write_to(file: IO[bytes], head: Head, arrays: Arrays) -> None:
    """Write a checkpoint: each array as it comes, then the head, then the digest of all."""
    digest = hashlib.sha256()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays:
            member = _member(f"{name}.npy")
            digest.update(member.filename.encode())
            with archive.open(member, "w", force_zip64=True) as place:
                hashed = _Hashed(place, digest)
                np.lib.format.write_array(hashed, array.view(_plain(array.dtype)), allow_pickle=False)
        text = head.model_dump_json().encode()
        digest.update(text)
        archive.writestr(_member(HEAD), text)
        archive.writestr(_member(DIGEST), digest.hexdigest())


class _Hashed:
    """A file that adds what is written to a digest."""

    def __init__(self, file: IO[bytes], digest: Any) -> None:
        self._file, self._digest = file, digest

    def write(self, part: bytes) -> int:
        """Write some bytes."""
        self._digest.update(part)
        return self._file.write(part)


def _member(name: str) -> zipfile.ZipInfo:
    """Return an entry of the archive that tells no time: equal numbers are equal bytes."""
    return zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))


def read_head(path: Path) -> Head:
    """Read how far a training is; no array is read.

    Raises:
        CheckpointError: if the file is no checkpoint of this format.
    """
    return _read(path, _head)


def read(path: Path) -> tuple[Head, dict[str, NDArray[Any]]]:
    """Read a checkpoint whole. Nothing in it is run: pickles are refused.

    Raises:
        CheckpointError: if it is damaged, or no checkpoint of this format.
    """
    return _read(path, _whole)


def _read(path: Path, what: Callable[[zipfile.ZipFile], Found]) -> Found:
    try:
        with open(path, "rb") as file, zipfile.ZipFile(file) as archive:
            return what(archive)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise CheckpointError(f"{HEAD} has a wrong {place or 'text'}: {first['msg']}") from error
    except MemoryError as error:
        raise CheckpointError(fault(error)) from error
    except FAULTS as error:
        raise CheckpointError(f"it is no whole checkpoint ({fault(error)})") from error


def _head(archive: zipfile.ZipFile) -> Head:
    entry = archive.getinfo(HEAD)
    if entry.compress_type != zipfile.ZIP_STORED or entry.file_size > LARGEST_HEAD:
        raise ValueError(f"{HEAD} is compressed or too large")
    return Head.model_validate_json(archive.read(entry))


def _whole(archive: zipfile.ZipFile) -> tuple[Head, dict[str, NDArray[Any]]]:
    """Read all members in the order in which they were written, and compare their digest."""
    digest, arrays = hashlib.sha256(), dict[str, NDArray[Any]]()
    for entry in archive.infolist():
        if entry.compress_type != zipfile.ZIP_STORED:  # as no checkpoint is; it may take any amount of memory
            raise ValueError(f"{entry.filename!r} in it is compressed")
        if entry.filename in (HEAD, DIGEST):
            continue
        content = archive.read(entry)
        digest.update(entry.filename.encode())
        digest.update(content)
        arrays[entry.filename.removesuffix(".npy")] = np.load(io.BytesIO(content), allow_pickle=False)
    head = _head(archive)
    digest.update(archive.read(HEAD))
    if digest.hexdigest() != archive.read(DIGEST).decode("ascii", "replace"):
        raise ValueError("its content has another sha256 than the one written in it")
    return head, arrays
