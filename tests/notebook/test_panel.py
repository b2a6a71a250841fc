"""The live panel, as far as it needs no notebook: what it shows, and that it keeps nothing."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
from collections.abc import Callable, Generator
from html.parser import HTMLParser
from typing import Any
from weakref import ref

import pytest
from reactivex.subject import Subject

import rxflow as rx
from rxflow import StageStatistics
from rxflow import operators as ops
from rxflow.kernel import Meter, Status
from rxflow.notebook import Panel, panel, panel_picture, watch
from rxflow.notebook.panel_figures import Look, Part, Watched
from rxflow.notebook.screen import STYLE, document
from rxflow.testing import TestSubscriber, run_virtual


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "rxflow-sampler"]


def over(seen: Panel | None = None) -> None:
    """Wait until no panel looks any longer, which it ends by itself."""
    for thread in threads():
        for _ in range(1_000):
            gc.collect()  # of what nobody holds any more
            thread.join(0.01)
            if not thread.is_alive():
                break
    assert threads() == [], seen


@pytest.fixture(autouse=True)
def nothing_left(monkeypatch: pytest.MonkeyPatch) -> Generator[None]:
    monkeypatch.setattr(panel, "LINGER", 0.0)
    yield
    for each in tuple(panel._open):
        each.close()
    over()


def lines(text: object) -> list[list[str]]:
    return [line.split() for line in str(text).splitlines()]


class Cells(HTMLParser):
    """Reads the numbers of a picture, and its texts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.part = ""
        self.values: dict[tuple[str, str], str] = {}
        self.shown: list[str] = []
        self.tags: list[str] = []
        self.feed(html.rpartition("</style>")[2])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        found = dict(attrs)
        self.part = found.get("data-part") or self.part
        if "data-field" in found:
            self.values[self.part, str(found["data-field"])] = str(found["data-value"])

    def handle_data(self, data: str) -> None:
        self.shown.append(data)


def subject_buffered(capacity: int) -> tuple[Subject[int], rx.Flow[int]]:
    subject = Subject[int]()
    return subject, subject.pipe(ops.on_backpressure_buffer(capacity, overflow=rx.DROP_OLDEST))


def test_it_shows_what_is_held_asked_for_given_and_dropped() -> None:
    subject, flow = subject_buffered(3)
    subscriber = TestSubscriber[int](2)
    flow.subscribe(subscriber)
    seen = watch(subscriber.subscription, 3600)
    for item in range(7):
        subject.on_next(item)
    buffer = lines(seen)[2]
    assert buffer[:7] == ["on_backpressure_buffer", "3", "of", "3,", "full", "3", "0"]
    assert buffer[8:] == ["2", "oldest", "2"]
    subscriber.request(5)
    buffer, last = lines(seen)[2:4]
    assert buffer[:6] == ["on_backpressure_buffer", "0", "of", "3", "3", "2"]
    assert buffer[7:] == ["5", "oldest", "2"]
    assert last[0] == "subscriber"
    assert last[3] == "2"
    subscriber.cancel()
    assert str(seen).startswith("over, ")


def test_what_is_discarded_is_shown() -> None:
    subject, flow = subject_buffered(3)
    subscriber = TestSubscriber[int](0)
    flow.subscribe(subscriber)
    seen = watch(subscriber.subscription, 3600)
    subject.on_next(1)
    subscriber.cancel()
    assert lines(seen)[2][-2:] == ["discarded", "1"]


def test_a_flow_is_watched_before_it_runs_while_it_does_and_when_it_runs_again() -> None:
    flow, other = rx.range(10), rx.range(10)
    seen = watch(flow, 0.001)
    assert str(seen) == "waits for a subscription"
    stranger, first, second = (TestSubscriber[int](n) for n in (0, 3, 4))
    other.subscribe(stranger)
    assert str(seen) == "waits for a subscription"
    flow.subscribe(first)
    assert str(seen).startswith("running, ")
    assert lines(seen)[2][-2:] == ["3", "-"]
    first.cancel()
    assert str(seen).startswith("over, ")
    over(seen)
    assert not seen.closed
    flow.subscribe(second)
    assert str(seen).startswith("running, ")
    assert lines(seen)[2][-2:] == ["4", "-"]
    second.cancel()
    stranger.cancel()


def test_the_subscriptions_that_run_already_are_watched() -> None:
    flow = rx.range(10)
    subscribers = [TestSubscriber[int](0) for _ in range(2)]
    for each in subscribers:
        flow.subscribe(each)
    seen = watch(flow, 3600)
    text = str(seen)
    assert "subscription 1, running" in text
    assert "subscription 2, running" in text
    subscribers[0].cancel()
    assert "subscription 1, over" in str(seen)
    subscribers[1].cancel()


