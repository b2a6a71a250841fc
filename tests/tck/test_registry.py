"""Everything that is registered, under the conformance suite: nothing joins without."""

from __future__ import annotations

import asyncio
import gc
from contextlib import suppress
from typing import Any
from unittest import SkipTest

import pytest

import rxflow as rx
from rxflow import Flow, Publisher
from rxflow.flow.registry import registered
from rxflow.testing.tck import (
    ProcessorVerification,
    PublisherVerification,
    Verification,
    WhiteBoxSubscriberVerification,
)
from rxflow.testing.tck.subscriber import PublisherError
from tests.tck.cases import BRIDGES, DOORS, EXCLUDED, OPERATORS, SOURCES, Case, Origin


def processor(case: Case) -> type[Verification]:
    class Checked(ProcessorVerification):
        max_elements = case.most
        skips = case.skips

        def create_processor(self, upstream: Publisher[Any]) -> Publisher[Any]:
            made: Flow[Any] = rx.from_publisher(upstream).pipe(case.step)
            return made

        def upstream_elements(self, elements: int) -> int:
            return case.needs(elements)

        def create_element(self, n: int) -> Any:
            return case.element(n)

    return Checked


def blocking(case: Case) -> type[Verification]:
    """A door that makes threads wait, which it refuses on the thread of an event loop."""

    class Checked(processor(case)):  # type: ignore[misc]
        def run(self, method: Any, *args: Any) -> None:
            with suppress(StopIteration):
                method(*args).send(None)
            self.release()

        async def settle(self) -> None:
            pass

    return Checked


def publisher(origin: Origin) -> type[Verification]:
    class Checked(PublisherVerification):
        max_elements = origin.most
        skips = origin.skips
        patience = origin.patience

        def create_publisher(self, elements: int) -> Publisher[Any]:
            made: Publisher[Any] = origin.make(elements)
            return made

        def create_failed_publisher(self) -> Publisher[Any] | None:
            return None if origin.fails is None else origin.fails()

    return Checked


def subscriber(name: str) -> type[Verification]:
    """A bridge: a task that consumes, and wants more as soon as it has taken an item."""

    class Checked(WhiteBoxSubscriberVerification):
        skips = dict.fromkeys(
            ("test_required_whitebox_spec308_no_more_arrives_than_was_wanted",),
            "it wants everything, one after another",
        )

        def __init__(self) -> None:
            self._tasks: list[asyncio.Task[None]] = []

        def _consume(self, publisher: Publisher[Any], raises: bool) -> None:
            self._items: list[Any] = []

            def take(item: Any) -> None:
                if raises:
                    raise PublisherError(item)
                self._items.append(item)

            async def main() -> None:
                with suppress(PublisherError):
                    await BRIDGES[name](rx.from_publisher(publisher), take)

            self._tasks.append(asyncio.ensure_future(main()))

        def subscribe(self, publisher: Publisher[Any]) -> None:
            self._consume(publisher, raises=False)

        def subscribe_raising(self, publisher: Publisher[Any]) -> None:
            self._consume(publisher, raises=True)

        def trigger_cancel(self) -> None:
            self._tasks[-1].cancel()

        def release(self) -> None:
            super().release()
            while self._tasks:
                self._tasks.pop().cancel()

        def received(self) -> list[Any]:
            return self._items

    return Checked


MADE: dict[tuple[str, str], type[Verification]] = {
    **{("operator", name): processor(case) for name, case in OPERATORS.items()},
    **{("door", name): processor(case) for name, case in DOORS.items()},
    ("door", "on_backpressure_block"): blocking(DOORS["on_backpressure_block"]),
    **{("source", name): publisher(origin) for name, origin in SOURCES.items()},
    **{("bridge", name): subscriber(name) for name in BRIDGES},
}


@pytest.fixture(autouse=True)
def small_heap() -> None:
    """Leave what the tests before have made out of the collections of the checks."""
    gc.collect()
    gc.freeze()


@pytest.mark.parametrize(("kind", "name"), MADE)
def test_the_rules_hold(kind: str, name: str) -> None:
    verification = MADE[kind, name]()
    failed: dict[str, str] = {}
    for check in verification.checks():
        try:
            getattr(verification, check.name)()
        except SkipTest:
            continue
        except Exception as error:
            failed[check.name] = repr(error)[:300]
    assert not failed, "\n".join(f"{check}: {error}" for check, error in failed.items())


def test_everything_that_is_registered_is_checked_or_excluded() -> None:
    assert {(entry.kind, entry.name) for entry in registered()} == {*MADE, *EXCLUDED}
    assert not set(MADE) & set(EXCLUDED)


def test_the_checks_that_are_skipped_exist() -> None:
    for (kind, name), verification in MADE.items():
        unknown = set(verification.skips) - {check.name for check in verification.checks()}
        assert not unknown, f"{kind} {name} skips {unknown}"
