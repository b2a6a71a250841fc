"""What an operator function returns: something to apply to a source."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial, update_wrapper
from inspect import signature
from sys import _getframe  # pyright: ignore[reportPrivateUsage]
from types import FrameType
from typing import Any, ParamSpec, TypeVar, cast

import reactivex.operators as stock
from reactivex import Observable

from ..kernel import Context, Feed, StageFactory, make_for
from . import checks, registry
from .assembly import NONE, Call
from .flow import Flow
from .recalling import Places

P = ParamSpec("P")
R = TypeVar("R")


class Operator(Call):
    """A native operator with its arguments, to be applied to a source.

    On a Flow it is demand-native. On a plain Observable it is plain Rx where
    reactivex has an operator of that name with those arguments, and else an
    error that names the doors.
    """

    __slots__ = ("__weakref__", "_apply", "stages", "supervised")

    def __init__(
        self,
        apply: Callable[[Flow[Any]], Flow[Any]] | None = None,
        stages: tuple[StageFactory, ...] = (),
    ) -> None:
        """Wrap a function from Flow to Flow, or synchronous stages.

        Args:
            apply: The function, unless there are stages.
            stages: Make the synchronous stages that are all that it adds.

        Attributes:
            supervised: Makes the same operator with a function that decides on its failures;
                None where it has no stages and cannot be supervised.
        """
        self._apply = apply
        self.supervised: Callable[[Callable[[Exception, Any], bool]], Any] | None = None
        self.stages: tuple[StageFactory, ...] = stages

    def __call__(self, source: Observable[Any]) -> Any:
        """Apply to a source."""
        if isinstance(source, Flow):
            flow: Flow[Any] = source
            if flow.holding and (adopted := flow.adopt(self.name, self.args, dict(self.kwargs))):
                return adopted
            made = flow.with_stages(self.stages) if self._apply is None else self._apply(flow)
            return self.noted(flow, made)
        checks.observable(self.name, source)
        plain = getattr(stock, self.name, None)
        if plain is not None:
            try:
                signature(plain).bind(*self.args, **self.kwargs)
            except TypeError:
                plain = None
        if plain is None:
            raise TypeError(
                f"{self.name} needs demand, which a plain Observable does not obey; "
                f"put a door before it: {checks.DOORS}"
            )
        return plain(*self.args, **self.kwargs)(source)

    def noted(self, source: Observable[Any], made: Any) -> Any:
        """Note in what was made that this was applied to a source."""
        if isinstance(made, Flow):
            if made is not source:
                made.assembly = (source, (self,))
        elif isinstance(made, list | tuple):  # the sides of a partition
            for part in cast("list[Any]", made):
                self.noted(source, part)
        return cast("Any", made)

    def __repr__(self) -> str:
        """Show the call."""
        args = [repr(arg) for arg in self.args]
        args += [f"{key}={value!r}" for key, value in self.kwargs.items()]
        return f"{self.name}({', '.join(args)})"


class DoorOperator(Operator):
    """A door with its arguments: it takes any Observable."""

    __slots__ = ()

    def __call__(self, source: Any) -> Any:
        """Apply to a source."""
        assert self._apply is not None
        return self.noted(source, self._apply(source))


def staged(*stages: StageFactory) -> Any:
    """Make an operator of synchronous stages, first to last."""
    # A class makes the stages of several operators: each has a name of its own.
    return Operator(None, tuple([partial(s) if isinstance(s, type) else s for s in stages]))


def composed(*operators: Any) -> Any:
    """Make an operator of others that are made of synchronous stages, first to last."""
    return staged(*(stage for operator in operators for stage in operator.stages))


def fed(feed: Callable[[Context, Flow[Any]], Feed[Any]]) -> Any:
    """Make an operator of a Feed over the Flow upstream; stale items stay stale behind it."""
    return Operator(lambda flow: Flow(lambda context: feed(context, flow), latest=flow.latest))


def opened(
    name: str, make: Callable[[Context, Observable[Any]], Feed[Any]], *, latest: bool = False
) -> Any:
    """Make a door of a Feed over the Observable upstream.

    Args:
        name: The door, for errors.
        make: Makes the Feed of one subscription.
        latest: See Flow.
    """

    def apply(source: Observable[Any]) -> Flow[Any]:
        checks.observable(name, source)
        return Flow(lambda context: make(context, source), latest=latest)

    return DoorOperator(apply)


_methods: dict[str, Callable[..., Any]] = {}
"""The methods of Flow that are operators."""


class _Expected:
    """A method of Flow whose operator is imported, and takes its place, when it is asked for."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, flow: Flow[Any] | None, owner: type[Flow[Any]]) -> Any:
        registry.expected(self._name)
        method: Any = _methods[self._name]
        if vars(Flow).get(self._name) is self:  # and not what somebody has put there
            setattr(Flow, self._name, method)
        return method.__get__(flow, owner)


def expect(names: Iterable[str], load: Callable[[str], Callable[..., Any]]) -> None:
    """Have operators imported when they are asked for, also as methods of Flow.

    Args:
        names: Theirs.
        load: Imports the one of a name, and gives it.
    """
    registry.expect(names, load)
    for name in names:
        setattr(Flow, name, _Expected(name))


def operator(*, demand: str, category: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Declare a native operator; it becomes a method of Flow too.

    Args:
        demand: Its Demand line.
        category: The family it is listed under.
    """
    return _declare("operator", demand, category)


def door(*, demand: str, category: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Declare a door. See :func:`operator`."""
    return _declare("door", demand, category)


def _declare(kind: str, demand: str, category: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    def declare(function: Callable[P, R]) -> Callable[P, R]:
        name = function.__name__.rstrip("_")

        places = Places()
        make_anew: Any = function

        def call(frame: FrameType, args: Any, kwargs: Any) -> Any:
            code, at = frame.f_code, frame.f_lasti
            if not kwargs and (known := places.find(code, at, args)) is not None:
                return known
            built = make_anew(*args, **kwargs)
            built.name, built.args, built.kwargs = name, args, kwargs or NONE
            built.code, built.at = code, at
            stages: tuple[StageFactory, ...] = getattr(built, "stages", ())
            for make in stages:
                make_for(name, make)
            if stages and not kwargs:
                places.keep(built)
            return built

        def build(*args: P.args, **kwargs: P.kwargs) -> R:
            return call(_getframe(1), args, kwargs)

        def method(self: Flow[Any], /, *args: Any, **kwargs: Any) -> Any:
            return call(_getframe(1), args, kwargs)(self)

        update_wrapper(build, function)
        update_wrapper(method, function)
        _methods[name] = method
        if name not in vars(Flow):  # else it is expected there
            setattr(Flow, name, method)
        return registry.register(kind, demand=demand, category=category)(build)

    return declare
