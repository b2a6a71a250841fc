"""Totals lose no subscription, never go down, stay bounded and keep nothing alive."""

from __future__ import annotations

import gc
import random
import threading
import weakref
from collections.abc import Iterator
from math import inf

import pytest
from reactivex import Subject

import rxflow as rx
from rxflow import monitor
from rxflow import operators as ops
from rxflow.kernel import StageStatistics, appeared, disappeared
from rxflow.monitor import Totals
from rxflow.monitor.sums import MOST_HUBS, MOST_REASONS
from rxflow.monitor.totals import WAITING, flow_of, stage_of
from rxflow.testing import TestSubscriber

from .worlds import Buffered, Telling, buffered, stage, telling, value


@pytest.fixture
def totals() -> Iterator[Totals]:
    gc.collect()
    made = Totals()
    yield made
    made.close()


def active(totals: Totals, flow: str = "orders") -> int:
    return sum(each.active for each in totals.read().flows if each.flow == flow)


def terminated(totals: Totals, flow: str) -> int:
    return sum(sum(each.terminated.values()) for each in totals.read().flows if each.flow == flow)


def test_the_figures_of_a_stage_are_those_of_its_statistics(totals: Totals) -> None:
    with buffered(capacity=4) as world:
        world.subscriber.request(3)
        world.push(9)
        now = stage(totals.read())
        assert value(now, "items_received_total") == 9
        assert value(now, "items_emitted_total") == 3
        assert value(now, "requested_total") == 3
        assert value(now, "queue_depth") == 4
        assert value(now, "queue_capacity") == 4
        assert value(now, "utilization_ratio") == 1
        assert value(now, "demand") == 0
        assert now.dropped == {"oldest": 2}


def test_the_demand_of_one_that_wants_everything_is_infinite_and_not_counted(
    totals: Totals,
) -> None:
    source = Subject[int]()
    subscription = source.pipe(ops.on_backpressure_drop(), ops.named("orders")).subscribe(print)
    now = stage(totals.read(), "on_backpressure_drop")
    assert value(now, "demand") == inf
    assert value(now, "requested_total") == 0
    subscription.dispose()


def test_a_flow_that_holds_nothing_has_its_name_too(totals: Totals) -> None:
    rx.range(5).pipe(ops.named("orders")).subscribe(lambda _: None)
    assert value(stage(totals.read(), "subscriber"), "items_emitted_total") == 5


def test_what_is_named_inside_does_not_rename_the_whole(totals: Totals) -> None:
    subscriber = TestSubscriber[int](2)
    inner = rx.range(9).pipe(ops.limit_rate(4), ops.named("inner"))
    rx.of(1, 2).pipe(ops.concat_map(lambda _: inner), ops.named("orders")).subscribe(subscriber)
    assert active(totals, "orders") == 1
    assert active(totals, "inner") == 0
    assert value(stage(totals.read(), "inner/limit_rate"), "items_emitted_total") == 2
    subscriber.cancel()


@pytest.mark.parametrize(
    ("names", "flow"),
    [
        (["range", "map_async"], "unnamed"),
        (["a/buffer", "map_async"], "a"),
        (["a/buffer", "b/buffer", "merge"], "b"),
        (["b/a/buffer", "b/merge"], "b"),
    ],
)
def test_a_flow_without_a_name_is_called_as_its_last_named_part(
    names: list[str], flow: str
) -> None:
    assert flow_of(names) == flow


def test_the_number_of_a_consumer_is_no_label() -> None:
    assert stage_of("a", "a/share #17") == "share outlet"
    assert stage_of("a", "b/share #17") == "b/share outlet"


def test_subscriptions_of_one_flow_are_added_up(totals: Totals) -> None:
    with buffered(capacity=4) as one, buffered(capacity=4) as other:
        one.push(1)
        other.push(4)
        now = stage(totals.read())
        assert now.running == 2
        assert value(now, "queue_depth") == 5
        assert value(now, "queue_capacity") == 8
        assert value(now, "utilization_ratio") == 1, "of the fullest one"


