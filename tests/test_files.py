"""Your own files: what is read from them, against pandas, scikit-learn, NumPy and Pillow; and every way they can be wrong."""

from __future__ import annotations

import gzip
import io
import re
import sys
import time
import wave
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow
import pytest
import soundfile
from PIL import Image
from pydantic import TypeAdapter
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import StandardScaler

from bnexp.config import Experiment
from bnexp.config.dataset import Dataset
from bnexp.data import Data, prepare
from bnexp.data.fingerprint import source_sha256
from bnexp.errors import SettingError
from bnexp.experiment.prepare import prepared as experiment_prepared

SEEDS = (0, 1)


def prepared(memory: int | None = None, **keys: Any) -> Data:
    return prepare(TypeAdapter(Dataset).validate_python(keys), SEEDS, memory)


def refused(memory: int | None = None, **keys: Any) -> str:
    with pytest.raises(SettingError) as raised:
        prepared(memory, **keys)
    return str(raised.value)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Forty rows of two numbers, one of them missing twice, and a category, with classes yes and no."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "age": rng.integers(20, 60, 40).astype(float),
            "income": rng.normal(1000, 300, 40).round(2),
            "town": rng.choice(["Bonn", "Rome", "Oslo"], 40),
            "answer": np.where(np.arange(40) % 3 == 0, "no", "yes"),
        }
    )
    frame.loc[[3, 17], "age"] = np.nan
    frame.to_csv(tmp_path / "my.csv", index=False)
    frame.to_parquet(tmp_path / "my.parquet")
    return tmp_path / "my.csv"


# --- tables -------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["csv", "parquet"])
@pytest.mark.parametrize("missing", ["mean", "median"])
def test_a_table_is_imputed_and_scaled_by_each_seeds_training_part_alone(table: Path, name: str, missing: str) -> None:
    path = table.with_suffix(f".{name}")
    data = prepared(name=name, path=str(path), target="answer", missing=missing, resample=True)
    frame = pd.read_csv(table)
    assert data.rows.classes == ("no", "yes") and data.task == "binary"
    numbers, towns = frame[["age", "income"]].to_numpy(), pd.get_dummies(frame["town"]).to_numpy()
    for row in range(len(SEEDS)):
        train_R, test_R = data.train_SR[row], data.parts["val"][row]
        imputer, scaler = SimpleImputer(strategy=missing).fit(numbers[train_R]), StandardScaler().fit(numbers[train_R])
        expected = scaler.transform(imputer.transform(numbers[test_R]))
        np.testing.assert_allclose(data.inputs(row, test_R)[:, :2], expected, rtol=1e-4, atol=1e-5)
        np.testing.assert_array_equal(data.inputs(row, test_R)[:, 2:], towns[test_R])
    assert not np.array_equal(np.sort(data.train_SR[0]), np.sort(data.train_SR[1]))


def test_columns_of_numbers_can_be_categories_or_left_out(table: Path) -> None:
    keys = {"name": "csv", "path": str(table), "target": "town", "missing": "mean"}
    assert prepared(**keys, drop=["answer"]).rows.x.shape == (40, 2)
    assert prepared(**keys, drop=["income"], categories=["age"]).rows.numeric == 0


def test_a_regressions_target_is_measured_in_deviations_of_the_training_part(table: Path) -> None:
    data = prepared(name="csv", path=str(table), target="income", missing="mean")
    income = pd.read_csv(table)["income"].to_numpy()
    assert data.task == "regression"
    train_R, test_R = data.train_SR[0], data.parts["val"][0]
    expected = (income[test_R] - income[train_R].mean()) / income[train_R].std()
    np.testing.assert_allclose(data.targets(0, test_R), expected, rtol=1e-4)


CSV = "a,b,y\n1,2,u\n3,4,v\n5,6,u\n7,8,v\n"


