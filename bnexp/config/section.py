"""What every section of a config has in common: frozen, every key known, every number with a range."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Task = Literal["binary", "multiclass", "regression"]
Kind = Literal["table", "image", "sequence", "text"]
"""The form of one row of inputs: numbers (F,), an image (H, W, F), frames (T, F), or the indices of words (T,)."""


def named(value: Any) -> Any:
    """Return `{name: batch}` for `batch`; return any value but text unchanged."""
    return {"name": value} if isinstance(value, str) else value


class Section(BaseModel):
    """A frozen part of a config in which every key is known and strictly typed."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Fraction = Annotated[float, Field(gt=0, lt=1)]
AtLeastOne = Annotated[int, Field(ge=1)]
ClassName = Annotated[str, Field(min_length=1)] | bool | int
"""The name of a class, as YAML reads it. Converted to text, it is the name itself."""
RandomState = Annotated[int, Field(ge=0, lt=2**32)]


Resample = bool | Literal["validation"]
"""Whether every seed has its own split: of all rows or, with `validation`, of the rows outside the test part."""


class Shift(Section):
    """A change of the test part alone.

    Its inputs are scaled like all others, then multiplied by `scale`, then `offset` is added. With `classes`, only rows
    of these classes are kept, so that the mix of classes changes.
    """

    scale: Positive = 1.0
    """Factor for the inputs. A factor below 1 is like an image with less contrast."""
    offset: float = 0.0
    """Number added to the inputs. A number above 0 is like a brighter image."""
    classes: Annotated[list[ClassName], Field(min_length=1)] | None = None
    """Names of the classes to keep, as in run.json; null: all."""
