"""fork_join and sequence_equal: several sources that lead to one answer."""

from __future__ import annotations

from typing import Any

import pytest
from reactivex import Subject

import rxflow as rx
from rxflow import Emitter
from rxflow import operators as ops
from rxflow.testing import TestSubscriber
from tests.support import counted


def subscribed(flow: Any, demand: int = 0, **options: Any) -> TestSubscriber[Any]:
    probe = TestSubscriber[Any](demand, **options)
    flow.subscribe(probe)
    return probe


def emitting() -> tuple[Any, list[Emitter[Any]]]:
    """Make a Flow, with a list of the emitters of its subscriptions."""
    made: list[Emitter[Any]] = []
    return rx.create(made.append, overflow=rx.FAIL, capacity=9), made


# fork_join


def test_nothing_is_taken_before_the_first_request_and_all_after_it() -> None:
    first, second = counted(range(3)), counted("ab")
    probe = subscribed(rx.from_iterable(first).fork_join(second))
    assert (first.asked, second.asked) == (0, 0)
    probe.request(1)
    probe.assert_completed((2, "b"))
    assert (first.taken, second.taken) == (3, 2)
    assert (first.closed, second.closed) == (1, 1)


def test_none_is_a_last_item() -> None:
    subscribed(rx.of(1, None).fork_join([None]), 1).assert_completed((None, None))


def test_alone_it_gives_the_last_item_in_a_tuple() -> None:
    subscribed(rx.of(1, 2).fork_join(), 1).assert_completed((2,))


def test_a_source_without_an_item_ends_it_at_once_without_demand() -> None:
    other, emitters = emitting()
    probe = subscribed(rx.empty().fork_join(other))
    probe.assert_completed()
    first, made = emitting()
    probe = subscribed(first.fork_join(other), 1)
    made[0].on_next(1)
    probe.assert_open()
    emitters[-1].on_completed()
    probe.assert_completed()
    assert made[0].closed


def test_the_failure_of_one_comes_at_once_and_cancels_the_other() -> None:
    first, second = Subject[int](), Subject[int]()
    flow = first.pipe(ops.on_backpressure_buffer(9), ops.fork_join(second))
    probe = subscribed(flow, 1)
    first.on_next(1)
    second.on_next(2)
    second.on_error(KeyError("second"))
    probe.assert_failed(KeyError)
    assert first.observers == []


def test_what_is_overtaken_is_counted_and_no_more_than_one_of_each_is_held() -> None:
    probe = subscribed(rx.range(10).fork_join(rx.range(4)), 1)
    probe.assert_completed((9, 3))
    figures = probe.statistics["fork_join"]
    assert (figures.received, figures.delivered, figures.held, figures.peak) == (14, 2, 0, 2)
    assert figures.dropped == {"overtaken": 12}


def test_a_cancel_discards_what_is_held() -> None:
    first, made = emitting()
    probe = subscribed(first.fork_join(rx.never()), 1)
    made[0].on_next(1)
    probe.cancel()
    figures = probe.statistics["fork_join"]
    assert (figures.received, figures.discarded, figures.held) == (1, 1, 0)


# sequence_equal


@pytest.mark.parametrize(
    ("left", "right"),
    [
        *(([], []), ([1], [1]), ([None], [None]), ([1, 2, 3], [1, 2, 3])),
        *(([], [1]), ([1], []), ([1, 2], [1]), ([1], [1, 2]), ([1, 2], [1, 3]), ([None], [])),
    ],
)
def test_it_is_true_if_and_only_if_the_lists_are_equal(left: Any, right: Any) -> None:
    for demand in (1, rx.UNBOUNDED):
        for flow in (rx.from_iterable(left), rx.from_iterable(counted(left))):
            probe = subscribed(flow.sequence_equal(counted(right)), demand)
            probe.assert_completed(left == right)


