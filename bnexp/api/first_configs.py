"""`bnexp init`: two configs for a file or folder of your own, with a reason beside each choice."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

from bnexp.api.data_at_hand import dataset_of
from bnexp.api.experiments import CheckedExperiment, check
from bnexp.api.first_files import for_init, name_and_paths, others, refuse_others, seal, write
from bnexp.api.first_training import MOST_EPOCHS, ROWS_LEARNED, SEEDS, afforded, first_training
from bnexp.api.observer import Observer
from bnexp.api.own_networks import section_of
from bnexp.config.at_hand import ConfigAtHand, node_of
from bnexp.config.yaml_text import in_one_line
from bnexp.data.suggested.choice import Choice, Suggested
from bnexp.data.suggested.positive import positive_choice
from bnexp.data.suggested.target import OTHERS
from bnexp.errors import ConfigError, Problems, SettingError, UserError
from bnexp.metrics import quantity
from bnexp.report.about_data import fair_metric_of
from bnexp.report.plan_table import duration
from bnexp.system.process_state import process_state_kept
from bnexp.system.user_path import user_path

KEPT = 0.8
"""Assumed share of training rows, if the data could not be split yet."""
LOOKING = {"epochs": 1, "batch_size": 2, "drop_last": True, "seeds": 1}
"""A training that is valid for any data. The data are read with it before the real training is chosen."""
MODELS: Mapping[str, dict[str, Any]] = {
    "table": {"name": "mlp", "hidden": [64, 64]},
    "image": {"name": "cnn", "filters": [16, 32]},
    "sequence": {"name": "conv1d", "filters": [32, 64]},
    "text": {"name": "conv1d", "filters": [16, 32], "embedding": 16},
}
"""Kind of rows -> a small network for them."""
BATCH = {"name": "batch", "momentum": 0.9}
OWN = ("python", "keras_file")
"""Names in `model.name` for a network of the user's own."""


@dataclass(frozen=True)
class FirstConfigs:
    """Two configs that were written, and the command that compares them."""

    paths: tuple[Path, Path]
    suggested: Suggested
    checked: CheckedExperiment
    command: str
    metric_reason: str | None
    """Why the command names a metric."""
    seconds: float
    """A rough estimate of the time that the command takes on two slow cores."""
    before: str = ""
    """What the first config held before, such as `dataset.target: y`; "" if nothing was replaced."""


@process_state_kept()
def init(data: str, target: str | None, model: str | None, *, observer: Observer | None = None) -> FirstConfigs:
    """Look at a file or folder, and write two configs for it into the current directory; return both.

    The first uses batch normalization, the second none. `model` is a network of your own, such as `my_net.py:build`.

    Raises:
        UserError: with all that is wrong with the data; or if a file that `init` did not write has one of the names.
    """
    observer = observer or Observer()
    try:
        suggested = suggested_for(data, target, keeps_size=model is not None)
    except SettingError:
        if target is not None:
            _refuse_with_further_mistakes(data, target, model, observer)
        raise
    name, paths = name_and_paths(data, suggested.section)
    try:
        fitted = _fitted(name, suggested, model, observer)
    except ConfigError as error:
        _refuse_data(error, data, paths, suggested, model, observer)
    metric, why = _metric(fitted.checked)
    command = _command(paths, metric)
    rows = fitted.checked.facts.data.training_rows
    lines = _lines(fitted.suggested, fitted.network, fitted.training, rows=rows, seconds=fitted.seconds)
    texts = _texts(data, paths, command, [*lines])
    refuse_others(data, texts)
    before = write(texts)
    return FirstConfigs(paths, fitted.suggested, fitted.checked, command, why, fitted.seconds, before)


def _refuse_with_further_mistakes(data: str, target: str, model: str | None, observer: Observer) -> None:
    """Raise ConfigError with an unknown target and what else is wrong, if the data can be read with another target.

    The column that would be guessed as the target is left out, because it may be the right one.
    """
    with suppress(SettingError):
        guess = suggested_for(data, None, keeps_size=model is not None)
        section = guess.section
        out = Choice("drop", [*section.get("drop", []), section["target"]], "")
        kept = [one for one in guess.choices if one.key not in ("target", "drop", "task")]
        choices = [*kept, Choice("target", target, ""), out]
        _fitted("config", replace(guess, choices=choices), model, observer)


