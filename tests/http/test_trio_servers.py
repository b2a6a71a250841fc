"""On a server that runs its applications on trio: an error that says what to do, and nothing else.

Anything sent before it would be half an answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import trio

import rxflow as rx

sent: list[Any] = []


async def receive() -> Any:
    await trio.sleep_forever()


async def send(message: Any) -> None:
    sent.append(message)


BRIDGES: dict[str, Callable[[], Any]] = {
    "send_response": lambda: rx.send_response(rx.of(b"a"), receive, send),
    "send_events": lambda: rx.send_events(rx.of("a"), receive, send),
    "to_websocket": lambda: rx.to_websocket(rx.of("a"), receive, send),
    "from_request_body": lambda: rx.from_request_body(receive).for_each(print),
    "from_websocket": lambda: rx.from_websocket(receive).for_each(print),
}


@pytest.mark.parametrize("name", BRIDGES)
def test_it_is_told_to_run_on_asyncio(name: str) -> None:
    async def main() -> None:
        with trio.fail_after(10):
            await BRIDGES[name]()

    with pytest.raises(RuntimeError, match=f"{name} .* trio runs here: have .* run on asyncio"):
        trio.run(main)
    assert not sent


@pytest.mark.parametrize("name", BRIDGES)
def test_without_any_loop_it_says_that_it_needs_one(name: str) -> None:
    with pytest.raises(RuntimeError, match=f"{name}|no running event loop"):
        BRIDGES[name]().send(None)
    assert not sent
