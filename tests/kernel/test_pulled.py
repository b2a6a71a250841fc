"""The Feed of an iterator, and that of a failure."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from typing import Any

import pytest

from rxflow.kernel import BUDGET, Failed, Pulled, State, close, used_up
from tests.kernel.recorder import dropped_errors
from tests.support import counted

SIZED: list[Callable[[], Iterable[Any]]] = [
    lambda: [1, 2],
    lambda: (1, 2),
    lambda: range(1, 3),
    lambda: "12",
    lambda: b"12",
    lambda: {1: 0, 2: 0},
    lambda: {0: 1, 3: 2}.values(),
    lambda: {0: 1, 3: 2}.items(),
    lambda: {1, 2},
]
EACH = pytest.mark.parametrize("make", SIZED, ids=lambda make: type(make()).__name__)


@EACH
def test_the_last_item_of_a_builtin_is_known_to_be_the_last(make: Callable[[], Iterable[Any]]):
    iterator = iter(make())
    assert not used_up(iterator)
    next(iterator)
    assert not used_up(iterator)
    next(iterator)
    assert used_up(iterator)


@EACH
def test_the_end_of_a_builtin_needs_no_further_step(make: Callable[[], Iterable[Any]]):
    feed = Pulled(iter(make()))
    run = feed.run()
    next(run)
    assert not feed.ending()
    assert feed.settle() is State.READY
    next(run)
    assert feed.ending()
    assert feed.settle() is State.ENDED


def test_any_other_iterator_is_asked_when_there_is_demand_and_not_before():
    source = counted([1])
    assert not used_up(source)
    feed = Pulled(source)
    assert not feed.ending()
    assert next(feed.run()) == 1
    assert not feed.ending()
    assert feed.settle() is State.READY
    assert source.asked == 1
    assert list(feed.run()) == []
    assert feed.ending()
    assert feed.settle() is State.ENDED
    assert not used_up(source)  # that would be a guess


def test_a_run_takes_a_budget_and_the_next_goes_on_behind_it():
    feed = Pulled(count())
    assert list(feed.run()) == list(range(BUDGET))
    assert feed.settle() is State.READY
    assert next(feed.run()) == BUDGET


def test_cancel_closes_what_can_be_closed_and_nothing_comes_any_more():
    source = counted(count())
    feed = Pulled(source)
    assert next(feed.run()) == 0
    feed.cancel()
    assert list(feed.run()) == []
    assert (source.closed, source.asked) == (1, 1)
    Pulled(iter([1])).cancel()  # it has nothing to close


def test_what_a_close_raises_is_reported():
    def source() -> Iterator[int]:
        try:
            yield 1
        finally:
            raise OSError("cannot close")

    iterator = source()
    next(iterator)
    with dropped_errors() as dropped:
        close(iterator)
        close(None)
    assert [str(error) for error in dropped] == ["cannot close"]


def test_a_failure_needs_no_demand_and_keeps_no_frames_of_the_last_time():
    error = OSError("cut")
    feed = Failed(error)
    assert feed.ending() is True
    assert list(feed.run()) == []
    depths: list[int] = []
    for _ in range(3):
        with pytest.raises(OSError, match="cut") as raised:
            feed.settle()
        assert raised.value is error
        depths.append(len(traceback.extract_tb(error.__traceback__)))
    assert len(set(depths)) == 1
    feed.cancel()
