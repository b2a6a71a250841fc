"""Calls that fan out to another service over HTTP, as many and as fast as it can stand.

``python -m rxflow.examples.fanout http://localhost:8080/ lines.txt`` (extra ``examples``) posts the
lines of a file, or of standard input, and prints what became of them, as JSON:

- a token bucket lets so many calls a second begin, in bursts of ``BURST`` at most
- so many calls are on their way at once
- one that fails, or is answered with 429 or 5xx, is made again after a pause that grows, or as long
  as ``Retry-After`` tells; after ``PATIENCE`` it is given up. Other answers are final.
- a circuit breaker spares a service that fails ``THRESHOLD`` times in a row, for ``REST``; to be
  busy (429) is no failure

While the service is slow, or is spared, 64 KiB of lines are read at most: the file waits, and so
does whoever writes to a pipe. Measured by ``python -m tests.benchmarks.applications fanout``:
another process writes lines of 1 KiB as fast as they are read; the service, a third one, takes 8
calls at once and is down for 2 s; p99 from written to answered, of all:

=================  ========  ===  ===  ======  ========  =======  =======  ===========
                   answered  429  503  spared  given up  p99      in       peak memory
=================  ========  ===  ===  ======  ========  =======  =======  ===========
200/s, 16 at once  2,000     36   17   103     0         3.06 s   13.45 s  52 MiB
unbounded          2,000     312  65   287     0         24.83 s  26.59 s  86 MiB
=================  ========  ===  ===  ======  ========  =======  =======  ===========
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from dataclasses import dataclass

import httpx
import tenacity
from purgatory import AsyncCircuitBreakerFactory
from purgatory.domain.model import OpenedState

import rxflow as rx
from rxflow import operators as ops

RATE, BURST, CONCURRENCY = 200.0, 20, 16  # calls a second, at once after a rest, on their way
PATIENCE = 30.0  # for one call, with all its tries (seconds)
THRESHOLD, REST = 5, 0.5  # failures in a row, and how long the service is spared then (seconds)


class BusyError(Exception):
    """The service wants to be asked again later."""

    def __init__(self, response: httpx.Response) -> None:
        super().__init__(f"answered with {response.status_code}")
        self.status: int = response.status_code
        told = response.headers.get("retry-after", "")
        self.after: float = float(told) if told.isdigit() else 0.0  # seconds


@dataclass
class Report:
    """What became of the calls."""

    answered: int = 0
    refused: int = 0  # answered with something else than 2xx, for good
    given_up: int = 0  # after ``PATIENCE``
    tries: int = 0  # requests that were sent
    spared: int = 0  # requests that the open circuit has kept from the service


growing: tenacity.wait_random_exponential = tenacity.wait_random_exponential(multiplier=0.05, max=2)


def pause(state: tenacity.RetryCallState) -> float:
    """Say how long to wait before the next try (seconds)."""
    error = state.outcome.exception() if state.outcome else None
    return max(growing(state), error.after if isinstance(error, BusyError) else 0.0)


def is_well(error: BusyError) -> bool:
    """Tell whether the service is only busy."""
    return error.status == 429


class FanOut:
    """Posts items to a service."""

    def __init__(self, client: httpx.AsyncClient, url: str) -> None:
        self._client, self._url, self._report = client, url, Report()
        breakers = AsyncCircuitBreakerFactory(THRESHOLD, REST, exclude=[(BusyError, is_well)])
        retrying = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception_type((BusyError, OpenedState, httpx.TransportError)),
            wait=pause,
            stop=tenacity.stop_after_delay(PATIENCE),
            before_sleep=self._count,
        )
        self._patiently = retrying.wraps(breakers(url)(self._try))

    async def run(
        self, items: rx.Flow[str], *, rate: float = RATE, concurrency: int = CONCURRENCY
    ) -> Report:
        """Post each item; they are asked for as calls begin."""
        calls = items.pipe(ops.throttle(rate, burst=BURST))
        await calls.for_each(self._post, max_concurrency=concurrency)
        return self._report

    async def _post(self, item: str) -> None:
        try:
            response = await self._patiently(item)
        except tenacity.RetryError as error:
            print(f"given up: {item!r}: {error.last_attempt.exception()!r}", file=sys.stderr)
            self._report.given_up += 1
            return
        if response.is_success:
            self._report.answered += 1
        else:
            print(f"refused: {item!r}: {response.status_code}", file=sys.stderr)
            self._report.refused += 1

    async def _try(self, item: str) -> httpx.Response:
        self._report.tries += 1
        response = await self._client.post(self._url, content=item)
        if response.status_code == 429 or response.is_server_error:
            raise BusyError(response)
        return response

    def _count(self, state: tenacity.RetryCallState) -> None:
        if state.outcome and isinstance(state.outcome.exception(), OpenedState):
            self._report.spared += 1


async def fan_out(url: str, items: rx.Flow[str], rate: float, concurrency: int) -> Report:
    """Post items with a client of its own."""
    limits = httpx.Limits(max_connections=concurrency)
    async with httpx.AsyncClient(limits=limits, timeout=10, trust_env=False) as client:
        return await FanOut(client, url).run(items, rate=rate, concurrency=concurrency)


def main() -> None:
    """Run it from the command line."""
    parser = argparse.ArgumentParser(description="Posts each line of a file to a URL.")
    parser.add_argument("url")
    parser.add_argument("file", nargs="?", default=0, help="of lines; else standard input")
    parser.add_argument("--rate", type=float, default=RATE, help="calls a second")
    parser.add_argument("--concurrency", type=int, default=CONCURRENCY, help="calls at once")
    told = parser.parse_args()
    lines = rx.from_file(told.file, rx.Lines(encoding="utf-8", open_end=True))
    print(json.dumps(vars(asyncio.run(fan_out(told.url, lines, told.rate, told.concurrency)))))


if __name__ == "__main__":
    main()
