"""Figures that are added up and taken apart: each of them, and those of short sources."""

from __future__ import annotations

import sys
import threading
from dataclasses import fields, replace
from typing import Any

import pytest

from rxflow.kernel import Latency, Ledger, StageStatistics, joined
from rxflow.kernel.statistics import retime, timed
from rxflow.protocol import UNBOUNDED
from tests.kernel.hand import Late

EARLIER = StageStatistics(
    "part",
    requested=10,
    received=9,
    delivered=5,
    held=2,
    peak=4,
    capacity=7,
    dropped={"oldest": 1},
    discarded=1,
    waited_seconds=0.5,
    weight=3.0,
    blocked_seconds=1.0,
    starved_seconds=2.0,
    working_seconds=4.0,
    in_flight=3,
    oldest_seconds=8.0,
    inputs=2,
    shared=5,
    latency=Latency(3, 1.5, ((0.5, 1), (1.0, 2))),
    metered=True,
)
LATER = StageStatistics(
    "later",
    requested=100,
    received=90,
    delivered=50,
    held=20,
    peak=3,
    capacity=70,
    dropped={"oldest": 10, "newest": 2},
    discarded=8,
    waited_seconds=5.0,
    weight=30.0,
    blocked_seconds=10.0,
    starved_seconds=20.0,
    working_seconds=40.0,
    in_flight=30,
    oldest_seconds=6.0,
    inputs=1,
    shared=6,
    latency=Latency(5, 2.5, ((0.5, 1), (2.0, 4))),
    metered=True,
)


def test_the_sum_of_two_parts_has_each_figure_of_both() -> None:
    assert EARLIER.plus(LATER) == StageStatistics(
        "part",
        requested=110,
        received=99,
        delivered=55,
        held=22,
        peak=4,
        capacity=70,
        dropped={"oldest": 11, "newest": 2},
        discarded=9,
        waited_seconds=5.5,
        weight=30.0,
        blocked_seconds=11.0,
        starved_seconds=22.0,
        working_seconds=44.0,
        in_flight=33,
        oldest_seconds=8.0,
        inputs=1,
        shared=6,
        latency=Latency(8, 4.0, ((0.5, 2), (1.0, 2), (2.0, 4))),
    )


@pytest.mark.parametrize("name", [each.name for each in fields(StageStatistics) if each.compare])
def test_a_part_that_says_nothing_adds_nothing_that_counts_up(name: str) -> None:
    """Whichever one says nothing, and neither is changed by it."""
    before = repr((EARLIER, LATER))
    little = StageStatistics("part")
    same = ("name", *("capacity", "weight", "inputs", "shared"))  # those are of the later one
    expected = getattr(little if name in same else EARLIER, name)
    assert getattr(EARLIER.plus(little), name) == expected
    assert getattr(little.plus(EARLIER), name) == getattr(EARLIER, name)
    assert repr((EARLIER, LATER)) == before
    assert little == StageStatistics("part")


@pytest.mark.parametrize(("one", "other"), [(True, False), (False, True), (False, False)])
def test_a_sum_is_metered_where_both_are(one: bool, other: bool) -> None:
    parts = [StageStatistics("part", metered=metered) for metered in (one, other)]
    assert parts[0].plus(parts[1]).metered is False
    assert EARLIER.plus(LATER).metered is True


def test_what_has_happened_since_is_what_was_not_there_before() -> None:
    now = EARLIER.plus(replace(LATER, capacity=7, weight=3.0, inputs=2, shared=5))
    since = now.minus(EARLIER)
    assert (since.requested, since.received, since.delivered) == (100, 90, 50)
    assert (since.held, since.in_flight, since.peak) == (22, 33, 4)  # as they are now
    assert (since.dropped, since.discarded) == ({"oldest": 10, "newest": 2}, 8)
    assert (since.waited_seconds, since.blocked_seconds) == (5.0, 10.0)
    assert (since.starved_seconds, since.working_seconds) == (20.0, 40.0)
    assert since.latency == LATER.latency
    assert now.minus(now) == replace(
        StageStatistics("part"),
        **{
            name: getattr(now, name)
            for name in ("held", "peak", "capacity", "weight", "in_flight", "oldest_seconds")
        },
        inputs=2,
        shared=5,
    )


@pytest.mark.parametrize(
    ("now", "earlier", "since"),
    [(9, 4, 5), (UNBOUNDED, 4, UNBOUNDED), (UNBOUNDED, UNBOUNDED, UNBOUNDED), (4, 4, 0)],
)
def test_demand_that_is_endless_is_not_taken_apart(now: int, earlier: int, since: int) -> None:
    part = StageStatistics("part", requested=now)
    assert part.minus(replace(part, requested=earlier)).requested == since


