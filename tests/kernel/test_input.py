"""An input: one of several Feeds, pulled one item at a time."""

from __future__ import annotations

from typing import Any

import pytest

from rxflow.kernel import NOTHING, Context, Input
from tests.kernel.hand import Barren, Hand


class Wired:
    """An input over a Hand; notes who was woken, in order."""

    def __init__(self, *items: Any, ended: bool = False) -> None:
        self.told: list[Any] = []
        self.hand = Hand(*items, ended=ended)
        context = Context(lambda: self.told.append("consumer"))
        self.input = Input(self.hand.make, context, self.told.append)


def test_before_it_is_started_it_waits_and_nothing_is_asked_of_its_feed():
    wired = Wired(1, ended=True)
    assert (wired.input.waiting, wired.input.ended, wired.input.queued) == (True, False, False)
    assert wired.input.take() is NOTHING
    assert wired.input.ending() is False
    wired.input.want(3)
    assert (wired.hand.started, wired.hand.given, wired.hand.wanted) == (0, 0, [])


@pytest.mark.parametrize("wanted", [0, 1, 5])
def test_it_is_started_with_the_demand_there_is(wanted: int):
    wired = Wired(1)
    wired.input.start(wanted)
    assert wired.hand.started == 1
    assert wired.hand.wanted == ([wanted] if wanted else [])
    assert wired.input.waiting is False


def test_without_a_word_on_demand_it_is_started_without():
    wired = Wired()
    wired.input.start()
    assert wired.hand.wanted == []


def test_items_are_taken_one_at_a_time_and_the_rest_stays_with_the_feed():
    wired = Wired(1, None, 3)
    wired.input.start()
    assert [wired.input.take(), wired.input.take()] == [1, None]
    assert (wired.hand.given, wired.input.waiting) == (2, False)
    assert wired.input.take() == 3
    assert wired.hand.wanted == []


@pytest.mark.parametrize("wanted", [None, 1, 7])
def test_a_feed_that_has_nothing_is_asked_once_and_left_alone_until_it_wakes(wanted: int | None):
    wired = Wired()
    wired.input.start()
    for _ in range(3):
        assert (wired.input.take() if wanted is None else wired.input.take(wanted)) is NOTHING
    assert wired.hand.wanted == [wanted or 1]
    assert wired.input.waiting is True
    wired.hand.give("there")
    assert wired.told == [wired.input, "consumer"]
    assert wired.input.waiting is False
    assert wired.input.take() == "there"


def test_demand_that_grows_while_it_waits_is_passed_on_and_otherwise_not():
    wired = Wired()
    wired.input.start()
    wired.input.want(2)
    assert wired.hand.wanted == []
    wired.input.take(1)
    wired.input.want(3)
    assert wired.hand.wanted == [1, 3]
    wired.hand.end()
    wired.input.want(4)
    assert wired.input.take() is NOTHING
    wired.input.want(5)
    assert wired.hand.wanted == [1, 3]


def test_its_end_cancels_the_feed_once():
    wired = Wired(1, ended=True)
    wired.input.start()
    assert wired.input.take() == 1
    assert (wired.input.ended, wired.hand.cancelled) == (False, 0)
    for _ in range(2):
        assert wired.input.take() is NOTHING
        assert (wired.input.ended, wired.hand.cancelled) == (True, 1)
    assert wired.input.waiting is False
    assert wired.input.ending() is False
    wired.input.cancel()
    assert wired.hand.cancelled == 1


def test_a_feed_whose_turn_is_over_has_another_without_a_wake():
    wired = Wired(1, 2)
    wired.hand.turn = 1
    wired.input.start()
    assert [wired.input.take() for _ in range(3)] == [1, NOTHING, 2]
    assert wired.hand.wanted == []
    assert wired.input.waiting is False


def test_a_failure_is_raised_to_who_takes():
    wired = Wired()
    wired.hand.error = OSError("cut")
    wired.input.start()
    with pytest.raises(OSError, match="cut"):
        wired.input.take()


def test_only_the_end_is_left_when_the_feed_says_so():
    wired = Wired(1)
    wired.input.start()
    assert wired.input.ending() is False
    wired.hand.ended = True
    assert wired.input.ending() is False
    assert wired.input.take() == 1
    assert wired.input.ending() is True
    assert wired.input.take() is NOTHING
    assert wired.input.ended


