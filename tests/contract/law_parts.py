"""The registered operators that are more than a function, and the doors, as data."""

from __future__ import annotations

from itertools import islice
from typing import Any

from . import law_models as models
from .law_callbacks import fold
from .law_models import PendingError, each
from .law_table import FUNCTIONS, Kind, Row, flattened, row, same

SEVERAL = "lambda x: range(x % 4)"

_FLATTENS: Any = {"kind": Kind.PART, "grows": True, "hasty": True}


def _given_first(call: Any, capacity: int) -> Any:
    """Give an item, and call a function with it later, when the next one is wanted.

    As many wait for their call as leave room for one more; then it is the newest one's turn.
    Where nothing comes, all have theirs.
    """

    def given(items: Any) -> Any:
        waiting, failure = list[int](), None

        def call_newest_or_oldest() -> None:
            call(waiting.pop(-1 if len(waiting) + 1 >= capacity else 0))

        items = iter(items)
        while failure is None:
            try:
                item = next(items)
            except (Exception, PendingError) as error:
                failure = error
            else:
                yield item
                waiting.append(item)
                if len(waiting) + 1 >= capacity:
                    call_newest_or_oldest()
        while waiting:
            call_newest_or_oldest()
        if not isinstance(failure, StopIteration):
            raise failure

    return each(given)


OTHER = (70, 71, 72)
"""What the other source of a merge gives."""

