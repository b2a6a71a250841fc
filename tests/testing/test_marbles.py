"""Marbles with a demand lane: each kind of lane, what is judged, and what a failure shows."""

from __future__ import annotations

import doctest
import operator
from collections.abc import Callable
from typing import Any

import pytest
import reactivex
from hypothesis import given
from hypothesis import strategies as st
from reactivex import Observable
from reactivex import operators as plain
from reactivex.observable.marbles import parse
from reactivex.testing.hotobservable import HotObservable

import rxflow as rx
from rxflow import operators as ops
from rxflow.testing import Misbehaviour, TestPublisher, marbles
from rxflow.testing.marbles import assert_marbles, render_marbles

Build = Callable[..., Any]


def buffer(capacity: int = 9) -> Any:
    return ops.on_backpressure_buffer(capacity)


def same(source: Any) -> Any:
    return source


def buffered(source: Any) -> Any:
    return source.pipe(buffer())


def told(build: Build, diagram: str, **options: Any) -> list[str]:
    """Give the lines of the failure that an expectation gives."""
    with pytest.raises(AssertionError) as failure:
        assert_marbles(build, diagram, **options)
    return str(failure.value).splitlines()


def lane(rendered: str, name: str) -> list[str]:
    """Give the rows of a lane."""
    lines = [line.split(None, 1) for line in rendered.splitlines()]
    return [line[1] for line in lines if line[0] == name]


def emitted(diagram: str, name: str = "source", **options: Any) -> list[tuple[float, Any]]:
    """Give the ticks and signals of a source, as a plain subscriber sees them."""
    seen: list[tuple[float, Any]] = []

    def build(**sources: HotObservable[Any]) -> Observable[Any]:
        stream = sources[name]
        clock = stream.scheduler

        def note(signal: Any) -> None:
            seen.append((clock.clock, signal))

        return stream.pipe(
            plain.do_action(note, lambda error: note(repr(error)), lambda: note("end"))
        )

    render_marbles(build, diagram, **options)
    return seen


def test_the_example_of_the_docstring_runs() -> None:
    finder, runner = doctest.DocTestFinder(), doctest.DocTestRunner()
    for example in finder.find(assert_marbles, "assert_marbles", globs=vars(marbles).copy()):
        runner.run(example)
    failed, attempted = runner.summarize()
    assert (failed, attempted) == (0, 3)


# Doors.

DOORS: dict[str, tuple[Any, str, str, str, dict[str, Any]]] = {
    "oldest": (
        ops.on_backpressure_buffer(2, overflow=rx.DROP_OLDEST),
        "-a------(cd)-(e|)",
        "00011222011110000",
        "00000001111111111",
        {},
    ),
    "newest": (
        ops.on_backpressure_buffer(2, overflow=rx.DROP_NEWEST),
        "-a------(bd)-(e|)",
        "00011222011110000",
        "00000001111111111",
        {},
    ),
    "incoming": (
        ops.on_backpressure_buffer(2, overflow=rx.DROP_INCOMING),
        "-a------(bc)-(e|)",
        "00011222011110000",
        "00000001111111111",
        {},
    ),
    "all": (
        ops.on_backpressure_buffer(2, overflow=rx.DROP_ALL),
        "-a------de-|",
        "00011221000000000",
        "00000002222222222",
        {},
    ),
    "fail": (
        ops.on_backpressure_buffer(2, overflow=rx.FAIL),
        "-a------(bcX)",
        "00011222000000000",
        "0000000..........",
        {"error": rx.BufferOverflowError},
    ),
    "drop": (
        ops.on_backpressure_drop(),
        "-a-------e-|",
        "00000000000000000",
        "00011223333333333",
        {},
    ),
    "latest": (
        ops.on_backpressure_latest(),
        "-a------de-|",
        "00011111000000000",
        "00000112222222222",
        {},
    ),
    "error": (
        ops.on_backpressure_error(),
        "-a-X",
        "00000000000000000",
        "000..............",
        {"error": rx.BufferOverflowError},
    ),
    "reduce": (
        ops.on_backpressure_reduce(operator.add),
        "-a------Ze-|",
        "00011111000000000",
        "00000112222222222",
        {"values": {"Z": "bcd"}},
    ),
}


