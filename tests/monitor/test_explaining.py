"""explain: what a pipeline is made of, and what it holds at most, before it runs."""

from __future__ import annotations

import re
from collections.abc import Callable
from math import inf
from typing import Any

import pytest
import reactivex
from reactivex import operators as stock
from reactivex.scheduler import ImmediateScheduler
from reactivex.subject import Subject

import rxflow as rx
from rxflow import operators as ops
from rxflow.flow.registry import find, registered
from rxflow.flow.stock import TABLE, Mode
from rxflow.monitor import Explanation, Part, explain
from rxflow.testing import TestSubscriber, run_virtual
from tests.contract.law_callbacks import AtOnce
from tests.operators.test_demand import ROWS
from tests.support import counted
from tests.support_together import together
from tests.tck.cases import DOORS, OPERATORS, SOURCES

STEPS = {**OPERATORS, **DOORS}

# Those whose case is one of another, inside of which they are.
INSIDE: dict[str, Callable[[], Any]] = {
    "while_do": lambda: rx.of(1).pipe(ops.while_do(lambda _: False)),
    "throw": lambda: rx.throw(KeyError()),
    "never": rx.never,
    "map_thread": lambda: rx.of(1).map_thread(str),
    "from_file": lambda: rx.from_file("any"),
    "from_publisher": lambda: rx.from_publisher(Publishing()),
}


class Publishing(rx.Publisher[int]):
    def subscribe(self, subscriber: rx.Subscriber[int]) -> None:
        raise AssertionError("nothing is subscribed to")


def one_with(name: str) -> Any:
    """Give a Flow with an operator, a door or a source."""
    if name in INSIDE:
        return INSIDE[name]()
    if name in STEPS:
        return rx.range(9).pipe(STEPS[name].step)
    return SOURCES[name].make(1)


ENTRIES = [entry for entry in registered() if entry.kind != "bridge"]


async def in_loop(name: str) -> Explanation:
    return explain(one_with(name))


@pytest.mark.filterwarnings("ignore::rxflow.DemandBoundaryWarning")
@together("entry", ENTRIES, lambda entry: entry.name)
def test_everything_that_is_registered_is_explained(entry: Any) -> None:
    explained = run_virtual(in_loop(entry.name))
    (found,) = [part for part in explained.parts if part.name == entry.name]
    assert found.demand == entry.demand
    assert f"  {entry.name}" in explained.text
    consistent(explained)


def consistent(explained: Explanation) -> None:
    """Check what holds for each explanation."""
    parts = explained.parts
    assert [part.number for part in parts] == list(range(len(parts)))
    assert all(number < part.number for part in parts for number in part.inputs)
    used = [number for part in parts for number in part.inputs]
    assert {*used} == {part.number for part in parts[:-1]}, "each leads to the sink"
    assert [part.kind for part in parts].count("sink") == 1
    assert parts[-1].kind == "sink"
    for number, island in enumerate(explained.islands):
        assert [part.number for part in parts if part.island == number] == [*island]
        first, *rest = (parts[part] for part in island)
        assert all(len(part.inputs) == 1 and part.inputs[0] in island for part in rest)
        assert all(parts[before].island != number for before in first.inputs)
    known = [part.bound for part in parts]
    if inf in known:
        assert explained.bound == inf
    else:
        assert explained.bound == (None if None in known else sum(known))  # type: ignore[arg-type]


@together("name", STEPS)
def test_no_more_is_held_than_is_told(name: str) -> None:
    """Measured: all that the parts hold at once, with each demand, while nobody takes more."""
    case = STEPS[name]
    flow = rx.range(60).pipe(ops.map(case.element), case.step)
    bound = explain(flow).bound
    if bound is None or name in ASYNC:
        return
    for requested in (0, 1, 7):
        probe = TestSubscriber[Any](requested)
        subscription: Any = flow.subscribe(probe)
        held = sum(part.held for part in subscription.statistics())
        subscription.cancel()
        assert held <= bound


