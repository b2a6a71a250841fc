"""How each registered operator, door, source and bridge is put under the conformance suite."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

import reactivex
from reactivex import Notification
from reactivex.notification import OnNext
from reactivex.observer import Observer
from reactivex.scheduler import ImmediateScheduler
from reactivex.testing import TestScheduler

import rxflow as rx
from rxflow import Flow
from rxflow import operators as ops
from tests.contract.law_callbacks import AtOnce
from tests.support_streams import reader_of, writer_to

Step = Callable[[Any], Any]

# Reasons for which a check does not apply to an operator.
ALWAYS_ONE = "it gives one item even where its source has none"
HOT_ONCE = "each item goes to one of the subscribers, so a second one finds none"
ONE_QUEUE = "the queue is shared: a second subscriber has nothing left to take"
ONE_CLIENT = "what a client sends is there once, for one subscriber at a time"
TIMES = "its items are times, which differ"
TICKS = "its items count the periods that have passed, which differ"
OWN = "its items are Flows of their own for each subscriber"
OPENINGS = "it ends with its openings, whatever upstream does"
LOSSY = "it asks upstream for everything, and holds or drops what is not asked for downstream"

EMPTY = "test_optional_spec105_an_empty_stream_completes"


# The checks in which upstream fails.
FAILING = (
    "test_optional_spec104_a_failure_is_signalled_by_on_error",
    "test_untested_spec107_nothing_follows_on_error",
    "test_untested_spec109_subscribe_does_not_raise_what_fails",
    "test_required_spec104_a_failure_of_upstream_reaches_all",
    "test_required_spec104_a_failure_needs_no_demand",
)

# The checks in which upstream has to be subscribed to at once.
LATE = (
    "test_required_spec213_on_subscribe_refuses_none",
    "test_required_spec213_on_error_refuses_none",
    "test_required_spec213_on_next_takes_none",
    "test_untested_spec213_on_next_returns_normally",
)

# The checks in which the stream has to stay open as long as upstream does.
ENDING = (
    "test_required_spec205_a_second_subscription_is_cancelled",
    "test_untested_spec301_nothing_is_requested_before_on_subscribe",
    "test_required_spec308_a_request_lets_so_many_items_come",
    "test_required_spec312_cancel_stops_the_signals",
    "test_untested_spec315_cancel_returns_normally",
    "test_required_spec317_demand_adds_up_to_2_to_the_63",
)

# The checks in which several subscribers are to have equal items.
EQUAL = (
    "test_optional_spec111_all_get_the_same_when_requesting_one_by_one",
    "test_optional_spec111_all_get_the_same_when_requesting_at_once",
)


@dataclass(frozen=True)
class Case:
    """An operator or a door, in a pipeline of whole numbers.

    Attributes:
        step: The operator.
        needs: How many items upstream has to have for so many to come out.
        most: Most items that can come out.
        element: The n-th item of upstream.
        skips: The checks that do not apply, with the reasons.
    """

    step: Step
    needs: Callable[[int], int] = lambda n: n
    most: int = rx.UNBOUNDED
    element: Callable[[int], Any] = lambda n: n
    skips: Mapping[str, str] = field(default_factory=dict[str, str])


def one(step: Step, **options: Any) -> Case:
    """An operator that gives one item at the end, whatever there is."""
    return Case(step, needs=lambda n: 3, most=1, skips={EMPTY: ALWAYS_ONE}, **options)


def first(step: Step, **options: Any) -> Case:
    """An operator that gives one item as soon as it knows it."""
    return Case(step, most=1, skips={EMPTY: ALWAYS_ONE}, **options)


def windows(step: Step, **options: Any) -> Case:
    """An operator that gives a Flow before its source has an item."""
    reasons = {
        **dict.fromkeys(EQUAL, OWN),
        **dict.fromkeys((*FAILING, *LATE), "its own item comes first"),
        EMPTY: ALWAYS_ONE,
    }
    return Case(step, needs=lambda n: n - 1, skips=reasons, **options)


def toggled(step: Step) -> Case:
    """An operator that gives one Flow, and ends then."""
    case = windows(step, most=1)
    return replace(case, skips={**case.skips, **dict.fromkeys(ENDING[:3], OPENINGS)})


def briefly() -> Any:
    """Give a source of one item, which ends soon after."""
    return rx.of(7).pipe(ops.concat(rx.timer(0.2).pipe(ops.ignore_elements())))


def even(n: int) -> bool:
    return n % 2 == 0


async def itself(n: Any) -> Any:
    return n


async def later(n: Any) -> Any:
    await asyncio.sleep(0.5)
    return n


class Point:
    x = 1


def again(n: int) -> int:
    return 1 + n // 2


def once() -> Callable[[Any], bool]:
    """Make a condition that holds once."""
    answers = iter((True,))
    return lambda _: next(answers, False)


OPERATORS: dict[str, Case] = {
    "map": Case(ops.map(str)),
    "starmap": Case(ops.starmap(lambda a, b: a + b), element=lambda n: (n, n)),
    "starmap_indexed": Case(ops.starmap_indexed(lambda a, i: a + i), element=lambda n: (n, 1)),
    "map_indexed": Case(ops.map_indexed(lambda n, i: (n, i))),
    "pluck": Case(ops.pluck("key"), element=lambda n: {"key": n}),
    "pluck_attr": Case(ops.pluck_attr("x"), element=lambda n: Point()),
    "filter": Case(ops.filter(even), needs=lambda n: 2 * n),
    "filter_indexed": Case(ops.filter_indexed(lambda n, i: i % 3 == 0), needs=lambda n: 3 * n),
    "ignore_elements": Case(ops.ignore_elements(), needs=lambda n: 3, most=0),
    "distinct": Case(ops.distinct(), needs=lambda n: 2 * n, element=lambda n: n // 2),
    "distinct_until_changed": Case(
        ops.distinct_until_changed(), needs=lambda n: 2 * n, element=lambda n: n // 2
    ),
    "scan": Case(ops.scan(lambda total, n: total + n, 0)),
    "reduce": one(ops.reduce(lambda total, n: total + n, 0)),
    "count": one(ops.count()),
    "sum": one(ops.sum()),
    "average": Case(ops.average(), needs=lambda n: 3, most=1, skips={EMPTY: "it fails then"}),
    "min": one(ops.min()),
    "max": one(ops.max()),
    "map_async": Case(ops.map_async(later, 3)),
    "map_async_partitioned": Case(ops.map_async_partitioned(even, later, 3, buffer=2)),
    "adaptive_concurrency": Case(ops.adaptive_concurrency(later, 2, 4)),
    "supervise": Case(ops.supervise(ops.filter(even)), needs=lambda n: 2 * n),
    "map_executor": Case(ops.map_executor(AtOnce(), str, 3)),
    "to_list": one(ops.to_list()),
    "to_iterable": one(ops.to_iterable()),
    "to_set": one(ops.to_set()),
    "to_dict": one(ops.to_dict(str)),
    "some": first(ops.some()),
    "all": one(ops.all(lambda n: True)),
    "contains": first(ops.contains(0)),
    "is_empty": first(ops.is_empty()),
    "pairwise": Case(ops.pairwise(), needs=lambda n: n + 1),
    "buffer_with_count": Case(ops.buffer_with_count(3), needs=lambda n: 3 * n),
    "buffer_with_time_or_count": Case(
        ops.buffer_with_time_or_count(9.0, 3, TestScheduler()),
        needs=lambda n: 3 * n - 1,
        skips={EMPTY: ALWAYS_ONE},
    ),
    "buffer_with_time": Case(
        ops.buffer_with_time(9.0, scheduler=TestScheduler(), max_size=3),
        needs=lambda n: 3 * n - 1,
        skips={EMPTY: ALWAYS_ONE},
    ),
    "buffer": Case(
        ops.buffer(rx.never(), max_size=3), needs=lambda n: 3 * n - 1, skips={EMPTY: ALWAYS_ONE}
    ),
    "buffer_when": Case(
        ops.buffer_when(rx.never, max_size=3), needs=lambda n: 3 * n - 1, skips={EMPTY: ALWAYS_ONE}
    ),
    "buffer_toggle": Case(
        ops.buffer_toggle(briefly(), lambda _: rx.timer(0.1)),
        most=1,
        skips={EMPTY: ALWAYS_ONE, **dict.fromkeys((*FAILING, *ENDING), OPENINGS)},
    ),
    "natural_batches": Case(ops.natural_batches(1)),
    "batch": Case(ops.batch(1)),
    "group_by": Case(ops.group_by(lambda n: n, max_groups=2_000), skips=dict.fromkeys(EQUAL, OWN)),
    "group_by_until": Case(
        ops.group_by_until(lambda n: n, None, lambda group: rx.never(), max_groups=2_000),
        skips=dict.fromkeys(EQUAL, OWN),
    ),
    "window_with_count": windows(ops.window_with_count(1)),
    "window_with_time_or_count": windows(ops.window_with_time_or_count(9.0, 1, TestScheduler())),
    "window_with_time": windows(ops.window_with_time(9.0, None, TestScheduler()), most=1),
    "window": windows(ops.window(rx.never()), most=1),
    "window_when": windows(ops.window_when(rx.never), most=1),
    "window_toggle": toggled(ops.window_toggle(briefly(), lambda _: rx.timer(0.1))),
    "flat_map_iterable": Case(ops.flat_map_iterable(lambda n: [n])),
    "merge": Case(ops.merge(rx.empty())),
    "flat_map": Case(ops.flat_map(rx.of)),
    "flat_map_indexed": Case(ops.flat_map_indexed(lambda n, i: rx.of((n, i)))),
    "concat_map": Case(ops.concat_map(rx.of)),
    "merge_all": Case(ops.merge_all(), element=rx.of),
    "concat_all": Case(ops.concat_all(), element=rx.of),
    "materialize": Case(
        ops.materialize(),
        needs=lambda n: n - 1,
        skips={EMPTY: ALWAYS_ONE, **dict.fromkeys(FAILING, "a failure is an item")},
    ),
    "dematerialize": Case(ops.dematerialize(), element=OnNext),
    "do_action": Case(ops.do_action(lambda n: None)),
    "tap": Case(ops.tap(lambda n: None)),
    "detach": Case(ops.detach()),
    "as_observable": Case(ops.as_observable()),
    "single_or_default_async": first(ops.single_or_default_async(True, 7)),
    "to_marbles": Case(
        ops.to_marbles(1.0),
        needs=lambda n: 3,
        most=1,
        skips={EMPTY: ALWAYS_ONE, **dict.fromkeys(FAILING, "a failure is drawn")},
    ),
    "do": Case(ops.do(Observer())),
    "finally_action": Case(ops.finally_action(lambda: None)),
    "element_at": Case(ops.element_at(2), needs=lambda n: 3, most=1, skips={EMPTY: "it fails"}),
    "element_at_or_default": one(ops.element_at_or_default(2, 7)),
    "first": Case(ops.first(), most=1, skips={EMPTY: "it fails"}),
    "first_or_default": first(ops.first_or_default(None, 7)),
    "last": Case(ops.last(), needs=lambda n: 3, most=1, skips={EMPTY: "it fails"}),
    "last_or_default": one(ops.last_or_default(7)),
    "single": Case(ops.single(), most=1, skips={EMPTY: "it fails"}),
    "single_or_default": first(ops.single_or_default(None, 7)),
    "default_if_empty": Case(ops.default_if_empty(7), skips={EMPTY: ALWAYS_ONE}),
    "extrapolate": Case(ops.extrapolate(lambda n: ())),
    "expand_latest": Case(ops.expand_latest(lambda n: (n,))),
    "keep_alive": Case(ops.keep_alive(1e6, object)),
    "throttle": Case(ops.throttle(1e9)),
    "throttle_by_key": Case(ops.throttle_by_key(str, 100)),
    "cap_demand": Case(ops.cap_demand(2)),
    "pace": Case(ops.pace(2, 0.001)),
    "valve": Case(ops.valve(rx.Valve())),
    "limit_rate": Case(ops.limit_rate(4, 2)),
    "observe_on": Case(ops.observe_on(ImmediateScheduler(), prefetch=4)),
    "subscribe_on": Case(ops.subscribe_on(ImmediateScheduler())),
    "expand": Case(ops.expand(lambda n: rx.empty())),
    "fork_join": Case(ops.fork_join(rx.of(7)), needs=lambda n: 3 * n, most=1),
    "sequence_equal": first(ops.sequence_equal(rx.of(7))),
    "on_error_resume_next": Case(
        ops.on_error_resume_next(lambda error: rx.empty() if error is None else rx.throw(error)),
        skips=dict.fromkeys(FAILING, "it hears of no failure"),
    ),
    "while_do": Case(lambda flow: rx.defer(lambda _: flow.pipe(ops.while_do(once())))),
    "do_while": Case(ops.do_while(lambda source: False)),
    "find": first(ops.find(lambda n, i, source: True)),
    "find_index": first(ops.find_index(lambda n, i, source: True)),
    "max_by": one(ops.max_by(again)),
    "min_by": one(ops.min_by(again)),
    "slice": Case(ops.slice(2, None, 3), needs=lambda n: 3 * n),
    "join": Case(
        lambda flow: rx.of(7).pipe(ops.join(flow, lambda _: rx.never(), lambda _: rx.empty()))
    ),
    "group_join": Case(
        lambda flow: flow.pipe(
            ops.group_join(rx.of(7), lambda _: rx.never(), lambda _: rx.never(), capacity=2_000),
            ops.pluck(0),
        )
    ),
    "concat": Case(ops.concat(rx.of(7)), needs=lambda n: n - 1, skips={EMPTY: ALWAYS_ONE}),
    "start_with": Case(
        ops.start_with(7),
        needs=lambda n: n - 1,
        skips={EMPTY: ALWAYS_ONE, **dict.fromkeys((*FAILING, *LATE), "its own item comes first")},
    ),
    "repeat": Case(ops.repeat(1)),
    "retry": Case(ops.retry(1)),
    "take_with_time": Case(ops.take_with_time(100_000)),
    "take_until_with_time": Case(ops.take_until_with_time(100_000)),
    "skip_with_time": Case(ops.skip_with_time(0)),
    "skip_until_with_time": Case(ops.skip_until_with_time(0)),
    "take_last_with_time": Case(ops.take_last_with_time(100_000)),
    "skip_last_with_time": Case(ops.skip_last_with_time(0)),
    "tap_signals": Case(ops.tap_signals(lambda signal, value: None)),
    "on_request": Case(ops.on_request(lambda n: None)),
    "log": Case(ops.log("tck", level=0)),
    "named": Case(ops.named("tck")),
    "kill_switch": Case(ops.kill_switch(rx.KillSwitch())),
    "restart_with_backoff": Case(ops.restart_with_backoff(1, 1, max_restarts=0)),
    "catch": Case(ops.catch(lambda error, source: rx.throw(error))),
    "delay": Case(ops.delay(0.1, prefetch=4)),
    "delay_subscription": Case(ops.delay_subscription(0.1)),
    "delay_with_mapper": Case(ops.delay_with_mapper(lambda n: rx.timer(0.1), prefetch=4)),
    "sample": Case(ops.sample(100.0), most=1),
    "debounce": Case(ops.debounce(0.1), most=1),
    "throttle_with_timeout": Case(ops.throttle_with_timeout(0.1), most=1),
    "throttle_first": Case(ops.throttle_first(0.001), most=1),
    "throttle_with_mapper": Case(ops.throttle_with_mapper(lambda n: rx.timer(0.1)), most=1),
    "take": Case(ops.take(2_000)),
    "take_while": Case(ops.take_while(lambda n: True)),
    "take_while_indexed": Case(ops.take_while_indexed(lambda n, i: True)),
    "take_last": Case(ops.take_last(2_000)),
    "take_last_buffer": one(ops.take_last_buffer(2)),
    "skip": Case(ops.skip(2), needs=lambda n: n + 2),
    "skip_while": Case(ops.skip_while(lambda n: n < 2), needs=lambda n: n + 2),
    "skip_while_indexed": Case(ops.skip_while_indexed(lambda n, i: i < 2), needs=lambda n: n + 2),
    "skip_last": Case(ops.skip_last(2), needs=lambda n: n + 2),
    "timestamp": Case(ops.timestamp(), skips=dict.fromkeys(EQUAL, TIMES)),
    "time_interval": Case(ops.time_interval(), skips=dict.fromkeys(EQUAL, TIMES)),
    "timeout": Case(ops.timeout(5_000)),
    "timeout_with_mapper": Case(
        ops.timeout_with_mapper(rx.timer(5_000.0), lambda _: rx.timer(5_000.0))
    ),
    "initial_timeout": Case(ops.initial_timeout(5_000)),
    "idle_timeout": Case(ops.idle_timeout(5_000)),
    "completion_timeout": Case(ops.completion_timeout(100_000)),
    "backpressure_timeout": Case(ops.backpressure_timeout(5_000)),
    "zip": Case(ops.zip(rx.repeat_value(7))),
    "take_until": Case(ops.take_until(rx.never())),
    "skip_until": Case(ops.skip_until(rx.of(7))),
    "amb": Case(ops.amb(rx.never())),
    "concat_map_eager": Case(ops.concat_map_eager(rx.of, max_concurrency=4, prefetch=2)),
    "merge_prioritized": Case(ops.merge_prioritized((rx.empty(), 2), priority=3)),
    "merge_sorted": Case(ops.merge_sorted(rx.empty())),
    "combine_latest": Case(ops.combine_latest(rx.of(7))),
    "with_latest_from": Case(ops.with_latest_from(rx.of(7))),
    "zip_latest": Case(ops.zip_latest(rx.of(7)), most=1),
    "switch_map": Case(ops.switch_map(rx.of), most=1),
    "switch_map_indexed": Case(ops.switch_map_indexed(lambda n, i: rx.of((n, i))), most=1),
    "flat_map_latest": Case(ops.flat_map_latest(rx.of), most=1),
    "switch_latest": Case(ops.switch_latest(), most=1, element=rx.of),
    "exclusive": Case(ops.exclusive(), most=1, element=rx.of),
    "zip_with_iterable": Case(ops.zip_with_iterable(range(2_000))),
    "zip_with_list": Case(ops.zip_with_list(list(range(2_000)))),
}

LOCKSTEP = {
    "test_untested_spec213_a_subscriber_that_raises_is_cancelled": (
        "an item comes when each of its subscribers has asked for one"
    )
}

OPERATORS |= {
    "publish": Case(lambda flow: flow.publish(prefetch=4).ref_count(), skips=LOCKSTEP),
    "share": Case(ops.share(prefetch=4), skips=LOCKSTEP),
    "ref_count": Case(lambda flow: flow.publish().pipe(ops.ref_count()), skips=LOCKSTEP),
    "parallel": Case(ops.parallel(2, ops.map(str))),
    "balance": Case(
        lambda flow: flow.balance(1)[0],
        skips={
            **LOCKSTEP,
            **dict.fromkeys(
                (*EQUAL, "test_optional_spec111_all_subscribers_get_items_or_an_end"), HOT_ONCE
            ),
        },
    ),
    "partition": Case(lambda flow: flow.partition(even)[0], needs=lambda n: 2 * n, skips=LOCKSTEP),
    "partition_indexed": Case(
        lambda flow: flow.partition_indexed(lambda n, i: i % 2 == 1)[0],
        needs=lambda n: 2 * n,
        skips=LOCKSTEP,
    ),
    "replay": Case(lambda flow: flow.replay(2_000, prefetch=4).ref_count(), skips=LOCKSTEP),
    "publish_value": Case(
        lambda flow: flow.publish_value(7, prefetch=4).ref_count(),
        needs=lambda n: n - 1,
        skips={
            EMPTY: ALWAYS_ONE,
            **dict.fromkeys(FAILING, "its own item comes first"),
            **LOCKSTEP,
        },
    ),
}

DOORS: dict[str, Case] = {
    "on_backpressure_buffer": Case(ops.on_backpressure_buffer(2_000)),
    "on_backpressure_block": Case(ops.on_backpressure_block(2_000)),
    "on_backpressure_spill": Case(ops.on_backpressure_spill(2_000)),
    "on_backpressure_drop": Case(ops.on_backpressure_drop(), most=-1),
    "on_backpressure_latest": Case(ops.on_backpressure_latest(), most=1),
    "on_backpressure_reduce": Case(ops.on_backpressure_reduce(lambda a, b: a + b), most=1),
    "on_backpressure_error": Case(ops.on_backpressure_error(), most=-1),
    "shed": Case(ops.shed(2_000, lambda n: -n)),
    "conflate": Case(ops.conflate(lambda n: n, lambda a, b: a + b), most=1),
    "conflate_by_key": Case(ops.conflate_by_key(lambda n: n, max_keys=2_000)),
}


class Numbers:
    """An async iterable, each subscription with an iterator of its own."""

    def __init__(self, count: int, error: Exception | None = None) -> None:
        self._count = count
        self._error = error

    async def __aiter__(self) -> AsyncIterator[int]:
        for n in range(self._count):
            await asyncio.sleep(0)
            yield n
        if self._error is not None:
            raise self._error


def emitting(count: int) -> Flow[int]:
    """``create``, emitting on request."""

    def start(emitter: rx.Emitter[int]) -> None:
        numbers = iter(range(count))

        def give(n: int) -> None:
            for number in islice(numbers, n):
                emitter.on_next(number)
            given[0] += n
            if given[0] >= count:
                emitter.on_completed()

        given = [0]
        if not count:
            emitter.on_completed()
        else:
            emitter.on_request(give)

    return rx.create(start, overflow=rx.FAIL, capacity=2_000)


def queue(count: int) -> Flow[int]:
    numbers: asyncio.Queue[Any] = asyncio.Queue()
    for n in range(count):
        numbers.put_nowait(n)
    numbers.put_nowait(rx.END)
    return rx.from_queue(numbers)


def lines(count: int) -> Flow[Any]:
    reader = reader_of(b"".join(b"%d\n" % n for n in range(count)))
    return rx.from_stream_reader(reader, rx.Lines())


def received(kind: str, count: int, end: dict[str, Any]) -> Callable[[], Any]:
    """Give a server's ``receive`` for so many messages and an end."""
    part = {"type": kind, "body": b"a", "bytes": b"a", "more_body": True}
    messages = [*[part] * count, end]

    async def receive() -> Any:
        return messages.pop(0)

    return receive


