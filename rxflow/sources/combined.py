"""The functions of reactivex that combine sources: demand-native as soon as one is a Flow."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import reactivex
from reactivex import Observable

from ..flow import Flow
from ..flow.inlet import as_flow
from ..flow.registry import native


def _combined(name: str) -> Callable[..., Any]:
    plain: Callable[..., Any] = getattr(reactivex, name)

    def combine(*sources: Any) -> Any:
        """Combine sources; see the operator of this name, and reactivex's function.

        Plain Observables alone stay plain Rx; with a Flow among them the result is
        a Flow, and they enter it through a buffer of 256 items that fails when full.
        """
        if not any(isinstance(source, Flow) for source in sources):
            return plain(*sources)
        build = native(name)
        assert build is not None
        first, *others = sources
        if name == "catch":  # its operator takes one
            return reduce(lambda flow, other: build(other)(flow), others, as_flow(first, name))
        return build(*others)(as_flow(first, name))

    combine.__name__ = combine.__qualname__ = name
    return combine


concat: Callable[..., Observable[Any]] = _combined("concat")
merge: Callable[..., Observable[Any]] = _combined("merge")
zip: Callable[..., Observable[Any]] = _combined("zip")
catch: Callable[..., Observable[Any]] = _combined("catch")
