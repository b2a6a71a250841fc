"""Errors about demand name the place, the numbers and the item."""

from __future__ import annotations

import copy
import pickle

import pytest

from rxflow.protocol import (
    UNBOUNDED,
    BackpressureError,
    BufferOverflowError,
    DemandBoundaryWarning,
    FlowError,
    OfferTimeoutError,
    ProtocolError,
    StreamTimeoutError,
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


def test_every_error_is_a_flow_error_and_a_timeout_is_also_the_builtin_one():
    assert issubclass(BufferOverflowError, BackpressureError)
    assert issubclass(OfferTimeoutError, BackpressureError)
    assert issubclass(OfferTimeoutError, TimeoutError)
    assert issubclass(BackpressureError, FlowError)
    assert issubclass(ProtocolError, FlowError)
    assert issubclass(DemandBoundaryWarning, UserWarning)
