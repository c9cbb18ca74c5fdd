"""Recordings as frames: Keras's log-mel spectrogram, or the wave itself. N rows, T frames, F features of a frame."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnexp.config.real import AsteriskLanguagesSet, WavFolderDataset
from bnexp.data.facts import LogMel, RowFacts
from bnexp.data.memory_guard import refuse_too_large
from bnexp.data.row_cache import RowCache, RowFile
from bnexp.data.rows import Floats32, Rows, numbered
from bnexp.data.sources.folders import labelled_parts
from bnexp.data.sources.joined import with_parts
from bnexp.data.sources.layout import warnings_of_several_classes
from bnexp.data.sources.sound import SOUND_ENDINGS, length_and_rate, read_sound
from bnexp.data.stored_rows import Inputs
from bnexp.errors import Problems
from bnexp.system import backend

RECORDINGS = SOUND_ENDINGS, "recordings"
"""Arguments of `labelled_parts`: the endings of recordings, and the word for them in messages."""
NO_FLOOR_DB = 1000.0
"""A range so wide that Keras cuts off nothing.

Keras's default is 80 dB below the loudest value of the batch, so a recording would depend on the rest of its batch.
"""

FLOAT_BYTES, COPIES = 4, 2
BATCH = 64
"""Number of recordings that go through Keras's layer at a time."""
SPECTRUM_BYTES = 12
"""Bytes of memory that a sample of a window takes in Keras's layer: itself, and half a complex number, twice."""

Audio = WavFolderDataset | AsteriskLanguagesSet


def wav_folder_rows(dataset: WavFolderDataset, limit: int | None, cache: RowCache) -> Rows:
    """Return the recordings of a folder as rows, read from the files or from the cache. Each subfolder is a class.

    Raises:
        SettingError: with the mistakes of folders and recordings: fewer than two classes, folders without recordings,
            files that cannot be read, sampling rates that differ, or recordings that would not fit.
    """
    found = labelled_parts(dataset, *RECORDINGS, grouped=dataset.group == "file")
    kept = cache.found(len(found.paths))
    with found.problems.noted():
        if kept is not None:
            rate = length_and_rate(found.paths[0])[1]
        else:
            samples_N, rate = _lengths(found.paths)
            with cache:
                folder = Path(dataset.path).expanduser()
                written = _read(dataset, folder, found.paths, samples_N, rate, limit, cache.rows)
                kept = cache.kept(written, lambda x: list(warnings_of_several_classes(x, found.paths, found.labels)))
    found.problems.refuse()
    assert kept is not None
    x_NTF, warnings = kept
    rows = _rows(dataset, x_NTF, rate, found.paths, found.labels, found.inner if dataset.group == "file" else None)
    facts = replace(rows.facts, **found.left_out_facts, warnings=[*found.warnings, *warnings])
    return with_parts(replace(rows, facts=facts), found.counts)