def doors_diagram(output: str, held: str, dropped: str) -> str:
    return f"""
        request  1-------2----1---
        source   -a-b-c-d-e-|
        output   {output}
        held     {held}
        dropped  {dropped}
    """


@pytest.mark.parametrize("name", DOORS)
def test_what_a_door_gives_holds_and_drops(name: str) -> None:
    door, output, held, dropped, options = DOORS[name]
    assert_marbles(
        lambda source: source.pipe(door), doors_diagram(output, held, dropped), **options
    )


@pytest.mark.parametrize("name", DOORS)
@pytest.mark.parametrize("wrong", ["output", "held", "dropped"])
def test_one_character_that_is_wrong_is_found(name: str, wrong: str) -> None:
    door, *lanes, options = DOORS[name]
    place = ["output", "held", "dropped"].index(wrong)
    lanes[place] = lanes[place].replace("-a-", "-b-").replace("000", "010", 1)
    lines = told(lambda source: source.pipe(door), doors_diagram(*lanes), **options)
    assert lines[0] == f"the {wrong} lane differs at tick 1"
    assert lines[1] == ""


# Requests.


def test_each_request_gives_so_many() -> None:
    assert_marbles(
        buffered,
        """
        source   (abcdefgh)
        request     1--(12)-u-----
        output      a--(bcd)----
        output              (efgh)
        held     8887774444
        """,
    )


def test_nothing_is_given_without_demand() -> None:
    assert_marbles(
        buffered,
        """
        request  ----------
        source   -a-b|
        output   ----------
        held     0112222222
        dropped  0000000000
        """,
    )


def test_completion_needs_no_demand() -> None:
    assert_marbles(buffered, "request ----\nsource  --|-\noutput  --|-\nheld    0000")


def test_all_is_requested_where_no_request_is_drawn() -> None:
    requested: list[int] = []

    def build(source: Any) -> Any:
        publisher: TestPublisher[Any] = TestPublisher(
            on_request=lambda _, n: (requested.append(n), publisher.complete())
        )
        return publisher

    assert_marbles(build, "source --\noutput |")
    assert requested == [rx.UNBOUNDED]


def test_u_requests_all() -> None:
    publisher: TestPublisher[Any] = TestPublisher()
    render_marbles(lambda: publisher, "request --3u-")
    assert publisher.requests == [3, rx.UNBOUNDED]


def test_x_cancels() -> None:
    assert_marbles(
        buffered,
        """
        request  1---x--5-
        source   -a-b-c-d|
        output   -a-------
        held     000100000
        """,
    )


def test_what_is_cancelled_leaves_the_source_at_that_tick() -> None:
    sources: list[HotObservable[Any]] = []

    def build(source: HotObservable[Any]) -> Any:
        sources.append(source)
        return buffered(source)

    assert_marbles(
        build,
        """
        request  u--x---
        source   -a---b-
        output   -a-----
        """,
    )
    assert [(each.subscribe, each.unsubscribe) for each in sources[0].subscriptions] == [(0, 3)]


def test_the_end_of_the_drawing_cancels() -> None:
    discarded: list[str] = []
    door: Any = ops.on_backpressure_buffer(4, on_discard=discarded.append)
    render_marbles(lambda source: source.pipe(door), "request 1-----\nsource  -ab-c-d")
    assert discarded == ["b", "c", "d"]


def test_the_end_of_the_drawing_leaves_a_plain_observable() -> None:
    sources: list[HotObservable[Any]] = []

    def build(source: HotObservable[Any]) -> Any:
        sources.append(source)
        return source

    assert_marbles(build, "source  -a--\noutput  -a--")
    left = [each.unsubscribe for each in sources[0].subscriptions]
    assert left == [pytest.approx(4, abs=0.001)]


