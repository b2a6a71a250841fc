"""Stock operators behind gates: which is let through, when, and what is left at the end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import reactivex
from reactivex import operators as rx
from reactivex.scheduler import CurrentThreadScheduler, ImmediateScheduler
from reactivex.subject import Subject

from rxflow.kernel import (
    BUDGET,
    Context,
    LiftFeed,
    Order,
    Rule,
    StageStatistics,
    State,
    lifting,
)
from rxflow.kernel.clock import LoopScheduler
from rxflow.kernel.gates import _Nobody, _Rest
from rxflow.protocol import UNBOUNDED
from rxflow.testing import run_virtual
from tests.kernel.hand import Hand
from tests.kernel.recorder import dropped_errors


class Lift:
    """A run of operators over a Hand, pulled by the test."""

    def __init__(
        self,
        hand: Hand,
        apply: Callable[[Any], Any],
        rule: Rule | None = None,
        scheduler: Any = None,
    ) -> None:
        self.wakes = 0
        context = Context(self.wake, scheduler)
        self.feed = LiftFeed(context, hand.make, apply, rule or Rule(), "lifted")

    def wake(self) -> None:
        self.wakes += 1

    def started(self) -> Lift:
        self.feed.start()
        return self

    def pull(self) -> list[Any]:
        """Take what comes until it waits or has ended."""
        taken: list[Any] = []
        for _ in range(100):
            taken += self.feed.run()
            if self.feed.settle() is not State.READY:
                return taken
        raise AssertionError("it is never through")

    @property
    def figures(self) -> StageStatistics:
        return list(self.feed.statistics())[-1]


def merged(*hands: Hand) -> Callable[[Any], Any]:
    return lambda source: reactivex.merge(source, *(hand.flow for hand in hands))


def to_inner(hands: list[Hand]) -> Callable[[Any], Any]:
    return rx.flat_map(lambda index: hands[index].flow)


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (Order.FAIR, ["a1", "b1", "c1", "a2", "b2", "c2"]),
        (Order.INNER_FIRST, ["b1", "b2", "c1", "c2", "a1", "a2"]),
        (Order.OUTER_FIRST, ["a1", "a2", "b1", "b2", "c1", "c2"]),
    ],
)
def test_gates_are_let_through_in_the_order_of_the_rule(order: Order, expected: list[str]):
    outer, *inner = (Hand(f"{name}1", f"{name}2") for name in "abc")
    lift = Lift(outer, merged(*inner), Rule(order)).started()
    assert list(lift.feed.run()) == expected
    assert lift.feed.settle() is State.WAITING


@pytest.mark.parametrize("limit", [1, 2, None])
def test_the_outer_gate_is_closed_while_as_many_inner_ones_are_open_as_may(limit: int | None):
    outer, hands = Hand(0, 1, 2), [Hand(), Hand(), Hand()]
    lift = Lift(outer, to_inner(hands), Rule(Order.INNER_FIRST, limit=limit)).started()
    assert lift.pull() == []
    assert [hand.started for hand in hands] == [1] * (limit or 3) + [0] * (3 - (limit or 3))
    hands[0].end()
    hands[1].give("from the second")
    assert lift.pull() == ["from the second"]
    opened = min(3, (limit or 3) + 1)
    assert [hand.started for hand in hands] == [1] * opened + [0] * (3 - opened)
    assert hands[0].cancelled == 1


def test_an_outer_gate_that_may_not_be_let_through_is_not_asked():
    outer, inner = Hand(0), Hand()
    lift = Lift(outer, to_inner([inner]), Rule(Order.INNER_FIRST, limit=1)).started()
    lift.feed.want(1)
    lift.pull()
    lift.feed.want(4)
    assert outer.wanted == []
    assert inner.wanted == [1, 4]


@pytest.mark.parametrize(("wanted", "window"), [(0, 3), (2, 3), (1, 0), (7, 1)])
def test_operators_that_swallow_are_fed_what_is_asked_for_and_a_window_more(
    wanted: int, window: int
):
    outer = Hand(*range(20))
    lift = Lift(outer, rx.filter(lambda _: False), Rule(window=window)).started()
    lift.feed.want(wanted)
    assert lift.pull() == []
    assert outer.given == wanted + window
    assert lift.figures.received == wanted + window
    lift.feed.want(wanted + 5)
    assert lift.pull() == []
    assert outer.given == wanted + window + 5


def test_what_comes_out_makes_place_in_the_window():
    outer = Hand(*range(20))
    lift = Lift(outer, rx.map(str), Rule(window=3)).started()
    lift.feed.want(2)
    assert lift.pull() == [str(n) for n in range(20)]


def test_without_a_window_operators_may_swallow_everything():
    outer = Hand(*range(20))
    lift = Lift(outer, rx.filter(lambda _: False)).started()
    assert lift.pull() == []
    assert outer.given == 20


def test_a_gate_whose_turn_is_over_is_given_another():
    outer = Hand(1, 2, 3)
    outer.turn = 2
    lift = Lift(outer, rx.map(str)).started()
    assert list(lift.feed.run()) == ["1", "2"]
    assert lift.feed.settle() is State.READY
    assert list(lift.feed.run()) == ["3"]
    assert lift.feed.settle() is State.WAITING


def test_a_run_takes_at_most_a_budget_of_steps():
    outer = Hand(*range(BUDGET))
    lift = Lift(outer, rx.filter(lambda n: False)).started()
    endless = Lift(Hand(*range(2 * BUDGET)), rx.filter(lambda n: n == BUDGET)).started()
    assert list(lift.feed.run()) == []
    assert lift.feed.settle() is State.READY  # it has not looked whether there is more
    assert list(endless.feed.run()) == []
    assert endless.feed.settle() is State.READY
    assert endless.pull() == [BUDGET]


def test_only_gates_that_wait_hear_of_demand():
    outer = Hand(1)
    lift = Lift(outer, rx.map(str)).started()
    lift.feed.want(5)
    assert outer.wanted == []  # it has not said that it has nothing
    assert lift.pull() == ["1"]
    assert outer.wanted == [5]
    lift.feed.want(7)
    assert outer.wanted == [5, 7]
    outer.give(2)
    lift.feed.want(8)
    assert outer.wanted == [5, 7]


def test_a_gate_is_asked_for_an_item_also_before_there_is_demand():
    """The operators may need it for what is asked for later."""
    outer = Hand()
    Lift(outer, rx.map(str)).started().pull()
    assert outer.wanted == [1]


@pytest.mark.parametrize("wanted", [3, UNBOUNDED])
def test_a_gate_that_is_opened_later_hears_at_once_of_unbounded_demand(wanted: int):
    outer, inner = Hand(), Hand("x")
    lift = Lift(outer, to_inner([inner])).started()
    lift.feed.want(wanted)
    outer.give(0)
    assert list(lift.feed.run())[:1] == ["x"]
    assert inner.wanted[0] == wanted
    assert len(inner.wanted) == (2 if wanted == UNBOUNDED else 1)  # again when it has nothing


def test_ends_pass_without_demand_and_items_do_not():
    outer, inner = Hand(1), Hand(ended=True)
    lift = Lift(outer, merged(inner)).started()
    assert not lift.feed.ending()
    assert (inner.cancelled, outer.given) == (1, 0)
    assert lift.pull() == [1]
    outer.end()
    assert lift.feed.ending()
    assert lift.feed.settle() is State.ENDED


def test_an_end_that_opens_the_next_gate_passes_that_one_too():
    hands = [Hand(ended=True) for _ in range(3)]
    lift = Lift(Hand(ended=True), lambda source: source.pipe(rx.concat(*(h.flow for h in hands))))
    lift.started()
    assert lift.feed.ending()
    assert [hand.cancelled for hand in hands] == [1, 1, 1]


def test_an_end_that_releases_an_item_needs_demand_for_it():
    lift = Lift(Hand(ended=True), rx.default_if_empty("default")).started()
    assert not lift.feed.ending()
    assert lift.feed.settle() is State.READY
    assert list(lift.feed.run()) == ["default"]
    assert lift.feed.ending()
    assert lift.feed.settle() is State.ENDED


def test_a_failure_passes_the_operators():
    outer, told = Hand(1), list[Exception]()
    outer.error = OSError("cut")
    lift = Lift(outer, rx.do_action(on_error=told.append)).started()
    assert list(lift.feed.run()) == [1]
    with pytest.raises(OSError, match="cut") as raised:
        lift.feed.settle()
    assert raised.value is outer.error
    assert told == [outer.error]
    assert outer.cancelled == 1


def test_items_that_came_out_before_a_failure_are_given_first():
    fails = rx.flat_map(
        lambda n: reactivex.concat(reactivex.of(n, n), reactivex.throw(OSError("cut")))
    )
    lift = Lift(Hand(1, 2), fails).started()
    run = lift.feed.run()
    assert next(run) == 1
    assert lift.feed.settle() is State.READY
    assert list(run) == [1]
    with pytest.raises(OSError, match="cut"):
        lift.feed.settle()


def test_a_consumer_is_woken_after_the_operators_have_returned():
    depth: list[int] = []
    outer, inside = Hand(), list[bool]()

    def noting(value: Any) -> Any:
        inside.append(lifting())
        return value

    lift = Lift(outer, rx.map(noting))

    def wake() -> None:
        depth.append(len(inside))
        assert not lifting()

    lift.feed._wake = wake
    lift.started()
    depth.clear()
    outer.give(1)
    assert depth == [0]
    assert list(lift.feed.run()) == [1]
    assert inside == [True]
    assert depth[-1] == 1


def test_what_comes_out_by_itself_wakes_the_consumer():
    subject: Subject[int] = Subject()
    lift = Lift(Hand(), lambda source: subject).started()
    before = lift.wakes
    subject.on_next(1)
    assert lift.wakes == before + 1
    assert lift.pull() == [1]


def test_flows_that_are_signals_only_go_through_no_gate():
    signal = Hand()
    lift = Lift(Hand(1), rx.take_until(signal.flow), Rule(gated=False)).started()
    assert set(signal.wanted) == {UNBOUNDED}  # it is drained at once
    assert lift.pull() == [1]
    signal.give("now")
    assert lift.feed.settle() is State.ENDED


@pytest.mark.parametrize("timed", [False, True])
def test_the_operators_are_given_the_scheduler_and_the_clock_of_the_loop_if_timed(timed: bool):
    seen: list[Any] = []

    def noting(source: Any) -> Any:
        def subscribe(observer: Any, scheduler: Any) -> Any:
            seen.append(scheduler)
            return source.subscribe(observer)

        return reactivex.create(subscribe)

    async def main() -> None:
        Lift(Hand(), noting, Rule(timed=timed)).started()

    run_virtual(main())
    scheduler = ImmediateScheduler()
    Lift(Hand(), noting, Rule(timed=timed), scheduler).started()
    assert isinstance(seen[0], LoopScheduler) if timed else seen[0] is None
    assert seen[1] is scheduler


def test_cancel_disposes_of_the_operators_and_cancels_all_that_is_behind_gates():
    outer, inner, told = Hand(), Hand(), list[str]()
    apply = rx.compose(merged(inner), rx.finally_action(lambda: told.append("disposed")))
    lift = Lift(outer, apply).started()
    lift.feed.cancel()
    assert (outer.cancelled, inner.cancelled, told) == (1, 1, ["disposed"])
    assert not lift.feed.open


def test_a_gate_that_the_operators_leave_is_closed_once():
    outer, inner = Hand(0), Hand("x", "y")
    lift = Lift(outer, rx.compose(to_inner([inner]), rx.take(1))).started()
    assert list(lift.feed.run()) == ["x"]
    lift.feed.cancel()
    assert (outer.cancelled, inner.cancelled) == (1, 1)
    figures = {each.name: each.delivered for each in lift.feed.statistics()}
    assert figures == {"hand": 2, "lifted": 1}  # both hands of one name are added up


def test_operators_that_ignore_their_disposal_are_not_listened_to_after_cancel():
    observers: list[Any] = []

    class Deaf(reactivex.Observable[Any]):
        def _subscribe_core(self, observer: Any, scheduler: Any = None) -> Any:
            observers.append(observer)
            return reactivex.disposable.Disposable()

    lift = Lift(Hand(), lambda source: Deaf()).started()
    observers[0].on_next(1)
    lift.feed.cancel()
    observers[0].on_next(2)
    assert (lift.figures.delivered, lift.figures.held, lift.figures.discarded) == (0, 0, 1)
    with dropped_errors() as dropped:
        lift.feed._output.on_error(OSError("late"))
    assert [str(error) for error in dropped] == ["late"]


def test_items_that_wait_inside_are_held_and_then_discarded():
    outer = Hand(7, name="outer")
    lift = Lift(outer, rx.flat_map(lambda n: reactivex.of(n, n, n))).started()
    assert next(lift.feed.run()) == 7
    assert list(lift.feed.statistics()) == [
        StageStatistics("outer", delivered=1),
        StageStatistics("lifted", received=1, delivered=1, held=2, inputs=0),
    ]
    lift.feed.cancel()
    assert list(lift.feed.statistics()) == [
        StageStatistics("outer", delivered=1),
        StageStatistics("lifted", received=1, delivered=1, discarded=2, inputs=0),
    ]


def test_operators_that_swallow_wake_nobody():
    outer = Hand(1, 2, 3)
    lift = Lift(outer, rx.filter(lambda _: False)).started()
    before = lift.wakes
    assert lift.pull() == []
    assert lift.wakes == before
    outer.give(4)
    assert lift.wakes == before + 1
    assert lift.pull() == []
    assert lift.wakes == before + 1


def test_a_start_from_which_nothing_comes_wakes_nobody():
    assert Lift(Hand(), lambda source: reactivex.never()).started().wakes == 0


def test_before_there_is_demand_the_window_alone_is_fed():
    outer = Hand(*range(9))
    assert Lift(outer, rx.filter(lambda _: False), Rule(window=3)).started().pull() == []
    assert outer.given == 3


def test_inside_of_a_subscribe_of_reactivex_items_come_out_at_once():
    """What waits for the outer call to return would be pulled for, and held."""
    seen: list[Any] = []
    lift = Lift(Hand(1, 2), rx.flat_map(lambda n: reactivex.of(n, n)))

    def outer(*_: Any) -> None:
        lift.started()
        for item in lift.feed.run():
            seen.append((item, lift.figures.received))

    CurrentThreadScheduler.singleton().schedule(outer)
    assert seen == [(1, 1), (1, 1), (2, 2), (2, 2)]


def test_a_gate_that_another_thread_is_about_to_close_is_not_pulled():
    outer = Hand(1)
    lift = Lift(outer, rx.map(str)).started()
    [gate] = lift.feed._gates
    gate.closed = True  # and its Feed is not cancelled yet
    assert lift.feed.feed_one() is False
    assert outer.given == 0


def test_items_of_gates_that_are_closed_while_they_are_pulled_are_discarded_and_others_go_on():
    class Closing(Hand):
        def _items(self) -> Any:
            stop.on_next(None)
            yield "too late"

    stop: Subject[None] = Subject()
    hands = [Closing(), Hand("x"), Closing()]
    flatten = rx.flat_map(lambda n: rx.take_until(stop)(hands[n].flow))
    lift = Lift(Hand(0, 1, 2), flatten, Rule(Order.INNER_FIRST)).started()
    assert list(lift.feed.run()) == ["x"]
    assert [hand.cancelled for hand in hands] == [1, 1, 1]
    assert (lift.figures.received, lift.figures.delivered, lift.figures.discarded) == (5, 1, 2)


def test_an_item_that_comes_too_late_is_one_that_has_been_let_through():
    stop: Subject[None] = Subject()

    class Closing(Hand):
        def _items(self) -> Any:
            stop.on_next(None)
            cancelled.append(self.cancelled)
            yield "too late"

    cancelled: list[int] = []
    outer = Closing()
    lift = Lift(outer, rx.take_until(stop)).started()
    assert lift.feed.feed_one() is True
    assert lift.feed.feed_one() is False
    assert cancelled == [0]  # who pulls it cancels it, afterwards
    assert outer.cancelled == 1


def test_operators_that_do_not_let_go_of_their_source_lose_it_all_the_same():
    class Keeping(reactivex.Observable[Any]):
        def __init__(self, source: Any) -> None:
            super().__init__()
            self.source = source

        def _subscribe_core(self, observer: Any, scheduler: Any = None) -> Any:
            self.source.subscribe(observer)
            return reactivex.disposable.Disposable()

    outer = Hand(1)
    lift = Lift(outer, Keeping).started()
    lift.feed.cancel()
    assert outer.cancelled == 1
    assert not lift.feed.open


class Remaining:
    """What is left of a cancelled run: it can be fed some times more."""

    def __init__(self, times: int) -> None:
        self.times = times
        self.open = True
        self.fed = 0
        self.wanted: list[int] = []
        self.closed = 0

    @property
    def feedable(self) -> bool:
        return self.fed < self.times

    def feed_one(self) -> bool:
        self.fed += 1
        return self.fed <= self.times

    def want(self, n: int) -> None:
        self.wanted.append(n)

    def close_gates(self) -> None:
        self.closed += 1


def test_what_is_left_of_a_run_is_fed_without_demand_until_there_is_nothing():
    left: Any = Remaining(3)
    rest = _Rest(left)
    rest.start()
    assert list(rest.run()) == []
    assert (left.fed, left.wanted) == (4, [UNBOUNDED])
    assert rest.settle() is State.WAITING
    rest.want(7)
    assert left.wanted == [UNBOUNDED, 7]
    rest.cancel()
    assert left.closed == 1


def test_what_is_left_of_a_run_gives_others_a_turn_after_a_budget():
    left: Any = Remaining(2 * BUDGET)
    rest = _Rest(left)
    assert list(rest.run()) == []
    assert left.fed == BUDGET
    assert rest.settle() is State.READY
    left.open = False
    assert rest.settle() is State.ENDED


def test_nobody_takes_no_item_and_loses_no_error():
    nobody = _Nobody()
    nobody.on_subscribe(Any)  # type: ignore[arg-type]
    with pytest.raises(AssertionError, match=r"^a run that was cancelled gave an item$"):
        nobody.on_next(1)
    error = OSError("cut")
    with dropped_errors() as dropped:
        nobody.on_error(error)
        nobody.on_completed()
    assert dropped == [error]
