"""Every callback that belongs on an event loop, as data: one that is awaited, a queue, an end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Any

import rxflow as rx
from rxflow import operators as ops
from rxflow.kernel import put_back
from rxflow.testing import TestSubscriber
from tests.contract.law_callbacks import AtOnce
from tests.support_streams import reader_of, writer_to

from .cases import Outcome
from .worlds import ITEMS, Fault, World


class LoopWorld(World):
    """One run on an event loop.

    Attributes:
        running: Calls of async functions that run now.
        seen: What came out.
    """

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault, "cold")
        self.running = 0
        self.seen: list[Any] = []

    async def numbers(self) -> AsyncIterator[int]:
        """Give the items, with a turn of the loop before and after each."""
        self.opened += 1
        try:
            for item in ITEMS:
                await asyncio.sleep(0)
                yield item
                await asyncio.sleep(0)
        finally:
            try:
                await asyncio.sleep(0)  # closing takes a turn, and may be cancelled itself
            finally:
                self.closed += 1

    async def work(self, item: int) -> int:
        """Give the item after a turn, and take another one to clean up."""
        self.running += 1
        try:
            await asyncio.sleep(0)
            return item
        finally:
            try:
                await asyncio.sleep(0)
            finally:
                self.running -= 1

    async def fallible(self, item: int) -> int:
        """Fail in the n-th call, after a turn."""
        await self.work(item)
        self.fault.hit()
        return item

    async def note(self, item: int) -> None:
        """Note an item, after a turn."""
        self.seen.append(await self.work(item))

    def settled(self) -> None:
        """Check that everything is closed."""
        assert self.opened == self.closed, f"{self.opened} opened, {self.closed} closed"
        assert self.running == 0, "a call runs"


class Iterable:
    """An async iterable, a part of which may fail; it is to be closed once."""

    def __init__(self, world: LoopWorld, part: str) -> None:
        self._world = world
        self._part = part
        self._items = iter(ITEMS)

    def _may_fail(self, part: str) -> None:
        if part == self._part:
            self._world.fault.hit()

    def __aiter__(self) -> Iterable:
        self._may_fail("aiter")
        self._world.opened += 1
        return self

    async def __anext__(self) -> int:
        await asyncio.sleep(0)
        self._may_fail("anext")
        for item in self._items:
            return item
        raise StopAsyncIteration

    async def aclose(self) -> None:
        self._world.closed += 1
        await asyncio.sleep(0)
        self._may_fail("aclose")


class Queue(asyncio.Queue[Any]):
    """A queue that may fail, as a PriorityQueue does when its items cannot be compared."""

    def __init__(self, world: LoopWorld, part: str, size: int = 0) -> None:
        super().__init__(size)
        self._world = world
        self._part = part

    def _get(self) -> Any:
        if self._part == "get":
            self._world.fault.hit()
        return super()._get()  # type: ignore[misc]

    def _put(self, item: Any) -> None:
        if self._part == "put":
            self._world.fault.hit()
        super()._put(item)  # type: ignore[misc]


class Reader(asyncio.StreamReader):
    """A reader that gives one byte at a time, and fails in the n-th read."""

    fault: Fault

    async def read(self, n: int = -1) -> bytes:
        await asyncio.sleep(0)
        self.fault.hit()
        return await super().read(1)


class Numbers(rx.Framing[int]):
    """A byte is a number; a part of it may fail."""

    def __init__(self, world: LoopWorld, part: str) -> None:
        self._world = world
        self._part = part

    def _may_fail(self, part: str) -> None:
        if part == self._part:
            self._world.fault.hit()

    def measure(self, data: bytearray, seen: int, ended: bool) -> int | None:
        self._may_fail("measure")
        return 1

    def decode(self, frame: bytes) -> int:
        self._may_fail("decode")
        return frame[0]

    def encode(self, item: int) -> bytes:
        self._may_fail("encode")
        return bytes([item])


class Limiter:
    """What is held during a call, a part of which may fail."""

    def __init__(self, world: LoopWorld, part: str) -> None:
        self._world = world
        self._part = part

    async def __aenter__(self) -> None:
        await asyncio.sleep(0)
        if self._part == "enter":
            self._world.fault.hit()

    async def __aexit__(self, *_: object) -> None:
        await asyncio.sleep(0)
        if self._part == "exit":
            self._world.fault.hit()


def _held(world: LoopWorld, part: str) -> Any:
    return _from_async(world).for_each(world.work, max_concurrency=2, limiter=Limiter(world, part))


def _dropping(world: LoopWorld) -> Any:
    options: Any = {"overflow": rx.DROP_OLDEST, "on_drop": world.fault()}
    return _from_async(world).to_queue(_Ended(1), end="end", **options)


class _Ended(asyncio.Queue[Any]):
    """A queue that always has room for an end."""

    def full(self) -> bool:
        return self.qsize() >= 1

    async def put(self, item: Any) -> None:
        put_back(self, item)


def _read(world: LoopWorld, part: str) -> Any:
    reader = reader_of(bytes(ITEMS), kind=Reader if part == "read" else asyncio.StreamReader)
    reader.fault = world.fault
    return rx.from_stream_reader(reader, Numbers(world, part))


def _write(world: LoopWorld, part: str) -> Any:
    def write(data: bytes) -> None:
        if part == "write":
            world.fault.hit()
        world.seen += data

    return _from_async(world).to_stream_writer(writer_to(write), Numbers(world, part))


def filled(queue: asyncio.Queue[Any]) -> asyncio.Queue[Any]:
    for item in ITEMS:
        queue.put_nowait(item)
    return queue


@dataclass(frozen=True)
class LoopCase:
    """One callback.

    Attributes:
        name: The registered function.
        parameter: Its parameter.
        label: What is special about it.
        consume: Consumes to the end; raises what the stream fails with.
        calls: Which calls fail, one in each run.
        outcome: Where the error goes.
        stops: Errors that have a meaning of their own there, and are none.
    """

    name: str
    parameter: str
    label: str
    consume: Callable[[LoopWorld], Awaitable[Any]]
    calls: tuple[int, ...] = (1, 3)
    outcome: Outcome = Outcome.SIGNALLED
    stops: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "-".join((self.name, self.parameter, self.label.replace(" ", "_")))


async def iterate(world: LoopWorld, flow: Any) -> None:
    """Take the items in a loop."""
    async with aclosing(aiter(flow)) as items:
        async for item in items:
            world.seen.append(item)
            await asyncio.sleep(0)


async def subscribe(world: LoopWorld, flow: Any) -> None:
    """Take the items with a Subscriber, two at a time."""
    probe: TestSubscriber[Any] = TestSubscriber(2, request_each=1)
    flow.subscribe(probe)
    try:
        await probe.until(lambda probe: probe.ended)
        await asyncio.sleep(0.001)  # what is closed behind the end takes turns
    finally:
        probe.cancel()
        probe.assert_valid()
        world.seen = probe.items
    if probe.error is not None:
        raise probe.error


def _flows(
    name: str, parameter: str, label: str, build: Callable[[LoopWorld], Any], **options: Any
) -> tuple[LoopCase, ...]:
    """Make a case for each way to take the items of a Flow."""
    return tuple(
        LoopCase(
            name, parameter, f"{label} {end}", lambda w, take=take: take(w, build(w)), **options
        )
        for end, take in (("async for", iterate), ("subscriber", subscribe))
    )


def _from_async(world: LoopWorld) -> Any:
    return rx.from_async_iterable(world.numbers())


def _retrying(world: LoopWorld, function: Any) -> Any:
    """Wrap an async function in one that fails itself."""

    async def retrying(item: int) -> int:
        result: int = await function(item)
        world.fault.hit()
        return result

    return retrying


class _Failing(rx.LimitAlgorithm, rx.Limiter):
    """An algorithm that fails in the n-th call."""

    def __init__(self, world: LoopWorld) -> None:
        self._fault = world.fault

    def limiter(self, least: int, most: int) -> rx.Limiter:
        return self

    def ended(self, seconds: float, running: int, failed: bool) -> float:
        self._fault.hit()
        return 2


async def _left(step: Callable[[LoopWorld, Any], Any], world: LoopWorld) -> None:
    """Leave when the next results are there."""
    flow = rx.from_iterable([*ITEMS, 7, 8, 9]).pipe(step(world, world.fault()))
    async with aclosing(aiter(flow)) as items:
        async for item in items:
            world.seen.append(item)
            if len(world.seen) == len(ITEMS):
                break
        await asyncio.sleep(1)


def _receiving(world: LoopWorld, kind: str, name: str) -> Any:
    """Give a server's ``receive`` that fails in the n-th call."""
    messages = [{"type": kind, name: bytes([item]), "more_body": True} for item in ITEMS]

    async def receive() -> Any:
        await asyncio.sleep(0)
        world.fault.hit()
        return messages.pop(0)

    return receive