def test_a_subscription_that_came_and_went_between_two_readings_is_counted(
    totals: Totals,
) -> None:
    before = totals.read()
    assert not before.flows
    for _ in range(3):
        with buffered() as world:
            world.subscriber.request(2)
            world.push(8)
    now = stage(totals.read())
    assert now.running == 0
    assert value(now, "items_received_total") == 3 * 8
    assert value(now, "items_emitted_total") == 3 * 2
    assert value(now, "items_discarded_total") == 3 * 4
    assert now.dropped == {"oldest": 3 * 2}
    assert terminated(totals, "orders") == 3


def test_levels_are_told_only_while_one_runs(totals: Totals) -> None:
    with buffered() as world:
        world.push(1)
        assert value(stage(totals.read()), "queue_depth") == 1
    with pytest.raises(KeyError):
        value(stage(totals.read()), "queue_depth")


def test_many_that_ended_without_a_reading_take_no_room(totals: Totals) -> None:
    flow = rx.range(2).pipe(ops.named("orders"))
    for _ in range(3 * WAITING):
        flow.subscribe(lambda _: None)
    assert len(totals._over) < WAITING
    assert value(stage(totals.read(), "subscriber"), "items_emitted_total") == 6 * WAITING


def test_a_subscription_that_is_on_its_way_out_is_counted_once(totals: Totals) -> None:
    """It has told its last figures, and is still found among those that run."""

    seen: list[float] = []
    consumer = Telling(StageStatistics("part", received=7))

    def look(_: object) -> None:
        seen.append(value(stage(totals.read(), "part"), "items_received_total"))

    later = monitor.totals.watch(look)  # told after the totals were
    appeared(consumer)
    disappeared(consumer)
    look(None)
    later()
    assert seen == [7, 7]
    assert terminated(totals, "orders") == 1


def test_a_subscription_whose_source_cannot_be_made_does_not_stay(totals: Totals) -> None:
    def fail(_: object) -> rx.Flow[int]:
        raise ValueError("no source")

    subscriber = TestSubscriber[int](1)
    rx.defer(fail).pipe(ops.named("orders")).subscribe(subscriber)
    assert not [each for each in monitor.running() if each is subscriber.subscription]


def test_counters_never_go_down_when_one_is_collected_without_an_end(totals: Totals) -> None:
    world = Buffered()
    world.push(9)
    before = stage(totals.read())
    del world
    gc.collect()
    assert active(totals) == 0
    after = stage(totals.read())
    assert value(after, "items_received_total") == value(before, "items_received_total") == 9
    assert after.dropped == before.dropped == {"oldest": 5}
    with buffered() as another:
        another.push(1)
        assert value(stage(totals.read()), "items_received_total") == 10


@pytest.mark.parametrize("seed", range(20))
def test_counters_never_go_down_whatever_happens(totals: Totals, seed: int) -> None:
    choose = random.Random(seed)
    worlds: list[Buffered] = []
    pushed, last = 0, [0.0, 0.0, 0.0]
    for _ in range(200):
        act = choose.randrange(5)
        if act == 0 or not worlds:
            worlds.append(Buffered())
        elif act == 1:
            worlds.pop(choose.randrange(len(worlds))).subscriber.cancel()
        elif act == 2:
            choose.choice(worlds).subscriber.request(choose.randrange(1, 5))
        elif act == 3:
            pushed += (n := choose.randrange(8))
            choose.choice(worlds).push(n)
        else:
            now = stage(totals.read())
            dropped = sum(now.dropped.values())
            figures = [value(now, "items_received_total"), value(now, "items_emitted_total")]
            figures.append(dropped)
            assert all(after >= before for after, before in zip(figures, last, strict=True))
            assert figures[0] == pushed
            last = figures
    for world in worlds:
        world.subscriber.cancel()


def test_what_exceeds_the_bound_is_added_up_as_other() -> None:
    totals = Totals(most_stages=3)
    for number in range(10):
        rx.range(2).pipe(ops.named(f"user {number}")).subscribe(lambda _: None)
    reading = totals.read()
    assert [(each.flow, each.stage) for each in reading.stages] == [
        ("user 0", "range"),
        ("user 0", "subscriber"),
        ("other", "other"),
    ]
    assert value(stage(reading, "other", "other"), "items_emitted_total") == 36
    assert sum(sum(flow.terminated.values()) for flow in reading.flows) == 10
    assert len(reading.flows) == 3
    totals.close()


