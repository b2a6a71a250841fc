"""An island over a Feed in the test's hand: ends, failures, demand and what is told to whom."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from rxflow.kernel import Context, Feed, Island, Plain, Stage, State
from rxflow.kernel.feed import Few
from tests.kernel.hand import Hand
from tests.kernel.recorder import dropped_errors


class Passing(Stage):
    """Passes items on; its end is as the test says."""

    def __init__(self, *released: Any, holding: bool = False, **says: Any) -> None:
        self.released: Iterable[Any] = released
        self.holding = holding
        self.log: list[Any] = says.pop("log", [])
        self.name = says.pop("name", "stage")
        self.finished = 0
        for name, value in says.items():
            setattr(self, name, value)

    def run(self, items: Iterator[Any]) -> Iterator[Any]:
        yield from items

    def finish(self) -> Iterable[Any]:
        self.finished += 1
        return self.released

    def holds(self) -> bool:
        return self.holding

    def cancel(self) -> None:
        self.log.append(self.name)


class Taking(Passing):
    """Is done with its n-th item."""

    def __init__(self, n: int, **says: Any) -> None:
        super().__init__(**says)
        self.left = n

    def run(self, items: Iterator[Any]) -> Iterator[Any]:
        for item in items:
            self.left -= 1
            self.done = not self.left
            yield item
            if self.done:
                return


def island(source: Feed[Any], *stages: Stage, pulls: bool = False, start: bool = True) -> Island:
    made: list[Any] = [stage if isinstance(stage, Plain) else _factory(stage) for stage in stages]
    feed = Island(source, made, Context(lambda: None, pulls=pulls))
    if start:
        feed.start()
    return feed


def _factory(stage: Stage) -> Callable[[Context], Stage]:
    return lambda context: stage


def doubled() -> Plain:
    # A generator could not be advanced again after its end.
    return Plain(lambda items: map(lambda n: 2 * n, items))  # noqa: C417


BOTH = pytest.mark.parametrize("pulls", [False, True])


def test_stages_are_made_for_the_consumer():
    seen: list[Context] = []
    context = Context(lambda: None)

    def make(given: Context) -> Stage:
        seen.append(given)
        return Passing()

    Island(Hand(), [make, make], context)
    assert seen == [context, context]


@pytest.mark.parametrize("hot", [False, True])
def test_it_is_hot_as_its_source_is(hot: bool):
    class Kind(Hand):
        @property
        def hot(self) -> bool:
            return hot

    assert island(Kind(), doubled()).hot is hot
    assert Hand().hot is False  # as a Feed that says nothing of it


@BOTH
def test_before_it_is_started_nothing_comes_and_the_source_is_not_touched(pulls: bool):
    hand = Hand(ended=True)
    feed = island(hand, Passing(), pulls=pulls, start=False)
    assert list(feed.run()) == []
    assert feed.settle() is State.WAITING
    assert feed.ending() is False
    assert (hand.started, hand.given) == (0, 0)


@BOTH
def test_a_source_is_not_started_where_a_stage_is_done_already(pulls: bool):
    hand, log = Hand(1), list[str]()
    feed = island(hand, doubled(), Passing(done=True, log=log), pulls=pulls)
    assert list(feed.run()) == []
    assert feed.settle() is State.ENDED
    assert feed.ending() is True
    feed.cancel()
    assert (hand.started, hand.cancelled, log) == (0, 0, ["stage"])


@BOTH
def test_stages_are_applied_first_to_last_to_what_the_source_has_now(pulls: bool):
    hand = Hand(1, 2)
    feed = island(hand, doubled(), Plain(lambda items: map(str, items)), Passing(), pulls=pulls)
    assert hand.started == 1
    assert list(feed.run()) == ["2", "4"]
    assert feed.settle() is State.WAITING
    hand.give(3)
    hand.end()
    assert list(feed.run()) == ["6"]
    assert feed.settle() is State.ENDED


@BOTH
def test_a_source_with_more_has_another_turn(pulls: bool):
    hand = Hand(1, 2)
    hand.turn = 1
    feed = island(hand, doubled(), pulls=pulls)
    assert list(feed.run()) == [2]
    assert feed.settle() is State.READY
    assert list(feed.run()) == [4]
    assert feed.settle() is State.WAITING


@BOTH
def test_a_stage_that_is_done_ends_it_at_once_and_nothing_more_is_pulled(pulls: bool):
    hand = Hand(1, 2, 3)
    feed = island(hand, doubled(), Taking(2), pulls=pulls)
    assert list(feed.run()) == [2, 4]
    assert feed.settle() is State.ENDED
    assert feed.ending() is True
    assert list(feed.run()) == []
    assert hand.given == 2


class Offering(Hand):
    """Has its items as a few."""

    def few(self) -> Few:
        hand = self

        class Items(Few):
            ended = False

            def __next__(self) -> Any:
                if not hand.items:
                    self.ended = True
                    raise StopIteration
                return hand.items.popleft()

        self.last: Few = getattr(self, "last", None) or Items()
        self.last.ended = False
        return self.last


def test_few_items_pass_plain_stages_without_a_run_of_their_own():
    hand = Offering(1)
    feed = island(hand, doubled())
    assert list(feed.run()) == [2]  # that one is timed
    assert feed.settle() is State.WAITING
    hand.give(2)
    first = feed.run()
    assert list(first) == [4]
    assert feed.settle() is State.WAITING
    hand.give(2)
    second = feed.run()
    assert second is first
    assert list(second) == [4]
    hand.end()
    assert list(feed.run()) == []
    assert feed.settle() is State.ENDED
    assert hand.runs == 0


def test_few_items_that_end_because_a_callback_says_so_are_no_end():
    def stops(item: Any) -> Any:
        raise StopIteration

    feed = island(Offering(1, 2), Plain(lambda items: map(stops, items)))
    assert list(feed.run()) == []
    with pytest.raises(RuntimeError, match="raised StopIteration"):
        feed.settle()


@pytest.mark.parametrize(("pulls", "stages"), [(True, [doubled()]), (False, [Passing()])])
def test_where_the_end_of_a_run_must_be_seen_the_few_are_not_used(pulls: bool, stages: list[Stage]):
    hand = Offering(1)
    feed = island(hand, *stages, pulls=pulls)
    assert len(list(feed.run())) == 1
    assert feed.settle() is State.WAITING
    assert hand.runs == 1


def stopping(items: Iterator[Any]) -> Iterator[Any]:
    """Take for an end what a callback has raised, as ``map`` does."""
    return iter(lambda: next(items), 2)


def test_a_false_end_is_an_error_of_who_settles():
    feed = island(Hand(1, 2, 3), Plain(stopping))
    assert list(feed.run()) == [1]
    with pytest.raises(RuntimeError, match="a callback of the pipeline raised StopIteration"):
        feed.settle()


def test_a_false_end_is_an_error_of_a_consumer_that_takes_a_part_of_a_run_at_a_time():
    feed = island(Hand(1, 2, 3), Plain(stopping), pulls=True)
    run = feed.run()
    assert next(run) == 1
    assert feed.settle() is State.READY  # the run was left in the middle
    with pytest.raises(RuntimeError, match="a callback of the pipeline raised StopIteration"):
        next(run)


@BOTH
def test_the_end_of_a_done_stage_is_no_false_one(pulls: bool):
    feed = island(Hand(1, 2, 3), Taking(1), Plain(stopping), pulls=pulls)
    assert list(feed.run()) == [1]
    assert feed.settle() is State.ENDED


@BOTH
def test_what_a_stage_releases_comes_behind_the_end_and_it_is_done_with_the_last(pulls: bool):
    hand, stage = Hand(1), Passing("x", "y", releases=True)
    feed = island(hand, stage, Plain(lambda items: ((item, stage.done) for item in items)))
    feed._pulls = pulls
    assert list(feed.run()) == [(1, False)]
    assert (feed.settle(), stage.finished) == (State.WAITING, 0)
    hand.end()
    assert list(feed.run()) == [("x", False), ("y", True)]
    assert stage.finished == 1
    assert feed.settle() is State.ENDED
    assert list(feed.run()) == []
    assert stage.finished == 1


def test_a_stage_that_releases_nothing_is_done_with_the_end():
    stage = Passing(releases=True)
    feed = island(Hand(ended=True), stage)
    assert list(feed.run()) == []
    assert stage.done is True
    assert feed.settle() is State.ENDED


def test_released_items_pass_the_stages_behind():
    feed = island(Hand(1, ended=True), Passing(5, releases=True), doubled())
    assert list(feed.run()) == [2, 10]


def test_the_end_of_a_stage_releases_what_those_behind_it_have_and_not_its_own():
    first, second = Taking(1, releases=True), Passing("released", releases=True)
    feed = island(Hand(1, 2), first, second)
    assert list(feed.run()) == [1, "released"]
    assert (first.finished, second.finished) == (0, 1)
    assert feed.settle() is State.ENDED


def test_a_stage_that_is_done_releases_nothing_to_those_before_it():
    first, second = Passing("never", releases=True), Taking(1)
    feed = island(Hand(1, 2), first, second)
    assert list(feed.run()) == [1]
    assert first.finished == 0


ENDS = [
    # what the stage is, what ending() says at completion, and at failure
    ({}, True, True),
    ({"holding": True}, False, False),
    ({"holding": True, "releases": True}, False, True),
    ({"releases": True}, True, True),
    ({"catches": True}, True, False),
    ({"catches": True, "releases": True, "holding": True}, False, False),
    ({"done": True}, True, True),
    ({"done": True, "holding": True, "catches": True}, True, True),
]


@pytest.mark.parametrize(("says", "completing", "failing"), ENDS)
@pytest.mark.parametrize("fails", [False, True])
def test_an_end_needs_no_demand_where_no_stage_makes_an_item_of_it(
    says: dict[str, Any], completing: bool, failing: bool, fails: bool
):
    hand = Hand()
    stage = Passing()
    feed = island(hand, stage)
    assert feed.ending() is False
    for name, value in says.items():
        setattr(stage, name, value)
    hand.ended, hand.error = True, OSError("cut") if fails else None
    assert feed.ending() is (failing if fails else completing)


def test_one_stage_that_holds_something_back_is_enough():
    for stages in ([Passing(holding=True), Passing()], [Passing(), Passing(holding=True)]):
        assert island(Hand(ended=True), *stages).ending() is False
    assert island(Hand(ended=True), Passing(), Passing()).ending() is True


def test_a_stage_that_is_done_ends_it_although_one_before_holds_something():
    assert island(Hand(ended=True), Passing(holding=True), Passing(done=True)).ending() is True
    hand = Hand(1)
    feed = island(hand, Passing(), Passing(), start=False)
    feed._others[0].done = True
    assert feed.ending() is True
    feed._others[1].holds = lambda: True  # type: ignore[method-assign]
    assert feed.ending() is False


def test_a_failure_behind_a_done_stage_is_nothing_to_the_stages_behind():
    stages = Passing(done=True), Passing(catches=True)
    hand = Hand(ended=True)
    hand.error = OSError("cut")
    feed = island(hand, *stages, start=False)
    feed._started = True
    assert feed.ending() is True


@BOTH
def test_a_failure_that_was_heard_without_demand_is_raised_in_the_run(pulls: bool):
    hand = Hand(ended=True)
    hand.error = OSError("cut")
    feed = island(hand, Passing(catches=True), pulls=pulls)
    assert feed.ending() is False
    for _ in range(2):
        with pytest.raises(OSError, match="cut") as raised:
            list(feed.run())
        assert raised.value is hand.error
        with pytest.raises(OSError, match="cut"):
            feed.settle()
    assert (hand.runs, hand.settled) == (0, 1)  # it is not asked again


def test_a_source_that_is_not_at_its_end_is_not_settled():
    """It would take that for a consumer that waits, and wake it."""
    hand = Hand(1)
    assert island(hand, Passing()).ending() is False
    assert hand.settled == 0


def test_a_failure_is_heard_once():
    hand = Hand(ended=True)
    hand.error = OSError("cut")
    feed = island(hand, Passing(catches=True))
    for _ in range(3):
        assert feed.ending() is False
    assert hand.settled == 1


def test_a_failure_of_the_source_without_stages_is_raised_by_who_settles():
    hand = Hand(ended=True)
    hand.error = OSError("cut")
    feed = island(hand, doubled())
    assert feed.ending() is True
    with pytest.raises(OSError, match="cut"):
        list(feed.run())


def test_demand_is_counted_in_inputs_of_the_first_stage():
    class More(Passing):
        def __init__(self, demand: Callable[[int], int]) -> None:
            super().__init__()
            self._demand = demand

        def demand(self, n: int) -> int:
            return self._demand(n)

    hand = Hand()
    feed = island(hand, More(lambda n: n + 1), doubled(), More(lambda n: n * 10))
    feed.want(3)
    assert hand.wanted == [31]
    feed.more(2)
    assert hand.more_wanted == []


def test_demand_passes_plain_stages_as_it_is():
    hand = Hand()
    feed = island(hand, doubled())
    feed.want(3)
    feed.more(2)
    assert (hand.wanted, hand.more_wanted) == ([3], [2])


def test_whoever_awaits_awaits_the_source():
    class Awaited(Hand):
        def advance(self) -> Any:
            return "to be awaited"

    assert island(Awaited(), doubled()).advance() == "to be awaited"
    assert island(Hand(), doubled()).advance() is None


def test_cancel_is_told_to_the_source_and_then_to_each_stage_whatever_they_raise():
    log: list[str] = []

    class Refusing(Hand):
        def cancel(self) -> None:
            log.append("source")
            raise OSError("will not")

    feed = island(
        Refusing(), Passing(log=log, name="first"), doubled(), Passing(log=log, name="second")
    )
    with dropped_errors() as dropped:
        feed.cancel()
    assert log == ["source", "first", "second"]
    assert [str(error) for error in dropped] == ["will not"]


def test_the_figures_are_those_of_the_source():
    hand = Hand(1, name="source")
    feed = island(hand, Passing())
    list(feed.run())
    assert [(figures.name, figures.delivered) for figures in feed.statistics()] == [
        ("source", 1),
        ("stage", 0),
    ]
