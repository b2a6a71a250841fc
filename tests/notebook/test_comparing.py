"""compare: what it counts, in virtual and in real time, and how it shows it."""

from __future__ import annotations

import _thread
import asyncio
import builtins
import random
import re
import threading
from functools import cache
from typing import Any
from xml.etree import ElementTree

import pytest
from reactivex import Observable, Subject

import rxflow as rx
from rxflow import Flow
from rxflow import operators as ops
from rxflow.notebook import compare
from rxflow.notebook.comparing import Comparison, Outcome
from rxflow.notebook.tables import html_table, text_table

DROPPING = [rx.DROP_OLDEST, rx.DROP_NEWEST, rx.DROP_INCOMING, rx.DROP_ALL, rx.FAIL]


def buffered(source: Observable[Any], overflow: Any) -> Flow[Any]:
    return source.pipe(ops.on_backpressure_buffer(2, overflow=overflow), ops.map(str))


@cache
def burst() -> Comparison:
    """Five at 0 s, one at 10 s; the consumer takes 1 s for each."""
    line = [(0.0, n) for n in range(5)] + [(10.0, 5)]
    return compare(buffered, DROPPING, line, work=1)


def test_each_strategy_loses_what_it_says() -> None:
    counted = {
        each.strategy: (each.delivered, dict(each.dropped), each.end.partition(":")[0])
        for each in burst().outcomes
    }
    # The consumer is served when the burst is over: two are held, or one where all give way.
    assert counted == {
        "DROP_OLDEST": (3, {"oldest": 3}, "completed"),
        "DROP_NEWEST": (3, {"newest": 3}, "completed"),
        "DROP_INCOMING": (3, {"incoming": 3}, "completed"),
        "DROP_ALL": (2, {"all": 4}, "completed"),
        "FAIL": (2, {"overflow": 1}, "BufferOverflowError"),
    }


def test_waiting_times_are_those_of_what_was_taken() -> None:
    line = [(0.0, "a"), (1.0, "b"), (2.0, "c"), (3.0, "d")]
    waits = {
        each.strategy: each.waits
        for each in compare(buffered, DROPPING[:3], line, work=2.5).outcomes
    }
    # a is taken at once; at 2.5 s b, which has waited 1.5 s; at 5 s c; at 7.5 s d.
    assert waits["DROP_INCOMING"] == pytest.approx([0, 1.5, 3, 4.5])
    line += [(3.0, "e"), (3.1, "f")]
    waits = {
        each.strategy: each.waits
        for each in compare(buffered, DROPPING[:3], line, work=2.5).outcomes
    }
    assert waits["DROP_OLDEST"] == pytest.approx([0, 1.5, 2.0, 4.4])  # a b e f
    assert waits["DROP_NEWEST"] == pytest.approx([0, 1.5, 3.0, 4.4])  # a b c f
    assert waits["DROP_INCOMING"] == pytest.approx([0, 1.5, 3.0, 4.5])  # a b c d


def test_held_is_seen_over_time() -> None:
    outcome = compare(buffered, [rx.FAIL], [(1.0, 1), (1.5, 2), (2.0, 3)], work=4).outcomes[0]
    assert outcome.held[-4:] == ((1.5, 1), (2.0, 2), (5.0, 1), (9.0, 0))
    assert (outcome.peak, outcome.capacity, outcome.seconds) == (2, 2, 13)


@pytest.mark.parametrize("seed", range(5))
def test_nothing_is_counted_twice_or_never(seed: int) -> None:
    chance = random.Random(seed)
    times = sorted(chance.uniform(0, 20) for _ in range(200))
    made = compare(
        buffered, DROPPING[:4], [(at, None) for at in times], work=lambda _: chance.uniform(0, 0.4)
    )
    for outcome in made.outcomes:
        assert outcome.came == 200 == outcome.delivered + outcome.lost
        assert len(outcome.waits) == outcome.delivered
        assert all(wait >= 0 for wait in outcome.waits)
        # Little's law: what is held over time is what was waited in all, of what was not lost.
        spans = zip(outcome.held, [*outcome.held[1:], (outcome.seconds, 0)], strict=True)
        area = sum(items * (end - start) for (start, items), (end, _) in spans)
        assert area >= sum(outcome.waits) - 1e-9
        if "incoming" in outcome.dropped:
            assert area == pytest.approx(sum(outcome.waits))


def test_a_year_takes_no_year_and_each_run_gives_the_same() -> None:
    line = [(day * 86_400.0, day) for day in range(365)]
    first, second = (compare(buffered, [rx.DROP_OLDEST], line, work=100_000) for _ in range(2))
    assert first == second
    assert first.outcomes[0].seconds > 364 * 86_400


def test_an_observable_is_run_in_real_time_unless_told_otherwise() -> None:
    source = rx.interval(1.0)
    made = compare(buffered, [rx.DROP_OLDEST], source, work=2.5, until=30, virtual=True)
    [outcome] = made.outcomes
    assert (outcome.end, outcome.seconds) == ("left", 30)
    assert outcome.came in (29, 30)
    assert outcome.came == outcome.delivered + outcome.lost
    real = compare(buffered, [rx.DROP_OLDEST], rx.interval(0.001), until=0.05).outcomes[0]
    assert 0.05 <= real.seconds < 10
    assert real.end == "left"


