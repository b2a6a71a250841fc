"""Overflow strategies are values: told apart, compared, hashed and pickled."""

from __future__ import annotations

import pickle
from copy import deepcopy
from dataclasses import FrozenInstanceError

import pytest

import rxflow
from rxflow import protocol
from rxflow.protocol import (
    BLOCK,
    DROP_ALL,
    DROP_INCOMING,
    DROP_NEWEST,
    DROP_OLDEST,
    END,
    FAIL,
    SUSPEND,
    Overflow,
    Victim,
)

VICTIMS = {
    DROP_OLDEST: Victim.OLDEST,
    DROP_NEWEST: Victim.NEWEST,
    DROP_INCOMING: Victim.INCOMING,
    DROP_ALL: Victim.ALL,
    FAIL: Victim.STREAM,
    SUSPEND: Victim.TASK,
    BLOCK: Victim.THREAD,
}


def test_each_kind_of_victim_has_exactly_one_strategy():
    assert sorted(v.name for v in VICTIMS.values()) == sorted(v.name for v in Victim)


@pytest.mark.parametrize(("strategy", "victim"), VICTIMS.items(), ids=repr)
def test_a_strategy_names_its_victim_and_is_exported_under_its_repr(
    strategy: Overflow, victim: Victim
):
    assert strategy.victim is victim
    assert getattr(rxflow, repr(strategy)) is strategy
    assert getattr(protocol, repr(strategy)) is strategy


@pytest.mark.parametrize("strategy", VICTIMS, ids=repr)
def test_a_strategy_is_a_value(strategy: Overflow):
    assert pickle.loads(pickle.dumps(strategy)) == strategy
    assert deepcopy(strategy) == strategy
    with pytest.raises(FrozenInstanceError):
        strategy.name = "other"  # pyright: ignore[reportAttributeAccessIssue]


def test_the_end_mark_keeps_its_identity_through_a_process_queue():
    assert pickle.loads(pickle.dumps(END)) is END
    assert repr(END) == "rxflow.END"
