"""The examples in the docstrings of the room do what they say."""

from __future__ import annotations

import doctest
from importlib import import_module

import pytest


@pytest.mark.parametrize(("module", "examples"), [("comparing", 3), ("drawn", 4), ("recording", 5)])
def test_the_examples_are_right(module: str, examples: int) -> None:
    ran = doctest.testmod(import_module(f"rxflow.notebook.{module}"))
    assert (ran.failed, ran.attempted) == (0, examples)