def test_names_and_strategies_of_any_kind() -> None:
    doors = {"latest": ops.on_backpressure_latest(), "drop": ops.on_backpressure_drop()}
    made = compare(lambda source, door: source.pipe(door), doors, [(0, 1), (1, 2), (1, 3)], work=5)
    assert [each.strategy for each in made.outcomes] == ["latest", "drop"]
    assert [each.lost for each in made.outcomes] == [1, 2]


def test_it_runs_where_a_loop_is_running_already() -> None:
    async def cell() -> Comparison:
        return compare(buffered, [rx.FAIL], [(0, 1)])

    assert asyncio.run(cell()).outcomes[0].delivered == 1


def test_nothing_is_left_when_the_consumer_leaves() -> None:
    source = Subject[int]()
    compare(buffered, DROPPING[:2], source, until=0.01)
    assert source.observers == []


def test_nothing_is_left_when_the_cell_is_interrupted() -> None:
    source = Subject[int]()
    threads = threading.active_count()
    seen: list[int] = []

    def once_subscribed(observed: Observable[Any], overflow: Any) -> Flow[Any]:
        def tell(_: Any) -> int:
            seen.append(len(source.observers))
            _thread.interrupt_main()
            return 0

        return buffered(rx.merge(observed, rx.of(0)).pipe(ops.map(tell)), overflow)

    with pytest.raises(KeyboardInterrupt):
        compare(once_subscribed, [rx.DROP_OLDEST], source, until=30)
    assert seen == [1]
    assert source.observers == []
    assert threading.active_count() == threads


def test_a_source_that_fails() -> None:
    [outcome] = compare(buffered, [rx.FAIL], rx.throw(ValueError("no")), until=5).outcomes
    assert outcome.end == "ValueError: no"


@pytest.mark.parametrize(
    ("source", "error", "match"),
    [
        ([1, 2], TypeError, "pairs of a time"),
        (5, TypeError, "pairs of a time"),
        ([("x", 1)], TypeError, "pairs of a time"),
        ([(2, "a"), (1, "b")], ValueError, "1.0 comes after 2.0"),
    ],
)
def test_a_wrong_source_is_refused(source: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        compare(buffered, [rx.FAIL], source)


def test_a_function_that_gives_no_flow_is_refused() -> None:
    with pytest.raises(TypeError, match="is to give a Flow"):
        compare(lambda source, _: source, [1], [(0, 1)])  # type: ignore[arg-type,return-value]


def test_an_error_of_the_work_is_an_end() -> None:
    def work(item: Any) -> float:
        raise ValueError(item)

    assert compare(buffered, [rx.FAIL], [(0, 1)], work=work).outcomes[0].end == "ValueError: 1"


def test_the_table_has_the_numbers() -> None:
    lines = repr(burst()).splitlines()
    assert lines[0].split()[:4] == ["strategy", "came", "delivered", "lost"]
    assert lines[2].split()[:6] == ["DROP_OLDEST", "6", "3", "3", "3", "oldest"]
    assert "2 of 2" in lines[2]
    assert lines[6].split()[:4] == ["FAIL", "3", "2", "1"]
    assert "BufferOverflowError:" in lines[6]


def test_the_page_has_the_table_and_the_plots() -> None:
    made = burst()
    html = made._repr_html_()
    table, svg = html[: html.index("<svg")], html[html.index("<svg") :]
    cells = [[cell.text for cell in row] for row in ElementTree.fromstring(table).iter("tr")]
    assert cells == made.rows()
    written = [element.text for element in ElementTree.fromstring(svg).iter() if element.text]
    for text in ("Items held, over time", "How long items waited", "What became of the items"):
        assert text in written
    assert written.count("DROP_OLDEST") == 3  # its row, its line and its bar
    assert "currentColor" in svg
    assert "<script" not in html


def test_the_page_is_the_same_for_the_same_outcomes() -> None:
    one, other = (compare(buffered, [rx.FAIL], [(0, 1)]) for _ in range(2))
    assert one._repr_html_() == other._repr_html_()


def test_many_points_are_thinned() -> None:
    held = tuple((n / 10, n % 7) for n in range(50_000))
    outcome = Outcome("x", 1, 1, {}, 0, 7, 7, tuple(n / 1000 for n in range(50_000)), held, 9e3, "")
    assert len(Comparison((outcome,))._repr_html_()) < 250_000


def test_without_matplotlib_there_is_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.partition(".")[0] == "matplotlib":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    made = burst()
    monkeypatch.setattr(builtins, "__import__", without)
    html = made._repr_html_()
    assert "<table" in html
    assert "<svg" not in html
    assert "rxflow-streams[notebook]" in html
    with pytest.raises(ImportError):
        made.figure()


def test_odd_texts_in_tables() -> None:
    rows = [["a", "b"], ["<b>&\x00", "日本"], ["x" * 9, "1"]]
    assert ElementTree.fromstring(html_table(rows)).findall(".//th")[2].text == "<b>&\ufffd"
    assert (
        len({len(re.sub("[日本]", "xx", line)) for line in text_table(rows).splitlines()[1:]}) == 1
    )


def test_nothing_delivered_has_no_waiting_time() -> None:
    made = compare(buffered, [rx.FAIL], [])
    assert made.outcomes[0].wait(0.5) is None
    assert repr(made).splitlines()[2].split()[-4:] == ["-", "-", "-", "completed"]
    assert made._repr_html_()
