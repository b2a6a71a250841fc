"""rxflow: backpressure for ReactiveX in Python.

General layout
--------------
Each room's ``__init__`` says what it holds and what it may import; imports go
one way, from top to bottom here:

- ``protocol``: the vocabulary: Subscriber, Subscription, demand, overflow strategies, errors
- ``kernel``: the engine: feeds that are pulled, islands, the drain loop, boundaries
- ``flow``: Flow, and how operators apply to it
- ``sources``, ``operators``, ``aio``: what people compose
- ``testing``: the test kit, and the rules of Reactive Streams as checks; imported by itself
- ``demo``: the library at work on real input

This package is a superset of ``reactivex``, and ``rxflow.operators`` one of
``reactivex.operators``: change the two imports, and the code goes on as it was.
"""

from typing import TYPE_CHECKING as _TYPE_CHECKING

from reactivex import (
    ConnectableObservable,
    GroupedObservable,
    Notification,
    Observable,
    Observer,
    Subject,
    abc,
    case,
    catch_with_iterable,
    compose,
    concat_with_iterable,
    disposable,
    for_in,
    fork_join,
    from_callable,
    from_callback,
    from_future,
    from_marbles,
    generate_with_relative_time,
    hot,
    if_then,
    notification,
    observable,
    observer,
    on_error_resume_next,
    pipe,
    scheduler,
    start,
    start_async,
    subject,
    to_async,
    typing,
    using,
)

from . import operators
from .aio import for_each, to_queue
from .flow import (
    ConnectableFlow,
    DrainReport,
    Flow,
    GroupedFlow,
    KillSwitch,
    SharedFlow,
    lift,
)
from .kernel import StageStatistics, Valve
from .operators.limits import AIMD, Gradient
from .protocol import (
    BLOCK,
    DROP_ALL,
    DROP_INCOMING,
    DROP_NEWEST,
    DROP_OLDEST,
    END,
    FAIL,
    SUSPEND,
    UNBOUNDED,
    BackpressureError,
    BufferOverflowError,
    DemandBoundaryWarning,
    FlowError,
    GroupStalledError,
    LimitAlgorithm,
    Limiter,
    Offer,
    OfferTimeoutError,
    Overflow,
    Processor,
    ProtocolError,
    Publisher,
    RateExceededError,
    SlowConsumerError,
    SpillError,
    StreamTimeoutError,
    Subscriber,
    Subscription,
    Supervision,
    TooManyGroupsError,
)
from .sources import (
    BroadcastHub,
    Emitter,
    MergeHub,
    PartitionHub,
    PublishProcessor,
    ReplayProcessor,
    UnicastProcessor,
    amb,
    catch,
    combine_latest,
    concat,
    create,
    defer,
    empty,
    from_async_iterable,
    from_iterable,
    from_observable,
    from_publisher,
    from_queue,
    generate,
    interval,
    merge,
    never,
    of,
    range,
    repeat_value,
    return_value,
    throw,
    timer,
    with_latest_from,
    zip,
    zip_latest,
)

just = return_value
from_ = from_iterable
from_list = from_iterable
cold = from_marbles

if _TYPE_CHECKING:
    __version__: str


def __getattr__(name: str) -> str:
    """Look for the version when it is asked for: that takes longer than the whole import."""
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("rxflow-streams")
    except PackageNotFoundError:  # a checkout that is not installed
        return "0"


__all__ = [
    "AIMD",
    "BLOCK",
    "DROP_ALL",
    "DROP_INCOMING",
    "DROP_NEWEST",
    "DROP_OLDEST",
    "END",
    "FAIL",
    "SUSPEND",
    "UNBOUNDED",
    "BackpressureError",
    "BroadcastHub",
    "BufferOverflowError",
    "ConnectableFlow",
    "ConnectableObservable",
    "DemandBoundaryWarning",
    "DrainReport",
    "Emitter",
    "Flow",
    "FlowError",
    "Gradient",
    "GroupStalledError",
    "GroupedFlow",
    "GroupedObservable",
    "KillSwitch",
    "LimitAlgorithm",
    "Limiter",
    "MergeHub",
    "Notification",
    "Observable",
    "Observer",
    "Offer",
    "OfferTimeoutError",
    "Overflow",
    "PartitionHub",
    "Processor",
    "ProtocolError",
    "PublishProcessor",
    "Publisher",
    "RateExceededError",
    "ReplayProcessor",
    "SharedFlow",
    "SlowConsumerError",
    "SpillError",
    "StageStatistics",
    "StreamTimeoutError",
    "Subject",
    "Subscriber",
    "Subscription",
    "Supervision",
    "TooManyGroupsError",
    "UnicastProcessor",
    "Valve",
    "__version__",
    "abc",
    "amb",
    "case",
    "catch",
    "catch_with_iterable",
    "cold",
    "combine_latest",
    "compose",
    "concat",
    "concat_with_iterable",
    "create",
    "defer",
    "disposable",
    "empty",
    "for_each",
    "for_in",
    "fork_join",
    "from_",
    "from_async_iterable",
    "from_callable",
    "from_callback",
    "from_future",
    "from_iterable",
    "from_list",
    "from_marbles",
    "from_observable",
    "from_publisher",
    "from_queue",
    "generate",
    "generate_with_relative_time",
    "hot",
    "if_then",
    "interval",
    "just",
    "lift",
    "merge",
    "never",
    "notification",
    "observable",
    "observer",
    "of",
    "on_error_resume_next",
    "operators",
    "pipe",
    "range",
    "repeat_value",
    "return_value",
    "scheduler",
    "start",
    "start_async",
    "subject",
    "throw",
    "timer",
    "to_async",
    "to_queue",
    "typing",
    "using",
    "with_latest_from",
    "zip",
    "zip_latest",
]
