"""Ends of a Flow on an event loop.

Holds: for_each and to_queue. ``async for`` and ``chunks`` are methods of Flow.
Invariants: what is opened is closed before these return, whatever happens.
May import: flow, kernel, protocol.
"""

from .ends import for_each, to_queue

__all__ = ["for_each", "to_queue"]
