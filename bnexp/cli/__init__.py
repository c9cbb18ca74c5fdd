"""The command line: `main` takes charge of Ctrl-C before anything that takes time is imported.

How a command ends is `outcome`'s business; the commands are in `app`.
"""

from __future__ import annotations

import gc
import os
import signal
from types import FrameType

COLLECTED_AFTER = (100_000, 50, 100)
"""Thresholds of the garbage collector: a short command ends before it is due, a tenth of its time (measured)."""


def main() -> None:
    """Run the command line and exit."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else the shell has it ignored
        signal.signal(signal.SIGINT, _end)
    gc.set_threshold(*COLLECTED_AFTER)
    from bnexp.cli.outcome import leave, outcome

    code = outcome()
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # nothing is left that could be lost
    leave(code)


def _end(number: int, frame: FrameType | None) -> None:
    """End the process without a word: nothing is begun that could be kept."""
    os._exit(130)
