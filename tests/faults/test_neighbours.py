"""What a fault does to those beside it: later operators, other sources, the next subscription."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
import reactivex.operators as stock
from reactivex.scheduler import ImmediateScheduler

import rxflow as rx
from rxflow import operators as ops
from rxflow.flow.registry import registered
from rxflow.protocol import UNBOUNDED
from rxflow.testing import TestSubscriber
from tests.contract.law_callbacks import AtOnce
from tests.kernel.recorder import dropped_errors
from tests.support_together import together

from .cases import OPERATORS, at_first, no
from .worlds import Closing, Fault, PlantedError, Upstream, World

# StopIteration in a callback looks like "nothing now" to the operators behind it: none of them
# may go on behind it, or take it for the end.

BEHIND: dict[str, Callable[[], Any]] = {
    "pluck": lambda: ops.pluck(0),
    "pluck_attr": lambda: ops.pluck_attr("real"),
    "ignore_elements": ops.ignore_elements,
    "distinct": ops.distinct,
    "distinct_until_changed": ops.distinct_until_changed,
    "scan": lambda: ops.scan(lambda a, b: a),
    "scan, seed": lambda: ops.scan(lambda a, b: a, 0),
    "reduce": lambda: ops.reduce(lambda a, b: a),
    "reduce, seed": lambda: ops.reduce(lambda a, b: a, 0),
    "count": ops.count,
    "sum": lambda: ops.sum(lambda _: 1),
    "average": lambda: ops.average(lambda _: 1),
    "min": lambda: ops.min(lambda a, b: 0),
    "max": lambda: ops.max(lambda a, b: 0),
    "map": lambda: ops.map(str),
    "map_indexed": lambda: ops.map_indexed(lambda x, i: x),
    "starmap": lambda: ops.starmap(lambda *_: 1),
    "starmap_indexed": lambda: ops.starmap_indexed(lambda *_: 1),
    "filter": lambda: ops.filter(lambda _: False),
    "filter_indexed": lambda: ops.filter_indexed(lambda *_: False),
    "to_list": ops.to_list,
    "to_iterable": ops.to_iterable,
    "to_set": ops.to_set,
    "to_dict": lambda: ops.to_dict(str),
    "some": lambda: ops.some(lambda _: False),
    "all": lambda: ops.all(lambda _: True),
    "contains": lambda: ops.contains(9),
    "is_empty": ops.is_empty,
    "pairwise": ops.pairwise,
    "batch": lambda: ops.batch(2),
    "buffer_with_count": lambda: ops.buffer_with_count(2),
    "buffer_with_count, overlapping": lambda: ops.buffer_with_count(3, 1),
    "buffer_with_count, gaps": lambda: ops.buffer_with_count(2, 4),
    "flat_map_iterable": lambda: ops.flat_map_iterable(lambda x: [x, x]),
    "merge": lambda: ops.merge(rx.never()),
    "flat_map": lambda: ops.flat_map(rx.of),
    "flat_map_indexed": lambda: ops.flat_map_indexed(lambda x, i: rx.of(x)),
    "concat_map": lambda: ops.concat_map(rx.of),
    "merge_all": ops.merge_all,
    "concat_all": ops.concat_all,
    "do_action": lambda: ops.do_action(lambda _: None, lambda _: None, lambda: None),
    "tap": lambda: ops.tap(on_error=lambda _: None),
    "detach": ops.detach,
    "do": lambda: ops.do(rx.Observer()),
    "finally_action": lambda: ops.finally_action(lambda: None),
    "element_at": lambda: ops.element_at(5),
    "element_at_or_default": lambda: ops.element_at_or_default(5),
    "first": lambda: ops.first(lambda _: False),
    "first_or_default": lambda: ops.first_or_default(lambda _: False),
    "last": ops.last,
    "last_or_default": ops.last_or_default,
    "single": lambda: ops.single(lambda _: False),
    "single_or_default": lambda: ops.single_or_default(lambda _: False),
    "default_if_empty": ops.default_if_empty,
    "map_executor": lambda: ops.map_executor(AtOnce(), str, 1),
    "supervise": lambda: ops.supervise(ops.map(str)),
    "limit_rate": lambda: ops.limit_rate(2),
    "observe_on": lambda: ops.observe_on(ImmediateScheduler()),
    "concat": lambda: ops.concat(rx.of(1)),
    "start_with": lambda: ops.start_with(0),
    "repeat": ops.repeat,
    "take": lambda: ops.take(5),
    "take_while": lambda: ops.take_while(lambda _: True),
    "take_while_indexed": lambda: ops.take_while_indexed(lambda *_: True),
    "take_last": lambda: ops.take_last(2),
    "take_last_buffer": lambda: ops.take_last_buffer(2),
    "skip": lambda: ops.skip(2),
    "skip_while": lambda: ops.skip_while(lambda _: True),
    "skip_while_indexed": lambda: ops.skip_while_indexed(lambda *_: True),
    "skip_last": lambda: ops.skip_last(1),
    "timestamp": ops.timestamp,
    "time_interval": ops.time_interval,
    "switch_map": lambda: ops.switch_map(rx.of),
    "switch_map_indexed": lambda: ops.switch_map_indexed(lambda x, i: rx.of(x)),
    "flat_map_latest": lambda: ops.flat_map_latest(rx.of),
    "switch_latest": ops.switch_latest,
    "exclusive": ops.exclusive,
    "combine_latest": lambda: ops.combine_latest(rx.of(1)),
    "with_latest_from": lambda: ops.with_latest_from(rx.of(1)),
    "zip_latest": lambda: ops.zip_latest(rx.repeat_value(0)),
    "merge_prioritized": lambda: ops.merge_prioritized((rx.never(), 2)),
    "merge_sorted": lambda: ops.merge_sorted(rx.of(9)),
    "concat_map_eager": lambda: ops.concat_map_eager(rx.of),
    "amb": lambda: ops.amb(rx.never()),
    "take_until": lambda: ops.take_until(rx.never()),
    "skip_until": lambda: ops.skip_until(rx.of(1)),
    "zip": lambda: ops.zip(rx.repeat_value(0)),
    "zip_with_iterable": lambda: ops.zip_with_iterable("abcdefgh"),
    "zip_with_list": lambda: ops.zip_with_list(list("abcdefgh")),
    "throttle": lambda: ops.throttle(1e9, burst=9),
    "throttle, with a cost": lambda: ops.throttle(1e9, burst=9, cost=lambda _: 1),
    "throttle_by_key": lambda: ops.throttle_by_key(str, 9, burst=9),
    "cap_demand": lambda: ops.cap_demand(2),
    "pace": lambda: ops.pace(9, 1.0),
    "valve": lambda: ops.valve(rx.Valve()),
    "delay": lambda: ops.delay(0),
    "delay_subscription": lambda: ops.delay_subscription(0),
    "sample": lambda: ops.sample(rx.never()),
    "debounce": lambda: ops.debounce(9.0),
    "throttle_with_timeout": lambda: ops.throttle_with_timeout(9.0),
    "throttle_first": lambda: ops.throttle_first(9.0),
    "throttle_with_mapper": lambda: ops.throttle_with_mapper(lambda _: rx.never()),
    "timeout": lambda: ops.timeout(9),
    "timeout, another source": lambda: ops.timeout(9, rx.of(1)),
    "initial_timeout": lambda: ops.initial_timeout(9),
    "idle_timeout": lambda: ops.idle_timeout(9),
    "completion_timeout": lambda: ops.completion_timeout(9),
    "backpressure_timeout": lambda: ops.backpressure_timeout(9),
    "restart_with_backoff": lambda: ops.restart_with_backoff(1, 1, max_restarts=0),
    "kill_switch": lambda: ops.kill_switch(rx.KillSwitch()),
    "tap_signals": lambda: ops.tap_signals(lambda signal, value: None),
    "on_request": lambda: ops.on_request(lambda n: None),
    "log": lambda: ops.log("behind", level=0),
    "named": lambda: ops.named("behind"),
    "take_with_time": lambda: ops.take_with_time(9),
    "take_until_with_time": lambda: ops.take_until_with_time(9),
    "skip_with_time": lambda: ops.skip_with_time(0),
    "skip_until_with_time": lambda: ops.skip_until_with_time(0),
    "take_last_with_time": lambda: ops.take_last_with_time(9),
    "skip_last_with_time": lambda: ops.skip_last_with_time(9),
    "extrapolate": lambda: ops.extrapolate(lambda _: ()),
    "expand_latest": lambda: ops.expand_latest(lambda x: [x]),
    "keep_alive": lambda: ops.keep_alive(1e6, object),
    "buffer_with_time": lambda: ops.buffer_with_time(1e6, max_size=2),
    "buffer_with_time_or_count": lambda: ops.buffer_with_time_or_count(1e6, 2),
    "buffer": lambda: ops.buffer(rx.never(), max_size=2),
    "buffer_when": lambda: ops.buffer_when(rx.never, max_size=2),
    "buffer_toggle": lambda: ops.buffer_toggle(rx.of(0), lambda _: rx.never(), max_size=2),
    "delay_with_mapper": lambda: ops.delay_with_mapper(lambda _: ()),
    "timeout_with_mapper": lambda: ops.timeout_with_mapper(rx.never(), lambda _: rx.never()),
    "natural_batches": lambda: ops.natural_batches(2),
    "group_by": lambda: ops.group_by(id),
    "group_by_until": lambda: ops.group_by_until(id, None, lambda _: rx.never()),
    "window": lambda: ops.window(rx.never()),
    "window_when": lambda: ops.window_when(rx.never),
    "window_toggle": lambda: ops.window_toggle(
        rx.of(0).pipe(ops.concat(rx.never())), lambda _: rx.never()
    ),
    "window_with_count": lambda: ops.window_with_count(2),
    "window_with_time": lambda: ops.window_with_time(1e6),
    "window_with_time_or_count": lambda: ops.window_with_time_or_count(1e6, 2),
    "parallel": lambda: ops.parallel(2),
    "share": ops.share,
    "replay": lambda: lambda flow: flow.replay(9).ref_count(),
    "publish": lambda: lambda flow: flow.publish().ref_count(),
    "publish_value": lambda: lambda flow: flow.publish_value(0).ref_count(),
    "partition": lambda: lambda flow: rx.merge(*flow.partition(bool)),
    "partition_indexed": lambda: lambda flow: rx.merge(*flow.partition_indexed(lambda *_: True)),
    "balance": lambda: lambda flow: rx.merge(*flow.balance(2)),
    "do_while": lambda: ops.do_while(lambda _: False),
    "while_do": lambda: ops.while_do(at_first(1)),
    "expand": lambda: ops.expand(lambda _: rx.empty()),
    "find": lambda: ops.find(no),
    "find_index": lambda: ops.find_index(no),
    "fork_join": lambda: ops.fork_join(rx.of(1)),
    "group_join": lambda: ops.group_join(rx.never(), lambda _: rx.never(), lambda _: rx.never()),
    "join": lambda: ops.join(rx.never(), lambda _: rx.never(), lambda _: rx.never()),
    "max_by": lambda: ops.max_by(lambda x: x),
    "min_by": lambda: ops.min_by(lambda x: x),
    "sequence_equal": lambda: ops.sequence_equal([1] * 6),
    "slice": lambda: ops.slice(0, 9),
    "subscribe_on": lambda: ops.subscribe_on(ImmediateScheduler()),
    "to_marbles": ops.to_marbles,
    "as_observable, lifted": lambda: rx.lift(stock.as_observable()),
}

NOT_BEHIND = {
    "map_async": "needs an event loop: see test_asyncio",
    "map_async_partitioned": "needs an event loop: see test_asyncio",
    "adaptive_concurrency": "needs an event loop: see test_asyncio",
    "map_thread": "runs in real threads: see tests/operators/test_executing",
    "retry": "subscribes again, and meets the same error: see below",
    "catch": "swallows the error: that is what it is for",
    "materialize": "gives the error as an item: that is what it is for",
    "on_error_resume_next": "goes on behind the error: that is what it is for",
    "single_or_default_async": "as single_or_default, but the second item is a failure, too",
    "dematerialize": "wants notifications",
    "ref_count": "is a part of publish and replay",
}


def test_every_operator_is_behind_a_callback_that_raises_stop_iteration():
    known = {name.partition(",")[0] for name in BEHIND} | NOT_BEHIND.keys()
    assert known >= {entry.name for entry in registered() if entry.kind == "operator"}


@together("name", BEHIND)
def test_no_operator_takes_stop_iteration_for_an_end_or_goes_on_behind_it(name: str):
    of_lists = {"starmap", "starmap_indexed", "pluck", "merge_all", "concat_all"}
    of_lists |= {"switch_latest", "exclusive"}
    item = [1] if name in of_lists else 1
    last = {"is_empty": 1, "take": 5}.get(name, 6)  # it is over, and asks for no more
    for nth, (initial, each) in product((1, 2, 3, 6), ((1, 1), (UNBOUNDED, 0))):
        fault = Fault(nth, StopIteration())
        world = World(fault, "cold")
        probe: TestSubscriber[Any] = TestSubscriber(initial, request_each=each)
        world.source.pipe(ops.map(fault(lambda _: item)), BEHIND[name]()).subscribe(probe)
        if nth > last:
            assert probe.completed
        else:
            assert isinstance(probe.error, RuntimeError), (nth, probe)
            assert "StopIteration" in str(probe.error)
            probe.assert_valid()
            assert fault.calls == nth, "it is not gone on behind it"
        assert world.opened == world.closed == 1


# An error in what closes a source does not keep the others open.

SEVERAL: dict[str, Callable[[Any, Any], Any]] = {
    "merge": lambda bad, good: bad.pipe(ops.merge(good)),
    "merge, second": lambda bad, good: good.pipe(ops.merge(bad)),
    **{
        f"{name}, {which}": lambda bad, good, name=name, first=first: (bad if first else good).pipe(
            getattr(ops, name)(good if first else bad)
        )
        for name in ("combine_latest", "with_latest_from", "zip_latest", "merge_sorted")
        for which, first in (("first", True), ("second", False))
    },
    "zip": lambda bad, good: bad.pipe(ops.zip(good)),
    "zip, second": lambda bad, good: good.pipe(ops.zip(bad)),
    "flat_map, outer": lambda bad, good: bad.pipe(ops.flat_map(lambda _: good)),
    "concat_map, outer": lambda bad, good: bad.pipe(ops.concat_map(lambda _: good)),
    "flat_map_iterable, outer": lambda bad, good: bad.pipe(
        ops.flat_map_iterable(lambda _: _Made(good))
    ),
    "zip_with_iterable": lambda bad, good: bad.pipe(ops.zip_with_iterable(_Made(good))),
    "merge, limit_rate": lambda bad, good: bad.pipe(
        ops.limit_rate(2), ops.merge(good.pipe(ops.limit_rate(2)))
    ),
    "combine_latest, lifted": lambda bad, good: bad.pipe(ops.combine_latest(good)),
}


class _Made:
    def __init__(self, flow: Any) -> None:
        self._flow = flow

    def __iter__(self) -> Any:
        return iter(self._flow)


@together("how", ["cancel", "failure"])
@together("name", SEVERAL)
def test_a_source_that_cannot_be_closed_does_not_keep_another_open(name: str, how: str):
    fault = Fault(1, PlantedError())
    world = World(fault, "own")
    flow = SEVERAL[name](rx.defer(lambda _: Closing(world)), rx.defer(lambda _: Upstream(world)))
    probe: TestSubscriber[Any] = TestSubscriber(2)
    failure = ValueError()
    with dropped_errors() as reported:
        flow.pipe(
            ops.map(lambda x: _fail(failure) if how == "failure" and probe.items else x)
        ).subscribe(probe)
        probe.cancel()
    assert world.opened == world.closed >= (2 if how == "cancel" else 1)
    assert reported == [fault.error]
    assert probe.error is (failure if how == "failure" else None)
    assert not [part for part in probe.subscription.statistics() if part.held]


def _fail(error: Exception) -> Any:
    raise error


@pytest.mark.parametrize("how", ["completion", "failure", "cancel"])
def test_each_finally_action_is_called_whatever_else_fails_at_the_end(how: str):
    """The second one too, and both although the source cannot be closed."""
    closing = Fault(1, PlantedError("close"))
    world = World(closing, "own")
    actions = Fault(1, PlantedError("action"))
    probe: TestSubscriber[Any] = TestSubscriber(3)
    with dropped_errors() as reported:
        rx.defer(lambda _: Closing(world)).pipe(
            ops.finally_action(actions(lambda: None)),
            ops.take(3) if how == "completion" else ops.map(lambda x: x),
            ops.map(lambda x: _fail(ValueError()) if how == "failure" and x == 2 else x),
            ops.finally_action(actions(lambda: None)),
        ).subscribe(probe)
        probe.cancel()
    assert actions.calls == 2
    assert world.closed == 1
    assert reported == [closing.error, actions.error], reported
    assert probe.completed is (how == "completion")
    assert isinstance(probe.error, ValueError) is (how == "failure")


# A fault in one subscription is not seen in another one.


@together("case", [case for case in OPERATORS if "cold" in case.kinds and not case.cancels])
def test_the_next_subscription_knows_nothing_of_the_fault(case: Any):
    fault = Fault(case.calls[-1], PlantedError())
    world = World(fault, "cold")
    flow = case.build(world)
    with dropped_errors():
        first: TestSubscriber[Any] = TestSubscriber(UNBOUNDED)
        flow.subscribe(first)
        second: TestSubscriber[Any] = TestSubscriber(UNBOUNDED)
        flow.subscribe(second)
    assert fault.calls >= case.calls[-1]
    assert second.error is not fault.error
    assert second.ended
    assert world.opened == world.closed


@pytest.mark.parametrize("nth", [1, 3])
def test_retry_goes_on_after_a_fault_with_a_source_of_its_own(nth: int):
    fault = Fault(nth, PlantedError())
    world = World(fault, "cold")
    probe: TestSubscriber[Any] = TestSubscriber(1, request_each=1)
    world.source.pipe(ops.map(fault()), ops.retry()).subscribe(probe)
    probe.assert_completed(*range(1, nth), 1, 2, 3, 4, 5, 6)
    assert world.opened == world.closed == 2


def test_an_error_that_is_signalled_again_and_again_does_not_grow():
    """A traceback gets longer each time its error is raised, and keeps the frames alive."""
    error = PlantedError()
    failing = rx.throw(error).pipe(ops.map(str))
    lengths = []
    for _ in range(3):
        probe: TestSubscriber[Any] = TestSubscriber(1)
        failing.subscribe(probe)
        probe.assert_failed(error)
        frames, traceback = 0, error.__traceback__
        while traceback is not None:
            frames, traceback = frames + 1, traceback.tb_next
        lengths.append(frames)
    assert len(set(lengths)) == 1, lengths


def test_an_interrupt_of_a_callback_leaves_the_thread_usable():
    """The trampoline of reactivex is not left in a state in which all that follows waits."""
    for interrupt in (KeyboardInterrupt(), asyncio.CancelledError()):
        with pytest.raises(type(interrupt)):
            rx.of(1, 2).pipe(ops.map(lambda _, e=interrupt: _fail(e))).subscribe(lambda _: None)
        seen: list[int] = []
        rx.of(1, 2).pipe(ops.flat_map(rx.of)).subscribe(seen.append)
        assert seen == [1, 2]