def body(count: int, **end: Any) -> Flow[bytes]:
    return rx.from_request_body(received("http.request", count, end or {"type": "http.request"}))


def messages(count: int, code: int = 1000) -> Flow[str | bytes]:
    end = {"type": "websocket.disconnect", "code": code}
    return rx.from_websocket(received("websocket.receive", count, end))


@dataclass(frozen=True)
class Origin:
    """A source.

    Attributes:
        make: Makes one of so many items.
        fails: Makes one that fails.
        most: Most items it can have.
        skips: The checks that do not apply, with the reasons.
        patience: How long to wait for what is under way (seconds of virtual time).
    """

    make: Callable[[int], Any]
    fails: Callable[[], Any] | None = None
    most: int = rx.UNBOUNDED
    skips: Mapping[str, str] = field(default_factory=dict[str, str])
    patience: float = 1000.0


def raising() -> Any:
    raise KeyError("no item")


class Raising:
    def __iter__(self) -> Any:
        yield from ()
        raise KeyError("no item")


def shared(reason: str) -> dict[str, str]:
    """The checks with two subscribers to one source."""
    names = (
        "test_untested_spec110_the_same_subscriber_again_does_no_harm",
        "test_optional_spec111_all_subscribers_get_items_or_an_end",
        "test_optional_spec111_all_get_the_same_when_requesting_one_by_one",
        "test_optional_spec111_all_get_the_same_when_requesting_at_once",
        "test_untested_spec213_a_subscriber_that_raises_is_cancelled",
        "test_untested_spec314_after_the_last_cancel_it_can_be_subscribed_to",
    )
    return dict.fromkeys(names, reason)


