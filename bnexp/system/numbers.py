"""Kinds of numbers that stored documents hold."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

Count = Annotated[int, Field(ge=0, lt=2**53)]
"""How many of something, 0 too: a whole number that every reader of JSON holds exactly."""
