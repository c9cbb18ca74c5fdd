"""Handles Ctrl-C. During training, the first one finishes the epoch. None is lost or reported as another error."""

from __future__ import annotations

import _thread
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sys import UnraisableHookArgs


@contextmanager
def finishing_the_epoch(tell: Callable[[str], None]) -> Iterator[Callable[[], bool]]:
    """Yield a function that returns True once the user has pressed Ctrl-C. A second Ctrl-C raises KeyboardInterrupt.

    `tell` is called in its own thread. A signal handler can interrupt the main thread while that prints, so a call of
    `tell` in the handler could fail.
    """
    asked, woken = threading.Event(), threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return

    def ask(number: int, frame: FrameType | None) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()
        woken.set()

    def tell_when_woken() -> None:
        woken.wait()
        if asked.is_set():
            tell("finishing the epoch; Ctrl-C once more stops at once")

    listener = threading.Thread(target=tell_when_woken, daemon=True)
    listener.start()
    before = signal.signal(signal.SIGINT, ask)
    try:
        yield asked.is_set
    finally:
        signal.signal(signal.SIGINT, before)
        woken.set()
        listener.join()


def was_interrupted(error: BaseException) -> bool:
    """Return True if a KeyboardInterrupt is among the causes of an error.

    Native code replaces a KeyboardInterrupt by an error of its own. While TensorFlow is imported, pybind11 raises
    "ImportError: initialization failed". pydantic raises PydanticSerializationError.

    >>> was_interrupted(ValueError()), was_interrupted(KeyboardInterrupt())
    (False, True)
    """
    seen: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is not None and one not in seen:
            seen.append(one)
            waiting += [one.__cause__, one.__context__]
    return any(isinstance(one, KeyboardInterrupt) for one in seen)


@contextmanager
def raising() -> Iterator[None]:
    """Make Ctrl-C raise KeyboardInterrupt, as is Python's default, if it would end the process."""
    before = signal.getsignal(signal.SIGINT)
    if before in (signal.SIG_IGN, signal.default_int_handler):
        yield
        return
    with _handler(signal.default_int_handler):
        yield


@contextmanager
def ending_at_once() -> Iterator[None]:
    """Make Ctrl-C end the process with exit code 130 and no message, because imports here allow no exception."""
    if (
        threading.current_thread() is not threading.main_thread()
        or signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    ):
        yield
        return
    with _handler(_end):
        yield


@contextmanager
def _handler(handler: Callable[[int, FrameType | None], Any]) -> Iterator[None]:
    before = signal.signal(signal.SIGINT, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _end(number: int, frame: FrameType | None) -> None:
    os._exit(130)


@contextmanager
def raised_again() -> Iterator[None]:
    """Raise KeyboardInterrupt again whenever Python drops one, as it does in finalizers and weak references.

    Measured: of 126 interrupts at random times while `keras_fit` trained, Python dropped 6. They were in finalizers of
    TensorFlow's functions and in weak references of Keras.
    """
    report = sys.unraisablehook

    def interrupt() -> None:
        if sys.unraisablehook is again:
            _thread.interrupt_main()

    def again(dropped: UnraisableHookArgs) -> None:
        if dropped.exc_type is KeyboardInterrupt:
            threading.Timer(0.01, interrupt).start()  # by then the finalizer has returned
        else:
            report(dropped)

    sys.unraisablehook = again
    try:
        yield
    finally:
        sys.unraisablehook = report
