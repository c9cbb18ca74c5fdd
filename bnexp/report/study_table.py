"""What a person reads of a study: its plan, a row for each trial, each hypothesis with its verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from bnexp.config.study import Hypothesis
from bnexp.metrics import number, quantity, with_unit
from bnexp.report.about_data import data_lines
from bnexp.report.console import with_spread
from bnexp.report.styles import STRONG, counted, warning
from bnexp.store import DataFacts
from bnexp.study.grid import level_text
from bnexp.study.words import about, effect, endpoint_name, hypothesis_of, written
from bnexp.system.terminal import plain

MOST_DATA = 3
"""Data sets of a study that are told one by one."""


def study_plan(facts: Mapping[str, Any]) -> RenderableType:
    """Return what a study will train, how long it may take, and what it can detect."""
    cells, arms, seeds = facts["cells"], facts["arms"], facts["seeds"]
    head = f"{plain(facts['name'])}: {counted(cells, 'cell')} x {len(arms)} arms ({', '.join(arms)}), {seeds} seeds"
    lines = [f"{plain(name)}: {', '.join(map(_level, levels))}" for name, levels in facts["factors"].items()]
    lines += [
        f"{plain(key)}: {', '.join(map(_level, tie['values']))}, as it follows {plain(tie['follows'])}"
        for key, tie in facts["ties"].items()
    ]
    if facts["tune"] is not None:
        lines.append(f"{plain(facts['tune']['key'])}, tuned: {', '.join(map(_level, facts['tune']['values']))}")
    lines += [plain(f"claim: {claim['claim']} ({claim['asks']})") for claim in facts["claims"]]
    jobs = counted(facts["jobs"], "job")
    if facts["finished"]:
        lines.append(f"{facts['trainings']:,} trainings in all, {facts['steps']:,} optimizer steps")
        left = f"; {jobs} left, {_time_left(facts)}" if facts["jobs"] else ""
        lines.append(f"finished already: {facts['finished']} of {counted(facts['of'], 'trial')}{left}")
    else:
        trainings = f"{facts['trainings']:,} trainings in {jobs}"
        lines.append(f"{trainings}, {facts['steps']:,} optimizer steps; {_time_left(facts)}")
    if facts["seeds"] < facts["fewest_seeds"]:
        lines.append(f"WARNING  {seeds} seeds are too few for a verdict; {facts['fewest_seeds']} are the fewest")
    if facts["detectable_deviations"] is not None:
        lines.append(
            f"with {seeds} seeds, the difference of each claim is found with 80% probability if it is at least "
            f"{facts['detectable_deviations']:.2f} times as large as its standard deviation over seeds"
        )
    if others := facts["other_answers"]:
        listed = ", ".join(f"{plain(name)} ({plain(word)})" for name, word in others.items())
        lines.append(f"WARNING  this name, by another design or other data, had an answer before: {listed}")
        lines.append("What was changed because of an answer is no fresh test")
    return Group(
        Text(head, style=STRONG),
        *_data(facts["data"]),
        *map(Text, lines),
        Text(f"to be kept in {plain(facts['directory'])}"),
    )


def _data(several: Sequence[Mapping[str, Any]]) -> Iterator[Text]:
    """Yield lines on the first data sets, and how many more there are."""
    for facts in several[:MOST_DATA]:
        yield from data_lines(DataFacts.model_validate(facts))
    if len(several) > MOST_DATA:
        yield Text(f"and {counted(len(several) - MOST_DATA, 'more data set')}, by the factors below")


def _level(level: Any) -> str:
    return plain(level_text(level))


def _time_left(facts: Mapping[str, Any]) -> str:
    """Return how long it may take: by what is finished, by timing a few steps, or by the size of the models."""
    left = facts["seconds_left"]
    if left is None:
        return "time unknown before the first cell"
    if facts["finished"]:
        return duration(left)
    how = "very roughly, by the size of the models" if facts["is_rough"] else "by timing a few steps"
    return f"{duration(left)}, {how}"


def duration(seconds: float) -> str:
    """Write a rough duration.

    >>> duration(12.3), duration(400), duration(9000)
    ('about 12 s', 'about 7 min', 'about 2.5 h')
    """
    if seconds < 100:
        return f"about {seconds:.0f} s"
    return f"about {seconds / 60:.0f} min" if seconds < 6000 else f"about {seconds / 3600:.1f} h"


def study(document: Mapping[str, Any]) -> RenderableType:
    """Return the whole answer: the cells, the hypotheses, the verdicts."""
    head = f"{plain(document['name'])}: {counted(len(document['cells']), 'cell')}, {document['seeds']} seeds"
    parts: list[RenderableType] = [Text(head, style=STRONG), _cells(document)]
    parts.append(Text(f"mean ± half of its {document['level']:.0%} t interval over seeds{_in_brackets(document)}"))
    parts += _tuning(document)
    parts += map(warning, [*_mixed(document["versions"]), *_warnings(document)])
    for facts in document["hypotheses"]:
        parts += [Text(""), *_hypothesis(facts)]
    if len(document["hypotheses"]) > 1:
        parts.append(Text(f"STUDY    {document['verdict']}", style=STRONG))
    return Group(*parts)


def claims(rows: Sequence[Mapping[str, Any]]) -> RenderableType:
    """Return a row for each claim: verdict, effect, seeds; below it what it rests on; a study's seconds once."""
    table = Table(box=None, pad_edge=False, header_style=STRONG)
    for column in ("study", "claim", "verdict"):
        table.add_column(column, overflow="fold")
    for column in ("effect", "seeds", "s"):
        table.add_column(column, justify="right")
    for before, row in zip([None, *rows], rows, strict=False):
        study, claim, verdict, about = (plain(row[key]) for key in ("study", "claim", "verdict", "about"))
        said = Text.assemble(claim, (f"\n{about}", "dim"))
        words = [Text(study), said, Text(verdict, style=STRONG)]
        seconds = "" if before is not None and before["study"] == row["study"] else f"{row['seconds']:.0f}"
        table.add_row(*words, plain(row["effect"] or "-"), str(row["seeds"]), seconds)
    failures = [warning(f"{row['study']}: {row['sentence']}") for row in rows if row["verdict"] == "failed"]
    notes = (
        "effect: mean over paired seeds [95% t interval, or wider by Holm's rule where a study has several claims];",
        "of epochs and losses, how many times smaller they are; s: of training, summed over cores",
    )
    return Group(table, *map(Text, notes), *failures)


