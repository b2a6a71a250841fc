"""Which part limits a random pipeline, found out by making each of them quicker in turn.

No part is planted here that outweighs all the others: a part is what limits a pipeline when
more comes out once that part is quicker, and nothing else is changed.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from random import Random

from rxflow.monitor import Report
from rxflow.testing import run_virtual

from .planted import CONSUMER, SHAPES, Pipeline, iterating, requesting

QUICKER = 0.5
"""How much of its time a part takes when it is made quicker (factor)."""

NEARLY = 0.8
"""A part is right, too, whose gain is at least so much of the greatest one (factor)."""


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
        gains: How much more came out with each part quicker (items).
    """

    told: str
    report: Report
    gains: dict[str, float]

    @property
    def right(self) -> bool:
        """Tell whether hardly any other part is more worth making quicker than the one named."""
        found = self.report.bottleneck
        if found is None:
            return False
        gain = self.gains.get(found.label, 0.0)
        return gain >= NEARLY * max(self.gains.values())

    def __str__(self) -> str:
        limits = [f"{limit.label} {limit.share:.2f}" for limit in self.report.limits]
        return f"{self.told}\n    named {limits}\n    gains {self.gains}"


def quickened(seed: int) -> Quickened:
    """Make a random pipeline, report on it, and find out what would help."""
    random = Random(seed)
    shape = random.choice(list(SHAPES))
    planted = random.choice(SHAPES[shape])
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
        flow = shape(made, planted)
        took = slow if planted == CONSUMER else body
        tasks = [asyncio.ensure_future(task) for task in made.tasks]
        found = await consume(flow, took * (QUICKER if quicker == CONSUMER else 1), 60 * slow)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(9 * slow)
        (first, *_) = (f for f, _ in reversed(found.snapshot.pairs))
        return made, found, first.delivered

    made, report, items = run_virtual(ran(""))
    gains: dict[str, float] = {}
    for place in places:
        more = run_virtual(ran(place))[2] - items
        for label in ("a-source", "b-source") if place == "branches" else (place,):
            gains[label] = more
    told = f"{seed}: {shape.__name__}: {', '.join(made.told)}, body={body:.3g}: {items} items"
    return Quickened(told, report, gains)
