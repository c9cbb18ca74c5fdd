"""Lists every key of a config or a study, with its default and its description, from the schema itself."""

from __future__ import annotations

import ast
import functools
import inspect
import re
import sys
import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, Union, get_args, get_origin

import annotated_types
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from bnexp.config import csv_keys, real, synthetic
from bnexp.config.dataset import Dataset
from bnexp.config.initializer import Initializer
from bnexp.config.model import Model
from bnexp.config.networks import Augmentation, Network
from bnexp.config.normalization import Normalization
from bnexp.config.own_model import OwnNetwork, Swap
from bnexp.config.section import Section, Shift
from bnexp.config.study import Endpoint, Hypothesis, Over, Study, Tie, Tune
from bnexp.config.training import EarlyStopping, LearningRate, Optimizer, Training

HEAD = """# Keys

This page lists every key of a config and of a study. `make keys` writes it from the schema, and a test keeps it fresh.

- Each section has a `name`, which chooses its kind. A section that has only one kind needs no `name`.
- A key without a default is marked *required*.
- Keys that several kinds share are listed once, under "Shared keys". Each kind links to its shared keys.
- Scalars follow YAML 1.2: `1e-3` is a number, and `no` is text.
"""
STUDY_HEAD = """# Keys of a study

`bnexp study` reads these keys. `experiment` holds the keys above. [Studies](studies.md) explains them.
"""
SHARED: dict[type[BaseModel], str] = {
    synthetic._Drawn: "every drawn set",
    real.RealDataset: "every set of real rows",
    real._Numbers: "inputs that are numbers",
    real._Table: "every table",
    real._Image: "every set of images",
    real._Text: "every set of texts",
    real._Sequence: "every set of sequences",
    real._Audio: "every set of recordings",
    real._File: "every file or folder of your own",
    real._Columns: "every file with columns",
    real._FeatureColumns: "every file with columns of features",
    csv_keys.CsvText: "every CSV file",
    Network: "every network of bnexp",
    OwnNetwork: "every network of your own",
}
"""Class whose keys several kinds inherit -> title for these kinds. The page lists these keys once."""
KEY_TABLE = ["| key | default | what |", "|---|---|---|"]


SECTIONS: tuple[tuple[str, Any], ...] = (
    ("dataset", Dataset),
    ("dataset.shift", Shift),
    ("model", Model),
    ("model.initializer", Initializer),
    ("model.normalization", Normalization),
    ("model.normalization of your own network", Swap),
    ("model.augmentation", Augmentation),
    ("training", Training),
    ("training.optimizer", Optimizer),
    ("training.learning_rate", LearningRate),
    ("training.early_stopping", EarlyStopping),
)
STUDY_SECTIONS: tuple[tuple[str, type[BaseModel]], ...] = (
    ("study", Study),
    ("tie", Tie),
    ("tune", Tune),
    ("hypothesis", Hypothesis),
    ("hypothesis.metric", Endpoint),
    ("hypothesis.over", Over),
)


@dataclass(frozen=True)
class Key:
    """A key, the kinds that have it, its default as YAML, and its description."""

    name: str
    of: str
    default: str
    what: str


def keys(pattern: str = "") -> list[Key]:
    """List the keys whose name contains a text. If there are none, list the keys whose description contains it.

    >>> [(key.name, key.of) for key in keys("na_values")]
    [('dataset.na_values', 'every CSV file')]
    """
    every, text = [*_experiment_keys(), *_study_keys()], pattern.lower()
    named = [key for key in every if text in key.name.lower()]
    return named or [key for key in every if text in f"{key.of} {key.what}".lower()]


def _experiment_keys() -> Iterator[Key]:
    for title, section in SECTIONS:
        path, _, own = title.partition(" ")
        kinds = list(_kinds(section))
        if names := [name for kind in kinds for name in _names(kind)]:
            yield Key(f"{path}.name", own, "the kind", f"Good: {', '.join(names)}.")
        for parent in _shared(kinds):
            yield from _keys_of(parent, SHARED[parent], f"{path}.")
        for kind in kinds:
            yield from _keys_of(kind, own or ", ".join(_names(kind)), f"{path}.")


def _study_keys() -> Iterator[Key]:
    prefixes = {"study": "", "tie": "tie.KEY."}
    for title, kind in STUDY_SECTIONS:
        yield from _keys_of(kind, "a study", prefixes.get(title, f"{title}."))


def _keys_of(kind: type[BaseModel], of: str, prefix: str) -> Iterator[Key]:
    documented, fields = _documented(kind), kind.model_fields
    for key in _own(kind):
        if key != "name" or not _names(kind):
            what = " ".join(part for part in (documented.get(key, ""), _range(fields[key])) if part)
            yield Key(f"{prefix}{key}", of, _default(fields[key]).strip("`*"), what.replace("`", ""))


