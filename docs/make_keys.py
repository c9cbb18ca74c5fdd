"""Writes keys.md: every key that a config may have, from the schema itself. `make keys` runs it, a test keeps it fresh."""

from __future__ import annotations

from pathlib import Path

from bnexp.config.keys import page

PAGE = Path(__file__).with_name("keys.md")

if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
