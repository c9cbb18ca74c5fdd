"""Standard streams whose errors do not stop the work, and text without characters that control a terminal.

If a reader is gone, the disk is full or a stream is closed, the printed text is lost, and nothing else.
"""

from __future__ import annotations

import errno
import io
import os
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import IO, Any, TextIO, cast

OBEYED = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
"""Unicode categories of characters that can control a terminal, reorder text or break a line."""


def plain(name: object) -> str:
    """Return a name in which `?` replaces each character that can control a terminal.

    >>> plain("a" + chr(27) + "[31m")
    'a?[31m'
    """
    text = str(name)
    if text.isascii() and text.isprintable():
        return text
    return "".join("?" if unicodedata.category(letter) in OBEYED else letter for letter in text)


def cleaned(message: str) -> str:
    r"""Return a message in which `?` replaces characters that can control a terminal, except line breaks and tabs.

    >>> cleaned("one\n\ttwo\x1b[2J")
    'one\n\ttwo?[2J'
    """
    return "\n".join("\t".join(map(plain, line.split("\t"))) for line in message.split("\n"))


class Stream:
    """A text stream whose `write` and `flush` never raise; `lost` keeps the first error, if there was one."""

    def __init__(self, stream: IO[str] | None, *, clean: bool = False) -> None:
        self.lost = None if stream else OSError(errno.EBADF, os.strerror(errno.EBADF))
        self._stream: IO[str] = stream or io.StringIO()
        self._clean = clean
        if isinstance(self._stream, io.TextIOWrapper):
            self._stream.reconfigure(errors="replace")

    def write(self, text: str) -> int:
        """Write a text; if the stream fails, drop the text."""
        if self.lost is None:
            self._guarded("write", cleaned(text) if self._clean else text)
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Write several texts, each as `write` does."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Flush the stream; if it fails, drop the text."""
        if self.lost is None:
            self._guarded("flush")

    def isatty(self) -> bool:
        """Return True if the stream is a terminal that has not failed."""
        return self.lost is None and self._stream.isatty()

    @property
    def encoding(self) -> str:
        """Return the encoding of the stream."""
        return getattr(self._stream, "encoding", None) or "utf-8"

    def _guarded(self, method: str, *arguments: str) -> None:
        try:
            getattr(self._stream, method)(*arguments)
        except (OSError, ValueError) as error:  # ValueError: the stream is closed
            self.lost = error if isinstance(error, OSError) else OSError(errno.EBADF, str(error))
            self._silence()

    def _silence(self) -> None:
        """Discard text that is still buffered, so that it raises no error when the process ends."""
        with suppress(OSError, ValueError):
            _lead_nowhere(self._stream.fileno())

    def __getattr__(self, name: str) -> Any:
        """Return any other attribute of the original stream."""
        return getattr(self.__dict__["_stream"], name)


@contextmanager
def guarded_streams() -> Iterator[Stream]:
    """Replace stdout and stderr by streams that never raise, and yield the new stdout; stderr is cleaned.

    A closed standard stream is replaced by the null device, so that no file opened later gets its descriptor.
    Only the new stdout writes to the old one (`_answers_alone`).
    """
    before = sys.stdout, sys.stderr
    closed = [descriptor for descriptor in (0, 1, 2) if _is_closed(descriptor)]
    for descriptor in closed:
        _lead_nowhere(descriptor)
    with ExitStack() as stack:
        answers = None if 1 in closed else stack.enter_context(_answers_alone(sys.stdout))
        out, err = Stream(answers), Stream(None if 2 in closed else sys.stderr, clean=True)
        sys.stdout, sys.stderr = cast("TextIO", out), cast("TextIO", err)
        try:
            yield out
        finally:
            out.flush()
            err.flush()
            sys.stdout, sys.stderr = before


@contextmanager
def _answers_alone(stdout: TextIO) -> Iterator[TextIO]:
    """Yield a stream that writes to the process's stdout. In this block, descriptor 1 leads to stderr.

    So what child processes and native code write to descriptor 1 cannot mix with the answer, which may be one JSON
    document. A terminal, and a stream that is not the process's own, as in a notebook, stay as they are.
    """
    if not isinstance(stdout, io.TextIOWrapper) or not is_descriptor(stdout, 1) or stdout.isatty():
        yield stdout
        return
    with suppress(OSError):  # the reader is gone; the next write says so
        stdout.flush()
    copy = os.dup(1)
    os.dup2(2, 1)
    answers = open(copy, "w", encoding=stdout.encoding, closefd=False)  # noqa: SIM115  # closed below
    answers.reconfigure(write_through=stdout.write_through, line_buffering=stdout.line_buffering)
    try:
        yield answers
    finally:
        with suppress(OSError):  # its last text is lost, as `Stream` has noticed
            answers.close()
        os.dup2(copy, 1)
        os.close(copy)


def is_descriptor(stream: TextIO | None, descriptor: int) -> bool:
    """Return True if a stream is the process's own; False if it is closed, or replaced as in a notebook."""
    try:
        return stream is not None and stream.fileno() == descriptor
    except (OSError, ValueError):
        return False


def _is_closed(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return True
    return False


def _lead_nowhere(descriptor: int) -> None:
    """Open the null device under this descriptor, for this process and for the processes that it starts."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    if nowhere == descriptor:
        os.set_inheritable(nowhere, True)
    else:
        os.dup2(nowhere, descriptor)
        os.close(nowhere)
