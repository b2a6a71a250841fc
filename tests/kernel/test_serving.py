"""A single item that is handed over at once: whatever happens meanwhile is as with a wake."""

from __future__ import annotations

import sys
import threading
from collections.abc import Sized
from typing import Any

import pytest

import rxflow as rx
from rxflow import operators as ops
from rxflow.kernel import Boundary, Context, Drain, Few, Handing, State
from rxflow.protocol import FAIL, UNBOUNDED, Offer
from tests.kernel.recorder import COMPLETED, Recorder, dropped_errors


class Watched(Boundary[Any]):
    """A boundary that counts how often it was looked at for what it holds."""

    looks = 0

    def few(self) -> Few | None:
        self.looks += 1
        return super().few()


class Pushed:
    """A boundary with a subscriber, perhaps with stages between."""

    def __init__(
        self, recorder: Recorder, *stages: Any, capacity: int = 4, drain: type[Drain] = Drain
    ) -> None:
        self.boundary: Watched
        self.discarded: list[Any] = []

        def make(context: Context) -> Boundary[Any]:
            self.boundary = Watched(
                context, "pushed", capacity, FAIL, on_discard=self.discarded.append
            )
            return self.boundary

        self.drain = drain(recorder, raises=False)
        self.drain.open(rx.Flow(make).pipe(*stages).feed)
        self.drain.wake()

    @property
    def figures(self) -> Any:
        return next(self.boundary.statistics())


class Preempted(Drain):
    """A Drain whose caller loses its turn on the processor between a note and the wake."""

    pausing = False

    def wake(self, inside: bool = False) -> None:
        if not self.pausing:
            super().wake(inside)


STAGES = pytest.mark.parametrize(
    "stages",
    [(), (ops.map(lambda x: x), ops.filter(lambda x: True))],
    ids=["alone", "behind stages"],
)


@STAGES
def test_it_is_counted_as_one_that_was_held(stages: Any) -> None:
    seen: list[Any] = []
    recorder = Recorder(UNBOUNDED, then=lambda _, __: seen.append(pushed.figures))
    pushed = Pushed(recorder, *stages)
    for item in (1, None, 3):
        pushed.boundary.push(item)
    assert recorder.items == [1, None, 3]
    assert [(f.received, f.delivered, f.held, f.peak) for f in seen] == [
        (1, 1, 0, 1),
        (2, 2, 0, 1),
        (3, 3, 0, 1),
    ]


@STAGES
@pytest.mark.parametrize("capacity", [0, 4])
def test_where_only_demand_makes_room_no_other_producer_counts_it_meanwhile(
    capacity: int, stages: Any
) -> None:
    seen: list[bool] = []

    class Entered(Drain):
        def enter(self, queue: Sized) -> bool | None:
            entered = super().enter(queue)
            seen.append(pushed.boundary._lock.locked())
            return entered

    recorder = Recorder(1, then=lambda _, __: seen.append(pushed.boundary._lock.locked()))
    pushed = Pushed(recorder, *stages, capacity=capacity, drain=Entered)
    pushed.boundary.push(1)
    assert seen == [not capacity, False]
    offer = pushed.boundary.push(2)
    assert offer is (Offer.ENQUEUED if capacity else Offer.DROPPED)
    assert (pushed.figures.received, pushed.figures.held) == (2, int(bool(capacity)))


@STAGES
@pytest.mark.parametrize("late", [False, True])
def test_a_request_that_was_met_before_it_was_told_of_is_not_counted_twice(
    late: bool, stages: Any
) -> None:
    recorder = Recorder()
    pushed = Pushed(recorder, *stages, capacity=0)
    boundary, told = pushed.boundary, pushed.boundary.more

    def more(n: int) -> None:
        """Be as slow as a thread that loses its turn on the processor, while others go on."""
        if late:
            told(n)
        pushed.drain.wake()
        boundary.push(1)
        if not late:
            told(n)

    boundary.more = more  # type: ignore[method-assign]
    pushed.drain.request(1)
    assert (recorder.items, boundary.requested) == ([1], 0)
    assert boundary.push(2) is Offer.DROPPED
    assert (pushed.figures.received, pushed.figures.held) == (2, 0)


