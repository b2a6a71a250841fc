"""Hubs that give each item to one of their outlets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..protocol import Offer
from .hub import Hub
from .outlet import Lease, Outlet


class RoutingHub(Hub):
    """Gives each item to the outlet that a function names.

    Any item may be for any of them, so there must be room in all.
    """

    def __init__(self, name: str, prefetch: int, route: Callable[[Any, int], int]) -> None:
        """Make one without outlets.

        Args:
            name: For errors and statistics.
            prefetch: Most that an outlet holds (items).
            route: Function of an item and the number of outlets that gives an index.
        """
        super().__init__(name, prefetch)
        self._route = route

    def _give(self, item: Any, outlets: tuple[Outlet, ...]) -> None:
        if not outlets:
            return  # it is kept for the first one
        try:
            index = self._route(item, len(outlets))
            if not 0 <= index < len(outlets):
                raise IndexError(
                    f"{self.name}: the function gave {index} for {item!r}, "
                    f"and there are {len(outlets)} subscribers"
                )
        except Exception as error:
            self._break_off(error)
        except BaseException as error:
            self._break_off(RuntimeError(f"{self.name}: the function ended with {error!r}"))
            raise
        else:
            super()._give(item, (outlets[index],))


class BalancingHub(Hub):
    """Gives each item to an outlet that has room, each in turn.

    What one holds when it leaves goes to the others.
    """

    deals = True
    _turn = 0  # where the search for one with room begins; the lock guards it

    def detach(self, outlet: Outlet, lease: Lease | None) -> None:
        """Let an outlet go, and give what it holds to the others."""
        outlet.complete()  # from here on it takes nothing
        with self._lock:
            self._forget(outlet)
            # It counts as dropped there, and as held here again.
            self._stash.extendleft(reversed(outlet.take_back("given to another")))
            self._peak = max(self._peak, len(self._stash))
        super().detach(outlet, lease)

    def refill(self) -> None:
        """Give what is kept to those that have room, then ask for more."""
        while True:
            with self._lock:
                outlet = self._next() if self._stash else None
                if outlet is None:
                    finished = self._over()
                    break
                item = self._stash.popleft()
                outlet.coming += 1
            taken = self.guarded(outlet.push, item)
            with self._lock:
                outlet.coming -= 1
                if taken is Offer.CLOSED:  # it has left meanwhile
                    self._stash.appendleft(item)
                    self._forget(outlet)
        if finished:
            super()._finish()
        super().refill()

    def _next(self) -> Outlet | None:
        """Choose who gets the next item; the lock is held."""
        count = len(self._outlets)
        for step in range(count):
            outlet = self._outlets[(self._turn + step) % count]
            if outlet.room > 0:
                self._turn = (self._turn + step + 1) % count
                return outlet
        return None

    def _more(self, asked: int) -> int:
        return sum(max(0, outlet.room) for outlet in self._outlets) - len(self._stash) - asked

    def _keeps(self) -> bool:
        return True

    def _backlog(self) -> list[Any]:
        return []

    def _over(self) -> bool:
        return self._ended and not self._stash

    def _give(self, item: Any, outlets: tuple[Outlet, ...]) -> None:
        self.refill()

    def _finish(self) -> None:
        self.refill()