async def _nothing() -> Any:
    return await asyncio.get_running_loop().create_future()


def _answering(name: str, parameter: str, bridge: Any, item: Any) -> LoopCase:
    """Make a case of one of a server's two functions, or of the Flow."""

    async def answer(world: LoopWorld) -> None:
        async def send(message: Any) -> None:
            await asyncio.sleep(parameter == "receive")
            if parameter == "send":
                world.fault.hit()
            if content := message.get("body", message.get("bytes")):
                world.seen.append(int(content.strip(b"data: \n")))

        async def receive() -> Any:
            await asyncio.sleep(0)
            world.fault.hit()

        broken = rx.from_iterable(world.broken())
        flow: Any = (broken if parameter == "flow" else _from_async(world)).map(item)
        await bridge(flow, receive if parameter == "receive" else _nothing, send)

    calls = (1,) if parameter == "receive" else (1, 3)
    stops = ("StopIteration",) if parameter == "flow" else ()
    return LoopCase(name, parameter, "", answer, calls=calls, stops=stops)


async def _failing(world: LoopWorld) -> AsyncIterator[int]:
    """Give the items, with turns of the loop between them, and fail before one."""
    async with aclosing(world.numbers()) as numbers:
        async for item in numbers:
            world.fault.hit()
            yield item


