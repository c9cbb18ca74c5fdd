"""Known sets: `dataset.name` -> rows, from scikit-learn, a fetched archive, Debian's files or Keras's cache.

`catalogue` describes the sets, and `packaged` reads the archives.
"""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import sys
import urllib.request
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bnexp.config.real import AsteriskLanguagesSet, KnownSet, TextSet
from bnexp.data.builtin import debian, fetching, packaged
from bnexp.data.builtin.catalogue import KNOWN, Known
from bnexp.data.rows import Rows
from bnexp.data.sources.text import text_rows
from bnexp.errors import FetchError, SettingError
from bnexp.system import backend
from bnexp.system.listeners import Note

OBJECTS = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
KERAS_FILES = {
    "fashion_mnist": "fashion-mnist",
    "mnist": "mnist.npz",
    "cifar10": "cifar-10-batches-py-target_archive",
    "cifar100": "cifar-100-python-target_archive",
    "imdb": "imdb.npz",
    "reuters": "reuters.npz",
}
"""Name of a set -> its file or folder in the cache of `keras.datasets`."""


def known_rows(dataset: KnownSet, limit: int | None) -> Rows:
    """Read the rows of a known set. Recordings and texts may take `limit` bytes of memory; the other sets are small.

    Raises:
        SettingError: if the set is not on this computer, or is damaged. The
            message has the command that downloads or installs it.
    """
    known = KNOWN[dataset.name]
    if not is_here(known):
        raise SettingError("dataset.name", f"is {known.name}, which is not on this computer. Get it: {known.command}")
    rows = _read(dataset, known, limit)
    return replace(rows, facts=replace(rows.facts, licence=known.licence, attribution=known.attribution))


def _read(dataset: KnownSet, known: Known, limit: int | None) -> Rows:
    if known.source == "scikit-learn":
        return _bundled(known.name)
    if known.package:
        return packaged.READERS[known.name](dataset, _archive(known), limit)
    folder = _place(known)
    assert folder is not None
    if isinstance(dataset, AsteriskLanguagesSet):
        return debian.asterisk_lang(dataset, folder, limit)
    with _readable(known, folder):
        return debian.fashion_mnist(folder) if known.name == "fashion_mnist" else _of_keras(dataset, limit)


def _archive(known: Known) -> bytes:
    """Return the bytes of a set's archive, checked by their sha256."""
    assert known.package is not None
    path = fetching.place(known.name, known.package)
    with _readable(known, path):
        if (content := fetching.content(known.name, known.package)) is None:
            raise ValueError("its sha256 is not the expected one")
    return content


@contextlib.contextmanager
def _readable(known: Known, place: Path) -> Iterator[None]:
    """Raise SettingError for any error that reading damaged files raises."""
    damages = (OSError, EOFError, ValueError, KeyError, pickle.UnpicklingError, zipfile.BadZipFile, zlib.error)
    try:
        yield
    except damages as error:
        raise SettingError(
            "dataset.name",
            f"is {known.name}; {place} cannot be read: {(str(error) or type(error).__name__).splitlines()[0]}. "
            f"Delete it, then get it again: {known.command}",
        ) from error


def is_here(known: Known) -> bool:
    """Return True if a set can be read without an internet connection. TensorFlow is not imported for this."""
    if known.package:
        return fetching.place(known.name, known.package).is_file()
    return known.source == "scikit-learn" or _place(known) is not None


def bring(known: Known, note: Note) -> None:
    """Download a set that is not on this computer; `note` is called with one line for each step.

    Raises:
        FetchError: if the download fails, or if the user has to install the set with apt.
    """
    if known.package:
        fetching.fetch(known.name, known.package, note)
    elif known.source == "keras" and not (known.debian and is_here(known)):
        note(f"downloading {known.name} with Keras")
        with contextlib.redirect_stdout(sys.stderr):
            _loaded_by_keras(known)
    elif not is_here(known):
        raise FetchError(
            f"{known.name}: is not in {debian.SHARE / known.folder}, where Debian and Ubuntu install it. "
            f"Run {debian.installing(known)}"
        )


def _place(known: Known) -> Path | None:
    """Return the file or folder in which Debian or Keras stores a set; None if it is missing or incomplete."""
    places = debian.places(known)
    if known.source == "keras":
        places.append(_keras_home() / "datasets" / KERAS_FILES[known.name])
    return next((place for place in places if all((place / part).exists() for part in known.parts or (".",))), None)


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


# --- Keras -----------------------------------------------------------------


def _keras_home() -> Path:
    """Return the folder of Keras's cache, found by the same rule as in Keras."""
    home = os.path.expanduser("~")
    default = os.path.join(home if os.access(home, os.W_OK) else "/tmp", ".keras")  # noqa: S108
    return Path(os.environ.get("KERAS_HOME", default))


def _of_keras(dataset: KnownSet, limit: int | None) -> Rows:
    with _no_download():
        (x_train, y_train), (x_test, y_test) = _loaded_by_keras(KNOWN[dataset.name])
    y_N, test = np.concatenate([np.ravel(y_train), np.ravel(y_test)]), len(x_test)
    classes = OBJECTS if dataset.name == "cifar10" else tuple(map(str, range(int(y_N.max()) + 1)))
    if isinstance(dataset, TextSet):
        texts = [" ".join(map(str, words[: dataset.length])) for words in (*x_train, *x_test)]
        return text_rows(texts, y_N.astype("float32"), classes, length=dataset.length, limit=limit, test=test)
    x = np.concatenate([x_train, x_test])
    return Rows("image", x if x.ndim == 4 else x[..., None], y_N.astype("float32"), classes, test=test)


class _DownloadWanted(BaseException):
    """Keras is about to download. This is no Exception, because on an Exception Keras deletes the existing file."""


class _NoDownload(urllib.request.BaseHandler):
    handler_order = 0

    def default_open(self, request: urllib.request.Request) -> None:
        """Raise `_DownloadWanted`, before any other handler opens the request."""
        raise _DownloadWanted


@contextlib.contextmanager
def _no_download() -> Iterator[None]:
    """Raise ValueError when Keras would download a file. It does so if an existing file has an unexpected digest."""
    before = getattr(urllib.request, "_opener", None)
    urllib.request.install_opener(urllib.request.build_opener(_NoDownload))
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # hides Keras's line about the download
            yield
    except _DownloadWanted:
        raise ValueError("its digest is not the one that Keras expects") from None
    finally:
        urllib.request.install_opener(before)


def _loaded_by_keras(known: Known) -> Sequence[tuple[Any, Any]]:
    """Load a set with `keras.datasets`, which downloads missing files. Words of texts are numbers: their ranks."""
    backend.load()
    import keras

    options = {"start_char": None, "oov_char": None, "index_from": 0} if known.name in ("imdb", "reuters") else {}
    try:
        loaded: Sequence[tuple[Any, Any]] = getattr(keras.datasets, known.name).load_data(**options)
    except Exception as error:
        if not str(error).startswith("URL fetch failure"):
            raise
        other = f" On Debian and Ubuntu you can also run {debian.installing(known)}" if known.debian else ""
        raise FetchError(
            f"{known.name}: Keras cannot download it: {error}. Check the internet connection, then try again.{other}"
        ) from error
    return loaded
