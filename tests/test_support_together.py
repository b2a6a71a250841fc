"""Checks that run together fail when any of them does, and each is told."""

from __future__ import annotations

import pytest

from tests.support_together import together


def test_each_that_fails_is_told_and_the_others_are_run() -> None:
    seen: list[int] = []

    @together("number", range(5))
    def check(number: int) -> None:
        seen.append(number)
        assert number not in (1, 3)

    with pytest.raises(ExceptionGroup, match="with 2 of 5") as failed:
        check()
    assert seen == [0, 1, 2, 3, 4]
    notes = [error.__notes__ for error in failed.value.exceptions]
    assert notes == [["with number: 1"], ["with number: 3"]]


def test_none_to_run_with_is_a_mistake() -> None:
    with pytest.raises(AssertionError, match="tests nothing"):
        together("number", [])


def test_several_parameters_are_given_together() -> None:
    seen: list[tuple[int, str]] = []

    @together(("number", "letter"), [(1, "a"), (2, "b")], lambda both: both[1])
    def check(number: int, letter: str) -> None:
        seen.append((number, letter))
        assert number == 1

    with pytest.raises(ExceptionGroup) as failed:
        check()
    assert seen == [(1, "a"), (2, "b")]
    assert failed.value.exceptions[0].__notes__ == ["with number, letter: b"]


@pytest.fixture
def other() -> str:
    return "given"


@together("letter", "abc")
@pytest.mark.parametrize("number", [1, 2])
def test_other_parameters_and_fixtures_are_given(other: str, number: int, letter: str) -> None:
    assert (other, number in (1, 2), letter in "abc") == ("given", True, True)
