"""A real Prometheus scrapes a running pipeline, judges it by the rules, and answers queries.

This takes real time (about three seconds), since it is another process that looks.
"""

from __future__ import annotations

import subprocess
import threading
from pathlib import Path
from time import sleep

from prometheus_client import CollectorRegistry, generate_latest
from reactivex import Subject

import rxflow as rx
from rxflow import operators as ops
from rxflow.monitor.grafana import queries
from rxflow.monitor.rules import aging, dropping, filling, prometheus_rules, stalled
from rxflow.testing import TestSubscriber
from tests.support_prometheus import Server, exposed, needs_prometheus, prometheus, until

from .worlds import Latency, telling, timed

pytestmark = needs_prometheus

RULES = prometheus_rules((filling(hold=0.5), dropping(), aging(3600), stalled(0.5)), window="2s")


class Overload:
    """A source on a thread that pushes whether or not anybody asks, through a small buffer."""

    def __init__(self) -> None:
        self.source = Subject[int]()
        self.subscriber = TestSubscriber[int](3)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._push)
        door = ops.on_backpressure_buffer(10, overflow=rx.DROP_OLDEST)
        self.source.pipe(door, ops.named("orders")).subscribe(self.subscriber)

    def _push(self) -> None:
        while not self._stop.is_set():
            self.source.on_next(1)
            sleep(0.005)

    def __enter__(self) -> Overload:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self.subscriber.cancel()


BUFFER = '{flow="orders", stage="on_backpressure_buffer"}'


def test_a_server_scrapes_a_pipeline_and_its_alert_fires_on_an_overload(
    tmp_path: Path, registry: CollectorRegistry
) -> None:
    calm = TestSubscriber[int](2)
    rx.range(5).pipe(ops.limit_rate(4), ops.named("calm")).subscribe(calm)
    brief = rx.range(7).pipe(ops.named("brief"))
    took = timed("part", Latency(2, 0.5, ((0.001, 1), (0.3, 1))))
    with exposed(registry) as port, prometheus(tmp_path, port, RULES) as server:
        with Overload(), telling(took, name="timed"):
            brief.subscribe(lambda _: None)  # it is over before anybody looks
            overloaded = {
                ("RxflowStageFull", "orders", "on_backpressure_buffer"),
                ("RxflowStageDropping", "orders", "on_backpressure_buffer"),
            }
            until(lambda: overloaded <= server.firing())
            assert server.one(f"rxflow_stage_items_emitted_total{BUFFER}") == 3
            assert server.one(f"rxflow_stage_queue_depth{BUFFER}") == 10
            assert server.one(f"rxflow_stage_queue_capacity{BUFFER}") == 10
            assert server.one(f"rxflow_stage_utilization_ratio{BUFFER}") == 1
            assert server.one(f"rxflow_stage_demand{BUFFER}") == 0
            emitted = 'rxflow_stage_items_emitted_total{flow="brief", stage="subscriber"}'
            assert server.one(emitted) == 7
            assert server.one('rxflow_flow_active{flow="brief"}') == 0
            assert server.one('sum(rxflow_flow_terminated_total{flow="brief"})') == 1
            assert server.one('rxflow_flow_active{flow="calm"}') == 1
            assert not [alert for alert in server.firing() if alert[1:] == ("calm", "subscriber")]
            check_dashboard(server)
        until(lambda: not [alert for alert in server.firing() if alert[1] == "orders"])
        dropped = server.one(f"rxflow_stage_items_dropped_total{BUFFER}")
        received = server.one(f"rxflow_stage_items_received_total{BUFFER}")
        assert dropped
        assert received == dropped + 3 + 10  # the ten were discarded when it was cancelled
        assert server.one(f"rxflow_stage_items_discarded_total{BUFFER}") == 10
    calm.cancel()


def check_dashboard(server: Server) -> None:
    """See that each query gives something, with Grafana's variables filled in."""
    for query in queries():
        text = (
            query.replace("$flow", ".*").replace("$stage", ".*").replace("$__rate_interval", "2s")
        )
        until(lambda text=text: server.query(text))


def promtool(*arguments: str, text: bytes = b"") -> None:
    done = subprocess.run(["promtool", *arguments], input=text, capture_output=True, timeout=60)
    report = (done.stdout + done.stderr).decode()
    assert done.returncode == 0, report
    assert "SUCCESS" in report or not report, report


def test_promtool_finds_no_fault_with_the_metrics(registry: CollectorRegistry) -> None:
    subscriber = TestSubscriber[int](1)
    source = Subject[int]()
    source.pipe(ops.on_backpressure_drop()).subscribe(subscriber)
    source.on_next(1)
    source.on_next(2)
    text = generate_latest(registry)
    assert b"rxflow_stage_items_dropped_total{" in text
    promtool("check", "metrics", text=text)
    subscriber.cancel()


def test_promtool_finds_no_fault_with_the_rules(tmp_path: Path) -> None:
    path = tmp_path / "rules.yml"
    for rules in (prometheus_rules(), RULES):
        path.write_text(rules)
        promtool("check", "rules", str(path))
