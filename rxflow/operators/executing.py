"""Synchronous functions in threads and processes: map_executor, map_thread."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, TypeVar

from reactivex import Observable

from ..flow import Flow, checks
from ..flow.operator import operator
from ..kernel import Context, DiscardCallback
from .asynchronous import checked
from .calls import Call, Future, Runner
from .concurrent import Concurrent, concurrent

T1 = TypeVar("T1")
T2 = TypeVar("T2")


class _Pool(Runner):
    """Runs a function in an executor."""

    def __init__(self, executor: Executor, function: Callable[[Any], Any]) -> None:
        self._executor = executor
        self._function = function

    def begin(self, call: Call) -> Future:
        return submitted(self._executor, self._function, call)


def submitted(executor: Executor, function: Callable[[Any], Any], call: Call) -> Future:
    """Have an executor call a function with the item of a call, which is told of the end."""
    if type(executor) is ThreadPoolExecutor:  # in others the context would be pickled
        future = executor.submit(copy_context().run, function, call.item)
    else:
        future = executor.submit(function, call.item)
    future.add_done_callback(call)
    return future


class _Threads(Runner):
    """Runs a function in threads of its own."""

    def __init__(self, function: Callable[[Any], Any], size: int) -> None:
        self._function = function
        self._size = size
        self._executor: ThreadPoolExecutor | None = None  # until it is started, and when closed

    def start(self, context: Context) -> None:
        self._executor = ThreadPoolExecutor(self._size, "map_thread")

    def begin(self, call: Call) -> Future:
        assert self._executor is not None, "it begins calls between its start and its end"
        return submitted(self._executor, self._function, call)

    def close(self) -> None:
        executor, self._executor = self._executor, None
        if executor is not None:
            executor.shutdown(wait=False, cancel_futures=True)


@operator(
    demand="max_concurrency + buffer, then 1:1 ; 1:1 ; holds <= max_concurrency + buffer",
    category="concurrency",
)
def map_executor(
    executor: Executor,
    function: Callable[[T1], T2],
    max_concurrency: int,
    ordered: bool = True,
    *,
    buffer: int = 0,
    on_discard: DiscardCallback | None = None,
) -> Callable[[Flow[T1] | Observable[T1]], Flow[T2]]:
    """Transform each item with a function that runs in an executor, several at a time.

    .. marble::
        :alt: map_executor

        request  3---------------
        source   -a-b-c---|
        [ map_executor(processes, slow_upper, 2) ]
                 ----A-B---C|

    Demand: max_concurrency + buffer, then 1:1 ; 1:1 ; holds <= max_concurrency + buffer.
    For threads, processes, interpreters, and whatever else has the interface of
    ``concurrent.futures``. Nothing starts before there is demand, and the executor is
    given no more than ``max_concurrency`` calls at a time. It needs no event loop: a
    loop (``async for``, ``for``) takes the results in its own thread; a subscriber is
    called in the executor's, unless ``observe_on`` follows.

    A call that runs when the stream is cancelled cannot be stopped: it goes on, and its
    result goes to ``on_discard``. The executor stays open; closing it is for who made it.

    Args:
        executor: Where the function runs. For processes, function and items are pickled.
        function: Function of an item.
        max_concurrency: Most items that the executor is given at once (items); what it
            has workers for, or a few more, so that none waits for the next item.
        ordered: Give the results in the order of the items; else as they come.
        buffer: Most results that wait for an earlier one, or for demand, beside what may
            run (items).
        on_discard: Called with each result that nobody takes, when the stream is cancelled
            or fails; in the executor's thread where it comes later.

    Returns:
        An operator function.

    Raises:
        TypeError: It is no executor, or the function is async, when the pipeline is built.
        ValueError: max_concurrency < 1 or buffer < 0, when the pipeline is built.

    Errors:
        What the function raises, at once, also when earlier items are still running;
        what has not begun is cancelled. An executor that is closed, or whose process
        has died (BrokenExecutor).

    Source: Pekko mapAsync over an execution context; Executor.map with demand.
    """
    if not callable(getattr(executor, "submit", None)):
        raise TypeError(
            f"map_executor wants an executor of concurrent.futures, not {executor!r}; "
            "use map_thread for threads of its own"
        )
    checks.function("map_executor", "function", function)
    bounds = checked("map_executor", max_concurrency, buffer, on_discard)
    return concurrent(
        lambda context, flow, decide: Concurrent(
            context, flow.feed, "map_executor", _Pool(executor, function), ordered, *bounds, decide
        )
    )


@operator(
    demand="max_concurrency + buffer, then 1:1 ; 1:1 ; holds <= max_concurrency + buffer",
    category="concurrency",
)
def map_thread(
    function: Callable[[T1], T2],
    max_concurrency: int = 1,
    ordered: bool = True,
    *,
    buffer: int = 0,
    on_discard: DiscardCallback | None = None,
) -> Callable[[Flow[T1] | Observable[T1]], Flow[T2]]:
    """Transform each item with a blocking function in threads, several at a time.

    .. marble::
        :alt: map_thread

        request  3---------------
        source   -a-b-c---|
        [ map_thread(read_file, max_concurrency=2) ]
                 ----A-B---C|

    Demand: max_concurrency + buffer, then 1:1 ; 1:1 ; holds <= max_concurrency + buffer.
    Each subscription has ``max_concurrency`` threads at most, which end with it. A
    thread that is in the function then ends when that returns; the result goes to
    ``on_discard``. A subscriber is called in these threads, unless ``observe_on``
    follows; a loop (``async for``, ``for``) takes the results in its own thread.

    Args:
        function: Function of an item.
        max_concurrency: Most items in it at once (items).
        ordered: Give the results in the order of the items; else as they come.
        buffer: Most results that wait for an earlier one, or for demand, beside what may
            run (items).
        on_discard: Called with each result that nobody takes, when the stream is cancelled
            or fails; in the function's thread where it comes later.

    Returns:
        An operator function.

    Raises:
        TypeError: The function is async, when the pipeline is built.
        ValueError: max_concurrency < 1 or buffer < 0, when the pipeline is built.

    Errors:
        What the function raises, at once, also when earlier items are still running.

    Source: Reactor flatMapSequential with subscribeOn(boundedElastic); asyncio.to_thread.
    """
    checks.function("map_thread", "function", function)
    bounds = checked("map_thread", max_concurrency, buffer, on_discard)
    size = bounds[0]
    return concurrent(
        lambda context, flow, decide: Concurrent(
            context, flow.feed, "map_thread", _Threads(function, size), ordered, *bounds, decide
        )
    )
