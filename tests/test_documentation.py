"""Each public function tells what it does, what it demands, what it wants and what it gives."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

import rxflow
import rxflow.operators
from rxflow.flow.registry import Registered, registered
from rxflow.flow.stock import TABLE
from tests.support_together import together

SECTIONS = ["marble", "Demand", "Args", "Returns", "Raises", "Errors", "Source"]
HEADS = re.compile(r"^(?:\.\. (marble)::|(Demand|Source): |(Args|Returns|Raises|Errors):)", re.M)

ENTRIES = together("entry", registered(), lambda entry: f"{entry.kind} {entry.name}")


def document(thing: object) -> str:
    text = inspect.getdoc(thing)
    assert text, f"{thing!r} has no docstring"
    return text


def sections(text: str) -> dict[str, str]:
    """Give each section's text by its head, in order."""
    found = list(HEADS.finditer(text))
    ends = [*(match.start() for match in found[1:]), len(text)]
    return {
        next(filter(None, match.groups())): text[match.end() : end]
        for match, end in zip(found, ends, strict=False)
    }


def arguments(text: str) -> set[str]:
    """Give the names of an Args section."""
    indented = inspect.cleandoc(text)
    return {
        name for line in re.findall(r"^([\w, ]+):", indented, re.M) for name in line.split(", ")
    } - {"self"}


def parameters(function: Callable[..., Any]) -> set[str]:
    return set(inspect.signature(function).parameters) - {"self"}


def public() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Give the public functions, and the public methods of the public classes, of rxflow."""
    for name in rxflow.__all__:
        value = getattr(rxflow, name)
        if not getattr(value, "__module__", "").startswith("rxflow."):
            continue
        if inspect.isclass(value):
            for method, function in inspect.getmembers(value, inspect.isfunction):
                own = function.__module__.startswith("rxflow.") and method in vars(value)
                if own and not method.startswith("_"):
                    yield f"{name}.{method}", function
        elif inspect.isfunction(value):
            yield name, value


FUNCTIONS = dict(public())


@ENTRIES
def test_the_sections_are_there_in_their_order(entry: Registered) -> None:
    found = sections(document(entry.build))
    assert list(found) == [head for head in SECTIONS if head in found]
    assert {"marble", "Demand", "Source"} <= set(found)
    gives_nothing = inspect.signature(entry.build).return_annotation == "None"
    assert ("Returns" in found) is not gives_nothing


@ENTRIES
def test_the_marble_is_labelled_and_drawn(entry: Registered) -> None:
    marble = sections(document(entry.build))["marble"]
    assert f":alt: {entry.name}\n" in marble
    lines = [line for line in marble.splitlines() if line.strip() and ":alt:" not in line]
    assert any(line.strip().startswith("[") for line in lines), "what is applied, in brackets"
    drawn = [line for line in lines if not line.strip().startswith("[")]
    assert any(re.search(r"[-|X]", line) for line in drawn)


@ENTRIES
def test_the_demand_line_is_the_registered_one(entry: Registered) -> None:
    assert sections(document(entry.build))["Demand"].startswith(entry.demand + ".")


@ENTRIES
def test_the_first_line_is_one_sentence(entry: Registered) -> None:
    assert re.fullmatch(r"[A-Z][^\n]{10,88}\.", entry.summary), entry.summary


@together("name", FUNCTIONS)
def test_all_arguments_are_told_and_no_others(name: str) -> None:
    function = FUNCTIONS[name]
    assert arguments(sections(document(function)).get("Args", "")) == parameters(function)


@together("name", sorted(rxflow.operators.__all__))
def test_all_arguments_of_operators_are_told(name: str) -> None:
    function = inspect.unwrap(getattr(rxflow.operators, name))
    if function.__module__.startswith("rxflow."):
        told = arguments(sections(document(function)).get("Args", ""))
        assert told == parameters(function)


@together("name", sorted(TABLE))
def test_each_operator_of_reactivex_tells_its_demand(name: str) -> None:
    assert "Demand" in sections(document(getattr(rxflow.operators, name)))