def test_of_many_subscriptions_a_few_are_shown_and_the_rest_are_counted() -> None:
    flow = rx.range(10)
    seen = watch(flow, 3600)
    subscribers = [TestSubscriber[int](0) for _ in range(20)]
    for each in subscribers:
        flow.subscribe(each)
    assert str(seen).endswith("and 12 more")
    assert "and 12 more" in Cells(seen._repr_mimebundle_()["text/html"]).shown
    for each in subscribers[:-1]:
        each.cancel()
    assert "subscription 20, running" in lines(seen)[1] or "subscription 20" in str(seen)
    subscribers[-1].cancel()


def test_a_flow_that_runs_again_and_again_leaves_no_more_than_a_few() -> None:
    flow = rx.range(2)
    seen = watch(flow, 3600)
    keeper = TestSubscriber[int](0)
    flow.subscribe(keeper)
    for _ in range(100):
        assert list(flow) == [0, 1]
    assert len(seen._runs) <= panel.MOST + 1
    keeper.cancel()


def test_the_loop_of_an_async_for_is_watched() -> None:
    async def same(item: int) -> int:
        return item

    async def look() -> list[str]:
        async with asyncio.timeout(10):
            items = aiter(rx.range(5).pipe(ops.map_async(same, 2)))
            seen = watch(items, 3600)
            texts = [str(seen)]
            assert await anext(items) == 0
            texts.append(str(seen))
            await items.aclose()
            return [*texts, str(seen)]

    before, meanwhile, after = asyncio.run(look())
    assert before.startswith("running, ")
    assert meanwhile.splitlines()[2] != before.splitlines()[2]
    assert after.startswith("over, ")


def test_what_is_watched_is_not_kept_alive() -> None:
    flow = rx.range(10)
    subscriber = TestSubscriber[int](3)
    flow.subscribe(subscriber)
    derived, other = flow.map(str), TestSubscriber[str](1)
    derived.subscribe(other)
    seen, another = watch(subscriber.subscription, 0.001), watch(flow, 0.001)
    assert "subscription 2, running" in str(another)
    kept = ref(subscriber.subscription), ref(flow), ref(derived), ref(other.subscription)
    del subscriber, flow, derived, other
    over(seen)
    gc.collect()
    assert [each() for each in kept] == [None] * 4
    assert str(seen).startswith("over, ")
    assert lines(seen)[2][-2:] == ["3", "-"]
    assert str(another).startswith("over, ")


def test_its_thread_is_there_only_while_something_runs() -> None:
    flow = rx.range(10)
    seen = watch(flow, 0.001)
    assert threads() == []
    subscriber = TestSubscriber[int](0)
    flow.subscribe(subscriber)
    assert len(threads()) == 1
    subscriber.request(10)
    over(seen)


def test_the_panel_of_a_subscription_is_closed_when_that_is_over() -> None:
    subscriber = TestSubscriber[int](0)
    rx.range(1).subscribe(subscriber)
    seen = watch(subscriber.subscription, 0.001)
    assert not seen.closed
    subscriber.request(1)
    over(seen)
    assert seen.closed
    assert seen not in panel._open


def test_a_subscription_that_is_over_already_is_shown() -> None:
    subscriber = TestSubscriber[int](3)
    rx.range(3).subscribe(subscriber)
    seen = watch(subscriber.subscription, 0.001)
    assert str(seen).startswith("over, ")
    over(seen)
    assert seen.closed


def test_close_ends_the_looking_and_not_what_is_looked_at() -> None:
    subscriber = TestSubscriber[int](0)
    flow = rx.range(3)
    flow.subscribe(subscriber)
    seen = watch(flow, 0.001)
    seen.close()
    seen.close()
    assert threads() == []
    assert str(seen).startswith("no longer watched, after ")
    flow.subscribe(TestSubscriber[int](0))
    assert "subscription 2" not in str(seen)
    subscriber.request(3)
    assert subscriber.items == [0, 1, 2]


def test_to_watch_the_same_again_replaces_the_panel() -> None:
    flow, other = rx.range(3), rx.range(3)
    first, elsewhere, second = watch(flow), watch(other), watch(flow)
    assert (first.closed, elsewhere.closed, second.closed) == (True, False, False)
    subscriber = TestSubscriber[int](0)
    flow.subscribe(subscriber)
    assert len(threads()) == 1
    subscriber.cancel()


def test_a_flow_that_is_gone_has_its_panel_put_away() -> None:
    flow = rx.range(3)
    first = watch(flow)
    del flow
    gc.collect()
    other = rx.range(3)
    watch(other)
    assert first.closed


