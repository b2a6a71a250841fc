"""The bounded queue behind a door: what gives way, who is told, and faults in the middle."""

from __future__ import annotations

from collections import deque
from typing import Any

import pytest
import reactivex
from reactivex.subject import Subject

import rxflow
from rxflow.kernel import BUDGET, HANDOVER, NOTHING, Boundary, Context, Input, State
from rxflow.protocol import (
    BLOCK,
    DROP_ALL,
    DROP_INCOMING,
    DROP_NEWEST,
    DROP_OLDEST,
    FAIL,
    SUSPEND,
    UNBOUNDED,
    BufferOverflowError,
    Offer,
    Overflow,
)
from tests.kernel.recorder import COMPLETED, Recorder, dropped_errors


def door(overflow: Overflow = DROP_OLDEST, capacity: int = 3, **options: Any) -> Boundary[Any]:
    return Boundary(Context(lambda: None), "door", capacity, overflow, **options)


@pytest.mark.parametrize(
    ("overflow", "kept", "lost"),
    [
        (DROP_OLDEST, [3, 4, 5], [(1, "oldest"), (2, "oldest")]),
        (DROP_NEWEST, [1, 2, 5], [(3, "newest"), (4, "newest")]),
        (DROP_INCOMING, [1, 2, 3], [(4, "incoming"), (5, "incoming")]),
        (DROP_ALL, [4, 5], [(1, "all"), (2, "all"), (3, "all")]),
    ],
)
def test_each_strategy_gives_up_its_own_victim(
    overflow: Overflow, kept: list[int], lost: list[tuple[int, str]]
):
    subject: Subject[int] = Subject()
    drops: list[tuple[int, str]] = []
    recorder = Recorder()
    rxflow.from_observable(
        subject, overflow=overflow, capacity=3, on_drop=lambda *drop: drops.append(drop)
    ).subscribe(recorder)
    for item in range(1, 6):
        subject.on_next(item)
    subject.on_completed()
    recorder.request(9)
    assert recorder.items == kept
    assert recorder.signals[-1] == COMPLETED
    assert drops == lost


def test_an_overflow_that_fails_comes_behind_the_backlog_and_leaves_the_source():
    subject: Subject[str] = Subject()
    drops: list[tuple[str, str]] = []
    recorder = Recorder()
    rxflow.from_observable(
        subject, overflow=FAIL, capacity=2, on_drop=lambda *drop: drops.append(drop)
    ).subscribe(recorder)
    for item in "abcd":
        subject.on_next(item)
    assert subject.observers == []
    assert recorder.ends == []
    recorder.request(1)
    assert (recorder.items, recorder.ends) == (["a"], [])
    recorder.request(1)
    assert recorder.items == ["a", "b"]
    error = recorder.error
    assert isinstance(error, BufferOverflowError)
    assert str(error) == ("from_observable(capacity=2) overflowed: 2 held, 0 requested, item 'c'")
    assert drops == [("c", "overflow")]


def test_an_overflow_tells_the_demand_that_was_outstanding_when_it_came():
    """A consumer that is busy has asked for both, and has taken none of them."""
    boundary = door(FAIL, capacity=1)
    boundary.want(2)
    assert (boundary.push("a"), boundary.push("b")) == (Offer.ENQUEUED, Offer.DROPPED)
    assert list(boundary.run()) == ["a"]
    with pytest.raises(BufferOverflowError, match="1 held, 1 requested, item 'b'"):
        boundary.settle()


def test_an_item_whose_repr_fails_overflows_like_any_other():
    class Unprintable:
        def __repr__(self) -> str:
            raise OSError

    boundary = door(FAIL, capacity=1)
    assert boundary.push(1) is Offer.ENQUEUED
    assert boundary.push(Unprintable()) is Offer.DROPPED
    assert list(boundary.run()) == [1]
    with pytest.raises(BufferOverflowError):
        boundary.settle()


@pytest.mark.parametrize("delay_error", [True, False])
def test_an_error_of_the_source_waits_for_the_backlog_or_overtakes_it(delay_error: bool):
    subject: Subject[int] = Subject()
    discarded: list[int] = []
    recorder = Recorder(1)
    rxflow.from_observable(
        subject,
        overflow=FAIL,
        capacity=5,
        delay_error=delay_error,
        on_discard=discarded.append,
    ).subscribe(recorder)
    error = OSError("cut")
    for item in range(4):
        subject.on_next(item)
    subject.on_error(error)
    if delay_error:
        assert (recorder.items, recorder.ends, discarded) == ([0], [], [])
        recorder.request(3)
        assert (recorder.items, discarded) == ([0, 1, 2, 3], [])
    else:
        assert (recorder.items, discarded) == ([0], [1, 2, 3])  # and without further demand
    assert recorder.error is error


