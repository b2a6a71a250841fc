"""detach: whoever keeps a Subscription keeps nothing else alive."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from reactivex import Subject

from rxflow import operators as ops
from rxflow.protocol import UNBOUNDED
from rxflow.testing import TestSubscriber

ENDS: dict[str, Callable[[Any, Any], object]] = {
    "completion": lambda subject, subscription: subject.on_completed(),
    "failure": lambda subject, subscription: subject.on_error(ValueError("planted")),
    "cancel": lambda subject, subscription: subscription.cancel(),
}


@pytest.mark.parametrize("end", ENDS)
def test_nothing_is_kept_alive_by_a_subscription_that_is_over(end: str):
    class Item:
        pass

    subject: Subject[Any] = Subject()
    probe: TestSubscriber[Any] = TestSubscriber(UNBOUNDED)
    door = ops.on_backpressure_buffer(9)
    subscription = subject.pipe(door, ops.detach()).subscribe(probe)
    item = Item()
    subject.on_next(item)
    assert probe.items == [item]
    ENDS[end](subject, subscription)
    gone = [weakref.ref(each) for each in (item, probe, subject)]
    del subject, probe, item
    gc.collect()
    assert [each() for each in gone] == [None] * 3
    assert subscription.statistics()[-1].delivered == 1, "the figures are kept"


def test_it_changes_nothing():
    subject: Subject[int] = Subject()
    probe: TestSubscriber[int] = TestSubscriber(1)
    subject.pipe(ops.on_backpressure_buffer(9), ops.detach()).subscribe(probe)
    for item in (1, 2, 3):
        subject.on_next(item)
    subject.on_completed()
    probe.assert_items(1)
    probe.request(2)
    probe.assert_completed(1, 2, 3)