def test_the_two_are_pulled_in_lockstep_up_to_the_first_difference() -> None:
    """Known of the others: the quicker source fills a queue."""
    left, right = counted([1, 2, 3, 4, 5]), counted([1, 2, 9, 4, 5])
    probe = subscribed(rx.from_iterable(left).sequence_equal(right))
    assert (left.asked, right.asked) == (0, 0)
    probe.request(1)
    probe.assert_completed(False)
    assert (left.taken, right.taken) == (3, 3)
    assert (left.closed, right.closed) == (1, 1)
    assert probe.statistics["sequence_equal"].peak == 2


def test_a_quick_source_is_asked_for_one_item_ahead_of_a_slow_one() -> None:
    quick = counted(range(100))
    slow, emitters = emitting()
    probe = subscribed(rx.from_iterable(quick).sequence_equal(slow), 1)
    for item in range(10):
        assert quick.taken == item + 1
        assert emitters[0].requested == 1
        emitters[0].on_next(item)
    emitters[0].on_completed()
    probe.assert_completed(False)


def test_the_answer_needs_demand_and_a_failure_does_not() -> None:
    probe = subscribed(rx.empty().sequence_equal(rx.empty()))
    probe.assert_open()
    probe.request(1)
    probe.assert_completed(True)
    subscribed(rx.empty().sequence_equal(rx.throw(KeyError()))).assert_failed(KeyError)


@pytest.mark.parametrize("second", [False, True], ids=["source", "second"])
@pytest.mark.parametrize(
    ("items", "others", "answer"),
    [([1], [], False), ([1, 2], [1], False), ([1], [2], False), ([1], [1], None), ([], [], None)],
)
def test_an_answer_that_the_items_tell_comes_before_the_failure_behind_them(
    items: list[int], others: list[int], answer: bool | None, second: bool
) -> None:
    failing, emitters = emitting()
    flow = rx.from_iterable(counted(others))
    probe = subscribed(flow.sequence_equal(failing) if second else failing.sequence_equal(flow))
    for item in items:
        emitters[0].on_next(item)
    emitters[0].on_error(KeyError())
    probe.request(1)
    if answer is None:
        probe.assert_failed(KeyError)
    else:
        probe.assert_completed(answer)


def test_a_failure_does_not_wait_for_the_partner_of_an_item() -> None:
    (left, lefts), (right, _) = emitting(), emitting()
    probe = subscribed(left.sequence_equal(right), 1)
    lefts[0].on_next(1)
    lefts[0].on_error(KeyError())
    probe.assert_failed(KeyError)


def test_a_comparer_decides_and_what_it_raises_ends_the_stream() -> None:
    flow = rx.of(1, 2)
    subscribed(flow.sequence_equal([3, 4], lambda a, b: b - a == 2), 1).assert_completed(True)

    def compare(a: int, b: int) -> bool:
        raise KeyError(a, b)

    source = counted([1, 2])
    probe = subscribed(flow.sequence_equal(source, compare), 1)
    probe.assert_failed(KeyError)
    assert source.closed == 1


def test_a_cancel_reaches_both() -> None:
    left, right = Subject[int](), Subject[int]()
    probe = subscribed(left.pipe(ops.on_backpressure_buffer(9), ops.sequence_equal(right)), 1)
    left.on_next(1)
    probe.cancel()
    assert (left.observers, right.observers) == ([], [])
    figures = probe.statistics["sequence_equal"]
    assert (figures.received, figures.discarded, figures.held) == (1, 1, 0)


def test_a_long_comparison_does_not_recurse() -> None:
    subscribed(rx.range(5_000).sequence_equal(rx.range(5_000)), 1).assert_completed(True)


def test_bad_sources() -> None:
    for build in (ops.fork_join, ops.sequence_equal):
        with pytest.raises(TypeError, match="wants a Flow, an Observable, a future or an iterable"):
            build(3)  # type: ignore[arg-type]  # pyright: ignore

    async def comparer(a: Any, b: Any) -> bool: ...

    with pytest.raises(TypeError, match="comparer is an async function"):
        ops.sequence_equal([1], comparer)  # type: ignore[arg-type]  # pyright: ignore
