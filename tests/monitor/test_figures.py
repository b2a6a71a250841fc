"""Each figure is exact where blocked, starved and working times are known by construction."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from reactivex.subject import Subject
from reactivex.testing import TestScheduler

import rxflow as rx
from rxflow import monitor
from rxflow import operators as ops
from rxflow.kernel import StageStatistics, count_roots
from rxflow.testing import TestSubscriber, run_virtual

Figures = dict[str, StageStatistics]


def by_name(parts: tuple[StageStatistics, ...]) -> Figures:
    assert count_roots(parts) == 1, "it is no tree"
    return {part.name: part for part in parts}


def times(part: StageStatistics) -> tuple[float, float, float]:
    return part.starved_seconds, part.blocked_seconds, part.working_seconds


async def every(seconds: float, count: int) -> AsyncIterator[int]:
    for number in range(count):
        await asyncio.sleep(seconds)
        yield number


async def loop(flow: rx.Flow[Any], seconds: float) -> Figures:
    """Iterate over a Flow; the body takes a time."""
    iteration = aiter(flow)
    async for _ in iteration:
        await asyncio.sleep(seconds)
    return by_name(iteration.statistics())


class Twice(list[int]):
    """Gives each of its items twice."""

    def __iter__(self) -> Iterator[int]:
        return iter([item for item in [*super().__iter__()] for _ in range(2)])


def test_a_list_that_grows_while_it_is_given_is_counted_as_it_is_given() -> None:
    items, subscriber, counted = [1, 2], TestSubscriber[int](3), list[int]()

    def grow(item: int) -> int:
        counted.append(subscriber.subscription.statistics()[0].delivered)
        if len(items) < 5:
            items.append(item)
        return item

    rx.from_iterable(items).pipe(ops.map(grow)).subscribe(subscriber)
    assert subscriber.subscription.statistics()[0].delivered == 3
    subscriber.request(9)
    assert len(subscriber.items) == 5
    assert subscriber.subscription.statistics()[0].delivered == 5
    assert counted == [1, 2, 3, 4, 5]
    other = TestSubscriber[int](3)
    rx.from_iterable(Twice([1, 2])).subscribe(other)
    assert other.subscription.statistics()[0].delivered == 3


def test_a_list_that_is_cleared_while_it_is_given_has_given_what_it_has() -> None:
    items, subscriber = [1, 2, 3], TestSubscriber[int](2)
    rx.from_iterable(items).subscribe(subscriber)
    delivered = lambda: subscriber.subscription.statistics()[0].delivered  # noqa: E731
    assert delivered() == 2
    items.clear()
    assert delivered() == 2
    subscriber.request(1)
    subscriber.assert_completed(1, 2)
    assert delivered() == 2


@pytest.mark.parametrize("capacity", [1, 2, 4])
@pytest.mark.parametrize("told", [False, True], ids=["untold", "told of drops"])
def test_the_oldest_goes_on_growing_older_when_nothing_comes_any_more(
    capacity: int, told: bool
) -> None:
    subject, subscriber, scheduler = Subject[int](), TestSubscriber[int](0), TestScheduler()
    subject.pipe(
        ops.on_backpressure_buffer(
            capacity,
            overflow=rx.DROP_OLDEST,
            on_drop=(lambda item, reason: None) if told else None,
        )
    ).subscribe(subscriber, scheduler=scheduler)
    for second in range(9):
        subject.on_next(second)
        scheduler.advance_by(1.0)
    scheduler.advance_by(3600.0)
    oldest = subscriber.subscription.statistics()[0].oldest_seconds
    assert oldest == pytest.approx(3600 + capacity, rel=1e-6)
    subscriber.request(1)
    assert subscriber.items == [9 - capacity]


def test_what_is_put_in_the_place_of_what_was_taken_back_is_timed_anew() -> None:
    subject, subscriber, scheduler = Subject[int](), TestSubscriber[int](1), TestScheduler()
    subject.pipe(ops.on_backpressure_reduce(lambda one, other: one + other)).subscribe(
        subscriber, scheduler=scheduler
    )
    for number in range(5):
        subject.on_next(number)
        scheduler.advance_by(10.0)
    door = subscriber.subscription.statistics()[0]
    assert door.oldest_seconds == pytest.approx(10.0)
    subscriber.request(1)
    assert subscriber.items == [0, 10]
    latency = subscriber.subscription.statistics()[0].latency
    assert (latency.count, latency.sum) == (1, pytest.approx(10.0))


AGES = [(rx.DROP_OLDEST, 4), (rx.DROP_NEWEST, 60), (rx.DROP_INCOMING, 60), (rx.DROP_ALL, 4)]
"""The age of the oldest of four at the end of a minute in which one came each second (seconds)."""


@pytest.mark.parametrize("told", [False, True], ids=["untold", "told of drops"])
@pytest.mark.parametrize("capacity", [1, 4])
@pytest.mark.parametrize(("overflow", "age"), AGES, ids=[str(each) for each, _ in AGES])
def test_the_oldest_of_a_full_queue_is_as_old_as_it_is_whatever_gives_way(
    overflow: rx.Overflow, age: int, capacity: int, told: bool
) -> None:
    if capacity == 1:
        age = 60 if overflow is rx.DROP_INCOMING else 1
    dropped: list[int] = []
    subject, subscriber, scheduler = Subject[int](), TestSubscriber[int](0), TestScheduler()
    subject.pipe(
        ops.on_backpressure_buffer(
            capacity,
            overflow=overflow,
            on_drop=(lambda item, reason: dropped.append(item)) if told else None,
        )
    ).subscribe(subscriber, scheduler=scheduler)
    for second in range(60):
        subject.on_next(second)
        scheduler.advance_by(1.0)
    door = subscriber.subscription.statistics()[0]
    assert door.oldest_seconds == pytest.approx(age, rel=1e-6)
    assert sum(door.dropped.values()) == 60 - door.held
    subscriber.request(1)
    assert subscriber.items == [60 - age]
    latency = subscriber.subscription.statistics()[0].latency
    assert latency.sum == latency.count * age  # of those that were not dropped, if one was timed


def test_a_slow_source_starves_those_behind_it() -> None:
    figures = run_virtual(loop(rx.from_async_iterable(every(2, 5)).pipe(ops.map(str)), 0))
    assert times(figures["from_async_iterable"]) == (10.0, 0.0, 0.0)
    assert times(figures["map"]) == (10.0, 0.0, 0.0)


def test_a_slow_consumer_blocks_those_before_it() -> None:
    figures = run_virtual(loop(rx.range(5).pipe(ops.map(str), ops.filter(bool)), 3))
    for name in ("range", "map", "filter"):
        assert times(figures[name]) == (0.0, 15.0, 0.0)


def test_where_both_are_slow_each_has_its_part() -> None:
    figures = run_virtual(loop(rx.from_async_iterable(every(2, 5)).pipe(ops.map(str)), 3))
    assert times(figures["map"]) == (10.0, 15.0, 0.0)


def test_a_slow_async_function_works_and_its_source_is_blocked() -> None:
    async def slow(item: int) -> int:
        await asyncio.sleep(4)
        return item

    flow = rx.range(6).pipe(ops.map(abs), ops.map_async(slow, 2), ops.filter(lambda _: True))
    figures = run_virtual(loop(flow, 0))
    assert times(figures["map"]) == (0.0, 12.0, 0.0)
    assert times(figures["map_async"]) == (12.0, 0.0, 24.0)
    assert times(figures["filter"]) == (12.0, 0.0, 0.0)


def test_calls_that_run_count_as_far_as_they_have_come() -> None:
    async def slow(item: int) -> int:
        await asyncio.sleep(4 if item else 2)
        return item

    async def main() -> None:
        iteration = aiter(rx.range(9).pipe(ops.map_async(slow, 3)))
        assert await anext(iteration) == 0
        await asyncio.sleep(1)
        part = by_name(iteration.statistics())["map_async"]
        assert (part.in_flight, part.working_seconds, part.oldest_seconds) == (2, 8.0, 3.0)
        await iteration.aclose()
        part = by_name(iteration.statistics())["map_async"]
        assert (part.in_flight, part.working_seconds) == (0, 8.0)

    run_virtual(main())


class Clock(TestScheduler):
    """A scheduler whose clock functions move, as if they took their time."""

    __test__ = False

    def works(self, seconds: float) -> Any:
        def work(item: Any) -> Any:
            self.sleep(seconds)
            return item

        return work


@pytest.mark.parametrize("slow", [0, 1, 2])
@pytest.mark.parametrize("count", [1, 31, 32, 33, 3_000])
def test_of_synchronous_stages_the_slow_one_works(slow: int, count: int) -> None:
    clock, probe = Clock(), TestSubscriber[int](rx.UNBOUNDED)
    seconds = [4.0 if index == slow else 1.0 for index in range(3)]
    first, second, third = (clock.works(each) for each in seconds)
    flow = rx.from_iterable(range(count)).pipe(
        ops.map(first), ops.filter(lambda _: second(True)), ops.do_action(third)
    )
    flow.subscribe(probe, scheduler=clock)
    clock.start()
    figures = by_name(probe.subscription.statistics())
    names = ["map", "filter", "do_action"]
    total = count * sum(seconds)
    for index, name in enumerate(names):
        before, own = count * sum(seconds[:index]), count * seconds[index]
        expected = (before, total - before - own, own)
        assert times(figures[name]) == pytest.approx(expected), name
    assert times(figures["from_iterable"]) == pytest.approx((0.0, total, 0.0))


def test_a_generator_works_and_a_slow_subscriber_blocks() -> None:
    clock = Clock()

    def generator() -> Iterator[int]:
        for number in range(100):
            clock.sleep(2.0)
            yield number

    class Slow(TestSubscriber[int]):
        def on_next(self, value: int) -> None:
            super().on_next(value)
            clock.sleep(5.0)

    probe = Slow(rx.UNBOUNDED)
    rx.from_iterable(generator()).pipe(ops.map(clock.works(3.0))).subscribe(probe, scheduler=clock)
    clock.start()
    figures = by_name(probe.subscription.statistics())
    assert times(figures["from_iterable"]) == pytest.approx((0.0, 800.0, 200.0))
    assert times(figures["map"]) == pytest.approx((200.0, 500.0, 300.0))


def test_single_items_that_are_handed_over_leave_the_rest_of_the_time_to_starvation() -> None:
    clock, source, probe = Clock(), Subject[int](), TestSubscriber[int](rx.UNBOUNDED)
    source.pipe(
        ops.on_backpressure_buffer(9), ops.map(clock.works(2.0)), ops.filter(lambda _: True)
    ).subscribe(probe, scheduler=clock)
    for number in range(200):
        clock.sleep(3.0)
        source.on_next(number)
    figures = by_name(probe.subscription.statistics())
    assert probe.items == list(range(200))
    assert times(figures["map"]) == pytest.approx((600.0, 0.0, 400.0))
    assert times(figures["filter"]) == pytest.approx((1000.0, 0.0, 0.0))
    assert figures["on_backpressure_buffer"].blocked_seconds == 0.0


def test_without_demand_a_door_is_blocked_from_its_first_item_on() -> None:
    clock, source, probe = Clock(), Subject[int](), TestSubscriber[int](1)
    source.pipe(ops.on_backpressure_buffer(3, overflow=rx.DROP_OLDEST), ops.map(str)).subscribe(
        probe, scheduler=clock
    )
    door = lambda: by_name(probe.subscription.statistics())["on_backpressure_buffer"]  # noqa: E731
    clock.sleep(5)
    source.on_next(0)  # is handed on
    assert times(door()) == (5.0, 0.0, 0.0)
    clock.sleep(7)  # idle: not asked, and nothing is held
    source.on_next(1)
    clock.sleep(2)
    assert times(door()) == (5.0, 2.0, 0.0)
    assert door().oldest_seconds == 2.0
    for number in range(2, 9):
        source.on_next(number)
    clock.sleep(1)
    assert door().dropped == {"oldest": 5}
    probe.request(2)
    assert times(door()) == (5.0, 3.0, 0.0)
    clock.sleep(1)
    probe.request(2)
    clock.sleep(10)
    assert times(door()) == (15.0, 4.0, 0.0)
    probe.cancel()
    clock.sleep(10)
    assert times(door()) == (15.0, 4.0, 0.0)


def test_each_source_of_a_merge_has_times_of_its_own() -> None:
    flow = rx.from_async_iterable(every(1, 6)).pipe(
        ops.map(str),
        ops.merge(rx.from_async_iterable(every(3, 4)).pipe(ops.filter(lambda _: True))),
    )
    figures = run_virtual(loop(flow, 0))
    assert figures["map"].starved_seconds == 6.0
    assert figures["filter"].starved_seconds == 12.0
    assert (figures["merge"].inputs, figures["merge"].starved_seconds) == (2, 12.0)


def test_sources_one_after_another_have_the_times_in_which_they_were_there() -> None:
    first = rx.from_async_iterable(every(1, 4)).pipe(ops.map(str))
    second = rx.from_async_iterable(every(5, 2)).pipe(ops.filter(lambda _: True))
    figures = run_virtual(loop(first.pipe(ops.concat(second)), 2))
    assert times(figures["map"]) == (4.0, 8.0, 0.0)
    assert times(figures["filter"]) == (10.0, 4.0, 0.0)
    assert times(figures["concat"]) == (14.0, 12.0, 0.0)


def test_a_slow_subscriber_of_a_shared_flow_is_the_one_that_is_blocked() -> None:
    async def main() -> None:
        shared = rx.from_async_iterable(every(1, 8)).pipe(ops.share())
        quick = asyncio.ensure_future(loop(shared.pipe(ops.map(str)), 0))
        slow = await loop(shared.pipe(ops.map(abs)), 1.5)
        assert slow["map"].blocked_seconds == 12.0
        assert (await quick)["map"].blocked_seconds == 0.0

    run_virtual(main())


FLOWS = {
    "merge": lambda a, b: a.pipe(ops.merge(b)),
    "zip": lambda a, b: a.pipe(ops.zip(b)),
    "combine_latest": lambda a, b: a.pipe(ops.combine_latest(b)),
    "with_latest_from": lambda a, b: a.pipe(ops.with_latest_from(b)),
    "concat": lambda a, b: a.pipe(ops.concat(b)),
    "flat_map": lambda a, b: a.pipe(ops.flat_map(lambda _: b)),
    "concat_map_eager": lambda a, b: a.pipe(ops.concat_map_eager(lambda _: b)),
    "switch_map": lambda a, b: a.pipe(ops.switch_map(lambda _: b)),
    "amb": lambda a, b: a.pipe(ops.amb(b)),
    "take_until": lambda a, b: a.pipe(ops.take_until(b)),
    "group_by": lambda a, b: a.pipe(
        ops.group_by(lambda x: x % 2), ops.flat_map(lambda group: group.pipe(ops.map(str)))
    ),
    "share": lambda a, b: a.pipe(ops.share(), ops.map(str)),
    "publish": lambda a, b: a.pipe(ops.publish(lambda s: s.pipe(ops.merge(s)))),
    "parallel": lambda a, b: a.pipe(ops.parallel(2, ops.map(str))),
    "observe_on": lambda a, b: a.pipe(ops.merge(b), ops.observe_on(TestScheduler())),
    "retry": lambda a, b: a.pipe(ops.retry(2)),
    "join": lambda a, b: a.pipe(ops.join(b, lambda _: b, lambda _: b)),
    "expand": lambda a, b: a.pipe(ops.expand(lambda x: rx.range(x))),
    "lifted": lambda a, b: a.pipe(ops.scan(max), ops.pairwise()),
}


@pytest.mark.parametrize("name", FLOWS)
@pytest.mark.parametrize("demand", [0, 1, 3, rx.UNBOUNDED])
def test_the_figures_are_a_tree_and_counters_never_go_backwards(name: str, demand: int) -> None:
    probe = TestSubscriber[Any](demand)
    a, b = rx.range(4).pipe(ops.map(abs)), rx.range(3).pipe(ops.filter(lambda _: True))
    FLOWS[name](a, b).subscribe(probe)
    before: Figures = {}
    for _ in range(6):
        parts = probe.subscription.statistics()
        now = by_name(parts)
        for part, figures in before.items():
            if part in now and [each.name for each in parts].count(part) == 1:
                since = now[part].minus(figures)
                assert min(since.received, since.delivered, since.discarded) >= 0, part
                assert min(times(since)) >= -1e-9, part
        before = now
        probe.request(1)
    probe.cancel()
    by_name(probe.subscription.statistics())


def test_throughput_is_what_came_between_two_snapshots() -> None:
    async def main() -> None:
        iteration = aiter(
            rx.from_async_iterable(every(0.5, 13)).pipe(ops.on_backpressure_buffer(9))
        )
        await anext(iteration)
        first = by_name(iteration.statistics())["on_backpressure_buffer"]
        for _ in range(12):
            await anext(iteration)
        second = by_name(iteration.statistics())["on_backpressure_buffer"]
        since = second.minus(first)
        assert since.delivered / 6.0 == 2.0
        assert since.starved_seconds == 6.0
        async for _ in iteration:
            raise AssertionError("there is another one")
        await asyncio.sleep(1)  # the source is closed

    run_virtual(main())


def test_nothing_is_kept_alive_by_figures_and_by_being_looked_at() -> None:
    class Item:
        """Something that can be seen to be let go of."""

    items = [Item() for _ in range(3)]
    gone = [weakref.ref(item) for item in items]
    subject, probe = Subject[Any](), TestSubscriber[Any](0)
    flow = subject.pipe(ops.on_backpressure_buffer(9), ops.map(lambda item: [item]))
    flow.subscribe(probe)
    for item in items:
        subject.on_next(item)
    del items, item
    seen = [each.statistics() for each in monitor.running()]
    probe.cancel()
    figures = probe.subscription.statistics()
    gc.collect()
    assert [each() for each in gone] == [None] * 3
    assert figures
    assert seen
    kept = weakref.ref(probe.subscription)
    del probe
    gc.collect()
    assert kept() is None


def test_a_subscription_tells_its_status_and_when_it_began() -> None:
    source, probe = Subject[int](), TestSubscriber[int](1)
    source.pipe(ops.on_backpressure_buffer(9), ops.map(str)).subscribe(probe)
    status = lambda: probe.subscription.status  # noqa: E731
    assert status() is monitor.Status.STARVED
    source.on_next(1)
    assert status() is monitor.Status.BLOCKED
    probe.cancel()
    assert status() is monitor.Status.CANCELLED
    other = TestSubscriber[int](1)
    rx.range(3).subscribe(other)
    assert other.subscription.started >= probe.subscription.started > 1e9


def test_the_statistics_of_a_subscription_are_small() -> None:
    from sys import getsizeof

    probe = TestSubscriber[int](1)
    source = Subject[int]()
    source.pipe(ops.on_backpressure_buffer(9), ops.map(str), ops.filter(bool)).subscribe(probe)
    for number in range(2_000):
        source.on_next(number)
        probe.request(1)
    drain: Any = probe.subscription
    island = drain._feed
    door = island._source
    size = 0
    for thing in (drain.meter, door._stay, door._stay._histogram, island._spent):
        size += getsizeof(thing) if thing is not None else 0
    if door._stay._histogram is not None:
        size += getsizeof(door._stay._histogram._counts)
    size += getsizeof(drain.meter.open)
    assert size < 1024


def test_an_inner_source_that_ends_while_the_figures_are_read_is_no_failure() -> None:
    emitters: list[rx.Emitter[int]] = []
    subscriber = TestSubscriber[int](9)
    inner = rx.create(emitters.append, overflow=rx.SUSPEND, capacity=4)
    rx.range(3).pipe(ops.concat_map_eager(lambda _: inner, max_concurrency=3)).subscribe(subscriber)
    feed: Any = subscriber.subscription._feed  # type: ignore[attr-defined]
    entry = feed._open[0]
    figures = entry.statistics

    def ends() -> Iterator[StageStatistics]:
        emitters[0].on_completed()
        return figures()

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(type(entry), "statistics", lambda self: ends() if self is entry else ())
        subscriber.subscription.statistics()
    assert len(feed._open) == 2
    subscriber.cancel()
