"""Sound files (WAV, FLAC, OGG and MP3), checked to be complete and read by libsndfile. Axes: T samples, C channels."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bnexp.data.rows import Floats32
from bnexp.data.sources.mp3 import is_mp3, mended_mp3
from bnexp.data.sources.wav import mended_wav
from bnexp.errors import SettingError

if TYPE_CHECKING:
    from soundfile import SoundFile


SOUND_ENDINGS = (".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".mp3")
FORMATS = ("WAV", "WAVEX", "RF64", "FLAC", "OGG", "MP3")
"""libsndfile's names of the formats whose end is checked here."""
BLOCK = 65_536
"""Samples of each channel that are decoded at a time: 256 KiB of float32, so that the time of a call is negligible."""
LOUDEST = 2**31
"""The largest sample of floats. Full scale is 1, but unscaled whole numbers of 32 bits may be stored as floats."""
UNKNOWN = 2**63 - 1
"""The length that libsndfile reports for a FLAC file that was written as a stream."""
LARGEST_OGG_PAGE = 65_307
"""Bytes of the largest page: a header of 27, a length for each of 255 segments, and 255 in each segment (RFC 3533)."""
BEGINNING = 16
"""First bytes of a file that show its format."""


def length_and_rate(path: Path) -> tuple[int, int]:
    """Return the number of samples of each channel, and the samples per second. This decodes the whole file.

    Raises:
        SettingError: if the file has another format, is empty or incomplete, or holds samples that are infinite, no
            numbers or too large.
    """
    with _opened(path) as sound:
        length = 0
        for block_TC in _blocks(sound):
            length += len(block_TC)
            if not np.isfinite(block_TC).all():
                raise ValueError("it holds samples that are infinite or NaN")
            if np.abs(block_TC).max() > LOUDEST:
                raise ValueError(f"it holds samples above {LOUDEST:,}, though 1 is full scale")
        if length < sound.frames < UNKNOWN:
            raise ValueError(f"it ends before the {sound.frames:,} samples that its header reports")
        if not length:
            raise ValueError("it holds no samples")
        return length, int(sound.samplerate)


def read_sound(path: Path, most: int | None = None) -> Floats32:
    """Return at most `most` samples, (T,), as the mean over channels. Whole numbers are scaled to -1 to 1.

    Raises:
        SettingError: if the file has another format or is incomplete.
    """
    with _opened(path) as sound:
        blocks = [block_TC.mean(axis=1) for block_TC in _blocks(sound, most)]
    return np.concatenate(blocks) if blocks else np.empty(0, "float32")


def _blocks(sound: SoundFile, most: int | None = None) -> Iterator[Floats32]:
    left = most
    while left is None or left > 0:
        block_TC = sound.read(BLOCK if left is None else min(BLOCK, left), dtype="float32", always_2d=True)
        if not len(block_TC):
            return
        yield block_TC
        left = None if left is None else left - len(block_TC)


@contextmanager
def _opened(path: Path) -> Iterator[SoundFile]:
    """Yield an opened sound file, and turn errors about it into a SettingError."""
    from soundfile import LibsndfileError, SoundFile

    try:
        content = _mended(path)
        with SoundFile(str(path) if content is None else io.BytesIO(content)) as sound:
            if sound.format not in FORMATS:
                raise ValueError(f"its format is {sound.format}")
            sound.seekable = lambda: False  # soundfile would seek after each block, which MP3 cannot do exactly
            yield sound
    except (OSError, ValueError, RuntimeError) as error:
        why = error.error_string if isinstance(error, LibsndfileError) else str(error)
        why = "libsndfile does not know its format" if "not recognised" in why else why.rstrip(". ")
        raise SettingError(
            "dataset.path",
            f"holds {path}, which cannot be read as a recording: {why}. Expected a whole WAV, FLAC, OGG or MP3. "
            "Convert it again, for example with `ffmpeg -i OLD NEW.wav`, or remove it.",
        ) from error


def _mended(path: Path) -> bytes | None:
    """Return the content with its length added to its header, if libsndfile needs it there; else None.

    Raises:
        ValueError: if a WAV, OGG or MP3 file is incomplete in a way that libsndfile does not report.
    """
    with open(path, "rb") as file:
        beginning = file.read(BEGINNING)
    match beginning[:4]:
        case b"RIFF" | b"RF64":
            return mended_wav(path, "little")
        case b"RIFX":
            return mended_wav(path, "big")
        case b"OggS":
            _refuse_cut_ogg(path)
        case _ if is_mp3(beginning, path.suffix):
            return mended_mp3(path.read_bytes())
    return None


def _refuse_cut_ogg(path: Path) -> None:
    """Raise ValueError unless the file ends with a complete page that is marked as the last."""
    with open(path, "rb") as file:
        file.seek(max(0, path.stat().st_size - LARGEST_OGG_PAGE))
        tail = file.read()
    page = tail[tail.rfind(b"OggS") :]
    segments = page[27 : 27 + page[26]] if len(page) > 26 else b""
    if not page[:6].startswith(b"OggS") or len(page) != 27 + len(segments) + sum(segments) or not page[5] & 4:
        raise ValueError("it ends before the page that is marked as its last")
