"""A study's file -> its cells: each point of the grid with the experiments of its arms."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bnexp.config import Experiment, merging
from bnexp.config.loading import experiment_of
from bnexp.config.overrides import dotted
from bnexp.config.own_model import OWN_NETWORKS
from bnexp.config.section import Section
from bnexp.config.study import Hypothesis, Study, StudyFile, Tie, keys_of
from bnexp.config.training import first_seeds
from bnexp.config.yaml import Keys, Node
from bnexp.config.yaml_text import written
from bnexp.data.fingerprint import Sources, source_sha256
from bnexp.errors import ConfigError, Problems, nearest
from bnexp.experiment.own_files import network_sha256

TUNING_SEED = 1000
"""The first seed that tuning uses. A study with more seeds than this uses later ones."""


@dataclass(frozen=True)
class Candidate:
    """An experiment that an arm of a cell may train: the only one, or one for each value of the tuned key."""

    experiment: Experiment
    node: Node
    value: Any = None


@dataclass(frozen=True)
class Cell:
    """One point of the grid: factor -> level, and arm -> the experiments that it may train."""

    number: int
    levels: Mapping[str, Any]
    candidates: Mapping[str, Sequence[Candidate]]

    def level(self, key: str) -> Any:
        """Return the level of a factor, or of one key of a factor that has several keys."""
        if key in self.levels:
            return self.levels[key]
        name = next(name for name in self.levels if key in keys_of(name))
        return self.levels[name][keys_of(name).index(key)]

    def of(self, is_kept: Callable[[Candidate], bool]) -> Cell:
        """Return the cell with only the candidates for which `is_kept` is true."""
        return replace(self, candidates={arm: list(filter(is_kept, found)) for arm, found in self.candidates.items()})


def matches(cell: Cell, at: Mapping[str, Any]) -> bool:
    """Return True if a cell has these levels. A list of levels matches any of them."""
    return all(_is_level(cell.level(name), level) for name, level in at.items())


def is_read(cell: Cell, claim: Hypothesis) -> bool:
    """Return True if a claim reads a cell: at `at`, or at `minus` if it has one."""
    return matches(cell, claim.at) or (claim.minus is not None and matches(cell, claim.minus))


def cells_read(cells: Sequence[Cell], claim: Hypothesis) -> list[Cell]:
    """Return the cells that a claim reads."""
    return [cell for cell in cells if is_read(cell, claim)]


def _is_level(level: Any, wanted: Any) -> bool:
    return bool(level == wanted or (isinstance(wanted, list) and level in wanted))


def level_text(level: Any) -> str:
    """Return a level as a person writes it.

    >>> level_text("relu"), level_text([32, [8]]), level_text(None)
    ('relu', '[32, [8]]', 'null')
    """
    return level if isinstance(level, str) else written(level)


def cells_of(file: StudyFile) -> list[Cell]:
    """Return the cells of the grid, the first factor slowest, with every experiment in them.

    Raises:
        ConfigError: with every mistake, each once, at its line.
    """
    problems = Problems()
    cells = cells_in_part(file, problems)
    problems.refuse()
    return cells


def cells_in_part(file: StudyFile, problems: Problems) -> list[Cell]:
    """Return the cells of the grid without the experiments that have mistakes, which are noted, each once."""
    study = file.study
    points = [dict(zip(study.vary, point, strict=True)) for point in itertools.product(*study.vary.values())]
    faults: dict[str, dict[str, None]] = {}
    cells = []
    for number, levels in enumerate(points):
        candidates = {}
        for arm in study.arms:
            try:
                candidates[arm] = list(_candidates(file, levels, arm))
            except ConfigError as error:
                for problem in error.problems:
                    faults.setdefault(problem, {})[arm] = None
        cells.append(Cell(number, levels, candidates))
    problems.tell(*_with_arms(file, faults))
    return cells


def without_unknown_factors(file: StudyFile, lines: Sequence[str]) -> StudyFile:
    """Return the study with each factor marked as faulty whose key is unknown, according to the mistakes so far.

    Another part may name the factor as it should be. It is then not called wrong.
    """
    unknown = set[Keys]()
    for name, levels in file.study.vary.items():
        for key in keys_of(name) if levels else ():
            sections = key.split(".")
            spelt = {".".join(sections[: count + 1]) for count in range(len(sections))}
            told = tuple(f"{file.where('vary', name, '0')}: {one} is not a known key." for one in spelt)
            if any(line.startswith(told) for line in lines):
                unknown.add(("vary", name))
    return replace(file, faulty=file.faulty | unknown)


def is_whole(file: StudyFile, cells: Sequence[Cell]) -> bool:
    """Return True if these cells hold all experiments of a study, and none of them lacks a faulty part."""
    study = file.study
    values = 1 if study.tune is None else len(study.tune.values)
    return file.has_whole_grid and len(list(experiments(cells))) == study.cells * len(study.arms) * values


def _with_arms(file: StudyFile, faults: Mapping[str, Mapping[str, None]]) -> Iterator[str]:
    """Yield the faults. If a fault in a shared level occurs only in some arms, their names are added."""
    for node in _shared(file):
        place = f"{node.where}:"
        here = {problem: arms for problem, arms in faults.items() if problem.startswith(place)}
        faulty = [arm for arm in file.study.arms if any(arm in arms for arms in here.values())]
        if here and len(faulty) < len(file.study.arms):
            which = f"arm {faulty[0]}" if len(faulty) == 1 else f"arms {', '.join(faulty)}"
            faults = {
                f"{text} This fault is only in {which}." if text in here else text: arms
                for text, arms in faults.items()
            }
    yield from faults


def _shared(file: StudyFile) -> Iterator[Node]:
    """Yield the node of each level in the file. All arms share these levels."""
    for name, levels in file.study.vary.items():
        yield from (file.at("vary", name, str(number)) for number in range(len(levels)))


def seeds_of(study: Study) -> tuple[int, ...]:
    """Return the seeds that the verdict rests on."""
    return first_seeds(study.seeds)


def tuning_seeds(study: Study) -> tuple[int, ...]:
    """Return the seeds for tuning. None of them is a seed of the verdict."""
    first = max(TUNING_SEED, study.seeds)
    return tuple(range(first, first + study.tune.seeds)) if study.tune is not None else ()


def experiments(cells: Sequence[Cell]) -> Iterator[Candidate]:
    """Yield all candidates of all cells."""
    for cell in cells:
        for found in cell.candidates.values():
            yield from found


def sources(cells: Sequence[Cell]) -> Sources:
    """Return the digests of the data and the user's own networks that the experiments use."""
    every = [one.experiment for one in experiments(cells)]
    datasets = {one.dataset.model_dump_json(): one.dataset for one in every}
    networks = {one.model.model_dump_json(): one.model for one in every if isinstance(one.model, OWN_NETWORKS)}
    return {
        **{written: source_sha256(dataset) for written, dataset in datasets.items()},
        **{written: network_sha256(network) for written, network in networks.items()},
    }


