"""The picture of a pipeline: what it says of it, and that nothing covers anything."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from reactivex import Subject
from reactivex.scheduler import TimeoutScheduler

import rxflow as rx
from rxflow import Flow
from rxflow import operators as ops
from rxflow.monitor import explain
from rxflow.monitor.explanation import Explanation, Part
from rxflow.notebook import Recorder, pipeline
from rxflow.notebook.plan import BREADTH, blocks, diagram
from tests.support_svg import assert_clear, elements, own_text, parsed, texts, tips

ROOT = Path(rx.__file__).parent.parent


async def enrich(item: Any) -> Any:
    return item


def short() -> Flow[Any]:
    return rx.range(10).pipe(ops.map(str), ops.filter(bool))


def twelve() -> Flow[Any]:
    return Subject[Any]().pipe(
        ops.on_backpressure_buffer(1000, overflow=rx.DROP_OLDEST),
        ops.map(str),
        ops.filter(bool),
        ops.pairwise(),
        ops.map_async(enrich, max_concurrency=8),
        ops.named("orders"),
        ops.observe_on(TimeoutScheduler.singleton()),
        ops.scan(lambda state, item: item),
        ops.buffer_with_count(10),
        ops.flat_map(lambda items: rx.of(*items)),
        ops.debounce(0.5),
        ops.take(100),
    )


def forty() -> Flow[Any]:
    flow: Flow[Any] = rx.range(100)
    for number in range(40):
        flow = flow.pipe(
            ops.map_async(enrich, max_concurrency=4)
            if number % 6 == 5
            else ops.on_backpressure_buffer(9, overflow=rx.DROP_ALL)
            if number % 13 == 12
            else ops.scan(max, seed=0)
            if number % 2
            else ops.map(str)
        )
    return flow


def merged() -> Flow[Any]:
    strategies = (rx.DROP_OLDEST, rx.DROP_NEWEST, rx.DROP_ALL, rx.FAIL)
    doors = [
        Subject[Any]().pipe(ops.on_backpressure_buffer(64 + n, overflow=strategy), ops.map(str))
        for n, strategy in enumerate(strategies)
    ]
    return rx.merge(*doors, rx.range(5)).pipe(ops.map(len))


def shared() -> Flow[Any]:
    source = rx.range(9).pipe(ops.share())
    return rx.merge(
        source.pipe(ops.map(str)),
        source.pipe(ops.filter(bool), ops.map_async(enrich, max_concurrency=2)),
        source.with_overflow(rx.DROP_OLDEST, capacity=5).pipe(ops.map(int)),
    )


def wide() -> Flow[Any]:
    return rx.merge(*(rx.range(n).pipe(ops.map(str)) for n in range(1, 31)))


LEGEND = ("subscriber",)
PIPELINES = [short, twelve, forty, merged, shared, wide]


@pytest.mark.parametrize("build", PIPELINES)
def test_nothing_covers_anything(build: Any) -> None:
    svg = pipeline(build())
    assert_clear(svg)
    for text in elements(svg, "text"):
        assert text.get("text-anchor") == "end" or float(text.get("x", "")) >= 8


@pytest.mark.parametrize("build", PIPELINES)
def test_every_part_is_named_once(build: Any) -> None:
    flow = build()
    shown = Counter(
        re.match(r"(?:\w+: )?(\w+)", text)[1]  # type: ignore[index]
        for text in texts(pipeline(flow))
        if not text.startswith(("holds ", "unbounded:", "lifted:"))
    )
    named = Counter(part.name for part in explain(flow).parts)
    assert {name: shown[name] for name in named if name not in LEGEND} == {
        name: count for name, count in named.items() if name not in LEGEND
    }
    assert shown["subscriber"] == 1 + named["subscriber"]


@pytest.mark.parametrize("build", PIPELINES)
def test_it_is_no_broader_than_a_page(build: Any) -> None:
    _, _, broad, _ = map(float, parsed(pipeline(build())).get("viewBox", "").split())
    assert BREADTH < broad < 960


def test_boundaries_have_their_bound_and_doors_their_strategy() -> None:
    shown = texts(pipeline(twelve()))
    assert "on_backpressure_buffer(1000, overflow=DROP_OLDEST)" in shown
    assert "holds ≤ 1,000 (capacity), when full DROP_OLDEST" in shown
    assert "orders: map_async(enrich, max_concurrency=8)" in shown
    assert any(text.startswith("holds ≤ 8 (max_concurrency") for text in shown)
    assert "buffer_with_count(10) ≤ 10" in shown  # what a stage holds


def test_what_asks_for_all_there_is_is_marked() -> None:
    svg = pipeline(twelve())
    unbounded = [part for part in explain(twelve()).parts if part.unbounded]
    assert len(unbounded) == 2  # the door, and debounce
    assert texts(svg).count("unbounded: asks for all there is") == 2
    dashed = [each for each in elements(svg, "rect") if each.get("stroke-dasharray") == "7 4"]
    assert len(dashed) == 2
    assert "unbounded: asks for all there is" not in texts(pipeline(short()))


def test_the_total_is_told() -> None:
    assert "4 parts in 1 island; holds at most 0 items" in texts(pipeline(short()))
    bound = explain(merged()).bound
    assert bound
    assert any(
        text.endswith(f"holds at most {bound:,} items") for text in texts(pipeline(merged()))
    )


def test_a_merge_is_a_tree_of_five_rails() -> None:
    made = blocks(explain(merged()))
    *_, last = made
    assert last.head.name == "merge"
    assert len(last.inputs) == 5
    assert sorted(made[source].rail for source in last.inputs) == [0, 1, 2, 3, 4]
    assert last.rail == 0
    assert last.shape == "merge"
    edges = [each for each in elements(pipeline(merged()), "path") if " V" in each.get("d", "")]
    doors = 4
    assert len(edges) == 5 + doors


def test_what_is_shared_has_a_rail_until_its_last_subscriber() -> None:
    made = blocks(explain(shared()))
    names = [block.head.name for block in made]
    share = names.index("share")
    subscribers = [block for block in made if share in block.inputs]
    assert len(subscribers) == 3
    # Between it and its last subscriber nothing else stands on its rail.
    last = made.index(subscribers[-1])
    assert made[share].rail not in [block.rail for block in made[share + 1 : last]]
    assert made[share].rail == subscribers[-1].rail


@pytest.mark.parametrize("build", PIPELINES)
def test_no_rail_leads_through_another_block(build: Any) -> None:
    made = blocks(explain(build()))
    for at, block in enumerate(made):
        for source in block.inputs:
            between = [other.rail for other in made[source + 1 : at]]
            assert made[source].rail not in between


def test_rails_are_used_again() -> None:
    pairs = [rx.merge(rx.of(1), rx.of(2)) for _ in range(4)]
    made = blocks(explain(rx.concat(*pairs)))
    assert max(block.rail for block in made) == 4  # three that wait, and a pair


def test_each_kind_has_a_shape_of_its_own() -> None:
    signs = {
        name: {
            (each.tag.rpartition("}")[2], len(each.get("points", "").split()))
            for each in parsed(pipeline(build())).iter()
            if each.tag.endswith(("circle", "polygon"))
        }
        for name, build in (("short", short), ("twelve", twelve), ("merged", merged))
    }
    assert signs["short"] == {("circle", 0)}
    assert signs["twelve"] == {("circle", 0), ("polygon", 3), ("polygon", 4)}
    assert ("polygon", 4) in signs["merged"]


def test_a_text_tells_the_same() -> None:
    flow = twelve()
    title, desc = list(parsed(flow._repr_svg_() or ""))[:2]
    assert own_text(title).startswith("Pipeline of ")
    assert own_text(desc) == explain(flow).text.replace("\n", " ")


def test_what_is_cut_can_be_pointed_at() -> None:
    flow = rx.range(3).pipe(ops.named("x" * 200), ops.map(str))
    svg = pipeline(flow)
    assert_clear(svg)
    assert any("x" * 200 in tip for tip in tips(svg))


@pytest.mark.parametrize(
    "name",
    ["<b>&\"'</b>", "]]><!--", "\x00\x1b[31m\ud800", "日本語" * 30, "\N{FAMILY}", ""],
    ids=ascii,
)
def test_odd_names_are_shown_in_valid_xml(name: str) -> None:
    assert_clear(pipeline(rx.range(3).pipe(ops.map(str), ops.named(name), ops.share())))


def test_what_the_run_only_tells_and_what_has_no_bound() -> None:
    def with_bound(bound: float | None) -> Explanation:
        source = Part(0, "source", "range", "range")
        held = Part(1, "boundary", "hold", "hold", inputs=(0,), bound=bound, bounded_by="n")
        return Explanation((source, held), ((0,), (1,)), bound, "text")

    assert "holds all there is, without a bound" in texts(diagram(with_bound(float("inf"))))
    assert "holds ≤ n, which the run tells" in texts(diagram(with_bound(None)))


def test_a_flow_is_a_picture_by_itself() -> None:
    flow = short()
    assert flow._repr_svg_() == pipeline(flow)

    class Printer:
        written = ""

        def text(self, text: str) -> None:
            self.written += text

    printer = Printer()
    flow._repr_pretty_(printer, False)
    assert printer.written == explain(flow).text


def test_a_plain_import_is_enough_and_loads_no_pictures_before_one_is_shown() -> None:
    code = (
        "import sys, rxflow as rx; flow = rx.range(3)\n"
        "assert not [name for name in sys.modules if name.startswith('rxflow.notebook')]\n"
        "assert 'xml.etree.ElementTree' not in sys.modules\n"
        "print(flow._repr_svg_()[:4])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
        timeout=60,
    )
    assert ran.stdout == "<svg\n"


def test_a_recorded_flow_is_explained_as_it_is() -> None:
    flow = twelve()
    names = [part.name for part in explain(flow.pipe(Recorder())).parts]
    plain = [part.name for part in explain(flow).parts]
    assert names == [*plain[:-1], "tap_signals", "subscriber"]
    assert explain(flow.pipe(Recorder())).bound == explain(flow).bound


def test_the_same_pipeline_gives_the_same_picture() -> None:
    assert pipeline(short()) == pipeline(short())
