"""rxflow: backpressure for ReactiveX in Python.

General layout
--------------
Each room's ``__init__`` says what it holds and what it may import; imports go
one way, from top to bottom here:

- ``protocol``: the vocabulary: Subscriber, Subscription, demand, overflow strategies, errors
- ``kernel``: the engine: feeds that are pulled, islands, the drain loop, boundaries
- ``flow``: Flow, and how operators apply to it
- ``sources``, ``operators``, ``aio``: what people compose
- ``demo``: the library at work on real input

This package is a superset of ``reactivex``, and ``rxflow.operators`` one of
``reactivex.operators``: change the two imports, and the code goes on as it was.
"""

from importlib.metadata import PackageNotFoundError, version

from reactivex import *  # noqa: F403
from reactivex import __all__ as _reactivex_names

from . import operators
from .aio import for_each, to_queue
from .flow import Flow, lift
from .kernel import StageStatistics
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
    Offer,
    OfferTimeoutError,
    Overflow,
    Processor,
    ProtocolError,
    Publisher,
    Subscriber,
    Subscription,
)
from .sources import (
    Emitter,
    catch,
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
    zip,
)

just = return_value
from_ = from_list = from_iterable

try:
    __version__ = version("rxflow-streams")
except PackageNotFoundError:  # a checkout that is not installed
    __version__ = "0"