@pytest.mark.parametrize(
    ("first", "second", "output"),
    [
        ("request --1--", "source  --a--", "--a--"),
        ("source  --a--", "request --1--", "-----"),
    ],
)
def test_at_one_tick_lanes_act_from_top_to_bottom(first: str, second: str, output: str) -> None:
    assert_marbles(
        lambda source: source.pipe(ops.on_backpressure_drop()),
        f"{first}\n{second}\noutput  {output}",
    )


def test_sources_at_one_tick_come_from_top_to_bottom() -> None:
    assert_marbles(
        lambda a, b: reactivex.merge(b, a),
        """
        a       --x----
        b       --y-z|-
        a       ----w-|
        output  --(xy)
        output      (wz)
        output        |
        """,
    )


# Sources.


def test_a_source_is_a_plain_hot_observable() -> None:
    def build(source: Any) -> Any:
        assert isinstance(source, Observable)
        assert not isinstance(source, rx.Flow)
        return source.pipe(plain.delay_subscription(3.0))

    assert_marbles(build, "source  -a-b-c|\noutput  -----c|")


def test_a_source_is_placed_in_time() -> None:
    seen = emitted("source  -a-1(bc|)")
    assert seen == [(1, "a"), (3, 1), (4, "b"), (4, "c"), (4, "end")]


def test_a_group_takes_its_columns_as_in_reactivex() -> None:
    text = "-(a)-b(3)--c|"
    expected = [(time, getattr(signal, "value", "end")) for time, signal in parse(text)]
    assert emitted(f"source  {text}") == expected
    assert expected == [(1, "a"), (5, "b"), (6, 3), (11, "c"), (12, "end")]


def test_a_lane_that_is_written_further_right_starts_later() -> None:
    assert_marbles(
        lambda first, second: reactivex.merge(first, second),
        """
        first   -a-b|
        second     c-d|
        output  -a-(bc)
        output       d|
        """,
    )


def test_a_blank_is_time_that_passes() -> None:
    assert emitted("source  a b  c|") == [(0, "a"), (2, "b"), (5, "c"), (6, "end")]


def test_lanes_of_the_same_name_are_laid_over_one_another() -> None:
    seen = emitted("source  (ab)-d|\nsource  -c")
    assert seen == [(0, "a"), (0, "b"), (1, "c"), (5, "d"), (6, "end")]


def test_a_source_fails() -> None:
    assert emitted("source  -X") == [(1, "Exception('error')")]
    assert emitted("source  -X", error=OSError("gone")) == [(1, "OSError('gone')")]


def test_a_cold_source_counts_from_its_subscription() -> None:
    assert_marbles(
        lambda first, second: first.pipe(plain.concat(second), plain.repeat(2)),
        """
        cold first   a--|
        cold second     -b|
        output       a---ba---b|
        """,
    )


def test_comments_and_empty_lines_are_no_lanes() -> None:
    assert_marbles(same, "\n# source x\n\n  source  a|\n  # and\n  output  a|\n\n")


# Items and failures.


def test_values_stand_for_items() -> None:
    assert_marbles(
        lambda source: source.pipe(plain.map(lambda pair: (pair[1], pair[0]))),
        """
        source  -a-b-?|
        output  -A-B-C|
        """,
        values={
            "a": (1, None),
            "A": (None, 1),
            "b": "no",
            "B": ("o", "n"),
            "?": "xy",
            "C": ("y", "x"),
        },
    )


def test_a_digit_is_an_int() -> None:
    assert_marbles(
        lambda source: source.pipe(plain.scan(operator.add)), "source  1-2-3|\noutput  1-3-6|"
    )
    lines = told(lambda source: source.pipe(plain.map(str)), "source  -1|\noutput  -1|")
    assert lines[-1] == "# A is '1'"