def test_the_subscription_of_an_ordinary_observer_is_watched() -> None:
    subject, flow = subject_buffered(3)
    subscription = flow.subscribe(lambda item: None)
    seen = watch(subscription, 3600)
    subject.on_next(1)
    assert lines(seen)[2][0] == "on_backpressure_buffer"
    assert lines(seen)[2][-2:] == ["1", "-"]
    subscription.dispose()
    assert str(seen).startswith("over, ")


@pytest.mark.parametrize("target", [None, 3, rx.Subject[int](), rx.Subject[int]().subscribe()])
def test_what_cannot_be_watched_is_refused(target: Any) -> None:
    with pytest.raises(TypeError, match=r"watch wants a Flow, or what subscribe\(Subscriber\)"):
        watch(target)


@pytest.mark.parametrize("interval", [0, -1, float("nan")])
def test_an_interval_that_is_none_is_refused(interval: float) -> None:
    with pytest.raises(ValueError, match="interval must be above 0 seconds"):
        watch(rx.range(3), interval)


def part(**figures: Any) -> Part:
    return Part(StageStatistics("part", **figures), 12.3456)


def picture(*parts: Part, state: str = "running") -> Cells:
    return Cells(panel_picture.html([Look(1, parts, False, 2.0)], state))


def test_the_style_is_in_what_is_saved_and_in_no_update() -> None:
    _, flow = subject_buffered(3)
    subscriber = TestSubscriber[int](2)
    flow.subscribe(subscriber)
    seen = watch(subscriber.subscription, 3600)
    saved, live = seen._repr_mimebundle_()["text/html"], seen._display_()
    assert saved == document(live.picture)
    assert saved.startswith(f"<style>{STYLE}</style><div ")
    assert "<style" not in live.picture
    assert live._css == STYLE


def test_the_html_has_the_numbers_of_the_text_and_the_exact_ones() -> None:
    shown = part(
        requested=1_234_567,
        delivered=234_567,
        held=12,
        peak=34,
        capacity=256,
        dropped={"oldest": 5, "expired": 2},
    )
    look = Look(1, (shown,), False, 2.0)
    cells = picture(shown)
    assert {field: value for (_, field), value in cells.values.items()} == {
        "held": "12",
        "peak": "34",
        "demand": "1000000",
        "rate": "12.3456",
        "delivered": "234567",
        "dropped": "7",
    }
    expected = ["part", "12 of 256", "34", "1 M", "12.3", "234,567", "expired 2, oldest 5"]
    assert cells.shown[-7:] == expected
    assert [word for text in expected for word in text.split()] == lines(
        panel_picture.text([look], "running")
    )[2]


def test_a_stage_counts_nothing_and_is_not_said_to_have_given_nothing() -> None:
    seen = watch(flow := rx.range(9).pipe(ops.map(str), ops.named("numbers")), 3600)
    subscriber = TestSubscriber[str](0)
    flow.subscribe(subscriber)
    source, stage, last = lines(seen)[2:5]
    assert (source[0], source[3:]) == ("numbers/range", ["0", "0", "0", "-"])  # nothing yet
    assert stage == ["numbers/map", *"------"]
    assert last[0] == "subscriber"
    assert last[3:] == ["0", "0", "0", "-"]
    subscriber.request(2)
    assert lines(seen)[2][-2:] == ["2", "-"]
    assert lines(seen)[3] == ["numbers/map", *"------"]
    subscriber.cancel()


def test_unbounded_demand_is_infinite() -> None:
    cells = picture(part(requested=rx.UNBOUNDED, delivered=5))
    assert cells.values["part", "demand"] == "unbounded"
    assert "∞" in cells.shown


def test_a_part_that_holds_nothing_has_no_bar() -> None:
    assert "i" not in picture(part()).tags
    assert "i" in picture(part(capacity=3)).tags


@pytest.mark.parametrize(
    ("figures", "width", "kind"),
    [
        ({"held": 0, "capacity": 4}, "0%", "some"),
        ({"held": 1, "capacity": 4}, "25%", "some"),
        ({"held": 17, "capacity": 20}, "85%", "some"),
        ({"held": 18, "capacity": 20}, "90%", "full"),
        ({"held": 30, "capacity": 20}, "100%", "full"),
        ({"held": 30, "capacity": 20, "weight": 5.0}, "25%", "some"),
    ],
)
def test_the_bar_is_as_long_as_the_queue_is_full(
    figures: dict[str, Any], width: str, kind: str
) -> None:
    html = panel_picture.html([Look(1, (part(**figures),), False, 2.0)], "running")
    assert f'<i class="{kind}" style="width:{width}"></i>' in html
    assert (", full</td>" in html) == (kind == "full")