def recordings(
    dataset: Audio,
    folder: Path,
    paths: Sequence[Path],
    labels: Sequence[str],
    groups: Sequence[str],
    limit: int | None,
) -> Rows:
    """Return recordings with their labels and groups as rows in memory, with at most `dataset.length` frames each.

    Raises:
        SettingError: if a file cannot be read, sampling rates differ, or the padded frames of all would not fit.
    """
    samples_N, rate = _lengths(paths)

    def array(shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
        needed = COPIES * math.prod(shape) * dtype.itemsize
        refuse_too_large(folder, sum(path.stat().st_size for path in paths), needed, limit)
        return np.empty(shape, dtype)

    x_NTF = _read(dataset, folder, paths, samples_N, rate, limit, array)
    assert isinstance(x_NTF, np.ndarray)
    return _rows(dataset, x_NTF, rate, paths, labels, groups)


def _rows(
    dataset: Audio, x_NTF: Inputs, rate: int, paths: Sequence[Path], labels: Sequence[str], groups: Sequence[str] | None
) -> Rows:
    y_N, classes = numbered(labels)
    return Rows(
        "sequence",
        x_NTF,
        y_N,
        classes,
        groups_N=np.unique(np.asarray(groups), return_inverse=True)[1].astype("int64") if groups is not None else None,
        where=lambda row: str(paths[row]),
        facts=RowFacts(rate, None if dataset.features == "wave" else _log_mel_arguments(dataset, rate)),
    )


def _read(
    dataset: Audio,
    folder: Path,
    paths: Sequence[Path],
    samples_N: Sequence[int],
    rate: int,
    limit: int | None,
    room: Callable[[tuple[int, ...], np.dtype[Any]], NDArray[Any] | RowFile],
) -> NDArray[Any] | RowFile:
    """Return the frames of all recordings, padded with NaN, in the array that `room` returns for their shape.

    Raises:
        SettingError: if the recordings of one batch, or all recordings, would not fit.
    """
    window, stride = _samples(dataset, rate)
    most = max(samples_N) if dataset.length is None else min(max(samples_N), window + stride * dataset.length)
    at_a_time = min(BATCH, len(paths)) * FLOAT_BYTES * most
    frames = most
    if dataset.features == "log_mel":
        frames = 1 + most // stride
        at_a_time += SPECTRUM_BYTES * min(BATCH, len(paths)) * (1 + max(most, window) // stride) * window
    refuse_too_large(folder, sum(path.stat().st_size for path in paths), at_a_time, limit)
    frames = frames if dataset.length is None else min(frames, dataset.length)
    features = 1 if dataset.features == "wave" else dataset.mels
    x_NTF = room((len(paths), frames, features), np.dtype("float32"))
    for row, frames_TF in _frames(dataset, paths, np.minimum(samples_N, most), rate):
        x_NTF[row] = _of_length(frames_TF, frames)
    return x_NTF


def _lengths(paths: Sequence[Path]) -> tuple[list[int], int]:
    """Return the number of samples of each recording, and the sampling rate of all recordings.

    Raises:
        SettingError: with all files that cannot be read, or if sampling rates differ.
    """
    problems, samples_N = Problems(), []
    first_of: dict[int, Path] = {}
    for path in paths:
        with problems.noted():
            samples, rate = length_and_rate(path)
            samples_N.append(samples)
            first_of.setdefault(rate, path)
    if len(first_of) > 1:
        (rate, path), *others = first_of.items()
        seen = ", and ".join(f"{other} with {its_rate} samples a second" for its_rate, other in others)
        problems.note(
            "dataset.path",
            f"holds {seen}, and {path} with {rate}. Expected one rate for all; resample them, for "
            f"example with `ffmpeg -i OLD -ar {rate} NEW.wav`.",
        )
    problems.refuse()
    return samples_N, next(iter(first_of))


def padded(frames: Sequence[Floats32], length: int | None) -> Floats32:
    """Return sequences (T, F) of different lengths as one array, (N, length, F), padded with NaN."""
    most = max(map(len, frames))
    most = most if length is None else min(length, most)
    return np.stack([_of_length(frames_TF, most) for frames_TF in frames])


def _of_length(frames_TF: Floats32, length: int) -> Floats32:
    """Return `length` frames, (length, F): a longer sequence is cut, and a shorter one is padded with NaN."""
    x_TF = np.full((length, frames_TF.shape[1]), np.nan, "float32")
    x_TF[: len(frames_TF)] = frames_TF[:length]
    return x_TF


def _samples(dataset: Audio, rate: int) -> tuple[int, int]:
    """Return the samples of a window and of a stride; both are 1 if the wave itself is read."""
    if dataset.features == "wave":
        return 1, 1
    return max(2, round(rate * dataset.window_ms / 1000)), max(1, round(rate * dataset.stride_ms / 1000))


def _log_mel_arguments(dataset: Audio, rate: int) -> LogMel:
    window, stride = _samples(dataset, rate)
    return LogMel(
        fft_length=1 << (window - 1).bit_length(),
        sequence_length=window,
        sequence_stride=stride,
        sampling_rate=rate,
        num_mel_bins=dataset.mels,
        min_freq=0.0,
        max_freq=rate / 2,
        top_db=NO_FLOOR_DB,
    )


def _frames(
    dataset: Audio, paths: Sequence[Path], samples_N: NDArray[np.int64], rate: int
) -> Iterator[tuple[int, Floats32]]:
    """Yield the row and the frames (T, F) of each recording, in any order: its wave, or its log-mel spectrogram.

    A spectrogram has the frames whose middle lies within the recording. Recordings go through Keras's layer in groups
    of similar length, padded with silence.
    """
    if dataset.features == "wave":
        for row, path in enumerate(paths):
            yield row, read_sound(path, int(samples_N[row]))[:, None]
        return
    backend.load()
    import keras

    window, stride = _samples(dataset, rate)
    layer = keras.layers.MelSpectrogram(**asdict(_log_mel_arguments(dataset, rate)))
    order = np.argsort(samples_N, kind="stable")
    for batch in np.array_split(order, -(-len(order) // BATCH)):
        waves = [read_sound(paths[row], int(samples_N[row])) for row in batch]
        longest = max(map(len, waves)) + window // 2  # silence, so that Keras reflects no end
        silent = np.stack([np.pad(wave_T, (0, max(longest, window) - len(wave_T))) for wave_T in waves])
        spectra_BFT = np.asarray(layer(silent), "float32")
        for row, wave_T, spectrum_FT in zip(batch.tolist(), waves, spectra_BFT, strict=True):
            yield row, spectrum_FT.T[: 1 + len(wave_T) // stride]
