"""A stock operator behind a door in an Observable's own pipe: demand is lost, and that is said."""

from __future__ import annotations

import asyncio
import threading
import warnings
from typing import Any

import pytest
import reactivex
from reactivex import Subject
from reactivex import operators as stock

import rxflow as rx
from rxflow import operators as ops
from rxflow.testing import TestSubscriber


def stock_ones() -> dict[str, Any]:
    """Give stock operators of each kind that subscribe to what they are applied to."""
    return {
        "map": stock.map(lambda x: x),
        "filter": stock.filter(lambda x: True),
        "take": stock.take(9),
        "do_action": stock.do_action(),
        "take_until": stock.take_until(reactivex.never()),
        "distinct": stock.distinct(),
        "skip": stock.skip(0),
        "materialize": stock.materialize(),
    }


@pytest.mark.parametrize("name", stock_ones())
def test_known_trap_a_stock_operator_behind_a_door_in_a_plain_pipe_warns(name: str) -> None:
    events = Subject[int]()
    lost = events.pipe(ops.on_backpressure_buffer(9), stock_ones()[name])
    assert not isinstance(lost, rx.Flow)
    items: list[Any] = []
    with pytest.warns(rx.DemandBoundaryWarning, match=r"reactivex\.operators\._\w+ has") as warned:
        lost.subscribe(items.append)
    assert [warning.filename for warning in warned] == [__file__]
    assert "rxflow.operators" in str(warned[0].message)
    events.on_next(1)
    assert len(items) == 1


@pytest.mark.parametrize("name", stock_ones())
def test_the_way_out_keeps_demand_and_does_not_warn(name: str) -> None:
    events = Subject[int]()
    flow = events.pipe(ops.on_backpressure_buffer(9)).pipe(stock_ones()[name])
    probe = TestSubscriber[Any](1)
    flow.subscribe(probe)
    events.on_next(1)
    events.on_next(2)
    assert len(probe.items) == 1


def test_each_stock_operator_in_a_row_is_the_first_ones_business() -> None:
    flow = rx.range(3)
    with pytest.warns(rx.DemandBoundaryWarning) as warned:
        reactivex.compose(stock.map(), stock.filter(lambda x: True), stock.take(9))(
            flow
        ).subscribe()
    assert ["_map" in str(warning.message) for warning in warned] == [True]


def test_a_warning_that_is_an_error_reaches_the_subscriber() -> None:
    lost = stock.map(lambda x: x)(rx.range(3))
    with warnings.catch_warnings():
        warnings.simplefilter("error", rx.DemandBoundaryWarning)
        with pytest.raises(rx.DemandBoundaryWarning):
            lost.subscribe()


MEANT: dict[str, Any] = {
    "an inner source": lambda: reactivex.of(2).pipe(stock.flat_map(lambda n: rx.range(n))),
    "the newest inner source": lambda: reactivex.of(2).pipe(
        stock.map(lambda n: rx.range(n)), stock.switch_latest()
    ),
    "another source": lambda: reactivex.of(0, 1).pipe(stock.merge(rx.empty())),
    "a signal": lambda: reactivex.of(0, 1).pipe(stock.take_until(rx.never())),
    "a function of reactivex": lambda: reactivex.merge(rx.range(2)),
    "behind it": lambda: reactivex.concat(rx.range(1), rx.of(1)),
    "lifted": lambda: rx.range(2).pipe(rx.lift(stock.map(lambda x: x))),
    "lifted, several gates": lambda: rx.range(2).pipe(rx.lift(stock.concat(rx.empty()))),
    "lifted, later": lambda: rx.range(2).pipe(rx.lift(stock.delay(0.0))),
    "lifted, with a signal": lambda: rx.range(2).pipe(rx.lift(stock.take_until(rx.never()))),
    "lifted, by the clock": lambda: rx.range(2).pipe(
        rx.lift(stock.throttle_with_mapper(lambda _: reactivex.empty())), ops.take(0)
    ),
    "stock, in its pipe": lambda: rx.range(2).pipe(stock.map(lambda x: x), stock.pairwise()),
    "in fluent style": lambda: rx.range(2).map(lambda x: x).start_with(9),
    "of rxflow": lambda: ops.map(lambda x: x)(rx.range(2)),
}
"""Where a Flow is subscribed to inside of another subscribe, and that is meant."""


@pytest.mark.parametrize("name", MEANT)
def test_what_is_meant_does_not_warn(name: str) -> None:
    done = threading.Event()
    with warnings.catch_warnings():
        warnings.simplefilter("error", rx.DemandBoundaryWarning)
        failed: list[Exception] = []
        subscription = MEANT[name]().subscribe(on_error=failed.append, on_completed=done.set)
        done.wait(5)
        subscription.dispose()
    assert done.is_set()
    assert failed == []


def test_a_future_inside_of_an_item_does_not_warn() -> None:
    async def main() -> Any:
        futures: list[Any] = []
        reactivex.of(1).subscribe(lambda _: futures.append(rx.range(3).pipe(ops.to_future())))
        return await futures[0]

    with warnings.catch_warnings():
        warnings.simplefilter("error", rx.DemandBoundaryWarning)
        assert asyncio.run(main()) == 2


@pytest.mark.parametrize("operator", [stock.flat_map(reactivex.of), stock.group_by(str)])
def test_what_reactivex_makes_of_other_operators_in_a_pipe_keeps_demand_anyway(
    operator: Any,
) -> None:
    assert isinstance(Subject[int]().pipe(ops.on_backpressure_buffer(9), operator), rx.Flow)
