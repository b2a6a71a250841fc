"""A callback of an operator, a door or a source raises, one at a time: what becomes of all else."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Iterator
from contextlib import aclosing
from datetime import datetime, timedelta
from inspect import signature, unwrap
from itertools import product
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest

from rxflow.flow.registry import Registered, registered
from rxflow.protocol import UNBOUNDED, Overflow
from rxflow.testing import TestSubscriber, run_virtual
from tests.kernel.recorder import dropped_errors
from tests.support_together import together

from .cases import DOORS, LATE, OPERATORS, Case, Outcome
from .loop_cases import LOOP_CASES
from .source_cases import NO_CALLBACK, SOURCES
from .worlds import ITEMS, Fault, PlantedError, World

CASES = (*OPERATORS, *LATE, *DOORS, *SOURCES)

ERRORS: dict[str, Callable[[], BaseException]] = {
    "error": PlantedError,
    "SystemExit": lambda: SystemExit(3),
    "StopIteration": lambda: StopIteration("planted"),
    "StopAsyncIteration": lambda: StopAsyncIteration("planted"),
    "KeyboardInterrupt": KeyboardInterrupt,
    "GeneratorExit": GeneratorExit,
    "CancelledError": asyncio.CancelledError,
}


@pytest.fixture(autouse=True, scope="module")
def only_what_is_new_is_collected() -> Iterator[None]:
    """Make a collection cheap."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


class Run:
    """What one run showed.

    Attributes:
        items: What came out.
        ends: The end signals, an error as itself and a completion as None; an iteration that
            raises or ends counts as one.
        raised: What reached whoever subscribed, requested, pushed or cancelled.
        reported: What reached the hook for dropped errors.
        held: What the parts of the stream hold at the end (items).
        kept: What stays referred to: the flow and the consumer.
    """

    def __init__(self) -> None:
        self.items: list[Any] = []
        self.ends: list[BaseException | None] = []
        self.raised: BaseException | None = None
        self.reported: list[BaseException] = []
        self.held = 0
        self.kept: list[Any] = []
        self.violations: list[str] = []

    def attempt(self, call: Callable[..., object], *args: Any) -> None:
        """Call, and keep what is raised."""
        try:
            call(*args)
        except BaseException as error:
            assert self.raised is None, "raised twice"
            self.raised = error


def subscribed(run: Run, flow: Any, world: World, case: Case, initial: int, each: int) -> None:
    """Have a Subscriber take the items."""
    probe: TestSubscriber[Any] = TestSubscriber(
        initial if case.demand is None else case.demand,
        request_each=each if case.demand is None else 0,
    )
    run.attempt(flow.subscribe, probe)
    push_all(run, world)
    if case.cancels:
        run.attempt(probe.cancel)
    elif case.demand is not None:
        run.attempt(probe.request, UNBOUNDED)
    calls, signals = world.fault.calls, len(probe.signals)
    push_all(run, world)  # what still pushes, which it must not do, would be seen
    run.attempt(probe.request, 5)
    run.attempt(probe.cancel)
    assert world.fault.calls == calls, "a callback is called after the end"
    assert len(probe.signals) == signals, "a signal after the end"
    run.items = probe.items
    run.ends = [probe.error] if probe.error else [None] if probe.completed else []
    run.violations = probe.violations
    run.held = sum(part.held for part in probe.subscription.statistics())
    run.kept = [flow, probe]


def push_all(run: Run, world: World) -> None:
    """Push the items, as far as they are taken, and complete."""
    for item in ITEMS:
        if world.push is not None:
            run.attempt(world.push, item)
        if run.raised is not None:
            return
    if world.complete is not None:
        run.attempt(world.complete)


def all_at_once(run: Run, flow: Any, world: World, case: Case) -> None:
    subscribed(run, flow, world, case, UNBOUNDED, 0)


def one_by_one(run: Run, flow: Any, world: World, case: Case) -> None:
    subscribed(run, flow, world, case, 1, 1)


def observed(run: Run, flow: Any, world: World, case: Case) -> None:
    """Have the callbacks of an ordinary observer take the items."""

    def subscribe() -> None:
        run.kept.append(
            flow.subscribe(run.items.append, run.ends.append, lambda: run.ends.append(None))
        )

    run.attempt(subscribe)
    push_all(run, world)
    run.kept.append(flow)


def iterated(run: Run, flow: Any, world: World, case: Case) -> None:
    """Have a loop in this thread take the items."""
    try:
        run.items.extend(flow)  # an iterator that fails is closed by nobody else
    except BaseException as error:
        run.raised = error
    else:
        run.ends.append(None)
    run.kept.append(flow)


def async_iterated(run: Run, flow: Any, world: World, case: Case) -> None:
    """Have a loop on an event loop take the items."""

    async def main() -> None:
        try:
            async with aclosing(aiter(flow)) as items:
                async for item in items:
                    run.items.append(item)
        except BaseException as error:
            run.raised = error
        else:
            run.ends.append(None)

    run_virtual(main())
    run.kept.append(flow)


def async_chunked(run: Run, flow: Any, world: World, case: Case) -> None:
    """Have a loop on an event loop take lists of what is ready."""

    async def main() -> None:
        try:
            async with aclosing(flow.chunks(2)) as chunks:
                async for chunk in chunks:
                    run.items += chunk
        except BaseException as error:
            run.raised = error
        else:
            run.ends.append(None)

    run_virtual(main())
    run.kept.append(flow)


