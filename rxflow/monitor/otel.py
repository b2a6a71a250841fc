"""Metrics and spans for OpenTelemetry, by its API alone (extra ``opentelemetry``).

from rxflow.monitor import otel

metrics = otel.instrument()          # with the meter provider that is set
flow = source.pipe(..., otel.traced("orders"))
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from contextvars import Context as ContextVars
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from math import inf, isinf
from threading import Lock
from typing import Any, Generic, TypeVar, cast

from opentelemetry import context as otel_context
from opentelemetry import metrics as otel_metrics
from opentelemetry import trace
from opentelemetry.metrics import CallbackOptions, Meter, MeterProvider, Observation
from reactivex import Observable

from ..flow import Flow
from ..flow.assembly import noted
from ..flow.operator import fed
from ..kernel import NOTHING, Context, Feed, Relay, State, is_async
from .metrics import ACTIVE, DROPPED, LATENCY, LATENCY_BOUNDS, STAGE, TERMINATED, Kind
from .totals import MOST_STAGES, Reading, Totals

T = TypeVar("T")
R = TypeVar("R")

Observe = Callable[[Reading], Iterable[Observation]]


class Instruments:
    """The observable instruments; they are read when the SDK collects, and cost nothing else.

    OpenTelemetry has no observable histogram, so latencies are counters: how many were at
    most so long (attribute ``le``, in seconds), and how long all were together.
    """

    def __init__(self, provider: MeterProvider | None, most_stages: int) -> None:
        """Make them; see :func:`instrument`."""
        self._totals = Totals(most_stages)
        self._lock = Lock()
        self._reading = Reading((), ())
        self._served: set[int] | None = None  # who was given that reading; None when closed
        meter = otel_metrics.get_meter("rxflow", meter_provider=provider)
        made = [*_instruments(meter)]
        for number, (make, name, unit, text, observe) in enumerate(made):
            make(name, [partial(self._observe, number, observe)], unit, text)
        self._served = set(range(len(made)))  # so that the next one to ask gets a new reading

    def close(self) -> None:
        """Observe nothing more; instruments cannot be removed."""
        with self._lock:
            self._served = None
        self._totals.close()

    def _observe(self, number: int, observe: Observe, _: CallbackOptions) -> Iterable[Observation]:
        """Give one instrument what it asks for: of one reading, where all are asked in turn."""
        with self._lock:
            if self._served is None:
                return ()
            if number in self._served:
                self._reading = self._totals.read()
                self._served.clear()
            self._served.add(number)
            reading = self._reading
        return observe(reading)


def instrument(
    meter_provider: MeterProvider | None = None, *, most_stages: int = MOST_STAGES
) -> Instruments:
    """Observe all Flows that run, from now on.

    Args:
        meter_provider: Whose meter; the one that is set when left out.
        most_stages: Most pairs of flow and stage that are told apart; the rest are added up
            as flow "other".

    Returns:
        The instruments; ``close`` ends it.

    Raises:
        ValueError: most_stages < 1.
    """
    return Instruments(meter_provider, most_stages)


def _instruments(meter: Meter) -> Iterator[tuple[Callable[..., object], str, str, str, Observe]]:
    """Give for each instrument what makes it, its name, unit and text, and what observes."""
    counter = meter.create_observable_counter
    kinds: dict[Kind, Callable[..., object]] = {
        Kind.COUNTER: counter,
        Kind.LEVEL: meter.create_observable_up_down_counter,
        Kind.WORST: meter.create_observable_gauge,
    }

    def stage(metric: Any) -> Observe:
        return lambda reading: [
            Observation(each.values[metric], {"flow": each.flow, "stage": each.stage})
            for each in reading.stages
            if metric in each.values and not isinf(each.values[metric])
        ]

    for metric in STAGE:
        yield kinds[metric.kind], metric.otel, metric.unit, metric.help, stage(metric)
    for split, observe in ((DROPPED, _dropped), (TERMINATED, _terminated)):
        yield counter, split.otel, split.unit, split.help, observe
    yield kinds[ACTIVE.kind], ACTIVE.otel, ACTIVE.unit, ACTIVE.help, _active
    yield counter, f"{LATENCY.otel}.bucket", "{item}", LATENCY.help, _buckets
    yield counter, f"{LATENCY.otel}.sum", LATENCY.unit, LATENCY.help, _latencies


def _dropped(reading: Reading) -> list[Observation]:
    return [
        Observation(count, {"flow": each.flow, "stage": each.stage, DROPPED.label: reason})
        for each in reading.stages
        for reason, count in each.dropped.items()
    ]


def _terminated(reading: Reading) -> list[Observation]:
    return [
        Observation(count, {"flow": each.flow, TERMINATED.label: status})
        for each in reading.flows
        for status, count in each.terminated.items()
    ]


def _active(reading: Reading) -> list[Observation]:
    return [Observation(each.active, {"flow": each.flow}) for each in reading.flows]


def _buckets(reading: Reading) -> list[Observation]:
    bounds = (*LATENCY_BOUNDS, inf)
    return [
        Observation(count, {"flow": each.flow, "stage": each.stage, "le": bound})
        for each in reading.stages
        if each.latency
        for bound, count in zip(bounds, accumulate(each.latency), strict=True)
    ]


def _latencies(reading: Reading) -> list[Observation]:
    return [
        Observation(each.latency_seconds, {"flow": each.flow, "stage": each.stage})
        for each in reading.stages
        if each.latency
    ]


def traced(
    name: str, tracer: trace.Tracer | None = None
) -> Callable[[Flow[T] | Observable[T]], Flow[T]]:
    """Make a span for each subscription of the Flow so far.

    It is a child of the span that is current where the Flow is subscribed. It ends with the
    stream, with the number of items that passed, and with an error's status and exception
    where that was the end.

    What is carried: the span is current in every function that is called to make an item
    of the Flow before it, on whatever thread that is pulled, and over all boundaries; in the
    tasks that are started for it (``map_async``), and in the threads of ``map_thread`` and of
    an executor of threads. It is not current in other processes; in what is shared with other
    subscriptions, as the source of ``share`` is; in what pushes into a door, which is not the
    Flow's work (see :func:`carry`); nor in what comes after ``traced``: that belongs to
    whoever takes the items. So it stands last in the pipeline, mostly.

    Args:
        name: What the span is called.
        tracer: Makes the span; one of the tracer provider that is set when left out.

    Returns:
        An operator function.

    Raises:
        TypeError: The name is no text.
    """
    if not isinstance(name, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"traced: name must be a text, not {name!r}")

    def make(context: Context, flow: Flow[Any]) -> Feed[Any]:
        span = (tracer or trace.get_tracer("rxflow")).start_span(name)
        current = trace.set_span_in_context(span)
        inside = context.inside(partial(_Inside, current=current))
        try:
            with _attached(current):
                return _Traced(flow.feed(inside), current, span)
        except BaseException as error:
            _fail(span, error)
            span.end()
            raise

    built = fed(make)
    return noted(built, "traced", (name,))


@dataclass(frozen=True, slots=True)
class Carried(Generic[T]):
    """An item, with the context in which it was pushed; see :func:`carry`.

    Attributes:
        item: It.
        context: OpenTelemetry's.
    """

    item: T
    context: otel_context.Context


def carry(item: T) -> Carried[T]:
    """Keep with an item the context that is current, to go on in it behind a boundary.

    A span of :func:`traced` is that of a whole subscription. Where each item belongs to a trace
    of its own, such as that of the request that has brought it, this is called where it is
    pushed, and :func:`within` makes the functions that go on with it::

        orders = subject.pipe(
            rx.operators.map(otel.carry),
            ops.on_backpressure_buffer(100),
            ops.map_async(otel.within(handle), max_concurrency=8),
        )

    Args:
        item: It.

    Returns:
        Both.
    """
    return Carried(item, otel_context.get_current())


def within(function: Callable[[T], R]) -> Callable[[Carried[T]], R]:
    """Make a function of an item one of what :func:`carry` gives, called in that context.

    The spans that it makes are children of the one that was current there. What it returns
    goes on without the context; it takes it along as ``carry`` of that.

    Args:
        function: Function of the item; it may be async.

    Returns:
        A function of the item with its context; async where the other one is.

    Raises:
        TypeError: The function cannot be called.
    """
    if not callable(function):
        raise TypeError(f"within: function must be callable, not {function!r}")
    if is_async(function):

        async def awaited(carried: Carried[T]) -> Any:
            with _attached(carried.context):
                awaitable: Any = function(carried.item)
                inside = copy_context()
            return await _Awaited(awaitable, inside)

        return cast("Callable[[Carried[T]], R]", awaited)

    def called(carried: Carried[T]) -> R:
        with _attached(carried.context):
            return function(carried.item)

    return called


@contextmanager
def _attached(context: otel_context.Context) -> Generator[None]:
    """Do something in a context."""
    token = otel_context.attach(context)
    try:
        yield
    finally:
        otel_context.detach(token)


class _Inside(Relay):
    """Does all that it is asked to do inside of a span."""

    def __init__(self, source: Feed[Any], current: otel_context.Context) -> None:
        super().__init__(source)
        self._current = current
        # Of what is awaited, which may have spans of its own; made when there is some.
        self._steps: ContextVars | None = None

    @contextmanager
    def _within(self) -> Generator[None]:
        """Do something inside the span; a failure is noted."""
        with _attached(self._current):
            try:
                yield
            except Exception as error:
                self._failed(error)
                raise

    def _failed(self, error: Exception) -> None:
        """Note a failure: here not, since it comes to the end of the stream, too."""

    def start(self) -> None:
        with self._within():
            super().start()

    def run(self) -> Iterator[Any]:
        with self._within():
            items = super().run()
        while True:
            with self._within():
                item = next(items, NOTHING)
            if item is NOTHING:
                return
            yield item

    def settle(self) -> State:
        with self._within():
            return super().settle()

    def ending(self) -> bool:
        with self._within():
            return super().ending()

    def want(self, n: int) -> None:
        with self._within():
            super().want(n)

    def more(self, n: int) -> None:
        with self._within():
            super().more(n)

    def advance(self) -> Awaitable[object] | None:
        with self._within():
            awaited = super().advance()
            if awaited is None:
                return None
            if self._steps is None:
                self._steps = copy_context()
        return _Awaited(awaited, self._steps, self._failed)

    def cancel(self) -> None:
        with self._within():
            super().cancel()


class _Traced(_Inside):
    """Also says of the span what passed, and how it ended."""

    def __init__(self, source: Feed[Any], current: otel_context.Context, span: trace.Span) -> None:
        super().__init__(source, current)
        self._span = span
        self._passed = 0
        self._status = "cancelled"  # unless there is another end first

    def _failed(self, error: Exception) -> None:
        self._status = "failed"
        _fail(self._span, error)

    def run(self) -> Iterator[Any]:
        for item in super().run():
            self._passed += 1
            yield item

    def settle(self) -> State:
        state = super().settle()
        if state is State.ENDED:
            self._status = "completed"
        return state

    def cancel(self) -> None:
        try:
            super().cancel()
        finally:
            self._span.set_attribute("rxflow.items", self._passed)
            self._span.set_attribute("rxflow.status", self._status)
            self._span.end()


class _Awaited:
    """Awaits something, each of its steps in a context: it keeps what is set there between them."""

    def __init__(
        self,
        awaited: Awaitable[Any],
        inside: ContextVars,
        failed: Callable[[Exception], object] = lambda _: None,
    ) -> None:
        self._awaited = awaited
        self._inside = inside
        self._failed = failed

    def __await__(self) -> Generator[Any, Any, Any]:
        steps: Any = self._inside.run(self._awaited.__await__)
        step: Callable[[], Any] = partial(next, steps)
        while True:
            try:
                waiting = self._inside.run(step)
            except StopIteration as end:
                return end.value
            except Exception as error:
                self._failed(error)
                raise
            try:
                value = yield waiting
            except BaseException as error:
                step = partial(steps.throw, error)
            else:
                step = partial(next, steps) if value is None else partial(steps.send, value)


def _fail(span: trace.Span, error: BaseException) -> None:
    span.record_exception(error)
    span.set_status(trace.Status(trace.StatusCode.ERROR, str(error)))
