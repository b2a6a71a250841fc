"""What runs, how it stands, and why it waits.

Holds: running (the subscriptions that run).
Invariants: nothing is kept alive by being looked at; looking costs the one who looks.
May import: kernel.
"""

from ..kernel import StageStatistics, running

__all__ = ["StageStatistics", "running"]
