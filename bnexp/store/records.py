"""`Record`, types of numbers, and checked reading, for all stored documents.

A document may have keys that its record does not name. A key may be missing if its value was not known yet, or if an
older bnexp wrote the document. Code that needs a key checks that it is there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from bnexp.errors import RunError
from bnexp.metrics import KNOWN, LARGEST, is_measured
from bnexp.store.names import is_plain
from bnexp.store.reading import content, cure, read_json
from bnexp.store.writing import write_json


class Record(BaseModel):
    """A part of a stored document. The types of its keys are checked, and all numbers must be finite."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False, defer_build=True)  # most commands use few records

    def as_json(self) -> dict[str, Any]:
        """Return the JSON object that is written: only keys that were set, in the order of the fields."""
        return self.model_dump(mode="json", exclude_unset=True)


class Extensible(Record):
    """A part of a document that may be written again. Keys that a newer bnexp added are kept, after all others."""

    model_config = ConfigDict(extra="allow")


def _known(metric: str) -> str:
    if not is_measured(metric):
        raise ValueError(
            f"{metric!r} is no metric of bnexp; expected {', '.join(KNOWN)}, or one of a part, as val_loss"
        )
    return metric


def _plain(name: str) -> str:
    if not is_plain(name):
        raise ValueError(f"{name!r} is no name in a directory; expected one without a path")
    return name


MOST_SEEDS = 100_000
"""The most seeds that a config can ask for."""
FileName = Annotated[str, AfterValidator(_plain)]
"""The name of a file or directory, without a path."""
Metric = Annotated[str, AfterValidator(_known)]
SeedCount = Annotated[int, Field(ge=1, le=MOST_SEEDS)]
Share = Annotated[float, Field(gt=0, lt=1)]
Probability = Annotated[float, Field(ge=0, le=1)]
Number = Annotated[float, Field(ge=-LARGEST, le=LARGEST)] | None
Seconds = Annotated[float, Field(ge=0, le=1e12)] | None
"""A duration in seconds. A longer one is an error: 1e12 seconds are more than 30,000 years."""
Digests = dict[str, str]


def _seeds(value: Any) -> Any:
    """Return the seeds as a tuple. In older runs, a number n stands for seed 0 to seed n - 1."""
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MOST_SEEDS:
        return tuple(range(value))
    if not isinstance(value, list | tuple) or not value or len(set(map(repr, value))) < len(value):
        raise ValueError("expected a list of different seeds, such as [0, 1]")
    if len(value) > MOST_SEEDS:
        raise ValueError(f"it lists {len(value):,} seeds; expected {MOST_SEEDS:,} or fewer")
    return tuple(value)


Seeds = Annotated[tuple[Annotated[int, Field(ge=0, lt=2**53)], ...], BeforeValidator(_seeds)]
"""The seeds of a run or a comparison, each once."""

Kind = TypeVar("Kind", bound=Record)


def head(path: Path, kind: type[Kind]) -> Kind:
    """Return the few keys of a document that a list of runs shows. Other keys are not checked.

    Raises:
        RunError: if the file is missing, too large, no regular file or no JSON, or if one of the keys has a wrong type.
    """
    try:
        return kind.model_validate_json(content(path))
    except ValidationError as error:
        raise damaged(path, error) from error


def read_record(path: Path, kind: type[Kind]) -> Kind:
    """Return a whole document, after a check of all keys that its record names.

    Raises:
        RunError: as `head` does.
    """
    return validated(path, read_json(path), kind)


def validated(path: Path, document: dict[str, Any], kind: type[Kind]) -> Kind:
    """Return a document, which was read from the file `path`, as a checked record.

    Raises:
        RunError: if one of its keys has a wrong type.
    """
    try:
        return kind.model_validate(document)
    except ValidationError as error:
        raise damaged(path, error) from error


def write_record(path: Path, record: Record) -> None:
    """Write a document as `write_json` does."""
    write_json(path, record.as_json())


def damaged(path: Path, error: ValidationError) -> RunError:
    """Return the error for an invalid document. It names the first invalid key."""
    return RunError(f"{path}: {first_fault(error)}. It is damaged, or of another bnexp. {cure(path)}")


def first_fault(error: ValidationError) -> str:
    """Return the first invalid key, and what is wrong with it."""
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(map(str, first["loc"]))
    return f"{place or 'the text'}: {first['msg'].removeprefix('Value error, ')}"
