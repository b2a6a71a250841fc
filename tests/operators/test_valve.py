"""Valve: while it is paused nothing is asked of upstream, and what comes is bounded."""

from __future__ import annotations

import gc
import threading
import weakref
from typing import Any

import pytest
from reactivex.testing import TestScheduler

import rxflow as rx
from rxflow import Valve
from rxflow import operators as ops
from rxflow.testing import TestSubscriber
from tests.support import counted

from .rates import Asked, balanced, subscribed


def valved(source: Asked, valve: Valve, demand: int = rx.UNBOUNDED, **options: Any) -> Any:
    return subscribed(TestScheduler(), source.flow.pipe(ops.valve(valve)), demand, **options)


def test_it_says_how_it_stands() -> None:
    valve = Valve()
    assert (valve.paused, repr(valve)) == (False, "Valve(paused=False)")
    for _ in range(2):
        valve.pause()
        assert valve.paused
    for _ in range(2):
        valve.resume()
        assert not valve.paused
    assert Valve(paused=True).paused


def test_an_open_valve_changes_nothing() -> None:
    source = Asked()
    probe = valved(source, Valve(), 2)
    assert source.outstanding == 2
    source.push(1, None)
    source.complete()
    assert (probe.items, probe.completed) == ([1, None], True)
    assert balanced(probe, "valve")


def test_nothing_is_asked_for_while_it_is_paused() -> None:
    source, valve = Asked(), Valve(paused=True)
    probe = valved(source, valve, 0)
    probe.request(3)
    probe.request(2)
    assert source.requests == []
    valve.resume()
    assert source.outstanding == 5


def test_a_pulled_source_is_not_advanced_while_it_is_paused() -> None:
    source, valve = counted(range(9)), Valve(paused=True)
    flow = rx.from_iterable(source).pipe(ops.valve(valve))
    probe = subscribed(TestScheduler(), flow, 5)
    assert source.asked == 0
    valve.resume()
    assert (probe.items, source.taken) == ([0, 1, 2, 3, 4], 5)
    valve.pause()
    probe.request(2)
    assert source.taken == 5


def test_what_was_on_its_way_is_held_and_comes_in_order_after_the_pause() -> None:
    source, valve = Asked(), Valve()
    probe = valved(source, valve, 5)
    source.push(1)
    valve.pause()
    source.push(2, 3)
    assert probe.items == [1]
    assert probe.statistics["create"].held == 2
    valve.resume()
    assert probe.items == [1, 2, 3]
    source.push(4, 5)
    assert probe.items == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("demand", [1_000, rx.UNBOUNDED])
def test_what_is_on_its_way_is_bounded_however_much_is_wanted(demand: int) -> None:
    source, valve = Asked(), Valve()
    probe = valved(source, valve, demand)
    assert source.outstanding == 256
    valve.pause()
    source.push(*range(256))
    assert (source.outstanding, probe.items) == (0, [])
    valve.resume()
    assert (len(probe.items), source.outstanding) == (256, 256)


def test_a_pause_inside_of_on_next_is_heard_before_the_next_item() -> None:
    valve = Valve()
    source = counted(range(9))
    probe: TestSubscriber[int] = TestSubscriber(
        rx.UNBOUNDED, then=lambda _, n: valve.pause() if n == 2 else None
    )
    rx.from_iterable(source).pipe(ops.valve(valve)).subscribe(probe)
    assert (probe.items, source.taken) == ([0, 1, 2], 3)
    valve.resume()
    assert probe.items == list(range(9))


def test_a_pause_and_a_resume_inside_of_on_next() -> None:
    valve = Valve()

    def toggle(*_: Any) -> None:
        valve.pause()
        valve.resume()

    probe: TestSubscriber[int] = TestSubscriber(rx.UNBOUNDED, then=toggle)
    rx.range(5).pipe(ops.valve(valve)).subscribe(probe)
    assert (probe.items, probe.depth, probe.completed) == ([0, 1, 2, 3, 4], 1, True)


@pytest.mark.parametrize("demand", [0, 1, rx.UNBOUNDED])
@pytest.mark.parametrize("failure", [None, KeyError("failed")])
def test_an_end_passes_during_a_pause(demand: int, failure: Exception | None) -> None:
    source = Asked()
    probe = valved(source, Valve(paused=True), demand)
    source.fail(failure) if failure else source.complete()
    assert (probe.completed, probe.error) == (failure is None, failure)


