"""What all stored documents share: types of numbers, and reading with a check. Keys that are not named may be there.

Whatever is missing was not known yet, or to an older bnexp; what must be there for some work, that work asks for.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from bnexp.errors import RunError
from bnexp.metrics import LARGEST, QUANTITIES, is_measured
from bnexp.store.reading import content, cure, read_json


class Record(BaseModel):
    """A part of a stored document: its keys have these types, and no number is infinite."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)


def _known(metric: str) -> str:
    if not is_measured(metric):
        raise ValueError(f"{metric!r} is no metric of bnexp; expected {', '.join(QUANTITIES)}, of a part: val_loss")
    return metric


Metric = Annotated[str, AfterValidator(_known)]
Count = Annotated[int, Field(ge=0, lt=2**53)]
Share = Annotated[float, Field(gt=0, lt=1)]
Number = Annotated[float, Field(ge=-LARGEST, le=LARGEST)] | None
Digests = dict[str, str]


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


def read_record(path: Path, kind: type[Record]) -> dict[str, Any]:
    """Read a document whole, and check all that is known of it.

    Raises:
        RunError: as `head` does.
    """
    document = read_json(path)
    try:
        kind.model_validate(document)
    except ValidationError as error:
        raise damaged(path, error) from error
    return document


def damaged(path: Path, error: ValidationError) -> RunError:
    """Return the refusal of a document that is not as it should be, with the first key at fault."""
    return RunError(f"{path}: {first_fault(error)}. It is damaged, or of another bnexp. {cure(path)}")


def first_fault(error: ValidationError) -> str:
    """Return the first key that is not as it should be, and what is wrong with it."""
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(map(str, first["loc"]))
    return f"{place or 'the text'}: {first['msg'].removeprefix('Value error, ')}"