def _refuse_data(
    error: ConfigError, data: str, paths: tuple[Path, Path], suggested: Suggested, model: str | None, observer: Observer
) -> NoReturn:
    """Raise UserError for faulty data, but write the configs, so that the user can correct them.

    Raises:
        UserError: with all mistakes, each with its line in the first config. Nothing is written if a mistake is outside
            `dataset`, if another file has the name of a config, or if a config is there that passes its check.
    """
    command = _command(paths, None)
    training = first_training(round((suggested.rows or ROWS_LEARNED // MOST_EPOCHS) * KEPT)) | {"drop_last": True}
    texts = _texts(data, paths, command, [*_lines(suggested, _network(suggested, model), training, rows=None)])
    if not all(": dataset" in line for line in error.problems):
        raise error
    if others(data, texts):
        raise UserError("\n".join([*suggested.learned, *error.problems])) from error
    if _is_valid(paths[0]):
        kept = f"{paths[0]} is valid and stays as it is. Delete it to have it written anew."
        raise UserError("\n".join([*suggested.learned, *error.problems, f"Nothing is written: {kept}"])) from error
    before = write(texts)
    located = Problems()
    with located.noted():
        check([str(paths[0])], observer=observer)
    replace = f" They replace what `bnexp init` wrote before with {before}." if before else ""
    written = f"{paths[0]} and {paths[1]} are written with what is known so far.{replace}"
    is_guess = any(OTHERS in line for line in suggested.learned)
    other = f", or choose another target (bnexp init {shlex.quote(data)} --target COLUMN)" if is_guess else ""
    cure = f"Fix the data, or the first config{other}. Then: {command}"
    told = [*suggested.learned, *(located.messages or error.problems), *suggested.notes, f"{written} {cure}"]
    raise UserError("\n".join(told)) from error


def _is_valid(config: Path) -> bool:
    """Return True if a config is there and its check finds no mistake."""
    if not os.path.isfile(config):
        return False
    try:
        check([str(config)], observer=Observer())
    except UserError:
        return False
    return True


def _command(paths: tuple[Path, Path], metric: str | None) -> str:
    names = " ".join(shlex.quote(str(path)) for path in paths)
    return f"bnexp compare {names}" + (f" --metric {metric}" if metric else "")


def _texts(data: str, paths: tuple[Path, Path], command: str, lines: Sequence[str]) -> dict[Path, str]:
    """Return the texts of the two configs. The second depends only on the name of the first."""
    whole = [f"# Written by `bnexp init`. Change what is wrong. Then: {command}", *lines]
    whole.append(seal(data, whole))
    without = [
        "# The same without normalization.",
        f"extends: {in_one_line(paths[0].name)}",
        "model: {normalization: none}",
    ]
    return {path: "\n".join([*text, ""]) for path, text in zip(paths, (whole, without), strict=True)}


@dataclass(frozen=True)
class _Fitted:
    """The checked sections of the first config, and about how many seconds its comparison takes."""

    checked: CheckedExperiment
    suggested: Suggested
    network: dict[str, Any]
    training: dict[str, Any]
    seconds: float


def _fitted(name: str, suggested: Suggested, model: str | None, observer: Observer) -> _Fitted:
    """Read the data, fit the first config to them, and check it; return its sections.

    Only reading the data shows which class is the rarer one, and which kind of rows an NPZ file holds.
    """
    network, data = _network(suggested, model), suggested.section.get("path", suggested.section["name"])

    def at_hand(training: Mapping[str, Any]) -> ConfigAtHand:
        config = {"name": name, "dataset": suggested.section, "model": network, "training": training}
        places = {"dataset": data} | ({} if model is None else {"model": model})
        return ConfigAtHand(name, node_of(config, "config", places))

    (looked,) = check([at_hand(LOOKING)], observer=observer)
    facts = looked.facts.data
    if model is None:
        network = {**MODELS[facts.kind or "table"], "normalization": BATCH}
    rarer = positive_choice(facts.classes or (), facts.rows_per_class or ())
    suggested = replace(suggested, choices=[*suggested.choices, *rarer])
    rows = facts.training_rows or 1
    training = first_training(rows)
    if (metric := fair_metric_of(facts)) is not None:
        training["metrics"] = [quantity(metric)]
    (checked,) = check([at_hand(training)], observer=observer)
    takes = afforded(checked.experiment, rows, checked.facts.steps)
    if takes.epochs < training["epochs"]:
        training |= {"epochs": takes.epochs, "seeds": takes.seeds}
        (checked,) = check([at_hand(training)], observer=observer)
    return _Fitted(checked, suggested, network, training, takes.seconds)


def suggested_for(data: str, target: str | None, *, keeps_size: bool = False) -> Suggested:
    """Return a suggested section `dataset` for a file, a folder, or a known set.

    With `keeps_size`, images that all have one size keep it. A network of the user's own may need that size.

    Raises:
        UserError: if `data` is none of these, or cannot be read.
    """
    from bnexp.data.sources.csv_tables import CSV_ENDINGS
    from bnexp.data.sources.parquet_tables import PARQUET_ENDINGS
    from bnexp.data.suggested.arrays import array_choices
    from bnexp.data.suggested.folder import folder_choices
    from bnexp.data.suggested.table import csv_choices, parquet_choices

    path = user_path(data)
    if os.path.isfile(path) and path.suffix.lower() in CSV_ENDINGS:
        return csv_choices(path, data, target)
    if os.path.isfile(path) and path.suffix.lower() in PARQUET_ENDINGS:
        return parquet_choices(path, data, target)
    section, _ = dataset_of(data, target, called="PATH")
    if os.path.isdir(path):
        try:
            return folder_choices(section, keeps_size=keeps_size)
        except SettingError as error:
            raise UserError(f"{for_init(str(error))}\nNothing is written.") from error
    if section["name"] == "npz":
        return array_choices(path, section)
    return Suggested([Choice(key, value, "a known set" if key == "name" else "") for key, value in section.items()])


def _network(suggested: Suggested, model: str | None) -> dict[str, Any]:
    if model is not None:
        return {**section_of(model), "normalization": "batch"}
    kinds = {"csv": "table", "parquet": "table", "image_folder": "image", "text_csv": "text", "wav_folder": "sequence"}
    return {**MODELS[kinds.get(suggested.section["name"], "table")], "normalization": BATCH}


def _metric(checked: CheckedExperiment) -> tuple[str | None, str | None]:
    """Return a metric that suits classes of unequal size, and the reason; None for both if accuracy is fair."""
    facts = checked.facts.data
    metric = fair_metric_of(facts)
    if metric is None or not facts.rows_per_class:
        return None, None
    share = max(facts.rows_per_class) / sum(facts.rows_per_class)
    return metric, f"{share:.0%} of the rows are of one class, so accuracy says little"


def _lines(
    suggested: Suggested, network: dict[str, Any], training: dict[str, Any], *, rows: int | None, seconds: float = 0.0
) -> Iterator[str]:
    """Yield the lines of the first config, each choice with its reason as a comment.

    `rows` counts training rows; None if the data could not be split. `seconds` is the estimated time of both arms.
    """
    yield "dataset:"
    yield from (f"  # {' '.join(note.split())}" for note in suggested.notes)
    for key, value, why in suggested.choices:
        if isinstance(value, list) and not isinstance(why, str):
            yield f"  {key}:"
            yield from (f"    - {in_one_line(one)}{_comment(reason)}" for one, reason in zip(value, why, strict=True))
        else:
            yield f"  {key}: {in_one_line(value)}{_comment(str(why))}"
    steps = f"of {rows:,} rows each" if rows else "each over all rows"
    is_own = network["name"] in OWN
    is_cut = rows is not None and training["epochs"] < first_training(rows)["epochs"]
    short = f" that takes {duration(seconds)} by a rough estimate" if is_cut else ""
    fewer = f"; {SEEDS} would take longer" if training["seeds"] < SEEDS else ""
    slow = "Keras's momentum of 0.99 takes hundreds of steps to settle"
    reasons = {
        "name": "your own, as --model names it" if is_own else "a small network for rows of this kind",
        "normalization": f"what is compared; {'where the network sets none, ' if is_own else ''}{slow}",
        "epochs": f"{steps}, for a first look{short}; more for harder data",
        "batch_size": "so that the batches are equal, or nearly so",
        "drop_last": "so that no batch holds a single row, also after the data are fixed",
        "seeds": f"trainings of each arm, from different random weights{fewer}",
        "metrics": "measured at each epoch; most rows are of one class, so accuracy says little",
    }
    for title, section in (("model", network), ("training", training)):
        yield f"{title}:"
        yield from (f"  {key}: {in_one_line(value)}{_comment(reasons.get(key, ''))}" for key, value in section.items())


def _comment(reason: str) -> str:
    return f"  # {' '.join(reason.split())}" if reason else ""
