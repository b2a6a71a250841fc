"""An error says which operator it comes from, and at which line that was added."""

from __future__ import annotations

import asyncio
import gc
import operator
import re
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import Any

import pytest
import reactivex
from reactivex import operators as stock
from reactivex.scheduler import ImmediateScheduler
from reactivex.subject import Subject

import rxflow as rx
from rxflow import Flow
from rxflow import operators as ops
from rxflow.flow import tracing
from rxflow.testing import TestSubscriber, run_virtual
from tests.kernel.recorder import dropped_errors


class PlantedError(Exception):
    pass


def boom(*_: Any) -> Any:
    raise PlantedError


async def later(*_: Any) -> Any:
    await asyncio.sleep(1)
    raise PlantedError


async def slowly(item: Any) -> Any:
    await asyncio.sleep(9)
    return item


class Broken:
    def __call__(self, item: Any) -> Any:
        raise PlantedError

    def method(self, item: Any) -> Any:
        raise PlantedError


def generator() -> Iterator[int]:
    yield 1
    raise PlantedError


async def async_generator() -> AsyncIterator[int]:
    yield 1
    raise PlantedError


def add(left: int, right: int) -> int:
    return left + right


def one() -> Flow[Any]:
    return rx.of(1)


def mapped(item: Any) -> Flow[Any]:
    return rx.of(item).map(lambda x: x)


NOW = ImmediateScheduler()

# How a Flow is built that fails, and what is named, which stands in the lines of the function.
EXACT: dict[str, tuple[Callable[[], Any], str]] = {
    "a function": (lambda: one().map(str).map(boom).filter(bool), "map"),
    "a lambda": (lambda: one().map(lambda x: x / 0).map(lambda x: x), "map"),
    "in a generator": (lambda: one().scan(boom, 0).map(lambda x: x), "scan"),
    "a partial": (lambda: one().map(partial(boom, 1)), "map"),
    "an object": (lambda: one().map(Broken()), "map"),
    "a method": (lambda: one().map(Broken().method), "map"),
    "written in C": (lambda: one().filter(lambda x: True).map(operator.itemgetter(1)), "map"),
    "of rxflow itself": (lambda: mapped("a").sum(), "sum"),
    "signalled by an operator": (lambda: rx.empty().first(), "first"),
    "before a boundary": (lambda: one().map(boom).observe_on(NOW).map(str), "map"),
    "behind a boundary": (lambda: one().map(str).observe_on(NOW).filter(boom), "filter"),
    "of a boundary": (lambda: one().map(str).flat_map(boom), "flat_map"),
    "of an inner Flow": (lambda: one().flat_map(lambda x: rx.of(x).map(boom)), "map"),
    "of another source": (lambda: one().merge(one().filter(boom)), "filter"),
    "of a generator": (lambda: rx.from_iterable(generator()), "from_iterable"),
    "of an async function": (lambda: one().map_async(later, 2).map(str), "map_async"),
    "a time limit": (lambda: one().map_async(slowly, 2, timeout=1), "map_async"),
    "idle": (lambda: one().concat(rx.never()).idle_timeout(1), "idle_timeout"),
    "lifted": (lambda: one().pipe(rx.lift(stock.map(boom))), "map"),
    "in a run that is lifted": (
        lambda: one().pipe(rx.lift(stock.delay(1)), rx.lift(stock.filter(boom))),
        "filter",
    ),
    "shared": (lambda: one().map(boom).share().map(str), "map"),
    "on a rail": (lambda: one().parallel(2, ops.map(boom)), "map"),
}


def notes(error: BaseException | None) -> list[str]:
    return list(getattr(error, "__notes__", []))


def subscribed(flow: Any) -> BaseException | None:
    async def main() -> BaseException | None:
        probe = TestSubscriber[Any](9)
        flow.subscribe(probe)
        await asyncio.sleep(60)
        return probe.error

    return run_virtual(main())


