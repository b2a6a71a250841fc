"""Pictures for notebooks: how a pipeline is made, and what happened in a run.

Holds: Recorder and record (marble diagrams of recorded runs, with the demand),
pipeline (the picture of how a Flow is put together), compare (a source through several
overflow strategies), watch (the live panel), one_per_cell (a cell that is run again
replaces what it has left running).
Invariants: pictures are SVG without scripts, in the colours of the page, with a text
alternative; what is recorded is bounded; optional packages are imported when used.
May import: ``monitor``, ``testing``, ``flow``, ``kernel`` and ``protocol``.
"""

from .cells import one_per_cell
from .comparing import Comparison, Outcome, compare
from .drawn import record
from .panel import Panel, watch
from .plan import pipeline
from .recording import Recorder, Recording

__all__ = [
    "Comparison",
    "Outcome",
    "Panel",
    "Recorder",
    "Recording",
    "compare",
    "one_per_cell",
    "pipeline",
    "record",
    "watch",
]
