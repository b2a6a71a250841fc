"""The queues of threads and of processes: what they have in common."""

from __future__ import annotations

from typing import Protocol, TypeVar

T = TypeVar("T")


class BlockingQueue(Protocol[T]):
    """What the queues of threads and of processes have in common."""

    def get(self, block: bool = True, timeout: float | None = None) -> T:
        """Take an item."""
        ...

    def get_nowait(self) -> T:
        """Take an item that is there."""
        ...

    def put(self, item: T, /, block: bool = True, timeout: float | None = None) -> object:
        """Put an item."""
        ...

    def put_nowait(self, item: T, /) -> object:
        """Put an item where there is room."""
        ...
