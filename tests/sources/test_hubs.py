"""Hubs and processors: producers and consumers that come and go, all of it bounded."""

from __future__ import annotations

import threading
from typing import Any

import pytest

import rxflow as rx
from rxflow import operators as ops
from rxflow.testing import TestPublisher, TestSubscriber
from tests.kernel.recorder import dropped_errors


def source_of(sink: Any) -> TestPublisher[Any]:
    source = TestPublisher[Any]()
    source.subscribe(sink)
    return source


def probe_of(flow: Any, demand: int = 0) -> TestSubscriber[Any]:
    probe = TestSubscriber[Any](demand)
    flow.subscribe(probe)
    return probe


# BroadcastHub.


def test_a_broadcast_goes_to_all_that_are_there() -> None:
    hub = rx.BroadcastHub[int](4)
    source = source_of(hub.sink())
    assert source.requested == 0  # nobody is there
    first = probe_of(hub.flow, 9)
    assert source.requested == 4
    source.emit(1)
    second = probe_of(hub.flow, 9)
    source.emit(2)
    first.cancel()
    source.emit(3)
    assert first.items == [1, 2]
    assert second.items == [2, 3]
    source.complete()
    second.assert_completed(2, 3)
    probe_of(hub.flow).assert_completed()


def test_a_broadcast_hub_has_one_producer() -> None:
    hub = rx.BroadcastHub[int]()
    hub.sink()
    with pytest.raises(RuntimeError, match="MergeHub"):
        hub.sink()


def test_completing_a_broadcast_cancels_the_producer_and_delivers_what_is_held() -> None:
    hub = rx.BroadcastHub[int](4)
    source = source_of(hub.sink())
    probe = probe_of(hub.flow, 1)
    source.emit(1, 2, 3)
    hub.complete()
    assert source.cancelled
    probe.assert_open()
    probe.request(9)
    probe.assert_completed(1, 2, 3)


def test_a_broadcast_has_subscribers_with_their_own_overflow() -> None:
    hub = rx.BroadcastHub[int](4)
    source = source_of(hub.sink())
    latest = probe_of(hub.flow.with_overflow(rx.DROP_OLDEST, capacity=1))
    source.emit(1, 2, 3, 4)
    assert source.requested == 4
    latest.request(1)
    assert latest.items == [4]
    held = {part.name: part.held for part in hub.statistics()}
    assert held == {"BroadcastHub": 0, "BroadcastHub #1": 0}


# PartitionHub.


def test_each_item_goes_where_the_function_says() -> None:
    hub = rx.PartitionHub[int](lambda item, count: item % count, 2)
    source = source_of(hub.sink())
    evens, odds = probe_of(hub.flow, 9), probe_of(hub.flow, 1)
    source.emit(1)
    source.emit(2)
    source.emit(3)
    source.emit(5)
    assert evens.items == [2]
    assert odds.items == [1]
    assert odds.statistics["PartitionHub #2"].held == 2
    assert source.requested == 0  # the next one may be for the full side, too
    odds.request(1)
    assert source.requested > 0
    source.emit(4)
    source.complete()
    evens.assert_completed(2, 4)
    odds.assert_open()
    odds.request(9)
    odds.assert_completed(1, 3, 5)


@pytest.mark.parametrize("index", [-1, 1, 99])
def test_an_index_of_nobody_fails_the_hub_and_names_the_item(index: int) -> None:
    hub = rx.PartitionHub[str](lambda item, count: index)
    source = source_of(hub.sink())
    probe = probe_of(hub.flow, 9)
    source.emit("lost")
    probe.assert_failed(IndexError)
    assert "'lost'" in str(probe.error)
    assert source.cancelled


def test_a_function_that_raises_fails_the_hub() -> None:
    error = KeyError("planted")

    def fail(item: int, count: int) -> int:
        raise error

    hub = rx.PartitionHub[int](fail)
    source = source_of(hub.sink())
    probes = [probe_of(hub.flow, 9) for _ in range(2)]
    source.emit(1)
    for probe in probes:
        probe.assert_failed(error)
    assert source.cancelled


# MergeHub.


def test_each_producer_has_a_bounded_buffer_before_anybody_reads() -> None:
    hub = rx.MergeHub[int](2)
    first, second = source_of(hub.sink()), source_of(hub.sink())
    assert first.requested == second.requested == 2
    first.emit(1, 2)
    second.emit(11)
    assert first.requested == 0
    probe = probe_of(hub.flow, 2)
    assert sorted(probe.items) == [1, 11]  # each in turn
    probe.request(1)
    assert first.requested == 2
    third = source_of(hub.sink())
    third.emit(21)
    assert 21 not in probe.items
    probe.request(1)
    assert sorted(probe.items) == [1, 2, 11, 21]


def test_merged_producers_are_fair() -> None:
    hub = rx.MergeHub[str](4)
    rx.repeat_value("a").subscribe(hub.sink())
    rx.repeat_value("b").subscribe(hub.sink())
    probe = probe_of(hub.flow, 100)
    assert probe.items.count("a") == probe.items.count("b") == 50
    late = source_of(hub.sink())  # a late one is not starved by those that are always ready
    late.emit("c")
    probe.request(6)
    assert "c" in probe.items


def test_a_producer_that_fails_is_reported_and_the_others_go_on() -> None:
    hub = rx.MergeHub[int]()
    bad, good = source_of(hub.sink()), source_of(hub.sink())
    probe = probe_of(hub.flow, 9)
    bad.emit(1)
    with dropped_errors() as reported:
        bad.fail(KeyError("planted"))
    good.emit(2)
    assert probe.items == [1, 2]
    probe.assert_open()
    assert [type(error) for error in reported] == [KeyError]


