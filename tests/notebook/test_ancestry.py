"""What a Flow is made of; and that the panel of a Flow shows what is made of it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Generator
from typing import Any

import pytest
import reactivex.operators as stock

import rxflow as rx
from rxflow import Flow
from rxflow import operators as ops
from rxflow.notebook import Recorder, panel, watch
from rxflow.notebook.ancestry import draws_from
from rxflow.testing import TestSubscriber


@pytest.fixture(autouse=True)
def nothing_left() -> Generator[None]:
    yield
    for each in tuple(panel._open):
        each.close()


async def same(item: Any) -> Any:
    return item


MADE: dict[str, Callable[[Flow[int]], Flow[Any]]] = {
    "itself": lambda flow: flow,
    "a stage, fluent": lambda flow: flow.map(str),
    "several stages": lambda flow: flow.pipe(ops.map(str), ops.filter(bool), ops.take(2)),
    "a name": lambda flow: flow.pipe(ops.named("numbers")),
    "a boundary": lambda flow: flow.pipe(ops.map_async(same, 2)),
    "an argument": lambda flow: rx.of(1).pipe(ops.zip(flow.map(str))),
    "one of several sources": lambda flow: rx.merge(rx.of(1), flow),
    "plus, from the right": lambda flow: rx.of(1) + flow,
    "subscribed again": lambda flow: flow.pipe(ops.retry(2), ops.repeat(2)),
    "shared": lambda flow: flow.pipe(ops.share(), ops.map(str)),
    "shared with an overflow": lambda flow: flow.share().with_overflow(rx.DROP_OLDEST, capacity=2),
    "lifted": lambda flow: flow.pipe(stock.map_indexed(lambda item, at: item)),
    "in a function of the user": lambda flow: flow.pipe(lambda each: each.map(str)),
    "recorded": lambda flow: flow.pipe(Recorder()),
    "one side of a partition": lambda flow: flow.pipe(ops.partition(bool))[0],
}
made = pytest.mark.parametrize("make", MADE.values(), ids=MADE)


@made
def test_the_panel_of_a_flow_shows_what_is_made_of_it(make: Callable[[Flow[int]], Any]) -> None:
    flow = rx.range(9)
    stranger = make(rx.range(9))
    seen = watch(flow, 3600)

    async def main() -> None:
        other, own = TestSubscriber[Any](0), TestSubscriber[Any](0)
        stranger.subscribe(other)
        assert str(seen) == "waits for a subscription"
        make(flow).subscribe(own)
        assert str(seen).startswith("running, ")
        assert "subscription 2" not in str(seen)
        assert re.search(r"^(numbers/)?(range|of) ", str(seen), re.MULTILINE)
        own.cancel()
        assert str(seen).startswith("over, ")
        other.cancel()

    asyncio.run(main())


def test_what_was_made_of_it_and_runs_already_is_shown() -> None:
    flow = rx.range(9)
    subscriber = TestSubscriber[str](2)
    flow.map(str).subscribe(subscriber)
    text = str(watch(flow, 3600))
    assert text.startswith("running, ")
    assert text.splitlines()[2].split()[0] == "range"
    assert text.splitlines()[2].split()[-2:] == ["2", "-"]
    subscriber.cancel()


def test_the_loop_over_what_is_made_of_it_is_shown() -> None:
    async def main() -> str:
        flow = rx.range(9)
        seen = watch(flow, 3600)
        async for _ in flow.pipe(ops.take(3)):
            pass
        return str(seen)

    text = asyncio.run(main())
    assert text.startswith("over, ")
    assert text.splitlines()[2].split()[-2:] == ["3", "-"]


def test_a_door_over_it_is_shown_beside_what_it_subscribes_to() -> None:
    flow = rx.range(9)
    subscriber = TestSubscriber[int](0)
    seen = watch(flow, 3600)
    flow.pipe(ops.on_backpressure_buffer(3, overflow=rx.DROP_OLDEST)).subscribe(subscriber)
    door, _, own = str(seen).partition("subscription 2, over")  # as unbounded as doors ask
    assert "3 of 3, full" in door
    assert re.search(r"^range .* 9 +-$", own, re.MULTILINE)
    subscriber.cancel()


def test_each_of_two_subscribers_of_what_is_shared_is_shown_once() -> None:
    flow = rx.range(9)
    seen = watch(flow, 3600)
    shared = flow.share()
    subscribers = [TestSubscriber[Any](0) for _ in range(2)]
    for each in subscribers:
        shared.map(str).subscribe(each)
    text = str(seen)
    assert text.count("subscription 1, running") == text.count("subscription 2, running") == 1
    assert "subscription 3" not in text
    for each in subscribers:
        each.cancel()


def test_what_a_function_opens_meanwhile_is_not_known() -> None:
    flow = rx.range(3)
    seen = watch(flow, 3600)
    assert list(rx.of(1).pipe(ops.flat_map(lambda _: flow))) == [0, 1, 2]
    assert list(rx.defer(lambda *_: flow)) == [0, 1, 2]
    assert str(seen) == "waits for a subscription"
    assert "flat_map" in (watch.__doc__ or "")  # and so it is told


@pytest.mark.parametrize("what", [None, 3, "flow", [], object()])
def test_what_is_no_flow_draws_from_none(what: Any) -> None:
    assert not draws_from(what, rx.range(3))


def test_each_part_is_looked_at_once_however_often_it_is_used() -> None:
    flow: Flow[Any] = rx.range(3)
    for _ in range(40):  # 2 ** 40 ways lead down
        flow = rx.merge(flow, flow)
    assert not draws_from(flow, rx.range(3))
