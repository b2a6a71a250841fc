"""The test kit: for those who test pipelines, and for those who write operators.

Holds: a Publisher and a Subscriber that tests are in control of, virtual time
for asyncio, and marbles with a demand lane. The conformance suite is in ``tck``.
Invariants: nothing here imports pytest; assertions raise AssertionError.
May import: ``protocol`` and ``kernel``.
"""

from .clock import LoopTestScheduler, StuckError, VirtualTimeLoop, run_virtual
from .marbles import assert_marbles, render_marbles
from .publisher import Misbehaviour, TestPublisher
from .subscriber import TestSubscriber

__all__ = [
    "LoopTestScheduler",
    "Misbehaviour",
    "StuckError",
    "TestPublisher",
    "TestSubscriber",
    "VirtualTimeLoop",
    "assert_marbles",
    "render_marbles",
    "run_virtual",
]