@pytest.mark.parametrize(
    ("text", "keys", "message"),
    [
        (CSV, {"target": "z"}, "dataset.target is 'z'; no column has this name. Good names: a, b, y."),
        (CSV.replace("a,b,y", "alpha,b,y"), {"drop": ["alpa"]}, "Did you mean 'alpha'? Good names: alpha, b, y."),
        (CSV, {"group": "who"}, "dataset.group is 'who'; no column has this name."),
        (CSV.replace("3,4", "3,"), {}, "dataset.missing is refuse; t.csv:3 has no value in column 'b' (1 row has none)."),
        (CSV.replace("4,v", "4,"), {}, "dataset.target is 'y'; t.csv:3 has no value in it (1 row has none)."),
        (CSV.replace("3,4,v", "3,4"), {}, "t.csv:3 has 2 fields, and the first line names 3 columns. Complete that row, or take it out."),
        (CSV.replace("3,4,v", "3") + "8,9,\n", {}, "t.csv:3 has 1 field, and the first line names 3 columns."),
        (CSV.replace("5,6", "inf,6"), {}, "t.csv:4, column 'a'; expected a finite number."),
        (CSV.replace("v", "u"), {}, "it has one value in all rows (u), expected two classes or more."),
        (CSV + "1,2,3,4\n", {}, "it is no table. Expected a line of column names, then one line a row. t.csv:6 has 4 fields, and the first line 3. Put"),
        ("", {}, "dataset.path is 't.csv'; it is empty. Expected a line of column names, then one line a row."),
        ("a,b,y\n", {}, "it has no rows. Expected one line a row."),
        (CSV, {"drop": ["a", "b"]}, "dataset.drop leaves no column to learn from"),
        (CSV.replace("1,2", ",2").replace("3,4", ",4").replace("5,6", ",6").replace("7,8", ",8"), {"missing": "mean"},
         "does not list column 'a'; it has no value in any row."),
        ("id,y\n" + "".join(f"name{n},{'uv'[n % 2]}\n" for n in range(520)), {},
         "does not list column 'id'; it holds text with 520 different values, such as 'name0' in t.csv:2; expected 255 or fewer."),
        ("a,y\n" + "".join(f"{n},{'uv'[n % 2]}\n" for n in range(200)) + "many,u\n", {},
         "dataset holds 'many' in t.csv:202, column 'a'; most cells of the column are numbers. Fix the file"),
        ('a,y\n1,"u\nw"\n,v\n', {}, "t.csv:4 has no value in column 'a'"),
    ],
)  # fmt: skip
def test_a_faulty_table_is_refused_with_file_and_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, keys: dict[str, Any], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("t.csv").write_text(text)
    assert message in refused(**{"name": "csv", "path": "t.csv", "target": "y", **keys})


def test_what_cannot_be_read_as_text_or_is_not_there_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("latin.csv").write_bytes("a,y\n1,caf\xe9\n".encode("latin-1"))
    assert "is 'latin.csv'; it is not UTF-8" in refused(name="csv", path="latin.csv", target="y")
    message = refused(name="csv", path="latn.csv", target="y")
    assert "is 'latn.csv'; it is not there (in " in message and "Did you mean 'latin.csv'?" in message
    assert "it is a folder. Expected a file" in refused(name="csv", path=".", target="y")
    assert "Could not determine home directory. Expected a file." in refused(name="csv", path="~nobody9/a", target="y")
    assert "File name too long" in refused(name="csv", path="a" * 5000, target="y")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert "is '~/latn.csv'; it is not there" in refused(name="csv", path="~/latn.csv", target="y")
    assert "it is no Parquet file" in refused(name="parquet", path="latin.csv", target="y")


def test_files_of_the_kind_that_is_asked_for_are_offered_the_nearest_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("configs", "runs", "data"):
        Path(name).mkdir()
    start = f"it is not there (in {tmp_path}). Expected a file, from the current directory."
    assert refused(name="csv", path="my.csv", target="y").endswith(start)
    for name in ("about.txt", "sales.csv", "x.npz", "x.parquet", "data/inner.tsv", ".hidden.csv"):
        Path(name).touch()
    assert refused(name="csv", path="sale.csv", target="y") == (
        f"dataset.path is 'sale.csv'; {start} Did you mean 'sales.csv'? Good names: sales.csv, about.txt."
    )
    assert refused(name="text_csv", path="data/iner.tsv", target="y").endswith(
        "Did you mean 'data/inner.tsv'? Good names: data/inner.tsv."
    )
    assert refused(name="npz", path="y.npz").endswith(f"{start} Good names: x.npz.")
    assert refused(name="parquet", path="data/x.pq", target="y").endswith(start)
    assert refused(name="image_folder", path="dat").endswith("Did you mean 'data'? Good names: data, configs, runs.")
    assert refused(name="csv", path="data", target="y") == (
        "dataset.path is 'data'; it is a folder. Expected a file, from the current directory. Good names: data/inner.tsv."
    )
    assert refused(name="csv", path="https://example.com/x.csv", target="y") == (
        "dataset.path is 'https://example.com/x.csv', a web address. Expected a file: download it first."
    )
    assert refused(name="csv", path="no/x.csv", target="y").endswith(
        "; there is no folder 'no'. Expected a file, from the current directory."
    )


