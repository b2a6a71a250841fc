"""On an event loop a callback raises, one at a time, also one that is awaited."""

from __future__ import annotations

from collections.abc import Callable

from rxflow.testing import run_virtual
from tests.kernel.recorder import dropped_errors
from tests.support_together import together

from .cases import Outcome
from .loop_cases import LOOP_CASES, LoopCase, LoopWorld
from .test_callbacks import is_planted
from .worlds import ITEMS, Fault, PlantedError

ERRORS: dict[str, Callable[[], Exception]] = {
    "error": PlantedError,
    "StopIteration": lambda: StopIteration("planted"),
    "StopAsyncIteration": lambda: StopAsyncIteration("planted"),
}


@together(
    ("case", "planted"),
    [(case, planted) for case in LOOP_CASES for planted in ERRORS if planted not in case.stops],
)
def test_a_callback_raises_on_a_loop(case: LoopCase, planted: str):
    for call in case.calls:
        fault = Fault(call, ERRORS[planted]())
        world = LoopWorld(fault)
        raised: list[BaseException] = []

        async def main(world: LoopWorld = world, raised: list[BaseException] = raised) -> None:
            try:
                await case.consume(world)
            except BaseException as error:
                raised.append(error)
            world.settled()

        with dropped_errors() as reported:
            run_virtual(main())
        if case.outcome is Outcome.REPORTED:
            [told] = [*raised, *reported]
            assert is_planted(told, fault.error)
            assert world.seen == list(ITEMS)
        else:
            [told] = raised
            assert is_planted(told, fault.error)
            assert reported == []
            assert world.seen == list(ITEMS[: len(world.seen)])
            assert len(world.seen) < call
