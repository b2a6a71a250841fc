"""The registered operators that are functions of what comes, with their models, as data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from itertools import dropwhile, islice, pairwise, takewhile
from typing import Any

from . import law_models as models
from .law_callbacks import fold
from .law_models import Step, at_end, each

Bounds = tuple[int, int]


class Kind(Enum):
    """What the law demands of an operator."""

    FUNCTION = "what comes out is what the model makes of what goes in"
    AGAIN = "the same, and it subscribes to its source again"
    PART = "the same, but perhaps ahead of demand"
    MERGING = "what comes out is made of what goes in and of the other source, each in order"
    SOME = "what comes out is among what the model makes of what goes in, in its order"
    DOOR = "what goes in comes out in order, or is dropped with a reason, or discarded"
    REDUCING = "what comes out is made of what goes in, several items merged into one"


@dataclass(frozen=True)
class Row:
    """One operator, or some that go together.

    Attributes:
        names: The registered names that it covers.
        text: The source of what goes into a pipe; ``$n``, ``$m``, ``$call`` and ``$door`` are
            filled in.
        model: Makes the reference model of the callback and the two numbers.
        n: Smallest and largest first number.
        m: Smallest and largest second number.
        call: The source of the callback, which may be made to fail.
        kind: What the law demands of it.
        grows: It may give several items for one.
        ends: It gives few items, whatever comes.
        hasty: A failure of its source, or of its callback, may overtake items.
        loop: It is to be subscribed where an event loop is running.
        keyed: Items of one remainder of ``n`` stay in order; those of several may overtake each
            other where threads do.
    """

    names: tuple[str, ...]
    text: str
    model: Callable[[Any, int, int], Step]
    n: Bounds = (0, 0)
    m: Bounds = (0, 0)
    call: str = ""
    kind: Kind = Kind.FUNCTION
    grows: bool = False
    ends: bool = False
    hasty: bool = False
    loop: bool = False
    keyed: bool = False


def row(names: str, text: str, model: Callable[[Any, int, int], Step], **options: Any) -> Row:
    return Row(tuple(names.split()), text, model, **options)


def same(call: Any, n: int, m: int) -> Step:
    return each(models.same)


def _watched(call: Any, n: int, m: int) -> Step:
    return models.watched(call)


def _first(call: Any, n: int, m: int) -> Step:
    return at_end(lambda items: models.nth(filter(call, items), 0))


def flattened(call: Any, n: int, m: int) -> Step:
    return each(lambda items: models.flattened(items, call))


PLUS = "lambda x: x + $n"
PASSES = "lambda x: x % 3 != $n"
BELOW = "lambda x: x % 5 < 4"
ADD = "lambda a, b: (a + b) % 1009"

FUNCTIONS: tuple[Row, ...] = (
    row("map", "ops.map($call)", lambda f, n, m: each(lambda i: map(f, i)), call=PLUS, n=(0, 3)),
    row(
        "starmap",
        "ops.map(lambda x: (x, $n)), ops.starmap($call)",
        lambda f, n, m: each(lambda i: (f(x, n) for x in i)),
        call=ADD,
        n=(0, 3),
    ),
    row(
        "starmap_indexed",
        "ops.map(lambda x: (x, $n)), ops.starmap_indexed($call)",
        lambda f, n, m: each(lambda i: (f(x, n) for x in i)),
        call=ADD,
        n=(0, 3),
    ),
    row(
        "map_indexed",
        "ops.map_indexed($call)",
        lambda f, n, m: each(lambda i: (answer for _, answer in models.indexed(f)(i))),
        call="lambda x, i: x + i",
    ),
    row("pluck", "ops.map(lambda x: {'k': x}), ops.pluck('k')", same),
    row("pluck_attr", "ops.pluck_attr('real')", same),
    row(
        "filter",
        "ops.filter($call)",
        lambda f, n, m: each(lambda i: filter(f, i)),
        call=PASSES,
        n=(0, 2),
    ),
    row(
        "filter_indexed",
        "ops.filter_indexed($call)",
        lambda f, n, m: each(lambda i: models.those(models.indexed(f)(i))),
        call="lambda x, i: i % 3 != $n",
        n=(0, 2),
    ),
    row(
        "ignore_elements",
        "ops.ignore_elements()",
        lambda f, n, m: each(lambda i: (x for x in i if False)),
        ends=True,
    ),
    row(
        "distinct",
        "ops.distinct($call)",
        lambda f, n, m: each(lambda i: models.unlike_all(i, f)),
        call="lambda x: x % 7",
    ),
    row(
        "distinct_until_changed",
        "ops.distinct_until_changed($call)",
        lambda f, n, m: each(lambda i: models.unlike_last(i, f)),
        call="lambda x: x // 2",
    ),
    row(
        "scan",
        "ops.scan($call)",
        lambda f, n, m: each(lambda i: models.scanned(i, f)),
        call=ADD,
    ),
    row(
        "scan",
        "ops.scan($call, $n)",
        lambda f, n, m: each(lambda i: models.scanned(i, f, n)),
        call=ADD,
        n=(0, 3),
    ),
    row(
        "reduce",
        "ops.reduce($call)",
        lambda f, n, m: at_end(lambda i: models.reduced(i, f)),
        call=ADD,
        ends=True,
    ),
    row(
        "reduce",
        "ops.reduce($call, $n)",
        lambda f, n, m: at_end(lambda i: models.reduced(i, f, n)),
        call=ADD,
        n=(0, 3),
        ends=True,
    ),
    row(
        "count",
        "ops.count($call)",
        lambda f, n, m: at_end(lambda i: sum(1 for x in i if f(x))),
        call=PASSES,
        ends=True,
    ),
    row(
        "sum",
        "ops.sum($call)",
        lambda f, n, m: at_end(lambda i: sum(map(f, i))),
        call=PLUS,
        ends=True,
    ),
    row(
        "average",
        "ops.average($call), ops.map(int)",
        lambda f, n, m: at_end(lambda i: models.average(map(f, i))),
        call=PLUS,
        ends=True,
    ),
    row(
        "min",
        "ops.min()",
        lambda f, n, m: at_end(lambda i: models.reduced(i, min)),
        ends=True,
    ),
    row(
        "max",
        "ops.max()",
        lambda f, n, m: at_end(lambda i: models.reduced(i, max)),
        ends=True,
    ),
    *(
        row(
            name,
            f"ops.{name}($call), ops.map(fold)",
            lambda f, n, m, best=best: at_end(lambda i: fold(_extremes(i, f, best))),
            call="lambda x: x % 3",
            ends=True,
        )
        for name, best in (("max_by", max), ("min_by", min))
    ),
    row(
        "find",
        "ops.find(lambda x, i, s, f=$call: f(x)), ops.map(lambda x: -5 if x is None else x)",
        lambda f, n, m: at_end(lambda i: models.nth(filter(f, i), 0, -5)),
        call=PASSES,
        ends=True,
    ),
    row(
        "find_index",
        "ops.find_index(lambda x, i, s, f=$call: f(x))",
        lambda f, n, m: at_end(lambda i: next((k for k, x in enumerate(i) if f(x)), -1)),
        call=PASSES,
        ends=True,
    ),
    row(
        "slice",
        "ops.slice($n, 9, $m)",
        lambda f, n, m: each(lambda i: islice(i, n, 9, m)),
        n=(0, 4),
        m=(1, 3),
    ),
    row("do_while", "ops.do_while(lambda _: False)", same),
    row(
        "while_do",
        "lambda flow: rx.defer("
        "lambda _: flow.pipe(ops.while_do(lambda _, left=[True]: bool(left and left.pop()))))",
        same,
    ),
    row(
        "on_error_resume_next",
        "ops.on_error_resume_next([70, 71][:$n])",
        lambda f, n, m: each(lambda i: models.resumed(i, [70, 71][:n])),
        n=(0, 2),
    ),
    row(
        "sequence_equal",
        "ops.sequence_equal(range($n), $call), ops.map(int)",
        lambda f, n, m: at_end(lambda i: _equal(i, range(n), f)),
        call="lambda a, b: a % 1 == b % 1",
        n=(0, 6),
        kind=Kind.PART,
        ends=True,
    ),
    row("to_list", "ops.to_list(), ops.map(fold)", lambda f, n, m: at_end(fold), ends=True),
    row("to_iterable", "ops.to_iterable(), ops.map(fold)", lambda f, n, m: at_end(fold), ends=True),
    row(
        "to_set",
        "ops.to_set(), ops.map(sorted), ops.map(fold)",
        lambda f, n, m: at_end(lambda i: fold(sorted(set(i)))),
        ends=True,
    ),
    row(
        "to_dict",
        "ops.to_dict($call), ops.map(lambda d: fold([*d, *d.values()]))",
        lambda f, n, m: at_end(lambda i: _of_dict({f(x): x for x in i})),
        call="lambda x: x % 3",
        ends=True,
    ),
    row(
        "some",
        "ops.some($call), ops.map(int)",
        lambda f, n, m: at_end(lambda i: int(any(map(f, i)))),
        call="lambda x: x % 5 == 4",
        ends=True,
    ),
    row(
        "all",
        "ops.all($call), ops.map(int)",
        lambda f, n, m: at_end(lambda i: int(all(map(f, i)))),
        call=BELOW,
        ends=True,
    ),
    row(
        "contains",
        "ops.contains($n, $call), ops.map(int)",
        lambda f, n, m: at_end(lambda i: int(any(f(x, n) for x in i))),
        call="lambda a, b: a == b",
        n=(0, 9),
        ends=True,
    ),
    row(
        "is_empty",
        "ops.is_empty(), ops.map(int)",
        lambda f, n, m: at_end(lambda i: int(not any(True for _ in i))),
        ends=True,
    ),
    row(
        "supervise",
        "ops.supervise(ops.map($call), lambda error, item: rx.Supervision.STOP)",
        lambda f, n, m: each(lambda i: map(f, i)),
        call=PLUS,
        n=(0, 3),
    ),
    row("pairwise", "ops.pairwise(), ops.map(fold)", lambda f, n, m: each(_pairs)),
    row(
        "buffer_with_count",
        "ops.buffer_with_count($n, $m), ops.map(fold)",
        lambda f, n, m: each(lambda i: map(fold, models.lists(i, n, m))),
        n=(1, 3),
        m=(1, 4),
    ),
    row(
        "flat_map_iterable",
        "ops.flat_map_iterable($call)",
        flattened,
        call="lambda x: range(x % 4)",
        grows=True,
    ),
    row(
        "materialize",
        "ops.materialize(), ops.map(signal)",
        lambda f, n, m: each(models.signals),
    ),
    row("materialize dematerialize", "ops.materialize(), ops.dematerialize()", same),
    row("do_action", "ops.do_action($call)", _watched, call="lambda x: None"),
    row("tap", "ops.tap($call)", _watched, call="lambda x: None"),
    row("detach", "ops.detach()", same),
    row("as_observable", "ops.as_observable()", same),
    row("do", "ops.do(Observer($call))", _watched, call="lambda x: None"),
    row("finally_action", "ops.finally_action(lambda: None)", same),
    row(
        "element_at",
        "ops.element_at($n)",
        lambda f, n, m: at_end(lambda i: models.element(i, n)),
        n=(0, 4),
        ends=True,
    ),
    row(
        "element_at_or_default",
        "ops.element_at_or_default($n, -5)",
        lambda f, n, m: at_end(lambda i: models.nth(i, n, -5)),
        n=(0, 4),
        ends=True,
    ),
    row("first", "ops.first($call)", _first, call=PASSES, ends=True),
    row(
        "first_or_default",
        "ops.first_or_default($call, -5)",
        lambda f, n, m: at_end(lambda i: models.nth(filter(f, i), 0, -5)),
        call=PASSES,
        ends=True,
    ),
    row(
        "last",
        "ops.last($call)",
        lambda f, n, m: at_end(lambda i: models.last(filter(f, i))),
        call=PASSES,
        ends=True,
    ),
    row(
        "last_or_default",
        "ops.last_or_default(-5, $call)",
        lambda f, n, m: at_end(lambda i: models.last(filter(f, i), -5)),
        call=PASSES,
        ends=True,
    ),
    row(
        "single",
        "ops.single($call)",
        lambda f, n, m: at_end(lambda i: models.single(filter(f, i))),
        call="lambda x: x == 3",
        ends=True,
    ),
    row(
        "single_or_default",
        "ops.single_or_default($call, -5)",
        lambda f, n, m: at_end(lambda i: models.single(filter(f, i), -5)),
        call="lambda x: x == 3",
        ends=True,
    ),
    row(
        "single_or_default_async",
        "ops.filter($call), ops.single_or_default_async(True, -5)",
        lambda f, n, m: at_end(lambda i: models.single(filter(f, i), -5)),
        call="lambda x: x == 3",
        ends=True,
    ),
    row(
        "default_if_empty",
        "ops.default_if_empty(-5)",
        lambda f, n, m: each(lambda i: models.or_default(i, -5)),
    ),
    row(
        "concat",
        "ops.concat([70, 71][:$n], [80])",
        lambda f, n, m: each(lambda i: (x for part in (i, [70, 71][:n], [80]) for x in part)),
        n=(0, 2),
    ),
    row(
        "start_with",
        "ops.start_with(*[70, 71][:$n])",
        lambda f, n, m: each(lambda i: (x for part in ([70, 71][:n], i) for x in part)),
        n=(0, 2),
    ),
    row(
        "catch",
        "ops.catch([70, 71][:$n])",
        lambda f, n, m: each(lambda i: models.caught(i, lambda: [70, 71][:n])),
        n=(0, 2),
    ),
    row(
        "catch",
        "ops.catch($call)",
        lambda f, n, m: each(lambda i: models.caught(i, lambda: f(None, None))),
        call="lambda error, source: [70, 71]",
    ),
    row(
        "repeat",
        "ops.repeat($n)",
        lambda f, n, m: models.repeated(n),
        n=(0, 3),
        kind=Kind.AGAIN,
        grows=True,
    ),
    row(
        "retry",
        "ops.retry($n)",
        lambda f, n, m: models.retried(n),
        n=(1, 3),
        kind=Kind.AGAIN,
        grows=True,
    ),
    row("restart_with_backoff", "ops.restart_with_backoff(1, 1, max_restarts=0)", same),
    row("kill_switch", "ops.kill_switch(rx.KillSwitch())", same),
    row("log", "ops.log('law', level=0)", same),
    row("on_request", "ops.on_request(lambda n: None)", same),
    row(
        "tap_signals",
        "ops.tap_signals(lambda s, x, f=$call: s == 'on_next' and f(x))",
        _watched,
        call="lambda x: None",
    ),
    *(
        row(name, f"ops.{name}({seconds}, TestScheduler())", same)
        for name, seconds in (
            ("take_with_time", 5),
            ("take_until_with_time", 5),
            ("skip_with_time", 0),
            ("skip_until_with_time", 0),
            ("skip_last_with_time", 0),
        )
    ),
    row(
        "take_last_with_time",
        "ops.take_last_with_time(5, TestScheduler())",
        lambda f, n, m: each(list),
    ),
    row("take", "ops.take($n)", lambda f, n, m: each(lambda i: islice(i, n)), n=(0, 6)),
    row(
        "take_while",
        "ops.take_while($call)",
        lambda f, n, m: each(lambda i: takewhile(f, i)),
        call=BELOW,
    ),
    row(
        "take_while",
        "ops.take_while($call, inclusive=True)",
        lambda f, n, m: each(lambda i: models.until(i, f, True)),
        call=BELOW,
    ),
    row(
        "take_while_indexed",
        "ops.take_while_indexed($call)",
        lambda f, n, m: each(lambda i: models.until_indexed(i, f)),
        call="lambda x, i: i < $n",
        n=(0, 6),
    ),
    row(
        "take_last",
        "ops.take_last($n)",
        lambda f, n, m: each(lambda i: list(i)[-n:] if n else list(i)[:0]),
        n=(0, 4),
    ),
    row(
        "take_last_buffer",
        "ops.take_last_buffer($n), ops.map(fold)",
        lambda f, n, m: at_end(lambda i: fold(list(i)[-n:] if n else list(i)[:0])),
        n=(0, 4),
        ends=True,
    ),
    row("skip", "ops.skip($n)", lambda f, n, m: each(lambda i: islice(i, n, None)), n=(0, 4)),
    row(
        "skip_while",
        "ops.skip_while($call)",
        lambda f, n, m: each(lambda i: dropwhile(f, i)),
        call="lambda x: x % 5 < 3",
    ),
    row(
        "skip_while_indexed",
        "ops.skip_while_indexed($call)",
        lambda f, n, m: each(lambda i: models.from_indexed(i, f)),
        call="lambda x, i: i < $n",
        n=(0, 4),
    ),
    row(
        "skip_last",
        "ops.skip_last($n)",
        lambda f, n, m: each(lambda i: models.without_last(i, n)),
        n=(0, 4),
    ),
    row("timestamp", "ops.timestamp(TestScheduler()), ops.pluck_attr('value')", same),
    row("time_interval", "ops.time_interval(TestScheduler()), ops.pluck_attr('value')", same),
    row("timeout", "ops.timeout(5, [70, 71][:$n] or None, TestScheduler())", same, n=(0, 2)),
    row("initial_timeout", "ops.initial_timeout(5, TestScheduler())", same),
    row("idle_timeout", "ops.idle_timeout(5, TestScheduler())", same),
    row("completion_timeout", "ops.completion_timeout(5, TestScheduler())", same),
    row(
        "zip_with_iterable",
        "ops.zip_with_iterable(range($n)), ops.map(fold)",
        lambda f, n, m: each(lambda i: map(fold, zip(i, range(n), strict=False))),
        n=(0, 6),
    ),
    row(
        "zip_with_list",
        "ops.zip_with_list([*range($n)]), ops.map(fold)",
        lambda f, n, m: each(lambda i: map(fold, zip(i, range(n), strict=False))),
        n=(0, 6),
    ),
)


def _extremes(items: Any, key: Any, best: Any) -> list[Any]:
    keyed = [(key(item), item) for item in items]
    return [item for mark, item in keyed if mark == best(keyed)[0]]


def _equal(items: Any, others: Any, call: Any) -> int:
    others = iter(others)
    for item in items:
        other = next(others, None)
        if other is None or not call(item, other):
            return 0
    return int(next(others, None) is None)


def _pairs(items: Any) -> Any:
    return map(fold, pairwise(items))


def _of_dict(mapping: dict[int, int]) -> int:
    return fold([*mapping, *mapping.values()])