@pytest.mark.parametrize("backlog", [[], [7, 8]])
def test_completion_waits_for_the_backlog_and_for_nothing_else(backlog: list[int]):
    subject: Subject[int] = Subject()
    recorder = Recorder()
    rxflow.from_observable(subject, overflow=FAIL).subscribe(recorder)
    for item in backlog:
        subject.on_next(item)
    subject.on_completed()
    assert recorder.ends == ([] if backlog else [COMPLETED])
    if backlog:
        recorder.request(len(backlog))
    assert recorder.signals == [("subscribed",), *(("next", n) for n in backlog), COMPLETED]


def test_a_drop_callback_that_raises_fails_the_stream_and_leaves_the_source():
    subject: Subject[int] = Subject()
    error = OSError("the callback")

    def on_drop(item: int, reason: str) -> None:
        raise error

    recorder = Recorder()
    rxflow.from_observable(subject, overflow=DROP_OLDEST, capacity=2, on_drop=on_drop).subscribe(
        recorder
    )
    for item in range(5):
        subject.on_next(item)
    assert subject.observers == []
    assert recorder.signals == [("subscribed",)]
    recorder.request(9)
    assert recorder.items == [1, 2]  # item 2 came in the place of item 0, and nothing after it
    assert recorder.error is error


def test_a_drop_callback_that_raises_for_each_of_many_loses_no_error():
    errors: list[Exception] = []

    def on_drop(item: int, reason: str) -> None:
        errors.append(OSError(item))
        raise errors[-1]

    boundary = door(DROP_ALL, capacity=3, on_drop=on_drop)
    with dropped_errors() as dropped:
        for item in range(4):
            boundary.push(item)
        assert list(boundary.run()) == [3]
        with pytest.raises(OSError, match="0") as raised:
            boundary.settle()
    assert [raised.value, *dropped] == errors
    assert len(errors) == 3  # each of the dropped items was reported


def test_a_discard_callback_that_raises_is_reported_and_the_rest_are_discarded_too():
    discarded: list[int] = []

    def on_discard(item: int) -> None:
        discarded.append(item)
        raise OSError(item)

    boundary = door(on_discard=on_discard)
    for item in range(3):
        boundary.push(item)
    with dropped_errors() as dropped:
        boundary.cancel()
    assert discarded == [0, 1, 2]
    assert [error.args for error in dropped] == [(0,), (1,), (2,)]
    [figures] = boundary.statistics()
    assert figures.discarded == 3


def test_callbacks_may_use_the_queue_they_are_called_by():
    """They are called outside of the lock; under it this would never return."""
    held: list[int] = []

    def on_drop(item: Any, reason: str) -> None:
        [figures] = boundary.statistics()
        held.append(figures.held)
        if item == 0:
            boundary.push("made up for 0")

    boundary = door(capacity=2, on_drop=on_drop)
    for item in range(3):
        boundary.push(item)
    assert held == [2, 2]
    assert list(boundary.run()) == [2, "made up for 0"]


def test_a_wake_may_push_take_and_cancel():
    """It is sent outside of the lock."""
    taken: list[int] = []
    figures: list[Any] = []

    def wake() -> None:
        taken.extend(boundary.run())
        figures.extend(boundary.statistics())
        boundary.cancel()
        assert boundary.push(3) is Offer.CLOSED

    boundary: Boundary[int] = Boundary(Context(wake), "door", 2, FAIL)
    assert boundary.settle() is State.WAITING
    assert boundary.push(1) is Offer.ENQUEUED
    assert taken == [1]
    assert figures[0].delivered == 1


def test_one_wake_is_sent_for_a_batch_however_large():
    wakes: list[int] = []
    boundary: Boundary[int] = Boundary(Context(lambda: wakes.append(1)), "door", 100, FAIL)
    for batch in (1, 2):
        for item in range(50):
            boundary.push(item)
        assert len(wakes) == batch
        assert len(list(boundary.run())) == 50
        boundary.push(50)  # the consumer has not found it empty yet
        assert boundary.settle() is State.READY
        assert list(boundary.run()) == [50]
        assert boundary.settle() is State.WAITING
        assert len(wakes) == batch
    boundary.complete()
    assert len(wakes) == 3


