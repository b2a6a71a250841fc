"""A single item for a loop that waits: what happens between its push and the step that takes it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

import rxflow as rx
from rxflow import operators as ops
from tests.support_loop import run, turns


class Line:
    """A source that is pushed by hand, and a task that iterates over what comes of it."""

    def __init__(
        self,
        overflow: rx.Overflow = rx.DROP_OLDEST,
        capacity: int = 4,
        then: Callable[[rx.Flow[Any]], rx.Flow[Any]] = lambda flow: flow,
    ) -> None:
        emitters: list[rx.Emitter[Any]] = []
        self.seen: list[Any] = []
        self.discarded: list[Any] = []
        flow: rx.Flow[Any] = rx.create(
            emitters.append,
            overflow=overflow,
            capacity=capacity,
            on_discard=self.discarded.append,
        )
        self.running: Any = aiter(then(flow))
        self.emitter = emitters[0]
        self.task = asyncio.ensure_future(self._consume())

    async def _consume(self) -> None:
        async for item in self.running:
            self.seen.append(item)

    @property
    def figures(self) -> tuple[int, int, int, int]:
        """Say what the source was given, gave, holds and has discarded."""
        own = self.running.statistics()[0]
        return own.received, own.delivered, own.held, own.discarded


def test_it_is_held_until_the_step_takes_it() -> None:
    async def main() -> None:
        line = Line()
        await turns(3)
        for number in range(3):
            line.emitter.on_next(number)
            assert line.figures == (number + 1, number, 1, 0)
            await turns(3)
            assert line.seen == [*range(number + 1)]
            assert line.figures == (number + 1, number + 1, 0, 0)
        line.emitter.on_completed()
        await line.task
        assert line.discarded == []

    run(main())


def test_a_step_that_is_cancelled_behind_its_back_discards_it() -> None:
    async def main() -> None:
        line = Line()
        await turns(3)
        line.emitter.on_next(1)
        line.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await line.task
        assert (line.seen, line.discarded) == ([], [1])
        assert line.figures == (1, 0, 0, 1)

    run(main())


def test_an_iteration_that_is_finished_behind_its_back_discards_it() -> None:
    async def main() -> None:
        line = Line()
        await turns(3)
        line.emitter.on_next(1)
        line.running.finish()
        await line.task
        assert (line.seen, line.discarded) == ([], [1])

    run(main())


@pytest.mark.parametrize(
    ("overflow", "seen", "dropped"),
    [
        (rx.DROP_OLDEST, [3], {"oldest": 2}),
        (rx.DROP_NEWEST, [3], {"newest": 2}),
        (rx.DROP_INCOMING, [1], {"incoming": 2}),
        (rx.DROP_ALL, [3], {"all": 2}),
    ],
)
def test_others_that_come_in_the_same_turn_are_for_the_strategy(
    overflow: rx.Overflow, seen: list[int], dropped: dict[str, int]
) -> None:
    async def main() -> None:
        line = Line(overflow, capacity=1)
        await turns(3)
        for number in (1, 2, 3):
            line.emitter.on_next(number)
        await turns(3)
        assert line.seen == seen
        assert line.running.statistics()[0].dropped == dropped
        line.emitter.on_next(4)
        await turns(3)
        assert line.seen == [*seen, 4]
        line.running.finish()
        await line.task

    run(main())


def test_it_passes_stages_and_its_failure_is_that_of_the_loop() -> None:
    async def main() -> None:
        line = Line(then=lambda flow: flow.pipe(ops.map(lambda x: 10 // x), ops.filter(bool)))
        await turns(3)
        for number in (1, 20, 2):
            line.emitter.on_next(number)
            await turns(3)
        assert line.seen == [10, 5]
        line.emitter.on_next(0)
        with pytest.raises(ZeroDivisionError):
            await line.task

    run(main())


def test_the_end_and_the_failure_come_behind_it() -> None:
    async def main() -> None:
        ended, failed = Line(), Line()
        await turns(3)
        ended.emitter.on_next(1)
        ended.emitter.on_completed()
        failed.emitter.on_next(1)
        failed.emitter.on_error(ValueError("late"))
        await ended.task
        with pytest.raises(ValueError, match="late"):
            await failed.task
        assert ended.seen == failed.seen == [1]

    run(main())


def test_its_age_is_known_while_the_loop_does_not_come_to_it() -> None:
    async def main() -> None:
        line = Line()
        await turns(3)
        line.emitter.on_next(1)
        loop: Any = asyncio.get_running_loop()
        loop._jumping.clock += 7.0  # as a callback does that keeps the loop
        assert line.running.statistics()[0].oldest_seconds == 7.0
        await turns(3)
        own = line.running.statistics()[0]
        assert (own.oldest_seconds, own.blocked_seconds, own.latency.sum) == (0.0, 7.0, 7.0)
        line.running.finish()
        await line.task

    run(main())