def page() -> str:
    """Return the page of all keys: the content of docs/keys.md."""
    parts = [HEAD]
    for title, section in SECTIONS:
        kinds = list(_kinds(section))
        parts += [f"## {title}\n", *_shared_keys(kinds), *map(_kind, kinds)]
    parts.append(STUDY_HEAD)
    for title, section in STUDY_SECTIONS:
        parts += [f"## {title}\n", _kind(section)]
    return "\n".join(parts)


def _kinds(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _kinds(inner)


def _shared_keys(kinds: list[type[BaseModel]]) -> Iterator[str]:
    """Yield a table for each class whose keys these kinds inherit, the most general class first."""
    for parent in _shared(kinds):
        yield "\n".join([f"### Shared keys: {SHARED[parent]}\n", *_table(parent, _own(parent)), ""])


def _shared(kinds: list[type[BaseModel]]) -> list[type[BaseModel]]:
    found = {parent: None for kind in kinds for parent in reversed(_parents(kind))}
    return sorted(found, key=list(SHARED).index)


def _parents(kind: type[BaseModel]) -> list[type[BaseModel]]:
    """Return the classes that a kind inherits keys from, the nearest first."""
    return [one for one in kind.__mro__[1:] if issubclass(one, Section) and one is not Section and _own(one)]


def _own(kind: type[BaseModel]) -> list[str]:
    """Return the keys that a class itself defines or redefines."""
    return [key for key in kind.model_fields if key in inspect.get_annotations(kind)]


def _kind(kind: type[BaseModel]) -> str:
    names = _names(kind)
    titled = bool(names) and len(names) < 10
    lines = [f"### {', '.join(f'`{one}`' for one in names)}\n"] if titled else []
    lines.append(f"{inspect.getdoc(kind)}\n")
    if parents := _parents(kind):
        links = [f"[{SHARED[one]}](#{_anchor(SHARED[one])})" for one in sorted(parents, key=list(SHARED).index)]
        lines.append(f"It has the keys of {_listed(links)}.\n")
    keys = [key for key in _own(kind) if key != "name" or not titled]
    return "\n".join([*lines, *_table(kind, keys), ""] if keys else lines)


def _names(kind: type[BaseModel]) -> tuple[str, ...]:
    """Return the values of the key `name` that choose this kind of section."""
    name = kind.model_fields.get("name")
    return get_args(name.annotation) if name is not None and get_origin(name.annotation) is Literal else ()


def _anchor(title: str) -> str:
    return f"shared-keys-{title.replace(' ', '-').lower()}"


def _listed(texts: list[str]) -> str:
    return " and ".join([", ".join(texts[:-1]), texts[-1]]) if len(texts) > 1 else texts[0]


def _table(kind: type[BaseModel], keys: list[str]) -> list[str]:
    documented, fields = _documented(kind), kind.model_fields
    return [
        *KEY_TABLE,
        *(
            f"| `{key}` | {_default(fields[key])} | {_what(documented.get(key, ''), _range(fields[key]))} |"
            for key in keys
        ),
    ]


def _documented(kind: type[BaseModel]) -> dict[str, str]:
    """Map each field to the docstring below it. A docstring of the class replaces an inherited one."""
    documented: dict[str, str] = {}
    for parent in reversed([one for one in kind.__mro__ if issubclass(one, BaseModel) and one is not BaseModel]):
        tree = _classes(parent.__module__)[parent.__name__]
        for field, text in zip(tree.body, tree.body[1:], strict=False):
            if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
                documented[ast.unparse(field.target)] = " ".join(str(text.value.value).split())
    return documented


@functools.cache
def _classes(module: str) -> dict[str, ast.ClassDef]:
    """Map each class at the top of a module to its source."""
    body = ast.parse(inspect.getsource(sys.modules[module])).body
    return {node.name: node for node in body if isinstance(node, ast.ClassDef)}


def _what(text: str, allowed: str) -> str:
    return " ".join(part for part in (text, allowed) if part).replace("|", "\\|")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "*required*"
    value = field.default
    if isinstance(value, BaseModel):
        value = getattr(value, "initial", None) or getattr(value, "name", None) or "the defaults below"
        return f"`{value}`" if value != "the defaults below" else value
    if value is None or isinstance(value, bool):
        value = {None: "null", True: "true", False: "false"}[value]
    return f"`{value}`"


def _range(field: FieldInfo) -> str:
    """Return the allowed values as text, if they are few or bounded; else an empty string."""
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
            (annotated_types.MinLen, "min_length", "{} or more entries"),
            (annotated_types.MaxLen, "max_length", "at most {} entries"),
        )
        if isinstance(bound, kind) and ("length" not in key or get_origin(field.annotation) is list)
    ]
    told = re.sub(r"(\d+) or more entries, at most \1 entries", r"\1 entries", ", ".join(bounds))
    return f"({told})" if told else ""


def _inner_metadata(annotation: Any) -> Iterator[Any]:
    """Yield the metadata of each member of a union, such as `ge=4` in `Annotated[int, Field(ge=4)] | None`."""
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
