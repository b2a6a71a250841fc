"""P9: a full buffer that drops, by strategy; and what a consumer that goes on costs."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from threading import Event, Thread
from threading import enumerate as threads
from time import sleep

from reactivex import Observer
from reactivex.subject import Subject

import rxflow as rx
from rxflow import operators as ops

from .floors import FLOOR, NOTE, dropping
from .harness import Benchmark

CAPACITY = 1_000
STRATEGIES = {
    "DROP_OLDEST": rx.DROP_OLDEST,
    "DROP_NEWEST": rx.DROP_NEWEST,
    "DROP_INCOMING": rx.DROP_INCOMING,
    "DROP_ALL": rx.DROP_ALL,
}

P9 = Benchmark("P9", "pushing into a full buffer that drops, nobody consuming", 200_000)


def _push(on_next: Callable[[int], object], items: int) -> None:
    for x in range(items):
        on_next(x)


class _Stalled(rx.Subscriber[int]):
    """Asks for nothing."""

    def on_subscribe(self, subscription: rx.Subscription) -> None:
        pass

    def on_next(self, value: int) -> None:
        raise AssertionError("nothing was asked for")

    def on_error(self, error: Exception) -> None:
        raise error

    def on_completed(self) -> None:
        pass


@P9.contender("deque(maxlen).append behind a callback")
def _(items: int) -> None:
    held: deque[int] = deque(maxlen=CAPACITY)

    def on_next(x: int) -> None:
        held.append(x)

    _push(on_next, items)


@P9.contender("deque(maxlen).append behind a Subject")
def _(items: int) -> None:
    subject: Subject[int] = Subject()
    subject.subscribe(deque(maxlen=CAPACITY).append)
    _push(subject.on_next, items)


def _enter(strategy: str) -> None:
    overflow = STRATEGIES[strategy]

    @P9.contender(f"rxflow, {strategy}", note="create, whose emitter is a callback")
    def _(items: int) -> None:
        emitters: list[rx.Emitter[int]] = []
        flow = rx.create(emitters.append, overflow=overflow, capacity=CAPACITY)
        subscription = flow.subscribe(_Stalled())
        _push(emitters[0].on_next, items)
        subscription.cancel()

    @P9.contender(f"rxflow, {strategy}, behind a Subject", note="on_backpressure_buffer")
    def _(items: int) -> None:
        subject: Subject[int] = Subject()
        flow = subject.pipe(ops.on_backpressure_buffer(CAPACITY, overflow=overflow))
        subscription = flow.subscribe(_Stalled())
        _push(subject.on_next, items)
        subscription.cancel()

    P9.claim(f"rxflow, {strategy}", against="deque(maxlen).append behind a callback", at_most=2.0)
    P9.claim(
        f"rxflow, {strategy}, behind a Subject",
        against="deque(maxlen).append behind a Subject",
        at_most=2.0,
    )


for _strategy in STRATEGIES:
    _enter(_strategy)


@P9.contender(f"{FLOOR}, oldest dropped", note=NOTE)
def _(items: int) -> None:
    _push(dropping(CAPACITY), items)


P9.claim(f"{FLOOR}, oldest dropped", against="deque(maxlen).append behind a callback", at_most=None)


def _join(before: set[Thread]) -> None:
    """Wait until those threads are over that were not there before, and those that they start."""
    while rest := set(threads()) - before:
        for thread in rest:
            if thread.ident is None:  # it is being started, and cannot be joined yet
                sleep(0)
            else:
                thread.join()


@P9.contender(
    "rxpy_backpressure, DROP", "rxpy_backpressure", note="its consumer is blocked in a thread"
)
def _(items: int) -> None:
    from rxpy_backpressure import BackPressure

    release = Event()
    before = set(threads())
    observer = BackPressure.DROP(Observer(lambda x: release.wait()), cache_size=CAPACITY)
    _push(observer.on_next, items)
    release.set()
    _join(before)


P9.claim("rxflow, DROP_OLDEST", against="rxpy_backpressure, DROP", at_most=None)

P9_LIVE = Benchmark("P9 live", "pushing into a buffer that drops, a consumer going on", 20_000)


@P9_LIVE.contender("rxflow, DROP_OLDEST")
def _(items: int) -> None:
    emitters: list[rx.Emitter[int]] = []
    flow = rx.create(emitters.append, overflow=rx.DROP_OLDEST, capacity=CAPACITY)
    subscription = flow.subscribe(lambda x: None)
    _push(emitters[0].on_next, items)
    subscription.dispose()


@P9_LIVE.contender(
    "rxpy_backpressure, DROP", "rxpy_backpressure", note="starts a thread for each item delivered"
)
def _(items: int) -> None:
    from rxpy_backpressure import BackPressure

    before = set(threads())
    observer = BackPressure.DROP(Observer(lambda x: None), cache_size=CAPACITY)
    _push(observer.on_next, items)
    _join(before)


P9_LIVE.claim("rxflow, DROP_OLDEST", id="P9", against="rxpy_backpressure, DROP", at_most=1 / 300)