@pytest.mark.parametrize("failure", [None, KeyError("failed")])
def test_an_end_waits_behind_what_came_before_it(failure: Exception | None) -> None:
    source, valve = Asked(), Valve()
    probe = valved(source, valve)
    valve.pause()
    source.push(1)
    source.fail(failure) if failure else source.complete()
    assert not probe.ended
    valve.resume()
    assert probe.items == [1]
    assert (probe.completed, probe.error) == (failure is None, failure)


def test_one_valve_controls_several_pipelines() -> None:
    valve = Valve(paused=True)
    step = ops.valve(valve)
    probes = [subscribed(TestScheduler(), rx.range(n).pipe(step)) for n in range(1, 4)]
    probes += [subscribed(TestScheduler(), rx.of("x").pipe(ops.map(str), step))]
    assert [probe.items for probe in probes] == [[], [], [], []]
    valve.resume()
    assert [probe.items for probe in probes] == [[0], [0, 1], [0, 1, 2], ["x"]]


def test_a_resume_goes_on_behind_an_observer_that_raises() -> None:
    valve = Valve(paused=True)
    taken: list[int] = []

    def fails(_: int) -> None:
        raise KeyError("observer")

    rx.range(2).pipe(ops.valve(valve)).subscribe(fails)
    rx.range(2).pipe(ops.valve(valve)).subscribe(taken.append)
    with pytest.raises(KeyError, match="observer"):
        valve.resume()
    assert taken == [0, 1]


def test_a_cancel_during_a_pause_reaches_the_source_and_is_forgotten_by_the_valve() -> None:
    source, valve = Asked(), Valve()
    probe = valved(source, valve)
    valve.pause()
    source.push(1)
    probe.cancel()
    assert source.cancelled
    assert probe.statistics["create"].discarded == 1
    valve.resume()
    assert probe.items == []
    known = weakref.ref(probe.subscription)
    del probe, source
    gc.collect()
    assert known() is None  # though the valve is still there
    assert not valve.paused


@pytest.mark.parametrize("ends", ["completes", "fails"])
def test_a_pipeline_that_has_ended_is_forgotten_by_the_valve(ends: str) -> None:
    valve = Valve()
    flow = rx.of(1).concat(rx.throw("end") if ends == "fails" else rx.empty())
    probe = subscribed(TestScheduler(), flow.pipe(ops.valve(valve)))
    assert probe.ended
    known = weakref.ref(probe.subscription)
    del probe, flow
    gc.collect()
    assert known() is None


def test_it_is_resumed_from_another_thread() -> None:
    valve = Valve(paused=True)
    probe = subscribed(TestScheduler(), rx.range(5).pipe(ops.valve(valve)))
    thread = threading.Thread(target=valve.resume)
    thread.start()
    probe.wait_for(lambda it: it.completed)
    thread.join()
    assert probe.items == [0, 1, 2, 3, 4]
    assert probe.violations == []


def test_an_iteration_waits_during_a_pause() -> None:
    valve = Valve(paused=True)
    flow = rx.range(3).pipe(ops.valve(valve))
    taken: list[int] = []
    thread = threading.Thread(target=lambda: taken.extend(flow))
    thread.start()
    assert taken == []
    valve.resume()
    thread.join(10)
    assert taken == [0, 1, 2]


def test_it_works_behind_and_before_other_operators() -> None:
    valve = Valve()
    flow = rx.range(9).pipe(
        ops.filter(lambda n: n % 2 == 0), ops.valve(valve), ops.limit_rate(2), ops.map(str)
    )
    probe = subscribed(TestScheduler(), flow, 1)
    valve.pause()
    probe.request(9)
    assert probe.items == ["0", "2"]  # limit_rate had asked for two before the pause
    valve.resume()
    assert probe.items == ["0", "2", "4", "6", "8"]


def test_something_else_is_refused() -> None:
    with pytest.raises(TypeError, match=r"valve wants a rxflow\.Valve, .* not True"):
        ops.valve(True)  # type: ignore[arg-type]