def _cells(document: Mapping[str, Any]) -> Table:
    table = Table(box=None, pad_edge=False, header_style=STRONG)
    for factor in document["factors"]:
        table.add_column(Text(plain(factor["name"])), overflow="fold")
    table.add_column("arm")
    tuned = [] if document["tune"] is None else [document["tune"]["key"]]
    measured = [endpoint_name(endpoint) for endpoint in document["endpoints"]]
    for column in (*tuned, *measured, "diverged"):
        table.add_column(Text(plain(column)), justify="right", overflow="fold")
    for cell in document["cells"]:
        levels = [Text(_level(level)) for level in cell["levels"].values()]
        for arm, facts in cell["arms"].items():
            chosen = [level_text(facts["tuned"])] if tuned else []
            values = map(_value, document["endpoints"], facts["endpoints"])
            lost = f"{facts['diverged']} of {document['seeds']}"
            table.add_row(*levels, Text(plain(arm)), *chosen, *values, lost)
    return table


def _in_brackets(document: Mapping[str, Any]) -> str:
    """Return which seeds stand in brackets: for epochs those that arrive, for failures those that fail."""
    said = ""
    if any(endpoint["epochs_to"] is not None for endpoint in document["endpoints"]):
        said += "; of epochs, in brackets: seeds that arrive, the others count with their budget"
    if any(endpoint["failures_below"] is not None for endpoint in document["endpoints"]):
        said += "; of failures, in brackets: seeds that fail"
    return said


def _tuning(document: Mapping[str, Any]) -> Iterator[RenderableType]:
    """Yield what each arm scored at each value that was tried, so that arms can be compared at one value, too."""
    tune = document["tune"]
    if tune is None:
        return
    table = Table(box=None, pad_edge=False, header_style=STRONG)
    for column in (*(factor["name"] for factor in document["factors"]), "arm"):
        table.add_column(Text(plain(column)), overflow="fold")
    for value in tune["values"]:
        table.add_column(Text(_level(value)), justify="right")
    for cell in document["cells"]:
        levels = [Text(_level(level)) for level in cell["levels"].values()]
        for arm, facts in cell["arms"].items():
            means = [number(tune["metric"], mean) for mean in facts["tuning_means"]]
            table.add_row(*levels, Text(plain(arm)), *means)
    seeds = f"{len(tune['seeds'])} seeds of their own"
    yield Text(f"\ntuning {plain(tune['key'])}: mean {plain(with_unit(tune['metric']))} over {seeds}; the best is used")
    yield table
    yield from map(warning, _doubts(document, tune))


def _doubts(document: Mapping[str, Any], tune: Mapping[str, Any]) -> Iterator[str]:
    """Return where tuning had nothing to choose by, and where it chose an end of what was tried."""
    numbers = [one for one in tune["values"] if isinstance(one, int | float) and not isinstance(one, bool)]
    ends = (min(numbers), max(numbers)) if len(numbers) == len(tune["values"]) else ()
    unscored: Counter[str] = Counter()
    at_end: Counter[str] = Counter()
    for cell in document["cells"]:
        for arm, facts in cell["arms"].items():
            if all(mean is None for mean in facts["tuning_means"]):
                unscored[arm] += 1
            elif facts["tuned"] in ends:
                at_end[f"{arm} {level_text(facts['tuned'])}"] += 1
    if unscored:
        yield f"Every value tried has a diverged seed, and the first was used: {_places(unscored)}. Try other values."
    if at_end:
        yield f"The best value lies at the edge of those tried: {_places(at_end)}. A wider grid may change the answer."


