"""Demand that is paused and resumed from outside: valve."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from reactivex import Observable

from ..flow import Flow
from ..flow.operator import fed, operator
from ..kernel import HANDOVER, Valve
from .metered import Allowance, Metered

T = TypeVar("T")


class _Valved(Allowance):
    """Anything while the valve is open, in portions, so that what is on its way is bounded."""

    def __init__(self, valve: Valve, wake: Callable[[], None]) -> None:
        self._valve = valve
        self._wake = wake

    def start(self) -> None:
        self._valve.attach(self, self._wake)

    def ask(self) -> int:
        return 0 if self._valve.paused else HANDOVER

    def cancel(self) -> None:
        self._valve.detach(self)


@operator(demand="1:1, <= 256 at a time, none while paused ; 1:1 ; holds 0", category="demand")
def valve(valve: Valve) -> Callable[[Observable[T]], Flow[T]]:
    """Pass items on while a valve is open; ask for nothing while it is paused.

    .. marble::
        :alt: valve

        request   9-------------------
        paused    -----|=======|------
        source    -1-2---------3-4-5-|
        [ valve(valve)               ]
                  -1-2---------3-4-5-|

    Demand: 1:1, <= 256 at a time, none while paused ; 1:1 ; holds 0.
    What was asked for before the pause and comes during it waits in the stage or the door
    before this one: at most 256 items. The end, of either kind, passes during a pause too,
    unless such items stand before it.

    Args:
        valve: A :class:`Valve`, paused and resumed from any thread; also one that other
            pipelines have.

    Returns:
        An operator function.

    Raises:
        TypeError: No Valve, when the pipeline is built.

    Source: RxJavaExtensions valve, which is driven by a stream of booleans; Pekko Valve.
    """
    if not isinstance(valve, Valve):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"valve wants a rxflow.Valve, to pause and resume it by, not {valve!r}")
    return fed(
        lambda context, flow: Metered(context, "valve", flow.feed, _Valved(valve, context.wake))
    )
