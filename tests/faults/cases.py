"""Every callback of every registered operator, door, source and bridge, as data.

A case says how a pipeline is built in which that callback, and nothing else, fails in
its n-th call. What takes user code and has no case is on a list with the reason.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from types import SimpleNamespace
from typing import Any

import reactivex
from reactivex import Observer
from reactivex.subject import Subject
from reactivex.testing import TestScheduler

import rxflow as rx
from rxflow import operators as ops
from tests.contract.law_callbacks import AtOnce

from .worlds import ITEMS, World


class Outcome(Enum):
    """Where the error of a callback goes."""

    SIGNALLED = "to the subscriber, and the source is cancelled"
    PRODUCER = "the same, but who pushes calls it, so an interrupt is told to the consumer too"
    REPORTED = "to the hook for dropped errors, and the stream goes its way"


@dataclass(frozen=True)
class Case:
    """One callback.

    Attributes:
        name: The registered function.
        parameter: Its parameter.
        build: Makes the Flow of a world.
        label: What is special about it.
        calls: Which calls fail, one in each run.
        kinds: The sources it is run over: "cold" and "hot", "door" for a plain one, "own" for none.
        outcome: Where the error goes.
        demand: What is requested before items are pushed (items); None for the consumer's own.
        cancels: It is cancelled when all items were pushed.
        consumers: Those that it is run with; all when left out.
        several: One step calls it for several items, and goes on after an error.
    """

    name: str
    parameter: str
    build: Callable[[World], Any]
    label: str = ""
    calls: tuple[int, ...] = (1, 3)
    kinds: tuple[str, ...] = ("cold", "hot")
    outcome: Outcome = Outcome.SIGNALLED
    demand: int | None = None
    cancels: bool = False
    consumers: tuple[str, ...] = ()
    several: bool = False

    def __str__(self) -> str:
        return "-".join(filter(None, (self.name, self.parameter, self.label.replace(" ", "_"))))


def _operator(
    name: str,
    parameter: str,
    apply: Callable[[World], Any],
    before: Callable[[World], Any] = lambda w: w.source,
    **options: Any,
) -> Case:
    return Case(name, parameter, lambda w: before(w).pipe(apply(w)), **options)


def _pairs(world: World) -> Any:
    return world.source.pipe(ops.map(lambda x: (x, x)))


def _failing(world: World) -> Any:
    return world.failing()


def _flattened(operator: Any) -> Any:
    return lambda source: source.pipe(operator, ops.flat_map(lambda inner: inner))


def _flattened_pairs(operator: Any) -> Any:
    return lambda source: source.pipe(operator, ops.flat_map(lambda pair: pair[1]))


def _for_ever(*_: Any) -> Any:
    return rx.never()


def times(count: int, make: Any) -> Any:
    """Make something so often, then what never ends."""
    left = iter(range(count))
    return lambda: make() if next(left, None) is not None else rx.never()


def no(*_: Any) -> bool:
    return False


def yes(*_: Any) -> bool:
    return True


def at_first(count: int = 9) -> Any:
    """Say yes so often, then no."""
    left = iter(range(count))
    return lambda *_: next(left, None) is not None


def add(left: Any, right: Any) -> Any:
    return left + right


def _refuse(item: Any) -> Any:
    raise ValueError(item)


class _Closed(AtOnce):
    """An executor that refuses a call."""

    def __init__(self, world: World) -> None:
        self.submit = world.fault(super().submit)  # type: ignore[method-assign]


ONCE: Any = {"calls": (1,)}
PERIODS = (
    *("take_with_time", "take_until_with_time", "skip_with_time", "skip_until_with_time"),
    *("take_last_with_time", "skip_last_with_time"),
)
ASKING = ("all at once", "one by one", "observer")

OPERATORS: tuple[Case, ...] = (
    _operator("map", "mapper", lambda w: ops.map(w.fault())),
    _operator("starmap", "mapper", lambda w: ops.starmap(w.fault(add)), _pairs),
    _operator("starmap_indexed", "mapper", lambda w: ops.starmap_indexed(w.fault(add)), _pairs),
    _operator("map_indexed", "mapper_indexed", lambda w: ops.map_indexed(w.fault(add))),
    _operator("filter", "predicate", lambda w: ops.filter(w.fault(yes))),
    _operator("filter", "predicate", lambda w: ops.filter(w.fault(no)), label="none passes"),
    _operator("filter_indexed", "predicate_indexed", lambda w: ops.filter_indexed(w.fault(yes))),
    _operator("distinct", "key_mapper", lambda w: ops.distinct(w.fault())),
    _operator("distinct", "comparer", lambda w: ops.distinct(None, w.fault(no))),
    _operator(
        "distinct_until_changed", "key_mapper", lambda w: ops.distinct_until_changed(w.fault())
    ),
    _operator(
        "distinct_until_changed",
        "comparer",
        lambda w: ops.distinct_until_changed(None, w.fault(no)),
    ),
    _operator("scan", "accumulator", lambda w: ops.scan(w.fault(add))),
    _operator("scan", "accumulator", lambda w: ops.scan(w.fault(add), 0), label="seed"),
    _operator("reduce", "accumulator", lambda w: ops.reduce(w.fault(add))),
    _operator("reduce", "accumulator", lambda w: ops.reduce(w.fault(add), 0), label="seed"),
    _operator("count", "predicate", lambda w: ops.count(w.fault(yes))),
    _operator("sum", "key_mapper", lambda w: ops.sum(w.fault())),
    _operator("average", "key_mapper", lambda w: ops.average(w.fault())),
    _operator("min", "comparer", lambda w: ops.min(w.fault(lambda a, b: a - b))),
    _operator("max", "comparer", lambda w: ops.max(w.fault(lambda a, b: a - b))),
    _operator("to_dict", "key_mapper", lambda w: ops.to_dict(w.fault())),
    _operator("to_dict", "element_mapper", lambda w: ops.to_dict(str, w.fault())),
    _operator("some", "predicate", lambda w: ops.some(w.fault(no))),
    _operator("all", "predicate", lambda w: ops.all(w.fault(yes))),
    _operator("contains", "comparer", lambda w: ops.contains(9, w.fault(no))),
    _operator(
        "flat_map_iterable",
        "mapper",
        lambda w: ops.flat_map_iterable(w.fault(lambda x: [x, x])),
    ),
    _operator(
        "flat_map_iterable",
        "mapper",
        lambda w: ops.flat_map_iterable(lambda _: w.broken()),
        label="iterator",
    ),
    _operator("batch", "seed", lambda w: ops.batch(1, w.fault(), add)),
    _operator("batch", "weight", lambda w: ops.batch(9, weight=w.fault(yes))),
    *(
        _operator(
            name,
            parameter,
            lambda w, b=build: b(w, _flattened),
            kinds=(kind,),
            outcome=Outcome.PRODUCER if kind == "hot" else Outcome.SIGNALLED,
        )
        for kind in ("cold", "hot")
        for name, parameter, build in (
            ("group_by", "key_mapper", lambda w, f: f(ops.group_by(w.fault()))),
            ("group_by", "element_mapper", lambda w, f: f(ops.group_by(yes, w.fault()))),
            (
                "group_by_until",
                "key_mapper",
                lambda w, f: f(ops.group_by_until(w.fault(), None, _for_ever)),
            ),
            (
                "group_by_until",
                "element_mapper",
                lambda w, f: f(ops.group_by_until(yes, w.fault(), _for_ever)),
            ),
            (
                "group_by_until",
                "duration_mapper",
                lambda w, f: f(ops.group_by_until(lambda x: x, None, w.fault(_for_ever))),
            ),
        )
    ),
    _operator(
        "group_by",
        "subject_mapper",
        lambda w: _flattened(ops.group_by(lambda x: x, None, w.fault(Subject))),
    ),
    _operator(
        "group_by_until",
        "subject_mapper",
        lambda w: _flattened(ops.group_by_until(lambda x: x, None, _for_ever, w.fault(Subject))),
    ),
    *(
        _operator(
            name,
            parameter,
            lambda w, b=build: _flattened(b(w)),
            label=label,
            kinds=("cold",),
            calls=(1, 3),
        )
        for name, parameter, label, build in (
            (
                "window_when",
                "closing_mapper",
                "",
                lambda w: ops.window_when(w.fault(times(9, lambda: rx.from_iterable(())))),
            ),
            ("window", "boundaries", "iterator", lambda w: ops.window(w.broken())),
            (
                "window_toggle",
                "closing_mapper",
                "",
                lambda w: ops.window_toggle(range(9), w.fault(lambda _: ())),
            ),
            (
                "window_toggle",
                "openings",
                "iterator",
                lambda w: ops.window_toggle(w.broken(), lambda _: ()),
            ),
        )
    ),
    *(
        _operator(name, parameter, build, label=label, kinds=(kind,), calls=(1, 3))
        for name, parameter, label, kind, build in (
            (
                "buffer_when",
                "closing_mapper",
                "",
                "hot",
                lambda w: ops.buffer_when(w.fault(times(9, tuple))),
            ),
            ("buffer", "boundaries", "iterator", "hot", lambda w: ops.buffer(w.broken())),
            *(
                (
                    "buffer_toggle",
                    "closing_mapper",
                    "",
                    kind,
                    lambda w: ops.buffer_toggle(range(9), w.fault(lambda _: ())),
                )
                for kind in ("cold", "hot")
            ),
            *(
                (
                    "buffer_toggle",
                    "openings",
                    "iterator",
                    kind,
                    lambda w: ops.buffer_toggle(w.broken(), lambda _: ()),
                )
                for kind in ("cold", "hot")
            ),
        )
    ),
    _operator("merge", "sources", lambda w: ops.merge(w.broken()), label="iterator"),
    _operator("flat_map", "mapper", lambda w: ops.flat_map(w.fault(rx.of))),
    _operator("flat_map", "mapper", lambda w: ops.flat_map(lambda _: w.broken()), label="iterator"),
    _operator(
        "flat_map",
        "mapper",
        lambda w: ops.flat_map(w.fault(lambda x: reactivex.of(x, x))),
        label="plain inner",
    ),
    _operator(
        "flat_map_indexed",
        "mapper_indexed",
        lambda w: ops.flat_map_indexed(w.fault(lambda x, i: rx.of(x, i))),
    ),
    _operator("concat_map", "project", lambda w: ops.concat_map(w.fault(rx.of))),
    _operator(
        "concat_map", "project", lambda w: ops.concat_map(lambda _: w.broken()), label="iterator"
    ),
    _operator(
        "supervise",
        "operator",
        lambda w: ops.supervise(ops.map(w.fault()), lambda *_: rx.Supervision.STOP),
    ),
    _operator(
        "supervise",
        "decide",
        lambda w: ops.supervise(ops.map(_refuse), w.fault(lambda *_: rx.Supervision.SKIP)),
    ),
    _operator("map_executor", "function", lambda w: ops.map_executor(AtOnce(), w.fault(), 1)),
    _operator("map_executor", "executor", lambda w: ops.map_executor(_Closed(w), str, 1)),
    *(
        case
        for name in ("do_action", "tap")
        for case in (
            _operator(name, "on_next", lambda w, n=name: getattr(ops, n)(w.fault())),
            _operator(
                name,
                "on_error",
                lambda w, n=name: getattr(ops, n)(on_error=w.fault()),
                _failing,
                **ONCE,
            ),
            _operator(
                name,
                "on_completed",
                lambda w, n=name: getattr(ops, n)(on_completed=w.fault(yes)),
                **ONCE,
            ),
        )
    ),
    _operator("do", "observer", lambda w: ops.do(Observer(w.fault())), label="on_next"),
    _operator(
        "do",
        "observer",
        lambda w: ops.do(SimpleNamespace(on_next=yes, on_error=w.fault(), on_completed=yes)),
        _failing,
        label="on_error",
        **ONCE,
    ),
    _operator(
        "do",
        "observer",
        lambda w: ops.do(SimpleNamespace(on_next=yes, on_error=yes, on_completed=w.fault(yes))),
        label="on_completed",
        **ONCE,
    ),
    _operator(
        "finally_action",
        "action",
        lambda w: ops.finally_action(w.fault(yes)),
        outcome=Outcome.REPORTED,
        **ONCE,
    ),
    _operator(
        "finally_action",
        "action",
        lambda w: ops.finally_action(w.fault(yes)),
        label="cancelled",
        outcome=Outcome.REPORTED,
        demand=2,
        cancels=True,
        **ONCE,
    ),
    *(
        _operator(name, "predicate", lambda w, n=name, f=answer: getattr(ops, n)(w.fault(f)))
        for name, answer in (
            ("first", no),
            ("first_or_default", no),
            ("last", yes),
            ("single", no),
            ("single_or_default", no),
            ("take_while", yes),
            ("skip_while", yes),
        )
    ),
    _operator(
        "last_or_default", "predicate", lambda w: ops.last_or_default(predicate=w.fault(yes))
    ),
    _operator("take_while_indexed", "predicate", lambda w: ops.take_while_indexed(w.fault(yes))),
    _operator("skip_while_indexed", "predicate", lambda w: ops.skip_while_indexed(w.fault(yes))),
    _operator("concat", "sources", lambda w: ops.concat(w.broken()), label="iterator"),
    _operator("catch", "handler", lambda w: ops.catch(w.fault(rx.of)), _failing, **ONCE),
    _operator("catch", "handler", lambda w: ops.catch(w.broken()), _failing, label="iterator"),
    _operator(
        "retry",
        "predicate",
        lambda w: ops.retry(5, predicate=w.fault(yes)),
        _failing,
        kinds=("cold",),
    ),
    _operator(
        "retry",
        "wait",
        lambda w: ops.retry(5, wait=w.fault(lambda n: 0)),
        _failing,
        kinds=("cold",),
    ),
    _operator("fork_join", "others", lambda w: ops.fork_join(w.broken()), label="iterator"),
    _operator(
        "sequence_equal", "second", lambda w: ops.sequence_equal(w.broken()), label="iterator"
    ),
    _operator("sequence_equal", "comparer", lambda w: ops.sequence_equal(ITEMS, w.fault(yes))),
    _operator(
        "on_error_resume_next",
        "second",
        lambda w: ops.on_error_resume_next(w.fault(rx.of)),
        _failing,
        **ONCE,
    ),
    _operator(
        "while_do", "condition", lambda w: ops.while_do(w.fault(at_first())), kinds=("cold",)
    ),
    _operator(
        "do_while", "condition", lambda w: ops.do_while(w.fault(at_first())), kinds=("cold",)
    ),
    *(
        _operator(
            name,
            "condition",
            lambda w, n=name: getattr(ops, n)(w.fault(at_first())),
            kinds=("cold",),
        )
        for name in ("while_do", "do_while")
    ),
    _operator("find", "predicate", lambda w: ops.find(w.fault(no))),
    _operator("find_index", "predicate", lambda w: ops.find_index(w.fault(no))),
    *(
        case
        for name in ("max_by", "min_by")
        for case in (
            _operator(name, "key_mapper", lambda w, n=name: getattr(ops, n)(w.fault())),
            _operator(
                name,
                "comparer",
                lambda w, n=name: getattr(ops, n)(lambda x: x, w.fault(lambda a, b: a - b)),
            ),
        )
    ),
    _operator(
        "join",
        "right",
        lambda w: ops.join(w.broken(), _for_ever, lambda _: rx.empty()),
        label="iterator",
    ),
    _operator(
        "join",
        "left_duration_mapper",
        lambda w: ops.join([7], w.fault(lambda _: rx.empty()), _for_ever),
    ),
    _operator(
        "join",
        "right_duration_mapper",
        lambda w: ops.join(ITEMS, _for_ever, w.fault(lambda _: rx.empty())),
    ),
    *(
        _operator(
            "group_join",
            parameter,
            lambda w, b=build: _flattened_pairs(b(w)),
            label=label,
            kinds=kinds,
            outcome=Outcome.PRODUCER if kinds == ("hot",) else Outcome.SIGNALLED,
        )
        for parameter, label, kinds, build in (
            *(
                (
                    "left_duration_mapper",
                    "",
                    (kind,),
                    lambda w: ops.group_join(rx.never(), w.fault(lambda _: rx.empty()), _for_ever),
                )
                for kind in ("cold", "hot")
            ),
            (
                "right_duration_mapper",
                "",
                ("cold", "hot"),
                lambda w: ops.group_join(ITEMS, _for_ever, w.fault(_for_ever)),
            ),
            (
                "right",
                "iterator",
                ("cold", "hot"),
                lambda w: ops.group_join(w.broken(), _for_ever, _for_ever),
            ),
        )
    ),
    _operator("expand", "mapper", lambda w: ops.expand(w.fault(lambda _: rx.empty()))),
    _operator("expand", "mapper", lambda w: ops.expand(lambda _: w.broken()), label="iterator"),
    *(
        case
        for name, parameter in (("switch_map", "project"), ("flat_map_latest", "mapper"))
        for case in (
            _operator(name, parameter, lambda w, n=name: getattr(ops, n)(w.fault(rx.of))),
            _operator(
                name,
                parameter,
                lambda w, n=name: getattr(ops, n)(lambda _: w.broken()),
                label="iterator",
            ),
        )
    ),
    _operator(
        "switch_map_indexed",
        "project",
        lambda w: ops.switch_map_indexed(w.fault(lambda x, i: rx.of(x, i))),
    ),
    _operator(
        "exclusive",
        "on_drop",
        lambda w: ops.exclusive(on_drop=w.fault()),
        lambda w: w.source.pipe(ops.map(rx.of)),
        kinds=("cold",),
    ),
    *(
        _operator(name, parameter, lambda w, n=name: getattr(ops, n)(w.broken()), label="iterator")
        for name, parameter in (
            ("combine_latest", "others"),
            ("with_latest_from", "sources"),
            ("zip_latest", "others"),
        )
    ),
    _operator(
        "with_latest_from",
        "on_drop",
        lambda w: ops.with_latest_from(rx.never(), on_drop=w.fault()),
    ),
    _operator(
        "zip_latest",
        "on_drop",
        lambda w: ops.zip_latest(rx.never(), on_drop=w.fault()),
        kinds=("hot",),
    ),
    _operator(
        "merge_prioritized",
        "sources",
        lambda w: ops.merge_prioritized((w.broken(), 2)),
        label="iterator",
    ),
    _operator("merge_sorted", "others", lambda w: ops.merge_sorted(w.broken()), label="iterator"),
    _operator("merge_sorted", "key", lambda w: ops.merge_sorted([5, 6], key=w.fault())),
    _operator("concat_map_eager", "mapper", lambda w: ops.concat_map_eager(w.fault(rx.of))),
    _operator(
        "concat_map_eager",
        "mapper",
        lambda w: ops.concat_map_eager(lambda _: w.broken(), max_concurrency=2, prefetch=2),
        label="iterator",
        several=True,
    ),
    _operator("tap_signals", "listener", lambda w: ops.tap_signals(w.fault())),
    _operator("on_request", "fn", lambda w: ops.on_request(w.fault()), **ONCE),
    _operator(
        "amb",
        "right_source",
        lambda w: ops.amb(w.broken()),
        lambda _: rx.never(),
        kinds=("own",),
        label="iterator",
    ),
    *(
        _operator(
            name,
            "other",
            lambda w, n=name: getattr(ops, n)(w.broken()),
            lambda _: rx.empty(),
            kinds=("own",),
            label="iterator",
            calls=(1,),
        )
        for name in ("take_until", "skip_until")
    ),
    _operator("zip", "args", lambda w: ops.zip(w.broken()), label="iterator"),
    _operator(
        "zip_with_iterable", "second", lambda w: ops.zip_with_iterable(w.broken()), label="iterator"
    ),
    _operator("zip_with_list", "second", lambda w: ops.zip_with_list(w.broken()), label="iterator"),
    _operator("extrapolate", "function", lambda w: ops.extrapolate(w.fault(lambda n: ()))),
    _operator("expand_latest", "function", lambda w: ops.expand_latest(w.fault(lambda n: (n,)))),
    _operator(
        "expand_latest",
        "function",
        lambda w: ops.expand_latest(lambda n: w.broken()),
        label="iterator",
        calls=(1,),
    ),
    _operator(
        "keep_alive",
        "function",
        lambda w: ops.keep_alive(9.0, w.fault(object), _Late()),
        calls=(1,),
        kinds=("hot",),
    ),
    _operator("keep_alive", "scheduler", lambda w: ops.keep_alive(9.0, object, _Clock(w))),
    _operator("throttle", "cost", lambda w: ops.throttle(1e9, burst=9, cost=w.fault())),
    _operator("throttle", "scheduler", lambda w: ops.throttle(9, burst=9, scheduler=_Clock(w))),
    _operator(
        "throttle",
        "cost",
        lambda w: ops.throttle(1e9, burst=9, cost=w.fault(), mode="enforce"),
        label="enforcing",
    ),
    _operator("throttle_by_key", "key", lambda w: ops.throttle_by_key(w.fault(), 1)),
    _operator(
        "throttle_by_key",
        "cost",
        lambda w: ops.throttle_by_key(yes, 1e9, burst=9, cost=w.fault()),
    ),
    _operator(
        "throttle_by_key",
        "on_discard",
        lambda w: ops.throttle_by_key(yes, 1, scheduler=w.scheduler, on_discard=w.fault()),
        kinds=("hot",),
        demand=9,
        outcome=Outcome.REPORTED,
        cancels=True,
        several=True,
    ),
    _operator(
        "throttle_by_key",
        "scheduler",
        lambda w: ops.throttle_by_key(yes, 9, burst=9, scheduler=_Clock(w)),
    ),
    _operator(
        "delay_subscription",
        "scheduler",
        lambda w: ops.delay_subscription(0, _Clock(w)),
        calls=(1, 2),
    ),
    _operator(
        "delay_with_mapper",
        "delay_duration_mapper",
        lambda w: ops.delay_with_mapper(w.fault(lambda _: ())),
    ),
    _operator(
        "delay_with_mapper",
        "subscription_delay",
        lambda w: ops.delay_with_mapper(w.broken(), lambda _: ()),
        label="iterator",
        calls=(1,),
    ),
    _operator(
        "timeout_with_mapper",
        "timeout_duration_mapper",
        lambda w: ops.timeout_with_mapper(None, w.fault(lambda _: rx.never())),
        kinds=("hot",),
    ),
    _operator(
        "timeout_with_mapper",
        "first_timeout",
        lambda w: ops.timeout_with_mapper(w.broken()),
        label="iterator",
        kinds=("hot",),
        calls=(1,),
    ),
    _operator(
        "timeout_with_mapper",
        "other",
        lambda w: ops.timeout_with_mapper((), None, w.broken()),
        label="iterator",
        kinds=("hot",),
    ),
    _operator("pace", "scheduler", lambda w: ops.pace(9, 1, scheduler=_Clock(w))),
    *(
        _operator(
            name,
            "on_drop",
            lambda w, n=name: getattr(ops, n)(1.0, w.scheduler, on_drop=w.fault()),
        )
        for name in ("debounce", "throttle_with_timeout", "throttle_first")
    ),
    _operator("sample", "on_drop", lambda w: ops.sample(rx.empty(), on_drop=w.fault())),
    *(
        _operator(name, "scheduler", lambda w, n=name: getattr(ops, n)(1.0, _Clock(w)))
        for name in ("debounce", "throttle_with_timeout", "throttle_first")
    ),
    _operator(
        "sample",
        "sampler",
        lambda w: ops.sample(rx.from_iterable(w.broken())),
        label="iterator",
        kinds=("hot",),
    ),
    _operator(
        "throttle_with_mapper",
        "throttle_duration_mapper",
        lambda w: ops.throttle_with_mapper(w.fault(lambda _: rx.never())),
    ),
    _operator(
        "throttle_with_mapper",
        "on_drop",
        lambda w: ops.throttle_with_mapper(lambda _: rx.never(), on_drop=w.fault()),
    ),
    _operator("timestamp", "scheduler", lambda w: ops.timestamp(_Clock(w)), label="now"),
    _operator("time_interval", "scheduler", lambda w: ops.time_interval(_Clock(w)), label="now"),
    *(
        _operator(
            name,
            "scheduler",
            lambda w, n=name: getattr(ops, n)(9, scheduler=_Clock(w)),
            label="now",
            consumers=consumers,
        )
        for name, consumers in (
            ("timeout", ASKING),  # a loop that has its items at once never waits
            ("initial_timeout", ASKING),
            ("idle_timeout", ()),
            ("completion_timeout", ()),
            *((name, ()) for name in PERIODS),
        )
    ),
)


LATE: tuple[Case, ...] = (
    _operator(
        "timeout",
        "other",
        lambda w: ops.timeout(1.0, w.broken(), w.ticking()),
        lambda w: rx.never(),
        label="iterator",
        kinds=("own",),
        consumers=ASKING,
    ),
    _operator(
        "backpressure_timeout",
        "on_discard",
        lambda w: ops.backpressure_timeout(9, w.scheduler, on_discard=w.fault()),
        kinds=("cold",),
        demand=0,
        outcome=Outcome.REPORTED,
        cancels=True,
        **ONCE,
    ),
)
"""Those that are called when time has passed, or at a cancel, and never over a source alone."""


# A mapper is called once, by who subscribes; a predicate by each side of a partition.
OPERATORS += (
    _operator("publish", "mapper", lambda w: ops.publish(w.fault()), **ONCE),
    _operator("publish_value", "mapper", lambda w: ops.publish_value(0, w.fault()), **ONCE),
    _operator("replay", "mapper", lambda w: ops.replay(2, mapper=w.fault()), **ONCE),
    Case("partition", "predicate", lambda w: w.source.pipe(ops.partition(w.fault(yes)))[0]),
    Case(
        "partition_indexed",
        "predicate_indexed",
        lambda w: w.source.pipe(ops.partition_indexed(w.fault(no)))[1],
    ),
)


class _Clock(TestScheduler):
    """A scheduler that fails when it is asked for the time."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._fault = world.fault

    @property
    def now(self) -> Any:
        self._fault.hit()
        return super().now


