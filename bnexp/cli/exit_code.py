"""The end of a command: its exit code, and the message on stderr."""

from __future__ import annotations

import errno
import gc
import os
import sys

from bnexp.errors import DONE, INTERRUPTED, WORK_FAILED, UserError, cure_of_bytes
from bnexp.system.interrupts import raised_again, raising, was_interrupted
from bnexp.system.spelling import by_command
from bnexp.system.terminal import Stream, guarded_streams


def run_command() -> int:
    """Run the command that the arguments name; return its exit code.

    A user's mistake prints one message. A bug prints its traceback. An error that Ctrl-C caused is not a bug, although
    native code may have turned it into another error.
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
            print(f"The locale's encoding, {encoding}, cannot decode all of the arguments. {cure}", file=sys.stderr)
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
    """Return True if the locale's encoding could decode an argument. Python marks other bytes with surrogates."""
    return not any("\udc80" <= letter <= "\udcff" for letter in argument)


def _code_of_answer(out: Stream) -> int:
    """Return 1 if writing to stdout failed, else 0. Print the reason, unless a reader such as `head` has ended."""
    if out.lost is None:
        return DONE
    if out.lost.errno != errno.EPIPE:
        print(f"stdout: cannot be written ({out.lost.strerror}). Stored files are not affected.", file=sys.stderr)
    return WORK_FAILED


def leave(code: int) -> None:
    """Exit. After Ctrl-C, exit at once, without waiting for threads that are in the middle of an epoch.

    When Python ends, it searches all objects for cycles. `gc.freeze` prevents that, as the system frees all memory
    anyway. With the search, `bnexp runs` took 1.26 times as long and `bnexp plot` 1.30 times (medians of CPU time).
    """
    if code == INTERRUPTED:
        os._exit(INTERRUPTED)
    gc.freeze()
    sys.exit(code)
