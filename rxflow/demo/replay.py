"""The replay: a day of rows as a hot source, which does not wait for anybody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from threading import Event, Thread
from time import perf_counter

from reactivex import Observable, Subject

from .departures import Row, minute_of


@dataclass(frozen=True, slots=True)
class Announcement:
    """A row, at the moment it was pushed.

    Attributes:
        row: The row.
        at: When it was pushed (seconds of ``time.perf_counter``).
    """

    row: Row
    at: float

    def __repr__(self) -> str:
        """Name the flight, which is enough in the message of an error."""
        return f"<{self.row['carrier']} {self.row['flight']} from {self.row['origin']}>"


class Replay:
    """Pushes rows into a plain reactivex Subject from a thread of its own.

    Each row is pushed when its minute has come, whether or not anybody is ready
    for it; after the last one the Subject completes.
    """

    def __init__(self, rows: Sequence[Row], speed: float) -> None:
        """Prepare a replay.

        Args:
            rows: The day, in the order of departure.
            speed: How much faster than the real day (factor, above 0).
        """
        self._rows = rows
        self._seconds_a_minute = 60 / speed
        self._stopped = Event()
        self._subject: Subject[Announcement] = Subject()
        self._thread = Thread(target=self._push_all, name="rxflow-demo-replay", daemon=True)

    @property
    def announcements(self) -> Observable[Announcement]:
        """The hot source."""
        return self._subject

    def start(self) -> None:
        """Begin the day."""
        self._thread.start()

    def stop(self) -> None:
        """Push nothing more. Does not wait; see ``join``."""
        self._stopped.set()

    def join(self) -> None:
        """Wait for the thread, which ends with the day or soon after ``stop``."""
        if self._thread.ident is not None:
            self._thread.join()

    def _push_all(self) -> None:
        start = perf_counter()
        first = minute_of(self._rows[0]) if self._rows else 0
        for row in self._rows:
            due = start + (minute_of(row) - first) * self._seconds_a_minute
            if self._stopped.wait(max(0.0, due - perf_counter())):
                return
            self._subject.on_next(Announcement(row, perf_counter()))
        self._subject.on_completed()
