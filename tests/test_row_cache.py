"""Rows that are too large for memory lie in the cache on disk: the same rows, written once, whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import subprocess
import sys
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydantic import TypeAdapter

from bnexp.config.dataset import Dataset
from bnexp.data import Data, prepare, row_cache, stored_rows
from bnexp.data.sources import images, npz, npz_arrays
from bnexp.data.stored_rows import StoredRows
from bnexp.errors import SettingError
from bnexp.system.machine import PROGRAM_BYTES

LIMIT = 2**30
RNG = np.random.default_rng(0)
Usage = namedtuple("Usage", "total used free")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BNEXP_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache" / "rows"


@pytest.fixture
def on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no rows fit in memory, and go through them in pieces of a few."""
    monkeypatch.setattr(row_cache, "SHARE", 2**40)
    monkeypatch.setattr(row_cache, "IN_MEMORY_BYTES", 0)
    monkeypatch.setattr(stored_rows, "pieces", lambda x, numbers=100: PIECES(x, numbers))
    monkeypatch.setattr(row_cache, "pieces", lambda x: PIECES(x, 100))
    monkeypatch.setattr(npz_arrays, "PIECE", 50)


PIECES = stored_rows.pieces


def read(memory: int | None = LIMIT, note: Callable[[str], None] = lambda text: None, **keys: Any) -> Data:
    return prepare(TypeAdapter(Dataset).validate_python(keys), (0, 1), memory, note=note)


def in_memory(**keys: Any) -> Data:
    data = read(None, **keys)
    assert isinstance(data.rows.x, np.ndarray)
    return data


def stored(**keys: Any) -> Data:
    data = read(**keys)
    assert isinstance(data.rows.x, StoredRows)
    return data


def refused(**keys: Any) -> str:
    with pytest.raises(SettingError) as caught:
        read(**keys)
    assert caught.value.exit_code == 2
    return str(caught.value)


def folder_of(tmp_path: Path, drawn: list[Image.Image]) -> dict[str, Any]:
    """Write images in turn into two classes."""
    for number, image in enumerate(drawn):
        (tmp_path / "images" / "ab"[number % 2]).mkdir(parents=True, exist_ok=True)
        image.save(tmp_path / "images" / "ab"[number % 2] / f"{number:03d}.png")
    return {"name": "image_folder", "path": str(tmp_path / "images")}


@pytest.fixture
def folder(tmp_path: Path) -> dict[str, Any]:
    pixels = RNG.integers(0, 256, (20, 6, 5, 3)).astype("uint8")
    pixels[3] = 7
    pixels[12] = pixels[10]
    return folder_of(tmp_path, [Image.fromarray(one) for one in pixels])


def assert_same(found: Data, expected: Data) -> None:
    assert found.digest == expected.digest and found.rows.facts == expected.rows.facts
    assert (found.shape, found.split_digests((0, 1))) == (expected.shape, expected.split_digests((0, 1)))
    for one, other in zip(found.preprocessing, expected.preprocessing, strict=True):
        assert (one is None) == (other is None) and (one is None or one.tobytes() == other.tobytes())
    np.testing.assert_array_equal(found.inputs(1, found.train_SR[1]), expected.inputs(1, expected.train_SR[1]))


@pytest.mark.usefixtures("on_disk")
def test_images_on_disk_are_the_images_in_memory_with_their_warnings_and_without_repeated_ones(
    folder: dict[str, Any],
) -> None:
    for keys in ({}, {"scale": "standard"}, {"limit": 9}, {"size": [3, 4]}, {"duplicates": "keep", "resample": True}):
        assert_same(stored(**folder, **keys), in_memory(**folder, **keys))
    data = stored(**folder)
    assert data.rows.facts.duplicates_dropped == 1 and len(data.rows.x) == 19
    assert [text.partition(",")[0] for text in data.rows.facts.warnings or ()] == ["1 of 20 images"]


