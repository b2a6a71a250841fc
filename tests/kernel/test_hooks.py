"""What a Flow that fails notes in the error, by way of what has made its Feed."""

from __future__ import annotations

import pytest

from rxflow.kernel import hooks
from tests.kernel.recorder import dropped_errors


class Maker:
    def __init__(self, raises: Exception | None = None) -> None:
        self.raises = raises
        self.traced: list[BaseException] = []

    def make(self) -> None:
        """Be a method of one that can note something."""

    def trace(self, error: BaseException) -> None:
        self.traced.append(error)
        if self.raises is not None:
            raise self.raises


def test_a_maker_that_is_a_method_hears_of_the_failure_once() -> None:
    maker, error = Maker(), ValueError("it")
    hooks.traced(maker.make, error)
    assert maker.traced == [error]


@pytest.mark.parametrize("make", [None, len, lambda: None, [].append, Maker])
def test_a_maker_that_cannot_note_anything_hears_nothing(make: object) -> None:
    hooks.traced(make, ValueError("it"))


def test_what_noting_it_raises_is_reported_and_does_not_hide_the_failure() -> None:
    wrong = KeyError("of the note")
    maker = Maker(wrong)
    with dropped_errors() as errors:
        hooks.traced(maker.make, ValueError("it"))
    assert errors == [wrong]