def iterated(flow: Any) -> BaseException | None:
    async def main() -> BaseException | None:
        try:
            async for _ in flow:
                pass
        except Exception as error:
            return error
        return None

    return run_virtual(main())


def chunked(flow: Any) -> BaseException | None:
    async def main() -> BaseException | None:
        try:
            async for _ in flow.chunks(9):
                pass
        except Exception as error:
            return error
        return None

    return run_virtual(main())


def observed(flow: Any) -> BaseException | None:
    async def main() -> BaseException | None:
        errors: list[Exception] = []
        flow.subscribe(on_error=errors.append)
        await asyncio.sleep(60)
        return errors[0] if errors else None

    return run_virtual(main())


CONSUMERS = {
    "subscriber": subscribed,
    "async for": iterated,
    "chunks": chunked,
    "observer": observed,
}


@pytest.mark.parametrize("consumer", CONSUMERS)
@pytest.mark.parametrize("case", EXACT)
def test_the_operator_is_named_with_its_line(case: str, consumer: str) -> None:
    make, name = EXACT[case]
    error = CONSUMERS[consumer](make())
    assert error is not None
    (note,) = notes(error)
    first = make.__code__.co_firstlineno
    assert any(note == f"in {name}, added at {__file__}:{first + line}" for line in range(4))


def test_a_plain_for_notes_it_too() -> None:
    with pytest.raises(PlantedError) as caught:
        list(one().map(boom))
    assert notes(caught.value)[0].startswith(f"in map, added at {__file__}:")


def overflowing(*doors: Any) -> BaseException | None:
    subject, probe = Subject[int](), TestSubscriber[Any](0)
    subject.pipe(*doors).subscribe(probe)
    for item in range(9):
        subject.on_next(item)
    probe.request(9)
    return probe.error


def test_an_overflow_names_the_door_that_was_full() -> None:
    error = overflowing(ops.on_backpressure_buffer(2), ops.map(str))
    assert isinstance(error, rx.BufferOverflowError)
    assert notes(error)[0].startswith("in on_backpressure_buffer, added at ")


def test_what_is_told_of_the_drops_of_a_door_is_of_the_door() -> None:
    error = overflowing(ops.on_backpressure_drop(on_drop=boom), ops.map(str))
    assert notes(error)[0].startswith("in on_backpressure_drop, added at ")


def test_of_two_doors_it_is_the_one_of_that_capacity() -> None:
    error = overflowing(
        ops.on_backpressure_buffer(2),
        ops.merge(Subject[int]().pipe(ops.on_backpressure_buffer(3))),
    )
    code = test_of_two_doors_it_is_the_one_of_that_capacity.__code__
    assert notes(error) == [
        f"in on_backpressure_buffer, added at {__file__}:{code.co_firstlineno + 2}"
    ]


def test_a_producer_that_waited_too_long_is_told_of_its_door() -> None:
    flow = reactivex.of(1, 2, 3).pipe(ops.map(str)).pipe(ops.on_backpressure_block(1, timeout=0))
    error = subscribed(flow)
    assert error is not None
    assert notes(error)[0].startswith("in on_backpressure_block, added at ")


def test_where_it_cannot_be_told_all_that_it_may_be_are_named_in_order() -> None:
    flow = one().map(str).filter(bool).map(operator.itemgetter(7)).filter(lambda x: x)
    (note,) = notes(subscribed(flow))
    assert re.fullmatch(r"in one of map, .*:\d+; filter, .*:\d+; map, .*:\d+", note)


def test_no_more_than_a_few_are_named() -> None:
    (note,) = notes(subscribed(rx.of("a").pipe(*[ops.map(str)] * 9, ops.map(int))))
    assert note.count("map, added at") == 2  # one operator, used nine times, and the other
    flow = rx.of("a")
    for _ in range(9):
        flow = flow.map(str)
    (note,) = notes(subscribed(flow.map(int)))
    assert note.count("map, added at") == 5
    assert note.endswith(" and others")


