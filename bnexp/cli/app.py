"""The commands: parse, call one function, print. The answer goes to stdout, everything else to stderr."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bnexp import __version__
from bnexp.cli.data_app import data_app, first_configs, list_keys
from bnexp.cli.options import (
    About,
    Address,
    Arms,
    Baseline,
    ComparedArms,
    Configs,
    Data,
    DryRunCompare,
    Epochs,
    Format,
    Json,
    Launcher,
    Margin,
    MaxSeeds,
    Metric,
    Quiet,
    Reach,
    Runs,
    Seeds,
    SeedsOfFile,
    Target,
    UntilSettled,
    Workers,
    as_path,
    named_arms,
)
from bnexp.system.interrupts import ending_at_once

app = typer.Typer(
    help="Find out, with honest error bars, whether batch normalization helps your network on your data.",
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)


@app.command()
def train(
    arguments: Configs = None,
    data: Data = None,
    target: Target = None,
    arms: Arms = None,
    seeds: Seeds = None,
    epochs: Epochs = None,
    runs: Runs = Path("runs"),
    resume: Annotated[
        str | None,
        typer.Option(
            metavar="RUN",
            help="Go on with an interrupted run, with its own settings. If not given: a new run is trained.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check all, print the resolved config and the plan; train nothing.")
    ] = False,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Train experiments, all seeds at once.

    Each run keeps everything it measured in its own directory under --runs.

    `bnexp keys` lists all keys.

    Example: bnexp train bn training.epochs=5 model.normalization=layer
    """
    with ending_at_once():
        from bnexp.cli import commands

    code = commands.train(
        arguments or [],
        own={"data": data, "target": target, "arms": named_arms(arms)},
        seeds=seeds,
        epochs=epochs,
        runs=runs,
        dry_run=dry_run,
        quiet=quiet,
        as_json=json,
        resume=resume,
    )
    raise typer.Exit(code)


@app.command()
def check(
    arguments: Configs = None,
    data: Data = None,
    target: Target = None,
    arms: Arms = None,
    seeds: Seeds = None,
    epochs: Epochs = None,
    runs: Runs = Path("runs"),
    json: Json = False,
) -> None:
    """Check experiments and print what is known about them; train nothing.

    Prints the config with its defaults, the data, the network, memory, time, and warnings.

    Example: bnexp check mine.yaml
    """
    with ending_at_once():
        from bnexp.cli import commands

    own: commands.Own = {"data": data, "target": target, "arms": named_arms(arms)}
    raise typer.Exit(commands.check(arguments or [], own=own, seeds=seeds, epochs=epochs, runs=runs, as_json=json))


