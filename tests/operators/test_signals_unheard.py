"""What comes just as an operator stops looking for it, or is found late, is heard all the same.

A push wakes nobody while the consumer is looking. So who found nothing must look again when
it is told that there is more, and who asks for an item must not be taken for one who has one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from reactivex.subject import Subject

import rxflow as rx
from rxflow import operators as ops
from rxflow.kernel import Boundary, Context, Feed, Relay, State
from rxflow.protocol import FAIL
from rxflow.testing import TestSubscriber
from tests.kernel.recorder import in_thread


class Moment(Boundary[int]):
    """Is given 0 at the start; then 1, by another thread, between a run and its ``settle``."""

    def __init__(self, context: Context) -> None:
        super().__init__(context, "moment", 9, FAIL)
        self._come = False

    def start(self) -> None:
        self.push(0)

    def settle(self) -> State:
        if not self._come:
            self._come = True
            in_thread(lambda: self.push(1))()
        return super().settle()


def is_one(x: int) -> bool:
    return x == 1


def between() -> rx.Flow[int]:
    """Give a signal that comes at that moment."""
    return rx.Flow(Moment).pipe(ops.filter(is_one))


def late() -> rx.Flow[int]:
    """Give a signal that is found after the budget of several runs."""
    return rx.range(-5000, 2).pipe(ops.filter(is_one), ops.concat(rx.never()))


Make = Callable[[], rx.Flow[int]]
SIGNALS = pytest.mark.parametrize("signal", [between, late])


def once(signal: Make) -> Callable[..., Any]:
    """Make a function that gives the signal, and later on what never signals."""
    sources: Iterator[Any] = iter([signal()])
    return lambda *_: next(sources, rx.never())


def subscribed(operator: Any, demand: int = rx.UNBOUNDED) -> tuple[Subject[int], TestSubscriber]:
    source: Subject[int] = Subject()
    probe = TestSubscriber[Any](demand)
    source.pipe(ops.on_backpressure_buffer(9), operator).subscribe(probe)
    return source, probe


@SIGNALS
@pytest.mark.parametrize(
    "windows",
    [
        pytest.param(lambda signal: ops.window(signal()), id="window"),
        pytest.param(lambda signal: ops.window_when(once(signal)), id="window_when"),
    ],
)
def test_a_window_ends(windows: Any, signal: Make) -> None:
    _, probe = subscribed(windows(signal))
    assert len(probe.items) == 2


@SIGNALS
def test_a_window_is_opened(signal: Make) -> None:
    _, probe = subscribed(ops.window_toggle(signal(), lambda _: rx.never()))
    assert len(probe.items) == 1


@SIGNALS
def test_an_opened_window_is_closed(signal: Make) -> None:
    openings = rx.from_iterable([7]).pipe(ops.concat(rx.never()))
    _, probe = subscribed(ops.window_toggle(openings, lambda _: signal()))
    reader = TestSubscriber[Any](9)
    probe.items[0].subscribe(reader)
    reader.assert_completed()


@SIGNALS
def test_the_life_of_a_group_ends(signal: Make) -> None:
    group = ops.group_by_until(lambda _: "all", None, once(signal))
    source, probe = subscribed(group)
    source.on_next(1)
    source.on_next(2)
    assert len(probe.items) == 2


@SIGNALS
@pytest.mark.parametrize("demand", [0, 9])
def test_take_until_ends(signal: Make, demand: int) -> None:
    _, probe = subscribed(ops.take_until(signal()), demand)
    probe.assert_completed()


@SIGNALS
def test_skip_until_begins(signal: Make) -> None:
    source, probe = subscribed(ops.skip_until(signal()))
    source.on_next(5)
    assert probe.items == [5]


@SIGNALS
@pytest.mark.parametrize("first", [True, False])
def test_timeout_with_mapper_fails(signal: Make, first: bool) -> None:
    limit = (signal(), None) if first else (None, lambda _: signal())
    source, probe = subscribed(ops.timeout_with_mapper(*limit))
    if not first:
        source.on_next(5)
    assert isinstance(probe.error, rx.StreamTimeoutError)


@SIGNALS
@pytest.mark.parametrize("demand", [1, 9])
def test_the_time_of_an_item_of_a_join_passes(signal: Make, demand: int) -> None:
    """A pair takes up the demand of 1, so that none is left when the time is to pass."""
    join = ops.join([7], lambda _: signal(), lambda _: rx.never())
    source, probe = subscribed(join, demand)
    source.on_next(1)
    source.on_completed()
    probe.assert_completed((1, 7))


class Asked(Relay):
    """Does something just before demand is passed on."""

    def __init__(self, source: Feed[Any], calls: list[Callable[[], object]]) -> None:
        super().__init__(source)
        self._calls = calls

    def want(self, n: int) -> None:
        if self._calls:
            self._calls.pop()()
        super().want(n)


def test_a_group_that_is_asked_for_is_not_forgotten_for_what_another_one_has_ahead() -> None:
    """zip takes one item of each side, so a second one that waits there is no reason to wait."""
    source, probe = subscribed(ops.group_by(lambda x: x % 3), 3)
    for key in range(3):
        source.on_next(key)
    even, odd, other = probe.items
    reader = TestSubscriber[Any](2)
    other.subscribe(reader)
    calls: list[Callable[[], object]] = []
    pairs = TestSubscriber[Any](1)
    odd_asked = rx.Flow[int](lambda context: Asked(odd.feed(context), calls))
    even.pipe(ops.zip(odd_asked)).subscribe(pairs)
    assert (pairs.items, reader.items) == ([(0, 1)], [2])

    def push() -> None:
        for item in (3, 6, 5):  # two are even, the other one ends what the reader asks for
            source.on_next(item)

    calls.append(push)
    pairs.request(1)  # asks for an even one, then for an odd one
    source.on_next(4)
    assert reader.items == [2, 5]
    assert pairs.items == [(0, 1), (3, 4)]
