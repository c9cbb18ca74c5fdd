"""Checkpoints, from which an interrupted training goes on: named arrays, facts in JSON, and the file format.

The engines define the arrays. `store` decides where the file is. The file is an .npz archive without pickles, which
`np.load` can read. Its last two members are `head.json` and `sha256`, the digest of all other members.
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
"""The most bytes of `head.json`."""

Found = TypeVar("Found")
Facts = Mapping[str, Any]
"""Named values that JSON can store: numbers, texts, and lists of them."""
Arrays = Iterable[tuple[str, NDArray[Any]]]
"""Pairs of a name and an array. Each array is made when it is written, so memory holds only one at a time."""


class CheckpointError(Exception):
    """A checkpoint cannot be used. The message has no full stop: a caller puts it into a sentence."""


@dataclass(frozen=True)
class Snapshot:
    """The state of an engine between two epochs: its facts, and its arrays by name."""

    facts: Facts
    arrays: dict[str, NDArray[Any]]

    def take(self, name: str, like: NDArray[Any]) -> NDArray[Any]:
        """Remove an array and return it. It must have the shape and type of `like`.

        Raises:
            CheckpointError: if the array is missing, or has another shape or type.
        """
        found = self.arrays.pop(name, None)
        if found is None or found.shape != like.shape or found.dtype != _plain(like.dtype):
            seen = "is missing" if found is None else f"has {found.dtype} {found.shape}"
            raise CheckpointError(f"{name} {seen}; expected {_plain(like.dtype)} {like.shape}")
        return found.view(like.dtype)

    def taken(self, name: str) -> NDArray[Any]:
        """Remove an array of any shape and type, and return it.

        Raises:
            CheckpointError: if the array is missing.
        """
        if name not in self.arrays:
            raise CheckpointError(f"{name} is missing")
        return self.arrays.pop(name)

    def take_all(self, name: str, like: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
        """Remove the arrays that `numbered` has named, and return them. They must match the arrays of `like`."""
        return [self.take(f"{name}/{number}", one) for number, one in enumerate(like)]

    def fact(self, name: str, expected: Any, meaning: str) -> None:
        """Check that a fact has the expected value. `meaning` names the fact in the message to the user.

        Raises:
            CheckpointError: if it has another value.
        """
        if self.facts.get(name) != expected:
            raise CheckpointError(f"{meaning} was {self.facts.get(name)} and is {expected}")

    def epochs(self, name: str, most: int) -> int:
        """Return a fact that is a number of epochs, from 0 to `most`.

        Raises:
            CheckpointError: if the fact is no such number.
        """
        found = self.facts.get(name)
        if not isinstance(found, int) or isinstance(found, bool) or not 0 <= found <= most:
            raise CheckpointError(f"{name} is {found!r}; expected a number of epochs from 0 to {most}")
        return found


def numbered(name: str, arrays: Iterable[NDArray[Any]]) -> Arrays:
    """Yield the arrays with numbered names: `name/0`, `name/1`, and so on."""
    return ((f"{name}/{number}", array) for number, array in enumerate(arrays))


def _plain(kind: np.dtype[Any]) -> np.dtype[Any]:
    """Return the type in which a file stores an array. A type unknown to NumPy (bfloat16) is stored as bits."""
    return np.dtype(f"u{kind.itemsize}") if kind.kind == "V" else kind


class Keeper:
    """Decides when training writes a checkpoint, and writes it. This base class never does."""

    def checkpoint_due(self, size: Callable[[], int]) -> bool:
        """Return True if a checkpoint of about `size()` bytes is to be written after the epoch that has just ended."""
        return False

    def keep_checkpoint(self, facts: Facts, arrays: Arrays) -> None:
        """Write the state of an engine."""


NOT_KEPT = Keeper()
"""Never writes a checkpoint."""


class Head(BaseModel):
    """The content of `head.json`: everything in a checkpoint except the engine's arrays."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    format: Literal[1] = 1
    run: str
    config_digest: str
    processor: str
    finished: list[Count]
    """Seeds of the finished waves. Their measures are in the other files of the run."""
    epoch: Count
    """The last finished epoch of the seeds in training; 0 between two waves."""
    epochs: Count
    seeds_finished: Count
    """The number of finished seeds, including the current wave."""
    seeds: Count
    together: Count
    """The number of seeds that are trained at once."""
    seconds: Annotated[float, Field(ge=0)]
    """Seconds of training so far."""
    paces: list[float] = []
    not_kept: list[str] = []
    engine: dict[str, JsonValue] | None
    """The facts of the engine's snapshot; None between two waves."""

    @property
    def place(self) -> str:
        """Return the progress of the training in words."""
        epoch = f"epoch {self.epoch} of {self.epochs}"
        if self.together >= self.seeds:
            return epoch
        return f"{epoch}, with {self.seeds_finished} of {self.seeds} seeds finished"


# --- the file ---------------------------------------------------------------------


def write_to(file: IO[bytes], head: Head, arrays: Arrays) -> None:
    """Write a checkpoint: the arrays one by one, then the head, then the digest of both."""
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
    """A file that also adds everything written to it to a digest."""

    def __init__(self, file: IO[bytes], digest: Any) -> None:
        self._file, self._digest = file, digest

    def write(self, part: bytes) -> int:
        """Write some bytes."""
        self._digest.update(part)
        return self._file.write(part)


def _member(name: str) -> zipfile.ZipInfo:
    """Return an archive entry with a fixed time, so that equal numbers give equal bytes."""
    return zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))


def read_head(path: Path) -> Head:
    """Read the head of a checkpoint, without its arrays.

    Raises:
        CheckpointError: if the file is no checkpoint of this format.
    """
    return _read(path, _head)


def read(path: Path) -> tuple[Head, dict[str, NDArray[Any]]]:
    """Read the head and all arrays of a checkpoint. Pickles are refused, so no code is run.

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
        raise CheckpointError(f"it is not a complete checkpoint ({fault(error)})") from error


def _head(archive: zipfile.ZipFile) -> Head:
    entry = archive.getinfo(HEAD)
    if entry.compress_type != zipfile.ZIP_STORED or entry.file_size > LARGEST_HEAD:
        raise ValueError(f"{HEAD} is compressed or too large")
    return Head.model_validate_json(archive.read(entry))


def _whole(archive: zipfile.ZipFile) -> tuple[Head, dict[str, NDArray[Any]]]:
    """Read all members in the order in which they were written, and check their digest."""
    digest, arrays = hashlib.sha256(), dict[str, NDArray[Any]]()
    for entry in archive.infolist():
        if entry.compress_type != zipfile.ZIP_STORED:  # not by bnexp; unpacking might take any amount of memory
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
        raise ValueError("the sha256 of its content differs from the stored one")
    return head, arrays
