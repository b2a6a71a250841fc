"""The queues of tasks, and those of threads and processes: what each kind has in common."""

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


class AwaitedQueue(Protocol[T]):
    """What asyncio.Queue and the queues of tasks of other libraries have in common."""

    async def get(self) -> T:
        """Take an item."""
        ...

    def get_nowait(self) -> T:
        """Take an item that is there; asyncio.QueueEmpty if none is."""
        ...

    async def put(self, item: T, /) -> object:
        """Put an item."""
        ...

    def put_nowait(self, item: T, /) -> object:
        """Put an item where there is room; asyncio.QueueFull if there is none."""
        ...
