"""Compositions of every stock operator, as data, for comparing rxflow with plain reactivex.

One long table: each name of ``reactivex.operators`` with what is made of it. A builder gets the
world of one run, for its clock and further sources, and the module (or a stand-in) whose
operators it is to use; it gives what goes into one ``pipe``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import reactivex
from reactivex import Observer
from reactivex.notification import OnCompleted, OnError, OnNext
from reactivex.subject import ReplaySubject, Subject

from .worlds import END, ERROR, SCRIPTS, World

Build = Callable[[World, Any], Any]


class CallbackError(Exception):
    """What a callback raises."""


@dataclass(frozen=True)
class Case:
    """One composition.

    Attributes:
        name: The operator that it is about.
        label: What is special about it.
        build: Makes the operators, to be piped one after another.
    """

    name: str
    label: str
    build: Callable[[World, Any], tuple[Any, ...]]

    def __str__(self) -> str:
        return f"{self.name}, {self.label}"


# Callbacks. They note their calls, so the order and the time of side effects is compared too.


def noted(world: World, function: Callable[..., Any], what: str = "called") -> Any:
    """Note each call."""

    def call(*args: Any) -> Any:
        world.note(what, *args)
        return function(*args)

    return call


def third_fails(world: World, function: Callable[..., Any] = lambda *args: args[0]) -> Any:
    """Note each call, and raise in the third one."""
    calls = 0

    def call(*args: Any) -> Any:
        nonlocal calls
        calls += 1
        world.note("called", *args)
        if calls == 3:
            raise CallbackError(f"call {calls}")
        return function(*args)

    return call


def fails(*_: Any) -> Any:
    raise CallbackError("at once")


def add(left: Any, right: Any) -> Any:
    return left + right


def even(value: Any, *_: Any) -> bool:
    return value % 2 == 0


def same_parity(left: Any, right: Any) -> bool:
    return bool(left % 2 == right % 2)


def watcher(world: World) -> tuple[Any, Any, Any]:
    """Three callbacks that note what they are given."""
    return (
        lambda value: world.note("next", value),
        lambda error: world.note("error", error),
        lambda: world.note("completed"),
    )


def notifications(value: Any) -> Any:
    return {1: OnNext("one"), 2: OnNext("two"), 3: OnError(ERROR)}.get(value, OnCompleted())


def times(count: int) -> Callable[..., bool]:
    """Be true for the first ``count`` calls."""
    left = iter(range(count))
    return lambda *_: next(left, None) is not None


# Further sources.


def letters(world: World) -> Any:
    return world.cold((5, "a"), (15, "b"), (25, "c"), (35, END))


def hot_letters(world: World) -> Any:
    return world.hot((190, "y"), (205, "a"), (215, "b"), (235, "c"), (260, END))


def hot_numbers(world: World) -> Any:
    return world.hot((190, 9), (205, 1), (215, 2), (225, 3), (246, END))


def failing(world: World) -> Any:
    return world.cold((5, "a"), (22, ERROR))


def ending(world: World) -> Any:
    return world.cold((17, END))


def silent(world: World) -> Any:
    return world.cold()


def tick(world: World, after: float) -> Any:
    return world.cold((after, "tick"))


def slow(world: World) -> Callable[..., Any]:
    """Make an inner source that overlaps with the next one."""
    return noted(
        world, lambda value, *_: world.cold((3, value), (14, value * 10), (18, END)), "inner"
    )


def uneven(world: World) -> Callable[..., Any]:
    """Make inner sources that last the longer the smaller the item is."""
    return noted(
        world, lambda value, *_: world.cold((1, value), (40 - 9 * value, -value), (41, END)), "open"
    )


def third_inner_fails(world: World) -> Callable[..., Any]:
    calls = iter(range(1, 99))
    return lambda value, *_: (
        world.cold((2, value), (4, ERROR))
        if next(calls) == 3
        else world.cold((2, value), (13, END))
    )


def instant(value: Any, *_: Any) -> Any:
    return reactivex.of(value, value * 10)


def both(world: World) -> Callable[[Any], Any]:
    """Join the two halves of a partition again, the second one marked."""
    return lambda pair: reactivex.merge(
        pair[0], pair[1].pipe(reactivex.operators.map(lambda value: ("other", value)))
    )


def twice(shared: Any) -> Any:
    """Use a shared source twice."""
    return reactivex.merge(shared, shared.pipe(reactivex.operators.map(lambda value: -value)))


_TABLE: dict[str, dict[str, Build]] = {
    "all": {
        "below 4": lambda w, o: o.all(noted(w, lambda x: x < 4)),
        "callback fails": lambda w, o: o.all(third_fails(w, bool)),
    },
    "amb": {
        "the other is later": lambda w, o: o.amb(w.hot((212, "a"), (222, "b"), (245, END))),
        "the other is first": lambda w, o: o.amb(letters(w)),
        "the other is silent": lambda w, o: o.amb(silent(w)),
        "the other fails first": lambda w, o: o.amb(w.cold((5, ERROR))),
    },
    "as_observable": {"": lambda w, o: o.as_observable()},
    "average": {
        "items": lambda w, o: o.average(),
        "key": lambda w, o: o.average(noted(w, lambda x: x * 10)),
        "callback fails": lambda w, o: o.average(third_fails(w)),
    },
    "buffer": {
        "hot boundaries": lambda w, o: o.buffer(hot_letters(w)),
        "cold boundaries": lambda w, o: o.buffer(letters(w)),
        "boundaries fail": lambda w, o: o.buffer(failing(w)),
        "boundaries end": lambda w, o: o.buffer(ending(w)),
    },
    "buffer_when": {
        "ticks": lambda w, o: o.buffer_when(noted(w, lambda: tick(w, 12))),
        "closing ends": lambda w, o: o.buffer_when(lambda: ending(w)),
        "closing fails": lambda w, o: o.buffer_when(lambda: failing(w)),
        "callback fails": lambda w, o: o.buffer_when(third_fails(w, lambda: tick(w, 12))),
    },
    "buffer_toggle": {
        "overlapping": lambda w, o: o.buffer_toggle(
            hot_letters(w), noted(w, lambda _: tick(w, 22))
        ),
        "callback fails": lambda w, o: o.buffer_toggle(
            letters(w), third_fails(w, lambda _: tick(w, 8))
        ),
        "openings fail": lambda w, o: o.buffer_toggle(failing(w), lambda _: tick(w, 8)),
        "closing ends": lambda w, o: o.buffer_toggle(hot_letters(w), lambda _: ending(w)),
        "closing fails": lambda w, o: o.buffer_toggle(
            hot_letters(w), lambda _: w.cold((12, ERROR))
        ),
        "openings end first": lambda w, o: o.buffer_toggle(
            w.hot((207, "a"), (208, END)), lambda _: tick(w, 30)
        ),
        "between the openings": lambda w, o: o.buffer_toggle(
            w.hot((212, "a"), (237, "b"), (238, END)), noted(w, lambda _: tick(w, 10))
        ),
    },
    "buffer_with_count": {
        "pairs": lambda w, o: o.buffer_with_count(2),
        "overlapping": lambda w, o: o.buffer_with_count(3, 1),
        "with gaps": lambda w, o: o.buffer_with_count(2, 3),
    },
    "buffer_with_time": {
        "every 15": lambda w, o: o.buffer_with_time(15, scheduler=w.scheduler),
        "overlapping": lambda w, o: o.buffer_with_time(20, 10, scheduler=w.scheduler),
        "with gaps": lambda w, o: o.buffer_with_time(10, 17, scheduler=w.scheduler),
        "inherited clock": lambda w, o: o.buffer_with_time(15),
    },
    "buffer_with_time_or_count": {
        "2 or 25": lambda w, o: o.buffer_with_time_or_count(25, 2, scheduler=w.scheduler),
        "99 or 15": lambda w, o: o.buffer_with_time_or_count(15, 99),
    },
    "catch": {
        "another source": lambda w, o: o.catch(letters(w)),
        "another that fails": lambda w, o: o.catch(failing(w)),
        "handler": lambda w, o: o.catch(noted(w, lambda error, _: letters(w))),
        "handler gives the source": lambda w, o: o.catch(lambda _, source: source),
        "callback fails": lambda w, o: o.catch(fails),
    },
    "combine_latest": {
        "hot": lambda w, o: o.combine_latest(hot_letters(w)),
        "two more": lambda w, o: o.combine_latest(letters(w), hot_numbers(w)),
        "the other fails": lambda w, o: o.combine_latest(failing(w)),
        "the other is empty": lambda w, o: o.combine_latest(ending(w)),
        "the other is silent": lambda w, o: o.combine_latest(silent(w)),
    },
    "concat": {
        "cold": lambda w, o: o.concat(letters(w)),
        "two more": lambda w, o: o.concat(ending(w), letters(w)),
        "hot": lambda w, o: o.concat(hot_letters(w)),
        "the other fails": lambda w, o: o.concat(failing(w), letters(w)),
    },
    "concat_all": {
        "slow inner": lambda w, o: (o.map(slow(w)), o.concat_all()),
        "instant inner": lambda w, o: (o.map(instant), o.concat_all()),
        "inner fails": lambda w, o: (o.map(third_inner_fails(w)), o.concat_all()),
    },
    "concat_map": {
        "slow inner": lambda w, o: o.concat_map(slow(w)),
        "instant inner": lambda w, o: o.concat_map(instant),
        "inner fails": lambda w, o: o.concat_map(third_inner_fails(w)),
        "callback fails": lambda w, o: o.concat_map(third_fails(w, instant)),
        "callback fails late": lambda w, o: o.concat_map(third_fails(w, slow(w))),
    },
    "contains": {
        "3": lambda w, o: o.contains(3),
        "comparer": lambda w, o: o.contains(12, noted(w, same_parity)),
        "callback fails": lambda w, o: o.contains(9, third_fails(w, lambda *_: False)),
    },
    "count": {
        "items": lambda w, o: o.count(),
        "predicate": lambda w, o: o.count(noted(w, even)),
        "callback fails": lambda w, o: o.count(third_fails(w, even)),
    },
    "debounce": {
        "shorter than the gaps": lambda w, o: o.debounce(4, scheduler=w.scheduler),
        "longer than the gaps": lambda w, o: o.debounce(14, scheduler=w.scheduler),
        "as long as some gaps": lambda w, o: o.debounce(5),
    },
    "throttle_with_timeout": {
        "shorter than the gaps": lambda w, o: o.throttle_with_timeout(4, scheduler=w.scheduler),
        "longer than the gaps": lambda w, o: o.throttle_with_timeout(14),
    },
    "default_if_empty": {
        "None": lambda w, o: o.default_if_empty(),
        "7": lambda w, o: o.default_if_empty(7),
    },
    "delay_subscription": {
        "shorter": lambda w, o: o.delay_subscription(8, scheduler=w.scheduler),
        "longer": lambda w, o: o.delay_subscription(22),
    },
    "delay_with_mapper": {
        "by item": lambda w, o: o.delay_with_mapper(noted(w, lambda x: tick(w, 30 - 7 * x))),
        "by completion": lambda w, o: o.delay_with_mapper(lambda _: ending(w)),
        "delay fails": lambda w, o: o.delay_with_mapper(lambda _: failing(w).pipe(_SKIP)),
        "late subscription": lambda w, o: o.delay_with_mapper(tick(w, 7), lambda x: tick(w, 3 * x)),
        "callback fails": lambda w, o: o.delay_with_mapper(third_fails(w, lambda _: tick(w, 5))),
        "late subscription, by an end": lambda w, o: o.delay_with_mapper(
            ending(w), lambda x: tick(w, 3 * x)
        ),
        "the late subscription fails": lambda w, o: o.delay_with_mapper(
            w.cold((12, ERROR)), lambda x: tick(w, 3 * x)
        ),
    },
    "dematerialize": {
        "what was materialized": lambda w, o: (o.materialize(), o.dematerialize()),
        "notifications": lambda w, o: (o.map(notifications), o.dematerialize()),
    },
    "delay": {
        "shorter than the gaps": lambda w, o: o.delay(3, scheduler=w.scheduler),
        "longer than the gaps": lambda w, o: o.delay(25),
    },
    "distinct": {
        "items": lambda w, o: o.distinct(),
        "key": lambda w, o: o.distinct(noted(w, lambda x: x % 2)),
        "comparer": lambda w, o: o.distinct(comparer=noted(w, same_parity)),
        "key fails": lambda w, o: o.distinct(third_fails(w)),
        "comparer fails": lambda w, o: o.distinct(None, third_fails(w, lambda *_: False)),
    },
    "distinct_until_changed": {
        "items": lambda w, o: o.distinct_until_changed(),
        "key": lambda w, o: o.distinct_until_changed(noted(w, lambda x: x // 2)),
        "comparer": lambda w, o: o.distinct_until_changed(comparer=noted(w, same_parity)),
        "key fails": lambda w, o: o.distinct_until_changed(third_fails(w)),
        "comparer fails": lambda w, o: o.distinct_until_changed(None, fails),
    },
    "do": {
        "observer": lambda w, o: o.do(Observer(*watcher(w))),
        "on_next fails": lambda w, o: o.do(Observer(third_fails(w))),
    },
    "do_action": {
        "on_next": lambda w, o: o.do_action(watcher(w)[0]),
        "all three": lambda w, o: o.do_action(*watcher(w)),
        "on_error alone": lambda w, o: o.do_action(on_error=watcher(w)[1]),
        "on_next fails": lambda w, o: o.do_action(third_fails(w), *watcher(w)[1:]),
        "on_error fails": lambda w, o: o.do_action(on_error=fails),
        "on_completed fails": lambda w, o: o.do_action(on_completed=fails),
    },
    "do_while": {
        "twice more": lambda w, o: o.do_while(noted(w, times(2))),
        "never again": lambda w, o: o.do_while(times(0)),
        "callback fails": lambda w, o: o.do_while(fails),
    },
    "element_at": {
        "first": lambda w, o: o.element_at(0),
        "third": lambda w, o: o.element_at(2),
        "beyond": lambda w, o: o.element_at(9),
    },
    "element_at_or_default": {
        "third": lambda w, o: o.element_at_or_default(2, "none"),
        "beyond": lambda w, o: o.element_at_or_default(9, "none"),
        "beyond, None": lambda w, o: o.element_at_or_default(9),
    },
    "exclusive": {
        "slow inner": lambda w, o: (o.map(slow(w)), o.exclusive()),
        "uneven inner": lambda w, o: (o.map(uneven(w)), o.exclusive()),
        "inner fails": lambda w, o: (o.map(third_inner_fails(w)), o.exclusive()),
    },
    "expand": {
        "slow": lambda w, o: o.expand(
            noted(w, lambda x: w.cold((7, x * 3), (9, END)) if x < 30 else ending(w))
        ),
        "instant": lambda w, o: o.expand(
            lambda x: reactivex.of(x * 2) if x < 9 else reactivex.empty()
        ),
        "callback fails": lambda w, o: o.expand(third_fails(w, lambda _: tick(w, 6))),
    },
    "filter": {
        "even": lambda w, o: o.filter(noted(w, even)),
        "none": lambda w, o: o.filter(lambda _: False),
        "callback fails": lambda w, o: o.filter(third_fails(w)),
    },
    "filter_indexed": {
        "every other": lambda w, o: o.filter_indexed(noted(w, lambda _, i: i % 2 == 0)),
        "without": lambda w, o: o.filter_indexed(),
        "callback fails": lambda w, o: o.filter_indexed(third_fails(w)),
    },
    "finally_action": {
        "noted": lambda w, o: o.finally_action(lambda: w.note("finally")),
        "before take": lambda w, o: (o.finally_action(lambda: w.note("finally")), o.take(2)),
        "with do": lambda w, o: (
            o.do_action(*watcher(w)),
            o.finally_action(lambda: w.note("finally")),
        ),
    },
    "find": {
        "even": lambda w, o: o.find(noted(w, lambda x, i, _: even(x) and i > 0)),
        "none": lambda w, o: o.find(lambda *_: False),
        "callback fails": lambda w, o: o.find(third_fails(w, lambda *_: False)),
    },
    "find_index": {
        "even": lambda w, o: o.find_index(lambda x, i, _: even(x) and i > 0),
        "none": lambda w, o: o.find_index(lambda *_: False),
        "callback fails": lambda w, o: o.find_index(third_fails(w, lambda *_: False)),
    },
    "first": {
        "item": lambda w, o: o.first(),
        "predicate": lambda w, o: o.first(noted(w, lambda x: x > 2)),
        "callback fails": lambda w, o: o.first(third_fails(w, lambda _: False)),
    },
    "first_or_default": {
        "item": lambda w, o: o.first_or_default(None, "none"),
        "predicate": lambda w, o: o.first_or_default(noted(w, lambda x: x > 3), "none"),
        "None": lambda w, o: o.first_or_default(),
        "callback fails": lambda w, o: o.first_or_default(third_fails(w, lambda _: False)),
    },
    "flat_map": {
        "slow inner": lambda w, o: o.flat_map(slow(w)),
        "uneven inner": lambda w, o: o.flat_map(uneven(w)),
        "instant inner": lambda w, o: o.flat_map(instant),
        "one source for all": lambda w, o: o.flat_map(w.cold((3, "a"), (14, "b"), (18, END))),
        "inner fails": lambda w, o: o.flat_map(third_inner_fails(w)),
        "callback fails": lambda w, o: o.flat_map(third_fails(w, slow(w))),
    },
    "flat_map_indexed": {
        "slow inner": lambda w, o: o.flat_map_indexed(
            noted(w, lambda x, i: w.cold((3, (x, i)), (14, END)))
        ),
        "instant inner": lambda w, o: o.flat_map_indexed(lambda x, i: reactivex.of(x, i)),
        "callback fails": lambda w, o: o.flat_map_indexed(third_fails(w, slow(w))),
    },
    "flat_map_latest": {
        "slow inner": lambda w, o: o.flat_map_latest(slow(w)),
        "instant inner": lambda w, o: o.flat_map_latest(instant),
        "inner fails": lambda w, o: o.flat_map_latest(third_inner_fails(w)),
        "callback fails": lambda w, o: o.flat_map_latest(third_fails(w, slow(w))),
    },
    "fork_join": {
        "two more": lambda w, o: o.fork_join(letters(w), hot_numbers(w)),
        "the other fails": lambda w, o: o.fork_join(failing(w)),
        "the other is empty": lambda w, o: o.fork_join(ending(w)),
    },
    "group_by": {
        "parity": lambda w, o: o.group_by(noted(w, lambda x: x % 2)),
        "elements": lambda w, o: o.group_by(lambda x: x % 2, noted(w, lambda x: x * 10)),
        "subjects": lambda w, o: o.group_by(lambda x: x % 2, None, lambda: ReplaySubject()),
        "flattened": lambda w, o: (
            o.group_by(lambda x: x % 2),
            o.flat_map(lambda group: group.pipe(reactivex.operators.to_list())),
        ),
        "callback fails": lambda w, o: o.group_by(third_fails(w, even)),
        "elements fail": lambda w, o: o.group_by(even, third_fails(w)),
    },
    "group_by_until": {
        "short groups": lambda w, o: o.group_by_until(
            lambda x: x % 2, None, noted(w, lambda _: tick(w, 15), "until")
        ),
        "elements": lambda w, o: o.group_by_until(
            even, noted(w, lambda x: x * 10), lambda _: tick(w, 25)
        ),
        "duration fails": lambda w, o: o.group_by_until(even, None, lambda _: failing(w)),
        "callback fails": lambda w, o: o.group_by_until(
            third_fails(w, even), None, lambda _: tick(w, 15)
        ),
    },
    "group_join": {
        "windows": lambda w, o: o.group_join(
            hot_letters(w), lambda _: tick(w, 12), lambda _: tick(w, 15)
        ),
        "the other fails": lambda w, o: o.group_join(
            failing(w), lambda _: tick(w, 12), lambda _: tick(w, 15)
        ),
        "callback fails": lambda w, o: o.group_join(
            letters(w), third_fails(w, lambda _: tick(w, 9)), lambda _: tick(w, 15)
        ),
        "the other ends first": lambda w, o: o.group_join(
            letters(w), lambda _: tick(w, 30), lambda _: ending(w)
        ),
        "for ever": lambda w, o: o.group_join(
            hot_letters(w), lambda _: silent(w), lambda _: silent(w)
        ),
        "a duration fails": lambda w, o: o.group_join(
            hot_letters(w), lambda _: failing(w), lambda _: silent(w)
        ),
        "the other's duration fails": lambda w, o: o.group_join(
            hot_letters(w), lambda _: ending(w), lambda _: failing(w)
        ),
    },
    "ignore_elements": {"": lambda w, o: o.ignore_elements()},
    "is_empty": {"": lambda w, o: o.is_empty()},
    "join": {
        "overlapping": lambda w, o: o.join(
            hot_letters(w), lambda _: tick(w, 12), lambda _: tick(w, 15)
        ),
        "the other fails": lambda w, o: o.join(
            failing(w), lambda _: tick(w, 12), lambda _: ending(w)
        ),
        "callback fails": lambda w, o: o.join(
            letters(w), third_fails(w, lambda _: tick(w, 9)), lambda _: tick(w, 15)
        ),
    },
    "last": {
        "item": lambda w, o: o.last(),
        "predicate": lambda w, o: o.last(noted(w, even)),
        "callback fails": lambda w, o: o.last(third_fails(w, even)),
    },
    "last_or_default": {
        "item": lambda w, o: o.last_or_default("none"),
        "predicate": lambda w, o: o.last_or_default("none", noted(w, lambda x: x > 3)),
        "None": lambda w, o: o.last_or_default(),
        "callback fails": lambda w, o: o.last_or_default("none", third_fails(w, even)),
    },
    "map": {
        "times ten": lambda w, o: o.map(noted(w, lambda x: x * 10)),
        "identity": lambda w, o: o.map(),
        "to None": lambda w, o: o.map(lambda _: None),
        "callback fails": lambda w, o: o.map(third_fails(w)),
    },
    "map_indexed": {
        "pairs": lambda w, o: o.map_indexed(noted(w, lambda x, i: (x, i))),
        "identity": lambda w, o: o.map_indexed(),
        "callback fails": lambda w, o: o.map_indexed(third_fails(w)),
    },
    "materialize": {"": lambda w, o: o.materialize()},
    "max": {
        "items": lambda w, o: o.max(),
        "comparer": lambda w, o: o.max(noted(w, lambda x, y: y - x)),
        "callback fails": lambda w, o: o.max(fails),
    },
    "max_by": {
        "key": lambda w, o: o.max_by(noted(w, lambda x: x % 3)),
        "comparer": lambda w, o: o.max_by(lambda x: x % 3, lambda x, y: y - x),
        "callback fails": lambda w, o: o.max_by(third_fails(w)),
    },
    "merge": {
        "hot": lambda w, o: o.merge(hot_letters(w)),
        "two more": lambda w, o: o.merge(letters(w), hot_numbers(w)),
        "at the same times": lambda w, o: o.merge(
            w.hot((210, "a"), (220, "b"), (240, "c"), (250, END))
        ),
        "the other fails": lambda w, o: o.merge(failing(w)),
        "the other is silent": lambda w, o: o.merge(silent(w)),
        "sources, 2 at once": lambda w, o: (o.map(uneven(w)), o.merge(max_concurrent=2)),
    },
    "merge_all": {
        "slow inner": lambda w, o: (o.map(slow(w)), o.merge_all()),
        "instant inner": lambda w, o: (o.map(instant), o.merge_all()),
        "inner fails": lambda w, o: (o.map(third_inner_fails(w)), o.merge_all()),
    },
    "min": {
        "items": lambda w, o: o.min(),
        "comparer": lambda w, o: o.min(noted(w, lambda x, y: y - x)),
        "callback fails": lambda w, o: o.min(fails),
    },
    "min_by": {
        "key": lambda w, o: o.min_by(noted(w, lambda x: x % 3)),
        "comparer": lambda w, o: o.min_by(lambda x: x % 3, lambda x, y: y - x),
        "callback fails": lambda w, o: o.min_by(third_fails(w)),
    },
    "multicast": {
        "mapper": lambda w, o: o.multicast(
            subject_factory=lambda _: Subject(), mapper=noted(w, twice, "mapped")
        ),
        "ref_count": lambda w, o: (o.multicast(Subject()), o.ref_count()),
    },
    "observe_on": {"": lambda w, o: o.observe_on(w.scheduler)},
    "on_error_resume_next": {
        "cold": lambda w, o: o.on_error_resume_next(letters(w)),
        "the other fails": lambda w, o: o.on_error_resume_next(failing(w)),
    },
    "pairwise": {"": lambda w, o: o.pairwise()},
    "partition": {
        "joined again": lambda w, o: (o.partition(noted(w, even)), both(w)),
        "the first": lambda w, o: (o.partition(even), lambda pair: pair[0]),
        "callback fails": lambda w, o: (o.partition(third_fails(w, even)), both(w)),
    },
    "partition_indexed": {
        "joined again": lambda w, o: (
            o.partition_indexed(noted(w, lambda _, i: i % 2 == 0)),
            both(w),
        ),
        "the second": lambda w, o: (o.partition_indexed(even), lambda pair: pair[1]),
    },
    "pluck": {
        "key": lambda w, o: (o.map(lambda x: {"key": x}), o.pluck("key")),
        "missing": lambda w, o: (o.map(lambda x: {x: x}), o.pluck(1)),
    },
    "pluck_attr": {
        "attribute": lambda w, o: (o.map(lambda x: SimpleNamespace(a=x)), o.pluck_attr("a")),
        "missing": lambda w, o: (o.map(lambda x: SimpleNamespace(a=x)), o.pluck_attr("b")),
    },
    "publish": {
        "mapper": lambda w, o: o.publish(noted(w, twice, "mapped")),
        "ref_count": lambda w, o: (o.publish(), o.ref_count()),
        "auto_connect": lambda w, o: (o.publish(), lambda shared: shared.auto_connect(1)),
    },
    "publish_value": {
        "mapper": lambda w, o: o.publish_value(0, twice),
        "ref_count": lambda w, o: (o.publish_value(0), o.ref_count()),
    },
    "reduce": {
        "sum": lambda w, o: o.reduce(noted(w, add)),
        "seed": lambda w, o: o.reduce(add, 100),
        "seed None": lambda w, o: o.reduce(lambda left, right: (left, right), None),
        "callback fails": lambda w, o: o.reduce(third_fails(w, add), 0),
    },
    "ref_count": {"": lambda w, o: (o.publish(), o.ref_count())},
    "repeat": {
        "3 times": lambda w, o: o.repeat(3),
        "for ever": lambda w, o: o.repeat(),
        "never": lambda w, o: o.repeat(0),
    },
    "replay": {
        "mapper": lambda w, o: o.replay(mapper=twice, scheduler=w.scheduler),
        "ref_count": lambda w, o: (o.replay(2, scheduler=w.scheduler), o.ref_count()),
        "window": lambda w, o: (o.replay(None, 15, scheduler=w.scheduler), o.ref_count()),
        "bounded, mapper": lambda w, o: o.replay(9, mapper=twice, scheduler=w.scheduler),
        "bounded, window": lambda w, o: (o.replay(9, 15, scheduler=w.scheduler), o.ref_count()),
    },
    "retry": {
        "3 times": lambda w, o: o.retry(3),
        "for ever": lambda w, o: o.retry(),
        "never": lambda w, o: o.retry(0),
        "a failing callback": lambda w, o: (o.map(third_fails(w)), o.retry(2)),
    },
    "sample": {
        "every 15": lambda w, o: o.sample(15, scheduler=w.scheduler),
        "by a source": lambda w, o: o.sample(hot_letters(w)),
        "sampler fails": lambda w, o: o.sample(failing(w)),
        "inherited clock": lambda w, o: o.sample(12),
    },
    "scan": {
        "sum": lambda w, o: o.scan(noted(w, add)),
        "seed": lambda w, o: o.scan(add, 100),
        "seed None": lambda w, o: o.scan(lambda left, right: (left, right), None),
        "callback fails": lambda w, o: o.scan(third_fails(w, add), 0),
    },
    "sequence_equal": {
        "equal": lambda w, o: o.sequence_equal(
            w.cold((5, 1), (15, 2), (35, 3), (36, 4), (37, END))
        ),
        "shorter": lambda w, o: o.sequence_equal(w.cold((15, 1), (16, 2), (17, END))),
        "iterable": lambda w, o: o.sequence_equal([1, 2, 3, 4]),
        "comparer": lambda w, o: o.sequence_equal(hot_numbers(w), noted(w, same_parity)),
        "comparer fails": lambda w, o: o.sequence_equal(hot_numbers(w), fails),
        "the other fails": lambda w, o: o.sequence_equal(w.cold((5, 1), (15, ERROR))),
    },
    "share": {"": lambda w, o: o.share()},
    "single": {
        "item": lambda w, o: o.single(),
        "predicate": lambda w, o: o.single(noted(w, lambda x: x == 3)),
        "callback fails": lambda w, o: o.single(third_fails(w, lambda _: False)),
    },
    "single_or_default": {
        "item": lambda w, o: o.single_or_default(None, "none"),
        "predicate": lambda w, o: o.single_or_default(noted(w, lambda x: x == 3), "none"),
        "None": lambda w, o: o.single_or_default(lambda _: False),
    },
    "single_or_default_async": {
        "default": lambda w, o: o.single_or_default_async(True, "none"),
        "no default": lambda w, o: o.single_or_default_async(),
    },
    "skip": {
        "2": lambda w, o: o.skip(2),
        "none": lambda w, o: o.skip(0),
        "more than there are": lambda w, o: o.skip(9),
    },
    "skip_last": {
        "1": lambda w, o: o.skip_last(1),
        "3": lambda w, o: o.skip_last(3),
        "none": lambda w, o: o.skip_last(0),
    },
    "skip_last_with_time": {
        "15": lambda w, o: o.skip_last_with_time(15, scheduler=w.scheduler),
        "inherited clock": lambda w, o: o.skip_last_with_time(25),
    },
    "skip_until": {
        "hot": lambda w, o: o.skip_until(w.hot((222, "now"))),
        "the other ends": lambda w, o: o.skip_until(ending(w)),
        "the other fails": lambda w, o: o.skip_until(w.cold((22, ERROR))),
        "the other is silent": lambda w, o: o.skip_until(silent(w)),
    },
    "skip_until_with_time": {
        "22": lambda w, o: o.skip_until_with_time(22, scheduler=w.scheduler),
        "inherited clock": lambda w, o: o.skip_until_with_time(15),
    },
    "skip_while": {
        "below 3": lambda w, o: o.skip_while(noted(w, lambda x: x < 3)),
        "always": lambda w, o: o.skip_while(lambda _: True),
        "callback fails": lambda w, o: o.skip_while(third_fails(w)),
    },
    "skip_while_indexed": {
        "the first two": lambda w, o: o.skip_while_indexed(noted(w, lambda _, i: i < 2)),
        "callback fails": lambda w, o: o.skip_while_indexed(third_fails(w)),
    },
    "skip_with_time": {
        "22": lambda w, o: o.skip_with_time(22, scheduler=w.scheduler),
        "inherited clock": lambda w, o: o.skip_with_time(15),
    },
    "slice": {
        "middle": lambda w, o: o.slice(1, 3),
        "step": lambda w, o: o.slice(0, 4, 2),
        "from the end": lambda w, o: o.slice(-2),
        "up to the end": lambda w, o: o.slice(1, -1),
    },
    "some": {
        "any": lambda w, o: o.some(),
        "predicate": lambda w, o: o.some(noted(w, lambda x: x > 2)),
        "callback fails": lambda w, o: o.some(third_fails(w, lambda _: False)),
    },
    "starmap": {
        "sum": lambda w, o: (o.map(lambda x: (x, 5)), o.starmap(noted(w, add))),
        "identity": lambda w, o: (o.map(lambda x: (x, 5)), o.starmap()),
        "callback fails": lambda w, o: (o.map(lambda x: (x, 5)), o.starmap(third_fails(w))),
    },
    "starmap_indexed": {
        "sum": lambda w, o: (
            o.map(lambda x: (x, 5)),
            o.starmap_indexed(noted(w, lambda x, y, i: (x + y, i))),
        ),
        "callback fails": lambda w, o: (
            o.map(lambda x: (x, 5)),
            o.starmap_indexed(third_fails(w)),
        ),
    },
    "start_with": {
        "two": lambda w, o: o.start_with("a", "b"),
        "none": lambda w, o: o.start_with(),
    },
    "subscribe_on": {"": lambda w, o: o.subscribe_on(w.scheduler)},
    "sum": {
        "items": lambda w, o: o.sum(),
        "key": lambda w, o: o.sum(noted(w, lambda x: x * 10)),
        "callback fails": lambda w, o: o.sum(third_fails(w)),
    },
    "switch_latest": {
        "slow inner": lambda w, o: (o.map(slow(w)), o.switch_latest()),
        "instant inner": lambda w, o: (o.map(instant), o.switch_latest()),
        "inner fails": lambda w, o: (o.map(third_inner_fails(w)), o.switch_latest()),
    },
    "switch_map": {
        "slow inner": lambda w, o: o.switch_map(slow(w)),
        "instant inner": lambda w, o: o.switch_map(instant),
        "callback fails": lambda w, o: o.switch_map(third_fails(w, slow(w))),
    },
    "switch_map_indexed": {
        "slow inner": lambda w, o: o.switch_map_indexed(
            noted(w, lambda x, i: w.cold((3, (x, i)), (14, END)))
        ),
        "callback fails": lambda w, o: o.switch_map_indexed(third_fails(w, slow(w))),
    },
    "take": {
        "2": lambda w, o: o.take(2),
        "none": lambda w, o: o.take(0),
        "more than there are": lambda w, o: o.take(9),
        "before do": lambda w, o: (o.do_action(*watcher(w)), o.take(2)),
    },
    "take_last": {
        "2": lambda w, o: o.take_last(2),
        "none": lambda w, o: o.take_last(0),
        "more than there are": lambda w, o: o.take_last(9),
    },
    "take_last_buffer": {
        "2": lambda w, o: o.take_last_buffer(2),
        "more than there are": lambda w, o: o.take_last_buffer(9),
    },
    "take_last_with_time": {
        "25": lambda w, o: o.take_last_with_time(25, scheduler=w.scheduler),
        "inherited clock": lambda w, o: o.take_last_with_time(15),
    },
    "take_until": {
        "hot": lambda w, o: o.take_until(w.hot((222, "now"))),
        "the other ends": lambda w, o: o.take_until(ending(w)),
        "the other fails": lambda w, o: o.take_until(w.cold((22, ERROR))),
    },
    "take_until_with_time": {
        "22": lambda w, o: o.take_until_with_time(22, scheduler=w.scheduler),
        "inherited clock": lambda w, o: o.take_until_with_time(15),
    },
    "take_while": {
        "below 3": lambda w, o: o.take_while(noted(w, lambda x: x < 3)),
        "inclusive": lambda w, o: o.take_while(lambda x: x < 2, inclusive=True),
        "callback fails": lambda w, o: o.take_while(third_fails(w)),
    },
    "take_while_indexed": {
        "the first two": lambda w, o: o.take_while_indexed(noted(w, lambda _, i: i < 2)),
        "inclusive": lambda w, o: o.take_while_indexed(lambda _, i: i < 1, inclusive=True),
        "callback fails": lambda w, o: o.take_while_indexed(third_fails(w)),
    },
    "take_with_time": {
        "22": lambda w, o: o.take_with_time(22, scheduler=w.scheduler),
        "inherited clock": lambda w, o: o.take_with_time(15),
    },
    "tap": {
        "all three": lambda w, o: o.tap(*watcher(w)),
        "on_next fails": lambda w, o: o.tap(third_fails(w)),
    },
    "throttle_first": {
        "15": lambda w, o: o.throttle_first(15, scheduler=w.scheduler),
        "inherited clock": lambda w, o: o.throttle_first(9),
    },
    "throttle_with_mapper": {
        "by item": lambda w, o: o.throttle_with_mapper(noted(w, lambda x: tick(w, 5 * x))),
        "by completion": lambda w, o: o.throttle_with_mapper(lambda _: w.cold((6, END))),
        "throttle fails": lambda w, o: o.throttle_with_mapper(lambda _: w.cold((6, ERROR))),
        "callback fails": lambda w, o: o.throttle_with_mapper(third_fails(w, lambda _: tick(w, 5))),
    },
    "timestamp": {
        "": lambda w, o: o.timestamp(w.scheduler),
        "inherited clock": lambda w, o: o.timestamp(),
    },
    "timeout": {
        "after 15": lambda w, o: o.timeout(15, scheduler=w.scheduler),
        "never": lambda w, o: o.timeout(99),
        "another source": lambda w, o: o.timeout(12, letters(w)),
        "after 7": lambda w, o: o.timeout(7, letters(w), w.scheduler),
    },
    "timeout_with_mapper": {
        "by item": lambda w, o: o.timeout_with_mapper(
            tick(w, 17), noted(w, lambda x: tick(w, 5 * x))
        ),
        "another source": lambda w, o: o.timeout_with_mapper(
            tick(w, 17), lambda x: tick(w, 7), letters(w)
        ),
        "callback fails": lambda w, o: o.timeout_with_mapper(
            None, third_fails(w, lambda _: tick(w, 50))
        ),
        "the first is late": lambda w, o: o.timeout_with_mapper(tick(w, 7), None, letters(w)),
        "by an end": lambda w, o: o.timeout_with_mapper(
            ending(w), lambda _: w.cold((9, END)), letters(w)
        ),
        "a limit fails": lambda w, o: o.timeout_with_mapper(
            silent(w), lambda _: w.cold((9, ERROR)), letters(w)
        ),
        "no limits": lambda w, o: o.timeout_with_mapper(),
    },
    "time_interval": {
        "": lambda w, o: o.time_interval(w.scheduler),
        "inherited clock": lambda w, o: o.time_interval(),
    },
    "to_dict": {
        "key": lambda w, o: o.to_dict(noted(w, str)),
        "elements": lambda w, o: o.to_dict(lambda x: x % 2, lambda x: x * 10),
        "callback fails": lambda w, o: o.to_dict(third_fails(w)),
    },
    "to_iterable": {"": lambda w, o: o.to_iterable()},
    "to_list": {"": lambda w, o: o.to_list()},
    "to_marbles": {
        "timespan": lambda w, o: o.to_marbles(5, w.scheduler),
        "inherited clock": lambda w, o: o.to_marbles(10),
    },
    "to_set": {"": lambda w, o: o.to_set()},
    "while_do": {
        "twice": lambda w, o: o.while_do(noted(w, times(2))),
        "never": lambda w, o: o.while_do(times(0)),
        "callback fails": lambda w, o: o.while_do(fails),
    },
    "window": {
        "hot boundaries": lambda w, o: o.window(hot_letters(w)),
        "boundaries fail": lambda w, o: o.window(failing(w)),
        "flattened": lambda w, o: (
            o.window(hot_letters(w)),
            o.flat_map(lambda window: window.pipe(reactivex.operators.to_list())),
        ),
    },
    "window_when": {
        "ticks": lambda w, o: o.window_when(noted(w, lambda: tick(w, 12))),
        "closing fails": lambda w, o: o.window_when(lambda: failing(w)),
        "callback fails": lambda w, o: o.window_when(third_fails(w, lambda: tick(w, 12))),
    },
    "window_toggle": {
        "overlapping": lambda w, o: o.window_toggle(
            hot_letters(w), noted(w, lambda _: tick(w, 22))
        ),
        "callback fails": lambda w, o: o.window_toggle(
            letters(w), third_fails(w, lambda _: tick(w, 8))
        ),
        "openings fail": lambda w, o: o.window_toggle(failing(w), lambda _: tick(w, 28)),
        "closing ends": lambda w, o: o.window_toggle(hot_letters(w), lambda _: ending(w)),
        "closing fails": lambda w, o: o.window_toggle(
            hot_letters(w), lambda _: w.cold((12, ERROR))
        ),
        "openings end first": lambda w, o: o.window_toggle(
            w.hot((207, "a"), (208, END)), lambda _: tick(w, 30)
        ),
    },
    "window_with_count": {
        "pairs": lambda w, o: o.window_with_count(2),
        "overlapping": lambda w, o: o.window_with_count(3, 1),
        "with gaps": lambda w, o: o.window_with_count(2, 3),
        "flattened": lambda w, o: (
            o.window_with_count(2),
            o.flat_map(lambda window: window.pipe(reactivex.operators.to_list())),
        ),
    },
    "window_with_time": {
        "every 15": lambda w, o: o.window_with_time(15, scheduler=w.scheduler),
        "overlapping": lambda w, o: o.window_with_time(20, 10, scheduler=w.scheduler),
        "inherited clock": lambda w, o: o.window_with_time(12),
    },
    "window_with_time_or_count": {
        "2 or 25": lambda w, o: o.window_with_time_or_count(25, 2, scheduler=w.scheduler),
        "99 or 15": lambda w, o: o.window_with_time_or_count(15, 99),
    },
    "with_latest_from": {
        "hot": lambda w, o: o.with_latest_from(hot_letters(w)),
        "two": lambda w, o: o.with_latest_from(letters(w), hot_numbers(w)),
        "the other fails": lambda w, o: o.with_latest_from(failing(w)),
        "the other is silent": lambda w, o: o.with_latest_from(silent(w)),
    },
    "zip": {
        "hot": lambda w, o: o.zip(hot_letters(w)),
        "two more": lambda w, o: o.zip(letters(w), hot_numbers(w)),
        "the other fails": lambda w, o: o.zip(failing(w)),
        "the other fails far ahead": lambda w, o: o.zip(w.cold((2, 1), (3, 2), (4, 3), (5, ERROR))),
        "the other is empty": lambda w, o: o.zip(ending(w)),
        "none": lambda w, o: o.zip(),
    },
    "zip_latest": {
        "hot": lambda w, o: o.zip_latest(hot_letters(w)),
        "two more": lambda w, o: o.zip_latest(letters(w), hot_numbers(w)),
        "the other fails": lambda w, o: o.zip_latest(failing(w)),
        "the other is empty": lambda w, o: o.zip_latest(ending(w)),
    },
    "zip_with_iterable": {
        "longer": lambda w, o: o.zip_with_iterable("abcdef"),
        "shorter": lambda w, o: o.zip_with_iterable("ab"),
        "empty": lambda w, o: o.zip_with_iterable(()),
        "fails": lambda w, o: o.zip_with_iterable(third_fails(w)(x) for x in "abcdef"),
    },
    "zip_with_list": {
        "longer": lambda w, o: o.zip_with_list(["a", "b", "c", "d", "e"]),
        "shorter": lambda w, o: o.zip_with_list(["a", "b"]),
    },
}

_SKIP = reactivex.operators.ignore_elements()

EXCLUDED = {
    "to_future": "ends the pipe with a future of an event loop; test_equality compares it there",
}
"""Names that this form cannot compare, with the reason."""


def _tuple(build: Build) -> Callable[[World, Any], tuple[Any, ...]]:
    def made(world: World, ops: Any) -> tuple[Any, ...]:
        operators = build(world, ops)
        return operators if isinstance(operators, tuple) else (operators,)

    return made


CASES = tuple(
    Case(name, label, _tuple(build))
    for name, builds in _TABLE.items()
    for label, build in builds.items()
)


@dataclass(frozen=True)
class Difference:
    """Where the native version of an operator differs from plain Rx on purpose.

    Attributes:
        reason: Why the semantics of demand make it so.
        cases: "name, label" of what it is about.
        ignored: What is not compared: "calls"; "error", which error it is; "unopened", sources
            that were made but never subscribed to; or the names of scripts.
    """

    reason: str
    cases: frozenset[str]
    ignored: frozenset[str]


DIFFERENCES: tuple[Difference, ...] = (
    Difference(
        "the error is a TimeoutError that names the operator, its limit and the demand",
        frozenset({"timeout, after 15", "timeout, never", "timeout_with_mapper, by item"}),
        frozenset({"error"}),
    ),
    Difference(
        "an item that comes just before an opening, at the same instant, is before it; plain Rx "
        "has the scheduler forget the item, after what the openings do at that instant",
        frozenset(
            {
                *("buffer_toggle, overlapping", "buffer_toggle, callback fails"),
                *("buffer_toggle, closing ends", "window_toggle, closing ends"),
                *("window_toggle, overlapping", "window_toggle, callback fails"),
                "window_toggle, closing fails",
            }
        ),
        frozenset({"one item"}),
    ),
    Difference(
        "without a consumer of the groups none is opened, which nobody could read: its items are "
        "dropped and counted, and no function is called for them",
        frozenset({"group_by, elements"}),
        frozenset({"calls"}),
    ),
    Difference(
        "for the same reason there is no duration of such a group",
        frozenset({"group_by_until, short groups"}),
        frozenset({"completes"}),
    ),
    Difference(
        "for the same reason the openings of windows are let go of then",
        frozenset({"window_toggle, overlapping", "window_toggle, closing ends"}),
        frozenset({"completes", "empty", "repeats itself", "all at once"}),
    ),
    Difference(
        "for the same reason the source that begins the groups of group_join is let go of then",
        frozenset(
            {
                *("group_join, windows", "group_join, callback fails"),
                "group_join, the other's duration fails",
            }
        ),
        frozenset({"completes", "repeats itself"}),
    ),
    Difference(
        "a group ends with the other source, from which alone it could get anything; in plain Rx "
        "it waits for its duration, also for ever",
        frozenset({"group_join, the other ends first", "group_join, for ever"}),
        frozenset({"completes", "stays open", "one item", "repeats itself", "all at once"}),
    ),
    Difference(
        "for the same reason it does not outlast what fails later",
        frozenset({"group_join, the other ends first"}),
        frozenset({"fails after three"}),
    ),
    Difference(
        "for the same reason the third element that is mapped comes later",
        frozenset({"group_by, elements fail", "group_by_until, elements"}),
        frozenset({"repeats itself"}),
    ),
    Difference(
        "the outer source gives an item only when its inner source can be opened, for what "
        "waits would not be bounded otherwise; so it is mapped later",
        frozenset(
            {"concat_all, slow inner", "concat_map, slow inner", "merge, sources, 2 at once"}
        ),
        frozenset({"calls"}),
    ),
    Difference(
        "for the same reason it is not mapped at all when the stream is over before",
        frozenset(
            {
                "concat_all, slow inner",
                "concat_all, inner fails",
                "concat_map, slow inner",
                "concat_map, inner fails",
                "merge, sources, 2 at once",
            }
        ),
        frozenset({"unopened"}),
    ),
    Difference(
        "the failure of the outer source stands in its door behind the items that wait there",
        frozenset(
            {"concat_all, slow inner", "concat_map, slow inner", "merge, sources, 2 at once"}
        ),
        frozenset({"fails after three"}),
    ),
    Difference(
        "the failure of the other source stands in its door too; plain Rx drops what waits there",
        frozenset({"zip, the other fails far ahead"}),
        frozenset(SCRIPTS),
    ),
    Difference(
        "the third item is mapped when its inner source can be opened; so the mapper fails later",
        frozenset({"concat_map, callback fails late"}),
        frozenset(
            {"completes", "stays open", "repeats itself", "all at once", "fails after three"}
        ),
    ),
    Difference(
        "plain Rx maps all items of an instant before the scheduler opens an inner source, and "
        "holds them without a bound",
        frozenset({"concat_map, callback fails"}),
        frozenset({"all at once"}),
    ),
    Difference(
        "for the same reason: here a source is opened before the next item is taken",
        frozenset({"expand, callback fails"}),
        frozenset({"all at once"}),
    ),
    Difference(
        "plain Rx has the scheduler subscribe again, after what a hot source does at that instant",
        frozenset({"retry, a failing callback"}),
        frozenset({"all at once"}),
    ),
)

REFUSED = {
    "replay, mapper": "say how many items are kept",
    "replay, window": "say how many items are kept",
}
"""Cases that the native operator refuses, for they hold without a bound, with its words."""

PLAIN = dict.fromkeys(
    ("partition, joined again", "partition, callback fails", "partition_indexed, joined again"),
    "a merge of reactivex joins the two, and gives a plain Observable",
)
"""Cases that no Subscriber can ask for an item, with the reason."""

NOT_FLUENT = {"multicast, mapper": "the method of an Observable takes a subject alone"}
"""Cases that reactivex itself does not have in fluent style, with the reason."""