PARTS: tuple[Row, ...] = (
    *(
        row(name, text, flattened, call=SEVERAL, n=(1, 3), m=(1, 3), **_FLATTENS)
        for name, text in (
            ("flat_map", "ops.flat_map($call, max_concurrency=$n, prefetch=$m)"),
            ("merge", "ops.map($call), ops.merge(max_concurrent=$n, prefetch=$m)"),
            ("concat_map", "ops.concat_map($call, prefetch=$m)"),
            ("merge_all", "ops.map($call), ops.merge_all(prefetch=$m)"),
            ("concat_all", "ops.map($call), ops.concat_all()"),
        )
    ),
    row(
        "flat_map_indexed",
        "ops.flat_map_indexed($call, max_concurrency=$n, prefetch=$m)",
        lambda f, n, m: each(lambda i: (x for _, made in models.indexed(f)(i) for x in made)),
        call="lambda x, i: range(i, i + x % 3)",
        n=(1, 3),
        m=(1, 3),
        **_FLATTENS,
    ),
    row("throttle", "ops.throttle(9, burst=99, scheduler=TestScheduler())", same),
    row(
        "throttle",
        "ops.throttle(9, burst=999, cost=$call, scheduler=TestScheduler())",
        lambda f, n, m: models.watched(f),
        call="lambda x: x % 3",
    ),
    row(
        "throttle_by_key",
        "ops.throttle_by_key($call, 9, burst=99, scheduler=TestScheduler())",
        lambda f, n, m: models.watched(f),
        call="lambda x: x % 3",
    ),
    row("cap_demand", "ops.cap_demand($n)", same, n=(1, 5)),
    row("pace", "ops.pace($n + 99, 1.0, scheduler=TestScheduler())", same, n=(0, 5)),
    row("valve", "ops.valve(rx.Valve())", same),
    *(
        row(name, text, flattened, call=SEVERAL, m=(1, 3), kind=Kind.SOME, grows=True)
        for name, text in (
            ("switch_map", "ops.switch_map($call, prefetch=$m)"),
            ("flat_map_latest", "ops.flat_map_latest($call, prefetch=$m)"),
            ("switch_latest", "ops.map($call), ops.switch_latest(prefetch=$m)"),
            ("exclusive", "ops.map($call), ops.exclusive(prefetch=$m)"),
        )
    ),
    row(
        "switch_map_indexed",
        "ops.switch_map_indexed($call, prefetch=$m)",
        lambda f, n, m: each(lambda i: (x for _, made in models.indexed(f)(i) for x in made)),
        call="lambda x, i: range(i, i + x % 3)",
        m=(1, 3),
        kind=Kind.SOME,
        grows=True,
    ),
    *(
        row(
            name,
            f"ops.{name}([$n]), ops.map(fold)",
            lambda f, n, m: each(lambda i: (fold((x, n)) for x in i)),
            n=(0, 6),
            kind=Kind.PART,
            hasty=True,
        )
        for name in ("combine_latest", "with_latest_from")
    ),
    row(
        "zip_latest",
        "ops.zip_latest(range($n)), ops.map(lambda pair: pair[0])",
        same,
        n=(0, 6),
        kind=Kind.SOME,
        ends=True,
    ),
    row("limit_rate", "ops.limit_rate($n)", same, n=(1, 5), kind=Kind.PART),
    row("limit_rate", "ops.limit_rate($n + 1, $m)", same, n=(1, 4), m=(0, 2), kind=Kind.PART),
    row(
        "backpressure_timeout",
        "ops.backpressure_timeout(5, TestScheduler())",
        same,
        kind=Kind.PART,
    ),
    row(
        "observe_on",
        "ops.observe_on(ImmediateScheduler(), prefetch=$n)",
        same,
        n=(1, 5),
        kind=Kind.PART,
    ),
    row(  # without "ordered" what it gives is in another order; see test_rails.py
        "parallel",
        "ops.parallel($n, ops.flat_map_iterable($call), ordered=True)",
        flattened,
        call=SEVERAL,
        n=(1, 3),
        kind=Kind.PART,
        grows=True,
    ),
    row(
        "expand",
        "ops.expand($call, max_concurrency=$n, capacity=$m)",
        lambda f, n, m: _given_first(f, m),
        call="lambda x: []",
        n=(1, 3),
        m=(1, 3),
        kind=Kind.PART,
        hasty=True,
    ),
    row(
        "fork_join",
        "ops.fork_join([$n]), ops.pluck(0)",
        lambda f, n, m: models.each(models.last_if_any),
        n=(0, 3),
        kind=Kind.PART,
        ends=True,
    ),
    row(
        "join",
        "ops.join([$n], lambda _: rx.never(), lambda _: rx.never()), ops.map(fold)",
        lambda f, n, m: each(lambda i: (fold((x, n)) for x in i)),
        n=(0, 6),
        kind=Kind.PART,
        hasty=True,
    ),
    row(
        "group_join",
        "ops.group_join([$n], lambda _: rx.never(), lambda _: rx.never(), prefetch=$m), "
        "ops.flat_map(lambda pair: pair[1].pipe(ops.map(lambda x: fold((pair[0], x)))))",
        lambda f, n, m: each(lambda i: (fold((x, n)) for x in i)),
        n=(0, 6),
        m=(1, 3),
        kind=Kind.PART,
        hasty=True,
    ),
    row("subscribe_on", "ops.subscribe_on(ImmediateScheduler())", same, kind=Kind.PART),
    *(
        row(
            name,
            f"ops.{name}({timed}), ops.filter(len), ops.map(fold)",
            lambda f, n, m: each(lambda i: map(fold, models.lists(i, n, n))),
            n=(1, 3),
            kind=Kind.PART,
        )
        for name, timed in (
            ("buffer_with_time_or_count", "9.0, $n, TestScheduler()"),
            ("buffer_with_time", "9.0, scheduler=TestScheduler(), max_size=$n"),
            ("buffer", "rx.never(), max_size=$n"),
            ("buffer_when", "rx.never, max_size=$n"),
        )
    ),
    *(
        row(
            name,
            f"ops.{name}({arguments}, prefetch=$m), ops.flat_map(lambda group: group)",
            lambda f, n, m: each(lambda i: (x for x in i if f(x) is not None)),
            call="lambda x: x % $n",
            n=(1, 4),
            m=(1, 3),
            kind=Kind.PART,
            hasty=True,
            keyed=True,
        )
        for name, arguments in (
            ("group_by", "$call"),
            ("group_by_until", "$call, None, lambda _: rx.never()"),
        )
    ),
    *(
        row(
            name,
            f"ops.{name}({arguments}prefetch=$m), ops.flat_map(lambda part: part)",
            same,
            n=(1, 4),
            m=(1, 3),
            kind=Kind.PART,
            hasty=True,
        )
        for name, arguments in (
            ("window_with_count", "$n, "),
            ("window_with_time", "9.0, None, TestScheduler(), "),
            ("window_with_time_or_count", "9.0, $n, TestScheduler(), "),
            ("window", "rx.never(), "),
            ("window_when", "rx.never, "),
        )
    ),
    row(
        "natural_batches",
        "ops.natural_batches($n), ops.flat_map_iterable()",
        same,
        n=(1, 4),
        kind=Kind.PART,
    ),
    row(
        "zip",
        "ops.zip(range($n)), ops.map(fold)",
        # it may complete with the last pair, or find out when one more is asked for
        lambda f, n, m: each(lambda i: map(fold, zip(islice(i, n), range(n), strict=False))),
        n=(0, 6),
        kind=Kind.PART,
        hasty=True,
    ),
    row(
        "merge",
        f"ops.merge({list(OTHER)}[:$n], prefetch=$m)",
        same,
        n=(0, 3),
        m=(1, 3),
        kind=Kind.MERGING,
    ),
    row(
        "merge_prioritized",
        f"ops.merge_prioritized(({list(OTHER)}[:$n], $m), priority=2, prefetch=$m)",
        same,
        n=(0, 3),
        m=(1, 3),
        kind=Kind.MERGING,
    ),
    row(
        "merge_sorted",
        f"ops.merge_sorted({list(OTHER)}[:$n])",
        same,
        n=(0, 3),
        kind=Kind.MERGING,
    ),
    row(
        "concat_map_eager",
        "ops.concat_map_eager($call, max_concurrency=$n, prefetch=$m)",
        flattened,
        call=SEVERAL,
        n=(1, 3),
        m=(1, 3),
        kind=Kind.PART,
        grows=True,
    ),
    row("take_until", "ops.take_until(rx.never())", same, kind=Kind.PART),
    row("skip_until", "ops.skip_until([1])", same, kind=Kind.PART),
    row("amb", "ops.amb(rx.never())", same, kind=Kind.PART),
    row(
        "delay",
        "ops.delay(0.01, prefetch=$n)",
        same,
        n=(1, 5),
        kind=Kind.PART,
        hasty=True,
        loop=True,
    ),
    row("delay_subscription", "ops.delay_subscription(0.01)", same, kind=Kind.PART, loop=True),
    row(
        "delay_with_mapper",
        "ops.delay_with_mapper($call, prefetch=$n)",
        lambda f, n, m: models.watched(f),
        n=(1, 5),
        call="lambda x: ()",
        kind=Kind.PART,
        hasty=True,
    ),
    row(
        "timeout_with_mapper",
        "ops.timeout_with_mapper(rx.never(), lambda _: rx.never(), [70, 71][:$n] or None)",
        same,
        n=(0, 2),
    ),
    row(
        "map_async",
        "ops.map_async(awaited($call), max_concurrency=$n)",
        lambda f, n, m: each(lambda i: map(f, i)),
        n=(1, 3),
        call="lambda x: x + 1",
        kind=Kind.PART,
        hasty=True,
        loop=True,
    ),
    *(
        row(
            name,
            text,
            lambda f, n, m: each(lambda i: map(f, i)),
            n=(1, 3),
            m=(0, 2),
            call="lambda x: x + 1",
            kind=Kind.PART,
            hasty=True,
            loop=name != "map_executor",
        )
        for name, text in (
            ("map_async", "ops.map_async(awaited($call), $n, retry=0, timeout=9, buffer=$m)"),
            (
                "map_async_partitioned",
                "ops.map_async_partitioned(lambda x: x % 2, awaited($call), $n, buffer=$m)",
            ),
            (
                "adaptive_concurrency",
                "ops.adaptive_concurrency(awaited($call), $n, $n, retry=$m - $m)",
            ),
            ("map_executor", "ops.map_executor(AtOnce(), $call, $n, buffer=$m)"),
        )
    ),
)

