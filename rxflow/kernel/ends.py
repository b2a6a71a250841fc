"""What a boundary goes by: how its producer stands, and what passes without a buffer."""

from __future__ import annotations

from enum import Enum
from typing import Final

HANDOVER = 256
"""Most items that a boundary without a buffer keeps in transit to demand that is there."""


class End(Enum):
    """How the producer's side stands."""

    OPEN = "items may come"
    COMPLETED = "no item comes any more"
    FAILED = "no item comes any more, and an error follows what is held"
    CANCELLED = "the consumer has left"


OPEN: Final = End.OPEN  # looked at for each item, and the members of an Enum are slow to find
