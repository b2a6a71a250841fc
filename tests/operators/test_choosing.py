"""merge_prioritized: shares by priority; merge_sorted: one of each decides."""

from __future__ import annotations

from collections import Counter
from itertools import count
from typing import Any

import pytest
from reactivex import Subject

import rxflow as rx
from rxflow import operators as ops
from rxflow.testing import TestSubscriber
from tests.operators.waiting import Waiting, subscribed
from tests.support import counted

# merge_prioritized.


def prioritized(*weights: int, **options: Any) -> Any:
    first, *others = [rx.repeat_value(index) for index in range(len(weights))]
    pairs = list(zip(others, weights[1:], strict=True))
    return first.pipe(ops.merge_prioritized(*pairs, priority=weights[0], **options))


@pytest.mark.parametrize("weights", [(1, 1), (1, 3), (3, 1), (5, 2, 1), (1, 1, 1, 1)])
@pytest.mark.parametrize("one_by_one", [False, True])
def test_ready_sources_get_their_shares_exactly(weights: tuple[int, ...], one_by_one: bool) -> None:
    rounds = 10
    total = rounds * sum(weights)
    probe = subscribed(prioritized(*weights), 1 if one_by_one else total)
    for _ in range(total - 1 if one_by_one else 0):
        probe.request(1)
    for begin in range(0, total, sum(weights)):
        part = Counter(probe.items[begin : begin + sum(weights)])
        assert [part[index] for index in range(len(weights))] == list(weights)


def test_a_source_of_low_priority_is_not_starved_by_one_that_is_always_ready() -> None:
    late: Subject[str] = Subject()
    probe = subscribed(rx.repeat_value("busy").pipe(ops.merge_prioritized((late, 1), priority=5)))
    probe.request(20)
    late.on_next("late")
    probe.request(6)
    assert Counter(probe.items[20:]) == {"busy": 5, "late": 1}


def test_a_source_that_has_nothing_leaves_its_turn_and_begins_a_new_one_later() -> None:
    a, b = Waiting(), Waiting()
    probe = subscribed(a.flow.pipe(ops.merge_prioritized((b.flow, 3))))
    b.emit("b")
    a.emit("a", "a", "a")
    probe.request(4)
    assert Counter(probe.items) == {"a": 3, "b": 1}
    probe.items.clear()
    a.emit("a", "a")
    b.emit("b", "b", "b", "b")
    probe.request(6)
    assert "".join(probe.items) in ("abbbab", "bbbaba", "bbbab" + "a")


@pytest.mark.parametrize(("demand", "asked"), [(1, 1), (3, 3), (9, 4)])
def test_each_is_asked_for_no_more_than_prefetch_and_the_demand(demand: int, asked: int) -> None:
    a, b = Waiting(), Waiting()
    subscribed(a.flow.pipe(ops.merge_prioritized((b.flow, 3), prefetch=4)), demand)
    assert max(a.asked) == max(b.asked) == asked


def test_merge_prioritized_ends_when_all_have_and_needs_no_demand() -> None:
    a, b = Waiting(), Waiting()
    probe = subscribed(a.flow.pipe(ops.merge_prioritized((b.flow, 3))))
    a.complete()
    assert not probe.ended
    b.complete()
    assert probe.completed


def test_iterables_and_plain_observables_are_sources_too() -> None:
    subject: Subject[int] = Subject()
    probe = subscribed(rx.empty().pipe(ops.merge_prioritized(([1, 2], 2), (subject, 1))), 2)
    for item in range(300):
        subject.on_next(item)
    probe.request(rx.UNBOUNDED)
    assert probe.items == [1, 2, *range(256)]
    assert isinstance(probe.error, rx.BufferOverflowError)


# merge_sorted.


def sorted_of(*sources: Any, **options: Any) -> Any:
    first, *others = [rx.from_iterable(source) for source in sources]
    return first.pipe(ops.merge_sorted(*others, **options))


@pytest.mark.parametrize(
    "sources",
    [
        ([1, 4, 7], [2, 5, 8], [3, 6, 9]),
        ([], [1, 2]),
        ([1, 2], []),
        ([], []),
        ([5], [1, 2, 3]),
        ([1, 1, 1], [1, 1]),
        ([2],),
    ],
)
def test_it_is_the_sorted_whole(sources: tuple[list[int], ...]) -> None:
    whole = sorted(item for source in sources for item in source)
    for demand in (rx.UNBOUNDED, 1):
        probe = subscribed(sorted_of(*sources), demand)
        for _ in range(len(whole) - 1 if demand == 1 else 0):
            probe.request(1)
        assert probe.items == whole
        assert probe.completed