# Each subscription shares anew, for what is shared ends once and for all.
PARTS += tuple(
    row(names, f"lambda flow: rx.defer(lambda _: flow.pipe({text}))", model, **options)
    for names, text, model, options in (
        ("share", "ops.share(prefetch=$n)", same, {}),
        ("publish ref_count", "ops.publish(prefetch=$n), ops.ref_count()", same, {}),
        ("publish", "ops.publish(lambda shared: shared, prefetch=$n)", same, {}),
        ("replay", "ops.replay($m, prefetch=$n), ops.ref_count()", same, {"m": (0, 3)}),
        (
            "publish_value",
            "ops.publish_value(0, prefetch=$n), ops.ref_count(), ops.skip(1)",
            same,
            {},
        ),
        (
            "partition",
            "ops.partition($call), lambda sides: sides[0]",
            lambda f, n, m: each(lambda i: filter(f, i)),
            {"call": "lambda x: x % 3 < 2"},
        ),
        (
            "partition_indexed",
            "ops.partition_indexed($call), lambda sides: sides[1]",
            lambda f, n, m: each(lambda i: (x for k, x in enumerate(i) if not f(x, k))),
            {"call": "lambda x, i: i % 3 < 2"},
        ),
    )
    for options in [{"n": (1, 3), "kind": Kind.PART, **options}]
)

