"""What can go wrong with demand, as exceptions that name the place and the numbers."""

from __future__ import annotations

from .demand import UNBOUNDED


def shown(item: object) -> str:
    """Give the beginning of what an item prints as, whatever it does when it is asked."""
    try:
        text = repr(item)
    except Exception:
        text = f"<{type(item).__name__} whose repr fails>"
    return text if len(text) <= 80 else text[:77] + "..."


class FlowError(Exception):
    """Base of all errors that rxflow itself raises or signals."""


class ProtocolError(FlowError):
    """A partner broke a rule of Reactive Streams; the message names the rule."""


class BackpressureError(FlowError):
    """A source could not be held back."""


class BufferOverflowError(BackpressureError):
    """A bounded buffer was full and its strategy is to fail.

    Attributes:
        operator: The operator that overflowed.
        capacity: The most it may hold (items, or weight where that is bounded).
        held: What it held (in the same unit).
        requested: The demand that was outstanding (items).
        item: The item that found no room.
    """

    def __init__(self, operator: str, capacity: float, held: float, requested: int, item: object):
        """Describe the overflow of one operator."""
        self.operator = operator
        self.capacity = capacity
        self.held = held
        self.requested = requested
        self.item = item
        super().__init__(operator, capacity, held, requested, item)

    def __str__(self) -> str:
        """Name the place, the numbers and the beginning of the item."""
        return (
            f"{self.operator}(capacity={self.capacity}) overflowed: {self.held} held, "
            f"{self.requested} requested, item {shown(self.item)}"
        )


class RateExceededError(BackpressureError):
    """An item came sooner than its rate allows, where that is to fail.

    Attributes:
        operator: The operator that enforces the rate.
        rate: The rate (tokens in ``per`` seconds).
        per: What it is meant for (seconds).
        burst: The most that may come at once (tokens).
        item: The item that came too soon.
    """

    def __init__(self, operator: str, rate: float, per: float, burst: float, item: object):
        """Describe the item that one operator had no tokens for."""
        self.operator = operator
        self.rate = rate
        self.per = per
        self.burst = burst
        self.item = item
        super().__init__(operator, rate, per, burst, item)

    def __str__(self) -> str:
        """Name the place, the numbers and the beginning of the item."""
        return (
            f"{self.operator}: the rate of {self.rate:g} per {self.per:g} s with bursts of "
            f"{self.burst:g} is exceeded by item {shown(self.item)}"
        )


class GroupStalledError(BackpressureError):
    """An inner Flow is full and nobody takes its items, for which all others have to wait.

    Attributes:
        operator: The operator that divides the stream.
        key: The key of the group; the number of the window; or the side of the partition.
        held: What it holds (items).
        max_groups: The most groups that may be open (groups); None where there is no bound.
        subscribed: Whether it has a consumer, which does not ask for more.
    """

    def __init__(
        self, operator: str, key: object, held: int, max_groups: int | None, subscribed: bool
    ):
        """Describe the stall."""
        self.operator = operator
        self.key = key
        self.held = held
        self.max_groups = max_groups
        self.subscribed = subscribed
        super().__init__(operator, key, held, max_groups, subscribed)

    def __str__(self) -> str:
        """Say who is waited for, and what to do."""
        bound = "" if self.max_groups is None else f"(max_groups={self.max_groups})"
        who = "its consumer asks for no more" if self.subscribed else "nobody has subscribed to it"
        return (
            f"{self.operator}{bound} has stalled: {self.key!r} holds {self.held} items and {who}, "
            "while the others wait; consume all of them at the same time (flat_map with "
            "max_concurrency for all), cancel what is not wanted, or give a larger prefetch"
        )


class TooManyGroupsError(BackpressureError):
    """An item has a new key while as many groups are open as may be.

    Attributes:
        max_groups: The most that may be open (groups).
        key: The key for which there is no room.
    """

    def __init__(self, max_groups: int, key: object):
        """Describe the item that was one too many."""
        self.max_groups = max_groups
        self.key = key
        super().__init__(max_groups, key)

    def __str__(self) -> str:
        """Name the bound and the key."""
        return (
            f"group_by(max_groups={self.max_groups}) has no room for a group {self.key!r}; give a "
            "larger max_groups, or idle to have groups that get no items completed"
        )


class OfferTimeoutError(BackpressureError, TimeoutError):
    """No room was made for an item within the producer's time limit."""


class SpillError(BackpressureError):
    """What has no room in memory cannot be kept on disk.

    Attributes:
        operator: The operator.
        failed: What the file could not be: "opened", "written" or "read".
        cause: Why.
    """

    def __init__(self, operator: str, failed: str, cause: Exception):
        """Describe the failure of a file."""
        self.operator = operator
        self.failed = failed
        self.cause = cause
        super().__init__(operator, failed, cause)

    def __str__(self) -> str:
        """Name the place and the cause."""
        return f"{self.operator}: its file cannot be {self.failed}: {self.cause}"


class StreamTimeoutError(FlowError, TimeoutError):
    """A stream was too slow; the message says who: the source or the consumer.

    Attributes:
        operator: The operator that measured it.
        limit: Its limit (seconds, or a time of day).
        what: Who was too slow, with what.
        requested: The demand that was outstanding (items), or UNBOUNDED.
        held: What waited to be taken there and before it (items).
    """

    def __init__(self, operator: str, limit: object, what: str, requested: int, held: int):
        """Describe who was too slow."""
        self.operator = operator
        self.limit = limit
        self.what = what
        self.requested = requested
        self.held = held
        demand = "everything" if requested == UNBOUNDED else requested
        super().__init__(f"{operator}({limit}): {what}; {demand} requested, {held} held")

    def __reduce__(self) -> tuple[type, tuple[object, ...], dict[str, object]]:
        """Be pickled with what it is made of: an OSError would keep the message only."""
        args = (self.operator, self.limit, self.what, self.requested, self.held)
        return type(self), args, vars(self)


class StreamEndedError(FlowError, EOFError):
    """No further item will come: the stream is complete, or its reader was closed."""


class SlowConsumerError(BackpressureError):
    """A subscriber has held the others of a multicast back for too long, and was ejected.

    Attributes:
        operator: The operator whose subscriber it was.
        subscriber: Which one, in the order of their subscribing, from 1.
        held: What it held (items).
        seconds: How long it had no room (seconds).
    """

    def __init__(self, operator: str, subscriber: int, held: int, seconds: float):
        """Describe a subscriber."""
        self.operator = operator
        self.subscriber = subscriber
        self.held = held
        self.seconds = seconds
        super().__init__(operator, subscriber, held, seconds)

    def __str__(self) -> str:
        """Name the place and the numbers."""
        return (
            f"{self.operator}: subscriber #{self.subscriber} held {self.held} items and had no "
            f"room for {self.seconds:g} s; it is ejected, so that the others go on"
        )


class FrameError(FlowError, ValueError):
    """Bytes do not make an item: a frame is too long, breaks off, or cannot be decoded.

    Attributes:
        operator: The source that reads them.
        frame: Which frame, from 1.
        what: What is wrong with it.
        held: How much of it, and of what follows, was there (bytes).
    """

    def __init__(self, operator: str, frame: int, what: str, held: int):
        """Describe a frame."""
        self.operator = operator
        self.frame = frame
        self.what = what
        self.held = held
        super().__init__(operator, frame, what, held)

    def __str__(self) -> str:
        """Name the place, the frame and the fault."""
        return f"{self.operator}: frame {self.frame} {self.what}"


class DemandBoundaryWarning(UserWarning):
    """Demand becomes unbounded here, where that was probably not meant."""
