"""A valve by itself: how it stands, and whom it wakes."""

from __future__ import annotations

import pytest

from rxflow.kernel import Valve


def test_it_tells_how_it_stands_as_a_bool():
    valve = Valve()
    assert valve.paused is False
    valve.pause()
    assert valve.paused is True
    valve.resume()
    assert (valve.paused, repr(valve)) == (False, "Valve(paused=False)")
    assert valve.paused is False
    assert Valve(paused=True).paused is True


def test_all_are_woken_in_the_order_in_which_they_came_and_find_it_open():
    valve, woken = Valve(paused=True), list[tuple[str, bool]]()
    for name in ("first", "second"):
        valve.attach(name, lambda name=name: woken.append((name, valve.paused)))
    valve.resume()
    assert woken == [("first", False), ("second", False)]


def test_who_has_left_is_woken_no_more_and_may_leave_twice():
    valve, woken = Valve(), list[str]()
    for name in ("first", "second"):
        valve.attach(name, lambda name=name: woken.append(name))
    for _ in range(2):
        valve.detach("first")
    valve.resume()
    assert woken == ["second"]


def test_one_that_raises_is_heard_of_after_all_were_woken():
    valve, woken = Valve(), list[str]()

    def fail() -> None:
        raise KeyError("first")

    valve.attach(1, fail)
    valve.attach(2, lambda: woken.append("second"))
    with pytest.raises(KeyError, match="first"):
        valve.resume()
    assert woken == ["second"]


def test_a_wake_may_leave_and_pause():
    valve, woken = Valve(paused=True), list[str]()

    def wake() -> None:
        woken.append("woken")
        valve.pause()
        valve.detach(wake)

    valve.attach(wake, wake)
    valve.resume()
    valve.resume()
    assert woken == ["woken"]
    assert valve.paused is False
