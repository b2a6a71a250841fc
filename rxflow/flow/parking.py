"""Inner Observables that leave a run of stock operators, such as groups and windows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from reactivex import GroupedObservable, Observable

from ..kernel import HANDOVER, Context, Feed, Figures, hooks
from ..protocol import FAIL
from .door import Door
from .flow import Flow


class _Unread(Door):
    """A door that is started before it has a reader, and reports when it overflows till then."""

    reader: Context | None = None

    def __init__(self, inner: Observable[Any]) -> None:
        super().__init__(Context(self._wake), inner, _name(inner), HANDOVER, FAIL)

    @property
    def hot(self) -> bool:
        return True

    def start(self) -> None:
        if self.reader is None:
            super().start()
        else:
            self.reader.wake()

    def _wake(self) -> None:
        if self.reader is not None:
            self.reader.wake()

    def stop_producer(self) -> None:
        super().stop_producer()
        error = self.failure
        if error is not None and self.reader is None:
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
        self._door: _Unread | None = _Unread(inner)
        self._door.start()
        super().__init__(self._take)

    def __getattr__(self, name: str) -> Any:
        """Look for what only the inner Observable has."""
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._inner, name)

    def abandon(self) -> Figures | None:
        """Let go of it if nobody has subscribed; a later subscriber joins the hot source."""
        door, self._door = self._door, None
        if door is None:
            return None
        door.cancel()
        return door.statistics

    def _take(self, context: Context) -> Feed[Any]:
        door, self._door = self._door, None
        if door is None:
            return Door(context, self._inner, _name(self._inner), HANDOVER, FAIL)
        door.reader = context
        return door


def _name(inner: Observable[Any]) -> str:
    """Name it in errors."""
    if isinstance(inner, GroupedObservable):
        return f"group {cast('GroupedObservable[Any, Any]', inner).key!r}"
    return "window"


def parked(value: Any, made: Callable[[Parked], None]) -> Any:
    """Turn an inner Observable that leaves a run into a Flow that loses none of its items.

    Args:
        value: What leaves the run: an Observable, a tuple with some, or anything else.
        made: Called with each Flow that was made.
    """
    if type(value) is tuple:
        return tuple(parked(part, made) for part in cast("tuple[Any, ...]", value))
    if isinstance(value, Observable) and not isinstance(value, Flow):
        flow = Parked(cast("Observable[Any]", value))
        made(flow)
        return flow
    return cast("Any", value)
