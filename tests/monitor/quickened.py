"""Which part limits a random pipeline, found out by making each of them quicker in turn.

The planted part is only slower than each of the others here, not than all of them together. So
which one limits is not known by construction: it is the one for which more comes out once it
takes half of its time, and nothing else is changed.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from random import Random

from rxflow import operators as ops
from rxflow.monitor import Report
from rxflow.testing import run_virtual

from .planted import CONSUMER, Pipeline, drawn, iterating, requesting

QUICKER = 0.5
"""How much of its time a part takes when it is made quicker (factor)."""

SLACK = 0.1
"""What is named is right if no other part would give so much more (share of what came out)."""


@dataclass
class Timed(Pipeline):
    """A pipeline of random parts whose times are told apart, one of which may be quicker.

    Attributes:
        times: How long each part takes (seconds).
        quicker: The one that takes less than it was drawn to.
    """

    times: dict[str, float] = field(default_factory=dict[str, float])
    quicker: str = ""

    def takes(self, place: str, planted: str, *names: str) -> float:
        seconds = super().takes(place, planted, *names)
        self.times[place] = seconds
        return seconds * (QUICKER if place == self.quicker else 1.0)


@dataclass
class Quickened:
    """A random pipeline, what was reported on it, and what each part's being quicker gains.

    Attributes:
        told: How it was put together.
        report: What was said.
        items: How many came out (items).
        gains: How many more with each part quicker (items).
    """

    told: str
    report: Report
    items: int
    gains: dict[str, int]

    @property
    def right(self) -> bool:
        """Tell whether no other part is much more worth making quicker than the one named."""
        found = self.report.bottleneck
        if found is None:
            return False
        gain = self.gains.get(found.label, 0)
        return max(self.gains.values()) - gain <= SLACK * self.items

    def __str__(self) -> str:
        limits = [f"{limit.label} {limit.share:.2f}" for limit in self.report.limits]
        return f"{self.told}\n    named {limits}\n    gains {self.gains}"


def quickened(seed: int) -> Quickened:
    """Make a random pipeline, report on it, and find out what would help."""
    random, shape, planted = drawn(seed)
    body = random.uniform(0.02, 0.2)
    consume = random.choice([iterating, iterating, requesting])
    ahead = Timed(Random(seed))  # to see how long the others take
    shape(ahead, planted)
    for task in ahead.tasks:
        task.close()
    others = [seconds for place, seconds in ahead.times.items() if place != planted]
    slow = max(others + [body] * (planted != CONSUMER)) * random.uniform(1.2, 3)
    places = dict.fromkeys([*ahead.times, planted, CONSUMER])

    async def ran(quicker: str) -> tuple[Timed, Report, int]:
        branches = QUICKER if quicker == "branches" else 1.0
        made = Timed(Random(seed), slow=slow * branches, quicker=quicker)
        out: list[object] = []
        flow = shape(made, planted).pipe(ops.do_action(out.append))
        took = slow if planted == CONSUMER else body
        tasks = [asyncio.ensure_future(task) for task in made.tasks]
        found = await consume(flow, took * (QUICKER if quicker == CONSUMER else 1), 60 * slow)
        for task in tasks:
            task.cancel()
        items = len(out)
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(9 * slow)
        assert items
        return made, found, items

    made, report, items = run_virtual(ran(""))
    gains: dict[str, int] = {}
    for place in places:
        more = run_virtual(ran(place))[2] - items
        for label in ("a-source", "b-source") if place == "branches" else (place,):
            gains[label] = more
    told = f"{seed}: {shape.__name__}, planted {planted}: {', '.join(made.told)}: {items} items"
    return Quickened(told, report, items, gains)
