"""The command line: `main` handles Ctrl-C before any slow import.

The exit codes are in `exit_code`; the commands are in `app`.
"""

from __future__ import annotations

import gc
import os
import signal
from types import FrameType

COLLECTED_AFTER = (100_000, 50, 100)
"""Thresholds of the garbage collector. Short commands end before a collection, which saves 10% of their time."""


def main() -> None:
    """Run the command line and exit."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # otherwise the shell has set it to be ignored
        signal.signal(signal.SIGINT, _end)
    gc.set_threshold(*COLLECTED_AFTER)
    from bnexp.cli.exit_code import leave, run_command

    code = run_command()
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # from here on, nothing can be lost
    leave(code)


def _end(number: int, frame: FrameType | None) -> None:
    """End the process without a message, because no work has begun."""
    os._exit(130)
