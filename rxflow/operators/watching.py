"""Seeing demand as well as items: tap_signals, on_request, log, named."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from reactivex import Observable

from ..flow import Flow, checks
from ..flow.operator import fed, operator
from ..flow.tracing import add_note
from ..kernel import Context, Feed, Meter, Relay, Row, StageStatistics, State, Times, changed, hooks
from ..protocol import UNBOUNDED, add_demand

T = TypeVar("T")

Listener = Callable[[str, Any], object]


class _Tapped(Relay):
    """Tells a listener of each signal, in either direction, before it is passed on.

    A Subscriber tells each request (``more``); other consumers tell how much they lack when
    they wait (``want``), or pull: of that, what goes beyond what was told is news.
    """

    def __init__(self, source: Feed[Any], listener: Listener) -> None:
        super().__init__(source)
        self._listener = listener
        self._started = False
        self._each = False  # the consumer tells each request
        self._asked = 0  # demand in all, as far as it was told of (items)
        self._delivered = 0
        self._ending = False  # only the end is left, which is pulled without demand
        self._over = False  # nothing more is to be told: it was the end, or the listener raised
        self._failure: Exception | None = None  # what the listener has raised to a request

    def start(self) -> None:
        self._started = True
        self._tell("on_subscribe", None)
        if self._asked:
            self._tell("request", self._asked)
        super().start()

    # Demand.

    def want(self, n: int) -> None:
        if not self._started:
            self._asked = max(self._asked, n)
        elif n:
            self._lacks(n)
        super().want(n)

    def more(self, n: int) -> None:
        self._each = True
        self._asked = add_demand(self._asked, n)
        if self._started:
            try:
                self._tell("request", n)
            except Exception as error:  # a request never raises: the consumer is to be told
                self._failure = error
        super().more(n)

    def advance(self) -> Any:
        self._lacks(1)
        return super().advance()

    def _lacks(self, n: int) -> None:
        """Hear that so many more items are wanted than were delivered."""
        level = add_demand(self._delivered, n)
        if level > self._asked and not self._each:
            news = UNBOUNDED if level == UNBOUNDED else level - self._asked
            self._asked = level
            self._tell("request", news)

    # Items and the end.

    def run(self) -> Iterator[Any]:
        if self._failure is not None:
            return
        items = super().run()
        while self._failure is None:
            if not self._ending:
                self._lacks(1)
            try:
                item = next(items, _NONE)
            except Exception as error:
                self._tell("on_error", error)
                raise
            if item is _NONE:
                return
            self._delivered += 1
            self._tell("on_next", item)
            yield item

    def settle(self) -> State:
        if self._failure is not None:
            self._over = True
            raise self._failure
        try:
            state = super().settle()
        except Exception as error:
            self._tell("on_error", error)
            raise
        if state is State.ENDED:
            self._tell("on_completed", None)
        return state

    def ending(self) -> bool:
        self._ending = super().ending()
        return self._ending or self._failure is not None

    def cancel(self) -> None:
        hooks.reporting(lambda: self._tell("cancel", None))
        super().cancel()

    def _tell(self, signal: str, value: Any) -> None:
        if self._over:
            return
        self._over = signal in _ENDS
        try:
            self._listener(signal, value)
        except BaseException:
            self._over = True
            raise


_ENDS = ("on_error", "on_completed", "cancel")
_NONE = object()


@operator(demand="1:1 ; 1:1 ; holds 0", category="observe")
def tap_signals(
    listener: Callable[[str, Any], object],
) -> Callable[[Observable[T]], Flow[T]]:
    """Call a function with each signal that passes, of either direction, before it passes.

    .. marble::
        :alt: tap_signals

        request  --2---------
        source   --1-2-|
        [  tap_signals(print) ]
                 --1-2-|

    Demand: 1:1 ; 1:1 ; holds 0.
    The signals, each with its value: "on_subscribe" and None; "request" and the number of
    items, or UNBOUNDED; "on_next" and the item; "on_error" and the error; "on_completed"
    and None; "cancel" and None. It is called on the thread that signals.

    A Subscriber's requests are told one by one, those inside of its on_subscribe together.
    An operator that has a pace of its own, or a loop, has no requests: then what it lacks
    when it waits is told, less what was told before, and each item that it takes beyond
    that. The sum is what was asked for, in any case.

    Args:
        listener: Function of the name of a signal and its value.

    Returns:
        An operator function.

    Raises:
        TypeError: The listener is not callable or async, when the pipeline is built.

    Errors:
        What the listener raises, but for the end of a stream that is cancelled.

    Source: Reactor tap, with a SignalListener.
    """
    checks.function("tap_signals", "listener", listener)
    return fed(lambda context, flow: _Tapped(flow.feed(context), listener))


@operator(demand="1:1 ; 1:1 ; holds 0", category="observe")
def on_request(fn: Callable[[int], object]) -> Callable[[Observable[T]], Flow[T]]:
    """Call a function with the demand that arrives, without changing it.

    .. marble::
        :alt: on_request

        request  --2-----3---
        source   --1-2---3-4-
        [ on_request(print)   ]
                 --1-2---3-4-

    Demand: 1:1 ; 1:1 ; holds 0.
    See ``tap_signals`` for what is told, and on which thread.

    Args:
        fn: Function of how many more are asked for (items), or UNBOUNDED.

    Returns:
        An operator function.

    Raises:
        TypeError: The function is not callable or async, when the pipeline is built.

    Errors:
        What the function raises.

    Source: RxJava doOnRequest; Reactor doOnRequest.
    """
    checks.function("on_request", "fn", fn)

    def listen(signal: str, value: Any) -> None:
        if signal == "request":
            fn(value)

    return fed(lambda context, flow: _Tapped(flow.feed(context), listen))


@operator(demand="1:1 ; 1:1 ; holds 0", category="observe")
def log(
    name: str, logger: logging.Logger | None = None, level: int = logging.INFO
) -> Callable[[Observable[T]], Flow[T]]:
    """Write a line to a logger for each item, each demand and the end.

    .. marble::
        :alt: log

        request  --2---------
        source   --1-2-|
        [    log("orders")    ]
                 --1-2-|

    Demand: 1:1 ; 1:1 ; holds 0.
    A line is such as "orders: request 5" or "orders: on_next 1"; see ``tap_signals``.

    Args:
        name: What each line begins with.
        logger: Where to; the logger "rxflow" when left out.
        level: Of the lines, as in ``logging``.

    Returns:
        An operator function.

    Raises:
        TypeError: No name, no logger or no level, when the pipeline is built.

    Source: Reactor log; Pekko log.
    """
    _check_name("log", name)
    target = hooks.log if logger is None else logger
    if not callable(getattr(target, "log", None)):
        raise TypeError(f"log: logger must be a logger of logging, not {logger!r}")
    if isinstance(level, bool) or not isinstance(level, int):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"log: level must be a level of logging, such as INFO, not {level!r}")

    def listen(signal: str, value: Any) -> None:
        if target.isEnabledFor(level):
            target.log(level, "%s: %s%s", name, signal, _shown(signal, value))

    return fed(lambda context, flow: _Tapped(flow.feed(context), listen))


def _shown(signal: str, value: Any) -> str:
    if signal == "request":
        return " everything" if value == UNBOUNDED else f" {value}"
    if signal not in ("on_next", "on_error"):
        return ""
    text = repr(value)
    return f" {text}" if len(text) <= 80 else f" {text[:77]}..."


@operator(demand="1:1 ; 1:1 ; holds 0", category="observe")
def named(name: str) -> Callable[[Observable[T]], Flow[T]]:
    """Give the Flow so far a name, for its figures and its errors.

    The figures of each part before it are called "name/part", such as
    "orders/on_backpressure_buffer"; an error that passes gets a note of the name.

    .. marble::
        :alt: named

        request  --2---------
        source   --1-2-|
        [   named("orders")   ]
                 --1-2-|

    Demand: 1:1 ; 1:1 ; holds 0.

    Args:
        name: The name.

    Returns:
        An operator function.

    Raises:
        TypeError: No name, when the pipeline is built.

    Source: Reactor name; Pekko named.
    """
    _check_name("named", name)
    return fed(lambda context, flow: _Named(context, flow, name))


class _Named(Relay):
    def __init__(self, context: Context, flow: Flow[Any], name: str) -> None:
        super().__init__(flow.feed(context))
        self._flow = flow
        self._name = name

    def run(self) -> Iterator[Any]:
        try:
            yield from super().run()
        except Exception as error:
            self._note(error)
            raise

    def settle(self) -> State:
        try:
            return super().settle()
        except Exception as error:
            self._note(error)
            raise

    def _note(self, error: Exception) -> None:
        self._flow.trace(error)
        add_note(error, f"in the Flow that is named {self._name!r}")

    def statistics(self) -> Iterator[StageStatistics]:
        for part in super().statistics():
            yield changed(part, name=f"{self._name}/{part.name}")

    def row(self, row: Row, meter: Meter, times: Times, pulled: float | None = None) -> float:
        begin = len(row.shape)
        waited = super().row(row, meter, times, pulled)
        row.shape += (self._name, begin)
        return waited


def _check_name(operator: str, name: object) -> None:
    if not isinstance(name, str):
        raise TypeError(f"{operator}: name must be a text, not {name!r}")