def test_a_false_end_names_those_that_may_have_raised_it() -> None:
    (note,) = notes(subscribed(one().map(lambda x: next(iter(())))))
    assert note.startswith("in map, added at ")


def test_the_same_error_that_passes_twice_is_noted_once() -> None:
    error = PlantedError()

    def fail(_: Any) -> Any:
        raise error

    flow = one().map(fail)
    for consume in (subscribed, iterated, observed, subscribed):
        assert consume(flow) is error
    assert len(notes(error)) == 1


def test_an_error_that_is_handled_was_noted_before() -> None:
    seen: list[list[str]] = []

    def handle(error: Exception, _: Any) -> Any:
        seen.append(notes(error))
        return rx.empty()

    assert subscribed(one().map(boom).limit_rate(2).catch(handle)) is None
    assert len(seen[0]) == 1
    assert seen[0][0].startswith("in map, added at ")


def test_an_error_of_two_operators_has_two_notes() -> None:
    """A function of the user is at work in both."""
    inner = one().filter(boom)
    first, second = notes(subscribed(one().map(lambda x: list(inner))))
    assert first.startswith("in filter, added at ")
    assert second.startswith("in map, added at ")


def test_a_name_is_noted_behind_the_place() -> None:
    first, second = notes(subscribed(one().map(boom).named("parse")))
    assert first.startswith("in map, added at ")
    assert second == "in the Flow that is named 'parse'"


@pytest.mark.parametrize(
    "flow",
    [rx.throw(PlantedError()), rx.throw(PlantedError()).pipe(ops.map(str), ops.retry(2))],
    ids=["at once", "later"],
)
def test_what_a_source_fails_with_is_no_operators(flow: Any) -> None:
    assert notes(subscribed(flow)) == []


def test_what_comes_through_a_door_names_the_door() -> None:
    flow = reactivex.throw(PlantedError()).pipe(ops.on_backpressure_latest(), ops.map(str))
    (note,) = notes(subscribed(flow))
    assert note.startswith("in on_backpressure_latest, added at ")


def test_a_wrong_request_is_no_operators() -> None:
    probe = TestSubscriber[Any](0)
    subscription = one().map(str).subscribe(probe)
    subscription.request(-1)
    assert isinstance(probe.error, ValueError)
    assert notes(probe.error) == []


def test_nothing_is_kept_alive_by_a_note() -> None:
    class Local:
        def __call__(self, item: Any) -> Any:
            raise PlantedError

    def fail() -> tuple[BaseException | None, weakref.ref[Local]]:
        local = Local()
        error = subscribed(one().pipe(ops.scan(add, 0), ops.map(local)))
        assert error is not None
        assert notes(error)
        return error.with_traceback(None), weakref.ref(local)

    gc.disable()
    try:
        error, local = fail()
        assert error is not None
        assert local() is None, "a cycle is left for the collector"
    finally:
        gc.enable()


def test_an_error_that_takes_no_note_is_signalled_all_the_same() -> None:
    class ClosedError(Exception):
        def add_note(self, note: str) -> None:
            raise RuntimeError("no notes")

    def fail(_: Any) -> Any:
        raise ClosedError

    with dropped_errors() as reported:
        assert isinstance(subscribed(one().map(fail)), ClosedError)
    assert [str(each) for each in reported] == ["no notes"]


def test_an_error_that_is_raised_again_and_again_costs_no_more_each_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked: list[int] = []
    steps = tracing._steps

    def counted(error: BaseException) -> Iterator[Any]:
        looked.append(0)
        for step in steps(error):
            looked[-1] += 1
            yield step

    monkeypatch.setattr(tracing, "_steps", counted)
    error = PlantedError()

    def again(_: Any) -> Any:
        raise error

    for _ in range(300):
        flow = one().map(again)
        flow.subscribe(TestSubscriber[Any](1))
    assert max(looked) == looked[-1] == looked[-100] <= 128
    assert len(error.__notes__) == 1
