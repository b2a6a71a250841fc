"""The interfaces that the package rsocket ships (``reactivestreams``), and RSocket itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest
from reactivestreams.publisher import DefaultPublisher
from reactivestreams.subscriber import DefaultSubscriber
from rsocket.awaitable.awaitable_rsocket import AwaitableRSocket
from rsocket.helpers import single_transport_provider
from rsocket.payload import Payload
from rsocket.request_handler import BaseRequestHandler
from rsocket.rsocket_client import RSocketClient
from rsocket.rsocket_server import RSocketServer
from rsocket.streams.stream_from_generator import StreamFromGenerator
from rsocket.transports.tcp import TransportTCP

import rxflow as rx
from rxflow import operators as ops
from rxflow.testing import TestSubscriber
from tests.support import counted

LIMIT = 20.0


def bounded(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(main(), LIMIT))


class Collecting(DefaultSubscriber):
    """A Subscriber in the spelling of the package."""

    def __init__(self, first: int = 0) -> None:
        super().__init__()
        self.log: list[Any] = []
        self._first = first

    def on_subscribe(self, subscription: Any) -> None:
        super().on_subscribe(subscription)
        if self._first:
            subscription.request(self._first)

    def on_next(self, value: Any, is_complete: bool = False) -> None:
        self.log.append(value)

    def on_error(self, exception: Exception) -> None:
        self.log.append(exception)

    def on_complete(self) -> None:
        self.log.append("complete")


class Giving(DefaultPublisher):
    """A Publisher in the spelling of the package, which completes with its last item."""

    def __init__(self, items: list[Any], *, is_complete: bool) -> None:
        self._items = iter(items)
        self._left = len(items)
        self._is_complete = is_complete
        self.requests: list[int] = []
        self.cancelled = False

    def subscribe(self, subscriber: Any) -> None:
        super().subscribe(subscriber)
        subscriber.on_subscribe(self)

    def request(self, n: int) -> None:
        self.requests.append(n)
        for _ in range(min(n, self._left)):
            self._left -= 1
            self._subscriber.on_next(
                next(self._items), is_complete=self._is_complete and not self._left
            )
        if not (self._left or self._is_complete):
            self._subscriber.on_complete()

    def cancel(self) -> None:
        self.cancelled = True


def test_a_flow_serves_a_subscriber_of_the_package_on_its_demand() -> None:
    numbers = counted(range(3))
    subscriber = Collecting(2)
    rx.from_iterable(numbers).subscribe(subscriber)
    assert subscriber.log == [0, 1]
    assert numbers.taken == 2
    subscriber.subscription.request(5)
    assert subscriber.log == [0, 1, 2, "complete"]


def test_a_subscriber_of_the_package_cancels_a_flow() -> None:
    numbers = counted(range(3))
    subscriber = Collecting(1)
    rx.from_iterable(numbers).subscribe(subscriber)
    subscriber.subscription.cancel()
    subscriber.subscription.request(1)
    assert subscriber.log == [0]
    assert numbers.closed == 1


def test_a_subscriber_of_the_package_hears_of_the_failure() -> None:
    subscriber = Collecting(1)
    rx.throw(ZeroDivisionError()).subscribe(subscriber)
    assert [type(each) for each in subscriber.log] == [ZeroDivisionError]


def test_a_subscriber_that_lacks_a_method_is_refused_when_it_subscribes() -> None:
    class Endless:
        def on_subscribe(self, subscription: Any) -> None: ...
        def on_next(self, value: Any) -> None: ...
        def on_error(self, error: Exception) -> None: ...

    with pytest.raises(TypeError, match="on_complete"):
        rx.of(1).subscribe(Endless())


@pytest.mark.parametrize("is_complete", [True, False], ids=["with the last item", "after it"])
def test_a_publisher_of_the_package_is_taken_in(is_complete: bool) -> None:
    publisher = Giving(list("abcde"), is_complete=is_complete)
    probe = TestSubscriber[str]()
    rx.from_publisher(publisher, prefetch=4).subscribe(probe)
    assert publisher.requests == [4]
    probe.request(3)
    assert publisher.requests == [4, 3]
    probe.request(2)
    assert probe.items == list("abcde")
    assert probe.completed
    assert not publisher.cancelled


def test_a_publisher_of_the_package_is_cancelled() -> None:
    publisher = Giving(list("abcde"), is_complete=True)
    probe = TestSubscriber[str]()
    rx.from_publisher(publisher, prefetch=2).subscribe(probe)
    probe.cancel()
    assert publisher.cancelled


# RSocket itself, over TCP.


class Handler(BaseRequestHandler):
    """Answers with the publisher that it is given, or asks the one it gets."""

    def __init__(self, publisher: Any, channelled: list[Any]) -> None:
        self._publisher = publisher
        self._channelled = channelled

    async def request_stream(self, payload: Payload) -> Any:
        return self._publisher

    async def request_channel(self, payload: Payload) -> Any:
        collecting = Collecting(2)
        self._channelled.append(collecting)
        return self._publisher, collecting


@asynccontextmanager
async def connected(publisher: Any, channelled: list[Any] | None = None) -> AsyncIterator[Any]:
    servers: list[RSocketServer] = []

    def serve(*streams: Any) -> None:
        handler = Handler(publisher, [] if channelled is None else channelled)
        servers.append(RSocketServer(TransportTCP(*streams), handler_factory=lambda: handler))

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    streams = await asyncio.open_connection(*listening.sockets[0].getsockname())
    async with RSocketClient(single_transport_provider(TransportTCP(*streams))) as client:
        yield client
    for server in servers:
        await server.close()
    listening.close()


def payloads(numbers: counted) -> rx.Flow[Payload]:
    return rx.from_iterable(numbers).pipe(ops.map(lambda n: Payload(b"%d" % n)))


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - it stands in the other end of a connection
        await asyncio.sleep(0)


def test_a_flow_answers_a_request_stream_as_far_as_the_peer_asks() -> None:
    async def main() -> None:
        numbers = counted(range(100))
        subscriber = Collecting()
        async with connected(payloads(numbers)) as client:
            client.request_stream(Payload(b"")).initial_request_n(3).subscribe(subscriber)
            await until(lambda: len(subscriber.log) == 3)
            assert numbers.taken == 3
            subscriber.subscription.request(4)
            await until(lambda: len(subscriber.log) == 7)
            assert numbers.taken == 7
            subscriber.subscription.cancel()
            await until(lambda: numbers.closed == 1)

    bounded(main)


def test_all_that_a_flow_gives_arrives_and_its_end() -> None:
    async def main() -> None:
        async with connected(payloads(counted(range(50)))) as client:
            found = await AwaitableRSocket(client).request_stream(Payload(b""), limit_rate=8)
            assert [each.data for each in found] == [b"%d" % n for n in range(50)]

    bounded(main)


def test_a_request_stream_is_a_flow_whose_demand_reaches_the_peer() -> None:
    """RSocket's requester would ask for 2**31 - 1 items with the call that opens the stream."""

    async def main() -> None:
        given = counted(range(100))

        def generate() -> Iterator[tuple[Payload, bool]]:
            for n in given:
                yield Payload(b"%d" % n), n == 99

        async with connected(StreamFromGenerator(generate)) as client:
            flow = rx.from_publisher(client.request_stream(Payload(b"")), prefetch=4)
            async with aclosing(aiter(flow)) as items:
                seen = [(await anext(items)).data]
                await until(lambda: given.taken == 4)
                for _ in range(20):
                    await asyncio.sleep(0)
                assert given.taken == 4  # and no more, however long it waits
                async for payload in items:
                    seen.append(payload.data)
                    assert given.taken <= len(seen) + 4
            assert seen == [b"%d" % n for n in range(100)]

    bounded(main)


def test_the_failure_of_a_flow_crosses_the_wire() -> None:
    async def main() -> None:
        failing: rx.Flow[Payload] = rx.throw(ValueError("no such track"))
        async with connected(rx.of(Payload(b"1")).concat(failing)) as client:
            flow = rx.from_publisher(client.request_stream(Payload(b"")), prefetch=4)
            with pytest.raises(Exception, match="no such track"):
                await flow.for_each(lambda _: None)

    bounded(main)


def test_a_channel_takes_a_flow_and_gives_one() -> None:
    async def main() -> None:
        channelled: list[Collecting] = []
        up, down = counted(range(100)), counted(range(5))
        async with connected(payloads(down), channelled) as client:
            request = client.request_channel(Payload(b""), payloads(up))
            answered = [item.data async for item in rx.from_publisher(request, prefetch=2)]
            assert answered == [b"0", b"1", b"2", b"3", b"4"]
            await until(lambda: len(channelled) == 1 and len(channelled[0].log) >= 2)
            assert up.taken == 2  # what the far end has asked for
            assert [each.data for each in channelled[0].log] == [b"0", b"1"]

    bounded(main)