def test_a_run_gives_its_consumer_a_turn_after_1024_items_of_a_longer_queue():
    boundary = door(FAIL, capacity=5000)
    for item in range(3000):
        boundary.push(item)
    sizes: list[int] = []
    state = State.READY
    while state is State.READY:
        sizes.append(len(list(boundary.run())))
        state = boundary.settle()
    assert sizes == [1024, 1024, 952]
    assert state is State.WAITING


def test_a_queue_without_capacity_passes_on_exactly_what_is_asked_for():
    boundary = door(DROP_INCOMING, capacity=0)
    assert boundary.push("unasked") is Offer.DROPPED
    boundary.want(2)
    assert boundary.requested == 2
    offers = [boundary.push(item) for item in "abc"]
    assert offers == [Offer.ENQUEUED, Offer.ENQUEUED, Offer.DROPPED]
    assert boundary.requested == 0
    assert list(boundary.run()) == ["a", "b"]


def test_a_queue_without_capacity_keeps_at_most_256_in_transit_to_unbounded_demand():
    boundary = door(DROP_INCOMING, capacity=0)
    boundary.want(UNBOUNDED)
    offers = [boundary.push(item) for item in range(HANDOVER + 1)]
    assert offers == [Offer.ENQUEUED] * 256 + [Offer.DROPPED]
    assert boundary.requested == UNBOUNDED
    [figures] = boundary.statistics()
    assert (figures.peak, figures.requested) == (256, UNBOUNDED)


def test_after_the_end_nothing_is_taken_counted_or_reported():
    drops: list[Any] = []
    discards: list[Any] = []
    boundary = door(
        DROP_OLDEST, 1, on_drop=lambda *drop: drops.append(drop), on_discard=discards.append
    )
    boundary.push(1)
    boundary.complete()
    assert boundary.push(2) is Offer.CLOSED
    assert boundary.closed
    assert list(boundary.run()) == [1]
    assert boundary.settle() is State.ENDED
    boundary.cancel()
    assert boundary.push(3) is Offer.CLOSED
    [figures] = boundary.statistics()
    assert (figures.received, figures.delivered, figures.discarded) == (1, 1, 0)
    assert (drops, discards) == ([], [])


def test_an_item_that_is_lost_before_the_queue_is_counted_and_reported():
    drops: list[Any] = []
    boundary = door(on_drop=lambda *drop: drops.append(drop))
    boundary.lose("late", "timeout")
    [figures] = boundary.statistics()
    assert (figures.received, figures.delivered, figures.dropped) == (1, 0, {"timeout": 1})
    assert drops == [("late", "timeout")]


def test_what_is_taken_back_is_counted_as_dropped_and_is_no_longer_held():
    boundary = door()
    boundary.push(1)
    boundary.push(2)
    assert boundary.take_back("merged") == [1, 2]
    boundary.push(3)
    [figures] = boundary.statistics()
    assert (figures.received, figures.held, figures.dropped) == (3, 1, {"merged": 2})
    assert list(boundary.run()) == [3]
    assert boundary.statistics().__next__().delivered == 1


def test_a_source_that_ignores_its_disposal_is_not_listened_to_any_more():
    """Rule 3.12, at a door: the source cannot be trusted to stop."""
    observers: list[Any] = []

    def deaf(observer: Any, scheduler: Any = None) -> Any:
        observers.append(observer)
        return reactivex.disposable.Disposable()

    recorder = Recorder(UNBOUNDED)
    rxflow.from_observable(reactivex.create(deaf), overflow=FAIL).subscribe(recorder)
    observers[0].on_next(1)
    recorder.cancel()
    observers[0].on_next(2)
    observers[0].on_completed()
    assert recorder.signals == [("subscribed",), ("next", 1)]


def test_few_items_are_taken_without_a_run_and_many_are_not():
    boundary = door(FAIL, capacity=9)
    for item in range(4):
        boundary.push(item)
    few = boundary.few()
    assert few is not None
    assert (few.ended, list(few), few.ended) == (False, [0, 1, 2, 3], True)
    boundary.push(4)
    assert boundary.few() is few  # it is made once, and begins afresh
    assert (few.ended, next(few), few.ended) == (False, 4, False)
    for item in range(5):
        boundary.push(item)
    assert boundary.few() is None
    assert list(boundary.run()) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("overflow", [BLOCK, SUSPEND], ids=repr)
