"""How long an edge was starved, and a queue held something, on a clock that the test moves."""

from __future__ import annotations

from array import array

import pytest

from rxflow.kernel import Boundary, Context, Latency, Meter, StageStatistics, State, Stay
from rxflow.kernel.latency import Histogram
from rxflow.kernel.metering import SAMPLED, Lap, by_stage, shares_of
from rxflow.kernel.statistics import count_roots, joined
from rxflow.protocol import (
    DROP_ALL,
    DROP_INCOMING,
    DROP_NEWEST,
    DROP_OLDEST,
    FAIL,
    Offer,
    Overflow,
)
from tests.kernel.clock import SECOND, Clock


def test_an_edge_is_starved_from_when_it_has_nothing_until_it_is_served() -> None:
    clock = Clock()
    meter = Meter(clock)
    for asked, served in ((1, 3), (4, 4), (6, 10)):
        clock.seconds = asked
        meter.starve()
        clock.seconds += 0.5 if asked < served else 0
        meter.starve()  # it is told again, which changes nothing
        clock.seconds = served
        meter.served()
        meter.served()
    assert meter.times() == (10 * SECOND, 6 * SECOND)


def test_what_goes_on_is_in_the_figures_and_after_the_end_nothing_is_added() -> None:
    clock = Clock()
    meter = Meter(clock)
    clock.seconds = 2
    meter.starve()
    clock.seconds = 5
    assert meter.times() == (5 * SECOND, 3 * SECOND)
    meter.stop()
    clock.seconds = 9
    meter.starve()
    meter.stop()
    assert meter.times() == (5 * SECOND, 3 * SECOND)


def test_what_the_consumer_does_with_items_that_are_handed_over_is_no_starvation() -> None:
    clock = Clock()
    meter = Meter(clock)
    meter.starve()
    for _ in range(3 * (SAMPLED + 1)):
        clock.seconds += 1  # waits
        meter.handed += 1
        began = None if meter.handed & SAMPLED else clock()
        clock.seconds += 2  # works
        if began is not None:
            meter.returned(began)
    count = 3 * (SAMPLED + 1)
    assert meter.times() == (3 * count * SECOND, count * SECOND)


def test_a_lap_measures_its_part_of_the_edge_only() -> None:
    clock = Clock()
    meter = Meter(clock)
    meter.starve()
    clock.seconds = 4
    lap = Lap(meter)
    clock.seconds = 5
    meter.served()
    clock.seconds = 7
    lap.stop()
    clock.seconds = 9
    meter.starve()
    clock.seconds = 11
    assert lap.times() == (3 * SECOND, 1 * SECOND)
    assert Lap(meter).times() == (0, 0)


def test_the_consumer_fills_in_what_is_not_known_and_nothing_else() -> None:
    clock = Clock()
    meter = Meter(clock)
    meter.starve()
    clock.seconds = 2
    meter.served()
    clock.seconds = 10
    known = StageStatistics("known", starved_seconds=99.0, metered=True)
    first, second = meter.fill([known, StageStatistics("own")], 3.0)
    assert first is known
    assert (second.starved_seconds, second.blocked_seconds, second.metered) == (2.0, 5.0, True)


def test_a_queue_holds_something_between_the_first_item_and_the_last() -> None:
    clock = Clock()
    stay = Stay(clock)
    for begin, end in ((1, 3), (7, 8)):
        clock.seconds = begin
        stay.mark(begin, 0)
        clock.seconds = end
        stay.left(begin + 1, 0, held=0)
        clock.seconds += 1
        stay.empty()
    assert stay.seconds == 3.0
    assert (stay.latency.count, stay.latency.sum) == (2, 3.0)
    stay.mark(9, 0)
    clock.seconds += 2
    assert stay.seconds == 5.0
    stay.empty()
    clock.seconds += 2
    assert stay.seconds == 5.0


def queue(overflow: Overflow, capacity: int = 3) -> tuple[Clock, Boundary[int]]:
    clock, context = Clock(), Context(lambda: None)
    context.meter = Meter(clock)
    boundary = Boundary[int](context, "queue", capacity, overflow)
    boundary.settle()
    return clock, boundary


def own(boundary: Boundary[int]) -> StageStatistics:
    [figures] = boundary.statistics()
    return figures


