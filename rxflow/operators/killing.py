"""Shutting down from outside: KillSwitch and kill_switch."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol, TypeVar, cast

from reactivex import Observable
from reactivex.abc import ObserverBase, SchedulerBase
from reactivex.disposable import Disposable, SingleAssignmentDisposable

from ..flow import Flow, checks
from ..flow.operator import Operator, operator
from ..kernel import (
    Consumer,
    Context,
    Feed,
    Relay,
    StageStatistics,
    State,
    on_loop,
    subscribing_consumer,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class DrainReport:
    """What ``drain_and_complete`` has achieved.

    Attributes:
        in_time: Every pipeline came to its end before the deadline.
        undelivered: Items that were not delivered, by the stage that held them (items).
    """

    in_time: bool
    undelivered: Mapping[str, int]

    @property
    def complete(self) -> bool:
        """Whether everything that was held was delivered, in time."""
        return self.in_time and not self.undelivered


class KillSwitch:
    """Ends the pipelines that have ``kill_switch(switch)`` in them, from any thread.

    The first call of ``shutdown``, ``abort`` or ``drain_and_complete`` decides; a pipeline
    that is subscribed later ends at once in the same way.
    """

    def __init__(self) -> None:
        """Make one that is not pulled."""
        # Who comes looks at the end after it has joined; who ends it sets the end before it
        # looks at the parts: so nobody is missed, without a lock.
        self._end: dict[str, Exception | None] = {}  # empty until it is pulled
        self._parts: dict[_Part, None] = {}

    @property
    def pulled(self) -> bool:
        """Whether it was used."""
        return bool(self._end)

    def shutdown(self) -> None:
        """Complete downstream and cancel upstream. Idempotent."""
        self._pull(None)

    def abort(self, error: Exception) -> None:
        """Fail downstream and cancel upstream. Idempotent.

        Args:
            error: The failure.

        Raises:
            TypeError: It is no exception.
        """
        if not isinstance(error, Exception):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"abort wants an exception, not {error!r}")
        self._pull(error)

    async def drain_and_complete(self, timeout: float | timedelta | None = None) -> DrainReport:
        """Shut down, and wait until what is held downstream of the switch is delivered.

        What is held at the deadline is discarded, and the consumers hear a completion. So
        put the switch at the intake: before the door, if there is one.

        Args:
            timeout: Longest wait (seconds, or a timedelta); no limit when left out.

        Returns:
            What was not delivered, if anything.

        Raises:
            TypeError: The timeout is no duration.
            ValueError: It is negative.
        """
        limit = checks.seconds("drain_and_complete", "timeout", timeout)
        found = (part.consumer for part in tuple(self._parts))
        pipelines = [_Draining(each) for each in dict.fromkeys(found) if each is not None]
        self.shutdown()
        with suppress(TimeoutError):
            async with asyncio.timeout(limit):
                for pipeline in pipelines:
                    await pipeline.over.wait()
        in_time = all(pipeline.over.is_set() for pipeline in pipelines)
        for pipeline in pipelines:
            pipeline.consumer.finish()
        await asyncio.sleep(0)  # tasks that are cancelled end
        lost: Counter[str] = Counter()
        for pipeline in pipelines:
            lost += pipeline.lost()
        return DrainReport(in_time, dict(lost))

    def _pull(self, error: Exception | None) -> None:
        self._end.setdefault("end", error)
        for part in tuple(self._parts):
            part.hear()

    # What the operator calls.

    @property
    def failure(self) -> Exception | None:
        """What it was aborted with."""
        return self._end.get("end")

    def join(self, part: _Part) -> None:
        """Have a part hear when it is pulled, perhaps at once.

        Args:
            part: It.
        """
        self._parts[part] = None
        if self._end:
            part.hear()

    def leave(self, part: _Part) -> None:
        """Forget a part.

        Args:
            part: It.
        """
        self._parts.pop(part, None)


class _Part(Protocol):
    """One subscription that goes through the switch."""

    consumer: Consumer | None

    def hear(self) -> None: ...
    def __hash__(self) -> int: ...


class _Draining:
    """A pipeline that is being drained."""

    def __init__(self, consumer: Consumer) -> None:
        self.consumer = consumer
        self.over = asyncio.Event()
        self._before = _discarded(consumer.statistics())
        loop = asyncio.get_running_loop()
        consumer.when_over(lambda: on_loop(loop, self.over.set))

    def lost(self) -> Counter[str]:
        """Count what was discarded since, and what is held although it was to end."""
        figures = self.consumer.statistics()
        held = Counter({part.name: 0 for part in figures})
        for part in figures:
            held[part.name] += part.held
        return +(_discarded(figures) + held - self._before)


def _discarded(figures: tuple[StageStatistics, ...]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for part in figures:
        counts[part.name] += part.discarded
    return counts


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
        for item in self._source.run():
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
            lambda flow: Flow(lambda context: _Switched(context, flow.feed(context), switch))
        ),
    )