def test_none_and_what_has_its_own_equality_are_items() -> None:
    class Never:
        def __eq__(self, other: object) -> bool:
            return False

        __hash__ = None  # type: ignore[assignment]

    assert_marbles(same, "source  -a-b|\noutput  -a-b|", values={"a": None, "b": Never()})


def test_true_is_not_1() -> None:
    lines = told(lambda source: source.pipe(plain.map(bool)), "source  -1|\noutput  -1|")
    assert lines[0] == "the output lane differs at tick 1"
    assert lines[-1] == "# A is True"


def test_characters_of_equal_items_are_the_same() -> None:
    assert_marbles(same, "source  -a-b|\noutput  -b-a|", values={"a": [1], "b": [1]})


def test_a_character_is_chosen_once_for_equal_items_and_never_twice() -> None:
    rendered = render_marbles(
        lambda source: source.pipe(plain.map({"p": ["A"], "q": "A", "r": ["B"], "s": ["A"]}.get)),
        "source  p-q-r-s|",
    )
    assert lane(rendered, "output") == ["A-B-C-A|"]
    assert rendered.splitlines()[2:] == ["# A is ['A']", "# B is 'A'", "# C is ['B']"]


def test_a_character_that_came_as_itself_is_not_chosen() -> None:
    rendered = render_marbles(
        lambda source: source.pipe(plain.map({"p": "A", "q": ["A"]}.get)), "source  p-q|"
    )
    assert rendered.splitlines()[1:] == ["output  A-B|", "# B is ['A']"]