def test_a_subscriber_that_is_interrupted_in_on_error_gives_its_turn_back() -> None:
    class Interrupted(Recorder):
        def on_error(self, error: Exception) -> None:
            super().on_error(error)
            raise KeyboardInterrupt

    def failing(item: Any) -> Any:
        raise ValueError(item)

    recorder = Interrupted(UNBOUNDED)
    pushed = Pushed(recorder, ops.map(failing))
    with pytest.raises(KeyboardInterrupt):
        pushed.boundary.push(1)
    assert isinstance(recorder.error, ValueError)
    assert pushed.boundary.push(2) is Offer.CLOSED  # it was cancelled


@STAGES
def test_one_that_comes_between_a_request_and_its_wake_is_no_end_of_a_run_before(
    stages: Any,
) -> None:
    recorder = Recorder()
    pushed = Pushed(recorder, *stages)
    boundary = pushed.boundary
    boundary.push(1)
    pushed.drain.request(1)  # which leaves a run that does not know yet that it is at its end
    told = boundary.more

    def more(n: int) -> None:
        told(n)
        boundary.push(2)

    boundary.more = more  # type: ignore[method-assign]
    pushed.drain.request(2)
    boundary.push(3)
    assert recorder.items == [1, 2, 3]
    assert recorder.ends == []
    assert boundary.requested == 0


@pytest.mark.parametrize("capacity", [0, 4])
def test_an_item_of_which_nothing_comes_leaves_the_demand_as_it_was(capacity: int) -> None:
    recorder = Recorder(3)
    pushed = Pushed(recorder, ops.filter(lambda x: x > 0), capacity=capacity)
    left: list[int] = []
    for item in (0, 1, 0, 0, 2, 3):
        left.append(pushed.boundary.requested)
        assert pushed.boundary.push(item) is Offer.ENQUEUED
    assert (left, recorder.items) == ([3, 3, 2, 2, 2, 1], [1, 2, 3])
    assert pushed.boundary.requested == 0


def test_nobody_looks_for_what_is_held_as_long_as_single_items_come() -> None:
    recorder = Recorder(UNBOUNDED)
    pushed = Pushed(recorder, ops.map(lambda x: x))
    before = pushed.boundary.looks
    for item in range(5):
        pushed.boundary.push(item)
    assert recorder.items == [0, 1, 2, 3, 4]
    assert pushed.boundary.looks == before


@STAGES
def test_a_cancel_that_is_about_to_be_heard_lets_nothing_be_handed_over(stages: Any) -> None:
    recorder = Recorder(UNBOUNDED)
    pushed = Pushed(recorder, *stages, drain=Preempted)
    pushed.drain.pausing = True
    pushed.drain.cancel()
    pushed.boundary.push(1)
    assert pushed.figures.held == 1
    pushed.drain.pausing = False
    pushed.drain.wake()
    assert (recorder.items, pushed.discarded) == ([], [1])


@STAGES
def test_wrong_demand_that_is_about_to_be_heard_lets_nothing_be_handed_over(stages: Any) -> None:
    recorder = Recorder(UNBOUNDED)
    pushed = Pushed(recorder, *stages, drain=Preempted)
    pushed.drain.pausing = True
    pushed.drain.request(0)
    pushed.boundary.push(1)
    assert recorder.items == []
    pushed.drain.pausing = False
    pushed.drain.wake()
    assert "request(0)" in str(recorder.error)
    assert pushed.discarded == [1]


def test_a_cancel_while_an_item_is_on_its_way_discards_it_and_counts_it() -> None:
    recorder = Recorder(UNBOUNDED)
    pushed = Pushed(recorder)
    assert pushed.drain.enter(())
    pushed.drain.cancel()
    assert not pushed.boundary.closed  # whoever is handing the item over is to see to that
    pushed.drain.hand(1)
    assert pushed.boundary.closed
    assert recorder.items == []
    consumer = pushed.drain.statistics()[-1]
    assert (consumer.received, consumer.delivered, consumer.discarded) == (1, 0, 1)


