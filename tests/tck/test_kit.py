"""The conformance suite on what is known to obey: its own Publisher, sources, an operator."""

from __future__ import annotations

from typing import Any

import rxflow as rx
from rxflow import Publisher
from rxflow import operators as ops
from rxflow.testing import TestSubscriber
from rxflow.testing.tck import (
    ProcessorVerification,
    PublisherVerification,
    WhiteBoxSubscriberVerification,
)
from rxflow.testing.tck.publishers import UpstreamPublisher


class TestUpstream(PublisherVerification):
    def create_publisher(self, elements: int) -> Publisher[Any]:
        return UpstreamPublisher(elements, str)

    def create_failed_publisher(self) -> Publisher[Any]:
        return UpstreamPublisher(0, str, KeyError())


class TestRange(PublisherVerification):
    def create_publisher(self, elements: int) -> Publisher[Any]:
        return rx.range(elements)


class TestMap(ProcessorVerification):
    def create_processor(self, upstream: Publisher[Any]) -> Publisher[Any]:
        return rx.from_publisher(upstream).pipe(ops.map(lambda x: x))


class TestSubscriberOfFromPublisher(WhiteBoxSubscriberVerification):
    def subscribe(self, publisher: Publisher[Any]) -> None:
        self._downstream = TestSubscriber[Any]()
        rx.from_publisher(publisher).subscribe(self._downstream)

    def trigger_request(self, n: int) -> None:
        self._downstream.request(n)

    def trigger_cancel(self) -> None:
        self._downstream.cancel()

    def received(self) -> list[Any]:
        return self._downstream.items
