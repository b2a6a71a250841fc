"""``send_events``: what is written, and what a real browser makes of it."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import httpx
import pytest

import rxflow as rx
from rxflow import operators as ops
from tests.http.test_response import GET, Server
from tests.support_loop import run
from tests.support_server import App, connected, run_real, serving

Event = rx.ServerSentEvent

ENCODED: dict[str, tuple[Event, bytes]] = {
    "text": (Event("a"), b"data: a\n\n"),
    "no text": (Event(""), b"data: \n\n"),
    "a space is kept": (Event(" a "), b"data:  a \n\n"),
    "lines": (Event("a\nb\r\nc\rd"), b"data: a\ndata: b\ndata: c\ndata: d\n\n"),
    "line ends at the ends": (Event("\na\n\n"), b"data: \ndata: a\ndata: \ndata: \n\n"),
    "a line end and a return": (Event("a\n\rb"), b"data: a\ndata: \ndata: b\n\n"),
    "what looks like a field": (Event("id: 7\nretry: 1"), b"data: id: 7\ndata: retry: 1\n\n"),
    "no line ends to a browser": (
        Event("a\u2028b\x85c\x0bd"),
        "data: a\u2028b\x85c\x0bd\n\n".encode(),
    ),
    "all fields": (
        Event("a", event="tick", id="7", retry=1.5),
        b"event: tick\nid: 7\nretry: 1500\ndata: a\n\n",
    ),
    "no data": (Event(None, id="7"), b"id: 7\n\n"),
    "the id is forgotten": (Event("a", id=""), b"id: \ndata: a\n\n"),
    "beyond ASCII": (Event("ü", event="ä"), "event: ä\ndata: ü\n\n".encode()),
}


@pytest.mark.parametrize("name", ENCODED)
def test_an_event_is_written_so_that_its_text_is_read(name: str) -> None:
    event, encoded = ENCODED[name]
    assert event.encoded() == encoded


@pytest.mark.parametrize(
    "fields",
    [{"event": "a\nb"}, {"event": "a\r"}, {"id": "a\nb"}, {"id": "\r"}, {"id": "a\0"}],
)
def test_a_field_of_more_lines_is_refused(fields: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="must be one line, not"):
        Event("a", **fields)  # type: ignore[arg-type]


def test_a_wait_before_the_beginning_is_refused() -> None:
    with pytest.raises(ValueError, match="ServerSentEvent: retry must not be negative"):
        Event("a", retry=-1)


def test_the_response_begins_before_there_is_an_event() -> None:
    async def main() -> None:
        over = asyncio.Event()

        async def items() -> Any:
            await over.wait()
            yield "a"
            yield Event("b", id="1")

        async def app(scope: Any, receive: Any, send: Any) -> None:
            flow = rx.from_async_iterable(items())
            await rx.send_events(flow, receive, send, headers={"X-Own": "1"})

        async with (
            serving(app) as served,
            httpx.AsyncClient() as client,
            client.stream("GET", served.url) as response,
        ):
            assert response.status_code == 200
            assert response.headers["content-type"] == "text/event-stream"
            assert response.headers["cache-control"] == "no-store"
            assert response.headers["x-own"] == "1"
            over.set()
            assert await response.aread() == b"data: a\n\nid: 1\ndata: b\n\n"

    run_real(main())


def test_a_comment_keeps_a_silent_stream_alive() -> None:
    """In virtual time: a comment after each 15 s without an event, counted from the last one."""
    sent: list[tuple[float, bytes]] = []

    async def main() -> None:
        server, clock = Server(), asyncio.get_running_loop().time

        async def send(message: Any) -> None:
            if message.get("body"):
                sent.append((round(clock(), 3), message["body"]))

        async def items() -> Any:
            for seconds in (1, 14, 31, 15.5):
                await asyncio.sleep(seconds)
                yield str(seconds)

        await rx.send_events(rx.from_async_iterable(items()), server.receive, send)

    run(main())
    comment = b":\n\n"
    assert sent == [
        (1, b"data: 1\n\n"),
        (15, b"data: 14\n\n"),
        (30, comment),
        (45, comment),
        (46, b"data: 31\n\n"),
        (61, comment),
        (61.5, b"data: 15.5\n\n"),
    ]


def test_no_comment_is_sent_where_none_is_wanted() -> None:
    sent: list[bytes] = []

    async def main() -> None:
        server = Server()
        flow = rx.timer(1000.0).pipe(ops.map(str))
        await rx.send_events(flow, server.receive, server.send, keep_alive_after=None)
        sent.extend(message["body"] for message in server.sent if message.get("body"))

    run(main())
    assert sent == [b"data: 0\n\n"]


def test_a_silent_stream_ends_when_the_browser_leaves() -> None:
    told: list[bool] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        told.append(await rx.send_events(rx.never(), receive, send))

    async def main() -> None:
        async with serving(app) as served:
            async with connected(served.port) as client:
                await client.send(GET)
                await client.until(b"\r\n\r\n")
            await served.over()
            assert served.failures == []

    run_real(main())
    assert told == [False]


BAD = [
    (rx.of(1), {}, TypeError, r"send_events sends str or ServerSentEvent, not 1; use map"),
    (rx.of(b"a"), {}, TypeError, "send_events sends str or ServerSentEvent, not b'a'"),
    (rx.of("\ud800"), {}, UnicodeEncodeError, "surrogates not allowed"),
    (rx.of("a"), {"keep_alive_after": 0}, ValueError, "keep_alive_after must be more than 0"),
    (rx.of("a"), {"timeout": -1}, ValueError, "send_events: timeout must be more than 0"),
    (rx.of("a"), {"headers": {"a": "b\n"}}, ValueError, "send_events: a header must be one line"),
]


@pytest.mark.parametrize(("flow", "arguments", "error", "text"), BAD)
def test_bad_items_and_arguments_are_clear_errors(
    flow: Any, arguments: Any, error: type[Exception], text: str
) -> None:
    async def main() -> None:
        server = Server()
        with pytest.raises(error, match=text):
            await rx.send_events(flow, server.receive, server.send, **arguments)
        assert not any(message.get("body") for message in server.sent)

    run(main())


# A real browser

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)

PAGE = """<!doctype html><script>
const seen = [];
const source = new EventSource("events");
const note = (event) => {
  seen.push([event.type, event.data, event.lastEventId]);
  if (event.data === "over") {
    source.close();
    fetch("seen", {method: "POST", body: JSON.stringify(seen)});
  }
};
source.onopen = () => seen.push(["open", null, ""]);
source.onmessage = note;
source.addEventListener("tick", note);
</script>"""

TEXTS = ["one line", "a\nb\n\nc\n", " spaces ", "", "ü \u2028 \U0001f600", "id: 7"]


def page(seen: asyncio.Future[Any], left: asyncio.Event, asked: list[bytes | None]) -> App:
    """Serve a page, the events that it asks for, and take what it has seen."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/events":
            last = dict(scope["headers"]).get(b"last-event-id")
            asked.append(last)
            if last is None:  # the browser asks again, 10 ms after the end
                events = [Event(text) for text in TEXTS]
                events += [Event("typed", event="tick"), Event("numbered", id="n°1", retry=0.01)]
                await rx.send_events(rx.from_iterable(events), receive, send)
            else:
                flow = rx.of("over").pipe(ops.concat(rx.never()))
                await rx.send_events(flow, receive, send, keep_alive_after=0.05)
                left.set()
        elif scope["path"] == "/seen":
            body = [part async for part in rx.from_request_body(receive)]
            seen.set_result(json.loads(b"".join(body)))
            await rx.send_response(rx.empty(), receive, send)
        else:
            html = {"content-type": "text/html; charset=utf-8"}
            flow = rx.of(PAGE.encode() if scope["path"] == "/" else b"")
            await rx.send_response(flow, receive, send, headers=html)

    return app


