"""The Feeds behind sample, debounce and the throttle_ family: what they let through, and when.

They want everything that upstream has, so they are pulled by a loop of their own; what
they let through waits for demand in a boundary of one item, where the next one replaces it.
"""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import repeat as times
from typing import Any

from ..flow import Flow, checks
from ..flow.inlet import inlet
from ..flow.operator import Operator
from ..kernel import (
    BUDGET,
    NOTHING,
    Alarm,
    Context,
    DropCallback,
    Feed,
    Input,
    Prefetched,
    StageStatistics,
    State,
    drained,
)
from ..protocol import DROP_INCOMING, DROP_OLDEST, UNBOUNDED

Make = Callable[[Context], Feed[Any]]


class Sifted(Feed[Any]):
    """Takes all that upstream has, and keeps one item of it at most."""

    def __init__(
        self, context: Context, make: Make, name: str, on_drop: DropCallback | None
    ) -> None:
        """Make the Feed upstream.

        Args:
            context: Of a consumer that wants everything.
            make: Makes the Feed upstream.
            name: The operator, for statistics.
            on_drop: Called with each item that is not let through, and the reason.
        """
        self._context = context
        self._input = Input(make, context)
        self._name = name
        self._on_drop = on_drop
        self._held: Any = NOTHING  # may be let through, unless another one comes before
        self._received = self._delivered = self._peak = 0
        self._dropped = Counter[str]()

    def start(self) -> None:
        """Start upstream."""
        self._input.start(UNBOUNDED)

    def want(self, n: int) -> None:
        """Want everything, as always."""
        self._input.want(UNBOUNDED)

    def run(self) -> Iterator[Any]:
        """Give what is let through of what is there."""
        try:
            yield from self.sift()
        except Exception:
            self._held = NOTHING  # who pulls tells of the failure before it cancels
            raise

    @abstractmethod
    def sift(self) -> Iterator[Any]:
        """Take what upstream has, and give what is let through."""

    def _take(self) -> Any:
        item = self._input.take(UNBOUNDED)
        self._received += item is not NOTHING
        return item

    def _keep(self, item: Any) -> None:
        """Keep an item in the place of the one before it."""
        before, self._held = self._held, item
        self._peak = 1
        if before is not NOTHING:
            self._drop(before, "superseded")

    def _drop(self, item: Any, reason: str) -> None:
        self._dropped[reason] += 1
        if self._on_drop is not None:
            self._on_drop(item, reason)

    def _give(self) -> Any:
        item, self._held = self._held, NOTHING
        self._delivered += 1
        return item

    def settle(self) -> State:
        """End with upstream."""
        if self._input.ended:
            return State.ENDED
        return State.WAITING if self._input.waiting else State.READY

    def cancel(self) -> None:
        """Cancel upstream, and let go of what is held."""
        self._input.cancel()
        self._held = NOTHING

    def statistics(self) -> Iterator[StageStatistics]:
        """Give upstream's, then its own."""
        yield from self._input.statistics()
        held = int(self._held is not NOTHING)
        dropped = self._dropped.total()
        yield StageStatistics(
            self._name,
            requested=UNBOUNDED,
            received=self._received,
            delivered=self._delivered,
            held=held,
            peak=self._peak,
            capacity=1,
            dropped=dict(self._dropped),
            discarded=self._received - self._delivered - held - dropped,
        )


class Firsts(Sifted):
    """Lets the first item of each window through."""

    def __init__(self, *args: Any, window: int, clock: Alarm) -> None:
        super().__init__(*args)
        self._window = window  # microseconds
        self._clock = clock
        self._last: int | None = None  # when the last one was let through

    def sift(self) -> Iterator[Any]:
        """Give those that come late enough after the last one."""
        for _ in times(None, BUDGET):
            item = self._take()
            if item is NOTHING:
                return
            now = self._clock.read()
            if self._last is None or now - self._last >= self._window:
                self._last = now
                self._delivered += 1
                yield item
            else:
                self._drop(item, "too soon")


class Debounced(Sifted):
    """Lets an item through when none has followed it for a time."""

    def __init__(self, *args: Any, duetime: int, alarm: Alarm) -> None:
        super().__init__(*args)
        self._duetime = duetime  # microseconds
        self._alarm = alarm
        self._due = 0  # when the one that is held may go (microseconds)

    def sift(self) -> Iterator[Any]:
        """Take what there is, then give what is ripe."""
        fresh = False  # it has just come: one that comes at the same instant is to replace it
        for _ in times(None, BUDGET):
            item = self._take()
            if item is NOTHING:
                break
            self._keep(item)
            self._due = self._alarm.read() + self._duetime
            fresh = True
        if self._held is not NOTHING:
            ripe = self._alarm.read() >= self._due and self._input.waiting and not fresh
            if ripe or self._input.ended:
                yield self._give()
            else:
                self._alarm.set(self._due / 1_000_000)

    def cancel(self) -> None:
        """Cancel the alarm too."""
        self._alarm.cancel()
        super().cancel()