SOURCES: dict[str, Origin] = {
    "from_async_iterable": Origin(
        lambda n: rx.from_async_iterable(Numbers(n)),
        lambda: rx.from_async_iterable(Numbers(0, KeyError())),
    ),
    "from_queue": Origin(queue, skips=shared(ONE_QUEUE)),
    "from_stream_reader": Origin(
        lines,
        lambda: rx.from_stream_reader(reader_of(b"broken off"), rx.Lines()),
        skips=shared(ONE_QUEUE),
    ),
    "from_request_body": Origin(
        body, lambda: body(0, type="http.disconnect"), skips=shared(ONE_CLIENT)
    ),
    "from_websocket": Origin(messages, lambda: messages(0, 1006), skips=shared(ONE_CLIENT)),
    "interval": Origin(
        lambda n: rx.interval(0.001).pipe(ops.take(n)),
        skips=dict.fromkeys(EQUAL, TICKS),
        most=100,
        patience=0.11,
    ),
    "timer": Origin(
        lambda n: rx.timer(0.001, 0.001).pipe(ops.take(n)),
        skips=dict.fromkeys(EQUAL, TICKS),
        most=100,
        patience=0.11,
    ),
    "create": Origin(
        emitting,
        lambda: rx.create(lambda emitter: raising(), overflow=rx.FAIL),
    ),
    "from_iterable": Origin(
        lambda n: rx.from_iterable(range(n)), lambda: rx.from_iterable(Raising())
    ),
    "range": Origin(lambda n: rx.range(n)),
    "of": Origin(lambda n: rx.of(*range(n))),
    "return_value": Origin(rx.return_value, most=1, skips={EMPTY: ALWAYS_ONE}),
    "repeat_value": Origin(lambda n: rx.repeat_value(7, n)),
    "generate": Origin(
        lambda n: rx.generate(0, lambda i: i < n, lambda i: i + 1),
        lambda: rx.generate(0, lambda i: raising(), lambda i: i),
    ),
    "empty": Origin(lambda n: rx.empty(), most=0),
    "throw": Origin(lambda n: rx.empty(), lambda: rx.throw(KeyError()), most=-1),
    "from_observable": Origin(
        lambda n: rx.from_observable(
            reactivex.from_iterable(range(n)), overflow=rx.FAIL, capacity=2_000
        ),
        lambda: rx.from_observable(reactivex.throw(KeyError()), overflow=rx.FAIL),
    ),
    "from_publisher": Origin(lambda n: rx.from_publisher(rx.range(n).pipe(ops.limit_rate(4)))),
    "defer": Origin(
        lambda n: rx.defer(lambda _: rx.range(n)), lambda: rx.defer(lambda _: raising())
    ),
}


