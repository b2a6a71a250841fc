"""What tests let a Flow pull from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any


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
