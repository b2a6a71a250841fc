"""Doors that merge items while there is no demand: conflate, conflate_by_key."""

from __future__ import annotations

from collections.abc import Callable
from threading import RLock
from typing import Any, TypeVar

from reactivex import Observable

from ..flow import Flow, checks
from ..flow.door import Door, LimitedDoor
from ..flow.operator import door, opened
from ..kernel import HANDOVER, Context, DiscardCallback, DropCallback, Limits, Parcel, Slots
from ..protocol import FAIL, Offer, Overflow, Victim

T = TypeVar("T")
T1 = TypeVar("T1")

_NONE = Limits()


class Reducing(Door):
    """Merges the incoming item with the one that is held."""

    def __init__(
        self,
        context: Context,
        source: Observable[Any],
        name: str,
        merge: Callable[[Any, Any], Any],
        seed: Callable[[Any], Any] | None = None,
    ) -> None:
        """Prepare the subscription.

        Args:
            context: Of the consumer.
            source: The Observable.
            name: The operator.
            merge: Function of what is held and the incoming item.
            seed: Function of an item when nothing is held; it stays as it is without.
        """
        super().__init__(context, source, name, 1, FAIL)
        self._merge = merge
        self._seed = seed
        self._merging = RLock()  # one producer at a time; never held by the consumer

    def push(self, item: Any) -> Offer:
        """Merge one item."""
        if self.closed:
            return Offer.CLOSED
        with self._merging:
            try:
                taken = self.take_back("merged")
                if not taken and self._seed is not None:
                    item = self._seed(item)
                for held in taken:
                    item = self._merge(held, item)
            except Exception as error:
                self.break_off(error)
                return Offer.CLOSED
            except BaseException as error:
                self.interrupted(error)
                raise
            return super().push(item)


class _ByKey(LimitedDoor):
    """Merges the incoming item with the one of its key that is held."""

    def __init__(
        self,
        *args: Any,
        key: Callable[[Any], Any],
        merge: Callable[[Any, Any], Any] | None,
        **options: Any,
    ) -> None:
        super().__init__(*args, limits=_NONE, **options)
        self._shelf = self._slots = Slots()
        self._queue = self._slots  # type: ignore[assignment]  # pyright: ignore[reportAttributeAccessIssue]
        self._key = key
        self._merge = merge
        self._merging = RLock()  # one producer at a time; never held by the consumer

    def push(self, item: Any) -> Offer:
        with self._merging:
            return super().push(item)

    def _parcel(self, item: Any) -> Parcel:
        key = self._key(item)
        hash(key)  # raises here, where the stream is told, and not under the lock
        if self._merge is not None:
            while (held := self._taken(key)) is not None:
                item = self._merge(held.item, item)
        return Parcel(item, key=key, since=self._alarm.now)

    def _taken(self, key: Any) -> Parcel | None:
        """Take out what is held of a key, to push something in its place."""
        with self._lock:
            parcel = self._slots.lend(key)
            if parcel is not None:
                self._count_lost("merged", 1)
        return parcel

    def _overflowing(self, item: Parcel) -> tuple[bool, list[tuple[Any, str]]]:
        replaced = self._slots.lend(item.key)
        kept, lost = super()._overflowing(item)
        if replaced is not None:
            self._count_lost("replaced", 1)
            lost.append((replaced, "replaced"))
        return kept, lost

    def _full(self, item: Parcel) -> bool:
        more = self._unmet() if self._starting else 0
        return item.key not in self._slots and self._slots.places >= self._capacity + more


@door(demand="unbounded ; 1:1 ; holds <= 1", category="overflow")
def conflate(
    seed: Callable[[T], T1], fn: Callable[[T1, T], T1]
) -> Callable[[Observable[T]], Flow[T1]]:
    """Merge items into a summary of another type while there is no demand.

    .. marble::
        :alt: conflate

        request  1---------1------
        source   -1-2-3-4--------|
        [ conflate(lambda x: [x], lambda held, x: [*held, x]) ]
                 -[1]-----[2,3,4]|

    Demand: unbounded ; 1:1 ; holds <= 1.
    An item that was merged is counted as dropped, with the reason "merged".
    ``observe_on`` behind it takes one at a time unless told otherwise. It says nothing
    of how much a summary holds: ``batch`` is the bounded one.

    Args:
        seed: Function of an item that begins a summary.
        fn: Function of the summary that is held and the incoming item; it may change
            the summary and return it.

    Returns:
        An operator function.

    Raises:
        TypeError: A function is missing or async, when the pipeline is built.

    Errors:
        What a function raises.

    Source: Pekko conflateWithSeed.
    """
    checks.function("conflate", "seed", seed)
    checks.function("conflate", "fn", fn)
    return opened(
        "conflate",
        lambda context, source: Reducing(context, source, "conflate", fn, seed),
        latest=True,
    )


@door(demand="unbounded ; 1:1 ; holds <= max_keys", category="overflow")
def conflate_by_key(
    key: Callable[[T], Any],
    fn: Callable[[T, T], T] | None = None,
    max_keys: int = HANDOVER,
    *,
    overflow: Overflow = FAIL,
    on_drop: DropCallback | None = None,
    on_discard: DiscardCallback | None = None,
) -> Callable[[Observable[T]], Flow[T]]:
    """Keep one item for each key while there is no demand: the newest, or what is merged.

    .. marble::
        :alt: conflate_by_key

        request  1---------------3----
        source   -a1-a2-b1-a3-b2-----|
        [ conflate_by_key(lambda x: x[0]) ]
                 -a1-------------(a3b2)|

    Demand: unbounded ; 1:1 ; holds <= max_keys.
    Keys are delivered in the order in which they came; a further item of a key that is
    held takes the place of the one before. ``observe_on`` behind it takes one at a time
    unless told otherwise.

    Args:
        key: Function of an item that gives its key, which can be hashed.
        fn: Function of the item that is held and the incoming one, of the same key, that
            gives what is held then; the former is counted as dropped, with the reason
            "merged". When left out the incoming one is kept, and the former is dropped
            with the reason "replaced".
        max_keys: Most keys held at once (items, at least 1).
        overflow: What gives way when so many are held and an item of another key comes:
            FAIL, DROP_OLDEST, DROP_NEWEST, DROP_INCOMING or DROP_ALL.
        on_drop: Called with each item that is dropped or replaced, but not merged, and the
            reason; it may be async, as that of on_backpressure_buffer.
        on_discard: Called with each item that is held when the stream is cancelled.

    Returns:
        An operator function.

    Raises:
        TypeError: No function, an async one, or no such strategy, when the pipeline is built.
        ValueError: max_keys < 1, when the pipeline is built.

    Errors:
        BufferOverflowError: signalled behind what is held when overflow is FAIL.
        What key, fn or on_drop raises; a key that cannot be hashed.

    Source: new; the last value cache of market data feeds.
    """
    name = "conflate_by_key"
    checks.function(name, "key", key)
    checks.callback(name, "fn", fn)
    checks.on_drop(name, on_drop)
    checks.callback(name, "on_discard", on_discard)
    size = checks.whole(name, "max_keys", max_keys)
    if checks.strategy(name, overflow).victim in (Victim.TASK, Victim.THREAD):
        raise TypeError(f"{name}: overflow must be FAIL or one that drops, not {overflow!r}")
    return opened(
        name,
        lambda context, source: _ByKey(
            *(context, source, name, size, overflow),
            key=key,
            merge=fn,
            on_drop=on_drop,
            on_discard=on_discard,
        ),
        latest=True,
    )