@pytest.mark.usefixtures("on_disk")
def test_images_that_turn_out_finer_or_hidden_are_written_anew(tmp_path: Path) -> None:
    levels = RNG.integers(0, 2**16, (20, 4, 5)).astype("u2")
    drawn = [Image.fromarray((one // 257).astype("u1") if number < 7 else one) for number, one in enumerate(levels)]
    keys = folder_of(tmp_path / "fine", drawn) | {"color": "grayscale"}
    assert stored(**keys).rows.x.dtype == np.dtype("float32")
    assert_same(stored(**keys), in_memory(**keys))
    black = np.zeros((20, 4, 5, 4), "uint8")
    black[..., 3] = RNG.integers(0, 256, (20, 4, 5))
    keys = folder_of(tmp_path / "hidden", [Image.fromarray(one) for one in black])
    assert_same(stored(**keys), in_memory(**keys))
    assert "are black on a transparent background" in (stored(**keys).rows.facts.warnings or [""])[0]


@pytest.mark.usefixtures("on_disk")
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_on_disk_are_the_arrays_in_memory(save: Any, tmp_path: Path) -> None:
    x, y, path = RNG.normal(size=(40, 3, 4, 2)), np.arange(40) % 2, tmp_path / "a.npz"
    x[5, 1], x[30, 2, 2, 1] = np.nan, np.nan
    table = np.where(RNG.random((40, 5)) < 0.2, np.nan, RNG.normal(size=(40, 5)))
    whole = RNG.integers(0, 256, (40, 4, 4)).astype(">i2")
    save(path, x=x, y=y, table=table, bytes=whole.astype("u1"), whole=whole, by_columns=np.asfortranarray(table))
    for keys in (
        {"missing": "mean"},
        {"x": "table", "missing": "median", "scale": "minmax"},
        {"x": "table", "missing": "mean", "resample": True},
        {"x": "by_columns", "missing": "mean"},
        {"x": "bytes", "kind": "image"},
        {"x": "whole", "kind": "sequence"},
        {"x": "table", "missing": "mean", "x_test": "by_columns", "y_test": "y", "duplicates": "keep"},
    ):
        assert_same(stored(name="npz", path=str(path), **keys), in_memory(name="npz", path=str(path), **keys))
    assert refused(name="npz", path=str(path), missing="median") == (
        "dataset.missing is median; the images are on disk, and a median needs all numbers of a channel in memory at "
        "once. Use dataset.missing: mean, or a higher training.memory_limit."
    )


@pytest.mark.usefixtures("on_disk")
def test_what_is_wrong_with_an_array_is_found_in_whatever_piece_it_stands(tmp_path: Path, cache: Path) -> None:
    x, path = np.arange(200.0).reshape(40, 5), tmp_path / "a.npz"
    keys = {"name": "npz", "path": str(path)}
    x[33, 2] = np.inf
    np.savez(path, x=x, y=np.arange(40) % 2)
    assert f"row 33 of {path} (counted from 0) holds inf in column 2, expected finite numbers" in refused(**keys)
    x[33, 2], x[:, 4] = 0, 1.7e9 + np.arange(40)
    np.savez(path, x=x, y=np.arange(40) % 2)
    assert "the numbers of its column 4 (counted from 0), from 1700000000 to 1700000039, lie too" in refused(**keys)
    x[:, 4] = 2.0**24 + 1e6 * np.arange(40)
    np.savez(path, x=x, y=np.arange(40) % 2)
    assert len(stored(**keys).rows.x) == 40
    content = bytearray(path.read_bytes())
    content[content.find(x[10].tobytes()) + 3] ^= 1
    path.write_bytes(content)
    assert "Bad CRC-32 for file 'x.npy'" in refused(**keys)
    assert sorted(file.suffix for file in cache.iterdir()) == [".json", ".rows"], "of the one that was whole"


@pytest.mark.usefixtures("on_disk")
def test_an_array_that_ends_early_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, x=RNG.normal(size=(40, 5)), y=np.arange(40) % 2)
    headers = npz_arrays.headers_of(path)
    longer = {**headers, "x": npz_arrays.Header((50, 5), headers["x"].dtype), "y": headers["y"]}
    part = npz._Part(
        "path", TypeAdapter(Dataset).validate_python({"name": "npz", "path": str(path)}), longer, "table", []
    )
    with pytest.raises(SettingError, match=r"NumPy cannot read it: x ends before its 50 rows\. Write one"):
        part.refuse_bad_inputs()


def test_rows_are_in_memory_up_to_a_quarter_of_what_the_limit_leaves_beside_the_program(
    folder: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_cache, "IN_MEMORY_BYTES", 0)
    enough = PROGRAM_BYTES + 4 * 20 * 6 * 5 * 3
    assert isinstance(read(enough, **folder, size=[6, 5]).rows.x, np.ndarray)
    assert isinstance(read(enough - 1, **folder, size=[6, 5]).rows.x, StoredRows)
    monkeypatch.setattr(row_cache, "IN_MEMORY_BYTES", 10 * 6 * 5 * 3)
    monkeypatch.setattr(row_cache, "cores", lambda: 2)
    assert isinstance(read(enough - 1, **folder, size=[6, 5]).rows.x, np.ndarray)


def test_a_limit_below_the_program_itself_is_refused_before_rows_are_written(
    folder: dict[str, Any], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_cache, "IN_MEMORY_BYTES", 0)
    assert refused(memory=700 * 2**20, **folder) == (
        "training.memory_limit is 700.0 MiB; the program alone takes about 750.0 MiB. Expected more. Give a higher limit, "
        "such as 2GiB."
    )
    assert not cache.exists()


@pytest.mark.usefixtures("on_disk")
def test_rows_are_written_once_for_all_configs_that_read_the_same(
    folder: dict[str, Any], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes: list[str] = []
    expected = in_memory(**folder)
    read(**folder, note=notes.append)
    assert notes == [f"writing rows to the cache on disk: {share}%" for share in range(10, 101, 10)]
    assert sorted(file.suffix for file in cache.iterdir()) == [".json", ".rows"]
    with monkeypatch.context() as patch:
        patch.setattr(images, "_read", lambda *_: pytest.fail("it was read again"))
        assert_same(read(**folder, note=notes.append), expected)
        assert notes[10:] == ["checking the rows in the cache on disk"]
        for keys in (
            {"scale": "none"},
            {"seed": 1, "limit": 12},
            {"resample": True},
            {"validation_size": 0.3, "shift": {"scale": 0.5}},
        ):
            stored(**folder, **keys)
    stored(**folder, color="grayscale")
    (Path(folder["path"]) / "a" / "000.png").unlink()
    stored(**folder)
    assert len(list(cache.glob("*.rows"))) == 3, "for another color, and for other files"


@pytest.mark.usefixtures("on_disk")
@pytest.mark.parametrize(
    ("package", "entries"), [("bnexp", 2), ("pillow", 2), ("tensorflow", 1)], ids=["bnexp", "pillow", "tensorflow"]
)
def test_an_entry_is_used_by_the_packages_alone_that_read_its_files(
    package: str, entries: int, folder: dict[str, Any], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored(**folder)
    monkeypatch.setattr(
        row_cache,
        "_version",
        lambda name, found=row_cache._version: f"{found(name)}.1" if name == package else found(name),
    )
    stored(**folder)
    assert len(list(cache.glob("*.rows"))) == entries


@pytest.mark.usefixtures("on_disk")
@pytest.mark.parametrize(
    "damage",
    [
        lambda rows, record: rows.write_bytes(rows.read_bytes()[:-1]),
        lambda rows, record: rows.write_bytes(rows.read_bytes()[:50] + b"x" + rows.read_bytes()[51:]),
        lambda rows, record: rows.unlink(),
        lambda rows, record: record.write_text(record.read_text()[:-5]),
        lambda rows, record: record.write_text(json.dumps(json.loads(record.read_text()) | {"format": 2})),
        lambda rows, record: record.write_text(json.dumps(json.loads(record.read_text()) | {"dtype": "object"})),
        lambda rows, record: record.write_text(json.dumps(json.loads(record.read_text()) | {"shape": []})),
        lambda rows, record: record.write_text(json.dumps(json.loads(record.read_text()) | {"shape": [-20, -90]})),
    ],
    ids=["cut", "changed", "lost", "record cut", "format", "type", "no shape", "negative shape"],
)
def test_an_entry_that_is_damaged_is_written_anew(
    damage: Callable[[Path, Path], Any], folder: dict[str, Any], cache: Path
) -> None:
    expected, notes = in_memory(**folder), list[str]()
    stored(**folder)
    (rows,), (record,) = cache.glob("*.rows"), cache.glob("*.json")
    whole = rows.read_bytes(), record.read_bytes()
    damage(rows, record)
    assert_same(read(**folder, note=notes.append), expected)
    assert "the rows in the cache on disk are damaged: reading the files again" in notes
    assert (rows.read_bytes(), record.read_bytes()) == whole


class Killed(BaseException):
    """Raised where a process is killed."""


@pytest.mark.usefixtures("on_disk")
@pytest.mark.parametrize("written", [0, 1], ids=["before the rows are in place", "before the record is"])
def test_a_build_that_is_killed_leaves_no_half_entry(
    written: int, folder: dict[str, Any], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_in_place, done = row_cache.put_in_place, list[Path]()

    def killed(file: Any, path: Path) -> None:
        if len(done) == written:
            raise Killed
        put_in_place(file, path)
        done.append(path)

    with monkeypatch.context() as patch:
        patch.setattr(row_cache, "put_in_place", killed)
        with pytest.raises(Killed):
            read(**folder)
    assert [file.suffix for file in cache.iterdir()] == [".rows"] * written
    left = cache / ".ab.rows.cd.tmp"
    left.write_bytes(b"of a process that could not clean up")
    assert_same(stored(**folder), in_memory(**folder))
    assert sorted(file.suffix for file in cache.iterdir()) == [".json", ".rows"]
    assert not left.exists() or os.name != "posix"


@pytest.mark.usefixtures("on_disk")
def test_rows_that_not_even_the_disk_holds_are_refused_with_their_size(
    folder: dict[str, Any], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_cache.shutil, "disk_usage", lambda place: Usage(10**9, 0, 2**28 + 1799))
    assert refused(**folder) == (
        f"dataset.path is {folder['path']!r}; its rows take 0.0 MiB, more than 1/1099511627776 of the memory "
        "that training.memory_limit (1,024.0 MiB) leaves beside the program (750.0 MiB), so they go to the cache on "
        f"disk, and {cache} has 256.0 MiB free. Expected room for them. Free some space, set BNEXP_CACHE_DIR to a directory on a larger disk, use less data, or give a higher limit."
    )
    monkeypatch.setattr(row_cache.shutil, "disk_usage", lambda place: Usage(10**9, 0, 2**28 + 1800))
    stored(**folder)


@pytest.mark.usefixtures("on_disk")
@pytest.mark.parametrize(
    ("code", "seen"),
    [(errno.ENOSPC, "is full"), (errno.EDQUOT, "is full"), (errno.EROFS, "cannot be written (Read-only file system)")],
)
def test_a_disk_that_cannot_be_written_is_one_message(
    code: int, seen: str, folder: dict[str, Any], tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.savez(tmp_path / "a.npz", x=RNG.normal(size=(40, 5)), y=np.arange(40) % 2)

    def full(*_: Any) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(row_cache.RowFile, "_write", full)
    for keys in (folder, {"name": "npz", "path": str(tmp_path / "a.npz")}):
        message = refused(**keys)
        assert message.startswith(f"dataset.path is {keys['path']!r}; its rows take more than 1/")
        assert f"so they go to the cache on disk, and {cache} {seen}. Expected room for them. Free some" in message
        assert "\n" not in message and list(cache.iterdir()) == []


@pytest.mark.usefixtures("on_disk")
def test_rows_that_another_process_has_put_there_and_reads_are_used_if_they_are_the_same(
    folder: dict[str, Any], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows replaces no file that is mapped."""
    put_in_place = row_cache.put_in_place

    def refused_if_there(file: Any, path: Path) -> None:
        if path.exists():
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), file.name, None, str(path))
        put_in_place(file, path)

    expected = in_memory(**folder)
    stored(**folder)
    (rows,), (record,) = cache.glob("*.rows"), cache.glob("*.json")
    record.unlink()
    monkeypatch.setattr(row_cache, "put_in_place", refused_if_there)
    assert_same(stored(**folder), expected)
    assert record.is_file()
    record.unlink()
    for damaged in (rows.read_bytes()[:-1], b"x" + rows.read_bytes()[1:]):
        rows.write_bytes(damaged)
        assert f"{cache} cannot be written (Permission denied)" in refused(**folder)
    assert not record.exists()


@pytest.mark.usefixtures("on_disk")
def test_files_that_change_while_they_are_read_leave_no_entry(
    folder: dict[str, Any], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digests = iter(["before", "after", "after", "after"])
    monkeypatch.setattr("bnexp.data.sha256_of", lambda dataset: next(digests))
    stored(**folder)
    assert [one.suffix for one in cache.iterdir()] == [".rows"]
    stored(**folder)
    assert sorted(one.suffix for one in cache.iterdir()) == [".json", ".rows", ".rows"]


@pytest.mark.usefixtures("on_disk")
def test_an_entry_of_another_number_of_rows_is_made_anew(folder: dict[str, Any], cache: Path) -> None:
    import json

    expected = np.array(stored(**folder).rows.x[:])
    (record,) = cache.glob("*.json")
    (numbers,) = cache.glob("*.rows")
    facts = json.loads(record.read_text())
    whole = numbers.read_bytes()
    fewer = whole[: len(whole) // facts["shape"][0]]
    numbers.write_bytes(fewer)
    facts |= {"shape": [1, *facts["shape"][1:]], "sha256": hashlib.sha256(fewer).hexdigest()}
    record.write_text(json.dumps(facts))
    assert np.array_equal(stored(**folder).rows.x[:], expected)
    assert numbers.read_bytes() == whole


@pytest.mark.usefixtures("on_disk")
def test_a_cache_that_is_a_file_is_refused(folder: dict[str, Any], cache: Path) -> None:
    cache.parent.write_text("no directory")
    assert f"and {cache} cannot be written (" in refused(**folder)


PEAK = """
import resource, sys
from pydantic import TypeAdapter
from bnexp.config.dataset import Dataset
from bnexp.data import prepare, stored_rows
from bnexp.system.machine import PROGRAM_BYTES
import pandas, sklearn.preprocessing, sklearn.model_selection
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
dataset = TypeAdapter(Dataset).validate_python({"name": "npz", "path": sys.argv[1], "kind": "image"})
before = peak()
for _ in range(2):
    data = prepare(dataset, (0, 1), PROGRAM_BYTES + 2**26)
    data.digest, data.inputs(0, data.train_SR[0][:100])
assert isinstance(data.rows.x, stored_rows.StoredRows), data.rows.x.nbytes
print((peak() - before) * 1024)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the peak is in other units")
def test_reading_rows_of_several_times_what_the_limit_leaves_keeps_within_it(tmp_path: Path) -> None:
    x = np.zeros((4_000, 64, 64, 12), "uint8")
    x.reshape(len(x), -1)[:, :2] = np.arange(len(x), dtype="u2")[:, None].view("u1")
    np.savez_compressed(tmp_path / "a.npz", x=x, y=np.arange(len(x)) % 2)
    assert x.nbytes > 2.5 * 2**26
    command = [sys.executable, "-c", PEAK, str(tmp_path / "a.npz")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 2**26, done.stdout
