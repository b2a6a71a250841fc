"""The corner cases that each operator and door has, whatever it does: nothing joins without.

Each runs behind a source of 0, 1 and 5 items that ends or fails. What it gives to a subscriber
that asks for everything is what it is to give to all others, too. What only some have, such
as the callbacks and the boundaries of intervals, is in tests/faults and tests/operators.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from itertools import islice
from typing import Any

import pytest
from reactivex import Observable
from reactivex.operators._timeinterval import TimeInterval
from reactivex.operators._timestamp import Timestamp

import rxflow as rx
from rxflow.flow.registry import registered
from rxflow.testing import TestSubscriber, run_virtual
from tests.tck.cases import DOORS, EXCLUDED, OPERATORS, Case

LENGTHS = (0, 1, 5)
PATIENCE = 1_000.0  # of virtual time, until nothing is under way (seconds)


class SourceError(Exception):
    """What the source fails with."""


class Upstream:
    """A source of some items, which then ends, fails, or waits for ever.

    Attributes:
        closed: How often it was closed.
        opened: How often it was subscribed to.
    """

    def __init__(self, case: Case, length: int, end: Exception | str | None = None) -> None:
        self.case, self.length, self.end = case, length, end
        self.opened = self.closed = 0

    def _start(self, emitter: rx.Emitter[Any]) -> Callable[[], None]:
        self.opened += 1
        numbers = iter(range(self.length))

        def give(n: int) -> None:
            for number in islice(numbers, n):
                emitter.on_next(self.case.element(number))
                if number == self.length - 1:
                    end()

        def end() -> None:
            if isinstance(self.end, Exception):
                emitter.on_error(self.end)
            elif self.end is None:
                emitter.on_completed()

        if self.length:
            emitter.on_request(give)
        else:
            end()
        return self._close

    def _close(self) -> None:
        self.closed += 1

    def subscribe(self, probe: TestSubscriber[Any]) -> TestSubscriber[Any]:
        source = rx.create(self._start, overflow=rx.FAIL, capacity=100)
        source.pipe(self.case.step).subscribe(probe)
        return probe


def told(probe: TestSubscriber[Any]) -> list[Any]:
    """Give the items, of which some are Flows of their own, or tell the time."""
    return [
        "a Flow"
        if isinstance(item, Observable)
        else item.value
        if isinstance(item, (Timestamp, TimeInterval))
        else item
        for item in probe.items
    ]


async def settle() -> None:
    await asyncio.sleep(PATIENCE)


async def ran(
    case: Case, length: int, probe: TestSubscriber[Any], end: Exception | str | None = None
) -> tuple[TestSubscriber[Any], Upstream]:
    """Subscribe, and wait until nothing is under way."""
    upstream = Upstream(case, length, end)
    upstream.subscribe(probe)
    await settle()
    probe.assert_valid()
    return probe, upstream


REFERENCES: dict[tuple[Any, int], TestSubscriber[Any]] = {}


async def all_of(case: Case, length: int) -> tuple[list[Any], TestSubscriber[Any]]:
    """Give what comes to one that asks for everything at once."""
    probe = REFERENCES.get((case.step, length))
    if probe is None:
        probe, _ = await ran(case, length, TestSubscriber(rx.UNBOUNDED))
        REFERENCES[case.step, length] = probe
    assert probe.ended, f"{length} items: it does not end, {probe}"
    return told(probe), probe


def same_end(probe: TestSubscriber[Any], reference: TestSubscriber[Any]) -> None:
    assert probe.completed == reference.completed, (probe, reference)
    assert type(probe.error) is type(reference.error), (probe, reference)


# The corner cases.

Corner = Callable[[Case], Coroutine[Any, Any, None]]


async def demand_of_none(case: Case) -> None:
    """No item comes; the end does where there is none to come."""
    for length in LENGTHS:
        expected, reference = await all_of(case, length)
        probe, _ = await ran(case, length, TestSubscriber())
        assert probe.items == []
        if probe.ended:
            assert expected == [], f"it ends without {expected}"
            same_end(probe, reference)
        elif not expected:  # what leaves out all of its items has to be asked to look at them
            assert length, "nothing is to come, and it does not end"
        probe.cancel()
        await settle()


async def demand_of_one_by_one(case: Case) -> None:
    """All items come, one for each request, and the end with the last one."""
    for length in LENGTHS:
        expected, reference = await all_of(case, length)
        probe, _ = await ran(case, length, TestSubscriber())
        for n in range(1, len(expected) + 1):
            probe.request(1)
            await settle()
            assert told(probe) == expected[:n]
        if not expected and not probe.ended:
            probe.request(1)
            await settle()
        probe.assert_valid()
        same_end(probe, reference)


async def demand_of_just_enough(case: Case) -> None:
    """The end needs no demand beyond the last item."""
    for length in LENGTHS:
        expected, reference = await all_of(case, length)
        probe, _ = await ran(case, length, TestSubscriber(max(1, len(expected))))
        assert told(probe) == expected
        same_end(probe, reference)


async def demand_of_more_than_enough(case: Case) -> None:
    for length in LENGTHS:
        expected, reference = await all_of(case, length)
        probe, _ = await ran(case, length, TestSubscriber(len(expected) + 7))
        assert told(probe) == expected
        same_end(probe, reference)


async def requests_inside_of_on_next(case: Case) -> None:
    """They are served, in order, and not inside of on_next."""
    for length in LENGTHS:
        expected, reference = await all_of(case, length)
        probe, _ = await ran(case, length, TestSubscriber(1, request_each=1))
        assert told(probe) == expected
        assert probe.depth <= 1
        same_end(probe, reference)


async def a_failure_first(case: Case) -> None:
    """It needs no demand, and nothing comes before it."""
    error = SourceError("first")
    probe, upstream = await ran(case, 0, TestSubscriber(), error)
    if not upstream.opened:  # who is asked for nothing may not have asked upstream, either
        probe.request(1)
        await settle()
    probe.assert_failed(error)
    assert upstream.closed == upstream.opened


async def a_failure_behind_items(case: Case) -> None:
    """It comes once, behind the items that came before it or in place of what they were for."""
    error = SourceError("behind")
    expected, reference = await all_of(case, 5)
    probe, upstream = await ran(case, 5, TestSubscriber(rx.UNBOUNDED), error)
    assert upstream.closed == upstream.opened
    if probe.completed:
        enough, _ = await ran(case, 5, TestSubscriber(rx.UNBOUNDED), "waits")
        assert enough.completed, "it had not enough before, so the failure is lost"
        assert told(probe) == expected
    else:
        assert probe.error is error or type(probe.error) is type(reference.error)
        assert told(probe) == expected[: len(probe.items)]


async def cancel_before_a_request(case: Case) -> None:
    upstream = Upstream(case, 5, "waits")
    probe = upstream.subscribe(TestSubscriber())
    probe.cancel()
    probe.request(1)
    await settle()
    assert probe.signals == ["on_subscribe"]
    assert upstream.closed == upstream.opened


async def cancel_in_the_middle(case: Case) -> None:
    """Inside of on_next of the first item: none follows, and no end."""
    upstream = Upstream(case, 5, "waits")
    probe = upstream.subscribe(TestSubscriber(9, cancel_after=1))
    await settle()
    assert len(probe.items) <= 1
    probe.cancel()
    probe.cancel()
    await settle()
    assert upstream.closed == upstream.opened
    assert probe.signals[1:] in ([], ["on_next"], ["on_next", "on_completed"])
    probe.assert_valid()


async def cancel_while_it_waits(case: Case) -> None:
    """What was taken, and is held or under way, comes no more."""
    upstream = Upstream(case, 1, "waits")
    probe = upstream.subscribe(TestSubscriber(9))
    await asyncio.sleep(0)
    probe.cancel()
    before = list(probe.signals)
    await settle()
    assert probe.signals == before
    assert upstream.closed == upstream.opened


async def cancel_after_the_end(case: Case) -> None:
    probe, _ = await ran(case, 1, TestSubscriber(rx.UNBOUNDED))
    assert probe.ended
    before = list(probe.signals)
    probe.cancel()
    probe.request(1)
    await settle()
    assert probe.signals == before


async def a_subscriber_that_raises(case: Case) -> None:
    """What it raises is reported, upstream is cancelled, and nothing follows."""
    upstream = Upstream(case, 5)

    def fail(_: Any, item: Any) -> None:
        raise KeyError(item)

    probe = upstream.subscribe(TestSubscriber(9, fail))
    await settle()
    assert len(probe.items) <= 1
    assert upstream.closed == upstream.opened


CORNERS: tuple[Corner, ...] = (
    demand_of_none,
    demand_of_one_by_one,
    demand_of_just_enough,
    demand_of_more_than_enough,
    requests_inside_of_on_next,
    a_failure_first,
    a_failure_behind_items,
    cancel_before_a_request,
    cancel_in_the_middle,
    cancel_while_it_waits,
    cancel_after_the_end,
    a_subscriber_that_raises,
)

# Where one does not hold, with the reason.

OWN_FIRST = "an item of its own comes before, and waits for demand"
LEFT_OUT = "upstream has items behind the last one that comes, which it has to be asked for"
UNREAD = "what is left is for a window that nobody reads, and who has no demand asks for none"
EMPTY_LIST = "the empty list at the end is left out where nobody has asked for it"
LOSSY = "it is there to drop or merge what is not asked for"
NEWEST = "an inner source gives way to a newer one that comes while nobody asks"
REFUSES = "nobody asks for the second item, so it fails, or refuses to wait, as it is to"

EXCEPTIONS: dict[tuple[str, str], str] = {
    **dict.fromkeys(
        [
            (name, "a_failure_first")
            for name in (
                "window",
                "window_toggle",
                "window_when",
                "window_with_count",
                "window_with_time",
                "window_with_time_or_count",
                "start_with",
                "publish_value",
            )
        ],
        OWN_FIRST,
    ),
    ("on_error_resume_next", "a_failure_first"): "the next source follows a failure",
    ("on_error_resume_next", "a_failure_behind_items"): "the next source follows a failure",
    ("materialize", "a_failure_first"): "a failure is an item",
    ("materialize", "a_failure_behind_items"): "a failure is an item",
    ("to_marbles", "a_failure_first"): "a failure is drawn",
    ("to_marbles", "a_failure_behind_items"): "a failure is drawn",
    **dict.fromkeys(
        [
            (name, corner)
            for name in ("filter_indexed", "partition_indexed", "slice")
            for corner in ("demand_of_one_by_one", "demand_of_just_enough")
        ],
        LEFT_OUT,
    ),
    **dict.fromkeys(
        [
            (name, corner)
            for name in ("window", "window_when", "window_with_time")
            for corner in ("demand_of_one_by_one", "demand_of_just_enough")
        ],
        UNREAD,
    ),
    **dict.fromkeys(
        [
            (name, corner)
            for name in (
                *("buffer", "buffer_when", "buffer_toggle"),
                *("buffer_with_time", "buffer_with_time_or_count"),
            )
            for corner in ("demand_of_none", "demand_of_one_by_one")
        ],
        EMPTY_LIST,
    ),
    **dict.fromkeys(
        [
            (name, "demand_of_one_by_one")
            for name in (
                "on_backpressure_drop",
                "on_backpressure_latest",
                "on_backpressure_reduce",
                "conflate",
            )
        ],
        LOSSY,
    ),
    ("on_backpressure_drop", "demand_of_none"): LOSSY,
    **dict.fromkeys(
        [
            (name, "demand_of_one_by_one")
            for name in (
                "exclusive",
                "flat_map_latest",
                "switch_latest",
                "switch_map",
                "switch_map_indexed",
            )
        ],
        NEWEST,
    ),
    ("parallel", "demand_of_one_by_one"): "the rails are joined as they have items, in no order",
    **dict.fromkeys(
        [
            ("single", "cancel_in_the_middle"),
            ("single_or_default", "cancel_in_the_middle"),
            ("single_or_default_async", "cancel_in_the_middle"),
            ("on_backpressure_error", "demand_of_none"),
            ("on_backpressure_error", "demand_of_one_by_one"),
            ("on_backpressure_error", "cancel_before_a_request"),
            ("on_backpressure_block", "cancel_before_a_request"),
            ("on_backpressure_block", "cancel_in_the_middle"),
        ],
        REFUSES,
    ),
}

CASES = {**OPERATORS, **DOORS}


def failures(name: str, corners: tuple[Corner, ...] = CORNERS) -> dict[str, str]:
    """Run the corner cases of an operator; give those that do not hold."""
    found: dict[str, str] = {}
    for corner in corners:
        try:
            run_virtual(corner(CASES[name]))
        except AssertionError as error:
            found[corner.__name__] = str(error)[:300]
    return found


@pytest.mark.parametrize("name", CASES)
def test_the_corner_cases_hold(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rxflow.kernel.hooks.on_dropped_error", lambda error: None)
    found = failures(name)
    excepted = {corner for each, corner in EXCEPTIONS if each == name}
    unexpected = {corner: why for corner, why in found.items() if corner not in excepted}
    assert not unexpected, "\n".join(f"{corner}: {why}" for corner, why in unexpected.items())
    assert excepted <= set(found), "an exception that holds is none"


def test_every_operator_and_door_has_its_corners_looked_at() -> None:
    names = {entry.name for entry in registered() if entry.kind in ("operator", "door")}
    assert names - {name for _, name in EXCLUDED} == set(CASES)


def loses(flow: rx.Flow[Any]) -> rx.Flow[Any]:
    return flow.pipe(rx.operators.on_backpressure_drop())


def leaks(flow: rx.Flow[Any]) -> rx.Flow[Any]:
    def start(emitter: rx.Emitter[Any]) -> None:
        flow.subscribe(emitter)

    return rx.create(start, overflow=rx.FAIL, capacity=9)


def ends_late(flow: rx.Flow[Any]) -> rx.Flow[Any]:
    return flow.concat(rx.from_iterable(item for item in ()))


def swallows(flow: rx.Flow[Any]) -> rx.Flow[Any]:
    return flow.catch(rx.empty())


@pytest.mark.parametrize(
    ("broken", "corner"),
    [
        (loses, demand_of_one_by_one),
        (leaks, cancel_before_a_request),
        (leaks, cancel_in_the_middle),
        (leaks, cancel_while_it_waits),
        (ends_late, demand_of_just_enough),
        (ends_late, demand_of_one_by_one),
        (swallows, a_failure_first),
        (swallows, a_failure_behind_items),
    ],
    ids=lambda planted: planted.__name__,
)
def test_what_is_broken_is_found(broken: Any, corner: Corner) -> None:
    case = Case(broken)
    with pytest.raises(AssertionError):
        run_virtual(corner(case))
