"""Running stock operators of reactivex that subscribe several times, later, or elsewhere.

Their own ``source.subscribe`` opens a gate to the Flow upstream; the lift lets
items through its gates, one at a time, only while the consumer wants what has
not come out yet. So operators that subscribe again, or later, or elsewhere
(``repeat``, ``catch``, ``delay_subscription``, ``flat_map``) just work.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import Enum
from itertools import repeat
from threading import Lock
from typing import Any, NamedTuple, Protocol
from weakref import WeakSet

from reactivex.abc import DisposableBase, ObserverBase
from reactivex.disposable import Disposable, SingleAssignmentDisposable

from ..protocol import UNBOUNDED, Subscriber, Subscription, add_demand
from . import hooks
from .drain import Drain
from .feed import BUDGET, NOTHING, Context, Feed, State
from .lift import Apply, Output, Proxy, own_trampoline
from .statistics import Figures, Ledger, StageStatistics, joined


class Order(Enum):
    """Which gate is let through next."""

    FAIR = "each in turn, new ones first"
    INNER_FIRST = "inner ones, oldest first, before the outer one"
    OUTER_FIRST = "the outer one before inner ones"


class Rule(NamedTuple):
    """How a run of stock operators may be fed.

    Attributes:
        order: Which gate is let through next.
        window: Most items fed beyond what came out and is asked for (items);
            None where an item that is fed comes out, or is swallowed, at once.
        limit: Most inner gates open while the outer one is let through.
        gated: Whether Flows other than the upstream are held to demand too;
            otherwise they are control signals and subscribed unbounded.
        timed: They are driven by the clock.
        park: Turns inner Observables that leave the run into ones that lose nothing,
            and tells of each.
    """

    order: Order = Order.FAIR
    window: int | None = None
    limit: int | None = None
    gated: bool = True
    timed: bool = False
    park: Callable[[Any, Callable[[Parking], None]], Any] | None = None


class Parking(Protocol):
    """An inner Observable that has left a run, and is subscribed on behalf of its reader."""

    def abandon(self) -> Figures | None:
        """Let go of it if nobody has read it; give the figures of what was held."""
        ...


class _Gate:
    """One subscription that the stock operators have made to a Flow."""

    __slots__ = (
        *("closed", "feed", "inner", "observer", "pulled", "quiet", "run", "turn", "waiting"),
    )

    def __init__(self, observer: ObserverBase[Any], inner: bool) -> None:
        self.observer = observer
        self.inner = inner
        self.feed: Feed[Any] | None = None  # None until started, and when closed
        self.run: Iterator[Any] | None = None  # None when exhausted
        self.waiting = False  # its Feed has said WAITING and not woken since
        self.quiet = True  # it has not woken since the run was made
        self.closed = False
        self.turn = 0  # when it was let through last, where the order is fair
        self.pulled = False  # its Feed is being pulled: whoever does that cancels it


_current: ContextVar[LiftFeed | None] = ContextVar("rxflow_lift", default=None)


def gate_of(
    make: Callable[[Context], Feed[Any]], observer: ObserverBase[Any]
) -> DisposableBase | None:
    """Open a gate to a Flow that a lifted operator subscribes to; None outside of lifted ones."""
    lift = _current.get()
    return None if lift is None else lift.open_gate(make, observer, inner=True)


def lifting() -> bool:
    """Tell whether this is called from inside of operators that are lifted."""
    return _current.get() is not None


class LiftFeed(Feed[Any]):
    """Stock operators with several gates, or whose items come out later, or elsewhere."""

    def __init__(
        self,
        context: Context,
        source: Callable[[Context], Feed[Any]],
        apply: Apply,
        rule: Rule,
        name: str,
    ) -> None:
        """Prepare a run of operators over the Feeds that ``source`` makes."""
        self._wake = context.wake
        self._context = context
        self._source = source
        self._apply = apply
        self._rule = rule
        self._name = name
        self._lock = Lock()  # for closing a gate on one thread while another one pulls
        self._gates: tuple[_Gate, ...] = ()
        self._turn = 0  # counts what is let through
        self._parked = WeakSet[Parking]()
        self._output = Output(self._woken, None if rule.park is None else self._park)
        self._depth = 0  # calls into the operators that are running
        self._again = False  # something came out meanwhile
        self._wanted = 0  # outstanding demand at the last ``want``
        self._fed = 0  # items let through the gate of the upstream
        self._discarded = 0  # items parked here at the end
        self._late = 0  # items pulled from a gate that was closed meanwhile
        self._past = Ledger()  # of the Feeds behind gates that are closed
        self._subscription = SingleAssignmentDisposable()

    def start(self) -> None:
        """Apply the operators and subscribe to them."""
        with self._inside():
            source = self._apply(Proxy(self._open_outer))
            self._subscription.disposable = source.subscribe(
                self._output,
                scheduler=(self._context.timed() if self._rule.timed else self._context).scheduler,
            )

    @contextmanager
    def _inside(self) -> Generator[None]:
        """Call into the operators: what they subscribe to goes through gates."""
        token = _current.set(self if self._rule.gated else None)
        self._depth += 1
        try:
            with own_trampoline():
                yield
        finally:
            self._depth -= 1
            _current.reset(token)
            if self._again and not self._depth:
                self._again = False
                self._wake()

    def _park(self, value: Any) -> Any:
        assert self._rule.park is not None
        return self._rule.park(value, self._parked.add)

    def _woken(self) -> None:
        """Wake the consumer, but not inside of a call into the operators.

        What it subscribes to then is its own, and no gate of this lift.
        """
        self._again = True
        if not self._depth:  # looked at after the note: who leaves looks at the note afterwards
            self._again = False
            self._wake()

    def _open_outer(self, observer: ObserverBase[Any]) -> DisposableBase:
        return self.open_gate(self._source, observer, inner=False)

    def open_gate(
        self, make: Callable[[Context], Feed[Any]], observer: ObserverBase[Any], inner: bool
    ) -> DisposableBase:
        """Connect an operator's observer to a Feed of its own."""
        gate = _Gate(observer, inner)

        def wake() -> None:
            gate.quiet = gate.waiting = False
            self._woken()

        token = _current.set(None)
        try:
            gate.feed = make(self._context.waking(wake))
            with self._lock:
                self._gates = (*self._gates, gate)
            if self._wanted == UNBOUNDED:
                gate.feed.want(UNBOUNDED)
            gate.feed.start()
        finally:
            _current.reset(token)
        self._woken()
        return Disposable(lambda: self._close(gate))

    def _close(self, gate: _Gate) -> None:
        with self._lock:
            if gate.closed:
                return
            gate.closed = True
            self._gates = tuple(other for other in self._gates if other is not gate)
            if gate.pulled:
                return
        self._let_go(gate)

    def _let_go(self, gate: _Gate) -> None:
        feed, gate.feed, gate.run = gate.feed, None, None
        if feed is not None:
            feed.cancel()
            self._past.keep(feed.statistics)

    def run(self) -> Iterator[Any]:
        """Give what has come out; feed one item at a time until something does."""
        out = self._output.items
        for _ in repeat(None, BUDGET):
            if out:
                yield out.popleft()
            elif self._output.ended or not self.feed_one():
                return

    @property
    def open(self) -> bool:
        """Whether a gate is open."""
        return bool(self._gates)

    @property
    def feedable(self) -> bool:
        """Whether a gate may be let through now."""
        return bool(self._in_order())

    def feed_one(self) -> bool:
        """Let one item, or an end, through a gate. Says whether anything went through."""
        return any(self._let_through(gate) for gate in self._in_order())

    def _in_order(self) -> list[_Gate]:
        """Choose the gates that may be let through, the next one first."""
        gates = [gate for gate in self._gates if not gate.waiting and self._may(gate)]
        if len(gates) < 2:
            return gates
        if self._rule.order is Order.FAIR:
            return sorted(gates, key=lambda gate: gate.turn)
        outer_first = self._rule.order is Order.OUTER_FIRST
        return sorted(gates, key=lambda gate: gate.inner is outer_first)

    def _may(self, gate: _Gate) -> bool:
        """Tell whether the rule lets this gate be let through now."""
        if gate.inner:
            return True
        rule = self._rule
        if rule.limit is not None and len(self._gates) > rule.limit:
            return False
        return rule.window is None or self._fed - self._output.emitted < add_demand(
            self._wanted, rule.window
        )

    def _let_through(self, gate: _Gate) -> bool:
        """Pull once, and give the operators what came; say whether anything did."""
        failure: Exception | None = None
        item, state = NOTHING, State.READY
        with self._lock:
            feed = gate.feed
            if gate.closed or feed is None:
                return False
            gate.pulled = True
        self._turn = gate.turn = self._turn + 1
        try:
            if gate.run is None:
                gate.quiet = True  # before the run looks: a wake meanwhile takes it back
                gate.run = feed.run()
            item = next(gate.run, NOTHING)
            if item is NOTHING:
                gate.run = None
                state = feed.settle()
                if state is State.WAITING:  # what the run heard before its last items, perhaps
                    gate.waiting = True
                    if not gate.quiet:
                        gate.waiting = False
        except Exception as error:
            failure = error
        finally:
            with self._lock:
                gate.pulled = False
                closed = gate.closed
            if closed:
                self._let_go(gate)
        if closed:
            self._late += item is not NOTHING
            return True
        if item is not NOTHING:
            self._fed += not gate.inner
            with self._inside():
                gate.observer.on_next(item)
        elif failure is not None or state is State.ENDED:
            with self._inside():
                if failure is None:
                    gate.observer.on_completed()
                else:
                    gate.observer.on_error(failure)
            self._close(gate)
        else:
            if state is State.WAITING:
                feed.want(max(1, self._wanted))
            return False  # else its budget is spent, and so is that of this run
        return True

    def settle(self) -> State:
        """End when the operators have; go on when there was more to feed."""
        output = self._output
        if output.items:
            return State.READY
        if output.ended:
            if output.error is not None:
                raise output.error
            return State.ENDED
        return State.READY if self.feedable else State.WAITING

    def ending(self) -> bool:
        """Let ends through, which need no demand; tell whether the operators have ended."""
        progress = True
        while progress and not self._output.items and not self._output.ended:
            progress = False
            for gate in self._gates:
                if gate.feed is not None and gate.feed.ending():
                    progress = self._let_through(gate) or progress
        return self._output.ended and not self._output.items

    def want(self, n: int) -> None:
        """Pass the demand on to the gates that have nothing."""
        self._wanted = n
        for gate in self._gates:
            if gate.feed is not None and gate.waiting and self._may(gate):
                gate.feed.want(n)

    def cancel(self) -> None:
        """Dispose of the operators and cancel every gate.

        Where inner Observables have left the run, the operators keep a gate open
        as long as one of them has a subscriber: then it goes on without demand.
        """
        self._output.ended = True
        self._discarded += len(self._output.items)
        self._output.items.clear()
        if self._gates:  # else the source has ended, and what is parked can be read later
            for parked in list(self._parked):
                figures = parked.abandon()
                if figures is not None:
                    self._past.keep(figures)
        with own_trampoline():
            hooks.reporting(self._subscription.dispose)
        if self._rule.park is None:
            self.close_gates()
        elif self._gates:
            rest = Drain(_Nobody(), UNBOUNDED)
            self._wake = rest.wake
            rest.open(lambda _: _Rest(self))
            rest.wake()

    def close_gates(self) -> None:
        """Cancel the Feeds behind all gates."""
        for gate in self._gates:
            self._close(gate)

    def statistics(self) -> Iterator[StageStatistics]:
        """Give the figures of the Feeds behind the gates, then what is parked here."""
        before = [*self._past]
        for gate in self._gates:
            if gate.feed is not None:
                before += gate.feed.statistics()
        held = len(self._output.items)
        own = StageStatistics(
            self._name,
            received=self._fed + self._late,
            delivered=self._output.emitted - held - self._discarded,
            held=held,
            discarded=self._discarded + self._late,
        )
        yield from joined(before, own)


class _Rest(Feed[Any]):
    """What goes on of a cancelled run, for the inner Observables that have left it."""

    def __init__(self, lift: LiftFeed) -> None:
        self._lift = lift

    def start(self) -> None:
        self._lift.want(UNBOUNDED)

    def run(self) -> Iterator[Any]:
        for _ in repeat(None, BUDGET):
            if not self._lift.feed_one():
                return
        yield from ()

    def settle(self) -> State:
        if not self._lift.open:
            return State.ENDED
        return State.READY if self._lift.feedable else State.WAITING

    def want(self, n: int) -> None:
        self._lift.want(n)

    def cancel(self) -> None:
        self._lift.close_gates()


class _Nobody(Subscriber[Any]):
    """Takes no items, for none come."""

    def on_subscribe(self, subscription: Subscription) -> None:
        pass

    def on_next(self, value: Any) -> None:
        raise AssertionError("a run that was cancelled gave an item")

    def on_error(self, error: Exception) -> None:
        hooks.dropped_error(error)

    def on_completed(self) -> None:
        pass
