"""Inner Observables that leave a run of stock operators, such as groups and windows."""

from __future__ import annotations

from typing import Any, cast

from reactivex import Observable

from ..kernel import HANDOVER, Context, Feed
from ..protocol import FAIL
from .door import Door
from .flow import Flow


class Parked(Flow[Any]):
    """An inner Observable that is hot, subscribed at once so that nothing is lost.

    The first subscriber gets what was parked; a later one joins the hot source.
    It has the attributes of the inner Observable, such as a group's ``key``.
    """

    def __init__(self, inner: Observable[Any]) -> None:
        """Subscribe to it now."""
        self._inner = inner
        self._door: Door | None = Door(Context(self._wake), inner, "parked", HANDOVER, FAIL)
        self._consumer: Context | None = None
        self._door.start()
        super().__init__(self._take)

    def __getattr__(self, name: str) -> Any:
        """Look for what only the inner Observable has."""
        if name == "lock" or name.startswith("_"):
            return super().__getattr__(name)
        return getattr(self._inner, name)

    def _wake(self) -> None:
        if self._consumer is not None:
            self._consumer.wake()

    def _take(self, context: Context) -> Feed[Any]:
        door, self._door = self._door, None
        if door is None:
            return Door(context, self._inner, "parked", HANDOVER, FAIL)
        self._consumer = context
        return door


def parked(value: Any) -> Any:
    """Turn an inner Observable that leaves a run into a Flow that loses none of its items."""
    if type(value) is tuple:
        return tuple(map(parked, cast("tuple[Any, ...]", value)))
    if not isinstance(value, Observable) or isinstance(value, Flow):
        return value
    return Parked(cast("Observable[Any]", value))
