"""The guard sees one more call per item, and nothing else changes what it counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import rxflow as rx
from rxflow import operators as ops

from .guard import GUARDED, OURS, Counts, compare, count, work_of

# What a change of rxflow could bring: its code counts, as this test's own would not.
MADE_UP = """
def called(function):
    return lambda item: function(item)

def sent(send):
    async def through(self, item):
        return await send(self, item)
    return through
"""


def _made_up(name: str) -> Callable[..., Any]:
    scope: dict[str, Any] = {}
    exec(compile(MADE_UP, OURS + "made_up.py", "exec"), scope)
    return scope[name]


@pytest.mark.parametrize("name", ["P1", "P3", "P5 send", "P6 bursts"])
def test_one_more_call_per_item_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    work = work_of(*GUARDED[name])
    before = count(work)
    assert compare({name: count(work)}, {name: before}) == []

    original, called = ops.map, _made_up("called")
    monkeypatch.setattr(ops, "map", lambda function: original(called(function)))
    monkeypatch.setattr(rx.Emitter, "send", _made_up("sent")(rx.Emitter.send))
    found = compare({name: count(work)}, {name: before})
    assert all(line.startswith(f"{name}: ") and line.endswith("WORSE") for line in found)
    assert any("calls per item" in line for line in found)  # its bytecodes may be too few


@pytest.mark.parametrize(
    ("now", "verdict"),
    [
        ({"P1": {"calls": 104}}, []),
        ({"P1": {"calls": 96}}, []),
        ({"P1": {"calls": 106}}, ["P1: 106 calls per item, 100 before: WORSE"]),
        ({"P1": {"calls": 94}}, ["P1: 94 calls per item, 100 before: better: to be written"]),
        ({"P1": {"calls": 100}, "P9": {"calls": 1}}, ["P9: not written"]),
        ({}, ["P1: not counted"]),
    ],
)
def test_margin_is_five_percent_either_way(now: dict[str, Counts], verdict: list[str]) -> None:
    assert compare(now, {"P1": {"calls": 100}}) == verdict


def test_what_comes_once_in_a_batch_is_not_five_percent_of_nothing() -> None:
    before: dict[str, Counts] = {"P1": {"calls": 0.03}}
    assert compare({"P1": {"calls": 0.06}}, before) == []
    assert compare({"P1": {"calls": 0.09}}, before) != []
