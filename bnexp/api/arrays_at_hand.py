"""Arrays and data frames that are given in Python: written once to a file beside the runs, which configs then name.

The file lets a run be repeated from the command line. It also passes the same checks as any other data file.
Axes: N rows, C classes.
"""

from __future__ import annotations

import hashlib
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar

from bnexp.api.data_at_hand import dataset_of
from bnexp.api.given_files import kept
from bnexp.errors import Problems, UserError, listed, nearest
from bnexp.system import given_data

if TYPE_CHECKING:
    import numpy
    import pandas
    from numpy.typing import NDArray

DATA = "data"
"""The folder, inside the directory of the runs, for data that were given in Python."""
KINDS = {2: "rows of numbers", 3: "sequences", 4: "images"}
"""Number of axes of x -> what its rows are."""
MOST_COLUMNS = 20
Section = Mapping[str, Any]
T = TypeVar("T")
NOT_KEPT = (TypeError, ValueError, NotImplementedError, OverflowError)
"""What pandas and Arrow raise for a column that they cannot hash or write."""


def dataset_given(data: Any, target: str | None, runs: Path) -> tuple[Section, dict[str, str]]:
    """Return the section `dataset` for the given data, and the argument that each of its keys comes from.

    `data` is (x, y), ((x, y), (x_test, y_test)), a data frame, a path, the name of a known set, or the section itself.

    Raises:
        UserError: if `data` is none of these, or cannot be used for training.
    """
    if isinstance(data, str | Path):
        return dataset_of(str(data), target)
    if isinstance(data, Mapping):
        _refuse_target(target, "the section `dataset` has a key `target` of its own")
        return data, {}
    if _is_frame(data):
        return _of_frame(data, target, runs / DATA), {"dataset": "data", "dataset.target": "target"}
    if isinstance(data, tuple | list) and len(data) == 2:
        _refuse_target(target, "the second array of (x, y) is what is to be learned")
        parts = {"": data[0], "_test": data[1]} if all(map(_is_pair, data)) else {"": data}
        return _of_arrays(parts, runs / DATA), {"dataset": "data"}
    raise UserError(
        f"data is {_seen(data)}; expected (x, y), ((x, y), (x_test, y_test)), a DataFrame with target=, a file, a "
        "folder, the name of a known set, or a config's `dataset`. Give arrays as data=(x, y)."
    )


def _is_pair(value: Any) -> bool:
    """Return True for an (x, y) tuple, as `keras.datasets` returns it. A list does not count: it may be an array."""
    return isinstance(value, tuple) and len(value) == 2


def _seen(value: Any) -> str:
    """Return the type of a value with its shape or length. Some values, such as generators, have neither."""
    kind = type(value).__name__
    if hasattr(value, "shape"):
        return f"{kind} of shape {value.shape}"
    try:
        return f"{kind} with {len(value)} entries"
    except TypeError:
        return kind


