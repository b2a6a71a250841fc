"""publish, share, replay: several subscribers of one subscription, in lockstep or each at its own.

The traps that their users know from elsewhere have tests with their names.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable
from contextlib import aclosing
from datetime import timedelta
from typing import Any

import pytest
import reactivex
from reactivex import ConnectableObservable
from reactivex.testing import TestScheduler

import rxflow as rx
from rxflow import operators as ops
from rxflow.testing import Misbehaviour, TestPublisher, TestSubscriber, run_virtual
from tests.kernel.recorder import dropped_errors
from tests.support import counted


class Source(TestPublisher[Any]):
    """What is shared, and how much it was asked for."""

    def __init__(self, *misbehaviour: Misbehaviour) -> None:
        super().__init__(*misbehaviour)
        self.flow = direct(self)


def direct(publisher: Any) -> Any:
    """A Flow that asks its publisher for one item at a time, and holds none."""
    return rx.from_publisher(publisher, prefetch=1)


def probes(flow: Any, *demands: int) -> list[Any]:
    made = [TestSubscriber[Any](demand) for demand in demands]
    for probe in made:
        flow.subscribe(probe)
    return made


def balanced(flow: Any) -> None:
    """Check the law of items of a shared Flow."""
    for part in flow.statistics():
        lost = sum(part.dropped.values()) + part.discarded
        assert part.received == part.delivered + part.held + lost, part


# Lockstep.


def test_upstream_is_asked_for_what_the_slowest_subscriber_has_room_for() -> None:
    source = counted(range(100))
    connectable = rx.from_iterable(source).publish(prefetch=4)
    fast, slow = probes(connectable, rx.UNBOUNDED, 1)
    connectable.connect()
    assert source.taken == 5  # the one that it has taken, and 4 that it holds
    assert fast.items == [0, 1, 2, 3, 4]
    slow.request(2)
    assert slow.items == [0, 1, 2]
    assert slow.statistics["publish #2"].peak == 4
    assert source.taken <= 7
    slow.request(3)
    assert source.taken <= 10
    assert fast.items == list(range(source.taken))
    slow.request(rx.UNBOUNDED)
    assert fast.items == slow.items == list(range(100))
    assert fast.completed
    assert slow.completed
    balanced(connectable)


@pytest.mark.parametrize("prefetch", [1, 2, 3, 4, 5, 7])
def test_no_prefetch_leaves_all_waiting(prefetch: int) -> None:
    shared = rx.range(20).publish(prefetch=prefetch)
    one, other = probes(shared, 0, 0)
    shared.connect()
    for n in range(1, 21):
        one.request(1)
        other.request(1)
        assert one.items == other.items == list(range(n))
    assert one.completed
    assert other.completed


def test_a_subscriber_that_has_asked_for_nothing_holds_nothing() -> None:
    source = counted(range(9))
    shared = rx.from_iterable(source).publish(prefetch=4)
    fast, idle = probes(shared, 9, 0)
    shared.connect()
    assert source.taken == 0
    assert fast.items == []
    idle.cancel()  # now nobody holds the other back
    assert fast.items == list(range(9))


def test_hot_flows_that_drop_silently_do_not_here() -> None:
    source = counted(range(50))
    shared = rx.from_iterable(source).publish(prefetch=4)
    shared.connect()
    assert source.taken == 0  # nobody is there: upstream is asked for nothing
    (first,) = probes(shared, 1)
    assert source.taken == 4
    first.cancel()
    assert source.taken == 4
    (second,) = probes(shared, rx.UNBOUNDED)
    assert second.items == list(range(4, 50))  # what the first held was the first's
    balanced(shared)


def test_what_comes_while_nobody_is_there_waits_for_the_next_subscriber() -> None:
    source = TestPublisher[int]()
    processor = rx.PublishProcessor[int](prefetch=4)
    source.subscribe(processor)
    (first,) = probes(processor, 1)
    source.emit(1)
    first.cancel()
    source.emit(2, 3, 4)
    (second, third) = probes(processor, 2, 9)
    assert second.items == [2, 3]
    assert third.items == []
    source.complete()
    second.request(1)
    second.assert_completed(2, 3, 4)
    third.assert_completed()


def test_late_subscribers_get_what_comes_from_then_on() -> None:
    subject = rx.Subject[int]()
    shared = subject.pipe(ops.on_backpressure_buffer(9)).share()
    (first,) = probes(shared, 9)
    subject.on_next(1)
    (second,) = probes(shared, 9)
    subject.on_next(2)
    subject.on_completed()
    first.assert_completed(1, 2)
    second.assert_completed(2)
    (late,) = probes(shared, 0)
    late.assert_completed()


@pytest.mark.parametrize("error", [None, KeyError("upstream")])
def test_the_end_comes_to_each_after_its_backlog(error: Exception | None) -> None:
    end = rx.throw(error) if error else rx.empty()
    shared = rx.range(3).concat(end).publish(prefetch=8)
    fast, slow = probes(shared, rx.UNBOUNDED, 1)
    shared.connect()
    assert fast.items == [0, 1, 2]
    assert (fast.error, fast.completed) == (error, error is None)
    slow.assert_open()
    slow.request(2)  # the end needs no demand of its own
    assert slow.items == [0, 1, 2]
    assert (slow.error, slow.completed) == (error, error is None)


def test_a_subscriber_that_raises_does_not_hurt_the_others() -> None:
    def fail(_: Any, item: int) -> None:
        raise ValueError(item)

    shared = rx.range(5).publish(prefetch=2)
    raising = TestSubscriber[int](9, then=fail)
    other = TestSubscriber[int](9)
    shared.subscribe(raising)
    shared.subscribe(other)
    with dropped_errors() as reported:
        shared.connect()
    assert raising.items == [0]
    other.assert_completed(0, 1, 2, 3, 4)
    assert [str(error) for error in reported] == ["0"]


def test_an_interrupt_in_a_subscriber_fails_the_others() -> None:
    def interrupt(_: Any, item: int) -> None:
        raise KeyboardInterrupt

    shared = rx.range(5).publish(prefetch=2)
    other = TestSubscriber[int](9)
    shared.subscribe(TestSubscriber[int](9, then=interrupt))
    shared.subscribe(other)
    with pytest.raises(KeyboardInterrupt):
        shared.connect()
    assert isinstance(other.error, RuntimeError)
    assert "KeyboardInterrupt" in str(other.error)


def test_re_entrant_requests_and_joins_and_leaves() -> None:
    source = rx.Subject[int]()
    shared = source.pipe(ops.on_backpressure_buffer(9)).share(prefetch=2)
    inner = TestSubscriber[int](9)

    def join(probe: TestSubscriber[int], item: int) -> None:
        probe.request(1)
        if item == 2:
            shared.subscribe(inner)
        if item == 3:
            probe.cancel()

    outer = TestSubscriber[int](1, then=join)
    shared.subscribe(outer)
    for item in range(1, 6):
        source.on_next(item)
    assert outer.items == [1, 2, 3]
    assert inner.items == [3, 4, 5]
    assert outer.depth == inner.depth == 1


# Connecting.


def test_a_connectable_flow_is_a_connectable_observable() -> None:
    source = counted(range(3))
    connectable = rx.from_iterable(source).publish()
    assert isinstance(connectable, ConnectableObservable)
    assert not connectable.has_subscription
    items: list[int] = []
    connectable.subscribe(items.append)
    assert source.taken == 0
    connection = connectable.connect()
    assert items == [0, 1, 2]
    assert connectable.has_subscription
    assert connectable.connect() is connection
    assert connectable.subscription is connection
    assert connection is not None
    connection.dispose()
    assert not connectable.has_subscription


@pytest.mark.parametrize("ref_count", [ops.ref_count, reactivex.operators.ref_count])
def test_ref_count_in_pipe(ref_count: Callable[[], Any]) -> None:
    shared = rx.range(3).pipe(ops.publish(), ref_count())
    assert isinstance(shared, rx.SharedFlow)
    assert list(shared) == [0, 1, 2]


def test_ref_count_of_another_flow_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(TypeError, match=r"use share\(\)"):
        rx.range(3).pipe(ops.ref_count())


def test_on_a_plain_observable_they_stay_plain_rx() -> None:
    plain = reactivex.of(1, 2)
    assert not isinstance(plain.pipe(ops.share()), rx.Flow)
    assert not isinstance(plain.pipe(ops.publish(), ops.ref_count()), rx.Flow)
    assert not isinstance(plain.pipe(ops.replay()), rx.Flow)
    with pytest.raises(TypeError, match="on_backpressure_buffer"):
        plain.pipe(ops.share(prefetch=4))


def test_the_last_one_leaving_cancels_and_the_next_one_subscribes_again() -> None:
    source = TestPublisher[int]()
    shared = rx.from_publisher(source).share()
    first, second = probes(shared, 1, 1)
    assert source.subscribers == 1
    first.cancel()
    first.cancel()
    assert source.cancels == 0
    second.cancel()
    assert source.cancels == 1
    (third,) = probes(shared, 1)
    assert source.subscribers == 2
    source.emit(7)
    third.assert_items(7)


def test_an_end_that_was_only_fetched_ahead_is_fetched_again() -> None:
    shared = rx.range(3).share()
    assert list(shared.take(1)) == [0]
    assert list(shared.take(1)) == [0]  # as in plain Rx
    assert list(shared) == [0, 1, 2]
    assert list(shared) == []  # now its end was heard: as in plain Rx too


def test_ref_count_waits_for_as_many_as_it_is_told() -> None:
    source = counted(range(3))
    shared = rx.from_iterable(source).publish().ref_count(2)
    (first,) = probes(shared, 9)
    assert source.taken == 0
    (second,) = probes(shared, 9)
    first.assert_completed(0, 1, 2)
    second.assert_completed(0, 1, 2)


def test_auto_connect_stays_connected() -> None:
    source = TestPublisher[int]()
    shared = rx.from_publisher(source).publish().auto_connect(2)
    first, second = probes(shared, 1, 1)
    assert source.subscribers == 1
    first.cancel()
    second.cancel()
    assert source.cancels == 0
    now = rx.from_publisher(source).publish().auto_connect(0)
    assert source.subscribers == 2
    assert isinstance(now, rx.SharedFlow)


def test_disposing_of_the_connection_leaves_subscribers_that_go_on_when_it_is_connected() -> None:
    source = TestPublisher[int]()
    connectable = rx.from_publisher(source, prefetch=1).publish()
    (probe,) = probes(connectable, 9)
    connection = connectable.connect()
    source.emit(1)
    assert connection is not None
    connection.dispose()
    connection.dispose()
    assert source.cancelled
    probe.assert_open()
    connectable.connect()
    source.emit(2)
    assert probe.items == [1, 2]


def test_a_mapper_uses_the_source_several_times_in_each_subscription() -> None:
    source = counted(range(4))

    def sums(shared: rx.ConnectableFlow[int]) -> rx.Flow[int]:
        return shared.zip(shared.skip(1)).map(sum)

    flow = rx.from_iterable(source).publish(sums)
    probe = TestSubscriber[int](1)
    flow.subscribe(probe)
    assert probe.items == [1]
    probe.request(9)
    probe.assert_completed(1, 3, 5)
    assert list(flow) == []  # the counted source is used up
    assert list(rx.range(4).publish(sums)) == [1, 3, 5]


def test_a_mapped_subscription_that_is_cancelled_disconnects() -> None:
    source = TestPublisher[int]()
    flow = rx.from_publisher(source).publish(lambda shared: shared.map(str))
    (probe,) = probes(flow, 1)
    source.emit(1)
    probe.cancel()
    assert probe.items == ["1"]
    assert source.cancelled


# An overflow strategy for each subscriber.


def push(subject: Any, *items: Any) -> None:
    for item in items:
        subject.on_next(item)


def test_each_subscriber_has_its_own_overflow_and_none_holds_the_others_back() -> None:
    subject = rx.Subject[int]()
    shared = subject.pipe(ops.on_backpressure_buffer(100)).share()
    dropped: list[tuple[int, str]] = []

    def drop(item: int, reason: str) -> None:
        dropped.append((item, reason))

    latest = shared.with_overflow(rx.DROP_OLDEST, capacity=1)
    first = shared.with_overflow(rx.DROP_INCOMING, capacity=2, on_drop=drop)
    lockstep, newest, oldest = (
        *probes(shared, rx.UNBOUNDED),
        *probes(latest, 0),
        *probes(first, 0),
    )
    push(subject, 1, 2, 3, 4)
    assert lockstep.items == [1, 2, 3, 4]
    newest.request(1)
    oldest.request(9)
    assert newest.items == [4]
    assert oldest.items == [1, 2]
    assert dropped == [(3, "incoming"), (4, "incoming")]
    assert oldest.statistics["share #3"].dropped == {"incoming": 2}
    push(subject, 5)
    subject.on_completed()
    newest.assert_items(4)
    newest.request(1)
    newest.assert_completed(4, 5)
    oldest.assert_completed(1, 2, 5)
    balanced(shared)


def test_a_lockstep_subscriber_holds_those_with_their_own_buffer_back_too() -> None:
    source = counted(range(100))
    shared = rx.from_iterable(source).publish(prefetch=4)
    probes(shared, 1)
    probes(shared.with_overflow(rx.DROP_OLDEST, capacity=2), 0)
    shared.connect()
    assert source.taken == 5


def test_without_a_lockstep_subscriber_upstream_runs_free() -> None:
    source = counted(range(100))
    shared = rx.from_iterable(source).share(prefetch=4)
    (probe,) = probes(shared.with_overflow(rx.DROP_OLDEST, capacity=2), 1)
    assert source.taken == 100
    probe.request(9)
    probe.assert_completed(0, 98, 99)


@pytest.mark.parametrize("capacity", [1, 3])
def test_a_buffer_of_its_own_holds_exactly_its_capacity(capacity: int) -> None:
    subject = rx.Subject[int]()
    shared = subject.pipe(ops.on_backpressure_buffer(9)).share()
    failing = shared.with_overflow(rx.FAIL, capacity=capacity)
    (probe,), (other,) = probes(failing, 0), probes(shared, 9)
    push(subject, *range(capacity))
    probe.assert_open()
    push(subject, "more")
    assert other.items == [*range(capacity), "more"]
    probe.request(9)
    probe.assert_failed(rx.BufferOverflowError, *range(capacity))
    assert "share #1" in str(probe.error)
    push(subject, "others go on")
    assert other.items[-1] == "others go on"


def test_on_drop_that_raises_fails_its_own_subscriber_only() -> None:
    subject = rx.Subject[int]()
    shared = subject.pipe(ops.on_backpressure_buffer(9)).share()

    def fail(item: int, reason: str) -> None:
        raise KeyError(item)

    (probe,) = probes(shared.with_overflow(rx.DROP_INCOMING, capacity=1, on_drop=fail), 0)
    (other,) = probes(shared, 9)
    push(subject, 1, 2, 3)
    probe.request(9)
    probe.assert_failed(KeyError, 1)
    assert other.items == [1, 2, 3]


def test_what_one_holds_when_it_leaves_is_discarded() -> None:
    subject = rx.Subject[int]()
    shared = subject.pipe(ops.on_backpressure_buffer(9)).share()
    discarded: list[int] = []
    (probe,) = probes(
        shared.with_overflow(rx.DROP_OLDEST, capacity=4, on_discard=discarded.append), 0
    )
    push(subject, 1, 2)
    probe.cancel()
    assert discarded == [1, 2]


def test_the_latest_item_is_not_stale_behind_observe_on() -> None:
    scheduler = TestScheduler()
    subject = rx.Subject[int]()
    shared = subject.pipe(ops.on_backpressure_buffer(9)).share()
    flow = shared.with_overflow(rx.DROP_OLDEST, capacity=1).observe_on(scheduler)
    (probe,) = probes(flow, 0)
    push(subject, 1, 2, 3)
    probe.request(9)
    scheduler.start()
    assert probe.items == [1, 3]  # 1 was on its way, as behind on_backpressure_latest


@pytest.mark.parametrize("overflow", [rx.SUSPEND, rx.BLOCK])
def test_a_strategy_that_waits_is_lockstep(overflow: rx.Overflow) -> None:
    with pytest.raises(TypeError, match="lockstep"):
        rx.range(3).share().with_overflow(overflow)


@pytest.mark.parametrize(
    ("build", "error"),
    [
        (lambda: rx.range(3).share(prefetch=0), ValueError),
        (lambda: rx.range(3).share(eject_after=-1), ValueError),
        (lambda: rx.range(3).publish(prefetch=1.5), ValueError),
        (lambda: rx.range(3).publish().ref_count(0), ValueError),
        (lambda: rx.range(3).publish().auto_connect(-1), ValueError),
        (lambda: rx.range(3).replay(-1), ValueError),
        (lambda: rx.range(3).share().with_overflow(rx.FAIL, capacity=0), ValueError),
        (lambda: rx.range(3).share().with_overflow("oldest"), TypeError),
        (lambda: rx.range(3).publish(asyncio.sleep), TypeError),
    ],
)
def test_bad_arguments_are_errors_when_the_pipeline_is_built(
    build: Callable[[], Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        build()


# Ejection.


def test_one_slow_subscriber_is_named_and_ejected_and_the_others_go_on() -> None:
    scheduler = TestScheduler()
    subject = rx.Subject[int]()
    shared = subject.pipe(ops.on_backpressure_buffer(9)).share(prefetch=2, eject_after=5)
    fast, slow = TestSubscriber[int](9), TestSubscriber[int](1)
    for probe in (fast, slow):
        shared.subscribe(probe, scheduler=scheduler)
    push(subject, 1, 2, 3, 4, 5)
    assert fast.items == [1, 2, 3]
    scheduler.advance_to(4.99)
    slow.assert_open()
    scheduler.advance_to(5.0)
    slow.assert_failed(rx.SlowConsumerError, 1)
    error = slow.error
    assert isinstance(error, rx.SlowConsumerError)
    assert (error.operator, error.subscriber, error.held, error.seconds) == ("share", 2, 2, 5.0)
    assert "subscriber #2 held 2 items" in str(error)
    assert fast.items == [1, 2, 3, 4, 5]
    assert slow.statistics["share #2"].discarded == 2
    fast.assert_open()


def test_taking_one_item_in_time_is_enough() -> None:
    scheduler = TestScheduler()
    subject = rx.Subject[int]()
    shared = subject.pipe(ops.on_backpressure_buffer(99)).share(prefetch=2, eject_after=5)
    slow = TestSubscriber[int](1)
    shared.subscribe(slow, scheduler=scheduler)
    probes(shared, rx.UNBOUNDED)
    push(subject, *range(9))
    for time in (4, 8, 12):
        scheduler.advance_to(time)
        slow.request(2)
        slow.assert_open()
    scheduler.advance_to(16.9)
    slow.assert_open()
    scheduler.advance_to(17)
    slow.assert_failed(rx.SlowConsumerError, *range(7))


def test_one_that_never_asks_is_ejected_too() -> None:
    scheduler = TestScheduler()
    shared = rx.range(3).publish(eject_after=timedelta(seconds=5))
    idle, other = probes(shared, 0, 9)
    scheduler.advance_to(100)  # before it is connected there is nothing to wait for
    shared.connect(scheduler)
    scheduler.advance_by(4.9)
    idle.assert_open()
    scheduler.advance_by(0.2)
    idle.assert_failed(rx.SlowConsumerError)
    other.assert_completed(0, 1, 2)


def test_nobody_is_ejected_after_the_end() -> None:
    scheduler = TestScheduler()
    shared = rx.range(3).share(eject_after=5, prefetch=3)
    probe = TestSubscriber[int](1)
    shared.subscribe(probe, scheduler=scheduler)
    scheduler.advance_to(100)
    probe.request(2)
    probe.assert_completed(0, 1, 2)


def test_on_an_event_loop_its_clock_ejects() -> None:
    async def main() -> None:
        shared = rx.range(1000).share(prefetch=4, eject_after=60)
        fast, slow = TestSubscriber[int](0), TestSubscriber[int](1)
        shared.subscribe(fast)
        shared.subscribe(slow)
        fast.request(rx.UNBOUNDED)
        await asyncio.sleep(59)
        slow.assert_open()
        assert fast.items == [0, 1, 2, 3, 4]
        await asyncio.sleep(2)
        slow.assert_failed(rx.SlowConsumerError, 0)
        fast.assert_completed(*range(1000))

    run_virtual(main())


# Replay.


def test_a_late_subscriber_gets_the_last_items_and_the_end() -> None:
    shared = rx.range(5).replay(2).ref_count()
    assert list(shared) == [0, 1, 2, 3, 4]
    (late,) = probes(shared, 1)
    assert late.items == [3]
    late.assert_open()
    late.request(1)
    late.assert_completed(3, 4)


@pytest.mark.parametrize(("at", "items"), [(19.9, [1, 2]), (20, [1, 2]), (20.1, [2])])
def test_the_window_at_its_boundary(at: float, items: list[int]) -> None:
    scheduler = TestScheduler()
    subject = rx.Subject[int]()
    shared = (
        subject.pipe(ops.on_backpressure_buffer(9)).replay(9, 10.0, scheduler=scheduler)
    ).ref_count()
    probes(shared, 9)
    scheduler.advance_to(10)
    push(subject, 1)
    scheduler.advance_to(15)
    push(subject, 2)
    scheduler.advance_to(at)
    (late,) = probes(shared, 9)
    assert late.items == items


def test_a_late_subscriber_with_its_own_buffer_gets_the_newest_that_fit() -> None:
    shared = rx.range(9).replay(5).auto_connect()
    assert list(shared) == list(range(9))
    (late,) = probes(shared.with_overflow(rx.DROP_OLDEST, capacity=2), 9)
    late.assert_completed(7, 8)


def test_publish_value_tells_each_the_last_item() -> None:
    subject = rx.Subject[int]()
    shared = subject.pipe(ops.on_backpressure_buffer(9)).publish_value(0).ref_count()
    (first,) = probes(shared, 9)
    assert first.items == [0]
    push(subject, 1, 2)
    (second,) = probes(shared, 9)
    assert second.items == [2]
    subject.on_completed()
    first.assert_completed(0, 1, 2)
    (late,) = probes(shared, 9)
    late.assert_completed()


# Event loops and threads.


def test_async_for_of_several_tasks() -> None:
    closed: list[str] = []

    async def numbers() -> Any:
        try:
            for n in range(100):
                await asyncio.sleep(1)
                yield n
        finally:
            closed.append("closed")

    async def consume(flow: Any, pause: float, count: int) -> list[int]:
        items: list[int] = []
        async with aclosing(aiter(flow)) as iteration:
            async for item in iteration:
                items.append(item)
                if len(items) == count:
                    break
                await asyncio.sleep(pause)
        return items

    async def main() -> None:
        shared = rx.from_async_iterable(numbers()).share(prefetch=2)
        latest = shared.with_overflow(rx.DROP_OLDEST, capacity=1)
        results = await asyncio.gather(
            consume(shared, 0.1, 10), consume(shared, 3, 20), consume(latest, 10, 5)
        )
        assert results[:2] == [list(range(10)), list(range(20))]
        assert results[2] == sorted(set(results[2]))
        assert closed == ["closed"]  # the last one who left has waited for it

    run_virtual(main())


def test_a_subscriber_that_joins_or_leaves_in_the_middle_loses_nothing_of_the_others() -> None:
    subject = rx.Subject[int]()
    shared = subject.pipe(ops.on_backpressure_block(64)).share(prefetch=8)
    staying = TestSubscriber[int](rx.UNBOUNDED)
    shared.subscribe(staying)
    count, failures, over = 1000, list[str](), threading.Event()

    def come_and_go() -> None:
        while not over.is_set():
            probe = TestSubscriber[int](rx.UNBOUNDED)
            shared.subscribe(probe)
            probe.cancel()
            items = list(probe.items)
            if items and items != list(range(items[0], items[0] + len(items))):
                failures.append(f"a gap in {items}")
            failures.extend(probe.violations)

    threads = [threading.Thread(target=come_and_go) for _ in range(2)]
    for thread in threads:
        thread.start()
    for n in range(count):
        subject.on_next(n)
    over.set()
    for thread in threads:
        thread.join(10)
    subject.on_completed()
    staying.wait_for(lambda probe: probe.ended)
    staying.assert_completed(*range(count))
    assert failures == []


def test_one_that_joins_while_the_last_one_leaves_is_not_left_without_a_source() -> None:
    shared = rx.repeat_value(7).share(prefetch=2)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(200):
            leaving, joining = TestSubscriber[int](1), TestSubscriber[int](1)
            shared.subscribe(leaving)
            together = threading.Barrier(2)

            def leave(probe: Any = leaving, together: Any = together) -> None:
                together.wait()
                probe.cancel()

            thread = threading.Thread(target=leave)
            thread.start()
            together.wait()
            shared.subscribe(joining)
            thread.join(10)
            joining.wait_for(lambda probe: probe.items)
            joining.cancel()
            assert shared.hub.connection is None
    finally:
        sys.setswitchinterval(interval)


def test_the_parts_of_a_partition_keep_demand() -> None:
    source = counted(range(100))
    evens, odds = rx.from_iterable(source).partition(lambda x: x % 2 == 0)
    left, right = TestSubscriber[int](0), TestSubscriber[int](0)
    evens.subscribe(left)
    odds.subscribe(right)
    assert source.taken == 0
    left.request(2)
    right.request(1)
    assert left.items == [0, 2]
    assert right.items == [1]
    left.request(rx.UNBOUNDED)
    right.request(rx.UNBOUNDED)
    left.assert_completed(*range(0, 100, 2))
    right.assert_completed(*range(1, 100, 2))


def test_the_producer_is_counted_while_it_is_being_disconnected() -> None:
    subscriber = TestSubscriber[int](2)
    seen = list[list[tuple[str, int]]]()

    def look() -> None:
        parts = subscriber.subscription.statistics()
        seen.append([(part.name, part.delivered) for part in parts])

    rx.range(5).pipe(ops.finally_action(look), ops.share(prefetch=3)).subscribe(subscriber)
    look()
    subscriber.cancel()
    look()
    assert [parts[:2] for parts in seen] == [[("range", 3), ("finally_action", 0)]] * 3


@pytest.mark.parametrize("stalled", [0, 1, 5, 11, 14])
def test_one_that_is_ejected_in_the_middle_of_what_it_takes_hears_why(stalled: int) -> None:
    """Its queue is emptied while its loop is busy with an item."""

    async def main() -> tuple[Any, Any]:
        shared = rx.range(200).pipe(ops.publish(prefetch=16, eject_after=1))

        async def consume(stall: int) -> list[int]:
            seen: list[int] = []
            async for item in shared:
                seen.append(item)
                if item == stall:
                    await asyncio.sleep(50)
            return seen

        both = asyncio.gather(consume(stalled), consume(-1), return_exceptions=True)
        await asyncio.sleep(0.01)
        shared.connect()
        return tuple(await both)

    slow, fast = run_virtual(main())
    assert isinstance(slow, rx.SlowConsumerError)
    assert fast == [*range(200)]
