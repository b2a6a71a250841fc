"""Going on after a failure: supervise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from reactivex import Observable

from ..flow import Flow, checks
from ..flow.operator import Operator, operator, staged
from ..kernel import NOTHING, Context, Stage, StageFactory, StageStatistics, hooks
from ..protocol import Supervision, shown

T1 = TypeVar("T1")
T2 = TypeVar("T2")

Verdict = Callable[[Exception, Any], Supervision]


@operator(demand="as the operator ; as the operator ; holds as the operator", category="recover")
def supervise(
    operator: Callable[[Observable[T1]], Flow[T2]],
    decide: Callable[[Exception, T1], Supervision] | None = None,
) -> Callable[[Flow[T1] | Observable[T1]], Flow[T2]]:
    """Have an operator go on after its function has failed on an item.

    .. marble::
        :alt: supervise

        request  4---------------
        source   -1-x-3-|
        [  supervise(map(int))  ]
                 -1---3-|

    Demand: as the operator ; as the operator ; holds as the operator.
    For operators that work on one item after another (``map``, ``filter``, ``scan``,
    ``flat_map_iterable`` ...), and for ``map_async`` and its kin. Failures of the source
    are not its matter, nor those at the end, where there is no item. What is dropped is
    counted in the statistics, by the kind of the error.

    Args:
        operator: The operator, with its arguments.
        decide: Function of the error and the item, that gives ``rxflow.Supervision.STOP``,
            ``SKIP`` or ``RESTART``; when left out, each failure is logged and its item
            skipped.

    Returns:
        An operator function.

    Raises:
        TypeError: The operator cannot be supervised, or the function is async, when the
            pipeline is built.

    Errors:
        The failure, where STOP is decided; what the function raises.

    Source: Pekko's supervision strategies (Stop, Resume, Restart).
    """
    checks.callback("supervise", "decide", decide)
    if not isinstance(operator, Operator):
        raise TypeError(f"supervise wants an operator of rxflow, not {operator!r}")
    told = decide or _logged(operator.name)
    verdict: Verdict = lambda error, item: _checked(told(error, item))  # noqa: E731
    if operator.supervised is not None:
        return operator.supervised(lambda error, item: verdict(error, item) is not Supervision.STOP)
    if not operator.stages:
        raise TypeError(
            f"supervise: {operator.name} does not work on one item after another; "
            "use retry or catch behind it"
        )
    name = f"supervise({operator.name})"

    def supervised(make: StageFactory, label: str) -> StageFactory:
        return lambda context: _Supervised(label, make, context, verdict)

    several = len(operator.stages) > 1
    return staged(
        *(
            supervised(make, f"{name} {index}" if several else name)
            for index, make in enumerate(operator.stages, 1)
        )
    )


def _logged(name: str) -> Verdict:
    """Make the function that logs a failure and skips the item."""

    def decide(error: Exception, item: Any) -> Supervision:
        hooks.log.warning("%s: %s was skipped: %r", name, shown(item), error, exc_info=error)
        return Supervision.SKIP

    return decide


def _checked(verdict: Any) -> Supervision:
    if not isinstance(verdict, Supervision):
        raise TypeError(f"supervise: decide must give a Supervision, not {verdict!r}")
    return verdict


class _One(Iterator[Any]):
    """One item, or a failure; it knows whether whoever pulls has come to its end."""

    def __init__(self, item: Any, error: Exception | None = None) -> None:
        self._item = item
        self._error = error
        self.ended = False

    def __next__(self) -> Any:
        item, self._item = self._item, NOTHING
        if item is not NOTHING:
            return item
        if self._error is not None:
            raise self._error
        self.ended = True
        raise StopIteration


class _Supervised(Stage):
    """A stage that goes on behind an item on which it has failed.

    Each run of the stage is over one item: so what it remembers is in its object,
    and not in a frame that the failure takes away.
    """

    def __init__(self, name: str, make: StageFactory, context: Context, verdict: Verdict) -> None:
        self._name = name
        self._make = lambda: make(context)
        self._verdict = verdict
        self._stage = stage = self._make()
        self.releases, self.catches = stage.releases, stage.catches
        self._received = self._stopped = 0
        self._dropped: Counter[str] = Counter()

    @property
    def done(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """As the stage."""
        return self._stage.done

    @done.setter
    def done(self, value: bool) -> None:  # pyright: ignore[reportIncompatibleVariableOverride]
        self._stage.done = value

    def run(self, items: Iterator[Any]) -> Iterator[Any]:
        failure: Exception | None = None
        while not self._stage.done:
            try:
                item = next(items, NOTHING)
            except Exception as error:  # it is for the stage, which may want to see it
                failure = error
                break
            if item is NOTHING:
                return
            self._received += 1
            yield from self._outputs(item)
        if failure is not None:
            yield from self._stage.run(_One(NOTHING, failure))

    def _outputs(self, item: Any) -> Iterator[Any]:
        """Give what the stage makes of one item."""
        one = _One(item)
        try:
            run = self._stage.run(one)
            while (output := next(run, NOTHING)) is not NOTHING:
                yield output
            if not (one.ended or self._stage.done):
                raise RuntimeError(
                    f"{self._name}: a callback raised StopIteration; catch it in the callback"
                )
        except Exception as error:
            self._failed(error, item)

    def _failed(self, error: Exception, item: Any) -> None:
        """Drop the item on which the stage has failed, or raise the failure."""
        self._stopped += 1  # until it is decided otherwise
        verdict = self._verdict(error, item)
        if verdict is Supervision.STOP:
            raise error
        self._stopped -= 1
        self._dropped[type(error).__name__] += 1
        if verdict is Supervision.RESTART:
            hooks.reporting(self._stage.cancel)
            self._stage = self._make()

    def finish(self) -> Iterable[Any]:
        return self._stage.finish()

    def holds(self) -> bool:
        return self._stage.holds()

    def cancel(self) -> None:
        self._stage.cancel()

    def demand(self, n: int) -> int:
        return self._stage.demand(n)

    def statistics(self) -> Iterator[StageStatistics]:
        dropped = dict(self._dropped)
        yield StageStatistics(
            self._name,
            received=self._received,
            delivered=self._received - sum(dropped.values()) - self._stopped,
            dropped=dropped,
            discarded=self._stopped,
        )