CONSUMERS: dict[str, Callable[[Run, Any, World, Case], None]] = {
    "all at once": all_at_once,
    "one by one": one_by_one,
    "observer": observed,
    "for": iterated,
    "async for": async_iterated,
    "chunks": async_chunked,
}
ITERATING = ("for", "async for", "chunks")


def applicable(case: Case) -> Iterator[tuple[str, str]]:
    """Give the sources and the consumers that a case can be run with."""
    for kind in case.kinds:
        for consumer in case.consumers or CONSUMERS:
            pushed = kind in ("hot", "door") or case.demand is not None
            if consumer in ITERATING and pushed:
                continue  # nobody pushes while the loop runs
            if consumer == "observer" and case.demand is not None:
                continue  # it has no demand but its own
            yield kind, consumer


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_callback_raises(case: Case):
    assert [*applicable(case)]
    for (kind, consumer), planted, call in product(applicable(case), ERRORS, case.calls):
        if planted == "StopIteration" and case.label in ("iterator", "next"):
            continue  # it is how an iterator ends
        try:
            check_fault(case, kind, consumer, Fault(call, ERRORS[planted]()))
        except BaseException as error:
            error.add_note(f"{kind} source, {consumer}: {planted} in call {call}")
            raise


def check_fault(case: Case, kind: str, consumer: str, fault: Fault) -> None:
    """Run a case with a fault."""
    world = World(fault, kind)
    run = Run()
    with dropped_errors() as reported:
        CONSUMERS[consumer](run, case.build(world), world, case)
    run.reported = reported
    check_end(case, consumer, fault, run)
    check_release(world, fault, run)


def check_end(case: Case, consumer: str, fault: Fault, run: Run) -> None:
    """Check that the error went where it is to go, once, and nothing else did."""
    error = fault.error
    assert run.violations == []
    if not isinstance(error, Exception):  # it reaches the caller, and nobody else
        assert run.raised is error
        assert run.reported == []
        if case.outcome is Outcome.PRODUCER:  # whose thread may be another one: the consumer hears
            assert [type(end) for end in run.ends] == [RuntimeError]
            assert type(error).__name__ in str(run.ends[0])
            return
        ended = case.outcome is Outcome.REPORTED and not case.cancels  # called after the end
        assert run.ends == ([None] if ended and consumer not in ITERATING else [])
    elif case.outcome is Outcome.REPORTED:
        if consumer in ITERATING:  # its consumer is there to be told
            [told] = [each for each in (run.raised, *run.reported) if each is not None]
            assert is_planted(told, error)
        else:
            assert run.reported == [error]
            assert run.raised is None
        if not case.cancels and run.raised is None:
            assert run.ends == [None]
            assert run.items
        return
    else:
        failure = run.raised if consumer in ITERATING else run.ends[0]
        assert len(run.ends) == (consumer not in ITERATING), run.ends
        assert run.raised is (failure if consumer in ITERATING else None)
        assert run.reported == []
        assert is_planted(failure, error)
    if not case.several:
        assert fault.calls == fault.nth, "it is not called again"


def is_planted(found: BaseException | None, planted: BaseException) -> bool:
    """Tell whether an error is what was planted; where that means an end, it is said in words."""
    if isinstance(planted, StopIteration | StopAsyncIteration) and isinstance(found, RuntimeError):
        return type(planted).__name__ in str(found)
    return found is planted


def check_release(world: World, fault: Fault, run: Run) -> None:
    """Check that everything is closed, once, and that nothing keeps a source alive."""
    assert world.opened == world.closed
    assert run.held == 0
    for error in (fault.error, world.failure, run.raised, *run.ends, *run.reported):
        forget_frames(error)
    if world.alive:
        gc.collect()
    assert not list(world.alive), "the flow, the subscription or the consumer keeps a source alive"
    assert run.kept


def forget_frames(error: BaseException | None) -> None:
    """Let go of the frames that a traceback refers to."""
    while error is not None:
        error.__traceback__ = None
        error = error.__cause__ or error.__context__


# Completeness: nothing that takes a callback is without a case.

_PLAIN = {bool, int, float, str, NoneType, timedelta, datetime, Overflow}


def may_be_code(annotation: Any) -> bool:
    """Tell whether an annotation lets user code in: all but plain data does."""
    if get_origin(annotation) in (Union, UnionType):
        return any(map(may_be_code, get_args(annotation)))
    return annotation not in _PLAIN


def open_to_code(entry: Registered) -> Iterator[str]:
    """Give the parameters of a registered function that let user code in."""
    hints = get_type_hints(unwrap(entry.build))
    for name in signature(entry.build).parameters:
        assert name in hints, f"{entry.name}: {name} has no annotation"
        if may_be_code(hints[name]):
            yield name


COVERED = {(case.name, case.parameter) for case in (*CASES, *LOOP_CASES)}


@together("entry", registered(), lambda entry: f"{entry.kind} {entry.name}")
def test_every_parameter_that_takes_user_code_has_a_case_or_a_reason(entry: Registered):
    wanted = {(entry.name, parameter) for parameter in open_to_code(entry)}
    assert wanted <= COVERED | NO_CALLBACK.keys()


def test_no_case_and_no_reason_is_for_something_that_is_not_registered():
    wanted = {
        (entry.name, parameter) for entry in registered() for parameter in open_to_code(entry)
    }
    assert wanted >= COVERED
    assert wanted | {("to_queue", "end")} >= NO_CALLBACK.keys()
    assert COVERED.isdisjoint(NO_CALLBACK)
