"""O10: hand-offs and calls on asyncio's own loop, on uvloop, and with eager tasks (3.12)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from .harness import Benchmark, Contender, Figures, Work, per_item
from .p05_handoff import P5
from .p07_thread import P7
from .p08_map_async import P8

O10 = Benchmark("O10", "P5, P7 and P8 again, on other loops", 50_000)

Loop = Callable[[], asyncio.AbstractEventLoop]


def on_uvloop() -> asyncio.AbstractEventLoop:
    import uvloop

    return uvloop.new_event_loop()


def with_eager_tasks() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    loop.set_task_factory(asyncio.eager_task_factory)
    return loop


@dataclass
class OnLoop(Contender):
    """A contender of another benchmark, on a loop of its own choice.

    Attributes:
        loop: Makes the loop; None for asyncio's own.
    """

    loop: Loop | None = None

    def missing(self) -> list[str]:
        """Give what there is not: the package, or a Python that is new enough."""
        if self.loop is with_eager_tasks and not hasattr(asyncio, "eager_task_factory"):
            return ["Python 3.12"]
        return super().missing()

    def measure(self, work: Work, items: int) -> tuple[Figures, Any]:
        """Time one turn on the loop."""
        return per_item(work, items, self.loop)


LOOPS: dict[str, tuple[Loop | None, tuple[str, ...]]] = {
    "asyncio": (None, ()),
    "uvloop": (on_uvloop, ("uvloop",)),
    "eager tasks": (with_eager_tasks, ()),
}
SHOWN = (
    (P5, "rxflow, send and async for"),
    (P5, "asyncio.Queue(256)"),
    (P7, "rxflow, create and async for"),
    (P8, "rxflow, map_async"),
    (P8, "deque of tasks"),
)


def _contenders() -> Iterator[OnLoop]:
    for benchmark, name in SHOWN:
        (known,) = (known for known in benchmark.contenders if known.name == name)
        for loop, (factory, needs) in LOOPS.items():
            own = f"{benchmark.id} {name}, {loop}"
            yield OnLoop(own, known.work, needs, note=known.note, loop=factory)


O10.contenders.extend(_contenders())
for shown, who in SHOWN:
    for other in [*LOOPS][1:]:
        O10.claim(f"{shown.id} {who}, {other}", against=f"{shown.id} {who}, asyncio", at_most=None)
