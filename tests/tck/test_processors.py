"""The processors, under the conformance suite."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import rxflow as rx
from rxflow import Publisher
from rxflow.testing.tck import ProcessorVerification, Verification

LOCKSTEP = {
    "test_untested_spec213_a_subscriber_that_raises_is_cancelled": (
        "an item comes when each of its subscribers has asked for one"
    )
}

STAYS = dict.fromkeys(
    (
        "test_untested_spec206_a_refused_request_cancels_upstream",
        "test_untested_spec206_what_is_not_wanted_any_more_is_cancelled",
        "test_untested_spec213_on_next_returns_normally",
        "test_untested_spec314_a_publisher_may_shut_down_on_cancel",
        "test_optional_spec315_a_cancel_that_raises_does_no_harm",
    ),
    "it stays subscribed to its producer when its subscribers have left",
)

ENDED = {
    "test_untested_spec314_after_the_last_cancel_it_can_be_subscribed_to": (
        "its producer has ended by then, and it has no other"
    )
}

ALONE = dict.fromkeys(
    (
        "test_required_spec104_a_failure_of_upstream_reaches_all",
        "test_optional_spec111_all_get_the_same_when_requesting_at_once",
        "test_optional_spec111_all_get_the_same_when_requesting_one_by_one",
        "test_optional_spec111_all_subscribers_get_items_or_an_end",
        "test_untested_spec213_a_subscriber_that_raises_is_cancelled",
    ),
    "it has one subscriber",
)

MAKE: dict[str, tuple[Callable[[], Any], dict[str, str]]] = {
    "PublishProcessor": (
        lambda: rx.PublishProcessor(prefetch=4),
        {**LOCKSTEP, **STAYS, **ENDED},
    ),
    "ReplayProcessor": (
        lambda: rx.ReplayProcessor(2_000, prefetch=4),
        {**LOCKSTEP, **STAYS},
    ),
    "UnicastProcessor": (lambda: rx.UnicastProcessor(prefetch=4), ALONE),
}


def verification(name: str) -> type[Verification]:
    make, reasons = MAKE[name]

    class Checked(ProcessorVerification):
        skips = reasons

        def create_processor(self, upstream: Publisher[Any]) -> Publisher[Any]:
            processor: Any = make()
            upstream.subscribe(processor)
            return processor  # type: ignore[no-any-return]

    return Checked


CHECKS = [
    pytest.param(name, check.name, id=f"{name}-{check.name}")
    for name in MAKE
    for check in verification(name).checks()
    if check.name not in MAKE[name][1]
]


@pytest.mark.parametrize(("name", "check"), CHECKS)
def test_the_rules_hold(name: str, check: str) -> None:
    getattr(verification(name)(), check)()


@pytest.mark.parametrize("name", MAKE)
def test_the_checks_that_are_skipped_exist(name: str) -> None:
    assert set(MAKE[name][1]) <= {check.name for check in verification(name).checks()}
