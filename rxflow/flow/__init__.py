"""What a user composes: Flow, and how operators apply to it.

Holds: Flow, shared Flows, composing with native, stock and unknown operators, the table of
stock operators, the door for plain Observables, the registry of everything
public, checks of arguments.
Invariants: describing a Flow has no effect; all that runs is in the kernel.
May import: kernel, protocol.
"""

from . import checks
from .connectable import ConnectableFlow, SharedFlow
from .flow import Flow
from .grouped import GroupedFlow
from .kill_switch import DrainReport, KillSwitch
from .lifting import LiftedFlow, lift

__all__ = [
    "ConnectableFlow",
    "DrainReport",
    "Flow",
    "GroupedFlow",
    "KillSwitch",
    "LiftedFlow",
    "SharedFlow",
    "checks",
    "lift",
]