@pytest.mark.skipif(BROWSER is None, reason="there is no Chromium on the path")
def test_a_browser_reads_the_events_and_asks_again_after_the_last_one(tmp_path: Path) -> None:
    async def main() -> None:
        seen: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        left, asked = asyncio.Event(), list[bytes | None]()
        async with serving(page(seen, left, asked)) as served:
            assert BROWSER is not None
            browser = await asyncio.create_subprocess_exec(
                BROWSER,
                *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"),
                *("--no-first-run", "--disable-background-networking", "--disable-sync"),
                *("--disable-component-update", f"--user-data-dir={tmp_path}", served.url),
                "--remote-debugging-port=0",  # so that it stays
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                start_new_session=True,
            )
            try:
                got = await seen
                await left.wait()  # the page has closed its EventSource
            finally:
                os.killpg(browser.pid, signal.SIGKILL)  # with the processes that it has started
                await browser.wait()
        assert [event[0] for event in got].count("open") == 2
        events = [event for event in got if event[0] != "open"]
        assert events == [
            *(["message", text, ""] for text in TEXTS),
            ["tick", "typed", ""],
            ["message", "numbered", "n°1"],
            ["message", "over", "n°1"],
        ]
        assert asked == [None, "n°1".encode()]

    run_real(main(), patience=120.0)  # a browser takes its time to start