async def consume(flow: Flow[Any], take: Callable[[Any], Any]) -> None:
    await rx.for_each(flow, take)


async def into_queue(flow: Flow[Any], take: Callable[[Any], Any]) -> None:
    class Taking(asyncio.Queue[Any]):
        def put_nowait(self, item: Any) -> None:
            take(item)

    await rx.to_queue(flow, Taking())


async def into_writer(flow: Flow[Any], take: Callable[[Any], Any]) -> None:
    class Taking(rx.Raw):
        def encode(self, item: Any) -> bytes:
            take(item)
            return b"."

    await rx.to_stream_writer(flow, writer_to(bytes), Taking())


def answering(bridge: Any, content: str) -> Callable[[Flow[Any], Callable[[Any], Any]], Any]:
    """Send the items to a client that never leaves."""

    async def answer(flow: Flow[Any], take: Callable[[Any], Any]) -> None:
        sent: list[Any] = []

        def item(value: Any) -> Any:
            sent.append(value)
            return "a" if bridge is rx.send_events else b"a"

        async def receive() -> Any:
            return await asyncio.get_running_loop().create_future()

        async def send(message: Any) -> None:
            if message.get(content, b"").strip(b":\n"):  # no comment that keeps it alive
                take(sent.pop(0))

        await bridge(flow.map(item), receive, send)

    return answer


async def read_latest(flow: Flow[Any], take: Callable[[Any], Any]) -> None:
    with rx.latest(flow) as reader:
        async for item in reader:
            take(item)


BRIDGES: dict[str, Callable[[Flow[Any], Callable[[Any], Any]], Any]] = {
    "for_each": consume,
    "latest": read_latest,
    "to_queue": into_queue,
    "to_stream_writer": into_writer,
    "send_response": answering(rx.send_response, "body"),
    "send_events": answering(rx.send_events, "body"),
    "to_websocket": answering(rx.to_websocket, "bytes"),
}

# What is registered and not checked, each with its reason.
EXCLUDED: dict[tuple[str, str], str] = {
    ("source", "from_file"): "it reads in a real thread; it cuts as from_stream_reader does",
    ("bridge", "to_file"): "it writes in a real thread",
    ("bridge", "run_in_thread"): "it is for_each, in a real thread",
    ("operator", "map_thread"): "it runs in real threads; map_executor is the same, in any others",
    ("source", "never"): "it has neither an item nor an end, so there is nothing to check",
}

__all__ = ["BRIDGES", "DOORS", "EXCLUDED", "OPERATORS", "SOURCES", "Case", "Notification", "Origin"]
