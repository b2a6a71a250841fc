"""Ends of a Flow on an event loop.

Holds: for_each, run_in_thread and to_queue; latest, also for threads; the byte streams of
asyncio and files, both ways, and the framings that cut them into items. ``async for`` and
``chunks`` are methods of Flow.
Invariants: what is opened is closed before these return, whatever happens.
May import: sources, flow, kernel, protocol.
"""

from .connections import Connection, connection_handler
from .ends import for_each
from .files import from_file, to_file
from .framing import Frames, LengthPrefixed, Lines, Raw
from .queues import to_queue
from .reading import LatestReader, latest
from .streams import from_stream_reader, to_stream_writer
from .threads import run_in_thread

__all__ = [
    "Connection",
    "Frames",
    "LatestReader",
    "LengthPrefixed",
    "Lines",
    "Raw",
    "connection_handler",
    "for_each",
    "from_file",
    "from_stream_reader",
    "latest",
    "run_in_thread",
    "to_file",
    "to_queue",
    "to_stream_writer",
]
