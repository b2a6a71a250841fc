"""RxPY's behaviour is kept: every stock operator over a Flow gives what it gives in plain Rx.

What is compared: the notifications with their values and times, the calls of callbacks with
their times, and when each source was subscribed to and unsubscribed from.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product
from typing import Any

import pytest
import reactivex
import reactivex.operators as stock
from reactivex import Observable

import rxflow
import rxflow.operators as ours
from rxflow.flow.registry import native
from rxflow.flow.stock import TABLE, Mode

from .catalogue import CASES, DIFFERENCES, NOT_FLUENT, PLAIN, REFUSED, Case
from .worlds import ERROR, SCRIPTS, OneByOne, Run, Tape, World, door, run

Compose = Callable[[World, Observable[Any], Case], Any]

Situation = tuple[str, bool, float]
"""A script, whether its source is hot, and when the subscription is disposed of."""

MIDWAY = 226.5  # no source does anything at that time
LATE = 1000

HOT_AND_COLD = (True, False)
TO_THE_END: tuple[Situation, ...] = tuple(product(SCRIPTS, HOT_AND_COLD, (LATE,)))

# Until midway the other scripts are like one of these.
STOPPED: tuple[Situation, ...] = (
    ("completes", True, MIDWAY),
    ("completes", False, MIDWAY),
    ("empty", True, MIDWAY),
    ("one item", False, MIDWAY),
    ("repeats itself", True, MIDWAY),
    ("all at once", False, MIDWAY),
    ("fails after one", True, MIDWAY),
)
ALL: tuple[Situation, ...] = (*TO_THE_END, *STOPPED)
SOME: tuple[Situation, ...] = (
    *(each for each in TO_THE_END if each[1] or each[0] in ("completes", "all at once")),
    *STOPPED[:2],
)
FEW: tuple[Situation, ...] = tuple(product(("completes", "fails after one"), HOT_AND_COLD, (LATE,)))


class Lifting:
    """The stock operators, each of them lifted."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        operator = getattr(stock, name)
        if name == "ref_count":  # it is applied to a connectable, which no Flow is
            return operator
        return lambda *args, **kwargs: rxflow.lift(operator(*args, **kwargs))