async def _latest(flow: rx.Flow[int], world: LoopWorld) -> None:
    """Read each value, which is the newest one when it comes."""
    try:
        with rx.latest(flow) as reader:
            async for item in reader:
                world.seen.append(item)
    finally:
        await asyncio.sleep(1)  # close() waits for nothing


LOOP_CASES: tuple[LoopCase, ...] = (
    *(
        case
        for at_once in (1, 3)
        for ordered in (True, False)
        for part in ("call", "await")
        for case in _flows(
            "map_async",
            "function",
            f"{part} {at_once} {'ordered' if ordered else 'unordered'}",
            lambda w, n=at_once, o=ordered, p=part: _from_async(w).pipe(
                ops.map_async(w.fault(w.work) if p == "call" else w.fallible, n, o)
            ),
        )
    ),
    *(
        case
        for ordered in (True, False)
        for name, parameter, step in (
            (
                "map_async",
                "retry",
                lambda w, o: ops.map_async(w.work, 2, o, retry=lambda fn: _retrying(w, fn)),
            ),
            (
                "map_async_partitioned",
                "key",
                lambda w, o: ops.map_async_partitioned(w.fault(), w.work, 2, o),
            ),
            (
                "map_async_partitioned",
                "function",
                lambda w, o: ops.map_async_partitioned(str, w.fallible, 2, o, buffer=1),
            ),
            (
                "adaptive_concurrency",
                "function",
                lambda w, o: ops.adaptive_concurrency(w.fallible, 2, 2, o),
            ),
            (
                "adaptive_concurrency",
                "retry",
                lambda w, o: ops.adaptive_concurrency(
                    w.work, 2, 2, o, retry=lambda fn: _retrying(w, fn)
                ),
            ),
            (
                "adaptive_concurrency",
                "algorithm",
                lambda w, o: ops.adaptive_concurrency(w.work, 2, 2, o, algorithm=_Failing(w)),
            ),
            (
                "map_async_partitioned",
                "retry",
                lambda w, o: ops.map_async_partitioned(
                    str, w.work, 2, o, retry=lambda fn: _retrying(w, fn)
                ),
            ),
        )
        for case in _flows(
            name,
            parameter,
            "ordered" if ordered else "unordered",
            lambda w, step=step, o=ordered: _from_async(w).pipe(step(w, o)),
        )
    ),
    *(
        LoopCase(name, "on_discard", "", partial(_left, step), calls=(1,), outcome=Outcome.REPORTED)
        for name, step in (
            ("map_async", lambda w, call: ops.map_async(w.work, 3, on_discard=call)),
            (
                "map_async_partitioned",
                lambda w, call: ops.map_async_partitioned(str, w.work, 3, on_discard=call),
            ),
            (
                "adaptive_concurrency",
                lambda w, call: ops.adaptive_concurrency(w.work, 3, 3, on_discard=call),
            ),
            (
                "map_executor",
                lambda w, call: ops.map_executor(AtOnce(), abs, 3, on_discard=call),
            ),
        )
    ),
    LoopCase("for_each", "fn", "call", lambda w: _from_async(w).for_each(w.fault(w.seen.append))),
    LoopCase("for_each", "fn", "await", lambda w: _from_async(w).for_each(w.fallible)),
    LoopCase(
        "for_each",
        "fn",
        "await 3",
        lambda w: _from_async(w).for_each(w.fallible, max_concurrency=3),
    ),
    LoopCase(
        "for_each",
        "flow",
        "source",
        lambda w: rx.from_iterable(w.broken()).for_each(w.note),
        stops=("StopIteration",),
    ),
    LoopCase(
        "latest",
        "source",
        "source",
        lambda w: _latest(rx.from_async_iterable(_failing(w)), w),
    ),
    LoopCase(
        "to_queue",
        "flow",
        "source",
        lambda w: rx.from_iterable(w.broken()).to_queue(asyncio.Queue()),
        stops=("StopIteration",),
    ),
    LoopCase(
        "to_queue", "queue", "put", lambda w: _from_async(w).to_queue(Queue(w, "put"), end="end")
    ),
    LoopCase("to_queue", "on_drop", "", _dropping),
    LoopCase("for_each", "limiter", "enter", lambda w: _held(w, "enter")),
    LoopCase("for_each", "limiter", "exit", lambda w: _held(w, "exit")),
    *_flows(
        "from_async_iterable",
        "iterable",
        "aiter",
        lambda w: rx.from_async_iterable(Iterable(w, "aiter")),
        calls=(1,),
        stops=("StopAsyncIteration",),
    ),
    *_flows(
        "from_async_iterable",
        "iterable",
        "anext",
        lambda w: rx.from_async_iterable(Iterable(w, "anext")),
        stops=("StopAsyncIteration",),
    ),
    *_flows(
        "from_async_iterable",
        "iterable",
        "aclose",
        lambda w: rx.from_async_iterable(Iterable(w, "aclose")),
        calls=(1,),
        outcome=Outcome.REPORTED,
    ),
    *_flows(
        "from_queue",
        "queue",
        "get",
        lambda w: rx.from_queue(filled(Queue(w, "get"))),
        stops=("StopAsyncIteration",),
    ),
    *(
        case
        for parameter, part in (("reader", "read"), ("framing", "measure"), ("framing", "decode"))
        for case in _flows(
            "from_stream_reader", parameter, part, lambda w, part=part: _read(w, part)
        )
    ),
    LoopCase("to_stream_writer", "framing", "encode", lambda w: _write(w, "encode")),
    LoopCase("to_stream_writer", "writer", "write", lambda w: _write(w, "write")),
    LoopCase(
        "to_stream_writer",
        "flow",
        "source",
        lambda w: rx.from_iterable(w.broken()).to_stream_writer(writer_to(bytes), Numbers(w, "")),
        stops=("StopIteration",),
    ),
    *_flows(
        "from_request_body",
        "receive",
        "",
        lambda w: rx.from_request_body(_receiving(w, "http.request", "body")).map(ord),
    ),
    *_flows(
        "from_websocket",
        "receive",
        "",
        lambda w: rx.from_websocket(_receiving(w, "websocket.receive", "bytes")).map(ord),
    ),
    *(
        _answering(name, parameter, bridge, item)
        for name, bridge, item in (
            ("send_response", rx.send_response, lambda item: b"%d" % item),
            ("send_events", rx.send_events, str),
            ("to_websocket", rx.to_websocket, lambda item: b"%d" % item),
        )
        for parameter in ("flow", "receive", "send")
    ),
)
