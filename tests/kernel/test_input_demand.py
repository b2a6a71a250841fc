"""What an input tells its Feed and others: demand, a server, failures, and how long it waited."""

from __future__ import annotations

from typing import Any

import pytest

from rxflow.kernel import NANOS, NOTHING, Context, Input, Meter, Server
from rxflow.kernel.feed import Handing
from tests.kernel.hand import Hand


class Hearing(Hand):
    """A Feed that knows who takes single items of it."""

    def __init__(self, *items: Any, steady: bool = False) -> None:
        super().__init__(*items)
        self.steady = steady
        self.servers: list[Server] = []

    def serve(self, server: Server) -> None:
        self.servers.append(server)


def begun(hand: Hand) -> Input:
    made = Input(hand.make, Context(lambda: None))
    made.start()
    return made


def test_where_it_is_steady_the_same_demand_is_said_once() -> None:
    hand = Hearing(steady=True)
    made = begun(hand)
    assert made.steady is True
    made.take(2)
    made.want(2)
    assert hand.wanted == [2]
    for n in (5, 5, 3, 3, 2):
        made.want(n)
    assert hand.wanted == [2, 5, 3, 2]


@pytest.mark.parametrize("n", [1, 4])
def test_where_it_is_steady_demand_is_news_again_once_items_were_handed_over(n: int) -> None:
    hand = Hearing(steady=True)
    made = begun(hand)
    made.take(n)
    made.handed()
    made.want(n)
    assert hand.wanted == [n, n]
    made.want(n)
    assert hand.wanted == [n, n]


def test_where_it_is_not_steady_demand_is_said_each_time() -> None:
    hand = Hearing()
    made = begun(hand)
    assert made.steady is False
    made.take(2)
    made.want(2)
    made.want(2)
    assert hand.wanted == [2, 2, 2]


def test_single_items_are_handed_over_only_where_they_come_by_themselves_and_not_at_the_end() -> (
    None
):
    server = Handing(lambda: True, lambda item: None)
    hand = Hearing()
    made = begun(hand)
    made.serve(server)
    assert hand.servers == []
    hand.give("a")
    made.serve(server)
    assert hand.servers == [server]
    made.cancel()
    made.serve(server)
    assert hand.servers == [server]


def test_its_failure_is_noted_by_the_flow_it_comes_from() -> None:
    class Tracing:
        """Stands for a Flow that knows its operators."""

        def feed(self, context: Context) -> Hand:
            return hand.make(context)

        def trace(self, error: Exception) -> None:
            error.add_note("in this flow")

    hand = Hand(ended=True)
    hand.error = OSError("cut")
    made = Input(Tracing().feed, Context(lambda: None))
    made.start()
    with pytest.raises(OSError, match="cut") as raised:
        made.take()
    assert raised.value.__notes__ == ["in this flow"]


def test_it_is_starved_until_it_is_woken_whenever_it_is_looked_at() -> None:
    now = 0
    hand = Hand()
    made = Input(hand.make, Context(lambda: None, meter=Meter(lambda: now * NANOS)))
    made.start()
    now = 1
    assert made.take() is NOTHING
    now = 3
    hand.give("a")
    now = 7
    [figures] = made.statistics()
    assert (figures.starved_seconds, figures.blocked_seconds) == (2.0, 5.0)
    assert made.take() == "a"
    [figures] = made.statistics()
    assert (figures.starved_seconds, figures.blocked_seconds) == (2.0, 5.0)