@app.command()
def compare(
    arguments: Annotated[
        list[str],
        typer.Argument(metavar="ARM|KEY=VALUE", help="Two or more arms, or a network of your own; keys to override."),
    ],
    data: Data = None,
    target: Target = None,
    arms: ComparedArms = None,
    metric: Metric = None,
    margin: Margin = None,
    reach: Reach = None,
    baseline: Baseline = None,
    about: About = "new-rows",
    until_settled: UntilSettled = False,
    max_seeds: MaxSeeds = None,
    seeds: Seeds = None,
    epochs: Epochs = None,
    runs: Runs = Path("runs"),
    dry_run: DryRunCompare = False,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Compare arms, paired by seed; train missing ones.

    An arm is a run (directory, id, unique prefix), an experiment's name, or a config. A config without a run of its
    own is trained. The answer is one of four words: helps, hurts, no difference that matters, cannot tell yet.

    A Keras network of your own is compared with itself, in several --arms: a function that returns it, or a saved
    model. The function's file is run.

    Example: bnexp compare bn nobn

    Example: bnexp compare my_net.py:build --data my.csv --target label
    """
    with ending_at_once():
        from bnexp.cli import commands
        from bnexp.comparison import Question

    code = commands.compare(
        arguments,
        Question(metric, margin, reach, baseline, about, until_settled, max_seeds),
        own={"data": data, "target": target, "arms": named_arms(arms)},
        seeds=seeds,
        epochs=epochs,
        runs=runs,
        dry_run=dry_run,
        quiet=quiet,
        as_json=json,
    )
    raise typer.Exit(code)


@app.command(context_settings={"allow_extra_args": True})
def study(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="STUDY", parser=as_path, help="A study's name or file.")],
    metric: Annotated[
        str | None,
        typer.Option(
            help="For a study without a hypothesis: the metric in its table. If not given: accuracy or r2 of the test "
            "part, or of the validation part if there is no test part."
        ),
    ] = None,
    runs: Runs = Path("runs"),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check all, print the plan; train nothing.")] = False,
    max_trainings: Annotated[
        int | None, typer.Option(help="Refuse a grid with more trainings than this; 20000 if not given.")
    ] = None,
    seeds: SeedsOfFile = None,
    launcher: Launcher = "local",
    workers: Workers = None,
    address: Address = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Answer a question with a grid of experiments.

    Every cell of the grid is trained in every arm, from the same seeds; each
    hypothesis ends supported, refuted or inconclusive. A study without a
    hypothesis is a sweep: a table and figures. Run the same command again to
    go on after a stop; nothing is trained twice.

    Example: bnexp study studies/tutorial
    """
    with ending_at_once():
        from bnexp.cli import study_commands

    place = study_commands.place_of(file, context.args, seeds, launcher=launcher, workers=workers, address=address)
    most = max_trainings
    raise typer.Exit(
        study_commands.study(
            file, place, runs=runs, metric=metric, dry_run=dry_run, most_trainings=most, quiet=quiet, as_json=json
        )
    )


@app.command()
def claims(
    studies: Annotated[
        list[str] | None, typer.Argument(metavar="[STUDY]...", help="Names or files of studies.")
    ] = None,
    seeds: SeedsOfFile = None,
    runs: Runs = Path("runs"),
    launcher: Launcher = "local",
    workers: Workers = None,
    address: Address = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Put claims to the test: all studies of configs/studies, or those named.

    Prints a row for each claim: its verdict, the effect with its interval.
    Writes claims.html with the figures. Run the same command again to go on
    after a stop; nothing is trained twice.

    Example: bnexp claims tutorial sigmoid
    """
    with ending_at_once():
        from bnexp.api.studies import Place
        from bnexp.cli import study_commands
        from bnexp.cli.arguments import refuse_changes

    refuse_changes(studies or [], seeds)
    place = Place(launcher=launcher, workers=workers, address=address)
    raise typer.Exit(study_commands.claims(studies or [], place, runs=runs, quiet=quiet, as_json=json))


@app.command()
def plot(
    run: Annotated[str, typer.Argument(help="A run, comparison or study: directory, id, unique prefix, or latest.")],
    format: Format = "png",
    out: Annotated[
        Path | None,
        typer.Option(parser=as_path, metavar="<path>", help="Directory for the figures; the run's own if not given."),
    ] = None,
    runs: Runs = Path("runs"),
) -> None:
    """Redraw the figures of a run, comparison or study.

    Only stored files are read. Nothing is trained.

    Example: bnexp plot runs/latest --format svg
    """
    with ending_at_once():
        from bnexp.cli import commands

    raise typer.Exit(commands.plot(run, format=format, out=out, runs=runs))


@app.command("runs")
def list_runs(runs: Runs = Path("runs"), json: Json = False) -> None:
    """List runs, comparisons and studies, the newest first."""
    with ending_at_once():
        from bnexp.cli import commands

    raise typer.Exit(commands.list_runs(runs, as_json=json))


init = app.command("init")(first_configs)
keys = app.command("keys")(list_keys)
app.add_typer(data_app, name="data")


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"bnexp {__version__}")
        raise typer.Exit


@app.callback()
def _bnexp(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Define the options that belong to no single command."""
