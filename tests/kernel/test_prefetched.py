"""A boundary that asks its producer for batches: how many, when, and how it leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest
from reactivex.scheduler import ImmediateScheduler
from reactivex.testing import TestScheduler

from rxflow.kernel import (
    Context,
    Prefetched,
    Pulled,
    StageStatistics,
    State,
    drained,
)
from rxflow.protocol import (
    DROP_OLDEST,
    FAIL,
    BufferOverflowError,
    Offer,
    Overflow,
    Subscriber,
    Subscription,
)
from rxflow.testing import run_virtual
from tests.kernel.hand import Barren
from tests.kernel.recorder import dropped_errors
from tests.support import timeless


class Producer(Subscription):
    """Gives what the test tells it to; notes what it is told."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.subscriber: Any = None

    def connect(self, subscriber: Subscriber[Any]) -> None:
        self.subscriber = subscriber
        subscriber.on_subscribe(self)

    def request(self, n: int) -> None:
        self.told.append(n)

    def cancel(self) -> None:
        self.told.append("cancel")


def started(high: int = 4, batch: int = 2) -> tuple[Prefetched, Producer]:
    producer = Producer()
    feed = Prefetched(Context(lambda: None), "merge", high, batch, producer.connect)
    feed.start()
    return feed, producer


def test_it_asks_for_all_that_has_room_and_then_for_each_batch_that_was_taken():
    feed, producer = started(high=4, batch=2)
    assert producer.told == [4]
    for item in range(4):
        producer.subscriber.on_next(item)
    run = feed.run()
    told: list[list[Any]] = []
    for item in range(4):
        assert next(run) == item
        told.append(list(producer.told))
    assert told == [[4], [4, 2], [4, 2], [4, 2, 2]]


def test_what_was_taken_counts_across_runs():
    feed, producer = started(high=4, batch=3)
    for item in range(5):
        producer.subscriber.on_next(item)
        assert list(feed.run()) == [item]
        assert feed.settle() is State.WAITING
    assert producer.told == [4, 3]


class Batched:
    """A boundary whose consumer pulls, and whose producer gives batches, on a virtual clock.

    Attributes:
        wakes: How often its consumer was woken.
    """

    def __init__(self, overflow: Overflow = FAIL) -> None:
        self.wakes = 0
        self.clock = TestScheduler()
        self.producer = Producer()
        self.feed = Prefetched(
            Context(self._woken, self.clock, pulls=True),
            *("merge", 4, 2, self.producer.connect),
            overflow=overflow,
        )
        self.feed.start()

    def _woken(self) -> None:
        self.wakes += 1

    def push(self, *items: int) -> None:
        self.producer.subscriber.on_batch(list(items))

    def take(self, count: int) -> list[int]:
        return list(islice(self.feed.run(), count))

    @property
    def figures(self) -> StageStatistics:
        *_, own = self.feed.statistics()
        return own


def counts(part: StageStatistics) -> tuple[int, int, int, int]:
    return part.received, part.delivered, part.held, part.peak


def test_a_batch_is_counted_item_by_item_and_wakes_who_waits_once():
    batched = Batched()
    batched.push(1, 2, 3)
    assert (batched.wakes, counts(batched.figures)) == (1, (3, 0, 3, 3))
    batched.push(4)
    assert (batched.wakes, counts(batched.figures)) == (1, (4, 0, 4, 4))
    assert batched.take(9) == [1, 2, 3, 4]
    assert batched.feed.settle() is State.WAITING
    batched.push(5, 6)
    assert (batched.wakes, counts(batched.figures)) == (2, (6, 4, 2, 4))
    assert batched.take(9) == [5, 6]


def test_a_batch_that_has_no_room_as_a_whole_goes_in_as_far_as_it_has():
    batched = Batched(DROP_OLDEST)
    batched.push(1, 2)
    batched.push(3, 4, 5)
    assert counts(batched.figures) == (5, 0, 4, 4)
    assert batched.figures.dropped == {"oldest": 1}
    assert batched.take(9) == [2, 3, 4, 5]
    failing = Batched()
    failing.push(1, 2, 3, 4, 5)
    assert failing.take(9) == [1, 2, 3, 4]
    with pytest.raises(BufferOverflowError):
        failing.feed.settle()


