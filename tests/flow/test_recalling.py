"""Operators that are made again and again at one place: once, where nobody can tell."""

from __future__ import annotations

import gc
import sys
import weakref
from collections.abc import Callable, Iterator
from types import FunctionType, ModuleType
from typing import Any, cast

import pytest

import rxflow as rx
from rxflow import operators as ops
from rxflow.flow.operator import Operator
from rxflow.flow.recalling import KEPT, MOST, Places


def _double(x: int) -> int:
    return 2 * x


def _negative(x: int) -> int:
    return -x


def _made(times: int, make: Callable[[int], Any]) -> list[Any]:
    return [make(index) for index in range(times)]


def test_one_place_with_one_function_makes_one_operator() -> None:
    one, other = _made(2, lambda _: ops.map(_double))
    assert one is other


def test_a_lambda_without_variables_is_the_same_each_time_it_is_evaluated() -> None:
    one, other = _made(2, lambda _: ops.map(lambda x: x + 1))
    assert one is other


def test_two_places_make_two_operators_with_their_own_lines() -> None:
    one = ops.map(_double)
    other = ops.map(_double)
    assert one is not other
    assert one.place.line + 1 == other.place.line  # type: ignore[attr-defined]


def test_a_function_with_variables_of_its_own_is_taken_as_it_is() -> None:
    flows = _made(3, lambda index: rx.of(1).map(lambda x: x + index))
    assert [list(flow) for flow in flows] == [[1], [2], [3]]


def test_a_lambda_with_a_default_of_its_own_is_taken_as_it_is() -> None:
    flows = [rx.of(1).map(lambda x, more=index: x + more) for index in range(3)]
    assert [list(flow) for flow in flows] == [[1], [2], [3]]


def test_several_functions_at_one_place_are_not_taken_for_each_other() -> None:
    functions = [_double, _negative, _double, abs]
    assert [list(rx.of(-3).map(function)) for function in functions] == [[-6], [3], [-6], [3]]


def test_several_operators_called_at_one_place_are_not_taken_for_each_other() -> None:
    kinds: list[Callable[[int], Any]] = [ops.take, ops.skip, ops.take_last, ops.take]
    found = [list(rx.of(1, 2, 3).pipe(kind(1))) for kind in kinds]
    assert found == [[1], [2, 3], [3], [1]]


@pytest.mark.parametrize("values", [(1, True, 1.0, 2), (2, 1, 2, 1)])
def test_numbers_at_one_place_are_not_taken_for_equal_ones(values: tuple[Any, ...]) -> None:
    assert [list(rx.empty().default_if_empty(value)) for value in values] == [[v] for v in values]
    assert [type(next(iter(rx.empty().default_if_empty(value)))) for value in values] == [
        type(value) for value in values
    ]


def test_arguments_by_name_are_not_mistaken_for_others() -> None:
    found = [list(rx.of(1, 2, 3).take_while(_is_small, inclusive=both)) for both in (False, True)]
    assert found == [[1], [1, 2]]


def _is_small(x: int) -> bool:
    return x < 2


def test_a_list_that_was_changed_meanwhile_is_taken_as_it_is_now() -> None:
    values = [1]
    found: list[list[int]] = []
    for _ in range(2):
        found.append(list(rx.of(9).zip_with_iterable(values).map(_first)))
        values[0] = 2
    assert found == [[9 + 1], [9 + 2]]


def _first(pair: tuple[int, int]) -> int:
    return sum(pair)


def test_what_an_operator_was_given_is_let_go_of_with_it() -> None:
    class Adder:
        def __call__(self, x: int) -> int:
            return x + 1

        def method(self, x: int) -> int:
            return x + 1

    def build() -> Iterator[weakref.ref[Adder]]:
        for _ in range(3):
            adder = Adder()
            rx.of(1).map(adder).map(adder.method).map(lambda x, adder=adder: adder(x))
            yield weakref.ref(adder)

    gone = list(build())
    gc.collect()
    assert [each() for each in gone] == [None] * 3


