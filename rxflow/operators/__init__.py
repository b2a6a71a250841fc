"""The operators: those of rxflow, and every other one of ``reactivex.operators``.

Holds: one file per operator or tight family; this file only re-exports them, and
imports each when it is first asked for.
Invariants: an operator holds its own logic and no demand arithmetic, lock or
drain loop; each is declared in the registry with its Demand line. A stock
operator of reactivex that has no native version is lifted when it is applied to
a Flow.
May import: flow, kernel, protocol.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reactivex.operators import multicast, to_future

    from .adapting import adaptive_concurrency
    from .aggregating import average, count, max, min, reduce, scan, sum
    from .aliasing import as_observable, single_or_default_async
    from .asynchronous import map_async, map_async_partitioned
    from .batching import buffer_with_time, buffer_with_time_or_count, natural_batches
    from .buffers import buffer, buffer_toggle, buffer_when
    from .choosing import merge_prioritized, merge_sorted
    from .collecting import to_dict, to_iterable, to_list, to_set
    from .comparing import sequence_equal
    from .conflating import conflate, conflate_by_key
    from .continuing import do_while, on_error_resume_next, while_do
    from .correlating import group_join
    from .deciding import all, contains, is_empty, some
    from .delaying import delay, delay_subscription
    from .demanding import cap_demand, pace
    from .detaching import detach
    from .drawing import to_marbles
    from .eager import concat_map_eager
    from .ejecting import backpressure_timeout
    from .executing import map_executor, map_thread
    from .expanding import expand
    from .expiring import timeout_with_mapper
    from .extremes import max_by, min_by
    from .filling import expand_latest, extrapolate, keep_alive
    from .filtering import distinct, distinct_until_changed, filter, filter_indexed, ignore_elements
    from .finding import find, find_index
    from .forking import fork_join
    from .gathering import batch
    from .gating import skip_until, take_until
    from .grouping import buffer_with_count, flat_map_iterable, pairwise
    from .keyed import group_by, group_by_until
    from .killing import kill_switch
    from .latest import combine_latest, with_latest_from, zip_latest
    from .mapping import map, map_indexed, pluck, pluck_attr, starmap, starmap_indexed
    from .merging import concat_all, concat_map, flat_map, flat_map_indexed, merge, merge_all
    from .multicasting import publish, publish_value, ref_count, replay, share
    from .notifying import dematerialize, materialize
    from .observing import do, do_action, finally_action, tap
    from .overflow import (
        on_backpressure_block,
        on_backpressure_buffer,
        on_backpressure_drop,
        on_backpressure_error,
        on_backpressure_latest,
        on_backpressure_reduce,
    )
    from .overlapping import join
    from .partitioning import partition, partition_indexed
    from .periods import (
        skip_last_with_time,
        skip_until_with_time,
        skip_with_time,
        take_last_with_time,
        take_until_with_time,
        take_with_time,
    )
    from .picking import (
        default_if_empty,
        element_at,
        element_at_or_default,
        first,
        first_or_default,
        last,
        last_or_default,
        single,
        single_or_default,
    )
    from .prefetching import limit_rate, observe_on
    from .racing import amb
    from .rails import balance, parallel
    from .restarting import restart_with_backoff, retry
    from .sampling import (
        debounce,
        sample,
        throttle_first,
        throttle_with_mapper,
        throttle_with_timeout,
    )
    from .serial import catch, concat, repeat, start_with
    from .shedding import shed
    from .shifting import delay_with_mapper
    from .skipping import skip, skip_last, skip_while, skip_while_indexed
    from .slicing import slice
    from .spilling import on_backpressure_spill
    from .subscribing import subscribe_on
    from .supervising import supervise
    from .switching import exclusive, flat_map_latest, switch_latest, switch_map, switch_map_indexed
    from .taking import take, take_last, take_last_buffer, take_while, take_while_indexed
    from .throttling import throttle
    from .throttling_by_key import throttle_by_key
    from .timeouts import completion_timeout, idle_timeout, initial_timeout, timeout
    from .timing import time_interval, timestamp
    from .valves import valve
    from .watching import log, named, on_request, tap_signals
    from .windows import (
        window,
        window_toggle,
        window_when,
        window_with_count,
        window_with_time,
        window_with_time_or_count,
    )
    from .zipping import zip, zip_with_iterable, zip_with_list
else:
    from importlib import import_module as _import_module

    import reactivex.operators as _stock

    from ..flow.lifting import lifting as _lifting
    from ..flow.operator import expect as _expect
    from ..flow.stock import UNABLE as _UNABLE
    from ._modules import MODULES as _MODULES

    def _load(name):
        return getattr(_import_module("." + _MODULES[name], __package__), name)

    def __getattr__(name):
        """Import an operator, the first time that it is asked for."""
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = globals()[name] = _load(name)
        return found

    def __dir__():
        return [*globals(), *_MODULES]

    _expect(_MODULES, _load)
    for _name in _UNABLE:
        globals()[_name] = _lifting(getattr(_stock, _name))

__all__ = [
    "adaptive_concurrency",
    "all",
    "amb",
    "as_observable",
    "average",
    "backpressure_timeout",
    "balance",
    "batch",
    "buffer",
    "buffer_toggle",
    "buffer_when",
    "buffer_with_count",
    "buffer_with_time",
    "buffer_with_time_or_count",
    "cap_demand",
    "catch",
    "combine_latest",
    "completion_timeout",
    "concat",
    "concat_all",
    "concat_map",
    "concat_map_eager",
    "conflate",
    "conflate_by_key",
    "contains",
    "count",
    "debounce",
    "default_if_empty",
    "delay",
    "delay_subscription",
    "delay_with_mapper",
    "dematerialize",
    "detach",
    "distinct",
    "distinct_until_changed",
    "do",
    "do_action",
    "do_while",
    "element_at",
    "element_at_or_default",
    "exclusive",
    "expand",
    "expand_latest",
    "extrapolate",
    "filter",
    "filter_indexed",
    "finally_action",
    "find",
    "find_index",
    "first",
    "first_or_default",
    "flat_map",
    "flat_map_indexed",
    "flat_map_iterable",
    "flat_map_latest",
    "fork_join",
    "group_by",
    "group_by_until",
    "group_join",
    "idle_timeout",
    "ignore_elements",
    "initial_timeout",
    "is_empty",
    "join",
    "keep_alive",
    "kill_switch",
    "last",
    "last_or_default",
    "limit_rate",
    "log",
    "map",
    "map_async",
    "map_async_partitioned",
    "map_executor",
    "map_indexed",
    "map_thread",
    "materialize",
    "max",
    "max_by",
    "merge",
    "merge_all",
    "merge_prioritized",
    "merge_sorted",
    "min",
    "min_by",
    "multicast",
    "named",
    "natural_batches",
    "observe_on",
    "on_backpressure_block",
    "on_backpressure_buffer",
    "on_backpressure_drop",
    "on_backpressure_error",
    "on_backpressure_latest",
    "on_backpressure_reduce",
    "on_backpressure_spill",
    "on_error_resume_next",
    "on_request",
    "pace",
    "pairwise",
    "parallel",
    "partition",
    "partition_indexed",
    "pluck",
    "pluck_attr",
    "publish",
    "publish_value",
    "reduce",
    "ref_count",
    "repeat",
    "replay",
    "restart_with_backoff",
    "retry",
    "sample",
    "scan",
    "sequence_equal",
    "share",
    "shed",
    "single",
    "single_or_default",
    "single_or_default_async",
    "skip",
    "skip_last",
    "skip_last_with_time",
    "skip_until",
    "skip_until_with_time",
    "skip_while",
    "skip_while_indexed",
    "skip_with_time",
    "slice",
    "some",
    "starmap",
    "starmap_indexed",
    "start_with",
    "subscribe_on",
    "sum",
    "supervise",
    "switch_latest",
    "switch_map",
    "switch_map_indexed",
    "take",
    "take_last",
    "take_last_buffer",
    "take_last_with_time",
    "take_until",
    "take_until_with_time",
    "take_while",
    "take_while_indexed",
    "take_with_time",
    "tap",
    "tap_signals",
    "throttle",
    "throttle_by_key",
    "throttle_first",
    "throttle_with_mapper",
    "throttle_with_timeout",
    "time_interval",
    "timeout",
    "timeout_with_mapper",
    "timestamp",
    "to_dict",
    "to_future",
    "to_iterable",
    "to_list",
    "to_marbles",
    "to_set",
    "valve",
    "while_do",
    "window",
    "window_toggle",
    "window_when",
    "window_with_count",
    "window_with_time",
    "window_with_time_or_count",
    "with_latest_from",
    "zip",
    "zip_latest",
    "zip_with_iterable",
    "zip_with_list",
]
