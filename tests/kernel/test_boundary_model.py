"""The bounded queue against a model of it, under random schedules of producer and consumer."""

from __future__ import annotations

from collections import Counter, deque
from itertools import islice
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from rxflow.kernel import Boundary, Context, State
from rxflow.protocol import (
    DROP_ALL,
    DROP_INCOMING,
    DROP_NEWEST,
    DROP_OLDEST,
    FAIL,
    UNBOUNDED,
    BufferOverflowError,
    Offer,
    Overflow,
)
from tests.kernel.recorder import dropped_errors

STRATEGIES = [DROP_OLDEST, DROP_NEWEST, DROP_INCOMING, DROP_ALL, FAIL]

# A boundary without a buffer passes on what is asked for; there is nothing held to evict.
KINDS = [(s, capacity) for s in STRATEGIES for capacity in range(1, 6)]
KINDS += [(DROP_INCOMING, 0), (FAIL, 0)]


class SourceError(Exception):
    """The failure of the source."""


class BoundaryMachine(RuleBasedStateMachine):
    """Each rule does to the boundary what it does to the model, and compares."""

    @initialize(kind=st.sampled_from(KINDS), delay_error=st.booleans(), told=st.booleans())
    def begin(self, kind: tuple[Overflow, int], delay_error: bool, told: bool) -> None:
        self.strategy, self.capacity = kind
        self.told = told  # of a drop; where nobody is, a shorter way is taken
        self.delay_error = delay_error
        self.wakes = 0
        self.told_drops: list[tuple[int, str]] = []
        self.told_discards: list[int] = []
        self.boundary: Boundary[int] = Boundary(
            Context(self.woken),
            "door",
            self.capacity,
            self.strategy,
            on_drop=(lambda item, reason: self.told_drops.append((item, reason))) if told else None,
            on_discard=self.told_discards.append,
            delay_error=delay_error,
        )
        # The model.
        self.queue: deque[int] = deque()
        self.received = 0
        self.delivered: list[int] = []
        self.drops: list[tuple[int, str]] = []
        self.discards: list[int] = []
        self.wanted = 0  # so many are asked for, counting those delivered
        self.peak = 0
        self.closed = self.cancelled = False
        self.failure: type[Exception] | None = None
        self.waiting = True  # the consumer has found nothing and has not been woken since
        self.waits = 1  # how often it found nothing, or was overtaken by an error
        self.looking = False  # it has no demand, and has not been woken since it looked for the end

    def woken(self) -> None:
        self.wakes += 1
        self.waiting = self.looking = False

    # The producer.

    @rule(times=st.integers(1, 7))
    def push(self, times: int) -> None:
        for _ in range(times):
            self.push_one()

    def push_one(self) -> None:
        item = self.received
        if self.closed:
            assert self.boundary.push(item) is Offer.CLOSED
            return
        self.received += 1
        unmet = self.wanted - len(self.delivered)
        room = len(self.queue) < (self.capacity or unmet)
        kept = True
        if not room:
            kept = self.make_room(item)
        if kept:
            self.queue.append(item)
            self.peak = max(self.peak, len(self.queue))
        demand = max(0, self.wanted - (self.received - len(self.drops)))
        demand = UNBOUNDED if self.wanted == UNBOUNDED else demand
        assert self.boundary.push(item) is (Offer.ENQUEUED if kept else Offer.DROPPED)
        assert self.boundary.requested == demand
        if self.failure is BufferOverflowError:
            self.overflow = (self.capacity, len(self.queue), demand, item)

    def make_room(self, item: int) -> bool:
        if self.strategy is DROP_OLDEST:
            self.drops.append((self.queue.popleft(), "oldest"))
        elif self.strategy is DROP_NEWEST:
            self.drops.append((self.queue.pop(), "newest"))
        elif self.strategy is DROP_ALL:
            self.drops.extend((held, "all") for held in self.queue)
            self.queue.clear()
        elif self.strategy is DROP_INCOMING:
            self.drops.append((item, "incoming"))
            return False
        else:
            self.drops.append((item, "overflow"))
            self.closed, self.failure = True, BufferOverflowError
            return False
        return True

    @rule()
    def complete(self) -> None:
        self.boundary.complete()
        self.closed = True

    @rule()
    def fail(self) -> None:
        error = SourceError()
        with dropped_errors() as dropped:
            self.boundary.fail(error)
        assert dropped == ([error] if self.closed else [])  # late, but never lost
        if self.closed:
            return
        self.closed, self.failure = True, SourceError
        if not self.delay_error:
            self.waits += 1
            self.discards.extend(self.queue)
            self.queue.clear()

    # The consumer, which does what Drain does.

    @precondition(lambda self: not self.cancelled)
    @rule(demand=st.one_of(st.integers(1, 6), st.just(UNBOUNDED)))
    def pull(self, demand: int) -> None:
        self.looking = False
        given = list(islice(self.boundary.run(), demand))
        expected = list(islice(self.queue, demand))
        assert given == expected
        for _ in given:
            self.queue.popleft()
        self.delivered += given
        if len(given) < demand:
            self.settle(UNBOUNDED if demand == UNBOUNDED else demand - len(given))

    def settle(self, demand: int) -> None:
        if self.failure is not None:
            try:
                self.boundary.settle()
            except self.failure as error:
                self.check_overflow(error)
                return
            raise AssertionError("the failure is lost")
        state = self.boundary.settle()
        assert state is (State.ENDED if self.closed else State.WAITING)
        if state is State.WAITING:
            self.waiting = True
            self.waits += 1
            self.boundary.want(demand)
            self.wanted = UNBOUNDED if demand == UNBOUNDED else len(self.delivered) + demand

    def check_overflow(self, error: Exception) -> None:
        if isinstance(error, BufferOverflowError):
            assert error.operator == "door"
            assert (error.capacity, error.held, error.requested, error.item) == self.overflow

    @precondition(lambda self: not self.cancelled)
    @rule()
    def look_for_the_end_without_demand(self) -> None:
        ending = self.boundary.ending()
        assert ending is (self.closed and not self.queue)
        self.looking = not ending
        if not self.queue:
            self.waiting = not self.closed
            self.waits += 1

    @precondition(lambda self: not self.cancelled)
    @rule()
    def cancel(self) -> None:
        self.boundary.cancel()
        self.closed = self.cancelled = True
        self.waiting = self.looking = False
        self.failure = None
        self.discards.extend(self.queue)
        self.queue.clear()

    # The laws.

    @invariant()
    def every_item_is_accounted_for_exactly_once(self) -> None:
        fates = Counter(self.delivered)
        fates.update(item for item, _ in (self.told_drops if self.told else self.drops))
        fates.update(self.told_discards)
        fates.update(self.queue)
        assert fates == Counter(range(self.received))

    @invariant()
    def callbacks_and_figures_agree_with_the_model(self) -> None:
        assert self.told_drops == (self.drops if self.told else [])
        assert self.told_discards == self.discards
        [figures] = self.boundary.statistics()
        assert figures.name == "door"
        assert figures.received == self.received
        assert figures.delivered == len(self.delivered)
        assert figures.held == len(self.queue)
        assert figures.peak == self.peak
        assert figures.capacity == self.capacity
        assert figures.requested == max(self.wanted, figures.delivered)
        assert figures.dropped == Counter(reason for _, reason in self.drops)
        assert figures.discarded == len(self.discards)
        assert figures.waited_seconds == 0

    @invariant()
    def it_never_holds_more_than_it_may(self) -> None:
        [figures] = self.boundary.statistics()
        if self.capacity:
            assert figures.peak <= self.capacity
        else:
            assert figures.held <= max(0, self.wanted - len(self.delivered))

    @invariant()
    def a_consumer_that_waits_is_woken_once_and_only_when_it_waits(self) -> None:
        assert self.wakes <= self.waits
        assert not (self.waiting and (self.queue or self.closed))

    @invariant()
    def a_consumer_without_demand_is_told_of_an_end_that_needs_none(self) -> None:
        assert not (self.looking and self.closed and not self.queue)

    def teardown(self) -> None:
        if hasattr(self, "boundary") and not self.cancelled:
            self.pull(UNBOUNDED)
            self.every_item_is_accounted_for_exactly_once()


TestBoundaryModel: Any = BoundaryMachine.TestCase
TestBoundaryModel.settings = settings(
    max_examples=150,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