def test_what_a_part_draws_from_is_counted_among_those_that_nobody_else_draws_from() -> None:
    def part(name: str, inputs: int) -> StageStatistics:
        return StageStatistics(name, inputs=inputs)

    before = [part("a", 0), part("map", 1), part("b", 0), part("c", 0), part("zip", 2)]
    *_, own = joined(before, part("own", 1))
    assert (own.name, own.inputs) == ("own", 2)
    *_, own = joined([], part("own", 1))
    assert own.inputs == 0
    assert [each.inputs for each in before] == [0, 1, 0, 0, 2]


def test_short_sources_are_added_up_by_name() -> None:
    ledger = Ledger()
    second = 1_000_000_000
    ledger.count("range", 3, 5 * second, 1 * second)
    ledger.count("of", 1, 2 * second, 2 * second)
    ledger.count("range", 4, 7 * second, 3 * second)
    sums: dict[str, Any] = {part.name: part for part in ledger}
    assert list(sums) == ["range", "of"]
    many, one = sums["range"], sums["of"]
    assert (many.received, many.delivered, many.held, many.inputs) == (7, 7, 0, 0)
    assert (many.blocked_seconds, many.starved_seconds, many.metered) == (8.0, 4.0, True)
    assert (one.received, one.blocked_seconds, one.starved_seconds) == (1, 0.0, 2.0)


def test_those_that_are_put_together_otherwise_are_kept_apart() -> None:
    ledger = Ledger()
    shapes = [("a", 0, "b", 1), ("a", 0, "b", 0), ("a", 0), ("a", 0, "b", 1)]
    for shape in shapes:
        parts = [
            StageStatistics(name, inputs=inputs, received=1)
            for name, inputs in zip(shape[::2], shape[1::2], strict=True)
        ]
        ledger.keep(lambda parts=parts: parts)
    assert [(part.name, part.inputs, part.received) for part in ledger] == [
        *(("a", 0, 2), ("b", 1, 2), ("a", 0, 1), ("b", 0, 1), ("a", 0, 1)),
    ]


def test_figures_that_are_late_are_counted_once_before_their_loop_is_over_and_after() -> None:
    ledger, loops = Ledger(), [Late(), Late()]
    for loop in loops:
        ledger.keep(loop.figures)
    seen = [[part.received for part in ledger]]
    for loop in loops:
        loop.end()
        seen.append([part.received for part in ledger])
    assert seen == [[2], [3], [4]]
    assert [len(loop.calls) for loop in loops] == [1, 1]


def test_a_loop_that_waits_for_another_one_is_waited_for_twice() -> None:
    ledger, first, second = Ledger(), Late(), Late()
    ledger.keep(lambda: first.figures() if not first.over else second.figures())
    first.end()
    assert [part.received for part in ledger] == [1]
    second.end()
    assert [part.received for part in ledger] == [2]


def test_who_reads_while_late_figures_become_the_last_misses_none() -> None:
    rounds, loops = 20_000, list[Late]()
    ledgers, counted = list[Ledger](), set[int]()
    ready = threading.Barrier(2)

    def end() -> None:
        ready.wait()
        for loop in loops:
            loop.end()

    for _ in range(rounds):
        loops.append(Late())
        ledgers.append(Ledger())
        ledgers[-1].keep(loops[-1].figures)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        ender = threading.Thread(target=end)
        ender.start()
        ready.wait()
        for loop, ledger in zip(loops, ledgers, strict=True):
            while not loop.over:
                counted.add(sum(part.received for part in ledger))
            counted.add(sum(part.received for part in ledger))
        ender.join()
    finally:
        sys.setswitchinterval(interval)
    assert counted == {1, 2}


def test_a_part_of_which_only_the_times_are_known_says_them_and_no_more() -> None:
    part = timed("map", 1.0, 2.0, 3.0)
    assert part == StageStatistics(
        "map", starved_seconds=1.0, working_seconds=2.0, blocked_seconds=3.0
    )
    assert part.metered is True
    retime(part, 4.0, 5.0, 6.0)
    assert (part.starved_seconds, part.working_seconds, part.blocked_seconds) == (4.0, 5.0, 6.0)
    other = StageStatistics("filter", received=7)
    retime(other, 4.0, 5.0, 6.0)
    assert (other.received, other.working_seconds, other.metered) == (7, 5.0, True)


def test_the_last_figures_are_asked_for_once_however_late_they_are() -> None:
    ledger, loop = Ledger(), Late()
    asked = list[bool]()

    def figures() -> list[StageStatistics]:
        asked.append(loop.over)
        return loop.figures()

    ledger.keep(figures)
    assert [part.received for part in ledger] == [1]
    loop.end()
    for _ in range(2):
        assert [part.received for part in ledger] == [2]
    assert asked == [False, False, True]