def _places(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{what} in {counted(number_of, 'cell')}" for what, number_of in counts.items())


def _value(endpoint: Mapping[str, Any], interval: Mapping[str, Any]) -> str:
    half = None if interval["high"] is None else interval["high"] - interval["mean"]
    if endpoint["epochs_to"] is not None:
        return f"{with_spread('', interval['mean'], half)} ({interval['reached']} of {interval['seeds']})"
    if endpoint["failures_below"] is not None:
        if interval["mean"] is None:
            return "-"
        failed, seeds = round(interval["mean"] * interval["seeds"]), interval["seeds"]
        return f"{number('accuracy', interval['mean'])} ({failed} of {seeds})"
    return with_spread(endpoint["metric"], interval["mean"], half)


def _warnings(document: Mapping[str, Any]) -> Iterator[str]:
    """Return each kind of warning once, in the words of the first cell that has it, with its arms."""
    first: dict[str, str] = {}
    counts: dict[str, dict[str, int]] = {}
    for cell in document["cells"]:
        for arm, facts in cell["arms"].items():
            for text in facts["warnings"]:
                kind = text.partition(":")[0].partition(";")[0].partition(" is ")[0]
                first.setdefault(kind, text)
                cells = counts.setdefault(kind, {})
                cells[arm] = cells.get(arm, 0) + 1
    for kind, cells in counts.items():
        yield f"{_places(cells)}{', the first of them' if sum(cells.values()) > 1 else ''}: {first[kind]}"


def _mixed(versions: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Warn of each package with several versions, and of several GPUs, behind the numbers."""
    several = [f"{package} {' and '.join(found)}" for package, found in versions.items() if len(found) > 1]
    if several:
        yield f"Not all cells were trained with the same: {', '.join(several)}. Pairs may differ for that alone."


def _hypothesis(facts: Mapping[str, Any]) -> Iterator[RenderableType]:
    claim = hypothesis_of(facts)
    yield Text(plain(claim.claim), style=STRONG)
    if facts["difference"] is not None:
        yield Text(plain(f"{about(claim)}: {effect(facts)} ({_evidence(facts, claim)})"))
    if split := _cells_that_differ(facts):
        yield Text(split)
    if facts["warned"]:
        yield warning("trainings that this rests on have warnings, see above")
    yield from map(warning, facts.get("cautions", ()))
    verdict = facts["verdict"]
    yield Text.assemble((f"VERDICT  {verdict['word']}", STRONG), f"  {plain(verdict['sentence'])}")


def _cells_that_differ(facts: Mapping[str, Any]) -> str | None:
    """Return that a difference is the mean over cells, and how many of them point the other way."""
    cells, mean = facts["cells"], facts["difference"] and facts["difference"]["mean"]
    if len(cells) < 2 or mean is None or facts["wins"]:
        return None
    other = sum(cell is not None and cell * mean < 0 for cell in cells)
    return f"mean over {len(cells)} cells" + (f", {other} of them the other way" if other else "")


def _evidence(facts: Mapping[str, Any], claim: Hypothesis) -> str:
    """List what stands beside the interval: its check, the test, the chance that one pair shows the effect."""
    said = [f"{100 * facts['level']:.4g}% t interval: {facts['speaks_of']}"]
    if facts["other_data"] is not None:
        said.append(f"for other rows of this kind {written(claim, facts['other_data']).partition(' ')[2]}")
    if facts["bootstrap"] is not None:
        said.append(f"BCa {written(claim, facts['bootstrap']).partition(' ')[2]}")
    p_value = facts["difference"]["p_value"]
    said.append("sign-flip p <0.001" if p_value < 0.001 else f"sign-flip p {p_value:.2g}")
    if facts["wins"]:
        found = facts["difference"]
        counts = found["positive"], found["negative"], found["ties"]
        said.append(
            f"{claim.treated} wins {counts[0]} pairs, {claim.baseline} {counts[1]}, and {counts[2]} tie, half for each"
        )
    chance = facts["probability_of_improvement"]
    bounds = [number("", chance[key]) for key in ("mean", "low", "high")]
    said.append(f"probability of {claim.direction} {bounds[0]} [{bounds[1]}, {bounds[2]}]")
    if facts["diverged"] and (as_what := _counted_as(facts["metric"])):
        said.append(f"{counted(facts['diverged'], 'diverged training')} counted as {as_what}")
    never = {arm: count for arm, count in facts["never_reached"].items() if count}
    said += [f"{arm}: {count} never arrive and count with the budget" for arm, count in never.items()]
    return "; ".join(said)


def _counted_as(metric: Mapping[str, Any]) -> str | None:
    """Return what a diverged seed counts as; None where it has no value, or counts by the epochs before."""
    if metric["epochs_to"] is not None:
        return None
    if metric["failures_below"] is not None:
        return "failures"
    return "guessing" if quantity(metric["metric"]) == "accuracy" else None
