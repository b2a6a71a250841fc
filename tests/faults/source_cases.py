"""Every callback of every registered source, as data; and what is no callback, with the reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import reactivex

import rxflow as rx
from rxflow.testing import TestPublisher

from .cases import DISCARDS, DROPS, ONCE, Case, Outcome, yes
from .worlds import ITEMS, Closing, Iterating, World


def _own(
    name: str, parameter: str, build: Callable[[World], Any], label: str = "", **options: Any
) -> Case:
    return Case(name, parameter, build, label, kinds=("own",), **options)


def _created(world: World, **options: Any) -> Any:
    """Make a source whose emitter the run pushes into."""
    return rx.create(world.take, overflow=rx.DROP_OLDEST, **options)


def _emits_then_fails(world: World) -> Any:
    def emit(emitter: rx.Emitter[int]) -> None:
        emitter.on_next(1)
        emitter.on_next(2)
        world.fault.hit()

    return rx.create(emit, overflow=rx.FAIL)


def _told_of_requests(world: World) -> Any:
    def emit(emitter: rx.Emitter[int]) -> Any:
        emitter.on_request(world.fault())
        return world.take(emitter)

    return rx.create(emit, overflow=rx.FAIL)


def _publisher(world: World, requested: Any, cancelled: Any = yes) -> Any:
    """Make a Publisher that emits an item when it is asked for one, and fails as it is told."""

    def on_cancel(publisher: TestPublisher[int]) -> None:
        world.closed += 1
        cancelled(publisher)

    class Opened(TestPublisher[int]):
        def subscribe(self, subscriber: Any, /) -> Any:
            world.opened += 1
            return super().subscribe(subscriber)

    return rx.from_publisher(Opened(on_request=requested, on_cancel=on_cancel), prefetch=1)


def _emit(publisher: TestPublisher[int], n: int) -> None:
    publisher.emit(*range(n))


class _Unwilling(rx.Publisher[int]):
    def __init__(self, world: World) -> None:
        self.subscribe = world.fault()  # type: ignore[method-assign]

    def subscribe(self, subscriber: Any, /) -> Any: ...


SOURCES: tuple[Case, ...] = (
    _own("create", "function", _emits_then_fails, **ONCE),
    _own("create", "function", _told_of_requests, "on_request", **ONCE),
    _own(
        "create",
        "function",
        _told_of_requests,
        "on_request, later",
        calls=(3,),
        consumers=("one by one",),
    ),
    _own(
        "create",
        "function",
        lambda w: rx.create(lambda _: w.fault(yes), overflow=rx.FAIL),
        "cleanup",
        outcome=Outcome.REPORTED,
        cancels=True,
        demand=1,
        **ONCE,
    ),
    _own(
        "create", "on_drop", lambda w: _created(w, capacity=2, on_drop=w.fault()), demand=0, **DROPS
    ),
    _own("create", "weight", lambda w: _created(w, weight=w.fault(lambda x: 1)), demand=0, **DROPS),
    _own("create", "on_discard", lambda w: _created(w, on_discard=w.fault()), demand=0, **DISCARDS),
    _own("from_iterable", "iterable", lambda w: rx.from_iterable(w.broken()), "next"),
    _own(
        "from_iterable",
        "iterable",
        lambda w: rx.from_iterable(Iterating(w.fault(lambda: iter(ITEMS)))),
        "iter",
        **ONCE,
    ),
    _own(
        "from_iterable",
        "iterable",
        lambda w: rx.from_iterable(Iterating(lambda: Closing(w))),
        "close",
        outcome=Outcome.REPORTED,
        **ONCE,
    ),
    _own("generate", "condition", lambda w: rx.generate(1, w.fault(lambda x: x < 9), _next)),
    _own("generate", "iterate", lambda w: rx.generate(1, lambda x: x < 9, w.fault(_next))),
    _own("defer", "factory", lambda w: rx.defer(w.fault()), **ONCE),
    _own(
        "from_observable",
        "source",
        lambda w: rx.from_observable(reactivex.create(w.fault()), overflow=rx.FAIL),
        **ONCE,
    ),
    _own("from_publisher", "publisher", lambda w: _publisher(w, w.fault(_emit)), "request"),
    _own(
        "from_publisher",
        "publisher",
        lambda w: _publisher(w, _emit, w.fault()),
        "cancel",
        outcome=Outcome.REPORTED,
        demand=2,
        cancels=True,
        **ONCE,
    ),
    _own(
        "from_publisher",
        "publisher",
        lambda w: rx.from_publisher(_Unwilling(w)),
        "subscribe",
        **ONCE,
    ),
    _own(
        "interval",
        "on_drop",
        lambda w: rx.interval(1.0, w.ticking(), on_drop=w.fault()),
        demand=0,
        **DROPS,
    ),
    _own(
        "interval",
        "on_drop",
        lambda w: rx.interval(
            1.0, w.ticking(), overflow=rx.DROP_OLDEST, capacity=2, on_drop=w.fault()
        ),
        "overflow",
        demand=0,
        **DROPS,
    ),
    _own(
        "timer",
        "on_drop",
        lambda w: rx.timer(1.0, 1.0, w.ticking(), on_drop=w.fault()),
        demand=0,
        **DROPS,
    ),
    _own(
        "timer",
        "on_drop",
        lambda w: rx.timer(
            1.0, 1.0, w.ticking(), overflow=rx.DROP_NEWEST, capacity=2, on_drop=w.fault()
        ),
        "overflow",
        demand=0,
        **DROPS,
    ),
)


def _next(state: int) -> int:
    return state + 1


_HEADERS = "values, which are read before anything is sent"
_VALUE = "a value, which is handed on and not called"
_SCHEDULER = "where to run, and no callback; one that refuses (a closed loop) is in test_asyncio"

NO_CALLBACK: dict[tuple[str, str], str] = {
    **{(name, "headers"): _HEADERS for name in ("send_response", "send_events")},
    ("to_marbles", "scheduler"): "whose clock, and no callback",
    **dict.fromkeys(
        (
            ("contains", "value"),
            ("extrapolate", "initial"),
            ("on_backpressure_spill", "path"),
            ("default_if_empty", "default_value"),
            ("element_at_or_default", "default_value"),
            ("first_or_default", "default_value"),
            ("last_or_default", "default_value"),
            ("single_or_default", "default_value"),
            ("single_or_default_async", "default_value"),
            ("reduce", "seed"),
            ("scan", "seed"),
            ("start_with", "args"),
            ("publish_value", "initial_value"),
            ("of", "args"),
            ("return_value", "value"),
            ("repeat_value", "value"),
            ("generate", "initial_state"),
            ("throw", "exception"),
            ("to_queue", "end"),
        ),
        _VALUE,
    ),
    **{
        (name, "scheduler"): _SCHEDULER
        for name in (
            "backpressure_timeout",
            *("empty", "from_iterable", "interval", "observe_on", "range", "return_value"),
            *("throw", "timer", "buffer_with_time", "buffer_with_time_or_count"),
            "replay",
            *("throw", "timer"),
            *("throw", "timer", "sample"),
            *("window_with_time", "window_with_time_or_count"),
            *("throw", "timer", "sample", "delay"),
            "subscribe_on",
        )
    },
    ("valve", "valve"): "a value of rxflow's own",
    **dict.fromkeys(
        (("run_in_thread", "flow"), ("run_in_thread", "fn")),
        "called as those of for_each, in a real thread: see tests/aio/test_threads",
    ),
    ("from_file", "path"): "a value",
    ("from_file", "framing"): "called as that of from_stream_reader",
    ("to_file", "path"): "a value",
    ("to_file", "framing"): "called as that of to_stream_writer: see tests/aio/test_files",
    ("to_file", "flow"): "it iterates as for_each does: see tests/aio/test_files",
    ("throttle", "mode"): "one of two strings",
    ("throttle_by_key", "mode"): "one of two strings",
    **dict.fromkeys(
        (("map_thread", "function"), ("map_thread", "on_discard")),
        "called as map_executor's, in real threads: see tests/operators/test_executing",
    ),
    ("kill_switch", "switch"): "an object of this library",
    ("log", "logger"): "of the standard library",
    ("parallel", "steps"): "operators, whose callbacks are their own",
    ("pluck", "key"): "a value; what an item does with it is the item's",
}
"""What user code could hide behind, by its annotation, and does not: with the reason."""