def test_a_batch_after_the_end_is_not_taken():
    batched = Batched()
    batched.feed.cancel()
    batched.push(1, 2)
    assert (batched.wakes, counts(batched.figures)) == (0, (0, 0, 0, 0))


def test_the_first_of_a_batch_tells_how_long_it_was_held():
    batched = Batched()
    for begun, items in ((0, (1, 2)), (10, (3, 4, 5))):
        batched.clock.advance_to(begun)
        batched.push(*items)
        batched.clock.advance_to(begun + 2)
        assert batched.take(1) == [items[0]]
        batched.clock.advance_to(begun + 3)
        assert batched.take(9) == [*items[1:]]
        assert batched.feed.settle() is State.WAITING
    assert batched.figures.latency.count == 2
    assert batched.figures.latency.sum == 4.0
    assert batched.figures.blocked_seconds == 6.0


def test_what_comes_after_a_slow_batch_is_timed_item_by_item():
    batched = Batched()
    batched.push(1, 2)
    batched.clock.advance_to(1)
    assert batched.take(1) == [1]  # slow enough for the next one to be timed, too
    batched.clock.advance_to(5)
    batched.push(3, 4)
    batched.clock.advance_to(8)
    assert batched.take(9) == [2, 3, 4]
    assert (batched.figures.latency.count, batched.figures.latency.sum) == (2, 1.0 + 3.0)
    batched.push(5, 6, 7, 8)
    assert counts(batched.figures) == (8, 4, 4, 4)


def test_it_has_no_few():
    feed, producer = started()
    producer.subscriber.on_next(1)
    assert feed.few() is None


def test_more_than_was_asked_for_fails_it_and_leaves_the_producer():
    feed, producer = started(high=2, batch=1)
    for item in range(3):
        producer.subscriber.on_next(item)
    assert producer.told == [2, "cancel"]
    assert list(feed.run()) == [0, 1]
    assert producer.told == [2, "cancel"]  # nothing is requested of who was left
    with pytest.raises(BufferOverflowError) as raised:
        feed.settle()
    assert str(raised.value) == "merge(capacity=2) overflowed: 2 held, 0 requested, item 2"


@pytest.mark.parametrize("end", ["on_error", "on_completed"])
def test_after_the_end_the_subscription_is_left_alone(end: str):
    """Rule 2.4: it counts as cancelled."""
    feed, producer = started(high=4, batch=1)
    error = OSError("cut")
    producer.subscriber.on_next(1)
    producer.subscriber.on_error(error) if end == "on_error" else producer.subscriber.on_completed()
    assert list(feed.run()) == [1]
    if end == "on_error":
        with pytest.raises(OSError, match="cut") as raised:
            feed.settle()
        assert raised.value is error
    else:
        assert feed.settle() is State.ENDED
    feed.cancel()
    assert producer.told == [4]


@pytest.mark.parametrize("end", ["on_error", "on_completed"])
def test_a_subscription_that_comes_behind_the_end_is_cancelled(end: str):
    feed, producer = started()
    producer.subscriber.on_error(OSError()) if end == "on_error" else feed._intake.on_completed()
    late = Producer()
    producer.subscriber.on_subscribe(late)
    assert late.told == ["cancel"]


def test_a_second_subscription_is_cancelled_and_the_first_goes_on():
    """Rule 2.5."""
    _, producer = started()
    second = Producer()
    producer.subscriber.on_subscribe(second)
    assert (second.told, producer.told) == (["cancel"], [4])


def test_cancel_leaves_the_producer_once_and_lets_go_of_what_is_held():
    feed, producer = started()
    producer.subscriber.on_next(1)
    feed.cancel()
    feed.cancel()
    assert producer.told == [4, "cancel"]
    assert producer.subscriber.on_next(2) is Offer.CLOSED
    [figures] = feed.statistics()
    assert timeless(figures) == [
        StageStatistics("merge", received=1, peak=1, capacity=4, discarded=1, inputs=0)
    ]


def test_cancel_before_there_is_a_subscription_cancels_it_when_it_comes():
    producer = Producer()
    feed = Prefetched(Context(lambda: None), "merge", 4, 2, lambda subscriber: None)
    feed.start()
    feed.cancel()
    feed._intake.on_subscribe(producer)
    assert producer.told == ["cancel"]