class _Late(TestScheduler):
    """A scheduler on which a minute passes between any two looks at the clock."""

    looks = 0

    @property
    def now(self) -> Any:
        self.looks += 1
        return super().now + timedelta(minutes=self.looks)


def _door(
    name: str, parameter: str, apply: Callable[[World], Any], demand: int = 0, **options: Any
) -> Case:
    return _operator(name, parameter, apply, kinds=("door",), demand=demand, **options)


DROPS: Any = {"outcome": Outcome.PRODUCER}
DISCARDS: Any = {"outcome": Outcome.REPORTED, "cancels": True, "several": True}

DOORS: tuple[Case, ...] = (
    *(
        _door(
            "on_backpressure_buffer",
            "on_drop",
            lambda w, o=overflow: ops.on_backpressure_buffer(2, overflow=o, on_drop=w.fault()),
            label=overflow.name,
            several=overflow is rx.DROP_ALL,
            **DROPS,
        )
        for overflow in (rx.DROP_OLDEST, rx.DROP_NEWEST, rx.DROP_INCOMING, rx.DROP_ALL)
    ),
    _door(
        "on_backpressure_buffer",
        "on_discard",
        lambda w: ops.on_backpressure_buffer(9, on_discard=w.fault()),
        **DISCARDS,
    ),
    _door(
        "on_backpressure_buffer",
        "weight",
        lambda w: ops.on_backpressure_buffer(9, weight=w.fault(lambda x: 1)),
        **DROPS,
    ),
    _door(
        "on_backpressure_drop", "on_drop", lambda w: ops.on_backpressure_drop(w.fault()), **DROPS
    ),
    _door(
        "on_backpressure_latest",
        "on_drop",
        lambda w: ops.on_backpressure_latest(w.fault()),
        **DROPS,
    ),
    _door(
        "on_backpressure_reduce",
        "reducer",
        lambda w: ops.on_backpressure_reduce(w.fault(add)),
        **DROPS,
    ),
    # No door, but called only while nothing is asked for.
    _operator("batch", "fn", lambda w: ops.batch(9, lambda x: x, w.fault(add)), demand=0),
    _door("shed", "priority", lambda w: ops.shed(9, w.fault()), **DROPS),
    _door("shed", "on_drop", lambda w: ops.shed(2, yes, on_drop=w.fault()), **DROPS),
    _door("shed", "on_discard", lambda w: ops.shed(9, yes, on_discard=w.fault()), **DISCARDS),
    _door("conflate", "seed", lambda w: ops.conflate(w.fault(), add), **DROPS, calls=(1,)),
    _door("conflate", "fn", lambda w: ops.conflate(lambda x: x, w.fault(add)), **DROPS),
    _door("conflate_by_key", "key", lambda w: ops.conflate_by_key(w.fault()), **DROPS),
    _door("conflate_by_key", "fn", lambda w: ops.conflate_by_key(yes, w.fault(add)), **DROPS),
    _door(
        "conflate_by_key",
        "on_drop",
        lambda w: ops.conflate_by_key(yes, on_drop=w.fault()),
        label="replaced",
        **DROPS,
    ),
    _door(
        "conflate_by_key",
        "on_drop",
        lambda w: ops.conflate_by_key(
            lambda x: x, max_keys=2, overflow=rx.DROP_OLDEST, on_drop=w.fault()
        ),
        label="dropped",
        **DROPS,
    ),
    _door(
        "conflate_by_key",
        "on_discard",
        lambda w: ops.conflate_by_key(lambda x: x, on_discard=w.fault()),
        **DISCARDS,
    ),
    _door(
        "on_backpressure_block",
        "on_discard",
        lambda w: ops.on_backpressure_block(9, on_discard=w.fault()),
        **DISCARDS,
    ),
    _door(
        "on_backpressure_spill",
        "on_discard",
        lambda w: ops.on_backpressure_spill(2, on_discard=w.fault()),
        **DISCARDS,
    ),
    _door(
        "on_backpressure_spill",
        "dumps",
        lambda w: ops.on_backpressure_spill(2, dumps=w.fault(pickle.dumps)),
        **DROPS,
    ),
    _door(
        "on_backpressure_spill",
        "loads",
        lambda w: ops.on_backpressure_spill(2, loads=w.fault(pickle.loads)),
    ),
    Case(
        "from_observable",
        "on_drop",
        lambda w: rx.from_observable(
            w.source, overflow=rx.DROP_OLDEST, capacity=2, on_drop=w.fault()
        ),
        kinds=("door",),
        demand=0,
        **DROPS,
    ),
    Case(
        "from_observable",
        "weight",
        lambda w: rx.from_observable(w.source, overflow=rx.FAIL, weight=w.fault(lambda x: 1)),
        kinds=("door",),
        demand=0,
        **DROPS,
    ),
    Case(
        "from_observable",
        "on_discard",
        lambda w: rx.from_observable(w.source, overflow=rx.FAIL, on_discard=w.fault()),
        kinds=("door",),
        demand=0,
        **DISCARDS,
    ),
)
