"""Shutting down from outside: kill_switch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, TypeVar, cast

from reactivex import Observable
from reactivex.abc import ObserverBase, SchedulerBase
from reactivex.disposable import Disposable, SingleAssignmentDisposable

from ..flow import Flow, KillSwitch, checks
from ..flow.operator import Operator, operator
from ..kernel import (
    Context,
    Feed,
    Relay,
    State,
    subscribing_consumer,
)

T = TypeVar("T")


class _Switched(Relay):
    """Ends when the switch is pulled."""

    def __init__(self, context: Context, source: Feed[Any], switch: KillSwitch) -> None:
        super().__init__(source)
        self.consumer = context.consumer
        self._switch = switch
        self.hear = context.wake

    def start(self) -> None:
        self._switch.join(self)
        if not self._switch.pulled:
            super().start()

    def run(self) -> Iterator[Any]:
        switch = self._switch
        if switch.pulled:
            return
        for item in super().run():
            yield item
            if switch.pulled:
                return

    def settle(self) -> State:
        if not self._switch.pulled:
            return super().settle()
        if self._switch.failure is not None:
            raise self._switch.failure.with_traceback(None)
        return State.ENDED

    def ending(self) -> bool:
        return self._switch.pulled or super().ending()

    def advance(self) -> None:
        """Let the consumer wait for a wake, which may be the switch's."""

    def cancel(self) -> None:
        self._switch.leave(self)
        super().cancel()


class _PlainSwitched:
    """The same for a plain Observable, before a door."""

    def __init__(self, switch: KillSwitch, observer: ObserverBase[Any]) -> None:
        self.consumer = subscribing_consumer()
        self.upstream = SingleAssignmentDisposable()
        self._switch = switch
        self._observer: list[ObserverBase[Any]] = [observer]  # empty when it was told of the end

    def hear(self) -> None:
        with suppress(IndexError):
            observer = self._observer.pop()  # one thread only has it
            self.dispose()
            if self._switch.failure is None:
                observer.on_completed()
            else:
                observer.on_error(self._switch.failure)

    def dispose(self) -> None:
        self._switch.leave(self)
        self.upstream.dispose()


def _switched(source: Observable[Any], switch: KillSwitch) -> Observable[Any]:
    def subscribe(observer: ObserverBase[Any], scheduler: SchedulerBase | None = None) -> Any:
        part = _PlainSwitched(switch, observer)
        switch.join(part)
        if not switch.pulled:
            part.upstream.disposable = source.subscribe(observer, scheduler=scheduler)
        return Disposable(part.dispose)

    return Observable(subscribe)


class _SwitchOperator(Operator):
    """It is plain Rx on a plain Observable, where a door is to follow."""

    __slots__ = ()

    def __call__(self, source: Observable[Any]) -> Any:
        checks.observable(self.name, source)
        if isinstance(source, Flow):
            return super().__call__(source)
        return _switched(source, self.args[0] if self.args else self.kwargs["switch"])


@operator(demand="1:1 ; 1:1 ; holds 0", category="recover")
def kill_switch(switch: KillSwitch) -> Callable[[Observable[T]], Flow[T]]:
    """End the stream when a switch is pulled: complete or fail downstream, cancel upstream.

    Several pipelines may have the same switch. A loop over the Flow hears of it when it
    asks for its next item, a Subscriber at once.

    .. marble::
        :alt: kill_switch

        request  9-----------
        source   -1-2-3-4-5--
        shutdown -------x
        [ kill_switch(switch) ]
                 -1-2-3-|

    Demand: 1:1 ; 1:1 ; holds 0.
    On a plain Observable it gives a plain Observable, to be put before a door: then
    ``await switch.drain_and_complete(timeout)`` delivers what is held in the door, too.

    Args:
        switch: What ends it.

    Returns:
        An operator function.

    Raises:
        TypeError: No KillSwitch, when the pipeline is built.

    Errors:
        What ``switch.abort`` was given.

    Source: Pekko KillSwitches.shared.
    """
    if not isinstance(switch, KillSwitch):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"kill_switch wants a KillSwitch, not {switch!r}")
    return cast(
        "Any",
        _SwitchOperator(
            lambda flow: Flow(
                lambda context: _Switched(context, flow.feed(context), switch), latest=flow.latest
            )
        ),
    )
