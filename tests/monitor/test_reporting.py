"""The report names what limits a running Flow, why, and what is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar

import pytest
from reactivex import Subject
from reactivex.testing import TestScheduler

import rxflow as rx
from rxflow import monitor
from rxflow import operators as ops
from rxflow.monitor import Report, report
from rxflow.testing import TestSubscriber, run_virtual
from tests.monitor.planted import (
    CONSUMER,
    SHAPES,
    drawn,
    every,
    iterating,
    requesting,
    taking,
    trials,
    working,
)
from tests.monitor.quickened import quickened

T = TypeVar("T")


def run(main: Awaitable[T]) -> T:
    """Run in virtual time until all sources are closed."""

    async def running() -> T:
        result = await main
        await asyncio.sleep(60)
        return result

    return run_virtual(running())


def seen(flow: Any, body: float = 0.0, seconds: float = 60.0) -> Report:
    """Report on a loop over a Flow, whose body takes a time, after so long."""
    return run(iterating(flow, body, seconds))


def named(found: Report) -> tuple[str, str]:
    """Give the label of the bottleneck, without its line, and its kind."""
    assert found.bottleneck is not None, str(found)
    return found.bottleneck.label.partition(" at ")[0], found.bottleneck.kind


def test_a_slow_source_is_named_with_its_line() -> None:
    found = seen(rx.from_async_iterable(every(1)).pipe(ops.map(str), ops.limit_rate(4)))
    assert named(found) == ("from_async_iterable", "source")
    assert found.bottleneck is not None
    assert found.bottleneck.share == pytest.approx(1.0)
    line = test_a_slow_source_is_named_with_its_line.__code__.co_firstlineno + 1
    assert str(found.bottleneck.place) == f"test_reporting.py:{line}"
    assert f"test_reporting.py:{line}` keeps the rest waiting 100% of the time" in str(found)
    assert [limit.label for limit in found.limits] == [found.bottleneck.label]


def test_a_slow_body_is_named_and_the_queue_before_it_is_full() -> None:
    found = seen(rx.from_async_iterable(every(0.1)).pipe(ops.limit_rate(4, 4)), 1.0)
    assert named(found) == (CONSUMER, "consumer")
    assert found.bottleneck is not None
    assert found.bottleneck.share == pytest.approx(1.0, abs=0.02)
    assert "make its body quicker" in found.suggestion


def test_a_subscriber_that_requests_slowly_is_named() -> None:
    flow = rx.range(10**6).pipe(ops.map(str), ops.named("numbers"))
    found = run(requesting(flow, 1.0, 30.0))
    assert named(found) == (CONSUMER, "consumer")
    assert "request more" in found.suggestion


def test_a_subscriber_that_has_asked_for_nothing_is_told_so() -> None:
    clock, probe = TestScheduler(), TestSubscriber[int](0)
    rx.range(9).subscribe(probe, scheduler=clock)
    clock.sleep(5)
    found = report(probe.subscription)
    assert named(found) == (CONSUMER, "consumer")
    assert "has asked for nothing 100% of the time" in str(found)
    probe.cancel()


def test_a_synchronous_function_is_named_by_the_share_it_works() -> None:
    quick, slow = working(0.1), working(0.8)
    flow = rx.range(10**6).pipe(ops.map(quick), ops.map(slow), ops.named("parse"), ops.map(str))
    found = seen(flow, 0.1)
    assert named(found) == ("parse", "callback")
    assert found.bottleneck is not None
    assert found.bottleneck.share == pytest.approx(0.8, abs=0.02)
    shares = {limit.kind: limit.share for limit in found.limits[1:]}
    assert shares == {
        "callback": pytest.approx(0.1, abs=0.02),
        "consumer": pytest.approx(0.1, abs=0.02),
    }
    assert "the function of `parse` works 80% of the time" in str(found)


def test_a_generator_that_computes_is_the_source_that_limits() -> None:
    clock, probe = TestScheduler(), TestSubscriber[int](rx.UNBOUNDED)

    def generator() -> Iterator[int]:
        for number in range(100):
            clock.sleep(2.0)
            yield number

    rx.from_iterable(generator()).pipe(ops.map(str)).subscribe(probe, scheduler=clock)
    clock.start()
    found = report(probe.subscription)
    assert named(found)[1] == "source"
    assert found.over
    assert str(found).startswith("it has ended; ")


def test_the_issues_example_in_words() -> None:
    async def main() -> Report:
        ticks = Subject[int]()

        async def tick() -> None:
            while True:
                await asyncio.sleep(0.1)
                ticks.on_next(0)

        ticking = asyncio.ensure_future(tick())
        flow = ticks.pipe(
            ops.on_backpressure_buffer(8, overflow=rx.DROP_OLDEST),
            ops.named("ticks"),
            ops.map_async(taking(1.0), max_concurrency=8),
            ops.named("enrich"),
        )
        found = await iterating(flow, 0.0, 200.0)
        ticking.cancel()
        return found

    found = run(main())
    assert str(found) == (
        "`enrich` is busy 100% of the time with max_concurrency=8, and the queue before it, "
        "`ticks` (8 of 8), is full: raise max_concurrency, make its function quicker, or slow "
        "what comes into `ticks`; 20% of the items are dropped at `ticks` (oldest)"
    )
    [loss] = found.losses
    assert (loss.label, loss.reason) == ("ticks", "oldest")
    assert loss.share == pytest.approx(0.2, abs=0.005)
    assert loss.items == pytest.approx(200, abs=5)


def test_results_that_wait_for_their_turn_count_though_few_calls_run() -> None:
    async def uneven(item: int) -> int:
        await asyncio.sleep(0.1 if item % 4 else 4.0)
        return item

    found = seen(rx.range(10**6).pipe(ops.map_async(uneven, 4)), 0.1)
    assert named(found) == ("map_async", "concurrency")


def test_a_rate_limit_is_named_also_while_the_rest_is_busy() -> None:
    flow = rx.range(10**6).pipe(ops.throttle(2, 1.0), ops.map_async(taking(0.4)))
    found = seen(flow)
    assert named(found) == ("throttle", "rate limit")
    assert "raise its rate" in found.suggestion


def slow(name: str, seconds: float, most: int | None = None) -> Any:
    return rx.from_async_iterable(every(seconds, most)).pipe(ops.named(name))


def test_of_a_merge_whose_branches_are_all_slow_all_are_named() -> None:
    found = seen(slow("a", 2.0).pipe(ops.merge(slow("b", 2.0))), 0.2)
    assert {limit.label for limit in found.limits[:2]} == {"a", "b"}
    assert "`a` and `b` keep the rest waiting" in str(found)
    assert "waits for them" in str(found)


def test_of_a_merge_with_one_slow_branch_the_other_one_is_enough() -> None:
    found = seen(slow("a", 5.0).pipe(ops.merge(slow("b", 0.05))), 0.5)
    assert named(found) == (CONSUMER, "consumer")
    assert [limit.share for limit in found.limits if limit.label == "a"] in (
        [],
        [pytest.approx(0.1, abs=0.1)],
    )


def test_of_a_merge_one_of_whose_branches_is_over_the_other_one_is_named() -> None:
    found = seen(slow("a", 1.0).pipe(ops.merge(slow("b", 0.1, 3))), 0.1)
    assert named(found) == ("a", "source")


@pytest.mark.parametrize("late", ["a", "b"])
def test_of_a_zip_the_slow_branch_is_named(late: str) -> None:
    a, b = (slow(name, 1.0 if name == late else 0.1) for name in "ab")
    found = seen(a.pipe(ops.zip(b)), 0.1)
    assert named(found) == (late, "source")
    assert "waits for it" in str(found)


def test_inner_sources_are_told_by_the_operator_that_opens_them() -> None:
    flow = rx.range(10**6).pipe(
        ops.flat_map(lambda _: rx.from_async_iterable(every(1.0, 2)), max_concurrency=3)
    )
    found = seen(flow, 0.05)
    assert named(found) == ("flat_map", "inner sources")
    assert "with max_concurrency=3" in str(found)
    one_by_one = rx.range(10**6).pipe(
        ops.concat_map(lambda _: rx.from_async_iterable(every(1.0, 2)))
    )
    assert named(seen(one_by_one, 0.05)) == ("concat_map", "inner sources")


def test_an_outer_source_is_not_taken_for_the_inner_ones_of_the_same_name() -> None:
    flow = slow("outer", 5.0).pipe(
        ops.flat_map(lambda _: rx.from_async_iterable(every(0.1, 3)), max_concurrency=2)
    )
    found = seen(flow, 0.05)
    assert named(found) == ("outer", "source")


def test_a_slow_subscriber_of_a_shared_flow_is_what_the_others_wait_for() -> None:
    async def main() -> tuple[Report, Report]:
        shared = slow("ticks", 0.1).pipe(ops.share(prefetch=4))
        other = asyncio.ensure_future(iterating(shared.pipe(ops.map(str)), 2.0, 60.0))
        return await iterating(shared.pipe(ops.map(abs)), 0.1, 60.0), await other

    quick, late = run(main())
    assert named(quick) == ("share", "peer")
    assert named(late) == (CONSUMER, "consumer")


def test_a_report_can_go_on_from_an_earlier_one() -> None:
    async def main() -> None:
        body = 0.0
        iteration = aiter(rx.from_async_iterable(every(1.0)).pipe(ops.named("ticks")))

        async def iterate() -> None:
            async for _ in iteration:
                await asyncio.sleep(body)

        task = asyncio.ensure_future(iterate())
        await asyncio.sleep(100)
        first = report(iteration)
        body = 9.0
        await asyncio.sleep(50)
        whole, later = report(iteration), report(iteration, since=first)
        assert named(whole) == ("ticks", "source")
        assert named(later) == (CONSUMER, "consumer")
        assert later.seconds == pytest.approx(50)
        # While nothing has passed, nothing is to be seen.
        assert report(iteration, since=whole).bottleneck is None
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await iteration.aclose()
        over = report(iteration, since=first)
        assert named(over) == (CONSUMER, "consumer")

    run(main())


def test_in_a_window_only_what_was_dropped_in_it_is_told() -> None:
    clock, source, probe = TestScheduler(), Subject[int](), TestSubscriber[int](0)
    source.pipe(ops.on_backpressure_buffer(2, overflow=rx.DROP_OLDEST)).subscribe(
        probe, scheduler=clock
    )
    for number in range(10):
        clock.sleep(1)
        source.on_next(number)
    first = report(probe.subscription)
    assert [(loss.items, loss.share) for loss in first.losses] == [(8, 0.8)]
    clock.sleep(5)
    assert report(probe.subscription, since=first).losses == ()
    source.on_next(11)
    assert [loss.share for loss in report(probe.subscription, since=first).losses] == [1.0]
    probe.cancel()


def test_what_is_before_a_door_that_drops_is_not_waited_for() -> None:
    flow = slow("ticks", 0.1).pipe(
        ops.on_backpressure_buffer(4, overflow=rx.DROP_OLDEST), ops.map_async(taking(1.0))
    )
    found = seen(flow)
    assert named(found) == ("map_async", "concurrency")
    assert [loss.label.partition(" at ")[0] for loss in found.losses] == ["on_backpressure_buffer"]


def test_one_that_has_just_begun_says_so() -> None:
    clock, probe = TestScheduler(), TestSubscriber[int](5)
    rx.never().subscribe(probe, scheduler=clock)
    found = report(probe.subscription)
    assert (found.bottleneck, found.limits, found.losses, found.suggestion) == (None, (), (), "")
    assert str(found) == "it has just begun: there is no bottleneck to be seen yet"
    clock.sleep(3)
    assert named(report(probe.subscription)) == ("never", "source")
    probe.cancel()


def test_one_that_has_ended_at_once_says_so() -> None:
    clock = TestScheduler()
    for flow in (rx.range(9), rx.empty(), rx.throw(OSError())):
        probe = TestSubscriber[Any](rx.UNBOUNDED)
        flow.subscribe(probe, scheduler=clock)
        clock.start()
        found = report(probe.subscription)
        assert (found.bottleneck, found.over) == (None, True)
        assert str(found) == "it has ended, too soon to tell what limited it"


def test_an_ended_loop_is_told_by_the_names_that_it_had() -> None:
    async def main() -> tuple[Report, Report]:
        iteration = aiter(rx.from_async_iterable(every(1, 5)).pipe(ops.named("ticks")))
        await anext(iteration)
        before = report(iteration)
        async for _ in iteration:
            pass
        return before, report(iteration)

    before, after = run(main())
    assert named(before) == named(after) == ("ticks", "source")
    assert (before.over, after.over) == (False, True)


def test_with_unbounded_demand_whoever_gives_too_little_is_named() -> None:
    async def main() -> Report:
        probe = TestSubscriber[Any](rx.UNBOUNDED)
        slow("ticks", 1.0).subscribe(probe)
        await asyncio.sleep(20)
        found = report(probe.subscription)
        probe.cancel()
        return found

    assert named(run(main())) == ("ticks", "source")


def test_one_of_those_that_run_can_be_reported_on() -> None:
    clock, probe = TestScheduler(), TestSubscriber[int](0)
    flow = rx.range(9).pipe(ops.limit_rate(2))
    flow.subscribe(probe, scheduler=clock)
    clock.sleep(1)
    [consumer] = monitor.running(flow)
    assert report(consumer) == report(probe.subscription)
    probe.cancel()


@pytest.mark.parametrize("wrong", [None, 3, "ticks", rx.range(3), monitor])
def test_what_is_no_subscription_is_refused(wrong: object) -> None:
    with pytest.raises(TypeError, match="report wants what subscribe"):
        report(wrong)


ODD: dict[str, Callable[[Any, Any], Any]] = {
    "group_by": lambda a, b: a.pipe(ops.group_by(lambda x: x % 2), ops.flat_map(lambda g: g)),
    "switch_map": lambda a, b: a.pipe(ops.switch_map(lambda _: b)),
    "retry": lambda a, b: a.pipe(ops.retry(2)),
    "concat": lambda a, b: a.pipe(ops.concat(b)),
    "publish": lambda a, b: a.pipe(ops.publish(lambda s: s.pipe(ops.merge(s)))),
    "parallel": lambda a, b: a.pipe(ops.parallel(2, ops.map(str))),
    "with_latest_from": lambda a, b: a.pipe(ops.with_latest_from(b)),
    "expand": lambda a, b: a.pipe(ops.expand(lambda x: rx.range(x % 3))),
    "lifted": lambda a, b: a.pipe(ops.scan(max), ops.pairwise()),
    "window": lambda a, b: a.pipe(ops.window_with_count(2), ops.merge(max_concurrent=2)),
    "delay": lambda a, b: a.pipe(ops.delay(0.5)),
    "amb": lambda a, b: a.pipe(ops.amb(b)),
    "eager": lambda a, b: a.pipe(ops.concat_map_eager(lambda _: slow("c", 1.0, 2))),
    "buffer": lambda a, b: a.pipe(ops.buffer_with_time(3.0)),
}


@pytest.mark.parametrize("name", ODD)
def test_whatever_it_is_made_of_there_is_an_answer(name: str) -> None:
    flow = ODD[name](slow("a", 0.5, 30), rx.range(5).pipe(ops.map_async(taking(0.7))))
    found = seen(flow, 0.1, 9.0)
    assert found.bottleneck is not None
    assert all(0 <= limit.share <= 1 for limit in found.limits)
    assert found.limits[0] is found.bottleneck
    assert str(found)


def test_an_operator_that_lets_through_what_it_should_is_named_and_not_its_source() -> None:
    found = seen(slow("ticks", 0.1).pipe(ops.sample(3.0)))
    assert named(found) == ("sample", "time")
    assert "97% of the items are dropped at `sample" in str(found)


def test_the_rails_of_a_parallel_are_told_by_what_is_on_them() -> None:
    found = seen(rx.range(10**6).pipe(ops.parallel(3, ops.map_async(taking(1.0)))))
    assert named(found) == ("map_async", "concurrency")
    found = seen(slow("ticks", 1.0).pipe(ops.parallel(3, ops.map_async(taking(0.5)))))
    assert named(found) == ("ticks", "source")


def test_inner_sources_that_are_given_in_order_count_while_it_is_not_their_turn() -> None:
    flow = rx.range(10**6).pipe(
        ops.concat_map_eager(lambda _: rx.from_async_iterable(every(1.0, 2)), max_concurrency=4)
    )
    assert named(seen(flow, 0.01)) == ("concat_map_eager", "inner sources")


def test_what_is_opened_and_closed_in_a_window_is_added_up() -> None:
    async def main() -> None:
        flow = rx.range(10**6).pipe(ops.flat_map(lambda _: slow("c", 1.0, 2), max_concurrency=2))
        iteration = aiter(flow)
        last = report(iteration)
        for _ in range(30):
            await anext(iteration)
            found = report(iteration, since=last)
            if found.seconds >= 1.0:
                assert named(found) == ("flat_map", "inner sources")
                assert found.bottleneck is not None
                assert found.bottleneck.share == pytest.approx(1.0)
            last = found
        await iteration.aclose()

    run(main())


def wrong(most: int) -> list[str]:
    return [str(each) for each in trials(most) if not each.right]


def test_of_random_pipelines_the_planted_bottleneck_is_named() -> None:
    assert wrong(60) == []


def test_two_hundred_random_pipelines_have_it_at_each_position_of_each_shape() -> None:
    found = {(shape, planted) for _, shape, planted in map(drawn, range(200))}
    assert found == {(shape, planted) for shape, places in SHAPES.items() for planted in places}


def unhelpful(most: int) -> list[str]:
    return [str(each) for each in map(quickened, range(most)) if not each.right]


def test_what_is_named_is_what_helps_most_when_it_is_quicker() -> None:
    assert unhelpful(4) == []


@pytest.mark.stress
def test_of_two_hundred_where_no_part_outweighs_the_rest_nine_in_ten_help_most() -> None:
    found = unhelpful(200)
    assert len(found) <= 20, "\n".join(found)


@pytest.mark.stress
def test_of_two_hundred_random_pipelines_nineteen_in_twenty_are_named_rightly() -> None:
    found = wrong(200)
    assert len(found) <= 10, "\n".join(found)
