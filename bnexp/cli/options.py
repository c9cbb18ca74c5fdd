"""The options that several commands share, and the parsers of their values."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import typer

from bnexp import metrics
from bnexp.errors import UserError, nearest


def as_path(text: str | Path) -> Path:
    """Return a path. Refuse an empty text, because that path would be the current directory."""
    if not str(text).strip():
        raise typer.BadParameter("it is empty; expected a path. Is a variable of the shell not set?")
    return Path(text)


def as_number(text: str | float) -> float:
    """Return a number. Refuse a number that is too large for a float."""
    try:
        value = float(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a valid float.") from None
    if math.isinf(value) and "inf" not in str(text).lower():
        raise typer.BadParameter(f"{text} is too large for a float; expected {sys.float_info.max:.2g} at most.")
    return value


def named_arms(text: str | None) -> list[str] | None:
    """Return the list of arms in a text such as `batch, none`, without blanks."""
    return None if text is None else [one.strip() for one in text.split(",")]


Runs = Annotated[
    Path,
    typer.Option(
        "--runs", envvar="BNEXP_RUNS_DIR", parser=as_path, metavar="<path>", help="Directory that keeps the runs."
    ),
]
Configs = Annotated[
    list[str] | None,
    typer.Argument(metavar="CONFIG|KEY=VALUE", help="One or more configs, or networks of your own; keys to override."),
]
Seeds = Annotated[
    int | None,
    typer.Option(
        "--seeds",
        help="Trainings per experiment (training.seeds). If not given: as in the config, and 20 if it sets none.",
    ),
]
DryRunCompare = Annotated[
    bool, typer.Option("--dry-run", help="Check all, print which difference can be detected; train nothing.")
]
Epochs = Annotated[
    int | None,
    typer.Option(
        "--epochs",
        help="Epochs of each training (training.epochs). If not given: as in the config, and 50 if it sets none.",
    ),
]
Margin = Annotated[
    float | None,
    typer.Option(
        parser=as_number,
        metavar="<float>",
        help="The smallest difference that matters, in the metric's own unit: for accuracy a share (0.01 is one "
        "point). If not given: 0.01, or for a loss or an error without an upper end, 5% of the baseline's mean.",
    ),
]


def one_of(option: str, *names: str) -> dict[str, Any]:
    """Return the parser and the help entry of an option that takes one of these names and refuses any other."""

    def chosen(text: str) -> str:
        if text not in names:
            raise UserError(f"{option} is {text!r}; expected one of the good names. {nearest(text, names)}")
        return text

    return {"parser": chosen, "metavar": f"[{'|'.join(names)}]"}


Metric = Annotated[
    str | None,
    typer.Option(
        help="The metric that decides. If not given: accuracy or r2 of the test part, or of the validation part if "
        "there is no test part."
    ),
]
Baseline = Annotated[
    str | None, typer.Option(help="The arm that the others are compared with; the last arm if not given.")
]
Data = Annotated[
    str | None,
    typer.Option(
        "--data",
        metavar="PATH",
        help="Required for a network of your own: a table, an .npz file, a folder, or a known data set.",
    ),
]
Target = Annotated[
    str | None,
    typer.Option(
        "--target", metavar="COLUMN", help="The column of --data that is to be learned. Required if --data is a table."
    ),
]
_ARMS = (
    "For a network of your own, or for one config, what normalization becomes: none, batch, layer, group, instance, "
    "rms, renorm, ghost; for your own also as_written, frozen. "
)
Arms = Annotated[
    str | None,
    typer.Option(
        "--arms",
        metavar="A,B,...",
        help=f"{_ARMS}If not given: as_written. For a function that takes `normalization`: batch.",
    ),
]
ComparedArms = Annotated[
    str | None,
    typer.Option(
        "--arms",
        metavar="A,B,...",
        help=f"{_ARMS}If not given: as_written,layer,none, with batch for layer if it has no batch normalization. "
        "For a function that takes `normalization`: batch,layer,none. If several networks are named, each is one arm.",
    ),
]
Launcher = Annotated[
    Literal["local", "ray"],
    typer.Option(
        "--launcher",
        help="What starts the workers: processes of this machine, or Ray.",
        **one_of("--launcher", "local", "ray"),
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        "-j",
        "--jobs",
        help="Processes that train at the same time, each on one core. If not given: one for each core, or fewer if "
        "memory is short. With --address: the most workers in the cluster. --jobs is the older name.",
    ),
]
Address = Annotated[
    str | None,
    typer.Option(
        "--address",
        help="Address of a Ray cluster: host:port, ray://host:port or auto. If not given, Ray starts a cluster here.",
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print only where the result is kept.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else there.")]
UntilSettled = Annotated[
    bool,
    typer.Option(
        "--until-settled", help="Look at 10, 20, 40, ... seeds; stop at the first clear answer. Otherwise, one look."
    ),
]
MaxSeeds = Annotated[int | None, typer.Option(help="Seeds of the last look of --until-settled; 160 if not given.")]
Reach = Annotated[
    float | None,
    typer.Option(
        "--reach",
        parser=as_number,
        metavar="<float>",
        help="Value that the metric has to reach: for accuracy a share (0.9 means 90%), else in its own unit. If not "
        "given: the baseline's median best validation value, made 5% worse.",
    ),
]
About = Annotated[
    metrics.About,
    typer.Option(
        help="What the verdict is about: new rows of the same kind, or only the rows at hand.",
        **one_of("--about", *get_args(metrics.About)),
    ),
]
Format = Annotated[
    Literal["png", "svg", "pdf"], typer.Option(help="File format.", **one_of("--format", "png", "svg", "pdf"))
]
SeedsOfFile = Annotated[int | None, typer.Option("--seeds", hidden=True)]
"""A hidden `--seeds` for `study` and `claims`, which refuse it: the study's file sets the number of seeds."""
