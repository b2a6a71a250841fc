"""The sampler: looks at what runs every so often, and tells those who listen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from threading import Event, Lock, Thread, get_ident
from time import monotonic, thread_time
from weakref import ref

from ..kernel import Consumer, hooks
from .totals import UNNAMED, Reading, Subscribed, Totals

SHARE = 0.02
"""Most of a processor that the thread of a sampler takes (0 to 1)."""


@dataclass(frozen=True, slots=True)
class Sample:
    """How everything stood at a time.

    Attributes:
        at: The time, by the sampler's clock (seconds).
        reading: Each stage, each flow and each subscription that ran.
    """

    at: float
    reading: Reading


class Sampler:
    """Takes a sample every so often, and gives it to each listener in turn.

    It runs in a daemon thread of its own (``start``), so that it goes on while an event
    loop or a notebook's cell is busy; or as a task of an event loop (``await run()``); or
    it is stepped (``sample(now)``), as in tests. What a listener raises is reported to the
    hook for dropped errors, and the others go on. It keeps no subscription alive.
    """

    def __init__(
        self,
        every: float = 1.0,
        *,
        clock: Callable[[], float] = monotonic,
        of: Callable[[], Iterable[Consumer]] | None = None,
    ) -> None:
        """Make one that does not run yet.

        Args:
            every: Time between two samples (seconds).
            clock: Gives the time (seconds).
            of: Gives the consumers whose subscriptions are read, one by one, and nothing is
                added up; None for all that run, and their totals.

        Raises:
            ValueError: every is not above 0.
        """
        if not every > 0:
            raise ValueError(f"every must be above 0 seconds, not {every!r}")
        self.every = every
        self._clock = clock
        self._of = of
        self._totals: Totals | None = None  # while it is used
        self._listeners: tuple[Callable[[Sample], object], ...] = ()
        self._lock = Lock()  # for what starts, stops and listens
        self._taking = Lock()  # of who takes a sample, so that they are told in their order
        self._stop: Event | None = None  # of the thread that runs
        self._thread: Thread | None = None  # the last one

    def listen(self, call: Callable[[Sample], object]) -> Callable[[], None]:
        """Have a function called with each sample, on the thread that takes it.

        Args:
            call: It.

        Returns:
            What ends it.
        """
        with self._lock:
            self._listeners = (*self._listeners, call)

        def end() -> None:
            with self._lock:
                self._listeners = tuple(each for each in self._listeners if each is not call)

        return end

    def sample(self, now: float | None = None) -> Sample:
        """Take a sample, and tell the listeners.

        Args:
            now: The time (seconds); that of the clock when left out.

        Returns:
            The sample.
        """
        with self._taking:
            at = self._clock() if now is None else now
            sample = Sample(at, self._read())
            for call in self._listeners:
                try:
                    call(sample)
                except Exception as error:
                    hooks.dropped_error(error)
            return sample

    def start(self) -> Sampler:
        """Begin to take samples, in a daemon thread.

        Returns:
            Itself; ``with Sampler().start():`` stops it at the end.
        """
        with self._lock:
            if self._stop is None:
                self._stop = Event()
                self._thread = Thread(
                    target=_sampling,
                    args=(ref(self), self._stop, self.every),
                    name="rxflow-sampler",
                    daemon=True,
                )
                self._thread.start()
        return self

    def stop(self) -> None:
        """Take no more samples; one that is being taken is waited for."""
        with self._lock:
            thread = self._thread  # may still take one, although it stopped itself
            stop, self._stop = self._stop, None
            totals, self._totals = self._totals, None
        if stop is not None:
            stop.set()
        if totals is not None:
            totals.close()
        if thread is not None and thread.ident != get_ident():
            thread.join()

    async def run(self) -> None:
        """Take samples as a task of the running event loop, until that is cancelled."""
        try:
            while True:
                self.sample()
                await asyncio.sleep(self.every)
        finally:
            self.stop()

    def __enter__(self) -> Sampler:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()

    def _read(self) -> Reading:
        if self._of is None:
            return self._counting().read(subscriptions=True)
        each = (Subscribed(it, UNNAMED, it.statistics()) for it in self._of())
        return Reading((), (), tuple(each))

    def _counting(self) -> Totals:
        with self._lock:
            if self._totals is None:
                self._totals = Totals()
            return self._totals


def _sampling(kept: ref[Sampler], stop: Event, every: float) -> None:
    """Take samples until the sampler is stopped, or nobody has it any more."""
    while True:
        sampler = kept()
        if sampler is None:
            return
        began = thread_time()
        sampler.sample()
        del sampler
        if stop.wait(max(every, (thread_time() - began) / SHARE)):
            return