def test_names_and_reasons_cannot_become_markup() -> None:
    nasty = '<img src=x onerror="alert(1)">&'
    shown = Part(StageStatistics(nasty, dropped={nasty: 1}), 0.0)
    cells = picture(shown)
    assert "img" not in cells.tags
    assert nasty in cells.shown
    assert (nasty, "held") in cells.values


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.01234, "0.0123"),
        (99.5, "99.5"),
        (100.4, "100"),
        (99_999.0, "99,999"),
        (999_999, "999,999"),
        (1_000_000, "1 M"),
        (12_345_678, "12.3 M"),
        (999_499_999, "999 M"),
        (999_999_999, "1 G"),
        (1_234_567_890, "1.23 G"),
        (10**18, "1 E"),
        (rx.UNBOUNDED, "∞"),
    ],
)
def test_numbers_are_short(value: float, text: str) -> None:
    assert panel_picture.number(value) == text


class Counting:
    """A consumer whose figures are set by hand."""

    def __init__(self) -> None:
        self.counts = [0]
        self.calls: list[Callable[[], object]] = []
        self.meter = Meter(lambda: 0)
        self.status = Status.FLOWING
        self.flow = None

    def statistics(self) -> tuple[StageStatistics, ...]:
        return tuple(StageStatistics("part", delivered=count) for count in self.counts)

    def when_over(self, call: Callable[[], object]) -> None:
        self.calls.append(call)

    def finish(self) -> None: ...


def test_the_throughput_is_that_of_the_last_second_and_at_the_end_of_all() -> None:
    now = [100.0]
    consumer = Counting()
    watched = Watched(consumer, 1, lambda: now[0])
    assert watched.look().parts[0].rate == 0.0
    rates: list[float] = []
    for delivered in (10, 20, 30, 30, 30, 30):
        now[0] += 0.5
        consumer.counts = [delivered]
        watched.refresh()
        rates.append(watched.look().parts[0].rate)
    assert rates == [20.0, 20.0, 20.0, 10.0, 0.0, 0.0]
    now[0] += 1.0
    consumer.counts = [100]
    consumer.calls[0]()
    look = watched.look()
    assert (look.over, look.seconds, look.parts[0].rate) == (True, 4.0, 25.0)


def test_what_was_read_before_it_was_looked_at_changes_nothing() -> None:
    consumer = Counting()
    watched = Watched(consumer, 1, lambda: 5.0)
    consumer.counts = [7]
    watched.refresh()
    watched.see(4.9, (StageStatistics("part", delivered=3),))
    assert watched.look().parts[0].figures.delivered == 7


def test_parts_that_come_and_go_give_no_false_throughput() -> None:
    now = [100.0]
    consumer = Counting()
    watched = Watched(consumer, 1, lambda: now[0])
    now[0] += 0.5
    consumer.counts = [1000, 7]
    watched.refresh()
    assert [each.rate for each in watched.look().parts] == [0.0, 0.0]
    now[0] += 0.5
    consumer.counts = [1010, 7]
    watched.refresh()
    assert [each.rate for each in watched.look().parts] == [20.0, 0.0]


def test_nothing_of_a_notebook_is_imported_before_a_panel_is_shown_in_one() -> None:
    code = (
        "import sys, rxflow; from rxflow.notebook import watch; flow = rxflow.range(3)\n"
        "print(watch(flow)); list(flow)\n"
        "print(sorted({'IPython', 'anywidget', 'traitlets', 'ipywidgets'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.splitlines() == ["waits for a subscription", "[]"]
    assert done.stderr == ""


def test_what_limits_it_is_told_below_the_figures() -> None:
    async def main() -> None:
        async def slow(item: int) -> int:
            await asyncio.sleep(1.0)
            return item

        flow = rx.range(100).pipe(ops.map_async(slow, max_concurrency=2), ops.named("enrich"))
        iteration = aiter(flow)
        watched = Watched(iteration.consumer, 1, asyncio.get_running_loop().time)
        assert panel_picture.text([watched.look()], "running").count("\n") == 3
        for _ in range(20):
            await anext(iteration)
            watched.refresh()
        told = "`enrich` is busy 100% of the time with max_concurrency=2: raise max_concurrency"
        assert told in panel_picture.text([watched.look()], "running")
        assert f'<tr class="note"><td colspan="8">{told}' in panel_picture.html(
            [watched.look()], "running"
        )
        await iteration.aclose()
        assert f"it has ended; {told}" in panel_picture.text([watched.look()], "over")

    run_virtual(main())
