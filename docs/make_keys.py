"""Writes keys.md: every key that a config may have, from the schema itself. `make keys` runs it, a test keeps it fresh."""

from __future__ import annotations

import ast
import inspect
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import annotated_types
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from bnexp.config.dataset import Dataset
from bnexp.config.initializer import Initializer
from bnexp.config.model import Model
from bnexp.config.networks import Augmentation
from bnexp.config.normalization import Normalization
from bnexp.config.section import Shift
from bnexp.config.study import Endpoint, Hypothesis, Over, Study, Tie, Tune
from bnexp.config.training import EarlyStopping, LearningRate, Optimizer, Training

PAGE = Path(__file__).with_name("keys.md")
HEAD = """# Every key of a config

Written by `make keys` from the schema; [the README](../README.md) shows them at work. Each section has a `name` that
says of which kind it is; what has no default must be given. Scalars follow YAML 1.2: `1e-3` is a number, `no` is text.
"""


def page() -> str:
    """Return the whole page."""
    parts = [HEAD]
    for title, section in (
        ("dataset", Dataset),
        ("dataset.shift", Shift),
        ("model", Model),
        ("model.initializer", Initializer),
        ("model.normalization", Normalization),
        ("model.augmentation", Augmentation),
        ("training", Training),
        ("training.optimizer", Optimizer),
        ("training.learning_rate", LearningRate),
        ("training.early_stopping", EarlyStopping),
    ):
        parts.append(f"## {title}\n")
        parts += [_kind(kind) for kind in _kinds(section)]
    parts.append("# Every key of a study\n\n`bnexp study` reads them; `experiment` holds the keys above.\n")
    for title, section in (
        ("study", Study),
        ("tie", Tie),
        ("tune", Tune),
        ("hypothesis", Hypothesis),
        ("hypothesis.metric", Endpoint),
        ("hypothesis.over", Over),
    ):
        parts += [f"## {title}\n", _kind(section)]
    return "\n".join(parts)


def _kinds(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _kinds(inner)


def _kind(kind: type[BaseModel]) -> str:
    name = kind.model_fields.get("name")
    names = get_args(name.annotation) if name is not None and get_origin(name.annotation) is Literal else ()
    lines = [f"### {', '.join(f'`{one}`' for one in names)}\n"] if names and len(names) < 10 else []
    lines.append(f"{inspect.getdoc(kind)}\n")
    fields = {key: field for key, field in kind.model_fields.items() if key != "name" or not lines[0].startswith("###")}
    if fields:
        told = _told(kind)
        lines += ["| key | default | what |", "|---|---|---|"]
        lines += [
            f"| `{key}` | {_default(field)} | {_what(told.get(key, ''), _range(field))} |"
            for key, field in fields.items()
        ]
        lines.append("")
    return "\n".join(lines)


def _told(kind: type[BaseModel]) -> dict[str, str]:
    """Map each field to the docstring beneath it, the class's own before what it inherits."""
    told: dict[str, str] = {}
    for parent in reversed([one for one in kind.__mro__ if issubclass(one, BaseModel) and one is not BaseModel]):
        (tree,) = ast.parse(inspect.getsource(parent)).body
        assert isinstance(tree, ast.ClassDef)
        for field, text in zip(tree.body, tree.body[1:], strict=False):
            if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
                told[ast.unparse(field.target)] = " ".join(str(text.value.value).split())
    return told


def _what(text: str, allowed: str) -> str:
    return " ".join(part for part in (text, allowed) if part).replace("|", "\\|")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "*none*"
    value = field.default
    if isinstance(value, BaseModel):
        value = getattr(value, "initial", None) or getattr(value, "name", None) or "the defaults below"
        return f"`{value}`" if value != "the defaults below" else value
    if value is None or isinstance(value, bool):
        value = {None: "null", True: "true", False: "false"}[value]
    return f"`{value}`"


def _range(field: FieldInfo) -> str:
    """Return which values are allowed, where they are few or bounded."""
    literals = [one for one in _literals(field.annotation)]
    if len(literals) > 1:
        return "Good: " + ", ".join(f"`{one}`" for one in literals) + "."
    bounds = [
        text.format(getattr(bound, key))
        for bound in [*field.metadata, *_inner_metadata(field.annotation)]
        for kind, key, text in (
            (annotated_types.Ge, "ge", "{} or more"),
            (annotated_types.Gt, "gt", "more than {}"),
            (annotated_types.Le, "le", "at most {}"),
            (annotated_types.Lt, "lt", "less than {}"),
        )
        if isinstance(bound, kind)
    ]
    return f"({', '.join(bounds)})" if bounds else ""


def _inner_metadata(annotation: Any) -> Iterator[Any]:
    """Yield what is said of the parts of a union, as of `Annotated[int, Field(ge=4)] | None`."""
    if isinstance(annotation, types.UnionType) or get_origin(annotation) is Union:
        for inner in get_args(annotation):
            for bound in getattr(inner, "__metadata__", ()):
                yield from bound.metadata if isinstance(bound, FieldInfo) else [bound]


def _literals(annotation: Any) -> Iterator[str]:
    if get_origin(annotation) is Literal:
        yield from (str(one) for one in get_args(annotation))
    elif isinstance(annotation, types.UnionType):
        for inner in get_args(annotation):
            yield from _literals(inner)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
