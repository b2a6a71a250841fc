"""What a consumer tells of the Flow it has run, which it does not keep."""

from __future__ import annotations

import gc
from collections.abc import Callable

import pytest

import rxflow as rx
from rxflow.kernel import Drain, flow_of, let_go
from rxflow.protocol import UNBOUNDED
from tests.kernel.recorder import Recorder


class Maker:
    """Has a method that makes something."""

    def make(self) -> None:
        """Make it."""


def test_a_flow_is_found_by_its_method_and_by_a_reference_that_does_not_keep_it() -> None:
    maker = Maker()
    known = let_go(maker.make)
    assert flow_of(maker.make) is maker
    assert flow_of(known) is maker
    assert flow_of(let_go(known)) is maker
    del maker
    gc.collect()
    assert flow_of(known) is None
    assert let_go(known) is None


@pytest.mark.parametrize("make", [None, lambda: None])
def test_where_there_is_no_flow_none_is_found(make: object) -> None:
    assert flow_of(make) is None
    assert let_go(make) is None


@pytest.mark.parametrize("end", [lambda _: None, Drain.cancel, Drain.finish])
def test_a_flow_that_is_known_elsewhere_is_told_after_the_end_and_else_forgotten(
    end: Callable[[Drain], None],
) -> None:
    flow = rx.range(3)
    drain = Drain(Recorder(), 1 if end.__name__ in ("cancel", "finish") else UNBOUNDED)
    assert drain.flow is None
    drain.open(flow.feed)
    assert drain.flow is flow
    drain.wake()
    end(drain)
    assert drain.status.over
    assert drain.flow is flow
    del flow
    gc.collect()
    assert drain.flow is None
