"""throttle_by_key: a bucket for each key, and what waits for tokens is bounded."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest
from reactivex.testing import TestScheduler

import rxflow as rx
from rxflow import operators as ops
from tests.kernel.recorder import dropped_errors
from tests.support import counted

from .rates import Asked, Timed, balanced, finish, subscribed, time_left


def first(text: str) -> str:
    return text[0]


def pushed(
    clock: TestScheduler, *args: Any, demand: int = rx.UNBOUNDED, **options: Any
) -> tuple[Asked, Timed]:
    """Subscribe to a source that is pushed into, with the first letter for a key."""
    source = Asked()
    step = ops.throttle_by_key(first, *args, scheduler=clock, **options)
    return source, subscribed(clock, source.flow.pipe(step), demand)


def held(probe: Timed) -> int:
    return probe.statistics["throttle_by_key"].held


def test_an_item_whose_key_has_no_tokens_does_not_hold_back_those_of_others() -> None:
    clock = TestScheduler()
    source, probe = pushed(clock, 1)
    source.push("a1", "a2", "a3", "b1", "c1", "b2")
    assert probe.items == ["a1", "b1", "c1"]
    finish(clock)
    assert probe.times[3:] == [(1, "a2"), (1, "b2"), (2, "a3")]
    assert balanced(probe, "throttle_by_key")


def test_each_key_has_exactly_the_rate_and_the_bursts_of_throttle() -> None:
    clock = TestScheduler()
    items = [f"{'abc'[n % 3]}{n}" for n in range(60)]
    step = ops.throttle_by_key(first, 3, per=2.0, burst=4, capacity=60, scheduler=clock)
    probe = subscribed(clock, rx.from_iterable(items).pipe(step))
    finish(clock)
    for key in "abc":
        own = [item for item in items if item[0] == key]
        alone = subscribed(
            TestScheduler(), rx.from_iterable(own).pipe(ops.throttle(3, per=2.0, burst=4))
        )
        alone.cancel()
        times = [time for time, item in probe.times if item[0] == key]
        assert times[:4] == [0] * 4
        assert times[4:] == pytest.approx([2 / 3 * n for n in range(1, 17)], abs=2e-6)
        assert [item for item in probe.items if item[0] == key] == own


def test_the_items_of_a_key_stay_in_their_order_also_where_the_later_one_is_cheaper() -> None:
    clock = TestScheduler()
    source, probe = pushed(clock, 1, burst=5, cost=lambda text: int(text[1:]))
    source.push("a5", "a4", "a0", "a1")
    assert probe.items == ["a5"]
    finish(clock)
    assert probe.times[1:] == [(4, "a4"), (4, "a0"), (5, "a1")]


@pytest.mark.parametrize("capacity", [1, 2, 3])
def test_the_number_of_parked_items_is_exact_and_then_upstream_is_held(capacity: int) -> None:
    clock = TestScheduler()
    source = counted(f"a{n}" for n in range(20))
    step = ops.throttle_by_key(first, 1, capacity=capacity, scheduler=clock)
    probe = subscribed(clock, rx.from_iterable(source).pipe(step))
    assert (probe.items, source.taken, held(probe)) == (["a0"], 1 + capacity, capacity)
    clock.advance_to(1)
    assert (len(probe.items), source.taken, held(probe)) == (2, 2 + capacity, capacity)
    part = probe.statistics["throttle_by_key"]
    assert (part.peak, part.capacity) == (capacity, capacity)


def test_upstream_is_asked_for_no_more_than_there_is_room_for() -> None:
    clock = TestScheduler()
    source, probe = pushed(clock, 1, capacity=3)
    assert source.outstanding == 3
    source.push("a1", "a2", "a3")
    assert (held(probe), source.outstanding) == (2, 1)
    source.push("a4")
    assert (held(probe), source.outstanding) == (3, 0)
    clock.advance_to(1)
    assert (held(probe), source.outstanding) == (2, 1)


def test_without_demand_nothing_is_taken_and_what_is_due_waits() -> None:
    clock = TestScheduler()
    source, probe = pushed(clock, 1, demand=0)
    assert source.outstanding == 0
    probe.request(1)
    assert source.outstanding == 1
    source.push("a1")
    probe.request(1)
    source.push("a2")  # it has no tokens yet, and the demand is still there for another
    assert (probe.items, held(probe), source.outstanding) == (["a1"], 1, 1)
    source.push("b1")
    assert (probe.items, source.outstanding) == (["a1", "b1"], 0)
    clock.advance_to(5)
    assert probe.items == ["a1", "b1"]
    probe.request(1)
    assert probe.times[2:] == [(5, "a2")]


def test_a_request_inside_of_on_next_goes_on_with_what_is_due() -> None:
    clock = TestScheduler()
    items = ["a1", "a2", "b1", "b2"]
    flow = rx.from_iterable(items).pipe(ops.throttle_by_key(first, 1, scheduler=clock))
    probe = subscribed(clock, flow, 1, request_each=1)
    finish(clock)
    assert probe.items == ["a1", "b1", "a2", "b2"]
    assert probe.depth == 1
    assert probe.completed


def test_a_push_inside_of_on_next_is_held_to_the_rate() -> None:
    clock = TestScheduler()
    source = Asked()
    flow = source.flow.pipe(ops.throttle_by_key(first, 1, scheduler=clock))
    probe = subscribed(clock, flow, then=lambda p, _: source.push("a") if len(p.items) < 4 else 0)
    source.push("a")
    finish(clock)
    assert probe.at == [0, 1, 2, 3]


def test_none_is_an_item_and_a_key() -> None:
    clock = TestScheduler()
    step = ops.throttle_by_key(lambda item: item, 1, scheduler=clock)
    probe = subscribed(clock, rx.of(None, 0, None).pipe(step))
    finish(clock)
    assert probe.times == [(0, None), (0, 0), (1, None)]


# The table of keys.


def test_a_key_is_forgotten_when_its_bucket_is_full_again() -> None:
    class Key:
        pass

    clock = TestScheduler()
    source = Asked()
    step = ops.throttle_by_key(lambda item: item[0], 1, burst=2, scheduler=clock)
    probe = subscribed(clock, source.flow.pipe(step), then=lambda p, _: p.items.clear())
    key = Key()
    known = weakref.ref(key)
    source.push((key,))
    probe.times.clear()
    del key
    clock.advance_to(0.999999)
    source.push(("other",))
    gc.collect()
    assert known() is not None
    clock.advance_to(1.0)
    source.push(("other",))
    gc.collect()
    assert known() is None


def test_while_the_table_is_full_an_item_of_a_further_key_waits_and_upstream_with_it() -> None:
    clock = TestScheduler()
    source, probe = pushed(clock, 1, max_keys=2, capacity=3)
    source.push("a1", "b1", "c1", "a2")
    assert (probe.items, held(probe), source.outstanding) == (["a1", "b1"], 1, 1)
    assert probe.statistics["create"].held == 1  # a2, though its key has a bucket
    clock.advance_to(0.999999)
    assert probe.items == ["a1", "b1"]
    finish(clock)
    assert probe.times[2:] == [(1, "c1"), (1, "a2")]


def test_a_full_table_gives_room_one_key_at_a_time() -> None:
    clock = TestScheduler()
    source, probe = pushed(clock, 1, max_keys=1)
    source.push("a", "b", "a", "c")
    finish(clock)
    assert probe.times == [(0, "a"), (1, "b"), (2, "a"), (3, "c")]


def test_no_rate_is_exceeded_by_a_key_that_was_forgotten() -> None:
    clock = TestScheduler()
    source, probe = pushed(clock, 2, max_keys=1, burst=2)
    source.push(*["a", "a", "b", "a", "a"])
    finish(clock)
    assert probe.times == [(0, "a"), (0, "a"), (1, "b"), (1.5, "a"), (1.5, "a")]


def test_the_key_of_an_item_that_waits_for_the_table_is_computed_once() -> None:
    clock = TestScheduler()
    computed: list[str] = []

    def key(item: str) -> str:
        computed.append(item)
        return item

    step = ops.throttle_by_key(key, 1, max_keys=1, scheduler=clock)
    probe = subscribed(clock, rx.of("a", "b", "c").pipe(step))
    finish(clock)
    assert computed == probe.items == ["a", "b", "c"]


def test_many_keys_pass_through_a_small_table() -> None:
    clock = TestScheduler()
    step = ops.throttle_by_key(lambda n: n, 1000, max_keys=5, scheduler=clock)
    probe = subscribed(clock, rx.range(50).pipe(step))
    finish(clock)
    assert probe.items == list(range(50))
    assert probe.at[::5] == pytest.approx([n / 1000 for n in range(10)])


# Enforcing.


def test_enforcing_fails_for_the_key_that_comes_too_soon_only() -> None:
    clock = TestScheduler()
    source, probe = pushed(clock, 1, mode="enforce")
    source.push("a1", "b1")
    clock.advance_to(1)
    source.push("a2")
    assert probe.error is None
    source.push("c1", "a3")
    assert probe.items == ["a1", "b1", "a2", "c1"]
    assert isinstance(probe.error, rx.RateExceededError)
    assert str(probe.error).startswith("throttle_by_key: the rate of 1 per 1 s")
    assert probe.error.item == "a3"
    assert source.cancelled
    assert balanced(probe, "throttle_by_key")


# The end.


def test_completion_waits_for_what_is_parked_and_comes_with_the_last_of_it() -> None:
    clock = TestScheduler()
    source, probe = pushed(clock, 1, demand=3)
    source.push("a1", "a2", "a3")
    source.complete()
    assert not probe.ended
    finish(clock)
    assert (probe.at, probe.completed, probe.ended_at) == ([0, 1, 2], True, 2)


@pytest.mark.parametrize("demand", [0, 3])
def test_an_empty_source_completes_at_once(demand: int) -> None:
    step = ops.throttle_by_key(first, 1)
    assert subscribed(TestScheduler(), rx.empty().pipe(step), demand).completed


def test_a_failure_waits_for_what_is_parked() -> None:
    clock = TestScheduler()
    source, probe = pushed(clock, 1)
    source.push("a1", "a2")
    source.fail(KeyError("failed"))
    assert probe.error is None
    finish(clock)
    assert probe.at == [0, 1]
    assert isinstance(probe.error, KeyError)
    assert probe.ended_at == 1


@pytest.mark.parametrize("demand", [1, rx.UNBOUNDED])
def test_a_failure_that_is_not_delayed_overtakes_what_is_parked(demand: int) -> None:
    clock = TestScheduler()
    discarded: list[str] = []
    source, probe = pushed(
        clock, 1, demand=demand, delay_error=False, on_discard=discarded.append, capacity=2
    )
    source.push("a1")
    probe.request(1)
    source.push("a2")
    source.fail(KeyError("failed"))
    assert isinstance(probe.error, KeyError)
    assert (probe.items, discarded) == (["a1"], ["a2"])
    assert probe.statistics["throttle_by_key"].discarded == 1
    assert balanced(probe, "throttle_by_key")


def test_a_failure_that_is_not_delayed_overtakes_also_without_demand() -> None:
    clock = TestScheduler()
    source, probe = pushed(clock, 1, demand=2, delay_error=False)
    source.push("a1", "a2", "b1")
    assert held(probe) == 1
    source.fail(KeyError("failed"))
    assert isinstance(probe.error, KeyError)


def test_a_cancel_discards_what_is_parked_and_what_waits_for_the_table() -> None:
    clock = TestScheduler()
    discarded: list[str] = []
    source, probe = pushed(clock, 1, max_keys=2, on_discard=discarded.append)
    source.push("a1", "b1", "a2", "b2", "c1")
    probe.cancel()
    finish(clock)
    assert probe.items == ["a1", "b1"]
    assert sorted(discarded) == ["a2", "b2", "c1"]
    assert source.cancelled
    assert balanced(probe, "throttle_by_key")
    assert held(probe) == 0


def test_what_on_discard_raises_is_reported_and_the_rest_is_discarded() -> None:
    seen: list[str] = []

    def discard(item: str) -> None:
        seen.append(item)
        raise KeyError(item)

    source, probe = pushed(TestScheduler(), 1, on_discard=discard)
    source.push("a1", "a2", "a3")
    with dropped_errors() as dropped:
        probe.cancel()
    assert seen == ["a2", "a3"]
    assert [type(error) for error in dropped] == [KeyError, KeyError]


def test_a_key_that_is_not_hashable_fails() -> None:
    step = ops.throttle_by_key(lambda item: [item], 1)
    probe = subscribed(TestScheduler(), rx.of("a").pipe(step))
    assert isinstance(probe.error, TypeError)


@pytest.mark.parametrize("mode", ["shape", "enforce"])
def test_a_cancel_leaves_no_timer(mode: Any) -> None:
    assert time_left(ops.throttle_by_key(lambda _: 1, 1, mode=mode)) == 0


@pytest.mark.parametrize(
    ("options", "error", "told"),
    [
        ({"max_keys": 0}, ValueError, "max_keys must be at least 1"),
        ({"capacity": 0}, ValueError, "capacity must be at least 1"),
        ({"capacity": 1.5}, ValueError, "capacity must be a whole number"),
        ({"on_discard": 3}, TypeError, "on_discard must be callable"),
    ],
)
def test_wrong_arguments_are_refused(
    options: dict[str, Any], error: type[Exception], told: str
) -> None:
    with pytest.raises(error, match=f"throttle_by_key: {told}"):
        ops.throttle_by_key(first, 1, **options)
    with pytest.raises(TypeError, match="throttle_by_key: key must be callable, not None"):
        ops.throttle_by_key(None, 1)  # type: ignore[arg-type]
