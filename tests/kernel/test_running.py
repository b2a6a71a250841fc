"""Who looks at the subscriptions that run keeps none of them, and none of them depends on it."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator
from typing import Any
from weakref import ref

import pytest

from rxflow.kernel import (
    Drain,
    Status,
    appeared,
    disappeared,
    running,
    runs,
    tell_of_beginnings,
    watch,
)
from tests.kernel.hand import Hand
from tests.kernel.recorder import COMPLETED, Recorder, dropped_errors


class Someone:
    """A consumer, as far as it is looked at here."""

    def __init__(self, flow: Any = None) -> None:
        self.flow = flow


def some(flow: Any = None) -> Any:
    return Someone(flow)


@pytest.fixture(autouse=True)
def before() -> Iterator[tuple[Any, ...]]:
    """Those of other tests, which are over here what they were before."""
    gc.collect()
    there = running()
    yield there
    assert running() == there


def test_they_are_told_in_the_order_in_which_they_began(before: tuple[Any, ...]) -> None:
    everyone = [some() for _ in range(3)]
    for each in everyone:
        appeared(each)
    assert running() == (*before, *everyone)
    disappeared(everyone[1])
    assert running() == (*before, everyone[0], everyone[2])
    for each in everyone:
        disappeared(each)


def test_those_of_one_flow_are_told_alone_and_those_of_no_flow_are_not_among_them() -> None:
    first, second = object(), object()
    everyone = [some(first), some(second), some(first), some()]
    for each in everyone:
        appeared(each)
    assert running(first) == (everyone[0], everyone[2])
    assert running(second) == (everyone[1],)
    assert running(object()) == ()
    for each in everyone:
        disappeared(each)
    assert running(first) == ()


def test_one_that_is_collected_is_forgotten_without_a_word(before: tuple[Any, ...]) -> None:
    lost, told = some(), list[Any]()
    noted = ref(lost)
    end = watch(told.append)
    appeared(lost)
    assert runs(noted)
    del lost
    gc.collect()
    assert not runs(noted)
    assert running() == before
    assert told == []  # it is over for those who hear of its end only when it was there to be asked
    end()


def test_one_may_be_over_and_collected_while_somebody_looks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    unraisable: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", unraisable.append)

    class Leaving(Someone):
        @property
        def flow(self) -> Any:
            disappeared(held.pop())
            return None

        @flow.setter
        def flow(self, _: Any) -> None:
            pass

    held: list[Any] = [Leaving()]
    gone, stays = ref(held[0]), some(flow := object())
    appeared(held[0])
    appeared(stays)
    assert running(flow) == (stays,)
    assert gone() is None
    assert unraisable == []
    disappeared(stays)


def test_a_storm_of_those_that_are_collected_leaves_no_reference() -> None:
    def references() -> int:
        gc.collect()
        return sum(isinstance(each, ref) for each in gc.get_objects())

    there = references()
    for _ in range(100):
        appeared(some())
    assert references() < there + 50


def test_one_whose_end_is_noted_elsewhere_meanwhile_is_over_as_any_other() -> None:
    def elsewhere(consumer: Any) -> None:
        end()
        disappeared(consumer)

    end = watch(elsewhere)
    appeared(one := some())
    disappeared(one)
    assert not runs(ref(one))


def test_an_end_is_told_once_while_it_is_still_found_and_only_of_what_began() -> None:
    told: list[tuple[Any, bool]] = []
    end = watch(lambda consumer: told.append((consumer, runs(ref(consumer)))))
    one, stranger = some(), some()
    appeared(one)
    disappeared(stranger)
    assert told == []
    disappeared(one)
    disappeared(one)
    assert told == [(one, True)]
    assert not runs(ref(one))
    end()


def test_each_watcher_ends_for_itself_and_as_often_as_it_likes() -> None:
    told: list[str] = []

    def begin(name: str) -> Callable[[], None]:
        return watch(lambda _: told.append(name))

    ends = [begin(name) for name in "abc"]
    ends[1]()
    ends[1]()
    appeared(one := some())
    disappeared(one)
    assert told == ["a", "c"]
    for end in ends:
        end()
    appeared(one)
    disappeared(one)
    assert told == ["a", "c"]


def test_a_beginning_is_told_to_each_who_asked_and_to_nobody_who_left() -> None:
    told: list[tuple[str, Any]] = []

    def tell(name: str) -> Callable[[], None]:
        return tell_of_beginnings(lambda consumer: told.append((name, consumer)))

    first, second = tell("first"), tell("second")
    appeared(one := some())
    assert told == [("first", one), ("second", one)]
    first()
    first()
    appeared(two := some())
    assert told[2:] == [("second", two)]
    second()
    appeared(three := some())
    assert len(told) == 3
    for each in (one, two, three):
        disappeared(each)


def test_one_that_is_told_of_beginnings_and_raises_is_reported_and_disturbs_nobody() -> None:
    error, told = ValueError("told"), list[Any]()

    def raises(_: Any) -> None:
        raise error

    leaves = [tell_of_beginnings(raises), tell_of_beginnings(told.append)]
    with dropped_errors() as errors:
        appeared(one := some())
    assert errors == [error]
    assert told == [one]
    assert runs(ref(one))
    disappeared(one)
    for leave in leaves:
        leave()


def test_one_who_is_told_may_leave_meanwhile() -> None:
    told: list[Any] = []

    def once(consumer: Any) -> None:
        told.append(consumer)
        leave()

    leave = tell_of_beginnings(once)
    also = tell_of_beginnings(told.append)
    appeared(one := some())
    assert told == [one, one]
    also()
    disappeared(one)


def opened(demand: int, *items: Any) -> tuple[Drain, Hand, Recorder]:
    source, recorder = Hand(*items), Recorder(demand)
    drain = Drain(recorder)
    drain.open(source.make)
    drain.wake()
    return drain, source, recorder


def test_a_subscription_says_how_it_stands_and_how_it_has_ended() -> None:
    seen: list[Status] = []
    drain, source, recorder = opened(2, "a")
    assert drain.status is Status.STARVED
    recorder._then = lambda *_: seen.append(drain.status)
    source.give("b", "c")
    assert seen == [Status.FLOWING]
    assert drain.status is Status.BLOCKED
    recorder.request(9)
    source.end()
    assert drain.status is Status.COMPLETED
    recorder.cancel()
    assert drain.status is Status.COMPLETED


def test_a_subscription_that_somebody_has_ended_says_who() -> None:
    drain, _, recorder = opened(1)
    recorder.cancel()
    assert drain.status is Status.CANCELLED
    drain, _, recorder = opened(1)
    drain.finish()
    assert recorder.ends == [COMPLETED]
    assert drain.status is Status.COMPLETED
    drain, _, recorder = opened(1)
    recorder.request(0)
    assert isinstance(recorder.error, ValueError)
    assert drain.status is Status.FAILED
    assert [status.name for status in Status if status.over] == ["COMPLETED", "FAILED", "CANCELLED"]


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_while_the_source_is_closed_leaves_nothing_behind(
    interrupt: type[BaseException],
) -> None:
    class Interrupted(Hand):
        def cancel(self) -> None:
            super().cancel()
            raise interrupt

    source = Interrupted(1, 2, 3)
    recorder = Recorder(2)
    drain = Drain(recorder)
    drain.open(source.make)
    drain.wake()
    gone, over = ref(recorder), list[str]()
    drain.when_over(lambda: over.append("over"))
    assert drain in running()
    recorder.subscription = None
    with pytest.raises(interrupt):
        drain.cancel()
    assert source.cancelled == 1
    assert drain not in running()
    assert over == ["over"]
    drain.when_over(lambda: over.append("late"))
    assert over == ["over", "late"]
    hand, subscriber = drain.statistics()
    assert (hand.name, hand.delivered, subscriber.delivered) == ("hand", 2, 2)
    del recorder
    gc.collect()
    assert gone() is None
    drain.cancel()
    drain.request(1)
    assert (source.cancelled, source.given) == (1, 2)
