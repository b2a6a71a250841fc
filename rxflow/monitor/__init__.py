"""What runs, how it stands, and why it waits.

Holds: running (the subscriptions that run), explain (a pipeline before it runs), report
(what limits one that runs, and what would help), the
metrics (defined once), Totals (the figures by flow and stage), Sampler (looks every so often).
Invariants: nothing is kept alive by being looked at; looking costs the one who looks;
memory is bounded by what the authors of pipelines have named.
May import: flow, kernel, protocol; prometheus_client, opentelemetry and rich where installed.
"""

from ..kernel import Latency, StageStatistics, Status, running
from .explaining import explain
from .explanation import Explanation, Part
from .parts import parts
from .reporting import Limit, Loss, Report, Snapshot, report
from .sampling import Sample, Sampler
from .sums import FlowTotals, StageTotals
from .totals import Reading, Subscribed, Totals

__all__ = [
    "Explanation",
    "FlowTotals",
    "Latency",
    "Limit",
    "Loss",
    "Part",
    "Reading",
    "Report",
    "Sample",
    "Sampler",
    "Snapshot",
    "StageStatistics",
    "StageTotals",
    "Status",
    "Subscribed",
    "Totals",
    "explain",
    "parts",
    "report",
    "running",
]
