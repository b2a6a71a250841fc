"""The law of items, under random pipelines, sources, demand, failures and schedules."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings

from rxflow.flow.registry import registered
from rxflow.kernel import hooks
from rxflow.testing import run_virtual

from . import law_models as models
from .law_checks import Law
from .law_models import in_turns
from .law_parts import DOORS, EXCLUDED, PARTS, ROWS
from .law_scripts import Example, Part, Source, examples, loop_examples, thread_examples
from .law_table import FUNCTIONS, Row

# RXFLOW_LAW=nightly pytest tests/contract
# pytest tests/contract --hypothesis-profile nightly
NIGHTLY = settings.get_profile("nightly")
CHOSEN = os.environ.get("RXFLOW_LAW") == "nightly" or settings().max_examples == 20_000
PROFILE = NIGHTLY if CHOSEN else settings.get_profile("rxflow")
SHORTER = settings(PROFILE, max_examples=PROFILE.max_examples // 5)


@contextmanager
def started(example: Example) -> Iterator[Law]:
    """Subscribe, and collect the errors that come too late."""
    reported: list[BaseException] = []
    before, hooks.on_dropped_error = hooks.on_dropped_error, reported.append
    try:
        law = Law(example)
        law.reported = reported
        yield law
    finally:
        hooks.on_dropped_error = before


@PROFILE
@given(examples())
def test_each_item_is_delivered_dropped_or_discarded_once(example: Example) -> None:
    with started(example) as law:
        law.check()
        for action in example.actions:
            law.act(action)
            law.check()


@SHORTER
@given(thread_examples())
def test_the_law_holds_when_threads_push_request_and_cancel(example: Example) -> None:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with started(example) as law:
            for action in example.actions:
                law.act(action)
            law.check()
    finally:
        sys.setswitchinterval(interval)


@SHORTER
@given(loop_examples())
def test_the_law_holds_on_an_event_loop(example: Example) -> None:
    async def run() -> None:
        with started(example) as law:
            for action in ("pass", *example.actions):
                law.act(action)
                await asyncio.sleep(1000)  # of virtual time: then nothing is under way
                law.check()
            law.subscriber.cancel()

    run_virtual(run())


def test_each_operator_is_in_the_table_or_excluded_with_a_reason() -> None:
    names = {entry.name for entry in registered() if entry.kind in ("operator", "door")}
    tabled = {name for row in ROWS for name in row.names}
    assert tabled | set(EXCLUDED) == names
    assert not tabled & set(EXCLUDED)
    assert all(EXCLUDED.values())


SUBJECT = Source("subject", door=Part(DOORS[0], n=2))
MAP_ASYNC = next(row for row in PARTS if "map_async" in row.names)
PLUS_1 = Part(FUNCTIONS[0], n=1)


def example(text: str = "", source: Source = SUBJECT, **changes: Any) -> Example:
    """Make an example in which an operator claims to change nothing."""
    row = Row(("map",), text, lambda call, n, m: models.each(models.same))
    parts = (Part(row),) if text else (PLUS_1,)
    pushes = ("producer.on_next(1)", "producer.on_next(2)", "producer.on_next(3)")
    actions = (*pushes, "producer.on_completed()")
    return replace(Example(source, parts, True, 9, 0, 0, 0, actions), **changes)


def run(tried: Example) -> list[int]:
    with started(tried) as law:
        for action in tried.actions:
            law.act(action)
        law.check()
        return law.subscriber.items


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("ops.filter(lambda x: x != 2)", id="loses an item"),
        pytest.param("ops.filter(lambda x: x != 3)", id="loses the last item"),
        pytest.param("ops.flat_map_iterable(lambda x: [x, x])", id="gives items twice"),
        pytest.param("ops.skip_last(0), ops.take(2)", id="ends early"),
        pytest.param("ops.concat(rx.never())", id="does not end"),
        pytest.param("ops.concat(rx.throw(KeyError()))", id="fails instead"),
        pytest.param("ops.buffer_with_count(3), ops.flat_map_iterable(reversed)", id="reorders"),
    ],
)
def test_the_law_sees_an_operator_that_breaks_it(text: str) -> None:
    assert run(example("ops.skip(0)")) == [1, 2, 3]
    with pytest.raises(AssertionError):
        run(example(text))


def test_the_law_sees_a_door_that_tells_a_discarded_item_twice() -> None:
    actions = (*(f"producer.on_next({n})" for n in (1, 2)), "subscriber.cancel()")
    assert run(example(initial=0, actions=actions)) == []
    twice = "journal.discard('source')(2)"
    with pytest.raises(AssertionError, match="more than once"):
        run(example(initial=0, actions=(*actions, twice)))


def test_the_law_sees_a_door_that_forgets_an_item() -> None:
    actions = (*(f"producer.on_next({n})" for n in (1, 2)), "subscriber.cancel()")
    with pytest.raises(AssertionError, match="nowhere"):
        run(example(initial=0, actions=(*actions, "journal.discarded['source'].pop()")))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"source": Source("create", 4, overflow="DROP_OLDEST"), "cancel_after": 2},
        {"source": Source("steps", 3, fails=True), "actions": ("subscriber.request(1)",)},
        {"actions": ("threads = started(partial(produce, producer, 1, 2))", "joined(threads)")},
        {"parts": (Part(MAP_ASYNC, n=2),), "loop": True},
    ],
)
def test_an_example_prints_as_a_script_that_runs(changes: dict[str, Any], capsys: Any) -> None:
    tried = example(**changes)
    exec(compile(repr(tried), "<script>", "exec"), {"__name__": "script"})
    printed = capsys.readouterr().out
    with started(tried) if not tried.loop else nullcontext() as law:
        if law is None:
            assert printed.startswith("TestSubscriber([2, 3, 4], 'completed'")
            return
        for action in tried.actions:
            law.act(action)
        assert printed == f"{law.subscriber}\n"


def test_where_keys_may_overtake_each_other_those_of_one_key_stay_in_order() -> None:
    expected = [1, 2, 4, 5, 3]
    assert in_turns(expected, [1, 4, 2, 3], 3) == [1, 4, 2, 3, 5]
    assert in_turns(expected, [4, 1], 3)[:2] == [1, 4]
    assert in_turns(expected, [1, 4, 7], 3)[2:] == [2, 5, 3]
    assert in_turns(expected, [], 3) == [1, 4, 2, 5, 3]
