"""The consumer at the end of a pipeline, as the parts of the pipeline see it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from enum import Enum
from typing import Any, Protocol
from weakref import ref

from .metering import Meter
from .rows import CONSUMED
from .statistics import StageStatistics


class Status(Enum):
    """How a subscription stands."""

    FLOWING = "items pass, or the consumer is at work with one"
    STARVED = "the consumer asks for items, and there are none"
    BLOCKED = "the consumer asks for none"
    COMPLETED = "the source has ended, or somebody has ended the stream in its place"
    FAILED = "the stream has failed"
    CANCELLED = "the consumer has left"

    @property
    def over(self) -> bool:
        """Whether that is how it has ended."""
        return self in (Status.COMPLETED, Status.FAILED, Status.CANCELLED)


class Consumer(Protocol):
    """Whoever pulls the last part: the Drain of a Subscriber, or a loop."""

    @property
    def flow(self) -> object:
        """The Flow that runs, or has run and is not forgotten; None where there is none."""
        ...

    @property
    def status(self) -> Status:
        """How it stands."""
        ...

    @property
    def meter(self) -> Meter:
        """Measures how long it was there, and asked and had nothing."""
        ...

    @property
    def started(self) -> float:
        """When it began (seconds of Unix time)."""
        ...

    def finish(self) -> None:
        """End the stream as complete, whatever is held. From any thread, idempotent."""

    def when_over(self, call: Callable[[], object]) -> None:
        """Have ``call`` called, on any thread, when the stream is over; now if it is."""

    def statistics(self) -> tuple[StageStatistics, ...]:
        """Give the figures of each part, source first; the last ones when it is over."""
        ...


def flow_of(make: object) -> object:
    """Give the Flow whose subscription it is; None where there is none, or it is forgotten.

    Args:
        make: Its method that makes the Feed, or what :func:`let_go` gave for that.
    """
    known: Any = make
    return known() if isinstance(make, ref) else getattr(make, "__self__", None)


def let_go(make: object) -> object:
    """Refer to a Flow so that it is not kept, when its subscription is over; idempotent.

    Args:
        make: Its method that makes the Feed.
    """
    flow = flow_of(make)
    return None if flow is None else ref(flow)


def consumed(
    before: Sequence[StageStatistics], requested: int, delivered: int, discarded: int
) -> StageStatistics:
    """Make the figures of a Subscriber.

    Args:
        before: Those of the pipeline.
        requested: What it has requested (items).
        delivered: What it was given (items).
        discarded: What was pulled for it and not given, because of a cancel (items).
    """
    starved = before[-1].starved_seconds if before else 0.0
    figures = requested, delivered + discarded, delivered, discarded, starved
    return CONSUMED.record("subscriber", figures, 1 if before else 0)


_subscribing: ContextVar[Consumer | None] = ContextVar("rxflow_subscribing", default=None)


def subscribing_consumer() -> Consumer | None:
    """Give the consumer for which a door subscribes to a plain Observable just now, if any."""
    return _subscribing.get()


@contextmanager
def subscribing(consumer: Consumer | None) -> Generator[None]:
    """Subscribe to a plain Observable for a consumer."""
    token = _subscribing.set(consumer)
    try:
        yield
    finally:
        _subscribing.reset(token)
