"""The conformance suite: the rules of Reactive Streams 1.0.4 as checks, one method each.

Subclass a verification, say how to make what is checked, and let a test runner find
it; unittest's and pytest's conventions for names and skips are followed::

    class TestNumbers(PublisherVerification):
        def create_publisher(self, elements):
            return rx.range(elements)

Holds: verifications of a Publisher, of a Subscriber from outside (black box) and
from inside (white box), and of what is between them.
Invariants: each check runs on an event loop of its own with virtual time, waits for
what is under way by ``settle``, and leaves no task behind. None is an item, as it is in
ReactiveX, so ``on_next(None)`` is no error; and whatever the rules of the JVM call an
IllegalArgumentException is a ValueError, a NullPointerException a TypeError.
May import: ``protocol`` and the rest of ``testing``.
"""

from .environment import Check, Kind, Verification
from .processor import ProcessorVerification
from .publisher import PublisherVerification
from .subscriber import SubscriberVerification, WhiteBoxSubscriberVerification

__all__ = [
    "Check",
    "Kind",
    "ProcessorVerification",
    "PublisherVerification",
    "SubscriberVerification",
    "Verification",
    "WhiteBoxSubscriberVerification",
]
