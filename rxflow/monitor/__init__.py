"""What runs, how it stands, and why it waits.

Holds: running (the subscriptions that run), explain (a pipeline before it runs).
Invariants: nothing is kept alive by being looked at; looking costs the one who looks.
May import: flow, kernel, protocol.
"""

from ..kernel import StageStatistics, running
from .explaining import explain
from .explanation import Explanation, Part
from .parts import parts

__all__ = ["Explanation", "Part", "StageStatistics", "explain", "parts", "running"]