# They need an event loop; that these hold no more is told by the law of items.
ASYNC = ("map_async", "map_async_partitioned", "adaptive_concurrency")


NOW = ImmediateScheduler()
THREADS = AtOnce()


FULL: dict[str, tuple[Any, int]] = {
    "limit_rate": (ops.limit_rate(8), 8),
    "observe_on": (ops.observe_on(NOW, prefetch=4), 4),
    "batch": (ops.batch(5), 6),
    "shed": (ops.shed(9, float), 9),
    "on_backpressure_buffer": (ops.on_backpressure_buffer(7, overflow=rx.DROP_OLDEST), 7),
    "on_backpressure_latest": (ops.on_backpressure_latest(), 1),
}


@pytest.mark.parametrize("name", FULL)
def test_the_bound_is_reached_when_it_is_full(name: str) -> None:
    step, full = FULL[name]
    flow = rx.from_iterable(range(100)).pipe(step)
    subscription = flow.subscribe(TestSubscriber[Any](0))
    assert sum(part.held for part in subscription.statistics()) == full == explain(flow).bound
    subscription.cancel()


def test_a_source_is_advanced_no_further_than_the_bound_of_all_tells() -> None:
    source = counted(range(1000))
    flow = rx.from_iterable(source).pipe(
        ops.limit_rate(8), ops.pairwise(), ops.observe_on(NOW, prefetch=4)
    )
    assert explain(flow).bound == 8 + 1 + 4
    subscription = flow.subscribe(TestSubscriber[Any](0))
    assert 8 <= source.taken <= 13
    subscription.cancel()


def is_one_for_one(name: str) -> bool:
    entry = find("operator", name)
    return entry is not None and (
        entry.demand.startswith("1:1 ; 1:1") or name in ("pairwise", "skip_last")
    )


@together("name", [name for name in ROWS if is_one_for_one(name)])
def test_the_bound_is_what_is_measured_of_each_operator(name: str) -> None:
    """What is taken and not given, where an item comes of each: see the rows."""
    row = ROWS[name]
    flow = rx.from_iterable(row.source()).pipe(*row.steps(ops))
    own = 1 if name == "start_with" else 0  # it gives one that is none of the source's
    ahead = max(pulled - (given - own) for given, pulled in enumerate(row.pulled, 1))
    bound = explain(flow).bound
    assert bound is not None
    if name in ("materialize", "default_if_empty"):  # at the end only
        ahead += 1
    assert ahead == bound


def of(flow: Any, name: str) -> Part:
    (found,) = [part for part in explain(flow).parts if part.name == name]
    return found


def bound(flow: Any, name: str) -> float | None:
    return of(flow, name).bound


SOURCE = rx.range(9)
PLAIN = Subject[int]()

BOUNDS: dict[str, tuple[Any, str, float | None]] = {
    "a default": (SOURCE.observe_on(NOW), "observe_on", 256),
    "a stale one is not fetched ahead": (
        PLAIN.pipe(ops.on_backpressure_latest(), ops.observe_on(NOW)),
        "observe_on",
        1,
    ),
    "two arguments": (SOURCE.map_executor(THREADS, str, 3, buffer=4), "map_executor", 7),
    "times": (SOURCE.flat_map(rx.of, max_concurrency=3, prefetch=5), "flat_map", 15),
    "per source": (SOURCE.merge(SOURCE, SOURCE, prefetch=4), "merge", 12),
    "per source that comes as an item": (
        SOURCE.map(rx.of).merge(max_concurrent=2, prefetch=4),
        "merge",
        8,
    ),
    "per rail": (SOURCE.parallel(3, ops.map(str)), "parallel", 3),
    "per rail, with what is in each": (SOURCE.parallel(3, ops.limit_rate(5)), "parallel", 18),
    "of what is supervised": (SOURCE.pipe(ops.supervise(ops.pairwise())), "supervise", 1),
    "an option": (SOURCE.throttle(9, burst=3, cost=float), "throttle", 1),
    "none": (SOURCE.to_list(), "to_list", inf),
    "of a replay": (SOURCE.replay(7, prefetch=2).ref_count(), "replay", 9),
    "by weight": (
        PLAIN.pipe(ops.on_backpressure_buffer(2**20, weight=float)),
        "on_backpressure_buffer",
        None,
    ),
    "only the run tells": (SOURCE.max_by(abs), "max_by", None),
    "lifted, as the native one": (SOURCE.pipe(rx.lift(stock.pairwise())), "pairwise", 1),
    "lifted, driven by the clock": (SOURCE.pipe(rx.lift(stock.debounce(1))), "debounce", 256),
    "lifted, only the run tells": (SOURCE.pipe(rx.lift(stock.delay(1))), "delay", None),
    "a buffer of its own": (
        SOURCE.share(prefetch=9).with_overflow(rx.DROP_OLDEST, capacity=7),
        "with_overflow",
        7,
    ),
}


