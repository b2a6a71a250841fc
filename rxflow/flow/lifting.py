"""Composing: an operator of rxflow is native, a stock one is swapped or lifted."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from inspect import cleandoc, signature
from itertools import chain
from operator import attrgetter
from typing import Any, ParamSpec, TypeGuard, TypeVar, cast

from reactivex import Observable, never
from reactivex import operators as stock_operators

from ..kernel import (
    HANDOVER,
    Context,
    Feed,
    LiftFeed,
    LiftStage,
    Order,
    Rule,
    StageFactory,
    make_for,
)
from ..protocol import DROP_OLDEST, FAIL, Overflow
from .assembly import Call, called, noted, placed
from .boundaries import is_quiet, quietly, tell
from .door import Door
from .flow import Flow
from .operator import Operator
from .parking import parked
from .registry import native
from .stock import TABLE, UNABLE, Mode, Recognised, Stock, recognise

A = TypeVar("A")
B = TypeVar("B")
P = ParamSpec("P")
T_out = TypeVar("T_out", covariant=True)

_stages = attrgetter("stages")


def is_flow(source: object) -> TypeGuard[Flow[Any]]:
    """Tell whether a source is a Flow."""
    return isinstance(source, Flow)


def is_plain(source: object) -> TypeGuard[Observable[Any]]:
    """Tell whether a source is an Observable and no Flow."""
    return isinstance(source, Observable) and not isinstance(source, Flow)


def pipe(self: Flow[Any], *operators: Callable[[Any], Any]) -> Any:
    """Compose operators, left to right, keeping demand wherever it can be kept.

    An operator of rxflow is native; one of reactivex is swapped for the native
    one of that name, or lifted; anything else is called with the Flow.

    Args:
        self: The Flow, whose method this is.
        operators: What to compose.

    Returns:
        A Flow, or whatever the last operator gives.
    """
    current: Any = self
    staged: list[Operator] = []  # synchronous ones, added to the Flow all at once
    for operator in operators:
        if not staged and not is_flow(current):
            current = operator(current)
        elif isinstance(operator, Operator) and operator.stages and not current.holding:
            staged.append(operator)
        else:
            if staged:
                current = _with(current, staged)
                staged = []
            current = apply(current, operator)
    return _with(current, staged) if staged else current


def _with(flow: Flow[Any], operators: list[Operator]) -> Flow[Any]:
    """Add synchronous operators."""
    made = flow.with_stages(chain.from_iterable(map(_stages, operators)))
    made.assembly = (flow, tuple(operators))
    return made


setattr(Flow, "pipe", pipe)  # noqa: B010 - declared for type checkers in _fluent


def apply(flow: Flow[Any], operator: Callable[[Any], Any]) -> Any:
    """Apply one callable to a Flow as ``pipe`` does."""
    if isinstance(operator, Operator):
        return operator(flow)
    if isinstance(operator, StockOperator):
        operator = operator.stock
    current: Any = flow
    for part in recognise(operator):
        if not is_flow(current):
            current = part.operator(current)
        elif part.stock is None:
            current = _unknown(current, part.operator)
        else:
            swapped = None if current.holding else _swap(part)
            if swapped is not None:
                current = placed(swapped)(current)
            else:
                call = called(part.stock.name, part.args, part.kwargs)
                current = _lift(current, part, part.stock, call)
    return current


class StockOperator:
    """A stock operator with its arguments, which is lifted when it is applied to a Flow.

    So demand is kept also where an Observable's own ``pipe`` applies it, as in
    ``subject.pipe(on_backpressure_latest(), delay(1.0))``.
    """

    __slots__ = ("stock",)

    def __init__(self, stock: Callable[[Any], Any]) -> None:
        """Wrap what reactivex made."""
        self.stock: Callable[[Any], Any] = stock

    def __call__(self, source: Any) -> Any:
        """Apply to a source."""
        return apply(source, self.stock) if is_flow(source) else self.stock(source)


def lifting(build: Callable[P, Callable[[Any], Any]]) -> Callable[P, StockOperator]:
    """Make a stock operator function give operators that are lifted when applied to a Flow.

    Its docstring is told their Demand line.
    """

    @wraps(build)
    def built(*args: P.args, **kwargs: P.kwargs) -> StockOperator:
        return StockOperator(build(*args, **kwargs))

    demand = f"Demand: {TABLE[build.__name__].demand}.\n{UNABLE[build.__name__]}."
    built.__doc__ = f"{cleandoc(build.__doc__ or '')}\n\n{demand}\n\nSource: reactivex."
    return built


def lift(
    operator: Callable[[Observable[A]], Observable[B]],
) -> Callable[[Observable[A]], Flow[B]]:
    """Lift a stock operator, even where rxflow has a native version of it.

    Args:
        operator: An operator of ``reactivex.operators``, called.

    Returns:
        An operator that keeps the demand of a Flow.

    Raises:
        TypeError: It is not a stock operator, so nothing is known of what it does.
    """
    parts = list(recognise(operator.stock if isinstance(operator, StockOperator) else operator))
    if not parts or any(part.stock is None for part in parts):
        raise TypeError(f"lift wants an operator of reactivex.operators, called, not {operator!r}")

    calls = [called(part.stock.name, part.args, part.kwargs) for part in parts if part.stock]

    def lifted(flow: Flow[Any]) -> Any:
        current: Any = flow
        for part, call in zip(parts, calls, strict=True):
            assert part.stock is not None
            current = _lift(current, part, part.stock, call)
        return current

    made = _Lifting(lifted)
    return noted(made, "lift", (operator,))


class _Lifting(Operator):
    __slots__ = ()

    def noted(self, source: Observable[Any], made: Any) -> Any:
        """Leave it: the operators that were lifted are noted there."""
        return made


def _element_at(
    index: int, has_default: bool = False, default: Any = None
) -> tuple[str, tuple[Any, ...]]:
    return ("element_at_or_default", (index, default)) if has_default else ("element_at", (index,))


def _find(predicate: Any, yield_index: bool) -> tuple[str, tuple[Any, ...]]:
    return "find_index" if yield_index else "find", (predicate,)


# How the arguments seen inside reactivex become those of the native operator of that name.
_SWAPS: dict[str, Callable[..., tuple[str, tuple[Any, ...]] | None]] = {
    "element_at_or_default": _element_at,
    "find": _find,
}


def _swap(part: Recognised) -> Operator | None:
    """Give the native version of a stock operator, with the arguments it was called with."""
    assert part.stock is not None
    if is_quiet():  # what is lifted on request is made of others that are to be lifted
        return None
    if part.rebuild is None and part.stock.name != "ref_count":  # which has no arguments
        return None
    name, args = part.stock.name, part.args
    if name in _SWAPS:
        swapped = _SWAPS[name](*args)
        if swapped is None:
            return None
        name, args = swapped
    build = native(name)
    return None if build is None else build(*args, **(part.kwargs or {}))


def _unknown(flow: Flow[Any], operator: Callable[[Any], Any]) -> Any:
    """Call what is not known with the Flow, and say so where that loses demand."""
    result = operator(flow)
    if is_plain(result):
        tell(f"{getattr(operator, '__qualname__', operator)!s} is not known to keep demand")
    return result


def _lift(flow: Flow[Any], part: Recognised, stock: Stock, call: Call) -> Any:
    if stock.mode is Mode.TERMINAL:
        return part.operator(flow)
    if stock.mode is Mode.MULTICAST:
        with quietly():  # it is made of others that would warn of the same
            result = part.operator(flow)
        if not is_flow(result):
            tell(f"{stock.name} subscribes once for many")
        return result
    part.operator(never())  # wrong arguments raise here, when the pipeline is built
    if isinstance(flow, LiftedFlow):
        made = LiftedFlow[Any](flow.base, (*flow.lifted, part))
        made.assembly = (flow.base, (*flow.assembly[1], call))
        return made
    made = LiftedFlow[Any](flow, (part,))
    made.assembly = (flow, (call,))
    return made


class LiftedFlow(Flow[T_out]):
    """A Flow that ends in a run of stock operators, and takes the next one into it."""

    def __init__(self, base: Flow[Any], lifted: tuple[Recognised, ...]) -> None:
        """Lift a run of operators.

        Args:
            base: The Flow before the run.
            lifted: The operators, in order.
        """
        stocks = [part.stock for part in lifted if part.stock is not None]
        modes = {_mode(part) for part in lifted}
        name = "|".join(stock.name for stock in stocks)
        run = partial(_apply_run, lifted)
        super().__init__(*_runtime(base, run, modes, name, lifted), latest=base.latest)
        self.base = base
        self.lifted = lifted
        self.holding: bool = _unflattened(lifted)

    def adopt(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Flow[Any] | None:
        """Take an operator into the run as long as inner sources are not flattened.

        They lose nothing to an operator in the run; one that leaves it has to be parked.
        """
        build = getattr(stock_operators, name, None) if self.holding else None
        if build is None:
            return None
        try:
            signature(build).bind(*args, **kwargs)
        except TypeError:  # it has arguments that only the native operator knows
            return None
        return cast("Flow[Any]", apply(self, build(*args, **kwargs)))


def _mode(part: Recognised) -> Mode | None:
    """Give the mode of a part; ``merge`` flattens when it is told how many may be open."""
    if part.stock is None:
        return None
    flattens = part.stock.name == "merge" and bool((part.kwargs or {}).get("max_concurrent"))
    return Mode.FLATTEN if flattens else part.stock.mode


def _unflattened(lifted: tuple[Recognised, ...]) -> bool:
    """Tell whether inner sources leave a run of operators."""
    holding = False
    for part in lifted:
        mode = _mode(part)
        if mode is Mode.HOLD:
            holding = True
        elif mode in (Mode.FLATTEN, Mode.SWITCH):
            holding = False
    return holding


def _runtime(
    base: Flow[Any],
    run: Callable[[Observable[Any]], Observable[Any]],
    modes: set[Mode | None],
    name: str,
    lifted: tuple[Recognised, ...],
) -> tuple[Callable[[Context], Feed[Any]], tuple[StageFactory, ...]]:
    """Choose what runs the operators: a stage of the island, a Feed with gates, or a door."""
    if modes == {Mode.SYNC}:
        make = partial(LiftStage, run)
        make_for(name, make)
        stage = base.with_stages((make,))
        return stage.source, stage.stages
    timed = any(part.stock is not None and part.stock.timed for part in lifted)
    if Mode.FREE in modes:
        overflow = _surplus(lifted)
        return (
            lambda context: Door(
                context.timed() if timed else context, run(_plain(base)), name, HANDOVER, overflow
            )
        ), ()
    rule = Rule(
        order=Order.OUTER_FIRST
        if Mode.SWITCH in modes
        else Order.INNER_FIRST
        if modes & {Mode.FLATTEN, Mode.HOLD}
        else Order.FAIR,
        window=HANDOVER if Mode.PASS in modes else None,
        limit=_limit(lifted) if Mode.FLATTEN in modes and Mode.HOLD not in modes else None,
        gated=Mode.CONTROL not in modes,
        timed=timed,
        park=parked if _unflattened(lifted) else None,
    )
    return (lambda context: LiftFeed(context, base.feed, run, rule, name)), ()


def _plain(flow: Flow[Any]) -> Observable[Any]:
    """Give a Flow as what may be subscribed to without bound, which is told of elsewhere."""
    return Observable(
        lambda observer, scheduler=None: flow.subscribe(observer, scheduler=scheduler)
    )


def _apply_run(lifted: tuple[Recognised, ...], source: Observable[Any]) -> Any:
    current: Any = source
    for part in lifted:
        assert part.stock is not None
        if part.rebuild is not None and part.stock.mode in (Mode.GATED, Mode.FLATTEN):
            args = [_gated(arg, part.stock.name) for arg in part.args]
            current = part.rebuild(current, *args, **(part.kwargs or {}))
        else:
            current = part.operator(current)
    return current


def _gated(argument: Any, name: str) -> Any:
    """Let a plain Observable among the data arguments enter through a door."""
    if is_plain(argument):
        return Flow[Any](lambda context: Door(context, argument, name, HANDOVER, FAIL))
    return argument


def _limit(lifted: tuple[Recognised, ...]) -> int:
    """Say how many inner sources may be open before the outer one waits."""
    for part in lifted:
        if part.kwargs and part.kwargs.get("max_concurrent"):
            return int(part.kwargs["max_concurrent"])
    return HANDOVER


def _surplus(lifted: tuple[Recognised, ...]) -> Overflow:
    """Say what gives way when a clock-driven operator gives more than is asked for.

    What samples keeps the newest; what collects must not lose any.
    """
    sampling = {"debounce", "sample", "throttle_first", "throttle_with_mapper"}
    names = {part.stock.name for part in lifted if part.stock is not None}
    return DROP_OLDEST if names & sampling else FAIL
