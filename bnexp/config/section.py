"""What every section of a config has in common: frozen, every key known, every number with a range."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Task = Literal["binary", "multiclass", "regression"]
Kind = Literal["table", "image", "sequence", "text"]
"""What one row of inputs is: numbers (F,), an image (H, W, F), frames (T, F), or the numbers of words (T,)."""


def named(value: Any) -> Any:
    """Let `batch` stand for `{name: batch}`."""
    return {"name": value} if isinstance(value, str) else value


class Section(BaseModel):
    """A frozen part of a config in which every key is known and strictly typed."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Fraction = Annotated[float, Field(gt=0, lt=1)]
AtLeastOne = Annotated[int, Field(ge=1)]
ClassName = Annotated[str, Field(min_length=1)] | bool | int
"""A class as YAML reads its name; as text, it is the class's own."""
RandomState = Annotated[int, Field(ge=0, lt=2**32)]


Resample = bool | Literal["validation"]
"""Whether every seed has a split of its own: of all rows or, with `validation`, of rows outside the test part."""


class Shift(Section):
    """A change of the test part alone. Its inputs are scaled like all others, then multiplied, then moved. It may also
    keep only the rows of some classes, so that their mix is another."""

    scale: Positive = 1.0
    """Below 1, as an image of less contrast."""
    offset: float = 0.0
    """Above 0, as a brighter image."""
    classes: Annotated[list[ClassName], Field(min_length=1)] | None = None
    """Names of the classes that are kept, as in run.json; null: all."""