@pytest.mark.parametrize("case", BOUNDS)
def test_a_bound_comes_of_the_arguments(case: str) -> None:
    flow, name, expected = BOUNDS[case]
    assert bound(flow, name) == expected


def test_what_is_shared_is_there_once_and_holds_for_each_subscriber() -> None:
    shared = SOURCE.share(prefetch=4)
    explained = explain(shared.map(str).merge(shared.filter(bool), prefetch=2))
    names = [part.name for part in explained.parts]
    assert names == ["range", "share", "map", "filter", "merge", "subscriber"]
    assert explained.bound == 2 * 4 + 2 * 2
    assert [part.inputs for part in explained.parts] == [(), (0,), (1,), (1,), (2, 3), (4,)]
    assert explained.islands == ((0,), (1,), (2,), (3,), (4, 5))
    consistent(explained)


def test_connecting_is_told_of_and_counts_once() -> None:
    shared = SOURCE.publish(prefetch=4).pipe(ops.ref_count())
    assert explain(shared).bound == 4
    assert explain(shared.merge(shared, prefetch=1)).bound == 2 * 4 + 2


def test_what_is_not_shared_is_there_as_often_as_it_is_subscribed_to() -> None:
    flow = SOURCE.limit_rate(4)
    explained = explain(flow.merge(flow, prefetch=1))
    assert explained.bound == 4 + 4 + 2


def test_a_plain_observable_comes_in_through_a_door() -> None:
    explained = explain(SOURCE.merge(PLAIN))
    assert [part.name for part in explained.parts] == [
        *("range", "Subject", "from_observable", "merge", "subscriber")
    ]
    door = explained.parts[2]
    assert (door.kind, door.bound, door.overflow, door.unbounded) == ("door", 256, "FAIL", True)
    assert explain(SOURCE.take_until(PLAIN)).bound == 1


def test_a_door_says_what_gives_way() -> None:
    door = of(PLAIN.pipe(ops.on_backpressure_buffer(3, overflow=rx.DROP_ALL)), "Subject")
    assert door.kind == "source"
    for step, expected in {
        ops.on_backpressure_buffer(3, overflow=rx.DROP_ALL): "DROP_ALL",
        ops.on_backpressure_drop(): "DROP_INCOMING",
        ops.on_backpressure_latest(): "DROP_OLDEST",
        ops.on_backpressure_error(): "FAIL",
        ops.on_backpressure_block(3): "BLOCK",
    }.items():
        part = of(PLAIN.pipe(step), step.name)  # type: ignore[attr-defined]
        assert (part.kind, part.overflow) == ("door", expected)
    # That of an operator is for what it opens while it runs: it asks for what it has room for.
    assert of(SOURCE.flat_map(rx.of, overflow=rx.DROP_OLDEST), "flat_map").overflow is None


def test_a_subscriber_with_a_buffer_of_its_own_asks_for_all_and_says_what_bounds_it() -> None:
    taken: list[int] = []
    shared = rx.range(50).pipe(ops.do_action(taken.append), ops.publish())
    flow = shared.with_overflow(rx.DROP_OLDEST, capacity=10)
    part = of(flow, "with_overflow")
    assert (part.bound, part.bounded_by, part.unbounded) == (10, "capacity", True)
    assert "boundary, holds at most 10 items (capacity), then drops the oldest" in str(
        explain(flow)
    )
    probe = TestSubscriber[int](0)
    flow.subscribe(probe)
    shared.connect()
    assert len(taken) == 50  # though nobody has asked
    probe.cancel()


