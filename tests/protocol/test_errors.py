"""Errors about demand name the place, the numbers and the item."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from rxflow.protocol import (
    UNBOUNDED,
    BackpressureError,
    BufferOverflowError,
    DemandBoundaryWarning,
    FlowError,
    FrameError,
    GroupStalledError,
    OfferTimeoutError,
    ProtocolError,
    RateExceededError,
    SlowConsumerError,
    SpillError,
    StreamEndedError,
    StreamTimeoutError,
    TooManyGroupsError,
)


def overflow(item: object = "x") -> BufferOverflowError:
    return BufferOverflowError("on_backpressure_buffer", 256, 255, 3, item)


def test_an_overflow_names_operator_capacity_held_demand_and_item():
    assert str(overflow({"id": 7})) == (
        "on_backpressure_buffer(capacity=256) overflowed: 255 held, 3 requested, item {'id': 7}"
    )


def test_an_overflow_keeps_each_of_these_to_be_asked_for():
    error = overflow(None)
    assert error.operator == "on_backpressure_buffer"
    assert error.capacity == 256
    assert error.held == 255
    assert error.requested == 3
    assert error.item is None


def test_what_an_overflow_is_made_of_is_in_its_args_as_for_any_exception():
    assert overflow("item").args == ("on_backpressure_buffer", 256, 255, 3, "item")


@pytest.mark.parametrize("length", [78, 79, 500])
def test_a_long_item_is_shortened_to_80_characters(length: int):
    item = "x" * length  # its repr is two quotes longer
    text = str(overflow(item)).partition(" item ")[2]
    assert len(text) == min(length + 2, 80)
    assert text.endswith("..." if length > 78 else "'")
    assert overflow(item).item is item


def test_an_item_whose_repr_fails_does_not_hide_the_overflow():
    class Unprintable:
        def __repr__(self) -> str:
            raise RuntimeError("no repr")

    error = overflow(Unprintable())
    assert "255 held, 3 requested" in str(error)
    assert "Unprintable" in str(error)


@pytest.mark.parametrize(
    "duplicate", [copy.copy, copy.deepcopy, lambda e: pickle.loads(pickle.dumps(e))]
)
def test_an_overflow_can_be_copied_and_pickled(duplicate):
    error = overflow([1, 2])
    error.add_note("seen in a worker")
    twin = duplicate(error)
    assert type(twin) is BufferOverflowError
    assert str(twin) == str(error)
    assert vars(twin) == vars(error)


def test_a_timeout_names_operator_limit_demand_and_what_is_held():
    error = StreamTimeoutError("timeout", 5.0, "the source is slow", 3, 2)
    assert str(error) == "timeout(5.0): the source is slow; 3 requested, 2 held"
    unbounded = StreamTimeoutError("timeout", 5.0, "the source is slow", UNBOUNDED, 2)
    assert "everything requested" in str(unbounded)
    error.add_note("seen in a worker")
    for twin in (copy.copy(error), copy.deepcopy(error), pickle.loads(pickle.dumps(error))):
        assert type(twin) is StreamTimeoutError
        assert (str(twin), vars(twin)) == (str(error), vars(error))
    assert issubclass(StreamTimeoutError, FlowError)
    assert issubclass(StreamTimeoutError, TimeoutError)


STALLED = (
    " while the others wait; consume all of them at the same time (flat_map with "
    "max_concurrency for all), cancel what is not wanted, or give a larger prefetch"
)

FAULTS: list[tuple[type[FlowError], dict[str, Any], str]] = [
    (
        BufferOverflowError,
        {"operator": "buffer", "capacity": 4, "held": 3.5, "requested": 2, "item": "i"},
        "buffer(capacity=4) overflowed: 3.5 held, 2 requested, item 'i'",
    ),
    (
        RateExceededError,
        {"operator": "throttle", "rate": 2.5, "per": 60.0, "burst": 7, "item": {"id": 1}},
        "throttle: the rate of 2.5 per 60 s with bursts of 7 is exceeded by item {'id': 1}",
    ),
    (
        GroupStalledError,
        {"operator": "group_by", "key": "k", "held": 5, "max_groups": 3, "subscribed": True},
        "group_by(max_groups=3) has stalled: 'k' holds 5 items and its consumer asks for no more,"
        + STALLED,
    ),
    (
        GroupStalledError,
        {"operator": "window", "key": 1, "held": 6, "max_groups": None, "subscribed": False},
        "window has stalled: 1 holds 6 items and nobody has subscribed to it," + STALLED,
    ),
    (
        TooManyGroupsError,
        {"max_groups": 9, "key": "k"},
        "group_by(max_groups=9) has no room for a group 'k'; give a larger max_groups, or idle to "
        "have groups that get no items completed",
    ),
    (
        SpillError,
        {"operator": "spill", "failed": "opened", "cause": PermissionError("not here")},
        "spill: its file cannot be opened: not here",
    ),
    (
        SlowConsumerError,
        {"operator": "share", "subscriber": 2, "held": 8, "seconds": 1.5},
        "share: subscriber #2 held 8 items and had no room for 1.5 s; it is ejected, so that the "
        "others go on",
    ),
    (
        FrameError,
        {"operator": "from_stream", "frame": 7, "what": "is too long", "held": 99},
        "from_stream: frame 7 is too long",
    ),
]


@pytest.mark.parametrize(("kind", "facts", "text"), FAULTS)
def test_each_error_says_its_facts_and_keeps_them_also_in_another_process(
    kind: type[FlowError], facts: dict[str, Any], text: str
):
    error = kind(**facts)
    assert str(error) == text
    assert vars(error) == facts
    error.add_note("seen in a worker")
    for twin in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert type(twin) is kind
        assert str(twin) == text
        assert twin.__notes__ == ["seen in a worker"]
        for name, fact in facts.items():
            kept = getattr(twin, name)
            assert (type(kept), str(kept)) == (type(fact), str(fact))
    # What it is made of is all that an exception without attributes of its own would keep.
    assert kind(*facts.values()).args == tuple(facts.values())


def test_an_item_that_cannot_be_shown_is_called_by_its_type():
    class Unprintable:
        def __repr__(self) -> str:
            raise RuntimeError("no repr")

    assert str(overflow(Unprintable())).endswith("item <Unprintable whose repr fails>")


def test_a_stream_that_has_ended_is_an_end_of_file_as_readers_know_it():
    assert issubclass(StreamEndedError, FlowError)
    assert issubclass(StreamEndedError, EOFError)
    assert issubclass(FrameError, ValueError)


def test_every_error_is_a_flow_error_and_a_timeout_is_also_the_builtin_one():
    assert issubclass(BufferOverflowError, BackpressureError)
    assert issubclass(OfferTimeoutError, BackpressureError)
    assert issubclass(OfferTimeoutError, TimeoutError)
    assert issubclass(BackpressureError, FlowError)
    assert issubclass(ProtocolError, FlowError)
    assert issubclass(DemandBoundaryWarning, UserWarning)
