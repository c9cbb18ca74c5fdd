"""Which stored run a name means if a run is read or drawn: the newest one that fits, with notes on newer ones."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

from bnexp import config, store
from bnexp.config import Experiment
from bnexp.errors import UserError
from bnexp.experiment import lookup, stale
from bnexp.experiment.config_names import config_file
from bnexp.system.listeners import Note, Warn
from bnexp.system.spelling import command


def run_to_read(runs: Path, name: str, *, warn: Warn, info: Note) -> store.Run | None:
    """Find the run that a name means; None if nothing has this name.

    The name of a config means its newest finished run with all its seeds, as in a comparison, or else its run with the
    most seeds. If no run fits the config, the name means the experiment's newest finished run. `warn` is then called
    with the difference from the config. `info` is called for newer runs that do not fit.

    Raises:
        RunError: if the name means several runs, or an experiment whose finished runs are all damaged.
    """
    path = config_file(name)
    if path is None or not os.path.isfile(path):
        return lookup.named(runs, name, warn)
    try:
        experiment = config.load(path)
    except UserError:
        seen = f"{path} cannot be read, so {name} means the newest finished run of that name"
        warn(f"{seen}. `{command('train', name)}` tells why.")
        return lookup.named(runs, name, warn)
    newest = lookup.newest(runs, experiment.name)
    if newest is None:
        return lookup.named(runs, name, warn)
    fitting = _fitting(runs, experiment)
    if fitting is None:
        why = stale.reason(runs, experiment, ())
        warn(f"No finished run of {experiment.name} fits {path}; {why}. {newest.id} is used, the newest one.")
        return newest
    for text in lookup.damage(runs, experiment.name):
        warn(f"{text}; {fitting.id} is used.")
    if fitting != newest:
        info(f"{fitting.id} is used, the newest finished run that fits {path}; {newest.id} is newer and does not fit")
    return fitting


def _fitting(runs: Path, experiment: Experiment) -> store.Run | None:
    """Find the newest finished run of a config, else one without its rows, else the one with the most seeds."""
    if (answering := lookup.answering(runs, experiment)) is not None:
        return answering[0]
    several = itertools.chain(lookup.whole(runs, experiment), lookup.with_fewer_seeds(runs, experiment))
    return next((run for run, _ in several), None)
