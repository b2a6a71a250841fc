"""sample, debounce and the throttle_ family: what they let through waits for demand, one item.

That they give what those of reactivex give is tested in tests/flow/test_equality.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import reactivex
from reactivex.subject import Subject
from reactivex.testing import TestScheduler

import rxflow as rx
from rxflow import operators as ops
from rxflow.testing import StuckError, TestSubscriber, VirtualTimeLoop, run_virtual
from tests.kernel.recorder import dropped_errors

from .rates import Asked, Timed, balanced, finish, subscribed

Drops = list[tuple[Any, str]]


class Script:
    """An operator over a source that is pushed into, on a virtual clock."""

    def __init__(
        self, make: Callable[..., Any], *args: Any, demand: int = rx.UNBOUNDED, **options: Any
    ) -> None:
        self.clock = TestScheduler()
        self.source = Asked()
        self.drops: Drops = []
        step = make(*args, on_drop=lambda *drop: self.drops.append(drop), **options)
        probe = Timed(self.clock, demand)
        self.source.flow.pipe(step).subscribe(probe, scheduler=self.clock)
        self.probe = probe

    def push_at(self, *pairs: tuple[float, Any]) -> None:
        for time, item in pairs:
            self.at(time)
            self.source.push(item)

    def at(self, time: float) -> None:
        self.clock.advance_to(time)


NAMES = ("sample", "debounce", "throttle_with_timeout", "throttle_first", "throttle_with_mapper")


def made(name: str) -> Any:
    """Make each of them with a time of one second."""
    if name == "throttle_with_mapper":
        return lambda **options: ops.throttle_with_mapper(lambda _: reactivex.timer(1.0), **options)
    return lambda **options: getattr(ops, name)(1.0, **options)


EACH = pytest.mark.parametrize("name", NAMES)
QUIET = pytest.mark.parametrize(
    "name", ["debounce", "throttle_with_timeout", "throttle_with_mapper"]
)


# The boundaries of the intervals.


@QUIET
@pytest.mark.parametrize(
    ("second", "times"), [(0.999999, [1.999999]), (1.0, [1.0, 2.0]), (1.000001, [1.0, 2.000001])]
)
def test_an_item_before_at_and_after_the_time_of_another(
    name: str, second: float, times: list[float]
) -> None:
    script = Script(made(name))
    script.push_at((0, "a"), (second, "b"))
    finish(script.clock)
    assert script.probe.at == times
    assert script.drops == ([("a", "superseded")] if len(times) == 1 else [])


@QUIET
def test_an_item_at_the_very_time_of_another_replaces_it_when_it_comes_first(name: str) -> None:
    clock = TestScheduler()
    source = Subject[str]()
    for time, item in ((1.0, "a"), (2.0, "b")):
        clock.schedule_absolute(time, lambda *_, item=item: source.on_next(item))
    probe = Timed(clock)
    flow = source.pipe(ops.on_backpressure_buffer(9), made(name)())
    flow.subscribe(probe, scheduler=clock)
    finish(clock)
    assert probe.times == [(3.0, "b")]


@pytest.mark.parametrize(
    ("second", "kept"), [(0.999999, ["a"]), (1.0, ["a", "b"]), (1.000001, ["a", "b"])]
)
def test_throttle_first_before_at_and_after_the_end_of_the_window(
    second: float, kept: list[str]
) -> None:
    script = Script(made("throttle_first"))
    script.push_at((0, "a"), (second, "b"))
    assert script.probe.items == kept
    assert script.drops == ([] if len(kept) == 2 else [("b", "too soon")])


def test_the_window_of_throttle_first_begins_with_what_was_let_through() -> None:
    script = Script(made("throttle_first"))
    script.push_at(*((n * 0.4, n) for n in range(9)))
    assert script.probe.items == [0, 3, 6]


def test_windows_of_a_tenth_are_exact_however_late_it_is() -> None:
    """Differences of times of day, as floats, would be too small here and there."""
    script = Script(ops.throttle_first, 0.1)
    script.push_at(*((1_700_000_000 + n / 10, n) for n in range(50)))
    assert script.probe.items == list(range(50))


def test_sample_gives_the_last_item_at_each_tick_and_nothing_twice() -> None:
    script = Script(made("sample"))
    script.push_at((0.2, 1), (0.999999, 2), (2.5, 3))
    script.at(9)
    assert script.probe.times == [(1, 2), (3, 3)]
    assert script.drops == [(1, "superseded")]


def test_sample_by_a_source_whose_end_is_a_tick_too() -> None:
    clock, source, ticks = TestScheduler(), Asked(), Subject[None]()
    probe = subscribed(clock, source.flow.pipe(ops.sample(ticks)))
    ticks.on_next(None)
    source.push(1, 2)
    ticks.on_next(None)
    source.push(3)
    ticks.on_completed()
    assert probe.items == [2, 3]
    assert not probe.ended
    source.push(4)
    source.complete()
    assert (probe.items, probe.completed) == ([2, 3, 4], True)  # else it would never end


def test_sample_by_a_flow() -> None:
    clock, source, ticks = TestScheduler(), Asked(), Asked()
    probe = subscribed(clock, source.flow.pipe(ops.sample(ticks.flow)), 1)
    assert ticks.outstanding == rx.UNBOUNDED
    source.push(1)
    ticks.push("x", "y")
    assert probe.items == [1]
    source.complete()
    assert not probe.ended
    ticks.push("z")
    assert probe.completed
    assert ticks.cancelled


def test_debounce_of_no_time_gives_the_last_item_of_an_instant() -> None:
    clock = TestScheduler()
    source = Subject[int]()
    for n in range(3):
        clock.schedule_absolute(1.0, lambda *_, n=n: source.on_next(n))
    probe = Timed(clock)
    flow = source.pipe(ops.on_backpressure_buffer(9), ops.debounce(0))
    flow.subscribe(probe, scheduler=clock)
    finish(clock)
    assert probe.times == [(1.0, 2)]


def test_times_may_be_timedeltas() -> None:
    for make in (ops.debounce, ops.sample, ops.throttle_first):
        script = Script(make, timedelta(minutes=1))
        script.push_at((1, "a"))
        script.at(200)
        assert script.probe.items == ["a"]


# What is let through waits for demand.


@EACH
def test_upstream_is_asked_for_everything_also_without_demand(name: str) -> None:
    script = Script(made(name), demand=0)
    assert script.source.outstanding == rx.UNBOUNDED
    script.push_at(*((n * 0.1, n) for n in range(100)))
    part = script.probe.statistics[name]
    assert part.received == 100
    assert (part.peak, part.capacity) == (int(name != "throttle_first"), 1)
    assert script.probe.statistics["create"].held == 0


@EACH
def test_the_latest_waits_for_demand_and_what_it_replaces_is_dropped(name: str) -> None:
    script = Script(made(name), demand=0)
    script.push_at((0.1, "a"), (3.1, "b"), (6.1, "c"))
    script.at(9)
    assert script.drops == [("a", "oldest"), ("b", "oldest")]
    waiting = script.probe.statistics[f"{name}, waiting"]
    assert (waiting.held, waiting.peak, waiting.capacity) == (1, 1, 1)
    assert waiting.dropped == {"oldest": 2}
    script.probe.request(1)
    assert script.probe.times == [(9, "c")]
    script.probe.request(1)
    script.push_at((10, "d"))
    script.at(20)
    assert script.probe.items == ["c", "d"]


@EACH
def test_all_that_comes_is_given_or_dropped_with_a_reason_and_counted(name: str) -> None:
    script = Script(made(name), demand=3)
    gaps = [0.1, 1.5, 0.3, 0.9, 2.0, 1.0, 0.2, 3.0, 1.2, 0.4]
    time = 0.0
    for n in range(40):
        time = round(time + gaps[n * n % 10], 1)
        script.push_at((time, n))
        if n % 7 == 0:
            script.probe.request(1)
    script.at(time + 5)
    script.source.complete()
    script.probe.request(9)
    script.at(time + 9)
    assert script.probe.completed
    assert sorted([*script.probe.items, *(item for item, _ in script.drops)]) == list(range(40))
    figures = [script.probe.statistics[part] for part in (name, f"{name}, waiting")]
    assert figures[0].received == 40
    assert figures[0].delivered == figures[1].received
    assert figures[1].delivered == len(script.probe.items)
    assert sum(sum(part.dropped.values()) for part in figures) == len(script.drops)
    for part in (name, f"{name}, waiting"):
        assert balanced(script.probe, part)


@EACH
def test_a_request_inside_of_on_next_does_not_give_an_item_twice(name: str) -> None:
    clock, source = TestScheduler(), Asked()
    probe = Timed(clock, 1, request_each=1)
    source.flow.pipe(made(name)()).subscribe(probe, scheduler=clock)
    for n in range(4):
        clock.advance_to(n * 3 + 0.1)
        source.push(n)
    clock.advance_to(20)
    assert probe.items == [0, 1, 2, 3]
    assert probe.violations == []


def test_a_push_inside_of_on_next_is_seen() -> None:
    clock, source = TestScheduler(), Asked()
    probe = Timed(clock, then=lambda _, n: source.push(n + 1) if n < 3 else None)
    source.flow.pipe(ops.debounce(1.0)).subscribe(probe, scheduler=clock)
    source.push(0)
    finish(clock)
    assert probe.times == [(1, 0), (2, 1), (3, 2), (4, 3)]


def test_observe_on_behind_it_fetches_none_ahead_that_would_be_stale() -> None:
    clock, source = TestScheduler(), Asked()
    probe = Timed(clock, 0)
    flow = source.flow.pipe(ops.throttle_first(1.0), ops.observe_on(clock))
    flow.subscribe(probe, scheduler=clock)
    for n in range(5):
        clock.advance_to(n * 2)
        source.push(n)
    probe.request(2)
    clock.advance_to(20)
    assert probe.items == [0, 4]  # one that was fetched, then the latest


@EACH
def test_none_is_an_item(name: str) -> None:
    script = Script(made(name))
    script.push_at((0.1, None))
    script.at(2)
    assert script.probe.items == [None]


# The end.


@EACH
@pytest.mark.parametrize("demand", [0, 1, rx.UNBOUNDED])
def test_an_empty_source(name: str, demand: int) -> None:
    script = Script(made(name), demand=demand)
    script.source.complete()
    script.at(1)
    assert script.probe.completed
    assert script.source.cancelled


@QUIET
def test_the_last_item_comes_at_once_with_the_completion(name: str) -> None:
    script = Script(made(name))
    script.push_at((0.5, "a"))
    script.source.complete()
    assert (script.probe.times, script.probe.ended_at) == ([(0.5, "a")], 0.5)
    assert script.drops == []


@EACH
def test_completion_waits_for_the_item_that_waits_for_demand(name: str) -> None:
    script = Script(made(name), demand=0)
    script.push_at((0.5, "a"))
    script.source.complete()
    script.at(5)
    assert not script.probe.ended
    script.probe.request(1)
    assert (script.probe.items, script.probe.completed) == (["a"], True)


@EACH
def test_a_failure_does_not_wait_for_what_is_not_let_through_yet(name: str) -> None:
    script = Script(made(name))
    script.push_at((0.1, "a"))
    script.source.fail(KeyError("failed"))
    assert isinstance(script.probe.error, KeyError)
    assert script.probe.ended_at == 0.1
    assert script.probe.statistics[name].discarded == (name != "throttle_first")
    assert balanced(script.probe, name)


@EACH
def test_a_failure_stands_behind_what_waits_for_demand(name: str) -> None:
    script = Script(made(name), demand=0)
    script.push_at((0.1, "a"))
    script.at(3)
    script.source.fail(KeyError("failed"))
    assert script.probe.error is None
    script.probe.request(1)
    assert script.probe.items == ["a"]
    assert isinstance(script.probe.error, KeyError)


@EACH
@pytest.mark.parametrize("seconds", [0.5, 3.0])
def test_a_cancel_discards_what_is_held_and_stops_everything(name: str, seconds: float) -> None:
    script = Script(made(name), demand=0)
    script.push_at((0.1, "a"))
    script.at(seconds)
    script.probe.cancel()
    assert script.source.cancelled
    script.probe.request(5)
    script.at(20)
    assert (script.probe.items, script.drops, script.probe.ended) == ([], [], False)
    parts = [script.probe.statistics[part] for part in (name, f"{name}, waiting")]
    assert sum(part.discarded for part in parts) == 1
    assert sum(part.held for part in parts) == 0


@EACH
def test_a_cancel_leaves_no_timer(name: str) -> None:
    loop = VirtualTimeLoop()

    async def main() -> None:
        probe: TestSubscriber[int] = TestSubscriber(rx.UNBOUNDED)
        source = Subject[int]()
        source.pipe(ops.on_backpressure_buffer(9), made(name)()).subscribe(probe)
        source.on_next(1)
        source.on_next(2)
        probe.cancel()
        assert source.observers == []
        await asyncio.Event().wait()

    with pytest.raises(StuckError):
        run_virtual(main(), lambda: loop)
    assert loop.time() == 0


def test_the_failure_of_a_sampler_is_that_of_the_stream() -> None:
    source, ticks = Asked(), Subject[None]()
    probe = subscribed(TestScheduler(), source.flow.pipe(ops.sample(ticks)))
    source.push(1)
    ticks.on_error(KeyError("sampler"))
    assert repr(probe.error) == "KeyError('sampler')"
    assert source.cancelled


def test_the_throttle_of_a_replaced_item_is_disposed_of() -> None:
    throttles = [Subject[None]() for _ in range(3)]
    script = Script(ops.throttle_with_mapper, throttles.__getitem__)
    script.source.push(0, 1)
    assert [len(each.observers) for each in throttles] == [0, 1, 0]
    throttles[1].on_next(None)
    assert (script.probe.items, throttles[1].observers) == ([1], [])
    script.source.push(2)
    throttles[2].on_completed()
    assert script.probe.items == [1, 2]
    assert script.drops == [(0, "superseded")]


@pytest.mark.parametrize(
    "throttle", [rx.of(1, 2), reactivex.of(1, 2), rx.empty(), reactivex.empty()]
)
def test_a_throttle_that_signals_at_once_lets_all_through(throttle: Any) -> None:
    source = Asked()
    flow = source.flow.pipe(ops.throttle_with_mapper(lambda _: throttle))
    probe = subscribed(TestScheduler(), flow)
    source.push(1, 2, 3)
    assert probe.items == [1, 2, 3]


def test_the_failure_of_a_throttle_is_that_of_the_stream() -> None:
    throttle = Subject[None]()
    script = Script(ops.throttle_with_mapper, lambda _: throttle)
    script.source.push(1)
    throttle.on_error(KeyError("throttle"))
    assert repr(script.probe.error) == "KeyError('throttle')"
    assert script.source.cancelled


@EACH
@pytest.mark.parametrize("reason", ["oldest", "superseded"])
def test_what_on_drop_raises_ends_the_stream(name: str, reason: str) -> None:
    def fails(item: Any, why: str) -> None:
        raise KeyError(item, why)

    clock, source = TestScheduler(), Asked()
    probe = Timed(clock, 0)
    source.flow.pipe(made(name)(on_drop=fails)).subscribe(probe, scheduler=clock)
    with dropped_errors() as late:
        for n in range(2):
            clock.advance_to(0.1 + n * (3 if reason == "oldest" else 0.2))
            source.push(n)
        clock.advance_to(9)
    assert late == []
    assert source.cancelled
    probe.request(5)
    assert isinstance(probe.error, KeyError)
    dropped = "too soon" if (name, reason) == ("throttle_first", "superseded") else reason
    assert probe.error.args == (int(dropped == "too soon"), dropped)


# On an event loop, and on threads of its own.


@EACH
def test_on_an_event_loop_a_slow_loop_body_gets_the_latest(name: str) -> None:
    async def main() -> list[int]:
        taken: list[int] = []
        flow = rx.interval(3.0, overflow=rx.FAIL).pipe(made(name)(), ops.take(3))
        async for item in flow:
            taken.append(item)
            await asyncio.sleep(10)
        return taken

    first, second, third = run_virtual(main())
    assert first == 0
    assert second >= 3
    assert third >= 6


def test_an_endless_source_that_is_pulled_gives_the_loop_its_turns() -> None:
    async def main() -> int:
        async for item in rx.generate(0, lambda _: True, lambda n: n + 1).pipe(ops.sample(0.001)):
            return item
        return 0

    async def within() -> int:
        return await asyncio.wait_for(main(), 5)

    assert asyncio.run(within()) > 0


# When the pipeline is built.


@pytest.mark.parametrize("name", ["debounce", "throttle_with_timeout"])
def test_a_wrong_time_is_refused(name: str) -> None:
    for value, error in ((-1, ValueError), (None, TypeError), ("1", TypeError)):
        with pytest.raises(error, match=f"{name}: duetime must"):
            getattr(ops, name)(value)


@pytest.mark.parametrize(
    ("name", "argument"), [("sample", "sampler"), ("throttle_first", "window_duration")]
)
def test_a_period_that_is_no_time_is_refused(name: str, argument: str) -> None:
    for value, error in ((-1, ValueError), (0, ValueError), (None, TypeError), ("1", TypeError)):
        with pytest.raises(error, match=f"{name}: {argument} must be"):
            getattr(ops, name)(value)


def test_wrong_callbacks_are_refused() -> None:
    async def drop(item: Any, reason: str) -> None: ...

    for name in NAMES:
        with pytest.raises(TypeError, match="on_drop is an async function"):
            made(name)(on_drop=drop)
    for mapper in (None, 3):
        with pytest.raises(TypeError, match="throttle_duration_mapper must be callable"):
            ops.throttle_with_mapper(mapper)  # type: ignore[arg-type]


def test_over_a_plain_observable_it_is_plain_rx_unless_drops_are_to_be_told() -> None:
    plain = ops.debounce(1.0)(reactivex.of(1))
    assert not isinstance(plain, rx.Flow)
    with pytest.raises(TypeError, match="put a door before it"):
        ops.debounce(1.0, on_drop=print)(reactivex.of(1))
