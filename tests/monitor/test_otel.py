"""OpenTelemetry: what the SDK's readers and an OTLP receiver are given."""

from __future__ import annotations

import asyncio
import gzip
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import reactivex
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from reactivex import Subject
from reactivex.scheduler import ImmediateScheduler

import rxflow as rx
from rxflow import operators as ops
from rxflow.monitor import explain, otel, report
from rxflow.monitor.metrics import ACTIVE, DROPPED, LATENCY, STAGE, TERMINATED
from rxflow.testing import TestSubscriber, run_virtual

from .worlds import Latency, buffered, telling, timed

BUFFER = {"flow": "orders", "stage": "on_backpressure_buffer"}

# Metrics.


@pytest.fixture
def reader() -> Iterator[InMemoryMetricReader]:
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    instruments = otel.instrument(provider)
    yield reader
    instruments.close()
    provider.shutdown()


def collected(reader: InMemoryMetricReader) -> dict[str, list[tuple[dict[str, Any], float]]]:
    """Give the labels and the value of each point, by the name of the instrument."""
    data: Any = reader.get_metrics_data()
    if data is None:
        return {}
    return {
        metric.name: [(dict(point.attributes), point.value) for point in metric.data.data_points]
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }


def test_the_figures_are_observed(reader: InMemoryMetricReader) -> None:
    with buffered(capacity=4) as world:
        world.subscriber.request(3)
        world.push(9)
        found = collected(reader)
        assert (BUFFER, 9) in found["rxflow.stage.items.received"]
        assert (BUFFER, 3) in found["rxflow.stage.items.emitted"]
        assert (BUFFER, 4) in found["rxflow.stage.queue.size"]
        assert (BUFFER, 4) in found["rxflow.stage.queue.capacity"]
        assert (BUFFER, 1) in found["rxflow.stage.utilization"]
        assert ({**BUFFER, "reason": "oldest"}, 2) in found["rxflow.stage.items.dropped"]
        assert ({"flow": "orders"}, 1) in found["rxflow.flow.active"]
    found = collected(reader)
    assert (BUFFER, 4) in found["rxflow.stage.items.discarded"]
    assert ({"flow": "orders"}, 0) in found["rxflow.flow.active"]
    [(labels, count)] = found["rxflow.flow.terminated"]
    assert (labels, count) == ({"flow": "orders", "status": "cancelled"}, 1)


def test_the_instruments_are_those_that_are_defined(reader: InMemoryMetricReader) -> None:
    source = Subject[int]()
    flow = source.pipe(ops.on_backpressure_buffer(1, overflow=rx.DROP_OLDEST), ops.named("a"))
    subscriber = TestSubscriber[int](1)
    flow.subscribe(subscriber)
    for item in range(5):
        source.on_next(item)
    rx.range(1).pipe(ops.named("over")).subscribe(lambda _: None)
    data: Any = reader.get_metrics_data()
    found = {
        metric.name: (metric.unit, metric.description)
        for metric in data.resource_metrics[0].scope_metrics[0].metrics
    }
    defined = {each.otel: (each.unit, each.help) for each in (*STAGE, DROPPED, ACTIVE, TERMINATED)}
    assert {name: told for name, told in found.items() if LATENCY.otel not in name} == defined
    subscriber.cancel()


def test_all_instruments_tell_of_one_moment_and_the_next_time_of_another(
    reader: InMemoryMetricReader,
) -> None:
    with buffered(capacity=9) as world:
        for n in range(1, 4):
            world.push(1)
            found = collected(reader)
            assert (BUFFER, n) in found["rxflow.stage.items.received"]
            assert (BUFFER, n) in found["rxflow.stage.queue.size"]


