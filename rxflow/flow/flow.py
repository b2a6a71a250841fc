"""Flow: an Observable that keeps demand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property, partial
from threading import RLock
from typing import Any, TypeVar, cast, overload

from reactivex import abc as rx_abc
from reactivex.internal import default_error, noop
from reactivex.scheduler import CurrentThreadScheduler

from ..kernel import Context, Drain, Feed, Island, StageFactory, gate_of, lifting
from ..protocol import UNBOUNDED, Subscriber, Subscription
from . import showing
from ._fluent import Fluent
from .assembly import UNKNOWN, Assembly, placed
from .boundaries import tell_of_unlifted
from .checks import whole
from .foreign import ForeignSubscriber, Serving
from .iteration import Chunks, Iteration, blocking
from .registry import native
from .source import Source
from .tracing import trace

V = TypeVar("V")
T_out = TypeVar("T_out", covariant=True)


class Flow(Fluent[T_out]):
    """A source of items that gives as many as its consumer asks for.

    A Flow is a reactivex Observable: it plugs into any Rx application, with
    ``pipe`` and in fluent style. Subscribed by a :class:`Subscriber`, by
    ``async for`` or by another Flow, it obeys their demand; an ordinary observer
    means unbounded demand.

    Flows are made by the sources (``rxflow.range``, ``from_iterable``, ...) and
    by the doors (``on_backpressure_buffer``, ...), not by calling this class.
    """

    def __init__(
        self,
        source: Callable[[Context], Feed[Any]],
        stages: tuple[StageFactory, ...] = (),
        *,
        latest: bool = False,
    ) -> None:
        """Describe a Flow.

        Args:
            source: Makes the Feed of one subscription.
            stages: Makes the synchronous stages over it.
            latest: An item is the latest one when it is taken, and would be stale if it
                were fetched ahead.
        """
        # Observable.__init__ would make a lock and keep a subscribe function; neither is used.
        self.source = source
        self.stages = stages
        self.latest = latest

    @cached_property
    def lock(self) -> Any:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The lock that some stock operators take of their source; made when one does."""
        return RLock()

    holding: bool = False
    """It ends in inner sources that the run of stock operators before it has not flattened."""

    assembly: Assembly = UNKNOWN
    """What it was made of."""

    def with_stages(self, stages: Iterable[StageFactory]) -> Flow[Any]:
        """Add synchronous stages.

        Args:
            stages: What makes each, for one subscription.
        """
        return Flow(self.source, (*self.stages, *stages), latest=self.latest)

    def adopt(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Flow[Any] | None:
        """Take an operator into the run of stock operators that this Flow ends in.

        Args:
            name: The operator.
            args: Its arguments.
            kwargs: Its keyword arguments.

        Returns:
            The Flow with it, or None where the native operator is to be applied.
        """
        return None

    def feed(self, context: Context) -> Feed[T_out]:
        """Make the Feed of one subscription.

        Args:
            context: Of the consumer.
        """
        source = self.source(context)
        if not self.stages:
            return source
        try:
            return Island(source, self.stages, context)
        except BaseException:
            source.cancel()
            raise

    def trace(self, error: BaseException) -> None:
        """Note in an error which operator it comes from, and at which line that was added.

        Args:
            error: With what a subscription to this Flow has failed.
        """
        trace(self, error)

    @overload
    def subscribe(
        self,
        on_next: Subscriber[T_out] | ForeignSubscriber,
        *,
        scheduler: rx_abc.SchedulerBase | None = None,
    ) -> Subscription: ...
    @overload
    def subscribe(
        self,
        on_next: rx_abc.ObserverBase[T_out] | Callable[[T_out], None] | None = None,
        on_error: Callable[[Exception], None] | None = None,
        on_completed: Callable[[], None] | None = None,
        *,
        scheduler: rx_abc.SchedulerBase | None = None,
    ) -> rx_abc.DisposableBase: ...
    def subscribe(
        self,
        on_next: Any = None,
        on_error: Callable[[Exception], Any] | None = None,
        on_completed: Callable[[], Any] | None = None,
        *,
        scheduler: rx_abc.SchedulerBase | None = None,
    ) -> Any:
        """Subscribe a Subscriber on its own demand, or an observer or callbacks unbounded.

        Args:
            on_next: A Subscriber, also one of the package ``reactivestreams``; or an
                observer; or a function of an item.
            on_error: Function of the error, with callbacks.
            on_completed: Function without arguments, with callbacks.
            scheduler: The default scheduler of this subscription.

        Returns:
            The Subscription of a Subscriber; else a disposable.
        """
        if isinstance(on_next, Subscriber):
            drain = Drain(cast("Subscriber[Any]", on_next))
            drain.open(self.feed, scheduler)
            drain.wake()
            return drain
        told: Any = on_next
        if callable(getattr(told, "on_next", None)):
            if callable(getattr(told, "on_subscribe", None)):
                return self.subscribe(Serving(told), scheduler=scheduler)
            told, on_error, on_completed = told.on_next, told.on_error, told.on_completed
        elif on_next is not None and not callable(on_next):
            raise TypeError(
                "subscribe wants a Subscriber, an observer or a function of an item, "
                f"not {on_next!r}"
            )
        trampoline = CurrentThreadScheduler.singleton().get_trampoline()
        lifted = lifting()
        if lifted or not trampoline.idle():  # inside another subscribe
            if not lifted:
                tell_of_unlifted(self)
            return super().subscribe(told, on_error, on_completed, scheduler=scheduler)
        # The Drain looks after each item whether it is stopped, so it is the disposable, too.
        drain = Drain(
            _Unbounded(told or noop, on_error or default_error, on_completed or noop),
            UNBOUNDED,
            raises=True,
        )
        trampoline.run(cast("Any", _Now(partial(self._start, drain, scheduler))))
        return drain

    def _start(self, drain: Drain, scheduler: rx_abc.SchedulerBase | None) -> None:
        """Serve an observer, on the trampoline, as the outermost subscribe does."""
        drain.open(self.feed, scheduler, held=True)
        drain.wake()

    def _subscribe_core(
        self,
        observer: rx_abc.ObserverBase[T_out],
        scheduler: rx_abc.SchedulerBase | None = None,
    ) -> rx_abc.DisposableBase:
        gate = gate_of(self.feed, observer)
        if gate is not None:  # a stock operator that is lifted subscribes
            return gate
        drain = Drain(
            _Unbounded(observer.on_next, observer.on_error, observer.on_completed),
            UNBOUNDED,
            raises=True,
        )
        drain.open(self.feed, scheduler, held=True)
        # On the trampoline, so that the caller holds its disposable before items come.
        CurrentThreadScheduler.singleton().schedule(lambda _, __: drain.wake())
        return drain

    def __aiter__(self) -> Iteration[T_out]:
        """Iterate on the running event loop, asyncio's or trio's; the loop body sets the pace."""
        return Iteration(self.feed)

    def __iter__(self) -> Iterator[T_out]:
        """Iterate in this thread; the loop body sets the pace."""
        return blocking(self.feed)

    def chunks(self, max_size: int) -> Chunks[T_out]:
        """Iterate over lists of what is ready, of at least one item each.

        Args:
            max_size: Most items in a list (items).

        Returns:
            What ``async for`` takes; close it with ``aclose`` when you leave early.

        Raises:
            ValueError: max_size < 1.
        """
        return Chunks[T_out](self.feed, whole("chunks", "max_size", max_size))

    def __add__(self, other: Source[V]) -> Flow[T_out | V]:
        """Concatenate with another source."""
        return placed(concat(other))(self) if (concat := native("concat")) else NotImplemented

    def __iadd__(self, other: Source[V]) -> Flow[T_out | V]:
        """Concatenate with another source."""
        return self + other

    def _repr_svg_(self) -> str | None:
        """Draw it, for a notebook."""
        return None if showing.picture is None else showing.picture(self)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Explain it, where IPython has no pictures."""
        printer.text(repr(self) if showing.text is None else showing.text(self))


class _Unbounded(Subscriber[Any]):
    """An ordinary observer as a Subscriber whose demand was granted when it was made."""

    __slots__ = ("on_completed", "on_error", "on_next")

    def __init__(
        self,
        on_next: Any,
        on_error: Any,
        on_completed: Any,
    ) -> None:
        self.on_next = on_next
        self.on_error = on_error
        self.on_completed = on_completed

    def on_subscribe(self, subscription: Subscription) -> None:
        pass


class _Now:
    """An action for the trampoline that is due, without the cost of a scheduled one."""

    __slots__ = ("invoke",)
    duetime = 0
    now = 0

    def __init__(self, invoke: Callable[[], None]) -> None:
        self.invoke = invoke

    @property
    def scheduler(self) -> _Now:
        return self  # it is asked for the time only

    def is_cancelled(self) -> bool:
        return False
