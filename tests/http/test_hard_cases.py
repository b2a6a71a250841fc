"""What a sceptic tries at a client's two ends: cancels at each turn, several at one client."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest

import rxflow as rx
from rxflow.http import inbox
from tests.support_loop import forget, run, turns

BRIDGES: dict[str, Callable[[rx.Flow[Any], Any, Any], Any]] = {
    "send_response": rx.send_response,
    "send_events": lambda flow, receive, send: rx.send_events(flow.map(bytes.hex), receive, send),
    "to_websocket": rx.to_websocket,
}


class World:
    """A client that stays silent, and a source; what is open of both."""

    def __init__(self, fail_at: int | None = None) -> None:
        self.receiving = self.opened = self.closed = 0
        self._fail_at = fail_at

    async def receive(self) -> Any:
        self.receiving += 1
        try:
            await asyncio.sleep(3600)
        finally:
            self.receiving -= 1

    async def send(self, message: Any) -> None:
        await asyncio.sleep(0)

    async def items(self) -> AsyncGenerator[bytes]:
        self.opened += 1
        try:
            for number in range(100):
                await asyncio.sleep(0)
                if number == self._fail_at:
                    raise KeyError("the source's")
                yield b"x"
        finally:
            await asyncio.sleep(0)
            self.closed += 1

    def answered(self, bridge: str) -> asyncio.Task[Any]:
        flow = rx.from_async_iterable(self.items())
        return asyncio.ensure_future(BRIDGES[bridge](flow, self.receive, self.send))

    def is_clean(self) -> bool:
        return not self.receiving and self.opened == self.closed and not inbox._inboxes


@pytest.mark.parametrize("bridge", BRIDGES)
def test_an_answer_that_is_cancelled_at_any_turn_leaves_nothing_open(bridge: str) -> None:
    async def main() -> None:
        for turn in range(25):
            world = World()
            task = world.answered(bridge)
            await turns(turn)
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled()
            assert world.is_clean(), turn

    run(main())


@pytest.mark.parametrize("bridge", BRIDGES)
def test_a_source_that_fails_at_any_item_leaves_nothing_open(bridge: str) -> None:
    async def main() -> None:
        for item in range(5):
            world = World(fail_at=item)
            with pytest.raises(KeyError, match="the source's"):
                await world.answered(bridge)
            assert world.is_clean(), item

    run(main())


def test_an_answer_that_is_cancelled_by_its_own_send_leaves_nothing_open() -> None:
    async def main() -> None:
        world = World()

        async def send(message: Any) -> None:
            if message["type"] == "http.response.body":
                task.cancel()

        flow = rx.from_async_iterable(world.items())
        task = asyncio.ensure_future(rx.send_response(flow, world.receive, send))
        await asyncio.wait([task])
        assert task.cancelled()
        assert world.is_clean()

    run(main())


def test_two_answers_and_a_reader_of_one_client_all_hear_that_it_leaves() -> None:
    messages = [{"type": "websocket.receive", "text": str(n)} for n in range(5)]
    messages.append({"type": "websocket.disconnect", "code": 1000})  # type: ignore[dict-item]
    taken: list[Any] = []

    async def receive() -> Any:
        await asyncio.sleep(0)
        return messages.pop(0)

    async def send(message: Any) -> None:
        raise AssertionError("there is nothing to send")

    async def main() -> None:
        answers = [
            asyncio.ensure_future(rx.to_websocket(rx.never(), receive, send)) for _ in range(2)
        ]
        await turns(10)
        await rx.from_websocket(receive).for_each(taken.append)
        assert await asyncio.gather(*answers) == [False, False]

    run(main())
    assert taken == list("01234")


@pytest.mark.parametrize("after", range(6))
def test_a_receive_that_fails_as_the_answer_ends_is_raised_or_nothing(after: int) -> None:
    """Nothing of it is reported later either, as of a task that nobody has asked."""
    reported: list[Any] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, told: reported.append(told))
        over = asyncio.Event()

        async def receive() -> Any:
            await over.wait()
            await turns(after)
            raise KeyError("the server's")

        async def send(message: Any) -> None:
            if not message.get("more_body", True):
                over.set()

        try:
            assert await rx.send_response(rx.of(b"a"), receive, send)
        except KeyError as error:
            assert "the server's" in str(error)  # noqa: PT017 - it may come too late
        gc.collect()
        await turns(5)

    run(main())
    assert not reported


class Alike:
    """A function for receiving that cannot be told from others by comparing, nor hashed."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def __eq__(self, other: object) -> bool:
        return True

    async def __call__(self) -> Any:
        return {"type": "http.request", "body": self._body, "more_body": False}


def test_clients_are_told_apart_whatever_their_functions_say() -> None:
    async def main() -> None:
        flows = [rx.from_request_body(Alike(body)) for body in (b"one", b"two")]
        async with asyncio.TaskGroup() as group:
            for flow, expected in zip(flows, (b"one", b"two"), strict=True):
                group.create_task(first(flow, expected))

    async def first(flow: rx.Flow[bytes], expected: bytes) -> None:
        async for part in flow:
            await turns(5)  # both are open
            assert part == expected

    run(main())


def test_what_was_open_when_its_loop_was_closed_is_forgotten() -> None:
    kept: list[Any] = []

    async def main() -> None:
        world = World()
        kept.append(aiter(rx.from_request_body(world.receive)))
        assert len(inbox._inboxes) == 1

    run(main())
    with pytest.warns(ResourceWarning, match="still open when its event loop was closed"):
        forget(kept)
    while inbox._inboxes:  # a thread cancels it
        gc.collect()