def test_complete_lets_those_end_that_are_there() -> None:
    hub = rx.MergeHub[int]()
    source = source_of(hub.sink())
    probe = probe_of(hub.flow, 1)
    hub.complete()
    assert source_of(hub.sink()).cancelled
    source.emit(1, 2)
    source.complete()
    assert probe.items == [1]
    probe.assert_open()
    probe.request(1)
    probe.assert_completed(1, 2)


def test_drain_cancels_the_producers_and_delivers_what_is_held() -> None:
    hub = rx.MergeHub[int](4)
    sources = [source_of(hub.sink()) for _ in range(2)]
    probe = probe_of(hub.flow)
    for source in sources:
        source.emit(1, 2)
    hub.drain()
    assert all(source.cancelled for source in sources)
    probe.request(4)
    probe.assert_completed(1, 1, 2, 2)


def test_an_empty_hub_completes_without_demand() -> None:
    hub = rx.MergeHub[int]()
    probe = probe_of(hub.flow)
    hub.complete()
    probe.assert_completed()


def test_when_the_consumer_leaves_all_producers_are_cancelled_and_later_ones_too() -> None:
    hub = rx.MergeHub[int]()
    source = source_of(hub.sink())
    probe = probe_of(hub.flow, 1)
    unseen = source_of(hub.sink())
    probe.cancel()
    assert source.cancelled
    assert unseen.cancelled
    assert source_of(hub.sink()).cancelled


def test_a_second_consumer_is_told_what_to_do() -> None:
    hub = rx.MergeHub[int]()
    first, second = probe_of(hub.flow), probe_of(hub.flow)
    first.assert_open()
    second.assert_failed(RuntimeError)
    assert "share()" in str(second.error)
    shared = rx.MergeHub[int]()
    several = shared.flow.share()
    source = source_of(shared.sink())
    probes = [probe_of(several, 9) for _ in range(2)]
    source.emit(1)
    assert [probe.items for probe in probes] == [[1], [1]]


def test_multi_producer_sinks_that_fail_or_spin_do_not_here() -> None:
    hub = rx.MergeHub[tuple[int, int]](8)
    probe = probe_of(hub.flow, rx.UNBOUNDED)
    each, producers = 500, 4

    def produce(name: int) -> None:
        flow = rx.from_iterable((name, n) for n in range(each)).pipe(ops.limit_rate(3))
        flow.subscribe(hub.sink())

    threads = [threading.Thread(target=produce, args=(n,)) for n in range(producers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    hub.complete()
    probe.wait_for(lambda probe: probe.ended)
    probe.assert_valid()
    assert probe.completed
    for name in range(producers):
        assert [n for who, n in probe.items if who == name] == list(range(each))


# Processors.


def test_processors_are_subscribers_and_flows_at_once() -> None:
    for made in (rx.PublishProcessor(), rx.ReplayProcessor(2), rx.UnicastProcessor()):
        processor: Any = made
        assert isinstance(processor, rx.Processor)
        assert isinstance(processor, rx.Flow)
        doubled = probe_of(processor.map(lambda x: 2 * x), 9)
        rx.range(3).subscribe(processor)
        doubled.assert_completed(0, 2, 4)


def test_a_unicast_processor_holds_what_comes_before_its_subscriber() -> None:
    processor = rx.UnicastProcessor[int](prefetch=3)
    source = source_of(processor)
    source.emit(1, 2, 3)
    assert source.requested == 0
    probe = probe_of(processor, 2)
    assert probe.items == [1, 2]
    source.complete()
    probe.request(1)
    probe.assert_completed(1, 2, 3)


def test_a_second_subscription_is_cancelled() -> None:
    for processor in (rx.PublishProcessor[int](), rx.UnicastProcessor[int]()):
        first, second = source_of(processor), source_of(processor)
        assert not first.cancelled
        assert second.cancelled


def test_a_publisher_that_gives_more_than_is_asked_for_does_not_fill_the_memory() -> None:
    processor = rx.PublishProcessor[int](prefetch=2)
    source = TestPublisher[int](rx_misbehaves())
    source.subscribe(processor)
    probe = probe_of(processor, 1)
    probe.cancel()
    source.emit(*range(50))
    late = probe_of(processor, 99)
    assert len(late.items) <= 2
    assert isinstance(late.error, rx.BufferOverflowError)


def rx_misbehaves() -> Any:
    from rxflow.testing import Misbehaviour

    return Misbehaviour.IGNORES_DEMAND


@pytest.mark.parametrize(
    "build",
    [
        lambda: rx.PublishProcessor(prefetch=0),
        lambda: rx.ReplayProcessor(-1),
        lambda: rx.ReplayProcessor(2, -1.0),
        lambda: rx.UnicastProcessor(prefetch=0),
        lambda: rx.BroadcastHub(0),
        lambda: rx.BroadcastHub(eject_after=-1),
        lambda: rx.MergeHub(0),
        lambda: rx.PartitionHub(lambda item, count: 0, 0),
    ],
)
def test_bad_numbers(build: Any) -> None:
    with pytest.raises(ValueError, match="must"):
        build()


def test_an_async_route_is_refused() -> None:
    async def route(item: int, count: int) -> int:
        return 0

    with pytest.raises(TypeError, match="async"):
        rx.PartitionHub(route)  # type: ignore[arg-type]
