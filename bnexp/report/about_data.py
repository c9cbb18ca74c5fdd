"""Lines for the terminal that describe the data: rows, split, classes, what is left out, and warnings."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from rich.text import Text

from bnexp.errors import counted, listed
from bnexp.metrics import HELD_OUT_PARTS, fair_metric, number, part_of, quantity, traits, with_unit
from bnexp.report.styles import warning
from bnexp.store import DataFacts
from bnexp.system.spelling import command, spelt
from bnexp.system.terminal import plain

UNFAIR = ("accuracy", "loss")
"""Metrics in which a rare class has little weight."""
FEW_OF_CLASS = 50
"""Held-out rows of the rarest class. If there are fewer and a metric depends on them, a line says so."""
LARGEST_WRITTEN_OUT = 1e15
"""A larger target is written with an exponent."""
MOST_NAMED, LONGEST_NAME = 10, 40
"""The most classes or files that a line lists by name, and the most characters of each name."""


def data_lines(
    facts: DataFacts, asked: str | None = None, *, measured: Collection[str] = (), has_hypothesis: bool = False
) -> Iterator[Text]:
    """Yield the lines that describe the data: rows, split, majority-class baseline, classes, and warnings.

    `asked` is the metric that decides the verdict, of a comparison or of a hypothesis; None if there is no verdict.
    `measured` are quantities that each epoch measures beside loss and accuracy. If one of them is fair to all classes,
    no other is advised.
    """
    if facts.split is None:
        return
    line = f"{plain(facts.name)}: {part_sizes(facts)} ({plain(facts.split)})"
    line += "".join(f"; {text}" for text in (left_out(facts), filled(facts)) if text)
    if facts.commonest_class_share is not None:
        share = number("accuracy", facts.commonest_class_share)
        part = "test" if facts.test_rows else "validation"
        line += f"; majority-class baseline (always the training rows' commonest class): {share}% on the {part} rows"
        line += _of_guessing(facts, asked)
    yield Text(line)
    if facts.codes is not None:
        yield Text(plain(facts.codes))
    if facts.target_range is not None:
        low, high = map(_exact, facts.target_range)
        yield Text(f"regression{'' if facts.target is None else f' on {plain(facts.target)}'}, from {low} to {high}")
    if classes := class_list(facts):
        yield Text(classes)
    if few := few_of_rarest(facts, asked):
        yield Text(few)
    if told := imbalance(facts, asked, measured=measured, has_hypothesis=has_hypothesis):
        yield warning(told)
    if alike := facts.id_like_columns:
        named = plain(", ".join(alike))
        cure = "If it is an id, leave it out with dataset.drop."
        yield warning(f"{named}: a different whole number in every row, as ids and some quantities have. {cure}")
    yield from map(warning, facts.warnings or ())


def imbalance(
    facts: DataFacts, asked: str | None = None, *, measured: Collection[str] = (), has_hypothesis: bool = False
) -> str:
    """Return a warning if most rows are of one class and the metric is not fair to all classes; else "".

    `asked`, `measured` and `has_hypothesis` are as in `data_lines`.
    """
    metric = fair_metric_of(facts, asked)
    if metric is None or (quantity(metric) in measured if asked is None else quantity(asked) not in UNFAIR):
        return ""
    counts = facts.rows_per_class or []
    count, common = max(zip(counts, facts.classes or (), strict=True))
    return (
        f"{count / sum(counts):.0%} of the rows are of class {_name(common)}, so accuracy says little. "
        f"{_fair_instead(metric, is_comparison=asked is not None, has_hypothesis=has_hypothesis)}"
    )


def _fair_instead(metric: str, *, is_comparison: bool, has_hypothesis: bool) -> str:
    """Return how to use a metric that is fair to all classes: an option of a comparison, or a key of a hypothesis."""
    option = f"metric: {metric} in the hypothesis" if has_hypothesis else spelt("metric", metric)
    if is_comparison:
        return f"Use a metric that is fair to all classes: {option}."
    fair = f"training.metrics: [{quantity(metric)}] adds a metric that is fair to all classes"
    return f"{fair}; {command('compare')} judges by it with {option}."


def _of_guessing(facts: DataFacts, asked: str | None) -> str:
    """Write the value of guessing in the metric that decides, or in the one that is advised; "" for other metrics.

    >>> _of_guessing(DataFacts(rows_per_class=[360, 40]), None), _of_guessing(DataFacts(rows_per_class=[9, 9]), None)
    ('; guessing: val_auc 0.5', '')
    >>> _of_guessing(DataFacts(rows_per_class=[5, 5, 6, 4]), "test_balanced_accuracy")
    '; guessing: test_balanced_accuracy (%) 25.00'
    """
    metric = fair_metric_of(facts) if asked is None else asked
    classes = len(facts.rows_per_class or ())
    values = {"auc": 0.5, "balanced_accuracy": 1 / max(1, classes)}
    if metric is None or not classes or quantity(metric) not in values:
        return ""
    return f"; guessing: {with_unit(metric)} {number(metric, values[quantity(metric)])}"


def fair_metric_of(facts: DataFacts, asked: str | None = None) -> str | None:
    """Return the metric that is fair to all classes, on the part of `asked`; None if accuracy is fair enough.

    If `asked` is None, or measured on the training part, it is the held-out part that is judged by default.
    """
    part = "" if asked is None else part_of(asked)
    if part not in HELD_OUT_PARTS or not facts.test_rows:
        part = "test" if facts.test_rows else "val"
    return fair_metric(facts.rows_per_class, part) if facts.rows_per_class else None


def few_of_rarest(facts: DataFacts, asked: str | None = None) -> str:
    """Write how many held-out rows are of the rarest class, if they are few and the metric depends on them; else "".

    The metric is `asked`. If `asked` is None or an accuracy, it is the metric that is advised instead.

    >>> facts = DataFacts(rows_per_class=[360, 40], validation_rows=80, rarest_held_out={"val": 8})
    >>> few_of_rarest(facts, "val_f1")
    'only 8 of the 80 validation rows are of the rarest class; f1 depends mostly on them'
    >>> few_of_rarest(facts)
    'only 8 of the 80 validation rows are of the rarest class; auc would depend mostly on them'
    >>> few_of_rarest(facts, "val_loss"), few_of_rarest(DataFacts(rows_per_class=[40, 40], rarest_held_out={"val": 8}))
    ('', '')
    """
    is_advised = asked is None or quantity(asked) == "accuracy"
    metric = fair_metric_of(facts, asked) if is_advised else asked
    if metric is None or traits(metric).counts != "classes":
        return ""
    count, part = facts.rarest_held_out.get(part_of(metric)), part_of(metric)
    if count is None or count >= FEW_OF_CLASS:
        return ""
    rows, named = (facts.test_rows, "test") if part == "test" else (facts.validation_rows, "validation")
    are = "is" if count == 1 else "are"
    of = f"only {count} of the {rows or 0:,} {named} rows {are} of the rarest class"
    depends = "would depend" if is_advised else "depends"
    return f"{of}; {quantity(metric)} {depends} mostly on {'it' if count == 1 else 'them'}"


def part_sizes(facts: DataFacts) -> str:
    """Write the number of rows in each part.

    >>> part_sizes(DataFacts(training_rows=80, validation_rows=20))
    '80 training rows, 20 for validation'
    """
    test = f", {facts.test_rows:,} for the test" if facts.test_rows else ""
    return f"{counted(facts.training_rows or 0, 'training row')}, {facts.validation_rows or 0:,} for validation{test}"


def filled(facts: DataFacts) -> str:
    """Write how many missing values are filled, and in how many columns; "" if there are none.

    >>> filled(DataFacts(cells_filled=12, columns_filled=2)), filled(DataFacts())
    ('12 missing values in 2 columns filled (dataset.missing)', '')
    """
    if not facts.cells_filled:
        return ""
    cells, columns = counted(facts.cells_filled, "missing value"), counted(facts.columns_filled or 0, "column")
    return f"{cells} in {columns} filled (dataset.missing)"


def left_out(facts: DataFacts) -> str:
    """Write how many rows are left out, and which files, runs or arrays are not read; "" if there are none."""
    parts = []
    if dropped := (facts.duplicates_dropped or 0) - (facts.duplicates_of_parts or 0):
        parts.append(f"{counted(dropped, 'repeated row')} dropped")
    rows, found = facts.rows, facts.rows_before_limit
    if rows is not None and found is not None and found > rows:
        parts.append(f"limited to {rows} of {found} rows")
    if files := facts.files_left_out:
        kinds = [f"{count} {_name(kind)}" for kind, count in files.items()]
        parts.append(f"other files left out: {listed(kinds, MOST_NAMED)}")
    if runs := facts.runs_left_out:
        parts.append(f"bnexp's own runs left out: {listed(map(_name, runs), MOST_NAMED)}")
    if arrays := facts.arrays_left_out:
        parts.append(f"other arrays left out: {listed(map(_name, arrays), MOST_NAMED)}")
    return "; ".join(parts)


def class_list(facts: DataFacts) -> str:
    """Write the names of the classes, each with its number of rows; "" for a regression.

    >>> class_list(DataFacts(classes=["cat", "dog "], rows_per_class=[1200, 34]))
    "2 classes: cat (1,200 rows), 'dog ' (34)"
    >>> class_list(DataFacts(classes=["0", "2"], rows_per_class=[5, 4], one_hot_classes=3))
    '2 classes, the places of the 1 in each row of y, from 0 to 2: 0 (5 rows), 2 (4)'
    """
    names, counts = facts.classes, facts.rows_per_class
    if not names or not counts:
        return ""
    each = (
        f"{_name(name)} ({count:,}{'' if number else ' row' if count == 1 else ' rows'})"
        for number, (name, count) in enumerate(zip(names, counts, strict=False))
    )
    places = facts.one_hot_classes
    read_as = f", the places of the 1 in each row of y, from 0 to {places - 1}" if places else ""
    line = f"{counted(len(names), 'class')}{read_as}: {listed(each, MOST_NAMED)}"
    rest = counts[MOST_NAMED:]
    if not rest:
        return line
    sizes = f"{min(rest):,}" if min(rest) == max(rest) else f"{min(rest):,} to {max(rest):,}"
    return f"{line} ({sizes} {'row' if max(rest) == 1 else 'rows'}{' each' if len(rest) > 1 else ''})"


def _exact(value: float) -> str:
    """Write a float32 with all its digits, and without an exponent if it is no longer than 15 digits.

    >>> [_exact(one) for one in (2025.0, 3e6, 18823.0, 0.10000000149, -1.5, 2e20, 1e-7)]
    ['2025', '3000000', '18823', '0.1', '-1.5', '2e+20', '1e-07']
    """
    short = f"{value:.7g}"
    return f"{value:.0f}" if "e+" in short and abs(value) < LARGEST_WRITTEN_OUT else short


def _name(name: object) -> str:
    """Write a name, cut to LONGEST_NAME. It gets quotes if it is empty, contains a comma, or has a blank at an end.

    >>> _name("cat"), _name("cat "), _name("a, b"), _name("x" * 50)
    ('cat', "'cat '", "'a, b'", 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…')
    """
    text = str(name)
    text = text if len(text) <= LONGEST_NAME else f"{text[: LONGEST_NAME - 1]}…"
    return plain(text if text.strip() == text and text and "," not in text else repr(text))