@STAGES
def test_unbounded_demand_stays_unbounded(stages: Any) -> None:
    pushed = Pushed(Recorder(UNBOUNDED), *stages)
    for item in range(3):
        pushed.boundary.push(item)
        assert pushed.boundary.requested == UNBOUNDED


@STAGES
@pytest.mark.parametrize("demand", [3, UNBOUNDED])
def test_what_is_pushed_meanwhile_comes_after_it(stages: Any, demand: int) -> None:
    order: list[Any] = []

    def then(_: Recorder, item: int) -> None:
        order.append(("begin", item))
        if item == 1:
            pushed.boundary.push(2)
            pushed.boundary.push(3)
            pushed.boundary.complete()
        order.append(("end", item))

    recorder = Recorder(demand, then=then)
    pushed = Pushed(recorder, *stages)
    pushed.boundary.push(1)
    assert order == [(when, item) for item in (1, 2, 3) for when in ("begin", "end")]
    assert recorder.signals[-1] == COMPLETED


@STAGES
def test_demand_is_exact_and_what_is_beyond_it_is_held(stages: Any) -> None:
    recorder = Recorder(2)
    pushed = Pushed(recorder, *stages)
    for item in range(5):
        pushed.boundary.push(item)
    assert recorder.items == [0, 1]
    assert pushed.figures.held == 3
    recorder.request(1)
    assert recorder.items == [0, 1, 2]
    pushed.boundary.complete()
    recorder.request(2)
    assert recorder.signals[-3:] == [("next", 3), ("next", 4), COMPLETED]


@STAGES
def test_the_end_comes_with_the_last_item_that_was_asked_for(stages: Any) -> None:
    recorder = Recorder(1, then=lambda _, __: pushed.boundary.complete())
    pushed = Pushed(recorder, *stages)
    pushed.boundary.push(1)
    assert recorder.signals == [("subscribed",), ("next", 1), COMPLETED]


def test_an_input_without_an_output_is_asked_for_again() -> None:
    recorder = Recorder(2)
    pushed = Pushed(recorder, ops.filter(lambda x: x > 1))
    assert pushed.boundary.requested == 2
    for item, requested in [(0, 2), (1, 2), (2, 1), (0, 1), (3, 0)]:
        pushed.boundary.push(item)
        assert pushed.boundary.requested == requested
    assert recorder.items == [2, 3]


@STAGES
def test_a_cancel_meanwhile_is_the_last_that_is_heard(stages: Any) -> None:
    recorder = Recorder(UNBOUNDED, then=lambda recorder, _: recorder.cancel())
    pushed = Pushed(recorder, *stages)
    pushed.boundary.push(1)
    assert pushed.boundary.closed
    pushed.boundary.push(2)
    assert recorder.items == [1]


@STAGES
def test_a_subscriber_that_raises_is_cancelled_and_reported(stages: Any) -> None:
    error = ValueError("subscriber")

    def then(_: Recorder, __: Any) -> None:
        raise error

    pushed = Pushed(Recorder(UNBOUNDED, then=then), *stages)
    with dropped_errors() as dropped:
        pushed.boundary.push(1)
    assert dropped == [error]
    assert pushed.boundary.closed


@STAGES
def test_an_interrupt_reaches_who_pushes_and_ends_it(stages: Any) -> None:
    def then(_: Recorder, __: Any) -> None:
        raise KeyboardInterrupt

    pushed = Pushed(Recorder(UNBOUNDED, then=then), *stages)
    with pytest.raises(KeyboardInterrupt):
        pushed.boundary.push(1)
    assert pushed.boundary.closed


@pytest.mark.parametrize("error", [KeyError("callback"), StopIteration()])
def test_a_callback_that_raises_ends_it_and_nothing_is_silent(error: Exception) -> None:
    def callback(item: int) -> int:
        if item == 2:
            raise error
        return item

    recorder = Recorder(UNBOUNDED)
    pushed = Pushed(recorder, ops.map(callback))
    pushed.boundary.push(1)
    pushed.boundary.push(2)
    assert recorder.items == [1]
    if isinstance(error, StopIteration):
        assert "StopIteration" in str(recorder.error)
    else:
        assert recorder.error is error
    assert pushed.boundary.closed


