"""The traps that users of other libraries know, each with a test that names it.

A comment says who has the trap. What else there is to each operator is tested in its own file.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
import reactivex.operators
from reactivex import Subject
from reactivex.scheduler import ImmediateScheduler
from reactivex.testing import TestScheduler

import rxflow as rx
from rxflow import Offer
from rxflow import operators as ops
from rxflow.testing import TestPublisher, TestSubscriber, run_virtual
from tests.operators.rates import Asked
from tests.operators.waiting import Waiting, subscribed
from tests.support import counted


def same(item: Any) -> Any:
    return item


# RxJava's buffer(timespan, count) fails with MissingBackpressureException when its time has come
# and nobody asks; so does Reactor's bufferTimeout, with an OverflowException, unless it is told
# to be fair.

TIMED: dict[str, Callable[[TestScheduler], Any]] = {
    "buffer_with_time_or_count": lambda clock: ops.buffer_with_time_or_count(10.0, 3, clock),
    "buffer_with_time": lambda clock: ops.buffer_with_time(10.0, scheduler=clock, max_size=3),
    "window_with_time_or_count": lambda clock: ops.window_with_time_or_count(10.0, 3, clock),
    "window_with_time": lambda clock: ops.window_with_time(10.0, scheduler=clock),
}


@pytest.mark.parametrize("make", TIMED.values(), ids=TIMED)
def test_timed_batches_never_fail_for_want_of_demand(make: Callable[[TestScheduler], Any]) -> None:
    clock = TestScheduler()
    source = Asked()
    got: list[Any] = []

    def take(probe: Any, batch: Any) -> None:
        batch.subscribe(got.append) if isinstance(batch, rx.Observable) else got.extend(batch)

    probe: TestSubscriber[Any] = TestSubscriber(then=take)
    source.flow.pipe(make(clock)).subscribe(probe)
    pushed = 0
    for time in (1.0, 1000.0):
        if source.outstanding:  # where there is nowhere to put an item, upstream waits, too
            source.push(pushed := pushed + 1)
        clock.advance_to(time)
    assert probe.signals == ["on_subscribe"]
    probe.request(9)
    while pushed < 2:
        source.push(pushed := pushed + 1)
    probe.assert_open()
    assert got == [1, 2]


# Reactor and RxJava hang: groupBy with more groups than a flatMap subscribes to waits for ever,
# and nothing says so.


@pytest.mark.parametrize("consumers", [1, 2])
def test_group_by_with_fewer_consumers_than_groups_names_the_stalled_group_instead_of_hanging(
    consumers: int,
) -> None:
    async def main() -> list[int]:
        source = counted(count())
        flow = rx.from_iterable(source).pipe(
            ops.group_by(lambda x: "abc"[x % 3], prefetch=4, stalled=5.0),
            ops.flat_map(same, max_concurrency=consumers),
        )
        got: list[int] = []
        start = asyncio.get_running_loop().time()
        with pytest.raises(rx.GroupStalledError) as caught:
            await rx.for_each(flow, got.append)
        assert asyncio.get_running_loop().time() - start == pytest.approx(5.0)
        error = caught.value
        assert (error.key, error.held, error.subscribed) == ("abc"[consumers], 4, False)
        for words in (f"'{'abc'[consumers]}' holds 4 items", "max_groups=256", "nobody has sub"):
            assert words in str(error)
        assert source.closed == 1
        return got

    got = run_virtual(main())
    assert set(got) >= {n for n in range(12) if n % 3 < consumers}
    assert got == [n for n in range(got[-1] + 1) if n % 3 < consumers]


# RxJava and Reactor: observeOn and publishOn behind onBackpressureLatest fetch 128 and 256 items
# ahead, so what is delivered next is as old as the queue is long.

NEWEST: dict[str, Any] = {
    "on_backpressure_latest": ops.on_backpressure_latest(),
    "on_backpressure_reduce": ops.on_backpressure_reduce(lambda _, item: item),
    "conflate": ops.conflate(same, lambda _, item: item),
    "conflate_by_key": ops.conflate_by_key(lambda _: 0),
    "with_overflow": lambda source: (
        source.pipe(ops.on_backpressure_error()).share().with_overflow(rx.DROP_OLDEST, capacity=1)
    ),
}

# What is between the two; each of them gives an item for an item.
BETWEEN: dict[str, Any] = {
    "nothing": (),
    "map": (ops.map(same),),
    "flat_map_iterable": (ops.flat_map_iterable(lambda item: [item]),),
    "flat_map": (ops.flat_map(rx.return_value),),
    "merge": (ops.merge(rx.never()),),
    "concat": (ops.concat(rx.never()),),
    "amb": (ops.amb(rx.never()),),
    "take_until": (ops.take_until(rx.never()),),
    "retry": (ops.retry(),),
    "catch": (ops.catch(rx.never()),),
    "kill_switch": (ops.kill_switch(rx.KillSwitch()),),
    "timeout": (ops.timeout(99.0),),
    "throttle": (ops.throttle(1e6),),
    "cap_demand": (ops.cap_demand(3),),
    "valve": (ops.valve(rx.Valve()),),
    "named": (ops.named("name"),),
    "tap_signals": (ops.tap_signals(lambda signal, value: None),),
    "share": (ops.share(),),
    "replay": (lambda flow: flow.replay(1).ref_count(),),
    "partition": (lambda flow: flow.partition(lambda item: True)[0],),
    "balance": (lambda flow: flow.balance(1)[0],),
    "parallel": (ops.parallel(1, ops.map(same)),),
    "observe_on": (ops.observe_on(ImmediateScheduler()),),
    "a stock operator": (rx.lift(reactivex.operators.as_observable()),),
    "a stock operator that is lifted whole": (ops.timeout_with_mapper(rx.never()),),
}


def stale(door: Any, between: Any) -> list[Any]:
    """Push 40 items before the boundary has its turn; give the items behind those under way."""
    clock = TestScheduler()
    subject: Subject[int] = Subject()
    probe = subscribed(subject.pipe(door, *between, ops.observe_on(clock)), 1)
    for item in range(1, 41):
        subject.on_next(item)
    clock.advance_to(1)
    probe.request(5)
    clock.advance_to(2)
    probe.assert_open()
    return [item for item in probe.items if item != 1 and item != 40]


@pytest.mark.parametrize("door", NEWEST.values(), ids=NEWEST)
def test_latest_before_an_async_boundary_delivers_the_latest(door: Any) -> None:
    assert stale(door, ()) == []


@pytest.mark.parametrize("between", BETWEEN.values(), ids=BETWEEN)
def test_latest_before_an_async_boundary_delivers_the_latest_whatever_is_between(
    between: Any,
) -> None:
    under_way = len(between) if "observe_on" in repr(between) or "replay" in repr(between) else 1
    assert len(stale(NEWEST["on_backpressure_latest"], between)) <= under_way


# Mutiny's capDemandsTo caps each request; a subscriber that has asked for everything at once
# never asks again, and the stream stands still after the first n items.


@pytest.mark.parametrize("n", [1, 2, 7])
@pytest.mark.parametrize("length", [0, 1, 2, 50])
def test_an_unbounded_subscriber_behind_cap_demand_does_not_stall(n: int, length: int) -> None:
    source = Asked()
    probe = subscribed(source.flow.pipe(ops.cap_demand(n)), rx.UNBOUNDED)
    for item in range(length):
        assert 1 <= source.outstanding <= n
        source.push(item)
    source.complete()
    probe.assert_completed(*range(length))


# Mutiny's paceDemand asks for a batch each period whatever is asked for downstream, and says of
# itself that it does not obey Reactive Streams.


@pytest.mark.parametrize("batch", [1, 3, 100])
@pytest.mark.parametrize("demand", [0, 1, 2, 5])
def test_pacing_never_exceeds_demand(batch: int, demand: int) -> None:
    clock = TestScheduler()
    source = Asked()
    probe = subscribed(source.flow.pipe(ops.pace(batch, 1.0, scheduler=clock)), demand)
    for seconds in range(10):
        clock.advance_to(seconds)
        assert source.outstanding <= demand - len(probe.items)
        source.push(*range(source.outstanding))
    assert len(probe.items) == demand
    assert sum(source.requests) == demand
    probe.assert_open()


# Akka's Source.queue: the Future of an offer that was made when the stream had ended, or that
# waited when it did, was never completed (akka-core #23533); a queue of Kotlin or asyncio
# waits for ever for a consumer that is gone.


@pytest.mark.parametrize("overflow", [rx.SUSPEND, rx.BLOCK, rx.DROP_INCOMING, rx.FAIL], ids=repr)
@pytest.mark.parametrize("when", ["before", "meanwhile", "never"])
@pytest.mark.parametrize("end", ["request", "cancel", "complete", "fail"])
def test_an_awaiting_offer_always_ends(overflow: rx.Overflow, when: str, end: str) -> None:
    kept: list[rx.Emitter[Any]] = []

    async def main() -> Any:
        probe: TestSubscriber[Any] = TestSubscriber()
        rx.create(kept.append, overflow=overflow, capacity=1).subscribe(probe)
        [emitter] = kept
        await emitter.send("held")
        ends = {
            "request": lambda: probe.request(5),
            "cancel": probe.cancel,
            "complete": emitter.on_completed,
            "fail": lambda: emitter.on_error(KeyError()),
        }
        if when == "before":
            ends[end]()
        sending = asyncio.ensure_future(emitter.send("waits", timeout=3.0))
        await asyncio.sleep(1)
        if when == "meanwhile":
            ends[end]()
        await asyncio.sleep(9)
        assert sending.done()
        probe.cancel()
        return sending.exception() or sending.result()

    told = run_virtual(main())
    waits = overflow in (rx.SUSPEND, rx.BLOCK)
    if when == "before":
        assert told is (Offer.ENQUEUED if end == "request" else Offer.CLOSED)
    elif not waits:
        assert told is Offer.DROPPED
    elif when == "meanwhile":
        assert told is (Offer.ENQUEUED if end == "request" else Offer.CLOSED)
    else:
        assert isinstance(told, rx.OfferTimeoutError)


@pytest.mark.parametrize("end", ["request", "cancel", "time"])
def test_a_blocked_offer_of_a_thread_always_ends(end: str) -> None:
    subject: Subject[Any] = Subject()
    timeout = 0.05 if end == "time" else None
    probe = subscribed(subject.pipe(ops.on_backpressure_block(1, timeout=timeout)))
    subject.on_next("held")
    thread = threading.Thread(target=subject.on_next, args=("waits",), daemon=True)
    thread.start()
    if end == "request":
        probe.request(5)
    elif end == "cancel":
        probe.cancel()
    thread.join(5)
    assert not thread.is_alive()
    probe.request(5)
    assert probe.items == {"request": ["held", "waits"], "cancel": [], "time": ["held"]}[end]


# RxJava's queues round up to a power of two, and Reactor's to at least 8: 3 holds 4, or 8.

HOLDS: dict[str, Callable[[Any], Any]] = {
    "on_backpressure_buffer": lambda s: s.pipe(ops.on_backpressure_buffer(3)),
    "on_backpressure_buffer, ttl": lambda s: s.pipe(ops.on_backpressure_buffer(3, ttl=99.0)),
    "on_backpressure_buffer, weight": lambda s: s.pipe(
        ops.on_backpressure_buffer(3, weight=lambda _: 1)
    ),
    "from_observable": lambda s: rx.from_observable(s, overflow=rx.FAIL, capacity=3),
    "create": lambda s: rx.create(
        lambda emitter: s.subscribe(emitter), overflow=rx.FAIL, capacity=3
    ),
    "conflate_by_key": lambda s: s.pipe(ops.conflate_by_key(same, max_keys=3)),
    "with_overflow": lambda s: (
        s.pipe(ops.on_backpressure_error()).share().with_overflow(rx.FAIL, capacity=3)
    ),
}


@pytest.mark.parametrize("make", HOLDS.values(), ids=HOLDS)
def test_capacity_3_holds_3(make: Callable[[Any], Any]) -> None:
    subject: Subject[int] = Subject()
    probe = subscribed(make(subject))
    for item in range(3):
        subject.on_next(item)
    probe.assert_open()
    subject.on_next(3)
    probe.request(9)
    probe.assert_failed(rx.BufferOverflowError, 0, 1, 2)


PULLS: dict[str, tuple[int, Callable[[Any], Any]]] = {
    "limit_rate": (0, lambda flow: flow.limit_rate(3)),
    "observe_on": (0, lambda flow: flow.observe_on(TestScheduler(), prefetch=3)),
    "batch, and one that waits behind it": (0, lambda flow: flow.batch(2)),
    "balance": (1, lambda flow: flow.balance(1, prefetch=3)[0]),
}


@pytest.mark.parametrize(("demand", "make"), PULLS.values(), ids=PULLS)
def test_capacity_3_pulls_3(demand: int, make: Callable[[Any], Any]) -> None:
    source = counted(range(500))
    probe = subscribed(make(rx.from_iterable(source)), demand)
    assert len(probe.items) == demand
    assert source.taken - demand == 3
    probe.cancel()


# RxJava, Reactor and reactivex: a source that is ready is drained before the next one is looked
# at, so that merge(endless, other) never gives an item of the other.


@pytest.mark.parametrize("demand", [1, 3, 30])
@pytest.mark.parametrize(
    "merged",
    [
        rx.merge(rx.repeat_value("a"), rx.repeat_value("b")),
        rx.repeat_value("a").pipe(ops.merge(rx.repeat_value("b"))),
        rx.repeat_value("a").pipe(ops.merge(rx.repeat_value("b"), prefetch=1)),
    ],
    ids=["rx.merge", "merge", "merge, prefetch 1"],
)
def test_merge_of_two_ready_sources_is_fair(merged: Any, demand: int) -> None:
    probe = subscribed(merged)
    for _ in range(30 // demand):
        probe.request(demand)
    assert Counter(probe.items) == {"a": 15, "b": 15}
    assert all({probe.items[n], probe.items[n + 1]} == {"a", "b"} for n in range(0, 30, 2))
    probe.cancel()


def test_merge_hears_a_late_source_beside_one_that_is_always_ready() -> None:
    late = Waiting()
    probe = subscribed(rx.repeat_value("busy").pipe(ops.merge(late.flow)), 10)
    late.emit("late")
    probe.request(2)
    assert Counter(probe.items) == {"busy": 11, "late": 1}
    probe.cancel()


@pytest.mark.parametrize("demand", [1, 3_000])
@pytest.mark.parametrize("prefetch", [1, 256])
def test_an_inner_source_that_is_always_ready_does_not_keep_the_others_from_being_opened(
    demand: int, prefetch: int
) -> None:
    names = counted(iter("abcdef"))
    flat_map = ops.flat_map(rx.repeat_value, max_concurrency=3, prefetch=prefetch)
    probe = subscribed(rx.from_iterable(names).pipe(flat_map))
    for _ in range(3_000 // demand):
        probe.request(demand)
    found = Counter(probe.items)
    assert set(found) == set("abc")
    assert names.taken == 3
    tail = Counter(probe.items[-300:])
    assert tail == {"a": 100, "b": 100, "c": 100}
    probe.cancel()


def test_an_inner_source_that_never_has_an_item_does_not_keep_the_others_from_being_opened() -> (
    None
):
    rejecting = rx.repeat_value("never").filter(lambda item: item == "b")
    flow = rx.of(rejecting, rx.of("b")).pipe(ops.flat_map(same))

    async def main() -> None:
        probe = subscribed(flow, 1)
        await asyncio.sleep(0)
        probe.assert_items("b")
        probe.cancel()

    run_virtual(main())


# reactivex's and RxJava's replay() and ReplaySubject, and Reactor's Sinks.many().replay().all(),
# keep every item for ever; Reactor's unicast sink holds what nobody reads without a bound.


def test_replays_are_bounded() -> None:
    with pytest.raises(ValueError, match=r"replay\(buffer_size=1000\)"):
        rx.range(3).replay()
    with pytest.raises(ValueError, match="buffer_size"):
        rx.range(3).pipe(ops.replay(window=3.0))
    source = counted(range(100))
    shared = rx.from_iterable(source).replay(3, prefetch=2).ref_count()
    first, late = subscribed(shared, 50), subscribed(shared)
    assert source.taken == 52  # upstream waits for the slowest, which has room for 2
    figures = late.statistics["replay #2"]
    assert (figures.held, figures.capacity) == (3, 5)
    late.request(99)
    first.request(99)
    assert first.items == list(range(100))
    assert late.items == list(range(49, 100))


HUBS: dict[str, tuple[Callable[[], Any], int]] = {
    "BroadcastHub": (lambda: rx.BroadcastHub(3), 3),
    "MergeHub": (lambda: rx.MergeHub(3), 3),
    "PartitionHub": (lambda: rx.PartitionHub(lambda item, n: 0, 3), 3),
}


@pytest.mark.parametrize(("make", "bound"), HUBS.values(), ids=HUBS)
@pytest.mark.parametrize("demand", [0, 2])
def test_hubs_are_bounded(make: Callable[[], Any], bound: int, demand: int) -> None:
    hub = make()
    probe = subscribed(hub.flow, demand)
    source = counted(count())
    rx.from_iterable(source).subscribe(hub.sink())
    assert probe.items == list(range(demand))
    assert source.taken - demand <= bound
    probe.request(3)
    assert probe.items == list(range(demand + 3))
    assert source.taken - demand - 3 <= bound
    probe.cancel()


@pytest.mark.parametrize(
    "make",
    [
        lambda: rx.PublishProcessor(prefetch=3),
        lambda: rx.ReplayProcessor(2, prefetch=3),
        lambda: rx.UnicastProcessor(prefetch=3),
    ],
    ids=["PublishProcessor", "ReplayProcessor", "UnicastProcessor"],
)
def test_processors_are_bounded(make: Callable[[], Any]) -> None:
    processor = make()
    source: TestPublisher[int] = TestPublisher()
    source.subscribe(processor)
    probe = subscribed(processor)
    pushed = 0
    while source.requested:
        source.emit(pushed)
        pushed += 1
        assert pushed <= 3
    probe.request(50)
    while source.requested and pushed < 50:
        source.emit(pushed)
        pushed += 1
    source.complete()
    probe.assert_completed(*range(50))
    late = subscribed(processor, 99) if isinstance(processor, rx.ReplayProcessor) else None
    assert late is None or late.items == [48, 49]
