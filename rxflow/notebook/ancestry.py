"""Which Flows a Flow draws from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from reactivex import Observable

from ..flow.assembly import UNKNOWN, Call


def draws_from(flow: Any, wanted: object) -> bool:
    """Tell whether a Flow is another one, or was made of it, in however many steps.

    What an operator opens while it runs, such as the inner sources that the function of
    ``flat_map`` gives, is not known before.

    Args:
        flow: The Flow that may draw from it; whatever else it is, the answer is no.
        wanted: The other one.
    """
    seen = set[int]()
    waiting = [flow]
    while waiting:
        what = waiting.pop()
        if what is wanted:
            return True
        if isinstance(what, list | tuple):
            waiting += cast("list[Any]", what)
        elif isinstance(what, Mapping):
            waiting += cast("Mapping[Any, Any]", what).values()
        elif isinstance(what, Observable | Call):
            made = cast("Observable[Any] | Call", what)
            if id(made) not in seen:
                seen.add(id(made))
                of = (made.args, made.kwargs) if isinstance(made, Call) else _made_of(made)
                waiting += of
    return False


def _made_of(source: Any) -> tuple[Any, ...]:
    return getattr(source, "assembly", UNKNOWN)
