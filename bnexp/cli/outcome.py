"""How a command ends: its exit code, and what stderr says of it."""

from __future__ import annotations

import errno
import gc
import os
import sys

from bnexp.errors import DONE, INTERRUPTED, WORK_FAILED, UserError, cure_of_bytes
from bnexp.system.interrupts import raised_again, raising, was_interrupted
from bnexp.system.spelling import by_command
from bnexp.system.terminal import Stream, guarded_streams


def outcome() -> int:
    """Run the command that the arguments name; return its exit code.

    A user's mistake is one message, a bug shows its traceback. What Ctrl-C caused is no bug, though native code may
    have turned it into another error.
    """
    with guarded_streams() as out:
        code = _code()
        out.flush()
        return code or _code_of_answer(out)


def _code() -> int:
    try:
        from bnexp.cli.app import app

        with raising(), raised_again(), by_command():
            app()
    except KeyboardInterrupt:
        return INTERRUPTED
    except UserError as error:
        print(error, file=sys.stderr)
        encoding = sys.getfilesystemencoding()
        cure = cure_of_bytes(encoding)
        if cure not in str(error) and not all(map(_is_text, sys.argv[1:])):
            print(f"The locale's encoding, {encoding}, does not read all of the arguments. {cure}", file=sys.stderr)
        return INTERRUPTED if was_interrupted(error) else error.exit_code
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else DONE if leaving.code is None else WORK_FAILED
    except Exception as error:
        if was_interrupted(error):
            return INTERRUPTED
        import traceback

        traceback.print_exc()
        return WORK_FAILED
    return DONE


def _is_text(argument: str) -> bool:
    """Return True if the locale's encoding reads an argument; Python lets other bytes stand for themselves."""
    return not any("\udc80" <= letter <= "\udcff" for letter in argument)


def _code_of_answer(out: Stream) -> int:
    """Return 1 for an answer that stdout did not take; say so, unless its reader has gone, as `head` does."""
    if out.lost is None:
        return DONE
    if out.lost.errno != errno.EPIPE:
        print(f"stdout: cannot be written ({out.lost.strerror}). What was to be kept is kept.", file=sys.stderr)
    return WORK_FAILED


def leave(code: int) -> None:
    """Exit; after Ctrl-C at once, without waiting for threads that are in the middle of an epoch.

    At its end Python searches all that is left for cycles. All memory goes back in any case, so nothing has to be
    searched: `bnexp runs` would take 1.26 times as long, `bnexp plot` 1.30 times (medians of CPU time in turn).
    """
    if code == INTERRUPTED:
        os._exit(INTERRUPTED)
    gc.freeze()
    sys.exit(code)
