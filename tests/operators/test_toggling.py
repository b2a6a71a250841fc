"""window_toggle: windows that overlap, of which each is bounded, and none is lost sight of."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
import reactivex
from reactivex.subject import Subject

import rxflow as rx
from rxflow import operators as ops
from rxflow.testing import TestSubscriber, run_virtual
from tests.kernel.recorder import dropped_errors
from tests.operators.test_batching import Driven
from tests.support import counted


class Windows:
    """Windows that a test opens, with a number, and closes; each has a reader."""

    def __init__(
        self, demand: int = rx.UNBOUNDED, read: int | None = 99, prefetch: int = 2
    ) -> None:
        self.source = Driven()
        self.openings: Subject[int] = Subject()
        self.closings: dict[int, Subject[Any]] = {}
        self.windows: list[Any] = []
        self.readers: list[TestSubscriber[Any]] = []
        self._read = read
        self.probe: TestSubscriber[Any] = TestSubscriber(demand, self._opened)
        step = ops.window_toggle(self.openings, self._closing, prefetch=prefetch, stalled=None)
        self.source.flow.pipe(step).subscribe(self.probe)

    def _closing(self, number: int) -> Any:
        self.closings[number] = Subject()
        return self.closings[number]

    def _opened(self, _: Any, window: Any) -> None:
        self.windows.append(window)
        if self._read is not None:
            self.readers.append(TestSubscriber(self._read))
            window.subscribe(self.readers[-1])

    def open(self, *numbers: int) -> None:
        for number in numbers:
            self.openings.on_next(number)

    def close(self, *numbers: int) -> None:
        for number in numbers:
            self.closings[number].on_next("close")

    @property
    def items(self) -> list[list[Any]]:
        return [reader.items for reader in self.readers]

    @property
    def completed(self) -> list[bool]:
        return [reader.completed for reader in self.readers]

    @property
    def listened(self) -> int:
        return sum(len(each.observers) for each in (self.openings, *self.closings.values()))


def test_windows_overlap_and_each_gets_what_comes_while_it_is_open() -> None:
    windows = Windows()
    windows.open(1)
    windows.source.emit("a")
    windows.open(2)
    windows.source.emit(None)
    windows.close(1)
    windows.source.emit("c")
    windows.close(2)
    assert windows.items == [["a", None], [None, "c"]]
    assert windows.completed == [True, True]
    windows.probe.assert_open()


def test_items_between_windows_are_dropped_and_counted() -> None:
    windows = Windows()
    windows.source.emit("a")
    windows.open(1)
    windows.source.emit("b")
    windows.close(1)
    windows.source.emit("c")
    assert windows.items == [["b"]]
    figures = windows.probe.statistics["window_toggle"]
    assert figures.dropped == {"between windows": 2}
    assert (figures.received, figures.delivered, figures.held) == (3, 1, 0)


def test_a_window_that_is_full_makes_upstream_and_the_other_windows_wait() -> None:
    windows = Windows(read=0)
    windows.open(1, 2)
    windows.readers[0].request(9)
    windows.source.emit("a", "b", "c", "d")
    assert windows.items == [["a", "b", "c"], []]
    windows.readers[1].request(1)
    assert windows.items == [["a", "b", "c", "d"], ["a"]]
    windows.readers[1].request(9)
    assert windows.items == [["a", "b", "c", "d"]] * 2


def test_nothing_is_taken_before_anybody_asks() -> None:
    source, probe = counted(count()), TestSubscriber[Any]()
    step = ops.window_toggle([1], lambda _: rx.never())
    rx.from_iterable(source).pipe(step, ops.flat_map(lambda window: window)).subscribe(probe)
    assert source.asked == 0
    probe.request(2)
    probe.assert_items(0, 1)
    assert source.taken == 2
    probe.cancel()
    assert source.closed == 1


def test_no_opening_is_taken_while_two_windows_wait_for_their_consumer() -> None:
    openings, probe = Driven(), TestSubscriber[Any]()
    rx.never().pipe(ops.window_toggle(openings.flow, lambda _: rx.never())).subscribe(probe)
    openings.emit(*range(9))
    probe.request(1)
    assert len(probe.items) == 1
    probe.request(3)
    assert len(probe.items) == 4


def test_the_windows_end_with_the_openings_and_those_that_are_open_go_on() -> None:
    windows = Windows()
    windows.open(1)
    windows.openings.on_completed()
    assert windows.probe.completed
    windows.source.emit("a")
    assert (windows.items, windows.completed) == ([["a"]], [False])
    windows.close(1)
    assert (windows.completed, windows.source.cancels, windows.listened) == ([True], 1, 0)


def test_openings_that_end_without_a_window_cancel_the_source_and_need_no_demand() -> None:
    windows = Windows(0)
    windows.openings.on_completed()
    windows.probe.assert_completed()
    assert windows.source.cancels == 1


def test_windows_open_and_close_when_the_source_has_ended() -> None:
    windows = Windows()
    windows.open(1)
    windows.source.emit("a")
    windows.source.complete()
    windows.open(2)
    assert windows.completed == [False, False]
    windows.close(1, 2)
    assert (windows.items, windows.completed) == ([["a"], []], [True, True])
    windows.openings.on_completed()
    assert windows.probe.completed


@pytest.mark.parametrize("who", ["source", "openings", "closing"])
def test_a_failure_of_any_source_reaches_all(who: str) -> None:
    windows, error = Windows(read=0), KeyError("gone")
    windows.open(1, 2)
    windows.readers[0].request(1)
    windows.source.emit("a")
    {
        "source": windows.source.fail,
        "openings": windows.openings.on_error,
        "closing": windows.closings[1].on_error,
    }[who](error)
    assert windows.probe.error is error
    windows.readers[0].assert_failed(error, "a")
    windows.readers[1].assert_open()
    windows.readers[1].request(1)
    windows.readers[1].assert_failed(error, "a")
    assert windows.listened == 0
    assert windows.source.cancels == 1


def test_without_the_consumer_of_the_windows_none_opens_and_those_that_are_read_go_on() -> None:
    windows = Windows()
    windows.open(1)
    windows.probe.cancel()
    assert not windows.openings.observers
    windows.source.emit("a")
    windows.close(1)
    assert (windows.items, windows.completed) == ([["a"]], [True])
    assert (windows.source.cancels, windows.listened) == (1, 0)


def test_when_all_consumers_have_left_everything_is_cancelled() -> None:
    windows = Windows()
    windows.open(1, 2)
    windows.readers[0].cancel()
    windows.probe.cancel()
    assert windows.source.cancels == 0
    windows.readers[1].cancel()
    assert (windows.source.cancels, windows.listened) == (1, 0)


def test_a_window_that_nobody_reads_is_named_instead_of_hanging() -> None:
    async def main() -> Any:
        windows: list[Any] = []
        openings = rx.concat(["a"], rx.never())
        flow = rx.from_iterable(count()).pipe(
            ops.window_toggle(openings, lambda _: rx.never(), prefetch=2, stalled=5.0)
        )
        try:
            async for window in flow:
                windows.append(window)
        except rx.GroupStalledError as error:
            return error.key, error.held, error.subscribed
        return None

    assert run_virtual(main()) == (0, 2, False)


def test_a_function_that_raises_or_gives_no_source_ends_the_stream() -> None:
    def fails(_: Any) -> Any:
        raise KeyError("bad")

    for function, error in ((fails, KeyError), (lambda _: 5, TypeError)):
        source, openings, probe = Driven(), Subject[int](), TestSubscriber[Any](9)
        with dropped_errors() as reported:
            source.flow.pipe(ops.window_toggle(openings, function)).subscribe(probe)
            openings.on_next(1)
        assert isinstance(probe.error, error)
        assert (reported, source.cancels, len(openings.observers)) == ([], 1, 0)


def test_a_loop_reads_windows_in_their_time() -> None:
    async def main() -> list[list[int]]:
        flow = rx.interval(1.0).pipe(
            ops.take(8),
            ops.window_toggle(reactivex.timer(1.5, 3.0).pipe(stock.take(2)), closing),
            ops.flat_map(lambda window: window.pipe(ops.to_list())),
        )
        return [part async for part in flow]

    stock = reactivex.operators

    def closing(_: Any) -> Any:
        return reactivex.timer(2.0)

    assert run_virtual(main()) == [[1, 2], [4, 5]]


@pytest.mark.parametrize(
    ("build", "error", "words"),
    [
        (lambda: ops.window_toggle(5, rx.of), TypeError, "window_toggle, openings wants a Flow"),  # type: ignore[arg-type]
        (lambda: ops.window_toggle([], None), TypeError, "closing_mapper must be callable"),  # type: ignore[arg-type]
        (lambda: ops.window_toggle([], asyncio.sleep), TypeError, "async function"),  # type: ignore[arg-type]
        (lambda: ops.window_toggle([], rx.of, prefetch=0), ValueError, "at least 1"),
        (lambda: ops.window_toggle([], rx.of, stalled=-1), ValueError, "must not be negative"),
    ],
)
def test_a_wrong_argument_raises_when_the_pipeline_is_built(
    build: Callable[[], Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        build()
