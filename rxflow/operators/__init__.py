"""The operators: those of rxflow, and every other one of ``reactivex.operators``.

Holds: one file per operator or tight family; this file only re-exports them.
Invariants: an operator holds its own logic and no demand arithmetic, lock or
drain loop; each is declared in the registry with its Demand line.
May import: flow, kernel, protocol.
"""

from reactivex.operators import *  # noqa: F403

from .asynchronous import map_async
from .mapping import map
from .merging import concat_all, concat_map, flat_map, flat_map_indexed, merge, merge_all
from .overflow import (
    on_backpressure_block,
    on_backpressure_buffer,
    on_backpressure_drop,
    on_backpressure_error,
    on_backpressure_latest,
    on_backpressure_reduce,
)
from .prefetching import limit_rate, observe_on
from .serial import catch, concat, repeat, retry
from .zipping import zip