def test_a_run_from_before_the_end_gives_nothing_behind_it():
    """A failure that overtakes what is held has discarded it."""
    wired = Wired(1, 2)
    wired.input.start()
    assert wired.input.take() == 1
    old = wired.input._run
    assert old is not None
    wired.hand.items.clear()
    wired.hand.ended = True
    assert wired.input.ending() is True
    assert wired.input._run is None


def test_cancel_before_the_start_is_not_followed_by_one():
    wired = Wired(1)
    wired.input.cancel()
    wired.input.start(3)
    assert (wired.hand.cancelled, wired.hand.started, wired.hand.wanted) == (1, 0, [])
    assert wired.input.take() is NOTHING


def test_cancel_in_the_middle_ends_it():
    wired = Wired(1, 2)
    wired.input.start()
    wired.input.take()
    wired.input.cancel()
    wired.input.cancel()
    assert (wired.input.ended, wired.hand.cancelled) == (True, 1)
    assert wired.input.take() is NOTHING
    assert wired.hand.given == 1


def test_a_wake_while_the_feed_looks_is_not_lost():
    wired = Wired()
    settle = wired.hand.settle

    def settle_and_wake() -> Any:
        state = settle()
        wired.hand.give("meanwhile")
        return state

    wired.hand.settle = settle_and_wake  # type: ignore[method-assign]
    wired.input.start()
    assert wired.input.take() is NOTHING
    assert wired.input.waiting is False
    assert wired.input.take() == "meanwhile"


def test_whoever_looks_during_the_start_finds_what_is_there():
    wired = Wired("there")
    taken: list[Any] = []
    wired.hand.starting = lambda: taken.append(wired.input.take())
    wired.input.start()
    assert taken == ["there"]


def test_whoever_looked_during_the_start_may_look_again():
    wired = Wired()

    def look() -> None:
        assert wired.input.take() is NOTHING
        assert wired.input.waiting
        wired.hand.items.append("found by now")

    wired.hand.starting = look
    wired.input.start()
    assert wired.input.take() == "found by now"


def test_nobody_need_be_told_of_a_wake_but_the_consumer():
    told: list[str] = []
    hand = Hand()
    Input(hand.make, Context(lambda: told.append("consumer"))).start()
    hand.give(1)
    assert told == ["consumer"]


def test_whether_its_items_come_by_themselves_is_known_from_its_wakes():
    wired = Wired("there")
    wired.input.start()
    assert wired.input.take() == "there"
    assert wired.input.pushes is False  # it was asked, and never woke anybody
    assert wired.input.take() is NOTHING
    wired.hand.give("by itself")
    assert wired.input.pushes is True
    assert wired.input.take() == "by itself"
    assert wired.input.pushes is True


def test_an_end_with_nothing_before_it_is_let_through_also_while_it_waits():
    wired = Wired()
    wired.input.start()
    assert wired.input.over() is False
    assert wired.input.take() is NOTHING
    wired.hand.ended = True  # no wake: who asks looks himself
    assert wired.input.waiting is True
    assert wired.input.over() is True
    assert (wired.input.ended, wired.hand.cancelled) == (True, 1)
    assert wired.input.over() is True
    assert wired.hand.cancelled == 1


def test_an_end_behind_an_item_is_not_let_through():
    wired = Wired("item", ended=True)
    wired.input.start()
    assert wired.input.over() is False
    assert (wired.input.ended, wired.hand.given) == (False, 0)
    assert wired.input.take() == "item"
    assert wired.input.over() is True


def test_an_end_that_takes_several_runs_is_let_through_at_once():
    hand = Barren(ended=True)
    wired = Input(hand.make, Context(lambda: None))
    wired.start()
    assert wired.over() is True
    assert (hand.barren, hand.runs, hand.cancelled) == (0, 1, 1)


def test_a_failure_behind_nothing_is_raised_to_who_asks_whether_it_is_over():
    wired = Wired(ended=True)
    wired.hand.error = OSError("cut")
    wired.input.start()
    with pytest.raises(OSError, match="cut"):
        wired.input.over()


def test_the_figures_are_those_of_the_feed():
    wired = Wired(1)
    wired.input.start()
    wired.input.take()
    assert [figures.delivered for figures in wired.input.statistics()] == [1]