def test_a_producer_that_raises_when_it_is_cancelled_is_reported():
    """Rule 3.15: it is not to raise."""

    class Raising(Producer):
        def cancel(self) -> None:
            raise OSError("will not")

    producer = Raising()
    feed = Prefetched(Context(lambda: None), "merge", 4, 2, producer.connect)
    feed.start()
    with dropped_errors() as dropped:
        feed.cancel()
    assert [str(error) for error in dropped] == ["will not"]


@pytest.mark.parametrize("signal", ["on_subscribe", "on_error"])
def test_none_is_refused_where_the_rules_want_something(signal: str):
    """Rule 2.13; None is an item like any other in Python."""
    feed, producer = started()
    with pytest.raises(TypeError) as raised:
        getattr(producer.subscriber, signal)(None)
    assert str(raised.value) == f"{signal} was given None (rule 2.13)"
    assert not feed.closed
    producer.subscriber.on_next(None)
    assert list(feed.run()) == [None]


def test_a_flow_is_drained_and_its_figures_come_first():
    closed: list[int] = []

    def source() -> Iterator[int]:
        try:
            yield from range(9)
        finally:
            closed.append(1)

    inner = Prefetched(
        Context(lambda: None),
        "inner",
        3,
        2,
        drained(lambda context: Pulled(source()), Context(lambda: None)),
    )
    outer = Prefetched(
        Context(lambda: None),
        "outer",
        4,
        2,
        drained(lambda context: inner, Context(lambda: None)),
    )
    outer.start()
    run = outer.run()
    assert [next(run) for _ in range(2)] == [0, 1]
    figures = list(outer.statistics())
    assert [(each.name, each.received, each.delivered, each.held) for each in figures] == [
        ("from_iterable", 9, 9, 0),
        ("inner", 9, 6, 3),
        ("outer", 6, 2, 4),
    ]
    outer.cancel()
    assert closed == [1]


def test_a_flow_hears_of_the_scheduler_and_the_tasks_of_its_consumer():
    seen: list[Context] = []

    def make(context: Context) -> Pulled:
        seen.append(context)
        return Pulled(iter([1]))

    scheduler = ImmediateScheduler()
    context = Context(lambda: None, scheduler, set())
    feed = Prefetched(context, "merge", 4, 2, drained(make, context))
    feed.start()
    assert seen[0].tasks is context.tasks
    assert seen[0].scheduler is context.scheduler
    assert list(feed.run()) == [1]
    assert feed.settle() is State.ENDED


def test_a_flow_that_is_drained_on_a_loop_gives_others_a_turn_after_a_run_without_items():
    async def main() -> None:
        context = Context(lambda: None)
        feed = Prefetched(context, "merge", 4, 2, drained(Barren("found").make, context))
        feed.start()
        assert list(feed.run()) == []
        for _ in range(3):
            await asyncio.sleep(0)
        assert list(feed.run()) == ["found"]

    run_virtual(main())


def test_with_less_room_than_it_asks_for_what_gives_way_is_told():
    producer, drops = Producer(), list[Any]()
    feed = Prefetched(
        Context(lambda: None),
        "pushed",
        4,
        2,
        producer.connect,
        capacity=2,
        overflow=DROP_OLDEST,
        on_drop=lambda *drop: drops.append(drop),
    )
    feed.start()
    for item in range(4):
        producer.subscriber.on_next(item)
    assert drops == [(0, "oldest"), (1, "oldest")]
    assert list(feed.run()) == [2, 3]


@pytest.mark.parametrize(("delay_error", "kept"), [(True, ["held"]), (False, [])])
def test_an_error_waits_for_what_is_held_or_overtakes_it(delay_error: bool, kept: list[str]):
    producer, error = Producer(), OSError("cut")
    feed = Prefetched(
        Context(lambda: None), "merge", 4, 2, producer.connect, delay_error=delay_error
    )
    feed.start()
    producer.subscriber.on_next("held")
    producer.subscriber.on_error(error)
    assert list(feed.run()) == kept
    with pytest.raises(OSError, match="cut"):
        feed.settle()


def test_the_consumer_at_the_end_is_known_on_the_other_side_of_a_drain():
    class Whole:
        """Stands for the Drain at the end of the pipeline."""

    whole: Any = Whole()
    seen: list[Context] = []

    def make(context: Context) -> Any:
        seen.append(context)
        return Barren().make(context)

    context = Context(lambda: None, consumer=whole)
    Prefetched(context, "merge", 4, 2, drained(make, context)).start()
    assert [made.consumer for made in seen] == [whole]
