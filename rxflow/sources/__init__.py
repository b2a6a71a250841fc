"""Where Flows begin.

Holds: sources that are pulled, that push, that live on an event loop, and the
functions that combine several. This file only re-exports them.
Invariants: a source does nothing before it is subscribed, and an iterator is
never advanced beyond demand.
May import: flow, kernel, protocol.
"""

from .asynchronous import from_async_iterable, from_queue
from .clocks import interval, timer
from .combined import (
    amb,
    catch,
    combine_latest,
    concat,
    merge,
    with_latest_from,
    zip,
    zip_latest,
)
from .emitting import Emitter, create
from .hubs import (
    BroadcastHub,
    MergeHub,
    PartitionHub,
    PublishProcessor,
    ReplayProcessor,
    UnicastProcessor,
)
from .pulled import (
    empty,
    from_iterable,
    generate,
    never,
    of,
    range,
    repeat_value,
    return_value,
    throw,
)
from .pushed import defer, from_observable, from_publisher

__all__ = [
    "BroadcastHub",
    "Emitter",
    "MergeHub",
    "PartitionHub",
    "PublishProcessor",
    "ReplayProcessor",
    "UnicastProcessor",
    "amb",
    "catch",
    "combine_latest",
    "concat",
    "create",
    "defer",
    "empty",
    "from_async_iterable",
    "from_iterable",
    "from_observable",
    "from_publisher",
    "from_queue",
    "generate",
    "interval",
    "merge",
    "never",
    "of",
    "range",
    "repeat_value",
    "return_value",
    "throw",
    "timer",
    "with_latest_from",
    "zip",
    "zip_latest",
]
