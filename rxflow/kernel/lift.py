"""Running stock operators of reactivex inside of an island.

A run of stock operators is applied, once per subscription, to a private proxy
Observable, which stands for the Flow upstream. ``LiftStage`` is for those that
take one source, and give at once what an item becomes; ``gates`` for all others.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from reactivex import Observable
from reactivex.abc import DisposableBase, ObserverBase, SchedulerBase
from reactivex.disposable import Disposable
from reactivex.scheduler.currentthreadscheduler import CurrentThreadSchedulerSingleton
from reactivex.scheduler.trampoline import Trampoline
from reactivex.typing import OnCompleted, OnError, OnNext

from . import hooks
from .feed import Context
from .stage import Stage

Apply = Callable[[Observable[Any]], Observable[Any]]


class Output(ObserverBase[Any]):
    """Collects what comes out of a run of stock operators."""

    def __init__(self, wake: Callable[[], None], park: Callable[[Any], Any] | None = None) -> None:
        self.items: deque[Any] = deque()
        self.emitted: int = 0
        self.error: Exception | None = None
        self.ended: bool = False  # completed or failed
        self._wake = wake
        self._park = park

    def on_next(self, value: Any) -> None:
        """Keep an item, and wake the consumer."""
        if not self.ended:
            self.items.append(value if self._park is None else self._park(value))
            self.emitted += 1
            self._wake()

    def on_error(self, error: Exception) -> None:
        """Keep the error, and wake the consumer."""
        if self.ended:
            hooks.dropped_error(error)
            return
        self.error = error
        self.ended = True
        self._wake()

    def on_completed(self) -> None:
        """Note the end, and wake the consumer."""
        self.ended = True
        self._wake()


class Proxy(Observable[Any]):
    """Stands for the upstream Flow inside a run of stock operators."""

    def __init__(self, gate: Callable[[ObserverBase[Any]], DisposableBase]) -> None:
        super().__init__()
        self._gate = gate
        self.takes: Any = None  # what the last subscriber has given to take an item

    def subscribe(
        self,
        on_next: ObserverBase[Any] | OnNext[Any] | None = None,
        on_error: OnError | None = None,
        on_completed: OnCompleted | None = None,
        *,
        scheduler: SchedulerBase | None = None,
    ) -> DisposableBase:
        """Subscribe."""
        self.takes = getattr(on_next, "on_next", on_next)
        return super().subscribe(on_next, on_error, on_completed, scheduler=scheduler)

    def _subscribe_core(
        self, observer: ObserverBase[Any], scheduler: SchedulerBase | None = None
    ) -> DisposableBase:
        return self._gate(observer)


@contextmanager
def own_trampoline() -> Generator[None]:
    """Run stock operators on a current-thread trampoline of their own.

    Inside an outer ``subscribe`` what they schedule would otherwise wait until
    that is through: ``flat_map(of)`` would put off its inner ones and pull all.
    """
    local: Any = CurrentThreadSchedulerSingleton._local  # pyright: ignore[reportPrivateUsage]
    outer = local.tramp
    local.tramp = Trampoline()
    try:
        yield
    finally:
        local.tramp = outer


class LiftStage(Stage):
    """Stock operators with one gate that give what an item becomes before they return."""

    releases = True
    catches = True

    def __init__(self, apply: Apply, context: Context) -> None:
        """Apply the operators and subscribe to them."""
        self._output = Output(_noop)
        self._gate: Any = self._output  # until the operators subscribe
        self._proxy = Proxy(self._open)
        with own_trampoline():
            self._subscription = apply(self._proxy).subscribe(
                self._output, scheduler=context.scheduler
            )
        # take(0) and its like complete without a source
        self.done: bool = self._gate is self._output

    def _open(self, observer: ObserverBase[Any]) -> DisposableBase:
        self._gate = observer
        return Disposable()

    def run(self, items: Iterator[Any]) -> Iterator[Any]:
        """Feed one item, give what comes out."""
        output, gate = self._output, self._gate
        out = output.items
        # Past the observer that reactivex puts before it, which for an item only looks whether
        # it is stopped, and takes a tenth of the time for that.
        feed = self._proxy.takes or gate.on_next
        try:
            for item in items:
                if not gate.is_stopped:
                    feed(item)
                if out or output.ended:
                    yield from self._take()
                    if self.done:
                        return
        except Exception as error:
            if self.done or output.ended:
                raise
            self._gate.on_error(error)
            yield from self._take()

    def finish(self) -> Iterable[Any]:
        """Complete the operators, give what comes out."""
        self._gate.on_completed()  # an observer of theirs hears only the first one
        return self._released()

    def _released(self) -> Iterator[Any]:
        out = self._output.items
        yield from out  # they are held, as ``holds`` tells, while one is looked ahead at
        out.clear()
        if self._output.error is not None:
            raise self._output.error

    def holds(self) -> bool:
        """Complete the operators, look whether something comes out."""
        self._gate.on_completed()
        return bool(self._output.items)

    def _take(self) -> Iterator[Any]:
        output = self._output
        out = output.items
        while out:
            item = out.popleft()
            if output.ended and not out and output.error is None:
                self.done = True
            yield item
        if output.ended:
            if output.error is not None:
                raise output.error
            self.done = True

    def cancel(self) -> None:
        """Dispose of the operators."""
        self._subscription.dispose()


def _noop() -> None:
    pass
