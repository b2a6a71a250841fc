"""Stock operators that subscribe to several Flows: each on demand, and let go of in time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from itertools import count

import pytest
import reactivex
from reactivex.subject import BehaviorSubject, Subject

import rxflow as rx
from rxflow import operators as ops
from rxflow.testing import TestSubscriber
from tests.kernel.recorder import in_thread
from tests.support import counted

FLATTENING = ["switch_map", "flat_map", "concat_map", "flat_map_latest"]


@pytest.mark.parametrize("name", FLATTENING)
def test_an_endless_inner_flow_is_advanced_on_demand_only(name: str) -> None:
    inner = counted(count())
    flatten = getattr(reactivex.operators, name)(lambda _: rx.from_iterable(inner))
    probe = TestSubscriber(2)
    rx.of(1).pipe(rx.lift(flatten)).subscribe(probe)
    assert (probe.items, inner.taken) == ([0, 1], 2)
    probe.request(1)
    assert (probe.items, inner.taken) == ([0, 1, 2], 3)
    probe.cancel()
    assert inner.closed == 1


def test_what_an_inner_flow_has_left_is_gone_when_switch_map_switches() -> None:
    source: Subject[int] = Subject()
    probe = TestSubscriber(2)
    source.pipe(
        ops.on_backpressure_buffer(10),
        ops.switch_map(lambda key: rx.from_iterable([(key, n) for n in range(6)])),
    ).subscribe(probe)
    source.on_next(0)
    source.on_next(1)
    probe.request(2)
    assert probe.items == [(0, 0), (0, 1), (1, 0), (1, 1)]


@pytest.mark.parametrize("demand", [1, 50, rx.UNBOUNDED])
def test_a_signal_that_is_there_already_ends_the_source_before_its_first_item(demand: int) -> None:
    source = counted(count())
    probe = TestSubscriber(demand)
    rx.from_iterable(source).pipe(ops.take_until(BehaviorSubject(1))).subscribe(probe)
    assert probe.signals == ["on_subscribe", "on_completed"]
    assert source.taken == 0


class Interrupted:
    """A source of 0, 1, 2, ... that calls something before its sixth item; knows its end."""

    def __init__(self, call: Callable[[], object]) -> None:
        self.closed: list[int] = []
        self._call = call

    def __iter__(self) -> Iterator[int]:
        n = 0
        try:
            for n in count():
                if n == 5:
                    self._call()
                yield n
        finally:
            self.closed.append(n)


def test_a_source_that_fires_the_signal_which_stops_it_is_closed_and_hears_no_error() -> None:
    stop: Subject[int] = Subject()
    source = Interrupted(lambda: stop.on_next(1))
    probe = TestSubscriber(rx.UNBOUNDED)
    rx.from_iterable(source).pipe(ops.take_until(stop)).subscribe(probe)
    assert probe.items == [0, 1, 2, 3, 4]
    assert probe.completed
    assert source.closed == [5]


def test_a_signal_from_another_thread_stops_a_source_that_is_being_advanced() -> None:
    stop: Subject[int] = Subject()
    advancing, stopped = threading.Event(), threading.Event()

    def wait() -> None:
        advancing.set()
        assert stopped.wait(10)

    def signal() -> None:
        assert advancing.wait(10)
        stop.on_next(1)
        stopped.set()

    source = Interrupted(wait)
    join = in_thread(signal)
    probe = TestSubscriber(rx.UNBOUNDED)
    rx.from_iterable(source).pipe(ops.take_until(stop)).subscribe(probe)
    join()
    assert probe.items == [0, 1, 2, 3, 4]
    assert probe.completed
    assert source.closed == [5]
    lift = probe.statistics["take_until"]
    assert (lift.received, lift.delivered, lift.discarded, lift.held) == (6, 5, 1, 0)
