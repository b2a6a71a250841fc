"""What tests let a Flow pull from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from rxflow.kernel import Latency, StageStatistics


def timeless(*parts: StageStatistics) -> list[StageStatistics]:
    """Give figures without the times, which a test that looks at counts cannot know.

    Args:
        parts: The figures.
    """
    times = ("blocked", "starved", "working", "oldest")
    none = dict.fromkeys([f"{name}_seconds" for name in times], 0.0)
    return [replace(part, **none, latency=Latency()) for part in parts]


class counted(Iterator[Any]):  # noqa: N801 - it reads as a function
    """An iterator that knows how far it was advanced.

    Attributes:
        taken: How many items were taken.
        asked: How often it was advanced, the end included.
        closed: How often it was closed.
    """

    def __init__(self, iterable: Iterable[Any]) -> None:
        self.taken = 0
        self.asked = 0
        self.closed = 0
        self._iterator = iter(iterable)

    def __next__(self) -> Any:
        self.asked += 1
        item = next(self._iterator)
        self.taken += 1
        return item

    def close(self) -> None:
        self.closed += 1
