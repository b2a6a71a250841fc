"""The vocabulary: what the parts of a stream say to each other.

Holds: the four interfaces of Reactive Streams, demand arithmetic, overflow
strategies, what a framing is, and errors.
Invariants: values and abstract classes only, no behaviour that keeps state.
May import: nothing of rxflow.
"""

from .demand import UNBOUNDED, add_demand, invalid_request
from .errors import (
    BackpressureError,
    BufferOverflowError,
    DemandBoundaryWarning,
    FlowError,
    FrameError,
    GroupStalledError,
    OfferTimeoutError,
    ProtocolError,
    RateExceededError,
    SlowConsumerError,
    SpillError,
    StreamEndedError,
    StreamTimeoutError,
    TooManyGroupsError,
    shown,
)
from .framing import Framing
from .interfaces import Processor, Publisher, Subscriber, Subscription
from .limiting import LimitAlgorithm, Limiter
from .overflow import (
    BLOCK,
    DROP_ALL,
    DROP_INCOMING,
    DROP_NEWEST,
    DROP_OLDEST,
    END,
    FAIL,
    SUSPEND,
    Offer,
    Overflow,
    Victim,
)
from .queues import AwaitedQueue, BlockingQueue
from .supervision import Supervision

__all__ = [
    "BLOCK",
    "DROP_ALL",
    "DROP_INCOMING",
    "DROP_NEWEST",
    "DROP_OLDEST",
    "END",
    "FAIL",
    "SUSPEND",
    "UNBOUNDED",
    "AwaitedQueue",
    "BackpressureError",
    "BlockingQueue",
    "BufferOverflowError",
    "DemandBoundaryWarning",
    "FlowError",
    "FrameError",
    "Framing",
    "GroupStalledError",
    "LimitAlgorithm",
    "Limiter",
    "Offer",
    "OfferTimeoutError",
    "Overflow",
    "Processor",
    "ProtocolError",
    "Publisher",
    "RateExceededError",
    "SlowConsumerError",
    "SpillError",
    "StreamEndedError",
    "StreamTimeoutError",
    "Subscriber",
    "Subscription",
    "Supervision",
    "TooManyGroupsError",
    "Victim",
    "add_demand",
    "invalid_request",
    "shown",
]