# --- one cell ---------------------------------------------------------------------


def _candidates(file: StudyFile, levels: Mapping[str, Any], arm: str) -> Iterator[Candidate]:
    """Yield the experiments of one trial: the base with the cell's levels, the arm, the ties and the tuned value."""
    settings = [*_cell_layers(file, levels), *_arm_layers(file, arm)]
    plain = _laid(file, settings)
    is_partial = not file.has_whole_grid
    tied = {} if is_partial else file.study.tie
    ties = [_tied(file, plain, levels, key, tie) for key, tie in tied.items()]
    tune = file.study.tune
    if tune is None:
        node = _laid(file, [*settings, *ties])
        yield Candidate(experiment_of(node, Problems(is_partial=is_partial)), node)
        return
    for number, value in enumerate(tune.values):
        node = _laid(file, [*settings, *ties, dotted(tune.key, file.at("tune", "values", str(number)))])
        yield Candidate(experiment_of(node, Problems(is_partial=is_partial)), node, value)


def base_of(file: StudyFile) -> Node:
    """Return the base experiment with the name and the seeds of the study."""
    return _laid(file, [])


def _laid(file: StudyFile, layers: Sequence[Node]) -> Node:
    """Return the base experiment with layers of config laid over it."""
    base = file.at("experiment")
    own = [
        Node({"name": file.at("name")}, base.where),
        dotted("training.seeds", Node(file.study.seeds, base.where)),
    ]
    return merging.laid_over(base, [*own, *layers])


