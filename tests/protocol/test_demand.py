"""Demand arithmetic: it saturates, and what is no demand is named."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rxflow.kernel import remaining
from rxflow.protocol import UNBOUNDED, add_demand, invalid_request

counts = st.integers(min_value=0, max_value=UNBOUNDED)
requests = st.integers(min_value=1, max_value=2 * UNBOUNDED)


def test_unbounded_is_the_largest_64_bit_integer():
    assert UNBOUNDED == 9_223_372_036_854_775_807


@given(counts, requests)
def test_a_request_adds_up_to_the_limit_and_not_beyond(current: int, n: int):
    assert add_demand(current, n) == min(current + n, 2**63 - 1)


@pytest.mark.parametrize(
    ("current", "n", "total"),
    [
        (0, 1, 1),
        (UNBOUNDED - 2, 1, UNBOUNDED - 1),
        (UNBOUNDED - 1, 1, UNBOUNDED),
        (UNBOUNDED, 1, UNBOUNDED),
        (UNBOUNDED, UNBOUNDED, UNBOUNDED),
        (1, 2**70, UNBOUNDED),
    ],
)
def test_the_sum_saturates_exactly_at_the_limit(current: int, n: int, total: int):
    assert add_demand(current, n) == total


@given(counts)
def test_unbounded_demand_is_never_decremented(delivered: int):
    assert remaining(UNBOUNDED, delivered) == UNBOUNDED


@given(st.integers(0, UNBOUNDED - 1), counts)
def test_bounded_demand_is_decremented_by_each_item(granted: int, delivered: int):
    assert remaining(granted, delivered) == granted - delivered


@given(requests)
def test_every_int_from_one_on_is_a_request(n: int):
    assert invalid_request(n) is None


@pytest.mark.parametrize("n", [0, -1, -(2**63), 1.5, 1.0, True, False, None, "1", [1]])
def test_anything_else_is_an_error_that_names_it_and_the_rule_and_a_way_out(n: Any):
    error = invalid_request(n)
    assert type(error) is ValueError
    assert str(error) == (
        f"request({n!r}): rule 3.9 of Reactive Streams wants an int of at least 1; "
        "use UNBOUNDED to ask for everything"
    )
