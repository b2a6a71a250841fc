"""explain: a pipeline before it runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from reactivex import Observable

from ..flow import Flow, LiftedFlow
from ..flow.assembly import Call, given_name
from ..flow.operator import Operator
from ..flow.stock import TABLE, Mode
from ..kernel import HANDOVER
from ..protocol import Overflow
from .bounds import Bound, arguments, bound, entry_of, holds, total
from .explanation import Explanation, Kind, Part
from .wording import PLAIN, shown, text_of

_GIVES_WAY = {
    "on_backpressure_drop": "DROP_INCOMING",
    "on_backpressure_latest": "DROP_OLDEST",
    "on_backpressure_error": "FAIL",
    "on_backpressure_block": "BLOCK",
}
"""The strategies of doors that have just one."""

_DEMAND = {"with_overflow": "unbounded ; 1:1 ; holds <= capacity"}
"""The Demand lines of what is a method alone, and not registered."""

_SLOTS = {
    "buffer": (0, "DROP_INCOMING"),
    "sample": (1, "DROP_OLDEST"),
    "skip_until": (1, "DROP_INCOMING"),
    "take_until": (1, "DROP_INCOMING"),
    "timeout_with_mapper": (1, "DROP_INCOMING"),
    "with_latest_from": (1, "DROP_OLDEST"),
    "zip_latest": (1, "DROP_OLDEST"),
}
"""What is held of a plain Observable that an operator takes as a signal, or for its latest item."""


def explain(flow: Observable[Any]) -> Explanation:
    """Explain a pipeline before it runs: its parts, what they hold, where demand is lost.

    Nothing is subscribed to. What an operator opens while it runs, such as the inner sources
    of ``flat_map``, counts with its bound and is no part of its own.

    >>> import rxflow as rx
    >>> from rxflow import operators as ops
    >>> flow = rx.range(9).pipe(ops.map(str), ops.limit_rate(4))
    >>> explain(flow).bound
    4
    >>> [part.name for part in explain(flow).parts]
    ['range', 'map', 'limit_rate', 'subscriber']

    Args:
        flow: A Flow.

    Returns:
        Its parts and islands; ``print`` it to read it.

    Raises:
        TypeError: It is no Flow: what a plain Observable is made of cannot be seen.
    """
    if not isinstance(flow, Flow):
        raise TypeError(f"explain wants a Flow, not {flow!r}")
    return Explanation(*_explained(flow))


def _explained(flow: Flow[Any]) -> tuple[Any, ...]:
    drafts = _Drafts()
    last = drafts.flow(flow)
    drafts.add(Part(0, "sink", "subscriber", "subscriber", inputs=(last,)), fused=True)
    parts = tuple(drafts.finished())
    islands = tuple(
        tuple(part.number for part in parts if part.island == island)
        for island in range(1 + max(part.island for part in parts))
    )
    held = total(part.bound for part in parts)
    return parts, islands, held, text_of(parts, islands, held)


@dataclass
class _Draft:
    """A part, and what is still needed to finish it."""

    part: Part
    fused: bool = False  # it runs in the loop of the part before it
    call: Call | None = None
    latest: bool = False


class _Drafts:
    """The parts of a pipeline, each behind those that it draws from."""

    def __init__(self) -> None:
        self._drafts: list[_Draft] = []
        self._shared: dict[tuple[Any, ...], int] = {}  # parts with several subscribers

    def add(self, part: Part, **more: Any) -> int:
        number = len(self._drafts)
        self._drafts.append(_Draft(replace(part, number=number), **more))
        return number

    def flow(self, flow: Flow[Any]) -> int:
        """Add a Flow with all that it draws from; give the number of its last part."""
        chain = [flow]
        while _key(chain[-1]) not in self._shared:
            upstream = chain[-1].assembly[0]
            if not isinstance(upstream, Flow):
                break
            chain.append(cast("Flow[Any]", upstream))
        first, last = len(self._drafts), -1
        for each in reversed(chain):
            last = self._applied(each, last, first)
        return last

    def _applied(self, flow: Flow[Any], last: int, first: int) -> int:
        """Add what was applied to the part ``last``; the parts before it begin at ``first``."""
        key = _key(flow)
        if key in self._shared:
            return self._shared[key]
        upstream, calls = flow.assembly
        if not calls:
            return self.source(upstream if upstream is not None else flow)
        if upstream is not None and last < 0:
            last = self.source(upstream, door=not _takes_any(calls[0]), into=calls[0].label)
        before = upstream.source if isinstance(upstream, Flow) else None
        fused = flow.source is before or (
            isinstance(flow, LiftedFlow) and flow.source is flow.base.source
        )
        for index, call in enumerate(calls):
            drawn = ([last] if last >= 0 else []) + [*self._arguments(call)]
            part = replace(_part(call, flow), inputs=tuple(drawn))
            alone = fused or (index > 0) or _observes(call)
            last = self.add(part, fused=alone and len(drawn) == 1, call=call, latest=flow.latest)
            if call.name == "named":
                self._name(given_name(call), first, last)
        if key:
            self._shared[key] = last
        return last

    def _arguments(self, call: Call) -> Iterator[int]:
        """Add the sources among the arguments of a call."""
        capacity, overflow = _SLOTS.get(call.name, (HANDOVER, "FAIL"))
        values: list[Any] = [*call.args, *call.kwargs.values()]
        while values:
            value = values.pop(0)
            if isinstance(value, list | tuple):
                values[:0] = cast("list[Any]", value)
            elif isinstance(value, Flow):
                yield self.flow(cast("Flow[Any]", value))
            elif isinstance(value, Observable):
                plain = cast("Observable[Any]", value)
                door = not _takes_any(call)
                yield self.source(
                    plain, door=door, capacity=capacity, overflow=overflow, into=call.label
                )

    def source(
        self,
        source: Any,
        *,
        door: bool = True,
        capacity: int = HANDOVER,
        overflow: str = "FAIL",
        into: str = "",
    ) -> int:
        """Add a source that nothing is known of, with the door it enters through, if it does."""
        name = type(source).__name__
        hub = getattr(source, "hub", None) or getattr(source, "room", None)
        name = str(getattr(hub, "name", name))
        demand = "" if isinstance(source, Flow) else PLAIN
        number = self.add(Part(0, "source", name, name, demand=demand, bound=0))
        if not door or not isinstance(source, Observable) or isinstance(source, Flow):
            return number
        return self.add(
            Part(
                0,
                "door",
                "from_observable",
                f"door for {name}{into and ' into '}{into}",
                demand=f"unbounded ; 1:1 ; holds <= {capacity}",
                inputs=(number,),
                bound=capacity,
                bounded_by=str(capacity),
                overflow=overflow,
                unbounded=True,
            )
        )

    def _name(self, name: str, first: int, last: int) -> None:
        """Give the name to all parts from ``first`` on; it is the label of the one before it."""
        named = self._drafts[last].part.inputs[0]
        for draft in self._drafts[first:last]:
            own = draft.part.number == named and not draft.part.names
            label = name if own else draft.part.label
            draft.part = replace(draft.part, names=(*draft.part.names, name), label=label)

    def finished(self) -> Iterator[Part]:
        """Finish the parts: what they hold, and their islands."""
        consumers = Counter(number for draft in self._drafts for number in draft.part.inputs)
        for draft in self._drafts:
            if draft.part.name == "ref_count":  # its subscribers are those of what it connects
                consumers[draft.part.inputs[0]] = consumers[draft.part.number]
        aside = Counter(  # have a buffer of their own
            number
            for draft in self._drafts
            if draft.part.name == "with_overflow"
            for number in draft.part.inputs
        )
        islands: list[int] = []
        count = 0
        for draft in self._drafts:
            part = draft.part
            if draft.fused and consumers[part.inputs[0]] == 1:
                islands.append(islands[part.inputs[0]])
            else:
                islands.append(count)
                count += 1
            held = _bound(draft, consumers[part.number] - aside[part.number])
            yield replace(part, island=islands[-1], bound=held)


def _key(flow: Flow[Any]) -> tuple[Any, ...] | None:
    """Tell Flows apart that several subscribers share; None for any other Flow."""
    upstream, calls = flow.assembly
    entry = entry_of(calls[-1]) if calls else None
    if entry is None or entry.category != "multicast":
        return None
    return (id(upstream), *map(id, calls))


def _takes_any(call: Call) -> bool:
    """Tell whether it is a door itself."""
    entry = entry_of(call)
    return entry is not None and (entry.kind == "door" or entry.category == "overflow")


def _observes(call: Call) -> bool:
    entry = entry_of(call)
    return entry is not None and entry.category == "observe"


def _part(call: Call, flow: Flow[Any]) -> Part:
    """Describe one call, without what it draws from."""
    entry = entry_of(call)
    lifted = isinstance(flow, LiftedFlow)
    stock = TABLE.get(call.name) if lifted else None
    demand = stock.demand if stock else entry.demand if entry else _DEMAND.get(call.name, "")
    kind = _kind(call, flow)
    return Part(
        0,
        kind,
        call.name,
        call.label,
        arguments=tuple(shown(call)),
        place=call.place,
        demand=demand,
        bounded_by=_weighed(call) or holds(demand),
        overflow=_overflow(call, kind),
        unbounded=demand.startswith("unbounded"),
        rule=stock.mode.value if stock else None,
    )


def _weighed(call: Call) -> str:
    """Say what bounds the items where it is not their number, but what they weigh."""
    entry = entry_of(call)
    given: Mapping[str, Any] = {} if entry is None else arguments(entry, call)
    if given.get("weight") is None:
        return ""
    most = given["capacity"] if "capacity" in given else given["max"]
    return f"what weighs at most {most:,} in all"


def _overflow(call: Call, kind: Kind) -> str | None:
    """Tell what gives way when a part is full; an operator asks for no more than it has room for.

    A strategy among its arguments is for plain Observables that it opens while it runs.
    """
    if kind == "boundary" and call.name != "with_overflow":
        return None
    entry = entry_of(call)
    given = call.args if entry is None else arguments(entry, call).values()
    chosen = (repr(value) for value in given if isinstance(value, Overflow))
    return next(chosen, _GIVES_WAY.get(call.name))


def _kind(call: Call, flow: Flow[Any]) -> Kind:
    if isinstance(flow, LiftedFlow):
        return "lifted"
    entry, upstream = entry_of(call), flow.assembly[0]
    if _takes_any(call) and entry is not None and entry.name != "batch":
        return "door"
    if not isinstance(call, Operator) and upstream is None:
        return "source"
    staged = isinstance(upstream, Flow) and flow.source is upstream.source
    return "stage" if staged or _observes(call) else "boundary"


def _bound(draft: _Draft, consumers: int) -> Bound:
    call, part = draft.call, draft.part
    if call is None:
        return part.bound
    if call.name == "with_overflow":
        return call.kwargs["capacity"]
    stock = TABLE[call.name] if part.kind == "lifted" else None
    if stock is not None and stock.mode is Mode.FREE:
        return HANDOVER
    entry = entry_of(call)
    if entry is None or (stock is not None and stock.mode is not Mode.SYNC):
        return None
    sources = len(part.inputs)
    return bound(entry, call, sources=sources, consumers=max(1, consumers), latest=draft.latest)