def test_latencies_are_counted_by_their_bounds(reader: InMemoryMetricReader) -> None:
    with telling(timed("part", Latency(3, 0.5, ((0.001, 2), (0.3, 1))))):
        found = collected(reader)
    labels = {"flow": "orders", "stage": "part"}
    assert (labels, 0.5) in found["rxflow.stage.latency.sum"]
    buckets = {
        point["le"]: count
        for point, count in found["rxflow.stage.latency.bucket"]
        if {**labels, "le": point["le"]} == point
    }
    assert [buckets[le] for le in (0.0005, 0.001, 0.25, 0.5, float("inf"))] == [0, 2, 2, 3, 3]


def test_instruments_that_are_closed_observe_nothing() -> None:
    reader = InMemoryMetricReader()
    instruments = otel.instrument(MeterProvider([reader]))
    with buffered():
        assert collected(reader)
        instruments.close()
        assert not any(collected(reader).values())


# Spans.


class Spans:
    """A tracer, the spans that are finished, and the names of those that are current."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracer = self.provider.get_tracer("tests")
        self.seen: list[str] = []

    def traced(self, name: str = "orders") -> Any:
        return otel.traced(name, self.tracer)

    def look(self, item: Any = None) -> Any:
        """Note the name of the current span."""
        self.seen.append(current())
        return item

    def finished(self) -> dict[str, ReadableSpan]:
        return {span.name: span for span in self.exporter.get_finished_spans()}


def current() -> str:
    return str(getattr(trace.get_current_span(), "name", "none"))


@pytest.fixture
def spans() -> Spans:
    return Spans()


def test_a_span_lasts_as_long_as_the_subscription(spans: Spans) -> None:
    subscriber = TestSubscriber[int](2)
    with spans.tracer.start_as_current_span("parent") as parent:
        rx.range(3).pipe(spans.traced()).subscribe(subscriber)
    assert "orders" not in spans.finished()
    subscriber.request(1)
    subscriber.assert_completed(0, 1, 2)
    span = spans.finished()["orders"]
    assert span.parent is not None
    assert span.parent.span_id == parent.get_span_context().span_id
    assert dict(span.attributes or {}) == {"rxflow.items": 3, "rxflow.status": "completed"}
    assert span.status.status_code is trace.StatusCode.UNSET


def test_an_error_is_the_status_of_the_span(spans: Spans) -> None:
    def fail(item: int) -> int:
        raise ValueError("no such order")

    for name, flow in {
        "callback": rx.range(3).pipe(ops.map(fail)),
        "source": rx.throw(ValueError("no such order")).pipe(ops.limit_rate(1)),
    }.items():
        flow.pipe(spans.traced(name)).subscribe(TestSubscriber[Any](1))
        span = spans.finished()[name]
        assert span.status.status_code is trace.StatusCode.ERROR
        assert span.status.description == "no such order"
        assert (span.attributes or {})["rxflow.status"] == "failed"
        [event] = span.events
        assert (event.attributes or {})["exception.type"] == "ValueError"


def test_a_source_that_cannot_be_made_ends_the_span(spans: Spans) -> None:
    class NoSource(rx.Flow[int]):
        def feed(self, context: object) -> Any:
            raise ValueError("no source")

    NoSource(lambda _: None).pipe(spans.traced()).subscribe(TestSubscriber[int](1))  # type: ignore[arg-type, return-value]
    assert spans.finished()["orders"].status.status_code is trace.StatusCode.ERROR


def test_a_subscription_that_is_cancelled_says_so(spans: Spans) -> None:
    subscriber = TestSubscriber[int](1)
    rx.range(3).pipe(spans.traced()).subscribe(subscriber)
    subscriber.cancel()
    span = spans.finished()["orders"]
    assert dict(span.attributes or {}) == {"rxflow.items": 1, "rxflow.status": "cancelled"}


def test_functions_before_it_are_inside_the_span_and_those_after_it_are_not(spans: Spans) -> None:
    rx.range(2).pipe(
        ops.map(spans.look), spans.traced("one"), ops.map(spans.look), spans.traced("two")
    ).subscribe(spans.look)
    assert spans.seen == ["one", "two", "none"] * 2
    assert current() == "none"
    found = spans.finished()
    outer = found["two"].context
    assert found["one"].parent is not None
    assert outer is not None
    assert found["one"].parent.span_id == outer.span_id


def test_it_is_current_on_whatever_thread_the_flow_is_pulled(spans: Spans) -> None:
    subscriber = TestSubscriber[int](0)
    rx.range(2).pipe(ops.map(spans.look), spans.traced()).subscribe(subscriber)
    thread = threading.Thread(target=lambda: subscriber.request(2))
    thread.start()
    thread.join()
    assert spans.seen == ["orders"] * 2


def test_it_is_current_in_the_tasks_of_map_async(spans: Spans) -> None:
    async def look(item: int) -> int:
        await asyncio.sleep(1)
        spans.look()
        return item

    async def main() -> None:
        flow = rx.range(4).pipe(ops.map_async(look, max_concurrency=2), spans.traced())
        assert [item async for item in flow] == [0, 1, 2, 3]
        assert current() == "none"

    run_virtual(main())
    assert spans.seen == ["orders"] * 4


def test_it_is_current_in_an_async_source_that_the_loop_advances(spans: Spans) -> None:
    async def source() -> Any:
        for item in range(3):
            spans.look()
            await asyncio.sleep(1)
            spans.look()
            yield item

    async def main() -> None:
        flow = rx.from_async_iterable(source()).pipe(spans.traced())
        async for _ in flow:
            spans.look()

    run_virtual(main())
    assert spans.seen == ["orders", "orders", "none"] * 3


def test_an_async_source_may_have_spans_of_its_own_that_last(spans: Spans) -> None:
    async def source() -> Any:
        with spans.tracer.start_as_current_span("page"):
            for item in range(2):
                await asyncio.sleep(1)
                spans.look()
                yield item
        await asyncio.sleep(1)
        spans.look()

    async def main() -> None:
        async for _ in rx.from_async_iterable(source()).pipe(spans.traced()):
            spans.look()

    run_virtual(main())
    assert spans.seen == ["page", "none", "page", "none", "orders"]
    page, orders = spans.finished()["page"], spans.finished()["orders"]
    assert page.parent is not None
    assert orders.context is not None
    assert page.parent.span_id == orders.context.span_id


def double(item: int) -> tuple[int, str]:
    return 2 * item, current()


@pytest.mark.parametrize("executor", [None, ThreadPoolExecutor])
def test_it_is_current_in_threads(spans: Spans, executor: type[Executor] | None) -> None:
    pool = executor() if executor is not None else None
    mapped = ops.map_thread(double, 2) if pool is None else ops.map_executor(pool, double, 2)
    assert [*rx.range(3).pipe(mapped, spans.traced())] == [
        (0, "orders"),
        (2, "orders"),
        (4, "orders"),
    ]
    if pool is not None:
        pool.shutdown()


def test_it_is_current_before_and_behind_an_observe_on(spans: Spans) -> None:
    async def main() -> None:
        flow = rx.range(3).pipe(
            ops.map(spans.look),
            ops.observe_on(asyncio.get_running_loop()),
            ops.map(spans.look),
            spans.traced(),
        )
        assert [item async for item in flow] == [0, 1, 2]

    run_virtual(main())
    assert spans.seen.count("orders") == 6


BOUNDARIES: dict[str, Callable[[rx.Flow[Any]], rx.Flow[Any]]] = {
    "a prefetch": ops.limit_rate(2),
    "two": lambda flow: flow.pipe(ops.limit_rate(2), ops.map(str), ops.limit_rate(3)),
    "a delay": ops.delay(0.5),
    "groups": lambda flow: flow.pipe(ops.group_by(lambda item: 0), ops.merge_all()),
    "a lifted operator": rx.lift(reactivex.operators.pairwise()),
    "a merge": ops.merge(rx.never()),
    "a scheduler": lambda flow: flow.pipe(ops.subscribe_on(ImmediateScheduler())),
}


@pytest.mark.parametrize("between", BOUNDARIES.values(), ids=[*BOUNDARIES])
def test_it_is_current_before_a_boundary_whose_source_is_pushed_elsewhere(
    spans: Spans, between: Callable[[rx.Flow[Any]], rx.Flow[Any]]
) -> None:
    emitters: list[rx.Emitter[int]] = []
    source = rx.create(emitters.append, overflow=rx.SUSPEND, capacity=8)

    async def main() -> None:
        flow = source.pipe(ops.map(spans.look), between, spans.traced())
        iteration = aiter(flow)
        first = asyncio.ensure_future(anext(iteration))
        await asyncio.sleep(1)
        with spans.tracer.start_as_current_span("producer"):
            for item in range(5):
                await emitters[0].send(item)
        await first
        await anext(iteration)
        assert current() == "none"
        await iteration.aclose()

    run_virtual(main())
    assert len(spans.seen) >= 2
    assert {*spans.seen} == {"orders"}


def test_the_inner_one_of_two_is_carried_over_the_boundaries_before_it(spans: Spans) -> None:
    emitters: list[rx.Emitter[int]] = []
    rx.create(emitters.append, overflow=rx.SUSPEND, capacity=8).pipe(
        *(ops.map(spans.look), ops.limit_rate(4), ops.map(spans.look), spans.traced("inner")),
        *(ops.map(spans.look), ops.limit_rate(4), ops.map(spans.look), spans.traced("outer")),
    ).subscribe(lambda _: None)
    emitters[0].on_next(1)
    assert spans.seen == ["inner", "inner", "outer", "outer"]


def test_a_failure_before_a_boundary_is_told_once_and_with_its_line(spans: Spans) -> None:
    emitters: list[rx.Emitter[int]] = []
    subscriber = TestSubscriber[float](5)
    rx.create(emitters.append, overflow=rx.SUSPEND, capacity=8).pipe(
        ops.map(lambda item: 1 / item), ops.limit_rate(4), spans.traced()
    ).subscribe(subscriber)
    emitters[0].on_next(0)
    error = subscriber.error
    assert error is not None
    assert [note.rpartition(":")[0] for note in error.__notes__] == [f"in map, added at {__file__}"]
    assert len(spans.finished()["orders"].events) == 1


async def handled(spans: Spans, item: str) -> str:
    with spans.tracer.start_as_current_span(f"handle {item}"):
        await asyncio.sleep(1)
        return f"{item} {current()}"


def test_an_item_takes_the_context_of_its_push_over_a_door(spans: Spans) -> None:
    requests = Subject[str]()

    async def main() -> None:
        flow = requests.pipe(
            rx.operators.map(otel.carry),
            ops.on_backpressure_buffer(10),
            ops.map_async(otel.within(partial(handled, spans)), max_concurrency=2),
            spans.traced("subscription"),
        )
        iteration = aiter(flow)
        first = asyncio.ensure_future(anext(iteration))
        await asyncio.sleep(1)
        for item in "ab":
            with spans.tracer.start_as_current_span(f"request {item}"):
                requests.on_next(item)
        assert [await first, await anext(iteration)] == ["a handle a", "b handle b"]
        await iteration.aclose()

    run_virtual(main())
    found = spans.finished()
    for item in "ab":
        parent, request = found[f"handle {item}"].parent, found[f"request {item}"].context
        assert parent is not None
        assert request is not None
        assert (parent.trace_id, parent.span_id) == (request.trace_id, request.span_id)


def test_a_plain_function_is_called_in_the_context_and_may_carry_it_on(spans: Spans) -> None:
    with spans.tracer.start_as_current_span("push"):
        carried = [otel.carry(1), otel.carry(2)]
    flow = rx.from_iterable(carried).pipe(
        ops.map(otel.within(lambda item: otel.carry(spans.look(item) * 10))),
        ops.limit_rate(1),
        ops.map(otel.within(lambda item: (item, current()))),
    )
    assert [*flow] == [(10, "push"), (20, "push")]
    assert spans.seen == ["push", "push"]
    assert current() == "none"


def test_what_is_raised_within_goes_on_and_leaves_no_context(spans: Spans) -> None:
    async def fail(_: int) -> int:
        await asyncio.sleep(1)
        raise ValueError(current())

    def fail_at_once(_: int) -> int:
        raise ValueError(current())

    with spans.tracer.start_as_current_span("push"):
        carried = otel.carry(1)
    with pytest.raises(ValueError, match=r"^push$"):
        otel.within(fail_at_once)(carried)
    with pytest.raises(ValueError, match=r"^push$"):
        run_virtual(otel.within(fail)(carried))
    assert current() == "none"
    with pytest.raises(TypeError, match="within: function must be callable, not 3"):
        otel.within(3)  # type: ignore[arg-type]


def test_what_pushes_into_a_door_keeps_its_own_span(spans: Spans) -> None:
    source = Subject[int]()
    tapped = source.pipe(rx.operators.tap(spans.look))
    subscriber = TestSubscriber[int](5)
    tapped.pipe(ops.on_backpressure_buffer(2), ops.map(spans.look), spans.traced()).subscribe(
        subscriber
    )
    with spans.tracer.start_as_current_span("producer"):
        source.on_next(1)
    assert spans.seen == ["producer", "orders"]
    subscriber.cancel()


def test_it_is_explained_as_a_part_that_holds_nothing(spans: Spans) -> None:
    flow = rx.range(3).pipe(ops.limit_rate(4), spans.traced(), ops.map(str))
    explained = explain(flow)
    [part] = [part for part in explained.parts if part.name == "traced"]
    assert (part.kind, part.bound, part.demand) == ("stage", 0, "1:1 ; 1:1 ; holds 0")
    assert part.label.startswith("traced at ")
    assert part.place is not None
    assert part.place.file == __file__
    assert explained.bound == 4
    subscriber = TestSubscriber[str](1)
    flow.subscribe(subscriber)
    assert report(subscriber.subscription).seconds >= 0


def test_the_name_is_checked() -> None:
    with pytest.raises(TypeError, match="traced: name must be a text"):
        otel.traced(3)  # type: ignore[arg-type]


def test_a_plain_observable_needs_a_door() -> None:
    with pytest.raises(TypeError, match="traced needs demand"):
        Subject[int]().pipe(otel.traced("orders"))


# Over the wire.


@contextmanager
def receiver() -> Iterator[tuple[int, dict[str, list[bytes]]]]:
    """Receive OTLP on loopback: give the port, and what came by path."""
    came: dict[str, list[bytes]] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            came.setdefault(self.path, []).append(body)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server.server_port, came
        finally:
            server.shutdown()
            thread.join()


def test_a_receiver_of_otlp_is_given_metrics_and_spans() -> None:
    with receiver() as (port, came), buffered(capacity=4) as world:
        base = f"http://127.0.0.1:{port}/v1"
        reader = PeriodicExportingMetricReader(
            OTLPMetricExporter(f"{base}/metrics"), export_interval_millis=3_600_000
        )
        meters = MeterProvider([reader])
        instruments = otel.instrument(meters)
        tracers = TracerProvider()
        tracers.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(f"{base}/traces")))
        world.push(7)
        rx.range(3).pipe(otel.traced("brief", tracers.get_tracer("tests"))).subscribe(
            lambda _: None
        )
        assert meters.force_flush()
        instruments.close()
        meters.shutdown()
        tracers.shutdown()
        metrics = ExportMetricsServiceRequest.FromString(came["/v1/metrics"][0])
        [span] = (
            ExportTraceServiceRequest.FromString(came["/v1/traces"][0])
            .resource_spans[0]
            .scope_spans[0]
            .spans
        )
    [held] = [
        point.as_int
        for metric in metrics.resource_metrics[0].scope_metrics[0].metrics
        if metric.name == "rxflow.stage.queue.size"
        for point in metric.sum.data_points
        if {each.key: each.value.string_value for each in point.attributes} == BUFFER
    ]
    assert held == 4
    assert span.name == "brief"
    assert {each.key: each.value.int_value for each in span.attributes}["rxflow.items"] == 3
