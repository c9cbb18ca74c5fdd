"""Shell commands in messages: a line of Python, quoted so that a shell changes nothing in it."""

from __future__ import annotations

import re
import shlex

READ_BY_SHELLS = re.compile(r'["$`!%]|\\\\')
"""Matches what some shell does not leave as it is within double quotes. A single backslash before a letter stays."""


def in_shell(code: str) -> str:
    r"""Return a shell command that runs a line of Python. The shell runs nothing inside it.

    >>> print(in_shell("print('a')"), in_shell("print('$a')"), in_shell(r"print('\\n')"))
    python -c "print('a')" python -c 'print('"'"'$a'"'"')' python -c 'print('"'"'\\n'"'"')'
    """
    return f"python -c {shlex.quote(code)}" if READ_BY_SHELLS.search(code) else f'python -c "{code}"'