def test_a_queue_that_is_filled_faster_than_it_is_emptied_is_blocked_throughout() -> None:
    clock, boundary = queue(FAIL, 9)
    run = boundary.run()
    taken = 0
    for second in range(9):
        clock.seconds = second
        boundary.push(second)
        if second % 2:
            assert next(run) == taken
            taken += 1
        # Between those whose time is known it is estimated, and never too low.
        assert second - taken <= own(boundary).oldest_seconds <= second - taken + 1
    assert own(boundary).blocked_seconds == 8.0
    clock.seconds = 10
    assert list(run) == [4, 5, 6, 7, 8]
    clock.seconds = 12
    assert boundary.settle() is State.WAITING
    figures = own(boundary)
    assert (figures.blocked_seconds, figures.oldest_seconds) == (10.0, 0.0)
    assert figures.latency.count >= 3
    assert boundary.push(1)
    clock.seconds = 13
    boundary.cancel()
    clock.seconds = 20
    assert boundary.push(2) is Offer.CLOSED
    clock.seconds = 30
    assert boundary.settle() is State.ENDED
    assert own(boundary).blocked_seconds == 11.0


@pytest.mark.parametrize(
    ("overflow", "latencies"),
    [
        # Of 0 to 4, pushed in as many seconds into 3 places; then all are taken at 10.
        (DROP_OLDEST, [7.0]),  # the one that came when the first one, which was timed, had to go
        (DROP_NEWEST, [10.0]),
        (DROP_INCOMING, [10.0]),
        (DROP_ALL, [7.0]),  # the one that came when all others had to go
    ],
)
def test_an_item_that_gives_way_is_not_measured(overflow: Overflow, latencies: list[float]) -> None:
    clock, boundary = queue(overflow)
    for second in range(5):
        clock.seconds = second
        boundary.push(second)
    clock.seconds = 10
    list(boundary.run())
    figures = own(boundary)
    assert figures.latency.count == len(latencies)
    assert figures.latency.sum == sum(latencies)
    assert figures.blocked_seconds == 10.0


@pytest.mark.parametrize("overflow", [DROP_OLDEST, DROP_INCOMING])
def test_under_overflow_items_go_on_being_measured_one_at_a_time(overflow: Overflow) -> None:
    clock, boundary = queue(overflow, 4)
    run = boundary.run()
    waits = list[float]()
    came = dict[int, float]()
    for number in range(60):
        clock.seconds = number * 0.25
        came[number] = clock.seconds
        boundary.push(number)
        if number % 4 == 3:
            waits.append(clock.seconds - came[next(run)])
    measured = own(boundary).latency
    assert 2 <= measured.count <= len(waits)
    assert min(waits) <= measured.sum / measured.count <= max(waits)


def test_the_clock_is_read_for_a_batch_and_not_for_each_item() -> None:
    clock, boundary = queue(FAIL, 1000)
    before = clock.read
    for _ in range(4):
        for item in range(1000):
            boundary.push(item)
        assert len(list(boundary.run())) == 1000
        boundary.settle()
    assert clock.read - before <= 20


def test_the_first_item_is_measured_when_it_is_taken_together_with_those_behind_it() -> None:
    clock, boundary = queue(FAIL)
    for item in range(3):
        boundary.push(item)
    clock.seconds = 5
    run = boundary.run()
    assert next(run) == 0
    assert (own(boundary).latency.count, own(boundary).latency.sum) == (1, 5.0)
    clock.seconds = 9
    read = clock.read
    assert [*run] == [1, 2]
    assert clock.read == read + 1  # that nothing is held any more
    figures = own(boundary)
    assert (figures.latency.count, figures.blocked_seconds, figures.oldest_seconds) == (1, 9.0, 0.0)


def test_a_queue_whose_first_item_gives_way_before_it_is_timed_holds_something_all_the_same() -> (
    None
):
    """A producer is quicker than the consumer that has looked how many are held."""
    clock, boundary = queue(DROP_ALL)
    for item in range(3):
        boundary.push(item)
    lock = boundary._lock

    class Late:
        """The lock, for which another thread was quicker."""

        def acquire(self) -> bool:
            boundary._lock = lock
            boundary.push(3)
            return lock.acquire()

        def release(self) -> None:
            lock.release()
            boundary.push(4)

    run = boundary.run()
    boundary._lock = Late()  # type: ignore[assignment]
    clock.seconds = 1
    assert next(run) == 3
    clock.seconds = 5
    before = own(boundary)
    assert (before.held, before.blocked_seconds) == (1, 5.0)
    clock.seconds = 9
    assert own(boundary).blocked_seconds == 9.0
    assert own(boundary).oldest_seconds > before.oldest_seconds > 0.0
    assert [*run] == [4]