def test_a_queue_whose_producers_wait_has_no_few_since_they_are_told_of_room_by_a_run(
    overflow: Overflow,
):
    boundary = door(overflow, capacity=9)
    boundary.push(1)
    assert boundary.few() is None


def test_few_items_that_become_many_give_their_consumer_a_turn():
    boundary = door(FAIL)
    boundary.push(0)
    few = boundary.few()
    assert few is not None
    taken = 0
    for item in few:
        assert taken < BUDGET
        boundary.push(item + 1)
        taken += 1
    assert taken == BUDGET
    assert boundary.settle() is State.READY


class Stopping(Boundary[Any]):
    """Counts how often its producer is stopped."""

    stopped = 0

    def stop_producer(self) -> None:
        self.stopped += 1


def test_an_interrupt_in_a_callback_passes_through_fails_the_stream_and_stops_the_source():
    def on_drop(item: int, reason: str) -> None:
        raise KeyboardInterrupt

    boundary = Stopping(Context(lambda: None), "door", 1, DROP_OLDEST, on_drop=on_drop)
    boundary.push(1)
    assert boundary.stopped == 0
    with pytest.raises(KeyboardInterrupt):
        boundary.push(2)
    assert boundary.stopped == 1
    assert boundary.closed
    assert list(boundary.run()) == [2]
    with pytest.raises(RuntimeError) as raised:
        boundary.settle()
    assert str(raised.value) == "door: a callback ended with KeyboardInterrupt()"
    assert boundary.failure is raised.value


def test_items_that_are_lost_before_the_queue_are_counted_with_those_in_it():
    boundary = door()
    for item in range(3):
        boundary.push(item)
        boundary.lose(item, "late")
    boundary.lose("early", "other")
    [figures] = boundary.statistics()
    assert (figures.received, figures.held, figures.dropped) == (7, 3, {"late": 3, "other": 1})


@pytest.mark.parametrize("nested", [False, True])
def test_inside_of_a_call_of_the_source_what_is_asked_for_is_held_beyond_the_capacity(
    nested: bool,
):
    boundary = door(DROP_INCOMING, capacity=2)
    boundary.want(3)
    assert not boundary.full()
    with boundary.starting():
        if nested:
            with boundary.starting():
                assert boundary.push(-1) is Offer.ENQUEUED
        else:
            boundary.push(-1)
        assert [boundary.push(item) for item in range(4)] == [Offer.ENQUEUED] * 4
        assert boundary.full()
        assert boundary.push(4) is Offer.DROPPED
    assert list(boundary.run()) == [-1, 0, 1, 2, 3]
    boundary.want(3)
    assert [boundary.push(item) for item in range(3)] == [
        Offer.ENQUEUED,
        Offer.ENQUEUED,
        Offer.DROPPED,
    ]
    assert boundary.full()


def test_demand_that_comes_while_the_consumer_is_busy_is_added_to_what_there_is():
    boundary = door(FAIL, capacity=9)
    boundary.want(2)
    boundary.more(3)
    assert boundary.requested == 5
    boundary.push(0)
    boundary.more(1)
    assert boundary.requested == 5
    assert boundary.statistics().__next__().requested == 6
    boundary.more(UNBOUNDED)
    assert boundary.requested == UNBOUNDED


def test_a_failure_is_forgotten_by_cancel():
    """What it holds on to is let go of, too."""
    boundary = door()
    assert boundary.failure is None
    error = OSError("cut")
    boundary.fail(error)
    assert boundary.failure is error
    boundary.cancel()
    assert boundary.failure is None


def test_a_queue_is_at_its_end_when_its_source_is_and_nothing_is_held():
    boundary = door()
    assert boundary.ending() is False
    boundary.push(1)
    boundary.complete()
    assert boundary.ending() is False
    assert list(boundary.run()) == [1]
    assert boundary.ending() is True


@pytest.mark.parametrize("capacity", [0, 2])
def test_demand_is_counted_from_what_was_taken(capacity: int):
    boundary = door(DROP_INCOMING, capacity)
    boundary.want(2)
    boundary.push(1)
    boundary.push(2)
    assert list(boundary.run()) == [1, 2]
    boundary.want(1)
    assert boundary.requested == 1
    offers = [boundary.push(item) for item in range(3)]
    assert offers.count(Offer.ENQUEUED) == (capacity or 1)
    assert boundary.requested == 0


def test_the_end_wakes_its_consumer_once():
    wakes: list[str] = []
    boundary = Boundary[Any](Context(lambda: wakes.append("woken")), "door", 3, DROP_OLDEST)
    assert boundary.settle() is State.WAITING
    boundary.complete()
    boundary.complete()
    assert wakes == ["woken"]
    assert boundary.settle() is State.ENDED