@pytest.mark.parametrize(
    "step",
    [
        ops.on_backpressure_buffer(2048, weight=len),
        ops.batch(2048, weight=len),
    ],
)
def test_what_is_bounded_by_weight_says_so(step: Any) -> None:
    part = of(rx.of("text").pipe(step), step.name)
    assert (part.bound, part.bounded_by) == (None, "what weighs at most 2,048 in all")
    text = str(explain(rx.of("text").pipe(step)))
    assert "holds what weighs at most 2,048 in all, which only the run tells" in text


@pytest.mark.parametrize(
    ("flow", "first"),
    [
        (SOURCE, "It holds nothing."),
        (SOURCE.pipe(ops.limit_rate(1)), "It holds at most 1 item in all."),
        (SOURCE.pipe(ops.limit_rate(2)), "It holds at most 2 items in all."),
        (
            SOURCE.pipe(ops.limit_rate(1), ops.batch(9, weight=abs)),
            "It holds at most 1 item, and what is in batch at test_explaining.py:",
        ),
    ],
)
def test_what_is_held_in_all_is_told_in_good_english(flow: Any, first: str) -> None:
    assert str(explain(flow)).startswith(first)


def test_doors_that_operators_have_put_there_are_told_apart_by_their_lines() -> None:
    flow = SOURCE.merge(PLAIN).pipe(
        ops.zip(PLAIN),
    )
    first = test_doors_that_operators_have_put_there_are_told_apart_by_their_lines.__code__
    line = first.co_firstlineno + 1
    doors = [part.label for part in explain(flow).parts if part.kind == "door"]
    assert doors == [
        f"door for Subject into merge at test_explaining.py:{line}",
        f"door for Subject into zip at test_explaining.py:{line + 1}",
    ]


def test_demand_is_unbounded_where_the_demand_line_says_so() -> None:
    flow = PLAIN.pipe(ops.on_backpressure_drop(), ops.map(str), ops.to_list(), ops.limit_rate(2))
    unbounded = [part.name for part in explain(flow).parts if part.unbounded]
    assert unbounded == ["on_backpressure_drop", "to_list"]


@pytest.mark.parametrize("mode", [mode for mode in Mode if mode.name not in ("TERMINAL",)])
def test_what_is_lifted_says_by_which_rule(mode: Mode) -> None:
    makes: dict[Mode, Any] = {
        Mode.SYNC: stock.map(str),
        Mode.GATED: stock.merge(SOURCE),
        Mode.FLATTEN: stock.flat_map(rx.of),
        Mode.SWITCH: stock.switch_latest(),
        Mode.PASS: stock.delay(1),
        Mode.CONTROL: stock.take_until(SOURCE),
        Mode.HOLD: stock.window_with_count(2),
        Mode.FREE: stock.sample(1.0),
    }
    if mode is Mode.MULTICAST:  # that becomes a plain Observable, or a shared Flow
        return
    explained = explain(SOURCE.pipe(rx.lift(makes[mode])))
    (lifted,) = [part for part in explained.parts if part.kind == "lifted"]
    assert lifted.rule == mode.value == TABLE[lifted.name].mode.value
    assert mode.value in explained.text


def test_a_name_is_the_label_of_the_part_before_it_and_is_known_to_all() -> None:
    explained = explain(
        SOURCE.map(str).named("parse").pipe(ops.limit_rate(2), ops.named("orders"), ops.take(1))
    )
    labels = {part.name: part.label for part in explained.parts if part.name != "named"}
    names = {part.name: part.names for part in explained.parts if part.name != "named"}
    assert labels["map"] == "parse"
    assert labels["limit_rate"] == "orders"
    assert re.fullmatch(r"take at test_explaining\.py:\d+", labels["take"])
    assert names["range"] == names["map"] == ("parse", "orders")
    assert names["limit_rate"] == ("orders",)
    assert names["take"] == ()


