"""``supervise``: an operator goes on after its function has failed on an item."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest

import rxflow as rx
from rxflow import Supervision
from rxflow import operators as ops
from rxflow.testing import TestSubscriber
from tests.aio.test_map_async import Work, timed
from tests.contract.law_callbacks import AtOnce
from tests.support import counted
from tests.support_loop import run


def skip(error: Exception, item: Any) -> Supervision:
    return Supervision.SKIP


def restart(error: Exception, item: Any) -> Supervision:
    return Supervision.RESTART


def stop(error: Exception, item: Any) -> Supervision:
    return Supervision.STOP


def odd_fails(item: int) -> int:
    if item % 2:
        raise ValueError(item)
    return item


def probed(step: Any, source: Any = None, demand: int = rx.UNBOUNDED) -> TestSubscriber[Any]:
    probe: TestSubscriber[Any] = TestSubscriber(demand)
    rx.from_iterable(range(1, 7) if source is None else source).pipe(step).subscribe(probe)
    return probe


def total(a: int, b: int) -> int:
    return a + odd_fails(b)


STEPS: dict[str, tuple[Any, list[Any]]] = {
    "map": (ops.map(odd_fails), [2, 4, 6]),
    "map_indexed": (ops.map_indexed(lambda x, i: odd_fails(x)), [2, 4, 6]),
    "filter": (ops.filter(odd_fails), [2, 4, 6]),
    "scan": (ops.scan(total, 0), [2, 6, 12]),
    "reduce": (ops.reduce(total, 0), [12]),
    "distinct": (ops.distinct(odd_fails), [2, 4, 6]),
    "flat_map_iterable": (ops.flat_map_iterable(lambda x: [odd_fails(x)] * 2), [2, 2, 4, 4, 6, 6]),
    "take_while": (ops.take_while(lambda x: odd_fails(x) < 5), [2, 4]),
    "do_action": (ops.do_action(odd_fails), [2, 4, 6]),
    "first": (ops.first(lambda x: odd_fails(x) > 2), [4]),
    "last": (ops.last(odd_fails), [6]),
    "count": (ops.count(odd_fails), [3]),
}


@pytest.mark.parametrize("demand", [1, 2, rx.UNBOUNDED])
@pytest.mark.parametrize("name", STEPS)
def test_a_skipped_item_is_dropped_and_counted_and_the_state_is_kept(
    name: str, demand: int
) -> None:
    step, expected = STEPS[name]
    probe: TestSubscriber[Any] = TestSubscriber(demand, request_each=0 if demand > 9 else 1)
    rx.range(1, 7).pipe(ops.supervise(step, skip)).subscribe(probe)
    probe.assert_completed(*expected)
    dropped = [part.dropped for part in probe.subscription.statistics() if part.dropped]
    failed = 2 if name in ("first",) else 3
    assert dropped == [{"ValueError": failed}]
    for part in probe.subscription.statistics():
        lost = sum(part.dropped.values()) + part.discarded
        assert part.received == part.delivered + part.held + lost


def test_demand_is_that_of_the_operator() -> None:
    source = counted(range(1, 99))
    probe = probed(ops.supervise(ops.map(odd_fails), skip), source, 0)
    assert source.taken == 0
    probe.request(1)
    assert (probe.items, source.taken) == ([2], 2)
    probe.request(2)
    assert (probe.items, source.taken) == ([2, 4, 6], 6)
    probe.cancel()


def test_restart_begins_with_fresh_state() -> None:
    source = [2, 4, 1, 6, 8]
    assert probed(ops.supervise(ops.scan(total, 0), restart), source).items == [2, 6, 6, 14]
    assert probed(ops.supervise(ops.scan(total, 0), skip), source).items == [2, 6, 12, 20]


def test_stop_ends_the_stream_with_the_failure_and_closes_the_source() -> None:
    source = counted([2, 1, 4])
    probe = probed(ops.supervise(ops.map(odd_fails), stop), source)
    probe.assert_failed(ValueError, 2)
    assert (source.taken, source.closed) == (2, 1)
    part = probe.statistics["supervise(map)"]
    assert (part.received, part.delivered, part.discarded, part.dropped) == (2, 1, 1, {})


def test_it_is_told_of_the_error_and_the_item_and_may_decide_by_them() -> None:
    told: list[Any] = []

    def decide(error: Exception, item: Any) -> Supervision:
        told.append((type(error), item))
        return Supervision.STOP if item is None else Supervision.SKIP

    probe = probed(ops.supervise(ops.map(int), decide), ["1", "x", [], "2", None, "3"])
    probe.assert_failed(TypeError, 1, 2)
    assert told == [(ValueError, "x"), (TypeError, []), (TypeError, None)]


def test_by_default_a_failure_is_logged_and_its_item_skipped(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING, "rxflow"):
        probed(ops.supervise(ops.map(int)), ["1", "x", "3"]).assert_completed(1, 3)
    [record] = caplog.records
    assert record.getMessage().startswith("map: 'x' was skipped: ValueError(")
    assert record.exc_info is not None


def test_a_failure_of_the_source_is_not_its_matter() -> None:
    told: list[Any] = []

    def decide(error: Exception, item: Any) -> Supervision:
        told.append(item)
        return Supervision.SKIP

    probe: TestSubscriber[Any] = TestSubscriber(9)
    rx.of(1, 2).pipe(
        ops.map(lambda x: odd_fails(x + 1)), ops.supervise(ops.map(str), decide)
    ).subscribe(probe)
    probe.assert_failed(ValueError, "2")
    assert told == []


def test_each_of_two_decides_on_its_own() -> None:
    told: list[Any] = []

    def noting(name: str) -> Callable[[Exception, Any], Supervision]:
        def decide(error: Exception, item: Any) -> Supervision:
            told.append((name, item))
            return Supervision.SKIP

        return decide

    probe: TestSubscriber[Any] = TestSubscriber(9)
    rx.range(1, 7).pipe(
        ops.supervise(ops.map(odd_fails), noting("first")),
        ops.supervise(ops.map(lambda x: 12 // (x - 4)), noting("second")),
    ).subscribe(probe)
    probe.assert_completed(-6, 6)
    assert told == [("first", 1), ("first", 3), ("second", 4), ("first", 5)]


def test_a_callback_that_raises_stop_iteration_has_failed_on_its_item() -> None:
    def sometimes(item: int) -> int:
        if item == 2:
            raise StopIteration
        return item

    for step in (
        ops.map(sometimes),
        ops.filter(sometimes),
        ops.map_indexed(lambda x, i: sometimes(x)),
    ):
        probed(ops.supervise(step, skip), [1, 2, 3]).assert_completed(1, 3)


def test_an_iterable_that_fails_again_and_again_on_one_item_is_left_and_closed() -> None:
    closed: list[Any] = []

    class Broken:
        def close(self) -> None:
            closed.append(self)

        def __iter__(self) -> Broken:
            return self

        def __next__(self) -> int:
            raise KeyError

    step = ops.supervise(ops.flat_map_iterable(lambda x: Broken() if x == 2 else [x]), skip)
    probe = probed(step, [1, 3, 2], 2)
    probe.assert_items(1, 3)
    probe.request(1)
    probe.assert_completed(1, 3)
    assert len(closed) == 1
    assert probe.statistics["supervise(flat_map_iterable)"].dropped == {"KeyError": 1}


def test_the_operator_still_sees_a_failure_of_its_source() -> None:
    seen: list[Any] = []
    failing = rx.of(1).pipe(ops.concat(rx.throw(KeyError("source"))))
    probe: TestSubscriber[Any] = TestSubscriber(9)
    failing.pipe(ops.supervise(ops.do_action(on_error=seen.append), skip)).subscribe(probe)
    probe.assert_failed(KeyError, 1)
    assert seen == [probe.error]
    probe = TestSubscriber(9)
    failing.pipe(ops.supervise(ops.materialize(), skip)).subscribe(probe)
    assert [note.kind for note in probe.items] == ["N", "E"]
    assert probe.completed


def test_what_fails_at_the_end_where_there_is_no_item_ends_the_stream() -> None:
    probed(ops.supervise(ops.last(), skip), []).assert_failed(Exception)


def test_a_decision_that_raises_or_is_none_ends_the_stream() -> None:
    def raising(error: Exception, item: Any) -> Supervision:
        raise KeyError("decide")

    probe = probed(ops.supervise(ops.map(odd_fails), raising), [2, 1, 4])
    probe.assert_failed(KeyError, 2)
    probe = probed(ops.supervise(ops.map(odd_fails), lambda error, item: None), [1])  # type: ignore
    probe.assert_failed(TypeError)
    assert "supervise: decide must give a Supervision, not None" in str(probe.error)


def test_an_interrupt_passes_through() -> None:
    def interrupted(item: int) -> int:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        probed(ops.supervise(ops.map(interrupted), skip))


# map_async and its kin.


@pytest.mark.parametrize("decide", [skip, restart], ids=["skip", "restart"])
@pytest.mark.parametrize("ordered", [True, False])
def test_a_call_that_fails_is_skipped_and_the_others_go_on(decide: Any, ordered: bool) -> None:
    work = Work()
    pairs = [("a", 3), (KeyError("x"), 1), (None, 1), (OSError("y"), 4), ("b", 1)]

    async def main() -> None:
        probe: TestSubscriber[Any] = TestSubscriber(9)
        rx.of(*pairs).pipe(ops.supervise(ops.map_async(work, 2, ordered), decide)).subscribe(probe)
        await asyncio.sleep(20)
        assert probe.completed
        assert sorted(probe.items, key=str) == [None, "a", "b"]
        if ordered:
            assert probe.items == ["a", None, "b"]
        part = probe.statistics["map_async"]
        assert part.dropped == {"KeyError": 1, "OSError": 1}
        assert (part.received, part.delivered, part.held, part.discarded) == (5, 3, 0, 0)

    run(main())
    assert work.most == 2
    assert work.cancelled == []


def test_stop_for_a_call_fails_at_once_and_cancels_the_others() -> None:
    work = Work()

    async def main() -> None:
        flow = rx.of(("a", 50), (KeyError("x"), 1)).pipe(
            ops.supervise(ops.map_async(work, 2), stop)
        )
        with pytest.raises(KeyError):
            await timed(flow)

    run(main())
    assert work.cancelled == ["a"]


def test_all_kinds_of_concurrent_maps_can_be_supervised() -> None:
    async def call(item: int) -> int:
        return odd_fails(item)

    async def main(step: Any) -> list[int]:
        return [item async for item in rx.range(6).pipe(ops.supervise(step, skip))]

    for step in (
        ops.map_async_partitioned(lambda x: 0, call, 3),
        ops.map_async_partitioned(lambda x: 0, lambda x: call(odd_fails(x)), 3),
        ops.adaptive_concurrency(call, 1, 3),
        ops.map_executor(AtOnce(), odd_fails, 2),
    ):
        assert run(main(step)) == [0, 2, 4]


def test_a_decision_on_a_call_that_raises_ends_the_stream() -> None:
    def raising(error: Exception, item: Any) -> Supervision:
        raise LookupError("decide")

    flow = rx.of((KeyError("x"), 1)).pipe(ops.supervise(ops.map_async(Work()), raising))
    with pytest.raises(LookupError, match="decide"):
        run(timed(flow))


# What is refused.


@pytest.mark.parametrize(
    "step", [ops.merge(rx.never()), ops.limit_rate(3), ops.retry()], ids=lambda step: step.name
)
def test_an_operator_of_another_kind_is_refused(step: Any) -> None:
    with pytest.raises(TypeError, match=f"supervise: {step.name} does not work on one item"):
        ops.supervise(step)


@pytest.mark.parametrize("step", [None, 3, str, ops.on_backpressure_drop])
def test_what_is_no_operator_is_refused(step: Any) -> None:
    with pytest.raises(TypeError, match="supervise wants an operator of rxflow, not"):
        ops.supervise(step)
