"""What a boundary goes by: how its producer stands, and what passes without a buffer."""

from __future__ import annotations

from enum import Enum
from typing import Final

from ..protocol import Offer, Victim

HANDOVER = 256
"""Most items that a boundary without a buffer keeps in transit to demand that is there."""


class End(Enum):
    """How the producer's side stands."""

    OPEN = "items may come"
    COMPLETED = "no item comes any more"
    FAILED = "no item comes any more, and an error follows what is held"
    CANCELLED = "the consumer has left"


# Looked at for each item, and the members of an Enum are slow to find.
OPEN: Final = End.OPEN
DROPPED: Final = Offer.DROPPED
ENQUEUED: Final = Offer.ENQUEUED
FULL: Final = Offer.FULL
CLOSED: Final = Offer.CLOSED
OLDEST: Final = Victim.OLDEST
NEWEST: Final = Victim.NEWEST
INCOMING: Final = Victim.INCOMING
