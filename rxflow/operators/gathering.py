"""Batches that grow while nobody takes them: batch."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from numbers import Real
from typing import Any, TypeVar, cast, overload

from reactivex import Observable

from ..flow import Flow, checks
from ..flow.operator import Operator, operator
from ..kernel import Context, Prefetched, StageStatistics, changed, drained
from ..protocol import Offer

T = TypeVar("T")
T1 = TypeVar("T1")


class _Batching(Prefetched):
    """Holds the batch that grows; or one that is complete and one that was begun behind it.

    While there are two, upstream is held. Each is held with the number of its items.
    """

    def __init__(
        self,
        context: Context,
        flow: Flow[Any],
        budget: int,
        seed: Callable[[Any], Any],
        merge: Callable[[Any, Any], Any],
        weight: Callable[[Any], float] | None,
    ) -> None:
        super().__init__(context, "batch", 1, 1, drained(flow.feed, context), capacity=2)
        self._budget = budget
        self._seed = seed
        self._merge = merge
        self._weight = weight
        self._left: float = 0  # what the batch that grows may still take
        # Of the Boundary's figures, those in items and not in batches.
        self._items = 0  # that came
        self._merging = 0  # out of the queue, to become one batch
        self._most = 0  # held at once
        self._gone: int | None = None  # held when it was cancelled; None until then

    def push(self, item: Any) -> Offer:
        """Put an item into the batch that grows, or begin one; then go on if there is room."""
        if self.closed:
            return Offer.CLOSED
        self._items += 1
        self._merging = 1
        try:
            batch = self._grown(item)
        except Exception as error:
            self.break_off(error)
            return Offer.CLOSED
        self._merging = 0
        offer = super().push(batch)
        self._most = max(self._most, self._held())
        if not self.when_room(self._go_on):
            self._go_on()
        return offer

    def _grown(self, item: Any) -> tuple[Any, int]:
        cost = 1 if self._weight is None else self._cost(self._weight(item))
        # There is one batch at most: while there are two, nothing is asked for upstream.
        for held, count in self.take_back("merged") if cost <= self._left else ():
            self._merging += count
            self._left -= cost
            return self._merge(held, item), count + 1
        self._left = self._budget - cost
        return self._seed(item), 1

    def _cost(self, weight: Any) -> float:
        if not isinstance(weight, Real) or not weight > 0:  # type: ignore[operator]
            raise ValueError(
                f"batch: the weight of an item must be a number above 0, not {weight!r}, "
                "or nothing bounds a batch"
            )
        return cast("float", weight)

    def _go_on(self) -> None:
        self._intake.request(1)

    def run(self) -> Iterator[Any]:
        """Give what is held; the producer goes on when there is room."""
        return (batch for batch, _ in super().run())

    def _passed(self) -> None:
        """Leave it to that to ask for more."""

    def cancel(self) -> None:
        """Cancel the subscription, and let go of what is held."""
        lost = self._held()
        super().cancel()
        self._gone = lost

    def _held(self) -> int:
        if self._gone is not None:
            return 0
        queue = cast("deque[tuple[Any, int]]", self._queue)
        return self._merging + sum(count for _, count in list(queue))

    def statistics(self) -> Iterator[StageStatistics]:
        """Give the producer's figures, then its own, in items."""
        *before, own = super().statistics()
        yield from before
        held, lost = self._held(), self._gone or 0
        yield changed(
            own,
            received=self._items,
            delivered=self._items - held - lost,
            held=held,
            peak=self._most,
            capacity=self._budget + 1 if self._weight is None else None,
            dropped={},
            discarded=lost,
        )


def _alone(item: Any) -> list[Any]:
    return [item]


def _appended(batch: list[Any], item: Any) -> list[Any]:
    batch.append(item)
    return batch


@overload
def batch(
    max: int, *, weight: Callable[[T], float] | None = None
) -> Callable[[Flow[T] | Observable[T]], Flow[list[T]]]: ...
@overload
def batch(
    max: int,
    seed: Callable[[T], T1],
    fn: Callable[[T1, T], T1],
    weight: Callable[[T], float] | None = None,
) -> Callable[[Flow[T] | Observable[T]], Flow[T1]]: ...
@operator(demand="1 at a time while there is budget ; 1:1 ; holds <= max + 1", category="overflow")
def batch(
    max: int,  # noqa: A002
    seed: Callable[[Any], Any] | None = None,
    fn: Callable[[Any, Any], Any] | None = None,
    weight: Callable[[Any], float] | None = None,
) -> Callable[[Observable[Any]], Flow[Any]]:
    """Gather items while there is no demand, up to a bound; then hold upstream.

    .. marble::
        :alt: batch

        request  1-----------1------
        source   -1-2-3-4-5-(6 waits)-6-|
        [ batch(3)                ]
                 -[1]--------[2,3,4]----

    Demand: 1 at a time while there is budget ; 1:1 ; holds <= max + 1.
    What is asked for is given at once, in a batch of one. It takes items before there is
    any demand. ``observe_on`` behind it takes one batch at a time unless told otherwise.

    Args:
        max: Most items in a batch (items, at least 1); with ``weight`` the most that they
            weigh together (in its unit). One more item is held, which waits for the next.
        seed: Function of an item that begins a batch; a list of it when left out.
        fn: Function of the batch and a further item; it may change the batch and return it.
        weight: Function of an item that gives its cost, above 0. One that weighs more than
            ``max`` is a batch of its own.

    Returns:
        An operator function.

    Raises:
        TypeError: One of seed and fn without the other, or an async function, when the
            pipeline is built.
        ValueError: max < 1 or not whole, when the pipeline is built.

    Errors:
        What a function raises; a weight that is not above 0. The failure of upstream comes
        behind what is held.

    Source: Pekko batch and batchWeighted.
    """
    budget = checks.whole("batch", "max", max)
    for name, function in (("seed", seed), ("fn", fn), ("weight", weight)):
        checks.callback("batch", name, function)
    if (seed is None) is not (fn is None):
        raise TypeError("batch: seed and fn go together: give both, or none for lists")
    begin, merge = seed or _alone, fn or _appended

    def apply(flow: Flow[Any]) -> Flow[Any]:
        return Flow(
            lambda context: _Batching(context, flow, budget, begin, merge, weight), latest=True
        )

    return Operator(apply)
