"""The drain loop gives what was requested: no item more, none less, none twice."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest

import rxflow
from rxflow.flow import Flow
from rxflow.kernel import Feed, State
from rxflow.protocol import UNBOUNDED
from tests.kernel.recorder import COMPLETED, Recorder, dropped_errors


class Source:
    """A generator of numbers that knows how far it was advanced, and whether it was closed."""

    def __init__(self, stop: int | None = None) -> None:
        self.stop = stop
        self.advanced = 0
        self.closed = 0

    def __iter__(self) -> Iterator[int]:
        try:
            for number in count() if self.stop is None else range(self.stop):
                self.advanced += 1
                yield number
        finally:
            self.closed += 1


def test_on_subscribe_comes_first_and_once_and_no_item_before_a_request():
    """Rules 1.1, 1.9."""
    source = Source()
    recorder = Recorder()
    returned = rxflow.from_iterable(source).subscribe(recorder)
    assert recorder.signals == [("subscribed",)]
    assert recorder.subscription is returned
    assert source.advanced == 0


def test_on_subscribe_comes_first_also_for_a_source_that_is_empty_or_fails():
    """Rule 1.9."""
    error = OSError("no source")
    empty, failing = Recorder(), Recorder()
    rxflow.empty().subscribe(empty)
    rxflow.throw(error).subscribe(failing)
    assert empty.signals == [("subscribed",), COMPLETED]
    assert failing.signals == [("subscribed",), ("error", error)]


def test_a_source_that_cannot_be_made_fails_behind_on_subscribe():
    class Broken:
        def __iter__(self) -> Iterator[int]:
            raise OSError("no iterator")

    recorder = Recorder(1)
    rxflow.from_iterable(Broken()).subscribe(recorder)
    assert recorder.signals[0] == ("subscribed",)
    assert str(recorder.error) == "no iterator"


def test_requests_add_up_also_those_made_inside_of_on_subscribe():
    """Rule 3.8."""

    class Eager(Recorder):
        def on_subscribe(self, subscription: rxflow.Subscription) -> None:
            super().on_subscribe(subscription)
            subscription.request(1)
            assert self.items == []  # on_subscribe is not over
            subscription.request(2)

    source = Source()
    recorder = Eager()
    rxflow.from_iterable(source).subscribe(recorder)
    assert recorder.items == [0, 1, 2]
    recorder.request(1)
    recorder.request(3)
    assert recorder.items == [0, 1, 2, 3, 4, 5, 6]
    assert source.advanced == 7


def test_a_request_inside_of_on_next_is_met_after_on_next_has_returned():
    """Rule 3.3: no recursion; the calls are one after the other."""
    depth = most = 0

    def then(recorder: Recorder, item: int) -> None:
        nonlocal depth, most
        depth += 1
        most = max(most, depth)
        if item < 50:
            recorder.request(1)
        depth -= 1

    recorder = Recorder(1, then)
    rxflow.from_iterable(Source()).subscribe(recorder)
    assert recorder.items == list(range(51))
    assert most == 1


def test_a_million_requests_inside_of_on_next_use_no_stack():
    """Rule 3.3."""
    frames: set[int] = set()
    seen = 0

    class OneByOne(Recorder):
        def on_next(self, value: int) -> None:
            nonlocal seen
            seen += 1
            if not seen % 100_000:
                frames.add(_depth())
            self.request(1)

    recorder = OneByOne(1)
    rxflow.range(1_000_000).subscribe(recorder)
    assert seen == 1_000_000
    assert recorder.signals == [("subscribed",), COMPLETED]
    assert len(frames) == 1  # as deep at the last item as at the 100,000th


def _depth() -> int:
    frame, depth = sys._getframe(), 0
    while frame.f_back is not None:
        frame, depth = frame.f_back, depth + 1
    return depth


@pytest.mark.parametrize("first", [UNBOUNDED, UNBOUNDED - 1, 2**70])
def test_demand_saturates_and_is_then_never_used_up(first: int):
    """Rule 3.17."""
    recorder = Recorder(first, then=lambda it, item: None if item else it.request(1))
    subscription = rxflow.from_iterable(Source(5000)).subscribe(recorder)
    assert len(recorder.items) == 5000
    assert recorder.signals[-1] == COMPLETED
    [_, figures] = subscription.statistics()
    assert figures.requested == UNBOUNDED


def test_two_requests_that_add_up_to_the_limit_are_unbounded():
    """Rule 3.17: 2**62 + 2**62 is more than UNBOUNDED."""

    class Twice(Recorder):
        def on_subscribe(self, subscription: rxflow.Subscription) -> None:
            subscription.request(2**62)
            subscription.request(2**62)
            super().on_subscribe(subscription)

    recorder = Twice(then=lambda it, item: it.cancel() if item == 9 else None)
    subscription = rxflow.from_iterable(Source()).subscribe(recorder)
    assert subscription.statistics()[-1].requested == UNBOUNDED
    assert recorder.items == list(range(10))


@pytest.mark.parametrize("n", [0, -1, 1.5, True, None, "1"])
def test_an_invalid_request_is_signalled_and_stops_the_source(n: Any):
    """Rule 3.9: as on_error, not as an exception to whoever requests."""
    source = Source()
    recorder = Recorder(2)
    rxflow.from_iterable(source).subscribe(recorder)
    recorder.request(n)
    assert isinstance(recorder.error, ValueError)
    assert "3.9" in str(recorder.error)
    assert repr(n) in str(recorder.error)
    assert recorder.items == [0, 1]
    assert (source.advanced, source.closed) == (2, 1)


def test_an_invalid_request_inside_of_on_subscribe_comes_before_any_item():
    """Rule 3.9."""

    class Wrong(Recorder):
        def on_subscribe(self, subscription: rxflow.Subscription) -> None:
            super().on_subscribe(subscription)
            subscription.request(0)
            subscription.request(5)

    recorder = Wrong()
    rxflow.from_iterable(Source()).subscribe(recorder)
    assert "request(0)" in str(recorder.error)
    assert recorder.items == []


@pytest.mark.parametrize("demand", [2, 5, 6, UNBOUNDED])
def test_an_invalid_request_inside_of_on_next_fails_also_a_source_that_is_about_to_end(
    demand: int,
):
    """Rule 3.9: the error wins over a completion that was not signalled yet."""
    recorder = Recorder(demand, then=lambda it, item: it.request(0) if item == 0 else None)
    rxflow.from_iterable([0, 1, 2, 3, 4]).subscribe(recorder)
    assert "request(0)" in str(recorder.error)


def test_an_invalid_request_inside_of_on_next_stops_an_endless_source_at_once():
    """Rule 3.9: no item follows, however large the demand was before."""
    source = Source()
    recorder = Recorder(UNBOUNDED, then=lambda it, item: it.request(-1) if item == 9 else None)
    rxflow.from_iterable(source).subscribe(recorder)
    assert "request(-1)" in str(recorder.error)
    assert recorder.items == list(range(10))
    assert source.closed == 1


def test_the_first_of_two_invalid_requests_is_the_one_that_is_signalled():
    def then(recorder: Recorder, item: int) -> None:
        recorder.request(-3)
        recorder.request(-4)

    recorder = Recorder(1, then)
    with dropped_errors() as dropped:
        rxflow.from_iterable(Source()).subscribe(recorder)
    assert "request(-3)" in str(recorder.error)
    assert dropped == []


@pytest.mark.parametrize("n", [1, UNBOUNDED, 0, -1, "1"])
@pytest.mark.parametrize("end", ["completed", "failed", "cancelled"])
def test_after_the_end_requests_and_cancels_do_nothing(n: Any, end: str):
    """Rules 3.6 and 3.7, and 3.9 after the end."""
    source = Source(2)
    recorder = Recorder(2)
    rxflow.from_iterable(source).subscribe(recorder)
    finish: dict[str, Callable[[], None]] = {
        "completed": lambda: recorder.request(1),
        "failed": lambda: recorder.request(0),
        "cancelled": recorder.cancel,
    }
    finish[end]()
    before = list(recorder.signals)
    with dropped_errors() as dropped:
        for _ in range(2):
            recorder.request(n)
            recorder.cancel()
    assert recorder.signals == before
    assert dropped == []
    assert source.closed == 1


def test_a_sequence_completes_with_its_last_item_and_needs_no_further_demand():
    recorder = Recorder(2)
    rxflow.from_iterable(["a", "b", "c"]).subscribe(recorder)
    assert recorder.ends == []
    recorder.request(1)
    assert recorder.signals[-2:] == [("next", "c"), COMPLETED]


@pytest.mark.parametrize(
    "empty", [[], (), range(0), {}, set(), "", b""], ids=lambda it: type(it).__name__
)
def test_an_empty_sequence_completes_without_demand(empty: Any):
    recorder = Recorder()
    rxflow.from_iterable(empty).subscribe(recorder)
    assert recorder.signals == [("subscribed",), COMPLETED]


def test_a_generator_is_not_advanced_to_find_out_whether_it_ends():
    source = Source(3)
    recorder = Recorder(3)
    rxflow.from_iterable(source).subscribe(recorder)
    assert (source.advanced, source.closed) == (3, 0)
    assert recorder.ends == []
    recorder.request(1)
    assert (source.advanced, source.closed) == (3, 1)
    assert recorder.ends == [COMPLETED]


@pytest.mark.parametrize("demand", [1, 1023, 1024, 1025, 2048, 5000])
def test_a_generator_is_advanced_exactly_as_often_as_was_requested(demand: int):
    """Also across the bounds of a turn of 1,024 items."""
    source = Source()
    recorder = Recorder(demand)
    rxflow.from_iterable(source).subscribe(recorder)
    assert source.advanced == demand
    assert recorder.items == list(range(demand))


def test_none_and_false_and_not_implemented_are_items_like_any_other():
    items = [None, False, NotImplemented, 0, "", None]
    recorder = Recorder(UNBOUNDED)
    rxflow.from_iterable(items).subscribe(recorder)
    assert recorder.items == items
    assert recorder.signals[-1] == COMPLETED


class InTurns(Feed[tuple[int, int]]):
    """Three turns of three items; where a turn stands is known to its iterator only."""

    def __init__(self) -> None:
        self.turns = 0

    def run(self) -> Iterator[tuple[int, int]]:
        self.turns += 1
        return iter([(self.turns, number) for number in range(3)])

    def settle(self) -> State:
        return State.READY if self.turns < 3 else State.ENDED

    def cancel(self) -> None: ...


@pytest.mark.parametrize("demand", [1, 2, 3, 4, 9])
def test_a_turn_is_taken_up_where_it_was_left_and_a_new_one_begun_when_it_is_used_up(demand: int):
    feed = InTurns()
    recorder = Recorder()
    Flow(lambda context: feed).subscribe(recorder)
    for _ in range(9):
        recorder.request(demand)
    assert recorder.items == [(turn, number) for turn in (1, 2, 3) for number in range(3)]
    assert feed.turns == 3
    assert recorder.ends == ([COMPLETED] if demand > 1 else [])  # asked for no tenth


def test_two_subscriptions_to_one_flow_keep_their_own_demand_and_end():
    flow = rxflow.from_iterable([1, 2, 3])
    first, second = Recorder(1), Recorder(2)
    flow.subscribe(first)
    flow.subscribe(second)
    assert (first.items, second.items) == ([1], [1, 2])
    first.cancel()
    second.request(1)
    assert first.signals == [("subscribed",), ("next", 1)]
    assert second.signals[-1] == COMPLETED
    third = Recorder(3)
    flow.subscribe(third)
    assert third.items == [1, 2, 3]
