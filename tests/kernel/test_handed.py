"""Of single items that are handed over at once, one in so many is timed, and no more."""

from __future__ import annotations

from typing import Any

import pytest

from rxflow.kernel.metering import SAMPLED
from rxflow.protocol import UNBOUNDED
from tests.kernel.recorder import Recorder
from tests.kernel.test_serving import STAGES, Pushed


@STAGES
@pytest.mark.parametrize(
    ("items", "timed"), [(1, 1), (2, 1), (SAMPLED + 1, 1), (SAMPLED + 2, 2), (2 * SAMPLED + 3, 3)]
)
def test_the_clock_is_read_before_and_after_one_in_so_many(
    stages: Any, items: int, timed: int
) -> None:
    now, reads = 0, list[int]()

    def clock() -> int:
        reads.append(now)
        return now

    def works(_: Recorder, __: Any) -> None:
        nonlocal now
        now += 10

    recorder = Recorder(UNBOUNDED, then=works)
    pushed = Pushed(recorder, *stages)
    pushed.drain.meter.now = clock
    for item in range(items):
        pushed.boundary.push(item)
    assert recorder.items == list(range(items))
    assert pushed.drain.meter.handed == items - 1
    if not stages:  # a stage reads it for itself, too
        starts = [10 * n * (SAMPLED + 1) for n in range(timed)]
        assert reads == [time for start in starts for time in (start, start + 10)]
    assert len(reads) <= 16 * timed
