"""By what the figures of a hub are known, when it asks, and where the errors of its readers go."""

from __future__ import annotations

from collections.abc import Sized
from typing import Any

import pytest

import rxflow as rx
from rxflow import operators as ops
from rxflow.kernel import Context, Hub, Memory, drained, running
from rxflow.protocol import Subscriber
from rxflow.testing import TestSubscriber
from tests.kernel.recorder import dropped_errors
from tests.kernel.stations import Reader, Station


def over(flow: Any) -> Hub:
    def subscribe(subscriber: Subscriber[Any], context: Context) -> None:
        drained(flow.feed, context)(subscriber)

    return Hub("hub", 4, subscribe)


def test_each_part_of_a_hub_is_known_by_the_number_of_that_hub_and_keeps_one_it_has() -> None:
    inner = rx.range(9).pipe(ops.limit_rate(2), ops.share())
    first, second = over(inner), over(inner.pipe(ops.limit_rate(3)))
    readers = [Reader(hub).join() for hub in (first, second)]
    for hub, reader in zip((first, second), readers, strict=True):
        hub.connect()
        reader.take(1)
    before, after = (
        {part.name: part.shared for part in hub.statistics()} for hub in (first, second)
    )
    assert before["share"] == before["range"] == after["share"] == after["range"] > 0
    assert before["share #1"] == before["hub"] > before["share"]
    assert after["share #2"] == after["limit_rate"] == after["hub"] > before["hub"]
    for reader in readers:
        reader.outlet.cancel()


def test_the_producer_of_a_hub_is_no_subscription_of_its_own() -> None:
    shared = rx.range(9).pipe(ops.publish(prefetch=2))
    before = [*running()]
    probes = [TestSubscriber[int](1) for _ in range(2)]
    for probe in probes:
        shared.subscribe(probe)
    shared.connect()
    assert [each for each in running() if each not in before] == [
        probe.subscription for probe in probes
    ]
    for probe in probes:
        probe.cancel()


def test_who_waits_has_the_hub_ask_for_single_items_before_the_first_one_has_come() -> None:
    station = Station(4, memory=Memory(2, initial="ab"))
    waiting, other = station.join(), station.join()
    station.hub.connect()
    assert waiting.take() == ["a", "b"]
    assert station.producer.requested == []
    assert other.take(1) == ["a"]
    assert station.producer.requested == [2, 1]


class Taker:
    """Takes each single item at once."""

    def __init__(self) -> None:
        self.taken: list[Any] = []

    def enter(self, queue: Sized) -> bool:
        return True

    def hand(self, item: Any) -> None:
        self.taken.append(item)


def test_single_items_that_are_handed_over_to_all_are_asked_for_in_batches() -> None:
    station, takers = Station(4), [Taker(), Taker()]
    readers = [Reader(station.hub) for _ in takers]
    for reader, taker in zip(readers, takers, strict=True):
        reader.outlet.serve(taker)
        reader.join()
    station.hub.connect()
    for reader in readers:
        reader.outlet.want(99)  # so that they wait after each item
        reader.take()
    for item in range(8):
        station.producer.give(item)
        asked = {0: [4], 2: [4, 2], 4: [4, 2, 3], 7: [4, 2, 3, 3]}
        assert station.producer.requested == asked[max(each for each in asked if each <= item)]
    assert [taker.taken for taker in takers] == [[*range(8)]] * 2


def test_what_a_reader_raises_at_the_end_is_reported_and_the_others_hear_of_it() -> None:
    station = Station()
    raises: list[BaseException] = [OSError("reader")]

    def woken() -> None:
        raise raises[0]

    first = Reader(station.hub, then=woken).join()
    second = station.join()
    station.hub.connect()
    first.take()
    second.take()
    with dropped_errors() as reported:
        station.producer.end()
    assert reported == raises
    assert second.ended


def test_an_interrupt_of_a_reader_that_hears_of_the_end_is_named() -> None:
    station = Station()

    def woken() -> None:
        raise KeyboardInterrupt("reader")

    reader = Reader(station.hub, then=woken).join()
    station.hub.connect()
    reader.take()
    with dropped_errors() as reported, pytest.raises(KeyboardInterrupt, match="reader"):
        station.producer.end()
    assert [str(error) for error in reported] == [
        "hub: a subscriber ended with KeyboardInterrupt('reader')"
    ]
