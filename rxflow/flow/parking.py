"""Inner Observables that leave a run of stock operators, such as groups and windows."""

from __future__ import annotations

from typing import Any, cast

from reactivex import GroupedObservable, Observable

from ..kernel import HANDOVER, Context, Feed, hooks
from ..protocol import FAIL
from .door import Door
from .flow import Flow


class _Unread(Door):
    """A door that reports it when it overflows before anyone has subscribed."""

    read = False

    def stop_producer(self) -> None:
        super().stop_producer()
        error = self.failure
        if error is not None and not self.read:
            hooks.dropped_error(error)


class Parked(Flow[Any]):
    """An inner Observable that is hot, subscribed at once so that nothing is lost.

    The first subscriber gets what was parked; a later one joins the hot source.
    Where nobody subscribes until it overflows, the error goes to ``on_dropped_error``.
    It has the attributes of the inner Observable, such as a group's ``key``.
    """

    def __init__(self, inner: Observable[Any]) -> None:
        """Subscribe to it now."""
        self._inner = inner
        self._door: _Unread | None = _Unread(
            Context(self._wake), inner, _name(inner), HANDOVER, FAIL
        )
        self._consumer: Context | None = None
        self._door.start()
        super().__init__(self._take)

    def __getattr__(self, name: str) -> Any:
        """Look for what only the inner Observable has."""
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._inner, name)

    def _wake(self) -> None:
        if self._consumer is not None:
            self._consumer.wake()

    def _take(self, context: Context) -> Feed[Any]:
        door, self._door = self._door, None
        if door is None:
            return Door(context, self._inner, _name(self._inner), HANDOVER, FAIL)
        door.read = True
        self._consumer = context
        return door


def _name(inner: Observable[Any]) -> str:
    """Name it in errors."""
    if isinstance(inner, GroupedObservable):
        return f"group {cast('GroupedObservable[Any, Any]', inner).key!r}"
    return "window"


def parked(value: Any) -> Any:
    """Turn an inner Observable that leaves a run into a Flow that loses none of its items."""
    if type(value) is tuple:
        return tuple(map(parked, cast("tuple[Any, ...]", value)))
    if isinstance(value, Observable) and not isinstance(value, Flow):
        return Parked(cast("Observable[Any]", value))
    return cast("Any", value)