def test_of_equal_items_the_source_that_comes_first_is_first() -> None:
    probe = subscribed(sorted_of(["a1", "b1"], ["a2", "b2"], key=lambda item: item[0]), 9)
    assert probe.items == ["a1", "a2", "b1", "b2"]


def test_items_need_only_be_smaller_or_not() -> None:
    class Rank:
        def __init__(self, rank: int) -> None:
            self.rank = rank

        def __lt__(self, other: Rank) -> bool:
            return self.rank < other.rank

        def __eq__(self, other: object) -> bool:
            raise AssertionError("items are not compared for equality")

        __hash__ = None  # type: ignore[assignment]

    probe = subscribed(sorted_of([Rank(1), Rank(3)], [Rank(2)]), 9)
    assert [item.rank for item in probe.items] == [1, 2, 3]


def test_one_of_each_decides_and_no_more_is_taken() -> None:
    sources = [counted(count(start, 3)) for start in range(3)]
    probe = subscribed(sorted_of(*sources))
    assert [source.taken for source in sources] == [0, 0, 0]
    for taken in range(1, 20):
        probe.request(1)
        assert probe.items == list(range(taken))
        assert sum(source.taken for source in sources) == taken + 2
        assert probe.statistics["merge_sorted"].held == 2


def test_nothing_is_given_while_a_source_may_still_have_a_smaller_item() -> None:
    late = Waiting()
    probe = subscribed(rx.of(1, 2, 9).pipe(ops.merge_sorted(late.flow)), 9)
    assert probe.items == []
    late.emit(5)
    assert probe.items == [1, 2, 5]
    late.complete()
    assert probe.items == [1, 2, 5, 9]
    assert probe.completed


def test_a_silent_first_source_does_not_make_it_spin() -> None:
    silent, other = Waiting(), counted(count())
    probe = subscribed(silent.flow.pipe(ops.merge_sorted(rx.from_iterable(other))), rx.UNBOUNDED)
    assert other.taken == 1
    probe.cancel()
    assert (silent.disposed, other.closed) == (1, 1)


def test_a_failure_stands_behind_the_item_of_its_source() -> None:
    failure = ValueError("planted")
    a, b = Waiting(), Waiting()
    probe = subscribed(a.flow.pipe(ops.merge_sorted(b.flow)), 9)
    a.emit(1)
    a.fail(failure)
    assert not probe.ended
    b.emit(2)
    assert probe.items == [1]
    assert probe.error is failure
    assert b.disposed == 1
    figures = probe.statistics["merge_sorted"]
    assert (figures.received, figures.delivered, figures.discarded) == (2, 1, 1)


def test_what_the_key_or_the_comparison_raises_is_the_error() -> None:
    failure = ValueError("planted")

    def key(item: int) -> int:
        if item == 4:
            raise failure
        return item

    source = counted([1, 4, 5])
    probe = subscribed(sorted_of(source, [2, 3], key=key), 9)
    assert probe.items == [1]
    assert probe.error is failure
    assert source.closed == 1
    assert isinstance(subscribed(sorted_of([1], ["a"]), 9).error, TypeError)


# Both.


@pytest.mark.parametrize("name", ["merge_prioritized", "merge_sorted"])
def test_cancel_reaches_all_sources_in_every_state(name: str) -> None:
    for state in ("nothing asked", "nothing came", "one came", "all came", "one ended"):
        sources = [Waiting() for _ in range(3)]
        first, *others = [each.flow for each in sources]
        pairs: Any = [(each, 2) for each in others] if name == "merge_prioritized" else others
        flow: Any = first.pipe(getattr(ops, name)(*pairs))
        probe: TestSubscriber[Any] = subscribed(flow, 0 if state == "nothing asked" else 1)
        for source in sources[: {"one came": 1, "all came": 3}.get(state, 0)]:
            source.emit(1)
        if state == "one ended":
            sources[0].complete()
        probe.cancel()
        assert [each.disposed for each in sources] == [1, 1, 1], state
        for part in probe.subscription.statistics():
            assert (part.held, part.received) == (0, part.delivered + part.discarded), state


def test_a_failure_of_one_cancels_the_others() -> None:
    for name in ("merge_prioritized", "merge_sorted"):
        for position in range(3):
            failure = ValueError("planted")
            sources = [Waiting() for _ in range(3)]
            first, *others = [each.flow for each in sources]
            pairs: Any = [(each, 2) for each in others] if name == "merge_prioritized" else others
            probe = subscribed(first.pipe(getattr(ops, name)(*pairs)))
            sources[position].fail(failure)
            assert probe.error is failure
            assert [each.disposed for each in sources] == [1, 1, 1]
