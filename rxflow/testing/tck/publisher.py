"""The checks of a Publisher."""

from __future__ import annotations

import threading
from abc import abstractmethod
from typing import Any

from ...protocol import UNBOUNDED, Publisher
from ..subscriber import TestSubscriber
from .environment import RUNS, Kind, Verification, check, unsupported
from .subscribers import CancelsAtOnce, SubscriberError, raise_it

STUCK = 1.0
"""How long a call that must not wait may take (seconds)."""

MANY = 1_000
"""Items of a stream that is long."""


class PublisherVerification(Verification):
    """Checks a Publisher; a subclass says how to make one.

    Attributes:
        max_elements: Most items that a stream of it can have (items); checks that
            need longer ones are skipped; -1 where it gives none, and does not complete.
        max_depth: How deep ``on_next`` may be inside of itself when it requests (calls).
    """

    max_elements: int = UNBOUNDED
    max_depth: int = 1

    @abstractmethod
    def create_publisher(self, elements: int) -> Publisher[Any]:
        """Make a Publisher that gives so many items to each Subscriber, then completes.

        Args:
            elements: How many (items).
        """

    def create_failed_publisher(self) -> Publisher[Any] | None:
        """Make a Publisher that fails as soon as an item is requested, or None for none."""
        return None

    def _publisher(self, elements: int) -> Publisher[Any]:
        if self.max_elements < max(0, elements):
            raise unsupported(f"a stream of more than {self.max_elements} items")
        return self.create_publisher(elements)

    def _up_to(self, elements: int) -> int:
        """Give the number of items of a stream as long as it can be, but one at least."""
        return max(1, min(elements, self.max_elements))

    def _failed(self) -> Publisher[Any]:
        publisher = self.create_failed_publisher()
        if publisher is None:
            raise unsupported("a Publisher that fails")
        return publisher

    @check("1.1")
    async def test_required_a_publisher_of_one_gives_one_item(self) -> None:
        """A stream of 1 item has exactly 1."""
        subscriber = await self.subscribed(self._publisher(1), UNBOUNDED)
        await self.finished(subscriber, 1)

    @check("1.1")
    async def test_required_a_publisher_of_three_gives_three_items(self) -> None:
        """A stream of 3 items has exactly 3."""
        subscriber = await self.subscribed(self._publisher(3), UNBOUNDED)
        await self.finished(subscriber, 3)

    @check("1.1")
    async def test_required_spec101_nothing_comes_that_is_not_requested(self) -> None:
        """Without a request no item comes."""
        subscriber = await self.subscribed(self._publisher(3))
        assert subscriber.items == [], subscriber
        subscriber.cancel()

    @check("1.1")
    async def test_required_spec101_request_gives_the_requested_number(self) -> None:
        """After each request exactly so many have come."""
        subscriber = await self.subscribed(self._publisher(7))
        for n, total in ((1, 1), (1, 2), (2, 4), (2, 6)):
            await self.requested(subscriber, n)
            assert len(subscriber.items) == total, subscriber
        subscriber.assert_open()
        subscriber.cancel()

    @check("1.1")
    async def test_required_spec101_requests_add_up(self) -> None:
        """Requests that are made before an item is taken add up (also rule 3.8)."""
        subscriber = TestSubscriber[Any]()
        self._publisher(7).subscribe(subscriber)
        for n in (1, 2, 3):
            subscriber.request(n)
        await self.settle()
        assert len(subscriber.items) == 6, subscriber
        subscriber.cancel()

    @check("1.2")
    async def test_required_spec102_it_may_give_fewer_than_requested_and_end(self) -> None:
        """More is requested than there is: what there is comes, and the end."""
        subscriber = await self.subscribed(self._publisher(3), 100)
        await self.finished(subscriber, 3)

    @check("1.3", Kind.STOCHASTIC)
    async def test_stochastic_spec103_signals_are_serial(self) -> None:
        """While two threads request and the subscriber too, no two signals overlap."""
        elements = self._up_to(12)
        for _ in range(RUNS):
            subscriber = TestSubscriber[Any](request_each=1)
            self._publisher(elements).subscribe(subscriber)

            def ask(subscriber: TestSubscriber[Any] = subscriber) -> None:
                for _ in range(elements):
                    subscriber.subscription.request(1)

            subscriber.requested = UNBOUNDED  # who was first is not known
            threads = [threading.Thread(target=ask) for _ in range(2)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            await self.settle()
            await self.finished(subscriber, elements)

    @check("1.4", Kind.OPTIONAL)
    async def test_optional_spec104_a_failure_is_signalled_by_on_error(self) -> None:
        """A stream that fails calls on_error, once, and nothing else."""
        subscriber = await self.subscribed(self._failed(), 1)
        assert subscriber.signals == ["on_subscribe", "on_error"], subscriber

    @check("1.5")
    async def test_required_spec105_the_end_is_signalled_by_on_completed(self) -> None:
        """A finite stream ends with on_completed."""
        subscriber = await self.subscribed(self._publisher(3), 3)
        await self.finished(subscriber, 3)
        assert subscriber.signals[-1] == "on_completed", subscriber

    @check("1.5", Kind.OPTIONAL)
    async def test_optional_spec105_an_empty_stream_completes(self) -> None:
        """A stream without items ends with on_completed."""
        subscriber = await self.subscribed(self._publisher(0))
        await self.finished(subscriber, 0)
        assert subscriber.signals == ["on_subscribe", "on_completed"], subscriber

    @check("1.6", Kind.UNTESTED)
    async def test_untested_spec106_the_end_cancels_the_subscription(self) -> None:
        """After on_completed, request and cancel do nothing, and the subscriber is let go of."""
        subscriber = await self.subscribed(self._publisher(1), 1)
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
        subscriber = await self.subscribed(self._publisher(1), 10)
        await self.requested(subscriber, 10)
        subscriber.assert_valid()
        assert subscriber.signals == ["on_subscribe", "on_next", "on_completed"], subscriber

    @check("1.7", Kind.UNTESTED)
    async def test_untested_spec107_nothing_follows_on_error(self) -> None:
        """No signal comes after on_error, whatever is requested."""
        subscriber = await self.subscribed(self._failed(), 10)
        await self.requested(subscriber, 10)
        subscriber.assert_valid()
        assert subscriber.signals == ["on_subscribe", "on_error"], subscriber

    @check("1.8", Kind.UNTESTED)
    async def test_untested_spec108_no_end_comes_after_a_cancel(self) -> None:
        """A cancel inside of on_next of the last item is the last that happens."""
        subscriber = await self.subscribed(self._publisher(1), 10, cancel_after=1)
        await self.settle()
        assert subscriber.signals == ["on_subscribe", "on_next"], subscriber

    @check("1.9")
    async def test_required_spec109_on_subscribe_comes_first_and_once(self) -> None:
        """on_subscribe comes before subscribe returns, and before all else."""
        subscriber = TestSubscriber[Any](UNBOUNDED)
        self._publisher(1).subscribe(subscriber)
        assert subscriber.subscribed == 1, "on_subscribe was to come before subscribe returns"
        await self.settle()
        subscriber.assert_valid()
        assert subscriber.signals == ["on_subscribe", "on_next", "on_completed"], subscriber

    @check("1.9")
    async def test_required_spec109_what_is_no_subscriber_is_refused(self) -> None:
        """What has none of the methods gets a TypeError from subscribe itself."""
        nobody: Any = object()
        try:
            self._publisher(1).subscribe(nobody)
        except TypeError:
            return
        raise AssertionError("1.9: subscribe took what is no Subscriber")

    @check("1.9", Kind.UNTESTED)
    async def test_untested_spec109_subscribe_does_not_raise_what_fails(self) -> None:
        """A failure comes by on_error, after on_subscribe, and not out of subscribe."""
        subscriber = TestSubscriber[Any](1)
        self._failed().subscribe(subscriber)
        await self.settle()
        assert subscriber.signals == ["on_subscribe", "on_error"], subscriber

    @check("1.10", Kind.UNTESTED)
    async def test_untested_spec110_the_same_subscriber_again_does_no_harm(self) -> None:
        """A Subscriber that subscribes twice cancels the second, and has the first intact."""
        publisher = self._publisher(3)
        subscriber = await self.subscribed(publisher)
        publisher.subscribe(subscriber)
        subscriber.violations.clear()  # it was to note that on_subscribe came twice
        await self.requested(subscriber, 3)
        await self.finished(subscriber, 3)

    @check("1.11", Kind.OPTIONAL)
    async def test_optional_spec111_it_serves_more_than_one_subscriber(self) -> None:
        """A second Subscriber gets a Subscription too."""
        publisher = self._publisher(1)
        first, second = await self.subscribed(publisher), await self.subscribed(publisher)
        for subscriber in (first, second):
            assert subscriber.subscribed == 1, subscriber
            subscriber.cancel()

    @check("1.11", Kind.OPTIONAL)
    async def test_optional_spec111_all_subscribers_get_items_or_an_end(self) -> None:
        """Each Subscriber gets what it requests."""
        publisher = self._publisher(3)
        subscribers = [await self.subscribed(publisher) for _ in range(3)]
        for subscriber in subscribers:
            subscriber.request(3)
        await self.settle()
        for subscriber in subscribers:
            await self.finished(subscriber, 3)

    @check("1.11", Kind.OPTIONAL)
    async def test_optional_spec111_all_get_the_same_when_requesting_one_by_one(self) -> None:
        """Three Subscribers that request in turn get the same items."""
        publisher = self._publisher(5)
        subscribers = [await self.subscribed(publisher) for _ in range(3)]
        for _ in range(5):
            for subscriber in subscribers:
                await self.requested(subscriber, 1)
        await self._all_the_same(subscribers, 5)

    @check("1.11", Kind.OPTIONAL)
    async def test_optional_spec111_all_get_the_same_when_requesting_at_once(self) -> None:
        """Three Subscribers that request everything get the same items, and the end."""
        publisher = self._publisher(5)
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
        publisher = self._publisher(3)
        raising = await self.subscribed(publisher, then=raise_it)
        other = await self.subscribed(publisher)
        try:
            await self.requested(raising, 3)
        except SubscriberError:  # it may reach whoever delivers
            await self.settle()
        assert raising.signals == ["on_subscribe", "on_next"], raising
        await self.requested(other, 3)
        await self.finished(other, 3)

    @check("3.2")
    async def test_required_spec302_request_may_be_called_inside_the_signals(self) -> None:
        """Requests from inside on_subscribe and on_next are served."""
        elements = self._up_to(10)
        subscriber = await self.subscribed(self._publisher(elements), 1, request_each=1)
        await self.finished(subscriber, elements)

    @check("3.3")
    async def test_required_spec303_recursion_is_bounded(self) -> None:
        """Requests from inside on_next do not nest on_next deeper and deeper."""
        elements = self._up_to(MANY)
        subscriber = await self.subscribed(self._publisher(elements), 1, request_each=1)
        assert len(subscriber.items) == elements, subscriber
        assert subscriber.depth <= self.max_depth, f"on_next was {subscriber.depth} deep"

    @check("3.4", Kind.UNTESTED)
    async def test_untested_spec304_request_inside_on_next_returns_at_once(self) -> None:
        """Inside on_next, request returns before any further item comes."""
        during: list[int] = []

        def ask(subscriber: TestSubscriber[Any], _: Any) -> None:
            before = len(subscriber.items)
            subscriber.request(1)
            during.append(len(subscriber.items) - before)

        elements = self._up_to(10)
        await self.subscribed(self._publisher(elements), 1, then=ask)
        assert during == [0] * elements, during

    @check("3.4", Kind.UNTESTED)
    async def test_untested_spec304_request_returns_while_on_next_is_running(self) -> None:
        """On another thread, request and cancel return while on_next has not."""
        stuck: list[str] = []

        def elsewhere(subscriber: TestSubscriber[Any], _: Any) -> None:
            subscription = subscriber.subscription
            calls = {"request": lambda: subscription.request(1), "cancel": subscription.cancel}
            for name, call in calls.items():
                thread = threading.Thread(target=call, daemon=True)
                thread.start()
                thread.join(STUCK)
                if thread.is_alive():
                    stuck.append(name)

        await self.subscribed(self._publisher(1), 1, then=elsewhere)
        assert not stuck, f"{stuck} waited for on_next on another thread to return"

    @check("3.5", Kind.UNTESTED)
    async def test_untested_spec305_cancel_inside_on_next_takes_effect_at_once(self) -> None:
        """After a cancel inside on_next no item comes, however much is requested."""
        subscriber = await self.subscribed(self._publisher(3), UNBOUNDED, cancel_after=1)
        assert subscriber.signals == ["on_subscribe", "on_next"], subscriber

    @check("3.6")
    async def test_required_spec306_request_after_a_cancel_does_nothing(self) -> None:
        """What is requested after a cancel does not come."""
        subscriber = await self.subscribed(self._publisher(3))
        subscriber.cancel()
        for n in (1, 2, UNBOUNDED):
            await self.requested(subscriber, n)
        assert subscriber.signals == ["on_subscribe"], subscriber

    @check("3.7")
    async def test_required_spec307_a_second_cancel_does_nothing(self) -> None:
        """Cancel may be called again."""
        subscriber = await self.subscribed(self._publisher(3))
        for _ in range(3):
            subscriber.cancel()
        await self.settle()
        assert subscriber.signals == ["on_subscribe"], subscriber

    @check("3.9")
    async def test_required_spec309_a_request_of_zero_is_signalled_by_on_error(self) -> None:
        """request(0) gives a ValueError through on_error, and cancels."""
        await self._refused(0)

    @check("3.9")
    async def test_required_spec309_a_negative_request_is_signalled_by_on_error(self) -> None:
        """request(-1) gives a ValueError through on_error, and cancels."""
        await self._refused(-1)

    @check("3.9", Kind.OPTIONAL)
    async def test_optional_spec309_the_error_names_the_rule(self) -> None:
        """The error says which rule was broken."""
        subscriber = await self._refused(-7)
        assert "3.9" in str(subscriber.error), subscriber.error

    async def _refused(self, n: int) -> TestSubscriber[Any]:
        subscriber = await self.subscribed(self._publisher(3))
        await self.requested(subscriber, n)
        assert subscriber.signals == ["on_subscribe", "on_error"], subscriber
        assert isinstance(subscriber.error, ValueError), subscriber
        await self.requested(subscriber, 1)
        assert subscriber.signals == ["on_subscribe", "on_error"], subscriber
        return subscriber

    @check("3.10", Kind.UNTESTED)
    async def test_untested_spec310_request_may_call_on_next_before_it_returns(self) -> None:
        """A subscriber that holds a lock it takes in on_next, too, is not stuck."""
        lock = threading.RLock()

        def take(_: TestSubscriber[Any], __: Any) -> None:
            assert lock.acquire(timeout=10), "request gave an item on another thread, and waits"
            lock.release()

        subscriber = await self.subscribed(self._publisher(3), then=take)
        with lock:
            subscriber.request(3)
        await self.settle()
        await self.finished(subscriber, 3)

    @check("3.11", Kind.UNTESTED)
    async def test_untested_spec311_request_may_call_the_end_before_it_returns(self) -> None:
        """The end comes with the last item or later, and not before."""
        subscriber = await self.subscribed(self._publisher(3), 2)
        subscriber.assert_open()
        await self.requested(subscriber, 1)
        await self.finished(subscriber, 3)

    @check("3.12")
    async def test_required_spec312_cancel_stops_the_signals(self) -> None:
        """After a cancel from outside signals stop, although more was requested."""
        subscriber = await self.subscribed(self._publisher(self._up_to(MANY)))
        subscriber.cancel()
        subscriber.request(UNBOUNDED)
        await self.settle()
        came = len(subscriber.signals)
        await self.settle()
        assert len(subscriber.signals) == came == 1, subscriber

    @check("3.13")
    async def test_required_spec313_cancel_drops_all_references(self) -> None:
        """After a cancel nothing of the Publisher refers to the Subscriber."""
        publisher = self._publisher(3)
        subscriber = await self.subscribed(publisher, 1)
        subscription = subscriber.subscription
        subscriber.cancel()
        kept = [subscriber]
        del subscriber
        await self.assert_dropped(kept)
        subscription.cancel()
        assert publisher is not None

    @check("3.14", Kind.UNTESTED)
    async def test_untested_spec314_after_the_last_cancel_it_can_be_subscribed_to(self) -> None:
        """A Subscriber after the last one has cancelled is served, or refused by on_error."""
        publisher = self._publisher(3)
        first = await self.subscribed(publisher, 1)
        first.cancel()
        await self.settle()
        second = await self.subscribed(publisher, 3)
        assert second.error is not None or len(second.items) == 3, second

    @check("3.15", Kind.UNTESTED)
    async def test_untested_spec315_cancel_returns_normally(self) -> None:
        """Cancel raises nothing inside on_subscribe, after the end, or on another thread."""
        in_on_subscribe = CancelsAtOnce()
        self._publisher(1).subscribe(in_on_subscribe)
        ended = await self.subscribed(self._publisher(1), 1)
        ended.cancel()
        elsewhere = await self.subscribed(self._publisher(1))
        raised: list[BaseException] = []

        def cancel() -> None:
            try:
                elsewhere.cancel()
            except BaseException as error:
                raised.append(error)

        thread = threading.Thread(target=cancel)
        thread.start()
        thread.join()
        await self.requested(elsewhere, 1)
        assert not raised, raised
        assert in_on_subscribe.signals == ["on_subscribe"], in_on_subscribe
        assert elsewhere.signals == ["on_subscribe"], elsewhere

    @check("3.16", Kind.UNTESTED)
    async def test_untested_spec316_request_returns_normally(self) -> None:
        """Request raises nothing, whatever it is given, and after the end or a cancel."""
        for wrong in (0, -1, 1.5, "1", None):
            await self.requested(await self.subscribed(self._publisher(1)), wrong)
        ended = await self.subscribed(self._publisher(1), 1)
        for n in (0, 1, UNBOUNDED):
            await self.requested(ended, n)
        ended.assert_valid()

    @check("3.17")
    async def test_required_spec317_demand_of_2_to_the_63_is_served(self) -> None:
        """A request of 2**63 - 1 gives everything."""
        elements = self._up_to(3)
        subscriber = await self.subscribed(self._publisher(elements), 2**63 - 1)
        await self.finished(subscriber, elements)

    @check("3.17")
    async def test_required_spec317_demand_adds_up_to_2_to_the_63(self) -> None:
        """Requests whose sum is 2**63 - 1 give everything."""
        elements = self._up_to(3)
        subscriber = await self.subscribed(self._publisher(elements))
        for n in ((2**63 - 1) // 2, (2**63 - 1) // 2, 1):
            subscriber.request(n)
        await self.settle()
        await self.finished(subscriber, elements)

    @check("3.17")
    async def test_required_spec317_demand_beyond_2_to_the_63_is_no_error(self) -> None:
        """Demand that grows beyond 2**63 - 1 is without bound, and no failure."""
        elements = self._up_to(10)
        subscriber = await self.subscribed(self._publisher(elements), 1, request_each=2**63 - 1)
        await self.finished(subscriber, elements)
