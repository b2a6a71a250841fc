"""What a boundary keeps its items in: parcels in order, and places for keys."""

from __future__ import annotations

from collections import deque
from typing import Any

import pytest

from rxflow.kernel.queues import Parcel, Shelf, Slots, popped


def shelf(*items: tuple[Any, float, float], ranked: bool = True) -> Shelf:
    """A shelf of items, each with its weight and priority."""
    made = Shelf(ranked)
    for item, weight, priority in items:
        made.append(Parcel(item, weight, priority))
    return made


def places(*items: tuple[Any, Any]) -> Slots:
    """Places with items, each of which has its key before it."""
    made = Slots()
    for key, item in items:
        made.append(Parcel(item, key=key))
    return made


@pytest.mark.parametrize("made", [Shelf(), Slots()], ids=["shelf", "slots"])
@pytest.mark.parametrize("end", ["popleft", "pop"])
def test_an_empty_one_says_so_as_a_deque_does(made: Shelf, end: str):
    assert len(made) == 0
    with pytest.raises(IndexError, match=r"^nothing is held$"):
        getattr(made, end)()


@pytest.mark.parametrize(("most", "taken"), [(0, 0), (2, 2), (5, 5), (9, 5)])
def test_as_many_are_popped_as_there_are_and_no_more_than_wanted(most: int, taken: int):
    held = deque(range(5))
    assert popped(held.popleft, most) == [*range(taken)]
    assert [*held] == [*range(taken, 5)]


def test_what_a_consumer_takes_meanwhile_is_not_popped_and_nothing_is_lost():
    held, elsewhere = deque(range(6)), list[int]()

    def pop() -> int:
        if len(held) == 4:
            elsewhere.append(held.popleft())
        return held.popleft()

    assert popped(pop, 9) == [0, 1, 3, 4, 5]
    assert elsewhere == [2]


def test_parcels_go_from_either_end_and_from_the_middle():
    held = shelf(("a", 1, 5), ("b", 2, 1), ("c", 3, 9), ("d", 4, 5))
    assert (len(held), held.weight, held.first.item) == (4, 10, "a")
    assert held.pop_least().item == "b"
    assert held.pop().item == "d"
    assert held.popleft().item == "a"
    assert (len(held), held.weight, held.first.item) == (1, 3, "c")
    held.append(Parcel("e", 6, 0))
    assert [held.popleft().item, held.popleft().item] == ["c", "e"]


def test_of_the_least_important_the_oldest_goes_also_after_others_have_left():
    held = shelf(*((n, 1, n % 2) for n in range(8)))
    assert held.popleft().item == 0
    assert [held.pop_least().item for _ in range(7)] == [2, 4, 6, 1, 3, 5, 7]


def test_what_was_rounded_is_forgotten_when_nothing_is_held():
    held = shelf(*((n, 0.1, 0) for n in range(3)))
    for _ in range(3):
        held.popleft()
    assert held.weight == 0


def test_the_first_few_are_not_weighed():
    held = shelf(("a", 1, 0), ("b", 2, 0), ("c", 4, 0))
    assert [held.beyond(n) for n in range(5)] == [7, 6, 4, 0, 0]


def test_a_parcel_weighs_one_and_is_of_no_age_or_importance_unless_it_is_said():
    parcel = Parcel("item")
    assert (parcel.item, parcel.weight, parcel.priority) == ("item", 1, 0)
    assert (parcel.since, parcel.key) == (0.0, None)


def test_one_that_is_not_asked_for_the_least_important_remembers_no_ranks():
    assert Shelf()._ranks is None
    assert Shelf(ranked=False)._ranks is None
    assert Shelf(ranked=True)._ranks == []


@pytest.mark.parametrize("kept", [0, 3, 40])
def test_what_has_left_is_not_remembered_for_its_rank_for_ever(kept: int):
    held = shelf(*((n, 1, n) for n in range(kept)))
    most = 0
    for n in range(kept, 1000):
        held.append(Parcel(n, 1, n))
        ranks = held._ranks
        assert ranks is not None
        most = max(most, len(ranks))
        held.popleft()
    assert most == 2 * (kept + 1) + 64
    for n in (3, 1, 2):
        held.append(Parcel(n, 1, n))
    assert [held.pop_least().item for _ in range(3)] == [1, 2, 3]


def test_ranks_are_tidied_with_all_that_is_held_in_its_order():
    held = shelf(*((n, 1, -n) for n in range(70)))
    for _ in range(66):
        held.pop()
    for n in range(200):
        held.append(Parcel(("new", n), 1, n % 3))
        held.pop()
    assert [held.pop_least().item for _ in range(4)] == [3, 2, 1, 0]


def test_a_key_keeps_its_place_while_what_is_there_is_lent():
    held = places(("a", 1), ("b", 2), ("c", 3))
    lent = [held.lend("a"), held.lend("b")]
    assert [parcel and parcel.item for parcel in lent] == [1, 2]
    assert (len(held), held.places) == (1, 3)
    assert "a" in held
    assert held.lend("a") is None  # it is lent already
    assert (len(held), held.places) == (1, 3)
    held.append(Parcel(20, key="b"))
    assert (len(held), held.places) == (2, 3)
    assert held.popleft().item == 20  # what is lent is passed by
    held.append(Parcel(10, key="a"))
    assert [held.popleft().item, held.popleft().item] == [10, 3]
    assert (len(held), held.places, "a" in held) == (0, 0, False)


def test_the_newest_key_gives_way_unless_it_is_lent():
    held = places(("a", 1), ("b", 2), ("c", 3))
    held.lend("c")
    assert held.pop().item == 2
    assert held.lend("none") is None
    assert (len(held), held.places) == (1, 2)
    held.append(Parcel(4, key="a"))  # a second one of a key takes the place of the first
    assert (len(held), held.places) == (1, 2)
    assert held.pop().item == 4
    with pytest.raises(IndexError):
        held.pop()