def test_the_failure_is_the_one_that_is_given() -> None:
    gone = OSError("gone")
    assert_marbles(same, "source  -X\noutput  -X", error=gone)
    assert_marbles(same, "source  -X\noutput  -X")
    failing = plain.map(lambda _: 1 // 0)
    assert_marbles(lambda a: a.pipe(failing), "a      1\noutput X", error=ZeroDivisionError)
    assert_marbles(lambda a: a.pipe(failing), "a      1\noutput X", error=ArithmeticError)
    alike = ZeroDivisionError(*_division().args)
    assert_marbles(lambda a: a.pipe(failing), "a      1\noutput X", error=alike)


def _division() -> Exception:
    try:
        return Exception(1 // 0)
    except ZeroDivisionError as error:
        return error


@pytest.mark.parametrize("error", [None, OSError, ZeroDivisionError("other"), OSError("gone")])
def test_another_failure_is_found(error: Any) -> None:
    lines = told(lambda a: a.pipe(plain.map(lambda _: 1 // 0)), "a      1\noutput X", error=error)
    assert lines[0] == "the output lane differs at tick 0"
    assert lines[-1] == f"# ! is {_division()!r}"


def test_a_failure_waits_for_the_backlog_or_overtakes_it() -> None:
    diagram = """
        request  --1---1--
        source   (ab)X
        output   {}
        held     {}
    """
    assert_marbles(buffered, diagram.format("--a---(bX)", "221111000"))
    at_once: Any = ops.on_backpressure_buffer(9, delay_error=False)
    assert_marbles(lambda source: source.pipe(at_once), diagram.format("--a-X", "221100000"))


# Several sources.


def test_zip_holds_what_waits_for_its_partner() -> None:
    assert_marbles(
        lambda left, right: buffered(left).pipe(ops.zip(buffered(right))),
        """
        request  2---------1-
        left     -a-b---c|
        right    ---1--2--3|
        output   ---P--Q---(R|)
        held     01111101120000
        """,
        values={"P": ("a", 1), "Q": ("b", 2), "R": ("c", 3)},
    )


def test_merge_gives_what_comes_in_its_order() -> None:
    assert_marbles(
        lambda left, right: rx.merge(buffered(left), buffered(right)),
        """
        request  2------(12)--
        left     -a----c|
        right    ---b-d-|
        output   -a-b---(dc|)
        held     00000120000000
        """,
    )


# Time.


@pytest.mark.parametrize("placed", ["before", "behind"])
def test_operators_driven_by_time_follow_the_ticks(placed: str) -> None:
    def build(source: Any) -> Any:
        delay: Any = ops.delay(3.0)
        stages = [delay, buffer()] if placed == "before" else [buffer(), delay]
        return source.pipe(*stages)

    assert_marbles(
        build,
        """
        request  5----------
        source   -a-b|
        output   ----a-b|
        """,
    )


def test_a_plain_operator_driven_by_time_follows_the_ticks() -> None:
    assert_marbles(
        lambda source: source.pipe(plain.debounce(2.0)),
        """
        source  -a-b-c----d|
        output  -------c---(d|)
        """,
    )


def test_what_comes_within_a_tick_stands_in_its_column() -> None:
    assert_marbles(lambda source: source.pipe(plain.delay(1.75)), "source  -a-b|\noutput  --a-b|")


def test_timers_come_after_the_lanes_of_their_tick() -> None:
    timer = reactivex.timer(2.0)
    assert_marbles(
        lambda source: source.pipe(plain.take_until(timer)), "source  -ab-\noutput  -a(b|)"
    )


def test_what_comes_after_the_last_column_is_not_seen() -> None:
    late = plain.delay(3.0)
    assert_marbles(lambda source: source.pipe(late), "source  -a-b--\noutput  ----a-")
    assert_marbles(lambda source: source.pipe(late), "source  -a-b---\noutput  ----a-b")


def test_a_stream_without_sources() -> None:
    assert_marbles(lambda: rx.range(5), "request  2-1-9\noutput   (01)\noutput   --2-(34|)")
    assert_marbles(lambda: rx.interval(2.0), "request  9----\noutput   --0-1")


# What a failure shows.


def test_a_failure_draws_all_lanes_and_the_columns_that_differ() -> None:
    lines = told(
        lambda source, other: buffered(source).pipe(ops.map(str.upper), ops.merge(buffered(other))),
        """
        request       2----1---u
        source        -a-b-c|
        cold other    ---------|
        output        -A-B--C--|
        held          000000.1..
        """,
    )
    assert lines == [
        "the output lane differs at tick 5",
        "the held lane differs at tick 7",
        "",
        "request     2----1---u",
        "source      -a-b-c|",
        "cold other  ---------|",
        "output      -A-B--C--|",
        "  came      -A-B-C---|",
        "                 ^^",
        "held        000000.1..",
        "  came      0000000000",
        "                   ^",
    ]


def test_a_failure_shows_lanes_that_are_as_expected_without_a_sign() -> None:
    lines = told(buffered, "source  -a|\noutput  -a|\nheld    000\ndropped 01.")
    assert lines == [
        "the dropped lane differs at tick 1",
        "",
        "source   -a|",
        "output   -a|",
        "  came   -a|",
        "held     000",
        "  came   000",
        "dropped  01.",
        "  came   000",
        "          ^",
    ]


@pytest.mark.parametrize(
    ("output", "tick"),
    [
        ("-a-b-", 4),  # the end is missing
        ("-a-b--|", 4),  # it comes later
        ("-a-bX", 4),  # it is another one
        ("-a--|", 3),  # an item is missing
        ("-abb|", 2),  # one too many
        ("-b-a|", 1),  # in another order
        ("-ab-|", 2),  # earlier
        ("-(ab|)", 1),
        ("-----", 1),
    ],
)
def test_the_output_is_compared_exactly(output: str, tick: int) -> None:
    assert_marbles(buffered, "source  -a-b|\noutput  -a-b|")
    lines = told(buffered, f"source  -a-b|\noutput  {output}")
    assert lines[0] == f"the output lane differs at tick {tick}"


def test_the_order_within_a_tick_is_compared() -> None:
    assert told(same, "source  -(ab)\noutput  -(ba)")[0] == "the output lane differs at tick 1"


def test_rules_that_are_broken_are_told_even_if_the_lanes_are_right() -> None:
    def build(source: Any) -> Any:
        publisher: TestPublisher[Any] = TestPublisher(Misbehaviour.IGNORES_DEMAND)
        source.subscribe(publisher.emit, publisher.fail, publisher.complete)
        return publisher

    assert_marbles(build, "request 2--\nsource  ab|\noutput  ab|")
    lines = told(build, "request 1--\nsource  ab|\noutput  ab|")
    assert lines[0].startswith("1.1: 'b' came")
    assert lines[1:] == ["", "request  1--", "source   ab|", "output   ab|", "  came   ab|"]


# Drawing what came.


def test_rendering_adds_what_came_and_was_held_and_dropped() -> None:
    door: Any = ops.on_backpressure_buffer(2, overflow=rx.DROP_OLDEST)
    diagram = "request  1-----2-\nsource   -abcd-|"
    assert render_marbles(lambda source: source.pipe(door), diagram).splitlines() == [
        *diagram.splitlines(),
        "output   -a----(cd|)",
        "held     00122200",
        "dropped  00001111",
    ]


def test_rendering_takes_another_line_where_brackets_take_the_columns() -> None:
    diagram = "request  ---3-u---\nsource   abc-d-e|"
    rendered = render_marbles(buffered, diagram)
    assert rendered.splitlines() == [
        *diagram.splitlines(),
        "output   ---(abc)",
        "output        de|",
        "held     123010000",
        "dropped  000000000",
    ]
    assert_marbles(buffered, rendered)


def test_rendering_takes_only_the_length_of_what_is_expected() -> None:
    rendered = render_marbles(buffered, "held    999\nsource  ab|\noutput  cdefg----")
    assert rendered.splitlines() == [
        "held     000000000",
        "source   ab|",
        "output   ab|",
        "dropped  000000000",
    ]


def test_a_plain_observable_is_drawn_without_demand() -> None:
    assert render_marbles(same, "source  -a|") == "source  -a|\noutput  -a|"


def test_more_than_nine_are_a_plus() -> None:
    diagram = "request  ------------\nsource   -abcdefghijkl"
    rendered = render_marbles(lambda source: source.pipe(buffer(20)), diagram)
    assert lane(rendered, "held") == ["0123456789+++"]
    assert_marbles(lambda source: source.pipe(buffer(20)), rendered)


LANE = st.lists(st.sampled_from(["-", "-", "a", "b", "(ab)", "(bca)"]), max_size=12).map("".join)
REQUESTS = st.lists(st.sampled_from(["-", "-", "1", "2", "(13)", "u"]), max_size=12).map("".join)


@given(LANE, st.sampled_from(["-", "|", "X"]), REQUESTS, st.sampled_from(["-", "x"]), st.data())
def test_what_is_drawn_is_what_came(
    source: str, end: str, requests: str, cancel: str, data: st.DataObject
) -> None:
    diagram = f"request  {requests}{cancel}\nsource   {source}{end}"
    door: Any = ops.on_backpressure_buffer(3, overflow=rx.DROP_OLDEST)

    def build(source: Any) -> Any:
        return source.pipe(door)

    rendered = render_marbles(build, diagram)
    assert_marbles(build, rendered)
    lines = rendered.splitlines()
    items = [
        (row, place)
        for row, line in enumerate(lines)
        if line.startswith(("output", "held", "dropped"))
        for place, char in enumerate(line)
        if place > 8 and char in "abc0123456789"
    ]
    row, place = data.draw(st.sampled_from(items))
    other = "d" if lines[row].startswith("output") else "+"
    lines[row] = lines[row][:place] + other + lines[row][place + 1 :]
    with pytest.raises(AssertionError):
        assert_marbles(build, "\n".join(lines))


# Wrong diagrams.


@pytest.mark.parametrize(
    ("diagram", "hint"),
    [
        ("source -a|", "there is no output lane: draw it; render_marbles"),
        ("", "there is no output lane"),
        ("source -a|\noutput", "'output' is no lane: write name, blank and marbles"),
        ("source -a|\n-a|", "'-a|' is no lane"),
        ("source: -a|\noutput -a|", "'source: -a|' is no lane"),
        ("source -#|\noutput -|", "'#' means nothing in the source lane: write an item"),
        ("source -a|\noutput -.|", "'.' means nothing in the output lane: write an item"),
        ("source -(a,b)|\noutput -", "',' means nothing in the source lane"),
        ("request 0\nsource a\noutput -", "'0' means nothing in the request lane: write 1 to 9"),
        ("request a\nsource a\noutput -", "'a' means nothing in the request lane"),
        ("source a\noutput -\nheld 0-", "'-' means nothing in the held lane: write 0 to 9"),
        ("source a\noutput -\ndropped (0)", "'(' means nothing in the dropped lane"),
        ("source a\noutput -\nheld 0\nheld 0", "there are two held lanes: write one"),
        ("source -(ab|\noutput -", "'-(ab|', the source lane: write groups as (ab|)"),
        ("source -ab)\noutput -", "write groups as (ab|)"),
        ("source -(a-b)\noutput -", "write groups as (ab|)"),
        ("source -(a b)\noutput -", "write groups as (ab|)"),
        ("source -((a))\noutput -", "write groups as (ab|)"),
        ("source -()\noutput -", "write groups as (ab|)"),
        ("source -|a\noutput -", "the source lane goes on after its end: let | or X be its last"),
        ("source -a\noutput -(|a)", "the output lane goes on after its end"),
        ("source -X|\noutput -", "the source lane goes on after its end"),
        ("other -a|\noutput -a|", "the source lanes are other, and the function is to take"),
        ("output -a|", "the source lanes are none, and the function is to take"),
        ("source -|\nmore -|\noutput -|", "the source lanes are source, more"),
        ("source -a|\ncold output -a|", "the output lane is no source: write it without cold"),
    ],
)
def test_a_wrong_diagram_is_a_value_error_that_says_what_to_do(diagram: str, hint: str) -> None:
    with pytest.raises(ValueError) as error:  # noqa: PT011 - compared below
        assert_marbles(lambda source: source, diagram)
    assert hint in str(error.value)


@pytest.mark.parametrize("key", ["", "ab", " ", "-", "|", "X", "(", ")", "!"])
def test_values_have_keys_of_one_character_without_another_meaning(key: str) -> None:
    with pytest.raises(ValueError, match="is to be one character"):
        render_marbles(same, "source -a|", values={key: 1})


def test_a_source_does_not_fail_with_a_class() -> None:
    with pytest.raises(ValueError, match="let error= be an exception, not a class"):
        render_marbles(same, "source -X", error=OSError)


@pytest.mark.parametrize("extra", ["request 1", "held 0", "dropped 0"])
def test_a_plain_observable_has_no_lanes_of_demand(extra: str) -> None:
    with pytest.raises(ValueError, match="put a door such as"):
        render_marbles(same, f"source -a|\n{extra}")


@pytest.mark.parametrize("extra", ["held 0", "dropped 0"])
def test_a_publisher_without_statistics_has_no_lanes_that_count(extra: str) -> None:
    publisher: TestPublisher[Any] = TestPublisher()
    with pytest.raises(ValueError, match="keeps no statistics: leave out " + extra[:-2]):
        assert_marbles(lambda: publisher, f"output -\n{extra}")
    assert publisher.cancelled


def test_a_publisher_that_gives_no_subscription_is_found() -> None:
    with pytest.raises(AssertionError, match=r"1\.9"):
        assert_marbles(lambda: TestPublisher(Misbehaviour.NO_ON_SUBSCRIBE), "output -")


@pytest.mark.parametrize("stream", [None, 7, "abc"])
def test_what_is_no_stream_is_refused(stream: Any) -> None:
    with pytest.raises(TypeError, match="is to give the stream under test, not"):
        assert_marbles(lambda source: stream, "source -a|\noutput -a|")
