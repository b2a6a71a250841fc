"""The door that keeps on disk what memory has no room for: on_backpressure_spill."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain
from os import PathLike
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

from reactivex import Observable

from ..flow import Flow, checks
from ..flow.door import Door
from ..flow.operator import door, opened
from ..kernel import Context, DiscardCallback, StageStatistics, changed, hooks, lingers
from ..protocol import SUSPEND, Offer, SpillError

if TYPE_CHECKING:
    from .spill_file import SpillFile

T = TypeVar("T")

NAME = "on_backpressure_spill"

SMALLEST = 16 * 4096  # sixteen pages of SQLite
"""Least that a file may be bounded to (bytes)."""


@door(demand="unbounded ; 1:1 ; holds <= capacity, the rest on disk", category="overflow")
def on_backpressure_spill(
    capacity: float,
    path: str | PathLike[str] | None = None,
    *,
    max_bytes: int | None = None,
    durable: bool = False,
    dumps: Callable[[Any], bytes] | None = None,
    loads: Callable[[bytes], Any] | None = None,
    on_discard: DiscardCallback | None = None,
) -> Callable[[Observable[T]], Flow[T]]:
    """Park items in memory, and on disk what is too much for it: nothing is lost.

    .. marble::
        :alt: on_backpressure_spill

        request  ----------5----------
        source   --1-2-3-4-5---------|
        [ on_backpressure_spill(2)   ]
                 ----------(12345)---|

    Demand: unbounded ; 1:1 ; holds <= capacity, the rest on disk.
    Ends: on_completed, or the error of the source, after the backlog.
    The file is an SQLite database: it is made when memory is full for the first
    time, shrinks as it is read, and is removed at the end.

    Args:
        capacity: Most items held in memory (items, at least 2); a quarter of them
            are collected there to be written together.
        path: The file; a temporary one without a name when left out. One
            subscription at a time can use it.
        max_bytes: Largest size of the file (bytes, at least 65536).
        durable: Survive a crash of the process: each item is written before the push
            returns, and what was not delivered is delivered first when the file is
            opened again. Up to ``capacity`` items may then be delivered once more.
        dumps: Turns an item into bytes; pickle when left out.
        loads: Turns them back; pickle when left out, which runs code of whoever wrote the file.
        on_discard: Called with each item that is held when the stream is cancelled;
            durable ones stay in the file instead.

    Returns:
        An operator function.

    Raises:
        TypeError: A callback that is async; durable without a path.
        ValueError: capacity < 2 or not whole, or max_bytes too small.

    Errors:
        SpillError: The file cannot be opened; it cannot be written (then all that was
            pushed before is delivered first); or not be read (what is in memory is
            delivered first, and what cannot be read is counted as dropped).
        What dumps or loads raises.

    Source: new; Pekko's buffer with a queue on disk.
    """
    # Here, so that nobody else pays for their import.
    import pickle
    from pathlib import Path

    from .spill_file import SpillFile

    size = checks.whole(NAME, "capacity", capacity, least=2)
    if max_bytes is not None:
        max_bytes = checks.whole(NAME, "max_bytes", max_bytes, least=SMALLEST)
    if durable and path is None:
        raise TypeError(f"{NAME}: durable wants a path, under which the items are found again")
    checks.callback(NAME, "dumps", dumps)
    checks.callback(NAME, "loads", loads)
    checks.callback(NAME, "on_discard", on_discard)
    file = None if path is None else Path(path)

    def open_file() -> SpillFile:
        return SpillFile(file, max_bytes, durable)

    return opened(
        NAME,
        lambda context, source: _Spilling(
            context,
            source,
            size,
            open_file,
            durable,
            dumps or pickle.dumps,
            loads or pickle.loads,
            on_discard,
        ),
    )


def _failures() -> tuple[type[Exception], ...]:
    """Give what a file fails with."""
    from .spill_file import FAILURES

    return FAILURES


class _Spilling(Door):
    """A boundary that the disk refills: it is a producer that waits for room.

    Fields that begin with ``_disk`` are guarded by a lock of their own, under which
    nothing is signalled.
    """

    def __init__(
        self,
        context: Context,
        source: Observable[Any],
        capacity: int,
        open_file: Callable[[], SpillFile],
        durable: bool,
        dumps: Callable[[Any], bytes],
        loads: Callable[[bytes], Any],
        on_discard: DiscardCallback | None,
    ) -> None:
        batch = max(1, capacity // 4)
        super().__init__(
            context,
            source,
            NAME,
            capacity - batch,
            SUSPEND,
            on_discard=None if durable else on_discard,
        )
        self._open_file = open_file
        self._durable = durable
        self._dumps = dumps
        self._loads = loads
        self._batch = 1 if durable else batch  # written at a time (items)
        self._call = self._refill  # one object, by which the boundary knows it
        self._disk = Lock()
        self._disk_file: SpillFile | None = None  # None until it is needed, and when closed
        self._disk_tail = deque[bytes]()  # newer than what is in the file
        self._disk_moving = deque[bytes]()  # taken out, not in memory yet
        self._disk_count = 0  # in all three (items)
        self._disk_peak = 0
        self._disk_lost = self._disk_discarded = 0
        self._disk_busy = False  # a thread moves items into memory
        self._disk_late: list[Callable[[], object]] = []  # called when it was the last time
        self._disk_end: tuple[Any, Exception | None] | None = None  # comes behind them

    # The producer's side.

    def start(self) -> None:
        """Take up what a durable file holds, then subscribe to the source."""
        if self._durable:
            try:
                with self._disk:
                    self._disk_file = self._opened()
                    self._disk_count = self._disk_peak = self._disk_file.count
            except SpillError as error:
                self.fail(error)
                return
        super().start()
        self._refill()

    def push(self, item: Any) -> Offer:
        """Keep an item in memory, or on disk while there are older ones."""
        while True:
            with self._disk:
                if self.closed or self._disk_end is not None:
                    return Offer.CLOSED
                spills = bool(self._disk_count) or len(self._queue) >= self._capacity
            if spills or self._durable:
                return self._spill(item)
            offer = super().push(item)
            if offer is not Offer.FULL:
                return offer

    def _spill(self, item: Any) -> Offer:
        try:
            blob = self._dumps(item)
        except Exception as error:
            self.lose(item, "refused")
            self.fail(error)
            self.stop_producer()
            return Offer.DROPPED
        except BaseException as error:
            self.lose(item, "refused")
            self.interrupted(error)
            raise
        failure: SpillError | None = None
        with self._disk:
            if self.closed:
                return Offer.CLOSED
            first = not self._disk_count
            self._disk_tail.append(blob)
            self._disk_count += 1
            self._disk_peak = max(self._disk_peak, self._disk_count)
            if len(self._disk_tail) >= self._batch:
                try:
                    self._write()
                except SpillError as error:
                    failure = error
        if failure is not None:  # the tail stays in memory, and is delivered before it
            self.fail(failure)
            self.stop_producer()
        if first:
            self._refill()
        return Offer.ENQUEUED

    def _write(self) -> None:
        """Write the tail into the file; the lock is held."""
        if self._disk_file is None:
            self._disk_file = self._opened()
        try:
            self._disk_file.append(list(self._disk_tail))
        except _failures() as error:
            raise SpillError(NAME, "written", error) from error
        self._disk_tail.clear()

    def _opened(self) -> SpillFile:
        try:
            return self._open_file()
        except _failures() as error:
            raise SpillError(NAME, "opened", error) from error

    def _close(self, end: Any, error: Exception | None) -> None:
        """End behind what is on disk."""
        with self._disk:
            late = self._disk_end is not None or self.closed
            waits = bool(self._disk_count) and not late
            if waits:
                self._disk_end = end, error
        if late and error is not None:
            hooks.dropped_error(error)
        elif not late and not waits:
            super()._close(end, error)

    # The consumer's side, whichever thread that is.

    def _refill(self) -> None:
        """Move what there is room for into memory, and be called when there is more room."""
        while self._disk_count and not self._starting:
            with self._disk:
                if self._disk_busy:
                    return
                self._disk_busy = True
            try:
                self._move()
            finally:
                self._disk_busy = False  # before it waits for room: a call may come at once
            if self.closed:
                self._shut()
                with self._disk:
                    calls, self._disk_late = self._disk_late, []
                for call in calls:
                    hooks.reporting(call)
            elif self._disk_count and self.when_room(self._call):
                return

    def _move(self) -> None:
        """Move items until there is no room; then the end, if nothing is left."""
        failure: Exception | None = None
        end = None
        moved = 0
        try:
            with self._disk:
                self._read(len(self._queue))
            moving = self._disk_moving
            while moving and super().push(self._loads(moving[0])) is not Offer.CLOSED:
                moving.popleft()
                moved += 1
        except Exception as error:
            failure = error
        with self._disk:
            self._disk_count -= moved
            if failure is not None:  # what is behind it would be out of order
                self._disk_lost += self._disk_count
                self._disk_count = 0
                self._disk_moving.clear()
                self._disk_tail.clear()
            if not self._disk_count:
                end, self._disk_end = self._disk_end, None
        if failure is not None:
            self.fail(failure)
            self.stop_producer()
        elif end is not None:
            super()._close(*end)

    def _read(self, held: int) -> None:
        """Take out as many as there is room for beside those that are held; the lock is held."""
        moving, file = self._disk_moving, self._disk_file
        n = self._capacity - held
        if n <= 0 or self.closed:  # else none of those that are held was discarded meanwhile
            return
        if file is not None:
            try:
                if self._durable:
                    file.forget(held)
                moving.extend(file.take(n))
            except _failures() as error:
                raise SpillError(NAME, "read", error) from error
        while self._disk_tail and len(moving) < n:
            moving.append(self._disk_tail.popleft())

    def cancel(self) -> None:
        """Let go of what is in memory, then of what is on disk."""
        try:
            super().cancel()
        finally:
            self._shut()

    def _shut(self) -> None:
        """Discard what is on disk, unless it is durable, and close the file."""
        with self._disk:
            if self._disk_busy:
                return  # whoever moves items comes here afterwards
            file, self._disk_file = self._disk_file, None
            self._disk_discarded += self._disk_count
            self._disk_count = 0
            moving, self._disk_moving = self._disk_moving, deque[bytes]()
            tail, self._disk_tail = self._disk_tail, deque[bytes]()
            self._disk_end = None
        try:
            if self._durable and file is not None:
                file.forget(self._discarded + len(moving))
            elif self._on_discard is not None:
                self._hand_back(chain(moving, _all(file), tail), self._on_discard)
        except Exception as error:
            hooks.dropped_error(error)
        finally:
            if file is not None:
                hooks.reporting(file.close)

    def _hand_back(self, blobs: Iterable[bytes], on_discard: DiscardCallback) -> None:
        for blob in blobs:
            hooks.reporting(partial(on_discard, self._loads(blob)))

    def when_over(self, call: Callable[[], object]) -> None:
        """Have ``call`` called when nobody moves items any more; now if that is so."""
        with self._disk:
            if self._disk_busy:
                self._disk_late.append(call)
                return
        call()

    def statistics(self) -> Iterator[StageStatistics]:
        """Give the figures of memory and disk together; the bound is that of the memory only."""
        with self._disk:
            lingers(self if self._disk_busy and self.closed else None)
            count, lost, gone = self._disk_count, self._disk_lost, self._disk_discarded
            peak = self._disk_peak
        for figures in super().statistics():
            yield changed(
                figures,
                received=figures.received + count + lost + gone,
                held=figures.held + count,
                peak=figures.peak + peak,
                capacity=None,
                dropped={**figures.dropped, **({"unreadable": lost} if lost else {})},
                discarded=figures.discarded + gone,
                waited_seconds=0.0,  # it is the disk that waits for room, and no producer
            )


def _all(file: SpillFile | None) -> Iterator[bytes]:
    while file is not None and file.count:
        yield from file.take(256)
