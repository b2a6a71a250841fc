"""The checks of a Publisher: chapter 1 of the rules, and those of its Subscriptions."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ...protocol import UNBOUNDED
from ..subscriber import TestSubscriber
from .environment import RUNS, Kind, check
from .subscribers import SubscriberError, raise_it
from .subscription import SubscriptionVerification


class PublisherVerification(SubscriptionVerification):
    """Checks a Publisher; a subclass says how to make one.

    Attributes:
        max_elements: Most items that a stream of it can have (items); checks that
            need longer ones are skipped; -1 where it gives none, and does not complete.
        max_depth: How deep ``on_next`` may be inside of itself when it requests (calls).
    """

    @check("1.1")
    async def test_required_a_publisher_of_one_gives_one_item(self) -> None:
        """A stream of 1 item has exactly 1."""
        subscriber = await self.subscribed(self.publisher(1), UNBOUNDED)
        await self.finished(subscriber, 1)

    @check("1.1")
    async def test_required_a_publisher_of_three_gives_three_items(self) -> None:
        """A stream of 3 items has exactly 3."""
        subscriber = await self.subscribed(self.publisher(3), UNBOUNDED)
        await self.finished(subscriber, 3)

    @check("1.1")
    async def test_required_spec101_nothing_comes_that_is_not_requested(self) -> None:
        """Without a request no item comes."""
        subscriber = await self.subscribed(self.publisher(3))
        assert subscriber.items == [], subscriber
        subscriber.cancel()

    @check("1.1")
    async def test_required_spec101_request_gives_the_requested_number(self) -> None:
        """After each request exactly so many have come."""
        subscriber = await self.subscribed(self.publisher(7))
        for n, total in ((1, 1), (1, 2), (2, 4), (2, 6)):
            await self.requested(subscriber, n)
            assert len(subscriber.items) == total, subscriber
        subscriber.assert_open()
        subscriber.cancel()

    @check("1.1")
    async def test_required_spec101_requests_add_up(self) -> None:
        """Requests that are made before an item is taken add up (also rule 3.8)."""
        subscriber = TestSubscriber[Any]()
        self.publisher(7).subscribe(subscriber)
        for n in (1, 2, 3):
            subscriber.request(n)
        await self.settle()
        assert len(subscriber.items) == 6, subscriber
        subscriber.cancel()

    @check("1.2")
    async def test_required_spec102_it_may_give_fewer_than_requested_and_end(self) -> None:
        """More is requested than there is: what there is comes, and the end."""
        subscriber = await self.subscribed(self.publisher(3), 100)
        await self.finished(subscriber, 3)

    @check("1.3", Kind.STOCHASTIC)
    async def test_stochastic_spec103_signals_are_serial(self) -> None:
        """While two threads request and the subscriber too, no two signals overlap."""
        elements = self.up_to(12)
        with ThreadPoolExecutor(2) as threads:
            for _ in range(RUNS):
                subscriber = TestSubscriber[Any](request_each=1)
                self.publisher(elements).subscribe(subscriber)

                def ask(subscriber: TestSubscriber[Any] = subscriber) -> None:
                    for _ in range(elements):
                        subscriber.subscription.request(1)

                subscriber.requested = UNBOUNDED  # who was first is not known
                for asked in [threads.submit(ask), threads.submit(ask)]:
                    asked.result()
                await self.settle()
                await self.finished(subscriber, elements)

    @check("1.4", Kind.OPTIONAL)
    async def test_optional_spec104_a_failure_is_signalled_by_on_error(self) -> None:
        """A stream that fails calls on_error, once, and nothing else."""
        subscriber = await self.subscribed(self.failed(), 1)
        assert subscriber.signals == ["on_subscribe", "on_error"], subscriber

    @check("1.5")
    async def test_required_spec105_the_end_is_signalled_by_on_completed(self) -> None:
        """A finite stream ends with on_completed."""
        subscriber = await self.subscribed(self.publisher(3), 3)
        await self.finished(subscriber, 3)
        assert subscriber.signals[-1] == "on_completed", subscriber

    @check("1.5", Kind.OPTIONAL)
    async def test_optional_spec105_an_empty_stream_completes(self) -> None:
        """A stream without items ends with on_completed."""
        subscriber = await self.subscribed(self.publisher(0))
        await self.finished(subscriber, 0)
        assert subscriber.signals == ["on_subscribe", "on_completed"], subscriber

    @check("1.6", Kind.UNTESTED)
    async def test_untested_spec106_the_end_cancels_the_subscription(self) -> None:
        """After on_completed, request and cancel do nothing, and the subscriber is let go of."""
        subscriber = await self.subscribed(self.publisher(1), 1)
        await self.finished(subscriber, 1)
        subscription, signals = subscriber.subscription, list(subscriber.signals)
        await self.requested(subscriber, 5)
        subscriber.cancel()
        await self.settle()
        assert subscriber.signals == signals, subscriber
        kept = [subscriber]
        del subscriber
        await self.assert_dropped(kept)
        subscription.request(1)

    @check("1.7")
    async def test_required_spec107_nothing_follows_on_completed(self) -> None:
        """No signal comes after on_completed, whatever is requested."""
        subscriber = await self.subscribed(self.publisher(1), 10)
        await self.requested(subscriber, 10)
        subscriber.assert_valid()
        assert subscriber.signals == ["on_subscribe", "on_next", "on_completed"], subscriber

    @check("1.7", Kind.UNTESTED)
    async def test_untested_spec107_nothing_follows_on_error(self) -> None:
        """No signal comes after on_error, whatever is requested."""
        subscriber = await self.subscribed(self.failed(), 10)
        await self.requested(subscriber, 10)
        subscriber.assert_valid()
        assert subscriber.signals == ["on_subscribe", "on_error"], subscriber

    @check("1.8", Kind.UNTESTED)
    async def test_untested_spec108_no_end_comes_after_a_cancel(self) -> None:
        """A cancel inside of on_next of the last item is the last that happens."""
        subscriber = await self.subscribed(self.publisher(1), 10, cancel_after=1)
        await self.settle()
        assert subscriber.signals == ["on_subscribe", "on_next"], subscriber

    @check("1.9")
    async def test_required_spec109_on_subscribe_comes_first_and_once(self) -> None:
        """on_subscribe comes before subscribe returns, and before all else."""
        subscriber = TestSubscriber[Any](UNBOUNDED)
        self.publisher(1).subscribe(subscriber)
        assert subscriber.subscribed == 1, "on_subscribe was to come before subscribe returns"
        await self.settle()
        subscriber.assert_valid()
        assert subscriber.signals == ["on_subscribe", "on_next", "on_completed"], subscriber

    @check("1.9")
    async def test_required_spec109_what_is_no_subscriber_is_refused(self) -> None:
        """What has none of the methods gets a TypeError from subscribe itself."""
        nobody: Any = object()
        try:
            self.publisher(1).subscribe(nobody)
        except TypeError:
            return
        raise AssertionError("1.9: subscribe took what is no Subscriber")

    @check("1.9", Kind.UNTESTED)
    async def test_untested_spec109_subscribe_does_not_raise_what_fails(self) -> None:
        """A failure comes by on_error, after on_subscribe, and not out of subscribe."""
        subscriber = TestSubscriber[Any](1)
        self.failed().subscribe(subscriber)
        await self.settle()
        assert subscriber.signals == ["on_subscribe", "on_error"], subscriber

    @check("1.10", Kind.UNTESTED)
    async def test_untested_spec110_the_same_subscriber_again_does_no_harm(self) -> None:
        """A Subscriber that subscribes twice cancels the second, and has the first intact."""
        publisher = self.publisher(3)
        subscriber = await self.subscribed(publisher)
        publisher.subscribe(subscriber)
        subscriber.violations.clear()  # it was to note that on_subscribe came twice
        await self.requested(subscriber, 3)
        await self.finished(subscriber, 3)

    @check("1.11", Kind.OPTIONAL)
    async def test_optional_spec111_it_serves_more_than_one_subscriber(self) -> None:
        """A second Subscriber gets a Subscription too."""
        publisher = self.publisher(1)
        first, second = await self.subscribed(publisher), await self.subscribed(publisher)
        for subscriber in (first, second):
            assert subscriber.subscribed == 1, subscriber
            subscriber.cancel()

    @check("1.11", Kind.OPTIONAL)
    async def test_optional_spec111_all_subscribers_get_items_or_an_end(self) -> None:
        """Each Subscriber gets what it requests."""
        publisher = self.publisher(3)
        subscribers = [await self.subscribed(publisher) for _ in range(3)]
        for subscriber in subscribers:
            subscriber.request(3)
        await self.settle()
        for subscriber in subscribers:
            await self.finished(subscriber, 3)

    @check("1.11", Kind.OPTIONAL)
    async def test_optional_spec111_all_get_the_same_when_requesting_one_by_one(self) -> None:
        """Three Subscribers that request in turn get the same items."""
        publisher = self.publisher(5)
        subscribers = [await self.subscribed(publisher) for _ in range(3)]
        for _ in range(5):
            for subscriber in subscribers:
                await self.requested(subscriber, 1)
        await self._all_the_same(subscribers, 5)

    @check("1.11", Kind.OPTIONAL)
    async def test_optional_spec111_all_get_the_same_when_requesting_at_once(self) -> None:
        """Three Subscribers that request everything get the same items, and the end."""
        publisher = self.publisher(5)
        subscribers = [await self.subscribed(publisher) for _ in range(3)]
        for subscriber in subscribers:
            subscriber.request(UNBOUNDED)
        await self.settle()
        await self._all_the_same(subscribers, 5)

    async def _all_the_same(self, subscribers: list[TestSubscriber[Any]], elements: int) -> None:
        for subscriber in subscribers:
            await self.finished(subscriber, elements)
            subscriber.assert_completed(*subscribers[0].items)

    @check("2.13", Kind.UNTESTED)
    async def test_untested_spec213_a_subscriber_that_raises_is_cancelled(self) -> None:
        """A Subscriber that raises in on_next gets nothing more; others are not hurt."""
        publisher = self.publisher(3)
        raising = await self.subscribed(publisher, then=raise_it)
        other = await self.subscribed(publisher)
        try:
            await self.requested(raising, 3)
        except SubscriberError:  # it may reach whoever delivers
            await self.settle()
        assert raising.signals == ["on_subscribe", "on_next"], raising
        await self.requested(other, 3)
        await self.finished(other, 3)
