"""Several stages that end, or release something, at once: nothing comes behind one that is done."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

import rxflow as rx
from rxflow import operators as ops
from rxflow.testing import TestSubscriber

RELEASE: dict[str, Any] = {
    "materialize": ops.materialize(),
    "start_with": ops.start_with(5, 6),
    "natural_batches": ops.natural_batches(2),
    "take_last": ops.take_last(3),
    "default_if_empty": ops.default_if_empty(1),
    "buffer_with_count": ops.buffer_with_count(2, 1),
    "concat": ops.concat([1, 2]),
    "flat_map_iterable": ops.flat_map_iterable(lambda x: [x, x, x]),
    "to_list": ops.to_list(),
}
"""Operators that may have something left when what is before them has ended."""

END: dict[str, Any] = {
    "first": ops.first(),
    "find": ops.find(lambda x, index, source: True),
    "find_index": ops.find_index(lambda x, index, source: True),
    "some": ops.some(),
    "all": ops.all(lambda x: False),
    "contains": ops.contains(1, lambda a, b: True),
    "is_empty": ops.is_empty(),
    "element_at": ops.element_at(0),
    "take": ops.take(1),
    "take_while": ops.take_while(lambda x: False, inclusive=True),
}
"""Operators that are done with the first item they are given."""


@pytest.mark.parametrize("end", END.values(), ids=END)
def test_what_is_released_when_an_end_meets_another_does_not_come_behind_the_last(end: Any) -> None:
    for (one, first), (other, second) in product(RELEASE.items(), repeat=2):
        for ends in ([ops.take(1)], []):
            probe: TestSubscriber[Any] = TestSubscriber(1)
            rx.range(1, 13).pipe(*ends, first, second, end).subscribe(probe)
            told = f"{one}, {other}: {probe}"
            assert probe.completed, told
            assert len(probe.items) == 1, told
            assert not probe.violations, told


def test_what_a_failure_becomes_does_not_come_behind_a_stage_that_is_done() -> None:
    probe: TestSubscriber[Any] = TestSubscriber(1)
    rx.throw(KeyError()).pipe(
        ops.start_with(1), ops.materialize(), ops.find(lambda x, index, source: True)
    ).subscribe(probe)
    assert len(probe.items) == 1
    assert probe.completed
    assert not probe.violations
