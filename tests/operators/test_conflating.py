"""conflate and conflate_by_key: what is merged, in which order it is given, and what is bounded."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

import rxflow as rx
from rxflow import operators as ops
from rxflow.testing import TestSubscriber
from tests.kernel.recorder import in_thread
from tests.support_doors import Opened

# conflate.


def gather(**options: Any) -> Opened:
    return Opened(
        ops.conflate,
        lambda item: [item],
        lambda held, item: [*held, item],
        on_drop=...,
        on_discard=...,
        **options,
    )


def test_conflate_passes_what_is_asked_for_and_merges_the_rest() -> None:
    door = gather(demand=1)
    door.push(1, 2, 3, 4)
    assert door.probe.items == [[1]]
    door.probe.request(1)
    assert door.probe.items == [[1], [2, 3, 4]]
    door.probe.request(1)
    door.push(5)
    assert door.probe.items[2:] == [[5]]
    door.push(6)
    figures = door.figures
    assert (figures.held, figures.peak, figures.capacity) == (1, 1, 1)
    assert figures.dropped == {"merged": 2}


def test_conflate_completes_behind_what_is_merged() -> None:
    door = gather()
    door.push(1, 2)
    door.subject.on_completed()
    assert not door.probe.ended
    assert door.take_all() == [[1, 2]]
    assert door.probe.completed


def test_conflate_of_nothing_and_of_one_item() -> None:
    door = gather()
    door.subject.on_completed()
    assert door.probe.completed
    assert door.probe.items == []
    door = gather()
    door.push(None)
    door.subject.on_completed()
    assert door.take_all() == [[None]]


def test_a_summary_that_is_changed_in_place_has_each_item_once() -> None:
    """The trap: what was delivered already must not be merged into."""

    def add(held: list[int], item: int) -> list[int]:
        if item == 3:
            door.probe.request(1)  # it is asked for while it is being merged
        held.append(item)
        return held

    door = Opened(ops.conflate, lambda item: [item], add, on_drop=..., on_discard=...)
    door.push(1, 2, 3, 4, 5)
    door.probe.request(1)
    assert door.probe.items == [[1, 2, 3], [4, 5]]


def test_a_summary_is_merged_by_one_thread_at_a_time_and_no_item_is_lost() -> None:
    door = gather()
    joins = [in_thread(lambda n=n: door.push(*range(n, n + 500))) for n in (0, 1_000)]
    for _ in range(200):
        door.probe.request(1)
    for join in joins:
        join()
    door.take_all()
    flat = [item for summary in door.probe.items for item in summary]
    assert sorted(flat) == [*range(500), *range(1_000, 1_500)]


@pytest.mark.parametrize("broken", ["seed", "fn"])
def test_a_function_of_conflate_that_raises_ends_the_stream(broken: str) -> None:
    def fail(*_: Any) -> Any:
        raise ValueError(broken)

    functions = {"seed": lambda item: [item], "fn": lambda held, item: held, broken: fail}
    door = Opened(ops.conflate, *functions.values(), on_drop=..., on_discard=...)
    door.push(1, 2, 3)
    assert not door.subject.observers
    door.take_all()
    assert door.probe.items == []
    assert str(door.probe.error) == broken


def test_conflate_wants_two_functions_that_are_not_async() -> None:
    async def later(*_: Any) -> Any: ...

    with pytest.raises(TypeError, match="conflate: seed must be callable"):
        ops.conflate(None, later)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="conflate: fn is an async function"):
        ops.conflate(len, later)


# conflate_by_key.


def by_key(*args: Any, **options: Any) -> Opened:
    return Opened(ops.conflate_by_key, lambda item: item[0], *args, **options)


def joined(held: str, item: str) -> str:
    return held + item[1:]


def test_the_newest_of_each_key_is_given_in_the_order_in_which_the_keys_came() -> None:
    door = by_key(demand=1)
    door.push("a1", "a2", "b1", "c1", "a3", "b2", "b3")
    assert door.probe.items == ["a1"]
    assert door.drops == [("a2", "replaced"), ("b1", "replaced"), ("b2", "replaced")]
    assert door.take_all() == ["a3", "b3", "c1"]
    assert door.figures.dropped == {"replaced": 3}


def test_items_of_a_key_are_merged_in_its_place() -> None:
    door = by_key(joined)
    door.push("a1", "b1", "a2", "c1", "b2", "a3")
    assert door.drops == []
    assert door.figures.dropped == {"merged": 3}
    assert (door.figures.held, door.figures.peak) == (3, 3)
    assert door.take_all() == ["a123", "b12", "c1"]


def test_a_key_that_was_taken_comes_last_when_it_comes_again() -> None:
    door = by_key()
    door.push("a1", "b1")
    door.probe.request(1)
    door.push("a2")
    assert door.take_all() == ["b1", "a2"]


def test_capacity_3_holds_3_keys_and_any_number_of_items_of_them() -> None:
    door = by_key(max_keys=3)
    door.push("a1", "b1", "c1", "a2", "b2", "c2", "a3")
    assert not door.probe.ended
    assert door.figures.held == 3
    door.push("d1")
    assert not door.subject.observers
    assert door.drops[-1] == ("d1", "overflow")
    assert door.take_all() == ["a3", "b2", "c2"]
    error = door.probe.error
    assert isinstance(error, rx.BufferOverflowError)
    assert (error.operator, error.capacity, error.held) == ("conflate_by_key", 3, 3)
    assert error.item == "d1"


@pytest.mark.parametrize(
    ("overflow", "kept", "dropped"),
    [
        (rx.DROP_OLDEST, ["b1", "c1"], ["a2"]),
        (rx.DROP_NEWEST, ["a2", "c1"], ["b1"]),
        (rx.DROP_INCOMING, ["a2", "b1"], ["c1"]),
        (rx.DROP_ALL, ["c1"], ["a2", "b1"]),
    ],
    ids=repr,
)
def test_what_gives_way_to_a_key_too_many(
    overflow: rx.Overflow, kept: list[str], dropped: list[str]
) -> None:
    door = by_key(max_keys=2, overflow=overflow)
    door.push("a1", "b1", "a2", "c1")
    victim = overflow.victim.value
    assert door.drops == [("a1", "replaced"), *((item, victim) for item in dropped)]
    assert door.take_all() == kept


def test_what_is_asked_for_passes_one_by_one() -> None:
    door = by_key(demand=3)
    door.push("a1", "a2", "a3", "a4", "a5")
    assert door.probe.items == ["a1", "a2", "a3"]
    assert door.take_all() == ["a5"]


def test_a_key_may_be_none_and_so_may_an_item() -> None:
    door = Opened(ops.conflate_by_key, lambda item: item)
    door.push(None, None, 0, None)
    assert door.drops == [(None, "replaced")] * 2
    assert door.take_all() == [None, 0]


def test_a_key_that_is_taken_while_it_is_merged_is_given_once() -> None:
    def add(held: str, item: str) -> str:
        door.probe.request(1)
        return joined(held, item)

    door = by_key(add)
    door.push("a1", "b1", "a2")
    assert door.probe.items == ["b1"]  # what is being merged is not there to be taken
    door.push("a3")
    assert door.probe.items == ["b1", "a123"]


def test_a_function_may_push_items_of_the_same_key_and_of_others() -> None:
    def add(held: str, item: str) -> str:
        if item == "a2":
            door.push("a8", "d1")
        return joined(held, item)

    door = by_key(add, 3, overflow=rx.DROP_INCOMING)
    door.push("a1", "b1", "c1", "a2")
    assert door.drops == [("d1", "incoming")]  # the place of what is being merged is its own
    assert door.figures.peak <= 3
    held = door.take_all()
    assert held[1:] == ["b1", "c1"]
    assert sorted(held[0]) == sorted("a128")


@pytest.mark.parametrize("broken", ["key", "fn", "on_drop", "hash"])
def test_a_function_of_conflate_by_key_that_raises_ends_the_stream(broken: str) -> None:
    def fail(*_: Any) -> Any:
        raise TypeError(broken)

    door = Opened(
        ops.conflate_by_key,
        {"key": fail, "hash": lambda item: [item]}.get(broken, lambda item: item[0]),
        fail if broken == "fn" else None,
        **({"on_drop": fail} if broken == "on_drop" else {}),
    )
    door.push("a1", "a2", "a3")
    assert not door.subject.observers
    door.take_all()
    assert isinstance(door.probe.error, TypeError)
    assert not door.probe.completed


def test_it_ends_behind_what_is_held_and_discards_on_cancel() -> None:
    door = by_key()
    door.push("a1", "b1")
    door.subject.on_completed()
    assert not door.probe.ended
    assert door.take_all() == ["a1", "b1"]
    assert door.probe.completed
    door = by_key()
    door.push("a1", "b1", "a2")
    door.probe.cancel()
    assert door.discards == ["a2", "b1"]
    assert door.figures.discarded == 2


@pytest.mark.parametrize("seed", range(10))
def test_it_is_the_same_as_a_dict(seed: int) -> None:
    chance = Random(seed)
    most = chance.randint(1, 5)
    door = by_key(joined, most, overflow=rx.DROP_OLDEST)
    model: dict[str, str] = {}
    taken: list[str] = []
    gone: list[tuple[str, str]] = []
    for n in range(300):
        if chance.random() < 0.25 and model:
            door.probe.request(1)
            taken.append(model.pop(next(iter(model))))
            continue
        key = chance.choice("abcdefgh")
        door.push(f"{key}{n} ")
        if key not in model and len(model) == most:
            gone.append((model.pop(next(iter(model))), "oldest"))
        model[key] = joined(model[key], f"{key}{n} ") if key in model else f"{key}{n} "
    assert door.probe.items == taken
    assert door.drops == gone
    assert door.take_all() == list(model.values())


def test_what_is_asked_for_of_a_source_that_pushes_while_it_is_subscribed_takes_no_place() -> None:
    probe: TestSubscriber[int] = TestSubscriber(3)
    rx.range(6).pipe(ops.conflate_by_key(lambda n: n, max_keys=3)).subscribe(probe)
    assert probe.items == [0, 1, 2]
    probe.request(3)
    assert probe.items == [0, 1, 2, 3, 4, 5]
    assert probe.completed


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"key": None}, "key must be callable"),
        ({"max_keys": 0}, "max_keys must be at least 1"),
        ({"overflow": rx.BLOCK}, "overflow must be FAIL or one that drops"),
        ({"overflow": rx.SUSPEND}, "overflow must be FAIL or one that drops"),
        ({"overflow": "FAIL"}, "overflow must be a strategy"),
        ({"on_drop": 3}, "on_drop must be callable"),
    ],
)
def test_wrong_arguments_are_errors_when_the_pipeline_is_built(
    arguments: dict[str, Any], text: str
) -> None:
    with pytest.raises((TypeError, ValueError), match=f"conflate_by_key: {text}"):
        ops.conflate_by_key(**{"key": len, **arguments})


# Behind them.
