"""Sources that never end, never answer, or die: nothing hangs, and all is released."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future
from contextlib import aclosing, suppress
from itertools import count, product
from typing import Any

import pytest
import reactivex
from reactivex.disposable import Disposable

import rxflow as rx
from rxflow import operators as ops
from rxflow.protocol import UNBOUNDED
from rxflow.testing import TestPublisher, TestSubscriber, run_virtual
from tests.kernel.recorder import in_thread
from tests.support_loop import turns

PATIENCE = 20.0  # seconds; only a hang gets there


class Opened:
    """Counts what was opened and closed."""

    def __init__(self) -> None:
        self.opened = 0
        self.closed = 0

    def endless(self) -> Iterator[int]:
        """Give numbers for ever."""
        self.opened += 1
        try:
            yield from count()
        finally:
            self.closed += 1

    def silent(self) -> Any:
        """Give an Observable that is subscribed to and never says a word."""

        def subscribe(*_: Any) -> Any:
            self.opened += 1
            return Disposable(self.close)

        return reactivex.create(subscribe)

    def close(self) -> None:
        self.closed += 1

    async def waiting(self) -> AsyncIterator[int]:
        """Wait for something that never comes."""
        self.opened += 1
        try:
            await asyncio.get_running_loop().create_future()
            yield 0
        finally:
            self.closed += 1

    def emitter(self, overflow: rx.Overflow) -> Any:
        def emit(_: Any) -> Callable[[], None]:
            self.opened += 1
            return self.close

        return rx.create(emit, overflow=overflow)

    def unanswering(self) -> Any:
        """Give a Publisher that never answers a request."""

        class Unanswering(TestPublisher[int]):
            def subscribe(publisher, subscriber: Any, /) -> Any:  # noqa: N805
                self.opened += 1
                return super().subscribe(subscriber)

        return rx.from_publisher(Unanswering(on_cancel=lambda _: self.close()))


SILENT: dict[str, Callable[[Opened], Any]] = {
    "on_backpressure_buffer": lambda o: o.silent().pipe(ops.on_backpressure_buffer(2)),
    "on_backpressure_drop": lambda o: o.silent().pipe(ops.on_backpressure_drop()),
    "on_backpressure_latest": lambda o: o.silent().pipe(ops.on_backpressure_latest()),
    "on_backpressure_error": lambda o: o.silent().pipe(ops.on_backpressure_error()),
    "on_backpressure_reduce": lambda o: o.silent().pipe(ops.on_backpressure_reduce(max)),
    "on_backpressure_block": lambda o: o.silent().pipe(ops.on_backpressure_block(2)),
    "from_observable": lambda o: rx.from_observable(o.silent(), overflow=rx.FAIL),
    "create": lambda o: o.emitter(rx.FAIL),
    "create, SUSPEND": lambda o: o.emitter(rx.SUSPEND),
    "create, BLOCK": lambda o: o.emitter(rx.BLOCK),
    "from_publisher": lambda o: o.unanswering(),
    "never": lambda o: rx.merge(rx.never(), o.emitter(rx.FAIL)),
    "merge": lambda o: rx.merge(o.emitter(rx.FAIL), o.unanswering()),
    "zip": lambda o: rx.zip(rx.from_iterable(o.endless()), o.unanswering()),
    "concat": lambda o: rx.concat(rx.of(), o.unanswering()),
    "flat_map": lambda o: rx.of(1, 2).pipe(ops.flat_map(lambda _: o.unanswering())),
    "catch": lambda o: rx.throw(OSError()).pipe(ops.catch(o.unanswering())),
    "start_with": lambda o: o.unanswering().pipe(ops.start_with()),
    "reduce": lambda o: o.unanswering().pipe(ops.reduce(max)),
    "limit_rate": lambda o: o.unanswering().pipe(ops.limit_rate(4)),
    "combine_latest, lifted": lambda o: o.unanswering().pipe(
        ops.combine_latest(o.emitter(rx.FAIL))
    ),
    "sample, lifted": lambda o: o.silent().pipe(
        ops.on_backpressure_buffer(2), ops.sample(rx.never())
    ),
}


@pytest.mark.parametrize("demand", [0, 1, UNBOUNDED])
@pytest.mark.parametrize("name", SILENT)
def test_a_source_that_never_answers_is_cancelled_at_once(name: str, demand: int):
    opened = Opened()
    probe: TestSubscriber[Any] = TestSubscriber(demand)
    SILENT[name](opened).subscribe(probe)
    was_open = opened.opened
    probe.cancel()
    assert opened.opened == opened.closed == was_open, "when cancel returns"
    assert was_open or not demand
    probe.assert_open()
    assert probe.items == []


ON_LOOP: dict[str, Callable[[Opened], Any]] = {
    "from_async_iterable": lambda o: rx.from_async_iterable(o.waiting()),
    "map_async": lambda o: rx.of(1, 2, 3).pipe(ops.map_async(lambda _: anext(o.waiting()), 2)),
    "from_queue": lambda o: rx.merge(rx.from_queue(asyncio.Queue()), o.emitter(rx.FAIL)),
    "future": lambda o: rx.merge(
        rx.defer(lambda _: asyncio.get_running_loop().create_future()), o.emitter(rx.FAIL)
    ),
    "concurrent future": lambda o: rx.merge(rx.defer(lambda _: Future[int]()), o.emitter(rx.FAIL)),
}


@pytest.mark.parametrize("name", [*SILENT, *ON_LOOP])
def test_a_task_that_waits_for_a_source_that_never_answers_is_cancelled_at_once(name: str):
    opened = Opened()

    async def main() -> None:
        make = SILENT.get(name) or ON_LOOP[name]

        async def consume() -> None:
            async with aclosing(aiter(make(opened))) as items:
                async for _ in items:
                    raise AssertionError("it has answered")

        task = asyncio.ensure_future(consume())
        await turns(6)
        assert opened.opened, "it waits"
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled()
        assert asyncio.get_running_loop().time() == 0

    run_virtual(main())
    assert opened.opened == opened.closed


def test_a_stream_that_never_ends_stops_within_the_item_that_cancels_it():
    for after, initial in product((1, 2, 1500), (UNBOUNDED, 1)):
        opened = Opened()
        advanced: list[int] = []
        probe: TestSubscriber[Any] = TestSubscriber(
            initial, request_each=1 if initial == 1 else 0, cancel_after=after
        )
        rx.from_iterable(opened.endless()).pipe(ops.do_action(advanced.append)).subscribe(probe)
        assert probe.items == list(range(after)) == advanced
        assert (opened.opened, opened.closed) == (1, 1)


@pytest.mark.parametrize(
    "make",
    [
        lambda source: source.pipe(ops.filter(lambda _: False)),
        lambda source: source.pipe(ops.reduce(max)),
        lambda source: source.pipe(ops.ignore_elements()),
        lambda source: source.pipe(ops.flat_map(lambda _: rx.empty())),
        lambda source: source.pipe(ops.limit_rate(8), ops.count()),
        lambda source: rx.merge(source.pipe(ops.ignore_elements()), rx.never()),
        lambda _: rx.empty().pipe(ops.repeat()),
        lambda _: rx.throw(OSError()).pipe(ops.retry()),
    ],
    ids=["filter", "reduce", "ignore", "flat_map", "limit_rate", "merge", "repeat", "retry"],
)
def test_a_stream_that_runs_for_ever_without_an_item_is_cancelled_from_another_thread(make: Any):
    opened = Opened()
    running = threading.Event()
    probe: TestSubscriber[Any] = TestSubscriber(1)
    flow = make(rx.from_iterable(opened.endless()).pipe(ops.do_action(lambda _: running.set())))
    join = in_thread(lambda: flow.subscribe(probe))
    probe.wait_for(lambda probe: probe.subscribed)
    running.wait(0.01)  # those without that source are running by now, too
    probe.cancel()
    join(PATIENCE)
    assert opened.opened == opened.closed
    probe.assert_open()


FRUITLESS: dict[str, Callable[[Any], Any]] = {
    "filter": lambda nothing: nothing,
    "reduce": lambda nothing: nothing.pipe(ops.reduce(max)),
    "concat": lambda nothing: rx.concat(rx.of(), nothing),
    "concat_map": lambda nothing: nothing.pipe(ops.concat_map(rx.of)),
    "concat_map, inner": lambda nothing: rx.of(1).pipe(ops.concat_map(lambda _: nothing)),
    "merge": lambda nothing: rx.merge(rx.never(), nothing),
    "merge, merged": lambda nothing: rx.merge(rx.never(), rx.merge(rx.never(), nothing)),
    "zip": lambda nothing: rx.zip(nothing, rx.never()),
    "limit_rate": lambda nothing: nothing.pipe(ops.limit_rate(4)),
    "map_async": lambda nothing: nothing.pipe(ops.map_async(asyncio.sleep)),
    "combine_latest, lifted": lambda nothing: nothing.pipe(ops.combine_latest(rx.never())),
    "delay, lifted": lambda nothing: nothing.pipe(ops.delay(0.0)),
}


@pytest.mark.parametrize("name", FRUITLESS)
def test_a_stream_that_runs_for_ever_without_an_item_leaves_its_loop_turns(name: str):
    """So that its task can be cancelled; the budgets of several stages do not multiply."""
    opened = Opened()
    advanced = 0

    def reject(_: Any) -> bool:
        nonlocal advanced
        advanced += 1
        assert advanced < 2_000_000, "the loop has no turn"
        return False

    async def main() -> None:
        flow = rx.from_iterable(opened.endless()).pipe(ops.filter(reject))
        task = asyncio.ensure_future(FRUITLESS[name](flow).for_each(print))
        for _ in range(4):
            before = advanced
            await asyncio.sleep(0)
            assert advanced - before < 200 * 1024, "a turn of the loop comes after some budgets"
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled()
        assert advanced

    run_virtual(main())
    assert (opened.opened, opened.closed) == (1, 1)


# A thread that dies while it pushes.


class Dying(BaseException):
    """Ends a thread."""


@pytest.mark.parametrize("overflow", [rx.FAIL, rx.BLOCK, rx.DROP_OLDEST], ids=repr)
def test_a_thread_that_dies_between_two_pushes_leaves_an_open_stream(overflow: rx.Overflow):
    """Nothing was said of an end: others may go on, and the consumer may leave."""
    emitters: list[Any] = []
    closed: list[int] = []
    probe: TestSubscriber[int] = TestSubscriber(2)

    def emit(emitter: Any) -> Any:
        emitters.append(emitter)
        return lambda: closed.append(1)

    rx.create(emit, overflow=overflow, capacity=4).subscribe(probe)

    def push() -> None:
        for item in range(3):
            emitters[0].on_next(item)
        raise Dying

    with pytest.raises(Dying):
        in_thread(push)()
    probe.assert_items(0, 1)
    in_thread(lambda: emitters[0].on_next(3))()
    probe.request(5)
    probe.assert_items(0, 1, 2, 3)
    probe.assert_open()
    probe.cancel()
    assert closed == [1]


@pytest.mark.parametrize("where", ["operator", "subscriber", "observer"])
def test_a_thread_that_dies_inside_of_a_push_stops_the_stream_and_holds_no_lock(where: str):
    emitters: list[Any] = []
    closed: list[int] = []

    def emit(emitter: Any) -> Any:
        emitters.append(emitter)
        return lambda: closed.append(1)

    def die(value: int) -> int:
        if value == 2:
            raise Dying
        return value

    flow = rx.create(emit, overflow=rx.BLOCK, capacity=4)
    probe: TestSubscriber[int] = TestSubscriber(
        UNBOUNDED, (lambda _, item: die(item)) if where == "subscriber" else None
    )
    if where == "operator":
        flow.pipe(ops.map(die)).subscribe(probe)
    elif where == "subscriber":
        flow.subscribe(probe)
    else:
        flow.subscribe(die)

    def push() -> None:
        for item in range(5):
            emitters[0].on_next(item)

    with pytest.raises(Dying):
        in_thread(push)()
    assert closed == [1]
    in_thread(push)(PATIENCE)  # nobody takes them, and nobody waits for room
    assert emitters[0].closed
    if where != "observer":
        assert probe.items == [0, 1, 2][: 3 if where == "subscriber" else 2]
        probe.assert_open()
        in_thread(lambda: probe.request(1))(PATIENCE)
        in_thread(probe.cancel)(PATIENCE)


def test_a_thread_that_dies_while_it_waits_for_room_takes_its_place_with_it():
    """The item it waited with is not pushed later, and its waiter is forgotten."""
    emitters: list[Any] = []
    probe: TestSubscriber[int] = TestSubscriber()
    flow: Any = rx.create(emitters.append, overflow=rx.BLOCK, capacity=1)
    flow.subscribe(probe)
    emitters[0].on_next(0)

    async def push() -> None:
        with suppress(TimeoutError):
            await emitters[0].send(1, timeout=1)
        raise Dying

    with pytest.raises(Dying):
        run_virtual(push())
    probe.request(3)
    probe.assert_items(0)
    assert emitters[0].try_offer(2) is rx.Offer.ENQUEUED
    probe.assert_items(0, 2)