def test_the_reasons_of_drops_are_bounded(totals: Totals) -> None:
    reasons = {f"reason {n}": 1 for n in range(100)}
    with telling(StageStatistics("part", dropped=reasons)):
        for _ in range(2):
            dropped = stage(totals.read(), "part").dropped
            assert len(dropped) == MOST_REASONS
            assert sum(dropped.values()) == 100
    assert stage(totals.read(), "part").dropped == dropped


def test_nothing_is_kept_alive(totals: Totals) -> None:
    world = Buffered()
    kept = weakref.ref(world.subscriber.subscription)
    totals.read(subscriptions=True)
    del world
    gc.collect()
    assert kept() is None
    totals_kept = weakref.ref(Totals())
    gc.collect()
    assert totals_kept() is None


def test_those_that_are_closed_count_no_more(totals: Totals) -> None:
    totals.close()
    rx.range(2).pipe(ops.named("orders")).subscribe(lambda _: None)
    assert not totals.read().flows


def test_what_several_subscriptions_share_is_counted_once(totals: Totals) -> None:
    source = Subject[int]()
    shared = source.pipe(ops.on_backpressure_buffer(8), ops.named("ticks"), ops.share(prefetch=4))
    subscribers = [TestSubscriber[int](1) for _ in range(3)]
    for subscriber in subscribers:
        shared.subscribe(subscriber)

    def figures() -> tuple[float, float, float]:
        now = totals.read()
        return (
            value(stage(now, flow="ticks"), "items_received_total"),
            value(stage(now, "share", "ticks"), "items_received_total"),
            value(stage(now, "subscriber", "ticks"), "items_emitted_total"),
        )

    for item in range(3):
        source.on_next(item)
    assert figures() == (3, 3, 3)
    assert value(stage(totals.read(), flow="ticks"), "queue_capacity") == 8
    subscribers[0].cancel()
    assert figures() == (3, 3, 3)
    source.on_next(3)
    assert figures() == (4, 4, 3)
    assert active(totals, "ticks") == 2
    for subscriber in subscribers[1:]:
        subscriber.cancel()
    assert figures() == (4, 4, 3)
    again = TestSubscriber[int](1)
    shared.subscribe(again)  # which connects it anew: what it has counted before is kept
    source.on_next(4)
    assert figures() == (5, 5, 4)
    again.cancel()


def test_hubs_that_nobody_has_any_more_are_forgotten_and_their_counts_are_not(
    totals: Totals,
) -> None:
    for _ in range(MOST_HUBS + 50):
        rx.range(2).pipe(ops.share(), ops.named("orders")).subscribe(lambda _: None)
    for _ in range(2):
        now = totals.read()
        assert value(stage(now, "share"), "items_received_total") == 2 * (MOST_HUBS + 50)
    assert len(totals._stages["orders", "share"]._hubs) == MOST_HUBS


def test_the_bound_is_checked() -> None:
    with pytest.raises(ValueError, match="most_stages must be at least 1"):
        Totals(0)


def test_subscriptions_that_end_on_several_threads_are_all_counted(totals: Totals) -> None:
    flow = rx.range(3).pipe(ops.named("orders"))
    stop = threading.Event()
    seen: list[float] = []

    def look() -> None:
        while not stop.is_set():
            found = [each for each in totals.read().stages if each.stage == "subscriber"]
            seen.extend(value(each, "items_emitted_total") for each in found)

    def work() -> None:
        for _ in range(300):
            flow.subscribe(lambda _: None)

    looking = threading.Thread(target=look)
    working = [threading.Thread(target=work) for _ in range(3)]
    looking.start()
    for thread in working:
        thread.start()
    for thread in working:
        thread.join()
    stop.set()
    looking.join()
    assert seen == sorted(seen)
    assert value(stage(totals.read(), "subscriber"), "items_emitted_total") == 3 * 300 * 3
    assert terminated(totals, "orders") == 3 * 300