@pytest.mark.parametrize("path", ["a" * 300, "é" * 200 + ".csv", "a/" * 3000])
def test_a_path_too_long_is_one_short_message(path: str) -> None:
    for keys in ({"name": "csv", "target": "y"}, {"name": "npz"}, {"name": "image_folder"}):
        message = refused(path=path, **keys)
        assert message.startswith(f"dataset.path is '{path[:200]}") and "; File name too long. Expected a" in message
        assert len(message) < 300 and "\n" not in message


def test_parquet_without_pyarrow_is_refused_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.delitem(sys.modules, "pyarrow.parquet", raising=False)
    message = 'dataset.name is parquet; reading it takes pyarrow. Install it: pip install "bnexp[parquet]"'
    assert refused(name="parquet", path="t.parquet", target="y") == message


def test_a_file_that_would_not_fit_is_refused_by_its_size(table: Path) -> None:
    for name in ("csv", "parquet"):
        path = table.with_suffix(f".{name}")
        message = refused(1000, name=name, path=str(path), target="answer", missing="mean")
        assert "in size; reading it takes about" in message and "training.memory_limit is 0.0 MiB" in message


def test_a_csv_file_is_measured_by_its_cells_and_never_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b,y\n" + "1,2,3\n" * 100_000)
    keys = {"name": "csv", "path": str(path), "target": "y"}
    assert "t.csv', 0.6 MiB in size; reading it takes about 7.4 MiB of memory" in refused(2**22, **keys)
    path.write_text("a,y\n" + f"{'long ' * 200},1\n" * 1000)
    assert "t.csv', 1.0 MiB in size; reading it takes about 1.0 MiB of memory" in refused(10**6, **keys)
    packed = tmp_path / "t.csv.gz"
    packed.write_bytes(gzip.compress(b"a,b,y\n" + b"1,2,3\n" * 100_000))
    message = refused(**keys | {"path": str(packed)})
    assert (
        "it is not UTF-8 (" in message
        and "). Unpack it, so that its size is known. This unpacks it: python -c " in message
    )


