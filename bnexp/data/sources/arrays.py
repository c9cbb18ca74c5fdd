"""Checks of the arrays of an NPZ file by their headers: names, shapes and types. No value is read."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bnexp.config.real import NpzDataset
from bnexp.config.section import Kind
from bnexp.data.sources.one_hot import is_one_hot
from bnexp.data.sources.parts import part_of, parts_first
from bnexp.errors import Problems, listed, nearest

KINDS: Mapping[int, Kind] = {2: "table", 3: "sequence", 4: "image"}
RANKS: Mapping[Kind, int] = {kind: rank for rank, kind in KINDS.items()}
NUMBERS, LABELS = "fiub", "biufU"
"""NumPy's letters for the types of inputs, and for the types of targets and groups."""
CHANNELS = (1, 3, 4)
"""Lengths of an axis that show that it holds channels: gray, RGB and RGBA."""
SPARSE = {"indices", "indptr", "format", "shape", "data"}
"""The arrays that SciPy's save_npz writes."""
MOST_NAMED = 10
"""Most arrays that a message names, so that the message fits in a few lines of a terminal."""


@dataclass(frozen=True)
class Header:
    """The header of an array: what NumPy stores before its values."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    is_by_columns: bool = False
    """True if the values are stored column by column (Fortran order), and not row by row."""


def names_of(dataset: NpzDataset) -> dict[str, str]:
    """Return the name of the array for each key of the dataset, such as x and y."""
    return {"x": dataset.x, "y": dataset.y} | ({"group": dataset.group} if dataset.group else {})


def refuse_missing(dataset: NpzDataset, headers: Mapping[str, Header]) -> None:
    """Raise SettingError if the file lacks an array that the config names.

    If the file holds parts of a split, the error shows how to read them.
    """
    problems, has_named_split = Problems(), False
    parts = parts_first(filter(part_of, headers))
    asked = names_of(dataset)
    others = [name for name in headers if name not in asked.values()]
    for key, name in asked.items():
        if name in headers:
            continue
        if parts and key != "group":
            if not has_named_split:
                problems.note(f"dataset.{key}", f"is {name!r}; no array has this name. {_own_split(parts, headers)}")
            has_named_split = True
        elif set(headers) >= SPARSE:
            cure = "The file holds a sparse matrix: save it as x with matrix.toarray()."
            problems.note(f"dataset.{key}", f"is {name!r}; no array has this name. {nearest(name, others)} {cure}")
        else:
            offered = _offered(key, others, headers, asked)
            problems.note(f"dataset.{key}", f"is {name!r}; no array has this name. {offered}")
    problems.refuse()


def _offered(key: str, others: Sequence[str], headers: Mapping[str, Header], asked: Mapping[str, str]) -> str:
    """Return a sentence with the arrays that a key can name, or how to save the file if there are none.

    Inputs have several numbers in each row. Targets and groups have one value for each row of the inputs.
    """
    save = f"Save all in one file: numpy.savez(FILE, {', '.join(f'{one}={one}' for one in asked.values())})."
    if not others:
        return f"The file holds no other array. {save}"
    inputs = [name for name in others if _holds_inputs(name, headers[name])] or others
    if key == "x":
        return nearest(asked[key], inputs)
    if asked["x"] in headers:
        inputs = [asked["x"]]
    fit = [name for name in others if any(name != x and _fits(headers[name], headers[x]) for x in inputs)]
    if not fit and asked["x"] not in headers:
        return f"No array has one value for each row of another one, so the file holds no targets. {save}"
    likely = [name for name in fit if not _holds_inputs(name, headers[name])]
    return nearest(asked[key], likely or fit or others)


def _fits(label: Header, x: Header) -> bool:
    """Return True if an array may have one value, or one-hot numbers, for each row of x."""
    is_label = label.shape[1:] in ((), (1,)) or is_one_hot(label.shape, label.dtype)
    return is_label and label.shape[:1] == x.shape[:1] != ()


def _own_split(parts: list[str], headers: Mapping[str, Header]) -> str:
    """Return sentences about the parts of a split in a file, and how to read them."""
    seen = f"The file holds parts of a split: {listed(parts, MOST_NAMED)}."
    if (keys := keys_of_split(headers)) is None:
        return f"{seen} Name the arrays of one part as dataset.x and dataset.y, or join the parts (numpy.concatenate)."
    return f"{seen} Use {', '.join(f'dataset.{key}: {name}' for key, name in keys.items())}."


def keys_of_split(headers: Mapping[str, Header]) -> dict[str, str] | None:
    """Return the array of each config key for a file that holds a training part and other parts; None if unclear.

    The training part is named so, as in `x_train`, or it is `x` and `y`.

    >>> x, y = Header((9, 4), np.dtype("float32")), Header((9,), np.dtype("int64"))
    >>> keys_of_split({"x_train": x, "y_train": y, "x_test": x, "y_test": y})
    {'x': 'x_train', 'y': 'y_train', 'x_test': 'x_test', 'y_test': 'y_test'}
    """
    found: dict[str, str] = {}
    for part, ending in (("training", ""), ("validation", "_validation"), ("test", "_test")):
        names = [name for name in headers if part_of(name) == part]
        if part == "training" and not names:
            names = [name for name in headers if name in ("x", "y")]
        inputs = [name for name in names if _holds_inputs(name, headers[name])]
        targets = [name for name in names if name not in inputs]
        if (len(inputs), len(targets)) == (1, 1):
            found |= {f"x{ending}": inputs[0], f"y{ending}": targets[0]}
        elif names or part == "training":
            return None
    return found if len(found) > 2 or part_of(found["x"]) else None


def keys_of_pair(headers: Mapping[str, Header]) -> dict[str, str] | None:
    """Return the array of each config key for a file with one array of inputs and one of targets; else None.

    >>> images, labels = Header((9, 4, 4), np.dtype("uint8")), Header((9,), np.dtype("int64"))
    >>> keys_of_pair({"images": images, "labels": labels})
    {'x': 'images', 'y': 'labels'}
    """
    inputs = [name for name, header in headers.items() if _holds_inputs(name, header) and header.dtype.kind in NUMBERS]
    targets = [name for name, header in headers.items() if name not in inputs and header.dtype.kind in LABELS]
    if (len(inputs), len(targets), len(headers)) != (1, 1, 2):
        return None
    x, y = headers[inputs[0]], headers[targets[0]]
    return {"x": inputs[0], "y": targets[0]} if x.shape[:1] == y.shape[:1] else None


def _holds_inputs(name: str, header: Header) -> bool:
    """Return True for an array with several numbers in each row, unless it is named like one-hot targets."""
    may_be_one_hot = is_one_hot(header.shape, header.dtype) and name.lower().startswith(("y", "label", "target"))
    return len(header.shape) > 1 and header.shape[1:] != (1,) and not may_be_one_hot


def left_out(dataset: NpzDataset, headers: Mapping[str, Header]) -> list[str]:
    """Return the names of the arrays in the training part's file that the config does not use."""
    asked = {name for _, part in dataset.each_part() if part.path == dataset.path for name in names_of(part).values()}
    return sorted(set(headers) - asked)


