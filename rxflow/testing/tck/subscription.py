"""The checks of a Subscription: chapter 3 of the rules."""

from __future__ import annotations

import threading
from typing import Any

from ...protocol import UNBOUNDED
from ..subscriber import TestSubscriber
from .environment import Kind, check
from .publishing import PublishingVerification
from .subscribers import CancelsAtOnce

STUCK = 1.0
"""How long a call that must not wait may take (seconds)."""

MANY = 1_000
"""Items of a stream that is long."""


class SubscriptionVerification(PublishingVerification):
    """Checks the Subscriptions that a Publisher gives."""

    @check("3.2")
    async def test_required_spec302_request_may_be_called_inside_the_signals(self) -> None:
        """Requests from inside on_subscribe and on_next are served."""
        elements = self.up_to(10)
        subscriber = await self.subscribed(self.publisher(elements), 1, request_each=1)
        await self.finished(subscriber, elements)

    @check("3.3")
    async def test_required_spec303_recursion_is_bounded(self) -> None:
        """Requests from inside on_next do not nest on_next deeper and deeper."""
        elements = self.up_to(MANY)
        subscriber = await self.subscribed(self.publisher(elements), 1, request_each=1)
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

        elements = self.up_to(10)
        await self.subscribed(self.publisher(elements), 1, then=ask)
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

        await self.subscribed(self.publisher(1), 1, then=elsewhere)
        assert not stuck, f"{stuck} waited for on_next on another thread to return"

    @check("3.5", Kind.UNTESTED)
    async def test_untested_spec305_cancel_inside_on_next_takes_effect_at_once(self) -> None:
        """After a cancel inside on_next no item comes, however much is requested."""
        subscriber = await self.subscribed(self.publisher(3), UNBOUNDED, cancel_after=1)
        assert subscriber.signals == ["on_subscribe", "on_next"], subscriber

    @check("3.6")
    async def test_required_spec306_request_after_a_cancel_does_nothing(self) -> None:
        """What is requested after a cancel does not come."""
        subscriber = await self.subscribed(self.publisher(3))
        subscriber.cancel()
        for n in (1, 2, UNBOUNDED):
            await self.requested(subscriber, n)
        assert subscriber.signals == ["on_subscribe"], subscriber

    @check("3.7")
    async def test_required_spec307_a_second_cancel_does_nothing(self) -> None:
        """Cancel may be called again."""
        subscriber = await self.subscribed(self.publisher(3))
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
        subscriber = await self.subscribed(self.publisher(3))
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

        subscriber = await self.subscribed(self.publisher(3), then=take)
        with lock:
            subscriber.request(3)
        await self.settle()
        await self.finished(subscriber, 3)

    @check("3.11", Kind.UNTESTED)
    async def test_untested_spec311_request_may_call_the_end_before_it_returns(self) -> None:
        """The end comes with the last item or later, and not before."""
        subscriber = await self.subscribed(self.publisher(3), 2)
        subscriber.assert_open()
        await self.requested(subscriber, 1)
        await self.finished(subscriber, 3)

    @check("3.12")
    async def test_required_spec312_cancel_stops_the_signals(self) -> None:
        """After a cancel from outside signals stop, although more was requested."""
        subscriber = await self.subscribed(self.publisher(self.up_to(MANY)))
        subscriber.cancel()
        subscriber.request(UNBOUNDED)
        await self.settle()
        came = len(subscriber.signals)
        await self.settle()
        assert len(subscriber.signals) == came == 1, subscriber

    @check("3.13")
    async def test_required_spec313_cancel_drops_all_references(self) -> None:
        """After a cancel nothing of the Publisher refers to the Subscriber."""
        publisher = self.publisher(3)
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
        publisher = self.publisher(3)
        first = await self.subscribed(publisher, 1)
        first.cancel()
        await self.settle()
        second = await self.subscribed(publisher, 3)
        assert second.error is not None or len(second.items) == 3, second

    @check("3.15", Kind.UNTESTED)
    async def test_untested_spec315_cancel_returns_normally(self) -> None:
        """Cancel raises nothing inside on_subscribe, after the end, or on another thread."""
        in_on_subscribe = CancelsAtOnce()
        self.publisher(1).subscribe(in_on_subscribe)
        ended = await self.subscribed(self.publisher(1), 1)
        ended.cancel()
        elsewhere = await self.subscribed(self.publisher(1))
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
            await self.requested(await self.subscribed(self.publisher(1)), wrong)
        ended = await self.subscribed(self.publisher(1), 1)
        for n in (0, 1, UNBOUNDED):
            await self.requested(ended, n)
        ended.assert_valid()

    @check("3.17")
    async def test_required_spec317_demand_of_2_to_the_63_is_served(self) -> None:
        """A request of 2**63 - 1 gives everything."""
        elements = self.up_to(3)
        subscriber = await self.subscribed(self.publisher(elements), 2**63 - 1)
        await self.finished(subscriber, elements)

    @check("3.17")
    async def test_required_spec317_demand_adds_up_to_2_to_the_63(self) -> None:
        """Requests whose sum is 2**63 - 1 give everything."""
        elements = self.up_to(3)
        subscriber = await self.subscribed(self.publisher(elements))
        for n in ((2**63 - 1) // 2, (2**63 - 1) // 2, 1):
            subscriber.request(n)
        await self.settle()
        await self.finished(subscriber, elements)

    @check("3.17")
    async def test_required_spec317_demand_beyond_2_to_the_63_is_no_error(self) -> None:
        """Demand that grows beyond 2**63 - 1 is without bound, and no failure."""
        elements = self.up_to(10)
        subscriber = await self.subscribed(self.publisher(elements), 1, request_each=2**63 - 1)
        await self.finished(subscriber, elements)
