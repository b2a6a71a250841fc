"""What comes while the last item of a run is out is not lost.

Some stages give their last item after they have heard that upstream waits: natural_batches
does. What is pushed between that item and the end of the run sends a wake, and who pulls
must not take the WAITING that follows, which is older, for news.
"""

from __future__ import annotations

from typing import Any

import pytest
from reactivex import operators as stock
from reactivex.subject import Subject

import rxflow as rx
from rxflow import operators as ops
from rxflow.testing import TestSubscriber
from tests.kernel.recorder import in_thread


def itself(x: Any) -> Any:
    return x


def never(_: Any) -> bool:
    return False


BEHIND: dict[str, Any] = {
    "nothing": ops.map(itself),
    "merge": ops.merge(rx.never()),
    "flat_map": ops.flat_map(lambda x: [x]),
    "take_until": ops.take_until(rx.never()),
    "amb": ops.amb(rx.never()),
    "group_by": lambda flow: flow.pipe(ops.group_by(len), ops.flat_map(itself)),
    "window": lambda flow: flow.pipe(ops.window(rx.never()), ops.flat_map(itself)),
    "share": lambda flow: flow.pipe(ops.share()),
    "observe": lambda flow: flow.pipe(ops.limit_rate(1)),
    "lifted": stock.do_while(never),
}


@pytest.mark.parametrize("elsewhere", [False, True], ids=["inside", "elsewhere"])
@pytest.mark.parametrize("behind", BEHIND.values(), ids=BEHIND)
def test_what_is_pushed_while_the_last_item_is_out_comes_too(behind: Any, elsewhere: bool) -> None:
    source: Subject[int] = Subject()
    left = [2, 3, 4]

    def push(_: TestSubscriber[Any], __: Any) -> None:
        if left:
            item = left.pop(0)
            if elsewhere:
                in_thread(lambda: source.on_next(item))()
            else:
                source.on_next(item)

    probe = TestSubscriber[Any](rx.UNBOUNDED, push)
    door = source.pipe(ops.on_backpressure_buffer(9), ops.natural_batches(9))
    door.pipe(behind).subscribe(probe)
    source.on_next(1)
    assert probe.items == [[1], [2], [3], [4]]


@pytest.mark.parametrize("demand", [1, 2])
@pytest.mark.parametrize("stage", [ops.map(itself), ops.flat_map_iterable()], ids=["1:1", "1:n"])
def test_what_is_pushed_without_demand_behind_a_last_item_comes_with_the_next_request(
    stage: Any, demand: int
) -> None:
    source: Subject[int] = Subject()
    probe = TestSubscriber[Any](1)
    source.pipe(ops.on_backpressure_buffer(9), ops.natural_batches(9), stage).subscribe(probe)
    source.on_next(1)
    source.on_next(2)
    assert len(probe.items) == 1
    probe.request(demand)
    assert len(probe.items) == 2
    source.on_next(3)
    assert len(probe.items) == 1 + demand