def warnings_of_arrays(dataset: NpzDataset, headers: Mapping[str, Header], kind: Kind) -> Iterator[str]:
    """Yield warnings about parts that are not read, gray images read as sequences, and images with channels first."""
    parts = parts_first(filter(part_of, left_out(dataset, headers)))
    if parts and not part_of(dataset.x):
        keys = {key: name for key, name in (keys_of_split(headers) or {}).items() if name in parts}
        cure = (
            f"Use {', '.join(f'dataset.{key}: {name}' for key, name in keys.items())}"
            if keys
            else "Join them (numpy.concatenate)"
        )
        yield (
            f"The file holds parts of a split that are not read: {listed(parts, MOST_NAMED)}. bnexp splits the rows of "
            f"{dataset.x!r} itself. {cure} if you want to use them."
        )
    x = headers[dataset.x]
    if kind == "sequence" and dataset.kind == "auto" and x.dtype == np.uint8:
        yield (
            f"dataset.x {dataset.x!r} holds bytes of shape {x.shape} and is read as sequences. If they are gray "
            "images, use dataset.kind: image; else dataset.kind: sequence."
        )
    if kind == "image" and len(x.shape) == 4 and x.shape[1] in CHANNELS and x.shape[3] not in CHANNELS:
        yield (
            f"dataset.x {dataset.x!r} has shape {x.shape}, which looks like images with channels first. bnexp reads "
            "(rows, height, width, channels): save x.transpose(0, 2, 3, 1)."
        )


