"""The table of the stock operators of reactivex, and how one is recognised.

Each name in ``reactivex.operators.__all__`` is on the table with the way it is
run over a Flow. An operator that also has a native version in rxflow is swapped
for it (see ``registry``); the mode below then says how it is lifted on request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import Enum
from types import FunctionType
from typing import Any, NamedTuple


class Mode(Enum):
    """How a stock operator is run over a Flow."""

    SYNC = "feed one item, take what comes out"
    GATED = "several subscriptions, held to demand, each in turn"
    FLATTEN = "inner sources before the outer one, which waits while many are open"
    SWITCH = "the outer source before the inner one, which the next one replaces"
    PASS = "items come out later: fed up to a window beyond the demand"
    CONTROL = "the other source is a signal, subscribed unbounded"
    HOLD = "inner sources leave the operator; they are parked so that nothing is lost"
    FREE = "driven by the clock: unbounded upstream, a stated overflow for the surplus"
    MULTICAST = "one subscription for many: unbounded upstream"
    TERMINAL = "gets the Flow itself"


_KEPT = "holds what the operator keeps"

_DEMAND = {
    Mode.SYNC: f"as many as give one ; 1:1 ; {_KEPT}",
    Mode.GATED: f"1 at a time, each source in turn ; 1:1 ; {_KEPT}",
    Mode.FLATTEN: f"1 at a time, inner sources first, <= 256 open ; 1:1 ; {_KEPT}",
    Mode.SWITCH: f"1 at a time, the outer source first ; 1:1 ; {_KEPT}",
    Mode.PASS: "<= 256 beyond the demand ; 1:1 ; holds <= the demand + 256",
    Mode.CONTROL: f"1 at a time, other sources unbounded ; 1:1 ; {_KEPT}",
    Mode.HOLD: "1 at a time ; 1:1 ; holds <= 256 per inner source that nobody reads",
    Mode.FREE: "unbounded ; 1:1, a surplus drops the oldest or fails ; holds <= 256",
    Mode.MULTICAST: "unbounded ; unbounded ; holds what the operator keeps",
    Mode.TERMINAL: "unbounded ; none ; holds <= 1",
}


class Stock(NamedTuple):
    """One row of the table.

    Attributes:
        name: The operator.
        mode: How it is run.
        timed: It is driven by the clock of the scheduler that is passed to ``subscribe``.
    """

    name: str
    mode: Mode
    timed: bool = False

    @property
    def demand(self) -> str:
        """The Demand line, when it is lifted: upstream ; downstream ; what it holds at most."""
        return _DEMAND[self.mode]


_ROWS: dict[Mode, str] = {
    Mode.SYNC: """
        all as_observable average buffer_with_count contains count default_if_empty dematerialize
        distinct distinct_until_changed do do_action element_at element_at_or_default filter
        filter_indexed finally_action find find_index first first_or_default ignore_elements
        is_empty last last_or_default map map_indexed materialize max max_by min min_by pairwise
        pluck pluck_attr reduce scan single single_or_default single_or_default_async skip
        skip_last skip_last_with_time skip_while skip_while_indexed slice some starmap
        starmap_indexed sum take take_last take_last_buffer take_last_with_time take_while
        take_while_indexed tap time_interval timestamp to_dict to_iterable to_list to_set
        zip_with_iterable zip_with_list""",
    Mode.GATED: """
        amb catch combine_latest concat do_while fork_join merge on_error_resume_next repeat retry
        sequence_equal start_with while_do zip zip_latest subscribe_on delay_subscription""",
    Mode.FLATTEN: """
        concat_all concat_map expand flat_map flat_map_indexed merge_all""",
    Mode.SWITCH: "exclusive flat_map_latest switch_latest switch_map switch_map_indexed",
    Mode.PASS: "delay delay_with_mapper observe_on",
    Mode.CONTROL: """
        buffer buffer_toggle buffer_when join skip_until skip_until_with_time skip_with_time
        take_until take_until_with_time take_with_time timeout timeout_with_mapper to_marbles
        with_latest_from""",
    Mode.HOLD: """
        group_by group_by_until group_join window window_toggle window_when window_with_count""",
    Mode.FREE: """
        buffer_with_time buffer_with_time_or_count debounce sample throttle_first
        throttle_with_mapper throttle_with_timeout window_with_time window_with_time_or_count""",
    Mode.MULTICAST: """
        multicast partition partition_indexed publish publish_value ref_count replay share""",
    Mode.TERMINAL: "to_future",
}

_TIMED = {
    "buffer_with_time",
    "buffer_with_time_or_count",
    "debounce",
    "delay",
    "delay_subscription",
    "sample",
    "skip_until_with_time",
    "skip_with_time",
    "take_until_with_time",
    "take_with_time",
    "throttle_first",
    "throttle_with_timeout",
    "timeout",
    "to_marbles",
    "window_with_time",
    "window_with_time_or_count",
}

TABLE: dict[str, Stock] = {
    name: Stock(name, mode, name in _TIMED)
    for mode, names in _ROWS.items()
    for name in names.split()
}

UNABLE: dict[str, str] = {
    "multicast": "A Subject of yours asks for all there is; share, publish and replay keep demand",
    "to_future": "A Future is of the last item, for which all have to come",
}
"""The stock operators that cannot keep demand, and have no native version, with the reasons."""

# Names inside reactivex that differ from the operator's, and the operator they stand for.
_ALIASES = {
    "find_value": "find",
    "first_or_default_async": "first_or_default",
    "single_or_default_async": "single_or_default_async",
    "to_marbles": "to_marbles",
}


class Recognised(NamedTuple):
    """A stock operator, as it was before it was applied.

    Attributes:
        name: Its name on the table, or None for one that is not.
        operator: The callable itself.
        args: Its arguments, where they can be seen.
        kwargs: Its keyword arguments, where they can be seen.
        rebuild: Applies it to a source with other arguments; None where they cannot be seen.
    """

    stock: Stock | None
    operator: Callable[[Any], Any]
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] | None = None
    rebuild: Callable[..., Any] | None = None


def recognise(operator: Callable[[Any], Any]) -> Iterator[Recognised]:
    """Tell which stock operators a callable is made of, in order.

    A stock operator is a closure inside reactivex. Most are made by its
    ``curry_flip``, whose closure shows the function and its arguments; some are
    compositions of others. What is not recognised comes back as unknown.
    """
    if not isinstance(operator, FunctionType) or not operator.__module__.startswith("reactivex."):
        yield Recognised(None, operator)
        return
    seen = dict(
        zip(
            operator.__code__.co_freevars,
            (cell.cell_contents for cell in operator.__closure__ or ()),
            strict=True,
        )
    )
    if "operators" in seen and operator.__name__ == "_compose":
        for part in seen["operators"]:
            yield from recognise(part)
    elif "fun" in seen:
        function: Callable[..., Any] = seen["fun"]
        yield Recognised(_row(function), operator, seen["args"], seen["kwargs"], function)
    else:
        yield Recognised(_row(operator), operator)


def _row(function: Callable[..., Any]) -> Stock | None:
    name = function.__name__.strip("_")
    return TABLE.get(_ALIASES.get(name, name))
