"""rxflow: backpressure for ReactiveX in Python.

General layout
--------------
Each room's ``__init__`` says what it holds and what it may import; imports go
one way, from top to bottom here:

- ``protocol``: the vocabulary: Subscriber, Subscription, demand, overflow strategies, errors
- ``kernel``: the engine: feeds that are pulled, islands, the drain loop, boundaries
- ``flow``: Flow, and how operators apply to it
- ``sources``, ``operators``, ``aio``: what people compose
- ``http``: requests, responses, events and WebSockets, by the ASGI interface
- ``monitor``: what runs, how it stands, and why it waits; imported by itself, or to show a Flow
- ``testing``: the test kit, and the rules of Reactive Streams as checks; imported by itself
- ``notebook``: pictures of pipelines and of runs; imported by itself, or to show a Flow
- ``demo``: the library at work on real input
- ``examples``: four small applications; imported by themselves

This package is a superset of ``reactivex``, and ``rxflow.operators`` one of
``reactivex.operators``: change the two imports, and the code goes on as it was.
"""

from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

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
from .aio import (
    Connection,
    Frames,
    LatestReader,
    LengthPrefixed,
    Lines,
    Raw,
    connection_handler,
    for_each,
    from_file,
    from_stream_reader,
    latest,
    run_in_thread,
    to_file,
    to_queue,
    to_stream_writer,
)
from .flow import (
    ConnectableFlow,
    DrainReport,
    Flow,
    GroupedFlow,
    KillSwitch,
    SharedFlow,
    lift,
)
from .flow import showing as _showing
from .http import (
    BodyTooLargeError,
    ClientDisconnectedError,
    ServerSentEvent,
    from_request_body,
    from_websocket,
    send_events,
    send_response,
    to_websocket,
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
    FrameError,
    Framing,
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
    StreamEndedError,
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


def _picture(flow: Flow[_Any]) -> str:
    """Draw a Flow; what that takes is imported when a notebook shows one."""
    from .notebook import pipeline

    return pipeline(flow)


def _text(flow: Flow[_Any]) -> str:
    from .monitor import explain

    return explain(flow).text


_showing.picture, _showing.text = _picture, _text

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
    "BodyTooLargeError",
    "BroadcastHub",
    "BufferOverflowError",
    "ClientDisconnectedError",
    "ConnectableFlow",
    "ConnectableObservable",
    "Connection",
    "DemandBoundaryWarning",
    "DrainReport",
    "Emitter",
    "Flow",
    "FlowError",
    "FrameError",
    "Frames",
    "Framing",
    "Gradient",
    "GroupStalledError",
    "GroupedFlow",
    "GroupedObservable",
    "KillSwitch",
    "LatestReader",
    "LengthPrefixed",
    "LimitAlgorithm",
    "Limiter",
    "Lines",
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
    "Raw",
    "ReplayProcessor",
    "ServerSentEvent",
    "SharedFlow",
    "SlowConsumerError",
    "SpillError",
    "StageStatistics",
    "StreamEndedError",
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
    "connection_handler",
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
    "from_file",
    "from_future",
    "from_iterable",
    "from_list",
    "from_marbles",
    "from_observable",
    "from_publisher",
    "from_queue",
    "from_request_body",
    "from_stream_reader",
    "from_websocket",
    "generate",
    "generate_with_relative_time",
    "hot",
    "if_then",
    "interval",
    "just",
    "latest",
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
    "run_in_thread",
    "scheduler",
    "send_events",
    "send_response",
    "start",
    "start_async",
    "subject",
    "throw",
    "timer",
    "to_async",
    "to_file",
    "to_queue",
    "to_stream_writer",
    "to_websocket",
    "typing",
    "using",
    "with_latest_from",
    "zip",
    "zip_latest",
]