@STAGES
def test_wrong_demand_meanwhile_fails_it(stages: Any) -> None:
    recorder = Recorder(UNBOUNDED, then=lambda recorder, _: recorder.request(0))
    pushed = Pushed(recorder, *stages)
    pushed.boundary.push(1)
    assert "request(0)" in str(recorder.error)


@pytest.mark.parametrize(
    ("stage", "expected"),
    [(ops.scan(lambda a, b: a + b), [1, 3, 6]), (ops.take(2), [1, 2]), (ops.skip(1), [2, 3])],
    ids=["scan", "take", "skip"],
)
def test_a_stage_that_remembers_is_pulled(stage: Any, expected: list[int]) -> None:
    recorder = Recorder(UNBOUNDED)
    pushed = Pushed(recorder, ops.map(lambda x: x), stage)
    for item in (1, 2, 3):
        pushed.boundary.push(item)
    assert recorder.items == expected
    assert (recorder.signals[-1] == COMPLETED) is (expected == [1, 2])


def test_stages_are_pulled_where_it_is_no_drain_that_takes_single_items() -> None:
    taken: list[Any] = []
    boundary: list[Boundary[Any]] = []

    def make(context: Context) -> Boundary[Any]:
        boundary.append(Boundary(context, "pushed", 4, FAIL))
        return boundary[0]

    wakes: list[None] = []
    feed = rx.Flow(make).pipe(ops.map(lambda x: -x)).feed(Context(lambda: wakes.append(None)))
    feed.serve(Handing(lambda: True, taken.append))
    feed.start()
    assert list(feed.run()) == []
    feed.settle()
    boundary[0].push(1)
    assert (taken, wakes, list(feed.run())) == ([], [None], [-1])


def test_what_was_held_before_comes_first() -> None:
    class Preloaded(Boundary[Any]):
        def start(self) -> None:
            with self._lock:
                self._queue.extend((1, 2))
                self._received += 2
            self.push(3)

    recorder = Recorder(UNBOUNDED)
    Drain(recorder).open(lambda context: Preloaded(context, "preloaded", 4, FAIL))
    assert recorder.items == [1, 2, 3]


def test_a_boundary_that_does_something_when_it_is_empty_is_pulled() -> None:
    class Settling(Boundary[Any]):
        settled = 0

        def settle(self) -> State:
            self.settled += 1
            return super().settle()

    made: list[Settling] = []

    def make(context: Context) -> Settling:
        made.append(Settling(context, "settling", 4, FAIL))
        return made[0]

    recorder = Recorder(UNBOUNDED)
    drain = Drain(recorder)
    drain.open(make)
    drain.wake()
    before = made[0].settled
    made[0].push(1)
    assert recorder.items == [1]
    assert made[0].settled == before + 1


@STAGES
def test_producers_on_several_threads_lose_nothing_and_are_not_left_waiting(stages: Any) -> None:
    producers, items = 3, 400
    taken: list[Any] = []
    flow = rx.create(lambda emitter: emitters.append(emitter), overflow=FAIL, capacity=9999)
    emitters: list[Any] = []
    flow.pipe(*stages).subscribe(taken.append)
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [
            threading.Thread(
                target=lambda n=n: [emitters[0].on_next((n, item)) for item in range(items)]
            )
            for n in range(producers)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    finally:
        sys.setswitchinterval(before)
    for n in range(producers):
        assert [item for who, item in taken if who == n] == list(range(items))


def test_an_interrupt_in_a_stage_reaches_who_pushes_and_ends_it() -> None:
    def interrupted(_: Any) -> None:
        raise KeyboardInterrupt

    recorder = Recorder(UNBOUNDED)
    pushed = Pushed(recorder, ops.map(interrupted))
    with pytest.raises(KeyboardInterrupt):
        pushed.boundary.push(1)
    assert pushed.boundary.closed
    assert recorder.signals == [("subscribed",)]
