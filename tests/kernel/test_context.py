"""A Context: what a Feed is told of its consumer, and passes on to the Feeds before it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from reactivex.scheduler import ImmediateScheduler

import rxflow as rx
from rxflow import operators as ops
from rxflow.kernel import NOTHING, Context, Drain, Feed, Pulled, Relay, remaining
from rxflow.kernel.clock import LoopScheduler
from rxflow.protocol import UNBOUNDED
from rxflow.testing import TestSubscriber, run_virtual


def wake() -> None: ...


def other_wake() -> None: ...


@pytest.mark.parametrize("pulls", [False, True])
def test_the_feed_before_has_a_wake_of_its_own_and_all_else_in_common(pulls: bool):
    context = Context(wake, ImmediateScheduler(), set(), pulls)
    before = context.waking(other_wake)
    assert before.wake is other_wake
    assert before.scheduler is context.scheduler is not None
    assert before.tasks is context.tasks
    assert before.pulls is pulls


def test_each_consumer_has_tasks_of_its_own():
    assert Context(wake).tasks is not Context(wake).tasks
    assert Context(wake).closing is not Context(wake).closing


def test_a_consumer_pulls_inside_of_wake_unless_it_says_otherwise():
    assert Context(wake).pulls is False
    assert Context(wake).scheduler is Context(wake).consumer is None


def test_what_is_awaited_at_the_end_is_one_list_for_the_whole_pipeline():
    async def close() -> None: ...

    context = Context(wake)
    for made in (context.waking(other_wake), context, context.timed()):
        made.closing.append(close)
    assert context.closing == [close, close, close]
    assert Context(wake).waking(wake).closing == []


@pytest.mark.parametrize("pulls", [False, True])
def test_the_clock_of_the_running_loop_is_added_and_nothing_else_changes(pulls: bool):
    async def main() -> tuple[Any, Any]:
        context = Context(wake, None, set(), pulls)
        timed = context.timed()
        assert timed.wake is wake
        assert timed.tasks is context.tasks
        assert timed.pulls is pulls
        assert isinstance(timed.scheduler, LoopScheduler)
        return timed.scheduler._loop, asyncio.get_running_loop()

    used, running = run_virtual(main())
    assert used is running


def test_a_scheduler_that_was_passed_is_the_clock_also_on_a_loop():
    async def main() -> None:
        context = Context(wake, ImmediateScheduler())
        assert context.timed() is context

    run_virtual(main())


def test_without_scheduler_and_loop_there_is_no_clock():
    assert Context(wake).timed().scheduler is None


def test_what_is_made_of_a_context_is_for_the_same_consumer_and_loop():
    class Whole:
        """Stands for the Drain at the end of the pipeline."""

    whole: Any = Whole()
    context = Context(lambda: None, consumer=whole)
    assert context.root is context
    for made in (context.waking(lambda: None), context.timed(), context.timed().waking(print)):
        assert made is not context
        assert made.root is context
        assert made.consumer is whole
        assert made.tasks is context.tasks
        assert made.pulls is context.pulls


def test_a_feed_that_says_nothing_of_it_is_not_at_its_end_and_has_no_figures():
    class Silent(Feed[Any]):
        def run(self) -> Any: ...
        def settle(self) -> Any: ...
        def cancel(self) -> None: ...

    assert Silent().ending() is False
    assert list(Silent().statistics()) == []


def test_demand_without_bound_is_never_used_up():
    assert remaining(UNBOUNDED, 7) == UNBOUNDED
    assert remaining(9, 7) == 2


class Told(Pulled):
    """A Feed that puts its figures into a row in a way of its own."""


def kind(**methods: Any) -> type[Pulled]:
    return type("Kind", (Told,), methods)


@pytest.mark.parametrize(
    ("methods", "by_records"),
    [
        ({}, False),
        ({"statistics": Told.statistics}, True),
        ({"_before": lambda self: ()}, True),
        ({"_before": lambda self: (), "_put_before": lambda self, row, times: None}, False),
        ({"_put_before": lambda self, row, times: None}, False),
    ],
)
def test_a_kind_of_feed_with_other_records_puts_these_into_rows(
    methods: dict[str, Any], by_records: bool
) -> None:
    assert kind(**methods).row is (Feed[Any].row if by_records else Pulled.row)


def test_a_kind_of_feed_that_puts_something_into_rows_itself_is_left_alone() -> None:
    def row(self: Any, row: Any, meter: Any, times: Any, pulled: Any = None) -> float:
        return 0.0

    assert kind(row=row, statistics=Told.statistics).row is row


class Inside(Relay):
    """Notes while it runs that it does."""

    depth = 0

    def run(self) -> Iterator[Any]:
        items = super().run()
        while True:
            Inside.depth += 1
            item = next(items, NOTHING)
            Inside.depth -= 1
            if item is NOTHING:
                return
            yield item


def test_what_is_inside_of_something_has_all_else_in_common():
    consumer: Any = object()
    context = Context(wake, ImmediateScheduler(), set(), True, consumer=consumer)
    inside = context.inside(Inside)
    assert (context.wrap, inside.wrap) == (None, Inside)
    assert inside.wake is wake
    assert inside.scheduler is context.scheduler
    assert inside.tasks is context.tasks
    assert inside.meter is context.meter
    assert inside.consumer is consumer
    assert inside.pulls
    for before in (inside.waking(other_wake), inside.lap()):
        assert before.wrap is Inside


def test_a_feed_is_wrapped_when_its_loop_is_opened():
    made: list[Context] = []

    def make(context: Context) -> Feed[Any]:
        made.append(context)
        return Pulled((1, 2))

    plain, inside = Context(wake), Context(wake, wrap=Inside)
    assert isinstance(plain.opened(make), Pulled)
    assert isinstance(inside.opened(make), Inside)
    assert made == [plain, inside]


def test_every_loop_before_a_boundary_works_inside_of_it():
    depths: list[int] = []
    emitters: list[rx.Emitter[int]] = []
    look = ops.map(lambda item: depths.append(Inside.depth) or item)
    source = rx.create(emitters.append, overflow=rx.SUSPEND, capacity=8)
    flow = source.pipe(look, ops.limit_rate(2), look, ops.limit_rate(2), look)
    drain = Drain(TestSubscriber[Any](5))
    drain.open(flow.feed, wrap=Inside)
    drain.wake()
    emitters[0].on_next(1)
    assert len(depths) == 3
    assert all(depths)
    assert Inside.depth == 0
