"""The checks of what is between a Publisher and a Subscriber: a Processor, an operator."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from ...protocol import UNBOUNDED, Publisher
from ..publisher import TestPublisher
from ..subscriber import TestSubscriber
from .environment import Kind, check, unsupported
from .publisher import PublisherVerification
from .publishers import UpstreamPublisher
from .subscriber import PublisherError, SubscriberVerification


class ProcessorVerification(PublisherVerification, SubscriberVerification):
    """Checks both sides of an operator; a subclass says how to put it behind a Publisher."""

    @abstractmethod
    def create_processor(self, upstream: Publisher[Any]) -> Publisher[Any]:
        """Put what is checked behind a Publisher.

        Args:
            upstream: The Publisher.
        """

    def upstream_elements(self, elements: int) -> int:
        """Say how many items upstream needs to have for so many to come out.

        Args:
            elements: How many are to come out (items).
        """
        return elements

    def create_publisher(self, elements: int) -> Publisher[Any]:
        """Put it behind a Publisher that has as many items as are needed.

        Args:
            elements: How many are to come out (items).
        """
        count = self.upstream_elements(elements)
        return self.create_processor(UpstreamPublisher(count, self.create_element))

    def create_failed_publisher(self) -> Publisher[Any] | None:
        """Put it behind a Publisher that fails."""
        return self.create_processor(UpstreamPublisher(0, self.create_element, PublisherError()))

    def subscribe(self, publisher: Publisher[Any]) -> None:
        """Subscribe to what it makes of a Publisher.

        Args:
            publisher: The Publisher.
        """
        self._downstream = TestSubscriber[Any]()
        self.create_processor(publisher).subscribe(self._downstream)

    def subscribe_raising(self, publisher: Publisher[Any]) -> None:
        """Subscribe to what it makes of a Publisher, and raise in on_next.

        Args:
            publisher: The Publisher.
        """

        def fail(_: TestSubscriber[Any], item: Any) -> None:
            raise PublisherError(item)

        self._downstream = TestSubscriber[Any](then=fail)
        self.create_processor(publisher).subscribe(self._downstream)

    def has_raised(self) -> bool:
        """Tell whether an item has come out."""
        return bool(self._downstream.items)

    def release(self) -> None:
        """Cancel downstream too."""
        super().release()
        downstream: TestSubscriber[Any] | None = getattr(self, "_downstream", None)
        if downstream is not None and downstream.subscription is not None:
            downstream.subscription.cancel()

    def trigger_request(self, n: int) -> None:
        """Request downstream.

        Args:
            n: How many (items).
        """
        self._downstream.request(n)

    def trigger_cancel(self) -> None:
        """Cancel downstream."""
        self._downstream.cancel()

    @check("1.4")
    async def test_required_spec104_a_failure_of_upstream_reaches_all(self) -> None:
        """Each Subscriber is told of the failure of upstream, once."""
        publisher = TestPublisher[Any]()
        made = self.create_processor(publisher)
        subscribers = [await self.subscribed(made, 1) for _ in range(2)]
        publisher.fail(PublisherError("upstream"))
        await self.settle()
        for subscriber in subscribers:
            assert subscriber.signals == ["on_subscribe", "on_error"], subscriber
            assert isinstance(subscriber.error, PublisherError), subscriber

    @check("1.4")
    async def test_required_spec104_a_failure_needs_no_demand(self) -> None:
        """A failure of upstream is passed on at once, without a request."""
        publisher = TestPublisher[Any]()
        subscriber = await self.subscribed(self.create_processor(publisher))
        publisher.fail(PublisherError("upstream"))
        await self.settle()
        assert subscriber.signals == ["on_subscribe", "on_error"], subscriber

    @check("1.5")
    async def test_required_spec105_the_end_of_upstream_is_passed_on(self) -> None:
        """When upstream completes, the Subscriber is told, at the latest when it requests."""
        publisher = TestPublisher[Any]()
        subscriber = await self.subscribed(self.create_processor(publisher), UNBOUNDED)
        publisher.complete()
        await self.settle()
        assert subscriber.ended, subscriber

    @check("2.6", Kind.UNTESTED)
    async def test_untested_spec206_a_refused_request_cancels_upstream(self) -> None:
        """A request of 0, which fails the stream, cancels upstream."""
        publisher = TestPublisher[Any]()
        subscriber = await self.subscribed(self.create_processor(publisher))
        if not publisher.subscribers:
            raise unsupported("it subscribes upstream later")
        await self.requested(subscriber, 0)
        publisher.assert_cancelled()

    @check("3.8")
    async def test_required_spec308_what_was_requested_long_ago_is_requested_upstream(
        self,
    ) -> None:
        """Demand that upstream could not meet at first is met when it can."""
        publisher = TestPublisher[Any]()
        subscriber = await self.subscribed(self.create_processor(publisher), 1)
        assert publisher.requests, "3.8: nothing was requested upstream"
        emitted = 0
        while not subscriber.items and publisher.requested and emitted < 10:
            publisher.emit(self.create_element(emitted))
            emitted += 1
            await self.settle()
        if not publisher.cancelled and not subscriber.items:
            publisher.complete()
            await self.settle()
        assert len(subscriber.items) <= 1, subscriber
        assert subscriber.items or subscriber.ended, subscriber

    @check("3.12", Kind.OPTIONAL)
    async def test_optional_spec312_what_is_held_at_a_cancel_is_accounted_for(self) -> None:
        """Where there are figures, each item that was received is delivered, lost or discarded."""
        publisher = TestPublisher[Any]()
        subscriber = await self.subscribed(self.create_processor(publisher), 1)
        figures = getattr(subscriber.subscription, "statistics", None)
        if figures is None:
            raise unsupported("its Subscription has no statistics")
        for n in range(min(3, publisher.requested)):
            publisher.emit(self.create_element(n))
            await self.settle()
        subscriber.cancel()
        await self.settle()
        for part in figures():
            lost = sum(part.dropped.values()) + part.discarded
            assert part.held == 0, f"it holds items after a cancel: {part}"
            assert part.received <= part.delivered + lost, f"an item is lost: {part}"
