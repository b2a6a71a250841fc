"""A synchronous operator: a function from iterator to iterator, and what it does at the end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from operator import attrgetter
from typing import Any, TypeAlias

from .feed import Context
from .statistics import StageStatistics


class Stage(ABC):
    """One synchronous operator of one subscription.

    What it remembers lives in the object and not in the frame of ``run``: a run
    ends when upstream has nothing now, and the next drain makes another.

    Attributes:
        done: Nothing more will come out; set before the last item is yielded.
        releases: It may give items, or fail, when upstream completes.
        catches: It may give an item when upstream fails.
    """

    __slots__ = ()  # those of its classes that many subscriptions have do without a dict

    done: bool = False
    releases: bool = False
    catches: bool = False

    @abstractmethod
    def run(self, items: Iterator[Any]) -> Iterator[Any]:
        """Turn the items that are there now into what becomes of them, one at a time."""

    def finish(self) -> Iterable[Any]:
        """Give what the completion of upstream releases; asked once, only where ``releases``."""
        return ()

    def holds(self) -> bool:
        """Say, once upstream has completed, whether there are items that need demand."""
        return False

    def cancel(self) -> None:  # noqa: B027 - most stages have nothing to let go of
        """Hear that the subscription is over, however it ended; called once, after the source."""

    def demand(self, n: int) -> int:
        """Say how many inputs at least are needed for ``n`` outputs (items)."""
        return n

    def statistics(self) -> Iterator[StageStatistics]:
        """Give its figures, if it counts something."""
        return iter(())


StageFactory: TypeAlias = Callable[[Context], Stage]


def make_for(operator: str, make: StageFactory) -> None:
    """Note whose stage it makes.

    Args:
        operator: The operator.
        make: What makes the stage of one subscription.
    """
    try:  # noqa: SIM105 - for each operator that is made, and suppress takes longer than all of it
        make.operator = operator  # type: ignore[attr-defined] # pyright: ignore
    except (AttributeError, TypeError):  # what cannot keep it goes without
        pass


def operator_of(make: StageFactory) -> str:
    """Give the operator whose stage it makes.

    Args:
        make: What makes the stage of one subscription.
    """
    return getattr(make, "operator", "stage")


_operator = attrgetter("operator")


def operators_of(makes: Iterable[StageFactory]) -> tuple[str, ...]:
    """Give the operators whose stages some make.

    Args:
        makes: What makes them.
    """
    try:
        return tuple(map(_operator, makes))
    except AttributeError:
        return tuple(map(operator_of, makes))


class Plain(Stage):
    """A Stage without memory, so one object serves all subscriptions.

    Its function gives iterators that can be advanced again after their end, when
    those they pull can: as ``map`` and ``filter`` do, and generators do not. An input
    gives one output at most.
    """

    __slots__ = ("_function", "operator")

    operator: str

    def __init__(self, function: Callable[[Iterator[Any]], Iterator[Any]]) -> None:
        """Wrap a function from iterator to iterator."""
        self._function = function

    def __call__(self, context: Context) -> Plain:
        """Be the factory of itself."""
        return self

    def run(self, items: Iterator[Any]) -> Iterator[Any]:
        """Apply the function."""
        return self._function(items)