def test_the_namespace_of_code_that_was_made_at_run_time_is_let_go_of() -> None:
    class Big:
        pass

    def run() -> weakref.ref[Big]:
        big = Big()
        space: dict[str, Any] = {"big": big, "ops": ops, "__name__": __name__}
        exec("def f(x): return x\nops.map(f)", space)
        return weakref.ref(big)

    gone = run()
    gc.collect()
    assert gone() is None


def test_a_function_and_what_was_made_of_it_are_let_go_of() -> None:
    def unchanged(x: int) -> int:
        return x

    gone = [weakref.ref(unchanged), weakref.ref(ops.map(unchanged))]
    del unchanged
    assert [each() for each in gone] == [None, None]


def test_what_is_made_of_functions_of_a_module_is_made_once_though_nothing_has_it() -> None:
    def known(make: Callable[[], Any]) -> bool:
        return weakref.ref(make())() is not None

    assert known(lambda: ops.map(_double))
    assert known(lambda: ops.map(abs))
    assert known(lambda: ops.take(3))
    assert known(lambda: ops.scan(_plus, 0))
    assert not known(lambda: ops.map(lambda x: x))
    assert not known(lambda: ops.scan(_plus, seed=0))
    unnamed = FunctionType(_double.__code__, globals(), "_negative")
    assert not known(lambda: ops.map(unnamed))
    nowhere = FunctionType(_double.__code__, {"__name__": "no module"}, "_double")
    assert not known(lambda: ops.map(nowhere))


def test_what_is_kept_of_places_is_bounded() -> None:
    code = compile("ops.map(abs)", "<made>", "eval")
    places = Places()

    def keep(at: int) -> weakref.ref[Operator]:
        made = Operator()
        made.args, made.code, made.at = (abs,), code, at
        places.keep(made)
        return weakref.ref(made)

    kept = [keep(at) for at in range(KEPT)]
    assert all(each() is not None for each in kept)
    last = keep(KEPT)
    assert last() is not None
    assert [each() for each in kept] == [None] * KEPT


def test_nothing_is_kept_of_a_module_that_is_loaded_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "plugged", sys)  # so that it is put back
    gone: list[weakref.ref[Any]] = []
    for number in range(9):
        module: Any = ModuleType("plugged")
        sys.modules["plugged"] = module
        module.ops = ops
        code = "def twice(x): return 2 * x\ndef build(): return ops.map(twice)\n"
        exec(compile(code, f"<plugged {number}>", "exec"), module.__dict__)
        assert module.build() is module.build()
        gone.append(weakref.ref(module.twice))
    del module
    gc.collect()
    assert [each() is None for each in gone] == [True] * 8 + [False]


def test_a_function_of_something_else_than_a_module_is_no_less_welcome(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Slotted:
        __slots__ = ()

    def twice(x: int) -> int:
        return 2 * x

    monkeypatch.setitem(sys.modules, "odd", cast("Any", Slotted()))
    twice.__module__ = "odd"
    assert list(rx.of(1).map(twice)) == [2]


def test_of_any_number_of_places_only_some_are_known() -> None:
    code = compile("ops.map(abs)", "<made>", "eval")
    places = Places()
    for _ in range(2 * MOST):
        places.keep(eval(code.replace(co_name="made"), {"ops": ops}))
        assert len(places) <= MOST


def test_each_subscription_to_what_was_recalled_has_its_own_state() -> None:
    flows = _made(2, lambda _: rx.of(1, 2, 3).scan(_plus).distinct_until_changed())
    one, other = map(iter, flows)
    assert [next(one), next(one), next(other), next(one), next(other)] == [1, 3, 1, 6, 3]


def _plus(total: int, x: int) -> int:
    return total + x


def test_an_operator_made_of_one_that_is_recalled_leaves_that_as_it_was() -> None:
    names = [(ops.last(_is_small).name, ops.filter(_is_small).name) for _ in range(2)]  # type: ignore[attr-defined]
    assert names == [("last", "filter")] * 2
    flow = rx.of(0, 1, 2)
    assert [(list(flow.last(_is_small)), list(flow.filter(_is_small))) for _ in range(2)] == [
        ([1], [0, 1])
    ] * 2
