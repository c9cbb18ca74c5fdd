"""One layer of a `sequential` model and the objects in its arguments, such as other layers and initializers.

Only names from closed lists are made into objects, so a config cannot name any other class.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from bnexp.config.layer_names import (
    ALIASES,
    MAIN_ARGUMENT,
    REFUSED,
    TAKES_LISTS,
    CellName,
    ConstraintName,
    InitializerName,
    LayerName,
    RegularizerName,
)
from bnexp.config.section import Section
from bnexp.config.yaml_text import written

OWN_ERRORS = ("argument", "refused_layer")
"""Error types of bnexp's own, beside pydantic's."""
PLAIN = "numbers, text, true, false, null, or lists of them"


def _plain(value: Any) -> Any:
    """Refuse mappings, because Keras builds objects of any class from them, and numbers that are not finite."""
    entries = value if isinstance(value, list) else [value]
    for entry in entries:
        if isinstance(entry, list) and value is not entry:
            _plain(entry)
        elif not isinstance(entry, bool | int | float | str | None):
            raise PydanticCustomError("argument", PLAIN)
        elif isinstance(entry, float) and not math.isfinite(entry):
            raise PydanticCustomError("finite_number", "a finite number")
    return value


def _a_name(value: Any) -> Any:
    """Refuse an activation that is a mapping. The error says what to write instead."""
    if isinstance(value, dict):
        raise PydanticCustomError(
            "argument", "a name; write an activation with options as a separate layer after this one"
        )
    return _plain(value)


Plain = Annotated[Any, AfterValidator(_plain)]
ActivationName = Annotated[Any, AfterValidator(_a_name)]


def _each_read(arguments: dict[str, Any]) -> dict[str, Any]:
    """Validate each argument by the type for its name. The errors of all arguments are raised together."""
    read: dict[str, Any] = {}
    errors: list[InitErrorDetails] = []
    for key, value in arguments.items():
        try:
            read[key] = _reader(_kind_of(key, value)).validate_python(value, strict=True)
        except ValidationError as error:
            errors += _below(key, error)
    if errors:
        raise ValidationError.from_exception_data("arguments", errors)
    return read


def _below(key: str, error: ValidationError) -> Iterator[InitErrorDetails]:
    for found in error.errors(include_url=False):
        kind: Any = found["type"]
        if kind in OWN_ERRORS:
            kind = PydanticCustomError(kind, found["msg"])
        yield {"type": kind, "loc": (key, *found["loc"]), "input": found["input"], "ctx": found.get("ctx", {})}


@functools.cache
def _reader(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _kind_of(key: str, value: Any) -> Any:
    """Return the type of an argument: a name from a closed list, a mapping with a name, or plain values."""
    of_part: dict[str, type[Named]] = {"regularizer": Regularizer, "constraint": Constraint, "initializer": Initializer}
    part = of_part.get(key.rpartition("_")[2])
    if part is not None and value is not None:
        return part if isinstance(value, dict | Section) else part.model_fields["name"].annotation
    match key:
        case "activation" | "recurrent_activation":
            return ActivationName
        case "layer" | "backward_layer" if value is not None:
            return Layer
        case "layers":
            return Annotated[list[Layer], Field(min_length=1)]
        case "cells":
            return Annotated[list[Cell], Field(min_length=1)]
        case "shortcut":
            return Literal["identity", "projection"]
        case "cell":
            return Annotated[list[Cell], Field(min_length=1)] if isinstance(value, list) else Cell
        case "renorm_clipping" if isinstance(value, dict):
            return dict[Literal["rmin", "rmax", "dmax"], float]
    return Plain


def _named(value: Any) -> Any:
    """Return `Flatten` or `Dense: {units: 64}` as a mapping with the keys `name` and `arguments`."""
    if isinstance(value, str):
        return {"name": value}
    if isinstance(value, dict) and len(value) == 1 and "name" not in value:
        name, arguments = next(iter(value.items()))
        return {"name": name, "arguments": {} if arguments is None else arguments}
    if isinstance(value, dict) and "name" not in value:
        raise PydanticCustomError("argument", "one name with its arguments, `NAME: {...}`")
    return value


def _with_main_argument(name: Any, arguments: Any) -> str | None:
    """Return the arguments with the name of the main one, if it was left out; None if nothing was left out.

    >>> _with_main_argument("Dropout", 0.5), _with_main_argument("Dropout", {"rate": 0.5})
    ('rate: 0.5', None)
    >>> _with_main_argument("Bidirectional", {"GRU": {"units": 3}, "merge_mode": "sum"})
    "layer: {GRU: {units: 3}}, merge_mode: 'sum'"
    """
    key = MAIN_ARGUMENT.get(name) if isinstance(name, str) else None
    if key is None:
        return None
    if not isinstance(arguments, dict):
        takes = isinstance(arguments, str | int | float) or (isinstance(arguments, list) and key in TAKES_LISTS)
        return f"{key}: {written(arguments) if takes else '...'}" if arguments is not None else None
    unnamed = [one for one in arguments if one in get_args(LayerName if key == "layer" else CellName)]
    if key not in ("layer", "cell") or not unnamed:
        return None
    first = unnamed[0]
    rest = [f"{one}: {written(value)}" for one, value in arguments.items() if one != first]
    return ", ".join([f"{key}: {written({first: arguments[first]})}", *rest])


class Named(Section):
    """A Keras class: its name and its arguments, spelt as in Keras."""

    name: str
    arguments: Annotated[dict[str, Any], AfterValidator(_each_read)] = {}

    @model_validator(mode="before")
    @classmethod
    def _from_spelling(cls, value: Any) -> Any:
        value = _named(value)
        if isinstance(value, dict) and (meant := _with_main_argument(value.get("name"), value.get("arguments"))):
            raise PydanticCustomError("argument", f"`{value['name']}: {{{meant}}}`")
        return value

    def parts(self) -> Iterator[Named]:
        """Yield this object and all objects in its arguments, at any depth."""
        yield self
        for value in self.arguments.values():
            for entry in value if isinstance(value, list) else [value]:
                if isinstance(entry, Named):
                    yield from entry.parts()


class Regularizer(Named):
    """A penalty that a weight or the output of a layer adds to the loss."""

    name: RegularizerName


class Constraint(Named):
    """A constraint to which a weight is projected after each step."""

    name: ConstraintName


class Initializer(Named):
    """How a weight is initialized."""

    name: InitializerName


class Cell(Named):
    """One step of a recurrent layer."""

    name: CellName


class Layer(Named):
    """One Keras layer: its class name and its arguments, spelt as in Keras."""

    name: LayerName

    @model_validator(mode="before")
    @classmethod
    def _of_a_chain(cls, value: Any) -> Any:
        """Accept alternative names and `Residual: [layers]`. Refuse layers that a chain cannot have."""
        value = _named(value)
        if not isinstance(value, dict) or not isinstance(name := value.get("name"), str):
            return value
        if name in REFUSED:
            raise PydanticCustomError("refused_layer", f"another layer: {REFUSED[name]}")
        arguments = value.get("arguments")
        if name == "Residual" and isinstance(arguments, list):
            value = {**value, "arguments": {"layers": arguments}}
        return {**value, "name": ALIASES.get(name, name)}

    @model_validator(mode="after")
    def _with_its_own_keys(self) -> Layer:
        """Refuse unknown keys of a Residual. Keras does so for its own layers, but Residual is bnexp's."""
        if self.name == "Residual" and not {"layers"} <= self.arguments.keys() <= {"layers", "shortcut"}:
            raise PydanticCustomError(
                "argument", "Residual: [layers], or Residual: {layers: [...], shortcut: projection}"
            )
        return self


def every_layer(layers: Iterable[Layer]) -> Iterator[Named]:
    """Yield all layers and all objects in their arguments, such as wrapped layers and initializers."""
    for layer in layers:
        yield from layer.parts()
