"""Errors that zipfile and NumPy raise for a faulty .npz file: encrypted, broken, or with a size of terabytes."""

from __future__ import annotations

import tokenize
import zipfile
import zlib


def _lzma_error() -> type[Exception]:
    try:
        from lzma import LZMAError
    except ImportError:  # Python was built without lzma
        return zlib.error
    return LZMAError


FAULTS = (
    *(OSError, ValueError, EOFError, KeyError, RuntimeError, OverflowError, MemoryError),
    *(zipfile.BadZipFile, zlib.error, _lzma_error(), tokenize.TokenError),
)
"""All errors of a faulty file. NotImplementedError, raised for an unknown compression, is a RuntimeError."""


def fault(error: BaseException) -> str:
    """Return what is wrong with a file, in one line without a full stop.

    >>> fault(MemoryError()), fault(ValueError("Bad magic number."))
    ('it takes more memory than there is', 'Bad magic number')
    """
    if isinstance(error, MemoryError):
        return "it takes more memory than there is"
    lines = str(error).splitlines()
    return lines[0].rstrip(".") if lines and lines[0] else type(error).__name__
