"""What becomes of an item on which a function has failed."""

from __future__ import annotations

from enum import Enum


class Supervision(Enum):
    """What a function that decides on failures may say."""

    STOP = "the failure ends the stream"
    SKIP = "the item is dropped, and counted with the reason; the operator keeps its state"
    RESTART = "the item is dropped, and counted with the reason; the operator begins anew"