def test_a_histogram_is_wrong_by_an_eighth_at_most() -> None:
    for nanos in (*range(40), 999, 10**6 + 1, 123_456_789, 3 * 10**12):
        histogram = Histogram()
        histogram.add(nanos)
        seconds = histogram.latency().quantile(0.5)
        assert nanos / SECOND <= seconds <= max(nanos * 1.13, nanos + 1) / SECOND


def test_quantiles_are_those_of_what_was_measured_and_differences_can_be_taken() -> None:
    histogram = Histogram()
    for millis in range(1, 101):
        histogram.add(millis * 1_000_000)
    half = histogram.latency()
    assert half.count == 100
    assert half.sum == pytest.approx(5.05)
    for q in (0.0, 0.01, 0.5, 0.9, 0.99, 1.0):
        exact = max(1, round(q * 100)) / 1000
        assert exact <= half.quantile(q) <= exact * 1.13
    assert Latency().quantile(0.5) == 0.0
    with pytest.raises(ValueError, match="a quantile is from 0 to 1"):
        half.quantile(1.1)
    for _ in range(300):
        histogram.add(SECOND)
    later = histogram.latency()
    since = later.minus(half)
    assert (since.count, since.sum) == (300, pytest.approx(300))
    assert 1.0 <= since.quantile(0.0) <= 1.13
    assert half.plus(since).buckets == later.buckets
    assert half.plus(Latency()) is half
    assert half.minus(Latency()) is half


def test_figures_of_a_part_that_draws_from_several_tell_how_many() -> None:
    sources = [StageStatistics("a", inputs=0), StageStatistics("b", inputs=0)]
    tree = [*joined([*sources, StageStatistics("map")], StageStatistics("merge"))]
    assert [part.inputs for part in tree] == [0, 0, 1, 2]
    assert count_roots(tree) == 1
    assert count_roots(sources) == 2


def test_the_difference_of_two_snapshots_is_what_has_happened_since() -> None:
    first = StageStatistics("door", 5, 10, 4, 5, 6, 9, {"oldest": 1}, blocked_seconds=1.0)
    second = StageStatistics("door", 9, 25, 20, 2, 7, 9, {"oldest": 3}, blocked_seconds=1.5)
    since = second.minus(first)
    assert (since.requested, since.received, since.delivered) == (4, 15, 16)
    assert (since.held, since.peak, since.capacity) == (2, 7, 9)
    assert (since.dropped, since.blocked_seconds) == ({"oldest": 2}, 0.5)
    assert second.utilisation == 2 / 9
    assert StageStatistics("map").utilisation is None


STAGES = array("q", (1 * SECOND, 3 * SECOND, 2 * SECOND, 6 * SECOND))
"""What the samples took from the source, and with each of three stages; the second one is odd."""


@pytest.mark.parametrize(
    ("life", "waited", "each", "shares"),
    [
        # Nothing was timed: a stage is starved or blocked.
        (10.0, 4.0, 0.0, [(4.0, 0.0, 6.0)] * 3),
        (10.0, 10.0, 0.0, [(10.0, 0.0, 0.0)] * 3),
        (10.0, 12.0, 0.0, [(10.0, 0.0, 0.0)] * 3),
        # A stage is starved while those before it work, and never works backwards.
        (20.0, 4.0, 1.0, [(4.0, 2.0, 14.0), (6.0, 0.0, 14.0), (6.0, 4.0, 10.0)]),
        (20.0, 4.0, 0.5, [(4.0, 1.0, 15.0), (5.0, 0.0, 15.0), (5.0, 2.0, 13.0)]),
        # They are estimates: together they may be more than there was.
        (7.0, 4.0, 1.0, [(4.0, 2.0, 1.0), (6.0, 0.0, 1.0), (6.0, 4.0, 0.0)]),
        (5.0, 4.0, 1.0, [(4.0, 2.0, 0.0), (5.0, 0.0, 0.0), (5.0, 4.0, 0.0)]),
    ],
)
def test_a_stage_is_starved_then_works_and_is_blocked_for_the_rest(
    life: float, waited: float, each: float, shares: list[tuple[float, float, float]]
) -> None:
    assert [*by_stage(shares_of(life, waited, STAGES, each / SECOND))] == shares
