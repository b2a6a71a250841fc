"""on_error_resume_next, while_do, do_while: what follows an end, on one demand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import rxflow as rx
from rxflow import operators as ops
from rxflow.testing import TestSubscriber
from tests.support import counted


def subscribed(flow: Any, demand: int = 0, **options: Any) -> TestSubscriber[Any]:
    probe = TestSubscriber[Any](demand, **options)
    flow.subscribe(probe)
    return probe


class Sources:
    """Makes an iterator for each subscription."""

    def __init__(self, *items: Any) -> None:
        self.made: list[counted] = []
        self._items = items

    def __iter__(self) -> Any:
        self.made.append(counted(self._items))
        return self.made[-1]

    @property
    def taken(self) -> list[int]:
        return [each.taken for each in self.made]


def times(count: int) -> Callable[[Any], bool]:
    left = iter(range(count))
    return lambda _: next(left, None) is not None


LOOPS = pytest.mark.parametrize("loop", [ops.while_do, ops.do_while])


@LOOPS
def test_a_loop_takes_exactly_what_is_asked_for(loop: Any) -> None:
    sources = Sources(1, 2)
    probe = subscribed(rx.from_iterable(sources).pipe(loop(lambda _: True)), 3)
    assert probe.items == [1, 2, 1]
    assert sources.taken == [2, 1]
    probe.request(4)
    assert probe.items == [1, 2, 1, 2, 1, 2, 1]
    assert sources.taken == [2, 2, 2, 1]
    probe.cancel()
    assert [each.closed for each in sources.made] == [1, 1, 1, 1]


@LOOPS
@pytest.mark.parametrize("again", [0, 1, 3])
def test_a_loop_ends_when_the_condition_does_not_hold(loop: Any, again: int) -> None:
    runs = again + (loop is ops.do_while)
    probe = subscribed(rx.of(1, 2).pipe(loop(times(again))), 2 * runs)
    probe.assert_completed(*[1, 2] * runs)


@LOOPS
def test_a_loop_does_not_go_on_after_a_failure(loop: Any) -> None:
    asked: list[Any] = []
    flow = rx.of(1).concat(rx.throw(KeyError("broken")))
    probe = subscribed(flow.pipe(loop(lambda source: asked.append(source) or True)), 9)
    probe.assert_failed(KeyError, 1)
    assert len(asked) == (loop is ops.while_do)


@LOOPS
def test_a_condition_is_given_the_source_and_is_asked_anew_for_each_subscription(loop: Any) -> None:
    source = rx.of(1)
    asked: list[Any] = []
    flow = source.pipe(loop(lambda it: asked.append(it) or len(asked) % 2 == 1))
    for count in (2, 4):
        subscribed(flow, 9)
        assert len(asked) == count
    assert all(it is source for it in asked)


@LOOPS
def test_what_the_condition_raises_ends_the_stream(loop: Any) -> None:
    def condition(_: Any) -> bool:
        raise KeyError("condition")

    probe = subscribed(rx.of(1).pipe(loop(condition)), 9)
    probe.assert_failed(KeyError, *[1] * (loop is ops.do_while))


def test_a_loop_over_many_subscriptions_does_not_recurse() -> None:
    probe = subscribed(rx.of(1).pipe(ops.while_do(times(5_000))), rx.UNBOUNDED)
    assert len(probe.items) == 5_000
    assert probe.completed


@LOOPS
def test_bad_conditions(loop: Any) -> None:
    async def condition(_: Any) -> bool: ...

    for bad in (None, 3, condition):
        with pytest.raises(TypeError, match=r"while_do|do_while"):
            loop(bad)


# on_error_resume_next


@pytest.mark.parametrize("end", [rx.empty(), rx.throw(KeyError("first"))])
def test_the_other_source_follows_an_end_of_either_kind_with_what_is_outstanding(end: Any) -> None:
    other = counted(range(10, 20))
    probe = subscribed(rx.of(1, 2).concat(end).on_error_resume_next(other), 2)
    assert (probe.items, other.asked) == ([1, 2], 0)
    probe.request(3)
    assert probe.items == [1, 2, 10, 11, 12]
    assert other.taken == 3
    probe.cancel()
    assert other.closed == 1


def test_it_completes_also_when_the_other_source_fails() -> None:
    probe = subscribed(rx.throw(KeyError(1)).on_error_resume_next(rx.throw(KeyError(2))))
    probe.assert_completed()


@pytest.mark.parametrize("error", [None, KeyError("first")])
def test_a_function_is_given_the_failure_or_none(error: Exception | None) -> None:
    heard: list[Any] = []
    end = rx.throw(error) if error else rx.empty()
    flow = rx.of(1).concat(end).on_error_resume_next(lambda it: heard.append(it) or [2])
    for _ in range(2):
        subscribed(flow, 9).assert_completed(1, 2)
    assert heard == [error, error]


def test_what_the_function_raises_ends_the_stream() -> None:
    def other(_: Any) -> Any:
        raise ValueError("other")

    subscribed(rx.of(1).on_error_resume_next(other), 9).assert_failed(ValueError, 1)


def test_bad_other_sources() -> None:
    async def other(_: Any) -> Any: ...

    for bad in (None, 3, other):
        with pytest.raises(TypeError, match="on_error_resume_next"):
            ops.on_error_resume_next(bad)
