"""The work of `init`, `keys`, `data list` and `data fetch`: call the API, print, and return the exit code."""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Sequence
from dataclasses import asdict

from rich.text import Text

from bnexp.api import data_sets, first_configs
from bnexp.api.progress import Progress
from bnexp.cli.output import print_answer, print_json, working
from bnexp.cli.terminal import Fetching
from bnexp.config.keys import keys
from bnexp.errors import DONE, UserError
from bnexp.report import console
from bnexp.report.about_data import data_lines
from bnexp.report.plan_table import duration
from bnexp.report.styles import warning
from bnexp.system.terminal import plain


def init(data: str, target: str | None, model: str | None) -> int:
    """Write two configs for a file or folder, and print what was found and what to run next."""
    with working(list, as_json=False):
        found = first_configs.init(data, target, model, observer=Progress(quiet=False))
    warnings = (*found.suggested.notes, *found.checked.warnings)
    chosen = (Text(plain(line)) for line in found.suggested.learned)
    about = data_lines(found.checked.facts.data, measured=found.checked.experiment.training.metrics)
    for line in (*chosen, *about, *map(warning, warnings)):
        print_answer(line)
    before = f", which `bnexp init` wrote before with {found.before}" if found.before else ""
    names = f"{found.paths[0]} and {found.paths[1]}{before}"
    print(f"{'replaced' if before else 'written'}: {plain(names)}")
    print("Comments in the first give the reason for each choice. Next:")
    print(f"  {plain(f'bnexp check {shlex.quote(str(found.paths[0]))}')}  # the columns, the network, memory and time")
    time = f"{duration(found.seconds)}, up to three times as long on 2 slow cores"
    notes = [found.metric_reason, time]
    print(f"  {plain(found.command)}  # {'; '.join(filter(None, notes))}")
    return DONE


def list_keys(pattern: str) -> int:
    """Print each key with `pattern` in its name, or if there is none, in its description.

    Raises:
        UserError: if there is no such key.
    """
    found = keys(pattern)
    if not found:
        raise UserError(f"PATTERN is {pattern!r}; no key contains it. Without PATTERN, all keys are listed.")
    for key in found:
        print(plain(f"{key.name}: {key.default}" + (f"  # {key.of}" if key.of else "")))
        if key.what:
            print(textwrap.fill(plain(key.what), 100, initial_indent="    ", subsequent_indent="    "))
    return DONE


def list_data(*, as_json: bool) -> int:
    """Print all known data sets, and whether they are on this computer."""
    rows = [asdict(one) for one in data_sets.list_data()]
    if as_json:
        print_json(rows)
    else:
        print_answer(console.data_list(rows))
    return DONE


def fetch_data(names: Sequence[str]) -> int:
    """Download the named data sets, one after the other; print a line for each."""
    data_sets.fetch_data(names, observer=Fetching(quiet=False))
    return DONE