def _is_frame(value: Any) -> bool:
    """Return True for a pandas data frame, without importing pandas."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(value, pandas.DataFrame)


def _refuse_target(target: str | None, why: str) -> None:
    if target is not None:
        raise UserError(f"target is {target!r}; {why}. Leave it out.")


# --- arrays -----------------------------------------------------------------------


def _of_arrays(parts: Mapping[str, Sequence[Any]], folder: Path) -> Section:
    """Write all parts to one NPZ file, and return the section `dataset` that reads it.

    `parts` maps the ending of the array names (`""` or `"_test"`) to the pair (x, y).
    """
    import numpy as np

    arrays: dict[str, Any] = {}
    for ending, (x, y) in parts.items():
        x_name, y_name = f"x{ending}", f"y{ending}"
        x_N, y_N = _inputs(x, x_name), _labels(y, y_name)
        if len(x_N) != len(y_N):
            raise UserError(
                f"data is ({x_name}, {y_name}) with {len(x_N)} rows of {x_name} and {len(y_N)} of {y_name}; expected "
                f"one {y_name} for each row of {x_name}. Give both for the same rows, in the same order."
            )
        arrays |= {x_name: x_N, y_name: y_N}
    _refuse_unlike_rows(arrays)
    digest = hashlib.sha256()
    for values in arrays.values():
        digest.update(f"{values.dtype.str} {values.shape}".encode() + np.ascontiguousarray(values).tobytes())

    def write(file: IO[bytes]) -> None:
        np.savez(file, **arrays)

    path = kept(folder, digest.hexdigest(), ".npz", write)
    pairs = [f"(x{ending}, y{ending})" for ending in parts]
    given_data.call(path, pairs[0] if len(pairs) == 1 else f"({', '.join(pairs)})")
    return {"name": "npz", "path": path, **{name: name for name in arrays if name.endswith("_test")}}


def _refuse_unlike_rows(arrays: Mapping[str, NDArray[Any]]) -> None:
    """Raise UserError if the rows of x_test differ from the rows of x in shape or type."""
    x_N, other_N = arrays["x"], arrays.get("x_test", arrays["x"])
    if (x_N.shape[1:], x_N.dtype) != (other_N.shape[1:], other_N.dtype):
        raise UserError(
            f"x_test has rows of shape {other_N.shape[1:]}, {other_N.dtype}; x has {x_N.shape[1:]}, "
            f"{x_N.dtype}. Expected the same. Prepare both in the same way."
        )


def _inputs(x: Any, name: str) -> NDArray[Any]:
    """Return x as an array of numbers, (N, ...).

    Raises:
        UserError: if x holds anything but numbers, has an empty axis, or has other than 2, 3 or 4 axes.
    """
    values = _array(x, name, "Give its rows one shape; pad sequences with frames of NaN at the end.")
    if values.dtype.kind not in "fiub":
        cure = "Give a DataFrame with target= for columns of text." if values.dtype.kind in "OU" else ""
        raise UserError(f"{name} is {values.dtype} of shape {values.shape}; expected numbers. {cure}".rstrip())
    if values.ndim not in KINDS or 0 in values.shape:
        kinds = ", ".join(f"{rank} ({kind})" for rank, kind in KINDS.items())
        cure = "Change it with numpy.reshape."
        if values.ndim == 1:
            cure = f"Give {name}[:, None] if each row is one number."
        if 0 in values.shape:
            cure = "Give one row or more, with one number or more in each."
        raise UserError(
            f"{name} has shape {values.shape}; expected rank {kinds}. The first axis counts rows, and no axis may be "
            f"empty. {cure}"
        )
    return values


def _labels(y: Any, name: str) -> NDArray[Any]:
    """Return y with one number or text for each row, (N,). One-hot rows stay as they are, (N, C).

    Raises:
        UserError: if y has more than one value for each row, or values that are neither numbers nor texts.
    """
    import numpy as np

    from bnexp.data.sources.one_hot import EXPECTED, is_one_hot, misfit

    values = _array(y, name, "Give one value for each row.")
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if is_one_hot(values.shape, values.dtype):
        if (found := misfit(values)) is not None:
            raise UserError(
                f"{name} has shape {values.shape}, and row {found.row} (counted from 0) holds {found.seen}; {EXPECTED}."
                f"{found.others} Fix {'these rows' if found.others else 'that row'}, or give one of its columns."
            )
        return values
    if values.ndim != 1:
        raise UserError(
            f"{name} has shape {values.shape}; expected one value for each row, (N,) or (N, 1). Change its shape."
        )
    if values.dtype.kind == "O":
        kinds = sorted({"str" if isinstance(one, str) else type(one).__name__ for one in values.tolist()})
        if kinds != ["str"]:
            raise UserError(
                f"{name} holds {listed(kinds, 5)}; expected only numbers, only booleans or only texts. Fix those rows."
            )
        values = values.astype(np.str_)
    if values.dtype.kind not in "biufU":
        raise UserError(
            f"{name} is {values.dtype}; expected numbers, booleans or texts. Give {name}.astype(str) for classes."
        )
    return values


def _array(given: Any, name: str, cure: str) -> NDArray[Any]:
    import numpy as np

    if isinstance(given, np.ma.MaskedArray):
        raise UserError(
            f"{name} is a masked array, and its mask would be lost; expected an array without one. Give "
            f"{name}.filled(VALUE), or leave the masked rows out."
        )
    try:
        return np.asarray(given)
    except (ValueError, TypeError) as error:
        kind = type(given).__name__
        raise UserError(f"{name} is {kind}, which cannot be converted to an array ({error}). {cure}") from None


# --- data frames ------------------------------------------------------------------


def _of_frame(frame: pandas.DataFrame, target: str | None, folder: Path) -> Section:
    """Write a data frame to a file, and return the section `dataset` that reads it.

    The file is Parquet if pyarrow is installed, else CSV.
    """
    import pandas

    from bnexp.data.suggested.first_look import kinds_in

    names = [str(name) for name in frame.columns]
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise UserError(
            f"data is a DataFrame with several columns called {listed(map(repr, twice), MOST_COLUMNS)} (as text); "
            "expected a name of its own for each. Rename them, or leave all but one out."
        )
    if target is None:
        raise UserError(
            f"target is missing; expected the column that is to be learned. The columns are: {kinds_in(frame)}."
        )
    if str(target) not in names:
        raise UserError(f"target is {target!r}; no column has this name. {nearest(str(target), names)}")
    frame = frame.set_axis(names, axis=1).reset_index(drop=True)
    facts = [names, [str(kind) for kind in frame.dtypes], len(frame)]

    def hashed(part: pandas.DataFrame) -> numpy.ndarray[Any, Any]:
        return pandas.util.hash_pandas_object(part, index=False).to_numpy()

    hashes = _of_each_column(frame, hashed)
    digest = hashlib.sha256(repr(facts).encode(errors="backslashreplace") + hashes.tobytes()).hexdigest()
    kind, ending, write = _writer(frame)
    path = kept(folder, digest, ending, write)
    given_data.call(path, "the DataFrame")
    return {"name": kind, "path": path, "target": str(target)}


def _writer(frame: pandas.DataFrame) -> tuple[str, str, Callable[[IO[bytes]], None]]:
    """Return `dataset.name` for the file, the file's ending, and the function that writes the file."""
    try:
        import pyarrow.parquet
    except ImportError:
        return "csv", ".csv", lambda file: frame.to_csv(file, index=False)
    table = _of_each_column(frame, lambda part: pyarrow.Table.from_pandas(part, preserve_index=False))
    return "parquet", ".parquet", lambda file: pyarrow.parquet.write_table(table, file)


def _of_each_column(frame: pandas.DataFrame, work: Callable[[pandas.DataFrame], T]) -> T:
    """Return the result of `work` on the frame.

    Raises:
        UserError: if `work` fails, with each column on which it fails.
    """
    try:
        return work(frame)
    except NOT_KEPT:
        problems = Problems()
        for name in frame.columns:
            try:
                work(frame[[name]])
            except NOT_KEPT:
                problems.tell(
                    f"column {name!r} of the DataFrame holds {_held(frame[name])}; expected only numbers, texts, "
                    "booleans or dates. Convert it, for example with astype(str), or leave it out."
                )
        problems.refuse()
        raise


def _held(column: pandas.Series[Any]) -> str:
    """Return the type of a column's values. For a column of objects, return the types that occur in it.

    >>> import pandas
    >>> _held(pandas.Series([1, "x", 2.5])), _held(pandas.Series([1j]))
    ('float, int, str', 'complex128')
    """
    if column.dtype.kind != "O":
        return str(column.dtype)
    return listed(sorted({type(one).__name__ for one in column.dropna()}), MOST_COLUMNS)


# --- the file ---------------------------------------------------------------------