def test_parquet_of_few_bytes_that_unpack_to_many_is_refused_while_there_is_memory(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pd.DataFrame({"a": ["x" * 1000] * 100_000, "y": np.arange(100_000) % 2}).to_parquet(path)
    assert path.stat().st_size < 10**5
    before = pyarrow.total_allocated_bytes()
    message = refused(50 * 10**6, name="parquet", path=str(path), target="y")
    assert pyarrow.total_allocated_bytes() - before < 50 * 10**6
    assert re.search(
        r"in size; reading it takes about 38\d\.\d MiB of memory, and training\.memory_limit is 47\.7", message
    )


def test_a_file_too_large_is_refused_before_it_is_hashed(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bnexp.experiment.prepare.source_sha256", lambda dataset: pytest.fail("it was hashed"))
    dataset = {"name": "csv", "path": str(table), "target": "answer", "missing": "mean"}
    training = {"seeds": 2, "epochs": 1, "memory_limit": "0.001 MiB"}
    sections = {"name": "x", "dataset": dataset, "model": {"name": "mlp"}, "training": training}
    experiment = Experiment.model_validate(sections)
    with pytest.raises(SettingError, match=r"my\.csv', 0\.0 MiB in size; reading it takes about"):
        experiment_prepared(experiment)


def test_categories_that_would_not_fit_side_by_side_are_refused_before_they_are_made(tmp_path: Path) -> None:
    path = tmp_path / "wide.csv"
    path.write_text("a,who,y\n" + "".join(f"{n},n{n},{'uv'[n % 2]}\n" for n in range(20_000)))
    assert refused(2**30, name="csv", path=str(path), target="y", categories=["who"]) == (
        "dataset.categories and columns of text make 20,001 columns, 20,000 of them for column 'who'; reading 20,000 "
        "rows takes about 3,051.9 MiB of memory, and training.memory_limit is 1,024.0 MiB. Leave that column out "
        "(dataset.drop), or give a higher limit."
    )


def test_leading_zeros_tell_groups_and_categories_apart(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,y\n" + "01,u\n1,v\n" * 4)
    keys = {"name": "csv", "path": str(path), "target": "y", "duplicates": "keep", "test_size": 0.5}
    assert prepared(**keys, categories=["a"]).rows.x.shape == (8, 2)
    path.write_text("a,who,y\n" + "1,01,u\n2,1,v\n3,02,v\n4,2,u\n" * 2)
    assert len(np.unique(prepared(**keys, group="who").rows.groups_N)) == 4
    path.write_text("a,who,y\n" + "1,01,u\n2,1,v\n3,,v\n4,2,u\n" * 2)
    assert len(np.unique(prepared(**keys, group="who").rows.groups_N)) == 4
    path.write_text("a,y\n" + "01,u\n1,v\n,u\n" * 4)
    assert prepared(**keys, categories=["a"]).rows.x.shape == (12, 3)


def test_words_for_a_missing_number_are_words_in_a_column_of_text(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    lines = [f"{n},{('NA', 'DE')[n % 2]},{('None', 'Some')[n // 2 % 2]}" for n in range(16)]
    path.write_text("a,country,y\n" + "\n".join(lines))
    keys = {"name": "csv", "path": str(path), "target": "y"}
    data = prepared(**keys)
    assert data.rows.classes == ("None", "Some")
    np.testing.assert_array_equal(data.rows.x[:2, 1:], [[0, 1], [1, 0]])
    for word in ("NA", "NaN", "nan", "null", "?", " ? ", "-", "n/a", "#N/A", "#REF!", "None", "  "):
        path.write_text("\n".join(["a,country,y", *lines]).replace("\n3,", f"\n{word},"))
        assert "has no value in column 'a' (1 row has none)" in refused(**keys)
        assert np.isnan(prepared(**keys, missing="mean").rows.x[:, 0]).tolist() == [n == 3 for n in range(16)]


def test_ids_beside_a_gap_are_not_blurred_into_one_group(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,who,y\n" + "".join(f"{n},{2**53 + n // 2 if n else ''},{'uv'[n % 2]}\n" for n in range(20)))
    data = prepared(name="csv", path=str(path), target="y", group="who", stratify=False)
    assert len(np.unique(data.rows.groups_N)) == 11


# --- arrays -------------------------------------------------------------------------


def test_arrays_are_tables_sequences_or_images_by_their_rank(tmp_path: Path) -> None:
    y = np.arange(20) % 2
    for shape, kind in (((20, 3), "table"), ((20, 4, 3), "sequence"), ((20, 5, 5, 1), "image")):
        np.savez(tmp_path / "x.npz", x=np.arange(np.prod(shape)).reshape(shape), y=y)
        data = prepared(name="npz", path=str(tmp_path / "x.npz"))
        assert (data.rows.kind, data.rows.x.shape) == (kind, shape)
    gray = prepared(name="npz", path=str(tmp_path / "x.npz"), x="x", kind="image")
    assert gray.rows.x.shape == (20, 5, 5, 1)


@pytest.mark.parametrize(
    ("arrays", "keys", "message"),
    [
        ({"x": np.zeros((4, 2))}, {}, "dataset.y is 'y'; no array has this name. The file holds no other array. Save all in one file: numpy.savez(FILE, x=x, y=y)."),
        ({"x": np.zeros((4, 2)), "y": np.ones(4)}, {}, "dataset.y is 'y'; it has one value in all rows (1)"),
        ({"x": np.zeros((4, 2)), "y": np.arange(3)}, {}, "dataset.y is 'y' with shape (3,); expected one value for each of the 4"),
        ({"x": np.zeros(4), "y": np.arange(4)}, {}, "dataset.x is 'x' with shape (4,); expected rank 2, 3 or 4"),
        ({"x": np.array([["a"], ["b"]]), "y": np.arange(2)}, {}, "expected numbers of rank 2 (table)."),
        ({"x": np.array([[1.0], [np.nan]]), "y": np.arange(2)}, {}, "x.npz (counted from 0) holds nan"),
        ({"x": np.array([[{}], [1]], object), "y": np.arange(2)}, {}, "dataset.x is 'x', object of shape (2, 1); expected numbers of rank 2 (table)."),
        ({"x": np.array([[1.0], [np.inf]]), "y": np.arange(2)}, {"missing": "mean"}, "dataset.x is 'x'; row 1 of {path} (counted from 0) holds inf"),
        ({"x": np.eye(2), "y": np.array([0, np.nan])}, {}, "dataset.y is 'y'; row 1 of {path} (counted from 0) has no value in it"),
        ({"x": np.array([[1.0], [1e300]]), "y": np.arange(2)}, {}, "holds 1e+300 in column 0, expected finite numbers, up to 1e+18."),
        ({"x": np.zeros((0, 2)), "y": np.arange(0)}, {}, "with shape (0, 2); expected rank 2, 3 or 4"),
        ({"x": np.zeros(()), "y": np.arange(2)}, {"kind": "table"}, "with shape (); expected rank 2, 3 or 4"),
        ({"x": np.eye(2), "y": np.arange(2) + 1j}, {}, "dataset.y is 'y', complex128; expected numbers, booleans or texts."),
        ({"x": np.eye(2), "y": np.arange(2).astype("M8[D]")}, {}, "dataset.y is 'y', datetime64[D]; expected numbers"),
        ({"x": np.eye(2), "y": np.arange(2), "who": np.eye(2)}, {"group": "who"}, "dataset.group is 'who' with shape (2, 2)"),
    ],
)  # fmt: skip
def test_faulty_arrays_are_refused_and_nothing_is_unpickled(
    tmp_path: Path, arrays: dict[str, Any], keys: dict[str, Any], message: str
) -> None:
    np.savez(tmp_path / "x.npz", **arrays)
    assert message.replace("{path}", str(tmp_path / "x.npz")) in refused(
        name="npz", path=str(tmp_path / "x.npz"), **keys
    )


def test_nan_in_a_sequence_is_padding_at_its_end_or_refused_with_row_and_frame(tmp_path: Path) -> None:
    x, y = np.arange(120.0).reshape(10, 4, 3), np.arange(10) % 2
    x[2, 2:] = np.nan
    np.savez(tmp_path / "x.npz", x=x, y=y)
    keys = {"name": "npz", "path": str(tmp_path / "x.npz")}
    np.testing.assert_array_equal(prepared(**keys).rows.x, x)
    for gap in ((3, 1, 2), (3, 1), (2, 1, 0)):
        holed = x.copy()
        holed[gap] = np.nan
        np.savez(tmp_path / "x.npz", x=holed, y=y)
        for missing in ("refuse", "mean"):
            assert refused(**keys, missing=missing) == (
                f"dataset.x is 'x'; row {gap[0]} of {tmp_path / 'x.npz'} (counted from 0) holds nan in its frame 1, "
                "which only whole frames at the end of a sequence may hold, as padding. Fill it in, or take that row out."
            )


def test_numbers_that_float32_would_blur_are_refused_in_arrays_too(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    n = np.arange(100)
    for x in (1_700_000_000 + n, 2**59 + n, 1.7e9 + n):
        np.savez(path, x=np.stack([n, x], axis=1), y=n % 2)
        message = refused(name="npz", path=str(path))
        assert message.startswith("dataset.x is 'x'; the numbers of its column 1 (counted from 0), from ")
        assert message.endswith("lie too close together for float32 to tell apart. Subtract the lowest from all.")
    np.savez(path, x=n[:, None], y=1.7e9 + 5 * n)
    assert refused(name="npz", path=str(path)) == (
        "dataset.y is 'y'; its numbers, from 1700000000 to 1700000495, lie too close together for float32 to tell "
        "apart. Subtract the lowest from all."
    )
    np.savez(path, x=2**24 + 2 * n[:, None], y=n % 2)
    np.testing.assert_array_equal(prepared(name="npz", path=str(path)).rows.x, 2**24 + 2 * n[:, None])


def test_arrays_that_are_read_whole_and_too_large_are_refused_by_their_headers_alone(tmp_path: Path) -> None:
    path, x, y = tmp_path / "x.npz", np.zeros((20_000, 1000), order="F"), np.arange(20_000) % 2
    np.savez_compressed(path, x=x, y=y)
    assert path.stat().st_size < 10**6
    message = refused(10**8, name="npz", path=str(path))
    assert (
        "reading it takes about 458.2 MiB of memory, and training.memory_limit is 95.4 MiB. Save x by rows" in message
    )
    np.savez_compressed(path, x=x[:, :3].copy("C"), y=y.astype("<U1000"))
    message = refused(10**8, name="npz", path=str(path))
    assert "reading it takes about 228.9 MiB of memory, and training.memory_limit is 95.4 MiB. Use a smaller" in message
    (tmp_path / "cut.npz").write_bytes((tmp_path / "x.npz").read_bytes()[:1000])
    assert "it is no NPZ file: File is not a zip file. Write" in refused(name="npz", path=str(tmp_path / "cut.npz"))


def test_a_header_that_claims_terabytes_or_members_that_are_none_do_no_harm(tmp_path: Path) -> None:
    path, claim, y = tmp_path / "x.npz", io.BytesIO(), io.BytesIO()
    np.lib.format.write_array_header_1_0(claim, {"descr": "<f8", "fortran_order": False, "shape": (10**12, 10)})
    np.lib.format.write_array_header_1_0(y, {"descr": "<i8", "fortran_order": False, "shape": (10**12,)})
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", claim.getvalue())
        archive.writestr("y.npy", y.getvalue())
        archive.writestr("readme.txt", "no array")
    assert "reading it takes about 22,888,183.6 MiB" in refused(2**30, name="npz", path=str(path))
    assert "NumPy cannot read it: it takes more memory than there is" in refused(name="npz", path=str(path))
    flagged = bytearray(path.read_bytes())
    flagged[6] |= 1
    flagged[flagged.find(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(flagged)
    assert "it is no NPZ file: File 'x.npy' is encrypted, password required" in refused(name="npz", path=str(path))


# --- images -------------------------------------------------------------------------


@pytest.fixture
def images(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for label in ("cats & dogs", "né"):
        (tmp_path / "images" / label / "more").mkdir(parents=True)
        for number in range(6):
            pixels = rng.integers(0, 256, (7, 5, 3)).astype("uint8")
            Image.fromarray(pixels).save(tmp_path / "images" / label / "more" / f"{number}.png")
    (tmp_path / "images" / "né" / ".hidden.png").write_bytes(b"no image")
    return tmp_path / "images"


def test_a_folder_of_images_is_its_pixels_with_a_class_for_each_folder(images: Path) -> None:
    data = prepared(name="image_folder", path=str(images))
    assert data.rows.classes == ("cats & dogs", "né") and data.rows.x.shape == (12, 7, 5, 3)
    np.testing.assert_array_equal(data.rows.x[7], np.asarray(Image.open(images / "né" / "more" / "1.png")))
    small = prepared(name="image_folder", path=str(images), size=[4, 3], color="grayscale")
    assert small.rows.x.shape == (12, 4, 3, 1)


def test_the_digest_of_a_folder_is_that_of_the_images_it_lists_behind_links_too(images: Path, tmp_path: Path) -> None:
    (images / "né").rename(tmp_path / "elsewhere")
    (images / "né").symlink_to(tmp_path / "elsewhere")
    dataset = TypeAdapter(Dataset).validate_python({"name": "image_folder", "path": str(images)})
    before = source_sha256(dataset)
    (tmp_path / "elsewhere" / "notes.txt").write_text("no image")
    assert before is not None and source_sha256(dataset) == before
    Image.new("RGB", (5, 7)).save(tmp_path / "elsewhere" / "more" / "1.png")
    assert source_sha256(dataset) not in (None, before)


def test_a_file_is_hashed_once_in_each_of_its_states(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.csv"
    path.write_text("x,y\n1,2\n")
    dataset = TypeAdapter(Dataset).validate_python({"name": "csv", "path": str(path), "target": "y"})
    first = source_sha256(dataset)
    with monkeypatch.context() as patched:
        patched.setattr("builtins.open", lambda *more: pytest.fail("it was read again"))
        assert source_sha256(dataset) == first
    time.sleep(0.01)
    path.write_text("x,y\n1,3\n")
    assert source_sha256(dataset) not in (None, first)


def test_transparency_is_black_and_16_bits_are_scaled_to_255(images: Path) -> None:
    rng = np.random.default_rng(1)
    rgba, gray = rng.integers(0, 256, (7, 5, 4)).astype("u1"), rng.integers(0, 2**16, (7, 5)).astype("u2")
    frames = [Image.fromarray(rgba[..., :3]).quantize(8), Image.new("P", (5, 7))]
    Image.fromarray(rgba).save(images / "né" / "z1.png")
    Image.fromarray(gray).save(images / "né" / "z2.png")
    frames[0].save(images / "né" / "z3.gif", save_all=True, append_images=frames[1:])
    (images / "né" / "z4.png").mkdir()
    (images / "né" / "loop").symlink_to(images)
    seen = prepared(name="image_folder", path=str(images)).rows.x[-3:]
    assert seen.dtype == np.dtype("float32")
    black = rgba[..., :3] * (rgba[..., 3:] / 255)
    assert np.abs(seen[0] - black).max() <= 1
    np.testing.assert_array_equal(seen[1], np.repeat((gray / 257).astype("f4")[..., None], 3, axis=2))
    np.testing.assert_array_equal(seen[2], np.asarray(frames[0].convert("RGB")))


@pytest.mark.parametrize("broken", ["float", "link", "bomb", "empty"])
def test_images_that_would_mislead_or_fill_memory_are_refused(images: Path, broken: str) -> None:
    path = images / "né" / ("x.tif" if broken == "float" else "x.png")
    message = f"dataset.path holds {path}, which cannot be read as an image: "
    match broken:
        case "float":
            Image.fromarray(np.ones((7, 5), "f4")).save(path)
            message = (
                f"dataset.path holds {path} with pixels of floats, and {images / 'cats & dogs' / 'more' / '0.png'} "
                "with pixels of whole numbers. Expected one scale: save all as floats, or all as whole numbers (1 of 13 are floats)."
            )
        case "link":
            path.symlink_to(images / "gone.png")
            message = f"dataset.path holds {path}, which is a broken symbolic link. Remove it."
        case "bomb":
            Image.new("1", (10_500, 10_500)).save(path)
            message = f"dataset.path is '{path}', 0.0 MiB in size; reading it takes about 1,261.7 MiB of memory"
        case _:
            path.touch()
            message += "its format is none of PNG, JPEG, BMP, GIF, WebP, TIFF and PPM. Fix it or remove it."
    assert message in refused(2**30, name="image_folder", path=str(images))


def test_faulty_images_are_refused_by_name(images: Path) -> None:
    keys = {"name": "image_folder", "path": str(images)}
    Image.new("RGB", (9, 9)).save(images / "né" / "other.png")
    assert "other.png is 9 x 9 and " in refused(**keys) and "Give the [height, width]" in refused(**keys)
    (images / "né" / "other.png").write_text("hello")
    assert "other.png, which cannot be read as an image" in refused(**keys)
    whole = (images / "né" / "more" / "1.png").read_bytes()
    (images / "né" / "other.png").write_bytes(whole[: len(whole) // 2])
    assert "other.png, which cannot be read as an image" in refused(**keys)
    assert "of memory, and training.memory_limit is" in refused(100, **keys)
    assert "none of its folders holds images" in refused(name="image_folder", path=str(images / "né" / "more"))


# --- texts --------------------------------------------------------------------------


def test_an_empty_text_and_a_missing_column_are_told_apart(tmp_path: Path) -> None:
    lines = ["text,label", *(f"w{n} w,{n % 2}" for n in range(10)), "!!!,1", ",0"]
    (tmp_path / "t.csv").write_text("\n".join(lines))
    keys = {"name": "text_csv", "path": str(tmp_path / "t.csv")}
    assert "t.csv:13 has no text in it (1 row has none)" in refused(**keys, target="label")
    assert "dataset.text is 'txt'; no column has this name. Did you mean 'text'?" in refused(
        **keys, target="label", text="txt"
    )
    (tmp_path / "t.csv").write_text("\n".join(lines[:-1]))
    assert (prepared(**keys, target="label").rows.x[10] == 0).all()


# --- recordings ---------------------------------------------------------------------


def write_wav(path: Path, samples: np.ndarray, rate: int = 8000, width: int = 2, channels: int = 1) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, width, rate, 0, "NONE", ""))
        file.writeframes(samples.astype({1: "u1", 2: "<i2", 3: "u1", 4: "<i4"}[width]).tobytes())


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for number in range(12):
        samples = rng.integers(-20000, 20000, 1000 + 200 * number)
        write_wav(tmp_path / "wavs" / "ab"[number % 2] / f"{number // 2}.wav", samples)
    return tmp_path / "wavs"


def log_mel(samples: np.ndarray) -> np.ndarray:
    """Reference: a reflected start, silence after the end, Hann windows of 256 samples each 128, power through a triangular mel filter bank."""
    framed = np.concatenate([samples[128:0:-1], samples, np.zeros(128)])
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(256) / 256)
    frames = np.stack([framed[start : start + 256] * window for start in range(0, len(samples) + 1, 128)])
    power = np.abs(np.fft.rfft(frames, axis=1)) ** 2
    mel = lambda hertz: 1127 * np.log1p(hertz / 700)  # noqa: E731
    edges = np.linspace(mel(0), mel(4000), 12)
    bins = mel(np.linspace(0, 4000, 129))
    rise, fall = (bins[:, None] - edges[:-2]) / np.diff(edges)[:-1], (edges[2:] - bins[:, None]) / np.diff(edges)[1:]
    bank = np.maximum(0, np.minimum(rise, fall))
    bank[0] = 0  # as in Keras, the constant part has no band
    return 10 * np.log10(np.maximum(power @ bank, 1e-10))


def test_recordings_are_keras_log_mel_frames_independent_of_their_neighbours(recordings: Path) -> None:
    data = prepared(name="wav_folder", path=str(recordings), mels=10, scale="none")
    with wave.open(str(recordings / "b" / "5.wav")) as file:
        samples = np.frombuffer(file.readframes(-1), "<i2") / 2**15
    ours = data.rows.x[11]
    np.testing.assert_allclose(ours[~np.isnan(ours[:, 0])], log_mel(samples), rtol=1e-2, atol=0.05)
    assert np.isnan(data.rows.x[0, 1 + 1000 // 128 :]).all() and not np.isnan(data.rows.x[0, : 1 + 1000 // 128]).any()
    cut = prepared(name="wav_folder", path=str(recordings), mels=10, scale="none", length=5)
    np.testing.assert_allclose(cut.rows.x, data.rows.x[:, :5], rtol=1e-3, atol=1e-2)
    raw = prepared(name="wav_folder", path=str(recordings), features="wave", scale="none", length=50)
    assert raw.rows.x.shape == (12, 50, 1)
    np.testing.assert_allclose(raw.rows.x[11, :, 0], samples[:50], rtol=1e-6)


def test_files_of_one_name_stay_together_if_asked_to(recordings: Path) -> None:
    data = prepared(name="wav_folder", path=str(recordings), group="file", features="wave", length=20)
    names = np.tile(np.arange(6), 2)
    assert not set(names[data.train_SR[0]]) & set(names[data.parts["val"][0]])


def test_all_faulty_recordings_are_refused_at_once_by_name(recordings: Path) -> None:
    keys = {"name": "wav_folder", "path": str(recordings)}
    first, cut, text = (recordings / "a" / name for name in ("0.wav", "8.wav", "9.wav"))
    cut.write_bytes((recordings / "a" / "1.wav").read_bytes()[:-2])
    text.write_text("hello")
    write_wav(recordings / "b" / "9.wav", np.ones(300), rate=16000)
    message = refused(**keys)
    assert f"holds {cut}, which cannot be read as a recording: it ends before the 2,800 bytes of samples" in message
    assert f"holds {text}, which cannot be read as a recording: libsndfile does not know its format" in message
    assert (
        f"dataset.path holds {recordings / 'b' / '9.wav'} with 16000 samples a second, and {first} with 8000. Expected "
        "one rate for all; resample them, for example with `ffmpeg -i OLD -ar 8000 NEW.wav`."
    ) in message
    for path in (cut, text, recordings / "b" / "9.wav"):
        path.unlink()
    assert "and training.memory_limit is" in refused(1000, **keys)


def test_recordings_of_several_kinds_stand_side_by_side(recordings: Path) -> None:
    (recordings / "a" / "0.wav").unlink()
    wave_T = np.sin(np.arange(2000) / 8)
    for number, (ending, subtype) in enumerate(
        ((".wav", "PCM_24"), (".flac", "PCM_16"), (".ogg", "VORBIS"), (".MP3", "MPEG_LAYER_III"), (".opus", "OPUS"))
    ):
        format = {".MP3": "MP3", ".opus": "OGG"}.get(ending, ending[1:].upper())
        soundfile.write(recordings / "a" / f"z{number}{ending}", wave_T, 8000, format=format, subtype=subtype)
    data = prepared(name="wav_folder", path=str(recordings), features="wave", scale="none")
    assert data.rows.x.shape == (16, 3200, 1) and data.rows_per_class == [10, 6]


# --- folders ------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["image_folder", "wav_folder"])
def test_files_of_other_kinds_are_counted_and_a_class_folder_without_any_is_refused(
    images: Path, recordings: Path, name: str
) -> None:
    folder, what = {"image_folder": (images, "images"), "wav_folder": (recordings, "recordings")}[name]
    inner = sorted(path for path in folder.iterdir() if path.is_dir())[0]
    for path in (inner / "notes.txt", inner / "b.m4a", folder / "README", folder / "c.M4A", inner / ".hidden"):
        path.touch()
    keys = {"name": name, "path": str(folder)}
    assert prepared(**keys).rows.facts.files_left_out == {".m4a": 2, ".txt": 1, "README": 1}
    (folder / "empty" / "more").mkdir(parents=True)
    (folder / "empty" / "more" / "notes.txt").touch()
    assert refused(**keys).startswith(f"dataset.path holds {folder}/empty, a folder without {what} (.")
    assert refused(**keys).endswith("); each folder is a class, and needs some. Add them, or remove the folder.")
    ending = {"image_folder": "png", "wav_folder": "wav"}[name]
    (inner / f"broken.{ending}").write_text("no file of this kind")
    first, second = refused(**keys).splitlines()
    assert first.startswith(f"dataset.path holds {folder}/empty, a folder without {what} (.")
    assert f"{inner / f'broken.{ending}'}" in second


@pytest.mark.parametrize(("gaps", "is_told"), [(10, False), (11, True)])
def test_a_column_that_is_mostly_empty_is_warned_of_when_it_is_filled(tmp_path: Path, gaps: int, is_told: bool) -> None:
    rows = [f"{row},{'' if row < gaps else row % 5},{'uv'[row % 2]}" for row in range(20)]
    (tmp_path / "t.csv").write_text("\n".join(["a,holes,y", *rows]) + "\n")
    keys = {"name": "csv", "path": str(tmp_path / "t.csv"), "target": "y", "missing": "median"}
    told = prepared(**keys).rows.facts.warnings or ()
    assert any(text.startswith("column 'holes' has no value in 11 of 20 rows (55%).") for text in told) is is_told


def test_a_column_of_country_names_is_categories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("t.csv").write_text("country,y\n" + "".join(f"land {n % 249},{'uv'[n % 2]}\n" for n in range(747)))
    assert prepared(name="csv", path="t.csv", target="y").rows.x.shape == (498, 249)  # repeated rows are dropped
