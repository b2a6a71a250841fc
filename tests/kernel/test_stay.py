"""How long items stay in a queue, by those that are timed: each rule at its edges."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest

from rxflow.kernel import NANOS, Meter, StageStatistics, Stay
from rxflow.kernel.latency import FIRST, NONE
from rxflow.kernel.metering import RARELY, SLOW, Timed


class Clock:
    """Stands still unless the test moves it (nanoseconds), and counts how often it is read."""

    def __init__(self, nanos: int = 1_000) -> None:
        self.nanos = nanos
        self.read = 0

    def __call__(self) -> int:
        self.read += 1
        return self.nanos


def test_nothing_is_timed_at_first() -> None:
    stay = Stay(Clock())
    assert (stay.marked, stay.armed, stay.limit) == (False, False, 0)
    assert (stay.seconds, stay.latency, stay.oldest(0, 0, 0)) == (0.0, NONE, 0.0)
    stay.left(1, 0, held=0)  # what was not told to have come is no item
    assert (stay.marked, stay.armed, stay.limit, stay.seconds) == (False, False, 0, 0.0)


def test_an_item_is_known_by_how_many_leave_at_the_front_before_it() -> None:
    clock = Clock()
    stay = Stay(clock)
    stay.mark(5, 2)  # the sixth; of the five, two have left otherwise
    assert (stay.marked, stay.limit) == (True, 5)
    clock.nanos += 70
    stay.left(5, 2, held=1)  # three have been taken: it is the first one now
    assert (stay.marked, stay.limit, stay.latency) == (True, 5, NONE)
    stay.left(6, 3, held=1)  # one behind it was given up
    assert (stay.marked, stay.limit, stay.latency) == (True, 6, NONE)
    stay.left(7, 3, held=1)
    assert stay.marked is False
    assert (stay.latency.count, stay.latency.sum) == (1, 70 / NANOS)


def test_an_item_that_has_given_way_is_timed_no_more_and_not_counted() -> None:
    clock = Clock()
    stay = Stay(clock)
    stay.mark(0, 0)
    stay.left(2, 0, held=1)  # it has left unseen, and one behind it
    assert stay.marked is False
    assert stay.latency == NONE


def test_after_a_quick_item_one_in_eight_times_another_is_timed_though_something_is_held() -> None:
    clock = Clock()
    stay = Stay(clock)
    armed: list[bool] = []
    for number in range(3 * (RARELY + 1)):
        stay.mark(number, 0)
        assert stay.armed is False
        clock.nanos += SLOW - 1
        stay.left(number + 1, 0, held=1)
        armed.append(stay.armed)
    assert armed == 3 * [*[False] * RARELY, True]


def test_after_a_slow_item_another_is_timed_unless_the_queue_is_empty() -> None:
    for empty in (False, True):
        clock = Clock()
        stay = Stay(clock)
        stay.mark(0, 0)
        clock.nanos += SLOW
        stay.left(1, 0, held=int(not empty))
        assert (stay.marked, stay.armed) == (False, not empty)
        assert stay.latency.count == 1


def test_the_clock_is_read_once_for_what_is_taken_and_not_where_nothing_is_due() -> None:
    clock = Clock()
    stay = Stay(clock)
    stay.mark(0, 0)
    assert clock.read == 1
    stay.left(0, 0, held=1)
    assert clock.read == 1
    stay.left(1, 0, held=0)
    assert clock.read == 2
    stay.empty()
    stay.left(2, 0, held=0)
    assert clock.read == 2


def test_what_is_timed_is_forgotten_with_what_is_held() -> None:
    clock = Clock()
    stay = Stay(clock)
    stay.mark(0, 0)
    clock.nanos += SLOW
    stay.left(1, 0, held=1)
    assert stay.armed
    stay.mark(4, 0)
    stay.empty()
    assert (stay.marked, stay.armed) == (False, False)
    assert stay.seconds == SLOW / NANOS


def test_after_the_end_nothing_is_measured_however_late_it_comes() -> None:
    clock = Clock()
    stay = Stay(clock)
    stay.mark(0, 0)
    clock.nanos += 5
    stay.empty()
    clock.nanos += 5
    stay.left(2, 0, held=0)
    assert (stay.marked, stay.seconds, stay.latency) == (False, 5 / NANOS, NONE)
    assert stay.oldest(0, 0, 1) == 0.0


def alone(clock: Clock) -> Stay:
    """Give one of a queue where an item has come alone, 5 nanoseconds ago."""
    stay = Stay(clock)
    stay.since, stay.alone = clock.nanos, True
    clock.nanos += 5
    return stay


def test_an_item_that_is_alone_is_timed_without_a_mark() -> None:
    clock = Clock(0)  # a virtual clock begins there
    stay = alone(clock)
    assert (stay.marked, stay.seconds, stay.oldest(9, 2, 1)) == (False, 5 / NANOS, 5 / NANOS)
    assert stay.oldest(10, 2, 0) == 0.0  # it was taken, and this is about to be told of it
    stay.left(9, 2, held=1)  # what has left is something else
    assert (stay.alone, stay.latency) == (True, NONE)
    clock.nanos += 2
    stay.left(10, 2, held=0)
    assert (stay.alone, stay.since, stay.seconds) == (False, None, 7 / NANOS)
    assert (stay.latency.count, stay.latency.sum) == (1, 7 / NANOS)
    stay.left(11, 2, held=0)
    assert stay.latency.count == 1


def go(stay: Stay, clock: Clock, nanos: int) -> None:
    """Have an item come alone, and go after a time."""
    stay.since, stay.alone = clock.nanos, True
    clock.nanos += nanos
    stay.went()


def test_of_items_that_go_at_once_the_first_are_counted_and_then_one_for_those_before_it() -> None:
    clock = Clock()
    stay = Stay(clock)
    counts: list[int] = []
    for _ in range(400):
        go(stay, clock, 3)
        counts.append(stay.latency.count)
    assert counts[:FIRST] == [*range(1, FIRST + 1)]
    known = sorted({*counts})
    assert all(counts[each - 1] == each for each in known)  # all that have gone by then
    steps = [after - before for before, after in pairwise(known[FIRST - 1 :])]
    assert {*steps} == {*range(5, 13)}
    assert stay.latency.sum == pytest.approx(3 * counts[-1] / NANOS)
    assert stay.seconds == pytest.approx(1200 / NANOS)  # that is not sampled


@pytest.mark.parametrize("rhythm", [2, 3, 4, 5, 6, 7, 8, 9, 12, 16, 17, 34])
def test_no_rhythm_hides_how_long_items_take(rhythm: int) -> None:
    clock = Clock()
    stay = Stay(clock)
    for number in range(40_000):
        go(stay, clock, 800_000 if number % rhythm == 0 else 1_000)
    assert stay.latency.sum == pytest.approx(stay.seconds, rel=0.3)


def test_an_item_that_is_slow_is_counted_whenever_it_comes() -> None:
    clock = Clock()
    stay = Stay(clock)
    for _ in range(10):
        go(stay, clock, 1)
    for _ in range(3):
        go(stay, clock, SLOW)
    assert stay.latency.count == 8 + 3
    assert stay.latency.quantile(1.0) >= SLOW / NANOS


def test_an_item_that_was_alone_is_the_one_that_is_timed_when_others_join_it() -> None:
    clock = Clock()
    stay = alone(clock)
    stay.joined(9, 2)
    assert (stay.alone, stay.marked, stay.limit) == (False, True, 9)
    clock.nanos += 3
    assert stay.oldest(9, 2, 4) == 8 / NANOS
    stay.left(9, 2, held=4)
    assert stay.marked is True
    stay.left(10, 2, held=3)
    assert (stay.marked, stay.latency.sum, stay.seconds) == (False, 8 / NANOS, 8 / NANOS)
    assert stay.oldest(10, 2, 3) == (8 - 8 // 4) / NANOS  # of 4 that came in that time the second


def test_who_is_alone_in_a_queue_that_is_emptied_is_not_measured() -> None:
    clock = Clock()
    stay = alone(clock)
    stay.empty()
    clock.nanos += 5
    assert (stay.alone, stay.seconds, stay.latency) == (False, 5 / NANOS, NONE)


def test_the_age_of_the_first_item_is_estimated_between_those_whose_time_is_known() -> None:
    clock = Clock(0)
    stay = Stay(clock)
    stay.mark(0, 0)
    clock.nanos = 10  # ten have come meanwhile, and the first one leaves
    stay.left(1, 0, held=9)
    assert stay.oldest(1, 0, 9) == 9 / NANOS  # 1 came at 1
    assert stay.oldest(4, 0, 6) == 6 / NANOS
    assert stay.oldest(1, 0, 0) == 0.0
    stay.mark(10, 0)
    clock.nanos = 12
    assert stay.oldest(5, 0, 6) == 7 / NANOS  # 5 came at 5
    assert stay.oldest(7, 2, 4) == 7 / NANOS  # two others have left otherwise
    assert stay.oldest(10, 0, 1) == 2 / NANOS  # the one that is timed
    assert stay.oldest(11, 0, 1) == 1 / NANOS  # behind it, which had to give way
    assert stay.oldest(13, 0, 2) == 1 / NANOS  # 13 of 10 to 14, between 10 and now
    clock.nanos = 10
    assert stay.oldest(10, 0, 1) == 0.0


def test_what_was_held_when_a_timed_item_left_had_come_by_then() -> None:
    clock = Clock(0)
    stay = Stay(clock)
    stay.mark(0, 0)
    stay.left(1, 0, held=999)  # at once, as all of them had come
    clock.nanos = 3600
    assert stay.oldest(1, 0, 999) == 3600 / NANOS
    assert stay.oldest(999, 0, 1) == 3600 / NANOS
    assert stay.oldest(1000, 0, 1) == 4 / NANOS  # it came later, one of 1,001 as far as is known


def test_an_estimate_begins_at_the_last_item_whose_time_was_known() -> None:
    clock = Clock(0)
    stay = Stay(clock)
    stay.mark(2, 0)
    clock.nanos = 20
    stay.left(3, 0, held=4)
    clock.nanos = 21
    assert stay.oldest(3, 0, 4) == (21 - 21 // 5) / NANOS  # 3 to 6 came between 0 and now
    stay.mark(7, 0)
    clock.nanos = 30
    assert stay.oldest(4, 0, 4) == (30 - 21 * 2 // 5) / NANOS


def test_the_first_one_of_all_is_as_old_as_it_is() -> None:
    clock = Clock(0)
    stay = Stay(clock)
    stay.mark(5, 0)
    clock.nanos = 8
    assert stay.oldest(5, 0, 3) == 8 / NANOS
    assert stay.oldest(3, 0, 3) == 8 / NANOS  # it is the first that was held
    stay.mark(9, 0)  # another one is timed before that has left
    clock.nanos = 10
    assert stay.oldest(5, 0, 5) == 10 / NANOS


# The clock of an edge, and of a stage.


def test_an_edge_that_has_just_begun_is_neither_starved_nor_old() -> None:
    clock = Clock(1_000)
    meter = Meter(clock)
    assert (meter.stopped, meter.times()) == (False, (0, 0))
    meter.starve()
    assert meter.times() == (0, 0)
    clock.nanos += 7
    assert meter.times() == (7, 7)
    meter.stop()
    assert (meter.stopped, meter.times()) == (True, (7, 7))


def test_what_goes_on_is_added_to_what_was_and_a_clock_that_went_back_to_nothing() -> None:
    clock = Clock()
    meter = Meter(clock)
    meter.starve()
    clock.nanos += 3
    meter.served()
    meter.starve()
    assert meter.times() == (3, 3)
    clock.nanos += 4
    assert meter.times() == (7, 7)
    clock.nanos -= 6
    assert meter.times() == (1, 1)


def test_what_is_known_of_a_part_is_not_filled_in() -> None:
    clock = Clock()
    meter = Meter(clock)
    clock.nanos += NANOS
    known = StageStatistics("known", starved_seconds=99.0, blocked_seconds=98.0, metered=True)
    unknown = StageStatistics("unknown", metered=False)
    assert meter.fill([known, unknown]) == [known, unknown]
    assert (known.starved_seconds, known.blocked_seconds) == (99.0, 98.0)
    assert (unknown.starved_seconds, unknown.blocked_seconds) == (0.0, 1.0)
    assert unknown.metered


def test_what_was_lent_to_the_consumer_is_shared_out_in_whole_nanoseconds() -> None:
    clock = Clock()
    meter = Meter(clock)
    meter.starve()
    meter.handed = 1  # two were handed over, of which three times were taken
    for _ in range(3):
        began = clock()
        clock.nanos += 5
        meter.returned(began)
    _, starved = meter.times()
    assert starved == 15 - 15 * 2 // 3
    assert isinstance(starved, int)
    meter.handed = 8  # as if it had been longer than it was starved
    assert meter.times() == (15, 0)


@pytest.mark.parametrize(
    ("pulled", "blocked"), [((), 2.0), ((0.0,), 2.0), ((0.5,), 1.5), ((2.5,), 0.0)]
)
def test_what_is_neither_starved_nor_pulled_is_blocked(
    pulled: tuple[float, ...], blocked: float
) -> None:
    clock = Clock()
    meter = Meter(clock)
    meter.starve()
    clock.nanos += NANOS
    meter.served()
    clock.nanos += 2 * NANOS
    (part,) = meter.fill([StageStatistics("part")], *pulled)
    assert (part.starved_seconds, part.blocked_seconds) == (1.0, blocked)


def test_a_stage_is_timed_for_as_long_as_its_items_take_also_for_the_end() -> None:
    clock, spent = Clock(), [3, 4]

    def items() -> Iterator[str]:
        for item in "ab":
            clock.nanos += 10
            yield item
        clock.nanos += 100

    timed = Timed(items(), clock, spent, 1)
    assert timed.count == 0
    assert iter(timed) is timed
    assert next(timed) == "a"
    clock.nanos += 1_000  # the consumer's
    assert (timed.count, spent) == (1, [3, 14])
    assert list(timed) == ["b"]
    assert (timed.count, spent) == (2, [3, 124])


def test_a_stage_that_fails_is_timed_up_to_the_failure() -> None:
    clock, spent = Clock(), [0]

    def fails() -> Iterator[str]:
        clock.nanos += 6
        raise KeyError
        yield ""

    timed = Timed(fails(), clock, spent, 0)
    with pytest.raises(KeyError):
        next(timed)
    assert (timed.count, spent) == (0, [6])
