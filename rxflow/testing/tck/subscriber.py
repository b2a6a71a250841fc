"""The checks of a Subscriber: from outside (black box), and from inside too (white box)."""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

from ...protocol import Publisher, Subscriber
from ..publisher import Misbehaviour, TestPublisher
from .environment import RUNS, Kind, Verification, check, unsupported
from .publishers import LatePublisher, SynchronousPublisher

MANY = 1_000
"""Items of a stream that is long."""


class PublisherError(Exception):
    """What a Publisher of these checks fails with."""


class SubscriberVerification(Verification):
    """Checks a Subscriber from outside: by what it requests and cancels.

    A subclass gives the Subscriber by ``create_subscriber``, or, where a Subscriber
    only exists inside of something, overrides ``subscribe``.
    """

    def create_subscriber(self) -> Subscriber[Any]:
        """Make a Subscriber that requests items by itself, or when it is triggered."""
        raise NotImplementedError("define create_subscriber, or subscribe")

    def subscribe(self, publisher: Publisher[Any]) -> None:
        """Subscribe what is checked.

        Args:
            publisher: What to subscribe it to.
        """
        publisher.subscribe(self.create_subscriber())

    def subscribe_raising(self, publisher: Publisher[Any]) -> None:
        """Subscribe what is checked, so that whoever handles its items raises.

        Args:
            publisher: What to subscribe it to.
        """
        raise unsupported("it has no user that can raise")

    def has_raised(self) -> bool:
        """Tell whether the user has been given an item by now, and has raised."""
        return True

    def trigger_request(self, n: int) -> None:
        """Make what was subscribed last want more; nothing, where it requests by itself.

        Args:
            n: How many (items).
        """

    def trigger_cancel(self) -> None:
        """Make what was subscribed last lose its interest."""
        raise unsupported("it cannot be cancelled from outside")

    def create_element(self, n: int) -> Any:
        """Make an item for it.

        Args:
            n: Which one.
        """
        return n

    async def connected(self, publisher: TestPublisher[Any], request: int = 1) -> None:
        """Subscribe, trigger a request, and wait for what comes of it.

        Args:
            publisher: What to subscribe to.
            request: How much to trigger (items).
        """
        self.subscribe(publisher)
        if request:
            self.trigger_request(request)
        await self.settle()

    async def emitted(self, publisher: TestPublisher[Any], count: int = 1) -> None:
        """Emit items, and wait for what comes of it.

        Args:
            publisher: Who emits.
            count: How many (items).
        """
        for n in range(count):
            publisher.emit(self.create_element(n))
            await self.settle()

    @check("2.1")
    async def test_required_spec201_demand_is_signalled_by_request(self) -> None:
        """A Subscriber that wants items requests them."""
        publisher = TestPublisher[Any]()
        await self.connected(publisher)
        assert publisher.requests, "2.1: nothing was requested"

    @check("2.2", Kind.UNTESTED)
    async def test_untested_spec202_on_next_does_not_keep_its_publisher(self) -> None:
        """on_next returns, and leaves the Publisher free to serve others."""
        publisher = TestPublisher[Any]()
        await self.connected(publisher)
        done = threading.Event()

        def emit() -> None:
            publisher.emit(self.create_element(0))
            done.set()

        thread = threading.Thread(target=emit, daemon=True)
        thread.start()
        thread.join(10)
        assert done.is_set(), "2.2: on_next did not return"
        await self.settle()

    @check("2.3")
    async def test_required_spec203_on_completed_calls_nothing(self) -> None:
        """Inside on_completed neither the Subscription nor the Publisher is called."""
        publisher = TestPublisher[Any]()
        await self.connected(publisher)
        await self._silent(publisher, publisher.complete)

    @check("2.3")
    async def test_required_spec203_on_error_calls_nothing(self) -> None:
        """Inside on_error neither the Subscription nor the Publisher is called."""
        publisher = TestPublisher[Any]()
        await self.connected(publisher)
        await self._silent(publisher, lambda: publisher.fail(PublisherError()))

    @check("2.4", Kind.UNTESTED)
    async def test_untested_spec204_after_the_end_the_subscription_is_left_alone(self) -> None:
        """After the end nothing is requested, however much is wanted."""
        publisher = TestPublisher[Any]()
        await self.connected(publisher)
        publisher.complete()
        await self.settle()
        await self._silent(publisher, lambda: self.trigger_request(3))

    async def _silent(self, publisher: TestPublisher[Any], call: Any) -> None:
        before = (list(publisher.requests), publisher.cancels, publisher.subscribers)
        call()
        await self.settle()
        after = (publisher.requests, publisher.cancels, publisher.subscribers)
        assert after == before, f"(requests, cancels, subscribers) were {before}, are {after}"

    @check("2.5")
    async def test_required_spec205_a_second_subscription_is_cancelled(self) -> None:
        """It keeps the first Subscription and cancels the second, and is served by the first."""
        publisher = TestPublisher[Any](Misbehaviour.TWO_ON_SUBSCRIBE)
        await self.connected(publisher)
        assert publisher.cancels == 1, f"2.5: {publisher.cancels} were cancelled"
        publisher.assert_not_all_cancelled()
        await self.emitted(publisher)

    @check("2.6", Kind.UNTESTED)
    async def test_untested_spec206_what_is_not_wanted_any_more_is_cancelled(self) -> None:
        """When its user has lost interest it cancels the Subscription."""
        publisher = TestPublisher[Any]()
        await self.connected(publisher)
        self.trigger_cancel()
        await self.settle()
        publisher.assert_cancelled()

    @check("2.7", Kind.UNTESTED)
    async def test_untested_spec207_calls_of_the_subscription_are_serial(self) -> None:
        """While two threads want more, no two calls of the Subscription overlap."""
        for _ in range(RUNS // 10):
            inside: list[int] = []
            overlaps: list[int] = []

            def heard(
                _: Any, n: int, inside: list[int] = inside, overlaps: list[int] = overlaps
            ) -> None:
                inside.append(n)
                if len(inside) > 1:
                    overlaps.append(n)
                threading.Event().wait(0)  # lets the other thread go on
                inside.pop()

            publisher = TestPublisher[Any](on_request=heard)
            self.subscribe(publisher)
            threads = [threading.Thread(target=self.trigger_request, args=(1,)) for _ in range(2)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            await self.settle()
            assert not overlaps, "2.7: request was called while another request was running"

    @check("2.8")
    async def test_required_spec208_items_after_a_cancel_do_no_harm(self) -> None:
        """Items that were under way when it cancelled are taken in silence."""
        publisher = TestPublisher[Any](Misbehaviour.IGNORES_CANCEL)
        await self.connected(publisher, 3)
        self.trigger_cancel()
        await self.settle()
        await self.emitted(publisher)

    @check("2.9")
    async def test_required_spec209_an_end_after_a_request_is_taken(self) -> None:
        """on_completed after a request does no harm."""
        publisher = TestPublisher[Any]()
        await self.connected(publisher)
        publisher.complete()
        await self.settle()

    @check("2.9")
    async def test_required_spec209_an_end_without_a_request_is_taken(self) -> None:
        """on_completed before any request does no harm."""
        publisher = TestPublisher[Any]()
        await self.connected(publisher, 0)
        publisher.complete()
        await self.settle()

    @check("2.10")
    async def test_required_spec210_a_failure_after_a_request_is_taken(self) -> None:
        """on_error after a request does no harm."""
        publisher = TestPublisher[Any]()
        await self.connected(publisher)
        publisher.fail(PublisherError())
        await self.settle()

    @check("2.10")
    async def test_required_spec210_a_failure_without_a_request_is_taken(self) -> None:
        """on_error before any request does no harm."""
        publisher = TestPublisher[Any]()
        await self.connected(publisher, 0)
        publisher.fail(PublisherError())
        await self.settle()

    @check("2.12", Kind.UNTESTED)
    async def test_untested_spec212_the_same_subscriber_takes_one_subscription(self) -> None:
        """Given on_subscribe again, it goes on to request from the first Subscription only."""
        publisher = TestPublisher[Any](Misbehaviour.TWO_ON_SUBSCRIBE)
        await self.connected(publisher, 2)
        assert publisher.second_requests == [], "2.12: the second Subscription was requested from"

    @check("2.13")
    async def test_required_spec213_on_subscribe_refuses_none(self) -> None:
        """on_subscribe(None) raises a TypeError."""
        self._refuses(await self._subscriber(), "on_subscribe")

    @check("2.13")
    async def test_required_spec213_on_error_refuses_none(self) -> None:
        """on_error(None) raises a TypeError."""
        self._refuses(await self._subscriber(), "on_error")

    @check("2.13")
    async def test_required_spec213_on_next_takes_none(self) -> None:
        """None is an item like any other in ReactiveX: on_next(None) does no harm."""
        publisher = LatePublisher()
        self.subscribe(publisher)
        await self.settle()
        publisher.begin()
        self.trigger_request(1)
        await self.settle()
        if publisher.requested:
            publisher.emit(None)
        await self.settle()

    async def _subscriber(self) -> Subscriber[Any]:
        publisher = LatePublisher()
        self.subscribe(publisher)
        await self.settle()
        publisher.begin()
        await self.settle()
        return publisher.waiting[0]

    def _refuses(self, subscriber: Subscriber[Any], signal: str) -> None:
        try:
            getattr(subscriber, signal)(None)
        except TypeError:
            return
        raise AssertionError(f"2.13: {signal} took None")

    @check("2.13", Kind.UNTESTED)
    async def test_untested_spec213_on_next_returns_normally(self) -> None:
        """What its user raises does not come out of on_next; the Subscription is cancelled."""
        publisher = TestPublisher[Any]()
        self.subscribe_raising(publisher)
        self.trigger_request(1)
        await self.settle()
        for n in range(10):
            if publisher.requested and not publisher.cancelled:
                publisher.emit(self.create_element(n))
                await self.settle()
        if self.has_raised():
            publisher.assert_cancelled()

    @check("3.1", Kind.UNTESTED)
    async def test_untested_spec301_nothing_is_requested_before_on_subscribe(self) -> None:
        """A Publisher that takes its time with on_subscribe is asked for nothing till then."""
        publisher = LatePublisher()
        self.subscribe(publisher)
        self.trigger_request(1)
        await self.settle()
        assert publisher.requests == [], "3.1: requested before on_subscribe"
        publisher.begin()
        await self.settle()
        assert publisher.requests, "2.1: nothing was requested"

    @check("3.8")
    async def test_required_spec308_a_request_lets_so_many_items_come(self) -> None:
        """What it has requested can be emitted, and it requests more when that is used up."""
        publisher = TestPublisher[Any]()
        await self.connected(publisher, 2)
        first = publisher.requested
        assert first >= 1, "3.8: nothing was requested"
        await self.emitted(publisher)

    @check("3.10", Kind.UNTESTED)
    async def test_untested_spec310_items_may_come_before_request_returns(self) -> None:
        """A Publisher that emits inside of request is served, and does not nest deeply."""
        depths: list[int] = []
        publisher = SynchronousPublisher(MANY, self.create_element, depths)
        self.subscribe(publisher)
        self.trigger_request(MANY)
        await self.settle()
        assert publisher.given, "3.10: nothing was requested"
        assert max(depths) < 10, f"3.3: request was {max(depths)} deep inside of itself"

    @check("3.11", Kind.UNTESTED)
    async def test_untested_spec311_the_end_may_come_before_request_returns(self) -> None:
        """A Publisher that completes inside of request does no harm."""
        publisher = SynchronousPublisher(1, self.create_element, [])
        self.subscribe(publisher)
        self.trigger_request(1)
        await self.settle()
        assert publisher.given == 1, "3.11: nothing was requested"

    @check("3.14", Kind.UNTESTED)
    async def test_untested_spec314_a_publisher_may_shut_down_on_cancel(self) -> None:
        """A Publisher that completes because of the cancel does no harm."""
        publisher = TestPublisher[Any](
            Misbehaviour.IGNORES_CANCEL, on_cancel=lambda publisher: publisher.complete()
        )
        await self.connected(publisher)
        self.trigger_cancel()
        await self.settle()
        publisher.assert_cancelled()

    @check("3.15", Kind.OPTIONAL)
    async def test_optional_spec315_a_cancel_that_raises_does_no_harm(self) -> None:
        """A Publisher that raises in cancel breaks a rule; its Subscriber does not pass it on."""

        def fail(_: TestPublisher[Any]) -> None:
            raise PublisherError

        publisher = TestPublisher[Any](on_cancel=fail)
        await self.connected(publisher)
        self.trigger_cancel()
        await self.settle()
        assert publisher.cancels == 1, f"{publisher.cancels} cancels"

    @check("3.16", Kind.OPTIONAL)
    async def test_optional_spec316_a_request_that_raises_does_no_harm(self) -> None:
        """A Publisher that raises in request breaks a rule; its Subscriber gives it up."""

        def fail(_: TestPublisher[Any], __: int) -> None:
            raise PublisherError

        publisher = TestPublisher[Any](on_request=fail)
        await self.connected(publisher)
        assert len(publisher.requests) == 1, "3.16: it went on after a request that raised"


class WhiteBoxSubscriberVerification(SubscriberVerification):
    """Checks a Subscriber also from inside: by what has arrived there."""

    @abstractmethod
    def received(self) -> Sequence[Any]:
        """Give the items that have arrived at what was subscribed last."""

    def _expected(self, count: int) -> list[Any]:
        return [self.create_element(n) for n in range(count)]

    @check("2.1")
    async def test_required_whitebox_what_is_emitted_arrives(self) -> None:
        """Items arrive one by one, in order."""
        publisher = TestPublisher[Any]()
        await self.connected(publisher, 2)
        assert list(self.received()) == []
        await self.emitted(publisher, 2)
        assert list(self.received()) == self._expected(2), self.received()

    @check("2.8")
    async def test_required_whitebox_spec208_items_after_a_cancel_do_not_arrive(self) -> None:
        """What comes after its cancel does not reach its user."""
        publisher = TestPublisher[Any](Misbehaviour.IGNORES_CANCEL)
        await self.connected(publisher, 3)
        self.trigger_cancel()
        await self.emitted(publisher)
        assert list(self.received()) == [], self.received()

    @check("2.11", Kind.UNTESTED)
    async def test_untested_whitebox_spec211_an_item_is_whole_when_it_arrives(self) -> None:
        """What another thread has put into an item before it emits it can be seen."""
        publisher = TestPublisher[Any]()
        await self.connected(publisher, 1)
        item = self.create_element(0)
        thread = threading.Thread(target=publisher.emit, args=(item,))
        thread.start()
        thread.join()
        await self.settle()
        assert list(self.received()) == [item], self.received()

    @check("3.8")
    async def test_required_whitebox_spec308_no_more_arrives_than_was_wanted(self) -> None:
        """What is wanted arrives; what was requested ahead waits."""
        publisher = TestPublisher[Any]()
        await self.connected(publisher, 1)
        while publisher.requested and len(publisher.requests) < 3:
            publisher.emit(self.create_element(0))
            await self.settle()
        assert len(self.received()) <= 1, self.received()
        self.trigger_request(1)
        await self.settle()
        assert len(self.received()) <= 2, self.received()
