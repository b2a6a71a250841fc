"""Fixtures for pytest, which finds them by themselves where rxflow is installed.

Nothing else of rxflow imports this, nor pytest.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeVar

import pytest

from ..kernel import hooks
from .clock import run_virtual
from .subscriber import TestSubscriber

T = TypeVar("T")


@pytest.fixture
def rxflow_run() -> Callable[[Coroutine[Any, Any, Any]], Any]:
    """Run a coroutine in virtual time; it must leave no task and no open generator behind."""
    return run_virtual


@pytest.fixture
def rxflow_subscriber() -> Iterator[Callable[..., TestSubscriber[Any]]]:
    """Make TestSubscribers; at the end of the test they cancel, and no rule may be broken."""
    made: list[TestSubscriber[Any]] = []

    def make(*args: Any, **kwargs: Any) -> TestSubscriber[Any]:
        made.append(TestSubscriber[Any](*args, **kwargs))
        return made[-1]

    yield make
    for subscriber in made:
        if subscriber.subscription is not None and not subscriber.ended:
            subscriber.cancel()
        subscriber.assert_valid()


@pytest.fixture
def rxflow_dropped_errors(monkeypatch: pytest.MonkeyPatch) -> list[BaseException]:
    """Collect the errors that no subscriber could be told of."""
    errors: list[BaseException] = []
    monkeypatch.setattr(hooks, "on_dropped_error", errors.append)
    return errors
