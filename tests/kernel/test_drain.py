"""The drain loop over a Feed in the test's hand: how it is opened, woken and left."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from reactivex.scheduler import ImmediateScheduler

from rxflow.kernel import (
    NOTHING,
    Context,
    Drain,
    Failed,
    Meter,
    Row,
    StageStatistics,
    State,
    Times,
    running,
)
from rxflow.kernel.rows import CONSUMED
from rxflow.protocol import UNBOUNDED
from tests.kernel.hand import Barren, Hand
from tests.kernel.recorder import COMPLETED, Recorder, dropped_errors
from tests.support import timeless


def opened(hand: Hand, recorder: Recorder, granted: int = 0, **options: Any) -> Drain:
    drain = Drain(recorder, granted, **options)
    drain.open(hand.make)
    drain.wake()
    return drain


def test_the_feed_is_told_of_the_consumer():
    seen: list[Context] = []
    scheduler, tasks = ImmediateScheduler(), set[Any]()

    def make(context: Context) -> Hand:
        seen.append(context)
        return Hand()

    drain = Drain(Recorder())
    drain.open(make, scheduler, tasks)
    [context] = seen
    assert (context.scheduler, context.pulls, context.wake) == (scheduler, False, drain.wake)
    assert context.tasks is tasks


@pytest.mark.parametrize(("granted", "first"), [(0, 0), (0, 3), (2, 0), (2, 3), (UNBOUNDED, 1)])
def test_a_feed_hears_of_the_demand_there_is_before_it_is_started(granted: int, first: int):
    hand = Hand()
    heard: list[int] = []
    hand.starting = lambda: heard.extend(hand.wanted)
    opened(hand, Recorder(first), granted)
    total = min(granted + first, UNBOUNDED)
    assert heard == ([total] if total else [])
    assert hand.more_wanted == []


def test_demand_that_comes_later_is_told_at_once_and_wrong_demand_is_not():
    hand, recorder = Hand(), Recorder(1)
    opened(hand, recorder)
    recorder.request(2)
    assert hand.more_wanted == [2]
    assert hand.wanted[-1] == 3
    recorder.request(0)
    assert hand.more_wanted == [2]
    assert "request(0)" in str(recorder.error)
    assert hand.cancelled == 1
    recorder.request(5)
    assert hand.more_wanted == [2]


def test_a_wake_during_the_start_is_heard_at_once():
    hand, recorder = Hand(), Recorder(5)
    seen: list[int] = []

    def starting() -> None:
        hand.give("early")
        seen.extend(recorder.items)

    hand.starting = starting
    opened(hand, recorder)
    assert seen == ["early"]


@pytest.mark.parametrize("hot", [False, True])
def test_one_that_is_held_signals_nothing_before_it_is_let_go_unless_it_is_hot(hot: bool):
    class Kind(Hand):
        @property
        def hot(self) -> bool:
            return hot

    hand, recorder = Kind(), Recorder(5)
    hand.starting = lambda: hand.give("early")
    drain = Drain(recorder)
    drain.open(hand.make, held=True)
    assert recorder.items == (["early"] if hot else [])
    drain.wake()
    assert recorder.items == ["early"]
    hand.give("later")
    assert recorder.items == ["early", "later"]


@pytest.mark.parametrize("held", [False, True])
def test_a_feed_that_cannot_be_started_fails_the_stream_and_is_cancelled(held: bool):
    hand, recorder, error = Hand(), Recorder(), OSError("no start")

    def starting() -> None:
        raise error

    hand.starting = starting
    drain = Drain(recorder)
    drain.open(hand.make, held=held)
    assert recorder.ends == []
    drain.wake()
    assert recorder.error is error
    assert hand.cancelled == 1


def test_a_start_that_fails_behind_the_end_is_reported():
    hand, recorder, error = Hand(ended=True), Recorder(), OSError("too late")

    def starting() -> None:
        hand.wake()
        raise error

    hand.starting = starting
    with dropped_errors() as dropped:
        opened(hand, recorder)
    assert recorder.signals == [("subscribed",), COMPLETED]
    assert dropped == [error]


@pytest.mark.parametrize("held", [False, True])
def test_a_start_that_is_interrupted_cancels_the_feed_and_passes_on(held: bool):
    hand, recorder = Hand(1), Recorder(5)

    def starting() -> None:
        raise KeyboardInterrupt

    hand.starting = starting
    drain = Drain(recorder)
    with pytest.raises(KeyboardInterrupt):
        drain.open(hand.make, held=held)
    assert hand.cancelled == 1
    drain.wake()
    assert recorder.signals == [("subscribed",)]


def test_a_feed_that_cannot_be_made_leaves_the_loop_open_to_say_so():
    def make(context: Context) -> Hand:
        raise OSError("not made")

    recorder = Recorder()
    drain = Drain(recorder)
    drain.open(make)
    drain.wake()
    assert str(recorder.error) == "not made"


def test_it_is_opened_once():
    drain = opened(Hand(ended=True), Recorder())
    with pytest.raises(AssertionError, match=r"^a Drain is opened once\b"):
        drain.open(Hand().make)


class Loop:
    """An event loop that keeps what it is to call."""

    def __init__(self, closed: bool = False) -> None:
        self.calls: list[Any] = []
        self.closed = closed

    def is_closed(self) -> bool:
        return self.closed

    def call_soon_threadsafe(self, call: Any) -> None:
        self.calls.append(call)


def test_without_a_loop_a_run_that_found_nothing_is_followed_by_the_next():
    recorder = Recorder(1)
    opened(Barren("found"), recorder)
    assert recorder.items == ["found"]


def test_others_on_the_loop_have_a_turn_after_each_run_that_found_nothing():
    loop: Any = Loop()
    recorder = Recorder(1)
    drain = opened(Barren("found"), recorder, loop=loop)
    for turn in range(1, 4):
        assert recorder.items == []
        assert loop.calls == [drain.wake] * turn
        loop.calls[-1]()
    assert recorder.items == ["found"]
    assert len(loop.calls) == 3


def test_a_loop_that_is_closed_has_no_turns_to_give():
    loop: Any = Loop(closed=True)
    recorder = Recorder(1)
    opened(Barren("never"), recorder, loop=loop)
    assert (recorder.items, loop.calls) == ([], [])


def test_the_feed_is_told_how_much_is_wanted_beyond_what_it_had():
    hand, recorder = Hand(1, 2), Recorder(5)
    opened(hand, recorder)
    assert hand.wanted == [5, 3]
    hand.give(3)
    assert hand.wanted == [5, 3, 2]
    hand.give(4, 5)
    assert hand.wanted == [5, 3, 2]  # all that was asked for has come
    hand.wake()
    assert hand.wanted == [5, 3, 2]


def test_a_subscriber_that_raises_is_cut_off_and_the_figures_stay():
    def then(recorder: Recorder, item: Any) -> None:
        raise OSError(item)

    hand, recorder = Hand(1, 2, name="source"), Recorder(5, then)
    with dropped_errors() as dropped:
        drain = opened(hand, recorder)
    assert [error.args for error in dropped] == [(1,)]
    assert timeless(*drain.statistics()) == [
        StageStatistics("source", delivered=1),
        StageStatistics("subscriber", requested=5, received=1, delivered=1),
    ]


@pytest.mark.parametrize("signal", ["on_next", "on_completed", "on_error"])
def test_what_a_plain_observer_raises_goes_to_who_drains_once(signal: str):
    class Raising(Recorder):
        def on_next(self, value: Any) -> None:
            if signal == "on_next":
                raise OSError(signal)

        def on_completed(self) -> None:
            raise OSError(signal)

        def on_error(self, error: Exception) -> None:
            raise OSError(signal)

    hand = Hand(1, ended=True)
    hand.error = ValueError() if signal == "on_error" else None
    drain = Drain(Raising(), UNBOUNDED, raises=True)
    drain.open(hand.make)
    with dropped_errors() as dropped, pytest.raises(OSError, match=signal):
        drain.wake()
    drain.wake()
    assert dropped == []
    assert hand.cancelled == 1


def test_a_feed_that_raises_when_it_is_cancelled_is_reported_and_its_figures_stay():
    class Refusing(Hand):
        def cancel(self) -> None:
            raise OSError("will not")

    hand, recorder = Refusing(1, name="source"), Recorder(1)
    drain = opened(hand, recorder)
    with dropped_errors() as dropped:
        recorder.cancel()
    assert [str(error) for error in dropped] == ["will not"]
    assert timeless(*drain.statistics())[0] == StageStatistics("source", delivered=1)


def test_an_item_that_was_pulled_when_the_cancel_came_is_discarded():
    class Cancelling(Hand):
        def run(self) -> Any:
            for item in super().run():
                if item == 2:
                    recorder.cancel()
                yield item

    recorder = Recorder(5)
    drain = opened(Cancelling(1, 2, 3), recorder)
    assert recorder.items == [1]
    assert timeless(*drain.statistics())[-1] == StageStatistics(
        "subscriber", requested=5, received=2, delivered=1, discarded=1
    )


def test_a_wrong_request_inside_of_the_last_item_wins_over_the_end():
    hand = Hand(1, ended=True)
    recorder = Recorder(1, then=lambda it, item: it.request(-1))
    opened(hand, recorder)
    assert "request(-1)" in str(recorder.error)


def test_a_wrong_request_while_the_source_settles_wins_over_its_completion():
    class Asking(Hand):
        def settle(self) -> State:
            recorder.request(-1)
            return State.ENDED

    recorder = Recorder(1)
    opened(Asking(), recorder)
    assert "request(-1)" in str(recorder.error)


def test_a_cancel_while_the_source_settles_is_no_error_and_wins_over_its_completion():
    class Leaving(Hand):
        def settle(self) -> State:
            recorder.cancel()
            return State.ENDED

    recorder = Recorder(1)
    with dropped_errors() as dropped:
        opened(Leaving(), recorder)
    assert (recorder.ends, dropped) == ([], [])


def test_what_comes_when_the_source_is_told_of_demand_is_not_left_lying():
    """It wakes the loop that is about to leave."""

    class Prompt(Hand):
        def want(self, n: int) -> None:
            super().want(n)
            if len(self.wanted) < 3:
                self.give(len(self.wanted))

    hand, recorder = Prompt(), Recorder(2)
    opened(hand, recorder)
    assert (recorder.items, hand.wanted) == ([1, 2], [2, 1])


def test_an_end_that_needs_no_demand_is_found_by_a_run_of_its_own():
    """A Feed is asked why a run is exhausted only when it is."""

    class Strict(Hand):
        exhausted: int | None = None

        def _items(self) -> Iterator[Any]:
            yield from super()._items()
            self.exhausted = self.runs

        def settle(self) -> State:
            assert self.exhausted == self.runs, "asked in the middle of a run"
            self.exhausted = None
            return super().settle()

    hand, recorder = Strict(1, 2), Recorder(1)
    opened(hand, recorder)
    hand.items.clear()
    hand.end()
    assert recorder.signals[1:] == [("next", 1), COMPLETED]
    assert hand.settled == 1


def test_a_failure_that_overtakes_what_a_run_has_in_hand_is_signalled_without_demand():
    hand, recorder = Hand(1, 2, 3), Recorder(1)
    opened(hand, recorder)
    hand.items.clear()
    hand.ended, hand.error = True, OSError("cut")
    hand.wake()
    assert recorder.error is hand.error
    assert recorder.items == [1]


@pytest.mark.parametrize("then", ["cancel", "ask wrongly", "raise"])
def test_a_feed_is_asked_nothing_more_once_the_subscriber_is_through(then: str):
    def on_next(recorder: Recorder, item: Any) -> None:
        if then == "raise":
            raise OSError
        recorder.cancel() if then == "cancel" else recorder.request(0)

    hand = Hand(1, 2)
    with dropped_errors():
        opened(hand, Recorder(5, on_next))
    assert (hand.given, hand.settled, hand.wanted, hand.cancelled) == (1, 0, [5], 1)


def test_a_feed_that_was_being_pulled_when_the_cancel_came_is_asked_nothing_more():
    class Cancelling(Hand):
        def _items(self) -> Any:
            recorder.cancel()
            yield 1

    hand, recorder = Cancelling(), Recorder(5)
    drain = opened(hand, recorder)
    assert (hand.settled, hand.wanted, hand.cancelled) == (0, [5], 1)
    assert drain.statistics()[-1].discarded == 1


def test_a_wrong_request_inside_of_on_subscribe_is_signalled_when_that_has_returned():
    class Wrong(Recorder):
        def on_subscribe(self, subscription: Any) -> None:
            subscription.request(0)
            super().on_subscribe(subscription)

    recorder = Wrong()
    opened(Hand(1), recorder)
    assert [kind for kind, *_ in recorder.signals] == ["subscribed", "error"]


def test_without_a_feed_the_figures_are_those_of_the_subscriber():
    recorder = Recorder()
    drain = Drain(recorder, 3)
    subscriber = StageStatistics("subscriber", requested=3, inputs=0)
    assert drain.statistics() == (subscriber,)
    drain.cancel()
    drain.open(Hand().make)
    assert drain.statistics() == (subscriber,)
    assert recorder.signals == [("subscribed",)]


@pytest.mark.parametrize("shared", [False, True])
def test_it_is_among_those_that_run_unless_it_is_a_part_of_several(shared: bool):
    class Kind(Recorder):
        pass

    if shared:
        Kind.shared = True  # type: ignore[attr-defined] # pyright: ignore
    drain = opened(Hand(), Kind())
    assert (drain in running()) is not shared
    drain.cancel()
    assert drain not in running()


def test_what_has_made_a_feed_that_fails_hears_of_the_failure():
    class Maker:
        def make(self, context: Context) -> Failed:
            return Failed(error)

        def trace(self, failure: BaseException) -> None:
            traced.append(failure)

    traced: list[BaseException] = []
    error, maker, recorder = OSError("cut"), Maker(), Recorder()
    drain = Drain(recorder)
    drain.open(maker.make)
    drain.wake()
    assert recorder.error is error
    assert traced == [error]


@pytest.mark.parametrize("inside", [False, True])
def test_demand_that_comes_when_it_is_stopped_is_told_to_nobody(inside: bool):
    class Asking(Hand):
        def cancel(self) -> None:
            recorder.request(4)

    def then(recorder: Recorder, item: Any) -> None:
        if inside:
            recorder.cancel()
            recorder.request(3)

    hand, recorder = Asking(1), Recorder(1, then)
    opened(hand, recorder)
    recorder.cancel()
    assert hand.more_wanted == []


@pytest.mark.parametrize(
    ("granted", "wanted"), [(3, [3]), (2, [2]), (1, [1]), (UNBOUNDED, [])], ids=str
)
def test_where_nothing_comes_of_a_single_item_the_feed_is_told_of_the_demand_again(
    granted: int, wanted: list[int]
):
    hand, recorder = Hand(), Recorder()
    drain = opened(hand, recorder, granted)
    hand.wanted.clear()
    assert drain.enter(())
    drain.hand(NOTHING)
    assert (recorder.items, hand.wanted) == ([], wanted)
    assert drain.enter(())
    drain.hand("a")  # which meets a part of what was told
    assert (recorder.items, hand.wanted) == (["a"], wanted)


@pytest.mark.parametrize("held", [0, 1])
def test_a_wake_while_a_single_item_is_refused_is_not_lost(held: int):
    hand, recorder = Hand(), Recorder()
    drain = opened(hand, recorder, 3)

    class Filled:
        """A queue that another thread puts something into while it is looked at."""

        def __len__(self) -> int:
            hand.give("a")
            assert recorder.items == []  # the turn is taken
            return held

    entered = drain.enter(Filled())
    assert entered is (None if held else True)
    if entered:
        drain.hand("b")
    else:
        drain.wake()  # as whoever is told so does
    assert recorder.items == (["a"] if held else ["b", "a"])


def test_a_single_item_does_not_pass_what_is_in_its_queue():
    hand, recorder = Hand(), Recorder()
    drain = opened(hand, recorder, 3)
    assert drain.enter(["a"]) is None
    assert drain.enter([])
    assert drain.enter([]) is False  # it was entered
    drain.hand("b")
    assert recorder.items == ["b"]
    assert drain.enter([])
    drain.hand("c")


def test_behind_a_single_item_that_was_the_last_one_the_feed_is_told_of_no_demand():
    hand, recorder = Hand(), Recorder()
    drain = opened(hand, recorder, 3)
    hand.wanted.clear()
    assert drain.enter(())
    recorder.cancel()  # as a callback does of which nothing comes
    drain.hand(NOTHING)
    assert (hand.wanted, hand.cancelled) == ([], 1)


def test_a_feed_that_fails_at_the_demand_behind_a_single_item_fails_the_stream():
    class Failing(Hand):
        def want(self, n: int) -> None:
            if broken:
                raise OSError("no demand")

    broken, recorder = False, Recorder()
    drain = opened(Failing(), recorder, 3)
    assert drain.enter(())
    broken = True
    drain.hand(NOTHING)
    assert isinstance(recorder.error, OSError)


class Telling(Hand):
    """Knows of which edge it was asked to tell."""

    asked: Any = None

    def row(self, row: Row, meter: Meter, times: Times, pulled: float | None = None) -> float:
        self.asked = meter
        return 1.5


def test_a_row_has_what_the_subscriber_was_given_behind_what_the_feed_tells():
    hand, row = Telling(1, 2), Row()
    drain = opened(hand, Recorder(5))
    assert drain.row(row) is True
    assert hand.asked is drain.meter
    assert (row.shape, row.figures) == (["subscriber", CONSUMED], [5, 2, 2, 0, 1.5])
    before = Row()
    assert drain.row(before, last=False) is True
    assert (before.shape, before.figures) == ([], [])
    drain.cancel()
    assert drain.row(Row()) is False


def test_a_row_that_is_asked_for_during_the_cancel_has_what_was_pulled_in_vain():
    class Cancelling(Telling):
        def _items(self) -> Iterator[Any]:
            yield 1
            recorder.cancel()
            yield 2

        def cancel(self) -> None:
            drain.row(row)

    row, recorder = Row(), Recorder()
    drain = opened(Cancelling(), recorder)
    recorder.request(5)
    assert row.figures == [5, 2, 1, 1, 1.5]