def kind_of(dataset: NpzDataset, x: Header, problems: Problems) -> Kind:
    """Return the kind of rows that x holds, and note in `problems` if x does not fit this kind."""
    kind = KINDS.get(len(x.shape), "table") if dataset.kind == "auto" else dataset.kind
    seen, rank = f"is {dataset.x!r}, {x.dtype} of shape {x.shape}", RANKS[kind]
    if 0 in x.shape or (len(x.shape) not in KINDS and x.dtype.kind in NUMBERS):
        one = f"Save {dataset.x}[:, None] if each row is one number." if len(x.shape) == 1 and x.shape[0] else ""
        problems.note(
            "dataset.x",
            f"is {dataset.x!r} with shape {x.shape}; expected rank 2, 3 or 4: the first axis counts rows, and no axis "
            f"may be empty. {one or 'Save another array, or name one.'}",
        )
    elif x.dtype.kind not in NUMBERS:
        problems.note(
            "dataset.x", f"{seen}; expected numbers of rank {rank} ({kind}). {_inputs_cure(dataset.x, dataset.y, x)}"
        )
    elif len(x.shape) != rank and not (kind == "image" and len(x.shape) == 3):
        problems.note(
            "dataset.x",
            f"{seen}; expected numbers of rank {rank} ({kind}). Save it with another shape (numpy.reshape), or use "
            f"dataset.kind: {KINDS[len(x.shape)]}.",
        )
    return kind


def _inputs_cure(name: str, target: str, x: Header) -> str:
    as_numbers = f'If its values are numbers, save {name}.astype("float32").'
    if x.dtype.names is not None:
        return (
            f"It is a table: pandas.DataFrame({name}).to_csv('table.csv', index=False) writes it for dataset.name: csv."
        )
    texts = f"pandas.DataFrame({{'text': {name}, 'label': {target}}}).to_csv('texts.csv', index=False)"
    match x.dtype.kind:
        case "O" if len(x.shape) == 1:
            return (
                "Give all rows one shape (pad sequences with frames of NaN at the end), and save them as one float32 "
                f"array. If they are texts, {texts} writes them for dataset.name: text_csv."
            )
        case "U" if len(x.shape) == 1:
            return f"If they are texts, {texts} writes them for dataset.name: text_csv. {as_numbers}"
        case "c":
            return f"Save its parts side by side: numpy.concatenate([{name}.real, {name}.imag], axis=-1)."
        case "M" | "m":
            return f'Save the time as numbers, for example with {name}.astype("int64") / 1e9.'
        case _:
            return f"{as_numbers} Words are for dataset.name: csv."


def refuse_labels(dataset: NpzDataset, headers: Mapping[str, Header], problems: Problems) -> None:
    """Note in `problems` if the targets or the groups are not one value for each row of x."""
    rows = headers[dataset.x].shape[:1]
    for key, name in names_of(dataset).items():
        label = headers[name]
        if key == "x":
            continue
        if name == dataset.x:
            problems.note(f"dataset.{key}", f"is {name!r}, as dataset.x is. Name another array.")
        may_be_classes = key == "y" and dataset.task != "regression" and is_one_hot(label.shape, label.dtype)
        if (
            rows not in ((), (0,))
            and label.shape not in (rows, (*rows, 1))
            and not (may_be_classes and label.shape[:1] == rows)
        ):
            problems.note(
                f"dataset.{key}",
                f"is {name!r} with shape {label.shape}; expected one value for each of the {rows[0]} "
                f"rows of x. {_shape_cure(name, label, rows)}",
            )
        if part_of(name) != part_of(dataset.x) and None not in (part_of(name), part_of(dataset.x)):
            problems.note(
                f"dataset.{key}",
                f"is {name!r}, of the {part_of(name)} part, and dataset.x is {dataset.x!r}, of the "
                f"{part_of(dataset.x)} part. Name arrays of one part.",
            )
        if label.dtype.kind not in LABELS:
            problems.note(
                f"dataset.{key}",
                f"is {name!r}, {label.dtype}; expected numbers, booleans or texts. {_labels_cure(name, label)}",
            )


def _shape_cure(name: str, label: Header, rows: tuple[int, ...]) -> str:
    if len(label.shape) == 2 and label.shape[0] == rows[0]:
        return f"Save one column of it, as {name}[:, 0]."
    if label.shape and math.prod(label.shape) == rows[0]:
        return f"Save {name}.reshape(-1)."
    return "Name another array, or save one with as many values."


def _labels_cure(name: str, label: Header) -> str:
    if label.dtype.names is not None:
        return f'Save one of its fields, as {name}["{label.dtype.names[0]}"].'
    if label.dtype.kind == "c":
        return f"Save {name}.real or abs({name})."
    return f'If its values are texts, save {name}.astype("U"); if numbers, {name}.astype("float64").'
