"""Overflow strategies: values that name who gives way when a bounded buffer is full."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Victim(Enum):
    """Who gives way."""

    OLDEST = "oldest"  # the head is evicted, the incoming item is kept
    NEWEST = "newest"  # the tail is evicted, the incoming item is kept
    INCOMING = "incoming"  # the incoming item is refused
    ALL = "all"  # everything held is evicted, the incoming item is kept
    STREAM = "stream"  # the stream fails behind what is held
    TASK = "task"  # the awaiting producer waits
    THREAD = "thread"  # the producing thread waits


@dataclass(frozen=True, slots=True)
class Overflow:
    """What happens to an item that finds a bounded buffer full.

    Use the ready-made values: ``DROP_OLDEST``, ``DROP_NEWEST``, ``DROP_INCOMING``,
    ``DROP_ALL``, ``FAIL``, ``SUSPEND``, ``BLOCK``.
    """

    name: str
    victim: Victim

    def __repr__(self) -> str:
        """Return the name under which the strategy is exported."""
        return self.name


class Offer(Enum):
    """What became of an item that was offered to a bounded buffer."""

    ENQUEUED = "enqueued"  # it is held or delivered
    DROPPED = "dropped"  # it, and only it, was lost; counted and reported
    FULL = "full"  # it was not taken and is still the producer's: there is no room now
    CLOSED = "closed"  # the stream has ended, nothing is taken any more


DROP_OLDEST = Overflow("DROP_OLDEST", Victim.OLDEST)
DROP_NEWEST = Overflow("DROP_NEWEST", Victim.NEWEST)
DROP_INCOMING = Overflow("DROP_INCOMING", Victim.INCOMING)
DROP_ALL = Overflow("DROP_ALL", Victim.ALL)
FAIL = Overflow("FAIL", Victim.STREAM)
SUSPEND = Overflow("SUSPEND", Victim.TASK)
BLOCK = Overflow("BLOCK", Victim.THREAD)


class _End(Enum):
    END = "no item follows"

    def __repr__(self) -> str:
        return "rxflow.END"


END = _End.END
"""Put into a queue to say that no item follows, where it has no ``shutdown`` (before 3.13)."""