class Fluent:
    """The methods of an Observable, as if they were operators."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda *args, **kwargs: lambda source: getattr(source, name)(*args, **kwargs)


def piped_through(ops: Any) -> Compose:
    return lambda world, source, case: door(source).pipe(*case.build(world, ops))


def plainly(world: World, source: Observable[Any], case: Case) -> Any:
    return source.pipe(*case.build(world, stock))


def in_fluent_style(world: World, source: Observable[Any], case: Case) -> Any:
    current: Any = door(source)
    for call in case.build(world, Fluent()):
        current = call(current)
    return current


def unbounded(tape: Tape) -> Tape:
    return tape


@dataclass(frozen=True)
class Way:
    """A way of running a case over a Flow.

    Attributes:
        name: Of the way that the operators are given in.
        compose: Composes them.
        subscriber: Subscribes.
        situations: In which it is run.
    """

    name: str
    compose: Compose
    subscriber: Callable[[Tape], Any] = unbounded
    situations: tuple[Situation, ...] = ALL

    def __str__(self) -> str:
        return self.name if self.subscriber is unbounded else f"{self.name}, one by one"


LIFTED = (
    Way("lifted", piped_through(Lifting())),
    Way("lifted", piped_through(Lifting()), OneByOne, SOME),
)
LIFTED_SHORT = (Way("lifted", piped_through(Lifting()), situations=FEW),)
NATIVE = (
    Way("native", piped_through(ours)),
    Way("native", piped_through(ours), OneByOne, SOME),
)
SHORT = (
    Way("plain", lambda world, source, case: source.pipe(*case.build(world, ours)), situations=FEW),
    Way("of rxflow", piped_through(ours), situations=FEW),
    Way("piped", piped_through(stock), situations=FEW),
    Way("fluent", in_fluent_style, situations=FEW),
)


@lru_cache(maxsize=len(ALL))
def reference(case: Case, situation: Situation) -> Run:
    return observed(case, plainly, unbounded, situation)


def observed(
    case: Case, compose: Compose, subscriber: Callable[[Tape], Any], situation: Situation
) -> Run:
    script, hot, disposed = situation
    return run(
        SCRIPTS[script],
        hot,
        disposed,
        lambda world, source: compose(world, source, case),
        subscriber,
    )


def first_difference(case: Case, way: Way, ignored: frozenset[str]) -> str | None:
    """Say readably where a way of running a case is not like plain Rx, if anywhere."""
    for situation in way.situations:
        script, hot, disposed = situation
        if script in ignored:
            continue
        expected = leaving_out(ignored, reference(case, situation))
        got = leaving_out(ignored, observed(case, way.compose, way.subscriber, situation))
        if expected != got:
            source = f"a {'hot' if hot else 'cold'} source, {script!r}, disposed of at {disposed}"
            return "\n".join([f"{case} ({way}) over {source}", *differing(expected, got)])
    return None


def leaving_out(ignored: frozenset[str], whole: Run) -> Run:
    if "calls" in ignored:
        whole = replace(whole, calls=[])
    if "error" in ignored:
        heard = [each[:2] if each[1] == "error" else each for each in whole.messages]
        whole = replace(whole, messages=heard)
    if "unopened" in ignored:
        whole = replace(whole, subscriptions=[each for each in whole.subscriptions if each])
    return whole


def differing(expected: Run, got: Run) -> Iterator[str]:
    for part in ("messages", "subscriptions", "calls"):
        want, given = getattr(expected, part), getattr(got, part)
        if want != given:
            yield f"  {part}\n    plain Rx {want}\n    rxflow   {given}"


def is_multicast(case: Case) -> bool:
    return TABLE[case.name].mode is Mode.MULTICAST


def is_native(case: Case, way: Way) -> bool:
    """Tell whether the native version of an operator is run, where there is one."""
    if way.name in ("plain", "lifted") or native(case.name) is None:
        return False
    return way.name != "piped" or case.name not in ("replay", "publish_value")  # a multicast there


def warned(case: Case, way: Way) -> AbstractContextManager[Any]:
    """Expect the warning of an operator that subscribes to a Flow once for many."""
    if is_multicast(case) and way.name != "plain" and not is_native(case, way):
        return pytest.warns(rxflow.DemandBoundaryWarning)
    return nullcontext()


def in_full(case: Case) -> tuple[Way, ...]:
    """Give the ways that it is lifted in."""
    # What is multicast is no Flow any more: no Subscriber can ask it for one item at a time.
    return LIFTED[:1] if is_multicast(case) else LIFTED


def thorough(case: Case) -> tuple[Way, ...]:
    """Give the ways that a case is run in thoroughly."""
    if native(case.name) is None:
        return in_full(case)
    # It is lifted only for those who say so with rxflow.lift.
    return (*LIFTED_SHORT, *(NATIVE[:1] if str(case) in PLAIN else NATIVE))


@pytest.fixture(autouse=True, scope="module")
def _fewer_collections() -> Iterator[None]:
    """Collect garbage seldom: the worlds of ten thousands of runs are full of cycles."""
    before = gc.get_threshold()
    gc.set_threshold(20_000, 20, 20)
    yield
    gc.set_threshold(*before)


def check(case: Case, way: Way) -> frozenset[str]:
    """Compare with plain Rx, but for what is known to differ; give what was left out."""
    known = [each.ignored for each in DIFFERENCES if str(case) in each.cases]
    ignored = frozenset[str]().union(*known if way.name not in ("lifted", "plain") else ())
    if str(case) in REFUSED and is_native(case, way):
        with pytest.raises(ValueError, match=REFUSED[str(case)]):
            first_difference(case, way, ignored)
        return ignored
    with warned(case, way):
        difference = first_difference(case, way, ignored)
    assert difference is None, difference
    return ignored


@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_operator_over_a_flow_is_like_plain_rx(case: Case) -> None:
    for way in thorough(case):
        check_thoroughly(case, way)
    for way in SHORT:  # however the operator is given
        if way.name == "of rxflow" and native(case.name) is not None:
            continue  # it is the native one: see above
        if way.name != "fluent" or str(case) not in NOT_FLUENT:
            check(case, way)


@pytest.mark.stress
@pytest.mark.parametrize("case", [each for each in CASES if native(each.name) is not None], ids=str)
def test_a_native_operator_that_is_lifted_is_like_plain_rx(case: Case) -> None:
    for way in in_full(case):
        check_thoroughly(case, way)


def check_thoroughly(case: Case, way: Way) -> None:
    ignored = check(case, way)
    for what in ignored if way.situations is ALL else ():
        rest = ignored - {what}
        assert first_difference(case, way, rest), f"{what} need not be left out any more"


PULLED: dict[str, tuple[Any, ...]] = {
    "items": (1, 2, 3, 4),
    "repeats": (2, 2, 1, 2, 1),
    "nothing": (),
    "a failure": (1, 2, 3, ERROR),
}
"""What an iterable gives; it raises ERROR."""

SYNCHRONOUS = [case for case in CASES if TABLE[case.name].mode is Mode.SYNC]


def iterated(items: tuple[Any, ...]) -> Iterator[Any]:
    for item in items:
        if item is ERROR:
            raise ERROR
        yield item


def timeless(whole: Run) -> tuple[list[Any], list[Any]]:
    """Give the notifications and the calls in their order, without the times."""
    return [each[1:] for each in whole.messages], [each[1:] for each in whole.calls]


def pulled(
    case: Case,
    source: Callable[[Any], Observable[Any]],
    items: tuple[Any, ...],
    ops: Any,
    subscriber: Callable[[Tape], Any],
) -> tuple[list[Any], list[Any]]:
    def compose(world: World, _: Observable[Any]) -> Observable[Any]:
        return source(iterated(items)).pipe(*case.build(world, ops))

    return timeless(run((), True, LATE, compose, subscriber))


@pytest.mark.parametrize("case", SYNCHRONOUS, ids=str)
def test_an_operator_over_a_pulled_source_is_like_plain_rx(case: Case) -> None:
    for label, items in PULLED.items():
        expected = pulled(case, reactivex.from_iterable, items, stock, unbounded)
        for ops, subscriber in product((Lifting(), ours), (unbounded, OneByOne)):
            got = pulled(case, rxflow.from_iterable, items, ops, subscriber)
            assert got == expected, (label, ops, subscriber)


def test_a_future_gets_the_last_item_or_the_error() -> None:
    async def outcome(source: Observable[Any]) -> Any:
        try:
            return await source.pipe(stock.to_future())
        except Exception as error:
            return type(error), str(error)

    for source in (
        reactivex.of(1, 2, 3),
        reactivex.empty(),
        reactivex.concat(reactivex.of(1), reactivex.throw(ValueError("bad"))),
    ):
        assert asyncio.run(outcome(door(source))) == asyncio.run(outcome(source))
