"""The table of stock operators is complete and true, and rxflow is a superset of reactivex."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from inspect import Parameter, signature
from typing import Any

import pytest
import reactivex
import reactivex.operators as stock

import rxflow
import rxflow.operators
from rxflow.flow.registry import native, registered
from rxflow.flow.stock import TABLE, UNABLE, Mode, recognise
from tests.support_together import together

from .catalogue import CASES, EXCLUDED, Case
from .worlds import World

POSITIONAL = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD, Parameter.VAR_POSITIONAL)

NATIVE = sorted(
    entry.name for entry in registered() if entry.kind == "operator" and entry.name in stock.__all__
)


# What an operator of reactivex shows itself as, where that is not its own name.
SHOWN: dict[str, set[tuple[str, ...]]] = {
    "concat_map": {("map", "merge")},
    "do": {("do_action",)},
    "element_at": {("element_at_or_default",)},
    "find_index": {("find",)},
    "first_or_default": {("filter", "first_or_default"), ("first_or_default",)},
    "pluck": {("map",)},
    "pluck_attr": {("map",)},
    "publish_value": {("multicast",)},
    "replay": {("multicast",)},
    "single_or_default": {("filter", "single_or_default_async"), ("single_or_default_async",)},
    "starmap": {("map",)},
    "starmap_indexed": {("map",)},
    "switch_map": {("map", "switch_latest")},
    "switch_map_indexed": {("map_indexed", "switch_latest")},
    "tap": {("do_action",)},
    "throttle_with_timeout": {("debounce",)},
    "to_list": {("to_iterable",)},
    "zip_with_list": {("zip_with_iterable",)},
}


class Recorder:
    """The stock operators; notes which of them were called, and what they gave."""

    def __init__(self) -> None:
        self.called: list[tuple[str, Any]] = []

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return partial(self._call, name)

    def _call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        made = getattr(stock, name)(*args, **kwargs)
        self.called.append((name, made))
        return made


def test_the_table_has_every_stock_operator_and_no_other() -> None:
    assert set(TABLE) == set(stock.__all__)


def test_every_stock_operator_is_native_or_is_known_to_be_unable_to_keep_demand() -> None:
    assert {*NATIVE, *UNABLE} == set(stock.__all__)
    assert not {*NATIVE} & {*UNABLE}
    assert all(UNABLE.values())


@pytest.mark.parametrize("name", sorted(UNABLE))
def test_what_is_unable_to_keep_demand_says_so_where_it_is_documented(name: str) -> None:
    assert TABLE[name].mode in (Mode.MULTICAST, Mode.TERMINAL)
    document = getattr(rxflow.operators, name).__doc__
    assert f"Demand: {TABLE[name].demand}." in document
    assert UNABLE[name] in document


def test_each_row_stands_under_its_own_name() -> None:
    assert [name for name, row in TABLE.items() if row.name != name] == []


def test_the_catalogue_has_every_stock_operator_or_says_why_not() -> None:
    catalogued = {case.name for case in CASES}
    assert catalogued | set(EXCLUDED) == set(stock.__all__)
    assert not catalogued & set(EXCLUDED)
    assert all(EXCLUDED.values())


def test_no_two_cases_are_called_the_same() -> None:
    assert len({str(case) for case in CASES}) == len(CASES)


@together("case", CASES)
def test_a_stock_operator_is_recognised_by_its_name(case: Case) -> None:
    recorder = Recorder()
    case.build(World(), recorder)
    assert case.name in [name for name, _ in recorder.called]
    for name, made in recorder.called:
        parts = tuple(part.stock and part.stock.name for part in recognise(made))
        assert parts in SHOWN.get(name, {(name,)})


def test_a_recognised_operator_shows_its_arguments_and_is_built_again_with_others() -> None:
    (part,) = recognise(stock.take(2))
    assert part.args == (2,)
    assert part.rebuild is not None
    given: list[int] = []
    part.rebuild(reactivex.of(1, 2, 3, 4), 3).subscribe(given.append)
    assert given == [1, 2, 3]


def test_future_is_recognised_as_the_end_of_a_pipe() -> None:
    (part,) = recognise(stock.to_future())
    assert part.stock is not None
    assert part.stock.mode is Mode.TERMINAL


@pytest.mark.parametrize(
    "unknown",
    [lambda source: source, partial(reactivex.concat), reactivex.merge, print, Recorder()],
    ids=["lambda", "partial", "a function of reactivex", "builtin", "object"],
)
def test_anything_else_is_unknown(unknown: Any) -> None:
    assert [part.stock for part in recognise(unknown)] == [None]


def test_an_unknown_part_of_a_composition_is_told_from_the_known_ones() -> None:
    composition = reactivex.compose(stock.map(), lambda source: source, stock.take(1))
    names = [part.stock and part.stock.name for part in recognise(composition)]
    assert names == ["map", None, "take"]


def test_lift_refuses_what_is_unknown() -> None:
    with pytest.raises(TypeError, match=r"reactivex\.operators"):
        rxflow.lift(lambda source: source)


@together("name", sorted(reactivex.__all__))
def test_rxflow_has_every_name_of_reactivex(name: str) -> None:
    assert hasattr(rxflow, name)


@together("name", sorted(stock.__all__))
def test_the_operators_of_rxflow_have_every_name_of_the_stock_ones(name: str) -> None:
    ours, theirs = getattr(rxflow.operators, name), getattr(stock, name)
    if native(name) is not None:
        assert ours is native(name)
    else:
        assert str(signature(ours)) == str(signature(theirs))


@together("name", NATIVE)
def test_a_native_operator_takes_the_arguments_of_the_stock_one(name: str) -> None:
    theirs = signature(getattr(stock, name)).parameters.values()
    ours = signature(getattr(rxflow.operators, name)).parameters
    positional = [each.name for each in theirs if each.kind in POSITIONAL]
    assert [each.name for each in ours.values() if each.kind in POSITIONAL][
        : len(positional)
    ] == positional
    for each in theirs:
        assert each.name in ours
        if each.kind is Parameter.KEYWORD_ONLY:
            assert ours[each.name].kind is Parameter.KEYWORD_ONLY
        elif each.kind is not Parameter.VAR_POSITIONAL:
            assert ours[each.name].kind is Parameter.POSITIONAL_OR_KEYWORD


@together("name", NATIVE)
def test_a_native_operator_has_the_defaults_of_the_stock_one(name: str) -> None:
    ours = signature(getattr(rxflow.operators, name)).parameters
    for each in signature(getattr(stock, name)).parameters.values():
        optional = each.default is not Parameter.empty
        assert (ours[each.name].default is not Parameter.empty) == optional, each.name
        if optional and isinstance(each.default, (int, bool, str, type(None))):
            assert ours[each.name].default == each.default, each.name


@together("name", NATIVE)
def test_what_a_native_operator_adds_need_not_be_given(name: str) -> None:
    theirs = signature(getattr(stock, name)).parameters
    for each in signature(getattr(rxflow.operators, name)).parameters.values():
        if each.name not in theirs:
            assert each.kind is Parameter.KEYWORD_ONLY, each.name
            assert each.default is not Parameter.empty, each.name