def test_only_what_is_before_it_is_named() -> None:
    other = SOURCE.skip(1)
    explained = explain(other.merge(SOURCE.map(str).named("parse")))
    assert [part.name for part in explained.parts if part.names] == ["range", "map"]


def test_a_flow_of_which_nothing_is_noted_is_a_source() -> None:
    hub = rx.BroadcastHub[int]()
    assert explain(hub.flow.map(str)).parts[0].kind == "source"


def test_nothing_is_subscribed_to_and_nothing_kept() -> None:
    source = Subject[int]()
    flow = source.pipe(ops.on_backpressure_drop(), ops.map(str))
    first, second = explain(flow), explain(flow)
    assert not source.observers
    assert first == second
    assert first is not second


def test_it_wants_a_flow() -> None:
    with pytest.raises(TypeError, match="explain wants a Flow, not"):
        explain(reactivex.of(1))


def test_a_long_chain_is_explained() -> None:
    flow: Any = SOURCE
    for _ in range(1100):  # more than Python's calls may be nested
        flow = flow.map(str)
    assert len(explain(flow).parts) == 1102


class Unshowable:
    def __repr__(self) -> str:
        raise RuntimeError("not shown")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (lambda: 1, "lambda"),
        (str.upper, "upper"),
        (Unshowable(), "Unshowable"),
        (object(), "object"),
        ("x" * 99, "'" + "x" * 28 + "..."),
        (list(range(99)), "list of 99"),
        (rx.DROP_OLDEST, "DROP_OLDEST"),
        (SOURCE, "Flow"),
    ],
    ids=["lambda", "method", "unshowable", "object", "text", "list", "strategy", "Flow"],
)
def test_arguments_are_shown_shortly(value: Any, text: str) -> None:
    assert of(rx.of(value), "of").arguments == (text,)


PROGRAM = """\
from reactivex.subject import Subject
import rxflow as rx
from rxflow import operators as ops

ticks = Subject()

prices = ticks.pipe(
    ops.on_backpressure_buffer(1000, overflow=rx.DROP_OLDEST),
    ops.map(float),
    ops.named("parse"),
    ops.observe_on(NOW, prefetch=8),
    ops.pairwise(),
)
quotes = rx.of(1).pipe(rx.lift(stock.delay(1)))
"""


def test_it_is_told_in_words() -> None:
    known: dict[str, Any] = {"NOW": NOW, "stock": stock}
    exec(compile(PROGRAM, "/home/me/app.py", "exec"), known)
    assert (
        str(explain(known["prices"]))
        == """\
It holds at most 1,009 items in all.

island 1
  Subject
      gives what it has, whatever is asked for

island 2, draws from 1
  on_backpressure_buffer(1000, overflow=DROP_OLDEST)  app.py:8
      door, holds at most 1,000 items (capacity), then drops the oldest
  parse: map(float)                                   app.py:9
  named('parse')                                      app.py:10

island 3, draws from 2
  observe_on(ImmediateScheduler, prefetch=8)          app.py:11
      boundary, holds at most 8 items (prefetch)
  pairwise                                            app.py:12
      holds at most 1 item
  subscriber

demand becomes unbounded at these, which ask for all there is before them:
  on_backpressure_buffer at app.py:8"""
    )
    assert (
        str(explain(known["quotes"]))
        == """\
It holds what is in delay at app.py:14: how many, only the run tells.

island 1
  of(1)           app.py:14

island 2, draws from 1
  delay(1, None)  app.py:14
      lifted, holds the demand + 256, which only the run tells
  subscriber

operators of reactivex that are lifted, and how they are run:
  delay at app.py:14: items come out later: fed up to a window beyond the demand"""
    )
    assert str(explain(known["prices"].to_list())).startswith(
        "There is no bound to what it holds, because of to_list at test_explaining.py:"
    )
