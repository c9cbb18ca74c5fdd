"""Kinds of numbers that stored documents hold."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

Count = Annotated[int, Field(ge=0, lt=2**53)]
"""A whole number of 0 or more, small enough for every JSON reader to represent it exactly."""