_BOOK = "on_drop=journal.drop('$door'$fuse), on_discard=journal.discard('$door')"

_TOLD = "on_drop=journal.drop('$door'), on_discard=journal.discard('$door')"

DOORS: tuple[Row, ...] = (
    *(
        row(
            "on_backpressure_buffer",
            f"ops.on_backpressure_buffer($n, overflow=rx.{overflow}, {_BOOK}{more})",
            same,
            n=(1, 4),
            kind=Kind.DOOR,
        )
        for overflow in ("DROP_OLDEST", "DROP_NEWEST", "DROP_INCOMING", "DROP_ALL", "FAIL")
        for more in ("", ", delay_error=False")
    ),
    *(
        row(
            "on_backpressure_buffer",
            f"ops.on_backpressure_buffer($n, overflow=rx.{overflow}, weight=$call, {_TOLD})",
            same,
            n=(1, 6),
            call="lambda x: 1 + x % 3",
            kind=Kind.DOOR,
        )
        for overflow in ("DROP_OLDEST", "DROP_NEWEST", "DROP_INCOMING", "DROP_ALL", "FAIL")
    ),
    row(
        "on_backpressure_drop",
        "ops.on_backpressure_drop(journal.drop('$door'$fuse))",
        same,
        kind=Kind.DOOR,
    ),
    row(
        "on_backpressure_latest",
        "ops.on_backpressure_latest(journal.drop('$door'$fuse))",
        same,
        kind=Kind.DOOR,
    ),
    row("on_backpressure_error", "ops.on_backpressure_error()", same, kind=Kind.DOOR),
    row(
        "on_backpressure_reduce",
        "ops.on_backpressure_reduce(lambda a, b: a + b)",
        same,
        kind=Kind.REDUCING,
    ),
    row(
        "shed",
        f"ops.shed($n, $call, {_TOLD})",
        same,
        n=(1, 4),
        call="lambda x: x % 3",
        kind=Kind.DOOR,
    ),
    row(
        "conflate",
        "ops.conflate(lambda x: x, lambda a, b: a + b)",
        same,
        kind=Kind.REDUCING,
    ),
    row(
        "conflate_by_key",
        "ops.conflate_by_key(lambda x: 0, lambda a, b: a + b)",
        same,
        kind=Kind.REDUCING,
    ),
    *(
        row(
            "conflate_by_key",
            f"ops.conflate_by_key($call, max_keys=$n, overflow=rx.{overflow}, {_TOLD})",
            same,
            n=(1, 4),
            call="lambda x: x",
            kind=Kind.DOOR,
        )
        for overflow in ("DROP_OLDEST", "DROP_NEWEST", "DROP_INCOMING", "DROP_ALL", "FAIL")
    ),
    row(
        "on_backpressure_block",
        "ops.on_backpressure_block($n, timeout=$wait, on_discard=journal.discard('$door'))",
        same,
        n=(1, 4),
        kind=Kind.DOOR,
    ),
    row(
        "on_backpressure_spill",
        "ops.on_backpressure_spill($n + 1, on_discard=journal.discard('$door'))",
        same,
        n=(1, 4),
        kind=Kind.DOOR,
    ),
)

ROWS: tuple[Row, ...] = (*FUNCTIONS, *PARTS, *DOORS)

EXCLUDED: dict[str, str] = {
    **dict.fromkeys(
        ("expand_latest", "extrapolate", "keep_alive"),
        "it makes items of its own while the source has none",
    ),
    "map_thread": "it runs in real threads; map_executor is the same, with other ones",
    "batch": "what is in a batch is a matter of time; tests/operators/test_batch.py has its law",
    **dict.fromkeys(
        ("sample", "debounce", "throttle_with_timeout", "throttle_first", "throttle_with_mapper"),
        "what it lets through depends on the time; see tests/operators/test_sampling.py",
    ),
    **dict.fromkeys(
        ("buffer_toggle", "window_toggle"),
        "it ends with its openings; see tests/operators/test_buffers.py and test_windows.py",
    ),
    "balance": "it gives several Flows; tests/operators/test_rails.py has the law of their items",
    "to_marbles": "it gives a failure as text; see tests/operators/test_drawing.py",
    "named": "it renames the figures that the law compares; see tests/operators/test_watching.py",
}
"""The operators that the law is not tried on, with the reasons."""