class Throttled(Sifted):
    """Lets an item through when its own throttle signals, and none has followed it before."""

    def __init__(self, *args: Any, mapper: Callable[[Any], Any]) -> None:
        super().__init__(*args)
        self._mapper = mapper
        self._throttle: Input | None = None  # of the item that is held

    def sift(self) -> Iterator[Any]:
        """Give what is held when it is signalled, before another one is taken."""
        for _ in times(None, BUDGET):
            item = self._take()
            if item is not NOTHING:
                self._close_after(item)
            if self._held is not NOTHING and (self._signalled() or self._input.ended):
                self._close()
                yield self._give()
            elif item is NOTHING:
                return

    def _close_after(self, item: Any) -> None:
        """Open the throttle of an item, in the place of the one before it."""
        make = inlet(self._mapper(item), self._name, DROP_INCOMING, 1)
        self._close()
        self._keep(item)
        self._throttle = Input(make, self._context)
        self._throttle.start(1)

    def _signalled(self) -> bool:
        throttle = self._throttle
        return throttle is not None and (throttle.take() is not NOTHING or throttle.ended)

    def _close(self) -> None:
        throttle, self._throttle = self._throttle, None
        if throttle is not None:
            throttle.cancel()

    def settle(self) -> State:
        """End with upstream; wait for a signal too."""
        throttle = self._throttle
        return State.READY if throttle is not None and not throttle.waiting else super().settle()

    def cancel(self) -> None:
        """Cancel the throttle too."""
        self._close()
        super().cancel()


class Sampled(Sifted):
    """Lets the last item through when a sampler signals."""

    def __init__(self, *args: Any, sampler: Any) -> None:
        super().__init__(*args)
        self._sampler = Input(inlet(sampler, self._name, DROP_OLDEST, 1), self._context)
        self._over = False

    def start(self) -> None:
        """Start upstream, then the sampler."""
        super().start()
        self._sampler.start(UNBOUNDED)

    def want(self, n: int) -> None:
        """Want all signals too."""
        super().want(n)
        self._sampler.want(UNBOUNDED)

    def sift(self) -> Iterator[Any]:
        """Take what there is, then look for a signal."""
        for _ in times(None, BUDGET):
            item = self._take()
            if item is not NOTHING:
                self._keep(item)
            elif self._over or not self._signalled():
                return
            else:
                self._over = self._input.ended
                if self._held is not NOTHING:
                    yield self._give()

    def _signalled(self) -> bool:
        """Tell whether the sampler has, for which its end counts too."""
        if self._sampler.ended:
            return self._input.ended  # no other signal comes
        return self._sampler.take(UNBOUNDED) is not NOTHING or self._sampler.ended

    def settle(self) -> State:
        """End with the first signal after the end of upstream."""
        if self._over:
            return State.ENDED
        waiting = (each.waiting or each.ended for each in (self._input, self._sampler))
        return State.WAITING if all(waiting) else State.READY

    def cancel(self) -> None:
        """Cancel the sampler too."""
        self._sampler.cancel()
        super().cancel()


class _Latest(Prefetched):
    """Where what is let through waits for demand."""

    def start(self) -> None:
        with self.starting():
            super().start()


def sifting(
    name: str, on_drop: DropCallback | None, make: Callable[[Context, Make], Feed[Any]]
) -> Any:
    """Make an operator that lets some items through, of which the latest waits for demand.

    Args:
        name: The operator.
        on_drop: Called with each item that is dropped, and the reason.
        make: Makes the Feed that lets items through, given what makes the one upstream.
    """
    checks.callback(name, "on_drop", on_drop)

    def apply(flow: Flow[Any]) -> Flow[Any]:
        return Flow(
            lambda context: _Latest(
                context,
                f"{name}, waiting",
                UNBOUNDED,
                UNBOUNDED,
                drained(lambda inner: make(inner, flow.feed), context.timed()),
                capacity=1,
                overflow=DROP_OLDEST,
                on_drop=on_drop,
            ),
            latest=True,
        )

    return Operator(apply)
