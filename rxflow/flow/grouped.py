"""A Flow with a key: what group_by gives."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from reactivex import GroupedObservable, Observable

from .flow import Flow

K = TypeVar("K")
T_out = TypeVar("T_out", covariant=True)


class InnerFlow(Flow[T_out]):
    """The items of a group, of a window or of one side, which one consumer may take."""

    def __init__(self, room: Any) -> None:
        """Describe it.

        Args:
            room: Holds the items for the consumer.
        """
        super().__init__(room.ticket())
        self.room = room


class GroupedFlow(InnerFlow[T_out], GroupedObservable[K, T_out], Generic[K, T_out]):  # type: ignore[misc]
    """The items of one group, which one consumer may take.

    Attributes:
        key: What the items have in common.
    """

    def __init__(self, key: K, room: Any) -> None:
        """Describe it.

        Args:
            key: What the items have in common.
            room: Holds the items for the consumer.
        """
        super().__init__(room)
        self.key = key

    @property
    def underlying_observable(self) -> Observable[T_out]:  # type: ignore[override]
        """It itself."""
        return self