@pytest.mark.parametrize(
    ("overflow", "kept", "offer"),
    [
        (DROP_OLDEST, [4, 5, 6], Offer.ENQUEUED),
        (DROP_NEWEST, [0, 1, 6], Offer.ENQUEUED),
        (DROP_INCOMING, [0, 1, 2], Offer.DROPPED),
    ],
    ids=repr,
)
def test_what_gives_way_where_nobody_is_told_is_counted_item_by_item(
    overflow: Overflow, kept: list[int], offer: Offer
):
    boundary, reason = door(overflow), overflow.victim.value
    assert [boundary.push(item) for item in range(3)] == [Offer.ENQUEUED] * 3
    for item in range(3, 7):
        assert boundary.push(item) is offer
        [figures] = boundary.statistics()
        assert (figures.received, figures.held, figures.peak) == (item + 1, 3, 3)
        assert (figures.dropped, figures.delivered) == ({reason: item - 2}, 0)
    assert list(boundary.run()) == kept
    boundary.lose("before it", reason)
    boundary.lose("before it", "refused")
    assert boundary.push(None) is Offer.ENQUEUED
    for _ in range(2):  # to be asked changes nothing
        [figures] = boundary.statistics()
        assert figures.dropped == {reason: 5, "refused": 1}
        assert (figures.received, figures.delivered, figures.held) == (10, 3, 1)


@pytest.mark.parametrize("overflow", [DROP_OLDEST, DROP_NEWEST], ids=repr)
def test_nothing_gives_way_where_the_consumer_is_quicker(overflow: Overflow):
    """It takes without the lock, here just after the producer has found the queue full."""
    taken: list[int] = []

    class Raced(deque[int]):
        def __len__(self) -> int:
            found = super().__len__()
            if found == 3 and not taken:
                taken.extend(self.popleft() for _ in range(3))
            return found

    boundary = door(overflow)
    boundary._queue = Raced()
    assert [boundary.push(item) for item in range(4)] == [Offer.ENQUEUED] * 4
    [figures] = boundary.statistics()
    assert (figures.received, figures.delivered, figures.held) == (4, 3, 1)
    assert figures.dropped == {}
    assert (taken, list(boundary.run())) == ([0, 1, 2], [3])


def test_a_few_items_of_which_the_last_was_evicted_meanwhile_are_at_their_end():
    class Raced(deque[int]):
        def __bool__(self) -> bool:  # as it was when it was looked at
            return True

    boundary = door()
    boundary._queue = Raced()
    boundary.push(7)
    few = boundary.few()
    assert few is not None
    assert (next(few), next(few, "nothing"), few.ended) == (7, "nothing", True)


def test_it_need_not_hear_the_same_demand_twice_unless_it_hears_it_in_a_way_of_its_own():
    class Hearing(Boundary[Any]):
        def want(self, n: int) -> None:
            heard.append(n)
            super().want(n)

    heard: list[int] = []
    hearing = Hearing(Context(lambda: None), "door", 3, DROP_OLDEST)
    assert (door().steady, hearing.steady) == (True, False)
    entry = Input(lambda _: hearing, Context(lambda: None))
    entry.start()
    assert entry.take(2) is NOTHING
    entry.want(2)
    assert heard == [2, 2]


def test_a_producer_that_waits_is_told_of_room_in_the_middle_of_a_run():
    boundary = door(BLOCK, capacity=8)
    for item in range(8):
        boundary.push(item)
    taken: list[int] = []
    told: list[int] = []
    for item in boundary.run():
        taken.append(item)
        if item == 0:
            assert boundary.push(8) is Offer.ENQUEUED
            assert boundary.when_room(lambda: told.extend(taken))
    assert taken == [*range(9)]
    assert told == [0, 1]  # with the third item a quarter of the room is free


def test_a_push_sees_the_consumer_in_a_call_of_the_source_or_not_and_never_both():
    """It asks twice whether there is room; between the two a door that blocks lost the item."""

    class Held:
        times = 0

        def __enter__(self) -> None:
            Held.times += 1

        def __exit__(self, *_: object) -> None: ...

    boundary: Any = door(BLOCK)
    boundary._lock = Held()
    with boundary.starting():
        assert (Held.times, boundary._starting) == (1, True)
    assert (Held.times, boundary._starting) == (2, False)
