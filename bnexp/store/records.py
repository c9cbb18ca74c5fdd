"""What all stored documents share: types of numbers, and reading with a check. Keys that are not named may be there.

A key may be missing if it was not known yet, or not to an older bnexp. Work that needs a key checks that it is there.
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
    """A part of a stored document: its keys have these types, and no number is infinite."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False, defer_build=True)  # most commands need few of them

    def as_json(self) -> dict[str, Any]:
        """Return what is written of it: the keys that were set, in the order of the fields."""
        return self.model_dump(mode="json", exclude_unset=True)


class Extensible(Record):
    """A part of a document that may be written again: keys that a newer bnexp added are kept, behind all others."""

    model_config = ConfigDict(extra="allow")


def _known(metric: str) -> str:
    if not is_measured(metric):
        raise ValueError(f"{metric!r} is no metric of bnexp; expected {', '.join(KNOWN)}, of a part: val_loss")
    return metric


def _plain(name: str) -> str:
    if not is_plain(name):
        raise ValueError(f"{name!r} is no name in a directory; expected one without a path")
    return name


MOST_SEEDS = 100_000
"""That a config can ask for."""
FileName = Annotated[str, AfterValidator(_plain)]
"""Of a file or directory that is looked up in another one."""
Metric = Annotated[str, AfterValidator(_known)]
SeedCount = Annotated[int, Field(ge=1, le=MOST_SEEDS)]
Share = Annotated[float, Field(gt=0, lt=1)]
Probability = Annotated[float, Field(ge=0, le=1)]
Number = Annotated[float, Field(ge=-LARGEST, le=LARGEST)] | None
Seconds = Annotated[float, Field(ge=0, le=1e12)] | None
"""A duration; no run takes 30,000 years."""
Digests = dict[str, str]


def _seeds(value: Any) -> Any:
    """Return seeds as a tuple; an older run's number n of seeds stands for seed 0 to seed n - 1."""
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
    """Read the little that a list shows, and check no more.

    Raises:
        RunError: if the file is missing, too large, no regular file, no JSON, or one of these keys is of a wrong type.
    """
    try:
        return kind.model_validate_json(content(path))
    except ValidationError as error:
        raise damaged(path, error) from error


def read_record(path: Path, kind: type[Kind]) -> Kind:
    """Read a document whole, and check all that is known of it.

    Raises:
        RunError: as `head` does.
    """
    return validated(path, read_json(path), kind)


def validated(path: Path, document: dict[str, Any], kind: type[Kind]) -> Kind:
    """Check a document that has been read from a file.

    Raises:
        RunError: if one of its keys is of a wrong type.
    """
    try:
        return kind.model_validate(document)
    except ValidationError as error:
        raise damaged(path, error) from error


def write_record(path: Path, record: Record) -> None:
    """Write a document as `write_json` does."""
    write_json(path, record.as_json())


def damaged(path: Path, error: ValidationError) -> RunError:
    """Return the refusal of a document that is not as it should be, with the first key at fault."""
    return RunError(f"{path}: {first_fault(error)}. It is damaged, or of another bnexp. {cure(path)}")


def first_fault(error: ValidationError) -> str:
    """Return the first key that is not as it should be, and what is wrong with it."""
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(map(str, first["loc"]))
    return f"{place or 'the text'}: {first['msg'].removeprefix('Value error, ')}"
