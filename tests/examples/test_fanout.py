"""The fan-out against a real service that is slow, busy, broken, or down."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import httpx
import pytest
import tenacity

import rxflow as rx
from rxflow.examples import fanout
from tests.examples.serving import serving
from tests.support import counted

LIMIT = 30.0


class Service:
    """An ASGI application that answers as it is told to, by the number of the request."""

    def __init__(self, answer: Callable[[int], int] = lambda _: 200) -> None:
        self.answered: Counter[str] = Counter()  # with 200, by body
        self.statuses: Counter[int] = Counter()
        self.most = 0  # at once
        self.before_each: Callable[[], None] = lambda: None
        self._now = 0
        self._count = 0
        self._answer = answer

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self._now += 1
        self.most = max(self.most, self._now)
        self.before_each()
        body = (await receive())["body"].decode()
        for _ in range(20):
            await asyncio.sleep(0)  # others come meanwhile
        status = self._answer(self._count)
        self._count += 1
        self.statuses[status] += 1
        self.answered[body] += status == 200
        headers = [(b"content-length", b"0"), (b"retry-after", b"0")]
        self._now -= 1
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body"})


def bounded(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(main(), LIMIT))


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fanout, "REST", 0.05)
    quickly = tenacity.wait_random_exponential(multiplier=0.005, max=0.05)
    monkeypatch.setattr(fanout, "growing", quickly)


def test_a_busy_service_is_called_again_and_each_item_is_answered_once() -> None:
    async def main() -> None:
        service = Service(lambda n: 429 if n % 3 == 0 else 200)
        async with serving(service) as url:
            items = [str(n) for n in range(30)]
            report = await fanout.fan_out(url, rx.from_iterable(items), rate=1e6, concurrency=8)
        assert service.answered == dict.fromkeys(items, 1)
        assert service.most <= 8
        assert report.answered == 30
        assert report.tries == 30 + service.statuses[429]
        assert report.spared == 0  # to be busy is no failure

    bounded(main)


def test_a_broken_service_is_spared_and_called_again_when_it_is_well() -> None:
    """Of 16 calls that go on for ever, only a few reach it while it is broken."""

    async def main() -> None:
        service = Service(lambda n: 503 if 20 <= n < 30 else 200)
        async with serving(service) as url:
            items = [str(n) for n in range(40)]
            report = await fanout.fan_out(url, rx.from_iterable(items), rate=1e6, concurrency=16)
        assert service.answered == dict.fromkeys(items, 1)
        assert service.statuses == {200: 40, 503: 10}
        assert report.answered == 40
        assert report.spared > 0

    bounded(main)


def test_no_more_begin_than_the_bucket_has_tokens_for() -> None:
    """At one call in an hour, a burst is all that is called, and all that is read."""

    async def main() -> None:
        service, items = Service(), counted(str(n) for n in range(1000))
        async with serving(service) as url, httpx.AsyncClient(trust_env=False) as client:
            fan = fanout.FanOut(client, url)
            running = asyncio.create_task(fan.run(rx.from_iterable(items), rate=1 / 3600))
            while service.statuses.total() < fanout.BURST:  # noqa: ASYNC110
                await asyncio.sleep(0)
            for _ in range(100):
                await asyncio.sleep(0)
            assert service.statuses == {200: fanout.BURST}
            assert items.taken <= fanout.BURST + 1
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running
        assert items.closed == 1

    bounded(main)


def test_nothing_is_read_ahead_of_the_calls() -> None:
    async def main() -> None:
        service, items = Service(), counted(str(n) for n in range(30))

        def check() -> None:
            assert items.taken <= service.statuses.total() + 4 + 4  # on their way, on the way back

        service.before_each = check
        async with serving(service) as url:
            report = await fanout.fan_out(url, rx.from_iterable(items), rate=1e6, concurrency=4)
        assert report.answered == 30
        assert service.most <= 4

    bounded(main)


def test_a_call_is_given_up_when_patience_ends_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(fanout, "PATIENCE", 0.1)

    async def main() -> None:
        service = Service(lambda n: 404 if n == 0 else 503)
        async with serving(service) as url:
            report = await fanout.fan_out(url, rx.of("a", "b", "c"), rate=1e6, concurrency=1)
        assert (report.answered, report.refused, report.given_up) == (0, 1, 2)
        report = await fanout.fan_out(url, rx.of("d"), rate=1e6, concurrency=1)
        assert report.given_up == 1  # nobody listens any more

    bounded(main)
    assert [line.split(":")[0] for line in capsys.readouterr().err.splitlines()] == [
        *("refused", "given up", "given up"),
        "given up",
    ]


def test_as_a_program_it_holds_whoever_writes_to_its_standard_input() -> None:
    """At 20 calls in a burst, what it has not called is in the pipe, or not written."""
    line = b"x" * 1000 + b"\n"

    async def main() -> None:
        service = Service()
        near, far = os.pipe()
        os.set_blocking(far, False)
        async with serving(service) as url:
            command = [sys.executable, "-m", "rxflow.examples.fanout", url, "--rate", "0.001"]
            process = await asyncio.create_subprocess_exec(
                *command, stdin=near, stdout=asyncio.subprocess.PIPE
            )
            os.close(near)
            written = full = 0
            while service.statuses.total() < fanout.BURST or full < 20:
                try:
                    written += os.write(far, line)
                    full = 0
                except BlockingIOError:
                    full += 1
                await asyncio.sleep(0.01 if full else 0)
                assert written < 1_000_000
            assert service.statuses == {200: fanout.BURST}
            assert written <= fanout.BURST * len(line) + 4 * 65_536  # the pipe's, and two reads
            process.kill()
            await process.wait()
        os.close(far)

    bounded(main)


def test_the_lines_of_a_file_are_posted_and_its_report_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "lines.txt"
    path.write_text("a\nü\nthe last", encoding="utf-8")

    async def main() -> None:
        service = Service()
        async with serving(service) as url:
            monkeypatch.setattr(sys, "argv", ["fanout", url, str(path)])
            await asyncio.to_thread(fanout.main)
        assert service.answered == {"a": 1, "ü": 1, "the last": 1}

    bounded(main)
    assert json.loads(capsys.readouterr().out)["answered"] == 3