def _cell_layers(file: StudyFile, levels: Mapping[str, Any]) -> Iterator[Node]:
    for name, level in levels.items():
        node = file.at("vary", name, str(file.study.vary[name].index(level)))
        keys = keys_of(name)
        values = [node] if len(keys) == 1 else node.value
        yield from (dotted(key, value) for key, value in zip(keys, values, strict=True))


def _arm_layers(file: StudyFile, arm: str) -> Iterator[Node]:
    for key in file.study.arms[arm]:
        yield dotted(key, file.at("arms", arm, key))


def _tied(file: StudyFile, plain: Node, levels: Mapping[str, Any], key: str, tie: Tie) -> Node:
    """Return the layer of config that a tie adds to a cell."""
    where, experiment = file.where("tie", key), experiment_of(plain)
    known = factor_names(file.study)
    if tie.follows not in known:
        hint = not_varied(tie.follows, known)
        raise ConfigError([f"{file.where('tie', key, 'follows')}: tie.{key}.follows is {tie.follows!r}; {hint}"])
    level = Cell(0, levels, {}).level(tie.follows)
    if not isinstance(level, int | float) or isinstance(level, bool) or level <= 0:
        seen = f"{tie.follows} has the level {merging.shown(level)}"
        raise ConfigError([f"{where}: tie.{key} follows a factor; {seen}; expected numbers above 0."])
    share = level / tie.at
    return _scaled(experiment, key, math.sqrt(share) if tie.rule == "square_root" else share, where)


def _scaled(experiment: Experiment, key: str, share: float, where: str) -> Node:
    """Return the layer of config that multiplies a number of an experiment; in a schedule, the initial rate."""
    value = _at(experiment, key)
    if _is_schedule(value):
        rate = {"name": Node(value.name, where), "initial": Node(value.initial * share, where)}
        return dotted(key, Node(rate, where))
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigError([f"{where}: tie.{key} is no key of a number; expected one, such as training.learning_rate."])
    scaled = max(1, round(value * share)) if isinstance(value, int) else value * share
    return dotted(key, Node(scaled, where))


def tied_value(experiment: Experiment, key: str) -> float:
    """Return the number of an experiment that a tie has set; for a schedule, the initial learning rate."""
    value = _at(experiment, key)
    return float(value.initial if _is_schedule(value) else value)


def _at(experiment: Experiment, key: str) -> Any:
    value: Any = experiment
    for part in key.split("."):
        value = getattr(value, part, None)
    return value


def _is_schedule(value: Any) -> bool:
    return isinstance(value, Section) and hasattr(value, "initial") and hasattr(value, "name")


def factor_names(study: Study) -> list[str]:
    """List the names that a factor may be called by: its whole name in `vary`, and each of its keys."""
    return [name for factor in study.vary for name in dict.fromkeys([factor, *keys_of(factor)])]


def not_varied(name: str, known: Sequence[str]) -> str:
    """Return the message for a name that no factor has, with the nearest name."""
    return f"it is not varied. {nearest(name, known)}" if known else "nothing is varied. Add it to `vary`."
