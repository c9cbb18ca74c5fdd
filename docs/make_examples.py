"""Writes the examples of README and docs anew: the output of the commands in `<!-- output: ... -->`, and the pictures.

`make examples` runs it. The commands run in an empty folder that has the shipped configs.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

DOCS = Path(__file__).parent
ROOT = DOCS.parent
IMAGES = DOCS / "images"
BNEXP = Path(sys.executable).with_name("bnexp")
EXAMPLE = re.compile(r"(<!-- output: (?P<command>bnexp [^>]*?) -->\n```text\n).*?(^```$)", re.DOTALL | re.MULTILINE)
PICTURES = "bnexp plot runs/latest --out pictures"


def main() -> None:
    """Run every command that a page shows the output of, once, and write what it prints."""
    pages = {page: page.read_text(encoding="utf-8") for page in sorted(DOCS.glob("*.md"))}
    commands = dict.fromkeys(found["command"] for text in pages.values() for found in EXAMPLE.finditer(text))
    with tempfile.TemporaryDirectory() as place:
        shutil.copytree(ROOT / "configs", Path(place) / "configs")
        told = {command: output(command, Path(place)) for command in commands}
        output("bnexp compare bn nobn", Path(place))
        output(PICTURES, Path(place))
        IMAGES.mkdir(exist_ok=True)
        for picture in sorted((Path(place) / "pictures").glob("*.png")):
            shutil.copy(picture, IMAGES / picture.name)
    for page, text in pages.items():
        page.write_text(EXAMPLE.sub(lambda found: f"{found[1]}{told[found['command']]}\n{found[3]}", text), "utf-8")


def output(command: str, place: Path) -> str:
    """Return what a command prints on stdout, without blanks at the ends of lines."""
    arguments = [BNEXP, *shlex.split(command)[1:]]
    done = subprocess.run(arguments, cwd=place, stdout=subprocess.PIPE, text=True, check=True)
    return "\n".join(line.rstrip() for line in done.stdout.rstrip().splitlines())


if __name__ == "__main__":
    main()
